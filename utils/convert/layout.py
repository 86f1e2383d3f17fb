"""How the two frameworks arrange the same numbers in an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """A pair of functions on NumPy arrays, each the other's inverse."""

    what: str  # completes the sentence "… is the array of a …"
    axes: int | None  # how many the array has, on both sides; None: any number
    to_flax: Callable[[np.ndarray], np.ndarray]
    to_torch: Callable[[np.ndarray], np.ndarray]


SAME = Layout("vector or table, the same in both", None, lambda a: a, lambda a: a)
DENSE = Layout("dense layer", 2, lambda a: a.T, lambda a: a.T)  # [out, in] to [in, out]
CONV = Layout(  # [out, in, height, width] to [height, width, in, out]
    "convolution", 4, lambda a: a.transpose(2, 3, 1, 0), lambda a: a.transpose(3, 2, 0, 1)
)
