"""Record what notebooks are judged by: the results of the course's answers and of known mistakes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from utils import checks
from utils.base import definitions, files
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import answers, crossing, known, mistakes
from utils.checks.exercise import NOTEBOOK_SEED
from utils.checks.judge import judge
from utils.checks.known import Known
from utils.checks.registry import Unit
from utils.checks.verdict import Kind


def stale() -> Iterator[tuple[Unit, str]]:
    """Each exercise whose recorded results were made of something else than there is now."""
    for unit in checks.units().values():
        solution = (ROOT / unit.solution).read_text(encoding="utf-8")
        for name, exercise in unit.exercises.items():
            file = known.file_of(unit.name, name)
            if not known.is_fresh(exercise, file, solution):
                yield unit, name


def record(unit: Unit, name: str) -> None:
    """Write the results of an exercise's answer and of its known mistakes on the notebooks' cases.

    Raises:
      CourseError: the course's own answer is not there, does not pass, or has a result that cannot be kept; names it.
    """
    text = (ROOT / unit.solution).read_text(encoding="utf-8")
    mistakes.source(name, text)
    solution = definitions.load(unit.solution)
    exercise = unit.exercises[name]
    here = known.from_solution(exercise, solution)
    verdict = judge(here, answers.hand_over(exercise, getattr(solution, name)))
    if verdict.kind is not Kind.RIGHT:
        raise CourseError(f"{unit.name}: the course's own `{name}` is {verdict.kind.words}: {verdict.message}")
    try:
        content = _bytes(here, known.made_of(exercise, text))
    except TypeError as error:
        raise CourseError(f"{unit.name}, `{name}`: {error}, which cannot be kept.") from error
    files.write(known.file_of(unit.name, name), content)


def _bytes(here: Known, made_of: str) -> bytes:
    """What `known.from_file` reads. Raises TypeError for a result that cannot be kept."""
    cases = list(here.exercise.cases(NOTEBOOK_SEED))
    mistaken = {says: [result(case) for case in cases] for says, result in here.mistakes.items()}
    kept = {"made of": made_of, "want": [here.want(case) for case in cases], "wrong": mistaken}
    return zlib.compress(crossing.dumps(kept), 9)
