"""The mistakes that are made with `compress`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "a Python if",
        says="a whole array",
        code="""
def compress(x):
    if x > 0:
        return jnp.log1p(x)
    return x
""",
    ),
    Wrong(
        "np.where",
        says="A NumPy function",
        code="""
def compress(x):
    return np.where(x > 0, jnp.log1p(x), x)
""",
    ),
    Wrong(
        "where outside only",
        says="differentiates both branches",
        code="""
def compress(x):
    return jnp.where(x > 0, jnp.log1p(x), x)
""",
    ),
    Wrong(
        "multiplies by masks",
        says="A mask times NaN",
        code="""
def compress(x):
    positive = (x > 0).astype(x.dtype)
    return positive * jnp.log1p(x) + (1 - positive) * x
""",
    ),
    Wrong(
        "branches swapped",
        says="the wrong way round",
        code="""
def compress(x):
    return jnp.where(x > 0, x, jnp.log1p(x))
""",
    ),
    Wrong(
        "log instead of log1p",
        says="log(x), not log(1 + x)",
        code="""
def compress(x):
    positive = x > 0
    return jnp.where(positive, jnp.log(jnp.where(positive, x, 1.0)), x)
""",
    ),
    Wrong(
        "negative numbers compressed, too",
        says="Negative numbers are compressed, too",
        code="""
def compress(x):
    return jnp.sign(x) * jnp.log1p(jnp.abs(x))
""",
    ),
    Wrong(
        "negative numbers cut off",
        says="Negative numbers became 0",
        code="""
def compress(x):
    return jnp.log1p(jnp.maximum(x, 0.0))
""",
    ),
    Wrong(
        "lax.cond on an array",
        says="Pred must be a scalar",
        code="""
def compress(x):
    return lax.cond(x > 0, jnp.log1p, lambda x: x, x)
""",
    ),
    Wrong(
        "assigns through a mask with at",
        says="has a shape that depends on values",
        code="""
def compress(x):
    return x.at[x > 0].set(jnp.log1p(x[x > 0]))
""",
    ),
)
