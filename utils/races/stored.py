"""Measurements on disk, as JSON in ressources/races: every run of every round, nothing averaged away.

A file is named for the race and the machine, so a machine's newer result replaces its older one and nobody else's.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from utils.base import files, paths
from utils.base.machine import cores, processor
from utils.races.catalogue import Race

FOLDER = paths.RESSOURCES / "races"
LIBRARIES = ("jax", "jaxlib", "flax", "dm-haiku", "optax", "torch", "timm", "keras", "tensorflow-cpu", "tensorflow")


@dataclass
class Record:
    """What every measurement says of itself."""

    PREFIX: ClassVar[str] = ""  # of its file's name

    race: str
    title: str
    batch: int
    machine: dict[str, Any]  # processor, cores, device: "cpu" or the GPU's name
    date: str  # ISO
    versions: dict[str, str]


@dataclass
class Result(Record):
    """One race on one machine on one day."""

    steps: int
    eval_steps: int
    precision: str
    runs: list[dict[str, Any]]  # {"round", "entrant", and what `run.measure` gives}
    missing: dict[str, str]  # entrant → why it did not run


def about(race: Race) -> dict[str, Any]:
    """The fields of a `Record` for this race, this machine and today."""
    versions = {}
    for name in LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    machine = {"processor": processor(), "cores": cores(), "device": "cpu"}
    today = {"date": date.today().isoformat(), "versions": versions}
    return {"race": race.name, "title": race.title, "batch": race.batch, "machine": machine, **today}


def write(record: Record) -> Path:
    """Write a record whole. Returns its file; raises CourseError for a disk that is full."""
    machine = re.sub(r"[^a-z0-9]+", "-", where(record.machine).lower()).strip("-")
    target = FOLDER / f"{record.PREFIX}{record.race}-{machine}.json"
    files.write(target, json.dumps(dataclasses.asdict(record), indent=1) + "\n")
    return target


def load[Kind: Record](kind: type[Kind], race: str) -> list[Kind]:
    """Read every stored record of a kind (`Result`, or another `Record`) and a race.

    Returns:
        The records, those of a CPU first; none where it was never run.
    """
    found = [read(kind, path) for path in sorted(FOLDER.glob(f"{kind.PREFIX}{race}-*.json"))]
    return sorted((one for one in found if one.race == race), key=lambda one: one.machine["device"] != "cpu")


def read[Kind: Record](kind: type[Kind], path: Path) -> Kind:
    """What `write` wrote of a record of that kind."""
    return kind(**json.loads(path.read_text(encoding="utf-8")))


def where(machine: dict[str, Any]) -> str:
    """What computed: the GPU, or the processor and how many cores of it."""
    name = str(machine["device"])
    return name if name != "cpu" else f"{machine['processor']}, {machine['cores']} cores"
