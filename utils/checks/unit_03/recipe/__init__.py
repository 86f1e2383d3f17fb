"""The exercise `recipe`."""
