"""What the checks of unit 03 share: what is determined of a VGG8, and of the pair that `hk.transform` makes."""

from __future__ import annotations

import contextlib
import itertools
import math
from functools import partial
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from utils.checks.answers import Told
from utils.checks.crossing import is_array, kind
from utils.checks.exercise import Draw

TINY = 1e-9  # a rate at which nothing is dropped; what stays is divided by 1 - rate, and that shows in the derivative
KEYS = 8


def vgg8_case(rng: Draw, batch: int, width: int, classes: int = 10, *, name: str = "vgg8") -> dict[str, Any]:
    """Pictures, a key, and the weights of a VGG8 for them; no bias is zero, so that the place of a ReLU is seen."""
    channels = [3, width, width, 2 * width, 2 * width, 4 * width, 4 * width]
    shapes = [(3, 3, *pair) for pair in itertools.pairwise(channels)] + [(64 * width, 4 * width), (4 * width, classes)]
    layers = ["conv2_d", *(f"conv2_d_{place}" for place in range(1, 6)), "linear", "linear_1"]
    params = {
        f"{name}/{layer}": {
            "w": rng.normal(*shape, scale=(2 / math.prod(shape[:-1])) ** 0.5),
            "b": rng.normal(shape[-1], scale=0.3, around=0.3),
        }
        for layer, shape in zip(layers, shapes, strict=True)
    }
    key = jax.random.key(int(rng.integers(0, 2**31 - 1)), dtype="unsafe_rbg")  # compiles several times as fast
    return {"images": rng.normal(batch, 32, 32, 3), "key": key, "params": params}


def is_pair(network: Any, images: Any) -> None:
    """Tell of what is not `init(key, images)` and `apply(params, key, images)`."""
    if isinstance(network, hk.TransformedWithState):
        raise Told("It uses `transform_with_state`, whose functions take and return a state. Use `hk.transform`.")
    if not (callable(getattr(network, "init", None)) and callable(getattr(network, "apply", None))):
        raise Told(
            f"The network is {kind(network)}; it should be what `hk.transform` returns, with `init` and `apply`."
        )
    with contextlib.suppress(Exception):
        jax.eval_shape(network.apply, jax.eval_shape(network.init, jax.random.key(0), images), images)
        network = None
    if network is None:
        raise Told("`apply` takes no key: is it from `hk.without_apply_rng`? Leave it as `hk.transform` returns it.")


def behaviour(network: hk.Transformed, images: jax.Array, key: jax.Array, params: Any, mode: str) -> dict[str, Any]:
    """The names of the weights, and if they are right, what is determined of the logits with these, in a mode."""
    named = _named(jax.eval_shape(network.init, key, images))
    if named != _named(params):
        return {"weights": named, "logits": 0.0}
    if mode != "rate":
        options, used = ({"training": True}, key) if mode == "training" else ({"dropout": 0.5}, None)
        logits = network.apply(params, used, images, **options)
        if not (is_array(logits) and logits.ndim == 2 and jnp.issubdtype(logits.dtype, jnp.floating)):
            raise Told(f"For images it returns {kind(logits)} instead of logits, one row of numbers per image.")
        return {"weights": named, "logits": logits}

    def trained(key: jax.Array, rate: Any, params: Any = params, images: Any = images) -> tuple[jax.Array, jax.Array]:
        """Logits in training, and how they change with the rate."""
        apply = partial(network.apply, params, key, images, training=True)
        return jax.jvp(lambda rate: apply(dropout=rate), (rate,), (jnp.ones_like(rate),))

    try:
        with jax.debug_key_reuse(True):
            jax.eval_shape(trained, key, jnp.float32(0.5), params, images)
    except jax.errors.KeyReuseError:
        raise Told(
            "One key is used for two draws, which then drop the same elements. Each `drop` needs its own key: call "
            "`hk.next_rng_key()` once for each."
        ) from None
    rates = jnp.where(jnp.arange(KEYS + 3) < KEYS, 0.5, TINY)
    logits, slopes = jax.vmap(trained)(jax.random.split(key, KEYS + 3), rates)
    return {
        "weights": named,
        "with training=True": {
            "another key, other logits": jnp.any(logits[:KEYS] != logits[0]),
            "change of the logits with dropout": jnp.median(slopes[KEYS:], axis=0),
        },
    }


def _named(params: Any) -> dict[str, int]:
    """Names and shapes of weights, as names."""
    shapes = {
        layer: ", ".join(f"{name} {list(leaf.shape)}" for name, leaf in sorted(of.items()))
        for layer, of in params.items()
    }
    return {f"{layer}: {shape}": 1 for layer, shape in shapes.items()}
