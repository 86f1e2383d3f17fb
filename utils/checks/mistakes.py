"""The known mistakes of an exercise: `mistakes.toml` in its folder, each written as what it changes in the answer.

    ["forgets to apply the updates"]
    says = "After the step the weights did not change: `optax.apply_updates` adds the updates to them."
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
    parts = {key: tuple([value] if isinstance(value, str) else value) for key, value in entry.items() if key in ("was", "now")}
    made = Mistake(name, **{**entry, **parts})
    if len(made.was) != len(made.now) or bool(made.code) == bool(made.was):
        raise ValueError(f"{name!r} needs `says`, and either `was` and `now` or `code`")
    return made


def wrong(exercise: Exercise, mistake: Mistake, solution: ModuleType) -> Any:
    """The answer that makes a mistake, defined among the solution's own definitions.

    Raises:
        CourseError: the answer has changed, and `was` no longer stands in it once.
    """
    code = mistake.code or _changed(exercise, mistake, source(exercise, solution))
    file = f"<mistake {exercise.name}: {mistake.name}>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    names = dict(vars(solution))
    exec(compile(code, file, "exec"), names)
    return names[exercise.name]


def source(exercise: Exercise, solution: ModuleType) -> str:
    """The course's answer as it stands in the solution, without the markers around it."""
    lines = linecache.getlines(str(solution.__file__))
    first = next(i for i, line in enumerate(lines) if re.match(rf"(def|class) {exercise.name}\b", line))
    while first and lines[first - 1].startswith("@"):
        first -= 1
    last = next((i for i, line in enumerate(lines) if i > first and line.startswith("# %%")), len(lines))
    return "".join(line for line in lines[first:last] if line.strip() not in (BEGIN, END))


def _changed(exercise: Exercise, mistake: Mistake, code: str) -> str:
    for was, now in zip(mistake.was, mistake.now, strict=True):
        if (many := code.count(was)) != 1:
            raise CourseError(f"{exercise.name}, mistake {mistake.name!r}: {was!r} stands in the answer {many} times, not once.")
        code = code.replace(was, now)
    return code
