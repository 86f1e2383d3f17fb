"""A convolution with its own gradient gives what lax's gives: value and both gradients; and a mistake is seen."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from utils import convolution

# of an array's norm; float64 rounds at 1e-16, and a sum of 10,000 products has 1e-14 at worst
LIMIT = 1e-12
CASES = 200
pytestmark = pytest.mark.skipif(jax.default_backend() != "cpu", reason="this backend is no CPU")


def drawn(number):
    """Shapes of maps and kernel, strides and padding; every third has few channels, every fifth sizes of one."""
    rng = np.random.default_rng(number)
    while True:
        batch, height, width, features = (
            rng.integers(1, [9, 12, 12, 8]) if number % 4 else rng.integers([1, 8, 8, 1], [9, 30, 30, 4])
        )
        channels = rng.integers(1, 5) if number % 3 == 0 else rng.integers(5, 9)
        if number % 5 == 0:
            batch, height, features = rng.permutation([1, 1, int(features)])
        kernel = rng.integers(1, 6, 2)
        strides = rng.integers(1, 4, 2) if number % 2 else (1, 1)
        pads = rng.integers(0, 4, (2, 2))
        padding = ("SAME", "VALID")[number % 2] if number % 7 == 0 else tuple(tuple(map(int, pad)) for pad in pads)
        maps, kernel = [int(n) for n in (batch, height, width, channels)], [*map(int, (*kernel, channels, features))]
        strides = tuple(map(int, strides))
        explicit = padding if number % 7 else lax.padtype_to_pads(maps[1:3], kernel[:2], strides, padding)
        if all(n + sum(pad) >= k for n, pad, k in zip(maps[1:3], explicit, kernel, strict=False)):
            return maps, kernel, strides, padding


def arrays(number, *shapes, dtype=jnp.float64):
    rng = np.random.default_rng(1000 + number)
    return [jnp.asarray(rng.standard_normal(shape), dtype) for shape in shapes]


def convolved(convolve, strides, padding, x, kernel):
    """A value whose gradient by itself is no constant."""
    return jnp.sin(convolve(x, kernel, strides, padding, dimension_numbers=convolution.LAYOUT))


def results(convolve, strides, padding, x, kernel):
    """The value and both gradients; the same of two maps and kernels under vmap; and of two steps under scan."""
    layer = partial(convolved, convolve, strides, padding)

    def all_three(x, kernel):
        value, back = jax.vjp(layer, x, kernel)
        return value, *back(jnp.cos(value))

    def stepped(kernel):
        return lax.scan(lambda kernel, x: (0.9 * kernel, layer(x, kernel)), kernel, jnp.stack([x, -x]))[1]

    twice = jnp.stack([x, 2 * x]), jnp.stack([kernel, kernel[::-1]])
    value, back = jax.vjp(stepped, kernel)
    return (
        all_three(x, kernel),
        jax.vmap(all_three)(*twice),
        jax.vmap(all_three, (0, None))(twice[0], kernel),
        back(value),
    )


def distance(one, other):
    """The largest of the leaves' distances, in relation to their norms."""
    apart = jax.tree.map(
        lambda a, b: jnp.linalg.norm((a - b).ravel()) / (jnp.linalg.norm(b.ravel()) + 1e-300), one, other
    )
    return max(map(float, jax.tree.leaves(apart)))


def apart(number, monkeypatch, way):
    """How far a case is from lax's results, when its gradient is computed in this way."""
    maps, kernel, strides, padding = drawn(number)
    monkeypatch.setattr(convolution, "way", lambda *_: way)

    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})  # each runs once
    def both(x, kernel):
        own = results(convolution.conv_general_dilated, strides, padding, x, kernel)
        return own, results(lax.conv_general_dilated, strides, padding, x, kernel)

    return distance(*both(*arrays(number, maps, kernel)))


@pytest.mark.parametrize("number", [k if k < 4 else pytest.param(k, marks=pytest.mark.proof) for k in range(CASES)])
def test_value_and_gradients_are_laxs_under_jit_vmap_and_scan(number, monkeypatch, float64):
    way = ("columns", "rows", "whole")[number // 2 % 3]  # whichever way the shapes would take
    assert apart(number, monkeypatch, way) < LIMIT


def test_what_is_drawn_has_all_that_may_go_wrong():
    cases = [drawn(number) for number in range(CASES)]
    assert len({str(case) for case in cases}) == CASES
    for odd in (
        lambda maps, kernel, strides, padding: maps[1] != maps[2] and maps[0] != maps[3],
        lambda maps, kernel, strides, padding: strides[0] != strides[1],
        lambda maps, kernel, strides, padding: kernel[0] > maps[1],
        lambda maps, kernel, strides, padding: kernel[0] != kernel[1] and kernel[2] != kernel[3],
        lambda maps, kernel, strides, padding: 1 in maps and 1 in kernel,
        lambda maps, kernel, strides, padding: padding in ("SAME", "VALID"),
        lambda maps, kernel, strides, padding: maps[0] % 2 == 0 and maps[1] * maps[2] >= 256,  # cut into groups
        lambda maps, kernel, strides, padding: padding not in ("SAME", "VALID") and padding[0][0] > padding[0][1],
    ):
        assert sum(odd(*case) for case in cases) >= 10


MISTAKES = {
    "columns moved one too far": ("columns", "_columns", lambda x, dy, *rest: (jnp.roll(x, 1, 2), dy, *rest)),
    "rows moved one too far": ("columns", "_columns", lambda x, dy, *rest: (x, jnp.roll(dy, 1, 1), *rest)),
    "one number of 10¹¹ too large": ("rows", "_rows", lambda x, dy, *rest: (x, dy * (1 + 1e-11), *rest)),
    "a convolution moved one too far": ("whole", "_whole", lambda x, dy, *rest: (jnp.roll(x, 1, 2), dy, *rest)),
    "a kernel turned round": ("rows", "_rows", lambda x, dy, *rest: (x[:, ::-1], dy[:, ::-1], *rest)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_beyond_the_limit(mistake, monkeypatch, float64):
    way, name, changed = MISTAKES[mistake]
    right = getattr(convolution, name)
    monkeypatch.setattr(convolution, name, lambda *args: right(*changed(*args)))
    assert apart(1, monkeypatch, way) > 3 * LIMIT


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("way", ["columns", "rows", "whole"])
def test_in_fewer_bits_it_is_as_near_to_float64_as_laxs_own(way, dtype, monkeypatch):
    """The gradient by the kernel, summed over five draws: a single one may be lucky."""
    monkeypatch.setattr(convolution, "way", lambda *_: way)
    shapes, same = ((8, 12, 10, 16), (3, 3, 16, 24), (8, 12, 10, 24)), ((1, 1), (1, 1))

    def slope(convolve, x, kernel, dy):
        layer = partial(convolve, window_strides=(1, 1), padding=same, dimension_numbers=convolution.LAYOUT)
        return jax.vjp(partial(layer, x), kernel)[1](dy)[0]

    def off(convolve):
        compiled, squares = jax.jit(partial(slope, convolve)), 0.0
        for number in range(5):
            given = arrays(number, *shapes, dtype=dtype)
            with jax.enable_x64(True):
                exact = slope(lax.conv_general_dilated, *(one.astype(jnp.float64) for one in given))
            squares += np.square(np.asarray(compiled(*given), np.float64) - np.asarray(exact)).mean()
        return squares

    assert off(convolution.conv_general_dilated) < 1.5**2 * off(lax.conv_general_dilated)


MAPS, KERNEL = (2, 6, 6, 6), (3, 3, 6, 6)


@pytest.mark.parametrize(
    ("others", "x", "kernel"),
    [
        ({"feature_group_count": 2}, MAPS, (3, 3, 3, 6)),
        ({"batch_group_count": 2}, MAPS, KERNEL),
        ({"lhs_dilation": (2, 2), "padding": ((1, 1), (1, 1))}, MAPS, KERNEL),
        ({"rhs_dilation": (2, 1)}, MAPS, KERNEL),
        ({"preferred_element_type": jnp.float32}, MAPS, KERNEL),
        ({"dimension_numbers": ("NCHW", "OIHW", "NCHW")}, MAPS, (6, 6, 3, 3)),
        ({"dimension_numbers": None}, MAPS, (6, 6, 3, 3)),
        ({"padding": ((-1, 0), (0, 0))}, MAPS, KERNEL),
        ({"window_strides": (1,), "dimension_numbers": ("NWC", "WIO", "NWC")}, (2, 9, 6), (3, 6, 6)),
    ],
    ids=str,
)
def test_what_it_does_not_cover_is_laxs(others, x, kernel):
    arguments = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": convolution.LAYOUT} | others
    layer, reference = (
        partial(convolve, **arguments) for convolve in (convolution.conv_general_dilated, lax.conv_general_dilated)
    )
    both = jnp.ones(x), jnp.ones(kernel)
    assert str(jax.make_jaxpr(layer)(*both)) == str(jax.make_jaxpr(reference)(*both))
    jax.jvp(layer, both, both)  # and so has a forward mode


def test_the_way_hangs_on_shapes():
    same = ((1, 1), (1, 1))
    assert convolution.way((64, 16, 16, 64), (3, 3, 64, 64), (1, 1), same) == "columns"
    assert convolution.way((32, 3, 3, 512), (3, 3, 512, 512), (1, 1), same) == "rows"
    assert convolution.way((64, 28, 28, 1), (3, 3, 1, 32), (1, 1), same) == "rows"
    assert convolution.way((32, 24, 24, 64), (1, 1, 64, 128), (2, 2), ((0, 0), (0, 0))) == "rows"
    assert convolution.way((64, 32, 32, 3), (3, 3, 3, 32), (1, 1), same) == "rows"
    assert convolution.way((32, 96, 96, 3), (7, 7, 3, 64), (2, 2), ((3, 3), (3, 3))) == "whole"
    assert convolution.way((0, 8, 8, 8), (3, 3, 8, 8), (1, 1), same) == "lax"
