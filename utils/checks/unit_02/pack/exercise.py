"""`pack`: trees of several depths, by name, value and class of each array."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, blocks: int) -> dict[str, Any]:
    """Weights: two layers, so many blocks around them, and in a deep tree two arrays at the top."""

    def layer(*shape: int) -> dict[str, Any]:
        return {"kernel": rng.normal(*shape), "bias": rng.normal(shape[-1])}

    tree: dict[str, Any] = {"Conv_0": layer(1, 2, 1, 3), "Dense_0": layer(2, 1)}
    for block in range(blocks):
        tree = {"params" if block == 1 else f"Block_{block}": tree, "Dense_0": layer(2, rng.turn + 1)}
    if blocks > 1:
        tree |= {"scale": rng.normal(1).astype(np.float16), "shift": np.array(rng.normal())}
    return {"params": {"params": tree}}


def ask(answer: Any, own: Any, *, params: Any) -> Any:
    """Names and arrays; what is no NumPy array stands under the name of its class."""
    packed = answer(params)
    if not isinstance(packed, dict):
        raise Told(f"It returned {kind(packed)} instead of a dictionary from names to arrays.")
    if any(isinstance(value, dict) for value in packed.values()):
        raise Told("The result is still nested: every value should be an array.")
    return {name: _shown(value) for name, value in packed.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value if value.dtype != object else {"objects": None}
    return {type(value).__name__: value}


pack = Exercise(
    name="pack",
    title="Weights packed into a flat dictionary",
    stars=1,
    minutes=8,
    points=1,
    hints=(
        "`flax.traverse_util.flatten_dict` flattens nested dictionaries. Look up its argument `sep` with `help(…)` or `?`.",
        'Flatten `params["params"]`, so that the outermost name is dropped.',
        "Then make each leaf a NumPy array, `np.asarray(leaf)`, in a dictionary that you build from `flat.items()`.",
    ),
    crosses="values",
    sizes=(
        {"blocks": 0, "about": "a plain network"},
        {"blocks": 1, "about": "layers within layers"},
        {
            "blocks": 3,
            "about": "a deep tree with a float16 and a single number at its top, and a layer called `params`",
        },
    ),
    draw=draw,
    ask=ask,
)
