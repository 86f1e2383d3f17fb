"""The exercise `clipped_gradient`."""
