"""`median_time`: on a clock and a device that are drawn, so that each time is known: queued work, outliers, several results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise

TICK = 2.0**-10  # seconds; all times are multiples of it, so that sums are exact
FORMS: dict[str, Callable[[list[Pending]], Any]] = {
    "array": lambda parts: parts[0],
    "pair": tuple,
    "tree": lambda parts: {"state": {"w": parts[0], "b": [parts[1]]}, "loss": parts[2]},
}
PARTS = {"array": 1, "pair": 2, "tree": 3}


class Pending:
    """An array that is there at a certain time; whoever wants it waits until then."""

    shape, dtype, ndim, size = (), np.dtype(np.float32), 0, 1

    def __init__(self, device: Device, ready: float):
        self._device, self._ready = device, ready

    def block_until_ready(self) -> Pending:
        """Wait."""
        self._device.now = max(self._device.now, self._ready)
        return self

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        self.block_until_ready()
        return np.zeros((), np.float32)


class Device:
    """Does one call after the other, while Python goes on, and has a clock. The first call is compiled."""

    def __init__(self, hand_over: float, compiling: float, works: list[list[float]], form: str, args: tuple[int, ...]):
        self.now, self.calls, self.looks, self._free = 2.0**20, 0, 0, 0.0  # float32 cannot hold the times
        self._hand_over, self._compiling, self._works, self._form, self._args = hand_over, compiling, works, form, args

    def clock(self) -> float:
        """The time in seconds."""
        self.looks += 1
        return self.now

    def step(self, *args: Any, **named: Any) -> Any:
        """Hand the next call over; its parts are ready later, each at its time."""
        if any(isinstance(arg, jax.core.Tracer) for arg in args):
            raise Told("`step` was traced: is there a `jax.jit` around it? Time `step` as it is.")
        if args != self._args or named:
            raise Told(
                f"`step` was called with {len(args) + len(named)} argument(s) that differ from `args`: call `step(*args)`."
            )
        works = self._works[self.calls % len(self._works)]
        self.now += self._hand_over + (0 if self.calls else self._compiling)
        self.calls += 1
        begins = max(self.now, self._free)
        self._free = begins + max(works)
        return FORMS[self._form]([Pending(self, begins + work) for work in works])


def draw(rng: Draw, rounds: int, form: str) -> dict[str, Any]:
    """Times in ticks: of one call in four, but of the first, the work takes several times as long."""
    works = rng.integers(20, 60, rounds + 1, PARTS[form])
    works[1 + rng.rng.permutation(rounds)[: (rounds + 2) // 4]] *= 20
    works[:, rng.turn % PARTS[form]] += 10  # which part is the last
    return {
        "works": (works * TICK).tolist(),
        "hand_over": int(rng.integers(3, 9)) * TICK,
        "compiling": int(rng.integers(5000, 9000)) * TICK,
        "args": tuple(range(rng.turn, 3)),
        "rounds": rounds,
        "form": form,
    }


def ask(
    answer: Any, own: Any, *, works: Any, hand_over: float, compiling: float, args: Any, rounds: int, form: str
) -> Any:
    """The median, and how often `step` was called."""
    for disabled in (True, False):  # first so that an endless loop can be stopped; then a compiled `step` is traced
        device = Device(hand_over, compiling, works, form, args)
        with jax.disable_jit(disabled):
            seconds = answer(device.step, args, rounds, device.clock)
    if device.calls and not device.looks:
        raise Told("It never read the `clock` that it was given. Does it call `clock()`, or another clock?")
    if np.shape(seconds) or not jax.tree_util.all_leaves([seconds]):
        raise Told("It returned more than one number. Return only the median.")
    return {"seconds": float(seconds), "calls of step": device.calls}


median_time = Exercise(
    name="median_time",
    title="A stopwatch that waits",
    stars=1,
    minutes=8,
    points=1,
    hints=(
        "`jax.block_until_ready(tree)` waits for every array in a tree, and returns the tree.",
        "Wait before you read the clock again: `begin = clock()`, the call, the wait, `clock() - begin`. Wait for the first call as "
        "well; otherwise the first round has to wait for it.",
        "Use `times.append(clock() - begin)` in a loop of `rounds`, then return `float(np.median(times))`.",
    ),
    crosses="values",
    sizes=(
        {"rounds": 5, "form": "array"},
        {"rounds": 1, "form": "array", "about": "a single round"},
        {"rounds": 4, "form": "pair", "about": "an even number of rounds, two arrays"},
        {"rounds": 7, "form": "tree", "about": "a tree of arrays"},
        {"rounds": 2, "form": "tree", "about": "two rounds, a tree of arrays"},
    ),
    draw=draw,
    ask=ask,
)
