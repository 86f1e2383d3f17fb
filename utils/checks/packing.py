"""Values of checks as JSON and arrays, and back: no pickle, no code.

Numbers, texts, arrays, JAX's keys, shapes, and lists, tuples, dictionaries, named tuples and dataclasses of them. What
has fields (a named tuple, a dataclass) comes back as a named tuple of the same name and fields.
"""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.base import trees


def packed(value: Any, arrays: list[np.ndarray]) -> Any:
    """The value as what JSON can hold; its arrays are appended to `arrays`. Raises TypeError for anything else."""

    def kept(array: Any) -> int:
        arrays.append(np.array(array))  # a copy: the check may change its own
        return len(arrays) - 1

    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, jax.ShapeDtypeStruct) and isinstance(value.dtype, np.dtype):
        return {"shape": list(value.shape), "dtype": value.dtype.name}
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return {"key": kept(jax.random.key_data(value)), "kind": str(jax.random.key_impl(value))}
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return {"array" if isinstance(value, jax.Array) else "numpy": kept(value)}
    if type(value) in (list, tuple):
        return {type(value).__name__: [packed(each, arrays) for each in value]}
    if isinstance(value, dict):
        return {"dict": [[packed(key, arrays), packed(each, arrays)] for key, each in value.items()]}
    return {"fields": {name: packed(each, arrays) for name, each in _fields(value)}, "kind": type(value).__name__}


def unpacked(node: Any, arrays: list[np.ndarray]) -> Any:
    """The value that `packed` gave. Raises LookupError, TypeError or ValueError for what `packed` doesn't give."""
    match node:
        case {"shape": shape, "dtype": dtype}:
            return jax.eval_shape(lambda: jnp.zeros(shape, dtype))
        case {"key": place, "kind": kind}:
            return jax.random.wrap_key_data(jnp.asarray(arrays[place]), impl=kind)
        case {"array": place}:
            return jnp.asarray(arrays[place])
        case {"numpy": place}:
            return arrays[place]
        case {"list": inner}:
            return [unpacked(each, arrays) for each in inner]
        case {"tuple": inner}:
            return tuple(unpacked(each, arrays) for each in inner)
        case {"dict": inner}:
            return {unpacked(key, arrays): unpacked(each, arrays) for key, each in inner}
        case dict():
            made = _named_tuple(node["kind"], tuple(node["fields"]))
            return made(*(unpacked(each, arrays) for each in node["fields"].values()))
    return node


def _fields(value: Any) -> list[tuple[str, Any]]:
    """What a named tuple or a registered dataclass holds."""
    if isinstance(value, tuple) or dataclasses.is_dataclass(value):
        parts, _ = jax.tree_util.tree_flatten_with_path(value, is_leaf=lambda part: part is not value)
        if all(len(path) == 1 for path, _ in parts):
            return [(trees.step(path[0]), part) for path, part in parts]
    raise TypeError(f"a `{type(value).__name__}`")


@cache
def _named_tuple(kind: str, fields: tuple[str, ...]) -> Any:
    """The same class for the same fields, so that two values have one structure."""
    return namedtuple(kind, fields)
