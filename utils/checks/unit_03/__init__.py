"""The checks of unit 03: block, dropout, rising rates, VGG8, transform, smoothed loss, training step, patience, recipe."""

from utils.checks.registry import Unit
from utils.checks.unit_03.double_conv.exercise import double_conv
from utils.checks.unit_03.drop.exercise import drop
from utils.checks.unit_03.make_network.exercise import make_network
from utils.checks.unit_03.patience_is_over.exercise import patience_is_over
from utils.checks.unit_03.recipe.exercise import recipe
from utils.checks.unit_03.rising.exercise import rising
from utils.checks.unit_03.smoothed_loss.exercise import smoothed_loss
from utils.checks.unit_03.train_step.exercise import train_step
from utils.checks.unit_03.vgg8.exercise import VGG8

# in the order of the notebook
unit = Unit(
    "03_haiku_cifar10_vgg8",
    (
        double_conv,
        drop,
        rising,
        VGG8,
        make_network,
        smoothed_loss,
        train_step,
        patience_is_over,
        recipe,
    ),
)
