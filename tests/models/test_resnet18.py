"""Unit 04's ResNet18 is torchvision's and timm's, and a copy with a mistake in it is told from it.

PyTorch is not needed: its answers for weights that are filled by a rule are kept in `golden/resnet18.json`, and
`golden/make.py` makes that file again. Both sides compute in float64, so that the function is compared and not its
rounding; that float32 agrees up to rounding is a test of its own.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict
from golden import rule
from parity import cross_entropy, distances, golden, mutated, quick, see_that_the_limit_is_a_hundred_times_the_rounding

from utils import convert
from utils.base import definitions
from utils.base.errors import CourseError
from utils.convert import resnet18

LESSON = "notebooks/04_resnet18_cats_dogs.py"
GOLDEN = golden("resnet18")
SMALL = "97x80"  # the last map is of 4 × 3: where a kernel is larger than a map, XLA is slow
CLASSES = 10
# Of a logit, of the loss, and of a tensor's two numbers in relation to its norm. Rounding gives 1.1e-13 at most (225
# pixels), and the smallest of the mistakes below, the epsilon of 1.01e-5, 1.2e-6.
LIMIT = 1e-9
# Of a logit in float32: a hundred times what rounding gives at most with ten kinds of pictures, 4.0e-6. (bfloat16 in
# the place of float32 gives 4.0e-2.)
FLOAT32_LIMIT = 4e-4


@cache
def state_dict():
    return rule.state_dict({name: tuple(shape) for name, shape in GOLDEN["shapes"].items()})


def pictures(name):
    return rule.images(name, *GOLDEN["pictures"][name])


def shapes_of(model, images):
    return jax.eval_shape(partial(model.init, train=False), jax.random.key(0), images)


def variables_for(model, images):
    """The golden weights in the model's dtype."""
    variables = convert.to_flax(resnet18.RULES, state_dict(), shapes_of(model, images))
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, model.dtype), variables)


def evaluation(module, images):
    """The logits. Not compiled as a whole: so the copies with a mistake share what is compiled of them."""
    model = module.ResNet18(classes=CLASSES, dtype=jnp.float64)
    return np.asarray(model.apply(variables_for(model, images), jnp.asarray(images, jnp.float64), train=False))


def training(module, name):
    """For a step of training: the function, and its arguments.

    The function takes params, batch_stats and pictures, and returns the mean cross-entropy for the labels 0, 1, 2 …;
    the logits and the new statistics.
    """
    model, images = module.ResNet18(classes=CLASSES, dtype=jnp.float64), rule.with_squares(pictures(name))

    def loss(params, batch_stats, images):
        variables = {"params": params, "batch_stats": batch_stats}
        logits, changed = model.apply(variables, images, train=True, mutable=["batch_stats"])
        return cross_entropy(logits), (logits, changed["batch_stats"])

    variables = variables_for(model, images)
    return loss, (variables["params"], variables["batch_stats"], jnp.asarray(images, jnp.float64))


def counts(module, name):
    """How many numbers a channel of each BatchNorm has, by its path in `batch_stats`."""
    model, images = module.ResNet18(classes=CLASSES), pictures(name)
    outputs = jax.eval_shape(
        partial(
            model.apply, train=False, capture_intermediates=lambda m, _: "bn" in str(m.name), mutable=["intermediates"]
        ),
        shapes_of(model, images),
        images,
    )[1]["intermediates"]
    return {
        path.removesuffix("/__call__"): maps[0].size // maps[0].shape[-1]
        for path, maps in flatten_dict(outputs, sep="/").items()
    }


def as_pytorch_keeps_them(module, name, before, after):
    """The running statistics after a step, the variance unbiased."""
    n = counts(module, name)

    def unbiased(path, old, new):
        *norm, last = (key.key for key in path)
        if last == "mean":
            return new
        count = n["/".join(norm)]
        return 0.9 * old + (new - 0.9 * old) * count / (count - 1)

    return jax.tree_util.tree_map_with_path(unbiased, before, after)


@pytest.fixture(scope="module")
def lesson():
    return definitions.load(LESSON)


# --- the same ---------------------------------------------------------------------------------------------------


def test_in_evaluation_the_logits_are_pytorchs(lesson, float64):
    np.testing.assert_allclose(evaluation(lesson, pictures(SMALL)), GOLDEN["evaluation"][SMALL], rtol=0, atol=LIMIT)


@pytest.mark.parametrize(
    "name", [name if name == SMALL else pytest.param(name, marks=pytest.mark.proof) for name in GOLDEN["training"]]
)
def test_a_step_of_training_is_pytorchs_with_every_statistic_and_gradient(lesson, name, float64):
    loss, arguments = training(lesson, name)
    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 2), has_aux=True))
    (value, (logits, batch_stats)), (gradients, of_pictures) = step(*arguments)
    values = GOLDEN["training"][name]
    batch_stats = as_pytorch_keeps_them(lesson, name, arguments[1], batch_stats)
    named = convert.to_torch(resnet18.RULES, {"batch_stats": batch_stats, "params": gradients})
    named["images"] = np.asarray(of_pictures)
    apart = distances(named, values["running"] | values["gradients"], logits, value, values)
    assert not {tensor: distance for tensor, distance in apart.items() if not distance <= LIMIT}


def compiled_evaluation(module, images, dtype):
    """The logits of one compiled program."""
    model = module.ResNet18(classes=CLASSES, dtype=dtype)
    apply = quick(partial(model.apply, train=False))
    return np.asarray(apply(variables_for(model, images), jnp.asarray(images, dtype)))


def test_in_float32_it_is_the_same_up_to_rounding(lesson):
    """Only the logits: where rounding puts a number on the other side of a ReLU's kink, a gradient moves by 1e-3."""
    logits = compiled_evaluation(lesson, pictures("96"), jnp.float32)
    np.testing.assert_allclose(logits, GOLDEN["evaluation"]["96"], rtol=0, atol=FLOAT32_LIMIT)


@pytest.mark.proof
def test_the_limit_in_float32_is_a_hundred_times_what_rounding_gives(lesson):
    size = GOLDEN["pictures"]["96"]
    images = np.concatenate([rule.images(f"seed {seed}", *size) for seed in range(10)])
    see_that_the_limit_is_a_hundred_times_the_rounding(FLOAT32_LIMIT, partial(compiled_evaluation, lesson), images)


# --- and a copy with a mistake is not ------------------------------------------------------------------------------

PROJECTION = "if self.stride != 1 or x.shape[-1] != self.features:"
STRIDED, PLAIN = "strides=self.stride, padding=1, name", "strides=1, padding=1, name"
STEM = 'padding=3, name="conv1")(x)'
LARGER = "jnp.where((second > first) | jnp.isnan(second), second, first)"

# mistake → (what stands in the lesson, what stands in the copy, where the difference shows)
MUTANTS = {
    "padding SAME in the block": ("self.stride, padding=1", 'self.stride, padding="SAME"', "evaluation"),
    "padding SAME in the stem": ("strides=2, padding=3", 'strides=2, padding="SAME"', "evaluation"),
    "pool padded behind only": ("(0, 0), (1, 1), (1, 1), (0, 0)", "(0, 0), (0, 2), (0, 2), (0, 0)", "evaluation"),
    "epsilon 1e-3": ("epsilon=1e-5", "epsilon=1e-3", "evaluation"),
    "epsilon 1.01e-5": ("epsilon=1e-5", "epsilon=1.01e-5", "evaluation"),
    "no ReLU after the first norm": ('nn.relu(self.norm(name="bn1")(y))', 'self.norm(name="bn1")(y)', "evaluation"),
    "no ReLU after the sum": ("return nn.relu(y + shortcut)", "return y + shortcut", "evaluation"),
    "no ReLU in the stem": ('nn.relu(norm(name="bn1")(x))', 'norm(name="bn1")(x)', "evaluation"),
    "no shortcut": ("return nn.relu(y + shortcut)", "return nn.relu(y)", "evaluation"),
    "stride on the second convolution": (STRIDED, PLAIN, "evaluation"),  # and the other way round
    "no projection": (PROJECTION, "if False:", "shapes"),
    "projection where none belongs": (PROJECTION, "if True:", "names"),
    "no norm on the projection": ('shortcut = self.norm(name="downsample_bn")(shortcut)', "pass", "names"),
    "sum instead of mean": ("x = x.mean(axis=(1, 2))", "x = x.sum(axis=(1, 2))", "evaluation"),
    "running statistics in training": ("use_running_average=not train", "use_running_average=True", "training"),
    "momentum 0.1": ("momentum=0.9", "momentum=0.1", "statistics"),
    "momentum 0.99": ("momentum=0.9", "momentum=0.99", "statistics"),
    "gradient of the stem × 1.04": (STEM, STEM + "; x = 1.04 * x - 0.04 * jax.lax.stop_gradient(x)", "gradient"),
    "equal maxima share the gradient": (LARGER, "jnp.maximum(first, second)", "gradient"),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_copy_with_a_mistake_is_caught(mistake, tmp_path, float64):
    right, wrong, shows_in = MUTANTS[mistake]
    changes = [(right, wrong)] + [(wrong, right)] * (right == STRIDED)
    mutant = mutated(LESSON, changes, tmp_path, start="\nclass ResidualBlock")  # of several places the first from there
    refusals = {"names": (CourseError, "missing|unknown"), "shapes": (TypeError, "incompatible shapes")}
    if shows_in in refusals:
        error, words = refusals[shows_in]
        with pytest.raises(error, match=words):
            evaluation(mutant, pictures(SMALL))
        return
    values = GOLDEN["training"][SMALL]
    if shows_in == "evaluation":
        distance = np.abs(evaluation(mutant, pictures(SMALL)) - np.array(GOLDEN["evaluation"][SMALL])).max()
    elif shows_in == "gradient":  # of the pictures, to which all others lead
        loss, arguments = training(mutant, SMALL)
        gradient, _ = quick(jax.grad(loss, argnums=2, has_aux=True))(*arguments)
        distance = rule.distance("images", np.asarray(gradient), values["gradients"]["images"])
    else:
        loss, arguments = training(mutant, SMALL)
        value, (logits, batch_stats) = loss(*arguments)
        batch_stats = as_pytorch_keeps_them(mutant, SMALL, arguments[1], batch_stats)
        statistics = convert.to_torch(resnet18.RULES, {"batch_stats": batch_stats})
        apart = distances(statistics, values["running"], logits, value, values)
        distance = apart["logits"] if shows_in == "training" else max(apart[name] for name in statistics)
    print(f"{mistake}: {distance:.1e}")
    assert distance > 10 * LIMIT


# --- what else the lesson's code promises ----------------------------------------------------------------------------


def test_a_batch_from_which_no_variance_can_be_learnt_is_refused(lesson):
    model = lesson.ResNet18(classes=2, width=4)
    shapes = shapes_of(model, jnp.zeros((1, 32, 32, 3)))
    apply = partial(model.apply, train=True, mutable=["batch_stats"])
    with pytest.raises(ValueError, match="more than one picture"):
        jax.eval_shape(apply, shapes, jnp.zeros((1, 32, 32, 3)))
    jax.eval_shape(apply, shapes, jnp.zeros((2, 32, 32, 3)))
    jax.eval_shape(partial(model.apply, train=False), shapes, jnp.zeros((1, 32, 32, 3)))


def test_a_torch_batch_keeps_each_pixel_in_its_place_and_no_label_out_of_range(lesson):
    images = rule.uniform("torch", (2, 3, 4, 5)).astype(np.float32)
    batch = next(lesson.from_torch([(images, np.array([1, 0]))], classes=2))
    assert batch.image[1, 2, 4, 0] == images[1, 0, 2, 4]
    assert (batch.label.dtype, batch.mask.all()) == (jnp.int32, True)
    for label in (-1, 2):
        with pytest.raises(ValueError, match=f"A label is {label}, but with 2 classes"):
            next(lesson.from_torch([(images, np.array([0, label]))], classes=2))


def tiny_state(lesson, dynamic_scale=None, dtype=jnp.float32):
    model = lesson.Tiny(dtype)
    images = jnp.asarray(rule.images("tiny", 4, 8, 8))
    variables = quick(partial(model.init, train=False))(jax.random.key(0), images)
    batch = lesson.data.Batch(images, jnp.array([0, 1, 0, 1]), jnp.ones(4, bool))
    return lesson.new_state(model, variables, optax.sgd(0.1), dynamic_scale), batch


@cache
def train_step(lesson):
    return quick(lesson.train_step)


def test_a_step_changes_weights_and_statistics_and_counts(lesson):
    state, batch = tiny_state(lesson)
    after, sums = train_step(lesson)(state, batch)
    for before, now in zip(jax.tree.leaves(state.batch_stats), jax.tree.leaves(after.batch_stats), strict=True):
        assert not np.array_equal(before, now)
    assert int(after.step) == 1 and int(sums.count) == 4


def test_with_a_loss_scale_a_step_is_the_same_or_is_not_taken(lesson):
    plain, batch = tiny_state(lesson)
    scaled, _ = tiny_state(lesson, lesson.DynamicScale(scale=2.0**10))
    step = train_step(lesson)
    expected, got = step(plain, batch)[0], step(scaled, batch)[0]
    for a, b in zip(jax.tree.leaves(expected.params), jax.tree.leaves(got.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    overflowing, _ = tiny_state(lesson, lesson.DynamicScale(scale=2.0**40), jnp.float16)
    after, _ = step(overflowing, batch)
    assert jax.tree.all(jax.tree.map(np.array_equal, after.params, overflowing.params))
    assert jax.tree.all(jax.tree.map(np.array_equal, after.batch_stats, overflowing.batch_stats))
    assert int(after.step) == 0
    assert float(after.dynamic_scale.scale) == 2.0**39


def test_decay_leaves_out_scales_and_biases(lesson):
    mask = lesson.decay_mask({"upscale": {"kernel": 1, "bias": 1}, "bn": {"scale": 1, "bias": 1}})
    assert mask == {"upscale": {"kernel": True, "bias": False}, "bn": {"scale": False, "bias": False}}
