"""`shift_mask`: maps of drawn sizes, every shift that their windows allow."""

from __future__ import annotations

from typing import Any

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_05.shared import called


def draw(rng: Draw, window: int, rows: int, columns: int) -> dict[str, Any]:
    """A map of so many windows, and a shift: half a window first, then drawn."""
    shift = int(rng.rng.integers(1, window)) if rng.turn else window // 2
    return {"height": rows * window, "width": columns * window, "window": window, "shift": shift}


def ask(answer: Any, own: Any, *, height: int, width: int, window: int, shift: int) -> Any:
    """The mask."""
    return called(answer, height, width, window, shift)


shift_mask = Exercise(
    name="shift_mask",
    title="The mask of shifted windows",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "There are three steps: number the nine regions of the map, cut this map into windows, and compare all pairs of tokens in "
        "each window.",
        "Cut the map of region numbers as `window_partition` does, with `reshape` and `transpose`. It has no batch and no channels, so "
        "four axes are enough. The result is [N, T].",
        "`same = region[:, :, None] == region[:, None, :]`, then `np.where(same, 0.0, -100.0).astype(np.float32)`.",
    ),
    crosses="values",
    sizes=(
        {"window": 2, "rows": 2, "columns": 2, "about": "height 4, width 4, windows of 2"},
        {"window": 4, "rows": 2, "columns": 3, "about": "height 8, width 12, windows of 4"},
        {"window": 5, "rows": 3, "columns": 2, "about": "height 15, width 10, windows of 5"},
    ),
    draw=draw,
    ask=ask,
    seconds=30.0,  # with `jnp`, every operation is compiled for every size
)
