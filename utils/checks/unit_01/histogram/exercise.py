"""The check of `histogram` and its hints."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_01.shared import equations


@exercise(
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
)
def histogram(answer: Any, reference: Any) -> None:
    """Count values into bins with `.at`."""
    low, high, bins = -1.0, 1.0, 4
    values = jnp.array([-0.9, -0.9, -0.3, 0.1, 0.6, 0.7, 0.8, -1.2, -3.0, 1.0, 5.0])

    def counts(values: Any) -> Any:
        return answer(values, low, high, bins)

    probes.same_shapes(answer, reference, values, low=low, high=high, bins=bins)
    want = known("want", lambda: reference(values, low, high, bins))
    mistakes = _mistakes(values, low, high, bins, want)
    probes.close(probes.call(counts, values), want, mistakes=mistakes, because="Compare with the loop above the cell.")
    short, long = (len(list(equations(counts, jnp.linspace(-1, 1, n)))) for n in (8, 32))
    probes.expect(
        long < short + 24,
        "The program is written out once for every value: a Python loop under `jit` is unrolled. Index with the whole array.",
    )
    probes.jits(counts, values)
    other = jnp.array([3.0, 9.9, 10.0, 2.0])
    probes.close(
        probes.call(answer, other, 2.0, 10.0, 2),
        known("other", lambda: reference(other, 2.0, 10.0, 2)),
        because="That was with low=2, high=10, bins=2.",
    )


def _mistakes(values: Any, low: float, high: float, bins: int, want: Any) -> dict[str, Any]:
    """What is told of wrong counts, with these counts."""
    scaled = (values - low) / (high - low) * bins
    floors, truncated = jnp.floor(scaled).astype(jnp.int32), scaled.astype(jnp.int32)
    inside = (values >= low) & (values < high)

    def added(places: Any) -> Any:
        return jnp.zeros(bins, jnp.int32).at[places].add(1)

    return {
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
    }
