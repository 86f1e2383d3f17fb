"""Which files stand behind a name: `COURSE_DATA`, `TFDS_DATA_DIR`, and whether what lies there is whole."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from utils import samples
from utils.base import paths, tfds_folder
from utils.base.errors import CourseError
from utils.data import download
from utils.data.sets import SETS, DataSet

MODES = ("auto", "sample", "tfds")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def mode() -> str:
    """The value of `COURSE_DATA`: one of MODES, "auto" when unset. Raises CourseError for any other."""
    chosen = os.environ.get("COURSE_DATA", "").strip().lower() or "auto"
    if chosen not in MODES:
        raise CourseError(f"COURSE_DATA={chosen!r} is unknown: set it to auto, sample or tfds, or leave it unset.")
    return chosen


def data_dir() -> Path:
    """Where real sets are: `TFDS_DATA_DIR`, else ~/tensorflow_datasets.

    A relative path counts from the working directory, and, since a notebook's is its own folder, from the course's.

    Raises:
        CourseError: `TFDS_DATA_DIR` is set to what is not a folder.
    """
    chosen = os.environ.get("TFDS_DATA_DIR", "").strip()
    if not chosen:
        return Path.home() / "tensorflow_datasets"
    for base in (Path.cwd(), paths.ROOT):
        folder = base / paths.in_full(chosen)
        if folder.is_dir():
            return folder.resolve()
    raise CourseError(
        f"TFDS_DATA_DIR={chosen!r} is not a folder: correct it, unset it, or make it (mkdir -p) to download into it."
    )


def prepared(entry: DataSet, folder: Path) -> Path | None:
    """The newest version of the set under `folder`, or None. Unfinished downloads are not versions and never count."""
    home = folder / entry.name
    if not home.is_dir():
        return None
    versions = [child for child in home.iterdir() if child.is_dir() and _VERSION.fullmatch(child.name)]
    return max(versions, key=lambda child: tuple(map(int, child.name.split("."))), default=None)


def locate(entry: DataSet) -> tfds_folder.Found:
    """The files behind a set, as `COURSE_DATA` chooses.

    They are made (a sample) or downloaded ("tfds" only) where they are not there, and verified. A set of which the
    course has no sample is read whatever `COURSE_DATA` says.

    Raises:
        CourseError: They can be had neither way, or are damaged.
    """
    chosen = mode()
    path = None if chosen == "sample" and entry.sample else prepared(entry, data_dir())
    if path is None and chosen == "tfds":
        path = download.fetch(entry, data_dir())
    if path is None and not entry.sample:
        raise CourseError(
            f"{entry.name!r} is none of the course's sets ({', '.join(SETS)}), but TensorFlow Datasets has it: "
            f"`python -m utils data download {entry.name}` fetches it, and then it loads."
        )
    real = path is not None
    if path is None:
        path = samples.ensure(entry.name, quiet=True) / samples.RECIPES[entry.name].place
    found = tfds_folder.Found(entry.name, path, real)
    tfds_folder.verify(found)
    return found


class Item(NamedTuple):
    """A data set as it stands on this machine."""

    name: str  # TFDS's
    kind: str  # "real" or "sample"
    path: Path  # where it is, or would be put
    prepared: bool = False  # whether it is there and whole
    examples: Mapping[str, int] = {}  # in each split, if it is there; never changed
    bytes: int = 0  # on disk
    problem: str = ""  # what is wrong, with the cure

    def __str__(self) -> str:
        if self.problem:
            state = self.problem
        elif self.prepared:
            examples = ", ".join(f"{count:,} {split}" for split, count in self.examples.items())
            state = f"{examples}, {self.bytes / 1e6:,.1f} MB in {self.path}"
        elif self.kind == "sample":
            state = "made when it is first loaded"
        else:
            state = f"not here: `python -m utils data download {self.name}` fetches it"
        return f"{self.name:<20} {self.kind:<7} {state}"


def inventory() -> list[Item]:
    """Every set of the course, real and sample. Makes nothing, downloads nothing, imports no TensorFlow."""
    return [_item(entry, kind) for entry in SETS.values() for kind in ("real", "sample")]


def _item(entry: DataSet, kind: str) -> Item:
    path = Path()
    try:
        home = data_dir() if kind == "real" else samples.data_dir()
        version = prepared(entry, home)
        path = version or home / entry.name
        if version is None:
            return Item(entry.name, kind, path)
        found = tfds_folder.Found(entry.name, path, kind == "real")
        return Item(entry.name, kind, path, True, tfds_folder.lengths(found), tfds_folder.verify(found))
    except CourseError as error:
        return Item(entry.name, kind, path, problem=str(error))
