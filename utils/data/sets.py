"""The table of data sets: what is known about each before a file is opened."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NamedTuple

from utils.base.errors import CourseError
from utils.samples import recipes


class Statistics(NamedTuple):
    """Mean and standard deviation of each channel, for pixels scaled to [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class DataSet(NamedTuple):
    """One data set of the course.

    The sample is normalised by the real set's statistics too: constants that are near serve as well as exact ones, and
    a model trained on one can then be shown the other.
    """

    name: str  # TensorFlow Datasets' own
    size: int  # side in pixels that `load` brings pictures to unless told otherwise
    full: Mapping[str, int]  # examples in each split of the whole real set, to tell a part from the whole
    statistics: Statistics  # of the real set's training split
    host: str  # where TFDS downloads from
    sample: str = "drawings made by the course"
    titles: tuple[str, ...] = ()  # readable class names in the place of those the builder gives
    named: bool = True  # TFDS keeps class names in label.labels.txt


# torchvision's constants, from the 1.2 million training pictures of ImageNet; photographs in general are near them
IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

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
            named=False,
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
    """The entry of that name. Raises CourseError, with the nearest name, if there is none."""
    if isinstance(name, str) and name in SETS:
        return SETS[name]
    near = difflib.get_close_matches(str(name).lower().replace("-", "_"), SETS, n=1, cutoff=0.5)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise CourseError(
        f"There is no data set {name!r}.{guess} There are {', '.join(map(repr, SETS))}, "
        "and the path of a folder with pictures of your own."
    )
