"""The exercise `kernel_gradient`."""
