"""Sentences of exercises' texts that the course's own answers once broke, held against them on many drawn inputs.

All other sentences are held by `tests/answers`: right answers that others wrote from the texts alone agree with these.
"""

import math

import numpy as np
import pytest

from utils.base import definitions

FIRST, SECOND, THIRD = (
    definitions.load(f"solutions/{name}.py")
    for name in ("01_jnp_and_jit", "02_flax_mnist_cnn", "03_haiku_cifar10_vgg8")
)
NAN = math.nan


@pytest.fixture(params=range(20))
def rng(request):
    return np.random.default_rng(request.param)


def test_standardise_brings_each_column_to_mean_0_and_deviation_1_and_constant_ones_to_0(rng):
    """A constant column's mean is rounded, so its deviation need not be 0."""
    rows = int(rng.integers(2, 50))
    constants = np.float32([0.1, 0.3, 170.3, *rng.normal(scale=100, size=4)])
    columns = rng.normal(rng.normal(scale=100), rng.uniform(0.5, 50), (rows, 3))
    got = np.asarray(FIRST.standardise(np.hstack([np.tile(constants, (rows, 1)), columns]).astype(np.float32)))
    assert not got[:, : len(constants)].any()
    np.testing.assert_allclose(got[:, len(constants) :].mean(0), 0, atol=1e-2)
    np.testing.assert_allclose(got[:, len(constants) :].std(0), 1, rtol=1e-2)


def test_histogram_counts_what_lies_from_low_to_below_high(rng):
    low, width, bins = rng.normal(), rng.uniform(0.1, 10), int(rng.integers(1, 40))
    low, high = np.float32([low, low + width])
    edges = [low, high, np.nextafter(low, np.float32(-99)), np.nextafter(high, np.float32(-99)), low - width, high + 1]
    values = np.float32([*edges, *rng.uniform(low - 1, high + 1, 100)])
    got = np.asarray(FIRST.histogram(values, low, high, bins))
    inside = values[(values >= low) & (values < high)]
    assert got.shape == (bins,) and got.sum() == len(inside)
    exact = np.floor((inside.astype(float) - low) / (float(high) - low) * bins).clip(0, bins - 1).astype(int)
    assert np.abs(np.cumsum(got) - np.cumsum(np.bincount(exact, minlength=bins))).max() <= 2, (
        "but for rounding at edges"
    )


def test_keep_best_is_the_lowest_loss_so_far_and_its_first_epoch_also_after_nan(rng):
    losses = [float(loss) for loss in rng.choice([NAN, 0.25, 0.5, 0.75, 1.0], int(rng.integers(1, 9)))]
    best = None
    for epoch, loss in enumerate(losses):
        best = SECOND.keep_best(best, {"w": np.full(2, epoch)}, epoch, loss)
    wanted = losses.index(min(numbers)) if (numbers := [loss for loss in losses if loss == loss]) else 0
    assert (best.epoch, best.params["w"].tolist()) == (wanted, [wanted, wanted])


def test_patience_is_over_when_the_lowest_loss_is_that_many_epochs_old(rng):
    losses = [float(loss) for loss in rng.choice([NAN, 0.25, 0.5, 0.75], int(rng.integers(0, 9)))]
    patience = int(rng.integers(1, 4))
    numbers = [loss for loss in losses if loss == loss]
    over = bool(numbers) and len(losses) - 1 - losses.index(min(numbers)) >= patience
    assert THIRD.patience_is_over(losses, patience) is over
    assert THIRD.patience_is_over([NAN, NAN, NAN], 2) is False
