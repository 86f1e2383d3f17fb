"""Reading a split of a prepared TFDS folder, real or sample."""

from __future__ import annotations

from typing import Any

from utils.data import source
from utils.data.quiet import datasets
from utils.data.raw import Raw
from utils.data.sets import DataSet
from utils.errors import CourseError


def read(entry: DataSet, split: str) -> Raw:
    """The split of a set of the table, from the files that `COURSE_DATA` chooses."""
    found = source.locate(entry)
    info = source.information(found.path)
    builder = datasets().builder_from_directory(found.path)
    examples = _examples(builder, entry.name, split)
    label = builder.info.features["label"]
    classes = tuple(entry.titles.get(name, name) for name in label.names)
    height, width, channels = builder.info.features["image"].shape
    skip = {"image": datasets().decode.SkipDecoding()}

    def encoded() -> Any:
        records = builder.as_dataset(split=split, decoders=skip, shuffle_files=False)
        return records.map(lambda example: (example["image"], example["label"]))

    return Raw(
        name=entry.name,
        split=split,
        source=_describe(entry, info, found.real, split, examples, len(classes)),
        classes=classes,
        examples=examples,
        channels=channels,
        native=(height, width) if height and width else None,
        size=entry.size,
        statistics=entry.statistics,
        encoded=encoded,
        complaint=lambda error: source.broken(found.path, f"reading {split!r} stopped at a damaged example"),
    )


def _examples(builder: Any, name: str, split: str) -> int:
    splits = builder.info.splits
    known = ", ".join(f"{key} ({value.num_examples:,})" for key, value in splits.items())
    try:
        examples = int(splits[split].num_examples)
    except (ValueError, KeyError, NotImplementedError, AssertionError) as error:
        raise CourseError(
            f"{name} has no split {split!r}. It has {known}; a slice is written "
            f'"{next(iter(splits))}[:80%]", within those bounds.'
        ) from error
    if examples <= 0:
        raise CourseError(f"The slice {split!r} of {name} is empty. The set has {known}.")
    return examples


def _describe(entry: DataSet, info: dict[str, Any], real: bool, split: str, examples: int, classes: int) -> str:
    here = {each["name"]: sum(each["shardLengths"]) for each in info["splits"]}
    parts = [f"{here[key]:,} of {full:,} {key}" for key, full in entry.full.items() if here.get(key, full) != full]
    if not real:
        what = f"the course's sample ({entry.sample})"
    elif parts:
        what = f"a part of the real set ({', '.join(parts)})"
    else:
        what = "the real set"
    return f"{entry.name} {split}: {what}, {examples:,} examples, {classes} classes"
