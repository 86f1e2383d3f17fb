"""Labelled pictures in batches, from TensorFlow Datasets or a folder of your own.

    from utils import data
    from utils.data import augment

    train = data.load("cifar10", "train[:80%]", batch_size=64, shuffle=True, augment=(augment.flip(),))
    for batch in train:
        batch.image, batch.label, batch.mask

Importing this imports neither TensorFlow nor JAX; loading a set does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from utils import results
from utils.base import paths
from utils.base.errors import CourseError
from utils.data import augment as augment
from utils.data import folder, raw, sets
from utils.data.arguments import Normalise
from utils.data.pipeline import Batch as Batch
from utils.data.pipeline import Batches as Batches
from utils.data.source import Item as Item
from utils.data.source import inventory as inventory


def load(
    name: str | Path,
    split: str,
    *,
    batch_size: int | None,
    shuffle: bool = False,
    seed: int = 0,
    size: int | None = None,
    augment: Sequence[augment.OnImage] = (),
    normalise: Normalise = "standard",
    device: Literal["numpy"] | None = None,
    quiet: bool = False,
) -> Batches:
    """The batches of a split, decoded, in memory and ready.

    Args:
        name: "mnist", "cifar10", "cats_vs_dogs" or "imagenette/160px-v2", of which COURSE_DATA (auto, sample, tfds)
            decides whether the real set is read or the course's sample; another set of TensorFlow Datasets, once it is
            on the disk; or the path of a folder of pictures, with cat.1.jpg and dog.2.jpg or a folder for each class
            (utils/data/folder.py says more).
        split: In the words of TensorFlow Datasets: "train", "test", "train[:80%]", "train[80%:]", "train[:500]+test".
        batch_size: B; None for one batch of all.
        shuffle: A new order in every epoch, and a last batch that is not full is left out; else it is filled up, as
            `mask` says.
        seed: Decides orders and augmentation, run after run.
        size: Side in pixels, to which the middle square is resized; None for the set's own (28, 32, 96, 128; 96 for a
            folder or pictures of all sizes).
        augment: Functions of `utils.data.augment` (or of that form) that vary single pictures, in that order.
        normalise: "standard" (the set's mean and deviation), "unit" (0..1), None (0..255), or a pair (mean, std) for
            pixels in 0..1.
        device: Where batches are sent ahead: None, JAX's default; "numpy" for NumPy arrays.
        quiet: Do not print the line that says which data they are.

    Raises:
        CourseError: The data cannot be had, or an argument is not as above. The message says what to do.
    """
    batches = Batches(_raw(name, split), batch_size, shuffle, seed, size, augment, normalise, device)
    if not quiet:
        print(batches.source)
    results.source(batches.source)
    return batches


def arrays(name: str | Path, split: str, **options: Any) -> Batch:
    """A whole split in memory, for small sets.

    Args:
        name: As for `load`.
        split: As for `load`.
        options: `load`'s size, normalise and quiet.

    Returns:
        All N examples as one Batch of NumPy arrays, in the order that `load` gives without shuffling; `mask` is all
        True.

    Raises:
        CourseError: As for `load`.
    """
    (batch,) = load(name, split, batch_size=None, device="numpy", **options)
    return Batch(*map(np.array, batch))  # copies, which may be written to


def _raw(name: str | Path, split: str) -> raw.Raw:
    """A set of the table goes before a folder of the same name: `Path("mnist")` or "./mnist" means the folder."""
    if not isinstance(name, str | Path) or name in sets.SETS:
        return raw.prepared(sets.find(name), split)
    if name and paths.in_full(name).is_dir():
        return folder.read(Path(name), split)
    if isinstance(name, Path) or name.startswith((".", "/", "~")):
        raise CourseError(f"There is no folder {str(name)!r} (from {Path.cwd()}).")
    return raw.prepared(sets.find(name), split)
