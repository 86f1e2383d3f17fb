"""Fetching a real set, which happens only when somebody asks for it."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

from utils.base.errors import CourseError
from utils.base.quiet_tensorflow import datasets
from utils.data.sets import DataSet

OFFLINE = "With no network, set COURSE_DATA=sample: the samples need none."


def fetch(entry: DataSet, folder: Path) -> Path:
    """Have TensorFlow Datasets download and prepare a set in a data directory; returns its version folder.

    TFDS writes into a folder of another name and renames it when all is there, so what a broken-off download leaves
    is never taken for a set. Raises CourseError if the host cannot be reached, the disk is full or cannot be written
    to, or what came is not what was expected.
    """
    _writable(folder)
    _reachable(entry)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    print(f"Downloading {entry.name} into {folder} …", flush=True)
    try:
        builder = datasets().builder(entry.name, data_dir=folder)
        builder.download_and_prepare()
    except OSError as error:
        raise CourseError(_in_words(entry, folder, error)) from error
    except Exception as error:  # checksums, archives, sites that changed: all that TFDS can raise
        what = str(error).strip().splitlines() or [""]
        raise CourseError(
            f"{entry.name} could not be prepared in {folder}: {type(error).__name__}: {what[0]}\n"
            f"Delete {folder / 'downloads'} and try again. {OFFLINE}"
        ) from error
    return Path(builder.data_dir)


def _in_words(entry: DataSet, folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "disk space" in str(error):
        return (
            f"The disk of {folder} is too full for {entry.name} ({error}). "
            "Free some space, or set TFDS_DATA_DIR to a folder on another disk."
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"{folder} cannot be written to ({error}): set TFDS_DATA_DIR to a folder that can."
    return f"The download of {entry.name} broke off ({type(error).__name__}): run it again. {OFFLINE}"


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"{folder} cannot be made ({error.strerror}): set TFDS_DATA_DIR to another.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CourseError(f"{folder} cannot be written to: set TFDS_DATA_DIR to a folder that can.")


def _reachable(entry: DataSet) -> None:
    """TFDS tries an unreachable host for minutes, with a warning for each try; this asks once."""
    import requests

    try:
        requests.head(f"https://{entry.host}", timeout=15)  # any answer will do
    except requests.RequestException as error:
        raise CourseError(
            f"{entry.name} cannot be downloaded: {entry.host} cannot be reached. Check the network. {OFFLINE}"
        ) from error
