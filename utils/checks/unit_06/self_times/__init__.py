"""The exercise `self_times`."""
