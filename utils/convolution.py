"""A convolution with its own gradient by the kernel, in the place of `jax.lax.conv_general_dilated`.

    nn.Conv(64, (3, 3), conv_general_dilated=convolution.conv_general_dilated)

The value is lax's, and so is the gradient by the maps. The gradient by the kernel is not. With the output

    y[b, r, q, o] = Σ x[b, r·s + i - p, q·s + j - p, c] · kernel[i, j, c, o]     over i, j, c

and dy, the gradient of the loss by y, it is

    dkernel[i, j, c, o] = Σ x[b, r·s + i - p, q·s + j - p, c] · dy[b, r, q, o]     over b, r, q

lax writes this as a convolution again, whose kernel is dy, as large as the whole map. Libraries for processors are made
for small kernels. But a sum of products is a product of matrices, once what is multiplied stands in equal rows. Two
ways bring it there. In both, x is first moved along the width, a copy for each column j of the kernel, side by side.

- *Rows.* For each row i of the kernel, what it saw at the places (b, r, q) gives a product with dy: kh·kw copies of x.
- *Columns.* Put h = r·s + i - p. Then x depends on h, q and j, and dy on h, q and i:

      dkernel[i, j, c, o] = Σ x[b, h, q·s + j - p, c] · dy[b, (h + p - i) / s, q, o]     over b, h, q

  So dy is moved along the height once for each i, zero where it has no partner: one product for the whole kernel, kw
  copies of x and kh of dy. On large maps it is cut into groups of pictures, which is faster.

Which way is taken hangs on shapes alone (`way`), as it measured fastest on two cores; lax's where that was faster.
Groups, dilation, other layouts than NHWC and HWIO, and other devices than a CPU are lax's. As with each `custom_vjp`,
there is no forward mode (`jax.jvp`, `jax.linearize`) where one of these ways is taken.
"""

import math
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
        lhs_dilation: left to lax unless 1.
        rhs_dilation: left to lax unless 1.
        dimension_numbers: left to lax unless `LAYOUT`.
        feature_group_count: left to lax unless 1.
        batch_group_count: left to lax unless 1.
        precision: of the products, in both directions.
        preferred_element_type: left to lax where given.

    Returns:
        The new maps, [B, H', W', O], in the dtype of `lhs`. What lax raises, this raises.
    """
    others = lhs_dilation, rhs_dilation, dimension_numbers, feature_group_count, batch_group_count, precision
    plain = partial(lax.conv_general_dilated, lhs, rhs, window_strides)
    numbers = partial(lax.conv_dimension_numbers, jnp.shape(lhs), jnp.shape(rhs))
    grouped, odd = (feature_group_count, batch_group_count) != (1, 1), preferred_element_type is not None
    dilated = {*(lhs_dilation or ()), *(rhs_dilation or ())} - {1}
    if grouped or odd or dilated or jnp.ndim(lhs) != 4 or numbers(dimension_numbers) != numbers(LAYOUT):
        return plain(padding, *others, preferred_element_type)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], window_strides, padding)
    strides, (height, width) = tuple(window_strides), padding
    chosen = way(lhs.shape, rhs.shape, strides, (height, width))
    if chosen == "lax":
        return plain(padding, *others)
    return _convolve(lhs, rhs, (strides, (tuple(height), tuple(width)), precision, chosen))


def way(maps: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[Pair]) -> str:
    """How the gradient by a kernel [kh, kw, C, O] is computed for maps [B, H, W, C]: "rows", "columns" or "lax"."""
    places = [(maps[k + 1] + sum(pads[k]) - kernel[k]) // strides[k] + 1 for k in (0, 1)]
    if jax.default_backend() != "cpu" or min(*maps, *kernel, *places) < 1 or min(map(min, pads)) < 0:
        return "lax"
    taps = kernel[0] * kernel[1]
    if kernel[2] <= 4:  # pictures; copies of three channels side by side are slow
        return "rows" if kernel[2] == 1 and taps <= 9 else "lax"
    return "rows" if taps == 1 or places[0] * places[1] <= 16 or max(strides) > 1 else "columns"


def _lax(x: jax.Array, kernel: jax.Array, layer: Any) -> jax.Array:
    strides, pads, precision, _ = layer
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=LAYOUT, precision=precision)


def _backward(layer: Any, kept: tuple[jax.Array, jax.Array], dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    (x, kernel), (*_, chosen) = kept, layer
    # lax turns the kernel and transposes it: one slow loop. Behind a barrier these are two faster ones.
    turned = lax.optimization_barrier(lax.rev(kernel, (0, 1)))  # type: ignore[no-untyped-call, unused-ignore]
    (by_maps,) = jax.vjp(lambda x: _lax(x, lax.rev(turned, (0, 1)), layer), x)[1](dy)
    by_kernel = (_rows if chosen == "rows" else _columns)(x, dy, kernel.shape, layer)
    return by_maps, by_kernel.reshape(kernel.shape).astype(kernel.dtype)


_convolve = jax.custom_vjp(_lax, nondiff_argnums=(2,))
_convolve.defvjp(lambda x, kernel, layer: (_lax(x, kernel, layer), (x, kernel)), _backward)


def _rows(x: jax.Array, dy: jax.Array, kernel: Sequence[int], layer: Any) -> jax.Array:
    """The gradient [kh, kw·C, O], a product for each row of the kernel."""
    (_, rows, columns, _), ((high, wide), pads, precision, _) = dy.shape, layer
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    last = (columns - 1) * wide + 1
    moved = jnp.concatenate([x[:, :, j : j + last : wide] for j in range(kernel[1])], axis=-1)  # [B, H, W', kw·C]
    seen = [moved[:, i : i + (rows - 1) * high + 1 : high] for i in range(kernel[0])]
    return jnp.stack([_product(one, dy, 1, precision) for one in seen])


def _columns(x: jax.Array, dy: jax.Array, kernel: Sequence[int], layer: Any) -> jax.Array:
    """The gradient [kh, kw, C, O], one product. Copies are laid side by side by a sum of padded ones: XLA fuses it."""
    (kh, kw, channels, features), (strides, ((top, _), (left, _)), precision, _) = kernel, layer
    spare = [n - (m - 1) * s - 1 for n, m, s in zip(x.shape[1:3], dy.shape[1:3], strides, strict=True)]

    def pad(one: jax.Array, height: Any = (0, 0, 0), width: Any = (0, 0, 0), depth: Any = (0, 0, 0)) -> jax.Array:
        return lax.pad(one, jnp.zeros((), one.dtype), ((0, 0, 0), height, width, depth))

    moved = [pad(x, width=(left - j, j - left - spare[1], 0))[:, :, :: strides[1]] for j in range(kw)]
    seen = [pad(one, depth=(j * channels, (kw - 1 - j) * channels, 0)) for j, one in enumerate(moved)]
    heights = [(i - top, spare[0] - i + top, strides[0] - 1) for i in range(kh)]
    slopes = [pad(dy, height, depth=(i * features, (kh - 1 - i) * features, 0)) for i, height in enumerate(heights)]
    groups = math.gcd(len(x), 8) if x.shape[1] * x.shape[2] >= 256 else 1
    product = _product(sum(seen[1:], seen[0]), sum(slopes[1:], slopes[0]), groups, precision)  # [kw·C, kh·O]
    return product.reshape(kw, channels, kh, features).transpose(2, 0, 1, 3)


def _product(first: jax.Array, second: jax.Array, groups: int, precision: Any) -> jax.Array:
    """[B, H, W, M] and [B, H, W, N] to [M, N], summed over all places, in at least 32 bits."""
    pair = [one.reshape(groups, -1, one.shape[-1]) for one in (first, second)]
    sums = jnp.promote_types(first.dtype, jnp.float32)
    return jnp.einsum("gpm,gpn->gmn", *pair, precision=precision, preferred_element_type=sums).sum(0)
