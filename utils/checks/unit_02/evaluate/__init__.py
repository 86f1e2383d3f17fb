"""The exercise `evaluate`."""
