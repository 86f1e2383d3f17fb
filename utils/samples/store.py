"""Where the samples are kept, and how they get there without a half one ever being believed.

A sample is made in a folder of its own beside its place and renamed into it when it is whole: the rename is
what keeps two processes, a Ctrl-C or a full disk from leaving half a set. Of two processes that make a sample at
once, the second finds that it came too late.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

from utils.base import paths, tfds_folder
from utils.base.errors import CourseError, unknown
from utils.samples import recipes

RECIPE = 1  # raised when the pictures change: a sample of another recipe is not looked at
ABANDONED = 3600  # seconds after which a folder in the making is taken for a dead process's


def data_dir() -> Path:
    """The TFDS data directory that holds the samples; it need not exist yet."""
    return paths.cache_dir() / "samples" / f"v{RECIPE}"


def ensure(name: str, *, quiet: bool = False) -> Path:
    """Make the sample called `name` unless it stands whole already.

    Args:
        name: The data set's name, one of `samples.NAMES`.
        quiet: Say nothing; else a line is printed where the sample is made.

    Returns:
        The TFDS data directory in which the sample stands.

    Raises:
        CourseError: There is no such sample, or it cannot be written.
    """
    if name not in recipes.RECIPES:
        raise CourseError(unknown("There is no sample", name, recipes.RECIPES))
    root, recipe = data_dir(), recipes.RECIPES[name]
    if whole(root / recipe.place):
        return root
    if not quiet:
        print(f"{'Drawing' if recipe.drawing else 'Preparing'} the {name} sample (once, some seconds) …", flush=True)
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        _make(name, root)
    except OSError as error:
        raise CourseError(
            f"The {name} sample cannot be written ({error.strerror or error}).\n"
            "Free some disk (100 MB is plenty), or set COURSE_CACHE to a folder that can be written to."
        ) from error
    return root


def whole(folder: Path) -> bool:
    """Whether a sample stands in `folder`, with all its files in full."""
    try:
        tfds_folder.verify(tfds_folder.Found(folder.name, folder, real=False))
    except CourseError:
        return False
    return True


def _make(name: str, root: Path) -> None:
    """Make the sample in a folder of its own, then move it to its place."""
    target = root / recipes.RECIPES[name].place
    with tempfile.TemporaryDirectory(prefix=".making-", dir=root, ignore_cleanup_errors=True) as workshop:
        made = recipes.make(name, Path(workshop))
        if not whole(made):
            raise OSError(0, "it was not written whole")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not whole(target):
            with contextlib.suppress(FileNotFoundError):
                target.rename(Path(workshop) / "damaged")
        try:
            made.rename(target)
        except OSError:  # another process's sample stands there
            if not whole(target):
                raise


def _sweep(root: Path) -> None:
    """Remove what killed processes left: only what is old, for another may be at work."""
    for left in root.glob(".making-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left, ignore_errors=True)
