"""The exercise `compress`."""
