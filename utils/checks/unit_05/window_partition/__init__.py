"""The exercise `window_partition`."""
