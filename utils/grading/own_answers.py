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
    wrong: dict[str, Mistake] | None  # by exercise, the others are the solution's; None of the untouched exercise


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
    for _, result in _graded(unit, [solved], replace(options, seconds=max(900, options.seconds))):
        if any(one.points < one.of for one in result.marks):
            told = f"{unit.solution} itself does not pass in the sandbox: {next(faults(solved, result))}"
            raise CourseError(f"{told} Nothing was graded.")
    files.write(done, "")


def hand_ins(unit: Unit, *, rounds: int | None = None) -> Iterator[Rehearsed]:
    """The untouched exercise, and two hand-ins for each round of known wrong answers (all for None)."""
    yield Rehearsed("the untouched exercise", handed_out(unit), None)
    solution, names = (ROOT / unit.solution).read_text(encoding="utf-8"), list(unit.exercises)
    known = {name: mistakes(exercise) for name, exercise in unit.exercises.items()}
    for number in range(max(map(len, known.values())))[:rounds]:
        for every_other in (names[::2], names[1::2]):
            wrong = {name: known[name][number] for name in every_other if number < len(known[name])}
            cells = []
            for cell in cells_of(unit):
                checked = [name for name in wrong if cell.startswith(f"{name} = check.{name}(")]
                cells += [code(unit.exercises[name], wrong[name], solution) for name in checked]
                cells.append(cell)
            if wrong:
                yield Rehearsed(f"wrong answers {number + 1} to {', '.join(wrong)}", cells, wrong)


def faults(rehearsed: Rehearsed, result: Result) -> Iterator[str]:
    """What is not as it should be in the result of a hand-in, in sentences."""
    for one in result.marks:
        mistake = (rehearsed.wrong or {}).get(one.exercise)
        kind = Kind.NOT_ATTEMPTED if rehearsed.wrong is None else Kind.WRONG if mistake else Kind.RIGHT
        found, wanted = (one.verdict, one.message), (kind.name, mistake.says if mistake else "")
        if found != wanted or one.points != one.of * (kind is Kind.RIGHT):
            yield f"`{one.exercise}` scores {one.points}: {' '.join(found)} instead of {' '.join(wanted)}"
    yield from (f"flagged: {flag}" for flag in result.flags)
    yield from (f"a cell stopped: {error}" for error in result.errors)


def rehearse(unit: Unit, options: Options, *, rounds: int | None = None) -> Iterator[str]:
    """Grade them all; yields what is not as it should be.

    Raises:
      CourseError: the solution does not score full marks.
    """
    see_full_marks(unit, options)
    for one, result in _graded(unit, list(hand_ins(unit, rounds=rounds)), options):
        yield from (f"{unit.name}, {one.name}: {fault}" for fault in faults(one, result))


def _graded(unit: Unit, hand_ins: list[Rehearsed], options: Options) -> Iterator[tuple[Rehearsed, Result]]:
    with closing(Bench(unit)) as bench:
        for one in track(hand_ins, unit.name, unit="hand-in"):
            result = Result(one.name, unit.name, unit.solution)
            mark(bench, unit, lay_out(Handin(one.cells), unit), options, result)
            yield one, result
