"""`python -m utils gather DOWNLOAD SUBMISSIONS`: sort what Moodle or Canvas lets you download by student.

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
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.base.paths import in_full, shown
from utils.grading import handin
from utils.grading.grades import student_of

LONGEST_NAME = 200  # bytes; most systems have 255, of which writing a file takes some


def main(arguments: list[str]) -> int:
    """Copy each hand-in to `SUBMISSIONS/STUDENT/`; returns 0 also when something is left out, which is told."""
    parser = parser_of("gather", __doc__)
    parser.add_argument("download", type=Path, help="the zip that Moodle or Canvas gave, or the folder in it")
    parser.add_argument("submissions", type=Path, help="where the folders go; new or empty")
    asked = parser.parse_args(arguments)
    submissions = in_full(asked.submissions)
    if submissions.exists() and (not submissions.is_dir() or any(submissions.iterdir())):
        raise CourseError(f"{shown(submissions)} has something in it already. Name a new folder.")
    for name, content in _entries(in_full(asked.download)):
        try:
            target = _free(submissions / _target(PurePosixPath(name.replace("\\", "/")).parts))
            files.write(target, content())
        except handin.Unreadable as problem:
            print(f"left out: {name} ({problem})")
    students = sum(1 for _ in submissions.iterdir()) if submissions.is_dir() else 0
    print(f"{students} students in {shown(submissions)}. Next: make grade SUBMISSIONS={asked.submissions} OUT=…")
    return 0


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
    except CourseError:
        raise
    except Exception as problem:  # whatever a damaged or locked one raises
        raise handin.Unreadable(f"it cannot be unpacked: {problem}") from None


def _target(parts: tuple[str, ...]) -> Path:
    """Where a file goes: the student's folder, and in it the file's name."""
    *folders, last = parts
    student = student_of(last)  # of a file among everybody's
    whose = [folder for folder in folders if student_of(folder).system]
    if not whose and not student.file:
        raise handin.Unreadable("whose it is cannot be seen from its name")
    if max(len(part.encode(errors="replace")) for part in parts) > LONGEST_NAME:
        raise handin.Unreadable("its name is too long")
    if not last.lower().endswith(handin.ENDINGS):
        raise handin.Unreadable("no notebook and no script")
    ending = "_assignsubmission_file_" * (student.system == "moodle")
    return Path(whose[0], last) if whose else Path(f"{student.name}_{student.number}{ending}", student.file)


def _free(path: Path) -> Path:
    """The path, or one beside it where another file of that name is already."""
    paths = itertools.chain([path], (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2)))
    return next(free for free in paths if not free.exists())
