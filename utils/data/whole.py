"""A whole split as arrays."""

from __future__ import annotations

import numpy as np

from utils.base.errors import CourseError
from utils.data import normalise as normalising
from utils.data.batch import Batch
from utils.data.decoded import LIMIT, Form, Kept
from utils.data.raw import Raw


def read(raw: Raw, form: Form, normalise: normalising.Normalise) -> Batch:
    """All examples of a split as one Batch of NumPy arrays. Raises CourseError for more than LIMIT bytes."""
    needed = 4 * raw.examples * form.side**2 * raw.channels
    if needed > LIMIT:
        raise CourseError(
            f"{raw.name} {raw.split} at {form.side} pixels would take {needed / 2**30:.1f} GB as one array: "
            "take a slice, a smaller size, or data.load, which goes batch by batch."
        )
    mean, std = normalising.constants(normalise, raw.statistics)
    kept = Kept(raw, form)
    image = kept.images.numpy().astype(np.float32)  # a copy, to be worked on in place
    image *= (1 / (255 * std)).astype(np.float32)
    image -= (mean / std).astype(np.float32)
    return Batch(image, kept.labels.numpy(), np.ones(raw.examples, np.bool_))
