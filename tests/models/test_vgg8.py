"""What unit 03's training promises and its outputs do not show: measures one by one, blanks, patience."""

import jax
import numpy as np
import pytest

from utils.base import definitions, trees
from utils.data import Batch

lesson = definitions.load("notebooks/03_haiku_cifar10_vgg8.py")


def key(seed):
    return jax.random.key(seed, dtype="rbg")


def batch_of(seed, size=8):
    random = np.random.default_rng(seed)
    images = random.standard_normal((size, 32, 32, 3), np.float32)
    return Batch(images, random.integers(0, 10, size).astype(np.int32), np.ones(size, bool))


@pytest.fixture(scope="module")
def network():
    return lesson.make_network(2)


@pytest.fixture(scope="module")
def start(network):
    return jax.jit(lesson.init_state, static_argnums=1)(key(0), network)


@pytest.fixture(scope="module")
def after(network):
    """`after(state, **measures)`: the parameters after a step, and its mean loss."""
    train_step = jax.jit(lesson.make_train_step(network, 0.01))

    def step(state, **measures):
        new, sums = train_step(state, batch_of(3), lesson.Measures(**measures), key(1))
        return trees.named(new.params), float(sums.loss / sums.count)

    return step


def test_dropout_is_of_training_only_and_the_key_alone_decides_what_is_dropped(network, start):
    apply, images = jax.jit(network.apply, static_argnames="training"), batch_of(1).image
    plain = apply(start.params, None, images, 0.5, training=False)
    np.testing.assert_allclose(plain, apply(start.params, key(1), images, 0.0, training=True), atol=1e-5)
    first, again, other = (apply(start.params, key(seed), images, 0.5, training=True) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other) and not np.allclose(first, plain)


def test_each_step_drops_other_units_and_a_repeated_one_the_same(start, after):
    later = start._replace(step=start.step + 1)
    first, again, next_one = (after(state, dropout=0.5)[1] for state in (start, start, later))
    assert first == again != next_one


def test_weight_decay_shrinks_kernels_by_its_share_and_leaves_biases(start, after):
    plain, decayed = (after(start, decay=decay)[0] for decay in (0.0, 0.5))
    for name, weight in trees.named(start.params).items():
        expected = 0.01 * 0.5 * weight if weight.ndim > 1 else 0.0 * weight
        np.testing.assert_allclose(plain[name] - decayed[name], expected, atol=1e-6, err_msg=name)


def test_smoothing_changes_the_update_but_not_the_loss_that_is_reported(start, after):
    (plain, loss), (smoothed, reported) = (after(start, smoothing=amount) for amount in (0.0, 0.2))
    assert loss == pytest.approx(reported, rel=1e-6)
    assert not all(np.allclose(plain[name], smoothed[name], atol=1e-7) for name in plain)


def test_blanks_neither_cost_nor_count():
    batch, logits = batch_of(5), np.random.default_rng(0).standard_normal((8, 10), np.float32)
    some = lesson.batch_sums(logits, batch._replace(mask=np.arange(8) < 5))
    only = lesson.batch_sums(logits[:5], Batch(*(leaf[:5] for leaf in batch)))
    np.testing.assert_allclose(some, only, rtol=1e-6)


class OneBatch:
    """One batch an epoch, of which nothing is looked at."""

    def __len__(self):
        return 1

    def epoch(self, number):
        return iter([None])


def test_patience_counts_epochs_since_the_best_and_ends_a_run():
    assert lesson.best_epoch([3.0, 1.0, 2.0, 1.0]) == 2
    assert not lesson.patience_is_over([], 1)
    assert lesson.stopped_after([3.0, 1.0, 2.0, 1.5, 0.5], 2) == 4
    assert lesson.stopped_after([3.0, 2.0, 1.0], 2) == 3
    sums = lesson.Sums(1.0, 0, 1)
    same = {"train": OneBatch(), "validation": OneBatch(), "measures": None, "key": None}
    same |= {"train_step": lambda state, *_: (state, sums), "eval_step": lambda *_: sums}
    for patience, epochs in ((2, 3), (3, 4)):
        run = lesson.beginning(lesson.TrainState(0, {}, ()))
        run.history.update(val_loss=[0.0, 1.0])  # nothing to come can be better than the first
        assert len(lesson.fit(run, epochs=9, patience=patience, **same).history["val_loss"]) == epochs
