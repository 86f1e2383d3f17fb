"""`python -m utils grade --rehearse`: grade what the course itself knows, and see that the points are right.

For each unit: the solution scores full marks (`own_answers` sees to that), the untouched exercise none, and each
known mistake loses its own points and no others. A hand-in holds many mistakes at once, in every other exercise,
so that each exercise that is right stands between two that are wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

from utils.base.paths import ROOT
from utils.checks.mistakes import Mistake, code, mistakes
from utils.checks.registry import Unit
from utils.checks.verdict import Kind
from utils.grading import handin, marking, own_answers, plan, sandbox
from utils.progress import track


class Rehearsed(NamedTuple):
    """A hand-in that the course makes itself."""

    name: str
    cells: list[str]
    wrong: dict[str, Mistake]  # by exercise, the others are the solution's; none at all in the untouched exercise


def hand_ins(unit: Unit, *, rounds: int | None = None) -> Iterable[Rehearsed]:
    """The untouched exercise, and two hand-ins for each round of known wrong answers (all for None)."""
    yield Rehearsed("the untouched exercise", plan.handed_out(unit), {})
    solved = own_answers.handed_in(unit).cells
    known = {name: mistakes(exercise) for name, exercise in unit.exercises.items()}
    names = list(known)
    for number in range(max(map(len, known.values())))[:rounds]:
        for half, every_other in (("a", names[::2]), ("b", names[1::2])):
            wrong = {name: known[name][number] for name in every_other if number < len(known[name])}
            if wrong:
                cells = [_with_mistakes(cell, wrong, unit) for cell in solved]
                yield Rehearsed(f"wrong answers {number + 1}{half}", cells, wrong)


def _with_mistakes(cell: str, wrong: dict[str, Mistake], unit: Unit) -> str:
    """A check's cell with the wrong answer in front of its check."""
    for name, mistake in wrong.items():
        if cell.startswith(f"{name} = check.{name}({name})"):
            solution = (ROOT / unit.solution).read_text(encoding="utf-8")
            return f"{code(unit.exercises[name], mistake, solution).strip()}\n\n{cell}"
    return cell


def faults(rehearsed: Rehearsed, result: marking.Result) -> list[str]:
    """What is not as it should be in the result of a hand-in, in sentences."""
    found = []
    untouched = not rehearsed.wrong
    for mark in result.marks:
        mistake = rehearsed.wrong.get(mark.exercise)
        wanted = 0 if mistake or untouched else mark.of
        if mark.points != wanted:
            found.append(f"`{mark.exercise}` scores {mark.points} instead of {wanted}: {mark.verdict} {mark.message}")
        elif untouched and mark.verdict != Kind.NOT_ATTEMPTED.name:
            found.append(f"`{mark.exercise}` counts as attempted: {mark.verdict} {mark.message}")
        elif mistake and mark.mistake != mistake.name:
            found.append(f"`{mark.exercise}`: not known as {mistake.name!r}: {mark.verdict} {mark.message}")
    flags = [flag for flag in result.flags if "Word for word" not in flag]
    return [*found, *(f"flagged: {flag}" for flag in flags), *(f"a cell stopped: {error}" for error in result.errors)]


def rehearse(unit: Unit, kind: sandbox.Kind, options: marking.Options, *, rounds: int | None = None) -> Iterable[str]:
    """Grade them all, in a sandbox; yields what is not as it should be.

    Raises:
      CourseError: the solution does not score full marks.
    """
    own_answers.see_full_marks(unit, kind, options)
    with closing(sandbox.Place(kind)) as place:
        for one in track(list(hand_ins(unit, rounds=rounds)), unit.name, unit="hand-in"):
            result = marking.Result(one.name, unit.name, unit.solution)
            marking.mark(place, unit, handin.Handin(one.cells), options, result)
            yield from (f"{unit.name}, {one.name}: {fault}" for fault in faults(one, result))
