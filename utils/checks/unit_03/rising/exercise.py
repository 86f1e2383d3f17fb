"""`rising`: dropout rates for layers of rising depth, of a Python number or of a traced one."""

from __future__ import annotations

from typing import Any

from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, depth: int, top: float | None = None) -> dict[str, Any]:
    """The last rate, drawn where the size has none."""
    return {"top": rng.uniform(0.1, 0.9) if top is None else top, "depth": depth}


def ask(answer: Any, own: Any, *, top: Any, depth: int) -> Any:
    """The rates."""
    rates = answer(top, depth)
    if not isinstance(rates, list):
        raise Told(f"It returned {kind(rates)} instead of a Python list of {depth} numbers.")
    return rates


rising = Exercise(
    name="rising",
    title="Dropout rates that rise with depth",
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "One step is `top / depth`. The rates are one step, two steps, … up to `depth` steps.",
        "Use `[… for place in range(depth)]`. `place` counts from 0, so each rate is `place + 1` steps.",
    ),
    sizes=(
        {"depth": 4, "about": "a depth of 4"},
        {"depth": 5, "top": 0.9, "about": "`top` is a Python number"},
        {"depth": 7, "about": "a depth of 7"},
        {"depth": 2, "about": "a depth of 2"},
        {"depth": 1, "about": "a depth of 1"},
    ),
    draw=draw,
    ask=ask,
)
