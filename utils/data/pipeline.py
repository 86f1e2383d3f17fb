"""From encoded pictures to batches: decode once, keep, shuffle, augment, normalise, pad, prefetch."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import numpy as np

from utils.data.batch import Batch
from utils.data.quiet import tensorflow
from utils.data.raw import Raw
from utils.errors import CourseError


def decode(raw: Raw, side: int, fit: str) -> tuple[Any, np.ndarray]:
    """All pictures of a split, decoded and brought to `side` × `side`.

    Returns a tf.Tensor [N, side, side, C] uint8 and labels [N] int32.
    """
    tf = tensorflow()
    images = np.empty((raw.examples, side, side, raw.channels), np.uint8)
    labels = np.empty((raw.examples,), np.int32)
    at = 0
    dataset = raw.encoded().map(
        lambda encoded, label: (resize(encoded, raw, side, fit), label),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    try:
        for image, label in dataset.batch(256).prefetch(2).as_numpy_iterator():
            images[at : at + len(label)], labels[at : at + len(label)] = image, label
            at += len(label)
    except tf.errors.OpError as error:
        raise raw.complaint(error) from error
    return tf.constant(images), labels


def resize(encoded: Any, raw: Raw, side: int, fit: str) -> Any:
    """One picture, decoded: [side, side, C] uint8."""
    tf = tensorflow()
    image = tf.io.decode_image(encoded, raw.channels, expand_animations=False)
    if raw.native == (side, side):
        return tf.ensure_shape(image, (side, side, raw.channels))
    if fit == "crop":
        height, width = tf.shape(image)[0], tf.shape(image)[1]
        short = tf.minimum(height, width)
        top, left = (height - short) // 2, (width - short) // 2
        image = image[top : top + short, left : left + short]
    image = tf.image.resize(image, (side, side), antialias=True)
    image = tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)
    return tf.ensure_shape(image, (side, side, raw.channels))


class Batches:
    """The batches of a split, epoch after epoch."""

    def __init__(self, raw: Raw, batch_size: int, shuffle: bool, seed: int, size: int | None, drop_remainder: bool):
        self.name, self.split, self.source = raw.name, raw.split, raw.source
        self.classes, self.examples = raw.classes, raw.examples
        self.batch_size = batch_size
        self._shuffle, self._seed, self._drop = shuffle, seed, drop_remainder
        self._statistics = raw.statistics
        if batch_size > raw.examples:
            raise CourseError(
                f"batch_size {batch_size} is larger than {raw.name} {raw.split} ({raw.examples} examples)."
            )
        self._side = size or raw.size
        self._channels = raw.channels
        self._images, self._labels = decode(raw, self._side, "crop")
        self._next = 0

    def __len__(self) -> int:
        return self.examples // self.batch_size if self._drop else -(-self.examples // self.batch_size)

    @property
    def spec(self) -> Batch:
        import jax

        b = self.batch_size
        return Batch(
            jax.ShapeDtypeStruct((b, self._side, self._side, self._channels), np.float32),
            jax.ShapeDtypeStruct((b,), np.int32),
            jax.ShapeDtypeStruct((b,), np.bool_),
        )

    def __iter__(self) -> Iterator[Batch]:
        epoch = self._next
        self._next += 1
        return self.epoch(epoch)

    def epoch(self, number: int) -> Iterator[Batch]:
        import jax

        queue: collections.deque[Batch] = collections.deque()
        for batch in self._numpy(number):
            queue.append(jax.device_put(batch))
            if len(queue) > 2:
                yield queue.popleft()
        yield from queue

    def _numpy(self, number: int) -> Iterator[Batch]:
        tf = tensorflow()
        order = np.arange(self.examples)
        if self._shuffle:
            order = np.random.default_rng([self._seed, number]).permutation(self.examples)
        order = order[: len(self) * self.batch_size]
        mean, std = (tf.constant(x, tf.float32) for x in self._statistics)

        def finish(index: Any) -> Any:
            image = (tf.cast(tf.gather(self._images, index), tf.float32) / 255.0 - mean) / std
            label = tf.gather(self._labels, index)
            spare = self.batch_size - tf.shape(index)[0]
            mask = tf.range(self.batch_size) < tf.shape(index)[0]
            return tf.pad(image, [[0, spare], [0, 0], [0, 0], [0, 0]]), tf.pad(label, [[0, spare]]), mask

        dataset = tf.data.Dataset.from_tensor_slices(order).batch(self.batch_size)
        dataset = dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(2)
        for image, label, mask in dataset.as_numpy_iterator():
            yield Batch(image, label, mask)
