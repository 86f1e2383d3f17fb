"""The sequential models in Keras, on TensorFlow. One call a step: `fit` would build a data pipeline each time."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.base import quiet_tensorflow
from utils.races.catalogue import Race
from utils.races.run import Entrant

quiet_tensorflow.tensorflow()  # before Keras, which would let it take the GPU
import keras  # noqa: E402
from keras import layers  # noqa: E402


def cnn(race: Race) -> list[Any]:
    """The CNN of unit 02."""
    return [
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.AveragePooling2D(2),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dense(race.classes, activation="log_softmax"),
    ]


def vgg8(race: Race) -> list[Any]:
    """VGG8 of unit 03, without dropout."""
    width = race.options["width"]
    stack: list[Any] = []
    for factor in (1, 2, 4):
        stack += [layers.Conv2D(factor * width, 3, padding="same", activation="relu") for _ in range(2)]
        stack.append(layers.MaxPooling2D(2))
    return [*stack, layers.Flatten(), layers.Dense(4 * width, activation="relu"), layers.Dense(race.classes)]


MODELS = {"cnn": cnn, "vgg8": vgg8}


def build(race: Race, variant: str) -> Entrant:
    """The race's model, training step and evaluation; always on the CPU, whose TensorFlow comes with the course."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input(race.image), *MODELS[race.model](race)])
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-8),  # PyTorch's and optax's epsilon
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )

    return Entrant(
        model.count_params(),
        "cpu",
        put=lambda images, labels: (images, labels),
        train=lambda batch: model.train_on_batch(*batch),
        evaluate=lambda batch: model.test_on_batch(*batch),
        wait=lambda losses: float(np.mean(losses)),  # each call has waited for its loss already
    )
