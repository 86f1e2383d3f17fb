"""The exercise `decay_mask`."""
