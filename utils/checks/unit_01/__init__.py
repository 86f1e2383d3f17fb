"""The checks of unit 01: arrays, tracing, gradients, keys and pytrees."""

from utils.checks.registry import Unit
from utils.checks.unit_01.augment.exercise import augment
from utils.checks.unit_01.clipped_gradient.exercise import clipped_gradient
from utils.checks.unit_01.compress.exercise import compress
from utils.checks.unit_01.gauss_newton.exercise import gauss_newton
from utils.checks.unit_01.histogram.exercise import histogram
from utils.checks.unit_01.momentum_step.exercise import momentum_step
from utils.checks.unit_01.moving_average.exercise import moving_average
from utils.checks.unit_01.predict.exercise import predict
from utils.checks.unit_01.standardise.exercise import standardise

# in the order of the notebook
unit = Unit(
    "01_jnp_and_jit",
    (
        standardise,
        histogram,
        compress,
        predict,
        moving_average,
        augment,
        momentum_step,
        clipped_gradient,
        gauss_newton,
    ),
)
