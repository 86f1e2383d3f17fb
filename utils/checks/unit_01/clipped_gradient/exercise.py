"""`clipped_gradient`: gradients short and long in one batch, one that is zero, and parameters of several structures."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_01.shared import TREES, does_not_grow, parameters, predicted


def draw(
    rng: Draw,
    examples: int,
    shape: tuple[int, ...],
    params: str,
    bound: float,
    fitted: bool = False,
    tiny: bool = False,
) -> dict[str, Any]:
    """Errors from large to small, so that gradients lie on both sides of the bound; all of them 10⁻⁵ as large if `tiny`."""
    x = rng.normal(examples, *shape)
    tree = parameters(rng, params, int(np.prod(shape)))
    # of the signs by which a single number's gradients add up: near 0, rounding would decide
    signs = np.where(x.reshape(examples, -1).sum(1) < 0, -1, 1)
    errors = signs * rng.uniform(0.5, 2, examples) * np.geomspace(20, 0.01, examples)
    if tiny:
        tree, errors = jax.tree.map(np.zeros_like, tree), 1e-5 * errors  # it predicts 0: small errors are exact
    y = np.asarray(predicted(tree, x.reshape(examples, -1), np) + errors, np.float32)
    if fitted:
        x[0], y[0] = 0, 0
    return {"params": tree, "x": x, "y": y, "bound": bound}


def ask(answer: Any, own: Any, *, params: Any, x: Any, y: Any, bound: float) -> Any:
    """The mean of the clipped gradients."""
    of_one = x.shape[1:]

    def loss(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        if y.ndim or x.shape != of_one:
            raise Told(
                f"`loss` was called with x {list(x.shape)} and y {list(y.shape)}. It takes one example: x[i] and y[i]."
            )
        return 0.5 * (predicted(params, x.reshape(-1)) - y) ** 2

    return answer(loss, params, x, y, bound)


clipped_gradient = Exercise(
    name="clipped_gradient",
    title="The mean of gradients, each example's clipped",
    stars=3,
    minutes=20,
    points=4,
    hints=(
        "Write a function `clipped(x, y)` for one example: compute its gradient and the norm over all leaves together, then scale the "
        "gradient. Then call `jax.vmap(clipped)(x, y)`.",
        "The norm is `jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))`. The factor is the smaller of 1 and bound / norm.",
        "`factor = jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12))`. At the end take the mean over the examples, axis 0, of each leaf.",
    ),
    sizes=(
        {"examples": 5, "shape": (3,), "params": TREES[0], "bound": 1.5, "about": "some gradients are too long"},
        {"examples": 4, "shape": (2,), "params": TREES[1], "bound": 2, "fitted": True, "about": "a gradient of zero"},
        {"examples": 3, "shape": (2, 2), "params": TREES[2], "bound": 1e-2, "about": "`bound` is small"},
        {"examples": 4, "shape": (1,), "params": TREES[3], "bound": 1e6, "about": "`bound` is very large"},
        {"examples": 1, "shape": (2,), "params": TREES[1], "bound": 1, "about": "a single example"},
        {"examples": 8, "shape": (3,), "params": TREES[0], "bound": 1.5, "about": "some gradients are too long"},
        {"examples": 4, "shape": (3,), "params": TREES[1], "bound": 2e-5, "tiny": True, "about": "tiny gradients"},
    ),
    draw=draw,
    ask=ask,
    form=does_not_grow(
        "The program contains a copy of its code for every example: a Python loop is unrolled. `jax.vmap` handles all examples at once.",
        short=0,
        long=5,
    ),
)
