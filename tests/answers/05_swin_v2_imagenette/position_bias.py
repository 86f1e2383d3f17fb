# %% right: index table and transpose
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% right: the table as a square, two indices
def position_bias(table, window):
    n = 2 * window - 1
    square = nn.sigmoid(table).reshape(n, n, -1) * 16
    rows, columns = np.indices((window, window)).reshape(2, -1)
    return jnp.moveaxis(
        square[np.subtract.outer(rows, rows) + window - 1, np.subtract.outer(columns, columns) + window - 1], -1, 0
    )


# %% right: `jnp.take` along the transposed table
def position_bias(table: jax.Array, window: int) -> jax.Array:
    t = jnp.arange(window * window)
    code = t // window * (2 * window - 1) + t % window
    index = code[:, None] - code[None, :] + 2 * window * (window - 1)
    return jnp.take(16.0 * jax.nn.sigmoid(table.T), index, axis=1)


# %% right: `vmap` over queries and keys
def position_bias(table: jax.Array, window: int) -> jax.Array:
    def one(q, k):
        down, right = q // window - k // window, q % window - k % window
        return table[(down + window - 1) * (2 * window - 1) + right + window - 1]

    tokens = jnp.arange(window**2)
    pairs = jax.vmap(jax.vmap(one, (None, 0)), (0, None))(tokens, tokens)
    return jnp.transpose(16 * jax.scipy.special.expit(pairs), (2, 0, 1))


# %% right: tanh for the sigmoid, `vmap` over heads
def position_bias(table: jax.Array, window: int) -> jax.Array:
    i, j = np.unravel_index(np.arange(window**2), (window, window))
    index = (i[:, None] - i + window - 1) * (2 * window - 1) + (j[:, None] - j + window - 1)
    return 8.0 + 8.0 * jax.vmap(lambda column: jnp.tanh(column[index] / 2), in_axes=1)(table)


# %% right: one slice of the mirrored table for each query
def position_bias(table: jax.Array, window: int) -> jax.Array:
    n, heads = 2 * window - 1, table.shape[1]
    mirrored = jax.nn.sigmoid(table).reshape(n, n, heads)[::-1, ::-1]

    def keys(query):
        start = (window - 1 - query // window, window - 1 - query % window, 0)
        return jax.lax.dynamic_slice(mirrored, start, (window, window, heads)).reshape(-1, heads)

    return 16 * jnp.moveaxis(jax.vmap(keys)(jnp.arange(window**2)), 2, 0)


# %% right: one-hot products
def position_bias(table: jax.Array, window: int) -> jax.Array:
    n, place = 2 * window - 1, np.arange(window)
    hot = np.eye(n, dtype=np.float32)[place[:, None] - place[None, :] + window - 1]
    square = (16 * jax.nn.sigmoid(table)).reshape(n, n, -1)
    bias = jnp.einsum("acx,bdy,xyh->habcd", hot, hot, square, precision="highest")
    return bias.reshape(-1, window**2, window**2)


# %% right: compiled, window static
from functools import partial


@partial(jax.jit, static_argnames="window")
def position_bias(table: jax.Array, window: int) -> jax.Array:
    ij = jnp.stack(jnp.meshgrid(jnp.arange(window), jnp.arange(window), indexing="ij"), -1).reshape(-1, 2)
    offset = ij[:, None] - ij[None] + (window - 1)
    return 16 * jax.nn.sigmoid(table[offset @ jnp.array([2 * window - 1, 1])]).transpose(2, 0, 1)


# %% right: two gathers, rows then columns
def position_bias(table: jax.Array, window: int) -> jax.Array:
    n, place = 2 * window - 1, np.arange(window)
    relative = place[:, None] - place[None, :] + window - 1
    square = jax.nn.sigmoid(table).reshape(n, n, -1)
    rows = square[relative]
    both = rows[:, :, relative]
    return 16 * both.transpose(4, 0, 2, 1, 3).reshape(-1, window**2, window**2)


# %% right: `at[...].get`, `ravel_multi_index`
def position_bias(table: jax.Array, window: int) -> jax.Array:
    tokens = np.stack(np.divmod(np.arange(window * window), window))
    offsets = tokens[:, :, None] - tokens[:, None, :] + window - 1
    index = np.ravel_multi_index(tuple(offsets), (2 * window - 1, 2 * window - 1))
    bias = table.at[index].get(mode="promise_in_bounds", unique_indices=False)
    return jax.nn.sigmoid(bias.swapaxes(1, 2).swapaxes(0, 1)) * 16.0


# %% right: a callable object that remembers its indices
class _PositionBias:
    def __init__(self):
        self.known = {}

    def index(self, window):
        if window not in self.known:
            row, column = np.repeat(np.arange(window), window), np.tile(np.arange(window), window)
            down, right = row[:, None] - row, column[:, None] - column
            self.known[window] = (down + window - 1) * (2 * window - 1) + right + window - 1
        return self.known[window]

    def __call__(self, table: jax.Array, window: int) -> jax.Array:
        return jnp.einsum("qkh->hqk", 16 * nn.sigmoid(table)[self.index(window)])


position_bias = _PositionBias()

# %% right: flat index, reshape at the end, float32 cast
def position_bias(table: jax.Array, window: int) -> jax.Array:
    table = jnp.asarray(table, jnp.float32)
    heads, tokens = table.shape[-1], window * window
    q, k = np.divmod(np.arange(tokens * tokens), tokens)
    flat = (q // window - k // window + window - 1) * (2 * window - 1) + q % window - k % window + window - 1
    return (jnp.float32(16) * jax.lax.logistic(table[flat])).T.reshape(heads, tokens, tokens)


# %% right: walrus and lambda
position_bias = lambda table, window: (  # noqa: E731
    16 * jax.nn.sigmoid(table.T[:, (c := np.add.outer(np.arange(window) * (2 * window - 1), np.arange(window)).ravel())[
        :, None] - c + c[-1]])
)

# %% wrong: key minus query
# cause: the offset is key minus query instead of query minus key
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[None, :] - rows[:, None] + window - 1
    right = columns[None, :] - columns[:, None] + window - 1
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: columns before rows
# cause: row and column offset are exchanged in the index: rows are the slow ones
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[right * (2 * window - 1) + down].transpose(2, 0, 1))


# %% wrong: not squashed
# cause: the sigmoid is missing, the bias is not in 0 … 16
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return table[down * (2 * window - 1) + right].transpose(2, 0, 1)


# %% wrong: without the 16
# cause: the factor 16 is missing, the bias is in 0 … 1
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: 16 inside of the sigmoid
# cause: the 16 is multiplied inside of the sigmoid, which makes it steep and leaves the range at 0 … 1
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return jax.nn.sigmoid(16 * table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: tanh
# cause: tanh instead of the sigmoid: the bias is in -16 … 16
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jnp.tanh(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: softmax over heads
# cause: a softmax over the heads instead of the sigmoid of each number
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.softmax(table, axis=-1)[down * (2 * window - 1) + right].transpose(2, 0, 1)


# %% wrong: hard sigmoid
# cause: the piecewise linear hard_sigmoid is another function than the sigmoid
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.hard_sigmoid(table)[down * (2 * window - 1) + right].transpose(2, 0, 1)


# %% wrong: clipped
# cause: the numbers are clipped to 0 … 16 instead of squashed by 16 · sigmoid
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return jnp.clip(table, 0, 16)[down * (2 * window - 1) + right].transpose(2, 0, 1)


# %% wrong: heads last
# cause: the heads are left as last axis, [T, T, heads]
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right])


# %% wrong: reshape for transpose
# cause: [T, T, heads] is reshaped to [heads, T, T] where it must be transposed; heads and tokens are mixed
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].reshape(-1, window**2, window**2))


# %% wrong: queries and keys exchanged by a transpose
# cause: transpose() reverses all axes, so keys come before queries
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].T)


# %% wrong: rows of `window` offsets
# cause: the index counts window offsets a row, but there are 2 · window - 1
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * window + right].transpose(2, 0, 1))


# %% wrong: rows of 2 · window offsets
# cause: the index counts 2 · window offsets a row instead of 2 · window - 1; JAX clamps what lies beyond
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * 2 * window + right].transpose(2, 0, 1))


# %% wrong: negative indices
# cause: window - 1 is not added to the offsets: negative indices count from the table's end
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :]
    right = columns[:, None] - columns[None, :]
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: off by one
# cause: window instead of window - 1 is added to the offsets
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window
    right = columns[:, None] - columns[None, :] + window
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: columns not moved
# cause: window - 1 is added to the row offset only, not to the column offset
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :]
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: distances for offsets
# cause: magnitudes of the offsets are looked up, so left and right, up and down get the same bias
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = abs(rows[:, None] - rows[None, :]) + window - 1
    right = abs(columns[:, None] - columns[None, :]) + window - 1
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: sum for difference
# cause: the places of query and key are added, not subtracted
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] + rows[None, :]
    right = columns[:, None] + columns[None, :]
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: difference of token numbers
# cause: the difference of the tokens' numbers is looked up, which does not tell rows from columns
def position_bias(table: jax.Array, window: int) -> jax.Array:
    t = np.arange(window**2)
    index = t[:, None] - t[None, :] + window**2 - 1
    return 16 * jax.nn.sigmoid(table[index].transpose(2, 0, 1))


# %% wrong: one head only
# cause: only the first head's bias is looked up
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[:, 0][down * (2 * window - 1) + right])[None]


# %% wrong: only the first head is squashed
# cause: only the first head gets 16 · sigmoid, the others stay as they are
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    bias = table[down * (2 * window - 1) + right].transpose(2, 0, 1)
    return bias.at[0].set(16 * jax.nn.sigmoid(bias[0]))


# %% wrong: an axis for windows
# cause: an axis for the windows is put in front, [1, heads, T, T]; the task wants [heads, T, T]
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))[None]


# %% wrong: window of 8 hard-coded
# cause: the number of offsets a row, 15, is hard-coded: right for a window of 8 only
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * 15 + right].transpose(2, 0, 1))


# %% wrong: divmod in the wrong order
# cause: rows and columns of the tokens are exchanged for the queries only
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = columns[:, None] - rows[None, :] + window - 1
    right = rows[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(table[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% wrong: squashed twice
# cause: the sigmoid is taken twice, of the table and of what is looked up
def position_bias(table: jax.Array, window: int) -> jax.Array:
    rows, columns = np.divmod(np.arange(window**2), window)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return 16 * jax.nn.sigmoid(jax.nn.sigmoid(table)[down * (2 * window - 1) + right].transpose(2, 0, 1))


# %% right: sigmoid first, then two indices into a three-dimensional table
def position_bias(table: jax.Array, window: int) -> jax.Array:
    side = 2 * window - 1
    grid = (16 * jax.lax.logistic(table)).reshape(side, side, -1)
    row, column = np.divmod(np.arange(window**2), window)
    down = np.subtract.outer(row, row) + window - 1
    right = np.subtract.outer(column, column) + window - 1
    return jnp.einsum("qkh->hqk", grid[down, right])


# %% right: vmap over heads, np.ravel_multi_index, tanh
def position_bias(table: jax.Array, window: int) -> jax.Array:
    places = np.stack(np.unravel_index(np.arange(window * window), (window, window)))  # [2, T]
    offsets = places[:, :, None] - places[:, None, :] + (window - 1)
    index = np.ravel_multi_index(tuple(offsets), (2 * window - 1, 2 * window - 1))

    def head(column):
        return 8 * (1 + jnp.tanh(jnp.take(column, index, axis=0) / 2))

    return jax.vmap(head, in_axes=1, out_axes=0)(jnp.asarray(table))


# %% right: for each query a slice of the turned table
def position_bias(table, window):
    side = 2 * window - 1
    turned = (8 * (1 + jnp.tanh(table / 2))).reshape(side, side, -1)[::-1, ::-1]  # entry [i, j]: key minus query

    def of_query(row, column):
        start = (window - 1 - row, window - 1 - column, 0)
        return jax.lax.dynamic_slice(turned, start, (window, window, table.shape[1]))

    row, column = jnp.divmod(jnp.arange(window**2), window)
    bias = jax.vmap(of_query)(row, column)  # [T, window, window, heads]
    return jnp.einsum("qijh->hqij", bias).reshape(-1, window**2, window**2)
