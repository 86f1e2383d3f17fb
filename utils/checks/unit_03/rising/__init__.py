"""The exercise `rising`."""
