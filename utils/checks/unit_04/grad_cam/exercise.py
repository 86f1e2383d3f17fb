"""The check of `grad_cam` and its hints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


def _drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _maps(images: jax.Array) -> jax.Array:
    """Maps [B, 2, 2, 3] of images [B, 4, 4, 2]; of a blank image, zeros."""
    patches = images.reshape((len(images), 2, 2, 2, 2, 2)).transpose(0, 1, 3, 2, 4, 5).reshape((len(images), 2, 2, 8))
    return jnp.tanh(patches @ _drawn(1, 8, 3))


def _head(maps: jax.Array) -> jax.Array:
    """Logits [B, 4]; not linear, so that the gradient is another at every place."""
    return jnp.tanh(0.5 * maps.reshape((len(maps), -1)) @ _drawn(2, 12, 5)) @ _drawn(3, 5, 4)


@exercise(
    stars=3,
    minutes=12,
    points=3,
    hints=(
        "Call `maps_fn` first and differentiate after it: `jax.grad` of a function of the *maps*, from which `head_fn` makes logits.",
        "A picture's logit depends on its own maps alone. So the gradient of the *sum* of the batch's logits holds every picture's own "
        "gradient, without `vmap`.",
        "`weights = gradients.mean(axis=(1, 2), keepdims=True)`, [B, 1, 1, C]; `(weights * maps).sum(axis=-1)` is [B, h, w]. Divide by "
        "`jnp.where(highest > 0, highest, 1.0)`.",
    ),
)
def grad_cam(answer: Any, reference: Any) -> None:
    """Where a picture speaks for a class."""
    images = jnp.asarray(_drawn(8, 5, 4, 4, 2))
    classes = jnp.array([2, 0, 3, 1, 1], jnp.int32)

    def mine(images: jax.Array, classes: jax.Array) -> Any:
        return answer(_maps, _head, images, classes)

    def right(images: jax.Array, classes: jax.Array) -> Any:
        return reference(_maps, _head, images, classes)

    def of_the_pictures(images: jax.Array, classes: jax.Array) -> float:
        if jnp.shape(mine(images, classes)) == images.shape[:3]:
            probes.fail(
                "The result is as large as the pictures: is it the gradient with respect to the pictures? Differentiate by the maps."
            )
        return 0.0

    jax.eval_shape(of_the_pictures, images, classes)
    probes.same_shapes(mine, right, images, classes)
    with probes.doing("with a blank picture, for which nothing speaks for the class"):
        probes.call(mine, jnp.zeros_like(images), classes)
    got, want = probes.call(mine, images, classes), known("want", lambda: right(images, classes))
    if probes.agrees(got, want, 1e-4, 1e-5):
        return probes.jits(mine, images, classes)
    probes.close(
        got,
        want,
        mistakes=_mistakes(images, classes),
        because="Go through the five points with one picture, and print the shape after each.",
        rtol=1e-4,
        atol=1e-5,
    )


def _mistakes(images: jax.Array, classes: jax.Array) -> dict[str, jax.Array]:
    """What is told of a wrong map, with this map."""
    maps = _maps(images)
    each = jnp.arange(len(classes))

    def slope(score: Any) -> Any:
        """The gradient of a score of logits [B, K] with respect to the maps."""
        return jax.grad(lambda maps: score(_head(maps)).sum())(maps)

    def heat(weights: jax.Array) -> jax.Array:
        return (weights * maps).sum(-1)

    logit = slope(lambda z: z[each, classes])
    plain = heat(_by_place(logit))
    positive = jnp.maximum(plain, 0)
    low = positive.min((1, 2), keepdims=True)
    return {
        "The ReLU is missing: what is negative speaks for another class.": _unit(plain, relu=False),
        "It takes the absolute value; what is negative speaks for another class and becomes 0.": _unit(jnp.abs(plain)),
        "There is a weight for every place of a map; a map has *one*, the gradient's mean over the places.": _unit(
            heat(logit)
        ),
        "The weights are shared by all pictures: the mean goes over the places of a picture, not over the batch.": _unit(
            heat(logit.mean((0, 1, 2), keepdims=True))
        ),
        "Of the weighted maps it takes the largest; their sum is wanted.": _unit((_by_place(logit) * maps).max(-1)),
        "The gradient is averaged over the maps, for each place. Average it over the places, for each map.": _unit(
            heat(logit.mean(-1, keepdims=True))
        ),
        "The ReLU stands on the weights; it belongs after the sum.": _unit(heat(jnp.maximum(_by_place(logit), 0))),
        "The ReLU stands on the gradient; it belongs after the sum.": _unit(heat(_by_place(jnp.maximum(logit, 0)))),
        "It is the gradient alone; the maps themselves are left out.": _unit(logit.sum(-1)),
        **_of_another_score(lambda score: _unit(heat(_by_place(slope(score)))), each, classes),
        "It is divided by the whole batch's maximum; each picture has its own.": positive / positive.max(),
        "It is not divided by its maximum, so it does not fill 0..1.": positive,
        "Its lowest place is brought to 0. Divide by the maximum only: 0 means that nothing speaks for the class.": _unit(
            positive - low
        ),
        "The lowest place is brought to 0 in place of a ReLU: what is negative speaks for another class and becomes 0.": _unit(
            plain - plain.min((1, 2), keepdims=True)
        ),
    }


def _of_another_score(cam: Callable[[Any], jax.Array], each: jax.Array, classes: jax.Array) -> dict[str, jax.Array]:
    """The mistakes of who differentiates something else than the class's logit."""
    return {
        "It is the gradient of the probability, which all classes share. Take the logit.": cam(
            lambda z: jax.nn.softmax(z)[each, classes]
        ),
        "It is the gradient of the cross-entropy: it shows what speaks *against* the class. Take the logit.": cam(
            lambda z: -jax.nn.log_softmax(z)[each, classes]
        ),
        "It explains the class with the highest logit, not the one in `classes`.": cam(lambda z: z.max(-1)),
        "`logits[:, classes]` takes the classes of *every* picture for each of them. Each has its own: "
        "`jnp.take_along_axis`, or `logits[jnp.arange(B), classes]`.": cam(lambda z: z[:, classes]),
    }


def _by_place(gradient: jax.Array) -> jax.Array:
    return gradient.mean((1, 2), keepdims=True)


def _unit(heat: jax.Array, relu: bool = True) -> jax.Array:
    heat = jnp.maximum(heat, 0) if relu else heat
    top = heat.max((1, 2), keepdims=True)
    return heat / jnp.where(top > 0, top, 1.0)
