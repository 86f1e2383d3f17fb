"""The exercise `roofline`."""
