"""The checks of unit 04: BatchNorm, residual block, batches, step, decay, schedule, accumulation, scaling, Grad-CAM."""

from utils.checks.registry import listed

# in the order of the notebook
unit = listed(
    "04_resnet18_cats_dogs",
    "batch_norm",
    "ResidualBlock",
    "to_batch",
    "train_step",
    "decay_mask",
    "warmup_cosine",
    "accumulated_gradients",
    "scaled_gradients",
    "grad_cam",
)
