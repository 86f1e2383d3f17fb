"""A split before decoding, whatever it was read from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from utils.data.sets import Statistics


class Raw(NamedTuple):
    """Encoded pictures and their labels, in an order that never changes.

    is_sample: whether it is the course's sample in the place of a real set. encoded: makes a tf.data.Dataset of (image
    file's bytes, label int64). complaint: what to raise when reading or decoding fails, given the exception. native:
    (height, width) where all pictures have the same, else None.
    """

    name: str
    split: str
    source: str
    is_sample: bool
    classes: tuple[str, ...]
    examples: int
    channels: int
    native: tuple[int, int] | None
    size: int
    statistics: Statistics
    encoded: Callable[[], Any]
    complaint: Callable[[Exception], Exception]
