"""Trained models that come with the course, each with a card that says what it was trained on and how well it does.

    print(pretrained.card("vgg8_overfitted"))
    params = pretrained.load("vgg8_overfitted", like=jax.eval_shape(network.init, key, images))

A model is two files in `ressources/pretrained/`: NAME.safetensors and NAME.json.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.metadata
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils import weights
from utils.base import files, machine, table, trees
from utils.base.errors import CourseError
from utils.base.paths import RESSOURCES, shown

FOLDER = RESSOURCES / "pretrained"
VERSIONS = ("jax", "flax", "dm-haiku", "optax")


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in VERSIONS}


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
    parameters: int = 0  # how many numbers; `ship` counts them
    machine: str = field(default_factory=machine.described)
    versions: Mapping[str, str] = field(default_factory=_versions)

    def __str__(self) -> str:
        rows = [
            ["model", self.model],
            ["parameters", f"{self.parameters:,}"],
            ["data", self.data],
            ["training", f"{self.epochs} epochs, {self.seconds / 60:.0f} min on {self.machine}"],
            ["accuracy", "\n".join(f"{name}: {100 * value:.1f} %" for name, value in self.accuracies.items())],
            ["made with", ", ".join(f"{name} {version}" for name, version in self.versions.items())],
        ]
        return table.render(["pretrained", ""], rows + [["remark", self.remark]] * bool(self.remark), widest=90)

    __repr__ = __str__


def names() -> list[str]:
    """The models that come with the course, in alphabetical order."""
    return sorted(file.stem for file in FOLDER.glob("*.json") if file.with_suffix(".safetensors").is_file())


def card(name: str) -> Card:
    """The card of a model. Raises CourseError for one that is not there, and for a card that cannot be read."""
    if name not in names():
        near = difflib.get_close_matches(str(name), names(), n=1)
        there = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names()) or 'none'}."
        raise CourseError(f"No pretrained model is called {name!r}. {there}")
    file = FOLDER / f"{name}.json"
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        fields = [one.name for one in dataclasses.fields(Card)]
        if set(entries) != set(fields):  # a default would not be the truth
            raise ValueError(f"it should hold {', '.join(fields)}")
        return Card(**entries)
    except (OSError, ValueError, TypeError) as error:
        raise CourseError(f"{shown(file)} is no card of a model ({error}). Check it out again.") from error


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


def ship(name: str, tree: Any, card: Card) -> Path | None:
    """Put a model into `ressources/pretrained/` if COURSE_SHIP asks for it; else do nothing.

    COURSE_SHIP=1 adds a model, and refuses where one of that name is there; COURSE_SHIP=replace writes over it. Without
    that variable a lesson, which is run again and again, ships nothing.

    Args:
        name: of the model: small letters, digits and _.
        tree: its weights.
        card: what is to be known of it; the number of parameters is counted here.

    Returns:
        The file of the weights; None where nothing was asked for.

    Raises:
        CourseError: the name is no name or taken, COURSE_SHIP is something else, or the model was trained on the
            course's sample: its accuracy says nothing outside the course.
    """
    asked = os.environ.get("COURSE_SHIP", "").strip().lower()
    if asked in ("", "0"):
        return None
    if asked not in ("1", "replace"):
        raise CourseError(
            f"COURSE_SHIP={asked!r} is unknown: 1 adds a model, replace writes over one; or leave it unset."
        )
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise CourseError(f"{name!r} is no name for a model: use small letters, digits and _.")
    if "sample" in card.data:
        raise CourseError(f"{name} was trained on a sample. Only models of real data are shipped: COURSE_DATA=tfds.")
    if name in names() and asked != "replace":
        raise CourseError(f"A model called {name!r} is shipped already. COURSE_SHIP=replace writes over it.")
    card = dataclasses.replace(
        card,
        parameters=sum(int(leaf.size) for leaf in trees.named(tree).values()),
        accuracies={key: float(value) for key, value in card.accuracies.items()},
        history={key: [float(value) for value in values] for key, values in card.history.items()},
    )
    text = json.dumps(dataclasses.asdict(card), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    file = weights.save(FOLDER / f"{name}.safetensors", tree, note={"model": card.model, "data": card.data})
    files.write(FOLDER / f"{name}.json", text)
    return file
