"""Splits and slices in the words of TensorFlow Datasets: "train[:80%]", "train[80%:]", "train[:500]+test"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from utils.base.errors import CourseError
from utils.base.quiet_tensorflow import datasets


class Piece(NamedTuple):
    """Examples start to stop − 1 of a split."""

    split: str
    start: int
    stop: int


def pieces(name: str, lengths: Mapping[str, int], split: str) -> list[Piece]:
    """What a split in words takes of splits with these lengths, read as TFDS reads it.

    Raises CourseError, naming the splits of the set `name`, for an unknown split, a slice that TFDS cannot read or that
    leaves the bounds, and one with nothing in it.
    """
    core = datasets().core
    known = ", ".join(f"{key} ({length:,} examples)" for key, length in lengths.items())
    example = f'a slice is written "{next(iter(lengths))}[:80%]" or "{next(iter(lengths))}[100:200]"'
    infos = {key: core.SplitInfo(name=key, shard_lengths=[length], num_bytes=0) for key, length in lengths.items()}
    try:
        found = [
            Piece(each.splitname, each.from_ or 0, lengths[each.splitname] if each.to is None else each.to)
            for each in core.ReadInstruction.from_spec(split).to_absolute(infos)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, AssertionError) as error:
        raise CourseError(f"{name} has no split {split!r}. It has {known}; {example}, within those bounds.") from error
    if any(piece.stop <= piece.start for piece in found):
        raise CourseError(f"The slice {split!r} of {name} is empty. The set has {known}; {example}.")
    return found
