"""Race results on disk: ressources/races/RACE-MACHINE.json, every run of every round, nothing averaged away.

A machine's newer result replaces its older one and nobody else's.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from utils.base import files, paths
from utils.base.errors import CourseError
from utils.base.machine import cores, processor
from utils.races.catalogue import Race

FOLDER = paths.RESSOURCES / "races"
LIBRARIES = ("jax", "jaxlib", "flax", "dm-haiku", "optax", "torch", "timm", "keras", "tensorflow-cpu", "tensorflow")


class Result(NamedTuple):
    """One race on one machine on one day."""

    race: str
    title: str
    batch: int
    steps: int
    eval_steps: int
    precision: str
    machine: dict[str, Any]  # processor, cores, device
    date: str  # ISO
    versions: dict[str, str]
    runs: list[dict[str, Any]]  # {"round", "entrant", and what `run.measure` gives}
    missing: dict[str, str]  # entrant → why it did not run


def begin(race: Race) -> Result:
    """An empty result for this machine and today."""
    return Result(
        race.name,
        race.title,
        race.batch,
        race.steps,
        race.eval_steps,
        race.precision,
        {"processor": processor(), "cores": cores(), "device": "cpu"},
        date.today().isoformat(),
        {name: version for name in LIBRARIES if (version := _version(name))},
        [],
        {},
    )


def write(result: Result, folder: Path = FOLDER) -> Path:
    """Write it whole; the file is named for the race and the machine."""
    return save(result, folder / f"{result.race}-{slug(result.machine)}.json")


def load(race: str, folder: Path = FOLDER) -> list[Result]:
    """Every stored result of a race, those of a CPU first; an empty list when it was never run."""
    found = [read(Result, path) for path in sorted(folder.glob(f"{race}-*.json"))]
    return sorted((result for result in found if result.race == race), key=lambda r: r.machine["device"] != "cpu")


def save(record: NamedTuple, target: Path) -> Path:
    """A named tuple of plain values as JSON, written whole."""
    files.write(target, json.dumps(record._asdict(), indent=1) + "\n")
    return target


def read[Record: tuple[Any, ...]](kind: type[Record], path: Path) -> Record:
    """What `save` wrote of a record of that kind. Raises CourseError for a file that is not one."""
    try:
        return kind(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as problem:
        name = kind.__name__.lower()
        raise CourseError(f"{paths.shown(path)} holds no {name} ({problem}). Run it again.") from None


def where(machine: dict[str, Any]) -> str:
    """What computed: the GPU, or the processor and how many cores of it."""
    device = str(machine["device"])
    return device if device != "cpu" else f"{machine['processor']}, {machine['cores']} cores"


def slug(machine: dict[str, Any]) -> str:
    """The same as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", where(machine).lower()).strip("-")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
