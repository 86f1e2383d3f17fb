"""`patience_is_over`: asked after each epoch, of losses that fall, rise, tie, and are no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise

NAN, INF = float("nan"), float("inf")


def draw(rng: Draw, losses: str) -> dict[str, Any]:
    """Losses of this kind, and a patience of 1, 2 or 3."""
    some = [round(float(loss), 2) for loss in rng.normal(4, around=2.0, scale=0.3)]
    low = min(some)
    drawn = {
        "none": [],
        "falling and rising": [low + more for more in (1.2, 0.9, 1.5, 0.0, 0.8, 0.4, 0.6, 0.5, 1.0)],
        "rising": [low, low + 0.5, low + 0.2, low + 0.4, low + 0.3],
        "ties": [low + 0.5, low, low + 0.3, low, low + 0.1, low],
        "near": [1 + low / 1e4, 1 + (low - 0.5) / 1e4, 1 + (low - 1) / 1e4, 1 + low / 1e4, 1 + low / 1e4],
        "negative": [low, -low / 2, -low, -low / 3, low / 4, low / 2],
        "a NaN in front": [NAN, low + 0.4, NAN, low, NAN, low + 0.1, NAN],
        "a NaN in between": [low + 0.3, low, low + 0.2, NAN, NAN, low - 0.1, low + 0.2, NAN],
        "NaN alone": [NAN] * 5,
        "infinite": [NAN, INF, NAN, INF, -low],
    }[losses]
    return {"losses": drawn, "patience": rng.turn + 1}


def ask(answer: Any, own: Any, *, losses: list[float], patience: int) -> Any:
    """What it says after each epoch; before the first, where there are no losses."""
    said = [answer(losses[:epochs], patience) for epochs in range(1, len(losses))] + [answer(losses, patience)]
    for over in said:
        if np.shape(over) != () or np.asarray(over).dtype != bool:
            raise Told(f"It returned {over!r:.60} instead of `True` or `False`.")
    first = 1 if losses else 0
    return {f"after epoch {epoch}" if epoch else "before": over for epoch, over in enumerate(said, start=first)}


patience_is_over = Exercise(
    name="patience_is_over",
    title="Early stopping: when patience is over",
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "Find the epoch with the lowest loss, and count the epochs after it. Compare that number with `patience`.",
        "`len(losses) - 1 - best` epochs came after epoch `best` (counted from 0). On a tie the first lowest loss counts. "
        "Leave out the epochs whose loss is NaN; possibly none remain.",
        "`numbers = [epoch for epoch, loss in enumerate(losses) if not np.isnan(loss)]`. If it is empty, return `False`; "
        "otherwise `best = min(numbers, key=lambda epoch: losses[epoch])`.",
    ),
    crosses="values",
    sizes=(
        {"losses": "falling and rising", "about": "losses that fall, then rise"},
        {"losses": "rising", "about": "the first loss is the lowest"},
        {"losses": "ties", "about": "the lowest loss comes more than once"},
        {"losses": "near", "about": "losses that are close together"},
        {"losses": "negative", "about": "losses below zero"},
        {"losses": "a NaN in front", "about": "the first loss is NaN"},
        {"losses": "a NaN in between", "about": "a NaN after a number"},
        {"losses": "infinite", "about": "an infinite loss beside a NaN"},
        {"losses": "NaN alone", "about": "all losses are NaN"},
        {"losses": "none", "about": "no losses yet"},
    ),
    draw=draw,
    ask=ask,
)
