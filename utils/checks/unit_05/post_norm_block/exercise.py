"""`PostNormBlock`: around layers that stand for attention and MLP, with drawn weights, and many copies for drop path."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from utils.base import trees
from utils.checks.answers import Told
from utils.checks.exercise import Draw, Exercise

MANY = 1024  # copies of the maps: so many that a share is off by 0.1 in less than one of 10⁸ runs


def draw(rng: Draw, shape: tuple[int, int, int, int], drop_path: float) -> dict[str, Any]:
    """Maps, weights and a key. The branches give small numbers, so that the epsilon of the norms shows."""
    many = shape[-1]
    params = {name: {"scale": rng.normal(many, around=1.0), "bias": rng.normal(many)} for name in ("norm1", "norm2")}
    params["attention"] = {"kernel": rng.normal(many, many, scale=0.01), "bias": rng.normal(many, scale=0.01)}
    params["mlp"] = {"kernel": rng.normal(many, many, scale=0.01), "bias": rng.normal(many, scale=0.01)}
    return {"x": rng.normal(*shape), "params": params, "key": rng.key(), "drop_path": drop_path}


def ask(answer: Any, own: Any, *, x: Any, params: Any, key: Any, drop_path: float) -> Any:
    """The result with drawn weights; without drop path the norms of a new block, else what is determined in training."""
    if not issubclass(answer, nn.Module):
        raise Told("It should be a Flax Linen module: `class PostNormBlock(nn.Module)`.")
    layers: dict[str, Any] = {name: nn.Dense(x.shape[-1]) for name in ("attention", "mlp")}
    if drop_path:
        block = answer(*layers.values(), drop_path=drop_path)
        result = block.apply({"params": params}, x)
        many = block.apply({"params": params}, jnp.tile(x, (MANY, 1, 1, 1)), True, rngs={"drop_path": key})
        return {"result": result, "in training": trained(many.reshape(MANY, *x.shape), result, x, params, drop_path)}
    block = answer(**layers)
    new = block.init(key, x)["params"]
    if other := trees.differences(trees.forms(new), trees.forms(params)):
        raise Told(f"The weights differ from those in the task: {other}.")
    norms = {name: new[name] for name in ("norm1", "norm2")}
    return {"new block": norms, "result": block.apply({"params": params}, x)}


def trained(many: jax.Array, result: jax.Array, x: jax.Array, params: Any, drop_path: float) -> dict[str, jax.Array]:
    """What is determined of results with drop path, [MANY, B, H, W, C]."""

    def branch(layer: str, norm: str, x: jax.Array) -> Any:
        x = x @ params[layer]["kernel"] + params[layer]["bias"]
        x = x - x.mean(axis=-1, keepdims=True)
        x = x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-5)
        return (x * params[norm]["scale"] + params[norm]["bias"]) / (1 - drop_path)

    first = jnp.stack([x, x + branch("attention", "norm1", x)])
    possible = jnp.concatenate([first, first + branch("mlp", "norm2", first)])  # none kept, one, the other, both
    apart = jnp.abs(many - possible[:, None]).max(axis=(-3, -2, -1))  # [4, MANY, B]
    nearest = jnp.argmin(apart, axis=0)
    kept = jnp.stack([nearest % 2, nearest // 2])
    share = kept.mean(axis=(1, 2))
    whole = apart.min(axis=0).max() < 1e-3
    return {
        "something is left out": jnp.abs(many - result).max() > 1e-3,
        "branches are kept or left out as a whole": whole,
        "the share that is left out": whole & (jnp.abs(1 - share - drop_path).max() < 0.1),
        "each branch by itself": whole & (jnp.abs((kept[0] * kept[1]).mean() - share[0] * share[1]) < 0.1),
    }


PostNormBlock = Exercise(
    name="PostNormBlock",
    title="A block with res-post-norm",
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Write one line per branch: the input, plus drop path of the norm of the branch's output. The second line starts from the "
        "result of the first.",
        '`nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")` creates a norm; call it on the output of the branch.',
        "The first line is `x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)`. The second uses `norm2` and `self.mlp`.",
    ),
    sizes=(
        {"shape": (1, 1, 2, 3), "drop_path": 0.0, "about": "without drop path"},
        {"shape": (3, 2, 1, 4), "drop_path": 0.25, "about": "a drop path of 0.25"},
        {"shape": (2, 1, 3, 5), "drop_path": 0.6, "about": "a drop path of 0.6"},
    ),
    draw=draw,
    ask=ask,
)
