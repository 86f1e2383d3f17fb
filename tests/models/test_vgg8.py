"""Unit 03's VGG8: its shape, the measures against overfitting one by one, the training loop, the models that ship."""

import dataclasses
import itertools

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from utils import pretrained
from utils.base import definitions, trees
from utils.data import Batch

lesson = definitions.load("notebooks/03_haiku_cifar10_vgg8.py")

WIDTH = 2
SHIPPED = {"vgg8_overfitted", "vgg8_regularised"}


def key(seed):
    return jax.random.key(seed, impl="rbg")


def batch_of(seed, size=8):
    random = np.random.default_rng(seed)
    images = random.standard_normal((size, 32, 32, 3), np.float32)
    return Batch(images, random.integers(0, 10, size).astype(np.int32), np.ones(size, bool))


class FewBatches:
    """Two batches an epoch, others in each epoch."""

    def __len__(self):
        return 2

    def epoch(self, number):
        return iter([batch_of(10 * number), batch_of(10 * number + 1)])


@pytest.fixture(scope="module")
def network():
    return lesson.make_network(WIDTH)


@pytest.fixture(scope="module")
def start(network):
    return jax.jit(lesson.init_state, static_argnums=1)(key(0), network)


@pytest.fixture(scope="module")
def train_step(network):
    return jax.jit(lesson.make_train_step(network, 0.01))


@pytest.fixture(scope="module")
def eval_step(network):
    return jax.jit(lesson.make_eval_step(network))


@pytest.fixture(scope="module")
def logits(network, start):
    """`logits(images, key, dropout, training)`, compiled once for training and once for evaluation."""
    apply = jax.jit(network.apply, static_argnames="training")
    return lambda *args, training: np.asarray(apply(start.params, *args, training=training))


# --- the network ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width, classes, size", [(2, 10, 1), (8, 10, 5), (24, 3, 2)])
def test_pictures_become_one_score_for_each_class(width, classes, size):
    network = lesson.make_network(width, classes)
    images = jax.ShapeDtypeStruct((size, 32, 32, 3), jnp.float32)
    params = jax.eval_shape(network.init, key(0), images)
    scores = jax.eval_shape(network.apply, params, None, images)
    assert (scores.shape, scores.dtype) == ((size, classes), jnp.float32)


@pytest.mark.parametrize("width", [1, 8, 24, 64])
def test_it_has_as_many_weights_as_three_double_convolutions_and_two_linear_layers_should(width):
    params = jax.eval_shape(lesson.make_network(width).init, key(0), jnp.zeros((1, 32, 32, 3)))
    channels = [3, width, width, 2 * width, 2 * width, 4 * width, 4 * width]
    convolutions = [(9 * a + 1) * b for a, b in itertools.pairwise(channels)]
    linears = [(4 * 4 * 4 * width + 1) * 4 * width, (4 * width + 1) * 10]
    assert sorted(lesson.layer_sizes(params).values()) == sorted(convolutions + linears)


def test_max_pool_is_haikus_with_its_gradient():
    x = np.random.default_rng(0).standard_normal((2, 6, 8, 3), np.float32)

    def haikus(x):
        return hk.max_pool(x, (2, 2, 1), (2, 2, 1), "VALID")

    np.testing.assert_array_equal(lesson.max_pool(x), haikus(x))
    ours, theirs = (jax.grad(lambda x, pool=pool: (pool(x) ** 2).sum())(x) for pool in (lesson.max_pool, haikus))
    np.testing.assert_array_equal(ours, theirs)


def test_dropout_rises_in_equal_steps_to_its_top():
    rates = lesson.four_rates(0.4)
    assert rates[-1] == 0.4 and rates[0] > 0
    assert np.allclose(np.diff([0, *rates]), 0.1)


def test_dropout_is_of_training_only_and_the_key_alone_decides_what_is_dropped(logits):
    images = batch_of(1).image
    plain = logits(None, images, 0.5, training=False)
    np.testing.assert_array_equal(plain, logits(None, images, 0.0, training=False))
    np.testing.assert_allclose(plain, logits(key(1), images, 0.0, training=True), atol=1e-5)
    first, again, other = (logits(key(seed), images, 0.5, training=True) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other) and not np.allclose(first, plain)


def test_training_without_a_key_is_refused(network, start):
    with pytest.raises(ValueError, match="PRNGKey"):
        network.apply(start.params, None, batch_of(1).image, 0.5, training=True)


# --- the step and its measures ------------------------------------------------------------------------------------


def after(train_step, state, measures, seed=1, batch_seed=3):
    new, sums = train_step(state, batch_of(batch_seed), lesson.Measures(*measures), key(seed))
    return new, float(sums.loss / sums.count)


def differ(a, b):
    return [name for name in trees.named(a) if not np.allclose(trees.named(a)[name], trees.named(b)[name], atol=1e-7)]


def test_each_step_drops_other_units_and_a_repeated_one_the_same(train_step, start):
    later = start._replace(step=start.step + 1)
    first, again, next_one = (after(train_step, state, (0.5, 0, 0)) for state in (start, start, later))
    assert first[1] == again[1] != next_one[1]
    assert not differ(first[0].params, again[0].params)


def test_weight_decay_shrinks_kernels_by_its_share_and_leaves_biases(train_step, start):
    plain, decayed = (after(train_step, start, (0, decay, 0))[0].params for decay in (0.0, 0.5))
    for name, weight in trees.named(start.params).items():
        shrunk = trees.named(plain)[name] - trees.named(decayed)[name]
        expected = 0.01 * 0.5 * weight if weight.ndim > 1 else 0.0 * weight
        np.testing.assert_allclose(shrunk, expected, atol=1e-6, err_msg=name)


def test_smoothing_changes_the_update_but_not_the_loss_that_is_reported(train_step, start):
    (plain, loss), (smoothed, reported) = (after(train_step, start, (0, 0, amount)) for amount in (0.0, 0.2))
    assert loss == pytest.approx(reported, rel=1e-6)
    assert differ(plain.params, smoothed.params)


def test_measures_are_arguments_of_one_program(train_step, start):
    after(train_step, start, (0.0, 0.0, 0.0))
    programs = train_step._cache_size()
    for measures in ((0.3, 0.0, 0.0), (0.1, 0.2, 0.1)):
        after(train_step, start, measures)
    assert train_step._cache_size() == programs


def test_one_batch_is_learnt_by_heart(train_step, start):
    state = start
    for _ in range(60):
        state, loss = after(train_step, state, (0, 0, 0))
    assert loss < 0.1 < after(train_step, start, (0, 0, 0))[1]


def test_blanks_neither_cost_nor_count(eval_step, start):
    full = batch_of(5)
    mask = np.arange(8) < 5
    dirty = full._replace(image=np.where(mask[:, None, None, None], full.image, 1e3).astype(np.float32), mask=mask)
    clean = full._replace(image=full.image * mask[:, None, None, None], label=full.label * mask, mask=mask)
    some, same = eval_step(start.params, dirty), eval_step(start.params, clean)
    assert int(some.count) == 5
    assert float(some.loss) == pytest.approx(float(same.loss), rel=1e-5)
    assert int(some.correct) == int(same.correct)


# --- the loop -----------------------------------------------------------------------------------------------------


def test_patience_counts_epochs_since_the_best():
    assert lesson.best_epoch([3.0, 1.0, 2.0, 1.0]) == 2
    assert not lesson.patience_is_over([], 1)
    assert not lesson.patience_is_over([3.0, 1.0, 2.0], 2)
    assert lesson.patience_is_over([3.0, 1.0, 2.0, 1.5], 2)
    assert lesson.stopped_after([3.0, 1.0, 2.0, 1.5, 0.5], 2) == 4
    assert lesson.stopped_after([3.0, 2.0, 1.0], 2) == 3


@pytest.fixture
def fit(train_step, eval_step):
    def call(run, epochs, **options):
        settings = {"train": FewBatches(), "validation": FewBatches(), "measures": lesson.Measures(0.2, 0.1, 0.1)}
        settings |= {"train_step": train_step, "eval_step": eval_step, "key": key(1)} | options
        return lesson.fit(run, epochs=epochs, **settings)

    return call


def test_a_resumed_run_ends_where_an_undisturbed_one_does(fit, start):
    whole = fit(lesson.beginning(start), 3)
    resumed = fit(fit(lesson.beginning(start), 1), 3)
    assert not differ(whole.state, resumed.state) and not differ(whole.best, resumed.best)
    assert whole.history["val_loss"] == pytest.approx(resumed.history["val_loss"])
    assert int(whole.state.step) == 6


def test_the_best_weights_are_those_of_the_lowest_validation_loss(fit, start, eval_step):
    seen = []
    run = fit(lesson.beginning(start), 4, on_epoch=lambda run: seen.append(run.state.params))
    turn = lesson.best_epoch(run.history["val_loss"])
    assert not differ(run.best, seen[turn - 1])
    assert lesson.evaluate(eval_step, run.best, FewBatches())[0] == pytest.approx(min(run.history["val_loss"]))


def test_patience_ends_a_run(fit, start):
    worse = lesson.beginning(start)
    worse.history.update(val_loss=[0.0, 1.0, 1.0])  # nothing to come can be better than the first
    assert len(fit(worse, 9, patience=2).history["val_loss"]) == 3
    assert len(fit(worse, 9, patience=3).history["val_loss"]) == 4


def test_the_lessons_own_transform_does_what_haikus_does():
    ours = lesson.transform(lesson.our_line)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    params = ours.init(key(0), x)
    theirs = hk.transform(lesson.line).apply({"~": params}, None, x)
    np.testing.assert_allclose(ours.apply(params, None, x), theirs, rtol=1e-6)
    assert lesson.Frame.stack == []
    with pytest.raises(KeyError):
        ours.apply({}, None, x)
    assert lesson.Frame.stack == []


# --- what ships -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_model_fits_the_network_its_card_names_and_the_card_says_that_its_data_are_a_subset(name):
    assert name in pretrained.names()
    card = pretrained.card(name)
    network = lesson.make_network(int(card.model.removeprefix("VGG8(width=").removesuffix(")")))
    like = jax.eval_shape(network.init, key(0), jnp.zeros((1, 32, 32, 3)))
    params = pretrained.load(name, like)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == card.parameters
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
    scores = jax.jit(network.apply)(params, None, batch_of(0).image)
    assert np.isfinite(scores).all() and np.std(scores) > 0.1

    assert all(getattr(card, field.name) for field in dataclasses.fields(card))
    assert "part of the real set" in card.data and "20,000 of 50,000" in card.data
    assert "subset" in card.remark
    assert {len(values) for values in card.history.values()} == {card.epochs}
    turn = lesson.best_epoch(card.history["val_loss"])
    assert card.accuracies["validation"] == pytest.approx(card.history["val_accuracy"][turn - 1], abs=1e-3)


def test_one_model_overfits_and_the_other_less():
    overfitted, regularised = (pretrained.card(f"vgg8_{name}").history for name in ("overfitted", "regularised"))
    assert overfitted["val_loss"][-1] > 1.2 * min(overfitted["val_loss"])
    assert overfitted["train_accuracy"][-1] - overfitted["val_accuracy"][-1] > 0.2
    assert min(regularised["val_loss"]) < min(overfitted["val_loss"])
