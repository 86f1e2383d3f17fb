"""`epoch`: orders in which pictures recur, one step and many, and a program that neither grows nor copies the pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise

SHAPE = 2, 3, 1
BATCH, SHORT, LONG = 3, 16, 40  # of the two programs that are compared


def draw(rng: Draw, pictures: int, shape: tuple[int, int, int], steps: int, batch: int) -> dict[str, Any]:
    """Pictures, labels, an order, and a state that also holds what `step` has seen."""
    seen = {"pictures_seen": rng.normal(), "labels_seen": rng.normal()}
    return {
        "state": {"w": rng.normal(math.prod(shape), 2), "count": rng.integers(0, 9)} | seen,
        "images": rng.integers(0, 256, pictures, *shape).astype("uint8"),
        "labels": rng.integers(0, 5, pictures),
        "order": rng.integers(0, pictures, steps, batch),
    }


def step(state: Any, images: jax.Array, labels: jax.Array) -> Any:
    """A step that depends on each example's place in the batch, and remembers pictures and labels each by itself."""
    if images.ndim != 4 or images.dtype != jnp.uint8:
        raise Told(
            f"`step` was called with images of shape {list(images.shape)}, {images.dtype}. Pass it a batch without changes, "
            "[B, H, W, C] uint8; `step` does the rest."
        )
    x = images.reshape(len(images), -1) / 255.0

    place = 1.0 + jnp.arange(len(labels))

    def loss_fn(w: jax.Array) -> jax.Array:
        errors = jnp.tanh(x @ w).sum(axis=1) - labels
        return jnp.average(errors**2, weights=place)

    loss, gradient = jax.value_and_grad(loss_fn)(state["w"])
    return {
        "w": state["w"] - 0.1 * gradient,
        "count": state["count"] + 1,
        "pictures_seen": 0.9 * state["pictures_seen"] + place @ x.mean(axis=1),
        "labels_seen": 0.9 * state["labels_seen"] + place @ labels,
    }, loss


def ask(answer: Any, own: Any, *, state: Any, images: Any, labels: Any, order: Any) -> Any:
    """The last state and the losses."""
    return answer(step, state, images, labels, order)


def form(programs: Sequence[str]) -> str:
    """Whether the program grows with the number of steps, or holds the pictures of all steps at once."""
    short, long = programs[-2:]
    if long.count("\n") - short.count("\n") >= LONG - SHORT:  # a line at least for each further step
        return (
            "The program grows with the number of steps: a Python loop or `unroll=True` writes them out one after the other. "
            "`lax.scan` contains its body only once."
        )
    if "stablehlo.while" not in long:
        return "All steps are computed in parallel (`vmap`), each from the first state. `lax.scan` passes the state from one step to the next."
    shapes = re.findall(r"tensor<((?:\d+x)+)", long)
    if max(math.prod(map(int, shape.split("x")[:-1])) for shape in shapes) >= LONG * BATCH * math.prod(SHAPE):
        return (
            "The program contains an array with the images of all steps: is there an `images[order]` outside the loop? Scan over "
            "`order`, and select each batch inside."
        )
    return ""


epoch = Exercise(
    name="epoch",
    title="An epoch as one program",
    stars=2,
    minutes=15,
    points=3,
    hints=(
        "`lax.scan(one, state, order)` calls `one(state, indices)` for each row of `order` and passes the state on.",
        "`one` returns a pair: the new carry and the output of this step. `step` returns exactly such a pair, state and loss.",
        "Let `one(state, indices)` return `step(state, images[indices], labels[indices])`, and return what `lax.scan` returns.",
    ),
    sizes=(
        {"pictures": 12, "shape": (2, 3, 1), "steps": 4, "batch": 3},
        {"pictures": 5, "shape": (3, 1, 2), "steps": 1, "batch": 1, "about": "a single step with one image"},
        {"pictures": 9, "shape": (1, 1, 1), "steps": 3, "batch": 3, "about": "as many steps as images in a batch"},
        {"pictures": 8, "shape": SHAPE, "steps": SHORT, "batch": BATCH, "about": "16 steps"},
        {"pictures": 8, "shape": SHAPE, "steps": LONG, "batch": BATCH, "about": "40 steps"},
    ),
    draw=draw,
    ask=ask,
    form=form,
)
