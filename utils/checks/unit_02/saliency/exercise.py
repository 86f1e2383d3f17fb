"""`saliency`: with a network of two layers, whose gradient depends on the image."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_02.shared import linear, weights


def draw(rng: Draw, batch: int, height: int, width: int, channels: int, classes: int) -> dict[str, Any]:
    """Weights, images, and a class for each: the last one, and any."""
    return {
        "params": {"first": weights(rng, height * width * channels, 6, 0.5), "second": weights(rng, 6, classes)},
        "images": rng.normal(batch, height, width, channels),
        "classes": np.append(rng.integers(0, classes, batch - 1), np.int32(classes - 1)),
    }


def ask(answer: Any, own: Any, *, params: Any, images: Any, classes: Any) -> Any:
    """The maps."""

    def apply_fn(params: Any, images: Any) -> Any:
        return linear(params["second"], jnp.tanh(linear(params["first"], images)))

    return answer(apply_fn, params, images, classes)


saliency = Exercise(
    name="saliency",
    title="The pixels that a logit depends on",
    stars=3,
    minutes=12,
    points=3,
    hints=(
        "Begin with *one* image: write a function that takes an image [H, W, C] and its class and returns that class's logit. "
        "The model expects a batch, so pass it `image[None]`.",
        "`jax.grad` of that function differentiates with respect to its first argument, the image. `jax.vmap` of the gradient "
        "handles all images and classes.",
        "The result is `jnp.abs(gradients).max(axis=-1)`, where `gradients` has shape [B, H, W, C].",
    ),
    sizes=(
        {"batch": 3, "height": 2, "width": 4, "channels": 1, "classes": 2, "about": "three images of one channel"},
        {"batch": 1, "height": 2, "width": 3, "channels": 2, "classes": 12, "about": "a single image of two channels"},
        {"batch": 2, "height": 1, "width": 5, "channels": 3, "classes": 4, "about": "two images of three channels"},
    ),
    draw=draw,
    ask=ask,
)
