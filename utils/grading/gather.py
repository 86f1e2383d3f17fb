"""Sort what Moodle or Canvas lets you download by student.

Canvas writes all files into one folder (`doejane_1234_98765_02_flax_mnist_cnn.ipynb`), Moodle a folder for each student
or, if so set, one for all. Only notebooks and scripts are copied; what belongs to nobody or is too large is named and
left where it is.
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import shown
from utils.grading import handin
from utils.grading.grades import student_of


def gather(download: Path, submissions: Path) -> list[str]:
    """Copy each hand-in to `submissions/STUDENT/`; a line for each file that was left out.

    Args:
      download: the zip, or the folder that it was unpacked to.
      submissions: a new or empty folder.

    Raises:
      CourseError: there is no such download, or `submissions` has something in it already.
    """
    if submissions.exists() and (not submissions.is_dir() or any(submissions.iterdir())):
        raise CourseError(f"{shown(submissions)} has something in it already. Name a new folder.")
    left_out = []
    for name, content in _entries(download):
        target = _target(PurePosixPath(name.replace("\\", "/")).parts)
        if target is None:
            left_out.append(f"{name} (whose it is cannot be seen from its name)")
        elif not target.name.lower().endswith(handin.ENDINGS):
            left_out.append(f"{name} (no notebook and no script)")
        else:
            try:
                files.write(_free(submissions / target), content())
            except handin.Unreadable as problem:
                left_out.append(f"{name} ({problem})")
    return left_out


def _entries(download: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each file's name in the download, and what reads it. One that cannot be read costs nobody else anything."""
    if download.is_dir():
        for path in sorted(download.rglob("*")):
            if not path.is_dir() or path.is_symlink():
                yield path.relative_to(download).as_posix(), partial(handin.content, path)
        return
    try:
        with zipfile.ZipFile(download) as archive:
            for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
                if not entry.is_dir():
                    yield entry.filename, partial(_unpacked, archive, entry)
    except (OSError, zipfile.BadZipFile):
        told = f"{download} is neither a folder nor a whole zip file. Name the zip that Moodle or Canvas gave you."
        raise CourseError(told) from None


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(entry) as file:
            return handin.in_limits(file)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as problem:
        raise handin.Unreadable(f"it cannot be unpacked: {problem}") from None


def _target(parts: tuple[str, ...]) -> Path | None:
    """Where a file goes: the student's folder, and in it the file's name."""
    *folders, last = parts
    for folder in folders:
        if folder not in (".", "..") and student_of(folder).system:
            return Path(folder, last)
    student = student_of(last)  # a file among everybody's
    if not student.file:
        return None
    ending = "_assignsubmission_file_" * (student.system == "moodle")
    return Path(f"{student.name}_{student.number}{ending}", student.file)


def _free(path: Path) -> Path:
    """The path, or one beside it where another file of that name is already."""
    paths = itertools.chain([path], (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2)))
    return next(free for free in paths if not free.exists())
