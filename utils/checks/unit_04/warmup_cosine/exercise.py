"""`warmup_cosine`: at each of its corners and at steps between, for a step alone and for many at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, shape: tuple[int, ...], peak: float, warmup: int, total: int) -> dict[str, Any]:
    """Steps: the corners of the curve and their neighbours first, then others, up to twice the end."""
    corners = [warmup // 2, warmup, total, 0, total - 1, total + 1, max(warmup - 1, 0), warmup + 1, total // 2]
    steps = rng.integers(0, 2 * total, 100)
    steps[: len(corners)] = np.roll(corners, -rng.turn)
    return {"step": steps[: int(np.prod(shape))].reshape(shape), "peak": peak, "warmup": warmup, "total": total}


warmup_cosine = Exercise(
    name="warmup_cosine",
    title="Warm-up and half a cosine, as a function of the step",
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "Compute both pieces for every step, and select with `jnp.where(step < warmup, rising, falling)`. The piece that is not "
        "selected is computed as well, so it must not fail.",
        "`jnp.clip(done, 0, 1)` includes the third piece in the second: after the end `done` stays 1, and the rate is 0.",
        "With `warmup = 0`, `step / warmup` divides by 0. `warmup` is a Python number, so you can use `max(warmup, 1)`.",
    ),
    sizes=(
        {"shape": (), "peak": 2.0, "warmup": 4, "total": 10},
        {"shape": (12,), "peak": 0.5, "warmup": 4, "total": 20},
        {"shape": (11,), "peak": 0.02, "warmup": 0, "total": 30},
        {"shape": (3, 5), "peak": 0.1, "warmup": 25, "total": 150},
        {"shape": (2, 1, 6), "peak": 3.0, "warmup": 1, "total": 2},
    ),
    draw=draw,
)
