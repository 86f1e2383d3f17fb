"""`cross_entropy`: of scores [B, K], near to each other and far apart, with its gradient."""

from __future__ import annotations

from typing import Any

import jax

from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, batch: int, classes: int, spread: float = 1.0) -> dict[str, Any]:
    """Scores and labels."""
    return {"logits": rng.normal(batch, classes, scale=spread), "labels": rng.integers(0, classes, batch)}


def ask(answer: Any, own: Any, *, logits: Any, labels: Any) -> Any:
    """The loss and, of any number that it returns, the gradient."""
    loss = answer(logits, labels)
    gradient = jax.grad(lambda logits: answer(logits, labels).sum())(logits)
    return {"loss": loss, "the gradient": gradient}


cross_entropy = Exercise(
    name="cross_entropy",
    title="Mean cross-entropy of integer labels",
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "`jax.nn.log_softmax(logits)` returns all log-probabilities, [B, K]. You need one from each row.",
        "`jnp.take_along_axis` selects by index along an axis. It needs the labels as a column, `labels[:, None]`. "
        "(Or multiply by `jax.nn.one_hot(labels, K)` and sum each row.)",
        "`picked = jnp.take_along_axis(log_probabilities, labels[:, None], axis=1)` has shape [B, 1]. "
        "The last line is `return -jnp.mean(picked)`.",
    ),
    sizes=(
        {"batch": 2, "classes": 3, "about": "two examples"},
        {"batch": 1, "classes": 2, "about": "a single example"},
        {"batch": 7, "classes": 5, "about": "seven examples"},
        {"batch": 5, "classes": 12, "spread": 1000.0, "about": "scores of about 1000"},
    ),
    draw=draw,
    ask=ask,
)
