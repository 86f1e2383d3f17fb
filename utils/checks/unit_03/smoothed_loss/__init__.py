"""The exercise `smoothed_loss`."""
