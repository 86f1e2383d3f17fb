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
from pathlib import Path
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp

from utils.base import files, trees
from utils.base.errors import CourseError
from utils.base.paths import ROOT, in_full, shown

MODELS = ROOT / "models"
SEAL = "whole.json"  # written last: the checkpoint's files with sizes and checksums, and the leaves of its state


class Saved(NamedTuple):
    """What came back. epoch: as given to `save`. state: jax.Arrays. history: as given, of JSON's types."""

    epoch: int
    state: Any
    history: dict[str, Any]


def open(name: str | Path, *, keep: int = 2, best: str | None = None) -> Checkpoints:
    """The checkpoints in `models/NAME`, or in the folder of an absolute path; it is made when the first is saved.

    keep: how many of the newest stay. best: the name in the history of a figure, of which the checkpoint with the
    lowest last value stays too, e.g. "val_loss".
    """
    return Checkpoints(name, keep=keep, best=best)


class Checkpoints:
    """The checkpoints of one run; made by `checkpoints.open`. Use it in a `with`, or call `close`."""

    def __init__(self, name: str | Path, *, keep: int = 2, best: str | None = None):
        self.folder = MODELS / in_full(name)
        if self.folder == MODELS:
            raise CourseError("A run of checkpoints needs a name, e.g. 'My_vgg8'.")
        if not isinstance(keep, int) or keep < 1:
            raise CourseError(f"keep={keep!r} is no number of checkpoints: keep at least 1.")
        policies = ocp.checkpoint_managers
        kept: list[Any] = [policies.LatestN(keep)]
        if best:
            # Orbax keeps the last of the sorted list: sorted from high to low, that is the lowest
            kept.append(policies.BestN(get_metric_fn=lambda metrics: metrics[best], reverse=True, n=1))
        self._best = best
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._set_aside()
            self._manager = ocp.CheckpointManager(
                self.folder,
                options=ocp.CheckpointManagerOptions(
                    preservation_policy=policies.AnyPreservationPolicy(kept),
                    best_fn=(lambda metrics: metrics[best]) if best else None,
                    best_mode="min",
                    enable_async_checkpointing=False,  # a few MB: not worth a thread
                ),
            )
        except OSError as error:
            raise CourseError(f"Nothing can be saved in {shown(self.folder)} ({error.strerror}).") from error

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._manager.close()

    def epochs(self) -> list[int]:
        """The epochs that have a checkpoint, whole or not, in order."""
        return sorted(self._manager.all_steps())

    def save(self, epoch: int, state: Any, history: Mapping[str, Any]) -> None:
        """Write the checkpoint of an epoch; one of the same epoch that is there already is replaced.

        state: a tree of arrays. history: what JSON can hold, e.g. name → one number an epoch.
        Raises CourseError for a history that JSON cannot hold, and a full disk: then older ones are as they were.
        """
        try:
            text = json.loads(json.dumps(dict(history)))
        except (TypeError, ValueError) as error:
            raise CourseError(f"The history cannot be saved as JSON ({error}): use float(…) for its numbers.") from None
        metrics = {self._best: _last(history, self._best)} if self._best else None
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), history=ocp.args.JsonSave(text))
        try:
            if epoch in self._manager.all_steps():
                self._manager.delete(epoch)
            self._manager.save(epoch, args=args, metrics=metrics, force=True)
            _write_seal(self._at(epoch), state, metrics)
        except OSError as error:
            shutil.rmtree(self._at(epoch), ignore_errors=True)
            raise CourseError(
                f"The checkpoint of epoch {epoch} cannot be written to {shown(self.folder)} "
                f"({error.strerror or error}). Free some disk and run this again: it goes on from the one before."
            ) from error

    def latest(self, like: Any) -> Saved | None:
        """The newest whole checkpoint, None where there is none.

        like: the state before training, or its shapes (`jax.eval_shape`). Raises CourseError, with the names of leaves,
        where that checkpoint is of another model or optimiser.
        """
        epochs = self.epochs()
        return self._restore(epochs[-1], like) if epochs else None

    def best(self, like: Any) -> Saved | None:
        """The whole checkpoint with the lowest figure of those that are kept; None where there is none. As `latest`."""
        if self._best is None:
            raise CourseError('Which is best? Say it when opening: checkpoints.open(name, best="val_loss").')
        figures = {epoch: _seal(self._at(epoch))["best"] for epoch in self.epochs()}
        figures = {epoch: figure for epoch, figure in figures.items() if figure is not None}
        return self._restore(min(figures, key=lambda epoch: (figures[epoch], epoch)), like) if figures else None

    # --- inside -----------------------------------------------------------------------------------------------

    def _at(self, epoch: int) -> Path:
        return self.folder / str(epoch)

    def _restore(self, epoch: int, like: Any) -> Saved:
        differ = trees.differences(_seal(self._at(epoch))["leaves"], _forms(like))
        if differ:
            raise CourseError(
                f"{shown(self._at(epoch))} holds another state: {differ}. "
                f"Train with what it was begun with, use another name, or delete {shown(self.folder)} to begin anew."
            )
        shapes = jax.eval_shape(lambda: like)
        args = ocp.args.Composite(state=ocp.args.StandardRestore(shapes), history=ocp.args.JsonRestore())
        saved = self._manager.restore(epoch, args=args)
        return Saved(epoch, saved.state, saved.history)

    def _set_aside(self) -> None:
        """Rename what is not whole, before Orbax reads it: 7 becomes 7.not-whole, which nothing reads."""
        for folder in sorted(self.folder.iterdir()):
            if folder.name.isdecimal() and not _whole(folder):
                aside = folder.with_name(f"{folder.name}.not-whole")
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)
                print(f"{shown(folder)} is not whole: it is passed over, and called {aside.name} from now on.")


def _seal(folder: Path) -> dict[str, Any]:
    seal: dict[str, Any] = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    return seal


def _write_seal(folder: Path, state: Any, metrics: Mapping[str, float] | None) -> None:
    seal = {"files": _files(folder), "leaves": _forms(state), "best": min(metrics.values()) if metrics else None}
    files.write(folder / SEAL, json.dumps(seal))


def _whole(folder: Path) -> bool:
    try:
        seal = _seal(folder)
        return bool(seal["files"] == _files(folder) and seal["leaves"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _last(history: Mapping[str, Any], name: str) -> float:
    try:
        return float(history[name][-1])
    except (KeyError, IndexError, TypeError, ValueError):
        raise CourseError(
            f"The history has no last {name!r}, by which the best checkpoint is found. It has: {', '.join(history)}."
        ) from None


def _files(folder: Path) -> dict[str, list[int]]:
    """Name → size and CRC-32 of all files of a checkpoint but the seal."""
    found = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != SEAL)
    raw = {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}
    return {name: [len(content), zlib.crc32(content)] for name, content in raw.items()}


def _forms(tree: Any) -> dict[str, str]:
    return {name: trees.form(leaf) for name, leaf in trees.named(tree).items()}
