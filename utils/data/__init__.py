"""Labelled pictures in batches, from TensorFlow Datasets or a folder of your own.

    from utils import data
    from utils.data import augment

    train = data.load("cifar10", "train[:80%]", batch_size=64, shuffle=True, augment=(augment.flip(),))
    for batch in train:
        batch.image, batch.label, batch.mask

Importing this imports neither TensorFlow nor JAX; loading a set does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils import results
from utils.base import paths
from utils.base.errors import CourseError
from utils.data import augment as augment
from utils.data import folder, raw, sets
from utils.data.arguments import Normalise
from utils.data.decoded import LIMIT, Pictures
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
    mix: augment.OnBatch | None = None,
    normalise: Normalise = "standard",
    drop_remainder: bool | None = None,
    cache: bool | None = None,
    device: Any = None,
    quiet: bool = False,
) -> Batches:
    """The batches of a split, decoded and ready.

    Args:
        name: "mnist", "cifar10", "cats_vs_dogs" or "imagenette/160px-v2", of which COURSE_DATA (auto, sample, tfds)
            decides whether the real set is read or the course's sample; another set of TensorFlow Datasets, once it is
            on the disk; or the path of a folder of pictures, with cat.1.jpg and dog.2.jpg or a folder for each class
            (utils/data/folder.py says more).
        split: In the words of TensorFlow Datasets: "train", "test", "train[:80%]", "train[80%:]", "train[:500]+test".
        batch_size: B; None for one batch of all.
        shuffle: A new order in every epoch.
        seed: Decides orders and augmentation, run after run.
        size: Side in pixels, to which the middle square is resized; None for the set's own (28, 32, 96, 128; 96 for a
            folder or pictures of all sizes).
        augment: Functions of `utils.data.augment` (or of that form) that vary single pictures, in that order.
        mix: `augment.mixup(…)` or `augment.cutmix(…)`, which mix a batch; labels become [B, K] float32.
        normalise: "standard" (the set's mean and deviation), "unit" (0..1), None (0..255), or a pair (mean, std) for
            pixels in 0..1.
        drop_remainder: Leave out a last batch that is not full, or fill it up, as `mask` says. None: as `shuffle`.
        cache: Keep decoded pictures in memory (True), decode them in each epoch (False), or keep up to 2 GiB (None).
        device: Where batches are sent ahead: None (JAX's default), a jax.Device or Sharding; "numpy" for NumPy arrays.
        quiet: Do not print the line that says which data they are.

    Raises:
        CourseError: The data cannot be had, or an argument is not as above. The message says what to do.
    """
    pictures = Pictures(_raw(name, split), size, cache)
    batches = Batches(pictures, batch_size, shuffle, seed, augment, mix, normalise, drop_remainder, device)
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
        CourseError: As for `load`, and for more than 2 GiB.
    """
    batches = load(name, split, batch_size=None, cache=False, device="numpy", **options)
    needed = 4 * batches.examples * math.prod(batches.shape)
    if needed > LIMIT:
        raise CourseError(
            f"{batches.name} {split} at {batches.shape[0]} pixels would take {needed / 2**30:.1f} GB as one array: "
            "take a slice, a smaller size, or data.load, which goes batch by batch."
        )
    return Batch(*(np.array(leaf) for leaf in next(iter(batches))))  # copies, which may be written to


def _raw(name: str | Path, split: str) -> raw.Raw:
    """A set of the table goes before a folder of the same name: `Path("mnist")` or "./mnist" means the folder."""
    if not isinstance(name, str | Path) or name in sets.SETS:
        return raw.prepared(sets.find(name), split)
    if name and paths.in_full(name).is_dir():
        return folder.read(Path(name), split)
    if isinstance(name, Path) or name.startswith((".", "/", "~")):
        raise CourseError(f"There is no folder {str(name)!r} (from {Path.cwd()}).")
    return raw.prepared(sets.find(name), split)
