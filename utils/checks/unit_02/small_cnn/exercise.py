"""`SmallCNN`: the names and shapes of its weights, and its logits with weights that were drawn."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise

KERNELS = {"Conv_0": (3, 3, 1, 16), "Conv_1": (3, 3, 16, 32), "Dense_0": (1568, 64), "Dense_1": (64, 10)}


def draw(rng: Draw, batch: int) -> dict[str, Any]:
    """Images and weights; no bias is zero, so that the place of a ReLU is seen."""

    def layer(*shape: int) -> dict[str, Any]:
        return {
            "kernel": rng.normal(*shape, scale=math.prod(shape[:-1]) ** -0.5),
            "bias": rng.normal(shape[-1], scale=0.3),
        }

    return {"x": rng.normal(batch, 28, 28, 1), "params": {name: layer(*shape) for name, shape in KERNELS.items()}}


def ask(answer: Any, own: Any, *, x: Any, params: Any) -> Any:
    """The weights by name, with the shapes of kernels, and the logits; what was drawn fills weights of other shapes too."""
    if not issubclass(answer, nn.Module):
        raise Told("It should be a Flax Linen module: `class SmallCNN(nn.Module)`.")
    shapes = jax.eval_shape(answer().init, jax.random.key(0), x)
    filled = jax.tree_util.tree_map_with_path(
        lambda path, leaf: _filled(leaf, params, [step.key for step in path]), shapes
    )
    logits = answer().apply(filled, x)
    named = {kind if kind != "params" else "weights": tree for kind, tree in shapes.items()}
    return {**jax.tree.map(lambda leaf: jnp.array(leaf.shape if leaf.ndim > 1 else True), named), "logits": logits}


def _filled(leaf: Any, params: Any, path: list[str]) -> jax.Array:
    drawn = params.get(path[-2], {}).get(path[-1], params["Dense_0"]["kernel"]) if path[0] == "params" else jnp.ones(1)
    return jnp.resize(drawn, leaf.shape).astype(leaf.dtype)


SmallCNN = Exercise(
    name="SmallCNN",
    title="A convolutional network as a Flax module",
    stars=2,
    minutes=15,
    points=3,
    hints=(
        "It is the lesson's `CNN` with other sizes and without the final `log_softmax`. Write the layers in the "
        "order of the table, and print `x.shape` between them.",
        "Use `nn.Conv(16, kernel_size=(3, 3))(x)`, then `nn.relu`, then `nn.avg_pool` with `window_shape=(2, 2)` "
        "*and* `strides=(2, 2)`.",
        "To flatten each image: `x = x.reshape((x.shape[0], -1))`. The last line is `return nn.Dense(10)(x)`.",
    ),
    sizes=({"batch": 2}, {"batch": 1, "about": "a single image"}, {"batch": 5}),
    draw=draw,
    ask=ask,
)
