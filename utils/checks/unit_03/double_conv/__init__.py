"""The exercise `double_conv`."""
