"""The check of `position_bias`, its hints and known wrong answers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import Wrong, exercise
from utils.checks.unit_05.shared import normal


def _bias(table: jax.Array, down: np.ndarray, right: np.ndarray, stride: int = 5) -> jax.Array:
    """The bias of windows of 3, with these two numbers and stride for the row to look up; [heads, T, T]."""
    return 16 * jax.nn.sigmoid(table[down * stride + right].transpose(2, 0, 1))


def _code(index: str, last: str = "16 * jax.nn.sigmoid(bias.transpose(2, 0, 1))") -> str:
    return f"""
def position_bias(table, window):
    rows, columns = np.indices((window, window)).reshape(2, -1)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    bias = table[{index}]
    return {last}
"""


INDEX = "down * (2 * window - 1) + right"


@exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "First row and column of each token, two arrays [T]: `np.indices((window, window)).reshape(2, -1)`.",
        "`rows[:, None] - rows[None, :]` is query minus key for all pairs, [T, T]. Make it start at 0, and the columns likewise.",
        "`table[down * (2 * window - 1) + right]` is [T, T, heads]; bring the heads to the front and squash.",
    ),
    wrong=(
        Wrong(
            "no sigmoid",
            says="as it stands in the table",
            code=_code(INDEX, "bias.transpose(2, 0, 1)"),
        ),
        Wrong(
            "sigmoid without 16",
            says="not multiplied by 16",
            code=_code(INDEX, "jax.nn.sigmoid(bias.transpose(2, 0, 1))"),
        ),
        Wrong(
            "sigmoid of 16 times",
            says="sigmoid of 16 times",
            code=_code(INDEX, "jax.nn.sigmoid(16 * bias.transpose(2, 0, 1))"),
        ),
        Wrong(
            "key minus query",
            says="key minus query",
            code=_code("down[::-1, ::-1] * (2 * window - 1) + right[::-1, ::-1]"),
        ),
        Wrong(
            "rows and columns swapped",
            says="Rows and columns are swapped",
            code=_code("right * (2 * window - 1) + down"),
        ),
        Wrong(
            "stride of a window",
            says="A row of the table's grid",
            code=_code("down * window + right"),
        ),
        Wrong(
            "heads left at the end",
            says="has shape [9, 9, 2]",
            code=_code(INDEX, "16 * jax.nn.sigmoid(bias)"),
        ),
        Wrong(
            "softmax over the keys",
            says="as a softmax",
            code=_code(INDEX, "16 * jax.nn.softmax(bias.transpose(2, 0, 1), axis=-1)"),
        ),
    ),
)
def position_bias(answer: Any, reference: Any) -> None:
    """From a table of offsets to a bias for every pair."""
    draw = np.random.default_rng(3)
    table = normal(draw, 25, 2)

    def mine(table: Any) -> Any:
        return answer(table, 3)

    def theirs(table: Any) -> Any:
        return reference(table, 3)

    probes.same_shapes(mine, theirs, table)
    with probes.doing("under `jax.jit`"):  # one program compiles faster than its operations one by one
        got = probes.call(jax.jit(mine), table)
    want = known("want", lambda: jax.jit(theirs)(table))
    if not probes.agrees(got, want):
        rows, columns = np.indices((3, 3)).reshape(2, -1)
        down = rows[:, None] - rows[None, :] + 2
        right = columns[:, None] - columns[None, :] + 2
        raw = table[down * 5 + right].transpose(2, 0, 1)
        probes.close(
            got,
            want,
            mistakes={
                "The bias is as it stands in the table; 16 · sigmoid of it is wanted.": raw,
                "The sigmoid is not multiplied by 16.": jax.nn.sigmoid(raw),
                "It is the sigmoid of 16 times the table; 16 times the sigmoid is wanted.": jax.nn.sigmoid(16 * raw),
                "It looks up key minus query; query minus key is wanted.": _bias(table, 4 - down, 4 - right),
                "Rows and columns are swapped: the row offset is the one that is multiplied.": _bias(
                    table, right, down
                ),
                "A row of the table's grid has 2 · window - 1 entries, not `window`: multiply the row offset by that.": (
                    _bias(table, down, right, 3)
                ),
                "It is normalised over the keys, as a softmax does; each number is squashed by itself.": 16
                * jax.nn.softmax(raw, axis=-1),
            },
            because="Look at a window of 2: four tokens, nine offsets, and the loop above by hand.",
        )
    other = normal(draw, 9, 1)
    want = known("window of 2", lambda: reference(other, 2))
    probes.close(probes.call(answer, other, 2), want, because="That was a window of 2 with one head.")
    probes.gradient(jax.jit(lambda table: jnp.sum(mine(table) ** 2) / 1000), table)
