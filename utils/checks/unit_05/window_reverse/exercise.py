"""The check of `window_reverse` and its hints."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_05.shared import numbered


def _put(windows: Any, counts: tuple[int, int], order: tuple[int, ...], height: int, width: int) -> Any:
    batch, _, tokens, channels = windows.shape
    side = int(tokens**0.5)
    x = windows.reshape(batch, *counts, side, side, channels)
    return x.transpose(order).reshape(batch, height, width, channels)


@exercise(
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "Do the three steps of `window_partition` backwards, last one first.",
        "Reshape to [B, rows of windows, columns of windows, rows in a window, columns in a window, C]. The `transpose` that "
        "trades axes 2 and 3 is its own inverse.",
        "`windows.reshape(B, height // w, width // w, w, w, C).transpose(0, 1, 3, 2, 4, 5).reshape(B, height, width, C)`.",
    ),
)
def window_reverse(answer: Any, reference: Any) -> None:
    """Windows put together again."""
    windows = jnp.asarray(numbered(2, 6, 4, 3))  # [B, N, T, C]: six windows of 2 × 2 make a map of 4 × 6

    def mine(windows: Any) -> Any:
        return answer(windows, 2, 4, 6)

    got, want = probes.call(mine, windows), known("want", lambda: reference(windows, 2, 4, 6))
    probes.like(got, want)
    if not probes.agrees(got, want):
        probes.close(
            got,
            want,
            mistakes={
                "A `reshape` alone cannot do it: the rows of neighbouring windows must be interleaved.": windows.reshape(
                    2, 4, 6, 3
                ),
                "You mixed up how many windows stand in a column (height // window) and in a row (width // window).": (
                    _put(windows, (3, 2), (0, 1, 3, 2, 4, 5), 4, 6)
                ),
                "The windows are in place, but each window is transposed: its rows and columns are swapped.": (
                    _put(windows, (2, 3), (0, 1, 4, 2, 3, 5), 4, 6)
                ),
                "Look at the order of the axes in your `reshape`: windows come as [N, T], so both counts of windows come "
                "first, then both sides of a window.": (
                    windows.reshape(2, 2, 2, 3, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 4, 6, 3)
                ),
            },
            because="It should undo `window_partition`.",
        )
    probes.jits(mine, windows)
