"""Batches of a split, epoch after epoch: shuffled, augmented, mixed, normalised, padded, sent ahead to the device."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from utils.base.errors import CourseError
from utils.base.machine import cores
from utils.base.quiet_tensorflow import tensorflow
from utils.data import arguments
from utils.data.arguments import Normalise, whole
from utils.data.augment import OnBatch, OnImage
from utils.data.decoded import Pictures, quick

AHEAD = 2  # batches on the device before they are asked for


class Batch(NamedTuple):
    """A batch of B labelled images.

    The leaves are jax.Array, NumPy arrays (`device="numpy"`, `data.arrays`) or jax.ShapeDtypeStruct (`Batches.spec`).

    Attributes:
        image: [B, H, W, C] float32, normalised as `load` was asked to.
        label: [B] int32, an index into `Batches.classes`; after `mixup` or `cutmix` [B, K] float32, whose rows
            add up to 1.
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
        pictures: Pictures,
        batch_size: int | None,
        shuffle: bool,
        seed: int,
        augment: Sequence[OnImage],
        mix: OnBatch | None,
        normalise: Normalise,
        drop_remainder: bool | None,
        device: Any,
    ):
        raw = pictures.raw
        self.name, self.split, self.source = raw.name, raw.split, raw.source
        self.is_sample = raw.is_sample
        self.classes, self.examples = raw.classes, raw.examples
        self.batch_size = raw.examples if batch_size is None else whole(batch_size, "batch_size", least=1)
        if self.batch_size > raw.examples:
            raise CourseError(
                f"batch_size={batch_size} is larger than {raw.name} {raw.split}, which has {raw.examples:,} examples: "
                f"choose at most {raw.examples:,}, or a larger slice."
            )
        self._seed = whole(seed, "seed", least=0)
        self._shuffle = shuffle
        self._drop = shuffle if drop_remainder is None else drop_remainder
        self._device = arguments.known_device(device)
        self.mean, self.std = arguments.normalisation(normalise, raw.statistics)
        self._augment = arguments.functions(augment, "augment")
        self._mix = None if mix is None else arguments.functions((mix,), "mix")[0]
        self._pictures = pictures
        self._vary = tensorflow().function(self._vary_one, autograph=False)
        self._finish = tensorflow().function(self._finish_batch, autograph=False)
        self.shape = self._traced_shape(pictures.shape)
        pictures.keep()
        self._next = 0

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return self.examples // self.batch_size if self._drop else -(-self.examples // self.batch_size)

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
        placed = self._device if isinstance(self._device, jax.sharding.Sharding) else None
        if isinstance(self._device, jax.Device):
            placed = jax.sharding.SingleDeviceSharding(self._device)
        label = ((len(self.classes),), np.float32) if self._mix else ((), np.int32)
        return Batch(
            *(
                struct((self.batch_size, *shape), dtype, sharding=placed)
                for shape, dtype in ((self.shape, np.float32), label, ((), np.bool_))
            )
        )

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
        return batches if isinstance(self._device, str) else _sent_ahead(batches, self._device)

    def _numpy(self, epoch: int) -> Iterator[Batch]:
        """An epoch in NumPy arrays. tf.data's own threads work ahead of whoever takes the batches."""
        tf = tensorflow()
        draws = np.random.SeedSequence([self._seed, epoch]).generate_state(2 + len(self._augment)).view(np.int32)
        order, shuffling = np.arange(self.examples), None
        if self._shuffle:
            order = np.random.default_rng([self._seed, epoch]).permutation(self.examples)
            shuffling = int(draws[0])
        mixing, seeds = tf.constant(draws[1]), tf.constant(draws[2:])
        batches = self._pictures.epoch(order, shuffling, None if self._augment else self.batch_size)
        if self._augment:
            batches = batches.map(lambda *example: self._vary(*example, seeds), cores(), deterministic=True)
            batches = batches.batch(self.batch_size)
        batches = batches.take(len(self)).enumerate()
        batches = batches.map(lambda *batch: self._finish(*batch, mixing), cores(), deterministic=True)
        try:
            for image, label, mask in quick(batches.prefetch(AHEAD)).as_numpy_iterator():
                yield Batch(image, label, mask)
        except tf.errors.OpError:
            self._pictures.examine()
            raise  # not the data: a function of the caller's own

    def _vary_one(self, index: Any, image: Any, label: Any, seeds: Any) -> tuple[Any, Any, Any]:
        """Augment one picture, [S, S, C] uint8, to [H, W, C] float32 in 0..1. seeds: [K] int32, one a function."""
        tf = tensorflow()
        image = tf.image.convert_image_dtype(image, tf.float32)
        for place, function in enumerate(self._augment):
            image = function(image, tf.stack([seeds[place], tf.cast(index, tf.int32)]))
        return index, image, label

    def _finish_batch(self, number: Any, batch: tuple[Any, Any, Any], seed: Any) -> tuple[Any, Any, Any]:
        """Normalise, mix and fill up a batch of 1 to B examples: image, label, mask, as a Batch has them."""
        tf = tensorflow()
        _, image, label = batch
        full = 1 if image.dtype.is_floating else 255
        scale, shift = 1 / (full * self.std), self.mean / self.std
        image = tf.cast(image, tf.float32) * scale.astype(np.float32) - shift.astype(np.float32)
        if self._mix:
            label = tf.one_hot(label, len(self.classes))
            image, label = self._mix(image, label, tf.stack([seed, tf.cast(number, tf.int32)]))
        count = tf.shape(label)[0]
        return self._filled(image, count), self._filled(label, count), tf.range(self.batch_size) < count

    def _filled(self, leaf: Any, count: Any) -> Any:
        """A leaf of `count` examples with zeros up to B; as it is where every batch is full, which saves a copy."""
        tf = tensorflow()
        if not self._drop and self.examples % self.batch_size:
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


def _sent_ahead(batches: Iterator[Batch], device: Any) -> Iterator[Batch]:
    """The same batches as jax.Arrays on `device` (None: JAX's default), AHEAD of them on their way at any time."""
    import jax  # late: as above

    waiting: collections.deque[Batch] = collections.deque()
    for batch in batches:
        waiting.append(jax.device_put(batch, device))
        if len(waiting) > AHEAD:
            yield waiting.popleft()
    yield from waiting
