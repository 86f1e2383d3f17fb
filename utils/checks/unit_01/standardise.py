"""The check of `standardise`, its hints and known wrong answers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import Wrong, exercise


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
    wrong=(
        Wrong(
            "statistics of the whole table",
            says="of the whole table",
            code="""
def standardise(x):
    std = jnp.std(x)
    return (x - jnp.mean(x)) / jnp.where(std > 0, std, 1.0)
""",
        ),
        Wrong(
            "rows instead of columns",
            says="each row, not each column",
            code="""
def standardise(x):
    std = jnp.std(x, axis=1, keepdims=True)
    return (x - jnp.mean(x, axis=1, keepdims=True)) / jnp.where(std > 0, std, 1.0)
""",
        ),
        Wrong(
            "divides by N - 1",
            says="N − 1",
            code="""
def standardise(x):
    std = jnp.std(x, axis=0, ddof=1)
    return (x - jnp.mean(x, axis=0)) / jnp.where(std > 0, std, 1.0)
""",
        ),
        Wrong(
            "divides by the variance",
            says="by the variance",
            code="""
def standardise(x):
    variance = jnp.var(x, axis=0)
    return (x - jnp.mean(x, axis=0)) / jnp.where(variance > 0, variance, 1.0)
""",
        ),
        Wrong(
            "does not subtract the mean",
            says="the mean is still there",
            code="""
def standardise(x):
    std = jnp.std(x, axis=0)
    return x / jnp.where(std > 0, std, 1.0)
""",
        ),
        Wrong(
            "a constant column gives 0 / 0",
            says="constant column became NaN",
            code="""
def standardise(x):
    return (x - jnp.mean(x, axis=0)) / jnp.std(x, axis=0)
""",
        ),
        Wrong(
            "writes into the array",
            says="cannot be changed in place",
            code="""
def standardise(x):
    for j in range(x.shape[1]):
        x[:, j] = (x[:, j] - x[:, j].mean()) / x[:, j].std()
    return x
""",
        ),
        Wrong(
            "asks a traced value with if",
            says="A Python `if`",
            code="""
def standardise(x):
    columns = []
    for j in range(x.shape[1]):
        column = x[:, j] - x[:, j].mean()
        if column.std() > 0:
            column = column / column.std()
        columns.append(column)
    return jnp.stack(columns, axis=1)
""",
        ),
        Wrong(
            "uses a NumPy function",
            says="A NumPy function",
            code="""
def standardise(x):
    std = jnp.std(x, axis=0)
    return (x - jnp.mean(x, axis=0)) / np.where(std > 0, std, 1.0)
""",
        ),
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
