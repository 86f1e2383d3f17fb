"""Where the samples are kept, and how they get there without a half one ever being believed.

A sample is made in a folder of its own beside its place and renamed into it when it is whole: the rename is
what keeps two processes, a Ctrl-C or a full disk from leaving half a set. A lock of the operating system,
which falls with the process that holds it, only spares a second process the work; where there is none, both
make the sample and the second finds that it came too late.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from utils.base import paths, tfds_folder
from utils.base.errors import CourseError, unknown
from utils.samples import recipes

RECIPE = 1  # raised when the pictures change: a sample of another recipe is not looked at
ABANDONED = 3600  # seconds after which an unlocked folder in the making is taken for a dead process's


def data_dir() -> Path:
    """The TFDS data directory that holds the samples; it need not exist yet."""
    return paths.cache_dir() / "samples" / f"v{RECIPE}"


def ensure(name: str, *, quiet: bool = False) -> Path:
    """Make the sample called `name` unless it stands whole already.

    Args:
        name: The data set's name, one of `samples.NAMES`.
        quiet: Say nothing; else a line is printed where the sample is made or waited for.

    Returns:
        The TFDS data directory in which the sample stands.

    Raises:
        CourseError: There is no such sample, or it cannot be written.
    """
    if name not in recipes.RECIPES:
        raise CourseError(unknown("There is no sample", name, recipes.RECIPES))
    root, recipe = data_dir(), recipes.RECIPES[name]
    if fault(root / recipe.place) is None:
        return root
    kind = recipe.place.split("/")[0]

    def say(line: str) -> None:
        if not quiet:
            print(line, flush=True)

    try:
        root.mkdir(parents=True, exist_ok=True)
        with _lock(root / f".lock-{kind}", say) as alone:
            _sweep(root, kind, alone)
            if fault(root / recipe.place) is not None:  # else another process made it while this one waited
                say(f"{'Drawing' if recipe.drawing else 'Preparing'} the {name} sample (once, some seconds) …")
                _make(name, kind, root)
    except OSError as error:
        raise CourseError(
            f"The {kind} sample cannot be written ({error.strerror or error}).\n"
            "Free some disk (100 MB is plenty), or set COURSE_CACHE to a folder that can be written to."
        ) from error
    return root


def fault(folder: Path) -> str | None:
    """What is wrong with the sample that stands in `folder`; None when it is whole."""
    try:
        tfds_folder.verify(tfds_folder.Found(folder.name, folder, real=False))
    except CourseError as problem:
        return str(problem)
    return None


def _make(name: str, kind: str, root: Path) -> None:
    """Make the sample in a folder of its own, then move it to its place."""
    target = root / recipes.RECIPES[name].place
    with tempfile.TemporaryDirectory(prefix=f".making-{kind}-", dir=root, ignore_cleanup_errors=True) as workshop:
        made = recipes.make(name, Path(workshop))
        if (problem := fault(made)) is not None:
            raise OSError(0, f"it was not written whole: {problem}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if fault(target) is not None:
            with contextlib.suppress(FileNotFoundError):
                target.rename(Path(workshop) / "damaged")
        try:
            made.rename(target)
        except OSError:  # another process's sample stands there
            if fault(target) is not None:
                raise


def _sweep(root: Path, kind: str, alone: bool) -> None:
    """Remove what killed processes left. Without the lock only what is old, for another may be at work."""
    for left in root.glob(f".making-{kind}-*"):
        with contextlib.suppress(OSError):
            if alone or time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path, say: Callable[[str], None]) -> Iterator[bool]:
    """Hold the lock file while the body runs; gives False where the system or the disk has no locks."""
    with path.open("a") as file:  # closing it lets go of the lock, and so does the death of the process
        try:
            import fcntl  # late: Windows has none

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another process is making this sample: waiting for it …")
                fcntl.flock(file, fcntl.LOCK_EX)
            alone = True
        except (ImportError, OSError):
            alone = False
        yield alone
