"""`kernel_gradient`: kernels of several forms, 1×1 and larger than the map, uneven paddings; no convolution in the program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from utils.checks.exercise import Draw, Exercise

Pair = tuple[int, int]


def draw(
    rng: Draw, map: tuple[int, int, int], channels: Pair, size: Pair, padding: tuple[Pair, Pair]
) -> dict[str, Any]:
    """A map [B, H, W, C] and a gradient of what the convolution makes of it."""
    batch, *sides = map
    result = [side + sum(pads) - k + 1 for side, pads, k in zip(sides, padding, size, strict=True)]
    return {
        "x": rng.normal(*map, channels[0], around=0.5),
        "dy": rng.normal(batch, *result, channels[1], around=0.5),
        "size": size,
        "padding": padding,
    }


def form(programs: Sequence[str]) -> str:
    """Whether there is a convolution."""
    if any("stablehlo.convolution" in program for program in programs):
        return (
            "There is a convolution in the program. It may come from `lax.conv_general_dilated`, its `jax.vjp` or `jax.grad`, "
            "`lax.conv_general_dilated_patches` or `nn.Conv`. Slices and matrix products are enough."
        )
    return ""


def _size(
    map: tuple[int, int, int], channels: Pair, size: Pair, about: str, padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
) -> dict[str, Any]:
    return {"map": map, "channels": channels, "size": size, "padding": padding, "about": about}


kernel_gradient = Exercise(
    name="kernel_gradient",
    title="The gradient of a convolution by its kernel",
    stars=3,
    minutes=20,
    points=4,
    hints=(
        "Pad x with `jnp.pad(x, ((0, 0), *padding, (0, 0)))`. The inputs of the kernel position (i, j) are then a window of x with the "
        "height and width of dy, which begins at row i and column j.",
        'For one position, `jnp.einsum("brsc,brsk->ck", window, dy)` sums over images, rows and columns, and returns [C, K].',
        "`window = x[:, i : i + dy.shape[1], j : j + dy.shape[2]]`. Loop over i in `range(kh)` and j in `range(kw)`, and use `jnp.stack` twice.",
    ),
    sizes=(
        _size((1, 1, 1), (2, 3), (1, 1), "a kernel of 1×1"),
        _size((2, 5, 3), (1, 4), (2, 3), "no padding"),
        _size((2, 4, 5), (3, 2), (3, 3), "padded by 1 on all sides", ((1, 1), (1, 1))),
        _size((1, 3, 4), (2, 3), (2, 2), "rows and columns padded by different numbers", ((1, 1), (2, 2))),
        _size((3, 6, 4), (2, 3), (3, 2), "the two ends padded by different numbers", ((2, 0), (0, 1))),
        _size((2, 2, 3), (2, 1), (5, 4), "a kernel larger than the map", ((2, 3), (2, 1))),
    ),
    draw=draw,
    form=form,
)
