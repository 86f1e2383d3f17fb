"""`train_step`: one step on a loss with dropout, with optimisers whose state and decay matter, and a step after it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise
from utils.data import Batch


class TrainState(NamedTuple):
    """As in the notebook."""

    step: Any
    params: Any
    opt_state: Any


OPTIMIZERS = {
    "sgd": optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1, momentum=0.9)),
    "adamw": optax.adamw(0.03, weight_decay=0.5),
}


def loss_fn(params: Any, key: jax.Array, batch: Batch) -> jax.Array:
    """Of linear layers with a tanh between them, and dropout on the pixels; mean over the real examples."""
    pixels = batch.image.reshape((len(batch.image), -1))
    x = jnp.where(jax.random.bernoulli(key, 0.5, pixels.shape), 2 * pixels, 0.0)
    for name in sorted(params):
        x = jnp.tanh(x) @ params[name]["w"] + params[name]["b"]
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(x, batch.label), where=batch.mask)


def draw(rng: Draw, shape: tuple[int, ...], classes: int, optimizer: str, blanks: int = 0, **state: bool) -> Any:
    """The state of a run at its beginning or in its midst, a batch, and the run's key."""
    first, deep = state.get("first", False), state.get("deep", False)
    pixels = shape[1] * shape[2]
    sides = {"linear": (pixels, classes)} | ({"linear_1": (classes, classes)} if deep else {})
    params = {name: {"w": rng.normal(*side), "b": rng.normal(classes)} for name, side in sides.items()}
    opt_state = jax.tree.map(abs, rng.like(OPTIMIZERS[optimizer].init(params), scale=0.1))
    mask = rng.flags(shape[0], shape[0] - blanks)
    return {
        "step": rng.integers(0, 1) if first else rng.integers(2, 1000),
        "params": params,
        "opt_state": opt_state,
        "image": rng.normal(*shape) * mask[:, None, None, None],
        "label": rng.integers(0, classes, shape[0]) * mask,
        "mask": mask,
        "key": rng.key(),
        "optimizer": optimizer,
    }


def ask(
    answer: Any, own: Any, *, step: Any, params: Any, opt_state: Any, key: Any, optimizer: str, **batch: Any
) -> Any:
    """The new state and the loss, and the loss of the step after it, with the same key."""
    result = answer(own.TrainState(step, params, opt_state), Batch(**batch), key, loss_fn, OPTIMIZERS[optimizer])
    if not isinstance(result, tuple) or len(result) != 2 or not hasattr(result[0], "step"):
        whole = f"({', '.join(map(kind, result))})" if type(result) is tuple else kind(result)
        raise Told(f"It returned {whole} instead of two things: the new `TrainState` and the loss, in this order.")
    second = answer(result[0], Batch(**batch), key, loss_fn, OPTIMIZERS[optimizer])
    return {"state": result[0], "loss": result[1], "loss of a second step": second[1]}


train_step = Exercise(
    name="train_step",
    title="A training step on a loss that draws random numbers",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "It is the step of unit 02 with one line before it, the key of this step. `jax.value_and_grad(loss_fn)` takes the same "
        "three arguments as `loss_fn`, and differentiates with respect to the first.",
        "`step_key = jax.random.fold_in(key, state.step)`, then `jax.value_and_grad(loss_fn)(state.params, step_key, batch)`.",
        "`updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)`, then `optax.apply_updates`. "
        "Return `TrainState(state.step + 1, params, opt_state), loss`.",
    ),
    classes={"TrainState": TrainState},
    sizes=(
        {"shape": (5, 3, 4, 1), "classes": 3, "optimizer": "adamw", "blanks": 2, "about": "a batch with two blanks"},
        {"shape": (6, 2, 5, 1), "classes": 4, "optimizer": "sgd", "deep": True},
        {
            "shape": (1, 2, 4, 1),
            "classes": 2,
            "optimizer": "sgd",
            "first": True,
            "about": "the first step, one example",
        },
    ),
    draw=draw,
    ask=ask,
)
