"""The exercises of a unit."""

from __future__ import annotations

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
