"""`keep_best`: called epoch after epoch, with weights whose memory the next step takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.answers import CHANGED, Told
from utils.checks.exercise import Draw, Exercise


class Best(NamedTuple):
    """As in the notebook."""

    loss: Any
    epoch: Any
    params: Any


def draw(
    rng: Draw, epochs: int, tie: bool = False, near: bool = False, nan: int | None = None, far: bool = False
) -> dict[str, Any]:
    """The losses of some epochs, and how many layers the weights have."""
    losses = [round(float(loss), 2) for loss in rng.uniform(0.2, 2.0, epochs)]
    if near:
        losses = [loss / 10_000 for loss in losses]
        losses[-2] = 0.0
    if tie:
        losses[2], losses[4] = min(losses) / 2, min(losses) / 2
    if nan is not None:
        losses[nan] = float("nan")
    if far:
        losses[0] = float("inf")
    return {"losses": losses, "layers": rng.turn + 1}


def ask(answer: Any, own: Any, *, losses: list[float], layers: int) -> Any:
    """What is kept after each epoch."""
    best: Any = None
    kept = {}
    for epoch, loss in enumerate(losses, start=1):
        dense = {f"Dense_{i}": {"kernel": jnp.arange(2.0 + i) + 10 * epoch} for i in range(layers)}
        params = {"params": dense, "count": jnp.full(3, epoch)}
        old, before = best, [id(leaf) for leaf in jax.tree.leaves(best)]
        best = answer(old, params, epoch, loss)
        if before != [id(leaf) for leaf in jax.tree.leaves(old)]:
            raise Told(CHANGED)
        views = list(map(np.asarray, jax.tree.leaves(params)))
        for leaf in jax.tree.leaves(params):
            leaf.delete()  # as a training step does that was given this memory
        try:
            weights = jax.tree.map(np.asarray, best.params)
            if any(np.shares_memory(view, leaf) for view in views for leaf in jax.tree.leaves(weights)):
                raise RuntimeError
        except RuntimeError:
            raise Told(
                "It keeps the original arrays, whose memory the next training step reuses. Copy every leaf with `jax.tree.map`."
            ) from None
        kept[f"after epoch {epoch}"] = {"loss": float(best.loss), "epoch": int(best.epoch), "params": weights}
    return kept


keep_best = Exercise(
    name="keep_best",
    title="The best weights so far, copied",
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "There are two cases: the old best stays, or there is a new one. Test for `best is None` first.",
        "`jax.tree.map(jnp.copy, params)` copies every leaf of a tree.",
        "`if best is not None and (best.loss <= loss or np.isnan(loss)): return best`; otherwise return a new `Best`.",
    ),
    crosses="values",
    classes={"Best": Best},
    sizes=(
        {"epochs": 6},
        {"epochs": 5, "tie": True, "about": "two epochs with the same loss"},
        {"epochs": 4, "near": True, "about": "losses that are very small and close together, one of them 0.0"},
        {"epochs": 4, "nan": 1, "about": "a loss that is NaN"},
        {"epochs": 1, "nan": 0, "about": "a single loss, which is NaN"},
        {"epochs": 3, "far": True, "about": "a first loss that is infinite"},
    ),
    draw=draw,
    ask=ask,
)
