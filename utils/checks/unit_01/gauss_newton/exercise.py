"""`gauss_newton`: functions with more results than arguments, fewer, as many, and one; none of them linear."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.base import jaxprs
from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise

FUNCTIONS = {
    "2n - 2 residuals": lambda x: jnp.concatenate([2 * (x[1:] - x[:-1] ** 3), jnp.sin(3 * x[:-1])]),
    "n - 1 residuals": lambda x: x[1:] * jnp.exp(x[:-1]) - 1,
    "n residuals": lambda x: jnp.cumsum(x**2) - x[0] * x[::-1],
    "1 residual": lambda x: jnp.sum(jnp.cos(x), keepdims=True) + x[:1] ** 2,
}
MANY = 40


def draw(rng: Draw, n: int, f: str) -> dict[str, Any]:
    """A point and a direction."""
    return {"f": f, "x": rng.normal(n, scale=0.7), "v": rng.normal(n, scale=2)}


def ask(answer: Any, own: Any, *, f: str, x: Any, v: Any) -> Any:
    """The product, in whose computation there may be no array as large as the Jacobian."""
    product = answer(FUNCTIONS[f], x, v)
    if isinstance(x, jax.core.Tracer):  # while it is exported
        _tell_if_large(lambda x, v: answer(FUNCTIONS["2n - 2 residuals"], x, v))
    return product


def _tell_if_large(call: Any) -> None:
    form = np.ones(MANY, np.float32)
    sizes = [
        getattr(out.aval, "size", 0) for equation in jaxprs.equations(call, form, form) for out in equation.outvars
    ]
    if max(sizes, default=0) >= MANY * MANY:
        raise Told(
            f"There is an array of {max(sizes):,} numbers in it, for n = {MANY}: as large as J or JᵀJ. Multiply without "
            "building them: `jax.jvp`, then `jax.vjp`."
        )


gauss_newton = Exercise(
    name="gauss_newton",
    title="Jᵀ J v by forward and reverse mode",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "`jax.jvp(f, (x,), (v,))` returns f(x) and J v. Mind the tuples.",
        "`jax.vjp(f, x)` returns f(x) and a function that takes something like f(x) and gives Jᵀ of it, as a tuple with one entry "
        "for each argument of f.",
        "`_, along = jax.jvp(f, (x,), (v,))`, then `_, pull_back = jax.vjp(f, x)`, then the first entry of `pull_back(along)`.",
    ),
    sizes=(
        {"n": 3, "f": "2n - 2 residuals", "about": "more residuals than parameters"},
        {"n": 4, "f": "n residuals", "about": "as many residuals as parameters"},
        {"n": 5, "f": "n - 1 residuals", "about": "fewer residuals than parameters"},
        {"n": 1, "f": "1 residual", "about": "one parameter, one residual"},
    ),
    draw=draw,
    ask=ask,
)
