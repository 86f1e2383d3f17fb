"""The check of `compile_step` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.registry import exercise
from utils.checks.unit_02.shared import linear, linear_params, padded_batches
from utils.data import Batch


def _leaves_of_arguments(compiled: Any) -> tuple[list[Any], list[Any]]:
    """What a compiled program was told about its two arguments: lists of leaves with shape, dtype and `donated`."""
    (state, batch), _ = compiled.args_info
    return jax.tree.leaves(state), jax.tree.leaves(batch)


@exercise(
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "Three calls in a row, each on what the one before returned: make it jittable, trace it for these shapes, compile.",
        "`jax.jit(step, donate_argnums=…)` has a method `lower`, which takes the descriptions in place of arguments.",
        "`jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec)`, and one call is still missing.",
    ),
)
def compile_step(answer: Any, reference: Any) -> None:
    """A step compiled ahead of time."""

    def step(state: dict[str, jax.Array], batch: Batch) -> tuple[dict[str, jax.Array], jax.Array]:
        loss, gradients = jax.value_and_grad(lambda p: jnp.mean(linear(p, batch.image) ** 2))(state)
        return jax.tree.map(lambda p, g: p - 0.1 * g, state, gradients), loss

    state, batch = linear_params(), padded_batches()[0]
    state_spec, batch_spec = jax.eval_shape(lambda: (state, batch))
    counted = probes.traces(step)
    program = probes.call(answer, counted, state_spec, batch_spec)
    _is_compiled(program, bool(counted.count))
    if counted.count != 1:
        probes.fail(
            f"The step was traced {counted.count} times to make one program; once is enough. "
            "Is there a warm-up with other shapes?"
        )
    state_leaves, batch_leaves = _leaves_of_arguments(program)
    _is_of_these_shapes("state", state_leaves, state_spec)
    _is_of_these_shapes("batch", batch_leaves, batch_spec)
    _gives_the_state(state_leaves, batch_leaves)
    want = jax.jit(step)(state, batch)
    probes.close(
        probes.call(program, jax.tree.map(jnp.copy, state), batch), want, because="Is it another function's program?"
    )


def _is_compiled(program: Any, traced: bool) -> None:
    """And not what comes on the way there."""
    if isinstance(program, jax.stages.Lowered):
        probes.fail("It is lowered but not compiled: one call is missing.")
    if isinstance(program, jax.stages.Wrapped):
        if traced:
            probes.fail(
                "It returns the jitted function; a warm-up runs a step, and for another shape it compiles again. "
                "Return the compiled program: `.lower(…).compile()`."
            )
        probes.fail(
            "It returns the jitted function: nothing is compiled yet, the first step will do that. "
            "A jitted function has a method `lower`."
        )
    if not isinstance(program, jax.stages.Compiled):
        probes.fail(f"It returns a `{type(program).__name__}`; the compiled program is wanted.")


def _is_of_these_shapes(name: str, leaves: list[Any], spec: Any) -> None:
    for got, want in zip(leaves, jax.tree.leaves(spec), strict=True):
        if name == "batch" and got.shape[1:] == want.shape[1:] and got.shape[0] != want.shape[0]:
            probes.fail(
                f"It is compiled for a batch of {got.shape[0]}, and `batch_spec` says {want.shape[0]}: "
                "such a program is never used. Lower with the descriptions as they are given."
            )
        if (got.shape, got.dtype) != (want.shape, want.dtype):
            probes.fail(f"A leaf of the {name} is {got.shape} {got.dtype}; {want.shape} {want.dtype} is wanted.")


def _gives_the_state(state_leaves: list[Any], batch_leaves: list[Any]) -> None:
    """Donates the state's memory, and nothing else's."""
    gives_state, gives_batch = (any(leaf.donated for leaf in leaves) for leaves in (state_leaves, batch_leaves))
    if gives_batch and gives_state:
        probes.fail(
            "The state is donated as wanted, but the batch is donated too: whoever keeps a batch would lose it."
        )
    if gives_batch:
        probes.fail("The batch is donated, not the state. `donate_argnums` counts arguments from 0.")
    if not gives_state:
        probes.fail("It is compiled for the right shapes, but nothing is donated: `jax.jit` takes `donate_argnums`.")
