"""`python -m utils gather DOWNLOAD SUBMISSIONS`: sort what Moodle or Canvas lets you download by student.

DOWNLOAD is the zip, or the folder that it was unpacked to. Canvas writes all files into one folder
(`doejane_1234_98765_02_flax_mnist_cnn.ipynb`), Moodle a folder for each student or, if so set, one for all. Only
notebooks and scripts are copied; what belongs to nobody or is too large is named and left where it is.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import shown
from utils.grading import handin
from utils.grading.columns import student_of


def gather(download: Path, submissions: Path) -> list[str]:
    """Copy each hand-in to `submissions/STUDENT/`. Returns a line for each file that was left out.

    Raises:
      CourseError: there is no such download, or `submissions` has something in it already.
    """
    if submissions.exists() and (not submissions.is_dir() or any(submissions.iterdir())):
        raise CourseError(f"{shown(submissions)} has something in it already. Name a new folder.")
    left_out = []
    for name, content in _entries(download):
        parts = PurePosixPath(name.replace("\\", "/")).parts
        target = _target(parts)
        if target is None:
            left_out.append(f"{name} (whose it is cannot be seen from its name)")
        elif not target[1].lower().endswith(handin.ENDINGS):
            left_out.append(f"{name} (no notebook and no script)")
        else:
            try:
                raw = content()
            except CourseError as problem:
                left_out.append(f"{name} ({problem})")
                continue
            files.write(_free(submissions / target[0] / target[1]), raw)
    return left_out


def _target(parts: tuple[str, ...]) -> tuple[str, str] | None:
    """The student's folder, and the file's name in it."""
    for depth, part in enumerate(parts):
        student = student_of(part)
        if not student.system or part in (".", ".."):
            continue
        if depth == len(parts) - 1:  # a file among everybody's
            whole = {"moodle": f"{student.name}_{student.number}_assignsubmission_file_"}
            return (
                (whole.get(student.system, f"{student.name}_{student.number}"), student.file) if student.file else None
            )
        return part, parts[-1]
    return None


def _free(path: Path) -> Path:
    """The path, or one beside it where another file of that name is already."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free


def _entries(download: Path) -> Iterable[tuple[str, Callable[[], bytes]]]:
    """Each file's name, and what reads it."""
    if download.is_dir():
        for path in sorted(download.rglob("*")):
            if not path.is_dir() or path.is_symlink():
                yield path.relative_to(download).as_posix(), lambda path=path: handin.content(path)  # type: ignore[misc]
        return
    try:
        with zipfile.ZipFile(download) as archive:
            for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
                if not entry.is_dir():
                    yield entry.filename, lambda entry=entry: _unpacked(archive, entry)  # type: ignore[misc]
    except (OSError, zipfile.BadZipFile) as problem:
        raise CourseError(f"{download} is neither a folder nor a whole zip file ({problem}).") from None


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(entry) as file:
            raw = file.read(handin.LARGEST + 1)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as problem:
        raise CourseError(f"it cannot be unpacked: {problem}") from None
    if len(raw) > handin.LARGEST:
        raise CourseError(f"larger than {handin.LARGEST // 2**20} MB")
    return raw
