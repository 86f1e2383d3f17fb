"""Checkpoints of a training run in `models/NAME`, so that it can be stopped at any time and gone on with.

    with checkpoints.open("My_vgg8", keep=2) as saved:
        state, history = start, {"val_loss": []}
        if (last := saved.latest(like=start)) is not None:
            state, history = last.state, last.history
        for epoch in range(len(history["val_loss"]), epochs):
            ...
            saved.save(epoch, state, history)

A checkpoint is a file of `utils.weights`, EPOCH.safetensors, which is written whole or not at all. The history is
in its header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import safetensors

from utils import weights
from utils.base.errors import CourseError
from utils.base.paths import MODELS, in_full, shown


class Saved(NamedTuple):
    """What came back."""

    epoch: int  # as given to `save`
    state: Any  # with jax.Arrays for leaves
    history: dict[str, Any]  # as given, of JSON's types


class Checkpoints(AbstractContextManager["Checkpoints"]):
    """The checkpoints of one run, to be used in a `with`.

    Args:
        name: the run's folder in `models`, or an absolute path; it is made where it is not there.
        keep: how many of the newest stay.

    Raises:
        CourseError: `keep` is less than 1, or the folder cannot be made.
    """

    def __init__(self, name: str | Path, *, keep: int = 2):
        self.folder, self.keep = MODELS / in_full(name), keep
        if keep < 1:
            raise CourseError(f"keep={keep!r} is no number of checkpoints: keep at least 1.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CourseError(f"Nothing can be saved in {shown(self.folder)} ({error.strerror}).") from error

    def __exit__(self, *_: object) -> None: ...

    def epochs(self) -> list[int]:
        """The epochs that have a checkpoint, in order."""
        return sorted(int(file.stem) for file in self.folder.glob("*.safetensors") if file.stem.isdecimal())

    def save(self, epoch: int, state: Any, history: Mapping[str, Any]) -> None:
        """Write the checkpoint of an epoch; one of the same epoch that is there already is replaced.

        Args:
            epoch: its number.
            state: a tree of arrays.
            history: what JSON can hold, e.g. name → one number an epoch.

        Raises:
            CourseError: JSON cannot hold the history, or the disk is full; older checkpoints are as they were.
        """
        try:
            text = json.dumps(dict(history))
        except (TypeError, ValueError) as error:
            raise CourseError(f"The history cannot be saved as JSON ({error}): use float(…) for its numbers.") from None
        weights.save(self._file(epoch), state, note={"history": text})
        for old in self.epochs()[: -self.keep]:
            self._file(old).unlink()

    def latest(self, like: Any) -> Saved | None:
        """Read the newest checkpoint.

        Args:
            like: the state before training, or its shapes (`jax.eval_shape`).

        Returns:
            The checkpoint; None where there is none.

        Raises:
            CourseError: it is of another model or optimiser; the message names the leaves that differ.
        """
        if not (epochs := self.epochs()):
            return None
        file = self._file(epochs[-1])
        state = weights.load(file, like)
        with safetensors.safe_open(file, "numpy") as content:
            return Saved(epochs[-1], state, json.loads(content.metadata()["history"]))

    def _file(self, epoch: int) -> Path:
        return self.folder / f"{epoch}.safetensors"


open = Checkpoints  # as `checkpoints.open("My_vgg8")` reads
