"""What several checks of unit 02 use."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from utils.data import Batch


def linear(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    """A model that costs nothing: logits [B, K] of images [B, H, W, C]."""
    return images.reshape((len(images), -1)) @ params["w"] + params["b"]


def linear_params() -> dict[str, jax.Array]:
    """Weights of that model."""
    return {"w": 0.5 * jax.random.normal(jax.random.key(1), (4, 3)), "b": jnp.array([0.3, -0.2, 0.1])}


def padded_batches() -> list[Batch]:
    """Three batches of four; the last holds one real example and three blanks."""
    images = jax.random.normal(jax.random.key(2), (12, 2, 2, 1))
    labels = jnp.array([1, 2, 0, 1, 2, 2, 0, 1, 2, 0, 0, 0], jnp.int32)
    mask = jnp.arange(12) < 9
    images = jnp.where(mask[:, None, None, None], images, 0.0)
    return [Batch(images[i : i + 4], labels[i : i + 4], mask[i : i + 4]) for i in (0, 4, 8)]
