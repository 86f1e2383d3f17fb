"""The check of `shift_mask` and its hints."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


def _mask(rows: Any, columns: Any, window: int, inside: float = 0.0, outside: float = -100.0) -> np.ndarray:
    """The mask that these numbers of regions along the two axes give."""
    region = 10 * np.asarray(rows)[:, None] + np.asarray(columns)[None, :]
    height, width = region.shape
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3)
    region = region.reshape(-1, window * window)
    return np.where(region[:, :, None] == region[:, None, :], inside, outside).astype(np.float32)


def _parts(length: int, window: int, shift: int) -> np.ndarray:
    place = np.arange(length)
    return (place >= length - window).astype(int) + (place >= length - shift)


@exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Three steps: number the nine regions of the map; cut the map of numbers into windows; compare all pairs of a window.",
        "The map of numbers has no batch and no channels: give it both (`region[None, :, :, None]`) and use your "
        "`window_partition`, or cut it by `reshape` and `transpose` directly. You need [N, T].",
        "`same = region[:, :, None] == region[:, None, :]`, then `np.where(same, 0.0, -100.0).astype(np.float32)`.",
    ),
)
def shift_mask(answer: Any, reference: Any) -> None:
    """The mask of shifted windows."""
    size = (8, 12, 4, 1)  # a shift that is not half of the window: both could be mixed up
    got, want = probes.call(answer, *size), known("want", lambda: reference(*size))
    probes.like(got, want)
    got = np.asarray(got)
    if np.isinf(got).any():
        probes.fail(
            "Strangers get -inf; the reference adds -100, which is as good and keeps gradients finite everywhere."
        )
    rows, columns = _parts(8, 4, 1), _parts(12, 4, 1)
    if not probes.agrees(got, want):
        probes.close(
            got,
            want,
            mistakes={
                "It hides what belongs together, and shows the rest: 0 where the regions are the same, -100 where not.": (
                    _mask(rows, columns, 4, -100.0, 0.0)
                ),
                "It holds 1 and 0. The mask is added to the logits, so it must be 0 and -100.": _mask(
                    rows, columns, 4, 1.0, 0.0
                ),
                "Windows side by side are not told apart: the map was rolled along the columns too.": _mask(
                    rows, 0 * columns, 4
                ),
                "Windows above each other are not told apart: the map was rolled along the rows too.": _mask(
                    0 * rows, columns, 4
                ),
                "The first rows and columns are masked. The map was rolled up and to the left, so what came round is at the end.": (
                    _mask(rows[::-1], columns[::-1], 4)
                ),
                "What was wrapped round are the last `shift` places of an axis, not the last `window - shift`.": (
                    _mask(_parts(8, 4, 3), _parts(12, 4, 3), 4)
                ),
                "Different regions share a number, so they count as one. Give each of the nine its own.": (
                    _mask_of_sum(rows, columns, 4)
                ),
            },
            because="Print the map of region numbers for 8 × 12 tokens, windows of 4 and a shift of 1.",
        )
    want = known("windows of 3", lambda: reference(6, 6, 3, 1))
    probes.close(probes.call(answer, 6, 6, 3, 1), want, because="That was a map of 6 × 6 tokens, windows of 3.")


def _mask_of_sum(rows: np.ndarray, columns: np.ndarray, window: int) -> np.ndarray:
    """The mask when a region's number is the sum of its two."""
    region = rows[:, None] + columns[None, :]
    height, width = region.shape
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3)
    region = region.reshape(-1, window * window)
    return np.where(region[:, :, None] == region[:, None, :], 0.0, -100.0).astype(np.float32)
