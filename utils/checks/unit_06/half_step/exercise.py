"""`half_step`: what `loss_fn` is given, steps that bfloat16 would lose, and losses whose mean bfloat16 would round.

It is called, not exported: compiled on a CPU, what is written in bfloat16 may well be computed in float32.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.exercise import Draw, Exercise

EXACT, FINE = "exact", 1 + 2.0**-8  # a rate that bfloat16 does not hold


def draw(rng: Draw, batch: int, shape: tuple[int, ...], form: str, rate: float, offset: float) -> dict[str, Any]:
    """Weights near 1, and pictures whose products with these are of about that size, too. EXACT: gradients are odd."""
    w, b = rng.uniform(0.5, 1.5, 2, 2), rng.uniform(0.5, 1.5, 3)
    params = {
        "dict": {"dense": {"kernel": w, "bias": b}},
        "list": [b, (w,)],
        "array": w.ravel(),
        EXACT: np.ones(4, np.float32),
    }
    images = 4 * (65 + 2 * rng.integers(0, 32, batch, *shape)) if form == EXACT else rng.uniform(0.1, 1, batch, *shape)
    return {
        "params": params[form],
        "images": images.astype(np.float32),
        "labels": 256 + rng.flags(batch, (batch + 1) // 2).astype("int32"),  # bfloat16 holds 256, not 257
        "rate": rate,
        "offset": offset,
    }


def ask(answer: Any, own: Any, *, params: Any, images: Any, labels: Any, rate: float, offset: float) -> Any:
    """What it returns, how far the weights moved, and what `loss_fn` was given."""
    given: dict[str, set[str]] = {"weights": set(), "images": set(), "labels": set()}

    def loss_fn(params: Any, images: Any, labels: Any) -> jax.Array:
        for name, tree in (("weights", params), ("images", images), ("labels", labels)):
            given[name] |= {str(leaf.dtype) for leaf in jax.tree.leaves(tree)}
        pixels, weights = images.reshape(len(images), -1), jnp.concatenate([*map(jnp.ravel, jax.tree.leaves(params))])
        pixels = jnp.tile(pixels, -(-len(weights) // pixels.shape[1]))[:, : len(weights)]
        losses = (weights * weights * pixels / (2 * len(weights))).sum(axis=1)
        weighed: jax.Array = losses + 2 * (labels % 2).astype(losses.dtype) + offset
        return weighed

    new, loss = answer(loss_fn, params, images, labels, rate)
    result = {"params": new, "loss": loss}
    given_tree: Any = jax.tree.structure(params)
    if jax.tree.structure(new) == given_tree and hasattr(loss, "dtype"):
        moved = jax.tree.map(lambda new, old: (new.astype(jnp.float32) - old) / rate, new, params)
        result |= {"the step, divided by the rate": moved, "the loss, less its offset": jnp.float32(loss) - offset}
        if rate == FINE:  # the gradient, which bfloat16 holds, is a quarter of the pictures; it does not hold the step
            result["the step, less the gradient"] = params - new - images[0] / 4
    return result | {"loss_fn was given": {name: " and ".join(sorted(dtypes)) for name, dtypes in given.items()}}


half_step = Exercise(
    name="half_step",
    title="Computed in bfloat16, kept in float32",
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "Convert to bfloat16 *inside* the function that you differentiate. Its argument is then the float32 weights, and the gradients "
        "are float32 too.",
        "`jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)` converts a whole tree. `losses.astype(jnp.float32).mean()` takes "
        "the mean in float32.",
        "`loss, gradients = jax.value_and_grad(mean_loss)(params)`, where `mean_loss(params)` converts params and images, calls "
        "`loss_fn` and takes the mean. Then compute `leaf - rate * gradient` for each leaf of params and gradients.",
    ),
    crosses="values",
    sizes=(
        {
            "batch": 3,
            "shape": (2, 3, 1),
            "form": "dict",
            "rate": 2.0**-10,
            "offset": 256.0,
            "about": "a small rate and large losses",
        },
        {"batch": 4, "shape": (1, 2, 2), "form": "list", "rate": 4.0, "offset": 0.0, "about": "a large rate"},
        {"batch": 1, "shape": (4,), "form": "array", "rate": 2.0**-9, "offset": 0.0, "about": "a single example"},
        {"batch": 1, "shape": (4,), "form": EXACT, "rate": FINE, "offset": 0.0, "about": "a rate that bfloat16 rounds"},
    ),
    draw=draw,
    ask=ask,
    limit=0.015,
)
