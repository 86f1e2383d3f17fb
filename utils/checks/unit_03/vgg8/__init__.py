"""The exercise `VGG8`."""
