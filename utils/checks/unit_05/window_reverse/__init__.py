"""The exercise `window_reverse`."""
