"""`decay_mask`: trees of several depths, with names that hold the letters of `bias` and `scale`, and what they hold traced."""

from __future__ import annotations

from typing import Any

import jax

from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise


def draw(rng: Draw, form: str) -> dict[str, Any]:
    """Parameters of a form, of sizes that are drawn."""
    a, b = map(int, rng.integers(1, 4, 2))
    dense = {"kernel": rng.normal(a, b), "bias": rng.normal(b)}
    norm = {"scale": rng.normal(b), "bias": rng.normal(1, b)}
    trees: dict[str, dict[str, Any]] = {
        "layer": dense,
        "layers": {"conv1": {"kernel": rng.normal(3, 3, a, b)}, "bn1": norm, "upscale": dense, "scale": dense},
        "names": {
            "attention": {
                "query": {"kernel": rng.normal(a, 2, b), "bias": rng.normal(2, b)},
                "scale_table": rng.normal(a),
                "temperature": rng.normal(),
                "bias": {"table": rng.normal(a, b), "s": rng.normal(a), "Bias": rng.normal(b), "scale": rng.normal(b)},
            },
            "bn": {"mean_of_bias": rng.normal(a), "beta": rng.normal(a), "scales": rng.normal(b)},
            "scale": rng.normal(b),
        },
        "deep": {"encoder": {"block": {"norm": {"inner": norm}, "dense": dense}}, "head": dense},
    }
    return {"params": trees[form]}


def ask(answer: Any, own: Any, *, params: Any) -> Any:
    """The mask, of arrays and of traced ones, as optax asks for it under `jax.jit`."""
    mask: list[Any] = []
    jax.eval_shape(lambda params: mask.append(answer(params)), params)
    mask.append(answer(params))
    for leaf in jax.tree.leaves(mask):
        if type(leaf) is not bool:
            raise Told(f"The mask contains {kind(leaf)}. Each leaf of the mask should be Python's `True` or `False`.")
    return mask[1] if mask[0] == mask[1] else mask


decay_mask = Exercise(
    name="decay_mask",
    title="Which weights decay",
    stars=1,
    minutes=8,
    points=1,
    hints=(
        "`jax.tree_util.tree_map_with_path(f, params)` calls `f(path, leaf)` for each leaf. Let `f` return a bool.",
        "`path` is a tuple of keys, from the outside in. The leaf's own name is `path[-1].key`, a string. Compare the whole name.",
        'Let `f` return `path[-1].key not in ("bias", "scale")`.',
    ),
    crosses="values",
    sizes=(
        {"form": "layer"},
        {"form": "layers"},
        {"form": "names", "about": "names that contain the letters of `bias` or `scale`, biases with two axes"},
        {"form": "deep", "about": "modules inside modules, four levels deep"},
    ),
    draw=draw,
    ask=ask,
)
