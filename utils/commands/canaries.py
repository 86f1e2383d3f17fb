"""`python -m utils canaries [--short] [--seed N] [NAME …]`: see whether the installed JAX computes as it should.

A new jaxlib may crash on a program that the last one ran, or give wrong numbers without a word. Each canary computes
a few things with JAX, from drawn shapes and values, and compares them with NumPy. A line is printed for each, and the
exit status is 1 if one failed. As `python -m utils.commands.canaries` any Python will do that has jax and numpy.

The canaries run in a process of their own, all in the same one, since importing JAX takes most of the time. If that
process dies, the canary that was running has failed, and a new process runs those that are left.

Limits. Nearly all values are small whole numbers, none of them zero. Every product and every sum of such numbers is
a whole number that the type can hold (bfloat16 holds them up to 256), so that nothing is rounded: what is right is
off by 0, and one lost, doubled or misplaced number makes a result wrong by 1 or more. LIMIT lies between. What must
be rounded, `precision` looks at; its limit is told there.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from utils.base.command import one_of, parser_of
from utils.base.paths import ROOT

Draw = np.random.Generator
LIMIT = 0.1
PRECISION = 5e-5
# each canary takes a turn with each type, with shapes and values of its own; the short form takes the first turn only
TYPES = ("float32", "bfloat16", "float16")
KNOWN_BAD = {"0.10.2": "it crashes on sums of products"}  # a jaxlib's version → why
PATIENCE = 300  # seconds that a process may take


def run(python: str = sys.executable, names: Sequence[str] = (), short: bool = False, seed: int = 0) -> dict[str, str]:
    """Run canaries, and tell for each what went wrong; "" where nothing did.

    Args:
        python: The interpreter to run them with; it needs jax and numpy.
        names: Some canaries' names; all for none.
        short: Each takes one turn only.
        seed: What shapes and values are drawn from.
    """
    left, faults = list(names or CANARIES), dict[str, str]()
    options = [f"--seed={seed}", *(["--short"] if short else [])]
    environment = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    while left:
        command = [python, "-m", "utils.commands.canaries", "--inside", *options, *left]
        try:
            ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=PATIENCE)
            printed, complaint, status = ended.stdout, ended.stderr, ended.returncode
            end = (status < 0 and signal.strsignal(-status)) or f"exit status {status}"
        except subprocess.TimeoutExpired as late:
            printed, complaint, end = late.stdout or b"", late.stderr or b"", f"not done after {PATIENCE} s"
        lines = printed.decode(errors="replace").splitlines()
        faults |= dict(json.loads(line) for line in lines if line.startswith("["))
        left = [name for name in left if name not in faults]
        if left:  # it died in the next one
            said = complaint.decode(errors="replace").splitlines()[-1:]
            faults[left.pop(0)] = "; ".join([end, *said])
    return faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run canaries and print a line for each. Returns 1 when one failed, else 0."""
    parser = parser_of("canaries", __doc__)
    told = f"of {', '.join(CANARIES)} (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME", type=one_of("canary", CANARIES), help=told)
    parser.add_argument("--short", action="store_true", help="one turn of each, in a few seconds")
    parser.add_argument("--seed", type=int, default=0, help="draw other shapes and values")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # run them in this process
    options = parser.parse_args(arguments)
    if options.inside:
        for name in options.names:
            print(json.dumps([name, fault(name, options.short, options.seed)]), flush=True)
        return 0
    faults = run(names=options.names, short=options.short, seed=options.seed)
    for name, message in faults.items():
        print(f"✗ {name}: {message}" if message else f"✓ {name}")
    return 1 if any(faults.values()) else 0


def fault(name: str, short: bool, seed: int) -> str:
    """Run one canary here. What it draws does not depend on which others run."""
    draw = np.random.default_rng([seed, zlib.crc32(name.encode())])
    try:
        import jax

        for kind in TYPES[: 1 if short else None]:
            CANARIES[name](jax, draw, kind)
    except Exception as problem:
        return " ".join(f"{type(problem).__name__}: {problem}".split())[:500]
    return ""


# --- what canaries share ----------------------------------------------------------------------------------------


def computed(fn: Callable[..., Any], *args: Any, dtype: str | None = None) -> list[np.ndarray]:
    """The results of a jitted function as float64, from arguments in their own type or in `dtype`."""
    import jax

    results = jax.jit(fn)(*(jax.numpy.asarray(arg, dtype) for arg in args))
    return [np.asarray(result).astype(np.float64) for result in jax.tree.leaves(results)]


def compare(what: object, got: Sequence[np.ndarray], *want: Any, limit: float = LIMIT) -> None:
    """Raise an AssertionError where a number is further from what is wanted than the limit. NaN equals NaN."""
    for number, (one, right) in enumerate(zip(got, want, strict=True)):
        told = f"{what}, result {number}"
        np.testing.assert_allclose(one, np.float64(right), rtol=0, atol=limit, err_msg=told, strict=True)


def with_gradients(jax: Any, fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function, and its gradients with respect to its arguments, weighed with one argument more."""

    def both(*args: Any) -> Any:
        result, gradient = jax.vjp(fn, *args[:-1])
        return result, gradient(args[-1])

    return both


def whole(draw: Draw, *shape: int) -> np.ndarray:
    """Whole numbers between -2 and 2, without 0."""
    return draw.choice([-2.0, -1.0, 1.0, 2.0], shape)


class Window(NamedTuple):
    """A window that moves over maps [B, H, W, C]: of each attribute the first is for rows, the second for columns."""

    size: tuple[int, ...]
    step: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]  # before, after

    @classmethod
    def drawn(cls, draw: Draw, maps: tuple[int, ...]) -> Window:
        """A window for maps of a shape, with less padding than its size: it always sees some of the map."""
        size = [int(draw.integers(1, min(3, places) + 1)) for places in maps[1:3]]
        pads = tuple((int(draw.integers(0, places)), int(draw.integers(0, places))) for places in size)
        return cls(tuple(size), tuple(draw.integers(1, 4, 2).tolist()), pads)

    def see(self, maps: np.ndarray, fill: float = 0) -> np.ndarray:
        """What it sees at each of its places: [B, places down, places right, C, *size]."""
        padded = np.pad(maps, ((0, 0), *self.pads, (0, 0)), constant_values=fill)
        seen = np.lib.stride_tricks.sliding_window_view(padded, self.size, (1, 2))
        return seen[:, :: self.step[0], :: self.step[1]]

    def spread(self, seen: np.ndarray, maps: np.ndarray) -> np.ndarray:
        """The gradient of `see`: each number is added to the place of `maps` where it was seen."""
        places = self.see(np.arange(1, maps.size + 1).reshape(maps.shape))  # 0: around the maps
        return np.bincount(places.ravel(), seen.ravel(), maps.size + 1)[1:].reshape(maps.shape)


# --- the canaries: each draws, computes and compares -------------------------------------------------------------


def products(jax: Any, draw: Draw, kind: str) -> None:
    """Products with 4 to 7 axes, summed over one or two of the inner ones, and what crashed jaxlib 0.10.2."""
    cases: list[tuple[list[int], tuple[int, ...]]] = [([3, 1, 2, 2, 8, 8, 8], (3,))]
    for rank in range(4, 8):
        inner = draw.choice(np.arange(1, rank - 1), draw.integers(1, 3), replace=False)
        cases.append((draw.permutation([8, 3, 2, 8, 1, 2, 8][:rank]).tolist(), tuple(inner.tolist())))
    for shape, axes in cases:
        a, b = whole(draw, 2, *shape)
        got = computed(lambda a, b, axes=axes: (a * b).sum(axes), a, b, dtype=kind)
        compare((kind, shape, axes), got, (a * b).sum(axes))


def convolutions(jax: Any, draw: Draw, kind: str) -> None:
    """Convolutions and their gradients with respect to map and kernel."""
    batch, (c, d) = int(draw.choice([1, 4])), draw.permutation([1, 2, 3, 5, 8, 16])[:2]
    maps = whole(draw, batch, *draw.permutation(np.arange(1, 7))[:2], c)
    window = Window.drawn(draw, maps.shape)
    kernel, seen = whole(draw, *window.size, c, d), window.see(maps)
    back = whole(draw, *seen.shape[:3], d)

    def convolve(*of: Any) -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(*of, window.step, window.pads, dimension_numbers=layout)

    right = np.einsum("bijcrs,rscd->bijd", seen, kernel)
    by_maps = window.spread(np.einsum("bijd,rscd->bijcrs", back, kernel), maps)
    by_kernel = np.einsum("bijcrs,bijd->rscd", seen, back)
    got = computed(with_gradients(jax, convolve), maps, kernel, back, dtype=kind)
    compare((kind, maps.shape, kernel.shape, window), got, right, by_maps, by_kernel)


def pooling(jax: Any, draw: Draw, kind: str) -> None:
    """The largest number and the sum in windows, and their gradients."""
    shape = (2, *draw.permutation(np.arange(1, 7))[:2].tolist(), 3)
    maps, signs = draw.permutation(np.prod(shape)).reshape(shape) - 90.0, whole(draw, *shape)  # maps: all different
    window = Window.drawn(draw, shape)
    seen = window.see(maps, -np.inf)
    largest, back = seen.max((-2, -1), keepdims=True), whole(draw, *seen.shape[:4], 1, 1)

    def pooled(maps: np.ndarray, start: float, join: Any) -> list[np.ndarray]:
        moves = ((1, *window.size, 1), (1, *window.step, 1), ((0, 0), *window.pads, (0, 0)))
        pool = with_gradients(jax, lambda maps: jax.lax.reduce_window(maps, start, join, *moves))
        return computed(pool, maps, back[..., 0, 0], dtype=kind)

    tops = largest[..., 0, 0], window.spread(back * (seen == largest), maps)
    totals = window.see(signs).sum((-2, -1)), window.spread(back * np.ones(window.size), maps)
    compare((kind, shape, window), pooled(maps, -np.inf, jax.lax.max), *tops)
    compare((kind, shape, window), pooled(signs, 0.0, jax.lax.add), *totals)


def scatter(jax: Any, draw: Draw, kind: str) -> None:
    """Rows that are added, compared and set at places, some of which come twice; the gradient of a look-up."""
    rows, width = int(draw.integers(1, 9)), int(draw.integers(1, 6))
    table, new = whole(draw, rows, width), whole(draw, 12, width)
    places, once = draw.integers(0, rows, 12), draw.permutation(rows)

    def results(table: Any, new: Any) -> Any:
        at, gradient = table.at[places], jax.vjp(lambda of: of[places], table)[1]
        return at.add(new), at.max(new), table.at[once].set(new[:rows]), gradient(new)

    added, largest, replaced = table.copy(), table.copy(), new[:rows][np.argsort(once)]
    np.add.at(added, places, new)
    np.maximum.at(largest, places, new)
    compare((kind, rows, width), computed(results, table, new, dtype=kind), added, largest, replaced, added - table)


def sort(jax: Any, draw: Draw, kind: str) -> None:
    """Sorting of numbers with NaN, of equal numbers in order, and downwards."""
    shape = tuple(draw.integers(1, 20, 2).tolist())
    numbers, counts = draw.choice([-np.inf, -1.5, 0, 2, 3, np.inf, np.nan], shape), draw.integers(-9, 9, shape)

    def results(numbers: Any, counts: Any) -> Any:
        up = jax.numpy.sort(numbers, 0), jax.numpy.argsort(numbers, 1, stable=True)
        return *up, jax.numpy.sort(counts, 1, descending=True), *jax.lax.top_k(counts, shape[1])

    up, order = np.argsort(numbers, 1, stable=True), np.argsort(-counts, 1, stable=True)
    down = np.take_along_axis(counts, order, 1)
    compare(shape, computed(results, numbers, counts), np.sort(numbers, 0), up, down, down, order)


def scan(jax: Any, draw: Draw, kind: str) -> None:
    """A recurrence and its gradients."""
    steps, width = int(draw.integers(2, 12)), int(draw.integers(1, 5))
    a, b, back = whole(draw, 3, steps, width)
    a = np.sign(a)  # so that states stay small

    def step(state: Any, ab: tuple[Any, Any]) -> Any:
        return ab[0] * state + ab[1]

    def results(a: Any, b: Any) -> Any:
        return jax.lax.scan(lambda state, ab: (step(state, ab),) * 2, jax.numpy.zeros(width), (a, b))[1]

    states = np.stack(list(accumulate(zip(a, b, strict=True), step, initial=np.zeros(width))))
    backwards = zip(a[:0:-1], back[-2::-1], strict=True)
    by_b = np.stack(list(accumulate(backwards, step, initial=back[-1])))[::-1]
    got = computed(with_gradients(jax, results), a, b, back, dtype="float32")
    compare((steps, width), got, states[1:], by_b * states[:-1], by_b)


def loops(jax: Any, draw: Draw, kind: str) -> None:
    """Loops that end when their numbers say so, for one number and for many at once."""
    starts = draw.integers(1, 60, int(draw.integers(2, 9)))

    def steps(n: Any) -> Any:
        def step(state: Any) -> Any:
            n, count = state
            return jax.numpy.where(n % 2, 3 * n + 1, n // 2), count + 1

        return jax.lax.while_loop(lambda state: state[0] != 1, step, (n, 0))[1]

    def by_hand(n: int) -> int:
        return 0 if n == 1 else 1 + by_hand(3 * n + 1 if n % 2 else n // 2)

    def results(starts: Any) -> Any:
        squares = jax.lax.fori_loop(0, starts[1], lambda i, total: total + i * i, 0)
        return jax.vmap(steps)(starts), steps(starts[0]), squares

    counts = np.array([by_hand(int(n)) for n in starts])
    compare(starts, computed(results, starts), counts, counts[0], (np.arange(starts[1]) ** 2).sum())


def sixteen(jax: Any, draw: Draw, kind: str) -> None:
    """16-bit types: products of matrices, sums, and that what must be rounded goes to the nearest number."""
    kind = "bfloat16" if kind == "float32" else kind
    m, n, k = draw.permutation([1, 3, 8, 17, 32])[:3]
    a, b = whole(draw, 2, m, n), whole(draw, 2, n, k)
    wide = draw.normal(0, 10, (m, n)).astype(np.float32)
    narrow = wide.astype(jax.numpy.dtype(kind))

    got = computed(lambda a, b: (a @ b, a.sum(2), (a * a).sum((0, 2))), a, b, dtype=kind)
    compare((kind, m, n, k), got, a @ b, a.sum(2), (a * a).sum((0, 2)))
    got = computed(lambda wide, narrow: (wide.astype(kind), narrow * narrow[0]), wide, narrow)
    compare((kind, m, n, "rounded"), got, narrow, narrow * narrow[0], limit=0)


def precision(jax: Any, draw: Draw, kind: str) -> None:
    """float32 is no less than that: products of matrices, sums and functions of drawn numbers, against float64.

    PRECISION counts in parts of the sum of all that was added, without signs. Of that, rounding gives at most 5e-7,
    and products of bfloat16 where float32 was asked for 5e-4 or more.
    """
    m, n, k = draw.permutation([1, 5, 16, 33, 64])[:3]
    a, b = draw.normal(size=(m, n)).astype(np.float32), draw.normal(size=(n, k)).astype(np.float32)
    x, y = a.astype(float), b.astype(float)

    def results(a: Any, b: Any) -> Any:
        return jax.numpy.matmul(a, b, precision="highest"), a.sum(1), jax.numpy.tanh(a), jax.nn.softmax(a)

    tanh, softmax = np.tanh(x), np.exp(x) / np.exp(x).sum(1, keepdims=True)
    right, scales = (x @ y, x.sum(1), tanh, softmax), (abs(x) @ abs(y), abs(x).sum(1), abs(tanh), softmax)
    got = map(np.divide, computed(results, a, b), scales)
    compare((m, n, k), list(got), *map(np.divide, right, scales), limit=PRECISION)


CANARIES: dict[str, Callable[[Any, Draw, str], None]] = {
    canary.__name__: canary
    for canary in (products, convolutions, pooling, scatter, sort, scan, loops, sixteen, precision)
}

if __name__ == "__main__":
    sys.exit(main())
