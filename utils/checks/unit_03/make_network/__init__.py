"""The exercise `make_network`."""
