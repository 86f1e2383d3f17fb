"""The check of `pack` and its hints."""

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
    minutes=8,
    points=1,
    hints=(
        "`flax.traverse_util.flatten_dict` does the walking; look at its argument `sep` (`help(…)` or `?`).",
        'Flatten `params["params"]`, so that the outermost name is left out.',
        "Then `{name: np.asarray(leaf) for name, leaf in flat.items()}`.",
    ),
)
def pack(answer: Any, reference: Any) -> None:
    """Weights packed into a flat dictionary."""
    params = {
        "params": {
            "Conv_0": {"kernel": jnp.arange(6.0).reshape(3, 2), "bias": jnp.ones((2,))},
            "Block_0": {"Dense_0": {"kernel": jnp.arange(4.0).reshape(2, 2), "bias": jnp.zeros((2,))}},
        }
    }
    got, want = probes.call(answer, params), known("want", lambda: reference(params))
    if not isinstance(got, dict):
        probes.fail(f"A dictionary is wanted; it returned a `{type(got).__name__}`.")
    names = list(got)
    if any(isinstance(name, tuple) for name in names):
        probes.fail('The names are tuples; join their parts by "/": the argument `sep`.')
    if any(name.startswith("params/") for name in names):
        probes.fail('The names begin with "params/", which is to be left out: flatten what is inside.')
    if any("." in name for name in names):
        probes.fail('The parts of the names are joined by "."; "/" is wanted.')
    if any(isinstance(value, np.ndarray) and value.dtype == object for value in got.values()):
        probes.fail("It goes only two levels deep; a model may have layers within layers, to any depth.")
    if any(isinstance(value, dict) for value in got.values()):
        if all("/" in name for name in names):
            probes.fail("It goes only two levels deep; a model may have layers within layers, to any depth.")
        probes.fail("The result is still nested: every value should be an array.")
    if names and set(names) <= {"kernel", "bias"}:
        probes.fail(
            f"{len(want)} arrays went in and {len(names)} came out: names collide. Use the whole path, not its last part."
        )
    if names and set(names) != set(want):
        probes.fail(f"The names are {', '.join(sorted(names))}; {', '.join(sorted(want))} are wanted.")
    for name, value in got.items():
        if isinstance(value, jax.Array):
            probes.fail(
                f"The value of `{name}` is still a JAX array; safetensors' NumPy side wants NumPy's: `np.asarray`."
            )
    probes.close(got, want)
