"""The exercises of a unit."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable

from utils.checks.exercise import Exercise

RESERVED = ("hint", "progress", "reveal")  # what `check` itself offers


class Unit:
    """The exercises of a unit, by their names, in the order of the notebook."""

    def __init__(self, name: str, exercises: Iterable[Exercise]):
        """`name` is the notebook's without its ending, e.g. "02_flax_mnist_cnn"."""
        self.name = name
        self.exercises = {one.name: one for one in exercises}

    @property
    def solution(self) -> str:
        """Where the course's own answers are, relative to the root."""
        return f"solutions/{self.name}.py"


def listed(name: str, *exercises: str) -> Unit:
    """The unit of a notebook, of whose exercises each has a folder: `SmallCNN` is in `small_cnn`."""
    folders = (re.sub("(?<=[a-z])(?=[A-Z])", "_", exercise).lower() for exercise in exercises)
    modules = (importlib.import_module(f"utils.checks.unit_{name[:2]}.{folder}.exercise") for folder in folders)
    return Unit(name, map(getattr, modules, exercises))
