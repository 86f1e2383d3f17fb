"""The check of `evaluate` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from utils.checks import probes
from utils.checks.registry import exercise
from utils.checks.unit_02.shared import linear, linear_params, padded_batches


@exercise(
    stars=2,
    minutes=12,
    points=3,
    hints=(
        "Three running sums over the batches: of the losses, of the hits, of the real examples. Divide after the loop.",
        "`jnp.sum(losses, where=batch.mask)` leaves the blanks out and keeps the shape. The same for the hits.",
        "Hits are `jnp.argmax(logits, axis=-1) == batch.label`. The end: `return float(loss / count), float(hits / count)`.",
    ),
)
def evaluate(answer: Any, reference: Any) -> None:
    """Evaluation over padded batches."""
    batches, params = padded_batches(), linear_params()
    counted = probes.traces(linear)
    predict = jax.jit(counted)
    got = probes.call(answer, predict, params, batches)
    if isinstance(got, tuple | list):  # NumPy's float64 is a float
        got = tuple(float(value) if isinstance(value, float) else value for value in got)
    if counted.count > 1:
        probes.fail(
            f"`predict` has compiled {counted.count} programs, one for each shape it was called with. Give it whole batches, "
            "and leave the blanks out of the sums: `where=batch.mask`."
        )

    rows = _rows(params, batches)
    real = [block[block[:, 2] == 1] for block in rows]
    everything, kept = np.concatenate(rows), np.concatenate(real)
    want = _figures(real)
    probes.close(
        got,
        want,
        mistakes={
            "It is the mean of the batches' means, in which an example of a short last batch weighs more. "
            "Add up over all batches, divide once.": tuple(np.mean([_figures([b]) for b in real], axis=0).tolist()),
            "The blanks of the last batch count as examples. Their `mask` is false.": _figures(rows),
            "The loss is right, but a blank that is taken for class 0 counts as a hit: the hits need the mask too.": (
                want[0],
                float(everything[:, 1].sum() / len(kept)),
            ),
            "The blanks are left out of the sums, which are then divided by the number of rows. Count the real examples.": (
                float(kept[:, 0].sum() / len(everything)),
                float(kept[:, 1].sum() / len(everything)),
            ),
            "It is right for the first batch only. Does it return inside the loop?": _figures(real[:1]),
            "It is right for the last batch only. Sums must be kept from batch to batch.": _figures(real[-1:]),
            "The accuracy is in per cent; a number from 0 to 1 is wanted.": (want[0], 100 * want[1]),
            "Both are right, but in the other order: the loss comes first.": (want[1], want[0]),
        },
        because="Work it out for the three small batches by hand.",
        rtol=1e-4,
    )


def _rows(params: Any, batches: Any) -> list[np.ndarray]:
    """Loss, hit, real: one row an example, one block a batch."""
    rows = []
    for batch in batches:
        logits = linear(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        hits = jnp.argmax(logits, axis=-1) == batch.label
        rows.append(np.stack([losses, hits, batch.mask], axis=1).astype(np.float64))  # [B, 3]
    return rows


def _figures(blocks: list[np.ndarray]) -> tuple[float, float]:
    every = np.concatenate(blocks)
    return float(every[:, 0].mean()), float(every[:, 1].mean())
