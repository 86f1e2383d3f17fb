"""The check of `cross_entropy`, its hints and known wrong answers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import Wrong, exercise


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
    wrong=(
        Wrong(
            "sums instead of averaging",
            says="is the sum over the batch",
            code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return -jnp.sum(jnp.take_along_axis(log_p, labels[:, None], axis=1))
""",
        ),
        Wrong(
            "forgets the minus",
            says="minus sign",
            code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))
""",
        ),
        Wrong(
            "does not normalise",
            says="the score itself",
            code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], axis=1))
""",
        ),
        Wrong(
            "forgets the logarithm",
            says="no logarithm was taken",
            code="""
def cross_entropy(logits, labels):
    p = jax.nn.softmax(logits)
    return -jnp.mean(jnp.take_along_axis(p, labels[:, None], axis=1))
""",
        ),
        Wrong(
            "averages over the classes too",
            says="divided by the number of classes",
            code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.one_hot(labels, logits.shape[1]) * jax.nn.log_softmax(logits))
""",
        ),
        Wrong(
            "one loss for each example",
            says="has shape [6]",
            code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]
""",
        ),
        Wrong(
            "overflows",
            says="overflow in `exp`",
            code="""
def cross_entropy(logits, labels):
    p = jnp.exp(logits) / jnp.exp(logits).sum(axis=1, keepdims=True)
    return -jnp.mean(jnp.log(jnp.take_along_axis(p, labels[:, None], axis=1)))
""",
        ),
        Wrong(
            "logarithm of a probability that underflows",
            says="underflows to 0",
            code="""
def cross_entropy(logits, labels):
    p = jax.nn.softmax(logits)
    return -jnp.mean(jnp.log(jnp.take_along_axis(p, labels[:, None], axis=1)))
""",
        ),
        Wrong(
            "takes the most probable class for the label",
            says="the labels are not used",
            code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.log_softmax(logits).max(axis=1))
""",
        ),
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
