"""`predict`: more rows than a batch, fewer, a whole number of batches; and how often the model was traced."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.answers import CHANGED, Told
from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, rows: int, columns: int, size: int, results: int) -> dict[str, Any]:
    """A table, and the weights of a model that is another one each time."""
    return {"x": rng.normal(rows, columns), "size": size, "weights": rng.normal(columns, results)}


def ask(answer: Any, own: Any, *, x: Any, size: int, weights: Any) -> Any:
    """The results, and what the model was traced or called with."""
    traced: list[str] = []
    run: list[str] = []

    def model(rows: Any) -> Any:
        (traced if isinstance(rows, jax.core.Tracer) else run).append(f"{list(np.shape(rows))}")
        return jnp.tanh(rows @ weights) + rows[:, :1]

    given = np.array(x)
    with jax.disable_jit(False):
        results = answer(model, given, size)
    if not np.array_equal(given, x):
        raise Told(CHANGED)
    return {"results": results, "model traced for": "; ".join(traced), "model run uncompiled on": "; ".join(run)}


predict = Exercise(
    name="predict",
    title="Run a model over any number of rows with one compilation",
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "Call `jax.jit(model)` once, before the loop. `range(0, len(x), size)` gives the first row of each batch.",
        "`np.pad(rows, ((0, missing), (0, 0)))` pads the last batch to `size` rows.",
        "Collect the results [size, K] in a list, join them, and drop the extra rows: `np.concatenate(results)[: len(x)]`.",
    ),
    crosses="values",
    sizes=(
        {"rows": 10, "columns": 3, "size": 4, "results": 2, "about": "ten rows and a size of 4"},
        {"rows": 6, "columns": 2, "size": 3, "results": 3, "about": "two whole batches"},
        {"rows": 2, "columns": 3, "size": 5, "results": 1, "about": "fewer rows than `size`"},
        {"rows": 3, "columns": 1, "size": 1, "results": 2, "about": "a size of 1"},
        {"rows": 1, "columns": 3, "size": 4, "results": 2, "about": "a single row"},
    ),
    draw=draw,
    ask=ask,
)
