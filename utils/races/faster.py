"""Layers of the lessons' models, written so that XLA is faster at them on a CPU: what "jax fast" has in their place.

Each gives what the lesson's gives (a test compares loss and gradients in float64). Why each is faster stands beside it.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from utils.base import definitions

SWIN = definitions.load("notebooks/05_swin_v2_imagenette.py", ("swin_v2",))


def average_pool(x: jax.Array, window_shape: tuple[int, int], strides: tuple[int, int]) -> jax.Array:
    """`nn.avg_pool` [B, H, W, C] of windows that tile the map, as a mean of slices: XLA fuses it with its neighbours.

    Flax writes it as a reduce-window, which is a loop of its own, forward and backward.
    """
    rows, columns = window_shape
    slices = [x[:, i :: strides[0], j :: strides[1]] for i in range(rows) for j in range(columns)]
    return sum(slices[1:], slices[0]) / len(slices)


@jax.custom_vjp
def gelu(x: jax.Array, approximate: bool = False) -> jax.Array:
    """`nn.gelu` with the error function. JAX writes it with erfc, of which XLA makes a chain of cases."""
    return x * _normal(x)


def _normal(x: jax.Array) -> jax.Array:
    """The normal distribution's share below x."""
    return 0.5 + 0.5 * lax.erf(x * math.sqrt(0.5))


def _gelu_backward(x: jax.Array, dy: jax.Array) -> tuple[jax.Array, None]:
    density = jnp.exp(-0.5 * jnp.square(x)) / math.sqrt(2 * math.pi)
    return dy * (_normal(x) + x * density), None


gelu.defvjp(lambda x, approximate=False: (gelu(x), x), _gelu_backward)


@jax.custom_vjp
def softmax(x: jax.Array) -> jax.Array:
    """`jax.nn.softmax` along the last axis, whose gradient takes one sum and keeps the result alone."""
    powers = jnp.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _softmax_forward(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    shares = softmax(x)
    return shares, shares


def _softmax_backward(shares: jax.Array, dy: jax.Array) -> tuple[jax.Array]:
    product = shares * dy
    return (product - shares * product.sum(axis=-1, keepdims=True),)


softmax.defvjp(_softmax_forward, _softmax_backward)


class WindowAttention(nn.Module):
    """Unit 05's, with the same parameters: [B, N, T, C] to [B, N, T, C].

    One transpose in and one out, so that all products have their batch axes first; the lengths of queries and keys
    divide the logits instead of the vectors, and bias and mask are one array before they are added.
    """

    heads: int
    window: tuple[int, int]
    trained: tuple[int, int] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: np.ndarray | None = None) -> jax.Array:
        """mask: [N, T, T]."""
        batch, windows, tokens, channels = x.shape
        zeros, exact = nn.initializers.zeros, jnp.promote_types(self.dtype, jnp.float32)
        qkv = SWIN.linear(3 * channels, use_bias=False, dtype=self.dtype, name="qkv")(x.reshape(-1, channels))
        q_bias, v_bias = (self.param(name, zeros, (channels,)) for name in ("q_bias", "v_bias"))
        qkv += jnp.concatenate([q_bias, jnp.zeros_like(q_bias), v_bias]).astype(self.dtype)
        qkv = qkv.reshape(batch * windows, tokens, 3, self.heads, -1).transpose(2, 0, 3, 1, 4)
        (q, k), v = qkv[:2].astype(exact), qkv[2]  # [B·N, heads, T, D]

        logit_scale = self.param("logit_scale", nn.initializers.constant(math.log(10)), (self.heads, 1, 1))
        table = SWIN.PositionBias(self.heads, exact, name="position_bias")(self.window, self.trained)
        bias = SWIN.bias_of_pairs(table, self.window)[None]  # [1, heads, T, T]
        if mask is not None:
            bias = bias + mask[:, None]  # [N, heads, T, T]
        q_size, k_size = (lax.rsqrt(jnp.maximum(jnp.square(one).sum(-1), 1e-24)) for one in (q, k))  # [B·N, heads, T]
        factor = jnp.exp(jnp.minimum(logit_scale, math.log(100.0)))[..., 0]
        cosine = jnp.einsum("bhqd,bhkd->bhqk", q, k) * (q_size * factor)[..., None] * k_size[:, :, None]
        logits = cosine.reshape(batch, windows, *cosine.shape[1:]) + bias
        weights = softmax(logits.reshape(cosine.shape)).astype(self.dtype)
        x = jnp.einsum("bhqk,bhkd->bhqd", weights, v).transpose(0, 2, 1, 3).reshape(batch, windows, tokens, channels)
        result: jax.Array = SWIN.linear(channels, dtype=self.dtype, name="proj")(x)
        return result
