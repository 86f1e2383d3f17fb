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
from typing import Any

from utils.base.errors import CourseError
from utils.data import augment as augment
from utils.data.batch import Batch as Batch
from utils.data.inventory import Item as Item
from utils.data.inventory import inventory as inventory
from utils.data.normalise import Normalise
from utils.data.pipeline import Batches as Batches
from utils.data.raw import Raw


def load(
    name: str | Path,
    split: str,
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    size: int | None = None,
    fit: str = "crop",
    augment: Sequence[augment.OnImage] = (),
    mix: augment.OnBatch | None = None,
    normalise: Normalise = "standard",
    drop_remainder: bool | None = None,
    cache: bool | None = None,
    device: Any = None,
    quiet: bool = False,
) -> Batches:
    """The batches of a split, decoded and ready; prints one line that says which data they are, unless `quiet`.

    name: "mnist", "cifar10", "cats_vs_dogs" or "imagenette/160px-v2", of which COURSE_DATA (auto, sample, tfds) decides
        whether the real set is read or the course's sample; or the path of a folder of pictures, with cat.1.jpg and
        dog.2.jpg or a folder for each class (utils/data/folder.py says more).
    split: in the words of TensorFlow Datasets: "train", "test", "train[:80%]", "train[80%:]", "train[:500]+test".
    batch_size: B. shuffle: a new order in every epoch. seed: decides orders and augmentation, run after run.
    size: side in pixels; None for the set's own (28, 32, 96, 128; 96 for a folder). fit: "crop" the middle square or
        "squash" the whole picture into it.
    augment: functions of `utils.data.augment` (or of that form) that vary single pictures, in that order.
    mix: `augment.mixup(…)` or `augment.cutmix(…)`, which mix a batch; labels become [B, K] float32.
    normalise: "standard" (the set's mean and deviation), "unit" (0..1), None (0..255), or a pair (mean, std) for 0..1.
    drop_remainder: leave out a last batch that is not full; else it is filled up, and `mask` says so. None: as shuffle.
    cache: keep the decoded pictures in memory (True), decode them in each epoch (False), or keep up to 2 GiB (None).
    device: where batches are sent ahead: None for JAX's default, a jax.Device or Sharding; "numpy" leaves NumPy arrays.

    Raises CourseError for what cannot be loaded, with the cure.
    """
    batches = Batches(
        _raw(name, split),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        size=size,
        fit=fit,
        augment=augment,
        mix=mix,
        normalise=normalise,
        drop_remainder=drop_remainder,
        cache=cache,
        device=device,
    )
    _say(batches.source, quiet)
    return batches


def arrays(
    name: str | Path,
    split: str,
    *,
    size: int | None = None,
    fit: str = "crop",
    normalise: Normalise = "standard",
    quiet: bool = False,
) -> Batch:
    """A whole split in memory, as one Batch of N examples in NumPy arrays; `mask` is all True. For small sets.

    The arguments are those of `load`. The examples are in the order that `load` gives without shuffling. Raises
    CourseError, besides, for more than 2 GiB.
    """
    from utils.data import decoded, whole

    raw = _raw(name, split)
    batch = whole.read(raw, decoded.form(raw, size, fit), normalise)
    _say(raw.source, quiet)
    return batch


def _raw(name: str | Path, split: str) -> Raw:
    """A set of the table goes before a folder of the same name: `Path("mnist")` or "./mnist" means the folder."""
    from utils.base import paths
    from utils.data import folder, prepared, sets

    if not isinstance(name, str | Path) or name in sets.SETS:
        return prepared.read(sets.find(name), split)
    if name and paths.in_full(name).is_dir():
        return folder.read(Path(name), split)
    if isinstance(name, Path) or name.startswith((".", "/", "~")):
        raise CourseError(f"There is no folder {str(name)!r} (from {Path.cwd()}).")
    return prepared.read(sets.find(name), split)


def _say(line: str, quiet: bool) -> None:
    from utils import results

    if not quiet:
        print(line)
    results.source(line)
