"""Convolutions that a CPU computes slowly are found from shapes alone, and no model of the course has one."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from utils import slow_convolutions
from utils.base import definitions
from utils.base.paths import NOTEBOOKS, ROOT, SOLUTIONS, sources

# --- what is said about a convolution is what XLA does -----------------------------------------------------------


def convolve(images, kernel, stride, padding, groups=1):
    return lax.conv_general_dilated(
        images,
        kernel,
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def compiled_swapped(fn, *args):
    """Whether a convolution of the compiled program has its kernel turned round, which is what a swap leaves behind."""
    text = jax.jit(fn).lower(*args).compile().as_text()
    assert " convolution(" in text or " dot(" in text  # 1×1 is a product of matrices
    return "rhs_reversal" in text


# map, kernel, stride: on both sides of the limit, square and not
SHAPES = [((3, 3), 3, 1), ((2, 2), 3, 1), ((2, 4), 3, 1), ((2, 5), 3, 1), ((1, 16), 3, 1), ((1, 1), 1, 1)]
SHAPES += [((4, 4), 3, 2), ((6, 6), 3, 2), ((8, 8), 7, 2)]


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="this backend is no CPU")
@pytest.mark.parametrize(("size", "kernel", "stride"), SHAPES)
def test_what_is_called_slow_is_what_xla_swaps(size, kernel, stride):
    images, weights = jnp.ones((2, *size, 4)), jnp.ones((kernel, kernel, 4, 8))
    layer = partial(convolve, stride=stride, padding=kernel // 2)
    backward = jax.grad(lambda images, weights: (layer(images, weights) ** 2).sum())
    for function in (layer, backward):
        assert slow_convolutions.of(function, images, weights)
        assert bool(slow_convolutions.slow(function, images, weights)) == compiled_swapped(function, images, weights)


def test_a_convolution_in_groups_is_left_alone():
    images, weights = jnp.ones((2, 2, 2, 4)), jnp.ones((3, 3, 1, 4))
    assert slow_convolutions.slow(partial(convolve, stride=1, padding=1, groups=4), images, weights) == []


def test_convolutions_in_loops_and_behind_jit_are_found_and_told_by_name():
    images, weights = jnp.ones((2, 2, 2, 4)), jnp.ones((3, 3, 4, 4))

    @jax.jit
    def layer(images):
        with jax.named_scope("the_layer"):
            return convolve(images, weights, 1, 1)

    def fn(images):
        return lax.fori_loop(0, 3, lambda _, images: layer(images), images)

    (found,) = slow_convolutions.slow(fn, jax.ShapeDtypeStruct(images.shape, images.dtype))
    assert str(found) == "the_layer: kernel 3×3 on a map of 2×2, 4 channels"
    assert not found.gradient
    assert any(f.gradient for f in slow_convolutions.slow(jax.grad(lambda images: layer(images).sum()), images))


# --- no model of the course has one ---------------------------------------------------------------------------------


def module(model, size, batch=32, **settings):
    """The loss of a Flax module in training: a function of its variables, and what to call it with."""
    images = jax.ShapeDtypeStruct((batch, size, size, 1 if size == 28 else 3), jnp.float32)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    variables = jax.eval_shape(partial(model.init, **settings), keys, images)

    def loss(variables, images):
        rngs = {"dropout": jax.random.key(1)}
        return model.apply(variables, images, rngs=rngs, mutable=["batch_stats"], **settings)[0].sum()

    return loss, variables, images


def network(transformed, size, batch=32):
    """The same for Haiku's."""
    images = jax.ShapeDtypeStruct((batch, size, size, 3), jnp.float32)
    key = jax.random.key(0)
    params = jax.eval_shape(transformed.init, key, images)
    return lambda params, images: transformed.apply(params, key, images, training=True).sum(), params, images


# file → its models, each as it is used in training, with the size of pictures that it gets there
MODELS = {
    "notebooks/02_flax_mnist_cnn.py": {"CNN": lambda unit: module(unit.CNN(), 28)},
    "solutions/02_flax_mnist_cnn.py": {"SmallCNN": lambda unit: module(unit.SmallCNN(), 28)},
    "notebooks/03_haiku_cifar10_vgg8.py": {"VGG8": lambda unit: network(unit.make_network(width=32), 32)},
    "solutions/03_haiku_cifar10_vgg8.py": {"VGG8": lambda unit: network(unit.make_network(width=32), 32)},
    "notebooks/04_resnet18_cats_dogs.py": {
        "ResNet18": lambda unit: module(unit.ResNet18(classes=2), 96, train=True),
        "Tiny": lambda unit: module(unit.Tiny(), 24, batch=16, train=True),
        "MiniResNet": lambda unit: module(unit.MiniResNet(classes=2), 32, train=True),
    },
    "solutions/04_resnet18_cats_dogs.py": {
        "SmallResNet": lambda unit: module(unit.SmallResNet(unit.ResidualBlock), 32, train=True)
    },
    "notebooks/05_swin_v2_imagenette.py": {
        "micro": lambda unit: module(unit.swin_v2("micro", drop_path=0.0), 64, train=True),
        "tiny": lambda unit: module(unit.swin_v2("tiny", drop_path=0.0), 256, batch=2, train=True),
    },
}


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, models in MODELS.items() for name in models])
def test_no_convolution_of_the_course_falls_into_the_slow_path(file, name):
    loss, variables, images = MODELS[file][name](definitions.load(file))
    gradient = jax.grad(loss, argnums=(0, 1), allow_int=True)
    assert len(slow_convolutions.of(gradient, variables, images)) > 1
    assert not [str(found) for found in slow_convolutions.slow(gradient, variables, images)]


def test_a_resnet18_at_64_pixels_would_be_told():
    unit = definitions.load("notebooks/04_resnet18_cats_dogs.py")
    loss, variables, images = module(unit.ResNet18(classes=2), 64, train=True)
    found = slow_convolutions.slow(jax.grad(loss), variables, images)
    assert {one.where.rpartition("/")[0] for one in found} == {"ResNet18/layer4_0", "ResNet18/layer4_1"}


def test_every_file_with_convolutions_is_looked_at():
    with_convolutions = {
        str(path.relative_to(ROOT))
        for folder in (NOTEBOOKS, SOLUTIONS)
        for path in sources(folder)
        if re.search(r"\b(nn\.Conv|hk\.Conv\w*)\(", path.read_text(encoding="utf-8"))
    }
    # small convolutions of 2×2 patches, without overlap, which cannot be slower than their arithmetic
    assert with_convolutions - set(MODELS) <= {"solutions/05_swin_v2_imagenette.py"}
