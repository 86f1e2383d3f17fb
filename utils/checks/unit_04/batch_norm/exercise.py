"""`batch_norm`: two steps of training, evaluation with what they leave, the gradient, and a batch that is refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_04.shared import refusal


class Stats(NamedTuple):
    """As in the notebook."""

    mean: Any
    var: Any


def draw(rng: Draw, shape: tuple[int, ...], epsilon: float | None = None, refused: bool = False) -> dict[str, Any]:
    """Pictures whose channels lie around other numbers, weights, running statistics and a momentum."""
    channels = shape[-1]
    return {
        "x": rng.normal(*shape) * rng.uniform(0.3, 2, channels) + rng.normal(channels, scale=3),
        "scale": rng.normal(channels),
        "bias": rng.normal(channels),
        "stats": {"mean": rng.normal(channels), "var": rng.uniform(0.2, 3, channels)},
        "momentum": rng.uniform(0.2, 0.8),
        "refused": refused,
    } | ({"epsilon": epsilon} if epsilon else {})


def ask(answer: Any, own: Any, *, x: Any, scale: Any, bias: Any, stats: Any, refused: bool, **settings: Any) -> Any:
    """The outputs, the running statistics after each of two batches, and a gradient; or what it refuses."""
    before = own.Stats(**stats)
    if refused:
        tried = {"one number in training": (x, True), "one number in evaluation": (x, False)}
        tried["one picture of six pixels"] = (jnp.tile(x, (1, 2, 3, 1)), True)
        return {
            f"refuses {what}": refusal(answer, pixels, scale, bias, before, train) is not None
            for what, (pixels, train) in tried.items()
        }
    y, after = answer(x, scale, bias, before, train=True, **settings)
    _, twice = answer(2 * x, scale, bias, own.Stats(after.mean, after.var), train=True, **settings)
    evaluated, kept = answer(x, scale, bias, before, train=False, **settings)
    gradient = jax.grad(lambda x: (answer(x, scale, bias, before, train=True, **settings)[0] ** 3).sum())(x)
    training = {"y": y, "stats": after, "stats after two batches": twice}
    return {"evaluation": {"y": evaluated, "stats": kept}, "training": training, "y³'s gradient in training": gradient}


batch_norm = Exercise(
    name="batch_norm",
    title="BatchNorm by hand, with running statistics",
    stars=2,
    minutes=15,
    points=3,
    hints=(
        "`train` is a Python bool, so you can use `if train:`. Choose mean and variance in each branch, "
        "and normalise once after it.",
        "`x.mean(axis=(0, 1, 2))` has one value per channel and broadcasts against the last axis of `x`. "
        "`jnp.var` divides by N by default, as required.",
        "The new running mean is `momentum * stats.mean + (1 - momentum) * mean`, and likewise for the variance. In evaluation "
        "return `stats` unchanged. A channel has `x.size // x.shape[-1]` values.",
    ),
    classes={"Stats": Stats},
    sizes=(
        {"shape": (2, 1, 3, 1), "epsilon": 0.3},
        {"shape": (3, 2, 4, 2)},
        {"shape": (1, 1, 1, 3), "refused": True, "about": "shapes that are refused, or not"},
        {"shape": (1, 2, 3, 2), "epsilon": 0.05},
        {"shape": (4, 1, 1, 2), "epsilon": 0.1},
    ),
    draw=draw,
    ask=ask,
)
