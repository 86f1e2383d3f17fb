"""What the folder of an exercise declares: its check with its hints, and the mistakes that are made with it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any, Any], None]

WALL = 10  # how many times its CPU seconds an answer may take by the clock: the last resort
RESERVED = ("hint", "progress", "reveal")  # what `check` itself offers


@dataclass(frozen=True)
class Wrong:
    """A mistake that students make, and what they must be told.

    Attributes:
      mistake: what is wrong, in a few words; its name in the tests.
      code: a definition of the exercise's name that makes the mistake.
      says: what the verdict's message must contain; no other wrong answer of the exercise shares it.
    """

    mistake: str
    code: str
    says: str


def changed(code: str, *changes: tuple[str, str]) -> str:
    """`code` with each old part replaced by its new one, to write a known wrong answer as what is wrong in it."""
    for old, new in changes:
        if code.count(old) != 1:
            raise ValueError(f"{old!r} stands there {code.count(old)} times, not once")
        code = code.replace(old, new)
    return code


@dataclass(frozen=True)
class Exercise:
    """One exercise and how it is judged.

    Attributes:
      name: the function or class to write.
      title: what it is, in a line.
      check: called with the student's answer and the course's; raises when the answer is wrong.
      stars: difficulty, 1 to 3.
      minutes: the time it takes.
      points: what a right answer scores.
      hints: from a nudge to nearly the line to write.
      seconds: the CPU seconds that a check may take before it is called endless.
      folder: the package that holds it, e.g. "utils.checks.unit_01.standardise".
    """

    name: str
    title: str
    check: Check
    stars: int
    minutes: int
    points: int
    hints: tuple[str, ...]
    seconds: float = 20.0
    folder: str = ""

    @property
    def wrong(self) -> tuple[Wrong, ...]:
        """The known wrong answers: `WRONG` of the module `mistakes` beside the check. A release has no such modules."""
        if not self.folder or importlib.util.find_spec(f"{self.folder}.mistakes") is None:
            return ()
        found: tuple[Wrong, ...] = importlib.import_module(f"{self.folder}.mistakes").WRONG
        return found


class Unit:
    """The exercises of a unit.

    name: the notebook's name without ending, e.g. "02_flax_mnist_cnn".
    exercises: by their names, in the order of the notebook.
    """

    def __init__(self, name: str, exercises: Iterable[Exercise]):
        self.name = name
        self.exercises: dict[str, Exercise] = {}
        for one in exercises:
            if one.name in self.exercises or one.name in RESERVED:
                raise ValueError(f"{name}: the name {one.name} is taken")
            self.exercises[one.name] = one

    @property
    def solution(self) -> str:
        """Where the course's own answers are, relative to the root."""
        return f"solutions/{self.name}.py"


def exercise(
    *, stars: int, minutes: int, points: int, hints: tuple[str, ...], seconds: float = 20.0
) -> Callable[[Check], Exercise]:
    """Make an exercise of the decorated check: its name is the exercise's, its docstring's first line the title."""

    def made(check: Check) -> Exercise:
        name = check.__name__
        title = (inspect.getdoc(check) or name).splitlines()[0].rstrip(".")
        folder = check.__module__.rpartition(".")[0]
        return Exercise(name, title, check, stars, minutes, points, hints, seconds, folder)

    return made
