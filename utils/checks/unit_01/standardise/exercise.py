"""The check of `standardise` and its hints."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "`jnp.mean` and `jnp.std` take `axis`. Which axis are the rows? That one must go.",
        "The results are [D]; against x [N, D] they broadcast by themselves: no loop. Only a constant column is left "
        "to care for, where the standard deviation is 0.",
        "Divide by `jnp.where(std > 0, std, 1.0)`.",
    ),
)
def standardise(answer: Any, reference: Any) -> None:
    """Standardise the columns of a table."""
    x = jnp.array([[1.0, 10.0, 5.0], [2.0, 40.0, 4.0], [4.0, 20.0, 9.0], [8.0, 80.0, 1.0]])
    probes.same_shapes(answer, reference, x)
    want = known("want", lambda: reference(x))
    rows = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    probes.close(
        probes.call(answer, x),
        want,
        mistakes={
            "Mean and standard deviation are those of the whole table. Each column has its own: `axis=0`.": (
                (x - x.mean()) / x.std()
            ),
            "You standardised each row, not each column. `axis` names the axis that disappears.": rows,
            "This divides by N − 1 under the root (`ddof=1`, the estimate from a sample). Here the usual N is wanted.": (
                (x - x.mean(0)) / x.std(0, ddof=1)
            ),
            "You divide by the variance. Its square root is wanted: `jnp.std`.": (x - x.mean(0)) / x.var(0),
            "The spread is right, but the mean is still there: subtract it.": x / x.std(0),
        },
        because="Every column should have mean 0 and standard deviation 1.",
        rtol=1e-4,
        atol=1e-5,
    )
    constant = jnp.array([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0], [6.0, 7.0]])
    want = known("with a constant column", lambda: reference(constant))
    got = answer(constant)
    if bool(jnp.isnan(got).any()):
        probes.fail(
            "The constant column became NaN: its standard deviation is 0, and 0 / 0 is NaN. Divide by something else there."
        )
    probes.close(got, want, because="The second column is constant: it should become 0.", rtol=1e-4)
    probes.jits(answer, x)
    probes.pure(answer, x)
