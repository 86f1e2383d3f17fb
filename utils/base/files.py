"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from utils.base.errors import CourseError
from utils.base.paths import shown


def write(path: Path, content: str | bytes) -> None:
    """Put the content at `path`; what was there stays until the new content is all on disk. Makes the folder.

    Text is written in UTF-8 with Unix line ends.

    Raises:
        CourseError: The disk is full or cannot be written to.
    """
    raw = content.encode() if isinstance(content, str) else content
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(raw)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CourseError(
            f"{shown(path)} cannot be written ({error.strerror}); it is as it was. Free some disk, or see who owns it."
        ) from error
