"""The check of `cross_entropy` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "`jax.nn.log_softmax(logits)` gives all log-probabilities, [B, K]. You need one of each row.",
        "`jnp.take_along_axis` picks by index along an axis; the labels must be a column for it: `labels[:, None]`. "
        "(Or multiply by `jax.nn.one_hot(labels, K)` and add up each row.)",
        "The last line is `return -jnp.mean(picked)`, where `picked` is [B, 1].",
    ),
)
def cross_entropy(answer: Any, reference: Any) -> None:
    """Mean cross-entropy of integer labels."""
    logits = 2.0 * jax.random.normal(jax.random.key(0), (6, 5))
    labels = jnp.array([0, 3, 1, 4, 4, 2], jnp.int32)
    probes.same_shapes(answer, reference, logits, labels)
    want = known("want", lambda: reference(logits, labels))
    picked = (jnp.arange(6), labels)
    probes.close(
        probes.call(answer, logits, labels),
        want,
        mistakes={
            "It is the sum over the batch; the mean is wanted.": want * 6,
            "A cross-entropy is positive: the minus sign is missing.": -want,
            "It takes the score itself for a log-probability. Normalise first: `jax.nn.log_softmax`.": -jnp.mean(
                logits[picked]
            ),
            "It averages probabilities: no logarithm was taken.": -jnp.mean(jax.nn.softmax(logits)[picked]),
            "The result is divided by the number of classes too. With one-hot labels add up each row first, then take "
            "the mean over the batch.": want / 5,
            "It is the cost of the most probable class: the labels are not used.": -jnp.mean(
                jax.nn.log_softmax(logits).max(axis=1)
            ),
        },
        because="Try it on two rows that you can work out by hand.",
    )
    far_apart = jnp.array([[1000.0, 0.0, -1000.0], [0.0, 0.0, 1000.0]])
    with probes.doing("with a score of 1000"):
        got = probes.call(answer, far_apart, jnp.array([1, 2], jnp.int32))
        probes.expect(
            bool(jnp.isfinite(got)),
            "the result is infinite. The probability underflows to 0 before its logarithm is taken; "
            "`jax.nn.log_softmax` does both at once, safely.",
        )
        probes.close(got, jnp.float32(500.0))
    probes.jits(answer, logits, labels)
    probes.gradient(answer, logits, labels)
