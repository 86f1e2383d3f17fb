"""Unit 04's ResNet18 is torchvision's and timm's, and a copy with a mistake in it is told from it.

PyTorch is not needed: its answers for weights that are filled by a rule are kept in `golden/resnet18.json`, and
`golden/make.py` makes that file again. Both sides compute in float64, so that the function is compared and not its
rounding; that float32 agrees up to rounding is a test of its own.
"""

import math
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
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


def prepared(module, images, dtype=jnp.float64):
    """The model, and the golden weights for it."""
    model = module.ResNet18(classes=CLASSES, dtype=dtype)
    like = jax.eval_shape(partial(model.init, train=False), jax.random.key(0), images)
    variables = convert.to_flax(resnet18.RULES, state_dict(), like)
    return model, jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), variables)


def of_evaluation(module):
    """How far the logits are from PyTorch's. Not compiled as a whole: copies share what is compiled of them."""
    images = rule.images(SMALL, *GOLDEN["pictures"][SMALL])
    model, variables = prepared(module, images)
    logits = model.apply(variables, jnp.asarray(images, jnp.float64), train=False)
    return np.abs(np.asarray(logits) - GOLDEN["evaluation"][SMALL]).max()


def of_training(module, name, by_params=False):
    """How far a step of training is: logits, loss, statistics, the gradient by the pictures and, if wanted, all others.

    The loss is the mean cross-entropy for the labels 0, 1, 2 …
    """
    images = rule.with_squares(rule.images(name, *GOLDEN["pictures"][name]))
    model, variables = prepared(module, images)

    def loss(params, batch_stats, images):
        variables = {"params": params, "batch_stats": batch_stats}
        logits, changed = model.apply(variables, images, train=True, mutable=["batch_stats"])
        return cross_entropy(logits), (logits, changed["batch_stats"])

    step = quick(jax.value_and_grad(loss, argnums=(2, 0) if by_params else (2,), has_aux=True))
    before = variables["batch_stats"]
    (value, (logits, after)), (of_pictures, *of_params) = step(
        variables["params"], before, jnp.asarray(images, jnp.float64)
    )
    found = {"batch_stats": jax.tree_util.tree_map_with_path(partial(unbiased, name), before, after)}
    named = convert.to_torch(resnet18.RULES, found | ({"params": of_params[0]} if by_params else {}))
    named["images"] = np.asarray(of_pictures)
    values = GOLDEN["training"][name]
    wanted = values["running"] | values["gradients"]
    if not by_params:
        wanted = {tensor: wanted[tensor] for tensor in named}
    return distances(named, wanted, logits, value, values)


def unbiased(name, path, old, new):
    """A running statistic after a step as PyTorch keeps it: of the unbiased variance."""
    layer, *_, last = (key.key for key in path)
    if last == "mean":
        return new
    batch, *sides = GOLDEN["pictures"][name]
    stage = int(layer[5]) if layer.startswith("layer") else 0  # its maps were halved once more than that
    count = batch * math.prod(-(-side // 2 ** (stage + 1)) for side in sides)
    return 0.9 * old + (new - 0.9 * old) * count / (count - 1)


@pytest.fixture(scope="module")
def lesson():
    return definitions.load(LESSON)


# --- the same ---------------------------------------------------------------------------------------------------


def test_in_evaluation_the_logits_are_pytorchs(lesson, float64):
    assert of_evaluation(lesson) <= LIMIT


@pytest.mark.parametrize(
    "name", [name if name == SMALL else pytest.param(name, marks=pytest.mark.proof) for name in GOLDEN["training"]]
)
def test_a_step_of_training_is_pytorchs_with_every_statistic_and_gradient(lesson, name, float64):
    apart = of_training(lesson, name, by_params=True)
    assert not {tensor: distance for tensor, distance in apart.items() if not distance <= LIMIT}


def compiled_evaluation(module, images, dtype):
    """The logits of one compiled program."""
    model, variables = prepared(module, images, dtype)
    return np.asarray(quick(partial(model.apply, train=False))(variables, jnp.asarray(images, dtype)))


def test_in_float32_it_is_the_same_up_to_rounding(lesson):
    """Only the logits: where rounding puts a number on the other side of a ReLU's kink, a gradient moves by 1e-3."""
    logits = compiled_evaluation(lesson, rule.images("96", *GOLDEN["pictures"]["96"]), jnp.float32)
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
    "epsilon 1.01e-5": ("epsilon=1e-5", "epsilon=1.01e-5", "evaluation"),
    "no ReLU after the first norm": ('nn.relu(self.norm(name="bn1")(y))', 'self.norm(name="bn1")(y)', "evaluation"),
    "no ReLU after the sum": ("return nn.relu(y + shortcut)", "return y + shortcut", "evaluation"),
    "no ReLU in the stem": ('nn.relu(norm(name="bn1")(x))', 'norm(name="bn1")(x)', "evaluation"),
    "no shortcut": ("return nn.relu(y + shortcut)", "return nn.relu(y)", "evaluation"),
    "stride on the second convolution": (STRIDED, PLAIN, "evaluation"),  # and the other way round
    "no projection": (PROJECTION, "if False:", "refused"),
    "projection where none belongs": (PROJECTION, "if True:", "refused"),
    "no norm on the projection": ('shortcut = self.norm(name="downsample_bn")(shortcut)', "pass", "refused"),
    "sum instead of mean": ("x = x.mean(axis=(1, 2))", "x = x.sum(axis=(1, 2))", "evaluation"),
    "running statistics in training": ("use_running_average=not train", "use_running_average=True", "training"),
    "momentum 0.99": ("momentum=0.9", "momentum=0.99", "training"),
    "gradient of the stem × 1.04": (STEM, STEM + "; x = 1.04 * x - 0.04 * jax.lax.stop_gradient(x)", "training"),
    "equal maxima share the gradient": (LARGER, "jnp.maximum(first, second)", "training"),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_copy_with_a_mistake_is_caught(mistake, tmp_path, float64):
    right, wrong, shows_in = MUTANTS[mistake]
    changes = [(right, wrong)] + [(wrong, right)] * (right == STRIDED)
    mutant = mutated(LESSON, changes, tmp_path, start="\nclass ResidualBlock")  # of several places the first from there
    if shows_in == "refused":
        with pytest.raises((CourseError, TypeError), match=r"missing|unknown|incompatible shapes"):
            of_evaluation(mutant)
    elif shows_in == "evaluation":
        assert of_evaluation(mutant) > 10 * LIMIT
    else:
        assert max(of_training(mutant, SMALL).values()) > 10 * LIMIT


# --- what else the lesson's code promises, and its outputs do not show ---------------------------------------------


def test_a_label_below_zero_is_refused(lesson):
    with pytest.raises(ValueError, match="A label is -1, but with 2 classes"):
        next(lesson.from_torch([(np.zeros((2, 3, 4, 5), np.float32), np.array([0, -1]))], classes=2))


def test_with_a_loss_scale_a_step_is_the_same_or_is_not_taken(lesson):
    images = jnp.asarray(rule.images("tiny", 4, 8, 8))
    batch = lesson.data.Batch(images, jnp.array([0, 1, 0, 1]), jnp.ones(4, bool))
    step = quick(lesson.train_step)

    def before_and_after(dynamic_scale=None, dtype=jnp.float32):
        model = lesson.Tiny(dtype)
        variables = quick(partial(model.init, train=False))(jax.random.key(0), images)
        state = lesson.new_state(model, variables, optax.sgd(0.1), dynamic_scale)
        return state, step(state, batch)[0]

    (_, expected), (_, got) = before_and_after(), before_and_after(lesson.DynamicScale(scale=2.0**10))
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-6), expected.params, got.params)
    before, after = before_and_after(lesson.DynamicScale(scale=2.0**40), jnp.float16)
    for kept in ("params", "batch_stats", "step"):
        assert jax.tree.all(jax.tree.map(np.array_equal, getattr(after, kept), getattr(before, kept)))
    assert float(after.dynamic_scale.scale) == 2.0**39
