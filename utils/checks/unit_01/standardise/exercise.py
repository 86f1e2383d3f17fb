"""`standardise`: on tables with constant columns, and with columns that are nearly so or end as they begin."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks.exercise import Draw, Exercise


def draw(
    rng: Draw,
    rows: int,
    columns: int,
    constant: tuple[float, ...] = (),
    around: float = 30.0,
    spread: float = 10.0,
    nearly: bool = False,
) -> dict[str, Any]:
    """A table whose columns differ in mean and spread; the last ones hold one number each.

    nearly: all columns are constant but for numbers so chosen that nothing is rounded in mean and variance.
    """
    if nearly:
        return {"x": (1024 + rng.integers(-2, 3, rows, columns) / 512).astype(np.float32)}
    x = rng.normal(rows, columns) * rng.uniform(spread / 5, spread * 2, columns) + around * rng.uniform(
        -1.0, 1.0, columns
    )
    x[-1, 0] = x[0, 0]
    for place, value in enumerate(constant):
        x[:, -1 - place] = np.float32(value)
    return {"x": x}


standardise = Exercise(
    name="standardise",
    title="Standardise the columns of a table",
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "`jnp.mean` and `jnp.std` take `axis`. Reduce over the axis that counts the rows.",
        "The results have shape [D] and broadcast against x [N, D], so no loop is needed. What remains are the constant "
        "columns. Their standard deviation need not be exactly 0: the mean of many copies of 0.1 is rounded.",
        "A column is constant where `jnp.all(x == x[0], axis=0)`. Divide it by 1, `jnp.where(constant, 1.0, std)`, "
        "and set the result to 0 with a second `jnp.where`.",
    ),
    sizes=(
        {"rows": 5, "columns": 3, "about": "an ordinary table"},
        {"rows": 7, "columns": 4, "constant": (7.0, 0.0), "about": "a table with constant columns"},
        {"rows": 11, "columns": 6, "constant": (0.1, 0.3, 170.3), "about": "columns of 0.1, 0.3 or 170.3 alone"},
        {"rows": 1, "columns": 2, "about": "a table of one row"},
        {"rows": 8, "columns": 2, "around": 4e-9, "spread": 2e-9, "about": "columns of small numbers"},
        {"rows": 9, "columns": 2, "around": 1500.0, "spread": 1.0, "about": "a large mean, a small spread"},
        {"rows": 8, "columns": 3, "nearly": True, "about": "columns that are constant but for some thousandths"},
    ),
    draw=draw,
    limit=1e-3,  # where the mean is 1500 and the spread 0.2, both are rounded at 1e-4
)
