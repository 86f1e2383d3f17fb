"""The check of `clipped_gradient` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_01.shared import equations


@exercise(
    stars=3,
    minutes=20,
    points=4,
    hints=(
        "Write `clipped(x, y)` for one example: its gradient, the norm over all leaves together, the gradient scaled. "
        "Then `jax.vmap(clipped)(x, y)`.",
        "The norm: `jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))`. The factor is the smaller of 1 and bound / norm.",
        "`factor = jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12))`; and at the end the mean over the examples, axis 0, of each leaf.",
    ),
)
def clipped_gradient(answer: Any, reference: Any) -> None:
    """Per-example gradients, each clipped, then averaged."""
    params = {"w": jnp.array([[0.5, -0.2], [0.1, 0.4], [-0.3, 0.2]]), "b": jnp.float32(0.1)}
    x = jnp.array([[1.0, 2.0, -1.0], [0.5, -1.0, 2.0], [3.0, 1.0, 1.0], [-1.0, 0.2, 0.4], [0.3, 0.1, -0.2]])
    y = jnp.array([1.0, -4.0, 6.0, -0.3, 0.1])
    bound = 1.5
    got = probes.call(answer, _loss, params, x, y, bound)
    want = known("want", lambda: reference(_loss, params, x, y, bound))
    grads = jax.vmap(jax.grad(_loss), in_axes=(None, 0, 0))(params, x, y)
    if isinstance(got, dict) and getattr(got.get("w"), "shape", None) == grads["w"].shape:
        probes.fail(
            "There is still one gradient for each example. Take the mean over the examples, axis 0, of each leaf."
        )
    probes.like(got, want)
    mistakes = _mistakes(grads, len(x), bound, want)
    probes.close(got, want, mistakes=mistakes, because="Compare with the loop above the cell.")

    fitted = y.at[0].set(_predicted(params, x[0]))
    want = known("with a gradient of zero", lambda: reference(_loss, params, x, fitted, bound))
    got = answer(_loss, params, x, fitted, bound)
    if any(bool(jnp.isnan(leaf).any()) for leaf in jax.tree.leaves(got)):
        probes.fail(
            "An example whose gradient is zero gives NaN: 0 / 0. Keep the divisor above zero: `jnp.maximum(norm, 1e-12)`."
        )
    probes.close(got, want, because="That was with an example whose gradient is zero.")

    def at(x: Any, y: Any) -> Any:
        return answer(_loss, params, x, y, bound)

    short, long = (len(list(equations(at, jnp.ones((n, 3)), jnp.ones(n)))) for n in (4, 12))
    probes.expect(
        long < short + 24,
        "The program is written out once for every example: a Python loop is unrolled. `jax.vmap` does all at once.",
    )
    probes.jits(at, x, y)


def _predicted(params: Any, x: Any) -> Any:
    return x @ params["w"] @ jnp.array([1.0, 0.5]) + params["b"]


def _loss(params: Any, x: Any, y: Any) -> Any:
    return 0.5 * (_predicted(params, x) - y) ** 2


def _mistakes(grads: Any, examples: int, bound: float, want: Any) -> dict[str, Any]:
    """What is told of a wrong result, with that result; `grads` has a gradient for each example."""
    squares = jnp.sum(grads["w"] ** 2, axis=(1, 2)) + grads["b"] ** 2
    norms = jnp.sqrt(squares)

    def mean(factors: Any) -> Any:
        return jax.tree.map(lambda g: jnp.tensordot(factors, g, axes=1) / examples, grads)

    def per_leaf(g: Any) -> Any:
        sizes = jnp.sqrt(jnp.sum(g.reshape(examples, -1) ** 2, axis=1))
        return jnp.tensordot(jnp.minimum(1.0, bound / sizes), g, axes=1) / examples

    plain = mean(jnp.ones(examples))
    length = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(plain)))
    return {
        "It clips only after the mean has been taken: a wild example has already pulled it away. Clip each, then take the mean.": (
            jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / length), plain)
        ),
        "Nothing was clipped: this is the plain mean gradient.": plain,
        "It is the sum over the examples; the mean is wanted.": jax.tree.map(lambda g: g * examples, want),
        "There is a norm of its own for each leaf. An example has one norm, over all its leaves together.": (
            jax.tree.map(per_leaf, grads)
        ),
        "Each number was clipped (`jnp.clip`), which turns the gradient. Scale it as a whole.": (
            jax.tree.map(lambda g: jnp.mean(jnp.clip(g, -bound, bound), axis=0), grads)
        ),
        "Short gradients were made longer: all now have norm `bound`. The factor is at most 1.": mean(bound / norms),
        "The factor is the other way round: long gradients stay, short ones grow. `jnp.minimum`, not `jnp.maximum`.": (
            mean(jnp.maximum(1.0, bound / norms))
        ),
        "The square root is missing: that is the norm squared.": mean(jnp.minimum(1.0, bound / squares)),
    }
