"""`window_reverse`: windows, in which every number is another one, put together to maps of many sizes."""

from __future__ import annotations

from typing import Any

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_05.shared import numbered


def draw(rng: Draw, batch: int, height: int, width: int, channels: int, window: int) -> dict[str, Any]:
    """Windows and the size of the map."""
    windows = numbered(rng, batch, height * width // window**2, window**2, channels)
    return {"windows": windows, "window": window, "height": height, "width": width}


window_reverse = Exercise(
    name="window_reverse",
    title="Windows put together again",
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "Undo the three steps of `window_partition` in reverse order.",
        "Reshape to [B, rows of windows, columns of windows, rows in a window, columns in a window, C]. The `transpose` that "
        "swaps axes 2 and 3 is its own inverse.",
        "`windows.reshape(B, height // w, width // w, w, w, C).transpose(0, 1, 3, 2, 4, 5).reshape(B, height, width, C)`.",
    ),
    sizes=(
        {"batch": 1, "height": 2, "width": 8, "channels": 1, "window": 2, "about": "a single row of windows"},
        {"batch": 2, "height": 4, "width": 6, "channels": 3, "window": 2, "about": "maps wider than high"},
        {"batch": 3, "height": 9, "width": 6, "channels": 2, "window": 3, "about": "maps higher than wide"},
        {"batch": 2, "height": 4, "width": 4, "channels": 5, "window": 2, "about": "square maps"},
        {"batch": 2, "height": 3, "width": 2, "channels": 4, "window": 1, "about": "windows of a single token"},
        {"batch": 4, "height": 4, "width": 4, "channels": 3, "window": 4, "about": "a window as large as the map"},
    ),
    draw=draw,
)
