"""`augment`: coins and noise under many keys. Whatever way the key is split, their statistics are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from utils.checks.exercise import Draw, Exercise

KEYS = 500  # for each case, in place of more draws


def draw(rng: Draw, signals: int, length: int, scale: float, zero: bool = False) -> dict[str, Any]:
    """Signals so large beside the noise that each number shows its coin; or `zero`: then noise is all that there is."""
    size = rng.uniform(5, 10, signals, length) * rng.rng.choice([-1, 1], (signals, length))
    return {
        "keys": jax.random.split(rng.key(), KEYS),
        "signals": np.float32(size * (not zero)),
        "scale": scale,
    }


def ask(answer: Any, own: Any, *, keys: Any, signals: Any, scale: float) -> Any:
    """The altered signals for each key; JAX watches that none is used twice."""
    if isinstance(signals, jax.core.Tracer):  # while it is exported
        with jax.debug_key_reuse(True):
            jax.eval_shape(lambda key, signals: answer(key, signals, scale), keys[0], signals)
    return jax.vmap(lambda key: answer(key, signals, scale))(keys)


def accepts(inputs: dict[str, Any], got: Mapping[str, Any], want: Mapping[str, Any]) -> str:
    """What is wrong with the altered signals. Each limit is passed by a right answer but once in a million times."""
    altered, signals, scale = got[""], inputs["signals"], inputs["scale"]
    if altered.shape != want[""].shape or altered.dtype.kind != "f":
        return f"For signals {list(signals.shape)} float32 it returns {list(altered.shape[1:])} {altered.dtype}. Shape and dtype should stay the same."
    turned: np.ndarray = np.zeros((KEYS, 0), bool)
    noise = altered.astype(np.float64)
    if signals.any():
        signs = np.where(altered * signals < 0, -1, 1)  # [keys, B, T]
        noise = noise - signs * signals
        turned = signs[..., 0] < 0
        far = np.abs(noise) > 12 * scale
        if message := _coins(signs, far, far & (np.abs(altered) > 12 * scale)):
            return message
    return _noise(noise / scale, turned)


def _coins(signs: np.ndarray, far: np.ndarray, elsewhere: np.ndarray) -> str:
    """Of numbers `far` from plus and minus the signal some may be `elsewhere` than at 0."""
    turned, many = signs[..., 0] < 0, signs.shape[1]
    off = 6 * np.sqrt(KEYS) / 2  # from half of KEYS
    rates = turned.sum(0)
    if far.any() and not elsewhere.any():
        return (
            "Some signals became 0: were they multiplied by a coin that is 0 or 1? A flip multiplies by −1: "
            "`jax.random.rademacher`, or `jnp.where(coin, -signals, signals)`."
        )
    if far.any():
        return (
            "Some values are close to neither the signal nor minus the signal. A flip multiplies by −1 (it does not reverse the "
            "order, and there is no other factor); then noise of standard deviation `scale` is added."
        )
    if (signs != signs[..., :1]).any():
        return "Within one signal some values are flipped and others are not. Flip a signal as a whole: draw the signs with shape (B, 1)."
    if not turned.any():
        return "No signal is flipped."
    if many > 1 and (turned == turned[:, :1]).all():
        return "All signals share one sign: either all are flipped or none is. Draw one for each signal, with shape (B, 1)."
    if (np.minimum(rates, KEYS - rates) == 0).any():
        return "The same signals are flipped under every key. Draw the sign of each signal from `key`."
    if (np.abs(rates - KEYS / 2) > off).any():
        return f"A signal is flipped with probability {rates.mean() / KEYS:.0%}; it should be 50%."
    if not 0.5 < turned.sum(1).var() / (many / 4) < 2:
        return "The signs of the signals depend on each other: how many are flipped is not random. Draw each sign independently."
    return ""


def _noise(noise: np.ndarray, turned: np.ndarray) -> str:
    """Standard normal is wanted, [keys, B, T], of numbers that know nothing of each other nor of the coins."""
    flat = noise.reshape(KEYS, -1)
    mean, spread = flat.mean(), flat.std()
    if spread < 1e-3:
        if not turned.size:
            return "There is no noise where the signal is 0. Noise is added, not multiplied."
        if noise.shape[2] == 1:
            return (
                "A signal of length 1 gets no noise. The standard deviation is always `scale`, whatever the signal is."
            )
        return "There is no noise."
    if turned.size and min(noise[turned].std(), noise[~turned].std()) < 1e-3:
        which = "flipped" if noise[turned].any() else "not flipped"
        return f"Only the signals that are {which} get noise; the others get none."
    if flat.std(0).max() < 1e-3:
        return "Every key gives the same noise: draw it from `key`."
    for what, axis in (("for every signal", 1), ("for every value of a signal", 2)):
        if noise.shape[axis] > 1 and np.abs(np.diff(np.abs(noise), axis=axis)).max() < 1e-2:
            return f"The noise is the same {what}. Draw it independently for each value, with the shape of `signals`."
    values = np.sort(flat.ravel())
    far = np.abs(np.asarray(jax.scipy.special.ndtr(values)) - (np.arange(values.size) + 0.5) / values.size).max()
    if abs(mean) > 6 / np.sqrt(values.size):
        return f"The noise has mean {mean:.2g} times `scale`; it should be 0."
    if abs(spread - 1) > 6 / np.sqrt(2 * values.size):
        return f"The noise has standard deviation {spread:.2g} times `scale`; it should be `scale` (not a variance, nor cut off), whatever the signal is."
    if far > 3 / np.sqrt(values.size):  # Dvoretzky, Kiefer and Wolfowitz: by chance with probability 2 exp(−18)
        return "The noise has the right standard deviation but is not Gaussian: use `jax.random.normal`."
    columns = np.concatenate([turned, flat, np.abs(flat)], axis=1)
    related = np.abs(np.corrcoef(columns.T)) - np.eye(columns.shape[1])
    if related.max() > 8 / np.sqrt(KEYS):
        return "The signs and the noise of all values should be independent, but here some depend on each other. Is a draw used twice?"
    return ""


augment = Exercise(
    name="augment",
    title="Random, and the same every time",
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "There are two random draws, so you need two keys: `key_sign, key_noise = jax.random.split(key)`.",
        "Draw one sign per signal, with shape (B, 1), which broadcasts along the signal. The noise has the shape of `signals`.",
        "`jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)` draws −1 or 1; "
        "`scale * jax.random.normal(key_noise, signals.shape)` is the noise.",
    ),
    sizes=(
        {"signals": 4, "length": 3, "scale": 0.25, "about": "several signals of several numbers"},
        {"signals": 3, "length": 2, "scale": 0.1, "zero": True, "about": "signals of zeros"},
        {"signals": 1, "length": 4, "scale": 0.2, "about": "a single signal"},
        {"signals": 5, "length": 1, "scale": 0.3, "about": "signals of length 1"},
    ),
    draw=draw,
    ask=ask,
    accepts=accepts,
    draws=1,
)
