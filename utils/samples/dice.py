"""Random numbers that are the same on every machine and with every NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Ints = npt.NDArray[np.int32]


class Dice:
    """Whole random numbers from a seed of whole numbers, e.g. `Dice(recipe, set, split, picture)`.

    Built on the raw 64-bit output of PCG64, which NumPy keeps fixed; the methods of `numpy.random.Generator`
    may give other numbers in another NumPy, and its floats end in bits that a machine's libm decides.
    """

    def __init__(self, *seed: int) -> None:
        # with its length, for a SeedSequence takes no notice of zeros at its end
        self._bits = np.random.PCG64(np.random.SeedSequence((len(seed), *seed)))
        self._pool: list[int] = []

    def between(self, low: int, high: int) -> int:
        """One number of low, low + 1, …, high."""
        if not self._pool:
            self._pool = self._bits.random_raw(64).tolist()
        return low + self._pool.pop() % (high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred throws."""
        return self.between(1, 100) <= percent

    def choice(self, things: Sequence[T]) -> T:
        """One of the things, each as likely as the other."""
        return things[self.between(0, len(things) - 1)]

    def array(self, shape: tuple[int, ...], low: int, high: int) -> Ints:
        """int32 array of the given shape with numbers of low … high, at most 256 different ones."""
        count = int(np.prod(shape))
        raw = self._bits.random_raw((count + 7) // 8).astype("<u8")
        octets = raw.view(np.uint8)[:count].astype(np.int32).reshape(shape)
        return low + (octets * (high - low + 1) >> 8)

    def order(self, count: int) -> npt.NDArray[np.int64]:
        """A random order of 0 … count − 1, int64 [count]."""
        return np.argsort(self._bits.random_raw(count), kind="stable")
