"""The exercise `accumulated_gradients`."""
