"""`roofline`: products on both sides of the ridge and on it, vectors, sizes beyond int32, several item sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise

ONE_COLUMN, LARGE, RIDGE = "one column", "large", "ridge"
OUT_OF_REACH = 1e30


def draw(rng: Draw, form: str, itemsize: int) -> dict[str, Any]:
    """A product and a processor. At the ridge numbers are such that no way of computing rounds."""
    m, k, n = (int(size) for size in rng.integers(3, 600, 3))
    peak, bandwidth = (float(rate) for rate in (rng.uniform(2e10, 9e11), rng.uniform(5e9, 4e10)))
    match form:
        case "one column":
            n, bandwidth = 1, bandwidth * (1, 1, 1e4)[rng.turn]
        case "tiny":  # nanoseconds, which are no tie
            m, k, n = 2, 3, 2
        case "large":
            m, k, n = (int(size) for size in 1900 + rng.rng.permutation(300)[:3])
        case "ridge":
            m, k, n = (size * 2 ** (3 + rng.turn) for size in (2, 2, 3))
            peak, bandwidth = 2.0 * m * k * n * 2**10, itemsize * (m * k + k * n + m * n) * 2.0**10
        case "either":  # at both limits the times are near to each other, one way and the other
            ratio = 2 * m * k * n / (itemsize * (m * k + k * n + m * n))
            bandwidth = peak / ratio * (0.97, 1.5, 0.8)[rng.turn]
    return {"m": m, "k": k, "n": n, "itemsize": itemsize, "peak": peak, "bandwidth": bandwidth}


def ask(answer: Any, own: Any, **inputs: Any) -> Any:
    """Seconds and limit, and the seconds where one of the two limits is out of reach."""

    def seconds_and_limit(**rates: float) -> tuple[Any, str]:
        result = answer(*(inputs | rates).values())
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise Told(f"It returned {kind(result)} instead of two things: the seconds and what limits them.")
        seconds, limit = result
        if isinstance(seconds, str) or not isinstance(limit, str):
            raise Told(
                f'It returned {kind(seconds)} and {kind(limit)}. Return the seconds first, then "compute" or "memory".'
            )
        if limit not in ("compute", "memory"):
            raise Told(f'The second result is {limit!r}; it should be "compute" or "memory".')
        return 1e6 * float(np.asarray(seconds)), limit

    seconds, limit = seconds_and_limit()
    return {
        "the seconds, in millionths": seconds,
        "the limit": limit,
        "the time of the operations": seconds_and_limit(bandwidth=OUT_OF_REACH)[0],
        "the time of the bytes": seconds_and_limit(peak=OUT_OF_REACH)[0],
    }


roofline = Exercise(
    name="roofline",
    title="The least time of a matrix product",
    stars=1,
    minutes=8,
    points=1,
    hints=(
        "Compute two times: the operations divided by `peak`, and the bytes divided by `bandwidth`. The larger one is the bound.",
        "There are 2·m·k·n operations. The numbers that are read or written are m·k, k·n and m·n, with `itemsize` bytes each.",
        '`return max(compute, memory), "compute" if compute >= memory else "memory"`',
    ),
    crosses="values",
    sizes=(
        {"form": "either", "itemsize": 4},
        {"form": ONE_COLUMN, "itemsize": 4, "about": "a matrix and a vector"},
        {"form": "either", "itemsize": 2, "about": "numbers of 16 bits"},
        {"form": LARGE, "itemsize": 8, "about": "matrices of about 2,000 rows, in float64"},
        {"form": RIDGE, "itemsize": 4, "about": "both take equally long"},
        {"form": RIDGE, "itemsize": 1, "about": "both take equally long, in bytes"},
        {"form": "tiny", "itemsize": 4, "about": "times of nanoseconds"},
    ),
    draw=draw,
    ask=ask,
)
