"""`smoothed_loss`: its value and its gradient, for batches with blanks."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise


def draw(
    rng: Draw, batch: int, classes: int, real: int, high: float = 0.0, smoothing: float | None = None
) -> dict[str, Any]:
    """Scores of a batch of which `real` examples are real, and a smoothing, drawn where the size has none.

    high: by how much all classes but one stand higher, in all rows but one that is real; several classes, so that no
    gradient is zero.
    """
    mask = rng.flags(batch, real)
    among = (np.arange(classes) + rng.integers(0, classes, batch, 1)) % classes > 0
    among[mask.argmax()] = False
    return {
        "logits": rng.normal(batch, classes) + np.float32(high) * among,
        "labels": rng.integers(0, classes, batch) * mask,
        "mask": mask,
        "smoothing": rng.uniform(0.2, 0.45) if smoothing is None else smoothing,
    }


def ask(answer: Any, own: Any, *, logits: Any, **others: Any) -> Any:
    """The loss, and its gradient for training."""
    loss = answer(logits, *others.values())
    if getattr(loss, "shape", None) != ():
        raise Told(f"It returned {kind(loss)} instead of one number, the mean over the real examples.")
    return {"loss": loss, "gradient": jax.grad(lambda logits: answer(logits, *others.values()))(logits)}


smoothed_loss = Exercise(
    name="smoothed_loss",
    title="A loss with smoothed labels, over the real examples",
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "First compute the target distribution [B, K]: one-hot rows, then smoothed. optax has a function for the smoothing.",
        "The targets are `optax.smooth_labels(jax.nn.one_hot(labels, K), smoothing)`, and "
        "`optax.softmax_cross_entropy(logits, targets)` returns one loss per example.",
        "`jnp.mean(losses, where=mask)` is the mean over those where the mask is true. K is `logits.shape[-1]`.",
    ),
    sizes=(
        {"batch": 4, "classes": 3, "real": 2, "about": "a batch with two blanks"},
        {"batch": 6, "classes": 4, "real": 6, "smoothing": 0.0, "about": "smoothing 0, a Python number"},
        {"batch": 1, "classes": 10, "real": 1, "about": "a single example of ten classes"},
        {"batch": 5, "classes": 3, "real": 3, "high": 120.0, "about": "scores above 100"},
    ),
    draw=draw,
    ask=ask,
)
