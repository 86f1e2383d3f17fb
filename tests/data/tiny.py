"""Data sets of a few pictures in TFDS's format, for tests: written by TFDS itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TRAIN, TEST = 50, 13


def mnist(data_dir: Path, name: str = "mnist") -> Path:
    """A set whose picture i (from 0, the test split after the training split) says so in its first pixel.

    Labels are i % 10. Returns data_dir.
    """
    noise = np.random.default_rng(0).integers(0, 256, (TRAIN + TEST, 28, 28, 1), np.uint8)
    noise[:, 0, 0, 0] = np.arange(TRAIN + TEST)
    _store(name, "3.0.1", {"train": noise[:TRAIN], "test": noise[TRAIN:]}, (28, 28, 1), {"num_classes": 10}, data_dir)
    return data_dir


def cats_vs_dogs(data_dir: Path) -> Path:
    """A "cats_vs_dogs" of 24 JPEG pictures of different sizes. Returns data_dir."""
    generator = np.random.default_rng(1)
    pictures = [
        np.kron(generator.integers(0, 256, (5, 4 + i % 3, 3), np.uint8), np.ones((9, 9, 1), np.uint8))
        for i in range(24)
    ]
    _store("cats_vs_dogs", "4.0.1", {"train": pictures}, (None, None, 3), {"names": ["cat", "dog"]}, data_dir)
    return data_dir


def _store(name, version, pictures, shape, classes, data_dir):
    from utils.base.quiet_tensorflow import datasets

    tfds = datasets()
    label = tfds.features.ClassLabel(**classes)
    encoding = "png" if shape[0] else "jpeg"
    image = tfds.features.Image(shape=shape, encoding_format=encoding)
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=version,
        features=tfds.features.FeaturesDict({"image": image, "label": label}),
        split_datasets={
            split: [(i, {"image": picture, "label": i % label.num_classes}) for i, picture in enumerate(each)]
            for split, each in pictures.items()
        },
        data_dir=data_dir,
    )
