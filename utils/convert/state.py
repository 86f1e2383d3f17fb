"""Carry weights across: `to_flax` and `to_torch`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import jax
import numpy as np

from utils.base import trees
from utils.base.errors import CourseError, few
from utils.convert.rules import Rules


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
    found: dict[str, np.ndarray] = {}
    unknown, wrong = [], []
    for name, value in state.items():
        if rules.dropped(name):
            continue
        place, array = rules.in_flax(name), np.asarray(value)
        if place is None or place.name not in shapes:
            unknown.append(name)
        elif place.axes and array.ndim != len(place.axes):
            found[place.name] = array
            wrong.append(f"{name} is {array.shape}, but a {place.layout.what} has {len(place.axes)} axes")
        else:
            array = found[place.name] = place.turned(array)
            if array.shape != shapes[place.name]:
                wrong.append(f"{name} is {array.shape} in Flax's order, {shapes[place.name]} is wanted")
    places = {path: rules.in_torch(path) for path in shapes if path not in found}
    missing = [place.name if place else f"{path} (no rule for it)" for path, place in places.items()]
    _complain(f"These weights are not those of this {rules.model}", missing, unknown, wrong)
    return jax.tree.unflatten(jax.tree.structure(like), [found[path] for path in shapes])


def to_torch(rules: Rules, variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Turn Flax variables into a PyTorch state dict.

    What the rules drop (`num_batches_tracked`) is not in it; `load_state_dict` does without it.

    Args:
        rules: of this model.
        variables: nested dictionaries with the collections on top, `{"params": …, "batch_stats": …}`.

    Returns:
        PyTorch's name → NumPy array, in C order.

    Raises:
        CourseError: names are unknown, or arrays have other axes; it says which.
    """
    arrays = {path: np.asarray(array) for path, array in trees.named(variables).items()}
    places = {path: place for path in arrays if (place := rules.in_torch(path))}
    wrong = [
        f"{path} is {array.shape}, but a {places[path].layout.what} has {len(axes)} axes"
        for path, array in arrays.items()
        if path in places and (axes := places[path].axes) and array.ndim != len(axes)
    ]
    unknown = [path for path in arrays if path not in places]
    _complain(f"These variables are not those of this {rules.model}", unknown=unknown, wrong=wrong)
    return {place.name: place.turned(arrays[path]) for path, place in places.items()}


def _complain(
    opening: str, missing: Collection[str] = (), unknown: Collection[str] = (), wrong: Collection[str] = ()
) -> None:
    kinds = {"missing": missing, "unknown": unknown, "wrong shape": wrong}
    lines = [f"{kind} ({len(names)}): {few(names)}" for kind, names in kinds.items() if names]
    if lines:
        raise CourseError(f"{opening}: {'; '.join(lines)}.")
