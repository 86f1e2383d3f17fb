"""The check of `augment` and its hints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.registry import exercise


@exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "Two draws, so two keys: `key_sign, key_noise = jax.random.split(key)`.",
        "A coin for each signal has the shape (B, 1), which broadcasts along the signal; the noise has the shape of `signals`.",
        "`jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)` is −1 or 1; "
        "`scale * jax.random.normal(key_noise, signals.shape)` is the noise.",
    ),
)
def augment(answer: Any, reference: Any) -> None:
    """Altered copies of signals, from one key."""
    key, scale = jax.random.key(3), 0.25
    signals = jnp.full((500, 4), 10.0)
    probes.same_shapes(answer, reference, key, signals, scale)
    probes.keys(answer, key, signals, scale)
    probes.jits(answer, key, signals, scale)

    got = np.asarray(probes.call(answer, key, signals, scale))
    signs = _signs(got, lambda seed: np.asarray(answer(jax.random.key(seed), signals, scale)))
    _noise_is_right(got - 10.0 * signs, scale)


def _signs(got: np.ndarray, of_key: Callable[[int], np.ndarray]) -> np.ndarray:
    """1 where a number of the signals, all 10, stayed upright, −1 where it was turned: a coin for each signal."""
    signs = np.where(got > 5, 1, np.where(got < -5, -1, 0))
    probes.expect(
        bool(signs.all()),
        "Some signals are wiped out: a coin that shows 0 or 1 was multiplied in. Upside down is times −1: `jax.random.rademacher`, "
        "or `jnp.where(coin, -signals, signals)`.",
    )
    probes.expect(
        bool((signs == signs[:, :1]).all()),
        "Each number has a coin of its own; but a signal is turned as a whole. Draw the coins with shape (B, 1).",
    )
    up = float((signs[:, 0] > 0).mean())
    if up in (0.0, 1.0):
        turned = any((altered < -5).any() for altered in (got, of_key(4), of_key(5)))
        probes.fail(
            "One coin for all signals: they are all turned, or none is. Each has its own: draw with shape (B, 1)."
            if turned
            else "No signal is turned upside down."
        )
    probes.expect(0.4 < up < 0.6, f"{up:.0%} of the signals stay upright; half of them should.")
    return signs


def _noise_is_right(noise: np.ndarray, scale: float) -> None:
    """Gaussian, of mean 0 and standard deviation `scale`, with a draw for each number."""
    if not noise.any():
        probes.fail("There is no noise.")
    if np.allclose(noise, noise[:1], atol=1e-4) or np.allclose(np.abs(noise), np.abs(noise[:1]), atol=1e-4):
        probes.fail("All signals get the same noise. Draw it with the shape of `signals`.")
    if np.allclose(noise, noise[:, :1], atol=1e-4):
        probes.fail(
            "The noise shifts the signal as a whole: one draw for a signal. Each number has its own: the shape of `signals`."
        )
    spread = float(noise.std())
    if abs(spread - np.sqrt(scale)) < 0.03:
        probes.fail(
            f"The noise has standard deviation √scale: `scale` was taken for the variance ({spread:.2f} instead of {scale})."
        )
    probes.expect(abs(spread - scale) < 0.03, f"The noise has standard deviation {spread:.2f}; `scale` is {scale}.")
    probes.expect(abs(float(noise.mean())) < 0.03, f"The noise has mean {noise.mean():.2f}; it should be 0.")
    probes.expect(
        float(np.abs(noise).max()) > 2.5 * spread,
        "The noise is not Gaussian: in 2,000 draws none lies beyond 2.5 standard deviations. `jax.random.normal`.",
    )
