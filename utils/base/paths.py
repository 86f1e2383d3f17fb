"""Where things are in a checkout of the course."""

from __future__ import annotations

import os
from pathlib import Path

from utils.base.errors import CourseError

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
EXERCISES = ROOT / "exercises"
SOLUTIONS = ROOT / "solutions"
RESSOURCES = ROOT / "ressources"
# what commands and notebooks write goes into the course's folder, or where that can't be written, to its user's home
# (`Path.home` would fail where nobody has one)
WRITABLE = ROOT if os.access(ROOT, os.W_OK) else Path(os.path.expanduser("~/.cache/jax-course"))  # noqa: PTH111
BUILD = WRITABLE / "build"
MODELS = WRITABLE / "models"
COMPLETE = (ROOT / "utils" / "author").is_dir()  # a release lacks what is only for instructors


def cache_dir() -> Path:
    """The folder for what can be made again (samples): `COURSE_CACHE`, else `build/cache`.

    It need not exist yet. A relative path counts from the course's folder, whichever notebook asks.

    Raises:
        CourseError: It begins with a `~name` that nobody has.
    """
    chosen = os.environ.get("COURSE_CACHE", "").strip()
    return (ROOT / in_full(chosen)).resolve() if chosen else BUILD / "cache"


def shown(path: Path) -> str:
    """The path as messages name it: from the course's root, with `/`; in full where it lies elsewhere."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def in_full(path: str | Path) -> Path:
    """The path with `~` written out. Raises CourseError where there is no such home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise CourseError(f"The path {str(path)!r} names no home folder of this machine; write it in full.") from error


def sources(folder: Path) -> list[Path]:
    """The `NN_*.py` files of a folder, in order."""
    return sorted(folder.glob("[0-9][0-9]_*.py"))
