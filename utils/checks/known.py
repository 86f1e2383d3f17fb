"""Recorded results of the course's answers and of the known mistakes on the notebooks' cases.

By them a notebook is judged, in a second and also where there are no solutions. `ressources/known/UNIT/NAME.known` is
written by `utils.author.recorded` in the bytes of `utils.checks.crossing`; it says what it was made of.
"""

from __future__ import annotations

import ast
import hashlib
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

from utils.base import definitions
from utils.base.paths import RESSOURCES, shown
from utils.checks import crossing
from utils.checks.crossing import Leaves, Result
from utils.checks.exercise import NOTEBOOK_SEED, Case, Exercise
from utils.checks.judge import Known
from utils.checks.mistakes import Mistake

KNOWN = RESSOURCES / "known"


class NotKnown(Exception):
    """The recorded results cannot be read; the message says so to a student."""


def file_of(unit: str, exercise: str) -> Path:
    """Where the results of an exercise are."""
    return KNOWN / unit / f"{exercise}.known"


def made_of(exercise: Exercise, solution: str) -> str:
    """A digest of what an exercise's results depend on: its folder, its unit's `shared.py`, the solution."""
    _, _, lines = solution.rpartition("\nelsewhere.prepare()\n")  # what finds the course changes no result
    digest = hashlib.sha256(ast.unparse(definitions.parsed(lines, exercise.name)).encode())
    for file in (*sorted(exercise.folder.glob("*.*")), exercise.folder.parent / "shared.py"):
        if file.suffix in (".py", ".toml") and file.exists():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def recorded(known: Known, digest: str) -> bytes:
    """All that `Recorded` needs of an exercise. Raises TypeError for a result that cannot be kept."""
    cases = list(known.exercise.cases(NOTEBOOK_SEED))
    wrong = [[m.name, m.says, [known.wrong(m, case) for case in cases]] for m in known.mistakes()]
    kept = {"made of": digest, "want": [known.want(case) for case in cases], "wrong": wrong}
    return zlib.compress(crossing.dumps(kept), 9)


class Recorded:
    """What the judge knows of an exercise from a file."""

    def __init__(self, exercise: Exercise, file: Path):
        self.exercise, self._file = exercise, file

    @cached_property
    def _all(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = crossing.loads(zlib.decompress(self._file.read_bytes()))
            if len(found["want"]) != len(self.exercise.sizes) * self.exercise.draws:
                raise crossing.Damaged("it is of another version")
            return found
        except (OSError, zlib.error, LookupError, TypeError, crossing.Damaged) as error:
            raise NotKnown(
                f"The recorded results for `{self.exercise.name}` cannot be read from {shown(self._file)}. This is not "
                "your fault. Download the course again."
            ) from error

    def is_of(self, digest: str) -> bool:
        """Whether it was made of this."""
        try:
            return bool(self._all["made of"] == digest)
        except NotKnown:
            return False

    def want(self, case: Case) -> Result:
        """As it was recorded."""
        result: Result = self._all["want"][self._number(case)]
        return result

    def mistakes(self) -> tuple[Mistake, ...]:
        """Their names and what they say."""
        return tuple(Mistake(name, says) for name, says, _ in self._all["wrong"])

    def wrong(self, mistake: Mistake, case: Case) -> Leaves | None:
        """As it was recorded."""
        results: tuple[Leaves | None, ...] = next(each for name, _, each in self._all["wrong"] if name == mistake.name)
        return results[self._number(case)]

    def _number(self, case: Case) -> int:
        return case.turn * len(self.exercise.sizes) + case.place
