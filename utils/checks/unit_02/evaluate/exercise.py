"""`evaluate`: over batches of which the last is filled up with blanks; how `predict` is called counts too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_02.shared import linear, weights
from utils.data import Batch


class Loader:
    """Batches one after the other, as `data.load` gives them: no list."""

    def __init__(self, batches: list[Batch]):
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._batches)


def draw(rng: Draw, many: int, batch: int, real: int, loader: bool = False, scale: float = 1.0) -> dict[str, Any]:
    """Batches, the last with `real` real examples, first or last; and weights by which the network takes a blank for a 0."""
    mask = np.arange(many * batch) < (many - 1) * batch + real
    image = np.where(mask[:, None, None, None], rng.normal(many * batch, 1, 2, 1), np.float32(0))
    image[0] *= rng.turn < 2  # a real one may be as black as a blank
    label = rng.integers(0, 3, many * batch) * mask
    label[[0, real - batch - 1]] = 0, rng.turn % 2 + 1  # a real 0, and in the end what is none
    params = weights(rng, 2, 3, scale)
    params["b"] = -np.sort(-params["b"])
    predicted = np.argmax(linear(params, jnp.asarray(image)), axis=1)  # one hit at least: a wrong accuracy shows
    if len(label) > 1:
        label[1] = predicted[1]
    else:
        params = {name: np.roll(leaf, label[0] - predicted[0], -1) for name, leaf in params.items()}
    if rng.turn == 1:
        for leaf in (image, label, mask):
            leaf[-batch:] = np.roll(leaf[-batch:], batch - real, axis=0)
    parts = [np.split(leaf, many) for leaf in (image, label, mask)]
    return {"params": params, "batches": [Batch(*each) for each in zip(*parts, strict=True)], "loader": loader}


def ask(answer: Any, own: Any, *, params: Any, batches: list[Batch], loader: bool) -> Any:
    """Both figures, and the shapes that `predict` was called with."""
    shapes = set()

    def predict(params: Any, images: jax.Array) -> jax.Array:
        shapes.add(jnp.shape(images))
        return linear(params, images)

    result = answer(predict, params, Loader(batches) if loader else batches)
    if not (
        isinstance(result, tuple | list) and len(result) == 2 and all(isinstance(one, float | int) for one in result)
    ):
        whole = f"({', '.join(map(kind, result))})" if isinstance(result, tuple | list) else kind(result)
        raise Told(
            f"It returned {whole} instead of two Python floats, the loss and the accuracy: `return float(…), float(…)`."
        )
    return {"loss": float(result[0]), "accuracy": float(result[1]), "shapes given to predict": str(sorted(shapes))}


evaluate = Exercise(
    name="evaluate",
    title="Evaluation over padded batches",
    stars=2,
    minutes=12,
    points=3,
    hints=(
        "Keep three running sums over the batches: the losses, the hits, and the number of real examples. Divide after the loop.",
        "`jnp.sum(losses, where=batch.mask)` leaves out the blanks. Do the same for the hits.",
        "The hits are `jnp.argmax(logits, axis=-1) == batch.label`. At the end: `return float(loss / count), float(hits / count)`.",
    ),
    crosses="values",
    sizes=(
        {"many": 2, "batch": 4, "real": 2, "about": "a last batch with two blanks"},
        {"many": 1, "batch": 1, "real": 1, "about": "a single example"},
        {"many": 3, "batch": 4, "real": 3, "loader": True, "about": "batches from a loader"},
        {"many": 2, "batch": 4, "real": 4, "scale": 1000.0, "about": "scores of about 1000"},
        {"many": 3, "batch": 2, "real": 0, "about": "a last batch of blanks alone"},
    ),
    draw=draw,
    ask=ask,
)
