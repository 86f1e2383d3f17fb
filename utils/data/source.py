"""Which files stand behind a name: `COURSE_DATA`, `TFDS_DATA_DIR`, and whether what lies there is whole."""

from __future__ import annotations

import os
import re
from pathlib import Path

from utils.base import paths, tfds_folder
from utils.base.errors import CourseError
from utils.data.sets import DataSet

MODES = ("auto", "sample", "tfds")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def mode() -> str:
    """The value of `COURSE_DATA`: one of MODES, "auto" when unset."""
    chosen = os.environ.get("COURSE_DATA", "").strip().lower() or "auto"
    if chosen not in MODES:
        raise CourseError(f"COURSE_DATA={chosen!r} is unknown: set it to auto, sample or tfds, or leave it unset.")
    return chosen


def data_dir() -> Path:
    """Where real sets are: `TFDS_DATA_DIR` if it is set (it must exist), else ~/tensorflow_datasets.

    A relative path counts from the working directory, and, since a notebook's is its own folder, from the course's.
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


def at_hand(entry: DataSet) -> bool:
    """Whether `locate` would find the set, or draw its sample, without a download."""
    return mode() != "tfds" or prepared(entry, data_dir()) is not None


def locate(entry: DataSet) -> tfds_folder.Found:
    """The files behind a set, as `COURSE_DATA` chooses: verified, and made (sample) or downloaded (tfds) before."""
    chosen = mode()
    path = None if chosen == "sample" else prepared(entry, data_dir())
    if path is None and chosen == "tfds":
        from utils.data import download

        path = download.fetch(entry, data_dir())
    if path is not None:
        found = tfds_folder.Found(entry.name, path, real=True)
    else:
        from utils import samples

        made = prepared(entry, samples.ensure(entry.name, quiet=True))
        if made is None:
            raise CourseError(f"The sample of {entry.name} was not made: `python -m utils data list` says more.")
        found = tfds_folder.Found(entry.name, made, real=False)
    tfds_folder.verify(found)
    return found
