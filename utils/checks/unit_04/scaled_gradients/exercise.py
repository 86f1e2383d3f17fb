"""`scaled_gradients`: good steps, the one that fills the period, and gradients of which a single number overflows or is NaN.

It is called, not exported: compiled on a CPU, what is written in float16 may well be computed in float32.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.exercise import Draw, Exercise

LEAVES = ("a", "b", "c")


class LossScale(NamedTuple):
    """As in the notebook."""

    scale: Any
    good_steps: Any


def draw(rng: Draw, many: int, period: int | None, good: int, steep: bool = False, nan: bool = False) -> dict[str, Any]:
    """Weights of three leaves, how much each number of them counts in the loss, and the scale."""
    sizes = dict(zip(LEAVES, (many, many + 1, many + 2), strict=True))
    params = {name: rng.uniform(0.2, 0.9, size) * (-1) ** rng.integers(0, 2, size) for name, size in sizes.items()}
    share = {name: rng.uniform(2e-8, 4e-8, size) for name, size in sizes.items()}
    scale = np.float32(2.0 ** (26 - 4 * rng.turn))
    if steep:
        share[LEAVES[rng.turn]][-1] = 1.0
        params[LEAVES[rng.turn]][-1] *= rng.turn != 1  # 0 times infinity is NaN
        if rng.turn == 2:
            scale, share["c"][-1] = np.float32(1), 1e6
    if nan:
        params[LEAVES[rng.turn]][0] = np.nan
    params["b"] = params["b"].astype(np.float16)
    return {"params": params, "share": share, "scale": scale, "good_steps": good, "period": period}


def ask(answer: Any, own: Any, *, params: Any, share: Any, scale: Any, good_steps: int, period: int | None) -> Any:
    """What it returns for a loss that is computed in float16."""

    def loss_fn(params: Any) -> jax.Array:
        halves = jax.tree.map(lambda leaf: leaf.astype(jnp.float16), params)
        parts = jax.tree.map(lambda half, share: ((half * half).astype(jnp.float32) * share).sum(), halves, share)
        return sum(jax.tree.leaves(parts), jnp.float32(0))

    settings = {} if period is None else {"period": period}

    def result(params: Any, scale: Any, good_steps: Any) -> Any:
        found = answer(loss_fn, params, own.LossScale(scale, good_steps), **settings)
        return dict(zip(("loss", "gradients", "finite", "loss_scale"), found, strict=True))

    state = params, jnp.float32(scale), jnp.int32(good_steps)
    if period is None:
        with jax.disable_jit(False):
            jax.eval_shape(result, *state)  # it must work under `jax.jit`
    return result(*state)


scaled_gradients = Exercise(
    name="scaled_gradients",
    title="Dynamic loss scaling by hand",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Differentiate `loss_fn(params) * loss_scale.scale` instead of the loss. Then divide the loss and every gradient by the scale; "
        "convert the gradients to float32 before you divide.",
        "Compute `jnp.isfinite(leaf).all()` for each leaf, and combine the results with `jnp.stack([…]).all()`.",
        "Replace the `if`s with `jnp.where`: `good_steps = jnp.where(finite, loss_scale.good_steps + 1, 0)`, `grow = good_steps == period`. "
        "The scale is multiplied by 2 if it grows, by 0.5 if not all is finite, and by 1 otherwise. Where it grows, `good_steps` becomes 0.",
    ),
    crosses="values",
    classes={"LossScale": LossScale},
    sizes=(
        {"many": 1, "period": 8, "good": 6, "about": "a good step, one before the period is full"},
        {"many": 3, "period": None, "good": 12, "about": "a good step with the default period, 2000"},
        {"many": 2, "period": 8, "good": 7, "about": "the `period`-th good step in a row"},
        {"many": 1, "period": 1, "good": 0, "about": "`period=1`"},
        {"many": 2, "period": 8, "good": 5, "steep": True, "about": "one gradient overflows"},
        {
            "many": 1,
            "period": 4,
            "good": 3,
            "steep": True,
            "about": "an overflow in the step that would complete the period",
        },
        {"many": 2, "period": 8, "good": 2, "nan": True, "about": "a gradient that is NaN"},
    ),
    draw=draw,
    ask=ask,
)
