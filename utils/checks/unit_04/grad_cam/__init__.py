"""The exercise `grad_cam`."""
