"""The checks of unit 04: BatchNorm, residual block, batches, step, decay, schedule, accumulation, scaling, Grad-CAM."""

from utils.checks.registry import Unit
from utils.checks.unit_04.accumulated_gradients import accumulated_gradients
from utils.checks.unit_04.batch_norm import batch_norm
from utils.checks.unit_04.decay_mask import decay_mask
from utils.checks.unit_04.grad_cam import grad_cam
from utils.checks.unit_04.residual_block import ResidualBlock
from utils.checks.unit_04.scaled_gradients import scaled_gradients
from utils.checks.unit_04.to_batch import to_batch
from utils.checks.unit_04.train_step import train_step
from utils.checks.unit_04.warmup_cosine import warmup_cosine

# in the order of the notebook
unit = Unit(
    "04_resnet18_cats_dogs",
    (
        batch_norm,
        ResidualBlock,
        to_batch,
        train_step,
        decay_mask,
        warmup_cosine,
        accumulated_gradients,
        scaled_gradients,
        grad_cam,
    ),
)
