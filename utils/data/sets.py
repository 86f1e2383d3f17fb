"""The table of data sets: what is known about each before a file is opened."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from utils.base.errors import CourseError, unknown
from utils.samples import recipes


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel, for pixels scaled to [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class DataSet(NamedTuple):
    """One data set: of the course, or another one of TensorFlow Datasets, of which no more is known than its name.

    The sample is normalised by the real set's statistics too: constants that are near serve as well as exact ones, and
    a model trained on one can then be shown the other.
    """

    name: str  # TensorFlow Datasets' own
    size: int | None  # side in pixels that `load` brings pictures to unless told otherwise; None: their own, else 96
    full: Mapping[str, int]  # examples in each split of the whole real set, to tell a part from the whole
    statistics: Statistics  # of the real set's training split
    host: str  # where TFDS downloads from
    sample: str = "drawings made by the course"  # "" where there is none
    titles: tuple[str, ...] = ()  # readable class names in the place of those the builder gives


# torchvision's constants, from the 1.2 million training pictures of ImageNet; photographs in general are near them
IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
GREY = Statistics((0.449,), (0.226,))  # their means

SETS: Mapping[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            name="mnist",
            size=28,
            full={"train": 60_000, "test": 10_000},
            statistics=Statistics((0.1307,), (0.3081,)),  # over all 60,000 training digits, measured
            sample="handwritten digits that come with scikit-learn",
            host="storage.googleapis.com",
        ),
        DataSet(
            name="cifar10",
            size=32,
            full={"train": 50_000, "test": 10_000},
            statistics=Statistics((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),  # all 50,000 training pictures
            host="www.cs.toronto.edu",
        ),
        DataSet(
            name="cats_vs_dogs",
            size=96,
            full={"train": 23_262},
            # measured at 200 × 200 pixels on 1,600 of its pictures
            statistics=Statistics((0.475, 0.449, 0.402), (0.260, 0.253, 0.255)),
            host="download.microsoft.com",
        ),
        DataSet(
            name="imagenette/160px-v2",
            size=128,
            full={"train": 9_469, "validation": 3_925},
            # measured on 2,000 of its training pictures, 200 a class, their middle squares
            statistics=Statistics((0.462, 0.463, 0.431), (0.282, 0.279, 0.302)),
            host="s3.amazonaws.com",
            titles=recipes.IMAGENETTE,
        ),
    )
}


def find(name: object) -> DataSet:
    """The entry of that name, or one made up for another set of TensorFlow Datasets.

    Raises:
        CourseError: There is none; names the nearest.
    """
    if isinstance(name, str) and name in SETS:
        return SETS[name]
    family = str(name).partition("/")[0]
    if family in _others() and family not in {known.partition("/")[0] for known in SETS}:
        return DataSet(str(name), None, {}, IMAGENET, host="storage.googleapis.com", sample="")
    told = unknown("There is no data set", name, SETS)
    raise CourseError(f"{told} A folder with pictures of your own is given by its path.")


def see_that_it_has_pictures(name: str, features: Any) -> None:
    """Raises CourseError if these features of a set are not those of pictures with a class each."""
    try:
        _ = features["image"], features["label"].num_classes
    except (KeyError, TypeError, AttributeError):
        raise CourseError(
            f"{name} is no set of pictures with a class each, which is what the course reads; "
            f"`tensorflow_datasets.load({name!r})` reads others."
        ) from None


def _others() -> set[str]:
    """Names of TensorFlow Datasets' sets, as its files tell them: to import it takes seconds."""
    found = importlib.util.find_spec("tensorflow_datasets")
    home = Path(str(found.origin)).parent if found else Path()
    return {file.stem for file in home.glob("url_checksums/*.txt")} | {
        file.parent.name for file in home.glob("datasets/*/__init__.py")
    }
