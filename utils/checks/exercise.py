"""What the folder of an exercise declares: what is asked, on which cases, and how a case is drawn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

NOTEBOOK_SEED = 0  # notebooks are judged on the cases of this seed; the grader draws one for each run


@dataclass(frozen=True)
class Exercise:
    """One exercise: `exercise.py` in its folder makes one, under the exercise's name."""

    name: str  # the function or class to write; a class if it begins with a capital
    title: str  # what it is, in a line
    stars: int  # difficulty, 1 to 3
    minutes: int  # the time it takes
    points: int  # what a right answer scores
    hints: tuple[str, ...]  # from a nudge to nearly the line to write
    # the kinds of cases, as keywords for `draw`; an entry `about` says in words what is special about it
    sizes: tuple[Mapping[str, Any], ...]
    # `draw(rng, **size)` gives a case's inputs, the keywords for `ask`. Arrays are NumPy's or random keys; what else it
    # holds (a rate, a name) depends on the size alone where answers cross as programs
    draw: Callable[..., dict[str, Any]]
    # `ask(answer, own, **inputs)` calls the answer and returns what is compared: any tree of arrays, numbers and texts.
    # `own` has the classes that the notebook's names stand for. By default what the answer gives for the inputs, in the
    # order in which `draw` has them
    ask: Callable[..., Any] = lambda answer, own, **inputs: answer(*inputs.values())
    # "program": `ask` is a function of arrays; it is traced with the answer, and its program runs in the judge's
    # process. "values": the answer is called where it lives, and the leaves of what `ask` returns cross
    crosses: Literal["program", "values"] = "program"
    # name → class, for what a notebook defines itself and `ask` needs. The notebook's own is used where it has these
    # fields, else this one
    classes: Mapping[str, type] = field(default_factory=dict)
    # for what is not one value alone (random results): called with the case's inputs and the leaves of the answer's and
    # the course's result; returns what is wrong with the answer's, or "". None: the values are the course's
    accepts: Callable[[dict[str, Any], Mapping[str, Any], Mapping[str, Any]], str] | None = None
    # for programs that must not only give the values: called with their texts (StableHLO), one for each size; returns
    # what is wrong with the way they take, or ""
    form: Callable[[Sequence[str]], str] | None = None
    draws: int = 3  # how often each size is drawn
    seconds: float = 8.0  # of the CPU, that an answer may take in all
    limit: float = 1e-4  # how far a value may be off, as a share of the largest of its array

    @property
    def difficulty(self) -> str:
        """The stars as they are shown: "★★☆"."""
        return "★" * self.stars + "☆" * (3 - self.stars)

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(inspect.getfile(self.draw)).parent

    def cases(self, seed: int) -> Iterator[Case]:
        """The cases of a seed, each size in turn: the first of each, then the second of each."""
        for turn in range(self.draws):
            for place, size in enumerate(self.sizes):
                keywords = {name: value for name, value in size.items() if name != "about"}
                inputs = self.draw(Draw(seed, place, turn), **keywords)
                yield Case(seed, place, turn, size.get("about", ""), inputs)


@dataclass(frozen=True)
class Case:
    """Inputs to try an answer on; equal to another of the same seed, place and turn of one exercise."""

    seed: int
    place: int  # of its size among the exercise's
    turn: int  # which draw of that size, from 0
    about: str = field(compare=False)  # what is special about it, or ""
    inputs: dict[str, Any] = field(compare=False)  # keywords for `ask`


class Draw:
    """Draws the arrays of a case. `turn` counts the draws of a size, so that not all need be of one kind."""

    def __init__(self, seed: int, place: int, turn: int):
        self.rng = np.random.default_rng((seed, place, turn))
        self.turn = turn

    def normal(self, *shape: int, scale: float = 1.0, around: float = 0.0) -> np.ndarray:
        """Numbers around one, float32."""
        return (around + scale * self.rng.standard_normal(shape)).astype(np.float32)

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Numbers between two, float32."""
        return self.rng.uniform(low, high, shape).astype(np.float32)

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Integers from `low` to `high - 1`, int32."""
        return self.rng.integers(low, high, shape).astype(np.int32)

    def flags(self, many: int, true: int) -> np.ndarray:
        """`many` truth values in random order, of which `true` are true."""
        return self.rng.permutation(np.arange(many) < true)

    def key(self) -> Any:
        """A random key for the answer."""
        return jax.random.key(int(self.rng.integers(2**31)))

    def like(self, tree: Any, scale: float = 1.0) -> Any:
        """A tree of the same shapes and dtypes, its floating-point leaves drawn anew, the others as they are."""

        def drawn(leaf: Any) -> Any:
            leaf = np.asarray(leaf)
            return self.normal(*leaf.shape, scale=scale).astype(leaf.dtype) if leaf.dtype.kind == "f" else leaf

        return jax.tree.map(drawn, tree)
