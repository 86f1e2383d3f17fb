"""The check of `make_network` and its hints."""

from __future__ import annotations

import inspect
from typing import Any

import haiku as hk
import jax

from utils.base.jaxprs import equations
from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_03.shared import drawn_like, key_of, layers_are_right, needs_no_key, quick


@exercise(
    stars=1,
    minutes=5,
    points=1,
    seconds=60.0,  # a program to compile
    hints=(
        "Define a function inside `make_network`, which makes the module and calls it; return `hk.transform` of that function.",
        "`def forward(images, dropout=0.0, training=False): return VGG8(width, classes)(images, dropout=dropout, "
        "training=training)`.",
    ),
)
def make_network(answer: Any, reference: Any) -> None:
    """Two pure functions, made by hk.transform."""
    width, classes = 2, 5
    images, key = jax.random.normal(jax.random.key(0), (2, 32, 32, 3)), key_of(1)
    mine = _pair(answer, width, classes)
    shapes = known("weights", lambda: jax.eval_shape(reference(width, classes).init, key, images))
    _gives_logits(mine, key, images, classes)
    layers_are_right(jax.eval_shape(mine.init, key, images), shapes, lambda *_: "pass `width` and `classes` on")
    params = drawn_like(shapes)
    told = "Called without `training`, in evaluation it asks for a key: pass `training` on, and let it be False."
    needs_no_key(mine, params, images, told)

    def right(*args: Any) -> Any:
        return reference(width, classes).apply(*args)

    probes.same_shapes(mine.apply, right, params, None, images)
    if _draws(lambda key: mine.apply(params, key, images, 0.9), key):
        probes.fail(
            "`apply(params, key, images, 0.9)` should be evaluation with a rate of 0.9; it draws random numbers. The function "
            "that is transformed takes `images, dropout=0.0, training=False`, in this order."
        )
    if not _draws(lambda key: mine.apply(params, key, images, training=True), key):
        probes.fail("`training=True` changes nothing: pass it on to `VGG8`.")
    # by its name, and mixed, as the course calls it
    plain, by_name, at_zero, mixed = probes.call(
        quick(
            lambda key: (
                mine.apply(params, None, images),
                mine.apply(params, key, images, dropout=0.9, training=True),
                mine.apply(params, key, images, training=True),
                mine.apply(params, key, images, 0.9, training=True),
            )
        ),
        key,
    )
    if probes.agrees(by_name, at_zero, 1e-4, 1e-5):
        probes.fail("With `dropout=0.9` and `training=True` nothing is dropped: the rate does not reach `VGG8`.")
    if not probes.agrees(mixed, by_name, 1e-4, 1e-5):
        probes.fail("`apply(params, key, images, 0.9, training=True)` is not what it is with `dropout=0.9`.")
    want = known("want", lambda: quick(lambda: right(params, None, images))())
    probes.close(plain, want, rtol=1e-4, atol=1e-5)


def _draws(function: Any, key: Any) -> bool:
    return any(line.primitive.name == "random_bits" for line in equations(function, key))


def _pair(answer: Any, width: int, classes: int) -> Any:
    """What the answer made, if it is a pair of functions."""
    try:
        network = answer(width, classes)
    except ValueError as error:
        if "hk.transform" not in str(error):
            raise
        probes.fail(
            "A module is made outside: `VGG8(…)` must stand *inside the function that is transformed*, not before it."
        )
    if isinstance(network, hk.TransformedWithState):
        probes.fail(
            "It is `transform_with_state`, whose functions carry a state in and out. VGG8 has none: `hk.transform`."
        )
    if inspect.isfunction(network):
        probes.fail("It returned a function that is not transformed. `hk.transform` makes `init` and `apply` of it.")
    if not isinstance(network, hk.Transformed):
        probes.fail(f"It returned a `{type(network).__name__}`; what `hk.transform` returns is wanted.")
    if "rng" not in inspect.signature(network.apply).parameters:
        probes.fail(
            "`apply` takes no key: that is `hk.without_apply_rng`. Dropout needs one, so leave it as `hk.transform` makes it."
        )
    return network


def _gives_logits(mine: Any, key: Any, images: Any, classes: int) -> None:
    def made(key: Any, images: Any) -> Any:
        result = mine.apply(mine.init(key, images), key, images)
        if isinstance(result, hk.Module):
            probes.fail("The function makes the module, but does not call it on the images.")
        return result

    try:
        shape = getattr(jax.eval_shape(made, key, images), "shape", None)
    except ValueError as error:
        if "hk.transform" not in str(error):
            raise
        probes.fail("A module is made outside: it must be made *inside the function that is transformed*.")
    if shape is not None and shape[-1:] == (10,):
        probes.fail(f"For classes={classes} it gives 10 numbers for each image: pass `classes` on to `VGG8`.")
