"""`grad_cam`: a network in two halves, whose head is not linear, so that the gradient is another at every place."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, batch: int, height: int, width: int, maps: int, classes: int, blank: int = 0) -> dict[str, Any]:
    """Images, of which some may be blank, and the weights of a network whose maps are [height, width, maps]."""
    images = rng.normal(batch, 2 * height, 2 * width, 3)
    images[:blank] = 0
    weights = {
        "filters": rng.normal(2, 2, 3, maps, scale=0.5),
        "hidden": rng.normal(height * width * maps, 5, scale=0.7),
        "logits": rng.normal(5, classes),
    }
    return {"images": images, "classes": rng.integers(0, classes, batch), "weights": weights}


def ask(answer: Any, own: Any, *, images: Any, classes: Any, weights: Any) -> Any:
    """The heat of each image; of one without colour all maps are 0."""

    def maps_fn(images: jax.Array) -> jax.Array:
        count, height, width, colours = images.shape
        patches = images.reshape(count, height // 2, 2, width // 2, 2, colours)
        return jnp.tanh(jnp.einsum("bhiwjc,ijcm->bhwm", patches, weights["filters"]))

    def head_fn(maps: jax.Array) -> jax.Array:
        hidden = jnp.tanh(maps.reshape(len(maps), -1) @ weights["hidden"])
        return jnp.matmul(hidden, weights["logits"])

    return answer(maps_fn, head_fn, images, classes)


grad_cam = Exercise(
    name="grad_cam",
    title="Where a picture speaks for a class",
    stars=3,
    minutes=12,
    points=3,
    hints=(
        "Call `maps_fn` first. Then take `jax.grad` of a function of the *maps*, which calls `head_fn` and picks the logits.",
        "An image's logit depends only on its own maps. So the gradient of the *sum* of the batch's class logits contains every "
        "image's own gradient, without `vmap`.",
        "`weights = gradients.mean(axis=(1, 2), keepdims=True)` is [B, 1, 1, C], and `heat = nn.relu((weights * maps).sum(axis=-1))` "
        "is [B, h, w]. With `highest = heat.max(axis=(1, 2), keepdims=True)`, divide by `jnp.where(highest > 0, highest, 1.0)`.",
    ),
    sizes=(
        {"batch": 2, "height": 1, "width": 2, "maps": 3, "classes": 4},
        {"batch": 6, "height": 1, "width": 1, "maps": 2, "classes": 5},
        {"batch": 5, "height": 3, "width": 2, "maps": 4, "classes": 3},
        {"batch": 3, "height": 2, "width": 4, "maps": 2, "classes": 6, "blank": 1},
        {"batch": 1, "height": 2, "width": 3, "maps": 1, "classes": 2},
    ),
    draw=draw,
    ask=ask,
)
