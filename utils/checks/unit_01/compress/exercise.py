"""The check of `compress` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "`jnp.where(condition, a, b)` chooses for each element. It always computes both `a` and `b`.",
        "It differentiates both, too: the gradient of the unused logarithm at −2 is NaN, and 0 · NaN is NaN. So the logarithm must "
        "never see a negative number.",
        "A second `jnp.where` inside: `jnp.log1p(jnp.where(x > 0, x, 0.0))`.",
    ),
)
def compress(answer: Any, reference: Any) -> None:
    """A function in two pieces whose gradient is finite everywhere."""
    mild = jnp.array([[-0.8, -0.3, 0.2], [0.5, 1.5, 4.0]])
    probes.same_shapes(answer, reference, mild)
    want = known("want", lambda: reference(mild))
    probes.close(
        probes.call(answer, mild),
        want,
        mistakes={
            "The pieces are the wrong way round: `jnp.where(condition, where_true, where_false)`.": (
                jnp.where(mild > 0, mild, jnp.log1p(mild))
            ),
            "It computes log(x), not log(1 + x): the pieces would not meet at 0. `jnp.log1p` does it exactly.": (
                jnp.where(mild > 0, jnp.log(jnp.abs(mild)), mild)
            ),
            "Negative numbers are compressed, too. They should stay as they are.": jnp.sign(mild)
            * jnp.log1p(jnp.abs(mild)),
            "Negative numbers became 0. They should stay as they are.": jnp.log1p(jnp.maximum(mild, 0)),
            "Negative numbers changed their sign. They should stay as they are.": jnp.log1p(jnp.abs(mild)),
        },
    )
    wild = jnp.array([-5.0, -2.0, -1.0, 0.0, 3.0])
    got = answer(wild)
    if bool(jnp.isnan(got).any()):
        probes.fail(
            "A mask times NaN is NaN, not 0: log(1 + x) has no value below −1. Choose with `jnp.where` instead of multiplying."
        )
    probes.close(got, known("wild", lambda: reference(wild)))
    probes.jits(answer, wild)
    probes.gradient(lambda x: jnp.sum(answer(x)), jnp.array([-5.0, -2.0, -1.0, -0.4, 0.6, 3.0]))
    at_zero = float(jax.grad(lambda x: jnp.sum(answer(x)))(jnp.zeros(())))
    probes.expect(abs(at_zero - 1) < 1e-3, f"The gradient at 0 is {at_zero:.3g}; both pieces have slope 1 there.")
