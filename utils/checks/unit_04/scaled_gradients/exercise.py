"""The check of `scaled_gradients` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Differentiate `loss_fn(params) * loss_scale.scale` instead of the loss; then take the factor back from the loss and from every "
        "gradient. float32 first, then divide.",
        "All finite: `jnp.isfinite(leaf).all()` for each leaf, and the conjunction of these: `jnp.stack([…]).all()`.",
        "Write the `if`s with `jnp.where`: `good_steps = jnp.where(finite, loss_scale.good_steps + 1, 0)`, `grow = good_steps == period`, "
        "and the scale is multiplied by 2, 1 or 0.5.",
    ),
)
def scaled_gradients(answer: Any, reference: Any) -> None:
    """Dynamic loss scaling by hand."""
    LossScale = reference.__globals__["LossScale"]

    def state(good_steps: int, scale: float = 2.0**20) -> Any:
        return LossScale(jnp.float32(scale), jnp.int32(good_steps))

    def at(fn: Any, loss_fn: Any) -> Any:
        return lambda params, loss_scale: fn(loss_fn, params, loss_scale, 8)

    params = {"a": jnp.array([0.3, -0.2, 0.5]), "b": jnp.array([0.1, 0.4], jnp.float16)}
    scale = 2.0**20
    mine, right = at(answer, _tiny), at(reference, _tiny)
    probes.same_shapes(mine, right, params, state(5))

    got = probes.call(mine, params, state(5))
    loss, gradients, finite, after = known("want", lambda: right(params, state(5)))
    unscaled = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), jax.grad(_tiny)(params))
    hidden = all(bool((jnp.abs(leaf) < 1e-20).all()) for leaf in jax.tree.leaves(got[1]))
    if hidden and not all(bool((leaf == 0).all()) for leaf in jax.tree.leaves(got[1])):
        probes.fail(
            "The gradients are multiplied only after they are gone: scale the *loss*, before it is differentiated."
        )

    def grown(scale: Any, good_steps: int) -> Any:
        return LossScale(jnp.float32(scale), jnp.int32(good_steps))

    probes.close(
        got,
        (loss, gradients, finite, after),
        mistakes={
            "The gradients are so small that they became 0 in float16. Multiply the loss by the scale before it is "
            "differentiated.": (loss, unscaled, finite, after),
            "The gradients are still multiplied by the scale; divide them by it, in float32.": (
                loss,
                jax.tree.map(lambda leaf: leaf * scale, gradients),
                finite,
                after,
            ),
            "The loss is still multiplied by the scale; divide it too.": (loss * scale, gradients, finite, after),
            "The scale is doubled after every good step; only after `period` of them.": (
                loss,
                gradients,
                finite,
                grown(2 * scale, 6),
            ),
            "A good step is not counted: `good_steps` goes up by one.": (loss, gradients, finite, grown(scale, 5)),
        },
        because="This is a step in which all is finite.",
        rtol=1e-3,
        atol=1e-12,
    )
    probes.close(
        probes.call(mine, params, state(7))[3],
        known("doubled", lambda: right(params, state(7))[3]),
        mistakes={
            "The scale grows one step late: this is the `period`-th good step in a row.": grown(scale, 8),
            "After `period` good steps in a row the scale doubles; here only the count begins anew.": grown(scale, 0),
            "After doubling, the count of good steps begins at 0 again.": grown(2 * scale, 8),
        },
        because="This is the `period`-th good step in a row.",
    )
    _overflow_is_seen(lambda loss_fn: at(answer, loss_fn)(params, state(5)))
    with probes.doing("when a gradient overflows"):
        probes.close(
            at(answer, _steep_last)(params, state(5))[3],
            known("halved", lambda: at(reference, _steep_last)(params, state(5))[3]),
            mistakes={
                "the scale has to be halved.": grown(scale, 0),
                "the scale is halved, but the count of good steps begins anew: 0.": grown(scale / 2, 5),
                "a bad step counts as a good one.": grown(scale / 2, 6),
            },
        )
    with probes.doing("when a gradient is NaN"):
        broken = {**params, "a": params["a"].at[0].set(jnp.nan)}
        probes.expect(
            not bool(mine(broken, state(5))[2]),
            "it says that all is finite, and a gradient holds NaN. `jnp.isfinite` is False for NaN and for infinity.",
        )
    probes.jits(mine, params, state(5))


def _halves(params: Any) -> tuple[jax.Array, jax.Array]:
    return params["a"].astype(jnp.float16), params["b"].astype(jnp.float16)


def _tiny(params: Any) -> jax.Array:
    """A loss whose gradients are too small for float16."""
    a, b = _halves(params)
    return ((a * a).astype(jnp.float32).sum() + (b * b).astype(jnp.float32).sum()) * 1e-9


def _steep_first(params: Any) -> jax.Array:
    """A finite loss; scaled, the gradient of the first leaf is too large for float16."""
    a, b = _halves(params)
    return (a * a).astype(jnp.float32).sum() + (b * b).astype(jnp.float32).sum() * 1e-6


def _steep_last(params: Any) -> jax.Array:
    """A finite loss; scaled, the gradient of the last leaf is too large for float16."""
    a, b = _halves(params)
    return (a * a).astype(jnp.float32).sum() * 1e-6 + (b * b).astype(jnp.float32).sum()


def _endless(params: Any) -> jax.Array:
    """An infinite loss with finite gradients, which tells who looks at the loss."""
    return _tiny(params) + jnp.inf


def _overflow_is_seen(run: Any) -> None:
    """Infinity in any leaf is seen; where it is not, say what was looked at instead."""
    (_, first, sees_first, _), (_, last, sees_last, _) = run(_steep_first), run(_steep_last)
    if not (sees_first or sees_last):
        return
    if all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves((first, last))):
        probes.fail(
            "When a gradient overflows it comes back as an ordinary number, which hides the overflow. Look before anything is replaced."
        )
    if not (sees_first and sees_last):
        which = "last" if sees_last else "first"
        probes.fail(
            f"It says that all is finite when only the {which} leaf of the gradients is not. Every leaf counts."
        )
    if not run(_endless)[2]:
        probes.fail(
            "It looks at the loss, which can be finite when a gradient is not: here a gradient overflows on the way back. Look at the "
            "gradients."
        )
    probes.fail("A gradient is infinite, and it says that all is finite. Ask `jnp.isfinite`, of all leaves.")
