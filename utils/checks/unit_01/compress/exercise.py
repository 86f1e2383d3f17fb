"""`compress`: value, gradient and gradient at 0, on arrays of several shapes and very different numbers."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, shape: tuple[int, ...], scale: float, special: bool = False) -> dict[str, Any]:
    """Numbers of both signs; `special` are 0, −1 and a very large one."""
    x = rng.normal(*shape, scale=scale)
    if special:
        x.flat[:6] = np.array([0.0, -1.0, -50.0, 1e30, 1e-6, -2.0], np.float32)
    return {"x": x}


def ask(answer: Any, own: Any, *, x: Any) -> Any:
    """The values, and the gradient of their sum."""
    return {"value": answer(x), "gradient": jax.grad(lambda x: answer(x).sum())(x)}


compress = Exercise(
    name="compress",
    title="A function in two pieces whose gradient is finite everywhere",
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "`jnp.where(condition, a, b)` selects elementwise. It always computes both `a` and `b`.",
        "It differentiates both, too. The derivative of log(1 + x) is 1 / (1 + x), which is infinite at −1. The gradient of the "
        "branch that is not selected is multiplied by 0, and 0 times infinity is NaN. So the logarithm must never see −1. "
        "Give it a harmless number wherever its result is not used.",
        "Put a second `jnp.where` inside the logarithm: `jnp.log1p(jnp.where(x > 0, x, 0.0))`.",
    ),
    sizes=(
        {"shape": (2, 3), "scale": 1.0},
        {"shape": (9,), "scale": 30.0, "special": True, "about": "among the numbers are 0, −1 and a very large one"},
        {"shape": (), "scale": 3.0, "about": "a single number"},
        {"shape": (2, 1, 3), "scale": 1e-3, "about": "numbers close to 0"},
    ),
    draw=draw,
    ask=ask,
)
