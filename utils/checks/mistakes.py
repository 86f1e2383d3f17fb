"""The known mistakes of an exercise: `mistakes.toml` in its folder, each written as what it changes in the answer.

    ["forgets to apply the updates"]
    says = "After the step the weights did not change: put what `optax.apply_updates` returns into the new state."
    was = 'optax.apply_updates(state.params, updates)'
    now = 'state.params'

`was` is a part of the course's answer that stands there once, `now` stands in its place; both may be lists, for more
than one change. `code` in their place is the whole wrong answer, for what is no change of the course's.
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


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make, and what they are told."""

    name: str  # what is wrong, in a few words
    says: str
    was: tuple[str, ...] = ()
    now: tuple[str, ...] = ()
    code: str = ""


def mistakes(exercise: Exercise) -> tuple[Mistake, ...]:
    """The known mistakes, in the order in which they are tried; none in a release.

    Raises:
        CourseError: the file is not as it should be; names it.
    """
    file = exercise.folder / "mistakes.toml"
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
        return tuple(_mistake(name, entry) for name, entry in entries.items())
    except FileNotFoundError:
        return ()
    except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError) as error:
        raise CourseError(f"{shown(file)}: {error}.") from None


def _mistake(name: str, entry: dict[str, Any]) -> Mistake:
    if set(entry) not in ({"says", "was", "now"}, {"says", "code"}):
        raise ValueError(f"{name!r} needs `says`, and either `was` and `now` or `code`; it has {', '.join(entry)}")
    for key in entry.keys() & {"was", "now"}:
        entry[key] = (entry[key],) if isinstance(entry[key], str) else tuple(entry[key])
    made = Mistake(name, **entry)
    if len(made.was) != len(made.now):
        raise ValueError(f"{name!r} has {len(made.was)} times `was` and {len(made.now)} times `now`")
    return made


def wrong(exercise: Exercise, mistake: Mistake, solution: ModuleType) -> Any:
    """The answer that makes a mistake, defined among the solution's own definitions. Raises what `code` does."""
    text = "".join(linecache.getlines(str(solution.__file__)))
    file, made = f"<mistake {exercise.name}: {mistake.name}>", code(exercise, mistake, text)
    linecache.cache[file] = (len(made), None, made.splitlines(keepends=True), file)
    names = dict(vars(solution))
    exec(compile(made, file, "exec"), names)
    return names[exercise.name]


def code(exercise: Exercise, mistake: Mistake, solution: str) -> str:
    """The wrong answer's code, from the solution's text.

    Raises:
        CourseError: the answer has changed, and `was` no longer stands in it once.
    """
    made = mistake.code or source(exercise.name, solution)
    for was, now in zip(mistake.was, mistake.now, strict=True):
        if (many := made.count(was)) != 1:
            where = f"{shown(exercise.folder / 'mistakes.toml')}, {mistake.name!r}"
            raise CourseError(
                f"{where}: {was!r} stands {many} times in the answer, not once. Write what stands there now."
            )
        made = made.replace(was, now)
    return made


def source(name: str, solution: str) -> str:
    """The course's answer as it stands in the solution's text, without the markers around it.

    Raises:
        CourseError: it is not there, or in more than one cell.
    """
    cells = [cell for cell in solution.split("\n# %%") if re.search(rf"^(def|class) {name}\b", cell, re.MULTILINE)]
    if len(cells) != 1:
        raise CourseError(f"`{name}` is defined in {len(cells)} cells of the solution, not in one.")
    lines = cells[0].splitlines(keepends=True)[1:]
    return "".join(line for line in lines if line.strip() not in (BEGIN, END))
