"""The exercise `PostNormBlock`."""
