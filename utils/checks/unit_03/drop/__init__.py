"""The exercise `drop`."""
