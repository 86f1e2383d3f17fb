"""What several checks of unit 05 use."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from utils.checks.exercise import Draw


def numbered(rng: Draw, *shape: int) -> np.ndarray:
    """The numbers 0, 1, 2, … in random order, so that none can stand for another; float32."""
    return rng.rng.permutation(int(np.prod(shape))).reshape(shape).astype(np.float32)


def called(answer: Any, *args: Any, **kwargs: Any) -> Any:
    """What an answer gives for Python numbers. It must also bear being called while a model is traced."""
    jax.make_jaxpr(lambda: answer(*args, **kwargs))()
    return answer(*args, **kwargs)
