"""What each sample is made of: how many pictures, how large, of which classes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from utils.samples import digits, records


class Recipe(NamedTuple):
    """One sample: the folder TFDS keeps it in, the pictures in each split, what it is, and how long it takes."""

    place: str
    counts: dict[str, int]
    seconds: int
    description: str


RECIPES: dict[str, Recipe] = {
    "mnist": Recipe(
        place="mnist/3.0.1",
        counts={"train": 1797 - digits.TEST, "test": digits.TEST},
        seconds=2,
        description="Handwritten digits that come with scikit-learn, brought to MNIST's form by the course.",
    ),
}


def make(name: str, data_dir: Path, limit: int | None = None) -> Path:
    """Write the sample under data_dir in TFDS's format, at most `limit` pictures a split; return its folder."""
    recipe = RECIPES[name]
    splits = {split: itertools.islice(examples(name, split), limit) for split in recipe.counts}
    return records.write(name, splits, data_dir, description=recipe.description)


def examples(name: str, split: str) -> Iterator[records.Example]:
    """The examples of a split of a sample, in order."""
    for picture in digits.pictures(split):
        yield picture._asdict()
