"""The exercise `position_bias`."""
