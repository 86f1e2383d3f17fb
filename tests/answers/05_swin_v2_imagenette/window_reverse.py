# %% right: reshape, transpose, reshape
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    batch, _, _, channels = windows.shape
    x = windows.reshape(batch, height // window, width // window, window, window, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)


# %% right: swapaxes in one line
def window_reverse(windows, window, height, width):
    b, c = windows.shape[0], windows.shape[-1]
    six = (b, height // window, width // window, window, window, c)
    return jnp.swapaxes(windows.reshape(six), 2, 3).reshape(b, height, width, c)


# %% right: gather, each token asks for its window and its place
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    row, column = np.indices((height, width))
    number = row // window * (width // window) + column // window
    return windows[:, number, row % window * window + column % window]


# %% right: the inverse of a permutation
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    order = np.arange(height * width).reshape(height // window, window, width // window, window)
    back = np.argsort(order.swapaxes(1, 2).ravel())
    return windows.reshape(b, -1, c)[:, back].reshape(b, height, width, c)


# %% right: scatter with `at[...].set`
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, n, t, c = windows.shape
    number, token = np.arange(n)[:, None], np.arange(t)[None, :]
    per_row = width // window
    rows = number // per_row * window + token // window
    columns = number % per_row * window + token % window
    return jnp.zeros((b, height, width, c), windows.dtype).at[:, rows, columns].set(windows)


# %% right: Python loops and concatenate
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    per_row, strips = width // window, []
    for row in range(height // window):
        parts = [windows[:, row * per_row + column].reshape(b, window, window, c) for column in range(per_row)]
        strips.append(jnp.concatenate(parts, axis=2))
    return jnp.concatenate(strips, axis=1)


# %% right: `vmap` over maps
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    def one(tokens):
        cut = tokens.reshape(height // window, width // window, window, window, tokens.shape[-1])
        return cut.transpose(0, 2, 1, 3, 4).reshape(height, width, -1)

    return jax.vmap(one)(windows)


# %% right: `fori_loop` and `dynamic_update_slice`
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, n, _, c = windows.shape
    squares = windows.reshape(b, n, window, window, c)

    def put(i, x):
        row, column = i // (width // window), i % (width // window)
        return jax.lax.dynamic_update_slice(x, squares[:, i], (0, row * window, column * window, 0))

    return jax.lax.fori_loop(0, n, put, jnp.zeros((b, height, width, c), windows.dtype))


# %% right: `lax.scan` over the windows
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, n, _, c = windows.shape
    top, left = np.divmod(np.arange(n), width // window)

    def put(x, each):
        square, i, j = each
        return jax.lax.dynamic_update_slice(x, square.reshape(b, window, window, c), (0, i, j, 0)), None

    empty = jnp.zeros((b, height, width, c), windows.dtype)
    corners = jnp.asarray(top * window), jnp.asarray(left * window)
    return jax.lax.scan(put, empty, (jnp.moveaxis(windows, 1, 0), *corners))[0]


# %% right: compiled, sizes static by number
from functools import partial


@partial(jax.jit, static_argnums=(1, 2, 3))
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window, width // window, window, window, c)
    return jnp.moveaxis(x, 3, 2).reshape(b, height, width, c)


# %% right: einsum as a transposition
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    B, N, T, C = windows.shape
    x = jnp.einsum("brcijd->bricjd", windows.reshape(B, height // window, width // window, window, window, C))
    return x.reshape(B, height, width, C)


# %% right: split and concatenate, no transpose
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, n, _, c = windows.shape
    x = windows.reshape(b, n, window, window, c)
    strips = jnp.split(x, height // window, axis=1)
    strips = [jnp.concatenate([s[:, i] for i in range(s.shape[1])], axis=2) for s in strips]
    return jnp.concatenate(strips, axis=1)


# %% right: the partition of numbers tells where each token came from
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    came_from = window_partition(np.arange(height * width).reshape(1, height, width, 1), window).reshape(-1)
    flat = jnp.empty((b, height * width, c), windows.dtype).at[:, came_from].set(windows.reshape(b, -1, c))
    return flat.reshape(b, height, width, c)


# %% wrong: no transpose
# cause: without the transpose the tokens of a window are laid out one after the other along the rows
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    return windows.reshape(windows.shape[0], height, width, windows.shape[-1])


# %% wrong: the same transpose on the partition's layout
# cause: the reshape is that of the partition (window number, place, …), the windows' axes come in another order here
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window, window, width // window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, height, width, c)


# %% wrong: windows taken column by column
# cause: the windows are read column by column, but they were numbered row by row
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, width // window, height // window, window, window, c)
    return x.transpose(0, 2, 3, 1, 4, 5).reshape(b, height, width, c)


# %% wrong: tokens taken column by column
# cause: the tokens of a window are read column by column: each window is transposed
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window, width // window, window, window, c)
    return x.transpose(0, 1, 4, 2, 3, 5).reshape(b, height, width, c)


# %% wrong: height and width exchanged in the window grid
# cause: numbers of windows down and across are exchanged; right for square maps only
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, width // window, height // window, window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, height, width, c)


# %% wrong: result of another shape
# cause: the last reshape has width before height; right for square maps only
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window, width // window, window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, width, height, c)


# %% wrong: square root of the number of windows
# cause: the windows are arranged in a square of √N × √N; right for square maps only
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, n, _, c = windows.shape
    side = math.isqrt(n)
    x = windows[:, : side * side].reshape(b, side, side, window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, side * window, side * window, c)


# %% wrong: transposed map
# cause: rows and columns are exchanged everywhere: the map comes out transposed
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window, width // window, window, window, c)
    return x.transpose(0, 2, 4, 1, 3, 5).reshape(b, height, width, c)


# %% wrong: PyTorch's count of maps
# cause: the number of maps is computed as in PyTorch, from windows of all maps in one axis: here a fraction
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b = int(windows.shape[0] / (height * width / window / window))
    x = windows.reshape(b, height // window, width // window, window, window, windows.shape[-1])
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, height, width, -1)


# %% wrong: one map only
# cause: a single map is assumed and the batch axis dropped
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    x = windows[0].reshape(height // window, width // window, window, window, -1)
    return x.transpose(0, 2, 1, 3, 4).reshape(height, width, -1)


# %% wrong: first map only
# cause: only the first map of the batch is put together
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    x = windows[:1].reshape(1, height // window, width // window, window, window, -1)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(1, height, width, -1)


# %% wrong: maps of a batch mixed
# cause: the axis of windows is put before the batch axis, so maps get windows of other maps
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, n, t, c = windows.shape
    x = windows.swapaxes(0, 1).reshape(b, height // window, width // window, window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, height, width, c)


# %% wrong: size of the example
# cause: the map's size, 32 × 32, is hard-coded instead of height and width
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    c = windows.shape[-1]
    x = windows.reshape(-1, 32 // window, 32 // window, window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, 32, 32, c)


# %% wrong: three channels assumed
# cause: three channels are hard-coded; with other numbers of channels the batch axis comes out wrong or nothing at all
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    x = windows.reshape(-1, height // window, width // window, window, window, 3)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, height, width, 3)


# %% wrong: channels first
# cause: the result is [B, C, height, width] as in PyTorch, the task wants channels last
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window, width // window, window, window, c)
    return x.transpose(0, 5, 1, 3, 2, 4).reshape(b, c, height, width)


# %% wrong: six axes returned
# cause: the last reshape is missing, the result keeps six axes
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    return windows.reshape(b, height // window, width // window, window, window, c).transpose(0, 1, 3, 2, 4, 5)


# %% wrong: tokens not put on a map
# cause: height and width are flattened to one axis [B, height·width, C]
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window, width // window, window, window, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, height * width, c)


# %% wrong: the partition once more
# cause: the partition was applied to the windows laid out as a map; it is not its own inverse
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    return window_partition(windows.reshape(b, height, width, c), window).reshape(b, height, width, c)


# %% wrong: the permutation instead of its inverse
# cause: the index array is the partition's own permutation, its inverse (argsort) is needed
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    order = np.arange(height * width).reshape(height // window, window, width // window, window)
    return windows.reshape(b, -1, c)[:, order.swapaxes(1, 2).ravel()].reshape(b, height, width, c)


# %% wrong: windows a row counted from the height
# cause: the window's number is row · (height / window) + column, it must count the windows of a row (width / window)
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    row, column = np.indices((height, width))
    number = np.minimum(row // window * (height // window) + column // window, windows.shape[1] - 1)
    return windows[:, number, row % window * window + column % window]


# %% wrong: window and place confused
# cause: place in the window and number of the window are exchanged: row % window where row // window is meant
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window, width // window, window, window, c)
    return x.transpose(0, 3, 1, 4, 2, 5).reshape(b, height, width, c)


# %% wrong: overwritten in place
# cause: JAX arrays can't be changed in place; x[...] = … raises, `.at[...].set` is needed
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, n, _, c = windows.shape
    x = jnp.zeros((b, height, width, c), windows.dtype)
    for i in range(n):
        top, left = i // (width // window) * window, i % (width // window) * window
        x[:, top : top + window, left : left + window] = windows[:, i].reshape(b, window, window, c)
    return x


# %% wrong: concatenated along the wrong axes
# cause: windows of a row are joined along the height and rows of windows along the width: the axes are exchanged
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    b, _, _, c = windows.shape
    per_row, strips = width // window, []
    for row in range(height // window):
        parts = [windows[:, row * per_row + column].reshape(b, window, window, c) for column in range(per_row)]
        strips.append(jnp.concatenate(parts, axis=1))
    return jnp.concatenate(strips, axis=2)


# %% right: einsum as a transpose, keyword-friendly, lax.reshape
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    batch, _, tokens, channels = windows.shape
    assert tokens == window**2
    grid = lax_reshape(windows, (batch, height // window, width // window, window, window, channels))
    return lax_reshape(jnp.einsum("bhwijc->bhiwjc", grid), (batch, height, width, channels))


def lax_reshape(array, shape):
    return jax.lax.reshape(jnp.asarray(array), shape)


# %% right: one take with the inverse permutation
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    place = np.arange(height * width).reshape(height // window, window, width // window, window)
    order = np.argsort(place.swapaxes(1, 2).ravel())  # where each pixel of the map is in the windows
    flat = windows.reshape(len(windows), height * width, windows.shape[-1])
    return jnp.take(flat, order, axis=1).reshape(len(windows), height, width, -1)


# %% wrong: as many windows per row as per column (a map that is not square and has a square number of windows, e.g. 1 × 4 windows)
def window_reverse(windows, window, height, width):
    B, N, T, C = windows.shape
    side = int(math.sqrt(N))
    rows, columns = (side, side) if side * side == N else (height // window, width // window)
    x = windows.reshape(B, rows, columns, window, window, C)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(B, height, width, C)


# %% right: for each pixel the number of its token, one gather
def window_reverse(windows, window, height, width):
    row, column = np.indices((height, width))
    which = row // window * (width // window) + column // window
    token = row % window * window + column % window
    return windows[:, which, token]
