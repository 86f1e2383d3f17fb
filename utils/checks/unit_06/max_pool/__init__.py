"""The exercise `max_pool`."""
