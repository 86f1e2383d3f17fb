"""The exercise `pack`."""
