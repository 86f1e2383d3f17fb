"""The checks of unit 02: loss, model, training step, compilation, evaluation, best weights, packing, saliency."""

from utils.checks.registry import Unit
from utils.checks.unit_02.compile_step.exercise import compile_step
from utils.checks.unit_02.cross_entropy.exercise import cross_entropy
from utils.checks.unit_02.evaluate.exercise import evaluate
from utils.checks.unit_02.keep_best.exercise import keep_best
from utils.checks.unit_02.pack.exercise import pack
from utils.checks.unit_02.saliency.exercise import saliency
from utils.checks.unit_02.small_cnn.exercise import SmallCNN
from utils.checks.unit_02.train_step.exercise import train_step

# in the order of the notebook
unit = Unit(
    "02_flax_mnist_cnn",
    (
        cross_entropy,
        SmallCNN,
        train_step,
        compile_step,
        evaluate,
        keep_best,
        pack,
        saliency,
    ),
)
