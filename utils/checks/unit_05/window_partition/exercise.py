"""The check of `window_partition` and its hints."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_05.shared import numbered


def _cut(x: Any, order: tuple[int, ...]) -> Any:
    """Windows of 2 from two maps of 4 × 6, the six axes [B, rows of windows, i, columns of windows, j, C] reordered."""
    return x.reshape(2, 2, 2, 3, 2, 3).transpose(order).reshape(2, -1, 4, 3)


@exercise(
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "Split H into (rows of windows, rows in a window) and W likewise: a `reshape` to six axes. Nothing moves yet.",
        "Now bring the two axes that count windows together, and after them the two that count tokens: a `transpose`.",
        "`x.reshape(B, H // w, w, W // w, w, C).transpose(0, 1, 3, 2, 4, 5).reshape(B, -1, w * w, C)`.",
    ),
)
def window_partition(answer: Any, reference: Any) -> None:
    """Maps cut into windows."""
    x = jnp.asarray(numbered(2, 4, 6, 3))  # higher than wide would hide as much as square

    def mine(x: Any) -> Any:
        return answer(x, 2)

    got = probes.call(mine, x)
    want = known("want", lambda: reference(x, 2))
    if getattr(got, "shape", None) == (12, 4, 3):
        probes.fail("Windows and pictures are counted in one axis. Keep the batch's axis: [B, N, T, C].")
    probes.like(got, want)
    if not probes.agrees(got, want):
        probes.close(
            got,
            want,
            mistakes={
                "A window holds runs of the picture's rows: `reshape` alone doesn't move anything. Which axes must trade places?": (
                    x.reshape(2, -1, 4, 3)
                ),
                "The windows go down the columns of the map; row by row is wanted.": _cut(x, (0, 3, 1, 2, 4, 5)),
                "The tokens of a window go down its columns; row by row is wanted.": _cut(x, (0, 1, 3, 4, 2, 5)),
                "Height and width are swapped, for windows and for tokens.": _cut(x, (0, 3, 1, 4, 2, 5)),
                "A window holds tokens that are far apart. Split H into (H // window, window), in this order.": (
                    x.reshape(2, 2, 2, 2, 3, 3).transpose(0, 2, 4, 1, 3, 5).reshape(2, -1, 4, 3)
                ),
            },
            because="Look at one map of 4 × 4 numbers, cut by hand.",
        )
    one = jnp.asarray(numbered(1, 6, 3, 1))
    want = known("windows of 3", lambda: reference(one, 3))
    probes.close(probes.call(answer, one, 3), want, because="That was with windows of 3 tokens a side.")
    probes.jits(mine, x)
