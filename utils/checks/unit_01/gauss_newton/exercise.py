"""`gauss_newton`: functions with more results than arguments, fewer, as many, and one; none of them linear."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_01.shared import does_not_grow

FUNCTIONS = {
    "2n - 2 residuals": lambda x: jnp.concatenate([2 * (x[1:] - x[:-1] ** 3), jnp.sin(3 * x[:-1])]),
    "n - 1 residuals": lambda x: x[1:] * jnp.exp(x[:-1]) - 1,
    "n residuals": lambda x: jnp.cumsum(x**2) - x[0] * x[::-1],
    "1 residual": lambda x: jnp.sum(jnp.cos(x), keepdims=True) + x[:1] ** 2,
}
MANY = 40


def draw(rng: Draw, n: int, f: str, scale: float = 2.0) -> dict[str, Any]:
    """A point and a direction."""
    return {"f": f, "x": rng.normal(n, scale=0.7), "v": rng.normal(n, scale=scale)}


def ask(answer: Any, own: Any, *, f: str, x: Any, v: Any) -> Any:
    """The product."""
    return answer(FUNCTIONS[f], x, v)


def form(programs: Sequence[str]) -> str:
    """Whether an array is as large as the Jacobian, for n = MANY, or its columns stand one after the other."""
    shapes = re.findall(r"tensor<((?:\d+x)+)", programs[-1])
    largest = max(math.prod(map(int, shape.split("x")[:-1])) for shape in shapes)
    if largest < 10 * MANY:  # half of J is too much as well
        return grows(programs)
    return (
        f"For n = {MANY} the program contains an array of {largest:,} values: J, JᵀJ or a large part of them. Multiply without "
        "building them: `jax.jvp`, then `jax.vjp`."
    )


grows = does_not_grow(
    "The program grows with n: J is built, one column after the other. Multiply without building it: `jax.jvp`, then `jax.vjp`.",
    short=0,
    long=-1,
)
gauss_newton = Exercise(
    name="gauss_newton",
    title="Jᵀ J v by forward and reverse mode",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "`jax.jvp(f, (x,), (v,))` returns f(x) and J v. Note that x and v are passed as tuples.",
        "`jax.vjp(f, x)` returns f(x) and a function. That function takes a vector u of the shape of f(x) and returns Jᵀ u, as a "
        "tuple with one entry for each argument of f.",
        "`_, along = jax.jvp(f, (x,), (v,))`, then `_, pull_back = jax.vjp(f, x)`, then the first entry of `pull_back(along)`.",
    ),
    sizes=(
        {"n": 3, "f": "2n - 2 residuals", "about": "more residuals than parameters"},
        {"n": 4, "f": "n residuals", "about": "as many residuals as parameters"},
        {"n": 5, "f": "n - 1 residuals", "about": "fewer residuals than parameters"},
        {"n": 1, "f": "1 residual", "about": "one parameter, one residual"},
        {"n": 2, "f": "n residuals", "scale": 0.0, "about": "v is zero"},
        {"n": MANY, "f": "2n - 2 residuals", "about": "more residuals than parameters"},
    ),
    draw=draw,
    ask=ask,
    form=form,
)
