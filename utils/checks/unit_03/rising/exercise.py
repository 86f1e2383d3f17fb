"""The check of `rising` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "One step is `top / depth`. The rates are one step, two steps, … up to `depth` steps.",
        "`[… for place in range(depth)]`, where `place` counts from 0, so the first rate is that of `place + 1`.",
    ),
)
def rising(answer: Any, reference: Any) -> None:
    """Dropout rates that rise with depth."""
    top, depth = 0.4, 4
    rates = probes.call(answer, top, depth)
    if not isinstance(rates, list | tuple):
        probes.fail(f"It returned a `{type(rates).__name__}`; a Python list of {depth} numbers is wanted.")
    if len(rates) != depth:
        probes.fail(f"It returned {len(rates)} rates for a depth of {depth}.")
    want = np.array(known("want", lambda: reference(top, depth)))
    got = np.array([np.asarray(rate, np.float64) for rate in rates])
    if got.shape != want.shape:
        probes.fail("Each rate must be one number.")
    _explain(got, want, top)
    shallow = known("at depth 3", lambda: reference(0.3, 3))
    probes.close(np.array(answer(0.3, 3), np.float64), np.array(shallow, np.float64), because="At depth 3.")
    with probes.doing("with a traced `top` (`float()` and NumPy's functions leave JAX)"):
        traced = jax.jit(lambda top: jnp.stack(answer(top, depth)))(top)
    probes.close(traced, jnp.asarray(want, jnp.float32))


def _explain(got: np.ndarray, want: np.ndarray, top: float) -> None:
    if np.allclose(got, want):
        return
    steps = np.diff(got)
    shown = ", ".join(f"{rate:.2f}" for rate in got)
    if np.allclose(steps, 0):
        probes.fail(f"It is the same rate everywhere: {shown}.")
    if (steps < 0).all():
        probes.fail(f"The rate falls with depth: {shown}.")
    if np.allclose(got[0], 0) and np.allclose(got[-1], top):
        probes.fail(f"The steps are too large, since the first rate is 0: {shown}. The first is one step *above* 0.")
    if np.allclose(got[0], 0):
        probes.fail(f"It begins with 0 and never comes to `top`: {shown}. The first is one step above 0.")
    if not np.allclose(steps, steps[0]):
        probes.fail(f"These are not equal steps: {shown}.")
    probes.fail(f"For top={top} it ends at {got[-1]:g}: {shown}.")
