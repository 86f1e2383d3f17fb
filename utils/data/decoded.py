"""Decoded pictures, epoch after epoch: kept in memory, or decoded again each time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil

from utils.base.errors import CourseError
from utils.base.machine import cores
from utils.base.quiet_tensorflow import tensorflow
from utils.data.arguments import whole
from utils.data.raw import Raw

LIMIT = 2 * 2**30  # bytes of decoded uint8 pictures that `cache=None` keeps in memory
BUFFER = 4096  # encoded pictures among which a set that is not kept is shuffled


class Pictures:
    """The pictures of a split as [S, S, C] uint8, S being `size` (None: the set's own).

    The middle square is cut out and resized, with antialiasing; a picture that has the size already is left as it is.

    Where they are not kept, the order of an epoch is not a full permutation: BUFFER encoded pictures at a time are put
    in another order. TFDS mixes a set when it writes it, so classes are mixed all the same.
    """

    def __init__(self, raw: Raw, size: int | None, cache: bool | None):
        side = raw.size if size is None else whole(size, "size", least=1)
        self.shape = side, side, raw.channels
        self.raw, self._cache = raw, cache
        self._kept: tuple[Any, Any] | None = None  # images [N, S, S, C] uint8, labels [N] int32

    def keep(self) -> None:
        """Decode all pictures and keep them, if `cache` is True, or None and they take no more than LIMIT.

        Raises:
            CourseError: They do not fit into memory, or cannot be read.
        """
        count = self.raw.examples
        needed = count * int(np.prod(self.shape))
        if self._cache is False or (self._cache is None and needed > LIMIT):
            return
        if needed > psutil.virtual_memory().total:
            raise self._too_large()
        tf = tensorflow()
        memory = np.empty(needed + 64, np.uint8)
        start = -memory.ctypes.data % 64  # TensorFlow's own memory begins at a multiple of 64 bytes
        images = memory[start : start + needed].reshape(count, *self.shape)
        labels = np.empty(count, np.int32)
        at = 0
        with self._errors_explained():
            for _, image, label in quick(self._in_order().batch(128).prefetch(2)).as_numpy_iterator():
                images[at : at + len(label)], labels[at : at + len(label)] = image, label
                at += len(label)
        if at != count:
            raise self.raw.complaint(EOFError(f"{at} examples"))
        # tf.constant would copy the pictures, twice
        self._kept = tf.experimental.dlpack.from_dlpack(images.__dlpack__()), tf.constant(labels)

    def epoch(self, order: np.ndarray, seed: int | None, batch: int | None) -> Any:
        """The pictures one by one, or by batches, of which the last may be shorter.

        Args:
            order: The indices of the kept pictures, int64 [N].
            seed: Decides the order of pictures that are not kept; None leaves them as they lie in the files.
            batch: Of so many; kept pictures are fetched by whole batches several times faster.

        Returns:
            A tf.data.Dataset of (index int64, image [S, S, C] uint8, label int32), or of batches of them.
        """
        if self._kept is None:
            return self._in_order(seed) if batch is None else self._in_order(seed).batch(batch)
        indices = tensorflow().data.Dataset.from_tensor_slices(order)
        return (indices if batch is None else indices.batch(batch)).map(self._at, cores(), deterministic=True)

    def examine(self) -> None:
        """Read and decode everything once, to tell damaged data from a failing augmentation. Raises the complaint."""
        if self._kept is None:
            with self._errors_explained():
                for _ in quick(self._in_order()).as_numpy_iterator():
                    pass

    def _at(self, index: Any) -> tuple[Any, Any, Any]:
        assert self._kept is not None
        images, labels = self._kept
        return index, tensorflow().gather(images, index), tensorflow().gather(labels, index)

    def _in_order(self, seed: int | None = None) -> Any:
        """As `epoch`, from the files."""
        numbered = self.raw.encoded().enumerate()
        if seed is not None:
            numbered = _shuffled(numbered, seed)
        return numbered.map(self._decode, cores(), deterministic=True)

    def _decode(self, index: Any, pair: tuple[Any, Any]) -> tuple[Any, Any, Any]:
        """One picture: a file's bytes to [S, S, C] uint8."""
        tf, (encoded, label) = tensorflow(), pair
        image = tf.io.decode_image(encoded, self.raw.channels, expand_animations=False)
        if self.raw.native != self.shape[:2]:
            height, width = tf.shape(image)[0], tf.shape(image)[1]
            short = tf.minimum(height, width)
            top, left = (height - short) // 2, (width - short) // 2
            image = image[top : top + short, left : left + short]
            image = tf.image.resize(image, self.shape[:2], antialias=True)
            image = tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)
        return index, tf.ensure_shape(image, self.shape), tf.cast(label, "int32")

    @contextlib.contextmanager
    def _errors_explained(self) -> Iterator[None]:
        errors = tensorflow().errors
        try:
            yield
        except errors.ResourceExhaustedError:
            raise self._too_large() from None
        except errors.OpError as error:
            raise self.raw.complaint(error) from error

    def _too_large(self) -> CourseError:
        shape = " × ".join(f"{length:,}" for length in (self.raw.examples, *self.shape))
        return CourseError(
            f"Not enough memory for {self.raw.name} {self.raw.split}: {shape} bytes and more. "
            "Choose a smaller size, a smaller slice, or cache=False."
        )


def _shuffled(dataset: Any, seed: int) -> Any:
    """Each BUFFER elements in an order that `seed` alone decides; Dataset.shuffle heeds tf.random.set_seed as well."""
    tf = tensorflow()

    def reordered(number: Any, elements: Any) -> Any:
        count = tf.shape(elements[0])[0]
        order = tf.argsort(tf.random.stateless_uniform((count,), tf.stack([seed, tf.cast(number, tf.int32)])))
        return tf.nest.map_structure(lambda leaf: tf.gather(leaf, order), elements)

    return dataset.batch(BUFFER).enumerate().map(reordered).prefetch(1).unbatch()


def quick(dataset: Any) -> Any:
    """The same dataset without the machinery that costs more than it gains on small pictures: twice as fast."""
    options = tensorflow().data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.threading.max_intra_op_parallelism = 1
    return dataset.with_options(options)
