"""The exercise `ResidualBlock`."""
