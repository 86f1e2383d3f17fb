"""The check of `drop` and its hints."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.registry import exercise
from utils.checks.unit_03.shared import key_of


@exercise(
    stars=2,
    minutes=10,
    points=2,
    seconds=60.0,
    hints=(
        "First decide for every place whether it stays: an array of booleans with the shape of `x`, one draw for each. Then "
        "choose by it.",
        "`jax.random.bernoulli(key, p, shape)` is true with probability `p`, so `p` is the probability to *stay*.",
        "`jnp.where(stays, x / (1.0 - rate), 0.0)`.",
    ),
)
def drop(answer: Any, reference: Any) -> None:
    """Dropout by hand."""
    key, rate = key_of(5), 0.2
    ones = jnp.ones((8, 12, 12, 4))
    probes.same_shapes(lambda key, x: answer(key, rate, x), lambda key, x: reference(key, rate, x), key, ones)
    got = np.asarray(probes.call(answer, key, rate, ones))
    _values_are_right(got, rate)
    _share_is_right(float(np.mean(got == 0)), rate)
    dropped = got == 0
    if (dropped == dropped[:1]).all():
        probes.fail("The same places are dropped in every example of the batch: draw with the whole shape of `x`.")
    if (dropped == dropped[:, :1, :1, :1]).all():
        probes.fail("It drops whole examples or none of it: draw with the whole shape of `x`, each number for itself.")
    if (dropped == dropped[:, :, :1]).all() or (dropped == dropped[..., :1]).all():
        probes.fail("It drops whole rows or maps at once: draw with the whole shape of `x`, each number for itself.")
    probes.keys(lambda key, x: answer(key, rate, x), key, ones)

    varied = jnp.asarray(3.0 * np.random.default_rng(0).normal(size=ones.shape), jnp.float32)
    other = np.asarray(probes.call(answer, key, rate, varied))
    if not ((other == 0) == dropped).all():
        probes.fail("Which places are dropped depends on the values of `x`; only the key may decide.")
    probes.close(other, np.where(dropped, 0.0, varied / (1 - rate)), because="Those that stay are x / (1 - rate).")
    probes.close(
        probes.call(answer, key, 0.0, varied), varied, because="At rate 0 nothing is dropped, and nothing enlarged."
    )
    probes.jits(answer, key, rate, varied)


def _values_are_right(got: np.ndarray, rate: float) -> None:
    """What ones have become, where they stayed."""
    left = got[got != 0]
    if not left.size:
        probes.fail("It drops everything, at rate 0.2.")
    for value, message in (
        (
            1.0,
            "The numbers that stay are left as they were: divide them by 1 - rate, so that the sum is right on average.",
        ),
        (1 - rate, "The numbers that stay are multiplied by 1 - rate, so the sum gets smaller still: divide by it."),
        (1 / rate, "The numbers that stay are divided by `rate`; the share that *stays* is 1 - rate."),
    ):
        if np.allclose(left, value):
            probes.fail(message)
    if not np.allclose(left, 1 / (1 - rate)):
        probes.fail(f"At rate {rate} a 1 that stays becomes {left.flat[0]:.4g}; {1 / (1 - rate):.4g} is wanted.")


def _share_is_right(share: float, rate: float) -> None:
    if abs(share - rate) < 0.08:
        return
    if abs(share - (1 - rate)) < 0.08:
        probes.fail(
            f"At rate {rate} it drops {100 * share:.0f} %: numbers are kept with probability `rate`. They are *dropped* with it."
        )
    probes.fail(f"At rate {rate} it drops {100 * share:.0f} % of the numbers.")
