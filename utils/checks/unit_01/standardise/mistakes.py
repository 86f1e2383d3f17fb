"""The mistakes that are made with `standardise`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "statistics of the whole table",
        says="of the whole table",
        code="""
def standardise(x):
    std = jnp.std(x)
    return (x - jnp.mean(x)) / jnp.where(std > 0, std, 1.0)
""",
    ),
    Wrong(
        "rows instead of columns",
        says="each row, not each column",
        code="""
def standardise(x):
    std = jnp.std(x, axis=1, keepdims=True)
    return (x - jnp.mean(x, axis=1, keepdims=True)) / jnp.where(std > 0, std, 1.0)
""",
    ),
    Wrong(
        "divides by N - 1",
        says="N − 1",
        code="""
def standardise(x):
    std = jnp.std(x, axis=0, ddof=1)
    return (x - jnp.mean(x, axis=0)) / jnp.where(std > 0, std, 1.0)
""",
    ),
    Wrong(
        "divides by the variance",
        says="by the variance",
        code="""
def standardise(x):
    variance = jnp.var(x, axis=0)
    return (x - jnp.mean(x, axis=0)) / jnp.where(variance > 0, variance, 1.0)
""",
    ),
    Wrong(
        "does not subtract the mean",
        says="the mean is still there",
        code="""
def standardise(x):
    std = jnp.std(x, axis=0)
    return x / jnp.where(std > 0, std, 1.0)
""",
    ),
    Wrong(
        "a constant column gives 0 / 0",
        says="constant column became NaN",
        code="""
def standardise(x):
    return (x - jnp.mean(x, axis=0)) / jnp.std(x, axis=0)
""",
    ),
    Wrong(
        "writes into the array",
        says="cannot be changed in place",
        code="""
def standardise(x):
    for j in range(x.shape[1]):
        x[:, j] = (x[:, j] - x[:, j].mean()) / x[:, j].std()
    return x
""",
    ),
    Wrong(
        "asks a traced value with if",
        says="A Python `if`",
        code="""
def standardise(x):
    columns = []
    for j in range(x.shape[1]):
        column = x[:, j] - x[:, j].mean()
        if column.std() > 0:
            column = column / column.std()
        columns.append(column)
    return jnp.stack(columns, axis=1)
""",
    ),
    Wrong(
        "uses a NumPy function",
        says="A NumPy function",
        code="""
def standardise(x):
    std = jnp.std(x, axis=0)
    return (x - jnp.mean(x, axis=0)) / np.where(std > 0, std, 1.0)
""",
    ),
)
