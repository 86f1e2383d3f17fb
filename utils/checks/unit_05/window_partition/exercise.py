"""`window_partition`: maps of many sizes, in which every number is another one, cut into windows."""

from __future__ import annotations

from typing import Any

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_05.shared import numbered


def draw(rng: Draw, shape: tuple[int, ...], window: int) -> dict[str, Any]:
    """Maps and the side of a window."""
    return {"x": numbered(rng, *shape), "window": window}


window_partition = Exercise(
    name="window_partition",
    title="Maps cut into windows",
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "Split H into (rows of windows, rows in a window) and W likewise: a `reshape` to six axes.",
        "Then use `transpose` to bring the two axes that count windows together, followed by the two that count tokens.",
        "`x.reshape(B, H // w, w, W // w, w, C).transpose(0, 1, 3, 2, 4, 5).reshape(B, -1, w * w, C)`.",
    ),
    sizes=(
        {"shape": (1, 2, 4, 1), "window": 2, "about": "a single row of windows"},
        {"shape": (2, 4, 6, 3), "window": 2, "about": "maps wider than high"},
        {"shape": (3, 9, 6, 2), "window": 3, "about": "maps higher than wide"},
        {"shape": (2, 4, 4, 5), "window": 2, "about": "square maps"},
        {"shape": (2, 3, 2, 4), "window": 1, "about": "windows of a single token"},
        {"shape": (4, 4, 4, 3), "window": 4, "about": "a window as large as the map"},
    ),
    draw=draw,
)
