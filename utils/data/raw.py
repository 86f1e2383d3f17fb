"""A split before decoding: what it is whatever it was read from, and how it is read from a folder in TFDS's format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from utils.base.errors import CourseError
from utils.base.quiet_tensorflow import datasets
from utils.data import source
from utils.data.sets import GREY, DataSet, Statistics, see_that_it_has_pictures


class Raw(NamedTuple):
    """Encoded pictures and their labels, in an order that never changes."""

    name: str
    split: str  # in the words of TensorFlow Datasets, slices included
    source: str  # which data these are, in one line
    is_sample: bool  # whether it is the course's sample in the place of a real set
    classes: tuple[str, ...]  # their names; a label is an index into them
    examples: int
    channels: int
    native: tuple[int, int] | None  # (height, width) where all pictures have the same
    size: int  # the side in pixels that they are brought to unless one is asked for
    statistics: Statistics
    encoded: Callable[[], Any]  # makes a tf.data.Dataset of (image file's bytes, label int64)
    complaint: Callable[[Exception], Exception]  # what to raise when reading or decoding fails


def pieces(name: str, lengths: Mapping[str, int], split: str) -> list[tuple[str, range]]:
    """What a split in words ("train[:500]+test") takes of splits with these lengths, read as TFDS reads it.

    Returns:
        Splits and the indices of the examples taken of each.

    Raises:
        CourseError: The split is unknown, TFDS cannot read the slice, it leaves the bounds, or it is empty.
    """
    core = datasets().core
    known = ", ".join(f"{key} ({length:,} examples)" for key, length in lengths.items())
    example = f'a slice is written "{next(iter(lengths))}[:80%]" or "{next(iter(lengths))}[100:200]"'
    infos = {key: core.SplitInfo(name=key, shard_lengths=[length], num_bytes=0) for key, length in lengths.items()}
    try:
        found = [
            (each.splitname, range(each.from_ or 0, lengths[each.splitname] if each.to is None else each.to))
            for each in core.ReadInstruction.from_spec(split).to_absolute(infos)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, AssertionError) as error:
        raise CourseError(f"{name} has no split {split!r}. It has {known}; {example}, within those bounds.") from error
    if not all(indices for _, indices in found):
        raise CourseError(f"The slice {split!r} of {name} is empty. The set has {known}; {example}.")
    return found


def prepared(entry: DataSet, split: str) -> Raw:
    """The split of a set of the table, from the files that `COURSE_DATA` chooses.

    Raises:
        CourseError: There is no such split, or the files cannot be had or are damaged.
    """
    found = source.locate(entry)
    try:
        builder = datasets().builder_from_directory(found.path)
        lengths = {name: info.num_examples for name, info in builder.info.splits.items()}
        if not entry.sample:
            see_that_it_has_pictures(entry.name, builder.info.features)
        (height, width, channels), label = builder.info.features["image"].shape, builder.info.features["label"]
        if not lengths:
            raise LookupError("no splits")
    except CourseError:
        raise
    except Exception as error:  # whatever a mangled description makes TFDS do
        raise found.broken("TensorFlow Datasets cannot read its description") from error
    examples = sum(len(indices) for _, indices in pieces(entry.name, lengths, split))
    skip = {"image": datasets().decode.SkipDecoding()}

    def encoded() -> Any:
        records = builder.as_dataset(split=split, decoders=skip, shuffle_files=False)
        return records.map(lambda example: (example["image"], example["label"]))

    return Raw(
        name=entry.name,
        split=split,
        source=f"{entry.name} {split}: {_kind(entry, found, lengths)}, "
        f"{examples:,} examples, {label.num_classes} classes",
        is_sample=not found.real,
        classes=entry.titles or tuple(label.names),
        examples=examples,
        channels=channels,
        native=(height, width) if height and width else None,
        size=entry.size or height or 96,
        statistics=entry.statistics if len(entry.statistics.mean) == channels else GREY,
        encoded=encoded,
        complaint=lambda error: found.broken(f"reading {split!r} stopped at a damaged example"),
    )


def _kind(entry: DataSet, found: source.Found, lengths: dict[str, int]) -> str:
    """Real set, part of it, or sample, in words."""
    if not found.real:
        return f"the course's sample ({entry.sample})"
    parts = [
        f"{lengths.get(key, 0):,} of {full:,} {key}" for key, full in entry.full.items() if lengths.get(key) != full
    ]
    return f"a part of the real set ({', '.join(parts)})" if parts else "the real set"
