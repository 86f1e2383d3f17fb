"""Which files stand behind a name: `COURSE_DATA`, `TFDS_DATA_DIR`, what is there, and how a real set is fetched."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from utils import samples
from utils.base import paths
from utils.base.errors import CourseError
from utils.base.quiet_tensorflow import datasets
from utils.data.sets import SETS, DataSet, see_that_it_has_pictures

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


class Found(NamedTuple):
    """A prepared data set in TFDS's format. path: its version folder. real: False for a sample."""

    name: str
    path: Path
    real: bool

    def broken(self, why: str) -> CourseError:
        """The error for files that cannot be read, with the cure."""
        cure = "load again: the sample is made anew"
        if self.real:
            cure = f"fetch the set again (`python -m utils data download {self.name}`), or set COURSE_DATA=sample"
        return CourseError(
            f"The data in {self.path} are half-written or corrupt: {why}. Delete that folder and {cure}."
        )


def locate(entry: DataSet) -> Found:
    """The files behind a set, as `COURSE_DATA` chooses.

    They are made (a sample) or downloaded ("tfds" only) where they are not there. A set of which the course has no
    sample is read whatever `COURSE_DATA` says.

    Raises:
        CourseError: They can be had neither way.
    """
    chosen = mode()
    path = None if chosen == "sample" and entry.sample else prepared(entry, data_dir())
    if path is None and chosen == "tfds":
        path = fetch(entry, data_dir())
    if path is not None:
        return Found(entry.name, path, real=True)
    if entry.sample:
        return Found(entry.name, samples.ensure(entry.name), real=False)
    raise CourseError(
        f"{entry.name!r} is none of the course's sets ({', '.join(SETS)}), but TensorFlow Datasets has it: "
        f"`python -m utils data download {entry.name}` fetches it, and then it loads."
    )


class Item(NamedTuple):
    """A data set as it stands on this machine. kind: "real" or "sample". path: where it is; None where it is not."""

    name: str
    kind: str
    path: Path | None

    def __str__(self) -> str:
        absent = "made when it is first loaded"
        if self.kind == "real":
            absent = f"not here: `python -m utils data download {self.name}` fetches it"
        return f"{self.name:<20} {self.kind:<7} {self.path or absent}"


def inventory() -> list[Item]:
    """Every set of the course, real and sample. Makes nothing, downloads nothing, imports no TensorFlow."""
    homes = {"real": data_dir(), "sample": samples.data_dir()}
    return [Item(name, kind, prepared(one, home)) for name, one in SETS.items() for kind, home in homes.items()]


def fetch(entry: DataSet, folder: Path) -> Path:
    """Have TensorFlow Datasets download and prepare a set in a data directory; returns its version folder.

    TFDS writes into a folder of another name and renames it when all is there, so what a broken-off download leaves
    is never taken for a set.

    Raises:
        CourseError: The host cannot be reached, the disk is full or cannot be written to, or what came is not what was
            expected.
    """
    import requests  # late: a quarter of a second, and most who load data download nothing

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"{folder} cannot be written to ({error.strerror}): set TFDS_DATA_DIR to a folder that can."
        raise CourseError(message) from error
    try:
        requests.head(f"https://{entry.host}", timeout=15)  # any answer will do; TFDS itself would try for minutes
    except requests.RequestException as error:
        raise CourseError(
            f"{entry.name} cannot be downloaded: {entry.host} cannot be reached. Check the network. {_offline(entry)}"
        ) from error
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    print(f"Downloading {entry.name} into {folder} …", flush=True)
    try:
        builder = datasets().builder(entry.name, data_dir=folder)
        see_that_it_has_pictures(entry.name, builder.info.features)
        builder.download_and_prepare()
    except CourseError:
        raise
    except Exception as error:  # disks, checksums, archives, sites that changed: all that TFDS can raise
        why = (str(error).strip() or "no reason given").splitlines()[0]
        raise CourseError(
            f"{entry.name} could not be prepared in {folder}: {type(error).__name__}: {why}\n"
            f"See that there is room on the disk, delete {folder / 'downloads'} and try again. {_offline(entry)}"
        ) from error
    return Path(builder.data_dir)


def _offline(entry: DataSet) -> str:
    return "With no network, set COURSE_DATA=sample: the samples need none." if entry.sample else "There is no sample."
