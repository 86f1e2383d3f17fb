"""Pixels to what a network is fed, and back to a picture."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from utils.base.errors import CourseError
from utils.data.sets import Statistics

Normalise = Literal["standard", "unit"] | tuple[Any, Any] | None


def constants(normalise: Normalise, statistics: Statistics) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, [C] float64 each, so that (x − mean) / std is wanted of pixels x in 0..1.

    normalise: "standard": those of the set, so that each channel has about mean 0 and deviation 1; "unit": pixels
    stay in 0..1; None: they stay in 0..255; or a pair (mean, std) of your own, for pixels in 0..1.
    """
    channels = len(statistics.mean)
    if normalise is None:
        pair: tuple[Any, Any] = 0.0, 1 / 255
    elif normalise == "unit":
        pair = 0.0, 1.0
    elif normalise == "standard":
        pair = statistics
    elif isinstance(normalise, tuple) and len(normalise) == 2:
        pair = normalise
    else:
        raise CourseError(f'normalise={normalise!r} is unknown: use "standard", "unit", None or a pair (mean, std).')
    try:
        mean, std = (np.broadcast_to(np.asarray(each, np.float64), (channels,)) for each in pair)
    except (ValueError, TypeError) as error:
        raise CourseError(f"normalise: mean and std must be numbers, one or {channels} of each.") from error
    if not (np.isfinite(mean).all() and (std > 0).all()):
        raise CourseError("normalise: the mean must be finite and the std greater than 0.")
    return mean, std


def denormalise(image: Any, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """A picture to look at: [..., H, W, C] float32 in 0..1, from a normalised NumPy or JAX array of that shape."""
    return np.clip(np.asarray(image) * std + mean, 0.0, 1.0).astype(np.float32)
