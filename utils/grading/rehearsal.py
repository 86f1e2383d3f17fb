"""`python -m utils grade --rehearse`: grade what the course itself knows, and see that the points are right.

For each unit: the solution scores full marks (`compiled.fill` sees to that), the untouched exercise none, and each
known wrong answer loses its own points and no others. A hand-in holds many mistakes at once, in every other exercise,
so that each exercise that is right stands between two that are wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

from utils.checks.registry import Unit, Wrong
from utils.checks.verdict import Kind
from utils.grading import compiled, handin, marking, plan, sandbox
from utils.progress import track


class Rehearsed(NamedTuple):
    """A hand-in that the course makes itself."""

    name: str
    cells: list[str]
    wrong: dict[str, Wrong]  # by exercise, the others are the solution's; none at all in the untouched exercise


def hand_ins(unit: Unit, *, rounds: int | None = None) -> Iterable[Rehearsed]:
    """The untouched exercise, and two hand-ins for each round of known wrong answers (all for None)."""
    yield Rehearsed("the untouched exercise", plan.handed_out(unit), {})
    solved = compiled.own_answers(unit).cells
    most = max(len(exercise.wrong) for exercise in unit.exercises.values())
    names = list(unit.exercises)
    for number in range(most)[:rounds]:
        for half, every_other in (("a", names[::2]), ("b", names[1::2])):
            known = {name: unit.exercises[name].wrong[number:] for name in every_other}
            wrong = {name: answers[0] for name, answers in known.items() if answers}
            if wrong:
                cells = [_with_mistakes(cell, wrong) for cell in solved]
                yield Rehearsed(f"wrong answers {number + 1}{half}", cells, wrong)


def _with_mistakes(cell: str, wrong: dict[str, Wrong]) -> str:
    """A check's cell with the wrong answer in front of its check."""
    for name, mistake in wrong.items():
        if cell.startswith(f"{name} = check.{name}({name})"):
            return f"{mistake.code.strip()}\n\n{cell}"
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
        elif mistake and mark.mistake != mistake.mistake:
            found.append(f"`{mark.exercise}`: not known as {mistake.mistake!r}: {mark.verdict} {mark.message}")
    meant = tuple(f"`{name}`: " for name in rehearsed.wrong)  # an answer that never ends is flagged, and should be
    flags = [flag for flag in result.flags if "Word for word" not in flag and not flag.startswith(meant)]
    return [*found, *(f"flagged: {flag}" for flag in flags), *(f"a cell stopped: {error}" for error in result.errors)]


def rehearse(unit: Unit, kind: sandbox.Kind, options: marking.Options, *, rounds: int | None = None) -> Iterable[str]:
    """Grade them all, in a sandbox; yields what is not as it should be.

    Raises:
      CourseError: the solution does not score full marks.
    """
    compiled.fill(unit, kind, options)
    with closing(sandbox.Place(kind, compiled.folder())) as place:
        for one in track(list(hand_ins(unit, rounds=rounds)), unit.name, unit="hand-in"):
            result = marking.Result(one.name, unit.name, unit.solution)
            marking.mark(place.run, unit, handin.Handin(one.cells), options, result)
            yield from (f"{unit.name}, {one.name}: {fault}" for fault in faults(one, result))
