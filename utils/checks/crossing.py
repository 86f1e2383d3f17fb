"""What leaves the process of an answer: for each case an exported program or the leaves of a result, never Python.

`dumps` and `loads` write it as bytes, in MessagePack. Reading runs nothing of what was written.
"""

from __future__ import annotations

import dataclasses
from typing import Any, get_origin, get_type_hints

import jax
import jax.numpy as jnp
import msgpack
import numpy as np

from utils.base import trees

Leaves = dict[str, Any]  # path → array, number, text or None


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
    for path, leaf in jax.tree.leaves_with_path(tree, is_leaf=lambda node: node is None):
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

# what has a form of its own in MessagePack
_MADE: tuple[type, ...] = (Program, Result, Failure, Handed, np.ndarray)


def dumps(value: Any) -> bytes:
    """Handed, an outcome, leaves, or lists and dictionaries of these, as bytes. Raises TypeError for anything else."""
    return bytes(msgpack.packb(value, default=_packed, unicode_errors="replace"))  # "?" for what has none


def loads(data: bytes, of: type = Handed) -> Any:
    """What `dumps` was given, lists as tuples. Raises Damaged for what it doesn't write, or is of another class."""
    try:
        value = msgpack.unpackb(data, ext_hook=_unpacked, use_list=False)
    except Exception as error:  # the bytes may be anything
        raise Damaged(f"cannot be read: {error}") from None
    if not isinstance(value, of):
        raise Damaged("it is something else")
    return value


def _packed(value: Any) -> Any:
    if isinstance(value, int):  # of more than 64 bits; it is compared as a float
        return float(value) if abs(value) < 2**1023 else float("inf")
    if is_array(value):
        array = np.asarray(value)
        return msgpack.ExtType(_MADE.index(np.ndarray), dumps([array.dtype.name, array.shape, array.tobytes()]))
    if type(value) not in _MADE:
        raise TypeError(f"the result holds {kind(value)}")
    return msgpack.ExtType(_MADE.index(type(value)), dumps([*vars(value).values()]))


def _unpacked(number: int, data: bytes) -> Any:
    made, fields = _MADE[number], loads(data, tuple)
    if made is not np.ndarray:
        kinds = [get_origin(hint) or hint for hint in get_type_hints(made).values()]
        if [*map(type, fields)] != kinds:
            raise Damaged(f"a `{made.__name__}` has other fields")
        return made(*fields)
    name, shape, content = fields
    dtype = jnp.dtype(name)
    if dtype.kind not in "biufcV":
        raise Damaged("an array is of no kind that JAX has")
    return np.frombuffer(content, dtype).reshape(shape)
