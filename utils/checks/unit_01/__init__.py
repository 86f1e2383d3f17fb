"""The checks of unit 01: arrays, tracing, gradients, keys and pytrees."""

from utils.checks.registry import listed

# in the order of the notebook
unit = listed(
    "01_jnp_and_jit",
    "standardise",
    "histogram",
    "compress",
    "predict",
    "moving_average",
    "augment",
    "momentum_step",
    "clipped_gradient",
    "gauss_newton",
)
