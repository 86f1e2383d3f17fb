"""Where things are in a checkout of the course."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
EXERCISES = ROOT / "exercises"
SOLUTIONS = ROOT / "solutions"
RESSOURCES = ROOT / "ressources"
BUILD = ROOT / "build"


def cache_dir() -> Path:
    """The folder for what can be made again (samples, decoded data): `COURSE_CACHE`, else `build/cache`.

    It need not exist yet.
    """
    chosen = os.environ.get("COURSE_CACHE", "").strip()
    return Path(chosen).expanduser().resolve() if chosen else BUILD / "cache"
