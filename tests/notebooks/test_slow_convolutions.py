"""Convolutions that a CPU computes slowly are found from shapes alone, and no raced model of the lessons has one."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from utils import slow_convolutions
from utils.races import catalogue, entrants_jax

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


def test_a_convolution_in_a_loop_and_behind_jit_is_found():
    layer = jax.jit(lambda images: convolve(images, jnp.ones((3, 3, 4, 4)), 1, 1))
    looped = partial(lax.fori_loop, 0, 3, lambda _, images: layer(images))
    assert len(slow_convolutions.slow(looped, jax.ShapeDtypeStruct((2, 2, 2, 4), jnp.float32))) == 1


# --- and none of the raced models has one ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cnn", "vgg8", "resnet18", "swin_micro"])
def test_no_convolution_of_a_lessons_model_falls_into_the_slow_path(name):
    race = catalogue.find(name)
    model, images = entrants_jax.MODELS[race.model](race), jnp.ones((race.batch, *race.image))
    variables = jax.eval_shape(model.init, jax.random.key(0), images)

    def loss(variables, images):
        return model.apply(*variables, images, True)[0].sum()

    gradient = jax.grad(loss, argnums=(0, 1))
    assert len(slow_convolutions.of(gradient, variables, images)) > 1
    assert not [str(found) for found in slow_convolutions.slow(gradient, variables, images)]
