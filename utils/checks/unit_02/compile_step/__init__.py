"""The exercise `compile_step`."""
