"""Pictures decoded once, and kept in memory for every epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.base.machine import cores
from utils.base.quiet_tensorflow import tensorflow
from utils.data.raw import Raw


def decoded(raw: Raw, side: int) -> tuple[Any, Any]:
    """All pictures of a split with S = `side` pixels each way: TensorFlow's [N, S, S, C] uint8, and labels, [N] int32.

    The middle square is cut out and resized, with antialiasing; a picture that has the size already is left as it is.
    Raises CourseError where they cannot be read.
    """
    tf, count, shape = tensorflow(), raw.examples, (side, side, raw.channels)

    def decode(encoded: Any, label: Any) -> tuple[Any, Any]:
        image = tf.io.decode_image(encoded, raw.channels, expand_animations=False)
        if raw.native != (side, side):
            height, width = tf.shape(image)[0], tf.shape(image)[1]
            short = tf.minimum(height, width)
            top, left = (height - short) // 2, (width - short) // 2
            image = image[top : top + short, left : left + short]
            image = tf.image.resize(image, (side, side), antialias=True)
            image = tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)
        return tf.ensure_shape(image, shape), tf.cast(label, "int32")

    needed = count * int(np.prod(shape))
    memory = np.empty(needed + 64, np.uint8)
    start = -memory.ctypes.data % 64  # TensorFlow's own memory begins at a multiple of 64 bytes
    images = memory[start : start + needed].reshape(count, *shape)
    labels = np.empty(count, np.int32)
    at, errors = 0, tf.errors
    try:
        pictures = raw.encoded().map(decode, cores(), deterministic=True)
        for image, label in quick(pictures.batch(128).prefetch(2)).as_numpy_iterator():
            images[at : at + len(label)], labels[at : at + len(label)] = image, label
            at += len(label)
    except (errors.DataLossError, errors.InvalidArgumentError, errors.NotFoundError) as error:
        raise raw.complaint(error) from error
    if at != count:
        raise raw.complaint(EOFError(f"{at} examples"))
    # tf.constant would copy the pictures, twice
    return tf.experimental.dlpack.from_dlpack(images.__dlpack__()), tf.constant(labels)


def quick(dataset: Any) -> Any:
    """The same dataset without the machinery that costs more than it gains on small pictures: twice as fast."""
    options = tensorflow().data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.threading.max_intra_op_parallelism = 1
    return dataset.with_options(options)
