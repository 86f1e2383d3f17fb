"""Weights in a safetensors file: plain numbers with names, which cannot run code when they are loaded.

    weights.save("models/mine.safetensors", params, note={"model": "VGG8"})
    params = weights.load("models/mine.safetensors", like=params)

A leaf's name is its path in the tree, joined by "/": "Conv_0/kernel". A relative path counts from the course's root.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from utils.base import files, trees
from utils.base.errors import CourseError
from utils.base.paths import ROOT, in_full, shown


def save(path: str | Path, tree: Any, *, note: Mapping[str, str] | None = None) -> Path:
    """Write the arrays of a tree to a file, whole or not at all; an older file at `path` is replaced.

    Args:
        path: of the file.
        tree: dictionaries, tuples, named tuples … of arrays, whose dtypes are kept.
        note: short texts for the file's header.

    Returns:
        The file's full path.

    Raises:
        CourseError: the tree is empty, a leaf is no array of numbers, or the disk is full.
    """
    file = ROOT / in_full(path)
    tensors = {name: _tensor(name, leaf) for name, leaf in trees.named(tree).items()}
    if not tensors:
        raise CourseError(f"There are no weights to write to {shown(file)}: the tree is empty.")
    texts = {str(key): str(value) for key, value in (note or {}).items()}
    files.write(file, safetensors.numpy.save(tensors, metadata=texts))
    return file


def load(path: str | Path, like: Any) -> Any:
    """Read the weights of a model.

    Args:
        path: of the file.
        like: a tree of arrays or jax.ShapeDtypeStruct, whose names, shapes and dtypes the file must have: the model's
            own weights, or `jax.eval_shape` of what makes them.

    Returns:
        A tree of jax.Array with the structure of `like`.

    Raises:
        CourseError: the file is missing, cut short or of another format, or it holds another model's weights: then the
            message names what is missing, what was not expected, and which shapes differ.
    """
    tensors = arrays(path)
    differ = trees.differences(trees.forms(tensors), trees.forms(like))
    if differ:
        raise CourseError(
            f"{shown(ROOT / in_full(path))} does not fit this model: {differ}. "
            "Build the model as it was when the file was written, or load another file."
        )
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(tensors[name]) for name in trees.named(like)])


def arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read all arrays of a file, of whatever model, as NumPy's by their names. Raises CourseError as `load` does."""
    file = ROOT / in_full(path)
    try:
        with safetensors.safe_open(file, "numpy") as content:
            tensors: dict[str, np.ndarray] = content.get_tensors()
        return tensors
    except FileNotFoundError:
        raise CourseError(f"There is no file {shown(file)}. Train the model first, or correct the path.") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise CourseError(
            f"{shown(file)} cannot be read, is no safetensors file, or is cut short or damaged ({error}). "
            "Copy or write it again."
        ) from error


def _tensor(name: str, leaf: Any) -> np.ndarray:
    if trees.is_key(leaf):
        raise CourseError(f"{name} is a random key, no weight: save the weights alone.")
    array = np.asarray(leaf, order="C")  # the format wants rows one after the other
    if array.dtype != bool and not jnp.issubdtype(array.dtype, jnp.number):
        raise CourseError(f"{name} is {trees.form(array)}: a weights file holds arrays of numbers only.")
    return array
