"""`train_step`: one step of a network with BatchNorm, from the midst of a training."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from flax.training import train_state

from utils.checks.exercise import Draw, Exercise
from utils.data import Batch


class TrainState(train_state.TrainState):  # type: ignore[no-untyped-call, unused-ignore]
    """As in the notebook."""

    batch_stats: Any


class Net(nn.Module):
    """A dense layer at each pixel, BatchNorm, and a dense layer of their mean."""

    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Logits of images."""
        x = nn.BatchNorm(use_running_average=not train, momentum=0.7)(nn.Dense(2, use_bias=False)(x))
        return nn.Dense(self.classes)(nn.tanh(x).mean(axis=(1, 2)))


OPTIMIZERS = {
    "sgd": optax.sgd(0.3, momentum=0.9),
    "adamw": optax.adamw(0.03, weight_decay=0.5),  # whose updates depend on the weights themselves
}


def draw(rng: Draw, shape: tuple[int, ...], classes: int, optimizer: str) -> dict[str, Any]:
    """A state in the midst of training and a batch."""
    shapes = jax.eval_shape(lambda: Net(classes).init(jax.random.key(0), jnp.zeros(shape), False))
    variables = rng.like(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes))
    opt_state = jax.tree.map(abs, rng.like(OPTIMIZERS[optimizer].init(variables["params"]), scale=0.1))
    return {
        "step": rng.integers(1, 1000),
        "params": variables["params"],
        "batch_stats": jax.tree.map(abs, variables["batch_stats"]),
        "opt_state": opt_state,
        "image": rng.normal(*shape, scale=2, around=1),
        "label": rng.integers(0, classes, shape[0]),
        "mask": rng.flags(shape[0], shape[0] // 2),
        "classes": classes,
        "optimizer": optimizer,
    }


def ask(answer: Any, own: Any, *, image: Any, label: Any, mask: Any, classes: int, optimizer: str, **state: Any) -> Any:
    """The new state and the loss."""
    batch = Batch(image, label, mask)
    state = own.TrainState(apply_fn=Net(classes).apply, tx=OPTIMIZERS[optimizer], **state)
    new, loss = answer(state, batch)
    return {"state": new, "loss": loss}


train_step = Exercise(
    name="train_step",
    title="One step that carries running statistics",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Write `loss_fn(params)` inside the step, where it can use `state` and `batch`. It returns two things: the loss, which is "
        "differentiated, and the new statistics, as auxiliary output.",
        "`(loss, batch_stats), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)`. `apply_fn` returns "
        '`{"batch_stats": …}`; `loss_fn` should return the entry, not the dictionary.',
        "`state.apply_gradients(grads=gradients, batch_stats=batch_stats)` replaces the weights, the optimiser state, the step and "
        "the statistics.",
    ),
    classes={"TrainState": TrainState},
    sizes=(
        {"shape": (2, 1, 2, 2), "classes": 3, "optimizer": "sgd"},
        {"shape": (5, 2, 3, 3), "classes": 4, "optimizer": "adamw"},
        {"shape": (1, 3, 1, 2), "classes": 2, "optimizer": "sgd"},
    ),
    draw=draw,
    ask=ask,
)
