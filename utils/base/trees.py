"""The leaves of a tree by name, and how two trees differ: what weights, checkpoints and guards say of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from utils.base.errors import CourseError, few


def named(tree: Any) -> dict[str, Any]:
    """Give each leaf a name: the steps of its path joined by "/", e.g. "Conv_0/kernel".

    Args:
        tree: any pytree. A step is a key of a dictionary, a field of a named tuple or dataclass, or an index.

    Returns:
        Names → leaves, in the tree's own order.

    Raises:
        CourseError: two leaves get one name (`{"a/b": x, "a": {"b": y}}`), and a file could not tell them apart.
    """
    leaves: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if name in leaves:
            raise CourseError(f"Two leaves of the tree are called {name!r}. Rename one of them.")
        leaves[name] = leaf
    return leaves


def form(leaf: Any) -> str:
    """Shape and dtype of a leaf in words: "[3, 3, 64] float32"."""
    shape = ", ".join(str(size) for size in getattr(leaf, "shape", ()))
    return f"[{shape}] {leaf.dtype if hasattr(leaf, 'dtype') else type(leaf).__name__}"


def forms(tree: Any) -> dict[str, str]:
    """The forms of all leaves by name. Raises CourseError as `named` does."""
    return {name: form(leaf) for name, leaf in named(tree).items()}


def differences(got: Mapping[str, str], want: Mapping[str, str]) -> str:
    """Say how the forms of named leaves differ from what is wanted.

    Args:
        got: name → form of what is there.
        want: the same of what is wanted.

    Returns:
        The first few that are missing, not expected or of another form; "" where there are none.
    """
    missing = [name for name in want if name not in got]
    extra = sorted(name for name in got if name not in want)  # a file keeps them in an order of its own
    changed = [f"{name} is {got[name]}, not {want[name]}" for name in want if name in got and got[name] != want[name]]
    parts = {"missing: ": missing, "not expected: ": extra, "": changed}
    return "; ".join(f"{what}{few(names)}" for what, names in parts.items() if names)


def is_key(leaf: Any) -> bool:
    """Whether a leaf is a random key (`jax.random.key`), which NumPy does not know."""
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
