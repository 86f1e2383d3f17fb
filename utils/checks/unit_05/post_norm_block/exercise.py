"""The check of `PostNormBlock` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_05.shared import normal


def _layer_norm(x: jax.Array, weights: dict[str, jax.Array], epsilon: float = 1e-5) -> jax.Array:
    x = x - x.mean(axis=-1, keepdims=True)
    x = x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + epsilon)
    return x * weights["scale"] + weights["bias"]


def _parts(params: dict[str, Any]) -> Any:
    def part(name: str) -> Any:
        return lambda x: x @ params[name]["kernel"] + params[name]["bias"]

    return part("attention"), part("mlp")


@exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "One line a branch: what came in, plus drop path of the norm of the layer's result. The second line starts from the first one's result.",
        '`nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")` makes a layer; then call it.',
        "`x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)`, and the same with `norm2` and `self.mlp`.",
    ),
)
def PostNormBlock(answer: Any, reference: Any) -> None:
    """A block with res-post-norm."""
    probes.expect(issubclass(answer, nn.Module), "It should be a Flax Linen module: `class PostNormBlock(nn.Module)`.")

    def build(kind: Any, drop_path: float = 0.0) -> Any:
        return kind(attention=nn.Dense(4), mlp=nn.Dense(4), drop_path=drop_path)

    key = jax.random.key(6)
    x = normal(np.random.default_rng(1), 6, 2, 2, 4)
    try:
        got = jax.eval_shape(build(answer).init, key, x)
    except Exception as error:
        if "drop_path" in str(error):
            probes.fail("Without `train` it asks for a key: hand `train` on to `DropPath`, which then does nothing.")
        raise
    want = known("weights", lambda: jax.eval_shape(build(reference).init, key, x))
    probes.like(got, want)

    draw = np.random.default_rng(0)
    weights = jax.tree.map(lambda leaf: jnp.asarray(draw.normal(size=leaf.shape), jnp.float32), want)
    for branch in ("attention", "mlp"):  # small numbers, so that the epsilon shows
        weights["params"][branch] = jax.tree.map(lambda leaf: 0.01 * leaf, weights["params"][branch])
    probes.same_shapes(build(answer).apply, build(reference).apply, weights, x)
    try:
        out = probes.call(build(answer, 0.5).apply, weights, x)
    except Exception as error:
        if "drop_path" in str(error):
            probes.fail("Without `train` it asks for a key: hand `train` on to `DropPath`, which then does nothing.")
        raise
    right = known("want", lambda: build(reference).apply(weights, x))
    if not probes.agrees(out, right, 1e-4, 1e-5):
        params = weights["params"]
        attention, mlp = _parts(params)
        n1, n2 = (lambda y, name=name: _layer_norm(y, params[name]) for name in ("norm1", "norm2"))
        flax1, flax2 = (lambda y, name=name: _layer_norm(y, params[name], 1e-6) for name in ("norm1", "norm2"))
        middle = x + n1(attention(x))
        early = x + attention(n1(x))
        summed = n1(x + attention(x))
        other = x + n2(mlp(x))
        with_flax = x + flax1(attention(x))
        probes.close(
            out,
            right,
            mistakes={
                "It is normalised before the layer, as in version 1; here the norm comes after it.": early
                + mlp(n2(early)),
                "The sum is normalised; only the branch is, before it is added.": n2(summed + mlp(summed)),
                "The branches stand side by side: the MLP must see what came out of the first addition.": (
                    x + n1(attention(x)) + n2(mlp(x))
                ),
                "The second branch replaces its input; add it.": n2(mlp(middle)),
                "The MLP comes first; attention does.": other + n1(attention(other)),
                "The epsilon is 1e-6, Flax's own; the reference has 1e-5.": with_flax + flax2(mlp(with_flax)),
                "There is no normalisation.": x + attention(x) + mlp(x + attention(x)),
            },
            because="The weights have the right shapes, so look at the order of layer, norm and addition.",
            rtol=1e-4,
            atol=1e-5,
        )
    fresh = build(answer).init(key, x)["params"]
    probes.expect(
        not any(bool(jnp.any(fresh[name]["scale"])) for name in ("norm1", "norm2")),
        "The scale of a norm starts at 1; with `scale_init=nn.initializers.zeros` a new block changes nothing.",
    )
    with probes.doing("with `train=True` and drop path"):
        dropped = build(answer, 0.5).apply(weights, x, train=True, rngs={"drop_path": key})
        probes.like(dropped, right)
    probes.expect(
        not probes.agrees(dropped, right, 1e-4, 1e-5),
        "In training its branches are never left out: put each through `DropPath(self.drop_path)(…, train)`.",
    )
    params = weights["params"]
    attention, mlp = _parts(params)
    after_first = [x, x + 2 * _layer_norm(attention(x), params["norm1"])]  # kept branches count double: 1 / (1 - 0.5)
    possible = after_first + [y + 2 * _layer_norm(mlp(y), params["norm2"]) for y in after_first]
    apart = jnp.stack([jnp.abs(dropped - y).max(axis=(1, 2, 3)) for y in possible])  # [4, B]
    probes.expect(
        bool((apart.min(axis=0) < 1e-3).all()),
        "Drop path must leave out a whole branch: after the norm, and before it is added to what came in.",
    )
