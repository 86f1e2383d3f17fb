"""`histogram`: on values inside, outside, at both edges and next to them, with one bin and with many."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_01.shared import does_not_grow


def draw(rng: Draw, many: int, bins: int, low: float, high: float, inner: tuple[float, ...] = ()) -> dict[str, Any]:
    """Values of which none but `inner` lies at an inner edge or just below `high`, where rounding decides."""
    width = (high - low) / bins
    places = rng.integers(-bins // 2 - 1, bins + bins // 2 + 1, many) + rng.uniform(0.05, 0.95, many)
    values = (low + places * width).astype(np.float32)
    edges = [low, high, np.nextafter(np.float32(low), np.float32(-1e9)), low - 1e6, high + 1e6, *inner]
    values[-len(edges) :] = edges[:many]
    number: Any = int if isinstance(low, int) else np.float32
    return {"values": values, "low": number(low), "high": number(high), "bins": bins}


def ask(answer: Any, own: Any, *, values: Any, low: Any, high: Any, bins: int) -> Any:
    """The counts; `low` and `high` are traced, as in the cell below the exercise, or Python's integers."""
    return answer(values, low, high, bins=bins)


histogram = Exercise(
    name="histogram",
    title="Count values into bins with `.at`",
    stars=1,
    minutes=10,
    points=2,
    hints=(
        "First compute the bin of every value, as an array of integers `places`; then use "
        "`jnp.zeros(bins, jnp.int32).at[places].add(1)`.",
        "Apply `jnp.floor` before `.astype(jnp.int32)`: the conversion alone rounds towards zero. A value below `low` gets a "
        "negative index, and −1 means the last bin. A value just below `high` may be rounded up to the index `bins`.",
        "Give every value outside the index `bins`, one past the end, where an update is dropped: "
        "`jnp.where((values >= low) & (values < high), jnp.minimum(places, bins - 1), bins)`.",
    ),
    sizes=(
        {"many": 12, "bins": 3, "low": 2.0, "high": 9.5},
        {"many": 10, "bins": 4, "low": -1.0, "high": 1.0, "inner": (-0.5, 0.0, 0.5), "about": "values at edges"},
        {"many": 3000, "bins": 2, "low": 0.0, "high": 5.0, "about": "many values"},
        {"many": 9, "bins": 1, "low": -3.0, "high": -1.0, "about": "a single bin"},
        {"many": 60, "bins": 60, "low": -4.0, "high": 4.0},
        {"many": 20, "bins": 4, "low": 0, "high": 10, "about": "an interval given in integers"},
        {"many": 40, "bins": 3, "low": 2.0, "high": 9.5},
    ),
    draw=draw,
    ask=ask,
    form=does_not_grow(
        "The program contains a copy of its code for every value: a Python loop is unrolled under `jit`. Index with the whole array.",
        short=0,
        long=6,
    ),
)
