"""Which data are there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from utils.base import tfds_folder
from utils.base.errors import CourseError
from utils.data import source
from utils.data.sets import SETS, DataSet


class Item(NamedTuple):
    """A data set as it stands on this machine.

    kind: "real" or "sample". prepared: it is there and whole. examples: in each split, {} if it is not there. bytes: on
    disk, 0 if it is not there. path: where it is, or would be put. problem: what is wrong, with the cure, or "".
    """

    name: str
    kind: str
    prepared: bool
    examples: dict[str, int]
    bytes: int
    path: Path
    problem: str

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
    from utils.samples import store

    items = []
    for entry in SETS.values():
        try:
            items.append(_item(entry, source.data_dir(), real=True))
        except CourseError as error:
            items.append(Item(entry.name, "real", False, {}, 0, Path(), str(error)))
        items.append(_item(entry, store.data_dir(), real=False))
    return items


def _item(entry: DataSet, folder: Path, real: bool) -> Item:
    kind = "real" if real else "sample"
    path = source.prepared(entry, folder)
    if path is None:
        return Item(entry.name, kind, False, {}, 0, folder / entry.name, "")
    found = tfds_folder.Found(entry.name, path, real)
    try:
        return Item(entry.name, kind, True, tfds_folder.lengths(found), tfds_folder.verify(found), path, "")
    except CourseError as error:
        return Item(entry.name, kind, False, {}, 0, path, str(error))
