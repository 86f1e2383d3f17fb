"""Trained models that come with the course, each with a card that says what it was trained on and how well it does.

    print(pretrained.card("vgg8_overfitted"))
    params = pretrained.load("vgg8_overfitted", like=jax.eval_shape(network.init, key, images))

A model is two files in `ressources/pretrained/`: NAME.safetensors and NAME.json.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from utils import weights
from utils.base import files, machine, table, trees
from utils.base.errors import CourseError, unknown
from utils.base.paths import RESSOURCES

FOLDER = RESSOURCES / "pretrained"
VERSIONS = ("jax", "flax", "dm-haiku", "optax")


@dataclass(frozen=True, repr=False)
class Card:
    """What is to be known of a trained model. Printing it gives a table."""

    model: str  # what it is, with the arguments that build it again: "VGG8(width=64)"
    data: str  # what it was trained on, and whether that is all: "cifar10 train: a part of the real set …"
    epochs: int  # passes over the training data
    seconds: float  # of training, by the clock
    accuracies: Mapping[str, float]  # on what → 0..1, e.g. {"train": 0.99, "validation": 0.71}
    history: Mapping[str, list[float]]  # name → one value an epoch, as `plots.curves` takes it
    remark: str = ""  # anything else a reader must know
    # `ship` fills these in
    parameters: int = 0  # how many numbers it has
    machine: str = ""  # that it was trained on
    versions: Mapping[str, str] = field(default_factory=dict)  # of the libraries

    def __str__(self) -> str:
        rows = [
            ["model", self.model],
            ["parameters", f"{self.parameters:,}"],
            ["data", self.data],
            ["training", f"{self.epochs} epochs, {self.seconds / 60:.0f} min on {self.machine}"],
            ["accuracy", "\n".join(f"{name}: {100 * value:.1f} %" for name, value in self.accuracies.items())],
            ["made with", ", ".join(f"{name} {version}" for name, version in self.versions.items())],
        ]
        return table.render(["pretrained", ""], rows + [["remark", self.remark]] * bool(self.remark), widest=74)

    __repr__ = __str__


def names() -> list[str]:
    """The models that come with the course, in alphabetical order."""
    return sorted(file.stem for file in FOLDER.glob("*.json") if file.with_suffix(".safetensors").is_file())


def card(name: str) -> Card:
    """The card of a model. Raises CourseError for one that is not there."""
    if name not in names():
        raise CourseError(unknown("There is no pretrained model", name, names()))
    return Card(**json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def load(name: str, like: Any) -> Any:
    """Read the weights of a model.

    Args:
        name: one of `names()`.
        like: a tree of the structure, names, shapes and dtypes of the model's weights.

    Returns:
        A tree of jax.Array with the structure of `like`.

    Raises:
        CourseError: there is no such model, or its weights are others: see `weights.load`.
    """
    card(name)
    return weights.load(FOLDER / f"{name}.safetensors", like)


def ship(name: str, tree: Any, card: Card) -> None:
    """Put a model into `ressources/pretrained/` if the variable COURSE_SHIP is 1; an older one is replaced.

    Without it a lesson, which is run again and again, ships nothing.

    Args:
        name: of the model, as a file's.
        tree: its weights.
        card: what is to be known of it; parameters, machine and versions are filled in here.

    Raises:
        CourseError: the model was trained on the course's sample: its accuracy says nothing outside the course.
    """
    if os.environ.get("COURSE_SHIP") != "1":
        return
    if "sample" in card.data:
        raise CourseError(f"{name} was trained on a sample. Only models of real data are shipped: COURSE_DATA=tfds.")
    card = dataclasses.replace(
        card,
        parameters=sum(int(leaf.size) for leaf in trees.named(tree).values()),
        machine=machine.described(),
        versions={library: importlib.metadata.version(library) for library in VERSIONS},
        accuracies={key: float(value) for key, value in card.accuracies.items()},
        history={key: [float(value) for value in values] for key, values in card.history.items()},
    )
    text = json.dumps(dataclasses.asdict(card), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    weights.save(FOLDER / f"{name}.safetensors", tree, note={"model": card.model, "data": card.data})
    files.write(FOLDER / f"{name}.json", text)
