"""A convolution with its own gradient by the kernel, in the place of `jax.lax.conv_general_dilated`.

    nn.Conv(64, (3, 3), conv_general_dilated=convolution.conv_general_dilated)

The value is lax's, and so is the gradient by the input. The gradient by the kernel is not. With the output

    y[b, r, q, o] = Σ x[b, r·s + i - p, q·s + j - p, c] · kernel[i, j, c, o]     over i, j, c

and dy, the gradient of the loss by y, it is

    dkernel[i, j, c, o] = Σ x[b, r·s + i - p, q·s + j - p, c] · dy[b, r, q, o]     over b, r, q

lax writes this as a convolution again, whose kernel is dy, as large as the whole map. Libraries for processors are made
for small kernels. But a sum of products is a product of matrices, as soon as the numbers that belong together stand in
one row. There are two ways to put them there:

- *Patches.* Row (b, r, q) of the first matrix holds all that the kernel saw there, i, j and c side by side; row
  (b, r, q) of the second is dy. This copies x kh·kw times: good where maps are small, or there are few channels.
- *Columns and rows.* Put h = r·s + i - p. Then x depends on h, q and j, and dy on h, q and i:

      dkernel[i, j, c, o] = Σ x[b, h, q·s + j - p, c] · dy[b, (h + p - i) / s, q, o]     over b, h, q

  So x is moved along the width once for each column j of the kernel, and dy along the height once for each row i; what
  has no partner is zero. This copies x kw times and dy kh times, instead of x kh·kw times.

Which way is taken hangs on shapes alone (`way`), as it measured fastest on two cores; `lax` where that is fastest.
Groups, dilation, other layouts than NHWC and HWIO, and other devices than a CPU are lax's. As with each `custom_vjp`,
there is no forward mode (`jax.jvp`, `jax.linearize`) where the course's own way is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

LAYOUT = ("NHWC", "HWIO", "NHWC")
Pair = tuple[int, int]


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[Pair],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> jax.Array:
    """What `jax.lax.conv_general_dilated` gives, with a gradient by `rhs` that is faster on a CPU.

    Args:
        lhs: the maps, [B, H, W, C].
        rhs: the kernel, [kh, kw, C, O].
        window_strides: steps of the kernel along H and W.
        padding: "SAME", "VALID", or the (low, high) of H and of W.
        lhs_dilation: as lax has it; any but ones is left to lax.
        rhs_dilation: the same.
        dimension_numbers: as lax has them; any but NHWC, HWIO, NHWC are left to lax, and so is lax's default.
        feature_group_count: more than one is left to lax.
        batch_group_count: the same.
        precision: of all three products.
        preferred_element_type: any is left to lax.

    Returns:
        The new maps, [B, H', W', O], in the dtype of `lhs`.

    Raises:
        TypeError, ValueError: what lax raises for the same arguments.
    """
    plain = partial(
        lax.conv_general_dilated,
        window_strides=window_strides,
        lhs_dilation=lhs_dilation,
        rhs_dilation=rhs_dilation,
        dimension_numbers=dimension_numbers,
        feature_group_count=feature_group_count,
        batch_group_count=batch_group_count,
        precision=precision,
        preferred_element_type=preferred_element_type,
    )
    dilated = any(step != 1 for step in (*(lhs_dilation or ()), *(rhs_dilation or ())))
    grouped = feature_group_count != 1 or batch_group_count != 1
    if jnp.ndim(lhs) != 4 or dilated or grouped or preferred_element_type is not None:
        return plain(lhs, rhs, padding=padding)
    if lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers) != _layout(lhs, rhs):
        return plain(lhs, rhs, padding=padding)
    strides = (int(window_strides[0]), int(window_strides[1]))
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], strides, padding)
    (top, bottom), (left, right) = padding
    pads = ((int(top), int(bottom)), (int(left), int(right)))
    if min(map(min, pads)) < 0 or way(lhs.shape, rhs.shape, strides, pads) == "lax":
        return plain(lhs, rhs, padding=pads)
    return _convolve(lhs, rhs, strides, pads, precision)


def way(maps: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[Pair]) -> str:
    """How the gradient by a kernel [kh, kw, C, O] is computed for maps [B, H, W, C]: "patches", "columns" or "lax"."""
    places = [(n + sum(pad) - k) // s + 1 for n, pad, k, s in zip(maps[1:3], pads, kernel, strides, strict=False)]
    if jax.default_backend() != "cpu" or min(*maps, *kernel, *places) < 1:
        return "lax"
    if kernel[2] <= 4:
        return "patches" if kernel[0] * kernel[1] <= 9 else "lax"
    small = places[0] * places[1] <= 16
    return "patches" if small or max(strides) > 1 or kernel[0] * kernel[1] == 1 else "columns"


def _layout(lhs: Any, rhs: Any) -> lax.ConvDimensionNumbers:
    return lax.conv_dimension_numbers(lhs.shape, rhs.shape, LAYOUT)


def _lax(x: jax.Array, kernel: jax.Array, strides: Pair, pads: Sequence[Pair], precision: Any) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=LAYOUT, precision=precision)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _convolve(x: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair], precision: Any) -> jax.Array:
    return _lax(x, kernel, strides, pads, precision)


def _forward(x: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair], precision: Any) -> Any:
    return _lax(x, kernel, strides, pads, precision), (x, kernel)


def _backward(strides: Pair, pads: tuple[Pair, Pair], precision: Any, kept: Any, dy: jax.Array) -> Any:
    x, kernel = kept
    _, by_input = jax.vjp(lambda x: _lax(x, kernel, strides, pads, precision), x)
    lay = _patches if way(x.shape, kernel.shape, strides, pads) == "patches" else _columns_and_rows
    first, second = lay(x, dy, kernel.shape, strides, pads)
    # 16 bits are summed in 32
    sums = jnp.promote_types(x.dtype, jnp.float32)
    over_places = (((0,), (0,)), ((), ()))
    product = lax.dot_general(first, second, over_places, precision=precision, preferred_element_type=sums)
    kh, kw, channels, features = kernel.shape
    if lay is _columns_and_rows:  # [kw·C, kh·O]
        product = product.reshape(kw, channels, kh, features).transpose(2, 0, 1, 3)
    return by_input(dy)[0], product.reshape(kernel.shape).astype(kernel.dtype)


_convolve.defvjp(_forward, _backward)


def _patches(x: jax.Array, dy: jax.Array, kernel: Sequence[int], strides: Pair, pads: Sequence[Pair]) -> Any:
    """[B·H'·W', kh·kw·C] and [B·H'·W', O]."""
    (_, rows, columns, features), (high, wide) = dy.shape, strides
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    seen = [
        padded[:, i : i + (rows - 1) * high + 1 : high, j : j + (columns - 1) * wide + 1 : wide]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]
    return jnp.concatenate(seen, axis=-1).reshape(-1, kernel[0] * kernel[1] * kernel[2]), dy.reshape(-1, features)


def _columns_and_rows(x: jax.Array, dy: jax.Array, kernel: Sequence[int], strides: Pair, pads: Sequence[Pair]) -> Any:
    """[B·H·W', kw·C] and [B·H·W', kh·O]. Copies lie side by side as a sum of padded ones: XLA makes one loop of it."""
    kh, kw, channels, features = kernel
    (_, height, width, _), (_, rows, columns, _) = x.shape, dy.shape
    (high, wide), ((top, _), (left, _)) = strides, pads
    reach, span = (rows - 1) * high + 1, (columns - 1) * wide + 1  # from the first place to the last
    zero, still = jnp.zeros((), x.dtype), (0, 0, 0)
    moved, shifted = [], []
    for j in range(kw):
        beside = (j * channels, (kw - 1 - j) * channels, 0)
        one = lax.pad(x, zero, (still, still, (left - j, span + j - left - width, 0), still))[:, :, ::wide]
        moved.append(lax.pad(one, zero, (still, still, still, beside)))
    for i in range(kh):
        beside = (i * features, (kh - 1 - i) * features, 0)
        shifted.append(lax.pad(dy, zero, (still, (i - top, height - reach - i + top, high - 1), still, beside)))
    return sum(moved).reshape(-1, kw * channels), sum(shifted).reshape(-1, kh * features)  # type: ignore[union-attr]
