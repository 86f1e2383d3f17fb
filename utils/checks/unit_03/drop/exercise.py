"""`drop`: dropout is random, so it is called with many keys. What is compared does not depend on the draws."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.answers import Told
from utils.checks.crossing import is_array, kind
from utils.checks.exercise import Draw, Exercise

KEYS = 4096
RATES = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9], np.float32)  # of 0.5 the share that stays is the same
SIGMAS = 6.5  # a right answer is off by more in 1 of 10¹⁰ numbers; a judgement has some thousand


def draw(rng: Draw, shape: tuple[int, ...], rate: float | None = None, none: bool = False) -> dict[str, Any]:
    """Keys, numbers of this shape, and a rate: drawn, a Python number or a traced zero."""
    drawn = np.zeros((), np.float32) if none else rng.rng.choice(RATES, ())
    keys = jax.random.split(rng.key(), KEYS)
    return {"rate": drawn if rate is None else rate, "x": rng.normal(*shape, scale=3.0), "keys": keys}


def ask(answer: Any, own: Any, *, rate: Any, x: Any, keys: Any) -> Any:
    """What the numbers are when they stay, how often they are dropped, and which ones together."""
    one = jax.eval_shape(lambda: answer(keys[0], rate, x))
    if not is_array(one) or one.shape != x.shape:
        raise Told(f"It returned {kind(one)} instead of an array of the shape of `x`, {list(x.shape)}.")
    results = jax.vmap(lambda key: answer(key, rate, x))(keys)
    zero = results == 0
    kept = jnp.take_along_axis(results, jnp.argmin(zero, axis=0)[None], axis=0)[0]
    share, spread = jnp.mean(zero, axis=0), jnp.sqrt(rate * (1.0 - rate) / KEYS)
    # rounding makes wrong shares the same for each way to draw; what is right is told from them more sharply
    shares = jnp.where(abs(share - rate) < SIGMAS * spread, rate, jnp.round(share, 1))
    apart = zero.reshape((KEYS, -1)) - share.ravel()
    together = abs(apart.T @ apart / KEYS) > SIGMAS * spread * jnp.sqrt(rate * (1.0 - rate))
    together &= ~jnp.eye(x.size, dtype=bool)
    moves = jnp.any(results != results[0]) | (rate == 0)
    return {
        "another key, another result": moves,
        "share that is dropped": shares * moves,
        "draws that depend on each other": together & moves,
        "numbers that stay": kept * moves.astype(kept.dtype),
    }


drop = Exercise(
    name="drop",
    title="Dropout by hand",
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "First draw for every element whether it stays: an array of booleans with the shape of `x`. Then use it to select.",
        "`jax.random.bernoulli(key, p, shape)` is true with probability `p`. So `p` should be the probability to *stay*.",
        "With `stays = jax.random.bernoulli(key, 1.0 - rate, x.shape)`, return `jnp.where(stays, x / (1.0 - rate), 0.0)`.",
    ),
    sizes=(
        {"shape": (5,), "about": "a vector"},
        {"shape": (2, 2), "none": True, "about": "at rate 0"},
        {"shape": (3, 2), "rate": 0.2, "about": "`rate` is a Python number"},
        {"shape": (3, 1, 2, 2), "about": "four axes"},
    ),
    draw=draw,
    ask=ask,
)
