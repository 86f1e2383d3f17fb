"""The check of `accumulated_gradients` and its hints."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.base.jaxprs import equations
from utils.checks import probes
from utils.checks.registry import exercise


@exercise(
    stars=2,
    minutes=12,
    points=3,
    hints=(
        "First the data: every leaf [B, …] becomes [parts, B / parts, …], with one `reshape` inside `jax.tree.map`. `lax.scan` then "
        "hands out one part after the other.",
        "What is carried is the sum so far, `(loss, gradients)`, which begins at zeros: `jax.tree.map(jnp.zeros_like, params)`. "
        "`jax.value_and_grad` returns just such a pair, so one `jax.tree.map(jnp.add, total, one)` adds both.",
        "`total, _ = lax.scan(add, nothing, cut)`, where `add(total, part)` returns `(new total, None)`. Divide every leaf by "
        "`parts` at the end.",
    ),
)
def accumulated_gradients(answer: Any, reference: Any) -> None:
    """The gradient of a batch that does not fit."""
    draw = np.random.default_rng(0)
    params = {"w": jnp.asarray(draw.normal(size=(3, 4)), jnp.float32), "b": jnp.arange(4.0)}
    batch = {
        "x": jnp.asarray(draw.normal(size=(12, 3)), jnp.float32),
        "label": jnp.asarray(draw.integers(0, 4, 12), jnp.int32),
    }
    seen: list[int] = []

    def loss_fn(params: Any, batch: Any) -> jax.Array:
        seen.append(len(batch["x"]))
        return _loss(params, batch)

    def in_parts(fn: Any, parts: int) -> Any:
        return lambda params, batch: fn(loss_fn, params, batch, parts)

    jax.eval_shape(partial(_looks_right, in_parts(answer, 3)), params, batch)
    _loss_sees_a_part(seen, in_parts(answer, 3), params, batch)
    probes.same_shapes(in_parts(answer, 3), in_parts(reference, 3), params, batch)
    got, want = probes.call(jax.jit(in_parts(answer, 3)), params, batch), jax.value_and_grad(_loss)(params, batch)
    if not probes.agrees(got, want, 1e-4, 1e-6):
        probes.close(
            got,
            want,
            mistakes=_mistakes(params, batch, want),
            because="Compare with `jax.value_and_grad(loss_fn)(params, batch)`, which it must equal.",
            rtol=1e-4,
        )
    seen.clear()
    _is_one_loop(seen, partial(in_parts, answer), params, batch)


def _loss(params: Any, batch: Any) -> jax.Array:
    logits = jnp.tanh(batch["x"] @ params["w"]) + params["b"]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), batch["label"][:, None], axis=1).mean()


def _looks_right(fn: Any, params: Any, batch: Any) -> float:
    """Say what the shape of the result tells."""
    try:
        result = fn(params, batch)
    except TypeError as error:
        if "carry" in str(error):
            probes.fail(
                "What `lax.scan` carries must keep its structure and its types, and here it does not. The function returns a pair, "
                "(what is carried on, what is kept of each part): the new sum and `None`. The sum begins at zeros of the same structure."
            )
        raise
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], dict):
        probes.fail("The loss comes first, then the gradients, as with `jax.value_and_grad`.")
    return 0.0


def _loss_sees_a_part(seen: list[int], fn: Any, params: Any, batch: Any) -> None:
    """Of 12 examples in 3 parts; `seen`: how many the loss was given."""
    sizes = set(seen)
    if sizes == {12}:
        probes.fail(
            "`loss_fn` sees the whole batch in every one of the parts. Give it the part that `lax.scan` hands out."
            if _loops(fn, params, batch)
            else "`loss_fn` is given the whole batch at once, which is what did not fit. Cut it into parts first."
        )
    if 12 in sizes:
        probes.fail("`loss_fn` sees the whole batch once, beside the parts. That is what did not fit.")
    if sizes == {3}:
        probes.fail(
            "`loss_fn` is given 3 of the 12 examples with `parts=3`: `parts` counts the parts; each has 4 examples."
        )


def _mistakes(params: Any, batch: Any, want: Any) -> dict[str, Any]:
    """What is told of a wrong result, with this result."""
    loss, gradients = want
    last = jax.value_and_grad(_loss)(params, jax.tree.map(lambda leaf: leaf[8:], batch))
    total = jax.tree.map(lambda leaf: 3 * leaf, want)
    return {
        "Loss and gradients are sums over the parts; divide by `parts`.": total,
        "The loss is averaged over the parts, but the gradients are added up: such a step would be `parts` times as "
        "long.": (loss, total[1]),
        "The gradients are averaged over the parts, but the loss is added up.": (total[0], gradients),
        "It is the result of the last part alone: add to what is carried, don't replace it.": last,
        "It is the result of the last part, divided by `parts`: add to what is carried, don't replace it.": (
            jax.tree.map(lambda leaf: leaf / 3, last)
        ),
        "The sum begins with the weights; it begins at zeros *like* the weights.": (
            loss,
            jax.tree.map(lambda g, p: g + p / 3, gradients, params),
        ),
    }


def _is_one_loop(seen: list[int], in_parts: Callable[[int], Any], params: Any, batch: Any) -> None:
    """That takes one part after the other, and keeps nothing of it but the gradients."""
    loops = _loops(in_parts(12), params, batch)
    if len(seen) >= 12:
        probes.fail(
            "The values are right, but the network is written into the program once for each part (a Python loop), and compiled "
            "as often. `jax.lax.scan` writes it once."
        )
    if not loops:
        probes.fail(
            "The values are right, but all parts are computed side by side (`vmap`), so all their activations are in memory at once. "
            "`jax.lax.scan` takes one after the other."
        )
    if _keeps_activations(in_parts(6), 6, params, batch):
        probes.fail(
            "The values are right, but the loop computes the loss only, and is differentiated as a whole: for the way back it keeps the "
            "activations of every part. Differentiate inside the loop."
        )


def _keeps_activations(fn: Any, parts: int, params: Any, batch: Any) -> bool:
    """Whether a loop hands out something for every example of every part."""
    size = len(batch["x"]) // parts
    shapes = [
        getattr(out.aval, "shape", ())
        for e in equations(fn, params, batch)
        if e.primitive.name == "scan"
        for out in e.outvars
    ]
    return any(shape[:2] == (parts, size) for shape in shapes)


def _loops(fn: Any, *args: Any) -> bool:
    """Whether the program has a loop in it."""
    return any(equation.primitive.name in ("scan", "while") for equation in equations(fn, *args))
