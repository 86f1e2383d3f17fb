"""Fetching a real set, which happens only when somebody asks for it."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from utils.base.errors import CourseError
from utils.base.quiet_tensorflow import datasets
from utils.data.sets import DataSet, see_that_it_has_pictures


def fetch(entry: DataSet, folder: Path) -> Path:
    """Have TensorFlow Datasets download and prepare a set in a data directory; returns its version folder.

    TFDS writes into a folder of another name and renames it when all is there, so what a broken-off download leaves
    is never taken for a set.

    Raises:
        CourseError: The host cannot be reached, the disk is full or cannot be written to, or what came is not what was
            expected.
    """
    import requests  # late: a quarter of a second, and most who load data download nothing

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = f"{folder} cannot be written to ({error.strerror}): set TFDS_DATA_DIR to a folder that can."
        raise CourseError(message) from error
    try:
        requests.head(f"https://{entry.host}", timeout=15)  # any answer will do; TFDS itself would try for minutes
    except requests.RequestException as error:
        raise CourseError(
            f"{entry.name} cannot be downloaded: {entry.host} cannot be reached. Check the network. {_offline(entry)}"
        ) from error
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    print(f"Downloading {entry.name} into {folder} …", flush=True)
    try:
        builder = datasets().builder(entry.name, data_dir=folder)
        see_that_it_has_pictures(entry.name, builder.info.features)
        builder.download_and_prepare()
    except CourseError:
        raise
    except Exception as error:  # disks, checksums, archives, sites that changed: all that TFDS can raise
        why = (str(error).strip() or "no reason given").splitlines()[0]
        raise CourseError(
            f"{entry.name} could not be prepared in {folder}: {type(error).__name__}: {why}\n"
            f"See that there is room on the disk, delete {folder / 'downloads'} and try again. {_offline(entry)}"
        ) from error
    return Path(builder.data_dir)


def _offline(entry: DataSet) -> str:
    return "With no network, set COURSE_DATA=sample: the samples need none." if entry.sample else "There is no sample."
