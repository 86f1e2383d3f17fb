"""What each sample is made of: how many pictures, how large, of which classes, and how hard."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from utils.progress import track
from utils.samples import digits, draw, tfrecords
from utils.samples.dice import Dice
from utils.samples.draw import Hardness
from utils.samples.studio import Studio


class Drawing(NamedTuple):
    """A sample that is drawn: its classes in the order of their labels, how hard it is, its pictures' sizes.

    The shorter side is from `shorter[0]` to `shorter[1]`, the longer up to 1.5 times that, unless they are `square`.
    """

    number: int  # the sample's own, for the seeds of its pictures
    classes: tuple[str, ...]
    hardness: Hardness
    shorter: tuple[int, int]
    square: bool = False


class Recipe(NamedTuple):
    """One sample: where TFDS keeps it, the pictures in each split, its seconds on two cores, and what it is.

    `labels` are the names that TFDS's builder gives its classes where it learns them only from a download.
    """

    place: str
    counts: dict[str, int]
    seconds: int
    description: str
    drawing: Drawing | None = None
    labels: tuple[str, ...] | None = None


CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGENETTE = (
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
)

# two classes teach a model less a picture than ten do, so theirs may be plainer
EASIER = Hardness(span=(64, 105), clutter=5, litter=2, cover=40, noise=20)

RECIPES: dict[str, Recipe] = {
    "mnist": Recipe(
        place="mnist/3.0.1",
        counts={"train": 1797 - digits.TEST, "test": digits.TEST},
        seconds=2,
        description="Handwritten digits that come with scikit-learn, brought to MNIST's form by the course.",
    ),
    "cifar10": Recipe(
        place="cifar10/3.0.2",
        counts={"train": 3000, "test": 1000},
        seconds=8,
        description="Drawings of CIFAR-10's classes made by the course: no photographs, and not CIFAR-10.",
        drawing=Drawing(1, CIFAR, Hardness(), (32, 32), square=True),
        labels=CIFAR,
    ),
    "cats_vs_dogs": Recipe(
        place="cats_vs_dogs/4.0.1",
        counts={"train": 1000},
        seconds=6,
        description="Drawings of cats and dogs made by the course: no photographs, and not the real set.",
        drawing=Drawing(2, ("cat", "dog"), EASIER, (128, 192)),
    ),
    "imagenette/160px-v2": Recipe(
        place="imagenette/160px-v2/1.0.0",
        counts={"train": 1200, "validation": 300},
        seconds=8,
        description="Drawings of Imagenette's classes made by the course: no photographs, and not Imagenette.",
        drawing=Drawing(3, IMAGENETTE, Hardness(), (160, 160)),
    ),
}


def make(name: str, data_dir: Path, limit: int | None = None, studio: Studio | None = None) -> Path:
    """Write the sample under data_dir in TFDS's format, at most `limit` pictures a split; return its folder.

    A `studio` that draws this sample is where its pictures come from; else they are drawn here.
    """
    recipe = RECIPES[name]
    splits = {
        split: track(
            examples(name, split, limit, studio),
            f"making the {name} sample: {split}",
            total=count if limit is None else min(count, limit),
            unit="picture",
            leave=False,
        )
        for split, count in recipe.counts.items()
    }
    return tfrecords.write(name, splits, data_dir, labels=recipe.labels, description=recipe.description)


def examples(
    name: str, split: str, limit: int | None = None, studio: Studio | None = None
) -> Iterator[tfrecords.Example]:
    """The examples of a split of a sample, in order; the first `limit` of them."""
    recipe = RECIPES[name]
    if recipe.drawing is None:
        yield from (digit._asdict() for digit in itertools.islice(digits.pictures(split), limit))
        return
    images = studio.pictures(name, split) if studio and studio.draws(name) else pictures(name, split, limit)
    for index, (image, label) in enumerate(zip(images, labels(recipe, split)[:limit].tolist(), strict=False)):
        example: tfrecords.Example = {"image": image, "label": label}
        if name == "cifar10":
            example["id"] = f"{split}_{index + 1:05d}"
        if name == "cats_vs_dogs":
            example["image/filename"] = f"PetImages/{('Cat', 'Dog')[label]}/{index}.jpg"
        yield example


def pictures(name: str, split: str, limit: int | None = None) -> Iterator[npt.NDArray[np.uint8]]:
    """The pictures of a split of a drawn sample, each uint8 [H, W, 3], in order; the first `limit` of them."""
    recipe = RECIPES[name]
    assert recipe.drawing is not None
    part = list(recipe.counts).index(split)
    for index, label in enumerate(labels(recipe, split)[:limit].tolist()):
        yield _drawn(recipe.drawing, part, index, label)


def labels(recipe: Recipe, split: str) -> npt.NDArray[np.int64]:
    """The classes of a drawn split's pictures, as many of each, in an order that mixes them; int64 [N]."""
    assert recipe.drawing is not None
    seed = (recipe.drawing.number, list(recipe.counts).index(split))
    return Dice(*seed).order(recipe.counts[split]) % len(recipe.drawing.classes)


def _drawn(drawing: Drawing, part: int, index: int, label: int) -> npt.NDArray[np.uint8]:
    """One picture, uint8 [H, W, 3]; it depends on the sample, the split, its place in it and its class only."""
    dice = Dice(drawing.number, part, index, label)
    height = width = dice.between(*drawing.shorter)
    if not drawing.square:
        longer = height * dice.between(100, 150) // 100
        height, width = (height, longer) if dice.chance(70) else (longer, width)
    return draw.picture(drawing.classes[label], dice, height, width, drawing.hardness, drawing.classes)
