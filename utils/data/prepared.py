"""Reading a split of a prepared TFDS folder, real or sample."""

from __future__ import annotations

import json
from typing import Any

from utils.base import tfds_folder
from utils.base.quiet_tensorflow import datasets
from utils.data import slices, source
from utils.data.raw import Raw
from utils.data.sets import DataSet


def read(entry: DataSet, split: str) -> Raw:
    """The split of a set of the table, from the files that `COURSE_DATA` chooses."""
    found = source.locate(entry)
    lengths = tfds_folder.lengths(found)
    examples = sum(piece.stop - piece.start for piece in slices.pieces(entry.name, lengths, split))
    builder, (height, width, channels), label = _opened(found)
    _check_names(entry, found, label.names)
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
        classes=tuple(entry.titles.get(name, name) for name in label.names),
        examples=examples,
        channels=channels,
        native=(height, width) if height and width else None,
        size=entry.size,
        statistics=entry.statistics,
        encoded=encoded,
        complaint=lambda error: tfds_folder.broken(found, f"reading {split!r} stopped at a damaged example"),
    )


def _opened(found: tfds_folder.Found) -> tuple[Any, tuple[int | None, int | None, int], Any]:
    """TFDS's builder, the pictures' shape, the feature of the labels."""
    try:
        builder = datasets().builder_from_directory(found.path)
        return builder, builder.info.features["image"].shape, builder.info.features["label"]
    except Exception as error:  # whatever a mangled features.json makes TFDS do
        raise tfds_folder.broken(found, "TensorFlow Datasets cannot read features.json") from error


def _check_names(entry: DataSet, found: tfds_folder.Found, names: list[str]) -> None:
    """TFDS believes a label.labels.txt that is cut off, and numbers the classes where there is none."""
    features = json.loads((found.path / "features.json").read_text(encoding="utf-8"))
    due = int(features["featuresDict"]["features"]["label"]["classLabel"]["numClasses"])
    if len(names) != due or (entry.named and not names[0].strip("0123456789")):
        raise tfds_folder.broken(found, f"label.labels.txt does not name its {due} classes")


def _kind(entry: DataSet, found: tfds_folder.Found, lengths: dict[str, int]) -> str:
    """Real set, part of it, or sample, in words."""
    if not found.real:
        return f"the course's sample ({entry.sample})"
    parts = [
        f"{lengths.get(key, 0):,} of {full:,} {key}" for key, full in entry.full.items() if lengths.get(key) != full
    ]
    return f"a part of the real set ({', '.join(parts)})" if parts else "the real set"
