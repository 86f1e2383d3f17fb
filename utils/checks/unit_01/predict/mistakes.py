"""The mistakes that are made with `predict`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "the last batch is not filled up",
        says="the last, shorter batch",
        code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    return jnp.concatenate([compiled(x[i : i + size]) for i in range(0, len(x), size)])
""",
    ),
    Wrong(
        "drops the last rows",
        says="The last rows are missing",
        code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    return jnp.concatenate([compiled(x[i * size : (i + 1) * size]) for i in range(max(1, len(x) // size))])
""",
    ),
    Wrong(
        "returns the padding's results, too",
        says="results of the padding",
        code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    padded = np.pad(x, ((0, -len(x) % size), (0, 0)))
    return jnp.concatenate([compiled(padded[i : i + size]) for i in range(0, len(padded), size)])
""",
    ),
    Wrong(
        "compiles a new function in each round",
        says="each round compiles",
        code="""
def predict(model, x, size):
    padded = np.pad(x, ((0, -len(x) % size), (0, 0)))
    results = [jax.jit(lambda rows: model(rows))(padded[i : i + size]) for i in range(0, len(padded), size)]
    return jnp.concatenate(results)[: len(x)]
""",
    ),
    Wrong(
        "never compiles",
        says="never compiled",
        code="""
def predict(model, x, size):
    padded = np.pad(x, ((0, -len(x) % size), (0, 0)))
    results = [model(padded[i : i + size]) for i in range(0, len(padded), size)]
    return jnp.concatenate(results)[: len(x)]
""",
    ),
    Wrong(
        "all rows at once",
        says="all the rows at once",
        code="""
def predict(model, x, size):
    return jax.jit(model)(x)
""",
    ),
    Wrong(
        "one row at a time",
        says="one row at a time",
        code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    return jnp.concatenate([compiled(row[None]) for row in x])
""",
    ),
    Wrong(
        "returns a list of batches",
        says="a `list` of 3",
        code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    results = []
    for i in range(0, len(x), size):
        rows = x[i : i + size]
        results.append(compiled(np.pad(rows, ((0, size - len(rows)), (0, 0))))[: len(rows)])
    return results
""",
    ),
    Wrong(
        "repeats earlier rows in the last batch",
        says="appear twice",
        code="""
def predict(model, x, size):
    compiled = jax.jit(model)
    starts = [min(i, len(x) - size) for i in range(0, len(x), size)]
    return jnp.concatenate([compiled(x[i : i + size]) for i in starts])
""",
    ),
)
