"""Where decoded pictures come from, epoch after epoch: kept in memory, or decoded again each time."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from utils.base.errors import CourseError
from utils.base.machine import cores
from utils.base.quiet_tensorflow import tensorflow
from utils.data.numbers import whole
from utils.data.raw import Raw

LIMIT = 2 * 2**30  # bytes of decoded uint8 pictures that `cache=None` keeps in memory
BUFFER = 4096  # encoded pictures among which a set that is not kept is shuffled
FITS = ("crop", "squash")


class Form(NamedTuple):
    """What a picture is brought to: `side` × `side` pixels, by `fit`.

    fit: "crop" cuts the middle square out and resizes it; "squash" resizes the whole picture. Both with antialiasing.
    A picture that has the size already is left as it is.
    """

    side: int
    fit: str

    def __call__(self, encoded: Any, raw: Raw) -> Any:
        """One picture: a file's bytes to [side, side, C] uint8."""
        tf = tensorflow()
        image = tf.io.decode_image(encoded, raw.channels, expand_animations=False)
        shape = (self.side, self.side, raw.channels)
        if raw.native == shape[:2]:
            return tf.ensure_shape(image, shape)
        if self.fit == "crop":
            height, width = tf.shape(image)[0], tf.shape(image)[1]
            short = tf.minimum(height, width)
            top, left = (height - short) // 2, (width - short) // 2
            image = image[top : top + short, left : left + short]
        image = tf.image.resize(image, shape[:2], antialias=True)
        image = tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)
        return tf.ensure_shape(image, shape)


class Kept:
    """All pictures of a split, decoded once and held in memory: image [N, S, S, C] uint8, label [N] int32."""

    def __init__(self, raw: Raw, form: Form):
        tf = tensorflow()
        shape = (raw.examples, form.side, form.side, raw.channels)
        try:
            images = _aligned(shape)
        except MemoryError:
            raise _too_large(f"{raw.name} {raw.split}", shape) from None
        labels = np.empty((raw.examples,), np.int32)
        dataset = raw.encoded().map(lambda encoded, label: (form(encoded, raw), label), cores(), deterministic=True)
        at = 0
        try:
            for image, label in quick(dataset.batch(128).prefetch(2)).as_numpy_iterator():
                images[at : at + len(label)], labels[at : at + len(label)] = image, label
                at += len(label)
        except tf.errors.ResourceExhaustedError:
            raise _too_large(f"{raw.name} {raw.split}", shape) from None
        except tf.errors.OpError as error:
            raise raw.complaint(error) from error
        if at != raw.examples:
            raise raw.complaint(EOFError(f"{at} examples"))
        # tf.constant would copy, twice
        self.images = tf.experimental.dlpack.from_dlpack(images.__dlpack__())
        self.labels = tf.constant(labels)

    def examples(self, order: np.ndarray, seed: int | None) -> Any:
        """A tf.data.Dataset of (index int64, image [S, S, C] uint8, label int32) in the given order [N]."""
        return tensorflow().data.Dataset.from_tensor_slices(order).map(self._at, cores(), deterministic=True)

    def batches(self, order: np.ndarray, seed: int | None, size: int) -> Any:
        """The same by batches of `size`, fetched whole, which is several times faster; the last may be shorter."""
        indices = tensorflow().data.Dataset.from_tensor_slices(order).batch(size)
        return indices.map(self._at, cores(), deterministic=True)

    def examine(self) -> None:
        """All was read when it was kept."""

    def _at(self, index: Any) -> tuple[Any, Any, Any]:
        tf = tensorflow()
        return index, tf.gather(self.images, index), tf.gather(self.labels, index)


class Streamed:
    """The pictures of a split too large to keep: read and decoded in every epoch.

    The order of an epoch is not a full permutation: BUFFER encoded pictures at a time are put in another order.
    TFDS mixes a set when it writes it, so classes are mixed all the same.
    """

    def __init__(self, raw: Raw, form: Form):
        self._raw, self._form = raw, form

    def examples(self, order: np.ndarray, seed: int | None) -> Any:
        """As `Kept.examples`; the order is drawn from `seed`, or the files' own if that is None."""
        numbered = self._raw.encoded().enumerate()
        if seed is not None:
            numbered = _shuffled(numbered, seed)
        return numbered.map(self._decoded, cores(), deterministic=True)

    def batches(self, order: np.ndarray, seed: int | None, size: int) -> Any:
        """As `Kept.batches`."""
        return self.examples(order, seed).batch(size)

    def examine(self) -> None:
        """Read and decode everything once, to tell damaged data from a failing augmentation. Raises the complaint."""
        tf, raw = tensorflow(), self._raw
        try:
            for _ in quick(self.examples(np.empty(0), None)).as_numpy_iterator():
                pass
        except tf.errors.ResourceExhaustedError:
            raise _too_large(f"a picture of {raw.name}", (self._form.side, self._form.side, raw.channels)) from None
        except tf.errors.OpError as error:
            raise raw.complaint(error) from error

    def _decoded(self, index: Any, pair: tuple[Any, Any]) -> tuple[Any, Any, Any]:
        encoded, label = pair
        return index, self._form(encoded, self._raw), tensorflow().cast(label, "int32")


def _shuffled(dataset: Any, seed: int) -> Any:
    """Each BUFFER elements in an order that `seed` alone decides; Dataset.shuffle heeds tf.random.set_seed as well."""
    tf = tensorflow()

    def reordered(number: Any, elements: Any) -> Any:
        count = tf.shape(elements[0])[0]
        order = tf.argsort(tf.random.stateless_uniform((count,), tf.stack([seed, tf.cast(number, tf.int32)])))
        return tf.nest.map_structure(lambda leaf: tf.gather(leaf, order), elements)

    return dataset.batch(BUFFER).enumerate().map(reordered).prefetch(1).unbatch()


def _too_large(what: str, shape: tuple[int, ...]) -> CourseError:
    return CourseError(
        f"Not enough memory for {what}: {' × '.join(f'{length:,}' for length in shape)} bytes and more. "
        "Choose a smaller size, a smaller slice, or cache=False."
    )


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised uint8 array that starts where TensorFlow's own would, at a multiple of 64 bytes."""
    size = math.prod(shape)
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].reshape(shape)


def form(raw: Raw, size: int | None, fit: str) -> Form:
    """The form that `load` was asked for; the set's own size for None."""
    if fit not in FITS:
        raise CourseError(f'fit={fit!r} is unknown: use "crop" or "squash".')
    return Form(raw.size if size is None else whole(size, "size", least=1), fit)


def keep(raw: Raw, form: Form, cache: bool | None) -> Kept | Streamed:
    """The store that `cache` asks for; None keeps what takes no more than LIMIT."""
    needed = raw.examples * form.side**2 * raw.channels
    return Kept(raw, form) if cache or (cache is None and needed <= LIMIT) else Streamed(raw, form)


def quick(dataset: Any) -> Any:
    """The same dataset without the machinery that costs more than it gains on small pictures: twice as fast."""
    options = tensorflow().data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.threading.max_intra_op_parallelism = 1
    return dataset.with_options(options)
