"""Compiled programs that all hand-ins share: filled by running the course's own answers, read-only afterwards."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from utils.author import exercises, hidden
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import ROOT, cache_dir, shown
from utils.checks.registry import Unit
from utils.grading import handin, marking, plan
from utils.grading.sandbox import Kind, Place


def folder() -> Path:
    """Where the compiled programs are."""
    return cache_dir() / "grading" / "compiled"


def fingerprint(unit: Unit) -> str:
    """A digest of all that judging a unit depends on: its answers and checks, the course's package, the libraries."""
    return _fingerprint(unit.name, unit.solution)


@cache
def _fingerprint(name: str, solution: str) -> str:
    digest = hashlib.sha256(f"{version('jax')} {version('jaxlib')}".encode())
    for path in [ROOT / solution, *sorted((ROOT / "utils").rglob("*.py"))]:
        if not path.parent.name.startswith("unit_") or path.parent.name == f"unit_{name[:2]}":
            digest.update(path.read_bytes())
    return digest.hexdigest()


def exercise_cells(unit: Unit) -> list[str]:
    """The code cells of the exercise as it is handed out."""
    text = (ROOT / unit.solution).read_text(encoding="utf-8")
    exercise = exercises.exercise_from(text, unit.solution)
    return handin.read(exercise.encode(), f"{unit.name}.py").cells


def fill(unit: Unit, kind: Kind, options: marking.Options) -> None:
    """Grade the course's own answers, once for each change: it fills the cache and shows that full marks can be had.

    Raises:
      CourseError: they do not score full marks here, so no hand-in could.
    """
    done = folder().parent / f"{unit.name}.{fingerprint(unit)[:16]}.{kind.name}"
    if done.exists():
        return
    folder().mkdir(parents=True, exist_ok=True)
    solution = (ROOT / unit.solution).read_text(encoding="utf-8")
    own = handin.read(hidden.without(solution, unit.solution).encode(), f"{unit.name}.py")
    result = marking.Result("the course", unit.name, unit.solution)
    place = Place(kind, folder(), writable=True)
    try:
        laid_out = plan.lay_out(own, unit, exercise_cells(unit))
        slow = marking.Options(options.cell_seconds, max(900, options.seconds), options.memory_mb)
        marking.mark(place, unit, solution, laid_out, slow, result)
    finally:
        place.close()
    for mark in result.marks:
        if mark.points < mark.of:
            raise CourseError(
                f"{shown(ROOT / unit.solution)} itself does not pass the check of {mark.exercise} in the sandbox: "
                f"{mark.message or mark.verdict.lower()} Nothing was graded."
            )
    files.write(done, "")
