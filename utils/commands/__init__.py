"""The commands of `python -m utils`, a module each: they read options and call what does the work."""
