"""`position_bias`: drawn tables for several windows and heads."""

from __future__ import annotations

from typing import Any

from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, window: int, heads: int) -> dict[str, Any]:
    """A table and the window."""
    return {"table": rng.normal((2 * window - 1) ** 2, heads, scale=2.0), "window": window}


position_bias = Exercise(
    name="position_bias",
    title="From a table of offsets to a bias for every pair",
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "First compute the row and the column of each token: `rows, columns = np.indices((window, window)).reshape(2, -1)`, each [T].",
        "`rows[:, None] - rows[None, :]` is query minus key for all pairs, [T, T]. Add `window - 1`, so that it starts at 0. Do the "
        "same for the columns.",
        "`table[down * (2 * window - 1) + right]` is [T, T, heads]. Move the heads to the front and apply `16 * jax.nn.sigmoid(…)`.",
    ),
    sizes=(
        {"window": 2, "heads": 1, "about": "a window of 2, one head"},
        {"window": 3, "heads": 2, "about": "a window of 3"},
        {"window": 2, "heads": 4, "about": "as many heads as tokens"},
        {"window": 1, "heads": 3, "about": "a window of one token"},
    ),
    draw=draw,
)
