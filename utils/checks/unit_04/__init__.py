"""The checks of unit 04: BatchNorm, residual block, batches, step, decay, schedule, accumulation, scaling, Grad-CAM."""

from utils.checks.registry import Unit
from utils.checks.unit_04.accumulated_gradients.exercise import accumulated_gradients
from utils.checks.unit_04.batch_norm.exercise import batch_norm
from utils.checks.unit_04.decay_mask.exercise import decay_mask
from utils.checks.unit_04.grad_cam.exercise import grad_cam
from utils.checks.unit_04.residual_block.exercise import ResidualBlock
from utils.checks.unit_04.scaled_gradients.exercise import scaled_gradients
from utils.checks.unit_04.to_batch.exercise import to_batch
from utils.checks.unit_04.train_step.exercise import train_step
from utils.checks.unit_04.warmup_cosine.exercise import warmup_cosine

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
