"""The check of `PostNormBlock` and its hints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_05.shared import normal


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
    key = jax.random.key(6)
    x = normal(np.random.default_rng(1), 6, 2, 2, 4)
    with _asks_for_no_key():
        got = jax.eval_shape(_build(answer).init, key, x)
    want = known("weights", lambda: jax.eval_shape(_build(reference).init, key, x))
    probes.like(got, want)
    weights = _drawn(want)
    probes.same_shapes(_build(answer).apply, _build(reference).apply, weights, x)
    with _asks_for_no_key():
        out = probes.call(_build(answer, 0.5).apply, weights, x)
    right = known("want", lambda: _build(reference).apply(weights, x))
    if not probes.agrees(out, right, 1e-4, 1e-5):
        probes.close(
            out,
            right,
            mistakes=_mistakes(weights["params"], x),
            because="The weights have the right shapes, so look at the order of layer, norm and addition.",
            rtol=1e-4,
            atol=1e-5,
        )
    fresh = _build(answer).init(key, x)["params"]
    probes.expect(
        not any(bool(jnp.any(fresh[name]["scale"])) for name in ("norm1", "norm2")),
        "The scale of a norm starts at 1; with `scale_init=nn.initializers.zeros` a new block changes nothing.",
    )
    with probes.doing("with `train=True` and drop path"):
        dropped = _build(answer, 0.5).apply(weights, x, train=True, rngs={"drop_path": key})
        probes.like(dropped, right)
    probes.expect(
        not probes.agrees(dropped, right, 1e-4, 1e-5),
        "In training its branches are never left out: put each through `DropPath(self.drop_path)(…, train)`.",
    )
    _leaves_out_whole_branches(dropped, weights["params"], x)


def _build(kind: Any, drop_path: float = 0.0) -> Any:
    dense: Callable[..., nn.Module] = nn.Dense
    return kind(attention=dense(4), mlp=dense(4), drop_path=drop_path)


@contextmanager
def _asks_for_no_key() -> Iterator[None]:
    """Without `train`."""
    try:
        yield
    except Exception as error:
        if "drop_path" in str(error):
            probes.fail("Without `train` it asks for a key: hand `train` on to `DropPath`, which then does nothing.")
        raise


def _drawn(shapes: Any) -> Any:
    """Random weights; small ones in the branches, so that the epsilon of the norms shows."""
    draw = np.random.default_rng(0)
    weights = jax.tree.map(lambda leaf: jnp.asarray(draw.normal(size=leaf.shape), jnp.float32), shapes)
    for branch in ("attention", "mlp"):
        weights["params"][branch] = jax.tree.map(lambda leaf: 0.01 * leaf, weights["params"][branch])
    return weights


def _mistakes(params: dict[str, Any], x: jax.Array) -> dict[str, jax.Array]:
    """What is told of a wrong result, with this result."""
    attention, mlp = _branches(params)
    n1, n2 = _norms(params)
    flax1, flax2 = _norms(params, epsilon=1e-6)
    middle = x + n1(attention(x))
    early = x + attention(n1(x))
    summed = n1(x + attention(x))
    other = x + n2(mlp(x))
    with_flax = x + flax1(attention(x))
    return {
        "It is normalised before the layer, as in version 1; here the norm comes after it.": early + mlp(n2(early)),
        "The sum is normalised; only the branch is, before it is added.": n2(summed + mlp(summed)),
        "The branches stand side by side: the MLP must see what came out of the first addition.": (
            x + n1(attention(x)) + n2(mlp(x))
        ),
        "The second branch replaces its input; add it.": n2(mlp(middle)),
        "The MLP comes first; attention does.": other + n1(attention(other)),
        "The epsilon is 1e-6, Flax's own; the reference has 1e-5.": with_flax + flax2(mlp(with_flax)),
        "There is no normalisation.": x + attention(x) + mlp(x + attention(x)),
    }


def _leaves_out_whole_branches(dropped: jax.Array, params: dict[str, Any], x: jax.Array) -> None:
    (attention, mlp), (n1, n2) = _branches(params), _norms(params)
    after_first = [x, x + 2 * n1(attention(x))]  # kept branches count double: 1 / (1 - 0.5)
    possible = after_first + [y + 2 * n2(mlp(y)) for y in after_first]
    apart = jnp.stack([jnp.abs(dropped - y).max(axis=(1, 2, 3)) for y in possible])  # [4, B]
    probes.expect(
        bool((apart.min(axis=0) < 1e-3).all()),
        "Drop path must leave out a whole branch: after the norm, and before it is added to what came in.",
    )


def _layer_norm(x: jax.Array, weights: dict[str, jax.Array], epsilon: float = 1e-5) -> jax.Array:
    x = x - x.mean(axis=-1, keepdims=True)
    x = x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + epsilon)
    return x * weights["scale"] + weights["bias"]


def _branches(params: dict[str, Any]) -> list[Callable[[jax.Array], jax.Array]]:
    """Attention and MLP, which are dense layers here."""

    def dense(x: jax.Array, weights: dict[str, jax.Array]) -> jax.Array:
        return x @ weights["kernel"] + weights["bias"]

    return [partial(dense, weights=params[name]) for name in ("attention", "mlp")]


def _norms(params: dict[str, Any], epsilon: float = 1e-5) -> list[Callable[[jax.Array], jax.Array]]:
    return [partial(_layer_norm, weights=params[name], epsilon=epsilon) for name in ("norm1", "norm2")]
