"""The exercise `moving_average`."""
