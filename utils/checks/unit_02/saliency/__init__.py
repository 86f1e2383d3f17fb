"""The exercise `saliency`."""
