"""The exercise `patience_is_over`."""
