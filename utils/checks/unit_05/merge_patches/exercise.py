"""The check of `merge_patches` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_05.shared import normal


def _normal(x: jax.Array, epsilon: float = 1e-5) -> jax.Array:
    x = x - x.mean(axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + epsilon)


def _corners(x: jax.Array, order: tuple[int, ...] = (0, 1, 2, 3)) -> jax.Array:
    four = (x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2])
    return jnp.concatenate([four[i] for i in order], axis=-1)


@exercise(
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "`x[:, 0::2, 0::2]` are the tokens of even rows and even columns, one of each square. The other three likewise.",
        "Put the four beside each other along the channels: `jnp.concatenate([...], axis=-1)` is [B, H/2, W/2, 4C].",
        "Then `@ kernel`, and only then: subtract the mean, divide by the root of the variance plus 1e-5, scale, bias.",
    ),
)
def merge_patches(answer: Any, reference: Any) -> None:
    """Four neighbours become one token."""
    draw = np.random.default_rng(2)
    large = normal(draw, 2, 4, 6, 3)
    x = large * np.float32(0.02)  # small numbers, so that the epsilon shows
    kernel = normal(draw, 12, 6) * np.float32(0.3)
    scale, bias = normal(draw, 6), normal(draw, 6)
    inputs = x, kernel, scale, bias
    probes.same_shapes(answer, reference, *inputs)
    with probes.doing("under `jax.jit`"):  # one program compiles faster than its operations one by one
        got = probes.call(jax.jit(answer), *inputs)
    want = known("want", lambda: jax.jit(reference)(*inputs))
    if not probes.agrees(got, want, 1e-4, 1e-5):
        merged = _corners(x) @ kernel
        centred = merged - merged.mean(-1, keepdims=True)
        deviation = jnp.sqrt(jnp.mean(centred**2, -1, keepdims=True))
        probes.close(
            got,
            want,
            mistakes={
                "The four go right, then down; the second one is *below* the first, the third beside it.": (
                    _normal(_corners(x, (0, 2, 1, 3)) @ kernel) * scale + bias
                ),
                "It is not normalised after the kernel.": merged,
                "It is normalised before it is multiplied by the kernel, as in version 1; here it comes after.": (
                    _normal(_corners(x)) @ kernel * scale + bias
                ),
                "The epsilon is 1e-6, Flax's own; the reference has 1e-5.": _normal(merged, 1e-6) * scale + bias,
                "The epsilon is added to the variance, inside the root.": centred / (deviation + 1e-5) * scale + bias,
                "The variance divides by one less than the number of channels; divide by the number, as `jnp.var` does.": (
                    (centred * jax.lax.rsqrt(merged.var(-1, ddof=1, keepdims=True) + 1e-5)) * scale + bias
                ),
                "Normalised, but `scale` and `bias` are left out.": _normal(merged),
                "A `reshape` alone puts four tokens of one row together; a square is two rows high.": (
                    _normal(x.reshape(2, 2, 3, 12) @ kernel) * scale + bias
                ),
            },
            because="Check the order with a map of 2 × 2 tokens and one channel.",
            rtol=1e-4,
            atol=1e-5,
        )
    probes.gradient(jax.jit(lambda kernel: jnp.sum(answer(large, kernel, scale, bias) ** 2) / 10), kernel)
