"""The exercise `predict`."""
