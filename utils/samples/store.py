"""Where the samples are kept, and how they get there without a half one ever being believed.

A sample is made in a folder of its own beside its place and renamed into it when it is whole: the rename is
what keeps two processes, a Ctrl-C or a full disk from leaving half a set. Of two processes that make a sample at
once, the second finds that it came too late.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from utils.base import paths
from utils.base.errors import CourseError
from utils.samples import recipes

RECIPE = 1  # raised when the pictures change: a sample of another recipe is not looked at


def data_dir() -> Path:
    """The TFDS data directory that holds the samples; it need not exist yet."""
    return paths.cache_dir() / "samples" / f"v{RECIPE}"


def ensure(name: str) -> Path:
    """Make the sample called `name`, a key of `recipes.RECIPES`, unless it is there already.

    Returns its folder, in TFDS's format; raises CourseError where it cannot be written.
    """
    root = data_dir()
    target = root / recipes.RECIPES[name].place
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=root, ignore_cleanup_errors=True) as workshop:
            made = recipes.make(name, Path(workshop))
            try:
                made.rename(target)
            except OSError:  # another process's sample stands there
                if not target.is_dir():
                    raise
    except OSError as error:
        raise CourseError(
            f"The {name} sample cannot be written ({error.strerror or error}).\n"
            "Free some disk (100 MB is plenty), or set COURSE_CACHE to a folder that can be written to."
        ) from error
    return target
