"""The check of `moving_average` and its hints."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_01.shared import equations


@exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        "`lax.scan(step, first_state, x)` calls `step(state, row)` for each row of x. The state is the average so far.",
        "`step` returns a pair: the state to carry on, and what to keep of this round. Here both are the new average.",
        "Start with `x[0]`: the first round then gives decay · x[0] + (1 − decay) · x[0], which is x[0]. `scan` returns the last "
        "state and the kept ones; you want the second.",
    ),
)
def moving_average(answer: Any, reference: Any) -> None:
    """An exponential moving average with `lax.scan`."""
    x = jnp.array([[1.0, -2.0], [4.0, 0.5], [2.0, 3.0], [7.0, -1.0], [3.0, 5.0]])
    decay = 0.7
    want = known("want", lambda: reference(x, decay))
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
            "The weights are swapped: `decay` belongs to the old average, 1 − decay to the new row.": known(
                "swapped", lambda: reference(x, 1 - decay)
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
