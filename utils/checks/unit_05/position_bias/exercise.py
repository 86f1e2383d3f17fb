"""The check of `position_bias` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_05.shared import normal


def _bias(table: jax.Array, down: np.ndarray, right: np.ndarray, stride: int = 5) -> jax.Array:
    """The bias of windows of 3, with these two numbers and stride for the row to look up; [heads, T, T]."""
    return 16 * jax.nn.sigmoid(table[down * stride + right].transpose(2, 0, 1))


@exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "First row and column of each token, two arrays [T]: `np.indices((window, window)).reshape(2, -1)`.",
        "`rows[:, None] - rows[None, :]` is query minus key for all pairs, [T, T]. Make it start at 0, and the columns likewise.",
        "`table[down * (2 * window - 1) + right]` is [T, T, heads]; bring the heads to the front and squash.",
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
