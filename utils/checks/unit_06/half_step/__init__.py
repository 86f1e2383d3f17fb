"""The exercise `half_step`."""
