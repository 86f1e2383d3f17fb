"""`moving_average`: few rows and many, a decay of 0 and of 1, and a program that must not grow."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_01.shared import does_not_grow


def draw(rng: Draw, rows: int, columns: int, decay: float | None = None) -> dict[str, Any]:
    """Some rows, and a decay where none is given."""
    drawn = rng.uniform(0.3, 0.8) if decay is None else decay
    return {"x": rng.normal(rows, columns, scale=3, around=1), "decay": np.float32(drawn)}


moving_average = Exercise(
    name="moving_average",
    title="A moving average with `lax.scan`",
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "`lax.scan(step, init, x)` calls `step(carry, row)` for each row of x. Here the carry is the average so far.",
        "`step` returns a pair: the new carry, and the output of this step. Here both are the new average.",
        "Start with `x[0]`: the first step then gives decay · x[0] + (1 − decay) · x[0] = x[0]. `lax.scan` returns the last "
        "carry and the stacked outputs; return the second.",
    ),
    sizes=(
        {"rows": 4, "columns": 2, "about": "a few rows"},
        {"rows": 5, "columns": 5, "about": "as many columns as rows"},
        {"rows": 1, "columns": 3, "about": "a single row"},
        {"rows": 40, "columns": 1, "decay": 0.98, "about": "40 rows and a decay of 0.98"},
        {"rows": 4, "columns": 1, "decay": 1.0, "about": "a decay of 1"},
        {"rows": 3, "columns": 2, "decay": 0.0, "about": "a decay of 0"},
        {"rows": 16, "columns": 1, "decay": 0.9, "about": "16 rows and a decay of 0.9"},
    ),
    draw=draw,
    form=does_not_grow(
        "The program grows with the number of rows: a Python loop, `unroll=True` and `lax.associative_scan` write out their steps "
        "one after the other. `lax.scan` contains its body only once.",
        short=6,  # of 4 rows even `unroll=4` leaves no loop
        long=3,
    ),
)
