"""The check of `cosine_attention` and its hints."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_05.shared import normal


def _inputs() -> tuple[jax.Array, ...]:
    """Two windows, three heads, five tokens, four numbers; one factor is beyond the limit."""
    draw = np.random.default_rng(7)
    q, k, v, bias = (normal(draw, *shape) for shape in (*3 * [(2, 3, 5, 4)], (3, 5, 5)))
    q, k = q + 3 * q[:1, :1, :1], k + 3 * q[:1, :1, :1]  # alike, so that even a factor of 100 leaves a choice
    logit_scale = jnp.asarray(np.array([0.5, math.log(10), 5.5], np.float32).reshape(3, 1, 1))
    mask = jnp.asarray(np.where((draw.random((2, 5, 5)) < 0.3) & ~np.eye(5, dtype=bool), -100.0, 0.0), jnp.float32)
    return q, k, v, logit_scale, bias, mask


def _unit(x: jax.Array) -> jax.Array:
    length: jax.Array = jnp.linalg.norm(x, axis=-1, keepdims=True)
    return x / length


def _variant(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    logit_scale: jax.Array,
    bias: jax.Array,
    mask: jax.Array,
    *,
    unit_q: Callable[[jax.Array], jax.Array] = _unit,
    unit_k: Callable[[jax.Array], jax.Array] = _unit,
    factor: jax.Array | None = None,
    axis: int = -1,
    shared: float = 1.0,
) -> jax.Array:
    """Cosine attention with one part replaced."""
    factor = jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) if factor is None else factor
    logits = jnp.einsum("nhqd,nhkd->nhqk", unit_q(q), unit_k(k)) * factor * shared + bias + mask[:, None]
    return jnp.einsum("nhqk,nhkd->nhqd", jax.nn.softmax(logits, axis=axis), v)


@exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Four steps: vectors to length 1; all products of queries and keys (`jnp.einsum`); factor, bias and mask; softmax over "
        "the keys and the mean of the values.",
        "A length that is safe: square root of the *larger* of the sum of squares and 1e-24, or `jax.lax.rsqrt` of that. `jnp.linalg.norm` "
        "has a NaN gradient at zero.",
        '`logits = jnp.einsum("nhqd,nhkd->nhqk", unit(q), unit(k)) * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + bias`, '
        "and `mask[:, None]` gives the mask an axis for the heads.",
    ),
)
def cosine_attention(answer: Any, reference: Any) -> None:
    """Scaled cosine attention with its clamp."""
    inputs = q, k, v, logit_scale, bias, mask = _inputs()
    probes.same_shapes(answer, reference, *inputs)
    with probes.doing("under `jax.jit`"):  # one program compiles faster than its operations one by one
        got = probes.call(jax.jit(answer), *inputs)
    want = known("want", lambda: jax.jit(reference)(*inputs))
    if not probes.agrees(got, want, 1e-4, 1e-5):
        probes.close(
            got,
            want,
            mistakes=_mistakes(*inputs),
            because="Compare one query with one key of one head by hand.",
            rtol=1e-4,
            atol=1e-5,
        )
    probes.close(
        probes.call(jax.jit(answer), q, k, v, logit_scale, bias),
        known("without a mask", lambda: jax.jit(reference)(q, k, v, logit_scale, bias)),
        because="That was without a mask, `mask=None`.",
        rtol=1e-4,
        atol=1e-5,
    )
    _gradient_is_finite_at_a_blank(lambda q, k: answer(q, k, v, logit_scale, bias, mask), q, k)


def _mistakes(
    q: jax.Array, k: jax.Array, v: jax.Array, logit_scale: jax.Array, bias: jax.Array, mask: jax.Array
) -> dict[str, jax.Array]:
    """What is told of a wrong result, with this result."""
    inputs = q, k, v, logit_scale, bias, mask
    cut = jnp.exp(jnp.minimum(logit_scale, math.log(100.0)))
    whole: Any = lambda x: x  # noqa: E731
    return {
        "The factor is not cut off: it must not exceed 100, `jnp.minimum(logit_scale, math.log(100.0))`.": (
            _variant(*inputs, factor=jnp.exp(logit_scale))
        ),
        "`logit_scale` is the logarithm of the factor: take `jnp.exp` of it.": (
            _variant(*inputs, factor=jnp.minimum(logit_scale, math.log(100.0)))
        ),
        "The factor is cut off too early, at 10; it may rise to 100.": (
            _variant(*inputs, factor=jnp.exp(jnp.minimum(logit_scale, math.log(10.0))))
        ),
        "It compares by the dot product; queries and keys must first be scaled to length 1.": (
            _variant(*inputs, unit_q=whole, unit_k=whole)
        ),
        "The keys keep their length; scale them to length 1 as well.": _variant(*inputs, unit_k=whole),
        "The queries keep their length; scale them to length 1 as well.": _variant(*inputs, unit_q=whole),
        "Cosines need no division by the root of D: they are between -1 and 1 already.": (
            _variant(*inputs, shared=q.shape[-1] ** -0.5)
        ),
        "The mask has no effect: add `mask[:, None]` to the logits, before the softmax.": (
            _variant(q, k, v, logit_scale, bias, 0 * mask)
        ),
        "The bias is multiplied by the factor; it is added to what comes out of that.": (
            _variant(q, k, v, logit_scale, bias * cut, mask)
        ),
        "The bias has no effect: add it to the logits, before the softmax.": _variant(
            q, k, v, logit_scale, 0 * bias, mask
        ),
        "The softmax runs over the queries; each query shares its attention out over the keys, the last axis.": (
            _variant(*inputs, axis=-2)
        ),
    }


def _gradient_is_finite_at_a_blank(attention: Any, q: jax.Array, k: jax.Array) -> None:
    blank = k.at[:, :, 0].set(0.0)  # a padded token's key
    gradients = jax.jit(jax.grad(lambda q, k: jnp.sum(attention(q, k) ** 2), argnums=(0, 1)))(q, blank)
    probes.expect(
        all(bool(jnp.isfinite(leaf).all()) for leaf in gradients),
        "A key that is a zero vector makes the gradient NaN or infinite. `jnp.linalg.norm` and `jnp.sqrt` have no gradient at 0: "
        "limit the sum of squares from below first, `jnp.maximum(square, 1e-24)`.",
    )
