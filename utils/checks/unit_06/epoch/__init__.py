"""The exercise `epoch`."""
