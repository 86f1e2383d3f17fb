"""Carry weights across: `to_flax` and `to_torch`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from utils.base import trees
from utils.base.errors import CourseError
from utils.convert.rules import Rules


def to_flax(rules: Rules, state: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """Flax variables from a PyTorch state dict.

    state: PyTorch's name → array (`model.state_dict()`, or NumPy arrays read from a safetensors file).
    like: variables of the Flax model, of which only structure and shapes count:
        `jax.eval_shape(model.init, key, images)`.
    Returns variables of the structure of `like`, NumPy arrays in the dtype of `state`.
    Raises CourseError with the missing and unknown names and the wrong shapes.
    """
    wanted = {path: tuple(leaf.shape) for path, leaf in flatten_dict(like, sep="/").items()}
    found: dict[str, np.ndarray] = {}
    unknown: list[str] = []
    wrong: list[str] = []
    for name, value in state.items():
        place = rules.in_flax(name)
        if place is None or place[0] not in wanted:
            if not rules.dropped(name):
                unknown.append(name)
            continue
        path, layout = place
        array = np.asarray(value)
        if layout.axes not in (None, array.ndim):
            wrong.append(f"{name} is {array.shape}, but a {layout.what} has {layout.axes} axes")
            found[path] = array
            continue
        found[path] = layout.to_flax(array)
        if found[path].shape != wanted[path]:
            wrong.append(f"{name} is {found[path].shape} in Flax's order, {wanted[path]} is wanted")
    missing = [_torch_name(rules, path) for path in wanted if path not in found]
    _complain(f"These weights are not those of this {rules.model}", missing, unknown, wrong)
    return unflatten_dict(found, sep="/")


def to_torch(
    rules: Rules, variables: Mapping[str, Any], like: Mapping[str, Any] | None = None
) -> dict[str, np.ndarray]:
    """A PyTorch state dict, as NumPy arrays, from Flax variables.

    variables: nested dictionaries with the collections on top, `{"params": …, "batch_stats": …}`.
    like: the state dict of the PyTorch model, to compare names and shapes with, if it is at hand.
    What the rules drop (`num_batches_tracked`) is not in the result; `load_state_dict` does without it.
    Raises CourseError with the missing and unknown names and the wrong shapes.
    """
    wanted = None if like is None else {n: tuple(v.shape) for n, v in like.items() if not rules.dropped(n)}
    found: dict[str, np.ndarray] = {}
    unknown: list[str] = []
    wrong: list[str] = []
    for path, value in flatten_dict(variables, sep="/").items():
        place = rules.in_torch(path)
        if place is None or (wanted is not None and place[0] not in wanted):
            unknown.append(path)
            continue
        name, layout = place
        array = np.asarray(value)
        if layout.axes not in (None, array.ndim):
            wrong.append(f"{path} is {array.shape}, but a {layout.what} has {layout.axes} axes")
            found[name] = array
            continue
        found[name] = np.ascontiguousarray(layout.to_torch(array))
        if wanted is not None and found[name].shape != wanted[name]:
            wrong.append(f"{path} is {found[name].shape} in PyTorch's order, {wanted[name]} is wanted")
    missing = [] if wanted is None else [name for name in wanted if name not in found]
    _complain(f"These variables are not those of this {rules.model}", missing, unknown, wrong)
    return found


def _torch_name(rules: Rules, path: str) -> str:
    place = rules.in_torch(path)
    return place[0] if place else f"{path} (no rule for it)"


def _complain(opening: str, missing: Iterable[str], unknown: Iterable[str], wrong: Iterable[str]) -> None:
    kinds = (("missing", missing), ("unknown", unknown), ("wrong shape", wrong))
    lines = [f"{kind} ({len(names)}): {trees.few(names)}" for kind, names in ((k, list(n)) for k, n in kinds) if names]
    if lines:
        raise CourseError(f"{opening}: " + "; ".join(lines) + ".")
