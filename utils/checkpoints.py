"""Checkpoints of a training run in `models/NAME`, so that it can be stopped at any time and gone on with.

    with checkpoints.open("My_vgg8", keep=2) as saved:
        state, history = start, {"val_loss": []}
        if (last := saved.latest(like=start)) is not None:
            state, history = last.state, last.history
        for epoch in range(len(history["val_loss"]), epochs):
            ...
            saved.save(epoch, state, history)

A thin layer over Orbax, which writes under a temporary name and renames when all is there. Orbax believes what bears
the right name, though: a folder that was copied by halves, or a flipped bit in a weight. So with each checkpoint
stands what its files should be, and one that differs is set aside.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp

from utils.base import files, trees
from utils.base.errors import CourseError
from utils.base.paths import MODELS, in_full, shown

SEAL = "whole.json"  # written last: the checkpoint's files with sizes and checksums, and the leaves of its state


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
        CourseError: there is no name, `keep` is less than 1, or the folder cannot be written to.
    """

    def __init__(self, name: str | Path, *, keep: int = 2):
        self.folder = MODELS / in_full(name)
        if self.folder == MODELS:
            raise CourseError("A run of checkpoints needs a name, e.g. 'My_vgg8'.")
        if not isinstance(keep, int) or keep < 1:
            raise CourseError(f"keep={keep!r} is no number of checkpoints: keep at least 1.")
        # not asynchronous: a few MB are not worth a thread
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, enable_async_checkpointing=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _set_aside(self.folder)
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        except OSError as error:
            raise CourseError(f"Nothing can be saved in {shown(self.folder)} ({error.strerror}).") from error

    def __exit__(self, *_: object) -> None:
        self._manager.close()

    def epochs(self) -> list[int]:
        """The epochs that have a checkpoint, in order."""
        return sorted(self._manager.all_steps())

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
            text = json.loads(json.dumps(dict(history)))
        except (TypeError, ValueError) as error:
            raise CourseError(f"The history cannot be saved as JSON ({error}): use float(…) for its numbers.") from None
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), history=ocp.args.JsonSave(text))
        place = self.folder / str(epoch)
        try:
            if epoch in self._manager.all_steps():
                self._manager.delete(epoch)
            self._manager.save(epoch, args=args, force=True)
            files.write(place / SEAL, json.dumps({"files": _files(place), "leaves": trees.forms(state)}))
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise CourseError(
                f"The checkpoint of epoch {epoch} cannot be written to {shown(self.folder)} "
                f"({error.strerror or error}). Free some disk and run this again: it goes on from the one before."
            ) from error

    def latest(self, like: Any) -> Saved | None:
        """Read the newest whole checkpoint.

        Args:
            like: the state before training, or its shapes (`jax.eval_shape`).

        Returns:
            The checkpoint; None where there is none.

        Raises:
            CourseError: it is of another model or optimiser; the message names the leaves that differ.
        """
        if not (epochs := self.epochs()):
            return None
        place = self.folder / str(epochs[-1])
        if differ := trees.differences(_seal(place)["leaves"], trees.forms(like)):
            raise CourseError(
                f"{shown(place)} holds another state: {differ}. Train with what it was begun with, use another name, "
                f"or delete {shown(self.folder)} to begin anew."
            )
        shapes = jax.eval_shape(lambda: like)
        args = ocp.args.Composite(state=ocp.args.StandardRestore(shapes), history=ocp.args.JsonRestore())
        saved = self._manager.restore(epochs[-1], args=args)
        return Saved(epochs[-1], saved.state, saved.history)


open = Checkpoints  # as `checkpoints.open("My_vgg8")` reads


def _set_aside(run: Path) -> None:
    """Rename what is not whole, before Orbax reads it: 7 becomes 7.not-whole, which nothing reads."""
    for folder in sorted(run.iterdir()):
        if folder.name.isdecimal() and not _whole(folder):
            aside = folder.with_name(f"{folder.name}.not-whole")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            print(f"{shown(folder)} is not whole: it is passed over, and called {aside.name} from now on.")


def _whole(folder: Path) -> bool:
    try:
        seal = _seal(folder)
        return bool(seal["files"] == _files(folder) and seal["leaves"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _seal(folder: Path) -> dict[str, Any]:
    seal: dict[str, Any] = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    return seal


def _files(folder: Path) -> dict[str, list[int]]:
    """Name → size and CRC-32 of all files of a checkpoint but the seal."""
    found = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != SEAL)
    raw = {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}
    return {name: [len(content), zlib.crc32(content)] for name, content in raw.items()}
