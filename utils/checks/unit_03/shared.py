"""What several checks of unit 03 use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes


def key_of(seed: int) -> jax.Array:
    """A key of the kind "rbg", whose programs compile faster than the default's."""
    return jax.random.key(seed, impl="rbg")


def quick(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit` that compiles several times as fast, for programs that run a few times: XLA optimises nothing."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def drawn_like(shapes: Any, seed: int = 0) -> Any:
    """Random weights of these shapes, biases too: with zeros a ReLU in the wrong place could go unseen."""
    draw = np.random.default_rng(seed)

    def one(leaf: Any) -> jax.Array:
        inputs = max(1, int(np.prod(leaf.shape[:-1])))
        return jnp.asarray(draw.normal(size=leaf.shape) * (1.5 / inputs) ** 0.5, leaf.dtype)

    return jax.tree.map(one, shapes)


def bare(name: str) -> str:
    """The layer's own name: "vgg8/conv2_d_1" is "conv2_d_1"."""
    return name.rpartition("/")[2]


def layers_are_right(got: dict[str, Any], want: dict[str, Any], explain: Callable[[str, Any, Any], str]) -> None:
    """Names and shapes of Haiku's weights, layer by layer; `explain` says why a kernel has the shape it has."""
    if [bare(name) for name in got] != [bare(name) for name in want]:
        probes.fail(
            f"Its layers are {_listed(got)}; {_listed(want)} are wanted. "
            "Make each on the line where it is used, and leave its name to Haiku."
        )
    for name, wanted in zip(got, want.values(), strict=True):
        if "b" not in got[name]:
            probes.fail(f"`{bare(name)}` has no bias: leave `with_bias` as it is.")
        shape, due = got[name]["w"].shape, wanted["w"].shape
        if shape != due:
            probes.fail(
                f"The kernel of `{bare(name)}` is {list(shape)}; {list(due)} is wanted: {explain(name, shape, due)}."
            )


def _listed(layers: dict[str, Any]) -> str:
    return ", ".join(f"`{bare(name)}`" for name in layers) or "none"


def transformed(function: Any) -> hk.Transformed:
    """`hk.transform` of a lambda around the answer, so that a class or function of the student's stays as it is."""
    return hk.transform(lambda *args, **kwargs: function(*args, **kwargs))


def needs_no_key(network: hk.Transformed, params: Any, images: Any, told: str) -> None:
    """Tell of a network that asks for a key in evaluation, where `apply` is given None for one."""
    try:
        jax.eval_shape(lambda: network.apply(params, None, images))
    except ValueError as error:
        if "RNG" not in str(error) and "rng" not in str(error):
            raise
        probes.fail(told)
