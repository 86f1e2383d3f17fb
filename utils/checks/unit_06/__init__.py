"""The checks of unit 06: a stopwatch, a roofline, a profile, sixteen bits, an epoch, two gradients of one's own."""

from utils.checks.registry import listed

# in the order of the notebook
unit = listed(
    "06_make_it_fast",
    "median_time",
    "roofline",
    "self_times",
    "half_step",
    "epoch",
    "kernel_gradient",
    "max_pool",
)
