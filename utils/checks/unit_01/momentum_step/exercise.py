"""`momentum_step`: a step in the midst of training, for parameters of several structures."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_01.shared import TREES, parameters, predicted


def draw(rng: Draw, rows: int, inputs: int, params: str) -> dict[str, Any]:
    """Parameters, a velocity that is not zero, and targets so far away that gradients are large."""
    tree = parameters(rng, params, inputs)
    return {
        "params": tree,
        "velocity": rng.like(tree, scale=0.3),
        "x": rng.normal(rows, inputs),
        "y": rng.normal(rows, scale=5),
        "rate": np.float32(rng.uniform(0.02, 0.3)),
        "momentum": np.float32(rng.uniform(0.3, 0.8)),
    }


def ask(answer: Any, own: Any, *, params: Any, velocity: Any, **data: Any) -> Any:
    """What a step returns."""

    def loss(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.mean((predicted(params, x) - y) ** 2)

    for tree in (params, velocity):
        if isinstance(tree, dict):  # JAX sorts the names of what it makes; what a student writes need not be sorted
            for name in sorted(tree, reverse=True):
                tree[name] = tree.pop(name)
    return answer(loss, params, velocity, *data.values())


momentum_step = Exercise(
    name="momentum_step",
    title="A training step for any pytree of parameters",
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "`jax.value_and_grad(loss)(params, x, y)` returns the loss and the gradient, a pytree like `params`.",
        "`jax.tree.map(lambda v, g: …, velocity, gradient)` maps over both trees together and returns the new velocity.",
        "Then `jax.tree.map(jnp.add, params, velocity)` with the *new* velocity gives the new parameters. Return all three as a tuple.",
    ),
    sizes=(
        {"rows": 3, "inputs": 2, "params": TREES[0], "about": "the parameters are a list of two arrays"},
        {"rows": 4, "inputs": 3, "params": TREES[1], "about": "the parameters are a dict with tuples in it"},
        {"rows": 2, "inputs": 1, "params": TREES[3], "about": "the parameters are a dict with NamedTuples in it"},
        {"rows": 1, "inputs": 2, "params": TREES[1], "about": "the parameters are a dict with tuples in it"},
        {"rows": 2, "inputs": 4, "params": TREES[4], "about": "the parameters are a dict of two arrays"},
    ),
    draw=draw,
    ask=ask,
)
