"""The exercise `augment`."""
