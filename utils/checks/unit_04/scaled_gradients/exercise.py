"""The check of `scaled_gradients` and its hints."""

from __future__ import annotations

from collections.abc import Callable
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
    scale, period = 2.0**20, 8

    def after(good_steps: int, scale: float = scale) -> Any:
        """The state after so many good steps in a row."""
        return LossScale(jnp.float32(scale), jnp.int32(good_steps))

    def at(fn: Any, loss_fn: Any) -> Any:
        return lambda params, loss_scale: fn(loss_fn, params, loss_scale, period)

    params = {"a": jnp.array([0.3, -0.2, 0.5]), "b": jnp.array([0.1, 0.4], jnp.float16)}
    mine, right = at(answer, _tiny), at(reference, _tiny)
    probes.same_shapes(mine, right, params, after(5))
    got = probes.call(mine, params, after(5))
    want = known("want", lambda: right(params, after(5)))
    _gradients_are_not_gone(got[1])
    mistakes = _mistakes(params, want, scale, after)
    probes.close(got, want, mistakes=mistakes, because="This is a step in which all is finite.", rtol=1e-3, atol=1e-12)
    probes.close(
        probes.call(mine, params, after(7))[3],
        known("doubled", lambda: right(params, after(7))[3]),
        mistakes={
            "The scale grows one step late: this is the `period`-th good step in a row.": after(8),
            "After `period` good steps in a row the scale doubles; here only the count begins anew.": after(0),
            "After doubling, the count of good steps begins at 0 again.": after(8, 2 * scale),
        },
        because="This is the `period`-th good step in a row.",
    )
    _overflow_is_seen(lambda loss_fn: at(answer, loss_fn)(params, after(5)))
    with probes.doing("when a gradient overflows"):
        probes.close(
            at(answer, _steep_last)(params, after(5))[3],
            known("halved", lambda: at(reference, _steep_last)(params, after(5))[3]),
            mistakes={
                "the scale has to be halved.": after(0),
                "the scale is halved, but the count of good steps begins anew: 0.": after(5, scale / 2),
                "a bad step counts as a good one.": after(6, scale / 2),
            },
        )
    with probes.doing("when a gradient is NaN"):
        broken = {**params, "a": params["a"].at[0].set(jnp.nan)}
        probes.expect(
            not bool(mine(broken, after(5))[2]),
            "it says that all is finite, and a gradient holds NaN. `jnp.isfinite` is False for NaN and for infinity.",
        )
    probes.jits(mine, params, after(5))


def _gradients_are_not_gone(gradients: Any) -> None:
    leaves = jax.tree.leaves(gradients)
    hidden = all(bool((jnp.abs(leaf) < 1e-20).all()) for leaf in leaves)
    if hidden and not all(bool((leaf == 0).all()) for leaf in leaves):
        probes.fail(
            "The gradients are multiplied only after they are gone: scale the *loss*, before it is differentiated."
        )


def _mistakes(params: Any, want: Any, scale: float, after: Callable[..., Any]) -> dict[str, Any]:
    """What is told of a wrong result of the sixth good step, with this result."""
    loss, gradients, finite, counted = want
    unscaled = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), jax.grad(_tiny)(params))
    return {
        "The gradients are so small that they became 0 in float16. Multiply the loss by the scale before it is "
        "differentiated.": (loss, unscaled, finite, counted),
        "The gradients are still multiplied by the scale; divide them by it, in float32.": (
            loss,
            jax.tree.map(lambda leaf: leaf * scale, gradients),
            finite,
            counted,
        ),
        "The loss is still multiplied by the scale; divide it too.": (loss * scale, gradients, finite, counted),
        "The scale is doubled after every good step; only after `period` of them.": (
            loss,
            gradients,
            finite,
            after(6, 2 * scale),
        ),
        "A good step is not counted: `good_steps` goes up by one.": (loss, gradients, finite, after(5)),
    }


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
