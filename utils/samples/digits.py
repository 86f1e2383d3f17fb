"""The `mnist` sample: the handwriting that comes with scikit-learn, brought to MNIST's form.

`sklearn.datasets.load_digits` holds 1,797 digits of 13 people as 8×8 counts of 0 … 16 (E. Alpaydin and C.
Kaynak, Optical Recognition of Handwritten Digits, UCI 1998). Each is enlarged to 20×20 by a cubic in whole
numbers, its contrast raised, and put into 28×28 with its centre of mass in the middle, as MNIST's were.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from utils.samples.dice import Dice
from utils.samples.shapes import catmull_rom

TEST = 360  # the last of them, written by people whom the training digits hardly hold


def pictures(split: str) -> Iterator[tuple[npt.NDArray[np.uint8], int]]:
    """The digits of the split "train" (1,437) or "test" (360), in an order that mixes writers and digits.

    Each is a picture, uint8 [28, 28, 1], white on black, and which digit it is.
    """
    from sklearn.datasets import load_digits  # late: seconds, and only whoever makes this sample needs it

    counts, labels = load_digits(return_X_y=True)
    counts = counts.astype(np.int64).reshape(-1, 8, 8)
    edge = len(counts) - TEST
    chosen = Dice(edge).order(edge) if split == "train" else edge + Dice(TEST).order(TEST)
    for index in chosen:
        yield _as_mnist(counts[index]), int(labels[index])


def _cubic_weights() -> npt.NDArray[np.int64]:
    """Catmull–Rom weights from 8 to 20 points in 1/2000, int64 [20, 8]; each row adds up to 2000."""
    weights = np.zeros((20, 8), np.int64)
    for row in range(20):
        left, t = divmod(4 * row - 3, 10)  # (row + ½) · 8/20 − ½ in tenths
        for offset, tap in zip((-1, 0, 1, 2), catmull_rom(t, 10), strict=True):
            weights[row, min(max(left + offset, 0), 7)] += tap
    return weights


_WEIGHTS = _cubic_weights()


def _as_mnist(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """From counts of ink, int64 [8, 8] in 0 … 16, to a picture, uint8 [28, 28, 1]."""
    fine = _WEIGHTS @ counts @ _WEIGHTS.T  # [20, 20] in 1/4,000,000 of a count
    ink = np.clip((fine // 40_000 - 400) * 255 // 800, 0, 255)  # a quarter inked: black; three quarters: white
    ink[ink < 16] = 0
    total = int(ink.sum())
    rows, columns = ink.sum(axis=1), ink.sum(axis=0)
    # where the 20×20 box goes so that the centre of mass falls on the middle of the 28×28, kept inside it
    top = 14 - (2 * int(rows @ np.arange(20)) + total) // (2 * total)
    left = 14 - (2 * int(columns @ np.arange(20)) + total) // (2 * total)
    top, left = min(max(top, 0), 8), min(max(left, 0), 8)
    picture = np.zeros((28, 28, 1), np.uint8)
    picture[top : top + 20, left : left + 20, 0] = ink
    return picture
