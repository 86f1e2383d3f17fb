"""What the folder of an exercise declares: its check with its hints, and the mistakes that are made with it."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any, Any], None]

SECONDS = 20.0  # of the CPU, that a check may take where its exercise says nothing else
WALL = 10  # how many times its CPU seconds an answer may take by the clock: the last resort
RESERVED = ("hint", "progress", "reveal")  # what `check` itself offers


@dataclass(frozen=True)
class Wrong:
    """A mistake that students make, and what they must be told."""

    mistake: str  # what is wrong, in a few words; its name in the tests
    code: str  # a definition of the exercise's name that makes the mistake
    says: str  # what the verdict's message must contain; no other wrong answer of the exercise shares it


def changed(code: str, *changes: tuple[str, str]) -> str:
    """`code` with each old part replaced by its new one, to write a known wrong answer as what is wrong in it."""
    for old, new in changes:
        if code.count(old) != 1:
            raise ValueError(f"{old!r} stands there {code.count(old)} times, not once")
        code = code.replace(old, new)
    return code


@dataclass(frozen=True)
class Exercise:
    """One exercise and how it is judged."""

    name: str  # the function or class to write
    title: str  # what it is, in a line
    check: Check  # called with the student's answer and the course's; raises when the answer is wrong
    stars: int  # difficulty, 1 to 3
    minutes: int  # the time it takes
    points: int  # what a right answer scores
    hints: tuple[str, ...]  # from a nudge to nearly the line to write
    seconds: float = SECONDS  # of the CPU, that a check may take before it is called endless
    folder: str = ""  # the package that holds it, e.g. "utils.checks.unit_01.standardise"

    @property
    def difficulty(self) -> str:
        """The stars as they are shown: "★★☆"."""
        return "★" * self.stars + "☆" * (3 - self.stars)

    @property
    def wrong(self) -> tuple[Wrong, ...]:
        """The known wrong answers: `WRONG` of the module `mistakes` beside the check. A release has no such modules."""
        if not self.folder or importlib.util.find_spec(f"{self.folder}.mistakes") is None:
            return ()
        found: tuple[Wrong, ...] = importlib.import_module(f"{self.folder}.mistakes").WRONG
        return found


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


def exercise(
    *, stars: int, minutes: int, points: int, hints: tuple[str, ...], seconds: float = SECONDS
) -> Callable[[Check], Exercise]:
    """Make an exercise of the decorated check: its name is the exercise's, its docstring's first line the title."""

    def made(check: Check) -> Exercise:
        name = check.__name__
        title = (inspect.getdoc(check) or name).splitlines()[0].rstrip(".")
        folder = check.__module__.rpartition(".")[0]
        return Exercise(name, title, check, stars, minutes, points, hints, seconds, folder)

    return made


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """What to say of a name that is not among the known ones."""
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"{what} {name!r}.{meant} There are: {', '.join(known)}."
