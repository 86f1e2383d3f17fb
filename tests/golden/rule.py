"""Weights and pictures by a fixed rule, the same to the bit on every machine and in every framework.

A model that is filled by this rule needs no weights file: a name and a shape are enough. So PyTorch can compute golden
values once, and a test can fill the course's model in the same way and compare, without PyTorch.

The numbers come from integer arithmetic (SplitMix64 of Steele et al. 2014, "Fast splittable pseudorandom number
generators", started from the name's SHA-256) and from float64 operations that IEEE 754 rounds in one way only:
no library's random generator, logarithm or sine, which may differ from one version to the next.

NumPy only, since `make.py` runs where the course is not installed.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers spread evenly over −1..1 (1 excluded), float64, of that shape; another name gives others.

    Each is a multiple of 2⁻²³ and so is exact in float32 too.
    """
    start = np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    z = start + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1.0).reshape(shape)


def fill(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 tensor that PyTorch calls `name`, in PyTorch's layout, of a size such as training would give it.

    No tensor is left at its usual start: a scale of 1, a bias of 0 or a last scale of 0 would hide mistakes.

    running_var               0.5 to 1.5, so positive
    running_mean              −0.2 to 0.2
    logit_scale               2 to 5, on both sides of Swin v2's limit of log 100 ≈ 4.6
    bias (q_bias, v_bias …)   −0.2 to 0.2
    weight, one axis          0.75 to 1.25: the scale of a normalisation
    weight, more axes         variance 1 / fan-in, the product of all axes but the first: logits stay near 1
    anything else             −0.5 to 0.5 (a position embedding)
    """
    u = uniform(name, tuple(shape))
    last = name.rpartition(".")[2]
    if last == "running_var":
        values = 1.0 + 0.5 * u
    elif last == "logit_scale":
        values = 3.5 + 1.5 * u
    elif last == "running_mean" or last.endswith("bias"):
        values = 0.2 * u
    elif last == "weight" and len(shape) == 1:
        values = 1.0 + 0.25 * u
    elif last == "weight":
        values = math.sqrt(3.0 / math.prod(shape[1:])) * u  # u has variance 1/3
    else:
        values = 0.5 * u
    return values.astype(np.float32)


def state_dict(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Every tensor of a model, from the names and shapes of its PyTorch state dict. Counters start at 0."""
    return {
        name: np.zeros(shape, np.int64) if name.endswith("num_batches_tracked") else fill(name, shape)
        for name, shape in shapes.items()
    }


def images(name: str, batch: int, height: int, width: int) -> np.ndarray:
    """Pictures of noise with mean 0 and variance 1, [B, H, W, 3] float32: channels last, as in the course."""
    return (math.sqrt(3.0) * uniform(f"images/{name}", (batch, height, width, 3))).astype(np.float32)


def with_squares(pictures: np.ndarray, side: int = 16) -> np.ndarray:
    """The same pictures, but the last is made of squares of one colour: a pooling finds many equal maxima there.

    The colours are multiples of 1/8. Times weights in float32, that makes products whose sums float64 holds exactly,
    in whatever order they are added: what should be equal is equal to the bit, in every framework.
    """
    height, width = pictures.shape[1:3]
    rows, columns = (np.arange(length) // side * side for length in (height, width))
    squares = np.round(8 * pictures[-1][rows][:, columns]) / 8
    return np.concatenate([pictures[:-1], squares[None]]).astype(pictures.dtype)


def summary(name: str, array: np.ndarray) -> tuple[float, float]:
    """Two numbers that say much about a float64 array: its norm, and its product with fixed numbers.

    The second changes with any single number and with any exchange of two.
    """
    return float(np.linalg.norm(array)), float(np.sum(array * uniform(f"gradient/{name}", array.shape)))


def distance(name: str, array: np.ndarray, golden: tuple[float, float]) -> float:
    """How far an array is from one of which only the summary is known, in relation to that one's norm."""
    ours = summary(name, array)
    return max(abs(one - other) for one, other in zip(ours, golden, strict=True)) / (golden[0] or 1.0)
