"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from utils.errors import CourseError
from utils.paths import shown


def write(path: Path, text: str) -> None:
    """Put the text at `path`, in UTF-8 with Unix line ends; what was there stays until the new text is all on disk.

    Makes the folder. Raises CourseError when the disk is full or cannot be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(text, encoding="utf-8", newline="\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CourseError(
            f"{shown(path)} cannot be written ({error.strerror}); it is as it was. Free some disk, or see who owns it."
        ) from error
