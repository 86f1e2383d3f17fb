"""How fast the input pipelines are, each with no less to do than in the lessons on a CPU."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from utils import data
from utils.base.quiet_tensorflow import datasets
from utils.data import augment

# some vary the pictures more than the lessons do; the yardstick is the training step that a pipeline feeds
RECIPES: dict[str, dict[str, Any]] = {
    "mnist": {"size": 28},
    "cifar10": {"size": 32, "augment": (augment.flip(), augment.pad_and_crop(4), augment.cutout(8))},
    "cats_vs_dogs": {"size": 120, "augment": (augment.random_resized_crop(96), augment.flip(), augment.colour())},
    "imagenette/160px-v2": {
        "size": 128,
        "augment": (augment.flip(), augment.pad_and_crop(8), augment.colour()),
        "mix": augment.cutmix(),
    },
}


class Speed(NamedTuple):
    """One measurement."""

    name: str
    source: str  # the data, in a line
    side: int  # of the pictures fed to the model, in pixels
    batch_size: int
    decode_seconds: float  # to load and decode the training split, once
    images_per_second: float  # of an epoch after that, as it arrives on JAX's default device, nothing else computed


def bench(names: tuple[str, ...] = tuple(RECIPES), batch_size: int = 64, seconds: float = 3.0) -> Iterator[Speed]:
    """Measure each set in turn, on what COURSE_DATA chooses, over at least `seconds` of whole epochs."""
    ready: Any = jax.block_until_ready  # which has no annotations
    datasets()  # its import is not decoding
    for name in names:
        started = time.perf_counter()
        batches = data.load(name, "train", batch_size=batch_size, shuffle=True, quiet=True, **RECIPES[name])
        decoded = time.perf_counter() - started
        for batch in itertools.islice(batches, 2):  # threads and traces stand ready after this
            ready(batch)
        started, seen = time.perf_counter(), 0
        while (passed := time.perf_counter() - started) < seconds:
            for batch in batches:
                ready(batch)
            seen += len(batches) * batch_size
        side = batches.spec.image.shape[1]
        yield Speed(name, batches.source, side, batch_size, decoded, seen / passed)
