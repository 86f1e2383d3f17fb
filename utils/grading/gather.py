"""Sort what Moodle or Canvas lets you download by student.

Canvas writes all files into one folder (`doejane_1234_98765_02_flax_mnist_cnn.ipynb`), Moodle a folder for each student
or, if so set, one for all. Only notebooks and scripts are copied; what belongs to nobody or is too large is named and
left where it is.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

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
    if download.is_dir():
        return list(_sorted(download, submissions))
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(download) as archive:
                archive.extractall(folder)  # whatever a name says, it stays in the folder
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as problem:
            raise CourseError(f"{download} is neither a folder nor a whole zip file ({problem}).") from None
        return list(_sorted(Path(folder), submissions))


def _sorted(download: Path, submissions: Path) -> Iterable[str]:
    """Copy what is somebody's; yields what was left out."""
    for path in sorted(download.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(download)
        target = _target(name.parts)
        if target is None:
            yield f"{name} (whose it is cannot be seen from its name)"
        elif not target.name.lower().endswith(handin.ENDINGS):
            yield f"{name} (no notebook and no script)"
        else:
            try:
                files.write(_free(submissions / target), handin.content(path))
            except handin.Unreadable as problem:
                yield f"{name} ({problem})"


def _target(parts: tuple[str, ...]) -> Path | None:
    """Where a file goes: the student's folder, and in it the file's name."""
    *folders, last = parts
    for folder in folders:
        if student_of(folder).system:
            return Path(folder, last)
    student = student_of(last)  # a file among everybody's
    if not student.file:
        return None
    folder = f"{student.name}_{student.number}"
    return Path(f"{folder}_assignsubmission_file_" if student.system == "moodle" else folder, student.file)


def _free(path: Path) -> Path:
    """The path, or one beside it where another file of that name is already."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
