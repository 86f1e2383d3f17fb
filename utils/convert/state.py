"""Carry weights across: `to_flax` and `to_torch`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import numpy as np

from utils.base import trees
from utils.base.errors import CourseError, few
from utils.convert.rules import Place, Rules


def to_flax(rules: Rules, state: Mapping[str, Any], like: Mapping[str, Any]) -> Any:
    """Turn a PyTorch state dict into Flax variables.

    Args:
        rules: of this model.
        state: PyTorch's name → array: `model.state_dict()`, or what `convert.read` gives.
        like: variables of the Flax model, of which only structure and shapes count:
            `jax.eval_shape(model.init, key, images)`.

    Returns:
        Variables of the structure of `like`: NumPy arrays in the dtypes of `state`.

    Raises:
        CourseError: names are missing or unknown, or shapes wrong; it says which.
    """
    shapes = {path: tuple(leaf.shape) for path, leaf in trees.named(like).items()}
    kept = {name: value for name, value in state.items() if not rules.dropped(name)}
    found, unknown, wrong = _carried(kept, rules.in_flax, shapes, "Flax")
    places = {path: rules.in_torch(path) for path in shapes if path not in found}
    missing = [place.name if place else f"{path} (no rule for it)" for path, place in places.items()]
    _complain(f"These weights are not those of this {rules.model}", missing, unknown, wrong)
    return jax.tree.unflatten(jax.tree.structure(like), [found[path] for path in shapes])


def to_torch(
    rules: Rules, variables: Mapping[str, Any], like: Mapping[str, Any] | None = None
) -> dict[str, np.ndarray]:
    """Turn Flax variables into a PyTorch state dict.

    What the rules drop (`num_batches_tracked`) is not in it; `load_state_dict` does without it.

    Args:
        rules: of this model.
        variables: nested dictionaries with the collections on top, `{"params": …, "batch_stats": …}`.
        like: the state dict of the PyTorch model, to compare names and shapes with, if it is at hand.

    Returns:
        PyTorch's name → NumPy array, in C order.

    Raises:
        CourseError: names are missing or unknown, or shapes wrong; it says which.
    """
    shapes = None if like is None else {n: tuple(v.shape) for n, v in like.items() if not rules.dropped(n)}
    found, unknown, wrong = _carried(trees.named(variables), rules.in_torch, shapes, "PyTorch")
    missing = [name for name in shapes or () if name not in found]
    _complain(f"These variables are not those of this {rules.model}", missing, unknown, wrong)
    return found


def _carried(
    tensors: Mapping[str, Any],
    place_of: Callable[[str], Place | None],
    shapes: Mapping[str, tuple[int, ...]] | None,
    framework: str,
) -> tuple[dict[str, np.ndarray], list[str], list[str]]:
    """The arrays by their new names, the names that have no place, and what is wrong with shapes."""
    found: dict[str, np.ndarray] = {}
    unknown: list[str] = []
    wrong: list[str] = []
    for name, value in tensors.items():
        place = place_of(name)
        if place is None or (shapes is not None and place.name not in shapes):
            unknown.append(name)
            continue
        array = found[place.name] = np.asarray(value)
        if place.layout.axes not in (None, array.ndim):
            wrong.append(f"{name} is {array.shape}, but a {place.layout.what} has {place.layout.axes} axes")
            continue
        array = found[place.name] = np.asarray(place.turn(array), order="C")
        if shapes is not None and array.shape != shapes[place.name]:
            wrong.append(f"{name} is {array.shape} in {framework}'s order, {shapes[place.name]} is wanted")
    return found, unknown, wrong


def _complain(opening: str, missing: Collection[str], unknown: Collection[str], wrong: Collection[str]) -> None:
    kinds = {"missing": missing, "unknown": unknown, "wrong shape": wrong}
    lines = [f"{kind} ({len(names)}): {few(names)}" for kind, names in kinds.items() if names]
    if lines:
        raise CourseError(f"{opening}: {'; '.join(lines)}.")
