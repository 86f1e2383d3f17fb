# %% right: outside values sent to index `bins`, where the write is dropped
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (low <= values) & (values < high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, bins)].add(1)

# %% right: the mask itself is added
def histogram(values, low, high, bins):
    inside = jnp.logical_and(values >= low, values < high)
    index = jnp.clip((values - low) / (high - low) * bins, 0, bins - 1).astype(jnp.int32)
    return jnp.zeros((bins,), jnp.int32).at[index].add(inside.astype(jnp.int32))

# %% right: an extra bin for the outside, cut off at the end
def histogram(values, low, high, bins):
    index = jnp.int32((values - low) * bins / (high - low))
    index = jnp.where((values < low) | (values >= high) | jnp.isnan(values), bins, jnp.minimum(index, bins - 1))
    counts = jnp.zeros(bins + 1, jnp.int32)
    return counts.at[index].add(1)[:-1]

# %% right: one bin below and one above, cut off
def histogram(values, low, high, bins):
    scaled = jnp.floor((values - low) / (high - low) * bins)
    index = jnp.where(jnp.isnan(scaled), -1, jnp.clip(scaled, -1, bins)).astype(jnp.int32) + 1
    return jnp.zeros(bins + 2, jnp.int32).at[index].add(1)[1:-1]

# %% right: mode="drop" named, with lax.select
def histogram(values, low, high, bins):
    i = ((values - low) / (high - low) * bins).astype(jnp.int32)
    ok = (low <= values) & (values < high)
    i = lax.select(ok, i, jnp.full_like(i, bins))
    return jnp.zeros(bins, jnp.int32).at[i].add(1, mode="drop")

# %% right: edges and searchsorted
def histogram(values, low, high, bins):
    edges = jnp.linspace(low, high, bins + 1)
    index = jnp.searchsorted(edges, values, side="right") - 1
    index = jnp.where((values >= low) & (values < high), index, bins)
    return jnp.zeros(bins, dtype="int32").at[index].add(1)

# %% right: digitize
def histogram(values, low, high, bins):
    slots = jnp.digitize(values, jnp.linspace(low, high, bins + 1))
    slots = jnp.where(jnp.isnan(values), 0, slots)
    return jnp.zeros(bins + 2, jnp.int32).at[slots].add(1)[1 : bins + 1]

# %% right: jitted with static_argnames
import functools


@functools.partial(jax.jit, static_argnames="bins")
def histogram(values, low, high, bins):
    width = (high - low) / bins
    index = jnp.floor((values - low) / width).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[jnp.where((values >= low) & (values < high), index, bins + 5)].add(1)

# %% right: vmap over one value's slot
def histogram(values, low, high, bins):
    def slot(value):
        inside = (low <= value) & (value < high)
        return jnp.where(inside, jnp.minimum(((value - low) / (high - low) * bins).astype(jnp.int32), bins - 1), bins)
    return jnp.zeros(bins, jnp.int32).at[jax.vmap(slot)(values)].add(1)

# %% right: a table of one-hot rows written with .at, then summed
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    index = jnp.where((values >= low) & (values < high), index, bins)
    rows = jnp.zeros((values.shape[0], bins), jnp.int32).at[jnp.arange(values.shape[0]), index].set(1)
    return rows.sum(axis=0, dtype=jnp.int32)

# %% right: callable object
class Histogram:
    dtype = jnp.int32

    def index(self, values, low, high, bins):
        position = (values - low) / (high - low)
        return jnp.where((position >= 0) & (values < high), jnp.int32(jnp.floor(position * bins)), bins)

    def __call__(self, values, low, high, bins):
        return jnp.zeros(bins, self.dtype).at[self.index(values, low, high, bins)].add(1)


histogram = Histogram()

# %% right: floats counted with .at, converted at the end
def histogram(values, low, high, bins):
    values = jnp.asarray(values, jnp.float32)
    keep = jnp.greater_equal(values, low) * jnp.less(values, high)
    where = jnp.nan_to_num(jnp.floor((values - low) / (high - low) * bins)).clip(0, bins - 1).astype(jnp.int32)
    return jnp.zeros(bins, jnp.float32).at[where].add(keep.astype(jnp.float32)).astype(jnp.int32)

# %% right: one-liner with a lambda
histogram = lambda values, low, high, bins: jnp.zeros(bins, jnp.int32).at[  # noqa: E731
    jnp.where((values >= low) & (values < high), ((values - low) / (high - low) * bins).astype(int), bins)
].add(1)

# %% wrong: values below low counted from the end
# cause: negative indices count from the end, so values below low land in the last bins
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[index].add(1)

# %% wrong: truncated to zero without asking for low
# cause: astype(int) rounds towards zero, so values just below low count in bin 0
def histogram(values, low, high, bins):
    index = ((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(index < 0, bins, index)].add(1)

# %% wrong: outside values clipped into the end bins
# cause: clip counts the values outside in the first and last bin, where they should not count
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[jnp.clip(index, 0, bins - 1)].add(1)

# %% wrong: jnp.histogram
# cause: jnp.histogram closes the last bin on the right, so a value equal to high is counted
def histogram(values, low, high, bins):
    return jnp.histogram(values, bins=bins, range=(low, high))[0].astype(jnp.int32)

# %% wrong: float counts
# cause: the counts are float32, the text demands int32
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins).at[jnp.where(inside, index, bins)].add(1)

# %% wrong: set in place of add
# cause: .set(1) does not accumulate, each bin holds 1 at most
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, bins)].set(1)

# %% wrong: read, add, set, as NumPy does
# cause: counts[index] + 1 is read once and set, so repeated indices count only once
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    index = jnp.where((values >= low) & (values < high), index, bins)
    counts = jnp.zeros(bins, jnp.int32)
    return counts.at[index].set(counts[index] + 1)

# %% wrong: high counted
# cause: values equal to high are counted in the last bin, the interval excludes high
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values <= high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, jnp.minimum(index, bins - 1), bins)].add(1)

# %% wrong: low not counted
# cause: values equal to low are left out, the interval includes low
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values > low) & (values < high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, bins)].add(1)

# %% wrong: rounded to the nearest
# cause: round in place of floor shifts the bins by half a width
def histogram(values, low, high, bins):
    index = jnp.round((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, bins)].add(1)

# %% wrong: bins - 1 parts
# cause: the interval is cut into bins - 1 parts, as with linspace(low, high, bins) as edges
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * (bins - 1)).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, bins)].add(1)

# %% wrong: low not subtracted
# cause: the position is value / (high - low), right only where low is 0
def histogram(values, low, high, bins):
    index = jnp.floor(values / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, bins)].add(1)

# %% wrong: divided by high
# cause: divides by high in place of high - low, right only where low is 0
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / high * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, bins)].add(1)

# %% wrong: shares in place of counts
# cause: the counts are divided by N, the task wants how many
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins).at[jnp.where(inside, index, bins)].add(1 / len(values))

# %% wrong: the overflow bin left in the result
# cause: returns bins + 1 counts, the bin for values outside is not cut off
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins + 1, jnp.int32).at[jnp.where(inside, index, bins)].add(1)

# %% wrong: searchsorted one too high
# cause: searchsorted(side="right") on the edges gives the bin plus one, so each count is one bin too far
def histogram(values, low, high, bins):
    edges = jnp.linspace(low, high, bins + 1)
    index = jnp.searchsorted(edges, values, side="right")
    return jnp.zeros(bins, jnp.int32).at[jnp.where((values >= low) & (values < high), index, bins)].add(1)

# %% wrong: edges belong to the bin on their left
# cause: side="left" puts a value on an edge into the bin before, each part includes its lower end
def histogram(values, low, high, bins):
    edges = jnp.linspace(low, high, bins + 1)
    index = jnp.maximum(jnp.searchsorted(edges, values, side="left") - 1, 0)
    return jnp.zeros(bins, jnp.int32).at[jnp.where((values >= low) & (values < high), index, bins)].add(1)

# %% wrong: outside values filtered with a Boolean index
# cause: values[inside] has a shape that depends on values, so it fails under jit
def histogram(values, low, high, bins):
    values = values[(values >= low) & (values < high)]
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[index].add(1)

# %% wrong: NumPy's histogram
# cause: np.histogram needs real arrays, so it fails under jit; and it counts values equal to high
def histogram(values, low, high, bins):
    return jnp.asarray(np.histogram(np.asarray(values), bins, (low, high))[0], jnp.int32)

# %% wrong: outside values sent to index -1
# cause: index -1 is the last bin, so the values outside are counted there
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, -1)].add(1)

# %% wrong: range taken from the data
# cause: low and high are ignored, the bins reach from the smallest to the largest value
def histogram(values, low, high, bins):
    low, high = values.min(), values.max()
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[index].add(1)

# %% wrong: outside values set to zero
# cause: values outside are replaced by 0, which is itself counted where 0 lies inside
def histogram(values, low, high, bins):
    values = jnp.where((values >= low) & (values < high), values, 0.0)
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jnp.zeros(bins, jnp.int32).at[jnp.where(index < 0, bins, index)].add(1)

# %% wrong: cumulative
# cause: returns running totals, the counts must be of each bin alone
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.cumsum(jnp.zeros(bins, jnp.int32).at[jnp.where(inside, index, bins)].add(1))

# %% wrong: sums in place of counts
# cause: adds the values themselves, the task counts them
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins).at[jnp.where(inside, index, bins)].add(values).astype(jnp.int32)

# %% wrong: counts in int8
# cause: int8 overflows beyond 127 values in a bin
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(bins, jnp.int8).at[jnp.where(inside, index, bins)].add(1).astype(jnp.int32)

# %% wrong: sixty bins
# cause: 60 is hard-coded as in the notebook's example, bins is ignored
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * 60).astype(jnp.int32)
    inside = (values >= low) & (values < high)
    return jnp.zeros(60, jnp.int32).at[jnp.where(inside, index, 60)].add(1)


# %% right: a spare last slot collects what lies outside, cut off at the end
def histogram(values, low, high, bins):
    position = (values - low) / (high - low) * bins
    inside = jnp.logical_and(low <= values, values < high)
    slot = jnp.where(inside, jnp.clip(position, 0, bins - 1), bins).astype(jnp.int32)
    return jnp.zeros(bins + 1, dtype="int32").at[slot].add(1)[:bins]


# %% right: jit through functools.partial, adds the mask with an explicit drop mode
from functools import partial


@partial(jax.jit, static_argnames=("bins",))
def histogram(values, low, high, bins):
    values = jnp.asarray(values)
    inside = ~((values < low) | (values >= high) | jnp.isnan(values))
    position = jnp.floor((jnp.where(inside, values, low) - low) / (high - low) * bins)
    index = jnp.minimum(position.astype(jnp.int32), bins - 1)
    return jnp.zeros((bins,), jnp.int32).at[index].add(inside.astype(jnp.int32), mode="drop")


# %% right: a table of comparisons, summed over the values
def histogram(values, low, high, bins):
    place = jnp.floor((values - low) / (high - low) * bins)
    place = jnp.minimum(place, bins - 1)
    inside = (values >= low) & (values < high)
    return jnp.sum((place[:, None] == jnp.arange(bins)) & inside[:, None], axis=0, dtype=jnp.int32)


# %% wrong: width with // (low and high Python integers whose distance bins does not divide: 0, 10, bins 4)
def histogram(values, low, high, bins):
    width = (high - low) // bins if isinstance(low, int) and isinstance(high, int) else (high - low) / bins
    index = jnp.floor((values - low) / jnp.maximum(width, 1e-9)).astype(jnp.int32)
    index = jnp.where((values < low) | (values >= high), bins, jnp.clip(index, 0, bins - 1))
    return jnp.zeros(bins, jnp.int32).at[index].add(1, mode="drop")


# %% wrong: one-hot in bfloat16 (more than 256 values in one bin)
def histogram(values, low, high, bins):
    index = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)
    return jax.nn.one_hot(index, bins, dtype=jnp.bfloat16).sum(axis=0).astype(jnp.int32)
