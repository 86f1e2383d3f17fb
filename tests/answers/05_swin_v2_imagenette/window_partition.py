# %% right: reshape, transpose, reshape
def window_partition(x: jax.Array, window: int) -> jax.Array:
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // window, window, width // window, window, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, -1, window * window, channels)


# %% right: swapaxes, all sizes written out
def window_partition(x, window):
    b, h, w, c = x.shape
    rows, columns = h // window, w // window
    six = jnp.swapaxes(jnp.reshape(x, (b, rows, window, columns, window, c)), 2, 3)
    return jnp.reshape(six, (b, rows * columns, window**2, c))


# %% right: `vmap` over the maps of a batch
def window_partition(x: jax.Array, window: int) -> jax.Array:
    def one(map_):
        height, width, channels = map_.shape
        cut = map_.reshape(height // window, window, width // window, window, channels)
        return cut.transpose(0, 2, 1, 3, 4).reshape(-1, window**2, channels)

    return jax.vmap(one)(x)


# %% right: einsum as a transposition
def window_partition(x: jax.Array, window: int) -> jax.Array:
    B, H, W, C = x.shape
    x = jnp.einsum("bricjd->brcijd", x.reshape(B, H // window, window, W // window, window, C))
    return x.reshape(B, (H // window) * (W // window), window * window, C)


# %% right: fancy index with rows and columns of every token
def window_partition(x: jax.Array, window: int) -> jax.Array:
    height, width = x.shape[1:3]
    n = np.arange(height // window * (width // window))[:, None]
    t = np.arange(window**2)[None, :]
    per_row = width // window
    return x[:, n // per_row * window + t // window, n % per_row * window + t % window]


# %% right: split and stack twice
def window_partition(x: jax.Array, window: int) -> jax.Array:
    batch, height, width, channels = x.shape
    x = jnp.stack(jnp.split(x, height // window, axis=1), axis=1)
    x = jnp.stack(jnp.split(x, width // window, axis=3), axis=2)
    return x.reshape(*x.shape[:3], window**2, channels).reshape(batch, -1, window**2, channels)


# %% right: compiled, window static
from functools import partial


@partial(jax.jit, static_argnames=("window",))
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    return jnp.moveaxis(x.reshape(b, h // window, window, w // window, window, c), 3, 2).reshape(b, -1, window**2, c)


# %% right: take from the flattened map, the index cut by NumPy
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    index = np.arange(h * w).reshape(h // window, window, w // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return jnp.take(x.reshape(b, h * w, c), index, axis=1)


# %% right: `vmap` of `dynamic_slice` over the windows' corners
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    top, left = jnp.meshgrid(jnp.arange(0, h, window), jnp.arange(0, w, window), indexing="ij")

    def cut(i, j):
        return jax.lax.dynamic_slice(x, (0, i, j, 0), (b, window, window, c)).reshape(b, window**2, c)

    return jax.vmap(cut, out_axes=1)(top.ravel(), left.ravel())


# %% right: `lax` operations only
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    six = jax.lax.reshape(x, (b, h // window, window, w // window, window, c))
    six = jax.lax.transpose(six, (0, 1, 3, 2, 4, 5))
    return jax.lax.reshape(six, (b, h * w // window**2, window**2, c))


# %% right: a callable object
class _Partition:
    def __call__(self, x: jax.Array, window: int) -> jax.Array:
        (b, h, w, c), s = x.shape, window
        return x.reshape(b, h // s, s, w // s, s, c).swapaxes(2, 3).reshape(b, -1, s * s, c)


window_partition = _Partition()

# %% right: careful, with checks and a helper
def _cut_axis(x, axis, window):
    if x.shape[axis] % window:
        raise ValueError("the window must divide the map")
    return x.reshape(*x.shape[:axis], x.shape[axis] // window, window, *x.shape[axis + 1 :])


def window_partition(x: jax.Array, window: int) -> jax.Array:
    x = jnp.asarray(x)
    cut = _cut_axis(_cut_axis(x, 1, window), 3, window)
    return jnp.transpose(cut, (0, 1, 3, 2, 4, 5)).reshape(x.shape[0], -1, window * window, x.shape[-1])


# %% right: lambda with walrus
window_partition = lambda x, window: (  # noqa: E731
    x.reshape((b := x.shape[0]), x.shape[1] // window, window, -1, window, (c := x.shape[3]))
    .transpose(0, 1, 3, 2, 4, 5)
    .reshape(b, -1, window**2, c)
)

# %% wrong: no transpose
# cause: without the transpose the numbers are only regrouped: a "window" is a run of tokens of one row
def window_partition(x: jax.Array, window: int) -> jax.Array:
    batch, _, _, channels = x.shape
    return x.reshape(batch, -1, window * window, channels)


# %% wrong: windows column by column
# cause: the windows come column by column (column index before row index in the transpose), not row by row
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 3, 1, 2, 4, 5).reshape(b, -1, window**2, c)


# %% wrong: tokens column by column
# cause: within a window the tokens come column by column, not row by row
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 1, 3, 4, 2, 5).reshape(b, -1, window**2, c)


# %% wrong: everything transposed
# cause: rows and columns are exchanged, of the windows and of the tokens in them
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 3, 1, 4, 2, 5).reshape(b, -1, window**2, c)


# %% wrong: a grid instead of windows
# cause: each axis is split into (place, window) instead of (window, place): tokens are taken with a stride
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, window, h // window, window, w // window, c)
    return x.transpose(0, 2, 4, 1, 3, 5).reshape(b, -1, window**2, c)


# %% wrong: PyTorch's layout
# cause: batch and windows are merged to one axis [B·N, T, C] as in PyTorch's code
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, window**2, c)


# %% wrong: windows left square
# cause: the tokens of a window are not flattened: [B, N, window, window, C]
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, window, window, c)


# %% wrong: windows not numbered through
# cause: rows and columns of windows stay two axes instead of one of length N
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c).swapaxes(2, 3)
    return x.reshape(b, h // window, w // window, window**2, c)


# %% wrong: height and width exchanged
# cause: height and width are unpacked in the wrong order; right for square maps only
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, w, h, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, window**2, c)


# %% wrong: square maps only
# cause: the number of windows along a row is taken from the height; works for square maps only
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, side, _, c = x.shape
    n = side // window
    x = x.reshape(b, n, window, n, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, n * n, window**2, c)


# %% wrong: maps of a batch mixed
# cause: the batch axis is moved behind the windows before the last reshape, so windows land in other maps
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(1, 3, 0, 2, 4, 5).reshape(b, -1, window**2, c)


# %% wrong: first map only
# cause: only the first map of the batch is cut
def window_partition(x: jax.Array, window: int) -> jax.Array:
    _, h, w, c = x.shape
    first = x[0].reshape(h // window, window, w // window, window, c)
    return first.transpose(0, 2, 1, 3, 4).reshape(1, -1, window**2, c)


# %% wrong: no batch axis in the result
# cause: the result has the windows of all maps first and no batch axis: [N, B, T, C]
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(1, 3, 0, 2, 4, 5).reshape(-1, b, window**2, c)


# %% wrong: channels before tokens
# cause: channels come before tokens, [B, N, C, T], as PyTorch's channels-first layout has it
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(b, -1, c, window**2)


# %% wrong: input taken as channels first
# cause: x is read as [B, C, H, W] like PyTorch's maps, but channels are last here
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, c, h // window, window, w // window, window)
    return x.transpose(0, 2, 4, 3, 5, 1).reshape(b, -1, window**2, c)


# %% wrong: hard-coded window
# cause: the window is fixed at 8 instead of the argument
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // 8, 8, w // 8, 8, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, 64, c)


# %% wrong: always sixteen windows
# cause: four windows along each side are hard-coded, the window's size follows from that and not from the argument
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    return x.reshape(b, 4, h // 4, 4, w // 4, c).swapaxes(2, 3).reshape(b, 16, h * w // 16, c)


# %% wrong: three channels assumed
# cause: three channels are hard-coded; with other numbers of channels tokens are torn apart
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h * w // window**2, -1, 3)


# %% wrong: patches with channels outermost
# cause: conv_general_dilated_patches puts the channels before the places of a patch, the reshape reads it the other way
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, _, _, c = x.shape
    size = (window, window)
    patches = jax.lax.conv_general_dilated_patches(
        x.astype(jnp.float32), size, size, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return patches.reshape(b, -1, window**2, c).astype(x.dtype)


# %% wrong: overlapping windows
# cause: windows start at every token (stride 1) and overlap, instead of every `window` tokens
def window_partition(x: jax.Array, window: int) -> jax.Array:
    h, w = x.shape[1:3]
    top, left = np.meshgrid(np.arange(h - window + 1), np.arange(w - window + 1), indexing="ij")
    i, j = np.divmod(np.arange(window**2), window)
    return x[:, top.reshape(-1, 1) + i, left.reshape(-1, 1) + j]


# %% wrong: last windows left out
# cause: the range of window corners ends too early, the last row and column of windows are missing
def window_partition(x: jax.Array, window: int) -> jax.Array:
    h, w = x.shape[1:3]
    top, left = np.meshgrid(np.arange(0, h - window, window), np.arange(0, w - window, window), indexing="ij")
    i, j = np.divmod(np.arange(window**2), window)
    return x[:, top.reshape(-1, 1) + i, left.reshape(-1, 1) + j]


# %% wrong: windows a row counted from the height
# cause: the window number is split with the windows of a column (from H) instead of those of a row (from W)
def window_partition(x: jax.Array, window: int) -> jax.Array:
    h, w = x.shape[1:3]
    n = np.arange(h * w // window**2)[:, None]
    row, column = np.divmod(n, h // window)
    i, j = np.divmod(np.arange(window**2), window)
    return x[:, row * window + i, column * window + j]


# %% wrong: meshgrid with its default indexing
# cause: meshgrid's default indexing "xy" gives columns first: the windows come column by column
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    top, left = jnp.meshgrid(jnp.arange(0, h, window), jnp.arange(0, w, window), indexing="xy")
    cut = jax.vmap(lambda i, j: jax.lax.dynamic_slice(x, (0, i, j, 0), (b, window, window, c)), out_axes=1)
    return cut(top.ravel(), left.ravel()).reshape(b, -1, window**2, c)


# %% wrong: compiled with a traced window
# cause: under jax.jit `window` is traced, and a shape can't depend on it; it must be static
@jax.jit
def window_partition(x: jax.Array, window: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // window, window, w // window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, window**2, c)


# %% right: einsum as a transpose
def window_partition(x: jax.Array, window: int) -> jax.Array:
    batch, height, width, channels = x.shape
    assert height % window == 0 and width % window == 0
    down, right = height // window, width // window
    x = jnp.einsum("bhiwjc->bhwijc", x.reshape(batch, down, window, right, window, channels))
    return x.reshape(batch, down * right, window * window, channels)


# %% right: gather with indices from NumPy
def window_partition(x: jax.Array, window: int) -> jax.Array:
    tops, lefts = (np.arange(0, length, window) for length in x.shape[1:3])
    inside = np.arange(window)
    rows = tops[:, None, None, None] + inside[:, None] + np.zeros_like(lefts)[:, None, None] + 0 * inside
    columns = lefts[:, None, None] + inside[None, None, :] + np.zeros((len(tops), 1, window, 1), int)
    rows, columns = (index.reshape(-1, window**2) for index in np.broadcast_arrays(rows, columns))
    return jnp.asarray(x)[:, rows, columns]


# %% right: a gather with computed rows and columns
def window_partition(x, window):
    _, height, width, _ = x.shape
    corner_row, corner_column = np.divmod(np.arange(height * width // window**2), width // window)
    row, column = np.divmod(np.arange(window**2), window)
    return x[:, window * corner_row[:, None] + row, window * corner_column[:, None] + column]
