"""The mistakes that are made with `histogram`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "sets instead of adding",
        says="writes a 1 however often",
        code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where((values >= low) & (values < high), places, bins)
    return jnp.zeros(bins, jnp.int32).at[places].set(1)
""",
    ),
    Wrong(
        "writes into the array",
        says="cannot be changed in place",
        code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where((values >= low) & (values < high), places, bins)
    counts = jnp.zeros(bins, jnp.int32)
    counts[places] += 1
    return counts
""",
    ),
    Wrong(
        "negative places count from the end",
        says="counts from the end",
        code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
""",
    ),
    Wrong(
        "clips outsiders into the end bins",
        says="first and the last bin",
        code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[jnp.clip(places, 0, bins - 1)].add(1)
""",
    ),
    Wrong(
        "rounds towards zero",
        says="rounds towards zero",
        code="""
def histogram(values, low, high, bins):
    places = ((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where(places >= 0, places, bins)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
""",
    ),
    Wrong(
        "rounds to the nearest bin",
        says="nearest",
        code="""
def histogram(values, low, high, bins):
    places = jnp.round((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where((values >= low) & (values < high), places, bins)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
""",
    ),
    Wrong(
        "counts the upper end, as np.histogram does",
        says="equal to `high`",
        code="""
def histogram(values, low, high, bins):
    return jnp.histogram(values, bins=bins, range=(low, high))[0].astype(jnp.int32)
""",
    ),
    Wrong(
        "counts in floating point",
        says="has dtype float32",
        code="""
def histogram(values, low, high, bins):
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    places = jnp.where((values >= low) & (values < high), places, bins)
    return jnp.zeros(bins).at[places].add(1)
""",
    ),
    Wrong(
        "filters with a boolean index",
        says="has a shape that depends on values",
        code="""
def histogram(values, low, high, bins):
    values = values[(values >= low) & (values < high)]
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
""",
    ),
    Wrong(
        "a Python loop over the values",
        says="once for every value",
        code="""
def histogram(values, low, high, bins):
    counts = jnp.zeros(bins, jnp.int32)
    for value in values:
        place = jnp.floor((value - low) / (high - low) * bins).astype(jnp.int32)
        counts = counts.at[jnp.where((value >= low) & (value < high), place, bins)].add(1)
    return counts
""",
    ),
)
