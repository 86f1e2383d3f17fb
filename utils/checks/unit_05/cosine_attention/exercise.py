"""`cosine_attention`: windows, heads and tokens of many numbers, with zero vectors, and its gradient there."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.crossing import is_array
from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, windows: int, heads: int, tokens: int, numbers: int, mask: str = "", short: bool = False) -> Any:
    """All arguments. Vectors point roughly the same way, so that even a factor of 100 leaves a choice."""
    shape = (windows, heads, tokens, numbers)
    way = rng.normal(1, heads, 1, numbers, scale=3.0)
    q, k = way + rng.normal(*shape), way + rng.normal(*shape)
    if short:
        q[:, :, 1], k[:, :, 0] = 0.0, 0.0  # padded tokens
        q[:, :, 2], k[:, :, 3] = 1e-9 * q[:, :, 2], 1e-9 * k[:, :, 3]
    scales = np.array([5.5, -1.0, 3.5])[(np.arange(heads) + rng.turn) % 3]  # above log 100, below 0, between
    scales = scales if tokens > 2 else np.zeros(heads)  # in the example to be read the softmax is not to be sharp
    hidden = rng.rng.random((windows, tokens, tokens)) < 0.3
    masks = {
        "any": rng.normal(windows, tokens, tokens, scale=3.0),
        "shifted": np.where(hidden, -100.0, 0.0).astype(np.float32),
    }
    return {
        "q": q,
        "k": k,
        "v": rng.normal(*shape),
        "logit_scale": (scales[:, None, None] + rng.normal(heads, 1, 1, scale=0.1)).astype(np.float32),
        "bias": rng.normal(heads, tokens, tokens),
        "mask": masks.get(mask),
    }


def ask(answer: Any, own: Any, *, q: Any, k: Any, mask: Any = None, **others: Any) -> Any:
    """The result, and without a mask a gradient times the lengths of q and k, which is 0, or NaN, at a zero vector."""
    arguments = others["v"], others["logit_scale"], others["bias"]
    if mask is not None:
        return {"result": answer(q, k, *arguments, mask)}
    result, pull = jax.vjp(lambda q, k: answer(q, k, *arguments), q, k)
    if not is_array(result):
        return result
    slopes = zip("qk", (q, k), pull(result), strict=True)
    return {
        "result": result,
        "gradient": {name: slope * jnp.linalg.norm(x, axis=-1, keepdims=True) for name, x, slope in slopes},
    }


cosine_attention = Exercise(
    name="cosine_attention",
    title="Scaled cosine attention with its clamp",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "There are four steps: normalise queries and keys to length 1; compute all dot products with `jnp.einsum`; apply factor, bias "
        "and mask; take the softmax over the keys and the weighted mean of the values.",
        "For a safe length, take the square root of the *larger* of the sum of squares and 1e-24 (or multiply by `jax.lax.rsqrt` of it). "
        "The gradient of `jnp.linalg.norm` is NaN at zero.",
        '`logits = jnp.einsum("nhqd,nhkd->nhqk", unit(q), unit(k)) * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + bias`. '
        "Add `mask[:, None]`, which has an axis for the heads.",
    ),
    sizes=(
        {"windows": 1, "heads": 2, "tokens": 2, "numbers": 3, "about": "one window, two heads, no mask"},
        {"windows": 2, "heads": 3, "tokens": 4, "numbers": 3, "mask": "shifted", "about": "a mask of 0 and -100"},
        {"windows": 3, "heads": 2, "tokens": 3, "numbers": 5, "mask": "any", "about": "a mask with other values"},
        {"windows": 1, "heads": 3, "tokens": 4, "numbers": 2, "short": True, "about": "zero and very short vectors"},
    ),
    draw=draw,
    ask=ask,
    limit=1e-3,  # a factor of 100 makes the rounding of a cosine 100 times as large
)
