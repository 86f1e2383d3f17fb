"""Record what the judge knows of the course's answers and of known mistakes, for a release, which has neither."""

from __future__ import annotations

from pathlib import Path

from utils.base import definitions, files
from utils.base.errors import CourseError
from utils.checks import answers, known
from utils.checks.judge import FromSolution, judge
from utils.checks.registry import Unit
from utils.checks.verdict import Kind


def record(unit: Unit, into: Path | str = known.KNOWN) -> list[Path]:
    """Write the results of a unit's answers and known mistakes on the notebooks' cases, a file for each exercise.

    Args:
      unit: e.g. `checks.units()["01_jnp_and_jit"]`.
      into: the folder to write to.

    Returns:
      The files.

    Raises:
      CourseError: the course's own answer does not pass, or has a result that cannot be kept; names the exercise.
    """
    solution = definitions.load(unit.solution)
    written = []
    for name, exercise in unit.exercises.items():
        here = FromSolution(exercise, solution)
        verdict = judge(here, answers.hand_over(exercise, getattr(solution, name)))
        if verdict.kind is not Kind.RIGHT:
            raise CourseError(f"{unit.name}: the course's own `{name}` is {verdict.kind.words}: {verdict.message}")
        try:
            content = known.recorded(here)
        except TypeError as error:
            raise CourseError(f"{unit.name}, `{name}`: {error}, which cannot be kept.") from error
        written.append(known.file_of(unit.name, name, Path(into)))
        files.write(written[-1], content)
    return written
