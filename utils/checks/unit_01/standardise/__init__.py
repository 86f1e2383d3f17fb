"""The exercise `standardise`."""
