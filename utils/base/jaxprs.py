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
    return (equation for equation, _ in named(fn, *args))


def named(fn: Any, *args: Any) -> Iterator[tuple[core.JaxprEqn, str]]:
    """Give the same equations with the names that each stands under.

    Yields:
        The equation, and joined by "/" the modules of Flax and Haiku and the `jax.named_scope`s, and "jvp(…)" and
        "transpose(…)" for what differentiation made.
    """
    waiting = [(jax.make_jaxpr(fn)(*args).jaxpr, "")]
    while waiting:
        jaxpr, above = waiting.pop()
        for equation in jaxpr.eqns:
            name = "/".join(part for part in (above, str(equation.source_info.name_stack)) if part)
            yield equation, name
            waiting += [(inner, name) for inner in core.jaxprs_in_params(equation.params)]
