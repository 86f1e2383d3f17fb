"""What several exercises of unit 01 use: trees of parameters, and whether a program is written out for every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from utils.checks.exercise import Draw


class Layer(NamedTuple):
    """A node of a tree of parameters."""

    kernel: Any
    gain: Any


TREES = ("a list", "a dict of tuples", "one array", "named tuples in a dict", "a dict of arrays")


def parameters(rng: Draw, kind: str, inputs: int) -> Any:
    """A tree of parameters for `predicted`, of one of the kinds in TREES."""
    match kind:
        case "a list":
            return [rng.normal(inputs), rng.normal()]
        case "a dict of tuples":
            return {"layer": (rng.normal(inputs, 2), rng.normal(inputs)), "scale": rng.normal()}
        case "one array":
            return rng.normal(inputs)
        case "a dict of arrays":
            return {"w": rng.normal(inputs), "b": rng.normal()}
        case _:
            return {
                "second": Layer(rng.normal(inputs), rng.normal()),
                "first": Layer(rng.normal(inputs, 3), rng.normal()),
            }


def predicted(params: Any, x: Any, of: Any = jnp) -> jax.Array:
    """A number for each row of x [N, D], or for one row [D]; 0 where all of the row is. `of` is NumPy's or JAX's."""
    leaves = jax.tree.leaves(params)
    both = x, 2 * x[..., ::-1]  # two vectors: a matrix's gradient for one example is then no product of two

    def curve(z: Any) -> Any:
        return z + of.sin(z) / 2  # whose slope is nowhere near 0, where rounding would decide

    each = [sum(curve(v @ w.reshape(len(w), -1)).sum(-1) for v in both) if w.ndim else w * x.sum(-1) for w in leaves]
    total: jax.Array = of.stack(each).sum(0)
    return total


def does_not_grow(message: str, short: int, long: int) -> Callable[[Sequence[str]], str]:
    """A `form` that tells `message`, if the program is longer for the size at place `long` than for that at `short`.

    These sizes differ in their number of rows alone.
    """
    return lambda programs: message if programs[long].count("\n") > programs[short].count("\n") else ""
