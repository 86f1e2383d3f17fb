"""The check of `smoothed_loss` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "Make the wanted distribution [B, K] first: one-hot rows, then smoothed. optax has a function for that.",
        "`optax.smooth_labels(jax.nn.one_hot(labels, K), smoothing)`, and `optax.softmax_cross_entropy(logits, wanted)` gives "
        "one loss for each example.",
        "`jnp.mean(losses, where=mask)` is the mean over those where the mask is true. K is `logits.shape[-1]`.",
    ),
)
def smoothed_loss(answer: Any, reference: Any) -> None:
    """A loss with smoothed labels, over the real examples."""
    logits = 2.0 * jax.random.normal(jax.random.key(0), (6, 4))
    labels = jnp.array([1, 3, 0, 2, 0, 0], jnp.int32)
    mask = jnp.array([True, True, True, True, False, False])
    smoothing = 0.2
    arguments = (logits, labels, mask, smoothing)
    probes.same_shapes(answer, reference, *arguments)
    got, want = probes.call(answer, *arguments), known("want", lambda: reference(*arguments))
    if not probes.agrees(got, want):
        _explain(got, want, *arguments)
    probes.close(
        probes.call(answer, logits, labels, mask, 0.0),
        known("not smoothed", lambda: reference(logits, labels, mask, 0.0)),
        because="With smoothing 0 it should be the plain cross-entropy.",
    )
    large = 1000.0 * logits
    probes.close(
        probes.call(answer, large, labels, mask, smoothing),
        known("large scores", lambda: reference(large, labels, mask, smoothing)),
        because="With scores of ±1000. `log(softmax(…))` overflows; `jax.nn.log_softmax` and optax's losses do not.",
    )
    probes.jits(answer, *arguments)
    probes.gradient(lambda logits: answer(logits, labels, mask, smoothing), logits)


def _explain(got: Any, want: Any, logits: Any, labels: Any, mask: Any, smoothing: float) -> None:
    one_hot = jax.nn.one_hot(labels, logits.shape[-1])
    classes = logits.shape[-1]

    def cost(wanted: Any) -> Any:
        return jnp.mean(optax.softmax_cross_entropy(logits, wanted), where=mask)

    right = (1 - smoothing) * one_hot + smoothing / classes
    losses = optax.softmax_cross_entropy(logits, right)
    probes.close(
        got,
        want,
        mistakes={
            "The labels are not smoothed at all: it is the plain cross-entropy.": cost(one_hot),
            "The share is spread over the *other* classes; here it goes to all K, the right one included.": cost(
                (1 - smoothing) * one_hot + smoothing / (classes - 1) * (1 - one_hot)
            ),
            "A row of wanted probabilities adds up to more than 1: what is spread must be taken from the right class.": cost(
                one_hot + smoothing / classes
            ),
            "A row of wanted probabilities adds up to less than 1: what is taken from the right class goes to all.": cost(
                (1 - smoothing) * one_hot
            ),
            "It gives the whole share to each class; each gets `smoothing / K`.": cost(
                (1 - smoothing) * one_hot + smoothing
            ),
            "The shares are the wrong way round: the right class *keeps* 1 - smoothing.": cost(
                smoothing * one_hot + (1 - smoothing) / classes
            ),
            "In the mean the blanks count as examples: use the mask.": jnp.mean(losses),
            "The blanks are left out of the sum, but it is divided by the size of the batch. Divide by the number of "
            "real examples.": jnp.mean(losses * mask),
            "It is the sum of the losses; the mean over the real examples is wanted.": jnp.sum(losses, where=mask),
        },
        because="Compare with the plain Python above, for one example.",
    )
