"""The exercise `warmup_cosine`."""
