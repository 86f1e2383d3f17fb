"""The check of `VGG8` and its hints."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from utils.base.jaxprs import equations
from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_03.shared import bare, drawn_like, key_of, layers_are_right, needs_no_key, quick, transformed

WIDTH, CLASSES = 2, 5
# at a rate below 0 nothing is dropped and all is divided by 1 - rate, whatever the key: numbers to compare by
TOP = -2.0


def _why(name: str, shape: Any, due: Any) -> str:
    if len(due) == 4:
        if shape[:2] != due[:2]:
            return "the convolutions are 3×3"
        return "the blocks have W, 2W and 4W channels, W being `self.width`"
    if due[1] != CLASSES and shape == (4 * WIDTH, CLASSES):
        return (
            "it has become the last layer. Haiku names layers in the order in which they are made, and in "
            "`hk.Linear(…)(… hk.Linear(…)(x))` Python makes the outer one first. Use a line for each"
        )
    if due[1] == CLASSES:
        return "the last layer gives `self.classes` numbers, from the 4W of the hidden one"
    if shape[1] != due[1]:
        return "the hidden linear layer has 4W numbers"
    if shape[0] == due[0] // 16:
        return "the places are averaged away; each of the 4×4 places counts for itself: `hk.Flatten()`"
    return "it gets 4×4 places of 4W channels in one row"


@exercise(
    stars=3,
    minutes=20,
    points=3,
    seconds=60.0,  # two programs to compile
    hints=(
        "First write it without dropout: three times `double_conv`, `hk.Flatten()`, linear, ReLU, linear. Run the check; "
        "then add `if training:` in four places.",
        "`rates = rising(dropout, 4)`. After a block: `if training: x = drop(hk.next_rng_key(), rates[0], x)`. Each call of "
        "`hk.next_rng_key()` gives another key.",
        "The blocks: `for factor, rate in zip((1, 2, 4), rates[:3])`, with `double_conv(x, factor * self.width)`. The end: "
        "`x = jax.nn.relu(hk.Linear(4 * self.width)(x))`, the fourth drop, `return hk.Linear(self.classes)(x)`.",
    ),
)
def VGG8(answer: Any, reference: Any) -> None:
    """VGG8 as a Haiku module, with dropout that rises with depth."""
    probes.expect(issubclass(answer, hk.Module), "It should be a Haiku module: `class VGG8(hk.Module)`.")
    images, key = _images(), key_of(1)
    mine, right = _functions(answer), _functions(reference)
    shapes = known("weights", lambda: jax.eval_shape(right.init, key, images))
    got_shapes = jax.eval_shape(mine.init, key, images)
    layers_are_right(got_shapes, shapes, _why)
    params = drawn_like(shapes)
    params = {name: params[wanted] for name, wanted in zip(got_shapes, shapes, strict=True)}
    right_params = dict(zip(shapes, params.values(), strict=True))

    def draws(training: bool) -> list[tuple[int, ...]]:
        return _draws(lambda key: mine.apply(params, key, images, 0.5, training), key)

    _asks_for_no_key(mine, params, images, draws(False))
    probes.same_shapes(lambda: mine.apply(params, None, images), lambda: right.apply(right_params, None, images))
    _drops_at_its_places(draws(True))
    run = _program(mine, params, images)
    plain, divided = probes.call(run, key, TOP)
    want_plain, want_divided = known("logits", lambda: _wanted_of(reference))
    if not probes.agrees(plain, want_plain, 1e-4, 1e-5):
        _evaluation_differs(plain, want_plain, right_params, images)
    if not probes.agrees(divided, want_divided, 1e-4, 1e-5):
        _rates_differ(divided, want_divided, right_params, images)
    probes.keys(lambda key: run(key, 0.5)[1], key)


def _images() -> jax.Array:
    return jnp.asarray(np.random.default_rng(1).normal(size=(2, 32, 32, 3)), jnp.float32)


def _functions(module: Any) -> hk.Transformed:
    return transformed(lambda x, rate=0.0, training=False: module(WIDTH, CLASSES)(x, dropout=rate, training=training))


def _draws(function: Any, key: Any) -> list[tuple[int, ...]]:
    """The shapes of the random numbers that a function draws, in no order; none is drawn."""
    return [
        tuple(equation.params["shape"])
        for equation in equations(function, key)
        if equation.primitive.name == "random_bits"
    ]


def _asks_for_no_key(mine: Any, params: Any, images: Any, drawn: list[tuple[int, ...]]) -> None:
    if drawn:
        probes.fail(
            "A key is asked for in evaluation, and something is dropped. With `training=False` nothing may be: "
            "`if training:` before each `drop`."
        )
    told = (
        "In evaluation `hk.next_rng_key()` is called although nothing is drawn, so `apply` cannot be given `None`. "
        "Ask for a key only `if training:`."
    )
    needs_no_key(mine, params, images, told)


def _evaluation_differs(got: Any, want: Any, params: Any, images: Any) -> None:
    """In evaluation the answer gives other numbers than it should."""
    probes.close(
        got,
        want,
        mistakes={
            "The ReLU between the two linear layers is missing: without it they are one linear layer.": _network(
                params, images, relu=False
            ),
            "It returns probabilities: there is a softmax at the end. Plain logits are wanted.": _network(
                params, images, end=jax.nn.softmax
            ),
            "There is a `log_softmax` at the end; plain logits are wanted.": _network(
                params, images, end=jax.nn.log_softmax
            ),
            "The logits may be negative: no ReLU after the last layer.": _network(params, images, end=jax.nn.relu),
        },
        because="The weights have the right shapes, and `training` is False: look at what stands between the layers.",
        rtol=1e-4,
        atol=1e-5,
    )


def _drops_at_its_places(drawn: list[tuple[int, ...]]) -> None:
    """One draw after each block and one after the hidden layer, by their shapes."""
    want = [(2, 16, 16, WIDTH), (2, 8, 8, 2 * WIDTH), (2, 4, 4, 4 * WIDTH), (2, 4 * WIDTH)]
    if not drawn:
        probes.fail("Nothing is ever dropped, with `training=True` neither.")
    drawn = [(2, 4, 4, 4 * WIDTH) if shape == (2, 64 * WIDTH) else shape for shape in drawn]  # before or after Flatten
    if sorted(drawn) == sorted(want):
        return
    if (2, 32, 32, 3) in drawn:
        probes.fail(
            "With `training=True` the pictures themselves are dropped: the first drop stands after the first block."
        )
    if (2, CLASSES) in drawn:
        probes.fail(
            "With `training=True` the logits themselves are dropped: the last drop stands before the last layer."
        )
    if len(drawn) != 4:
        probes.fail(
            f"With `training=True` it drops {len(drawn)} times; 4 times is wanted: after each block, and after the ReLU of "
            "the hidden linear layer."
        )
    probes.fail(
        f"With `training=True` what is dropped has the shapes {', '.join(str(list(s)) for s in drawn)}; "
        f"{', '.join(str(list(s)) for s in want)} is wanted, for pictures [2, 32, 32, 3] and a width of {WIDTH}."
    )


def _program(network: hk.Transformed, params: Any, images: Any) -> Any:
    """Key and rate to the logits in evaluation and in training, as one program."""
    return quick(lambda key, top: (network.apply(params, None, images), network.apply(params, key, images, top, True)))


@lru_cache(maxsize=1)
def _wanted_of(reference: Any) -> Any:
    images, key = _images(), key_of(1)
    network = _functions(reference)
    params = drawn_like(jax.eval_shape(network.init, key, images))
    return _program(network, params, images)(key, TOP)


def _rates_differ(got: Any, want: Any, right_params: Any, images: Any) -> None:
    """In training, at a rate below 0, the answer gives other numbers than it should."""
    top = TOP

    def rated(*rates: float) -> Any:
        return _network(right_params, images, rates=rates)

    probes.close(
        got,
        want,
        mistakes={
            "With `training=True` it drops at the same rate everywhere. The rates rise: `rising(dropout, 4)`.": rated(
                top, top, top, top
            ),
            "The four rates are used in the wrong order: the least one belongs after the first block.": rated(
                top, 3 * top / 4, top / 2, top / 4
            ),
        },
        because="In evaluation it is right, so look at the four rates: which of `rising(dropout, 4)` is used where?",
        rtol=1e-4,
        atol=1e-5,
    )


def _network(params: Any, images: Any, *, relu: bool = True, end: Any = None, rates: Any = (0.0,) * 4) -> Any:
    """The logits of the network with a mistake to choose; what is not dropped is divided by 1 - rate."""

    def forward(x: jax.Array) -> jax.Array:
        for factor, rate in zip((1, 2, 4), rates, strict=False):
            for _ in range(2):
                x = jax.nn.relu(hk.Conv2D(factor * WIDTH, 3)(x))
            batch, side, _, channels = x.shape
            x = x.reshape((batch, side // 2, 2, side // 2, 2, channels)).max(axis=(2, 4)) / (1 - rate)
        x = hk.Linear(4 * WIDTH)(hk.Flatten()(x))
        x = hk.Linear(CLASSES)((jax.nn.relu(x) if relu else x) / (1 - rates[3]))
        return end(x) if end else x

    plain = {bare(name): leaves for name, leaves in params.items()}
    return quick(lambda: hk.transform(forward).apply(plain, None, images))()
