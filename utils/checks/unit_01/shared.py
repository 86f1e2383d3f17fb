"""What several checks of unit 01 use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
from jax.extend import core

from utils.checks import probes


def equations(fn: Any, *args: Any) -> Iterator[Any]:
    """All equations of the function's jaxpr, those inside loops and nested `jit`s included, each once."""
    with probes.doing("tracing it"):
        waiting = [jax.make_jaxpr(fn)(*args).jaxpr]
    while waiting:
        for equation in waiting.pop().eqns:
            yield equation
            waiting += core.jaxprs_in_params(equation.params)
