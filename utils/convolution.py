"""A convolution with its own gradient by the kernel, in the place of `jax.lax.conv_general_dilated`.

    nn.Conv(64, (3, 3), conv_general_dilated=convolution.conv_general_dilated)

The value is lax's. The gradient by the maps is the convolution that lax has there. With the output

    y[b, r, q, o] = Σ x[b, r·s + i - p, q·s + j - p, c] · kernel[i, j, c, o]     over i, j, c

and dy, the gradient of the loss by y, the gradient by the kernel is

    dkernel[i, j, c, o] = Σ x[b, r·s + i - p, q·s + j - p, c] · dy[b, r, q, o]     over b, r, q

lax writes this as a convolution again, whose kernel is dy, as large as the whole map. Libraries for processors are made
for small kernels. But a sum of products is a product of matrices, once what is multiplied stands in equal rows. Two
ways bring it there. In both, x is first moved along the width, a copy for each column j of the kernel, side by side.

- *Rows.* For each row i of the kernel, what it saw at the places (b, r, q) gives a product with dy: kh·kw copies of x.
- *Columns.* Put h = r·s + i - p. Then x depends on h, q and j, and dy on h, q and i:

      dkernel[i, j, c, o] = Σ x[b, h, q·s + j - p, c] · dy[b, (h + p - i) / s, q, o]     over b, h, q

  So dy is moved along the height once for each i, zero where it has no partner: one product for the whole kernel, kw
  copies of x and kh of dy. On large maps it is cut into groups of pictures, which is faster.
- *Whole.* Copies of a picture's three channels are slow: lax's convolution is taken, as for the gradient by the maps.

All convolutions are in one layout: inside a loop (`lax.scan`) XLA hands no other to its libraries. Groups, dilation,
other layouts and other devices than a CPU are lax's. As with each `custom_vjp`, there is no forward mode.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

LAYOUT = ("NHWC", "HWIO", "NHWC")
_lax = partial(lax.conv_general_dilated, dimension_numbers=LAYOUT)


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    *,
    dimension_numbers: Any = None,
    precision: Any = None,
    **others: Any,
) -> jax.Array:
    """What `jax.lax.conv_general_dilated` gives, with a gradient by `rhs` that is faster on a CPU.

    Args:
        lhs: the maps, [B, H, W, C].
        rhs: the kernel, [kh, kw, C, O].
        window_strides: steps of the kernel along H and W.
        padding: "SAME", "VALID", or the (low, high) of H and of W.
        dimension_numbers: left to lax unless `LAYOUT`.
        precision: of the products, in both directions.
        others: dilations, groups and the rest, as lax has them; left to lax unless 1.

    Returns:
        The new maps, [B, H', W', O], in the dtype of `lhs`. What lax raises, this raises.
    """
    plain = partial(lax.conv_general_dilated, lhs, rhs, window_strides, padding, precision=precision, **others)
    odd = {value for other in others.values() for value in np.ravel(other)} - {1, None}
    numbers = partial(lax.conv_dimension_numbers, jnp.shape(lhs), jnp.shape(rhs))
    if odd or jnp.ndim(lhs) != 4 or numbers(dimension_numbers) != numbers(LAYOUT):
        return plain(dimension_numbers=dimension_numbers)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], window_strides, padding)
    strides, pads = tuple(window_strides), tuple((low, high) for low, high in padding)
    chosen = way(lhs.shape, rhs.shape, strides, pads)
    if chosen == "lax":
        return plain(dimension_numbers=dimension_numbers)
    return _convolve(lhs, rhs, (strides, pads, precision, chosen))


def way(maps: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[Any]) -> str:
    """How the gradient by a kernel is found, "rows", "columns", "whole" or "lax": as it was fastest on two cores."""
    places = [(maps[k + 1] + sum(pads[k]) - kernel[k]) // strides[k] + 1 for k in (0, 1)]
    if jax.default_backend() != "cpu" or min(*maps, *kernel, *places) < 1 or min(map(min, pads)) < 0:
        return "lax"
    taps, stride = kernel[0] * kernel[1], max(strides)
    if kernel[2] <= 4:  # pictures
        return "rows" if taps <= 9 and stride == 1 else "whole"
    return "rows" if taps == 1 or places[0] * places[1] <= 16 or stride > 1 else "columns"


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(x: jax.Array, kernel: jax.Array, layer: Any) -> jax.Array:
    return _lax(x, kernel, *layer[:2], precision=layer[2])


def _backward(layer: Any, kept: tuple[jax.Array, jax.Array], dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    (x, kernel), (strides, pads, precision, chosen) = kept, layer
    spare = [n - (m - 1) * s - 1 for n, m, s in zip(x.shape[1:3], dy.shape[1:3], strides, strict=True)]
    around = [(k - 1 - low, rest + low) for k, rest, (low, _) in zip(kernel.shape[:2], spare, pads, strict=True)]
    # Turned and transposed at once it would be one slow loop. With a barrier between, these are two faster ones.
    turned = lax.optimization_barrier(lax.rev(kernel, (0, 1))).swapaxes(2, 3)  # type: ignore[no-untyped-call, unused-ignore]
    by_maps = _lax(dy, turned, (1, 1), around, lhs_dilation=strides, precision=precision)
    own = _rows if chosen == "rows" else _columns if chosen == "columns" else _whole
    by_kernel = own(x, dy, kernel.shape, (strides, pads, precision, spare))
    return by_maps, by_kernel.reshape(kernel.shape).astype(kernel.dtype)


_convolve.defvjp(lambda x, kernel, layer: (_convolve(x, kernel, layer), (x, kernel)), _backward)


def _whole(x: jax.Array, dy: jax.Array, kernel: Sequence[int], layer: Any) -> jax.Array:
    """The gradient [kh, kw, C, O], a convolution of x as [C, H, W, B] and dy as [H', W', B, O]."""
    strides, pads, precision, spare = layer
    around = [(low, k - 1 - rest - low) for k, rest, (low, _) in zip(kernel[:2], spare, pads, strict=True)]
    maps, slopes = x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)
    return _lax(maps, slopes, (1, 1), around, rhs_dilation=strides, precision=precision).transpose(1, 2, 0, 3)


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
    (kh, kw, channels, features), (strides, ((top, _), (left, _)), precision, spare) = kernel, layer

    def pad(one: jax.Array, height: Any = (0, 0, 0), width: Any = (0, 0, 0), depth: Any = (0, 0, 0)) -> jax.Array:
        return lax.pad(one, jnp.zeros((), one.dtype), ((0, 0, 0), height, width, depth))

    moved = [pad(x, width=(left - j, j - left - spare[1], 0))[:, :, :: strides[1]] for j in range(kw)]
    seen = [pad(one, depth=(j * channels, (kw - 1 - j) * channels, 0)) for j, one in enumerate(moved)]
    heights = [(i - top, spare[0] - i + top, strides[0] - 1) for i in range(kh)]
    slopes = [pad(dy, height, depth=(i * features, (kh - 1 - i) * features, 0)) for i, height in enumerate(heights)]
    groups = int(np.gcd(len(x), 8)) if x.shape[1] * x.shape[2] >= 256 else 1
    product = _product(sum(seen[1:], seen[0]), sum(slopes[1:], slopes[0]), groups, precision)  # [kw·C, kh·O]
    return product.reshape(kw, channels, kh, features).transpose(2, 0, 1, 3)


def _product(first: jax.Array, second: jax.Array, groups: int, precision: Any) -> jax.Array:
    """[B, H, W, M] and [B, H, W, N] to [M, N], summed over all places, in at least 32 bits."""
    pair = [one.reshape(groups, -1, one.shape[-1]) for one in (first, second)]
    sums = jnp.promote_types(first.dtype, jnp.float32)
    return jnp.einsum("gpm,gpn->gmn", *pair, precision=precision, preferred_element_type=sums).sum(0)
