"""`make_network`: what it makes behaves as `VGG8` does, called with keywords and by place."""

from __future__ import annotations

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_03.shared import behaviour, is_pair, vgg8_case


def draw(rng: Draw, batch: int, sizes: tuple[int, ...], mode: str, by_place: bool = False) -> dict[str, Any]:
    """Pictures, a key and weights."""
    return {"sizes": sizes, "mode": mode, "by_place": by_place, **vgg8_case(rng, batch, *sizes)}


def ask(answer: Any, own: Any, *, sizes: tuple[int, ...], by_place: bool, **case: Any) -> Any:
    """How the pair behaves, and whether `init` uses its key."""
    made = answer(*sizes)
    is_pair(made, case["images"])

    def apply(params: Any, key: Any, images: Any, dropout: Any = 0.0, training: bool = False) -> Any:
        return made.apply(params, key, images, dropout, training)

    result = behaviour(hk.Transformed(made.init, apply) if by_place else made, **case)
    one, other = (jax.tree.leaves(made.init(key, case["images"])) for key in jax.random.split(case["key"]))
    return result | {"another key makes other weights": jnp.any(one[-1] != other[-1])}


make_network = Exercise(
    name="make_network",
    title="Two pure functions, made by hk.transform",
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "Inside `make_network`, define a function that creates the module and calls it. Return `hk.transform` of that function.",
        "The function is `def forward(images, dropout=0.0, training=False): return VGG8(width, classes)(images, "
        "dropout=dropout, training=training)`.",
    ),
    sizes=(
        {"batch": 1, "sizes": (2,), "mode": "evaluation", "about": "evaluation"},
        {"batch": 2, "sizes": (3, 5), "mode": "rate", "about": "training with a rate"},
        {"batch": 3, "sizes": (1, 2), "mode": "training", "about": "training with the rate left out"},
        {"batch": 2, "sizes": (1, 3), "mode": "evaluation", "by_place": True, "about": "arguments passed by position"},
    ),
    draw=draw,
    ask=ask,
    seconds=20.0,  # several programs of six convolutions each
)
