"""Records that outlive a notebook, as lists in `models/NAME.json`.

A notebook that a machine runs (`make course`, `pytest --nbval`, continuous integration, grading) neither reads nor
writes them: its records last as long as its process. So what it prints does not depend on how often it was run before,
and the student's own record holds what the student did.
"""

from __future__ import annotations

import json
import math
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from utils.base import files
from utils.base.errors import CourseError
from utils.base.notebook import by_a_machine
from utils.base.paths import MODELS as MODELS  # which others take from here
from utils.base.paths import shown


def lasting() -> bool:
    """Whether records are kept on disk: False in a notebook that a machine runs."""
    return not by_a_machine()


def folder(name: str) -> Path:
    """`models/NAME`, for what a run leaves; in a notebook that a machine runs, a folder that goes with the process."""
    return (MODELS if lasting() else Path(_scratch().name)) / name


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="course-")


def read(name: str) -> list[dict[str, Any]]:
    """The entries of a record, oldest first. Raises CourseError for a file that is no such list."""
    file = folder(f"{name}.json")
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
            raise ValueError("not a list of entries")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise CourseError(f"{shown(file)} cannot be read ({error}). Mend it, or delete it and lose it.") from error
    return entries


def write(name: str, entries: list[dict[str, Any]]) -> None:
    """Replace a record by these entries, whole or not at all. Raises CourseError for a disk that is full."""
    files.write(folder(f"{name}.json"), json.dumps(entries, indent=1, ensure_ascii=False) + "\n")


def figure(what: str, value: Any, *, fraction: bool = False) -> float:
    """A value as one number of 0 or more, or as a fraction in 0..1. CourseError names `what` for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0) or (fraction and number > 1):
        kind = "in 0..1 (divide per cent by 100)" if fraction else "of 0 or more"
        raise CourseError(f"{what} must be one number {kind}, not {str(value)[:60]}.")
    return number
