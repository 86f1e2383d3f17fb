"""Rules that say what a tensor of PyTorch's is called in Flax, and how it is laid out there.

    Rule("layer{stage}.{block}.conv{i}.weight", "params/layer{stage}_{block}/conv{i}/kernel", CONV)

A word in braces stands for a whole number; both sides name the same words. So one rule covers every block of a network,
whatever its depth. A rule is looked up by the name in Flax, in either direction: the model says what it needs.
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

    def misfit(self, name: str, array: np.ndarray) -> str:
        """Say that the array of that name has another number of axes; "" where it has not."""
        if self.axes is None or array.ndim == len(self.axes):
            return ""
        return f"{name} is {array.shape}, but a {self.what} has {len(self.axes)} axes"

    def turned(self, array: np.ndarray, *, back: bool = False) -> np.ndarray:
        """PyTorch's array as Flax has it, or with `back` Flax's as PyTorch has it, its rows one after the other."""
        axes = tuple(np.argsort(self.axes)) if back and self.axes else self.axes
        return np.asarray(array if axes is None else array.transpose(axes), order="C")


SAME = Layout("vector or table, the same in both", None)
DENSE = Layout("dense layer", (1, 0))  # [out, in] to [in, out]
CONV = Layout("convolution", (2, 3, 1, 0))  # [out, in, height, width] to [height, width, in, out]


class Rule(NamedTuple):
    """One kind of tensor."""

    torch: str  # its name in a state dict
    flax: str  # its path in the variables, joined by "/"
    layout: Layout = SAME


class Rules(NamedTuple):
    """All tensors of a model."""

    model: str  # its name, for messages
    rules: Sequence[Rule]
    drop: Sequence[str] = ()  # names of PyTorch's tensors that Flax has no use for, with * for anything

    def rule(self, path: str) -> Rule | None:
        """The rule for the Flax leaf at `path`, with PyTorch's name written out; None where there is none."""
        for rule in self.rules:
            if match := re.fullmatch(WORD.sub(r"(?P<\1>[0-9]+)", rule.flax), path):
                return rule._replace(torch=rule.torch.format(**match.groupdict()))
        return None

    def dropped(self, name: str) -> bool:
        """Whether PyTorch's tensor `name` is left out on purpose."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.drop)
