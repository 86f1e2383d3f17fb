"""Compiled programs that all hand-ins share: filled by running the course's own answers, read-only afterwards."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from utils.author import hidden
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import ROOT, cache_dir
from utils.checks.registry import Unit
from utils.grading import handin, marking
from utils.grading.sandbox import Kind, Place


def folder() -> Path:
    """Where the compiled programs are."""
    return cache_dir() / "grading" / "compiled"


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


def own_answers(unit: Unit) -> handin.Handin:
    """The solution, as if a student had handed it in."""
    solution = (ROOT / unit.solution).read_text(encoding="utf-8")
    return handin.read(hidden.without(solution, unit.solution).encode(), f"{unit.name}.py")


def fill(unit: Unit, kind: Kind, options: marking.Options) -> None:
    """Grade the course's own answers, once for each change: it fills the cache and shows that full marks can be had.

    Raises:
      CourseError: they do not score full marks here, so no hand-in could.
    """
    done = folder().parent / f"{unit.name}.{fingerprint(unit)[:16]}.{kind.name}"
    if done.exists():
        return
    folder().mkdir(parents=True, exist_ok=True)
    result = marking.Result("the course", unit.name, unit.solution)
    slow = replace(options, seconds=max(900, options.seconds))
    with closing(Place(kind, folder(), writable=True)) as place:
        marking.mark(place.run, unit, own_answers(unit), slow, result)
    for mark in result.marks:
        if mark.points < mark.of:
            raise CourseError(
                f"{unit.solution} itself does not pass the check of {mark.exercise} in the sandbox: "
                f"{mark.message or mark.verdict.lower()} Nothing was graded."
            )
    files.write(done, "")
