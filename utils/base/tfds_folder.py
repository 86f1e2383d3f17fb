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


def information(found: Found) -> dict[str, Any]:
    """dataset_info.json of a set, its numbers as int and each split's `files`. CourseError if missing or broken."""
    try:
        info = json.loads((found.path / "dataset_info.json").read_text(encoding="utf-8"))
        if not info["splits"]:
            raise ValueError("no splits")
        for split in info["splits"]:
            split["numBytes"] = int(split["numBytes"])
            split["shardLengths"] = [int(length) for length in split["shardLengths"]]
            split["files"] = _shards(info, split)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise broken(found, "dataset_info.json is missing or cannot be read") from error
    return dict(info)


def lengths(found: Found) -> dict[str, int]:
    """How many examples each split of a set has."""
    return {split["name"]: sum(split["shardLengths"]) for split in information(found)["splits"]}


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
    Raises CourseError for what is missing or too long or short.
    """
    info = information(found)
    try:
        json.loads((found.path / "features.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise broken(found, "features.json is missing") from None
    except (OSError, ValueError) as error:
        raise broken(found, "features.json cannot be read") from error
    total = 0
    for split in info["splits"]:
        files = [found.path / name for name in split["files"]]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise broken(found, f"{missing[0]} is missing")
        here = sum(file.stat().st_size for file in files)
        due = split["numBytes"] + 16 * sum(split["shardLengths"])
        if info.get("fileFormat", "tfrecord") == "tfrecord" and here != due:
            raise broken(found, f"its {split['name']} split has {here:,} bytes where {due:,} are due")
        total += here
    return total


def _shards(info: dict[str, Any], split: dict[str, Any]) -> list[str]:
    """The names of a split's files."""
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
