"""The check of `saliency` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


def _two_layers(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    """A model whose gradient depends on the image: logits [B, K] of images [B, H, W, C]."""
    return jnp.tanh(images.reshape((len(images), -1)) @ params["v"]) @ params["w"] + params["b"]


@exercise(
    stars=3,
    minutes=12,
    points=3,
    hints=(
        "Begin with *one* image: a function from an image [H, W, C] and its class to one number, that class's logit. "
        "The model wants a batch, so give it `image[None]`.",
        "`jax.grad` of that function differentiates by its first argument, the image; `jax.vmap` of the gradient "
        "takes all images and classes.",
        "`jnp.abs(gradients).max(axis=-1)`, where `gradients` is [B, H, W, C].",
    ),
)
def saliency(answer: Any, reference: Any) -> None:
    """The pixels that a logit depends on."""
    keys = jax.random.split(jax.random.key(5), 3)
    params = {
        "v": 0.5 * jax.random.normal(keys[0], (8, 6)),
        "w": jax.random.normal(keys[1], (6, 4)),
        "b": jnp.arange(4.0),
    }
    images = jax.random.normal(keys[2], (3, 2, 2, 2))
    classes = jnp.argmin(_two_layers(params, images), axis=1).astype(jnp.int32)

    def mine(images: jax.Array, classes: jax.Array) -> Any:
        return answer(_two_layers, params, images, classes)

    def by_weights(images: jax.Array, classes: jax.Array) -> float:
        result = mine(images, classes)
        if isinstance(result, dict) and result.keys() == params.keys():
            probes.fail("It is the gradient with respect to the weights; differentiate by the image.")
        return 0.0

    jax.eval_shape(by_weights, images, classes)
    probes.same_shapes(mine, lambda x, y: reference(_two_layers, params, x, y), images, classes)
    got = probes.call(mine, images, classes)
    want = known("want", lambda: reference(_two_layers, params, images, classes))
    if probes.agrees(got, want):
        return probes.jits(mine, images, classes)
    mistakes = _mistakes(params, images, classes)
    probes.close(got, want, mistakes=mistakes, because="Try it with one image and `jax.grad` alone first.")


def _mistakes(params: Any, images: jax.Array, classes: jax.Array) -> dict[str, jax.Array]:
    """What is told of a wrong map, with this map."""

    def by(score: Any) -> jax.Array:
        """Gradients [B, H, W, C] of a score of logits [K] and class."""
        gradient = jax.grad(lambda x, y: score(_two_layers(params, x[None])[0], y))
        gradients: jax.Array = jax.jit(jax.vmap(gradient))(images, classes)
        return gradients

    logit = by(lambda z, y: z[y])
    return {
        "The sign is kept. A pixel that lowers the logit matters too: absolute values first, then the maximum.": logit.max(
            -1
        ),
        "The absolute values come after the maximum; take them first.": jnp.abs(logit.max(-1)),
        "The channels are added up; the largest of them is wanted.": jnp.abs(logit).sum(-1),
        "It is the mean over the channels; the largest of them is wanted.": jnp.abs(logit).mean(-1),
        "It is the gradient of the cross-entropy, or of a log-probability; it mixes in the other classes. Take the logit.": (
            jnp.abs(by(lambda z, y: jax.nn.log_softmax(z)[y])).max(-1)
        ),
        "It is the gradient of the probability, which all classes share. Take the logit.": jnp.abs(
            by(lambda z, y: jax.nn.softmax(z)[y])
        ).max(-1),
        "It explains the class with the highest logit, not the one in `classes`.": jnp.abs(
            by(lambda z, y: z.max())
        ).max(-1),
        "The gradient is multiplied by the picture; the gradient alone is wanted.": jnp.abs(images * logit).max(-1),
        "It is the gradient of all logits together; that of the class named in `classes` is wanted.": jnp.abs(
            by(lambda z, y: z.sum())
        ).max(-1),
    }
