"""The exercise `histogram`."""
