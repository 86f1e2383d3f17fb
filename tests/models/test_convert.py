"""Weights that do not fit a model are named. That each goes to its place and back, the golden values show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict
from golden import rule
from parity import golden

from utils.base import definitions
from utils.base.errors import CourseError
from utils.convert import swin_v2

MICRO = {name: tuple(shape) for name, shape in golden("swin_v2")["shapes"]["micro"].items()}


@pytest.fixture(scope="module")
def like():
    """The Flax variables' shapes."""
    init = definitions.load("notebooks/05_swin_v2_imagenette.py").swin_v2("micro").init
    return jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm.bias": None}, r"not those of this Swin v2: missing \(1\): norm\.bias"),
        ({"head.weights": (2,)}, r"unknown \(1\): head\.weights"),
        ({"layers.9.blocks.0.norm1.bias": (32,)}, r"unknown \(1\): layers\.9"),  # not in this size of model
        ({"head.fc.bias": (3,)}, r"head\.fc\.bias is \(3,\) in Flax's order, \(10,\) is wanted"),
        ({"patch_embed.proj.weight": (5,)}, r"patch_embed\.proj\.weight is \(5,\), but a convolution has 4 axes"),
        (dict.fromkeys(MICRO), r"missing \(\d+\): .* and \d+ more"),
    ],
)
def test_what_does_not_fit_is_named(like, changes, message):
    shapes = {name: shape for name, shape in (MICRO | changes).items() if shape is not None}
    with pytest.raises(CourseError, match=message):
        swin_v2.to_flax(rule.state_dict(shapes), like)


@pytest.mark.parametrize(
    ("path", "names", "message"),
    [
        ("params/extra/kernel", "timm", r"unknown \(1\): params/extra/kernel"),
        ("params/head/kernel", "timm", r"params/head/kernel is \(3,\), but a dense layer has 2 axes"),
        ("params/head/bias", "keras", '"timm" or "microsoft"'),
    ],
)
def test_the_way_back_names_what_does_not_fit(path, names, message):
    with pytest.raises(CourseError, match=message):
        swin_v2.to_torch(unflatten_dict({path: np.zeros(3)}, sep="/"), names)
