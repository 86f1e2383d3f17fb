"""The check of `warmup_cosine` and its hints."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "Compute both pieces for every step, wherever it is, and choose with `jnp.where(step < warmup, rising, falling)`. Mind that the "
        "piece that is not chosen is computed too.",
        "`jnp.clip(done, 0, 1)` makes the third piece part of the second: beyond the end `done` stays 1, and the cosine gives 0.",
        "With `warmup = 0`, `step / warmup` divides by 0. `warmup` is a Python number, so `max(warmup, 1)` is fine.",
    ),
)
def warmup_cosine(answer: Any, reference: Any) -> None:
    """Warm-up and half a cosine, as a function of the step."""
    steps = jnp.arange(0, 32, dtype=jnp.int32)
    peak, warmup, total = 0.5, 4, 20
    settings: dict[str, Any] = {"peak": peak, "warmup": warmup, "total": total}
    mine, right = partial(answer, **settings), partial(reference, **settings)
    probes.same_shapes(mine, right, jnp.int32(3), known_as="shape of a step")
    probes.same_shapes(mine, right, steps)

    probes.close(
        probes.call(mine, steps),
        known("want", lambda: right(steps)),
        mistakes=_mistakes(peak, warmup, total),
        because="Draw it beside the picture that follows the check.",
        atol=1e-6,
    )
    with probes.doing("with `warmup=0`"):
        fresh = {**settings, "warmup": 0}
        at_zero = partial(answer, **fresh)
        want = known("no warm-up", lambda: reference(steps, **fresh))
        probes.close(probes.call(at_zero, steps), want, because="There it starts at the peak.", atol=1e-6)
    probes.jits(mine, steps)


def _mistakes(peak: float, warmup: int, total: int) -> dict[str, np.ndarray]:
    """What is told of wrong rates, with these rates."""
    step = np.arange(32)
    rising = peak * step / warmup
    done = np.clip((step - warmup) / (total - warmup), 0, 1)

    def with_pieces(falling: Any, rising: Any = rising) -> Any:
        return np.where(step < warmup, rising, falling)

    def half(done: Any) -> Any:
        return peak * (1 + np.cos(np.pi * done)) / 2

    return {
        "After the end the rate comes up again: the cosine goes on. From `total` on it is 0.": with_pieces(
            half((step - warmup) / (total - warmup))
        ),
        "The cosine begins at step 0; it begins where the warm-up ends, so there is a jump.": with_pieces(
            half(np.clip(step / total, 0, 1))
        ),
        "The cosine ends `total` steps after the warm-up; it ends at step `total`.": with_pieces(
            half(np.clip((step - warmup) / total, 0, 1))
        ),
        "The cosine runs through a whole period, down and up again; half of one is wanted: π, not 2π.": with_pieces(
            half(2 * done)
        ),
        "π is missing: the cosine takes radians, and half a period is π.": with_pieces(half(done / np.pi)),
        "It falls below 0, to minus the peak. (1 + cos) / 2 goes from 1 to 0.": with_pieces(
            peak * np.cos(np.pi * done)
        ),
        "After the warm-up it is twice the peak: 1 + cos goes from 2 to 0.": with_pieces(2 * half(done)),
        "It goes in a straight line down; half a cosine is wanted.": with_pieces(peak * (1 - done)),
        "There is no warm-up: it starts at the peak.": half(done),
        "The warm-up is one step early: at step 0 the rate is 0, at step `warmup` the peak.": with_pieces(
            half(done), peak * (step + 1) / warmup
        ),
        "In the warm-up it is 0 all the time: `//` divides whole numbers. `/` is wanted.": with_pieces(half(done), 0.0),
    }
