"""A folder with pictures of one's own, read as a data set.

The class of a picture is the folder it lies in, or the beginning of its name:

    pets/cat/anything.jpg   pets/dog/…         classes cat, dog
    pets/cat.1.jpg          pets/dog.2.jpg     classes cat, dog

If all that stands at the top are folders called train, test, validation, valid or val, those are the splits, and the
above holds in each. Otherwise there is one split, "train", and slices of it do the rest: "train[:80%]", "train[80%:]".

The order is that of a hash of each file's path: it mixes the classes, is the same everywhere, and does not depend on
`seed`, so that slices never overlap. Hidden files, and what is no JPEG, PNG, GIF (first frame), BMP or WebP, are passed
over; pictures of another kind, such as TIFF, are counted and named. A camera's note about which way up it was held
(EXIF) is not heeded.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from utils.base.errors import CourseError, few
from utils.base.quiet_tensorflow import tensorflow
from utils.data.raw import Raw, pieces
from utils.data.sets import IMAGENET

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp")
SPLITS = ("train", "test", "validation", "valid", "val")
SIZE = 96  # pixels, unless `load` is told otherwise
LAYOUT = "Put the pictures in a folder for each class, or name them like cat.1.jpg and dog.2.jpg"

_CLASS = re.compile(r"(.*?[^\W\d].*?)[ ._-]*\(?\d*\)?")  # of a file's name without suffix: what precedes its number


def read(path: Path, split: str) -> Raw:
    """The split of a folder.

    Raises:
        CourseError: The folder holds no pictures, or fewer than two classes, or not that split.
    """
    folder = path.expanduser().resolve()
    by_split = {name: _labelled(place) for name, place in _splits(folder).items()}
    classes = tuple(sorted({label for pairs in by_split.values() for _, label in pairs}))
    if len(classes) < 2:
        which = f"pictures of only one class, {classes[0]!r}" if classes else f"no {', '.join(SUFFIXES)} picture"
        raise CourseError(f"The folder {folder} has {which}{_passed_over(folder)}. {LAYOUT}.")
    lengths = {name: len(pairs) for name, pairs in by_split.items() if pairs}
    chosen = [by_split[part][index] for part, indices in pieces(folder.name, lengths, split) for index in indices]
    files = [str(file) for file, _ in chosen]
    labels = np.array([classes.index(label) for _, label in chosen], np.int64)

    def encoded() -> Any:
        tf = tensorflow()
        pairs = tf.data.Dataset.from_tensor_slices((files, labels))
        return pairs.map(lambda file, label: (tf.io.read_file(file), label))

    return Raw(
        name=folder.name,
        split=split,
        source=f"{folder.name} {split}: pictures of your own, {len(files):,} examples, {len(classes)} classes"
        + _passed_over(folder),
        is_sample=False,
        classes=classes,
        examples=len(files),
        channels=3,
        native=None,
        size=SIZE,
        statistics=IMAGENET,
        encoded=encoded,
        complaint=lambda error: _unreadable(folder, files, error),
    )


def _splits(folder: Path) -> dict[str, Path]:
    """The splits and where each lies: in folders of their names, or all in one."""
    visible = [child for child in sorted(folder.iterdir()) if not child.name.startswith(".")]
    pictures = any(child.suffix.lower() in SUFFIXES for child in visible if child.is_file())
    folders = {child.name: child for child in visible if child.is_dir()}
    return folders if folders and not pictures and folders.keys() <= set(SPLITS) else {"train": folder}


def _labelled(folder: Path) -> list[tuple[Path, str]]:
    """Every picture below the folder with its class, in the order of a hash of its path."""
    pairs = []
    for file in _files(folder):
        if file.suffix.lower() in SUFFIXES:
            inside, named = file.relative_to(folder).parts, _CLASS.fullmatch(file.stem)
            pairs.append((file, inside[0] if len(inside) > 1 else named[1] if named else ""))
    loose = [file for file, label in pairs if file.parent == folder]
    if (len(loose) > 2 and len(loose) == len({label for _, label in pairs})) or any(not label for _, label in pairs):
        raise CourseError(f"The names in the folder {folder}, such as {loose[0].name}, tell no classes. {LAYOUT}.")
    if loose and len(loose) < len(pairs):
        raise CourseError(
            f"The folder {folder} has pictures in class folders and others, such as {loose[0].name}, beside them: "
            "move those into a class's folder, or away."
        )
    return sorted(pairs, key=lambda pair: hashlib.sha256(pair[0].relative_to(folder).as_posix().encode()).digest())


def _files(folder: Path) -> list[Path]:
    """What is below the folder and not hidden."""
    below = folder.rglob("*")
    return [
        file for file in below if file.is_file() and "." not in {part[0] for part in file.relative_to(folder).parts}
    ]


def _passed_over(folder: Path) -> str:
    """What is said of pictures that cannot be read: how many of each kind; "" where there are none."""
    kinds = [file.suffix.lower() for file in _files(folder) if file.suffix.lower() not in SUFFIXES]
    others = Counter(kind for kind in kinds if (mimetypes.guess_type(f"a{kind}")[0] or "").startswith("image/"))
    told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(others.items()))
    return f"; passed over: {told} (save them as .png)" if told else ""


def _unreadable(folder: Path, files: list[str], error: Exception) -> CourseError:
    """Name the pictures that cannot be decoded, by trying each."""
    tf = tensorflow()
    bad = []
    for file in files:
        try:
            tf.io.decode_image(tf.io.read_file(file), 3, expand_animations=False)
        except tf.errors.OpError:
            bad.append(Path(file).relative_to(folder).as_posix())
    named = few(bad) or str(error).splitlines()[0]
    return CourseError(f"Unreadable pictures in the folder {folder}: {named}. Mend them or move them away.")
