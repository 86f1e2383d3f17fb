"""`self_times`: profiles in random order, several levels deep, with names that recur, also inside themselves."""

from __future__ import annotations

from typing import Any

from utils.checks.answers import CHANGED, Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise

NAMES = ("while", "dot", "dot.1", "fusion", "convolution", "reduce")
# each event by its name, and which of the drawn times it begins and ends at
PROFILES: dict[str, list[tuple[str, int, int]]] = {
    "none": [],
    "one": [("a", 0, 1)],
    "apart": [("a", 0, 2), ("b", 3, 4), ("c", 6, 7)],
    "again": [("a", 0, 2), ("b", 3, 4), ("a", 5, 6)],
    "inside": [("a", 0, 3), ("b", 1, 2)],
    "touching": [("a", 0, 2), ("b", 2, 3)],
    "together": [("a", 0, 3), ("b", 0, 1), ("c", 2, 3)],
    "filled": [("a", 0, 2), ("b", 0, 1), ("c", 1, 2)],
    "two": [("a", 0, 6), ("b", 1, 2), ("c", 4, 5)],
    "itself": [("a", 0, 3), ("a", 1, 2)],
    "three levels": [("a", 0, 6), ("b", 1, 5), ("c", 2, 3)],
    "nested": [
        *(("a", 0, 12), ("b", 1, 9), ("c", 2, 4), ("b", 5, 8)),
        *(("c", 6, 7), ("b", 10, 11), ("c", 13, 14)),
    ],
}


def draw(rng: Draw, events: str) -> dict[str, Any]:
    """A profile of a form, in random order; its numbers are drawn where the form allows it."""
    part = 1 if rng.turn == 0 else 8  # of a microsecond
    t = [int(t) / part for t in rng.integers(1, 40, 24).cumsum()]  # as many times as there may be, one after the other
    names = [str(name) for name in rng.rng.permutation(NAMES)]
    rounds = [event for i in range(0, 18, 3) for event in (("b", i, i + 2), ("c", i, i + 1), ("c", i + 2, i + 3))]
    profile = [("a", 0, 19), *rounds] if events == "loop" else PROFILES[events]
    named = [(names["abcdef".index(name)], t[begin], t[end]) for name, begin, end in profile]
    shuffled = [named[i] for i in rng.rng.permutation(len(named))]
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
        raise Told(f"It returned {kind(result)} instead of a `dict` from names to times.")
    if strange := [key for key in result if not isinstance(key, str)]:
        raise Told(f"The keys of the dict should be the names of the events; one of yours is {kind(strange[0])}.")
    return dict(result)


self_times = Exercise(
    name="self_times",
    title="Self times from a profile",
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "Add each event's duration to its own name, and subtract it from the name of the event directly around it, if there is one.",
        "Go through the events in the order in which they begin; if two begin together, take the longer one first. Keep a stack of the "
        "open events. Before you add an event, remove those that have ended; the top of the stack is then the event directly around it.",
        "Use `sorted(events, key=lambda event: (event[1], -event[2]))`, and `while around and around[-1][2] <= begin: around.pop()`.",
    ),
    crosses="values",
    sizes=(
        {"events": "none", "about": "an empty list"},
        {"events": "one", "about": "a single event"},
        {"events": "apart", "about": "events apart from each other"},
        {"events": "again", "about": "a name that occurs twice"},
        {"events": "inside", "about": "one event inside another"},
        {"events": "touching", "about": "an event that begins where another ends"},
        {"events": "together", "about": "events that begin or end together"},
        {"events": "filled", "about": "an event that is filled by those inside"},
        {"events": "two", "about": "two events inside another"},
        {"events": "itself", "about": "an event inside another of the same name"},
        {"events": "three levels", "about": "three levels"},
        {"events": "nested", "about": "four levels and more"},
        {"events": "loop", "about": "a loop of six rounds"},
    ),
    draw=draw,
    ask=ask,
)
