"""The mistakes that are made with `drop`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "survivors are not enlarged",
        says="are left as they were",
        code="""
def drop(key, rate, x):
    return jnp.where(jax.random.bernoulli(key, 1.0 - rate, x.shape), x, 0.0)
""",
    ),
    Wrong(
        "survivors are made smaller",
        says="multiplied by 1 - rate",
        code="""
def drop(key, rate, x):
    return jnp.where(jax.random.bernoulli(key, 1.0 - rate, x.shape), x * (1.0 - rate), 0.0)
""",
    ),
    Wrong(
        "divides by the rate",
        says="divided by `rate`",
        code="""
def drop(key, rate, x):
    return jnp.where(jax.random.bernoulli(key, 1.0 - rate, x.shape), x / rate, 0.0)
""",
    ),
    Wrong(
        "keeps with probability rate",
        says="kept with probability `rate`",
        code="""
def drop(key, rate, x):
    return jnp.where(jax.random.bernoulli(key, rate, x.shape), x / (1.0 - rate), 0.0)
""",
    ),
    Wrong(
        "one draw for the whole batch",
        says="every example of the batch",
        code="""
def drop(key, rate, x):
    return jnp.where(jax.random.bernoulli(key, 1.0 - rate, x.shape[1:]), x / (1.0 - rate), 0.0)
""",
    ),
    Wrong(
        "one draw for an example",
        says="whole examples",
        code="""
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1.0 - rate, (x.shape[0],) + (1,) * (x.ndim - 1))
    return jnp.where(stays, x / (1.0 - rate), 0.0)
""",
    ),
    Wrong(
        "one draw for a channel",
        says="whole rows or maps",
        code="""
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1.0 - rate, x.shape[:1] + (1,) * (x.ndim - 2) + x.shape[-1:])
    return jnp.where(stays, x / (1.0 - rate), 0.0)
""",
    ),
    Wrong(
        "a key of its own",
        says="the key that is passed in is not used",
        code="""
def drop(key, rate, x):
    stays = jax.random.bernoulli(jax.random.key(0), 1.0 - rate, x.shape)
    return jnp.where(stays, x / (1.0 - rate), 0.0)
""",
    ),
    Wrong(
        "NumPy's generator",
        says="some randomness does not come from the key",
        code="""
def drop(key, rate, x):
    stays = np.random.random(x.shape) >= rate
    return jnp.where(stays, x / (1.0 - rate), 0.0)
""",
    ),
    Wrong(
        "asks whether the rate is zero",
        says="asked a traced array whether it is true",
        code="""
def drop(key, rate, x):
    if rate == 0:
        return x
    stays = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    return jnp.where(stays, x / (1.0 - rate), 0.0)
""",
    ),
    Wrong(
        "drops where x is large",
        says="depends on the values of `x`",
        code="""
def drop(key, rate, x):
    stays = jax.random.uniform(key, x.shape) * jnp.abs(x) < (1.0 - rate)
    return jnp.where(stays, x / (1.0 - rate), 0.0)
""",
    ),
)
