"""Batches of a split, epoch after epoch: shuffled, augmented, normalised, padded, sent ahead to the device."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import psutil

from utils.base.errors import CourseError
from utils.base.machine import cores
from utils.base.quiet_tensorflow import tensorflow
from utils.data import arguments
from utils.data.arguments import Normalise, whole
from utils.data.augment import OnImage
from utils.data.decoded import decoded, quick
from utils.data.raw import Raw

AHEAD = 2  # batches on the device before they are asked for


class Batch(NamedTuple):
    """A batch of B labelled images.

    The leaves are jax.Array, NumPy arrays (`device="numpy"`, `data.arrays`) or jax.ShapeDtypeStruct (`Batches.spec`).

    Attributes:
        image: [B, H, W, C] float32, normalised as `load` was asked to.
        label: [B] int32, an index into `Batches.classes`.
        mask: [B] bool, False where the last batch was filled up to B; there image is 0 and label is 0.
    """

    image: Any
    label: Any
    mask: Any


class Batches:
    """The batches of a split; made by `data.load`, which says what each argument means.

    Iterating gives epoch 0, iterating again epoch 1, and so on; `epoch(k)` gives epoch k whenever it is asked for, and
    does not count. The same seed gives the same batches, in this run and the next.

    Attributes:
        name: Of the set that was loaded.
        split: As given.
        source: Which data these are, in one line.
        is_sample: Whether it is the course's sample in the place of a real set.
        examples: How many the split has.
        classes: Their names; a label is an index into them.
        batch_size: B.
        shape: (H, W, C) of every picture.
        mean: [C] float64; a picture is (x − mean) / std of pixels x in 0..1.
        std: [C] float64.
    """

    def __init__(
        self,
        raw: Raw,
        batch_size: int | None,
        shuffle: bool,
        seed: int,
        size: int | None,
        augment: Sequence[OnImage],
        normalise: Normalise,
        device: str | None,
    ):
        self.name, self.split, self.source = raw.name, raw.split, raw.source
        self.is_sample = raw.is_sample
        self.classes, self.examples = raw.classes, raw.examples
        self.batch_size = raw.examples if batch_size is None else whole(batch_size, "batch_size", least=1)
        if self.batch_size > raw.examples:
            raise CourseError(
                f"batch_size={batch_size} is larger than {raw.name} {raw.split}, which has {raw.examples:,} examples: "
                f"choose at most {raw.examples:,}, or a larger slice."
            )
        if device not in (None, "numpy"):
            raise CourseError(f'device={device!r} is unknown: use "numpy", or None for JAX\'s default device.')
        self._seed = whole(seed, "seed", least=0)
        self._shuffle, self._device = shuffle, device
        self.mean, self.std = arguments.normalisation(normalise, raw.statistics)
        self._augment = arguments.functions(augment)
        side = raw.size if size is None else whole(size, "size", least=1)
        self._vary = tensorflow().function(self._vary_one, autograph=False)
        self._finish = tensorflow().function(self._finish_batch, autograph=False)
        self.shape = self._traced_shape((side, side, raw.channels))
        kept, under_way = raw.examples * side * side * raw.channels, 8 * self.batch_size * math.prod(self.shape)
        if kept + under_way > psutil.virtual_memory().available:
            raise CourseError(
                f"Not enough memory for {raw.name} {raw.split} at {side} pixels, which takes "
                f"{(kept + under_way) / 2**30:,.1f} GB: choose a smaller size, slice or batch."
            )
        self._images, self._labels = decoded(raw, side)
        self._next = 0

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return self.examples // self.batch_size if self._shuffle else -(-self.examples // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        self._next += 1
        return self.epoch(self._next - 1)

    def __repr__(self) -> str:
        return f"{len(self)} batches of {self.batch_size} of {self.source}"

    @property
    def spec(self) -> Batch:
        """Every batch as jax.ShapeDtypeStruct, to compile ahead: `jax.jit(f).lower(params, batches.spec)`."""
        import jax  # late: a second, which NumPy's batches do not need

        struct: Any = jax.ShapeDtypeStruct  # whose constructor has no annotations
        leaves = ((self.shape, np.float32), ((), np.int32), ((), np.bool_))
        return Batch(*(struct((self.batch_size, *shape), dtype) for shape, dtype in leaves))

    def denormalise(self, image: Any) -> np.ndarray:
        """Pictures to look at.

        Args:
            image: `batch.image` or a part of it, [..., H, W, C].

        Returns:
            The same shape, float32 in 0..1.
        """
        pixels: np.ndarray = np.clip(np.asarray(image) * self.std + self.mean, 0.0, 1.0)
        return pixels.astype(np.float32)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch, counted from 0, the same ones every time it is asked for."""
        batches = self._numpy(whole(number, "epoch", least=0))
        return batches if self._device else _sent_ahead(batches)

    def _numpy(self, epoch: int) -> Iterator[Batch]:
        """An epoch in NumPy arrays. tf.data's own threads work ahead of whoever takes the batches."""
        tf = tensorflow()
        draws = np.random.SeedSequence([self._seed, epoch]).generate_state(2 + len(self._augment)).view(np.int32)
        seeds = tf.constant(draws[2:])  # the first two decide nothing
        order = np.arange(self.examples)
        if self._shuffle:
            order = np.random.default_rng([self._seed, epoch]).permutation(self.examples)
        batches = tf.data.Dataset.from_tensor_slices(order)
        if self._augment:
            batches = batches.map(lambda index: self._vary(*self._at(index), seeds), cores(), deterministic=True)
            batches = batches.batch(self.batch_size)
        else:  # fetched by whole batches, several times faster
            batches = batches.batch(self.batch_size).map(self._at, cores(), deterministic=True)
        batches = batches.take(len(self)).map(self._finish, cores(), deterministic=True)
        for image, label, mask in quick(batches.prefetch(AHEAD)).as_numpy_iterator():
            yield Batch(image, label, mask)

    def _at(self, index: Any) -> tuple[Any, Any, Any]:
        return index, tensorflow().gather(self._images, index), tensorflow().gather(self._labels, index)

    def _vary_one(self, index: Any, image: Any, label: Any, seeds: Any) -> tuple[Any, Any, Any]:
        """Augment one picture, [S, S, C] uint8, to [H, W, C] float32 in 0..1. seeds: [K] int32, one a function."""
        tf = tensorflow()
        image = tf.image.convert_image_dtype(image, tf.float32)
        for place, function in enumerate(self._augment):
            image = function(image, tf.stack([seeds[place], tf.cast(index, tf.int32)]))
        return index, image, label

    def _finish_batch(self, index: Any, image: Any, label: Any) -> tuple[Any, Any, Any]:
        """Normalise and fill up a batch of 1 to B examples: image, label, mask, as a Batch has them."""
        tf = tensorflow()
        full = 1 if image.dtype.is_floating else 255
        scale, shift = 1 / (full * self.std), self.mean / self.std
        image = tf.cast(image, tf.float32) * scale.astype(np.float32) - shift.astype(np.float32)
        count = tf.shape(label)[0]
        return self._filled(image, count), self._filled(label, count), tf.range(self.batch_size) < count

    def _filled(self, leaf: Any, count: Any) -> Any:
        """A leaf of `count` examples with zeros up to B; as it is where every batch is full, which saves a copy."""
        tf = tensorflow()
        if not self._shuffle and self.examples % self.batch_size:
            leaf = tf.pad(leaf, [[0, self.batch_size - count]] + [[0, 0]] * (len(leaf.shape) - 1))
        return tf.ensure_shape(leaf, (self.batch_size, *leaf.shape[1:]))

    def _traced_shape(self, kept: tuple[int, int, int]) -> tuple[int, int, int]:
        """(H, W, C) of a picture after augmentation, found without computing one."""
        tf = tensorflow()
        wanted = (((), tf.int64), (kept, tf.uint8), ((), tf.int32), ((len(self._augment),), tf.int32))
        traced = self._vary.get_concrete_function(*(tf.TensorSpec(shape, dtype) for shape, dtype in wanted))
        shape = traced.structured_outputs[1].shape
        if shape.rank != 3 or not shape.is_fully_defined() or shape[2] != kept[2]:
            raise CourseError(
                f"augment turns a picture of shape {kept} into {shape}: pictures must all get one fixed shape "
                f"[H, W, {kept[2]}] (tf.ensure_shape states it where TensorFlow cannot tell)."
            )
        return tuple(shape)


def _sent_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches as jax.Arrays on JAX's default device, AHEAD of them on their way at any time."""
    import jax  # late: as above

    waiting: collections.deque[Batch] = collections.deque()
    for batch in batches:
        waiting.append(jax.device_put(batch))
        if len(waiting) > AHEAD:
            yield waiting.popleft()
    yield from waiting
