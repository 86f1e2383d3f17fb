"""Read what JAX traced: the equations of a function's jaxpr."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
from jax.extend import core


def equations(fn: Any, *args: Any) -> Iterator[core.JaxprEqn]:
    """All equations of the function's jaxpr, those inside loops and nested `jit`s included, each once.

    args: arrays, or jax.ShapeDtypeStruct where only shapes count. Nothing is computed.
    """
    return (equation for equation, _ in named(fn, *args))


def named(fn: Any, *args: Any) -> Iterator[tuple[core.JaxprEqn, str]]:
    """The same equations, each with the names that it stands under, joined by "/".

    These are the modules of Flax and Haiku and `jax.named_scope`s, and "jvp(…)" and "transpose(…)" for what
    differentiation made.
    """
    waiting = [(jax.make_jaxpr(fn)(*args).jaxpr, "")]
    while waiting:
        jaxpr, above = waiting.pop()
        for equation in jaxpr.eqns:
            name = "/".join(part for part in (above, str(equation.source_info.name_stack)) if part)
            yield equation, name
            waiting += [(inner, name) for inner in core.jaxprs_in_params(equation.params)]
