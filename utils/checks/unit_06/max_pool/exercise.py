"""`max_pool`: its result, its gradient, and what is kept for that; with equal numbers, negative ones, one window, and mapped."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from utils.base import trees
from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, shape: tuple[int, ...], few: int = 0, around: float = 0.0, mapped: bool = False) -> dict[str, Any]:
    """Maps, of numbers with few different values or of any, and a gradient by the result."""
    *lead, height, width, channels = shape
    x = rng.integers(-few, few + 1, *shape).astype(np.float32) if few else rng.normal(*shape, around=around)
    return {"x": x, "dy": rng.normal(*lead, height // 2, width // 2, channels, around=2), "mapped": mapped}


def ask(answer: Any, own: Any, *, x: Any, dy: Any, mapped: bool) -> Any:
    """What it gives, alone and where a gradient is wanted, and that gradient."""
    pool = jax.vmap(answer) if mapped else answer
    result, pulled_back = jax.vjp(pool, x)
    if result.shape != dy.shape:
        raise Told(
            f"For x of shape {list(x.shape)} the result has shape {list(result.shape)} instead of {list(dy.shape)}. The windows do not "
            "overlap: the stride is 2."
        )
    if not mapped:
        _keeps_little(answer, x, result.size)
    return {"the result": pool(x), "the result of forward": result, "the gradient": pulled_back(dy)[0]}


def _keeps_little(answer: Any, x: Any, results: int) -> None:
    kept = jax.tree.leaves(jax.eval_shape(lambda x: jax.vjp(answer, x)[1], x))
    each = sum(leaf.size * leaf.dtype.itemsize for leaf in kept) / results
    if each <= 1:
        return
    if "custom_vjp" in str(jax.make_jaxpr(answer)(x)):
        why = (
            f"For x {trees.form(x)} it keeps {', '.join(map(trees.form, kept))}. The backward pass only needs which of the four is the "
            "largest: a number from 0 to 3, `.astype(jnp.uint8)`."
        )
    else:
        why = "Without `jax.custom_vjp`, JAX's own rules decide what is kept. Write `forward` and `backward` yourself."
    raise Told(f"For the gradient, {each:g} bytes are kept per element of the result; at most 1 is allowed. {why}")


max_pool = Exercise(
    name="max_pool",
    title="A max-pooling with its own gradient",
    stars=3,
    minutes=20,
    points=4,
    hints=(
        "`x[:, i::2, j::2]` for i and j in 0, 1 are the four corners of all windows. Stack them to [4, B, H / 2, W / 2, C]; `max(axis=0)` "
        "of that is the result.",
        "`argmax(axis=0)` returns which corner is the largest, on a tie the first. `.astype(jnp.uint8)` makes it one byte: this is what "
        "`forward` keeps. The gradient of corner `place` is `jnp.where(winner == place, dy, 0.0)`.",
        "To get from the four corners back to the map, use `.at[:, i::2, j::2].set(…)` on `jnp.zeros((B, H, W, C))`, one corner after the "
        "other. Or stack them, reshape to [2, 2, B, H / 2, W / 2, C], transpose to [B, H / 2, 2, W / 2, 2, C], and reshape.",
    ),
    sizes=(
        {"shape": (2, 4, 6, 3)},
        {"shape": (1, 2, 2, 1), "about": "a single window"},
        {"shape": (3, 6, 4, 2), "few": 1, "about": "equal numbers in a window"},
        {"shape": (1, 4, 2, 5), "around": -500.0, "about": "negative numbers near to each other"},
        {"shape": (3, 2, 4, 2, 1), "few": 1, "mapped": True, "about": "under `vmap`"},
    ),
    draw=draw,
    ask=ask,
)
