"""`VGG8`: the names and shapes of its weights, its logits for drawn ones, and what is determined of it in training."""

from __future__ import annotations

from typing import Any

import haiku as hk

from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_03.shared import behaviour, vgg8_case


def draw(rng: Draw, batch: int, width: int, mode: str, **settings: Any) -> dict[str, Any]:
    """Pictures, a key and weights, for a module with these settings."""
    return {"width": width, "settings": settings, "mode": mode, **vgg8_case(rng, batch, width, **settings)}


def ask(answer: Any, own: Any, *, width: int, settings: dict[str, Any], **case: Any) -> Any:
    """How a module behaves that is made where it is used, as in the notebook."""
    if not issubclass(answer, hk.Module):
        raise Told("It should be a Haiku module: `class VGG8(hk.Module)`.")
    return behaviour(hk.transform(lambda images, **options: answer(width, **settings)(images, **options)), **case)


VGG8 = Exercise(
    name="VGG8",
    title="VGG8 as a Haiku module, with dropout that rises with depth",
    stars=3,
    minutes=20,
    points=3,
    hints=(
        "First write it without dropout: three times `double_conv`, then `hk.Flatten()`, linear, ReLU, linear. Run the check; "
        "then add `if training:` in four places.",
        "`rates = rising(dropout, 4)`. After the first block: `if training: x = drop(hk.next_rng_key(), rates[0], x)`. Each "
        "call of `hk.next_rng_key()` returns a new key.",
        "For the blocks, loop over `zip((1, 2, 4), rates[:3])` and call `double_conv(x, factor * self.width)`. Then "
        "`x = jax.nn.relu(hk.Linear(4 * self.width)(x))`, the fourth dropout, and `return hk.Linear(self.classes)(x)`.",
    ),
    sizes=(
        {"batch": 1, "width": 2, "mode": "evaluation", "about": "evaluation"},
        {"batch": 2, "width": 3, "classes": 5, "mode": "rate", "about": "training with a rate"},
        {"batch": 3, "width": 1, "classes": 1, "name": "other", "mode": "training", "about": "training, no rate given"},
    ),
    draw=draw,
    ask=ask,
    seconds=20.0,  # several programs of six convolutions each
)
