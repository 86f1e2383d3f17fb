"""What several checks of unit 05 use."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def normal(draw: np.random.Generator, *shape: int) -> jax.Array:
    """Normal numbers, float32, of that shape; drawn by NumPy, since JAX would compile a program for each shape."""
    return jnp.asarray(draw.normal(size=shape), jnp.float32)


def numbered(batch: int, height: int, width: int, channels: int) -> np.ndarray:
    """Maps in which every number is another one, so that none can stand for another; [B, H, W, C] float32."""
    return np.arange(batch * height * width * channels, dtype=np.float32).reshape(batch, height, width, channels)
