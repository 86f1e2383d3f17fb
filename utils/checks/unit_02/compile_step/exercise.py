"""`compile_step`: the program of a drawn step; what it takes, gives away and returns."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.base import trees
from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_02.shared import linear, weights
from utils.data import Batch


def draw(rng: Draw, batch: int, height: int, width: int, classes: int, jitted: bool = False) -> dict[str, Any]:
    """A state, two batches for it, and the rate of the step, which may be jitted already."""
    batches = [
        Batch(rng.normal(batch, height, width, 1), rng.integers(0, classes, batch), rng.flags(batch, max(1, batch - 1)))
        for _ in range(2)
    ]
    state = {"step": rng.integers(0, 100), "params": weights(rng, height * width, classes)}
    return {"rate": 0.1 * (rng.turn + 1), "state": state, "batches": batches, "jitted": jitted}


def ask(answer: Any, own: Any, *, rate: float, state: Any, batches: list[Batch], jitted: bool) -> Any:
    """What the program gives away, and what it returns for each batch."""

    def step(state: Any, batch: Batch) -> Any:
        loss = jnp.vdot(linear(state["params"], batch.image)[:, 0] - batch.label, batch.mask)
        return {
            "step": state["step"] + 1,
            "params": jax.tree.map(lambda leaf: leaf - rate * loss, state["params"]),
        }, loss

    with jax.disable_jit(False):
        program = answer(jax.jit(step) if jitted else step, *jax.eval_shape(lambda: (state, batches[0])))
        if not isinstance(program, jax.stages.Compiled):
            raise Told(_instead(program))
        takes, _ = program.args_info
        if len(takes) != 2:
            raise Told(f"The program takes {len(takes)} argument(s); it should take two, state and batch.")
        if other := trees.differences(_forms(*takes), _forms(state, batches[0])):
            raise Told(
                f"The program was not compiled for the arguments that were described: {other}. "
                "Was it compiled in an earlier call and kept? If not, pass the descriptions to `lower` unchanged."
            )
        donated = [[leaf.donated for leaf in jax.tree.leaves(tree)] for tree in takes]
        first, second = [program(*jax.tree.map(jnp.copy, (state, batch))) for batch in batches]
    given_away = {"the state is donated": all(donated[0]), "the batch is donated": any(donated[1])}
    return {"first batch": first, "second batch": second, **given_away}


def _instead(program: Any) -> str:
    if isinstance(program, jax.stages.Lowered):
        return "The step is lowered but not compiled: one call is missing."
    if isinstance(program, jax.stages.Wrapped):
        return "It returned the jitted function, which is compiled only when it is called. Call its method `lower`, then compile the result."
    return f"It returned {kind(program)} instead of the compiled program, a `jax.stages.Compiled`: jit, lower, compile."


def _forms(state: Any, batch: Any) -> dict[str, str]:
    return trees.forms({"state": state, "batch": batch})


compile_step = Exercise(
    name="compile_step",
    title="A step compiled ahead of time",
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "You need three calls in a row: `jax.jit` the step, trace it for these shapes, compile the result.",
        "`jax.jit(step, donate_argnums=…)` has a method `lower`, which takes the descriptions in place of the arguments.",
        "What `lower` returns has a method `compile`: `jax.jit(step, donate_argnums=…).lower(…).compile()`. The state is argument 0.",
    ),
    crosses="values",
    sizes=(
        {"batch": 3, "height": 1, "width": 2, "classes": 2},
        {"batch": 1, "height": 1, "width": 1, "classes": 1},
        {"batch": 4, "height": 2, "width": 3, "classes": 5},
        {"batch": 2, "height": 1, "width": 3, "classes": 2, "jitted": True, "about": "a step that is jitted already"},
    ),
    draw=draw,
    ask=ask,
)
