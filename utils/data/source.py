"""Which files stand behind a name: `COURSE_DATA`, `TFDS_DATA_DIR`, and whether what lies there is whole."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from utils import paths
from utils.data.sets import DataSet
from utils.errors import CourseError

MODES = ("auto", "sample", "tfds")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


class Found(NamedTuple):
    """A prepared data set. path: its version folder, which holds dataset_info.json. real: False for a sample."""

    path: Path
    real: bool


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
        folder = base / Path(chosen).expanduser()
        if folder.is_dir():
            return folder.resolve()
    raise CourseError(
        f"TFDS_DATA_DIR={chosen!r} is not a folder: correct it, unset it, or make the folder (mkdir -p) to download into it."
    )


def prepared(entry: DataSet, folder: Path) -> Path | None:
    """The newest version of the set under `folder`, or None. Unfinished downloads are not versions and never count."""
    home = folder / entry.name
    if not home.is_dir():
        return None
    versions = [child for child in home.iterdir() if child.is_dir() and _VERSION.fullmatch(child.name)]
    return max(versions, key=lambda child: tuple(map(int, child.name.split("."))), default=None)


def information(path: Path) -> dict[str, Any]:
    """dataset_info.json of a version folder. Raises CourseError if it is missing or broken."""
    try:
        found = json.loads((path / "dataset_info.json").read_text(encoding="utf-8"))
        for split in found["splits"]:
            split["numBytes"] = int(split["numBytes"])
            split["shardLengths"] = [int(length) for length in split["shardLengths"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise broken(path, "dataset_info.json is missing or cannot be read") from error
    return found  # type: ignore[no-any-return]


def broken(path: Path, why: str) -> CourseError:
    """The error for files that cannot be trusted, with the cure."""
    return CourseError(
        f"The data in {path} are half-written or corrupt: {why}. Delete that folder and fetch the set again "
        "(`python -m utils data download NAME`), or set COURSE_DATA=sample."
    )


def verify(path: Path) -> dict[str, Any]:
    """Check a version folder against its own dataset_info.json, which is returned; nothing is read but sizes.

    A TFRecord file frames every example with 16 bytes (length and two checksums), so a split's files must come to
    numBytes + 16 × examples exactly. Damage that keeps the size is found by those checksums when it is read.
    """
    info = information(path)
    for name in ("features.json",):
        if not (path / name).is_file():
            raise broken(path, f"{name} is missing")
    for split in info["splits"]:
        files = [path / name for name in _shards(info, split)]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise broken(path, f"{missing[0]} is missing")
        here = sum(file.stat().st_size for file in files)
        want = split["numBytes"] + 16 * sum(split["shardLengths"])
        if info.get("fileFormat", "tfrecord") == "tfrecord" and here != want:
            raise broken(path, f"its {split['name']} files hold {here:,} bytes where {want:,} are due")
    return info


def _shards(info: dict[str, Any], split: dict[str, Any]) -> list[str]:
    count = len(split["shardLengths"])
    template = split.get("filepathTemplate") or "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
    return [
        template.format(
            DATASET=info["name"],
            SPLIT=split["name"],
            FILEFORMAT=info.get("fileFormat", "tfrecord"),
            SHARD_INDEX=f"{shard:05d}",
            NUM_SHARDS=f"{count:05d}",
            SHARD_X_OF_Y=f"{shard:05d}-of-{count:05d}",
        )
        for shard in range(count)
    ]


def locate(entry: DataSet) -> Found:
    """The files behind a set under the present `COURSE_DATA`: checked, made (a sample) or downloaded (tfds)."""
    chosen = mode()
    if chosen != "sample":
        path = prepared(entry, data_dir())
        if path is None and chosen == "tfds":
            path = download(entry)
        if path is not None:
            verify(path)
            return Found(path, real=True)
    from utils import samples

    path = prepared(entry, samples.ensure(entry.name))
    if path is None:
        raise CourseError(
            f"The sample of {entry.name} is not where it was made: `python -m utils data list` says more."
        )
    verify(path)
    return Found(path, real=False)


def download(entry: DataSet) -> Path:
    """Have TensorFlow Datasets fetch and prepare a real set in `data_dir()`; returns its version folder.

    TFDS works in a folder of another name and renames it at the end, so a broken-off download is never taken for a set.
    """
    from utils.data.quiet import datasets

    tfds = datasets()
    folder = data_dir()
    try:
        builder = tfds.builder(entry.name, data_dir=folder)
        builder.download_and_prepare()
    except OSError as error:
        raise CourseError(f"{entry.name} cannot be prepared in {folder}: {error}") from error
    return Path(builder.data_dir)
