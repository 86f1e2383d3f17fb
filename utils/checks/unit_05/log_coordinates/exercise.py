"""`log_coordinates`: windows of several sizes, with weights that were trained with this window or with another."""

from __future__ import annotations

from typing import Any

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_05.shared import called


def draw(rng: Draw, window: int, trained: int = 0) -> dict[str, Any]:
    """A window and the one that the weights were trained with, another one in each draw."""
    return {"window": window, "trained": trained + rng.turn if trained else 0}


def ask(answer: Any, own: Any, *, window: int, trained: int) -> Any:
    """The offsets, called as the notebook calls it."""
    return called(answer, window, trained=trained) if trained else called(answer, window)


log_coordinates = Exercise(
    name="log_coordinates",
    title="Offsets on a logarithmic scale",
    stars=2,
    minutes=10,
    points=2,
    hints=(
        'The offsets along one axis are `np.arange(1 - window, window)`. `np.meshgrid` with `indexing="ij"` makes a grid of pairs '
        "whose first entry changes with the row. Stack them along a last axis.",
        "The divisor is `(trained or window) - 1`, which uses `trained` unless it is 0.",
        "After scaling to `x`, return `np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)` as float32.",
    ),
    crosses="values",
    sizes=(
        {"window": 2, "about": "a window of 2"},
        {"window": 11, "about": "a window of 11"},
        {"window": 6, "trained": 3, "about": "weights trained with a smaller window"},
        {"window": 3, "trained": 7, "about": "weights trained with a larger window"},
        {"window": 6, "trained": 6, "about": "`trained` is given and not smaller than the window"},
    ),
    draw=draw,
    ask=ask,
    seconds=30.0,  # with `jnp`, every operation is compiled for every size
)
