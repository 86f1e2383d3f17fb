"""The check of `train_step` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_02.shared import linear, linear_params
from utils.data import Batch


@exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Write the loss as a function of the weights alone, inside `train_step`, where it sees the batch; then "
        "`jax.value_and_grad` of it.",
        "The mean over the real examples: `jnp.mean(losses, where=batch.mask)`. Then "
        "`updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)`.",
        "`optax.apply_updates(state.params, updates)` adds them. Return "
        "`TrainState(state.step + 1, params, opt_state), loss`.",
    ),
)
def train_step(answer: Any, reference: Any) -> None:
    """One step of training as a pure function."""
    optimizer = optax.sgd(0.1, momentum=0.9)  # whose state matters from the second step on
    mask = jnp.array([True, True, True, False])
    images = jax.random.normal(jax.random.key(3), (4, 2, 2, 1)) * mask[:, None, None, None]
    batch = Batch(images, jnp.array([2, 0, 1, 0], jnp.int32), mask)
    state = _later_state(reference, optimizer, batch, "state")

    def mine(state: Any, batch: Batch) -> Any:
        return answer(state, batch, linear, optimizer)

    def right(state: Any, batch: Batch) -> Any:
        return reference(state, batch, linear, optimizer)

    probes.same_shapes(mine, right, state, batch)
    if not _sees_weights(answer, reference, batch):
        probes.fail(
            "`optimizer.update` does not see the weights, which weight decay needs: "
            "`optimizer.update(gradients, state.opt_state, state.params)`."
        )
    got, (new, loss) = probes.call(mine, state, batch), known("want", lambda: right(state, batch))
    later = known("loss after the step", lambda: right(new, batch)[1])
    if probes.agrees(got, (new, loss)):
        probes.pure(mine, state, batch)
        return probes.jits(mine, state, batch)
    mistakes = _mistakes(optimizer, state, batch, (new, loss), later)
    because = "Compare with the three points above, one after the other."
    probes.close(got, (new, loss), mistakes=mistakes, because=because)


def _mistakes(optimizer: Any, state: Any, batch: Batch, right: tuple[Any, Any], later: Any) -> dict[str, Any]:
    """What is told of a wrong step, with what it returns; `later` is the loss after a right one."""
    new, loss = right

    def stepped(losses_to_loss: Any, sign: float = 1.0) -> Any:
        """What the step gives for another loss of the same examples."""

        def loss_fn(params: Any) -> Any:
            logits = linear(params, batch.image)
            return losses_to_loss(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label))

        value, gradients = jax.value_and_grad(loss_fn)(state.params)
        gradients = jax.tree.map(lambda g: sign * g, gradients)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        return type(new)(state.step + 1, optax.apply_updates(state.params, updates), opt_state), value

    downhill = jax.tree.map(lambda b, a: b - a, new.params, state.params)
    uphill = jax.tree.map(lambda a, d: a - d, state.params, downhill)
    climbs = "It climbs: the loss gets larger. optax's updates carry their sign already; add them."
    return {
        "After the step the weights did not change: `optax.apply_updates` adds the updates to them.": (
            new._replace(params=state.params),
            loss,
        ),
        "The new weights are the updates themselves. They are to be added to the old: `optax.apply_updates`.": (
            new._replace(params=downhill),
            loss,
        ),
        "It returns the optimiser's old state, so its averages never move. `optimizer.update` gives the new one.": (
            new._replace(opt_state=state.opt_state),
            loss,
        ),
        climbs: (new._replace(params=uphill), loss),
        "It climbs: the loss gets larger. The gradient has the wrong sign; give it to the optimiser as it is.": stepped(
            lambda losses: jnp.mean(losses, where=batch.mask), sign=-1.0
        ),
        "In the mean the blanks count as examples: use `batch.mask`.": stepped(jnp.mean),
        "The blanks are left out of the sum, but it is divided by the size of the batch. Divide by the number of "
        "real examples.": stepped(lambda losses: jnp.mean(losses * batch.mask)),
        "The loss is the sum of the losses; the mean over the real examples is wanted.": stepped(
            lambda losses: jnp.sum(losses, where=batch.mask)
        ),
        "Weights and loss are right, but the step is not counted: `state.step + 1`.": (
            new._replace(step=state.step),
            loss,
        ),
        "The loss it returns was computed after the update. `jax.value_and_grad` gives the one before, at no cost.": (
            new,
            later,
        ),
    }


def _later_state(reference: Any, optimizer: Any, batch: Batch, name: str) -> Any:
    """A state after one step, so that the optimiser's averages are not zero. Its class is the solution's own."""
    params = linear_params()
    state = reference.__globals__["TrainState"](jnp.zeros((), jnp.int32), params, optimizer.init(params))
    return known(name, lambda: reference(state, batch, linear, optimizer)[0], like=state)


def _sees_weights(answer: Any, reference: Any, batch: Batch) -> bool:
    """Whether the answer passes the weights to `optimizer.update`."""
    base = optax.sgd(0.1)
    seen: list[bool] = []

    def update(gradients: Any, opt_state: Any, params: Any = None) -> Any:
        seen.append(params is not None)
        return base.update(gradients, opt_state, params)

    spy = optax.GradientTransformation(base.init, update)
    state = _later_state(reference, base, batch, "state without averages")
    jax.eval_shape(lambda s, b: answer(s, b, linear, spy), state, batch)
    return all(seen)
