"""The known mistakes of an exercise: `mistakes.toml` in its folder, each written as what it changes in the answer.

    ["optax.apply_updates(state.params, updates)"]
    "state.params" = "After the step the weights did not change: put what `optax.apply_updates` returns into the state."
    "updates" = "The new weights are the updates themselves. They are to be added to the old: `optax.apply_updates`."

In brackets stands a part of the course's answer that is there once, then what mistakes have in its place, and what each
is told. Where a mistake changes several parts, " … " stands between them, and between what takes their places.
"""

from __future__ import annotations

import linecache
import re
import tomllib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from utils.base.errors import CourseError
from utils.base.markers import BEGIN, END
from utils.base.paths import shown
from utils.checks.exercise import Exercise

_AND = " … "


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make: what they are told, and what it changes in the answer."""

    says: str
    was: str = ""
    now: str = ""

    @property
    def name(self) -> str:
        """What is wrong, in short: the first sentence."""
        return self.says.split(". ")[0].rstrip(".")


def mistakes(exercise: Exercise) -> tuple[Mistake, ...]:
    """The known mistakes, in the order in which they are tried; none in a release.

    Raises CourseError, which names the file, if that is not as it should be.
    """
    file = exercise.folder / "mistakes.toml"
    if not file.exists():
        return ()
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
        return tuple(Mistake(says, was, now) for was, each in entries.items() for now, says in each.items())
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        raise CourseError(f"{shown(file)}: {error}.") from None


def wrong(exercise: Exercise, mistake: Mistake, solution: ModuleType) -> Any:
    """The answer that makes a mistake, defined among the solution's own definitions. Raises what its code does."""
    text = "".join(linecache.getlines(str(solution.__file__)))
    names = dict(vars(solution))
    exec(compile(code(exercise, mistake, text), f"<mistake {exercise.name}: {mistake.name}>", "exec"), names)
    return names[exercise.name]


def code(exercise: Exercise, mistake: Mistake, solution: str) -> str:
    """The wrong answer's code, from the solution's text.

    Raises CourseError if it does not say what it changes, or if that does not stand in the answer once (any more).
    """
    made, where = source(exercise.name, solution), f"{shown(exercise.folder / 'mistakes.toml')}, {mistake.now!r}"
    parts, others = mistake.was.split(_AND), mistake.now.split(_AND)
    if len(parts) != len(others):
        raise CourseError(f"{where}: it stands for {len(parts)} part(s), and has {len(others)}.")
    for was, now in zip(parts, others, strict=True):
        if (many := made.count(was)) != 1:
            raise CourseError(f"{where}: {was!r} stands {many} times in the answer, not once. Write what is there now.")
        made = made.replace(was, now)
    return made


def source(name: str, solution: str) -> str:
    """The course's answer as it stands in the solution's text, without the markers around it.

    Raises CourseError if it is not there, or in more than one cell.
    """
    cells = [cell for cell in solution.split("\n# %%") if re.search(rf"^(def|class) {name}\b", cell, re.MULTILINE)]
    if len(cells) != 1:
        raise CourseError(f"`{name}` is defined in {len(cells)} cells of the solution, not in one.")
    lines = cells[0].splitlines(keepends=True)[1:]
    return "".join(line for line in lines if line.strip() not in (BEGIN, END))
