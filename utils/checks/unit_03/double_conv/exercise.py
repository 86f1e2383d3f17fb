"""`double_conv`: the names and shapes of its weights, and its maps with weights that were drawn."""

from __future__ import annotations

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, shape: tuple[int, int, int, int], channels: int) -> dict[str, Any]:
    """Maps and weights; no bias is zero, so that the place of a ReLU is seen."""

    def layer(inputs: int) -> dict[str, Any]:
        scale = (9 * inputs) ** -0.5
        return {"w": rng.normal(3, 3, inputs, channels, scale=scale), "b": rng.normal(channels, scale=0.3)}

    params = {"conv2_d": layer(shape[-1]), "conv2_d_1": layer(channels)}
    return {"x": rng.normal(*shape, scale=3.0), "channels": channels, "params": params}


def ask(answer: Any, own: Any, *, x: Any, channels: int, params: Any) -> Any:
    """The shapes of the weights by name, and the maps: with weights of other shapes, what was drawn fills these."""
    block = hk.transform(lambda x: answer(x, channels))
    shapes = jax.eval_shape(block.init, jax.random.key(0), x)

    def filled(path: Any, leaf: Any) -> jax.Array:
        drawn = params.get(path[0].key, params["conv2_d"]).get(path[1].key, params["conv2_d"]["w"])
        return jnp.resize(drawn, leaf.shape).astype(leaf.dtype)

    maps = block.apply(jax.tree_util.tree_map_with_path(filled, shapes), None, x)
    return {"weights": jax.tree.map(lambda leaf: jnp.array(leaf.shape), shapes), "maps": maps}


double_conv = Exercise(
    name="double_conv",
    title="Two convolutions and a pooling",
    stars=1,
    minutes=8,
    points=2,
    hints=(
        "Do this twice: create a layer, call it on `x`, apply `jax.nn.relu`. Then call `max_pool`, which is given above.",
        "`hk.Conv2D(channels, kernel_shape=3)` creates a layer; `layer(x)` returns the feature maps. Haiku's default "
        'padding, "SAME", is right.',
        "`for _ in range(2): x = jax.nn.relu(hk.Conv2D(channels, kernel_shape=3)(x))`, then return `max_pool(x)`.",
    ),
    sizes=(
        {"shape": (1, 8, 12, 3), "channels": 4, "about": "3 channels go in, 4 come out"},
        {"shape": (1, 12, 8, 2), "channels": 1, "about": "one channel comes out"},
        {"shape": (3, 8, 8, 2), "channels": 2, "about": "as many channels come out as go in"},
    ),
    draw=draw,
    ask=ask,
)
