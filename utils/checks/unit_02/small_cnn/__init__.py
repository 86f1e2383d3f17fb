"""The exercise `SmallCNN`."""
