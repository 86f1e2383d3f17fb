"""The exercise `merge_patches`."""
