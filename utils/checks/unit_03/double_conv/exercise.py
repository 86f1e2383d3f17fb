"""The check of `double_conv` and its hints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_03.shared import drawn_like, layers_are_right, quick, transformed


def _pooled(x: jax.Array, pick: Callable[..., jax.Array] = jnp.max) -> jax.Array:
    batch, height, width, channels = x.shape
    return pick(x.reshape((batch, height // 2, 2, width // 2, 2, channels)), axis=(2, 4))


def _variant(x: jax.Array, *, first: Any = jax.nn.relu, last: Any = jax.nn.relu, pool: Any = _pooled) -> Any:
    """The block with its usual mistakes to choose from; the weights have the same names."""
    x = first(hk.Conv2D(6, 3)(x))
    return pool(last(hk.Conv2D(6, 3)(x)))


def _same(x: jax.Array) -> jax.Array:
    return x


def _why(name: str, shape: Any, due: Any) -> str:
    if shape[:2] != due[:2]:
        return "`kernel_shape=3` gives 3×3"
    if shape[-1] != due[-1]:
        return "both convolutions give `channels` channels"
    return "the second convolution takes what the first one gives"


@exercise(
    stars=1,
    minutes=8,
    points=2,
    hints=(
        "Twice: make a layer, call it on `x`, apply `jax.nn.relu`. Then `max_pool`, which stands above.",
        "`hk.Conv2D(channels, kernel_shape=3)` makes a layer; calling it as `layer(x)` gives the maps. Haiku's own padding, "
        '"SAME", is right.',
        "`for _ in range(2): x = jax.nn.relu(hk.Conv2D(channels, kernel_shape=3)(x))`, then return `max_pool(x)`.",
    ),
)
def double_conv(answer: Any, reference: Any) -> None:
    """Two convolutions and a pooling."""
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    mine, right = (transformed(lambda x, block=block: block(x, 6)) for block in (answer, reference))
    want_params = known("weights", lambda: jax.eval_shape(right.init, jax.random.key(1), x))
    layers_are_right(jax.eval_shape(mine.init, jax.random.key(1), x), want_params, _why)
    _maps_are_halved(mine, want_params, x)
    params = drawn_like(want_params)
    probes.same_shapes(mine.apply, right.apply, params, None, x)
    got = probes.call(quick(mine.apply), params, None, x)
    want = known("want", lambda: quick(right.apply)(params, None, x))
    if probes.agrees(got, want, 1e-4, 1e-5):
        return

    probes.close(
        got,
        want,
        mistakes=_mistakes(params, x),
        because="The weights have the right shapes, so look at what stands between the layers, and in which order.",
        rtol=1e-4,
        atol=1e-5,
    )


def _maps_are_halved(mine: Any, params: Any, x: jax.Array) -> None:
    got_shape = getattr(jax.eval_shape(mine.apply, params, None, x), "shape", None)
    reasons = {
        (2, 8, 8, 6): "The maps are as large as before. Is the pooling missing?",
        (2, 2, 2, 6): (
            'The maps are a quarter of what they were. Either they are pooled twice, or the padding is "VALID": one '
            "`max_pool` at the end, and Haiku's own padding."
        ),
    }
    if got_shape == (2, 2, 2, 6):  # 8 → 6 → 4 → 2 without padding, or 8 → 4 → 2
        larger = jax.eval_shape(mine.apply, params, None, jnp.zeros((2, 16, 16, 3)))
        reasons[got_shape] = (
            "The maps are pooled twice; once, at the end, is wanted."
            if larger.shape[1] == 4
            else 'The convolutions shrink the maps: they have padding "VALID". Haiku\'s own, "SAME", is right.'
        )
    if got_shape in reasons:
        probes.fail(reasons[got_shape])


def _mistakes(params: Any, x: jax.Array) -> dict[str, jax.Array]:
    """What is told of wrong maps, with these maps."""

    def variant(**options: Any) -> Any:
        return transformed(lambda x: _variant(x, **options)).apply(params, None, x)

    def mean(x: jax.Array) -> jax.Array:
        return _pooled(x, jnp.mean)

    first = transformed(lambda x: _variant(_pooled(x), pool=_same))
    return {
        "The ReLU after the first convolution is missing: two convolutions without one between them are one.": variant(
            first=_same
        ),
        "The ReLU after the second convolution is missing.": variant(last=_same),
        "There is no ReLU in it: without one, all layers together are a single linear map.": variant(
            first=_same, last=_same
        ),
        "The pooling takes the mean of each square; the maximum is wanted.": variant(pool=mean),
        "The pooling comes first. The convolutions work on the large maps, then these are halved.": first.apply(
            params, None, x
        ),
    }
