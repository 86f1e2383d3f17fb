"""Unit 04's ResNet18 is torchvision's and timm's, and a copy with a mistake in it is told from it.

PyTorch is not needed: its answers for weights that are filled by a rule are kept in `golden/resnet18.json`, and
`golden/make.py` makes that file again.
"""

import json
from functools import cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict
from golden import rule

from utils import convert, definitions
from utils.convert import resnet18
from utils.errors import CourseError
from utils.paths import ROOT

LESSON = "notebooks/04_resnet18_cats_dogs.py"
GOLDEN = json.loads((Path(__file__).parent / "golden" / "resnet18.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-5  # of a logit
CLASSES = 10


def state_dict():
    return rule.state_dict({name: tuple(shape) for name, shape in GOLDEN["shapes"].items()})


def pictures(name):
    return rule.images(name, *GOLDEN["pictures"][name])


def shapes_of(model, images):
    return jax.eval_shape(partial(model.init, train=False), jax.random.key(0), images)


def variables_for(model, images):
    return convert.to_flax(resnet18.RULES, state_dict(), shapes_of(model, images))


def evaluation(lesson, name):
    model, images = lesson.ResNet18(classes=CLASSES), pictures(name)
    return jax.jit(partial(model.apply, train=False))(variables_for(model, images), images)


def loss_of_training(params, batch_stats, images, model):
    """The mean cross-entropy for the labels 0, 1, 2 …; the logits and the new statistics."""
    variables = {"params": params, "batch_stats": batch_stats}
    logits, changed = model.apply(variables, images, train=True, mutable=["batch_stats"])
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.arange(len(images)) % CLASSES)
    return losses.mean(), (logits, changed["batch_stats"])


@cache
def training(lesson, name):
    """Logits, statistics and gradients of one step."""
    model, images = lesson.ResNet18(classes=CLASSES), pictures(name)
    before = variables_for(model, images)
    gradient = jax.jit(jax.grad(partial(loss_of_training, model=model), has_aux=True))
    gradients, (logits, batch_stats) = gradient(before["params"], before["batch_stats"], images)
    return logits, batch_stats, gradients


def counts(lesson, name):
    """How many numbers a channel of each BatchNorm has, by its path in `batch_stats`."""
    model, images = lesson.ResNet18(classes=CLASSES), pictures(name)
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


@pytest.fixture(scope="module")
def lesson():
    return definitions.load(LESSON)


# --- the same ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN["evaluation"])
def test_in_evaluation_the_logits_are_pytorchs(lesson, name):
    np.testing.assert_allclose(evaluation(lesson, name), GOLDEN["evaluation"][name], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", GOLDEN["training"])
def test_in_training_the_logits_are_pytorchs(lesson, name):
    logits, _, _ = training(lesson, name)
    np.testing.assert_allclose(logits, GOLDEN["training"][name]["logits"], rtol=0, atol=TOLERANCE)


def statistics_as_pytorch_keeps_them(lesson, name):
    """The sums of the running statistics after a step, PyTorch's name → number."""
    model, images = lesson.ResNet18(classes=CLASSES), pictures(name)
    before = variables_for(model, images)["batch_stats"]
    n = counts(lesson, name)
    _, after, gradients = training(lesson, name)

    def unbiased(path, old, new):
        *norm, last = (key.key for key in path)
        if last == "mean":
            return new
        count = n["/".join(norm)]
        return 0.9 * old + (new - 0.9 * old) * count / (count - 1)

    after = jax.tree_util.tree_map_with_path(unbiased, before, after)
    named = convert.to_torch(resnet18.RULES, {"params": gradients, "batch_stats": after})
    return {name: float(array.sum(dtype=np.float64)) for name, array in named.items() if "running" in name}


def test_running_statistics_move_as_pytorchs_do_but_for_its_unbiased_variance(lesson):
    for name, golden in GOLDEN["training"].items():
        assert statistics_as_pytorch_keeps_them(lesson, name) == pytest.approx(golden["running"], rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("name", GOLDEN["training"])
def test_gradients_are_pytorchs(lesson, name):
    _, batch_stats, gradients = training(lesson, name)
    named = convert.to_torch(resnet18.RULES, {"params": gradients, "batch_stats": batch_stats})
    apart = {}
    for tensor, (norm, product) in GOLDEN["training"][name]["gradients"].items():
        gradient = named[tensor].astype(np.float64)
        fixed = rule.uniform(f"gradient/{tensor}", gradient.shape)
        apart[tensor] = max(abs(np.linalg.norm(gradient) - norm), abs(np.sum(gradient * fixed) - product)) / norm
    # Rounding alone can put one number of the late maps on the other side of a ReLU's kink. All layers before it
    # notice, by up to a percent here; the others agree to five digits.
    assert np.median(list(apart.values())) < 1e-4
    assert max(apart.values()) < 0.05, max(apart, key=apart.get)


# --- and a copy with a mistake is not ------------------------------------------------------------------------------

PROJECTION = "if self.stride != 1 or x.shape[-1] != self.features:"
STRIDED, PLAIN = "strides=self.stride, padding=1, name", "strides=1, padding=1, name"

# mistake → (what stands in the lesson, what stands in the copy, where the difference shows)
MUTANTS = {
    "padding SAME in the block": ("self.stride, padding=1", 'self.stride, padding="SAME"', "evaluation"),
    "padding SAME in the stem": ("strides=2, padding=3", 'strides=2, padding="SAME"', "evaluation"),
    "pool padded behind only": ("(0, 0), (1, 1), (1, 1), (0, 0)", "(0, 0), (0, 2), (0, 2), (0, 0)", "evaluation"),
    "epsilon": ("epsilon=1e-5", "epsilon=1e-3", "evaluation"),
    "no ReLU after the first norm": ('nn.relu(self.norm(name="bn1")(y))', 'self.norm(name="bn1")(y)', "evaluation"),
    "no ReLU after the sum": ("return nn.relu(y + shortcut)", "return y + shortcut", "evaluation"),
    "no ReLU in the stem": ('nn.relu(norm(name="bn1")(x))', 'norm(name="bn1")(x)', "evaluation"),
    "no shortcut": ("return nn.relu(y + shortcut)", "return nn.relu(y)", "evaluation"),
    "stride on the second convolution": ((STRIDED, PLAIN), (PLAIN, STRIDED), "evaluation"),
    "no projection": (PROJECTION, "if False:", "shapes"),
    "projection where none belongs": (PROJECTION, "if True:", "names"),
    "no norm on the projection": ('shortcut = self.norm(name="downsample_bn")(shortcut)', "pass", "names"),
    "sum instead of mean": ("x = x.mean(axis=(1, 2))", "x = x.sum(axis=(1, 2))", "evaluation"),
    "running statistics in training": ("use_running_average=not train", "use_running_average=True", "training"),
    "momentum 0.1": ("momentum=0.9", "momentum=0.1", "statistics"),
    "momentum 0.99": ("momentum=0.9", "momentum=0.99", "statistics"),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_copy_with_a_mistake_is_caught(mistake, tmp_path):
    before, after, shows_in = MUTANTS[mistake]
    text = (ROOT / LESSON).read_text(encoding="utf-8")
    start = text.index("\nclass ResidualBlock")
    for old, new in [(before, after)] if isinstance(before, str) else zip(before, after, strict=True):
        place = text.index(old, start)  # of several places the first in the two classes
        text = text[:place] + new.replace("strides", "STRIDES") + text[place + len(old) :]
    text = text.replace("STRIDES", "strides")
    (tmp_path / "mutant.py").write_text(text, encoding="utf-8")
    mutant = definitions.load(tmp_path / "mutant.py")
    if shows_in == "names":
        with pytest.raises(CourseError, match=r"missing|unknown"):
            evaluation(mutant, "96")
    elif shows_in == "shapes":
        with pytest.raises(TypeError, match="incompatible shapes"):
            evaluation(mutant, "96")
    elif shows_in == "evaluation":
        assert np.abs(evaluation(mutant, "96") - np.array(GOLDEN["evaluation"]["96"])).max() > 10 * TOLERANCE
    elif shows_in == "training":
        golden = np.array(GOLDEN["training"]["96"]["logits"])
        assert np.abs(training(mutant, "96")[0] - golden).max() > 10 * TOLERANCE
    else:
        assert statistics_as_pytorch_keeps_them(mutant, "96") != pytest.approx(
            GOLDEN["training"]["96"]["running"], rel=1e-3, abs=1e-2
        )


# --- what else the lesson's code promises ----------------------------------------------------------------------------


def test_a_batch_from_which_no_variance_can_be_learnt_is_refused(lesson):
    model = lesson.ResNet18(classes=2, width=4)
    shapes = shapes_of(model, jnp.zeros((1, 32, 32, 3)))
    apply = partial(model.apply, train=True, mutable=["batch_stats"])
    with pytest.raises(CourseError, match="more than one picture"):
        jax.eval_shape(apply, shapes, jnp.zeros((1, 32, 32, 3)))
    jax.eval_shape(apply, shapes, jnp.zeros((2, 32, 32, 3)))
    jax.eval_shape(partial(model.apply, train=False), shapes, jnp.zeros((1, 32, 32, 3)))


def test_weights_of_another_model_are_refused_by_name(lesson):
    model = lesson.ResNet18(classes=3)
    with pytest.raises(CourseError, match=r"fc\.weight is \(512, 10\) in Flax's order, \(512, 3\) is wanted"):
        variables_for(model, jnp.zeros((1, 96, 96, 3)))


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_out_of_range_is_refused(lesson, label):
    images = np.zeros((2, 3, 4, 4), np.float32)
    with pytest.raises(CourseError, match=f"A label is {label}, but with 2 classes"):
        next(lesson.from_torch([(images, np.array([0, label]))], classes=2))


def test_a_torch_batch_keeps_each_pixel_in_its_place(lesson):
    images = rule.uniform("torch", (2, 3, 4, 5)).astype(np.float32)
    batch = next(lesson.from_torch([(images, np.array([1, 0]))], classes=2))
    assert batch.image[1, 2, 4, 0] == images[1, 0, 2, 4]
    assert (batch.label.dtype, batch.mask.all()) == (jnp.int32, True)


def tiny_state(lesson, dynamic_scale=None, dtype=jnp.float32):
    model = lesson.Tiny(dtype)
    images = jnp.asarray(rule.images("tiny", 4, 8, 8))
    variables = model.init(jax.random.key(0), images, train=False)
    batch = lesson.data.Batch(images, jnp.array([0, 1, 0, 1]), jnp.ones(4, bool))
    return lesson.new_state(model, variables, optax.sgd(0.1), dynamic_scale), batch


def test_a_step_changes_weights_and_statistics_and_counts(lesson):
    state, batch = tiny_state(lesson)
    after, sums = jax.jit(lesson.train_step)(state, batch)
    for before, now in zip(jax.tree.leaves(state.batch_stats), jax.tree.leaves(after.batch_stats), strict=True):
        assert not np.array_equal(before, now)
    assert int(after.step) == 1 and int(sums.count) == 4


def test_with_a_loss_scale_a_step_is_the_same_or_is_not_taken(lesson):
    plain, batch = tiny_state(lesson)
    scaled, _ = tiny_state(lesson, lesson.DynamicScale(scale=2.0**10))
    step = jax.jit(lesson.train_step)
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
