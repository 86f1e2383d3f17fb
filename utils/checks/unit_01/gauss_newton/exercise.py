"""The check of `gauss_newton` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_01.shared import equations


@exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "`jax.jvp(f, (x,), (v,))` returns f(x) and J v. Mind the tuples.",
        "`jax.vjp(f, x)` returns f(x) and a function that takes something like f(x) and gives Jᵀ of it, as a tuple with one entry "
        "for each argument of f.",
        "`_, along = jax.jvp(f, (x,), (v,))`, then `_, pull_back = jax.vjp(f, x)`, then the first entry of `pull_back(along)`.",
    ),
)
def gauss_newton(answer: Any, reference: Any) -> None:
    """The product JᵀJv by forward and reverse mode."""

    def f(x: Any) -> Any:
        return jnp.concatenate([10 * (x[1:] - x[:-1] ** 3), jnp.sin(3 * x[:-1])])  # [n] -> [2 n - 2]

    x, v = jnp.array([0.5, -0.4, 0.3, 0.8]), jnp.array([1.0, -2.0, 0.5, 0.7])
    want = known("want", lambda: reference(f, x, v))
    got = probes.call(answer, f, x, v)
    _, along = jax.jvp(f, (x,), (v,))
    value, pull_back = jax.vjp(f, x)
    if getattr(got, "shape", None) == along.shape:
        probes.fail("The result has the shape of f(x). That is J v, or one like it: Jᵀ is still to come, by `jax.vjp`.")
    probes.like(got, want)
    exchanged = jax.jvp(f, (v,), (x,))[1]
    hessian = jax.jvp(jax.grad(lambda x: 0.5 * jnp.sum(f(x) ** 2)), (x,), (v,))[1]
    if 1e-5 < float(jnp.max(jnp.abs(got - want)) / jnp.max(jnp.abs(want))) < 1e-2:
        probes.fail(
            "It is nearly right, but less exact than it should be. Is there a finite difference in it? `jax.jvp` is exact."
        )
    probes.close(
        got,
        want,
        mistakes={
            "You have exchanged point and direction: `jax.jvp(f, (point,), (direction,))`.": pull_back(exchanged)[0],
            "You pulled back f(x), the first result of `jax.jvp`; J v is the second. (Jᵀ f is the gradient of ½|f|².)": pull_back(
                value
            )[0],
            "That is the Hessian of ½|f|² times v. It has one more term, with second derivatives of f. Gauss–Newton leaves it out: JᵀJ only.": hessian,
            "It is Jᵀ applied to ones, and v plays no part in it. Pull back J v.": pull_back(jnp.ones_like(value))[0],
            "It is Jᵀ J applied to x. The direction is v.": known("along x", lambda: reference(f, x, x)),
        },
        rtol=1e-4,
        atol=1e-4,
    )
    n = 40
    largest = max(
        (
            variable.aval.size
            for equation in equations(lambda x, v: answer(f, x, v), jnp.ones(n), jnp.ones(n))
            for variable in equation.outvars
        ),
        default=0,
    )
    probes.expect(
        largest < n * (n - 1),
        f"There is an array with {largest:,} numbers in it, for n = {n}: as large as J or larger. Multiply without building: `jax.jvp`, then `jax.vjp`.",
    )
    probes.jits(lambda x, v: answer(f, x, v), x, v)
