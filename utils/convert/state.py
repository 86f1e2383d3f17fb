"""Carry weights across: `to_flax` and `to_torch`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import jax
import numpy as np

from utils.base import trees
from utils.base.errors import CourseError, few
from utils.convert.rules import Rule, Rules


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
    by_path = {path: rules.rule(path) or Rule(f"{path} (no rule for it)", path) for path in shapes}
    paths = {rule.torch: path for path, rule in by_path.items()}
    missing = [name for name in paths if name not in state]
    unknown = [name for name in state if name not in paths and not rules.dropped(name)]
    found: dict[str, np.ndarray] = {}
    wrong = []
    for name in [name for name in state if name in paths]:
        path, array = paths[name], np.asarray(state[name])
        if problem := by_path[path].layout.misfit(name, array):
            wrong.append(problem)
            continue
        found[path] = by_path[path].layout.turned(array)
        if found[path].shape != shapes[path]:
            wrong.append(f"{name} is {found[path].shape} in Flax's order, {shapes[path]} is wanted")
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
    by_path = {path: rule for path in arrays if (rule := rules.rule(path))}
    unknown = [path for path in arrays if path not in by_path]
    wrong = [problem for path, rule in by_path.items() if (problem := rule.layout.misfit(path, arrays[path]))]
    _complain(f"These variables are not those of this {rules.model}", unknown=unknown, wrong=wrong)
    return {rule.torch: rule.layout.turned(arrays[path], back=True) for path, rule in by_path.items()}


def _complain(
    opening: str, missing: Collection[str] = (), unknown: Collection[str] = (), wrong: Collection[str] = ()
) -> None:
    kinds = {"missing": missing, "unknown": unknown, "wrong shape": wrong}
    lines = [f"{kind} ({len(names)}): {few(names)}" for kind, names in kinds.items() if names]
    if lines:
        raise CourseError(f"{opening}: {'; '.join(lines)}.")
