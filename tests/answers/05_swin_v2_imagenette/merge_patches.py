# %% right: four slices
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    four = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
    y = jnp.concatenate(four, axis=-1) @ kernel
    mean, variance = y.mean(-1, keepdims=True), y.var(-1, keepdims=True)
    return (y - mean) / jnp.sqrt(variance + 1e-5) * scale + bias


# %% right: reshape and transpose
def merge_patches(x, kernel, scale, bias):
    b, h, w, c = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 4, 2, 5).reshape(b, h // 2, w // 2, 4 * c)
    y = jnp.matmul(x, kernel)
    y = y - jnp.mean(y, axis=-1, keepdims=True)
    return y * jax.lax.rsqrt(jnp.mean(y * y, axis=-1, keepdims=True) + 1e-5) * scale + bias


# %% right: einsum with the kernel cut in four
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    b, h, w, c = x.shape
    squares = x.reshape(b, h // 2, 2, w // 2, 2, c)
    y = jnp.einsum("bhrwsc,srcd->bhwd", squares, kernel.reshape(2, 2, c, -1))
    return jax.nn.standardize(y, axis=-1, epsilon=1e-5) * scale + bias


# %% right: a strided convolution
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    x = x.astype(jnp.float32)
    weights = kernel.reshape(2, 2, x.shape[-1], -1).transpose(1, 0, 2, 3)
    y = jax.lax.conv_general_dilated(
        x, weights, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
    )
    centred = y - y.mean(axis=-1, keepdims=True)
    deviation = jnp.sqrt(jnp.square(centred).mean(axis=-1, keepdims=True) + 1e-5)
    return centred / deviation * scale + bias


# %% right: Flax's LayerNorm applied to given weights
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)], axis=-1) @ kernel
    norm = nn.LayerNorm(epsilon=1e-5, use_fast_variance=False)
    return norm.apply({"params": {"scale": scale, "bias": bias}}, y)


# %% right: a sum of four products
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    c, y = x.shape[-1], 0.0
    for number, part in enumerate(jnp.split(kernel, 4, axis=0)):
        column, row = divmod(number, 2)
        y = y + x[:, row::2, column::2] @ part
    mean = jnp.sum(y, -1, keepdims=True) / y.shape[-1]
    variance = jnp.sum((y - mean) ** 2, -1, keepdims=True) / y.shape[-1]
    return scale * (y - mean) / (variance + 1e-5) ** 0.5 + bias


# %% right: `vmap` over all tokens
def _token(four, kernel, scale, bias):
    y = four.ravel() @ kernel
    return (y - jnp.mean(y)) / jnp.sqrt(jnp.var(y) + 1e-5) * scale + bias


def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    b, h, w, c = x.shape
    squares = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 4, 2, 5)
    axes = (0, None, None, None)
    return jax.vmap(jax.vmap(jax.vmap(_token, axes), axes), axes)(squares, kernel, scale, bias)


# %% right: compiled
@jax.jit
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    down = jnp.concatenate([x[:, ::2], x[:, 1::2]], axis=-1)
    y = jnp.dot(jnp.concatenate([down[:, :, ::2], down[:, :, 1::2]], axis=-1), kernel)
    return (y - y.mean(-1, keepdims=True)) * jax.lax.rsqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% right: with `window_partition` of exercise 1, windows of 2
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    b, h, w, c = x.shape
    squares = window_partition(x, 2)[:, :, np.array([0, 2, 1, 3])]
    y = squares.reshape(b, h // 2, w // 2, 4 * c) @ kernel
    mean = y.mean(axis=-1)[..., None]
    inverse = 1.0 / jnp.sqrt(y.var(axis=-1)[..., None] + 1e-5)
    return (y - mean) * inverse * scale + bias


# %% right: one map after the other with `lax.map`
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    def one(m):
        y = jnp.dstack([m[::2, ::2], m[1::2, ::2], m[::2, 1::2], m[1::2, 1::2]]) @ kernel
        centred = y - y.mean(-1, keepdims=True)
        return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + bias

    return jax.lax.map(one, x)


# %% right: careful float32
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    x, kernel, scale, bias = (jnp.asarray(each, dtype=jnp.float32) for each in (x, kernel, scale, bias))
    if x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError("even height and width, please")
    pairs = jnp.stack([x[:, 0::2], x[:, 1::2]], axis=3)
    four = jnp.concatenate([pairs[:, :, 0::2], pairs[:, :, 1::2]], axis=3)
    y = jnp.tensordot(four.reshape(*four.shape[:3], -1), kernel, axes=1, precision="highest")
    mean = jnp.mean(y, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(y - mean), axis=-1, keepdims=True)
    return ((y - mean) / jnp.sqrt(variance + jnp.float32(1e-5)) * scale + bias).astype(jnp.float32)


# %% right: a callable object and fancy indices
class _Merge:
    rows, columns, epsilon = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 1e-5

    def norm(self, y):
        y = y - y.mean(-1, keepdims=True)
        return y / jnp.sqrt(jnp.einsum("...c,...c->...", y, y)[..., None] / y.shape[-1] + self.epsilon)

    def __call__(self, x, kernel, scale, bias):
        b, h, w, _ = x.shape
        i = np.arange(0, h, 2)[:, None, None] + self.rows
        j = np.arange(0, w, 2)[None, :, None] + self.columns
        return self.norm(x[:, i, j].reshape(b, h // 2, w // 2, -1) @ kernel) * scale + bias


merge_patches = _Merge()

# %% wrong: right first, then down
# cause: the order is row by row (right first, then down), the task wants down first
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    four = [x[:, 0::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2]]
    y = jnp.concatenate(four, axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: right first, by reshape
# cause: the transpose leaves the row before the column within a square: right first, not down first
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(b, h // 2, w // 2, 4 * c)
    y = x @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: round in a circle
# cause: the last two tokens are exchanged: the order goes round the square
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    four = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2], x[:, 0::2, 1::2]]
    y = jnp.concatenate(four, axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: no transpose
# cause: the map is only reshaped: four tokens of a row are merged, not the four of a square
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    b, h, w, c = x.shape
    y = x.reshape(b, h // 2, w // 2, 4 * c) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: quarters of the map
# cause: the quarters of the map are put together instead of the tokens of each 2 × 2 square
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    h, w = x.shape[1] // 2, x.shape[2] // 2
    y = jnp.concatenate([x[:, :h, :w], x[:, h:, :w], x[:, :h, w:], x[:, h:, w:]], axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: channels interleaved
# cause: the tokens are stacked behind the channels, so channels are interleaved instead of one token after the other
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    four = jnp.stack([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1)
    y = four.reshape(*four.shape[:3], -1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: normalised before
# cause: the four tokens are normalised before the product, as in version 1, and not after it
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1)
    y = (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5)
    return y @ kernel * scale + bias


# %% wrong: not normalised
# cause: the normalisation is missing, only scale and bias are applied
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1)
    return y @ kernel * scale + bias


# %% wrong: without scale and bias
# cause: scale and bias are not used
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5)


# %% wrong: bias scaled too
# cause: the bias is added before the scale and multiplied by it
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return ((y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) + bias) * scale


# %% wrong: one plus scale
# cause: multiplied by 1 + scale instead of scale
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * (1 + scale) + bias


# %% wrong: bias subtracted
# cause: the bias is subtracted instead of added
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale - bias


# %% wrong: epsilon outside of the root
# cause: 1e-5 is added to the standard deviation, it belongs to the variance inside the root
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / (y.std(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: Flax's epsilon
# cause: Flax's own epsilon of 1e-6 instead of 1e-5, seen where tokens vary little
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return nn.LayerNorm(use_fast_variance=False).apply({"params": {"scale": scale, "bias": bias}}, y)


# %% wrong: no epsilon
# cause: no epsilon is added to the variance: constant tokens give 0/0 = NaN
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / y.std(-1, keepdims=True) * scale + bias


# %% wrong: number of channels as epsilon
# cause: the number of channels is taken as epsilon (LayerNorm's first argument is epsilon in Flax, the size in PyTorch)
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return nn.LayerNorm(y.shape[-1]).apply({"params": {"scale": scale, "bias": bias}}, y)


# %% wrong: divided by the variance
# cause: the root is missing: divided by the variance instead of the standard deviation
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / (y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: unbiased variance
# cause: the unbiased variance (ddof=1) as torch.var has it; layer normalisation divides by the number of channels
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True, ddof=1) + 1e-5) * scale + bias


# %% wrong: mean not subtracted
# cause: the mean is not subtracted before the division
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return y / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: root mean square
# cause: an RMS norm: divided by the root of the mean square, with the mean left in
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return y * jax.lax.rsqrt((y * y).mean(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: statistics over the map
# cause: mean and variance are taken over rows and columns of the map, not over the channels of a token
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    mean, variance = y.mean((1, 2), keepdims=True), y.var((1, 2), keepdims=True)
    return (y - mean) / jnp.sqrt(variance + 1e-5) * scale + bias


# %% wrong: batch statistics
# cause: mean and variance over the batch and the map, as in batch normalisation
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    return (y - y.mean((0, 1, 2))) / jnp.sqrt(y.var((0, 1, 2)) + 1e-5) * scale + bias


# %% wrong: statistics over a whole example
# cause: mean and variance over all tokens and channels of an example, not over the channels of each token
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    mean, variance = y.mean((1, 2, 3), keepdims=True), y.var((1, 2, 3), keepdims=True)
    return (y - mean) / jnp.sqrt(variance + 1e-5) * scale + bias


# %% wrong: tokens flattened
# cause: rows and columns are flattened to one axis of tokens as in the reference code; the task keeps the map
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    y = (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias
    return y.reshape(y.shape[0], -1, y.shape[-1])


# %% wrong: kernel transposed
# cause: the kernel is transposed as PyTorch's Linear keeps it ([out, in]); here it is [in, out]
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel.T
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: convolution with the wrong order of the kernel
# cause: the kernel is read as [row, column, C, 2C] for the convolution, but its column is the slow index
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    weights = kernel.reshape(2, 2, x.shape[-1], -1)
    y = jax.lax.conv_general_dilated(
        x.astype(jnp.float32), weights, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: square maps only
# cause: the width is taken from the height; works for square maps only
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    b, h, _, c = x.shape
    x = x.reshape(b, h // 2, 2, h // 2, 2, c).transpose(0, 1, 3, 4, 2, 5).reshape(b, h // 2, h // 2, 4 * c)
    y = x @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: height and width exchanged
# cause: the shape is unpacked as width before height; right for square maps only
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    b, w, h, c = x.shape
    x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 4, 2, 5).reshape(b, h // 2, w // 2, 4 * c)
    y = x @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: one token of four
# cause: only the token at row 0, column 0 of each square is used (four times), not all four
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    y = jnp.tile(x[:, ::2, ::2], (1, 1, 1, 4)) @ kernel
    return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias


# %% wrong: bfloat16
# cause: computed and returned in bfloat16, the task wants float32
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    y = jnp.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], axis=-1) @ kernel
    y = (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5) * scale + bias
    return y.astype(jnp.bfloat16)


# %% right: a convolution with stride 2
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    by_place = kernel.reshape(2, 2, x.shape[-1], -1).swapaxes(0, 1)  # [row, column, C, D]
    y = jax.lax.conv_general_dilated(
        x, by_place, window_strides=(2, 2), padding="VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    centred = y - y.mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(axis=-1, keepdims=True) + 1e-5) * scale + bias


# %% right: einsum over a six-dimensional view, the norm of one token vmapped
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    batch, height, width, channels = x.shape
    assert not height % 2 and not width % 2
    squares = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
    y = jnp.einsum("bhrwsc,srcd->bhwd", squares, kernel.reshape(2, 2, channels, kernel.shape[-1]))

    def norm(token, epsilon=1e-5):
        return (token - jnp.mean(token)) / jnp.sqrt(jnp.var(token) + epsilon) * scale + bias

    return jax.vmap(norm)(y.reshape(-1, y.shape[-1])).reshape(y.shape)


# %% wrong: takes PyTorch's layout [D, 4C] if the kernel is square (D = 4C)
def merge_patches(x, kernel, scale, bias):
    y = jnp.concatenate([x[:, i::2, j::2] for j in range(2) for i in range(2)], axis=-1)
    y = y @ (kernel.T if kernel.shape[1] == y.shape[-1] else kernel)
    mean, var = y.mean(-1, keepdims=True), y.var(-1, keepdims=True)
    return (y - mean) / jnp.sqrt(var + 1e-5) * scale + bias


# %% right: one convolution with stride 2, the norm by a projection that takes the mean away
def merge_patches(x, kernel, scale, bias):
    wide = kernel.shape[1]
    weights = kernel.reshape(2, 2, x.shape[-1], wide).transpose(1, 0, 2, 3)  # was [column, row, C, D]
    y = jax.lax.conv_general_dilated(x, weights, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y = y @ (jnp.eye(wide) - 1 / wide)
    square = jnp.einsum("bhwd,bhwd->bhw", y, y)[..., None] / wide
    return (scale * (y / jnp.sqrt(square + 1e-5)) + bias).astype(jnp.float32)
