"""The check of `patience_is_over` and its hints."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise

NAN = float("nan")
# losses, patience, what is right, and why
CASES: tuple[tuple[list[float], int, bool, str], ...] = (
    ([], 2, False, "before the first epoch there is nothing to wait for"),
    ([3.0], 1, False, "the only loss is the lowest"),
    ([3.0, 2.0, 1.0], 1, False, "the lowest is the newest"),
    ([3.0, 1.0, 2.0], 2, False, "the lowest is one epoch old"),
    ([3.0, 1.0, 2.0], 1, True, "the lowest is one epoch old"),
    ([3.0, 1.0, 2.0, 1.5], 2, True, "the lowest is two epochs old; that 1.5 is below 2 does not count"),
    ([3.0, 1.0, 2.0, 1.5, 1.2], 3, True, "the lowest is three epochs old, though each later loss fell"),
    ([1.0, 2.0, 3.0, 2.0], 1, True, "the lowest is three epochs old"),
    ([1.0, 2.0, 1.0], 2, True, "the lowest came first; a loss that is only equal is no improvement"),
    ([5.0, 6.0, 4.0, 5.0, 3.0, 4.0], 2, False, "bad epochs before the lowest are forgiven"),
    ([2.0, 3.0, 4.0, 1.0], 2, False, "the lowest is the newest, however long it took"),
    ([NAN, 3.0, 2.0], 2, False, "NaN is never the lowest"),
    ([3.0, 2.0, NAN, NAN], 2, True, "NaN is no improvement"),
)


@exercise(
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "Which epoch has the lowest loss? How many came after it? Compare that number with `patience`.",
        "`len(losses) - 1 - best` epochs came after epoch `best` (counted from 0). `np.nanargmin(losses)` gives the first of "
        "several lowest and leaves NaN out; but it wants at least one number.",
        "Ask for `not losses` first. `min(range(len(losses)), key=lambda epoch: (np.isnan(losses[epoch]), losses[epoch]))` "
        "is the epoch, NaNs last.",
    ),
)
def patience_is_over(answer: Any, reference: Any) -> None:
    """Early stopping: when patience is over."""
    given = []
    for losses, patience, _, _ in CASES:
        with probes.doing("with no losses yet" if not losses else f"with losses {losses} and patience {patience}"):
            over = probes.call(answer, list(losses), patience)
            if not isinstance(over, bool | np.bool_):
                probes.fail(f"it returned {over!r:.60}; `True` or `False` is wanted.")
        given.append(bool(over))
    right = known("right", lambda: [reference(list(losses), patience) for losses, patience, _, _ in CASES])
    if given == right:
        return
    for name, rule in _MISTAKES.items():
        if given == [rule(losses, patience) for losses, patience, _, _ in CASES]:
            probes.fail(name)
    wrong = next(place for place, over in enumerate(given) if over != right[place])
    losses, patience, due, why = CASES[wrong]
    probes.fail(f"With losses {losses} and a patience of {patience} it says {given[wrong]}; {due} is right: {why}.")


def _age(losses: list[float], pick: Any = np.nanargmin) -> int:
    return len(losses) - 1 - int(pick(losses))


_MISTAKES: dict[str, Callable[[list[float], int], bool]] = {
    "It stops one epoch too late: when the lowest loss is `patience` epochs old, patience is over.": lambda losses, patience: (
        bool(losses) and _age(losses) > patience
    ),
    "It stops one epoch too early: an epoch is 0 epochs old when it is the newest.": lambda losses, patience: (
        bool(losses) and _age(losses) + 1 >= patience
    ),
    "It goes by the highest loss; the lowest is wanted.": lambda losses, patience: (
        bool(losses) and _age(losses, np.nanargmax) >= patience
    ),
    "It never stops.": lambda losses, patience: False,
    "It compares neighbours: a loss that is lower than the one before may still be above the lowest.": lambda losses, patience: (
        len(losses) > patience and all(b >= a for a, b in list(itertools.pairwise(losses))[-patience:])
    ),
}
