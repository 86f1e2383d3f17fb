"""Weights in a safetensors file: plain numbers with names, which cannot run code when they are loaded.

    weights.save("models/mine.safetensors", params, note={"model": "VGG8"})
    params = weights.load("models/mine.safetensors", like=params)

A leaf's name is its path in the tree, joined by "/": "Conv_0/kernel". A relative path counts from the course's root.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from utils.base import files, trees
from utils.base.errors import CourseError
from utils.base.paths import ROOT, in_full, shown

# what the header of a safetensors file calls them; its own NumPy reader knows no bfloat16
DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def save(path: str | Path, tree: Any, *, note: Mapping[str, str] | None = None) -> Path:
    """Write the arrays of a tree to a file, whole or not at all; an older file at `path` is replaced.

    tree: dictionaries, tuples, named tuples … of arrays, whose dtypes are kept. note: short texts for the header.
    Returns the file's path. Raises CourseError for a leaf that is no array of numbers, and for a disk that is full.
    """
    file = _file(path)
    named = trees.named(tree)
    if not named:
        raise CourseError(f"There are no weights to write to {shown(file)}: the tree is empty.")
    tensors = {name: _tensor(name, leaf) for name, leaf in named.items()}
    texts = {str(key): str(value) for key, value in (note or {}).items()}
    files.write(file, safetensors.numpy.save(tensors, metadata=texts))
    return file


def load(path: str | Path, like: Any) -> Any:
    """The weights in a file, as a tree of jax.Array with the structure of `like`.

    like: a tree of arrays or jax.ShapeDtypeStruct, whose names, shapes and dtypes the file must have: the model's own
    weights, or `jax.eval_shape` of what makes them.
    Raises CourseError for a file that is missing, cut short or of another format, and for the weights of another model:
    the message names what is missing, what was not expected, and which shapes differ.
    """
    file = _file(path)
    tensors = _tensors(file)
    want = trees.named(like)
    differ = trees.differences(
        {name: trees.form(leaf) for name, leaf in tensors.items()},
        {name: trees.form(leaf) for name, leaf in want.items()},
    )
    if differ:
        raise CourseError(
            f"{shown(file)} does not fit this model: {differ}. "
            "Build the model as it was when the file was written, or load another file."
        )
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(tensors[name]) for name in want])


def note(path: str | Path) -> dict[str, str]:
    """The texts that `save` put into the file's header. Raises CourseError as `load` does."""
    file = _file(path)
    header = _header(_read(file))
    if header is None:
        raise _not_ours(file)
    return {str(key): str(value) for key, value in header.get("__metadata__", {}).items()}


def arrays(path: str | Path) -> dict[str, np.ndarray]:
    """All arrays in a file by their names, as NumPy's, of whatever model. Raises CourseError as `load` does."""
    return _tensors(_file(path))


def _file(path: str | Path) -> Path:
    return ROOT / in_full(path)


def _tensor(name: str, leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        raise CourseError(f"{name} is a random key, no weight: save the weights alone.")
    array = np.asarray(leaf)
    if not any(array.dtype == dtype for dtype in DTYPES.values()):
        raise CourseError(f"{name} is {trees.form(array)}: a weights file holds arrays of numbers only.")
    return np.array(array, order="C")  # the format wants rows one after the other


def _tensors(file: Path) -> dict[str, np.ndarray]:
    raw = _read(file)
    try:
        parts = safetensors.deserialize(raw)
    except safetensors.SafetensorError as error:
        header = _header(raw)
        if header is None:
            raise _not_ours(file) from error
        due = max((part["data_offsets"][1] for name, part in header.items() if name != "__metadata__"), default=0)
        due += 8 + int.from_bytes(raw[:8], "little")
        if len(raw) < due:
            raise CourseError(
                f"{shown(file)} is cut short: {len(raw):,} of {due:,} bytes are there. Copy or write it again."
            ) from error
        raise CourseError(f"{shown(file)} is damaged ({error}). Copy or write it again.") from error
    return {
        name: np.frombuffer(part["data"], DTYPES[part["dtype"]]).reshape(part["shape"])
        for name, part in parts
        if part["dtype"] in DTYPES
    }


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise CourseError(f"There is no file {shown(file)}. Train the model first, or correct the path.") from None
    except OSError as error:
        raise CourseError(f"{shown(file)} cannot be read ({error.strerror}).") from error


def _header(raw: bytes) -> dict[str, Any] | None:
    """The header: eight bytes say how long it is, then comes JSON. None where there is no such thing."""
    length = int.from_bytes(raw[:8], "little")
    try:
        header = json.loads(raw[8 : 8 + length]) if 0 < length <= 100_000_000 else None
        return header if isinstance(header, dict) and all(isinstance(part, dict) for part in header.values()) else None
    except ValueError:
        return None


def _not_ours(file: Path) -> CourseError:
    return CourseError(
        f"{shown(file)} is no safetensors file, or cut off within its first lines. Copy or write it again."
    )
