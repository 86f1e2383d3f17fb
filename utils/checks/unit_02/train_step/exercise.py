"""`train_step`: one step of gradient descent on a linear model, with an optimiser whose state matters."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import optax

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_02.shared import linear, weights
from utils.data import Batch


class TrainState(NamedTuple):
    """As in the notebook."""

    step: Any
    params: Any
    opt_state: Any


OPTIMIZERS = {
    "sgd": optax.sgd(0.1, momentum=0.9),
    "adamw": optax.adamw(0.03, weight_decay=0.5),  # whose updates depend on the weights themselves
}


def draw(rng: Draw, shape: tuple[int, ...], classes: int, real: int, optimizer: str) -> dict[str, Any]:
    """A state in the midst of training and a batch of which `real` examples are real."""
    params = weights(rng, shape[1] * shape[2], classes)
    mask = rng.flags(shape[0], real)
    image = rng.normal(*shape) * mask[:, None, None, None]
    opt_state = jax.tree.map(abs, rng.like(OPTIMIZERS[optimizer].init(params), scale=0.1))
    return {
        "step": rng.integers(1, 1000),
        "params": params,
        "opt_state": opt_state,
        "image": image,
        "label": rng.integers(0, classes, shape[0]) * mask,
        "mask": mask,
        "optimizer": optimizer,
    }


def ask(answer: Any, own: Any, *, step: Any, params: Any, opt_state: Any, optimizer: str, **batch: Any) -> Any:
    """The new state and the loss."""
    result = answer(own.TrainState(step, params, opt_state), Batch(**batch), linear, OPTIMIZERS[optimizer])
    return {"state": result[0], "loss": result[1]}


train_step = Exercise(
    name="train_step",
    title="One step of training as a pure function",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Inside `train_step`, write the loss as a function of the weights alone; the batch comes from the enclosing "
        "function. Then apply `jax.value_and_grad` to it.",
        "The mean over the real examples is `jnp.mean(losses, where=batch.mask)`. Then call "
        "`updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)`.",
        "`params = optax.apply_updates(state.params, updates)` adds the updates. Return "
        "`TrainState(state.step + 1, params, opt_state), loss`.",
    ),
    classes={"TrainState": TrainState},
    sizes=(
        {"shape": (5, 2, 3, 1), "classes": 4, "real": 3, "optimizer": "sgd", "about": "a batch with two blanks"},
        {"shape": (4, 3, 1, 1), "classes": 2, "real": 4, "optimizer": "adamw"},
        {"shape": (1, 1, 2, 1), "classes": 3, "real": 1, "optimizer": "sgd", "about": "a single example"},
    ),
    draw=draw,
    ask=ask,
)
