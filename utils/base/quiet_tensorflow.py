"""TensorFlow as this course uses it: imported late, silent, and never on an accelerator."""

from __future__ import annotations

import functools
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from utils.base.errors import CourseError

# Set while TensorFlow is imported: it looks for the Keras of old, does not miss it, and leaves out the new one, which
# takes as long as all the rest and which no pipeline needs. `tf.keras` is imported when it is first used, as ever.
LEGACY = "TF_USE_LEGACY_KERAS"


@contextmanager
def _standard_error_set_aside() -> Iterator[None]:
    """Hold back what C++ code writes to standard error; show it after all if the block fails (not for Ctrl-C)."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(kept, 2)
            aside.seek(0)
            os.write(2, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@functools.cache
def tensorflow() -> Any:
    """The `tensorflow` module, with every GPU hidden from it so that JAX has them to itself.

    The first call imports it (some seconds).

    Raises:
        CourseError: TensorFlow holds a GPU already.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # 3: fatal errors only; the rest comes as exceptions
    given = LEGACY in os.environ
    os.environ.setdefault(LEGACY, "1")
    with _standard_error_set_aside():  # two lines about oneDNN heed no log level
        import tensorflow as tf

        if not given:
            del os.environ[LEGACY]
        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError as error:
            if tf.config.get_visible_devices("GPU"):
                raise CourseError(
                    "TensorFlow already holds the GPU, so JAX would have to share it. Restart the kernel and call "
                    'data.load before any other use of TensorFlow, or tf.config.set_visible_devices([], "GPU").'
                ) from error
        tf.zeros(1)  # its start-up notices come now, while they are held back
    tf.get_logger().setLevel(logging.ERROR)
    return tf


@functools.cache
def datasets() -> Any:
    """The `tensorflow_datasets` module."""
    tensorflow()
    with _standard_error_set_aside():
        import tensorflow_datasets as tfds
    logging.getLogger("absl").setLevel(logging.ERROR)
    return tfds
