"""The check of `log_coordinates` and its hints."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


def _offsets(window: int) -> np.ndarray:
    steps = np.arange(1 - window, window)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)


def _log(x: np.ndarray) -> np.ndarray:
    return (np.sign(x) * np.log2(np.abs(x) + 1) / 3).astype(np.float32)


@exercise(
    stars=2,
    minutes=10,
    points=2,
    hints=(
        'All offsets along one axis are `np.arange(1 - window, window)`. A grid of pairs: `np.meshgrid` with `indexing="ij"`, '
        "so that the first of the pair changes with the row.",
        "The divisor is `(trained or window) - 1`: `trained` where it is not 0.",
        "`np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)`, as float32.",
    ),
)
def log_coordinates(answer: Any, reference: Any) -> None:
    """Offsets on a logarithmic scale."""
    got, want = probes.call(answer, 4), known("want", lambda: reference(4))
    probes.like(got, want)
    x = 8 * _offsets(4) / 3
    if not probes.agrees(got, want):
        probes.close(
            got,
            want,
            mistakes={
                "There is no logarithm: it goes straight from -1 to 1.": (x / 8).astype(np.float32),
                "It is only the first step, from -8 to 8; the logarithm is missing.": x.astype(np.float32),
                "The logarithm must still be divided by log2 8, which is 3.": 3 * _log(x),
                "It takes the natural logarithm; `np.log2` is wanted.": _log(x) * np.float32(np.log(2)),
                "The sign is lost: left and right, up and down must differ.": np.abs(_log(x)),
                'Rows and columns are swapped: `np.meshgrid` needs `indexing="ij"`.': _log(x)[..., ::-1],
                "It is divided by the window; divide by the window minus 1, the largest offset there is.": _log(
                    8 * _offsets(4) / 4
                ),
                "The offsets must be multiplied by 8 before the logarithm.": _log(_offsets(4) / 3),
                "The signs are the wrong way round: the first entry is the offset 1 - window.": -_log(x),
            },
            because="For window 3 the rows are -1.057, -0.774, 0, 0.774, 1.057.",
        )
    probes.close(
        probes.call(answer, 6, 3),
        known("trained with 3", lambda: reference(6, 3)),
        mistakes={
            "`trained` is not used: a model trained with windows of 3 divides by 2, whatever its windows are now.": known(
                "not trained", lambda: reference(6)
            ),
            "With `trained` given, it divides by `trained`; divide by `trained` minus 1.": _log(8 * _offsets(6) / 3),
        },
        because="That was a window of 6 for weights that were trained with 3.",
    )
