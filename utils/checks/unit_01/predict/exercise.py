"""The check of `predict` and its hints."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "`jax.jit(model)` once, before the loop. `range(0, len(x), size)` gives where each batch starts.",
        "`np.pad(rows, ((0, missing), (0, 0)))` fills the last batch up to `size` rows.",
        "Collect the results [size, K] in a list, join them, and cut off what is too much: `np.concatenate(results)[: len(x)]`.",
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
        return _model(rows)

    got = probes.call(answer, model, x, size)
    probes.expect(bool(seen), "It never calls `model`.")
    probes.expect(
        all(compiled),
        "The model was never compiled: each batch ran it operation by operation. Wrap it in `jax.jit` first.",
    )
    _batches_are_whole(set(seen), rows, size)
    want = known("want", lambda: reference(_model, x, size))
    _no_row_is_missing_or_twice(got, want)
    probes.like(got, want)
    probes.close(got, want, because="Are the results in the order of the rows?")
    probes.expect(
        set(seen) == {(size, 3)},
        f"The model got batches of shape {sorted(set(seen))}; each should have `size` = {size} rows.",
    )
    probes.expect(
        len(seen) == 1,
        f"The model was traced {len(seen)} times though every batch has the same shape: each round compiles a new function. "
        "Call `jax.jit` once, before the loop.",
    )
    for rows_left in (8, 3):
        want = known(f"{rows_left} rows", partial(reference, jnp.tanh, x[:rows_left], size))
        got = probes.call(answer, lambda rows: jnp.tanh(rows), x[:rows_left], size)
        probes.close(got, want, because=f"That was with {rows_left} rows and a size of {size}.")


def _batches_are_whole(shapes: set[tuple[int, ...]], rows: int, size: int) -> None:
    """Say what the shapes tell that the model was called with."""
    if (rows, 3) in shapes:
        probes.fail(
            "The model got all the rows at once: every other number of rows would compile again. Give it `size` rows each time."
        )
    if (1, 3) in shapes:
        probes.fail(
            "The model got one row at a time: compiled once, but run ten times where three would do. Give it `size` rows each time."
        )
    if shapes == {(size, 3), (rows % size, 3)}:
        probes.fail(
            "The model was compiled a second time, for the last, shorter batch. Fill that batch up to `size` rows."
        )


def _no_row_is_missing_or_twice(got: Any, want: Any) -> None:
    """Of ten rows, in batches of four."""
    if hasattr(got, "shape"):
        longer = got.shape == (12, 2)
        if longer and np.allclose(got[:10], want, atol=1e-6):
            probes.fail("The results of the padding are returned, too: 12 rows for 10. Cut them off.")
        if longer and np.allclose(got[8:], want[6:], atol=1e-6):
            probes.fail(
                "Some rows appear twice: the last batch was filled with earlier rows, and their results were kept."
            )
        probes.expect(got.shape != (8, 2), "The last rows are missing: 10 rows, batches of 4, and only 8 results.")


def _model(rows: Any) -> Any:
    return jnp.stack([rows.sum(1), rows[:, 0] * rows[:, 2]], axis=1)  # [B, 3] -> [B, 2]
