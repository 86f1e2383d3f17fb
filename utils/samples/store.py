"""Where the samples are kept, and how they get there without a half one ever being believed.

A sample is made in a folder of its own beside its place and renamed into it when it is whole: the rename is
what keeps two processes, a Ctrl-C or a full disk from leaving half a set. A lock of the operating system,
which falls with the process that holds it, only spares a second process the work; where there is none, both
make the sample and the second finds that it came too late.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from utils.base import paths
from utils.base.errors import CourseError
from utils.samples import tfrecords

RECIPE = 1  # raised when the pictures change: a sample of another recipe is not looked at
ABANDONED = 3600  # seconds after which an unlocked folder in the making is taken for a dead process's

Make = Callable[[Path], Path]  # writes a set into the data directory given, returns the set's own folder


def data_dir() -> Path:
    """The TFDS data directory that holds the samples; it need not exist yet."""
    return paths.cache_dir() / "samples" / f"v{RECIPE}"


def ensure(place: str, make: Make, doing: str, say: Callable[[str], None]) -> Path:
    """See that the sample stands whole at data_dir()/place (such as "mnist/3.0.1"); return data_dir().

    If it does not, `make` is called; what is `doing`, or that another process is, is handed to `say` before. Raises
    CourseError when the sample cannot be written.
    """
    root = data_dir()
    if tfrecords.fault(root / place) is None:
        return root
    kind = place.split("/")[0]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _lock(root / f".lock-{kind}", say) as alone:
            _sweep(root, kind, alone)
            if tfrecords.fault(root / place) is not None:  # else another process made it while this one waited
                say(doing)
                _make(root, place, kind, make)
    except OSError as error:
        raise CourseError(
            f"The {kind} sample cannot be written ({error.strerror or error}).\n"
            "Free some disk (100 MB is plenty), or set COURSE_CACHE to a folder that can be written to."
        ) from error
    return root


def _make(root: Path, place: str, kind: str, make: Make) -> None:
    """Make the sample in a folder of its own, then move it to its place."""
    workshop = root / f".making-{kind}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    workshop.mkdir()
    try:
        made = make(workshop)
        if (fault := tfrecords.fault(made)) is not None:
            raise OSError(0, f"it was not written whole: {fault}")
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(5):
            try:
                made.rename(target)
                return
            except OSError:  # something stands there: another process's sample, or a damaged one
                if tfrecords.fault(target) is None:
                    return
                if attempt == 4:
                    raise
                with contextlib.suppress(FileNotFoundError):
                    target.rename(workshop / f"damaged-{attempt}")
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _sweep(root: Path, kind: str, alone: bool) -> None:
    """Remove what killed processes left. Without the lock only what is old, for another may be at work."""
    for left in root.glob(f".making-{kind}-*"):
        with contextlib.suppress(OSError):
            if alone or time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path, say: Callable[[str], None]) -> Iterator[bool]:
    """Hold the lock file while the body runs; gives False where the system or the disk has no locks."""
    with path.open("a") as file:
        alone = _take(file, say)
        yield alone  # closing the file lets go of the lock, and so does the death of the process


def _take(file: IO[str], say: Callable[[str], None]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        say("Another process is making this sample: waiting for it …")
        fcntl.flock(file, fcntl.LOCK_EX)
        return True
    except OSError:
        return False
