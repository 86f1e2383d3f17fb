"""The checks of unit 06: a stopwatch, a roofline, a profile, sixteen bits, an epoch, two gradients of one's own."""

from utils.checks.registry import Unit
from utils.checks.unit_06.epoch.exercise import epoch
from utils.checks.unit_06.half_step.exercise import half_step
from utils.checks.unit_06.kernel_gradient.exercise import kernel_gradient
from utils.checks.unit_06.max_pool.exercise import max_pool
from utils.checks.unit_06.median_time.exercise import median_time
from utils.checks.unit_06.roofline.exercise import roofline
from utils.checks.unit_06.self_times.exercise import self_times

# in the order of the notebook
unit = Unit(
    "06_make_it_fast",
    (median_time, roofline, self_times, half_step, epoch, kernel_gradient, max_pool),
)
