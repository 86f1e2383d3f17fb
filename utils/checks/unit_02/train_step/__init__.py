"""The exercise `train_step`."""
