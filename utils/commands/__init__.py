"""The commands of `python -m utils`, a module each. A small one does its work itself, the others call what does it."""
