"""A convolution with its own gradient by the kernel, in the place of `jax.lax.conv_general_dilated`.

    nn.Conv(64, (3, 3), conv_general_dilated=convolution.conv_general_dilated)

The value is lax's, and so is the gradient by the maps. The gradient by the kernel is not. With the output

    y[b, r, q, o] = Σ x[b, r·s + i - p, q·s + j - p, c] · kernel[i, j, c, o]     over i, j, c

and dy, the gradient of the loss by y, it is

    dkernel[i, j, c, o] = Σ x[b, r·s + i - p, q·s + j - p, c] · dy[b, r, q, o]     over b, r, q

lax writes this as a convolution again, whose kernel is dy, as large as the whole map. Libraries for processors are made
for small kernels. But a sum of products is a product of matrices, once what is multiplied stands in equal rows. There
are two ways to bring it there:

- *Patches.* Row (b, r, q) of the first matrix holds all that the kernel saw there, i, j and c side by side; row
  (b, r, q) of the second is dy. This copies x kh·kw times: good where maps are small, or there are few channels.
- *Columns and rows.* Put h = r·s + i - p. Then x depends on h, q and j, and dy on h, q and i:

      dkernel[i, j, c, o] = Σ x[b, h, q·s + j - p, c] · dy[b, (h + p - i) / s, q, o]     over b, h, q

  So x is moved along the width once for each column j of the kernel, and dy along the height once for each row i; what
  has no partner is zero. This copies x kw times and dy kh times.

Which way is taken hangs on shapes alone (`way`), as it measured fastest on two cores; lax's where that was faster.
Groups, dilation, other layouts than NHWC and HWIO, and other devices than a CPU are lax's. As with each `custom_vjp`,
there is no forward mode (`jax.jvp`, `jax.linearize`) where one of these ways is taken.
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
        lhs_dilation: as lax has it, and left to lax unless it is 1.
        rhs_dilation: the same.
        dimension_numbers: as lax has them, and left to lax unless they are `LAYOUT`.
        feature_group_count: as lax has it, and left to lax unless it is 1.
        batch_group_count: the same.
        precision: of the products, in both directions.
        preferred_element_type: as lax has it, and left to lax where it is given.

    Returns:
        The new maps, [B, H', W', O], in the dtype of `lhs`. What lax raises, this raises.
    """
    others = (lhs_dilation, rhs_dilation, dimension_numbers, feature_group_count, batch_group_count)
    dilated = {*(lhs_dilation or ()), *(rhs_dilation or ())} - {1}
    plain = partial(lax.conv_general_dilated, precision=precision, preferred_element_type=preferred_element_type)
    numbers = partial(lax.conv_dimension_numbers, jnp.shape(lhs), jnp.shape(rhs))
    if (
        preferred_element_type is not None
        or (feature_group_count, batch_group_count, jnp.ndim(lhs)) != (1, 1, 4)
        or dilated
        or numbers(dimension_numbers) != numbers(LAYOUT)
    ):
        return plain(lhs, rhs, window_strides, padding, *others)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], window_strides, padding)
    strides, (height, width) = tuple(window_strides), padding
    chosen = way(lhs.shape, rhs.shape, strides, (height, width))
    if chosen == "lax":
        return plain(lhs, rhs, strides, padding, *others)
    return _convolve(lhs, rhs, (strides, (tuple(height), tuple(width)), precision, chosen))


def way(maps: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[Pair]) -> str:
    """How the gradient by a kernel [kh, kw, C, O] is computed for maps [B, H, W, C]: "patches", "columns" or "lax"."""
    places = [(maps[k + 1] + sum(pads[k]) - kernel[k]) // strides[k] + 1 for k in (0, 1)]
    if jax.default_backend() != "cpu" or min(*maps, *kernel, *places) < 1 or min(map(min, pads)) < 0:
        return "lax"
    if kernel[2] <= 4:
        return "patches" if kernel[0] * kernel[1] <= 9 else "lax"
    small = places[0] * places[1] <= 16 or kernel[0] * kernel[1] == 1
    return "patches" if small or max(strides) > 1 else "columns"


def _lax(x: jax.Array, kernel: jax.Array, layer: Any) -> jax.Array:
    strides, pads, precision, _ = layer
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=LAYOUT, precision=precision)


def _backward(layer: Any, kept: tuple[jax.Array, jax.Array], dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    (x, kernel), (strides, pads, precision, chosen) = kept, layer
    (by_maps,) = jax.vjp(lambda x: _lax(x, kernel, layer), x)[1](dy)
    first, second = (_patches if chosen == "patches" else _columns_and_rows)(x, dy, kernel.shape, strides, pads)
    sums = jnp.promote_types(x.dtype, jnp.float32)  # 16 bits are summed in 32
    product = jnp.einsum("mi,mo->io", first, second, precision=precision, preferred_element_type=sums)
    if chosen == "columns":  # [kw·C, kh·O]
        kh, kw, channels, features = kernel.shape
        product = product.reshape(kw, channels, kh, features).transpose(2, 0, 1, 3)
    return by_maps, product.reshape(kernel.shape).astype(kernel.dtype)


_convolve = jax.custom_vjp(_lax, nondiff_argnums=(2,))
_convolve.defvjp(lambda x, kernel, layer: (_lax(x, kernel, layer), (x, kernel)), _backward)


def _patches(x: jax.Array, dy: jax.Array, kernel: Any, strides: Any, pads: Any) -> tuple[jax.Array, jax.Array]:
    """[B·H'·W', kh·kw·C] and [B·H'·W', O]."""
    (_, rows, columns, features), (high, wide), (kh, kw, channels, _) = dy.shape, strides, kernel
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    ends = (rows - 1) * high + 1, (columns - 1) * wide + 1
    seen = [x[:, i : i + ends[0] : high, j : j + ends[1] : wide] for i in range(kh) for j in range(kw)]
    return jnp.concatenate(seen, axis=-1).reshape(-1, kh * kw * channels), dy.reshape(-1, features)


def _columns_and_rows(x: jax.Array, dy: jax.Array, kernel: Any, strides: Any, pads: Any) -> tuple[jax.Array, jax.Array]:
    """[B·H·W', kw·C] and [B·H·W', kh·O]. Copies are laid side by side as a sum of padded ones: one loop for XLA."""
    (kh, kw, channels, features), (high, wide), ((top, _), (left, _)) = kernel, strides, pads
    spare = [n - (m - 1) * s - 1 for n, m, s in zip(x.shape[1:3], dy.shape[1:3], strides, strict=True)]
    zero, still = jnp.zeros((), x.dtype), (0, 0, 0)
    moved = [
        lax.pad(x, zero, (still, still, (left - j, j - left - spare[1], 0), still))[:, :, ::wide] for j in range(kw)
    ]
    beside = [
        lax.pad(one, zero, (still,) * 3 + ((j * channels, (kw - 1 - j) * channels, 0),)) for j, one in enumerate(moved)
    ]
    rows = [
        lax.pad(
            dy,
            zero,
            (still, (i - top, spare[0] - i + top, high - 1), still, (i * features, (kh - 1 - i) * features, 0)),
        )
        for i in range(kh)
    ]
    return sum(beside[1:], beside[0]).reshape(-1, kw * channels), sum(rows[1:], rows[0]).reshape(-1, kh * features)
