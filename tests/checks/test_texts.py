"""A sentence of an exercise's text that its cases do not hold, on drawn inputs.

All others are held by `tests/answers`: right answers that others wrote from the texts alone agree with the course's.
"""

import math

import numpy as np
import pytest

from utils.base import definitions

KEEP_BEST = definitions.load("solutions/02_flax_mnist_cnn.py").keep_best


@pytest.mark.parametrize("seed", range(20))
def test_keep_best_is_the_lowest_loss_so_far_and_its_first_epoch_also_after_nan(seed):
    rng = np.random.default_rng(seed)
    losses = [float(loss) for loss in rng.choice([math.nan, 0.25, 0.5, 0.75, 1.0], int(rng.integers(1, 9)))]
    best = None
    for epoch, loss in enumerate(losses):
        best = KEEP_BEST(best, {"w": np.full(2, epoch)}, epoch, loss)
    wanted = losses.index(min(numbers)) if (numbers := [loss for loss in losses if loss == loss]) else 0
    assert (best.epoch, best.params["w"].tolist()) == (wanted, [wanted, wanted])
