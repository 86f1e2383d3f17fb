"""The exercise `shift_mask`."""
