"""`accumulated_gradients`: batches that are trees of several forms, cut into one part, some, and as many as examples."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.base import trees
from utils.base.jaxprs import equations
from utils.checks.exercise import Draw, Exercise

LOOP = 6  # parts, for which the program is looked at


def draw(rng: Draw, examples: int, shape: tuple[int, ...], parts: int, form: str) -> dict[str, Any]:
    """Weights as a tree and a batch as a tree."""
    x, label = rng.normal(examples, *shape), rng.integers(0, 4, examples)
    batch = {"pair": (x, label), "tree": {"data": {"x": x}, "label": [label]}, "array": x}[form]
    w, b = rng.normal(x[0].size + (form != "array"), 4, scale=0.5), rng.normal(4)
    params = {"pair": {"w": w, "b": b}, "tree": {"head": {"w": w}, "rest": (b,)}, "array": [w, b]}[form]
    return {"params": params, "batch": batch, "parts": parts}


def ask(answer: Any, own: Any, *, params: Any, batch: Any, parts: int) -> Any:
    """The mean loss, its gradient, what the loss is given at a time, and whether it stands in a loop, once."""
    seen: list[str] = []

    def loss_fn(params: Any, batch: Any) -> jax.Array:
        seen.append(", ".join(f"{name} {form}".strip() for name, form in trees.forms(batch).items()))
        b, w = sorted(jax.tree.leaves(params), key=jnp.ndim)
        x = jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(batch)], axis=1)
        return jnp.mean((jnp.tanh(x @ w) + b) ** 2)

    loss, gradients = answer(loss_fn, params, batch, parts)
    result = {"loss": loss, "gradients": gradients, "the shapes of the parts": dict.fromkeys(seen, 1)}
    if parts != LOOP:
        return result
    seen.clear()
    program = equations(lambda *args: answer(loss_fn, *args, parts), params, batch)
    loops = [equation for equation in program if equation.primitive.name in ("scan", "while")]
    once = len(seen) < parts and all(loop.params.get("unroll", 1) == 1 for loop in loops)
    each = parts, len(batch[0]) // parts  # the first axes of what is kept for every example
    kept = any(getattr(out.aval, "shape", ())[:2] == each for loop in loops for out in loop.outvars)
    found = {"has a loop": bool(loops), "holds the network once": once, "keeps activations": kept}
    return result | {"the program": found}


accumulated_gradients = Exercise(
    name="accumulated_gradients",
    title="The gradient of a batch that does not fit",
    stars=2,
    minutes=12,
    points=3,
    hints=(
        "First split the data: every leaf [B, …] becomes [parts, B / parts, …], with one `reshape` inside `jax.tree.map`. "
        "`lax.scan` then passes one part after the other to its function.",
        "The carry is the sum so far, `(loss, gradients)`. It starts at zero: `jax.tree.map(jnp.zeros_like, params)` for the "
        "gradients. `jax.value_and_grad` returns such a pair, so one `jax.tree.map(jnp.add, total, one)` adds both.",
        "`total, _ = lax.scan(add, nothing, cut)`, where `add(total, part)` returns `(new total, None)`. Divide every leaf by "
        "`parts` at the end.",
    ),
    sizes=(
        {"examples": 4, "shape": (1,), "parts": 2, "form": "pair", "about": "two parts of two examples"},
        {"examples": 6, "shape": (2, 3), "parts": 3, "form": "tree", "about": "a batch and weights that are trees"},
        {"examples": 18, "shape": (1,), "parts": LOOP, "form": "pair", "about": "six parts of three examples"},
        {"examples": 3, "shape": (2, 1), "parts": 1, "form": "tree", "about": "one part, the whole batch"},
        {"examples": 7, "shape": (2,), "parts": 7, "form": "array", "about": "a batch that is an array, seven parts"},
    ),
    draw=draw,
    ask=ask,
)
