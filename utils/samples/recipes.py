"""What each sample is made of: how many pictures, how large, of which classes, and how hard."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from utils.progress import track
from utils.samples import digits, draw, tfrecords
from utils.samples.dice import Dice
from utils.samples.draw import Hardness


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
    """One sample: where TFDS keeps it, how many pictures each split has, what it is, and how it is drawn if it is."""

    place: str
    counts: dict[str, int]
    description: str
    drawing: Drawing | None = None


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
        description="Handwritten digits that come with scikit-learn, brought to MNIST's form by the course.",
    ),
    "cifar10": Recipe(
        place="cifar10/3.0.2",
        counts={"train": 3000, "test": 1000},
        description="Drawings of CIFAR-10's classes made by the course: no photographs, and not CIFAR-10.",
        drawing=Drawing(1, CIFAR, Hardness(), (32, 32), square=True),
    ),
    "cats_vs_dogs": Recipe(
        place="cats_vs_dogs/4.0.1",
        counts={"train": 1000},
        description="Drawings of cats and dogs made by the course: no photographs, and not the real set.",
        drawing=Drawing(2, ("cat", "dog"), EASIER, (128, 192)),
    ),
    "imagenette/160px-v2": Recipe(
        place="imagenette/160px-v2/1.0.0",
        counts={"train": 1200, "validation": 300},
        description="Drawings of Imagenette's classes made by the course: no photographs, and not Imagenette.",
        drawing=Drawing(3, IMAGENETTE, Hardness(), (160, 160)),
    ),
}


def make(name: str, data_dir: Path) -> Path:
    """Write the sample called `name` under `data_dir` in TFDS's format; returns its folder."""
    recipe = RECIPES[name]
    splits = {
        split: track(
            examples(name, split), f"making the {name} sample: {split}", total=count, unit="picture", leave=False
        )
        for split, count in recipe.counts.items()
    }
    labels = CIFAR if name == "cifar10" else None  # TFDS's builder of that name learns them from the download
    return tfrecords.write(name, splits, data_dir, labels=labels, description=recipe.description)


def examples(name: str, split: str) -> Iterator[tfrecords.Example]:
    """The examples of a split of a sample, in order, made as they are asked for."""
    recipe = RECIPES[name]
    if recipe.drawing is None:
        for image, label in islice(digits.pictures(split), recipe.counts[split]):
            yield {"image": image, "label": label}
        return
    part = list(recipe.counts).index(split)
    for index, label in enumerate(labels(recipe, split).tolist()):
        example: tfrecords.Example = {"image": _drawn(recipe.drawing, part, index, label), "label": label}
        if name == "cifar10":
            example["id"] = f"{split}_{index + 1:05d}"
        if name == "cats_vs_dogs":
            example["image/filename"] = f"PetImages/{('Cat', 'Dog')[label]}/{index}.jpg"
        yield example


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
