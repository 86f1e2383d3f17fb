# %% right: each batch padded with zeros
def predict(model, x, size):
    fast = jax.jit(model)
    results = []
    for start in range(0, len(x), size):
        batch = x[start : start + size]
        rows = len(batch)
        batch = np.pad(batch, ((0, size - rows), (0, 0)))
        results.append(np.asarray(fast(batch))[:rows])
    return np.concatenate(results)

# %% right: the whole table padded first
def predict(model, x, size):
    model = jax.jit(model)
    padded = np.concatenate([x, np.zeros((-len(x) % size, x.shape[1]), x.dtype)])
    return jnp.concatenate([model(b) for b in padded.reshape(-1, size, x.shape[1])])[: len(x)]

# %% right: last row repeated
def predict(model, x, size):
    fast, n = jax.jit(model), x.shape[0]
    index = np.minimum(np.arange(-(-n // size) * size), n - 1).reshape(-1, size)
    return np.vstack([fast(x[i]) for i in index])[:n]

# %% right: rows wrapped around
def predict(model, x, size):
    n, fast = len(x), jax.jit(model)
    out = [fast(np.take(x, range(start, start + size), axis=0, mode="wrap")) for start in range(0, n, size)]
    return jnp.concatenate(out, axis=0)[:n]

# %% right: compiled ahead of time
def predict(model, x, size):
    program = jax.jit(model).lower(jax.ShapeDtypeStruct((size, x.shape[1]), jnp.float32)).compile()
    parts = []
    for i in range(0, x.shape[0], size):
        part = np.zeros((size, x.shape[1]), np.float32)
        part[: len(x[i : i + size])] = x[i : i + size]
        parts.append(np.asarray(program(part)))
    return np.concatenate(parts)[: x.shape[0]]

# %% right: last batch overlaps, short tables are padded
def predict(model, x, size):
    f, n = jax.jit(model), len(x)
    if n < size:
        return f(np.pad(x, ((0, size - n), (0, 0)), mode="edge"))[:n]
    results = [f(x[i : i + size]) for i in range(0, n - size + 1, size)]
    if rest := n % size:
        results.append(f(x[-size:])[-rest:])
    return jnp.concatenate(results)

# %% right: written into an array made after the first batch
def predict(model, x, size):
    jitted = jax.jit(model)
    result = None
    for start in range(0, len(x), size):
        rows = x[start : start + size]
        buffer = np.empty((size, x.shape[1]), np.float32)
        buffer[: len(rows)], buffer[len(rows) :] = rows, rows[0]
        part = np.asarray(jitted(jnp.asarray(buffer)))
        if result is None:
            result = np.zeros((len(x), *part.shape[1:]), part.dtype)
        result[start : start + len(rows)] = part[: len(rows)]
    return result

# %% right: a generator of batches
def _batches(x, size):
    while len(x):
        yield np.resize(x[:size], (size, x.shape[1])), min(size, len(x))
        x = x[size:]


def predict(model, x, size):
    model = jax.jit(model)
    return np.concatenate([np.asarray(model(batch))[:rows] for batch, rows in _batches(x, size)])

# %% right: one-liner with walrus
def predict(model, x, size):
    f, p = jax.jit(model), np.pad(x, ((0, -(n := len(x)) % size), (0, 0)))
    return np.concatenate([f(p[i : i + size]) for i in range(0, n, size)])[:n]

# %% right: while loop and a list of rows
def predict(model, x, size):
    fast = jax.jit(model)
    rows, done = [], 0
    while done < len(x):
        real = x[done : done + size]
        filled = np.ones((size, x.shape[1]), dtype=x.dtype)
        filled[: len(real)] = real
        rows.extend(np.asarray(fast(filled))[: len(real)])
        done += size
    return np.stack(rows)

# %% right: JAX arrays all the way, with dynamic_slice of a padded table
def predict(model, x, size):
    count = (len(x) + size - 1) // size
    padded = jnp.pad(jnp.asarray(x), ((0, count * size - len(x)), (0, 0)), constant_values=1.0)
    run = jax.jit(model)
    return jnp.vstack([run(lax.dynamic_slice_in_dim(padded, i * size, size)) for i in range(count)])[: len(x)]

# %% right: callable object
class Predictor:
    def pad(self, batch, size):
        return batch if len(batch) == size else np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), 0)])

    def __call__(self, model, x, size):
        compiled = jax.jit(model)
        pieces = np.split(x, range(size, len(x), size))
        return np.concatenate([np.asarray(compiled(self.pad(p, size)))[: len(p)] for p in pieces])


predict = Predictor()

# %% right: map with a padded copy and a mask
def predict(model, x, size, fill=0.0):
    batches = -(-len(x) // size)
    table = np.full((batches * size, x.shape[1]), fill, np.float32)
    real = np.arange(batches * size) < len(x)
    table[real] = x
    return np.concatenate(list(map(jax.jit(model), np.split(table, batches))))[real]

# %% wrong: last batch not padded
# cause: the last batch has another shape, so the model is traced twice
def predict(model, x, size):
    fast = jax.jit(model)
    return np.concatenate([fast(x[i : i + size]) for i in range(0, len(x), size)])

# %% wrong: jit of a new function for each batch
# cause: a new lambda is jitted in each turn of the loop, so each batch is traced anew
def predict(model, x, size):
    results = []
    for i in range(0, len(x), size):
        batch = np.pad(x[i : i + size], ((0, max(0, i + size - len(x))), (0, 0)))
        results.append(jax.jit(lambda b: model(b))(batch))
    return np.concatenate(results)[: len(x)]

# %% wrong: not compiled
# cause: jax.jit is missing, so Python runs the model for each batch
def predict(model, x, size):
    p = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return np.concatenate([model(p[i : i + size]) for i in range(0, len(p), size)])[: len(x)]

# %% wrong: surplus not thrown away
# cause: the results of the padding rows are returned too
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return np.concatenate([fast(p[i : i + size]) for i in range(0, len(p), size)])

# %% wrong: last rows dropped
# cause: only the full batches are run, as with drop_last; the last rows have no result
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((0, size if len(x) < size else 0), (0, 0)))[:size] if len(x) < size else x
    return np.concatenate([fast(p[i : i + size]) for i in range(0, len(p) - size + 1, size)])[: len(x)]

# %% wrong: minus zero
# cause: [:-missing] is empty when nothing is missing, that is when N is a multiple of size
def predict(model, x, size):
    fast, missing = jax.jit(model), -len(x) % size
    p = np.pad(x, ((0, missing), (0, 0)))
    return np.concatenate([fast(p[i : i + size]) for i in range(0, len(p), size)])[:-missing]

# %% wrong: padding in front
# cause: the padding stands before the real rows, so the first N results are not theirs
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((-len(x) % size, 0), (0, 0)))
    return np.concatenate([fast(p[i : i + size]) for i in range(0, len(p), size)])[: len(x)]

# %% wrong: dynamic_slice at the end
# cause: dynamic_slice moves a start that is too late back, so the last results are of earlier rows
def predict(model, x, size):
    fast, n = jax.jit(model), len(x)
    data = jnp.asarray(x if n >= size else np.pad(x, ((0, size - n), (0, 0))))
    return np.concatenate([fast(lax.dynamic_slice_in_dim(data, i, size)) for i in range(0, n, size)])[:n]

# %% wrong: all rows at once
# cause: the model is run on the whole table, not on `size` rows at a time
def predict(model, x, size):
    p = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return jax.jit(model)(p)[: len(x)]

# %% wrong: one row at a time
# cause: the model sees [1, D] in place of [size, D]
def predict(model, x, size):
    fast = jax.jit(model)
    return np.concatenate([fast(row[None]) for row in x])

# %% wrong: batches of every n-th row
# cause: reshape(size, -1) and transposing puts every n-th row in a batch, so the results are out of order
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((0, -len(x) % size), (0, 0))).reshape(size, -1, x.shape[1]).transpose(1, 0, 2)
    return np.concatenate([fast(b) for b in p])[: len(x)]

# %% wrong: list of batches
# cause: returns a list of batch results, they are not joined to [N, K]
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return [fast(p[i : i + size]) for i in range(0, len(p), size)]

# %% wrong: stacked
# cause: stack makes [batches, size, K], and the cut then takes batches in place of rows
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return np.stack([fast(p[i : i + size]) for i in range(0, len(p), size)])[: len(x)]

# %% wrong: compiled models kept by size
# cause: a cache outside keeps the first model for each size and runs it for every later model
_programs = {}


def predict(model, x, size):
    fast = _programs.setdefault(size, jax.jit(model))
    p = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return np.concatenate([fast(p[i : i + size]) for i in range(0, len(p), size)])[: len(x)]

# %% wrong: K taken for D
# cause: the result is made with the columns of x, but the model may return another number of columns
def predict(model, x, size):
    fast, out = jax.jit(model), np.zeros_like(x)
    for i in range(0, len(x), size):
        rows = x[i : i + size]
        out[i : i + size] = np.asarray(fast(np.pad(rows, ((0, size - len(rows)), (0, 0)))))[: len(rows)]
    return out

# %% wrong: an example row to learn K
# cause: the model is called on one row to find the number of outputs, so Python runs it once more
def predict(model, x, size):
    out = np.zeros((len(x), model(x[:1]).shape[1]), np.float32)
    fast = jax.jit(model)
    for i in range(0, len(x), size):
        rows = x[i : i + size]
        out[i : i + size] = np.asarray(fast(np.pad(rows, ((0, size - len(rows)), (0, 0)))))[: len(rows)]
    return out

# %% wrong: eval_shape before jit
# cause: eval_shape with another shape traces the model a second time
def predict(model, x, size):
    k = jax.eval_shape(model, jax.ShapeDtypeStruct(x.shape, x.dtype)).shape[1]
    fast, p = jax.jit(model), np.pad(x, ((0, -len(x) % size), (0, 0)))
    out = np.zeros((len(p), k), np.float32)
    for i in range(0, len(p), size):
        out[i : i + size] = fast(p[i : i + size])
    return out[: len(x)]

# %% wrong: padded at the side
# cause: the columns are padded in place of the rows
def predict(model, x, size):
    fast, results = jax.jit(model), []
    for i in range(0, len(x), size):
        rows = x[i : i + size]
        results.append(fast(np.pad(rows, ((0, 0), (0, size - len(rows))))))
    return np.concatenate(results)

# %% wrong: only the last batch
# cause: the results of all batches but the last are overwritten
def predict(model, x, size):
    fast = jax.jit(model)
    for i in range(0, len(x), size):
        rows = x[i : i + size]
        result = fast(np.pad(rows, ((0, size - len(rows)), (0, 0))))[: len(rows)]
    return result

# %% wrong: size of four
# cause: batches of 4 as in the drawing, `size` is ignored
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((0, -len(x) % 4), (0, 0)))
    return np.concatenate([fast(p[i : i + 4]) for i in range(0, len(p), 4)])[: len(x)]

# %% wrong: rest of the division only
# cause: pads with N % size rows in place of size - N % size, so the last batch has another shape or is missing
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((0, len(x) % size), (0, 0)))
    return np.concatenate([fast(p[i : i + size]) for i in range(0, len(p), size)])[: len(x)]

# %% wrong: a table at least as long as a batch
# cause: the last batch is x[-size:], which is too short when N < size: another shape
def predict(model, x, size):
    fast, n = jax.jit(model), len(x)
    results = [fast(x[i : i + size]) for i in range(0, n - size + 1, size)]
    if n % size:
        results.append(fast(x[-size:])[-(n % size) :])
    return np.concatenate(results)

# %% wrong: overlapping rows twice
# cause: the last batch begins earlier to be full, but the rows it shares with the one before are returned twice
def predict(model, x, size):
    fast, n = jax.jit(model), len(x)
    p = x if n >= size else np.resize(x, (size, x.shape[1]))
    starts = [min(i, len(p) - size) for i in range(0, n, size)]
    return np.concatenate([fast(p[i : i + size]) for i in starts])[:n]

# %% wrong: equal parts
# cause: array_split makes parts of about equal length, not of `size` rows, and of two shapes
def predict(model, x, size):
    fast = jax.jit(model)
    return np.concatenate([fast(part) for part in np.array_split(x, -(-len(x) // size))])

# %% wrong: table changed in place
# cause: the buffer is a view of x, so filling it up writes into the caller's table
def predict(model, x, size):
    fast, out = jax.jit(model), []
    buffer = x[:size] if len(x) >= size else np.resize(x, (size, x.shape[1]))
    for i in range(0, len(x), size):
        rows = x[i : i + size].copy()
        buffer[: len(rows)] = rows
        out.append(np.array(fast(buffer.copy()))[: len(rows)])
    return np.concatenate(out)

# %% wrong: batches shuffled
# cause: the batches are run from the last to the first and joined in that order
def predict(model, x, size):
    fast = jax.jit(model)
    p = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return np.concatenate([fast(p[i : i + size]) for i in reversed(range(0, len(p), size))])[: len(x)]


# %% right: indices modulo N, so that the padding is the first rows again
def predict(model, x, size):
    fast = jax.jit(model)
    rows = len(x)
    parts = [fast(x.take(np.arange(at, at + size), axis=0, mode="wrap")) for at in range(0, rows, size)]
    return jnp.vstack(parts)[:rows]


# %% right: np.pad with the edge row, reshaped to [batches, size, D], result written into a NumPy array
def predict(model, x, size):
    fast = jax.jit(model)
    padded = np.pad(x, ((0, -len(x) % size), (0, 0)), mode="edge")
    result = None
    for number, batch in enumerate(padded.reshape(-1, size, x.shape[1])):
        answer = np.asarray(fast(batch))
        if result is None:
            result = np.empty((len(padded), *answer.shape[1:]), answer.dtype)
        result[number * size : (number + 1) * size] = answer
    return result[: len(x)]


# %% right: one block array, edge padding, map over its first axis
def predict(model, x, size):
    blocks = np.pad(x, ((0, -len(x) % size), (0, 0)), mode="edge").reshape(-1, size, x.shape[1])
    return np.vstack([*map(np.asarray, map(jax.jit(model), blocks))])[: len(x)]
