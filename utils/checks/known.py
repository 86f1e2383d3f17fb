"""What the judge knows of an exercise: what is wanted for each case, and what known mistakes give there.

It comes from the course's own answer. For notebooks' cases that was recorded, in `ressources/known/UNIT/NAME.known`,
by which a notebook is judged in a second, and also where there are no solutions. `utils.author.recorded` writes it.
"""

from __future__ import annotations

import ast
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax

from utils.base import definitions
from utils.base.errors import CourseError
from utils.base.paths import RESSOURCES, ROOT, shown
from utils.checks import answers, crossing, running
from utils.checks.crossing import Leaves
from utils.checks.exercise import NOTEBOOK_SEED, Case, Exercise
from utils.checks.mistakes import Mistake, mistakes, wrong
from utils.checks.registry import Unit

KNOWN = RESSOURCES / "known"
CONFIG: Any = jax.config
QUICKLY = "jax_disable_most_optimizations"


@dataclass(frozen=True)
class Known:
    """What the judge knows of an exercise."""

    exercise: Exercise  # what was asked
    want: Callable[[Case], Any]  # gives what is wanted for a case, a `Result`
    mistakes: Mapping[str, Callable[[Case], Leaves | None]]  # what each is told → gives its results; None: it has none
    made_of: str = ""  # what it was made of, if that was recorded


@cache
def known_of(unit: Unit, exercise: str, seed: int = NOTEBOOK_SEED) -> Known:
    """What is known of an exercise: for a notebook's cases from what was recorded, else from the solution."""
    declared, file, solution = unit.exercises[exercise], file_of(unit.name, exercise), ROOT / unit.solution
    text = solution.read_text(encoding="utf-8") if solution.exists() else ""
    if not text or (seed == NOTEBOOK_SEED and is_fresh(declared, file, text)):
        return from_file(declared, file)
    return from_solution(declared, definitions.load(unit.solution))


def from_solution(exercise: Exercise, solution: ModuleType) -> Known:
    """All of it, for any seed, from the solution; computed when it is asked for, and once."""
    answer = getattr(solution, exercise.name)
    own = answers.own(exercise, answer)
    handed = cache(partial(answers.hand_over, exercise, answer))

    @cache
    def wanted(seed: int) -> dict[Case, Any]:
        drawn = seed if exercise.crosses == "values" else NOTEBOOK_SEED  # in a program is nothing of a seed
        return dict(running.outcomes(exercise, handed(drawn), seed))

    @cache
    def given(mistake: Mistake, case: Case) -> Leaves | None:
        mistaken = wrong(exercise, mistake, solution)
        try:  # one operation after the other, each compiled with few optimisations: as a whole it would take longer
            with ExitStack() as stack:
                stack.callback(CONFIG.update, QUICKLY, CONFIG.read(QUICKLY))
                CONFIG.update(QUICKLY, True)
                return answers.result(exercise, mistaken, own, case.inputs).leaves
        except Exception:
            return None

    given_by = {one.says: partial(given, one) for one in mistakes(exercise)}
    return Known(exercise, lambda case: wanted(case.seed)[case], given_by)


def from_file(exercise: Exercise, file: Path) -> Known:
    """What was recorded for the notebooks' cases. Raises CourseError where that cannot be read."""

    def numbered(results: Sequence[Any]) -> Callable[[Case], Any]:
        return lambda case: results[case.turn * len(exercise.sizes) + case.place]

    try:
        kept = crossing.loads(zlib.decompress(file.read_bytes()), dict)
        if len(kept["want"]) != len(exercise.sizes) * exercise.draws:
            raise crossing.Damaged("it is of another version")
        wrong = {says: numbered(results) for says, results in kept["wrong"].items()}
        return Known(exercise, numbered(kept["want"]), wrong, kept["made of"])
    except (OSError, zlib.error, LookupError, TypeError, AttributeError, crossing.Damaged) as error:
        raise CourseError(
            f"The recorded results for `{exercise.name}` cannot be read from {shown(file)}. This is not your fault. "
            "Download the course again."
        ) from error


def file_of(unit: str, exercise: str) -> Path:
    """Where the results of an exercise are."""
    return KNOWN / unit / f"{exercise}.known"


def is_fresh(exercise: Exercise, file: Path, solution: str) -> bool:
    """Whether a file was made of what there is now."""
    try:
        return from_file(exercise, file).made_of == made_of(exercise, solution)
    except CourseError:
        return False


def made_of(exercise: Exercise, solution: str) -> str:
    """A digest of what an exercise's results depend on: its folder, its unit's `shared.py`, the solution."""
    _, _, lines = solution.rpartition("\nelsewhere.prepare()\n")  # what finds the course changes no result
    digest = hashlib.sha256(ast.unparse(definitions.parsed(lines, exercise.name)).encode())
    for file in (*sorted(exercise.folder.glob("*.*")), exercise.folder.parent / "shared.py"):
        if file.suffix in (".py", ".toml") and file.exists():
            digest.update(file.read_bytes())
    return digest.hexdigest()
