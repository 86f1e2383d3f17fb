"""The exercise `keep_best`."""
