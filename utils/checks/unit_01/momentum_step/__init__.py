"""The exercise `momentum_step`."""
