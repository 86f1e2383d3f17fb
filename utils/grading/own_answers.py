"""What the course knows itself, as hand-ins: its own answers, which must score full marks, and for `--rehearse` more.

Of each unit the untouched exercise scores nothing, and each known mistake loses its own points and no others. A hand-in
holds many mistakes at once, in every other exercise, so that each exercise that is right stands between two that are
wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import ROOT, cache_dir
from utils.checks import verdict
from utils.checks.mistakes import Mistake, code, mistakes
from utils.checks.registry import Unit
from utils.grading import handin, marking, plan
from utils.grading.sandbox import Kind, Place
from utils.progress import track


@cache
def fingerprint(unit: Unit) -> str:
    """A digest of all that judging a unit depends on: its answers and checks, the course's package, the libraries."""
    digest = hashlib.sha256(f"{version('jax')} {version('jaxlib')}".encode())
    mine = f"unit_{unit.name[:2]}"
    package = sorted(path for path in (ROOT / "utils").rglob("*") if path.suffix in (".py", ".toml"))
    for path in [ROOT / unit.solution, *package]:
        if all(part == mine or not part.startswith("unit_") for part in path.relative_to(ROOT).parts):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def handed_in(unit: Unit) -> handin.Handin:
    """The solution, as if a student had handed it in."""
    return handin.read((ROOT / unit.solution).read_bytes(), f"{unit.name}.py")


def see_full_marks(unit: Unit, kind: Kind, options: marking.Options) -> None:
    """Grade the course's own answers, once for each change of the course.

    Raises:
      CourseError: they do not score full marks here, so no hand-in could.
    """
    done = cache_dir() / "grading" / f"{unit.name}.{fingerprint(unit)[:16]}.{kind.name}"
    if done.exists():
        return
    print(f"First the course's own answers to {unit.name} are graded (once, about half a minute) …", flush=True)
    result = marking.Result("the course", unit.name, unit.solution)
    slow = replace(options, seconds=max(900, options.seconds))
    with closing(Place(kind, unit)) as place:
        marking.mark(place, unit, handed_in(unit), slow, result)
    for mark in result.marks:
        if mark.points < mark.of:
            raise CourseError(
                f"{unit.solution} itself does not pass the check of {mark.exercise} in the sandbox: "
                f"{mark.message or mark.verdict.lower()} Nothing was graded."
            )
    done.parent.mkdir(parents=True, exist_ok=True)
    files.write(done, "")


class Rehearsed(NamedTuple):
    """A hand-in that the course makes itself."""

    name: str
    cells: list[str]
    wrong: dict[str, Mistake]  # by exercise, the others are the solution's; none at all in the untouched exercise


def hand_ins(unit: Unit, *, rounds: int | None = None) -> Iterable[Rehearsed]:
    """The untouched exercise, and two hand-ins for each round of known wrong answers (all for None)."""
    yield Rehearsed("the untouched exercise", plan.handed_out(unit), {})
    solved = handed_in(unit).cells
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
        elif untouched and mark.verdict != verdict.Kind.NOT_ATTEMPTED.name:
            found.append(f"`{mark.exercise}` counts as attempted: {mark.verdict} {mark.message}")
        elif mistake and mark.message != mistake.says:
            found.append(f"`{mark.exercise}`: not known as {mistake.name!r}: {mark.verdict} {mark.message}")
    flags = [flag for flag in result.flags if not flag.startswith("As the course's")]
    return [*found, *(f"flagged: {flag}" for flag in flags), *(f"a cell stopped: {error}" for error in result.errors)]


def rehearse(unit: Unit, kind: Kind, options: marking.Options, *, rounds: int | None = None) -> Iterable[str]:
    """Grade them all, in a sandbox; yields what is not as it should be.

    Raises:
      CourseError: the solution does not score full marks.
    """
    see_full_marks(unit, kind, options)
    with closing(Place(kind, unit)) as place:
        for one in track(list(hand_ins(unit, rounds=rounds)), unit.name, unit="hand-in"):
            result = marking.Result(one.name, unit.name, unit.solution)
            marking.mark(place, unit, handin.Handin(one.cells), options, result)
            yield from (f"{unit.name}, {one.name}: {fault}" for fault in faults(one, result))
