"""The exercise `gauss_newton`."""
