"""The exercise `to_batch`."""
