"""`self_times`: profiles in random order, several levels deep, with names that recur, also inside themselves."""

from __future__ import annotations

from typing import Any

from utils.checks.answers import CHANGED, Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise

NAMES = ("while", "dot", "copy", "fusion", "convolution", "reduce")


def draw(rng: Draw, events: str) -> dict[str, Any]:
    """A profile of a form, in random order; its numbers are drawn where the form allows it."""
    part = 1 if events in ("none", "one", "apart") else 8  # of a microsecond: all but the short profiles have fractions
    t = [int(t) / part for t in rng.integers(1, 40, 24).cumsum()]  # as many times as there may be, one after the other
    a, b, c, d, *_ = (str(name) for name in rng.rng.permutation(NAMES))
    profiles = {
        "none": [],
        "one": [(a, t[0], t[1])],
        "apart": [(a, t[0], t[2]), (b, t[2], t[3]), (a, t[3], t[4]), (c, t[6], t[7])],
        "nested": [
            (a, t[0], t[12]),
            (b, t[1], t[9]),
            (c, t[2], t[4]),
            (b, t[5], t[8]),
            (c, t[6], t[7]),
            (b, t[10], t[11]),
            (c, t[13], t[14]),
        ],
        "together": [  # begin or end together; one is filled by what is inside
            (a, t[0], t[7]),
            (b, t[0], t[3]),
            (c, t[0], t[1]),
            (c, t[1], t[3]),
            (d, t[4], t[7]),
            (c, t[5], t[7]),
            (a, t[7], t[8]),
        ],
        "itself": [(a, t[0], t[9]), (a, t[1], t[6]), (a, t[2], t[3]), (b, t[4], t[5]), (a, t[9], t[10])],
        "loop": [(a, t[0], t[19])]
        + [
            event
            for i in range(0, 18, 3)
            for event in ((b, t[i], t[i + 2]), (c, t[i], t[i + 1]), (c, t[i + 2], t[i + 3]))
        ],
    }
    profile = profiles[events]
    shuffled = [profile[i] for i in rng.rng.permutation(len(profile))]
    if len(shuffled) > 1 and shuffled == sorted(shuffled, key=lambda event: (event[1], -event[2])):
        shuffled.reverse()
    return {"events": shuffled}


def ask(answer: Any, own: Any, *, events: Any) -> Any:
    """The own times."""
    given = list(events)
    result = answer(given)
    if given != events:
        raise Told(CHANGED)
    if not isinstance(result, dict):
        raise Told(f"It returned {kind(result)}; a `dict` from names to times is wanted.")
    if strange := [key for key in result if not isinstance(key, str)]:
        raise Told(f"The keys of the dict are the events' names; one of yours is {kind(strange[0])}.")
    return dict(result)


self_times = Exercise(
    name="self_times",
    title="Own times from a profile",
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "Add each event's duration to its own name, and take it away from the name of the event directly around it, if there is one.",
        "Go through the events in the order of their beginnings, of two that begin together the longer one first. Keep a stack of those "
        "that are still open: what has ended by the beginning of the next one is taken off, and the last that is left is directly around it.",
        "`sorted(events, key=lambda event: (event[1], -event[2]))`, and `while around and around[-1][2] <= begin: around.pop()`.",
    ),
    crosses="values",
    sizes=(
        {"events": "apart", "about": "no event inside another"},
        {"events": "one", "about": "a single event"},
        {"events": "none", "about": "an empty list"},
        {"events": "nested", "about": "events four levels deep"},
        {"events": "together", "about": "events that begin or end together"},
        {"events": "itself", "about": "an event inside another of the same name"},
        {"events": "loop", "about": "a loop of six rounds"},
    ),
    draw=draw,
    ask=ask,
)
