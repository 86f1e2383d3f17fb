"""Read what JAX traced: the equations of a function's jaxpr."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
from jax.extend import core


def equations(fn: Any, *args: Any) -> Iterator[core.JaxprEqn]:
    """Give all equations of a function's jaxpr, those inside loops and nested `jit`s included, each once.

    Args:
        fn: the function; nothing of it is computed.
        args: its arguments: arrays, or jax.ShapeDtypeStruct where only shapes count.

    Yields:
        The equations, in no particular order.
    """
    waiting = [jax.make_jaxpr(fn)(*args).jaxpr]
    while waiting:
        for equation in waiting.pop().eqns:
            yield equation
            waiting += core.jaxprs_in_params(equation.params)
