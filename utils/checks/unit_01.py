"""The checks of unit 01: arrays, tracing, gradients, keys and pytrees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from utils.checks import probes
from utils.checks.registry import Unit, Wrong

unit = Unit("01_jnp_and_jit")


def equations(fn: Any, *args: Any) -> Iterator[Any]:
    """All equations of the function's jaxpr, those inside loops and nested `jit`s included, each once."""
    with probes.doing("tracing it"):
        waiting = [jax.make_jaxpr(fn)(*args).jaxpr]
    while waiting:
        for equation in waiting.pop().eqns:
            yield equation
            waiting += core.jaxprs_in_params(equation.params)


# --- 1 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "`jnp.mean` and `jnp.std` take `axis`. Which axis are the rows? That one must go.",
        "The results are [D]; against x [N, D] they broadcast by themselves: no loop. Only a constant column is left "
        "to care for, where the standard deviation is 0.",
        "Divide by `jnp.where(std > 0, std, 1.0)`.",
    ),
    wrong=(
        Wrong(
            "statistics of the whole table",
            says="of the whole table",
            code="""
def standardise(x):
    std = jnp.std(x)
    return (x - jnp.mean(x)) / jnp.where(std > 0, std, 1.0)
""",
        ),
        Wrong(
            "rows instead of columns",
            says="each row, not each column",
            code="""
def standardise(x):
    std = jnp.std(x, axis=1, keepdims=True)
    return (x - jnp.mean(x, axis=1, keepdims=True)) / jnp.where(std > 0, std, 1.0)
""",
        ),
        Wrong(
            "divides by N - 1",
            says="N − 1",
            code="""
def standardise(x):
    std = jnp.std(x, axis=0, ddof=1)
    return (x - jnp.mean(x, axis=0)) / jnp.where(std > 0, std, 1.0)
""",
        ),
        Wrong(
            "divides by the variance",
            says="by the variance",
            code="""
def standardise(x):
    variance = jnp.var(x, axis=0)
    return (x - jnp.mean(x, axis=0)) / jnp.where(variance > 0, variance, 1.0)
""",
        ),
        Wrong(
            "does not subtract the mean",
            says="the mean is still there",
            code="""
def standardise(x):
    std = jnp.std(x, axis=0)
    return x / jnp.where(std > 0, std, 1.0)
""",
        ),
        Wrong(
            "a constant column gives 0 / 0",
            says="constant column became NaN",
            code="""
def standardise(x):
    return (x - jnp.mean(x, axis=0)) / jnp.std(x, axis=0)
""",
        ),
        Wrong(
            "writes into the array",
            says="cannot be changed in place",
            code="""
def standardise(x):
    for j in range(x.shape[1]):
        x[:, j] = (x[:, j] - x[:, j].mean()) / x[:, j].std()
    return x
""",
        ),
        Wrong(
            "asks a traced value with if",
            says="A Python `if`",
            code="""
def standardise(x):
    columns = []
    for j in range(x.shape[1]):
        column = x[:, j] - x[:, j].mean()
        if column.std() > 0:
            column = column / column.std()
        columns.append(column)
    return jnp.stack(columns, axis=1)
""",
        ),
        Wrong(
            "uses a NumPy function",
            says="A NumPy function",
            code="""
def standardise(x):
    std = jnp.std(x, axis=0)
    return (x - jnp.mean(x, axis=0)) / np.where(std > 0, std, 1.0)
""",
        ),
    ),
)
def standardise(answer: Any, reference: Any) -> None:
    """Standardise the columns of a table."""
    x = jnp.array([[1.0, 10.0, 5.0], [2.0, 40.0, 4.0], [4.0, 20.0, 9.0], [8.0, 80.0, 1.0]])
    probes.same_shapes(answer, reference, x)
    want = reference(x)
    rows = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    probes.close(
        probes.call(answer, x),
        want,
        mistakes={
            "Mean and standard deviation are those of the whole table. Each column has its own: `axis=0`.": (
                (x - x.mean()) / x.std()
            ),
            "You standardised each row, not each column. `axis` names the axis that disappears.": rows,
            "This divides by N − 1 under the root (`ddof=1`, the estimate from a sample). Here the usual N is wanted.": (
                (x - x.mean(0)) / x.std(0, ddof=1)
            ),
            "You divide by the variance. Its square root is wanted: `jnp.std`.": (x - x.mean(0)) / x.var(0),
            "The spread is right, but the mean is still there: subtract it.": x / x.std(0),
        },
        because="Every column should have mean 0 and standard deviation 1.",
        rtol=1e-4,
        atol=1e-5,
    )
    constant = jnp.array([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0], [6.0, 7.0]])
    got = answer(constant)
    if bool(jnp.isnan(got).any()):
        probes.fail(
            "The constant column became NaN: its standard deviation is 0, and 0 / 0 is NaN. Divide by something else there."
        )
    probes.close(got, reference(constant), because="The second column is constant: it should become 0.", rtol=1e-4)
    probes.jits(answer, x)
    probes.pure(answer, x)


# --- 2 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=1,
    minutes=10,
    points=2,
    hints=(
        "First the bin of every value, as an array of integers; then `jnp.zeros(bins, jnp.int32).at[places].add(1)`.",
        "`jnp.floor` before `.astype(jnp.int32)`: the conversion alone rounds towards zero. A value below `low` gets a negative "
        "place, and −1 means the last bin.",
        "Send every outsider to the place `bins`, one past the end, where an update is dropped: "
        "`jnp.where((values >= low) & (values < high), places, bins)`.",
    ),
    wrong=(
        Wrong(
            "sets instead of adding",
            says="writes a 1 however often",
            code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where((values >= low) & (values < high), places, bins)
    return jnp.zeros(bins, jnp.int32).at[places].set(1)
""",
        ),
        Wrong(
            "writes into the array",
            says="cannot be changed in place",
            code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where((values >= low) & (values < high), places, bins)
    counts = jnp.zeros(bins, jnp.int32)
    counts[places] += 1
    return counts
""",
        ),
        Wrong(
            "negative places count from the end",
            says="counts from the end",
            code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
""",
        ),
        Wrong(
            "clips outsiders into the end bins",
            says="first and the last bin",
            code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[jnp.clip(places, 0, bins - 1)].add(1)
""",
        ),
        Wrong(
            "rounds towards zero",
            says="rounds towards zero",
            code="""
def histogram(values, low, high, bins):
    places = ((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where(places >= 0, places, bins)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
""",
        ),
        Wrong(
            "rounds to the nearest bin",
            says="nearest",
            code="""
def histogram(values, low, high, bins):
    places = jnp.round((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where((values >= low) & (values < high), places, bins)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
""",
        ),
        Wrong(
            "counts the upper end, as np.histogram does",
            says="equal to `high`",
            code="""
def histogram(values, low, high, bins):
    return jnp.histogram(values, bins=bins, range=(low, high))[0].astype(jnp.int32)
""",
        ),
        Wrong(
            "counts in floating point",
            says="has dtype float32",
            code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where((values >= low) & (values < high), places, bins)
    return jnp.zeros(bins).at[places].add(1)
""",
        ),
        Wrong(
            "filters with a boolean index",
            says="has a shape that depends on values",
            code="""
def histogram(values, low, high, bins):
    values = values[(values >= low) & (values < high)]
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
""",
        ),
        Wrong(
            "a Python loop over the values",
            says="once for every value",
            code="""
def histogram(values, low, high, bins):
    counts = jnp.zeros(bins, jnp.int32)
    for value in values:
        place = jnp.floor((value - low) / (high - low) * bins).astype(jnp.int32)
        counts = counts.at[jnp.where((value >= low) & (value < high), place, bins)].add(1)
    return counts
""",
        ),
    ),
)
def histogram(answer: Any, reference: Any) -> None:
    """Count values into bins with `.at`."""
    low, high, bins = -1.0, 1.0, 4
    values = jnp.array([-0.9, -0.9, -0.3, 0.1, 0.6, 0.7, 0.8, -1.2, -3.0, 1.0, 5.0])

    def counts(values: Any) -> Any:
        return answer(values, low, high, bins)

    probes.same_shapes(answer, reference, values, low=low, high=high, bins=bins)
    want = reference(values, low, high, bins)
    scaled = (values - low) / (high - low) * bins
    floors, truncated = jnp.floor(scaled).astype(jnp.int32), scaled.astype(jnp.int32)
    inside = (values >= low) & (values < high)

    def added(places: Any) -> Any:
        return jnp.zeros(bins, jnp.int32).at[places].add(1)

    probes.close(
        probes.call(counts, values),
        want,
        mistakes={
            "Every bin holds 0 or 1: `.set(1)` writes a 1 however often a place occurs. `.add(1)` accumulates.": jnp.minimum(
                want, 1
            ),
            "Values below `low` are counted: their place is negative, and a negative index counts from the end of the array.": added(
                floors
            ),
            "Values outside are counted in the first and the last bin (clipped?). They should not be counted at all.": (
                added(jnp.clip(floors, 0, bins - 1))
            ),
            "A value a little below `low` is counted in the first bin: `.astype(int)` rounds towards zero. Use `jnp.floor`, or compare with `low`.": (
                added(jnp.where(truncated >= 0, truncated, bins))
            ),
            "A value goes to the nearest bin edge, not to the bin that it lies in: `jnp.floor`, not `jnp.round`.": (
                added(jnp.where(inside, jnp.round(scaled).astype(jnp.int32), bins))
            ),
            "A value equal to `high` is counted in the last bin, as `np.histogram` does. Here the interval ends before `high`.": (
                want.at[-1].add(jnp.sum(values == high))
            ),
        },
        because="Compare with the loop above the cell.",
    )
    short, long = (len(list(equations(counts, jnp.linspace(-1, 1, n)))) for n in (8, 32))
    probes.expect(
        long < short + 24,
        "The program is written out once for every value: a Python loop under `jit` is unrolled. Index with the whole array.",
    )
    probes.jits(counts, values)
    other = jnp.array([3.0, 9.9, 10.0, 2.0])
    probes.close(
        probes.call(answer, other, 2.0, 10.0, 2),
        reference(other, 2.0, 10.0, 2),
        because="That was with low=2, high=10, bins=2.",
    )


# --- 3 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "`jnp.where(condition, a, b)` chooses for each element. It always computes both `a` and `b`.",
        "It differentiates both, too: the gradient of the unused logarithm at −2 is NaN, and 0 · NaN is NaN. So the logarithm must "
        "never see a negative number.",
        "A second `jnp.where` inside: `jnp.log1p(jnp.where(x > 0, x, 0.0))`.",
    ),
    wrong=(
        Wrong(
            "a Python if",
            says="a whole array",
            code="""
def compress(x):
    if x > 0:
        return jnp.log1p(x)
    return x
""",
        ),
        Wrong(
            "np.where",
            says="A NumPy function",
            code="""
def compress(x):
    return np.where(x > 0, jnp.log1p(x), x)
""",
        ),
        Wrong(
            "where outside only",
            says="differentiates both branches",
            code="""
def compress(x):
    return jnp.where(x > 0, jnp.log1p(x), x)
""",
        ),
        Wrong(
            "multiplies by masks",
            says="A mask times NaN",
            code="""
def compress(x):
    positive = (x > 0).astype(x.dtype)
    return positive * jnp.log1p(x) + (1 - positive) * x
""",
        ),
        Wrong(
            "branches swapped",
            says="the wrong way round",
            code="""
def compress(x):
    return jnp.where(x > 0, x, jnp.log1p(x))
""",
        ),
        Wrong(
            "log instead of log1p",
            says="log(x), not log(1 + x)",
            code="""
def compress(x):
    positive = x > 0
    return jnp.where(positive, jnp.log(jnp.where(positive, x, 1.0)), x)
""",
        ),
        Wrong(
            "negative numbers compressed, too",
            says="Negative numbers are compressed, too",
            code="""
def compress(x):
    return jnp.sign(x) * jnp.log1p(jnp.abs(x))
""",
        ),
        Wrong(
            "negative numbers cut off",
            says="Negative numbers became 0",
            code="""
def compress(x):
    return jnp.log1p(jnp.maximum(x, 0.0))
""",
        ),
        Wrong(
            "lax.cond on an array",
            says="Pred must be a scalar",
            code="""
def compress(x):
    return lax.cond(x > 0, jnp.log1p, lambda x: x, x)
""",
        ),
        Wrong(
            "assigns through a mask with at",
            says="has a shape that depends on values",
            code="""
def compress(x):
    return x.at[x > 0].set(jnp.log1p(x[x > 0]))
""",
        ),
    ),
)
def compress(answer: Any, reference: Any) -> None:
    """A function in two pieces whose gradient is finite everywhere."""
    mild = jnp.array([[-0.8, -0.3, 0.2], [0.5, 1.5, 4.0]])
    probes.same_shapes(answer, reference, mild)
    want = reference(mild)
    probes.close(
        probes.call(answer, mild),
        want,
        mistakes={
            "The pieces are the wrong way round: `jnp.where(condition, where_true, where_false)`.": (
                jnp.where(mild > 0, mild, jnp.log1p(mild))
            ),
            "It computes log(x), not log(1 + x): the pieces would not meet at 0. `jnp.log1p` does it exactly.": (
                jnp.where(mild > 0, jnp.log(jnp.abs(mild)), mild)
            ),
            "Negative numbers are compressed, too. They should stay as they are.": jnp.sign(mild)
            * jnp.log1p(jnp.abs(mild)),
            "Negative numbers became 0. They should stay as they are.": jnp.log1p(jnp.maximum(mild, 0)),
            "Negative numbers changed their sign. They should stay as they are.": jnp.log1p(jnp.abs(mild)),
        },
    )
    wild = jnp.array([-5.0, -2.0, -1.0, 0.0, 3.0])
    got = answer(wild)
    if bool(jnp.isnan(got).any()):
        probes.fail(
            "A mask times NaN is NaN, not 0: log(1 + x) has no value below −1. Choose with `jnp.where` instead of multiplying."
        )
    probes.close(got, reference(wild))
    probes.jits(answer, wild)
    probes.gradient(lambda x: jnp.sum(answer(x)), jnp.array([-5.0, -2.0, -1.0, -0.4, 0.6, 3.0]))
    at_zero = float(jax.grad(lambda x: jnp.sum(answer(x)))(jnp.zeros(())))
    probes.expect(abs(at_zero - 1) < 1e-3, f"The gradient at 0 is {at_zero:.3g}; both pieces have slope 1 there.")


# --- 4 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "`jax.jit(model)` once, before the loop. `range(0, len(x), size)` gives where each batch starts.",
        "`np.pad(rows, ((0, missing), (0, 0)))` fills the last batch up to `size` rows.",
        "Collect the results [size, K] in a list, join them, and cut off what is too much: `np.concatenate(results)[: len(x)]`.",
    ),
    wrong=(
        Wrong(
            "the last batch is not filled up",
            says="the last, shorter batch",
            code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    return jnp.concatenate([compiled(x[i : i + size]) for i in range(0, len(x), size)])
""",
        ),
        Wrong(
            "drops the last rows",
            says="The last rows are missing",
            code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    return jnp.concatenate([compiled(x[i * size : (i + 1) * size]) for i in range(max(1, len(x) // size))])
""",
        ),
        Wrong(
            "returns the padding's results, too",
            says="results of the padding",
            code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    padded = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return jnp.concatenate([compiled(padded[i : i + size]) for i in range(0, len(padded), size)])
""",
        ),
        Wrong(
            "compiles a new function in each round",
            says="each round compiles",
            code="""
def predict(model, x, size):
    padded = np.pad(x, ((0, -len(x) % size), (0, 0)))
    results = [jax.jit(lambda rows: model(rows))(padded[i : i + size]) for i in range(0, len(padded), size)]
    return jnp.concatenate(results)[: len(x)]
""",
        ),
        Wrong(
            "never compiles",
            says="never compiled",
            code="""
def predict(model, x, size):
    padded = np.pad(x, ((0, -len(x) % size), (0, 0)))
    results = [model(padded[i : i + size]) for i in range(0, len(padded), size)]
    return jnp.concatenate(results)[: len(x)]
""",
        ),
        Wrong(
            "all rows at once",
            says="all the rows at once",
            code="""
def predict(model, x, size):
    return jax.jit(model)(x)
""",
        ),
        Wrong(
            "one row at a time",
            says="one row at a time",
            code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    return jnp.concatenate([compiled(row[None]) for row in x])
""",
        ),
        Wrong(
            "returns a list of batches",
            says="a `list` of 3",
            code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    results = []
    for i in range(0, len(x), size):
        rows = x[i : i + size]
        results.append(compiled(np.pad(rows, ((0, size - len(rows)), (0, 0))))[: len(rows)])
    return results
""",
        ),
        Wrong(
            "repeats earlier rows in the last batch",
            says="appear twice",
            code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    starts = [min(i, len(x) - size) for i in range(0, len(x), size)]
    return jnp.concatenate([compiled(x[i : i + size]) for i in starts])
""",
        ),
    ),
)
def predict(answer: Any, reference: Any) -> None:
    """Run a model over any number of rows with one compilation."""
    size, rows = 4, 10
    x = np.linspace(-1, 1, rows * 3, dtype=np.float32).reshape(rows, 3)
    seen: list[tuple[int, ...]] = []
    compiled: list[bool] = []

    def model(rows: Any) -> Any:
        seen.append(rows.shape)
        compiled.append(isinstance(rows, jax.core.Tracer))
        return jnp.stack([rows.sum(1), rows[:, 0] * rows[:, 2]], axis=1)

    got = probes.call(answer, model, x, size)
    probes.expect(bool(seen), "It never calls `model`.")
    probes.expect(
        all(compiled),
        "The model was never compiled: each batch ran it operation by operation. Wrap it in `jax.jit` first.",
    )
    if (rows, 3) in seen:
        probes.fail(
            "The model got all the rows at once: every other number of rows would compile again. Give it `size` rows each time."
        )
    if (1, 3) in seen:
        probes.fail(
            "The model got one row at a time: compiled once, but run ten times where three would do. Give it `size` rows each time."
        )
    shapes = set(seen)
    if shapes == {(size, 3), (rows % size, 3)}:
        probes.fail(
            "The model was compiled a second time, for the last, shorter batch. Fill that batch up to `size` rows."
        )
    want = reference(lambda rows: jnp.stack([rows.sum(1), rows[:, 0] * rows[:, 2]], axis=1), x, size)
    if hasattr(got, "shape"):
        longer = got.shape == (12, 2)
        if longer and np.allclose(got[:rows], want, atol=1e-6):
            probes.fail("The results of the padding are returned, too: 12 rows for 10. Cut them off.")
        if longer and np.allclose(got[8:], want[6:], atol=1e-6):
            probes.fail(
                "Some rows appear twice: the last batch was filled with earlier rows, and their results were kept."
            )
        probes.expect(got.shape != (8, 2), "The last rows are missing: 10 rows, batches of 4, and only 8 results.")
    probes.like(got, want)
    probes.close(got, want, because="Are the results in the order of the rows?")
    probes.expect(
        shapes == {(size, 3)},
        f"The model got batches of shape {sorted(shapes)}; each should have `size` = {size} rows.",
    )
    probes.expect(
        len(seen) == 1,
        f"The model was traced {len(seen)} times though every batch has the same shape: each round compiles a new function. "
        "Call `jax.jit` once, before the loop.",
    )
    for rows_left in (8, 3):
        want = reference(lambda rows: jnp.tanh(rows), x[:rows_left], size)
        got = probes.call(answer, lambda rows: jnp.tanh(rows), x[:rows_left], size)
        probes.close(got, want, because=f"That was with {rows_left} rows and a size of {size}.")


# --- 5 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "`lax.scan(step, first_state, x)` calls `step(state, row)` for each row of x. The state is the average so far.",
        "`step` returns a pair: the state to carry on, and what to keep of this round. Here both are the new average.",
        "Start with `x[0]`: the first round then gives decay · x[0] + (1 − decay) · x[0], which is x[0]. `scan` returns the last "
        "state and the kept ones; you want the second.",
    ),
    wrong=(
        Wrong(
            "starts from zero",
            says="starts from 0",
            code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, jnp.zeros_like(x[0]), x)[1]
""",
        ),
        Wrong(
            "weights swapped",
            says="weights are swapped",
            code="""
def moving_average(x, decay):
    def step(average, row):
        average = (1 - decay) * average + decay * row
        return average, average
    return lax.scan(step, x[0], x)[1]
""",
        ),
        Wrong(
            "returns the last state",
            says="only the last average",
            code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x)[0]
""",
        ),
        Wrong(
            "returns scan's pair",
            says="a `tuple` of 2",
            code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x)
""",
        ),
        Wrong(
            "a Python loop",
            says="grows with the number of rows",
            code="""
def moving_average(x, decay):
    average, averages = x[0], []
    for row in x:
        average = decay * average + (1 - decay) * row
        averages.append(average)
    return jnp.stack(averages)
""",
        ),
        Wrong(
            "keeps the rows",
            says="are the rows themselves",
            code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, row
    return lax.scan(step, x[0], x)[1]
""",
        ),
        Wrong(
            "keeps the average before the update",
            says="one row late",
            code="""
def moving_average(x, decay):
    def step(average, row):
        return decay * average + (1 - decay) * row, average
    return lax.scan(step, x[0], x)[1]
""",
        ),
        Wrong(
            "appends to a list inside scan",
            says="kept in a variable outside",
            code="""
def moving_average(x, decay):
    averages = []
    def step(average, row):
        average = decay * average + (1 - decay) * row
        averages.append(average)
        return average, None
    lax.scan(step, x[0], x)
    return jnp.stack(averages)
""",
        ),
        Wrong(
            "state and row in the wrong order",
            says="forgets all but",
            code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return row, average
    return lax.scan(step, x[0], x)[1]
""",
        ),
        Wrong(
            "writes into an array",
            says="cannot be changed in place",
            code="""
def moving_average(x, decay):
    averages = jnp.zeros_like(x)
    averages[0] = x[0]
    for t in range(1, len(x)):
        averages[t] = decay * averages[t - 1] + (1 - decay) * x[t]
    return averages
""",
        ),
    ),
)
def moving_average(answer: Any, reference: Any) -> None:
    """An exponential moving average with `lax.scan`."""
    x = jnp.array([[1.0, -2.0], [4.0, 0.5], [2.0, 3.0], [7.0, -1.0], [3.0, 5.0]])
    decay = 0.7
    want = reference(x, decay)
    got = probes.call(answer, x, decay)
    if getattr(got, "shape", None) == x.shape[1:]:
        probes.fail(
            "You returned only the last average, [D]. `lax.scan` returns (last state, all that was kept): you want the second."
        )
    probes.like(got, want)
    before = jnp.concatenate([x[:1], x[:-1]])
    probes.close(
        got,
        want,
        mistakes={
            "The average starts from 0. It should start from the first row, or the first results are too small.": (
                want - decay ** jnp.arange(1, 6.0)[:, None] * x[0]
            ),
            "The weights are swapped: `decay` belongs to the old average, 1 − decay to the new row.": reference(
                x, 1 - decay
            ),
            "These are the rows themselves: the second thing that `step` returns is what `scan` keeps.": x,
            "The averages come one row late: keep the average *after* the update.": jnp.concatenate(
                [want[:1], want[:-1]]
            ),
            "It forgets all but the row before: the first thing that `step` returns is carried on, and that should be the average.": (
                decay * before + (1 - decay) * x
            ),
        },
    )
    probes.same_shapes(answer, reference, x, decay)
    short, long = (len(list(equations(answer, jnp.ones((n, 2)), decay))) for n in (8, 128))
    probes.expect(
        long < short + 120,  # one operation a row; `lax.associative_scan` grows with the logarithm
        f"The program grows with the number of rows: {short} operations for 8 rows, {long} for 128. A Python loop is unrolled; "
        "`lax.scan` holds its body once.",
    )
    probes.jits(answer, x, decay)
    probes.close(probes.call(answer, x[:1], decay), x[:1], because="With a single row the result is that row.")


# --- 6 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "Two draws, so two keys: `key_sign, key_noise = jax.random.split(key)`.",
        "A coin for each signal has the shape (B, 1), which broadcasts along the signal; the noise has the shape of `signals`.",
        "`jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)` is −1 or 1; "
        "`scale * jax.random.normal(key_noise, signals.shape)` is the noise.",
    ),
    wrong=(
        Wrong(
            "uses the key twice",
            says="One key is used for two draws",
            code="""
def augment(key, signals, scale):
    signs = jax.random.rademacher(key, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.normal(key, signals.shape)
""",
        ),
        Wrong(
            "a key of its own",
            says="Another key gives the same result",
            code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(jax.random.key(0))
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.normal(key_noise, signals.shape)
""",
        ),
        Wrong(
            "NumPy's generator",
            says="NumPy's generator?",
            code="""
def augment(key, signals, scale):
    signs = jax.random.rademacher(key, (len(signals), 1), signals.dtype)
    return signs * signals + scale * np.random.normal(size=signals.shape).astype(np.float32)
""",
        ),
        Wrong(
            "one coin for all signals",
            says="One coin for all signals",
            code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    sign = jax.random.rademacher(key_sign, (), signals.dtype)
    return sign * signals + scale * jax.random.normal(key_noise, signals.shape)
""",
        ),
        Wrong(
            "a coin for each number",
            says="Each number has a coin",
            code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, signals.shape, signals.dtype)
    return signs * signals + scale * jax.random.normal(key_noise, signals.shape)
""",
        ),
        Wrong(
            "the same noise for every signal",
            says="the same noise",
            code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.normal(key_noise, signals.shape[1:])
""",
        ),
        Wrong(
            "one shift for the whole signal",
            says="shifts the signal as a whole",
            code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.normal(key_noise, (len(signals), 1))
""",
        ),
        Wrong(
            "scale taken for the variance",
            says="for the variance",
            code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + jnp.sqrt(scale) * jax.random.normal(key_noise, signals.shape)
""",
        ),
        Wrong(
            "uniform noise",
            says="not Gaussian",
            code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.uniform(key_noise, signals.shape, minval=-1.7320508, maxval=1.7320508)
""",
        ),
        Wrong(
            "0 or 1 instead of minus 1 or 1",
            says="wiped out",
            code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    keep = jax.random.bernoulli(key_sign, 0.5, (len(signals), 1))
    return keep * signals + scale * jax.random.normal(key_noise, signals.shape)
""",
        ),
    ),
)
def augment(answer: Any, reference: Any) -> None:
    """Altered copies of signals, from one key."""
    key, scale = jax.random.key(3), 0.25
    signals = jnp.full((500, 4), 10.0)
    probes.same_shapes(answer, reference, key, signals, scale)
    probes.keys(answer, key, signals, scale)
    probes.jits(answer, key, signals, scale)

    got = np.asarray(probes.call(answer, key, signals, scale))
    signs = np.where(got > 5, 1, np.where(got < -5, -1, 0))
    probes.expect(
        bool(signs.all()),
        "Some signals are wiped out: a coin that shows 0 or 1 was multiplied in. Upside down is times −1: `jax.random.rademacher`, "
        "or `jnp.where(coin, -signals, signals)`.",
    )
    probes.expect(
        bool((signs == signs[:, :1]).all()),
        "Each number has a coin of its own; but a signal is turned as a whole. Draw the coins with shape (B, 1).",
    )
    up = float((signs[:, 0] > 0).mean())
    if up in (0.0, 1.0):
        other = (
            np.asarray(answer(jax.random.key(4), signals, scale)),
            np.asarray(answer(jax.random.key(5), signals, scale)),
        )
        turned = any((o < -5).any() for o in (got, *other))
        probes.fail(
            "One coin for all signals: they are all turned, or none is. Each has its own: draw with shape (B, 1)."
            if turned
            else "No signal is turned upside down."
        )
    probes.expect(0.4 < up < 0.6, f"{up:.0%} of the signals stay upright; half of them should.")

    noise = got - 10.0 * signs
    if not noise.any():
        probes.fail("There is no noise.")
    if np.allclose(noise, noise[:1], atol=1e-4) or np.allclose(np.abs(noise), np.abs(noise[:1]), atol=1e-4):
        probes.fail("All signals get the same noise. Draw it with the shape of `signals`.")
    if np.allclose(noise, noise[:, :1], atol=1e-4):
        probes.fail(
            "The noise shifts the signal as a whole: one draw for a signal. Each number has its own: the shape of `signals`."
        )
    spread = float(noise.std())
    if abs(spread - np.sqrt(scale)) < 0.03:
        probes.fail(
            f"The noise has standard deviation √scale: `scale` was taken for the variance ({spread:.2f} instead of {scale})."
        )
    probes.expect(abs(spread - scale) < 0.03, f"The noise has standard deviation {spread:.2f}; `scale` is {scale}.")
    probes.expect(abs(float(noise.mean())) < 0.03, f"The noise has mean {noise.mean():.2f}; it should be 0.")
    probes.expect(
        float(np.abs(noise).max()) > 2.5 * spread,
        "The noise is not Gaussian: in 2,000 draws none lies beyond 2.5 standard deviations. `jax.random.normal`.",
    )


# --- 7 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "`jax.value_and_grad(loss)(params, x, y)` gives the loss, then the gradient: a pytree like `params`.",
        "`jax.tree.map(lambda v, g: …, velocity, gradient)` walks both trees together and builds the new velocity.",
        "Then `jax.tree.map(jnp.add, params, velocity)`, with the *new* velocity; and return the three as a tuple.",
    ),
    wrong=(
        Wrong(
            "climbs",
            says="goes uphill",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v + rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value
""",
        ),
        Wrong(
            "moves by the old velocity",
            says="the old velocity",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    new_velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), new_velocity, value
""",
        ),
        Wrong(
            "no momentum",
            says="forgets the velocity it had",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda g: -rate * g, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value
""",
        ),
        Wrong(
            "loss after the step",
            says="loss after the step",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    gradient = jax.grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    params = jax.tree.map(jnp.add, params, velocity)
    return params, velocity, loss(params, x, y)
""",
        ),
        Wrong(
            "the dict is changed in place",
            says="changed one of its arguments",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    new = jax.tree.map(jnp.add, params, velocity)
    if isinstance(params, dict):
        params.update(new)
        return params, velocity, value
    return new, velocity, value
""",
        ),
        Wrong(
            "works for a list of arrays only",
            says="when `params` is a dict with tuples in it",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = [momentum * v - rate * g for v, g in zip(velocity, gradient)]
    return [p + v for p, v in zip(params, velocity)], velocity, value
""",
        ),
        Wrong(
            "returns the parameters only",
            says="three things",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity)
""",
        ),
        Wrong(
            "value and gradient mixed up",
            says="the value comes first",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    gradient, value = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value
""",
        ),
        Wrong(
            "rate applied to the whole velocity",
            says="is multiplied by the rate, too",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: rate * (momentum * v - g), velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value
""",
        ),
        Wrong(
            "the loss as a Python number",
            says="`float()`, `int()`",
            code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, float(value)
""",
        ),
    ),
)
def momentum_step(answer: Any, reference: Any) -> None:
    """A training step for any pytree of parameters."""
    x = jnp.array([[1.0, 2.0], [0.5, -1.0], [-1.5, 0.3]])
    y = jnp.array([1.0, -0.5, 2.0])
    rate, momentum = 0.1, 0.8

    def flat_loss(params: Any, x: Any, y: Any) -> Any:
        w, b = params
        return jnp.mean((jnp.tanh(x @ w) + b - y) ** 2)

    def nested_loss(params: Any, x: Any, y: Any) -> Any:
        return flat_loss(params["layer"], x, y) * params["scale"]

    def step_of(loss: Any) -> Any:
        return lambda params, velocity: answer(loss, params, velocity, x, y, rate, momentum)

    params = [jnp.array([0.3, -0.6]), jnp.float32(0.2)]
    velocity = [jnp.array([0.05, 0.04]), jnp.float32(-0.03)]
    want = reference(flat_loss, params, velocity, x, y, rate, momentum)
    got = probes.call(step_of(flat_loss), params, velocity)
    probes.expect(
        isinstance(got, tuple) and len(got) == 3,
        "It should return three things in a tuple: the new parameters, the new velocity, and the loss before the step.",
    )
    gradient = jax.grad(flat_loss)(params, x, y)

    def outcome(new_velocity: Any, moved_by: Any = None, value: Any = want[2]) -> Any:
        return jax.tree.map(jnp.add, params, moved_by or new_velocity), new_velocity, value

    def mixed(of_velocity: float, of_gradient: float) -> Any:
        return jax.tree.map(lambda v, g: of_velocity * v + of_gradient * g, velocity, gradient)

    probes.close(
        got,
        want,
        mistakes={
            "It goes uphill: the gradient points to where the loss grows. Subtract it.": outcome(mixed(momentum, rate)),
            "The parameters were moved by the old velocity. Compute the new one first, then add that.": outcome(
                want[1], velocity
            ),
            "It forgets the velocity it had: that is plain gradient descent. momentum · velocity is missing.": outcome(
                mixed(0.0, -rate)
            ),
            "The third result is the loss after the step. `jax.value_and_grad` gives the one before, for nothing.": (
                *want[:2],
                flat_loss(want[0], x, y),
            ),
            "The old velocity is multiplied by the rate, too. Only the gradient is.": outcome(
                mixed(rate * momentum, -rate)
            ),
        },
    )
    nested = {"layer": (params[0], params[1]), "scale": jnp.float32(1.5)}
    nested_velocity = {"layer": (velocity[0], velocity[1]), "scale": jnp.float32(0.01)}
    with probes.doing("when `params` is a dict with tuples in it"):
        got = probes.call(step_of(nested_loss), _copy(nested), _copy(nested_velocity))
        probes.close(got, reference(nested_loss, nested, nested_velocity, x, y, rate, momentum))
    probes.pure(step_of(nested_loss), _copy(nested), _copy(nested_velocity))
    probes.jits(step_of(nested_loss), nested, nested_velocity)


def _copy(tree: Any) -> Any:
    """The same arrays in new dicts and tuples."""
    return jax.tree.map(lambda leaf: leaf, tree)


# --- 8 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=3,
    minutes=20,
    points=4,
    hints=(
        "Write `clipped(x, y)` for one example: its gradient, the norm over all leaves together, the gradient scaled. "
        "Then `jax.vmap(clipped)(x, y)`.",
        "The norm: `jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))`. The factor is the smaller of 1 and bound / norm.",
        "`factor = jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12))`; and at the end the mean over the examples, axis 0, of each leaf.",
    ),
    wrong=(
        Wrong(
            "clips the mean gradient",
            says="only after the mean",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    mean = lambda params: jnp.mean(jax.vmap(loss, in_axes=(None, 0, 0))(params, x, y))
    gradient = jax.grad(mean)(params)
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
    return jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / norm), gradient)
""",
        ),
        Wrong(
            "does not clip",
            says="Nothing was clipped",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    grads = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), grads)
""",
        ),
        Wrong(
            "sums over the examples",
            says="sum over the examples",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12)), gradient)
    return jax.tree.map(lambda g: jnp.sum(g, axis=0), jax.vmap(clipped)(x, y))
""",
        ),
        Wrong(
            "a norm for each leaf",
            says="a norm of its own for each leaf",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    def clip(g):
        return g * jnp.minimum(1.0, bound / jnp.maximum(jnp.sqrt(jnp.sum(g**2)), 1e-12))
    def clipped(x, y):
        return jax.tree.map(clip, jax.grad(loss)(params, x, y))
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
        ),
        Wrong(
            "clips each number",
            says="Each number was clipped",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    grads = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    return jax.tree.map(lambda g: jnp.mean(jnp.clip(g, -bound, bound), axis=0), grads)
""",
        ),
        Wrong(
            "lengthens short gradients",
            says="Short gradients were made longer",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return jax.tree.map(lambda g: g * bound / jnp.maximum(norm, 1e-12), gradient)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
        ),
        Wrong(
            "maximum for minimum",
            says="the other way round",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return jax.tree.map(lambda g: g * jnp.maximum(1.0, bound / jnp.maximum(norm, 1e-12)), gradient)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
        ),
        Wrong(
            "0 / 0 for a fitted example",
            says="gradient is zero gives NaN",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        direction = jax.tree.map(lambda g: g / norm, gradient)
        return jax.tree.map(lambda d: d * jnp.minimum(norm, bound), direction)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
        ),
        Wrong(
            "no mean",
            says="still one gradient for each example",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12)), gradient)
    return jax.vmap(clipped)(x, y)
""",
        ),
        Wrong(
            "squared norm",
            says="The square root is missing",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient))
        return jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12)), gradient)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
        ),
        Wrong(
            "a Python loop over the examples",
            says="once for every example",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    total = jax.tree.map(jnp.zeros_like, params)
    for i in range(len(x)):
        gradient = jax.grad(loss)(params, x[i], y[i])
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        total = jax.tree.map(lambda t, g: t + g * jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12)), total, gradient)
    return jax.tree.map(lambda t: t / len(x), total)
""",
        ),
        Wrong(
            "a Python if on the norm",
            says="A Python `if`",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        if norm > bound:
            gradient = jax.tree.map(lambda g: g * bound / norm, gradient)
        return gradient
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
        ),
        Wrong(
            "parameters batched, too",
            says="`in_axes`",
            code="""
def clipped_gradient(loss, params, x, y, bound):
    grads = jax.vmap(jax.grad(loss))(params, x, y)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), grads)
""",
        ),
    ),
)
def clipped_gradient(answer: Any, reference: Any) -> None:
    """Per-example gradients, each clipped, then averaged."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        return 0.5 * (x @ params["w"] @ jnp.array([1.0, 0.5]) + params["b"] - y) ** 2

    params = {"w": jnp.array([[0.5, -0.2], [0.1, 0.4], [-0.3, 0.2]]), "b": jnp.float32(0.1)}
    x = jnp.array([[1.0, 2.0, -1.0], [0.5, -1.0, 2.0], [3.0, 1.0, 1.0], [-1.0, 0.2, 0.4], [0.3, 0.1, -0.2]])
    y = jnp.array([1.0, -4.0, 6.0, -0.3, 0.1])
    bound = 1.5
    got = probes.call(answer, loss, params, x, y, bound)
    want = reference(loss, params, x, y, bound)

    grads = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    squares = jnp.sum(grads["w"] ** 2, axis=(1, 2)) + grads["b"] ** 2
    norms = jnp.sqrt(squares)

    def mean(factors: Any) -> Any:
        return jax.tree.map(lambda g: jnp.tensordot(factors, g, axes=1) / len(x), grads)

    plain = mean(jnp.ones(len(x)))
    length = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(plain)))

    def per_leaf(g: Any) -> Any:
        sizes = jnp.sqrt(jnp.sum(g.reshape(len(x), -1) ** 2, axis=1))
        return jnp.tensordot(jnp.minimum(1.0, bound / sizes), g, axes=1) / len(x)

    if isinstance(got, dict) and getattr(got.get("w"), "shape", None) == grads["w"].shape:
        probes.fail(
            "There is still one gradient for each example. Take the mean over the examples, axis 0, of each leaf."
        )
    probes.like(got, want)
    probes.close(
        got,
        want,
        mistakes={
            "It clips only after the mean has been taken: a wild example has already pulled it away. Clip each, then take the mean.": (
                jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / length), plain)
            ),
            "Nothing was clipped: this is the plain mean gradient.": plain,
            "It is the sum over the examples; the mean is wanted.": jax.tree.map(lambda g: g * len(x), want),
            "There is a norm of its own for each leaf. An example has one norm, over all its leaves together.": jax.tree.map(
                per_leaf, grads
            ),
            "Each number was clipped (`jnp.clip`), which turns the gradient. Scale it as a whole.": (
                jax.tree.map(lambda g: jnp.mean(jnp.clip(g, -bound, bound), axis=0), grads)
            ),
            "Short gradients were made longer: all now have norm `bound`. The factor is at most 1.": mean(
                bound / norms
            ),
            "The factor is the other way round: long gradients stay, short ones grow. `jnp.minimum`, not `jnp.maximum`.": (
                mean(jnp.maximum(1.0, bound / norms))
            ),
            "The square root is missing: that is the norm squared.": mean(jnp.minimum(1.0, bound / squares)),
        },
        because="Compare with the loop above the cell.",
    )
    fitted = y.at[0].set(x[0] @ params["w"] @ jnp.array([1.0, 0.5]) + params["b"])
    got = answer(loss, params, x, fitted, bound)
    if any(bool(jnp.isnan(leaf).any()) for leaf in jax.tree.leaves(got)):
        probes.fail(
            "An example whose gradient is zero gives NaN: 0 / 0. Keep the divisor above zero: `jnp.maximum(norm, 1e-12)`."
        )
    probes.close(
        got, reference(loss, params, x, fitted, bound), because="That was with an example whose gradient is zero."
    )

    def at(x: Any, y: Any) -> Any:
        return answer(loss, params, x, y, bound)

    short, long = (len(list(equations(at, jnp.ones((n, 3)), jnp.ones(n)))) for n in (4, 12))
    probes.expect(
        long < short + 24,
        "The program is written out once for every example: a Python loop is unrolled. `jax.vmap` does all at once.",
    )
    probes.jits(at, x, y)


# --- 9 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "`jax.jvp(f, (x,), (v,))` returns f(x) and J v. Mind the tuples.",
        "`jax.vjp(f, x)` returns f(x) and a function that takes something like f(x) and gives Jᵀ of it, as a tuple with one entry "
        "for each argument of f.",
        "`_, along = jax.jvp(f, (x,), (v,))`, then `_, pull_back = jax.vjp(f, x)`, then the first entry of `pull_back(along)`.",
    ),
    wrong=(
        Wrong(
            "J v only",
            says="That is J v",
            code="""
def gauss_newton(f, x, v):
    return jax.jvp(f, (x,), (v,))[1]
""",
        ),
        Wrong(
            "returns vjp's tuple",
            says="a `tuple` of 1",
            code="""
def gauss_newton(f, x, v):
    along = jax.jvp(f, (x,), (v,))[1]
    return jax.vjp(f, x)[1](along)
""",
        ),
        Wrong(
            "builds J",
            says="as large as J",
            code="""
def gauss_newton(f, x, v):
    J = jax.jacrev(f)(x)
    return J.T @ (J @ v)
""",
        ),
        Wrong(
            "point and direction mixed up",
            says="exchanged point and direction",
            code="""
def gauss_newton(f, x, v):
    along = jax.jvp(f, (v,), (x,))[1]
    return jax.vjp(f, x)[1](along)[0]
""",
        ),
        Wrong(
            "pulls back f(x)",
            says="pulled back f(x)",
            code="""
def gauss_newton(f, x, v):
    value, along = jax.jvp(f, (x,), (v,))
    return jax.vjp(f, x)[1](value)[0]
""",
        ),
        Wrong(
            "the whole Hessian of half the square",
            says="the Hessian of ½|f|²",
            code="""
def gauss_newton(f, x, v):
    return jax.jvp(jax.grad(lambda x: 0.5 * jnp.sum(f(x) ** 2)), (x,), (v,))[1]
""",
        ),
        Wrong(
            "finite difference",
            says="a finite difference",
            code="""
def gauss_newton(f, x, v):
    along = (f(x + 1e-3 * v) - f(x)) / 1e-3
    return jax.vjp(f, x)[1](along)[0]
""",
        ),
        Wrong(
            "pulls back v",
            says="of the shape of the result",
            code="""
def gauss_newton(f, x, v):
    _, pull_back = jax.vjp(f, x)
    return pull_back(v)[0]
""",
        ),
        Wrong(
            "jvp without tuples",
            says="as tuples",
            code="""
def gauss_newton(f, x, v):
    _, along = jax.jvp(f, x, v)
    return jax.vjp(f, x)[1](along)[0]
""",
        ),
        Wrong(
            "the square of both, elementwise",
            says="Jᵀ applied to ones",
            code="""
def gauss_newton(f, x, v):
    _, along = jax.jvp(f, (x,), (v,))
    return jax.grad(lambda x: jnp.sum(f(x)))(x)
""",
        ),
    ),
)
def gauss_newton(answer: Any, reference: Any) -> None:
    """The product JᵀJv by forward and reverse mode."""

    def f(x: Any) -> Any:
        return jnp.concatenate([10 * (x[1:] - x[:-1] ** 3), jnp.sin(3 * x[:-1])])  # [n] -> [2 n - 2]

    x, v = jnp.array([0.5, -0.4, 0.3, 0.8]), jnp.array([1.0, -2.0, 0.5, 0.7])
    want = reference(f, x, v)
    got = probes.call(answer, f, x, v)
    _, along = jax.jvp(f, (x,), (v,))
    value, pull_back = jax.vjp(f, x)
    if getattr(got, "shape", None) == along.shape:
        probes.fail("The result has the shape of f(x). That is J v, or one like it: Jᵀ is still to come, by `jax.vjp`.")
    probes.like(got, want)
    exchanged = jax.jvp(f, (v,), (x,))[1]
    hessian = jax.jvp(jax.grad(lambda x: 0.5 * jnp.sum(f(x) ** 2)), (x,), (v,))[1]
    if 1e-5 < float(jnp.max(jnp.abs(got - want)) / jnp.max(jnp.abs(want))) < 1e-2:
        probes.fail(
            "It is nearly right, but less exact than it should be. Is there a finite difference in it? `jax.jvp` is exact."
        )
    probes.close(
        got,
        want,
        mistakes={
            "You have exchanged point and direction: `jax.jvp(f, (point,), (direction,))`.": pull_back(exchanged)[0],
            "You pulled back f(x), the first result of `jax.jvp`; J v is the second. (Jᵀ f is the gradient of ½|f|².)": pull_back(
                value
            )[0],
            "That is the Hessian of ½|f|² times v. It has one more term, with second derivatives of f. Gauss–Newton leaves it out: JᵀJ only.": hessian,
            "It is Jᵀ applied to ones, and v plays no part in it. Pull back J v.": pull_back(jnp.ones_like(value))[0],
            "It is Jᵀ J applied to x. The direction is v.": reference(f, x, x),
        },
        rtol=1e-4,
        atol=1e-4,
    )
    n = 40
    largest = max(
        (
            variable.aval.size
            for equation in equations(lambda x, v: answer(f, x, v), jnp.ones(n), jnp.ones(n))
            for variable in equation.outvars
        ),
        default=0,
    )
    probes.expect(
        largest < n * (n - 1),
        f"There is an array with {largest:,} numbers in it, for n = {n}: as large as J or larger. Multiply without building: `jax.jvp`, then `jax.vjp`.",
    )
    probes.jits(lambda x, v: answer(f, x, v), x, v)
