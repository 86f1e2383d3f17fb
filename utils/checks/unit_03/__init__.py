"""The checks of unit 03: block, dropout, rising rates, VGG8, transform, smoothed loss, training step, patience, recipe."""

from utils.checks.registry import listed

# in the order of the notebook
unit = listed(
    "03_haiku_cifar10_vgg8",
    "double_conv",
    "drop",
    "rising",
    "VGG8",
    "make_network",
    "smoothed_loss",
    "train_step",
    "patience_is_over",
    "recipe",
)
