"""The exercise `log_coordinates`."""
