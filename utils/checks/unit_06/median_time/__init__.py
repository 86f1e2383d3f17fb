"""The exercise `median_time`."""
