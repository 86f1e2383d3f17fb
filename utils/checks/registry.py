"""The exercises of a unit, and what is said of a name that is not among known ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from utils.checks.exercise import Exercise

RESERVED = ("hint", "progress", "reveal")  # what `check` itself offers


class Unit:
    """The exercises of a unit, by their names, in the order of the notebook."""

    def __init__(self, name: str, exercises: Iterable[Exercise]):
        """`name` is the notebook's without its ending, e.g. "02_flax_mnist_cnn"."""
        self.name = name
        self.exercises = {one.name: one for one in exercises}

    @property
    def solution(self) -> str:
        """Where the course's own answers are, relative to the root."""
        return f"solutions/{self.name}.py"


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """What to say of a name that is not among the known ones."""
    known = list(known)
    close = [one for one in known if name and one.startswith(str(name))] or difflib.get_close_matches(
        str(name), known, n=1
    )
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"{what} {name!r}.{meant} There are: {', '.join(known)}."
