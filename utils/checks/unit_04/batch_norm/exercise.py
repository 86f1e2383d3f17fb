"""The check of `batch_norm` and its hints."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_04.shared import refusal


@exercise(
    stars=2,
    minutes=15,
    points=3,
    hints=(
        "`train` is a Python bool, so a plain `if train:` is right. Compute mean and variance in each branch, "
        "and normalise once below it.",
        "`x.mean(axis=(0, 1, 2))` has one number a channel, and broadcasting lines it up with the last axis of `x`. "
        "`jnp.var` divides by N unless it is told otherwise, and that is what is wanted.",
        "New running mean: `momentum * stats.mean + (1 - momentum) * mean`, the variance likewise. In evaluation return `stats` "
        "as it came. A channel has `x.size // x.shape[-1]` numbers.",
    ),
)
def batch_norm(answer: Any, reference: Any) -> None:
    """BatchNorm by hand, with running statistics."""
    x = jnp.asarray(np.random.default_rng(0).normal([2, -1], [3, 0.5], (3, 4, 3, 2)), jnp.float32)
    scale, bias = jnp.array([1.5, -0.7]), jnp.array([0.2, 0.4])
    stats = reference.__globals__["Stats"](jnp.array([0.5, -0.3]), jnp.array([2.0, 0.8]))
    momentum, epsilon = 0.8, 0.3  # far from the defaults, so that each use of them shows

    def of(fn: Any, train: bool) -> Any:
        return lambda x, scale, bias, stats: fn(x, scale, bias, stats, train, momentum, epsilon)

    _statistics_are_of_a_channel(of(answer, True), x, scale, bias, stats)
    for train in (True, False):
        with probes.doing(f"with `train={train}`"):
            mine, right = of(answer, train), of(reference, train)
            probes.same_shapes(mine, right, x, scale, bias, stats, known_as=f"shapes, {train=}")

    got = probes.call(of(answer, True), x, scale, bias, stats)
    want = known("training", lambda: of(reference, True)(x, scale, bias, stats))
    because = "With `train=True`, compare with the NumPy lines for one channel."
    if not probes.agrees(got, want):
        mistakes = _mistakes_in_training(x, scale, bias, stats, momentum, epsilon)
        probes.close(got, want, mistakes=mistakes, because=because)
    got = probes.call(of(answer, False), x, scale, bias, stats)
    want = known("evaluation", lambda: of(reference, False)(x, scale, bias, stats))
    mistakes = _mistakes_in_evaluation(x, scale, bias, stats, momentum, epsilon)
    probes.close(got, want, mistakes=mistakes, because="This is with `train=False`.")
    _gradient_goes_through_the_statistics(of(answer, True), of(reference, True), x, scale, bias, stats)
    _one_number_is_refused(answer, scale, bias, stats)


def _normalised(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float, mean: jax.Array, var: jax.Array
) -> jax.Array:
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias


def _moved(stats: Any, momentum: float, mean: jax.Array, var: jax.Array) -> Any:
    """The running statistics after a batch with these."""
    return type(stats)(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)


def _mistakes_in_training(
    x: jax.Array, scale: jax.Array, bias: jax.Array, stats: Any, momentum: float, epsilon: float
) -> dict[str, Any]:
    """What is told of a wrong result with `train=True`, with this result."""
    y, moved = partial(_normalised, x, scale, bias, epsilon), partial(_moved, stats, momentum)
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    unbiased = x.var((0, 1, 2), ddof=1)
    return {
        "`momentum` is the share of the *old* value that stays; here it is that of the new one, as in PyTorch.": (
            y(mean, var),
            _moved(stats, 1 - momentum, mean, var),
        ),
        "The running variance is divided by N − 1, as PyTorch's is. Here, as in Flax, it is the variance by which "
        "the batch is normalised, divided by N.": (y(mean, var), moved(mean, unbiased)),
        "It normalises by a variance that is divided by N − 1; divided by N is right (`jnp.var` as it is).": (
            y(mean, unbiased),
            moved(mean, unbiased),
        ),
        "In training it normalises by the running statistics; those of this batch are wanted.": (
            y(*stats),
            moved(mean, var),
        ),
        "It normalises by the running statistics after they have moved; this batch's own are wanted.": (
            y(*moved(mean, var)),
            moved(mean, var),
        ),
        "In training the running statistics have to move towards this batch's.": (y(mean, var), stats),
        "The running statistics are simply this batch's. A share `momentum` of the old ones stays.": (
            y(mean, var),
            type(stats)(mean, var),
        ),
        "The `momentum` that is passed in is not used.": (y(mean, var), _moved(stats, 0.9, mean, var)),
        "The `epsilon` that is passed in is not used.": (
            _normalised(x, scale, bias, 1e-5, mean, var),
            moved(mean, var),
        ),
        "`epsilon` belongs inside the square root, to the variance.": (
            (x - mean) / (jnp.sqrt(var) + epsilon) * scale + bias,
            moved(mean, var),
        ),
        "It divides by the variance; the standard deviation, the square root of it, is wanted.": (
            (x - mean) / (var + epsilon) * scale + bias,
            moved(mean, var),
        ),
        "The channels are normalised, but `scale` and `bias` are not applied.": (
            (x - mean) / jnp.sqrt(var + epsilon),
            moved(mean, var),
        ),
    }


def _mistakes_in_evaluation(
    x: jax.Array, scale: jax.Array, bias: jax.Array, stats: Any, momentum: float, epsilon: float
) -> dict[str, Any]:
    """What is told of a wrong result with `train=False`, with this result."""
    y, moved = partial(_normalised, x, scale, bias, epsilon), partial(_moved, stats, momentum)
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return {
        "In evaluation it normalises by this batch's statistics; the running ones are wanted.": (
            y(mean, var),
            stats,
        ),
        "In evaluation the running statistics stay as they are; here they move.": (y(*stats), moved(mean, var)),
        "In evaluation the running statistics stay, and they are what `x` is normalised by.": (
            y(mean, var),
            moved(mean, var),
        ),
    }


def _statistics_are_of_a_channel(train: Any, x: jax.Array, *rest: Any) -> None:
    """Say over which axes the mean was taken, where its shape tells."""

    def traced(x: jax.Array, *rest: Any) -> float:
        result = train(x, *rest)
        if isinstance(result, tuple) and len(result) == 2 and type(result[1]) in (tuple, list):
            probes.fail(
                "The running statistics come back as a plain tuple; return them as they came: `Stats(mean, var)`."
            )
        shapes = {jnp.shape(leaf) for leaf in jax.tree.leaves(result[1])} if isinstance(result, tuple) else set()
        if x.shape[1:] in shapes:
            probes.fail(
                "Mean and variance are taken over the pictures only, for each place by itself. A channel has *one* mean, over "
                "pictures, rows and columns."
            )
        if shapes & {(len(x), 1, 1, x.shape[-1]), (len(x), x.shape[-1])}:
            probes.fail(
                "Mean and variance are taken for each picture by itself. A channel has *one* mean, over pictures, rows and "
                "columns."
            )
        return 0.0

    with probes.doing("with `train=True`"):
        jax.eval_shape(traced, x, *rest)


def _gradient_goes_through_the_statistics(mine: Any, right: Any, x: jax.Array, *rest: Any) -> None:
    def slope(fn: Any) -> Any:
        return jax.jit(jax.grad(lambda x: (fn(x, *rest)[0] ** 3).sum()))(x)

    want = known("gradient", lambda: slope(right))
    with probes.doing("under `jax.jit` and `jax.grad`"):
        probes.expect(
            probes.agrees(probes.call(slope, mine), want, 1e-3, 1e-4),
            "the values are right and the gradient is not: mean and variance depend on `x` too, and here one of them is a "
            "constant to the gradient. Does it leave JAX, or is there a `stop_gradient`?",
        )


def _one_number_is_refused(answer: Any, scale: jax.Array, bias: jax.Array, stats: Any) -> None:
    single, picture = jnp.ones((1, 1, 1, 2)), jnp.ones((1, 2, 3, 2))
    if refusal(answer, single, scale, bias, stats, True) is None:
        probes.fail(
            "With x of shape [1, 1, 1, 2] each channel has one number, and its variance is 0 whatever it is. In training it has to "
            "raise a `ValueError` then."
        )
    if refusal(answer, picture, scale, bias, stats, True) is not None:
        probes.fail(
            "It refuses x of shape [1, 2, 3, 2]. A batch of one can do: there are six numbers a channel. Refuse only where there is "
            "one."
        )
    if refusal(answer, single, scale, bias, stats, False) is not None:
        probes.fail(
            "In evaluation nothing is computed from the batch, so a single number is fine. Raise in training only."
        )
