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

from utils.convert.layout import SAME, Layout

WORD = re.compile(r"\{(\w+)\}")


class Rule(NamedTuple):
    """One kind of tensor. torch: its name in a state dict; flax: its path in the variables, joined by "/"."""

    torch: str
    flax: str
    layout: Layout = SAME


class Rules(NamedTuple):
    """All tensors of a model.

    model: its name, for messages. drop: names of PyTorch tensors that Flax has no use for, with * for anything.
    """

    model: str
    rules: Sequence[Rule]
    drop: Sequence[str] = ()

    def in_flax(self, name: str) -> tuple[str, Layout] | None:
        """Path and layout in Flax of PyTorch's tensor `name`; None for one that no rule knows."""
        for rule in self.rules:
            if found := carry_over(rule.torch, rule.flax, name):
                return found, rule.layout
        return None

    def in_torch(self, path: str) -> tuple[str, Layout] | None:
        """Name and layout in PyTorch of the Flax leaf at `path`; None for one that no rule knows."""
        for rule in self.rules:
            if found := carry_over(rule.flax, rule.torch, path):
                return found, rule.layout
        return None

    def dropped(self, name: str) -> bool:
        """Whether PyTorch's tensor `name` is left out on purpose."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.drop)


def carry_over(source: str, target: str, name: str) -> str | None:
    """`name` rewritten from the template `source` to the template `target`; None where it does not match."""
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
