"""Rules that say what a tensor of PyTorch's is called in Flax, and how it is laid out there.

    Rule("layer{stage}.{block}.conv{i}.weight", "params/layer{stage}_{block}/conv{i}/kernel", CONV)

A word in braces stands for a whole number and is carried over; both sides name the same words. So one rule covers every
block of a network, whatever its depth, and can be read in both directions.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

WORD = re.compile(r"\{(\w+)\}")


class Layout(NamedTuple):
    """How the two frameworks arrange the same numbers: functions on NumPy arrays, each the other's inverse."""

    what: str  # completes the sentence "… is the array of a …"
    axes: int | None  # how many the array has, on both sides; None: any number
    to_flax: Callable[[np.ndarray], np.ndarray]
    to_torch: Callable[[np.ndarray], np.ndarray]


SAME = Layout("vector or table, the same in both", None, lambda a: a, lambda a: a)
DENSE = Layout("dense layer", 2, lambda a: a.T, lambda a: a.T)  # [out, in] to [in, out]
CONV = Layout(  # [out, in, height, width] to [height, width, in, out]
    "convolution", 4, lambda a: a.transpose(2, 3, 1, 0), lambda a: a.transpose(3, 2, 0, 1)
)


class Rule(NamedTuple):
    """One kind of tensor."""

    torch: str  # its name in a state dict
    flax: str  # its path in the variables, joined by "/"
    layout: Layout = SAME


class Place(NamedTuple):
    """Where an array belongs in the other framework."""

    name: str
    layout: Layout
    turn: Callable[[np.ndarray], np.ndarray]  # brings it into the order that is usual there


class Rules(NamedTuple):
    """All tensors of a model."""

    model: str  # its name, for messages
    rules: Sequence[Rule]
    drop: Sequence[str] = ()  # names of PyTorch's tensors that Flax has no use for, with * for anything

    def in_flax(self, name: str) -> Place | None:
        """Where PyTorch's tensor `name` belongs in Flax; None for one that no rule knows."""
        for rule in self.rules:
            if path := carry_over(rule.torch, rule.flax, name):
                return Place(path, rule.layout, rule.layout.to_flax)
        return None

    def in_torch(self, path: str) -> Place | None:
        """Where the Flax leaf at `path` belongs in PyTorch; None for one that no rule knows."""
        for rule in self.rules:
            if name := carry_over(rule.flax, rule.torch, path):
                return Place(name, rule.layout, rule.layout.to_torch)
        return None

    def dropped(self, name: str) -> bool:
        """Whether PyTorch's tensor `name` is left out on purpose."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.drop)


def carry_over(source: str, target: str, name: str) -> str | None:
    """Rewrite `name` from the template `source` to the template `target`; None where it does not match."""
    seen: set[str] = set()
    pattern = ""
    for i, piece in enumerate(WORD.split(source)):
        if i % 2 == 0:
            pattern += re.escape(piece)
        else:  # a word that comes again must stand for the same number
            pattern += f"(?P={piece})" if piece in seen else f"(?P<{piece}>[0-9]+)"
            seen.add(piece)
    match = re.fullmatch(pattern, name)
    return match and target.format(**match.groupdict())
