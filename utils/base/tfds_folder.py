"""A data set in TFDS's own format on disk: what its `dataset_info.json` says, and whether the files are whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from utils.base.errors import CourseError


class Found(NamedTuple):
    """A prepared data set. path: its version folder, which holds dataset_info.json. real: False for a sample."""

    name: str
    path: Path
    real: bool


def lengths(found: Found) -> dict[str, int]:
    """How many examples each split of a set has. Raises CourseError if dataset_info.json is missing or broken."""
    return {split["name"]: sum(split["shardLengths"]) for split in _information(found)["splits"]}


def broken(found: Found, why: str) -> CourseError:
    """The error for files that cannot be trusted, with the cure."""
    if found.real:
        cure = f"fetch the set again (`python -m utils data download {found.name}`), or set COURSE_DATA=sample"
    else:
        cure = "load again: the sample is made anew"
    return CourseError(f"The data in {found.path} are half-written or corrupt: {why}. Delete that folder and {cure}.")


def verify(found: Found) -> int:
    """Check a set's files against its dataset_info.json by their sizes; returns the bytes of the whole.

    A TFRecord file frames every example with 16 bytes (length and two checksums), so a split's files must come to
    numBytes + 16 × examples exactly. Damage that keeps the size is found by those checksums when it is read.

    Raises:
        CourseError: A file is missing, or a split too long or short.
    """
    info = _information(found)
    try:
        json.loads((found.path / "features.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise broken(found, "features.json is missing or cannot be read") from error
    total = 0
    for split in info["splits"]:
        name, shards = split["name"], split["shardLengths"]
        files = list(found.path.glob(f"{info['name']}-{name}.*-of-{len(shards):05d}"))
        if len(files) != len(shards):
            raise broken(found, f"its {name} split has {len(files)} of {len(shards)} files")
        here = sum(file.stat().st_size for file in files)
        due = split["numBytes"] + 16 * sum(shards)
        if info.get("fileFormat", "tfrecord") == "tfrecord" and here != due:
            raise broken(found, f"its {name} split has {here:,} bytes where {due:,} are due")
        total += here
    return total


def _information(found: Found) -> dict[str, Any]:
    """dataset_info.json of a set, its numbers as int."""
    try:
        info: dict[str, Any] = json.loads((found.path / "dataset_info.json").read_text(encoding="utf-8"))
        if not info["splits"] or not info["name"]:
            raise ValueError("no splits or no name")
        for split in info["splits"]:
            split["numBytes"] = int(split["numBytes"])
            split["shardLengths"] = [int(length) for length in split["shardLengths"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise broken(found, "dataset_info.json is missing or cannot be read") from error
    return info
