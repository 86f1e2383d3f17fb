"""Rules that say what a tensor of PyTorch's is called in Flax, and how it is laid out there.

    Rule("layer{stage}.{block}.conv{i}.weight", "params/layer{stage}_{block}/conv{i}/kernel", CONV)

A word in braces stands for a whole number and is carried over; both sides name the same words. So one rule covers every
block of a network, whatever its depth, and can be read in both directions.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WORD = re.compile(r"\{(\w+)\}")


class Layout(NamedTuple):
    """How the two frameworks arrange the same numbers."""

    what: str  # completes the sentence "… is the array of a …"
    axes: tuple[int, ...] | None  # PyTorch's axes in Flax's order; None: an array of any shape, the same in both


SAME = Layout("vector or table, the same in both", None)
DENSE = Layout("dense layer", (1, 0))  # [out, in] to [in, out]
CONV = Layout("convolution", (2, 3, 1, 0))  # [out, in, height, width] to [height, width, in, out]


class Rule(NamedTuple):
    """One kind of tensor."""

    torch: str  # its name in a state dict
    flax: str  # its path in the variables, joined by "/"
    layout: Layout = SAME


class Place(NamedTuple):
    """Where an array belongs in the other framework."""

    name: str
    layout: Layout
    axes: tuple[int, ...] | None  # the array's axes in the order that is usual there

    def turned(self, array: np.ndarray) -> np.ndarray:
        """The array in that order, its rows one after the other."""
        return np.asarray(array if self.axes is None else array.transpose(self.axes), order="C")


class Rules(NamedTuple):
    """All tensors of a model."""

    model: str  # its name, for messages
    rules: Sequence[Rule]
    drop: Sequence[str] = ()  # names of PyTorch's tensors that Flax has no use for, with * for anything

    def in_flax(self, name: str) -> Place | None:
        """Where PyTorch's tensor `name` belongs in Flax; None for one that no rule knows."""
        for rule in self.rules:
            if path := carry_over(rule.torch, rule.flax, name):
                return Place(path, rule.layout, rule.layout.axes)
        return None

    def in_torch(self, path: str) -> Place | None:
        """Where the Flax leaf at `path` belongs in PyTorch; None for one that no rule knows."""
        for rule in self.rules:
            if name := carry_over(rule.flax, rule.torch, path):
                back = rule.layout.axes and tuple(map(rule.layout.axes.index, range(len(rule.layout.axes))))
                return Place(name, rule.layout, back)
        return None

    def dropped(self, name: str) -> bool:
        """Whether PyTorch's tensor `name` is left out on purpose."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.drop)


def carry_over(source: str, target: str, name: str) -> str | None:
    """Rewrite `name` from the template `source` to the template `target`; None where it does not match."""
    text, *rest = WORD.split(source)
    pattern = re.escape(text)
    for word, text in zip(rest[::2], rest[1::2], strict=True):
        pattern += f"(?P<{word}>[0-9]+)" + re.escape(text)
    match = re.fullmatch(pattern, name)
    return match and target.format(**match.groupdict())
