"""What the course knows itself, as hand-ins: its own answers, which must score full marks, and for `--rehearse` more.

Of each unit the untouched exercise scores nothing, and each known mistake loses its own points and no others. A hand-in
holds many mistakes at once, in every other exercise, so that each exercise that is right stands between two that are
wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import ROOT, cache_dir
from utils.checks.mistakes import Mistake, code, mistakes
from utils.checks.registry import Unit
from utils.checks.verdict import Kind
from utils.grading import sandbox
from utils.grading.bench import Bench
from utils.grading.handin import Handin
from utils.grading.marking import Options, Result, mark
from utils.grading.plan import cells_of, handed_out, lay_out
from utils.progress import track


@cache
def fingerprint(unit: Unit) -> str:
    """A digest of all that judging a unit depends on: its answers and checks, the course's package, the libraries."""
    digest = hashlib.sha256(f"{version('jax')} {version('jaxlib')} {sandbox.warning()}".encode())
    mine = f"unit_{unit.name[:2]}"
    package = sorted(path for path in (ROOT / "utils").rglob("*") if path.suffix in (".py", ".toml"))
    for path in [ROOT / unit.solution, *package]:
        if all(part == mine or not part.startswith("unit_") for part in path.relative_to(ROOT).parts):
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Rehearsed(NamedTuple):
    """A hand-in that the course makes itself."""

    name: str
    cells: list[str]
    wrong: dict[str, Mistake]  # by exercise, the others are the solution's; none at all in the untouched exercise

    def graded(self, bench: Bench, unit: Unit, options: Options) -> Result:
        """What it scores."""
        result = Result(self.name, unit.name, unit.solution)
        mark(bench, unit, lay_out(Handin(self.cells), unit), options, result)
        return result


def see_full_marks(unit: Unit, options: Options) -> None:
    """Grade the course's own answers, once for each change of the course.

    Raises:
      CourseError: they do not score full marks here, so no hand-in could.
    """
    done = cache_dir() / "grading" / f"{unit.name}.{fingerprint(unit)[:16]}"
    if done.exists():
        return
    print(f"First the course's own answers to {unit.name} are graded (once, about half a minute) …", flush=True)
    solved = Rehearsed("the course", cells_of(unit), {})
    with closing(Bench(unit)) as bench:
        result = solved.graded(bench, unit, replace(options, seconds=max(900, options.seconds)))
    for one in result.marks:
        if one.points < one.of:
            raise CourseError(
                f"{unit.solution} itself does not pass the check of {one.exercise} in the sandbox: "
                f"{one.message or one.verdict.lower()} Nothing was graded."
            )
    files.write(done, "")


def hand_ins(unit: Unit, *, rounds: int | None = None) -> Iterator[Rehearsed]:
    """The untouched exercise, and two hand-ins for each round of known wrong answers (all for None)."""
    yield Rehearsed("the untouched exercise", handed_out(unit), {})
    solution = (ROOT / unit.solution).read_text(encoding="utf-8")
    known = {name: mistakes(exercise) for name, exercise in unit.exercises.items()}
    for number in range(max(map(len, known.values())))[:rounds]:
        for half, first in (("a", 0), ("b", 1)):
            wrong = {name: known[name][number] for name in [*known][first::2] if number < len(known[name])}
            codes = {name: code(unit.exercises[name], mistake, solution) for name, mistake in wrong.items()}
            cells = [
                "\n".join([made for name, made in codes.items() if cell.startswith(f"{name} = check.{name}(")] + [cell])
                for cell in cells_of(unit)
            ]
            if wrong:
                yield Rehearsed(f"wrong answers {number + 1}{half}", cells, wrong)


def faults(rehearsed: Rehearsed, result: Result) -> Iterator[str]:
    """What is not as it should be in the result of a hand-in, in sentences."""
    for one in result.marks:
        mistake = rehearsed.wrong.get(one.exercise)
        wanted = 0 if mistake or not rehearsed.wrong else one.of
        if one.points != wanted:
            yield f"`{one.exercise}` scores {one.points} instead of {wanted}: {one.verdict} {one.message}"
        elif not rehearsed.wrong and one.verdict != Kind.NOT_ATTEMPTED.name:
            yield f"`{one.exercise}` counts as attempted: {one.verdict} {one.message}"
        elif mistake and one.message != mistake.says:
            yield f"`{one.exercise}`: not known as {mistake.name!r}: {one.verdict} {one.message}"
    yield from (f"flagged: {flag}" for flag in result.flags if not flag.startswith("As the course's"))
    yield from (f"a cell stopped: {error}" for error in result.errors)


def rehearse(unit: Unit, options: Options, *, rounds: int | None = None) -> Iterator[str]:
    """Grade them all; yields what is not as it should be.

    Raises:
      CourseError: the solution does not score full marks.
    """
    see_full_marks(unit, options)
    with closing(Bench(unit)) as bench:
        for one in track(list(hand_ins(unit, rounds=rounds)), unit.name, unit="hand-in"):
            yield from (f"{unit.name}, {one.name}: {fault}" for fault in faults(one, one.graded(bench, unit, options)))
