"""The check of `train_step` and its hints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_03.shared import key_of
from utils.data import Batch


@exercise(
    stars=3,
    minutes=15,
    points=3,
    seconds=60.0,
    hints=(
        "Unit 02's step, with one line before it: the key of this step. `jax.value_and_grad(loss_fn)` takes the same three "
        "arguments as `loss_fn`, and differentiates by the first.",
        "`step_key = jax.random.fold_in(key, state.step)`, then `jax.value_and_grad(loss_fn)(state.params, step_key, batch)`.",
        "`updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)`, `optax.apply_updates`, and "
        "return `TrainState(state.step + 1, params, opt_state), loss`.",
    ),
)
def train_step(answer: Any, reference: Any) -> None:
    """A training step on a loss that draws random numbers."""
    optimizer = optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1, momentum=0.9))
    key = key_of(7)
    images = jnp.asarray(np.random.default_rng(3).normal(size=(4, 2, 2, 1)), jnp.float32)
    batch = Batch(images, jnp.array([2, 0, 1, 0], jnp.int32), jnp.array([True, True, True, False]))
    state = _later_state(reference, optimizer, batch, key, "state")

    def mine(state: Any, batch: Batch, key: Any) -> Any:
        return answer(state, batch, key, _loss, optimizer)

    def right(state: Any, batch: Batch, key: Any) -> Any:
        return reference(state, batch, key, _loss, optimizer)

    if not _sees_weights(answer, reference, batch, key):
        probes.fail(
            "`optimizer.update` does not see the weights, which weight decay needs: "
            "`optimizer.update(gradients, state.opt_state, state.params)`."
        )
    probes.same_shapes(mine, right, state, batch, key)
    got, want = probes.call(mine, state, batch, key), known("want", lambda: right(state, batch, key))
    if not probes.agrees(got, want, 1e-4, 1e-5):
        _keys_are_right(answer, state, batch, key, optimizer)
        _explain(got, want, state, batch, key)
    probes.pure(mine, state, batch, key)
    probes.jits(mine, state, batch, key)


def _loss(params: Any, key: Any, batch: Batch) -> Any:
    """A small model with dropout on the pixels."""
    pixels = batch.image.reshape((len(batch.image), -1))
    stays = jax.random.bernoulli(key, 0.5, pixels.shape)
    logits = jnp.where(stays, 2 * pixels, 0.0) @ params["w"] + params["b"]
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
    return jnp.mean(losses, where=batch.mask)


def _later_state(reference: Any, optimizer: Any, batch: Batch, key: Any, name: str) -> Any:
    """A state after three steps, so that nothing in it is zero. Its class is the solution's own."""
    params = {
        "w": jnp.asarray(np.random.default_rng(1).normal(size=(4, 3)) / 2, jnp.float32),
        "b": jnp.array([0.3, -0.2, 0.1]),
    }
    state = reference.__globals__["TrainState"](jnp.zeros((), jnp.int32), params, optimizer.init(params))

    def after_three_steps() -> Any:
        after = state
        for _ in range(3):
            after, _ = reference(after, batch, key, _loss, optimizer)
        return after

    return known(name, after_three_steps, like=state)


def _sees_weights(answer: Any, reference: Any, batch: Batch, key: Any) -> bool:
    base = optax.sgd(0.1)
    seen: list[bool] = []

    def update(gradients: Any, opt_state: Any, params: Any = None) -> Any:
        seen.append(params is not None)
        return base.update(gradients, opt_state, params)

    spy = optax.GradientTransformation(base.init, update)
    state = _later_state(reference, base, batch, key, "state without averages")
    jax.eval_shape(lambda s, b, k: answer(s, b, k, _loss, spy), state, batch, key)
    return all(seen)


def _keys_are_right(answer: Any, state: Any, batch: Batch, key: Any, optimizer: Any) -> None:
    """Which keys reach the loss: it is asked for its own key's bits, once with and once without a gradient."""
    seen: list[Any] = []
    wait: Callable[[], None] = jax.effects_barrier

    def spy(params: Any, key: Any, batch: Batch) -> Any:
        jax.debug.callback(lambda bits: seen.append(tuple(bits.tolist())), jax.random.key_data(key), ordered=False)
        return _loss(params, key, batch)

    def keys_of(state: Any, key: Any) -> set[tuple[int, ...]]:
        seen.clear()
        answer(state, batch, key, spy, optimizer)
        wait()
        return set(seen)

    def bits(key: Any) -> tuple[int, ...]:
        return tuple(jax.random.key_data(key).tolist())

    used, later = keys_of(state, key), keys_of(state._replace(step=state.step + 1), key)
    if len(used) > 1:
        probes.fail(
            "The loss and its gradient come from two draws, with two keys: `jax.value_and_grad` gives both from one."
        )
    if used == {bits(key)}:
        probes.fail(
            "Every step uses `key` itself, so it draws the same random numbers again and again, and always drops the same units."
        )
    if used == keys_of(state, jax.random.fold_in(key, 99)):
        probes.fail("The key of the step does not come from `key`: another `key` gives the same draws.")
    if used == later:
        probes.fail(
            "The key is the same in every step: `key` is the run's own and does not change, so `jax.random.split` of it gives "
            "the same halves each time. Fold the step's number into it."
        )
    if used == {bits(jax.random.fold_in(key, state.step + 1))}:
        probes.fail("Into the key is folded the number of the step *after* this one: fold in `state.step`.")
    if used != {bits(jax.random.fold_in(key, state.step))}:
        probes.fail("The key of the step should be `jax.random.fold_in(key, state.step)`; it is another one.")


def _explain(got: Any, want: Any, state: Any, batch: Batch, key: Any) -> None:
    new, loss = want
    downhill = jax.tree.map(lambda b, a: b - a, new.params, state.params)
    probes.close(
        got,
        want,
        mistakes={
            "After the step the weights did not change: `optax.apply_updates` adds the updates to them.": (
                new._replace(params=state.params),
                loss,
            ),
            "The new weights are the updates themselves. They are to be added to the old: `optax.apply_updates`.": (
                new._replace(params=downhill),
                loss,
            ),
            "It climbs: the loss gets larger. optax's updates carry their sign already; add them.": (
                new._replace(params=jax.tree.map(lambda a, d: a - d, state.params, downhill)),
                loss,
            ),
            "It returns the optimiser's old state, so its averages never move. `optimizer.update` gives the new one.": (
                new._replace(opt_state=state.opt_state),
                loss,
            ),
            "Weights and loss are right, but the step is not counted: `state.step + 1`.": (
                new._replace(step=state.step),
                loss,
            ),
            "The loss it returns was computed after the update. `jax.value_and_grad` gives the one before, at no cost.": (
                new,
                _loss(new.params, jax.random.fold_in(key, state.step), batch),
            ),
        },
        because="Compare with the four points above, one after the other.",
        rtol=1e-4,
        atol=1e-5,
    )
