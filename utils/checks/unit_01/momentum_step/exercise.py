"""The check of `momentum_step` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "`jax.value_and_grad(loss)(params, x, y)` gives the loss, then the gradient: a pytree like `params`.",
        "`jax.tree.map(lambda v, g: …, velocity, gradient)` walks both trees together and builds the new velocity.",
        "Then `jax.tree.map(jnp.add, params, velocity)`, with the *new* velocity; and return the three as a tuple.",
    ),
)
def momentum_step(answer: Any, reference: Any) -> None:
    """A training step for any pytree of parameters."""
    x = jnp.array([[1.0, 2.0], [0.5, -1.0], [-1.5, 0.3]])
    y = jnp.array([1.0, -0.5, 2.0])
    rate, momentum = 0.1, 0.8

    def flat_loss(params: Any, x: Any, y: Any) -> Any:
        w, b = params
        return jnp.mean((jnp.tanh(x @ w) + b - y) ** 2)

    def nested_loss(params: Any, x: Any, y: Any) -> Any:
        return flat_loss(params["layer"], x, y) * params["scale"]

    def step_of(loss: Any) -> Any:
        return lambda params, velocity: answer(loss, params, velocity, x, y, rate, momentum)

    params = [jnp.array([0.3, -0.6]), jnp.float32(0.2)]
    velocity = [jnp.array([0.05, 0.04]), jnp.float32(-0.03)]
    want = known("want", lambda: reference(flat_loss, params, velocity, x, y, rate, momentum))
    got = probes.call(step_of(flat_loss), params, velocity)
    probes.expect(
        isinstance(got, tuple) and len(got) == 3,
        "It should return three things in a tuple: the new parameters, the new velocity, and the loss before the step.",
    )
    mistakes = _mistakes(lambda params: flat_loss(params, x, y), params, velocity, rate, momentum, want)
    probes.close(got, want, mistakes=mistakes)
    nested = {"layer": (params[0], params[1]), "scale": jnp.float32(1.5)}
    nested_velocity = {"layer": (velocity[0], velocity[1]), "scale": jnp.float32(0.01)}
    with probes.doing("when `params` is a dict with tuples in it"):
        got = probes.call(step_of(nested_loss), _copy(nested), _copy(nested_velocity))
        want = known("nested", lambda: reference(nested_loss, nested, nested_velocity, x, y, rate, momentum))
        probes.close(got, want)
    probes.pure(step_of(nested_loss), _copy(nested), _copy(nested_velocity))
    probes.jits(step_of(nested_loss), nested, nested_velocity)


def _copy(tree: Any) -> Any:
    """The same arrays in new dicts and tuples."""
    return jax.tree.map(lambda leaf: leaf, tree)


def _mistakes(loss: Any, params: Any, velocity: Any, rate: float, momentum: float, want: Any) -> dict[str, Any]:
    """What is told of a wrong step, with what it returns."""
    gradient = jax.grad(loss)(params)

    def outcome(new_velocity: Any, moved_by: Any = None, value: Any = want[2]) -> Any:
        return jax.tree.map(jnp.add, params, moved_by or new_velocity), new_velocity, value

    def mixed(of_velocity: float, of_gradient: float) -> Any:
        return jax.tree.map(lambda v, g: of_velocity * v + of_gradient * g, velocity, gradient)

    return {
        "It goes uphill: the gradient points to where the loss grows. Subtract it.": outcome(mixed(momentum, rate)),
        "The parameters were moved by the old velocity. Compute the new one first, then add that.": outcome(
            want[1], velocity
        ),
        "It forgets the velocity it had: that is plain gradient descent. momentum · velocity is missing.": outcome(
            mixed(0.0, -rate)
        ),
        "The third result is the loss after the step. `jax.value_and_grad` gives the one before, for nothing.": (
            *want[:2],
            loss(want[0]),
        ),
        "The old velocity is multiplied by the rate, too. Only the gradient is.": outcome(
            mixed(rate * momentum, -rate)
        ),
    }
