"""The exercise `scaled_gradients`."""
