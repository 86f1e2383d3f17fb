"""A guard against NaN and infinity in training: stop, say where it began, and keep the last good weights.

    guard = finite.Guard(state.params)
    for epoch in range(epochs):
        ...                                        # collect the losses of the epoch's steps
        guard.check(step, losses, state.params)    # raises NotFinite; guard.good is the tree that passed last

A check waits for the device, so ask once an epoch, or every hundred steps, with the losses of all steps since.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.base import trees
from utils.base.errors import CourseError


class NotFinite(CourseError):
    """Training has left the finite numbers.

    Attributes:
        step: the first step whose loss is NaN or infinite, else the last one looked at.
        leaf: the name of the first leaf that is not finite, e.g. "Conv_0/kernel"; None where only the loss is not.
    """

    def __init__(self, message: str, step: int, leaf: str | None):
        super().__init__(message)
        self.step, self.leaf = step, leaf


def first(tree: Any) -> str | None:
    """The name of the first leaf that holds NaN or infinity, None where all are finite. Integers and keys are."""
    return next((name for name, leaf in trees.named(tree).items() if not _finite(leaf)), None)


def check(step: int, loss: Any, tree: Any = None) -> None:
    """See that the loss and every leaf of a tree are finite.

    Args:
        step: the number of the last step.
        loss: its loss, or those of the last n steps, [n], of which the first bad one is named; None for none.
        tree: what to look through besides: weights, gradients, a whole state.

    Raises:
        NotFinite: they are not.
    """
    losses = np.ravel(np.asarray(jax.device_get(0.0 if loss is None else loss), np.float64))
    bad = np.flatnonzero(~np.isfinite(losses))
    leaf = first(tree)
    if not len(bad) and leaf is None:
        return
    if len(bad):
        step = step - len(losses) + 1 + int(bad[0])
        what = f"the loss of step {step} is {losses[bad[0]]}"
    else:
        what = f"after step {step} the loss is finite"
    where = f"; the first leaf that is not finite: {leaf}" if leaf else "; all of the tree is finite"
    raise NotFinite(
        f"Training stopped: {what}{where if tree is not None else ''}. "
        "A smaller learning rate, a warm-up or optax.clip_by_global_norm is the usual cure.",
        step,
        leaf,
    )


class Guard:
    """Checks, and keeps a copy of the last tree that passed; donating the tree's memory later does no harm to it.

    Args:
        tree: what is kept at first, as after step 0; NotFinite is raised where it is spoilt already.

    Attributes:
        good: the copy, in NumPy arrays.
        step: the step after which it was taken.
    """

    def __init__(self, tree: Any):
        check(0, None, tree)
        self.good, self.step = _copy(tree), 0

    def check(self, step: int, loss: Any, tree: Any) -> None:
        """As `finite.check`; a tree that passes is kept, one that does not leaves `good` as it was."""
        try:
            check(step, loss, tree)
        except NotFinite as problem:
            message = f"{problem} The weights of step {self.step} are kept (guard.good)."
            raise NotFinite(message, problem.step, problem.leaf) from None
        self.good, self.step = _copy(tree), step


def _finite(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", np.float64)  # a number of Python's has none
    return not jnp.issubdtype(dtype, jnp.inexact) or bool(jnp.isfinite(leaf).all())


def _copy(tree: Any) -> Any:
    """Copies on the host, except of keys."""
    return jax.tree.map(lambda leaf: jnp.copy(leaf) if trees.is_key(leaf) else np.array(leaf), tree)
