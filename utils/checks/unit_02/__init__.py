"""The checks of unit 02: loss, model, training step, compilation, evaluation, best weights, packing, saliency."""

from utils.checks.registry import listed

# in the order of the notebook
unit = listed(
    "02_flax_mnist_cnn",
    "cross_entropy",
    "SmallCNN",
    "train_step",
    "compile_step",
    "evaluate",
    "keep_best",
    "pack",
    "saliency",
)
