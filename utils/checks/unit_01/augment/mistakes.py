"""The mistakes that are made with `augment`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "uses the key twice",
        says="One key is used for two draws",
        code="""
def augment(key, signals, scale):
    signs = jax.random.rademacher(key, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.normal(key, signals.shape)
""",
    ),
    Wrong(
        "a key of its own",
        says="Another key gives the same result",
        code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(jax.random.key(0))
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.normal(key_noise, signals.shape)
""",
    ),
    Wrong(
        "NumPy's generator",
        says="NumPy's generator?",
        code="""
def augment(key, signals, scale):
    signs = jax.random.rademacher(key, (len(signals), 1), signals.dtype)
    return signs * signals + scale * np.random.normal(size=signals.shape).astype(np.float32)
""",
    ),
    Wrong(
        "one coin for all signals",
        says="One coin for all signals",
        code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    sign = jax.random.rademacher(key_sign, (), signals.dtype)
    return sign * signals + scale * jax.random.normal(key_noise, signals.shape)
""",
    ),
    Wrong(
        "a coin for each number",
        says="Each number has a coin",
        code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, signals.shape, signals.dtype)
    return signs * signals + scale * jax.random.normal(key_noise, signals.shape)
""",
    ),
    Wrong(
        "the same noise for every signal",
        says="the same noise",
        code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.normal(key_noise, signals.shape[1:])
""",
    ),
    Wrong(
        "one shift for the whole signal",
        says="shifts the signal as a whole",
        code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.normal(key_noise, (len(signals), 1))
""",
    ),
    Wrong(
        "scale taken for the variance",
        says="for the variance",
        code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + jnp.sqrt(scale) * jax.random.normal(key_noise, signals.shape)
""",
    ),
    Wrong(
        "uniform noise",
        says="not Gaussian",
        code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)
    return signs * signals + scale * jax.random.uniform(key_noise, signals.shape, minval=-1.7320508, maxval=1.7320508)
""",
    ),
    Wrong(
        "0 or 1 instead of minus 1 or 1",
        says="wiped out",
        code="""
def augment(key, signals, scale):
    key_sign, key_noise = jax.random.split(key)
    keep = jax.random.bernoulli(key_sign, 0.5, (len(signals), 1))
    return keep * signals + scale * jax.random.normal(key_noise, signals.shape)
""",
    ),
)
