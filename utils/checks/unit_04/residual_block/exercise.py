"""`ResidualBlock`: the names and shapes of its weights, its values for drawn ones, and the statistics that training moves."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
from flax import linen as nn
from jax import lax

from utils.base import trees
from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise

FIELDS = ("features", "stride", "conv", "norm")


def halved(*args: Any, **settings: Any) -> jax.Array:
    """A convolution that a block can't have from anywhere but outside."""
    return 0.5 * lax.conv_general_dilated(*args, **settings)


CONV = partial(nn.Conv, use_bias=False, conv_general_dilated=halved)
NORM = partial(nn.BatchNorm, momentum=0.7, epsilon=0.2)


def draw(rng: Draw, shape: tuple[int, ...], features: int, stride: int, mode: str) -> dict[str, Any]:
    """Pictures, and weights and statistics of a block for them."""
    channels = shape[-1]
    sides = {"conv1": (3, 3, channels, features), "conv2": (3, 3, features, features)}
    if (channels, 1) != (features, stride):
        sides["downsample_conv"] = (1, 1, channels, features)
    norms = [name.replace("conv", "bn") for name in sides]
    params: dict[str, Any] = {name: {"kernel": rng.normal(*side)} for name, side in sides.items()}
    params |= {name: {"scale": rng.normal(features, around=0.5), "bias": rng.normal(features)} for name in norms}
    stats = {name: {"mean": rng.normal(features), "var": rng.uniform(0.5, 2, features)} for name in norms}
    variables = {"params": params, "batch_stats": stats}
    return {"x": rng.normal(*shape), "features": features, "stride": stride, "mode": mode, "variables": variables}


def ask(answer: Any, own: Any, *, x: Any, features: int, stride: int, mode: str, variables: Any) -> Any:
    """What its weights are called, and if that is right, what it gives with these."""
    if gone := [name for name in FIELDS if name not in getattr(answer, "__dataclass_fields__", {})]:
        raise Told(f"The field `{gone[0]}` is missing. Keep the four fields as they were.")
    from_outside = () if mode == "default" else (CONV, partial(NORM, use_running_average=mode == "evaluation"))
    block = answer(features, stride, *from_outside)
    named = _named(jax.eval_shape(block.init, jax.random.key(0), x))
    y, moved = x, {"batch_stats": variables["batch_stats"]}  # nothing is to be said of these where the names are wrong
    if named == _named(variables):
        y, moved = block.apply(variables, x, mutable=["batch_stats"])
    return {"weights": named, "y": y} | ({"moved": moved} if mode == "training" else {})


def _named(variables: Any) -> dict[str, int]:
    """Names and shapes of weights, as names."""
    return {f"{name} {list(leaf.shape)}": 1 for name, leaf in trees.named(variables.get("params", {})).items()}


ResidualBlock = Exercise(
    name="ResidualBlock",
    title="The residual block of ResNet18",
    stars=2,
    minutes=15,
    points=3,
    hints=(
        "Translate the PyTorch code line by line, and create each layer on the line where it is used. To decide whether the "
        "shortcut needs a projection, compare the shapes of the two summands.",
        '`y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)`, then '
        '`self.norm(name="bn1")(y)`. Keep `x` for the shortcut.',
        "If `x.shape != y.shape`, the shortcut is `self.conv(self.features, (1, 1), strides=self.stride, …)(x)` followed by its norm. "
        "Return `nn.relu` of the sum.",
    ),
    sizes=(
        {"shape": (1, 2, 3, 1), "features": 1, "stride": 1, "mode": "default", "about": "the shape stays"},
        {"shape": (1, 3, 2, 2), "features": 3, "stride": 1, "mode": "evaluation", "about": "only the channels change"},
        {"shape": (2, 2, 4, 2), "features": 2, "stride": 2, "mode": "training", "about": "only the size changes"},
        {"shape": (2, 6, 4, 3), "features": 4, "stride": 2, "mode": "evaluation", "about": "both change"},
    ),
    draw=draw,
    ask=ask,
)
