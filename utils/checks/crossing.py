"""What leaves the process of an answer: for each case an exported program or the leaves of a result, never Python.

`dumps` and `loads` write it as bytes: a JSON head and raw arrays. Reading runs nothing of what was written.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.base import trees

Leaves = dict[str, Any]  # path → array, number, text or None

_MOST = 256 * 2**20  # bytes of one array or program
_MANY = 100_000  # leaves


class Damaged(ValueError):
    """These bytes are not what `dumps` writes."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A function of a case's arrays, exported; `paths` and `whole` say what its results are (`leaves`, `kind`)."""

    code: bytes
    paths: tuple[str, ...]
    whole: str


@dataclasses.dataclass(frozen=True)
class Result:
    """What the answer gave for one case: its leaves, and what it is as a whole ("a `tuple` of 2")."""

    leaves: Leaves
    whole: str


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why there is no result. `kind` is a `verdict.Kind`'s name, `message` what is told; `detail` may hold values."""

    kind: str
    message: str
    detail: str = ""
    endless: bool = False


Outcome = Program | Result | Failure


@dataclasses.dataclass(frozen=True)
class Handed:
    """All that is handed over for an exercise: outcomes up to the first failure, and the end of what was printed.

    Programs come one for each size, results one for each case.
    """

    outcomes: tuple[Outcome, ...]
    printed: str = ""


def leaves(tree: Any, at: str = "") -> Leaves:
    """Leaves by their path, e.g. `.params['Dense_0']['bias']` → "params.Dense_0.bias"; dataclasses count as trees.

    Keys become their numbers. Nothing is copied off a device.
    """
    found: Leaves = {}
    flat, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda node: node is None)
    for path, leaf in flat:
        name = ".".join(filter(None, [at, jax.tree_util.keystr(path, simple=True, separator=".")]))
        if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type):
            fields = {one.name: getattr(leaf, one.name) for one in dataclasses.fields(leaf)}
            found |= leaves(fields, name)
        else:
            found[name] = jax.random.key_data(leaf) if trees.is_key(leaf) else leaf
    return found


def kind(value: Any) -> str:
    """What a value is, in a message: "`None`", "an array [3] float32", "a `tuple` of 2"."""
    if value is None:
        return "`None`"
    if isinstance(value, type):
        return f"the class `{value.__name__}`"
    if is_array(value):
        return f"an array {trees.form(value)}"
    many = f" of {len(value)}" if isinstance(value, tuple | list | dict) else ""
    return f"a `{type(value).__name__}`{many}"


def is_array(value: Any) -> bool:
    """Whether it has a shape and a dtype."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


# --- bytes ----------------------------------------------------------------------------------------------------------


def dumps(value: Any) -> bytes:
    """Handed, an outcome, leaves, or lists and dictionaries of these, as bytes. Raises TypeError for anything else."""
    blobs: list[bytes] = []
    head = json.dumps(_packed(value, blobs)).encode()
    return b"".join([struct.pack("<QQ", len(head), len(blobs)), head, *(struct.pack("<Q", len(b)) + b for b in blobs)])


def loads(data: bytes) -> Any:
    """What `dumps` was given. Raises Damaged for anything that it doesn't write."""
    try:
        size, many = struct.unpack_from("<QQ", data)
        if many > _MANY or size > len(data):
            raise Damaged("its length is wrong")
        head, place, blobs = data[16 : 16 + size], 16 + size, []
        for _ in range(many):
            (length,) = struct.unpack_from("<Q", data, place)
            blobs.append(data[place + 8 : place + 8 + length])
            place += 8 + length
        if place != len(data):
            raise Damaged("its length is wrong")
        return _unpacked(json.loads(head), blobs)
    except (struct.error, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Damaged(f"cannot be read: {error}") from None


# of each class the kinds of its fields
_CLASSES = {
    "Program": (Program, (bytes, tuple, str)),
    "Result": (Result, (dict, str)),
    "Failure": (Failure, (str, str, str, bool)),
    "Handed": (Handed, (tuple, str)),
}


def _packed(value: Any, blobs: list[bytes]) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, bytes):
        blobs.append(value)
        return {"bytes": len(blobs) - 1}
    if is_array(value):
        array = np.asarray(value)
        blobs.append(array.tobytes())
        return {"array": len(blobs) - 1, "dtype": array.dtype.name, "shape": list(array.shape)}
    if isinstance(value, list | tuple):
        return [_packed(each, blobs) for each in value]
    if isinstance(value, dict):
        return {"dict": [[str(name), _packed(each, blobs)] for name, each in value.items()]}
    if type(value).__name__ in _CLASSES:
        return {type(value).__name__: [_packed(each, blobs) for each in vars(value).values()]}
    raise TypeError(f"the result holds {kind(value)}")


def _unpacked(node: Any, blobs: list[bytes]) -> Any:
    match node:
        case None | bool() | int() | float() | str():
            return node
        case list():
            if len(node) > _MANY:
                raise Damaged("it holds too many things")
            return tuple(_unpacked(each, blobs) for each in node)
        case {"float": text}:
            return float(text)
        case {"bytes": place}:
            return blobs[place]
        case {"array": place, "dtype": name, "shape": shape}:
            dtype = jnp.dtype(name)
            if len(blobs[place]) > _MOST or dtype.kind not in "biufcV":
                raise Damaged("an array is too large or of no kind that JAX has")
            return np.frombuffer(blobs[place], dtype).reshape(shape)
        case {"dict": pairs}:
            return {str(name): _unpacked(each, blobs) for name, each in pairs}
        case dict() if len(node) == 1:
            ((name, parts),) = node.items()
            made, kinds = _CLASSES[name]
            fields = [_unpacked(each, blobs) for each in parts]
            if tuple(map(type, fields)) == kinds:
                return made(*fields)
    raise Damaged(f"it holds {node!r:.40}")
