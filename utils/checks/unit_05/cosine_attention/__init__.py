"""The exercise `cosine_attention`."""
