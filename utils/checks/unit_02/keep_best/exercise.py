"""The check of `keep_best` and its hints."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "Two cases: the old best stays (when is that?), or there is a new one. Ask for `best is None` first.",
        "`jax.tree.map(jnp.copy, params)` copies every leaf of a tree.",
        "`if best is not None and best.loss <= loss: return best`; else a new `Best`.",
    ),
)
def keep_best(answer: Any, reference: Any) -> None:
    """The best weights so far, copied."""
    losses = [0.7, 0.9, 0.4, 0.6, 0.4]
    kept, want, found = None, None, []
    for epoch, loss in enumerate(losses, start=1):
        params = {"layer": {"w": jnp.full((2,), float(epoch))}}
        with probes.doing("with `best=None`, as before the first epoch" if epoch == 1 else f"in epoch {epoch}"):
            kept = probes.call(answer, kept, params, epoch, loss)
        want = known(f"epoch {epoch}", partial(reference, want, params, epoch, loss))
        probes.like(kept, want)
        for leaf in jax.tree.leaves(params):
            leaf.delete()  # as a training step does that was given this memory
        gone = [leaf for leaf in jax.tree.leaves(kept.params) if isinstance(leaf, jax.Array) and leaf.is_deleted()]
        if gone and kept.params is params:
            probes.fail(
                "What it keeps is the weights themselves, and their memory was given away by the next training step. "
                "Keep a copy of every leaf."
            )
        if gone:
            probes.fail(
                "The dictionary is a new one, but in it are still the very arrays that the next training step gives "
                "away. Copy every leaf: `jax.tree.map`."
            )
        found.append(int(kept.epoch))
        if float(kept.params["layer"]["w"][0]) != found[-1]:
            probes.fail(f"It says epoch {found[-1]}, but the weights of another epoch are kept with it.")
        if kept.loss != losses[found[-1] - 1]:
            probes.fail(f"It says epoch {found[-1]}, but the loss of another epoch is kept with it.")
    reasons: dict[tuple[int, ...], str] = {
        (1, 2, 2, 2, 2): "It keeps the weights with the highest loss; lower is better.",
        (1, 2, 3, 4, 5): "It is always the newest that is kept, though an earlier one has a lower loss.",
        (1, 1, 1, 1, 1): "It is always the first that stays, though a later one has a lower loss.",
        (1, 1, 3, 3, 5): "On a tie the earlier one stays; here the later one was taken.",
    }
    right = (1, 1, 3, 3, 3)
    if tuple(found) != right:
        general = f"With losses {losses} it keeps the epochs {found}, one after the other; {list(right)} is wanted."
        probes.fail(reasons.get(tuple(found), general))
