"""What several exercises of unit 01 use: trees of parameters, and whether a program is written out for every row."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.answers import Told
from utils.checks.exercise import Draw


class Layer(NamedTuple):
    """A node of a tree of parameters."""

    kernel: Any
    gain: Any


TREES = ("a list", "a dict of tuples", "one array", "named tuples in a dict")


def parameters(rng: Draw, kind: str, inputs: int) -> Any:
    """A tree of parameters for `predicted`, of one of the kinds in TREES."""
    match kind:
        case "a list":
            return [rng.normal(inputs), rng.normal()]
        case "a dict of tuples":
            return {"layer": (rng.normal(inputs, 2), rng.normal(inputs)), "scale": rng.normal()}
        case "one array":
            return rng.normal(inputs)
        case _:
            return {
                "second": Layer(rng.normal(inputs), rng.normal()),
                "first": Layer(rng.normal(inputs, 3), rng.normal()),
            }


def predicted(params: Any, x: jax.Array) -> jax.Array:
    """A number for each row of x [N, D], or for one row [D]; 0 where all of the row is."""
    leaves = jax.tree.leaves(params)
    return jnp.stack([jnp.tanh(x @ w.reshape(len(w), -1)).sum(-1) if w.ndim else w * x.sum(-1) for w in leaves]).sum(0)


def tell_if_it_grows(message: str, call: Any, like: Any, sizes: tuple[int, int]) -> None:
    """Told `message`, if the program of `call` is longer for more rows; `like` is its argument or a tuple of these.

    Only while it is exported: what calls it without tracing is a known mistake, and of these none grows.
    """
    arrays = like if isinstance(like, tuple) else (like,)
    if not isinstance(arrays[0], jax.core.Tracer):
        return
    lines = []
    for many in sizes:
        args = [np.zeros((many, *one.shape[1:]), one.dtype) for one in arrays]
        lines.append(jax.jit(lambda *args: call(*args)).lower(*args).as_text().count("\n"))
    if lines[1] > lines[0]:
        raise Told(message)
