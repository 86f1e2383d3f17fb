# %% right: mean and std, columns compared with their first row
def standardise(x):
    constant = jnp.all(x == x[0], axis=0)
    std = jnp.where(constant, 1.0, jnp.std(x, axis=0))
    return jnp.where(constant, 0.0, (x - jnp.mean(x, axis=0)) / std)

# %% right: shifted by the first row, so constant columns are exactly zero
def standardise(x):
    shifted = x - x[:1]
    centred = shifted - shifted.mean(0, keepdims=True)
    std = jnp.sqrt(jnp.mean(jnp.square(centred), 0, keepdims=True))
    return jnp.where(std > 0, centred / jnp.where(std > 0, std, 1), 0)

# %% right: vmap over the columns
def standardise(x):
    def column(c):
        same = c.max() == c.min()
        return jnp.where(same, jnp.zeros_like(c), (c - c.mean()) / jnp.where(same, 1.0, c.std()))
    return jax.vmap(column, in_axes=1, out_axes=1)(x)

# %% right: jitted, with peak to peak
@jax.jit
def standardise(x):
    flat = jnp.ptp(x, axis=0) == 0
    return jnp.where(flat, 0, (x - x.mean(axis=0)) / jnp.where(flat, 1, x.std(axis=0)))

# %% right: lax.map over the transposed table with lax.cond
def standardise(x):
    def column(c):
        return lax.cond(jnp.all(c == c[0]), jnp.zeros_like, lambda c: (c - jnp.mean(c)) / jnp.std(c), c)
    return lax.map(column, x.T).T

# %% right: einsum for mean and variance
def standardise(x):
    ones = jnp.full(x.shape[0], 1 / x.shape[0], x.dtype)
    centred = x - x[0]
    centred = centred - jnp.einsum("nd,n->d", centred, ones)
    var = jnp.einsum("nd,nd,n->d", centred, centred, ones)
    varies = jnp.any(x != x[0], axis=0)
    return jnp.where(varies, centred * lax.rsqrt(jnp.where(varies, var, 1)), 0)

# %% right: 0/0 = NaN made zero after an exact shift
def standardise(x):
    z = x - x[0]
    return jnp.nan_to_num((z - z.mean(0)) / z.std(0), nan=0.0)

# %% right: Python loop over the columns, stacked
def standardise(x):
    columns = []
    for j in range(x.shape[1]):
        c = x[:, j]
        same = jnp.min(c) == jnp.max(c)
        columns.append(jnp.where(same, 0.0, (c - jnp.mean(c)) / jnp.where(same, 1.0, jnp.std(c))))
    return jnp.stack(columns, axis=1)

# %% right: written into zeros with .at
def standardise(x):
    def body(j, out):
        c = x[:, j]
        value = jnp.where((c == c[0]).all(), 0 * c, (c - c.mean()) / c.std())
        return out.at[:, j].set(value)
    return lax.fori_loop(0, x.shape[1], body, jnp.zeros_like(x))

# %% right: callable object with an axis
class Standardiser:
    def __init__(self, axis):
        self.axis = axis

    def __call__(self, x):
        low, high = x.min(self.axis, keepdims=True), x.max(self.axis, keepdims=True)
        scale = jnp.where(low == high, jnp.inf, x.std(self.axis, keepdims=True))
        return (x - x.mean(self.axis, keepdims=True)) / scale


standardise = Standardiser(0)

# %% right: walrus one-liner
def standardise(x):
    return jnp.where(s := (x == x[0]).all(0), 0.0, (x - x.mean(0)) / jnp.where(s, 1.0, x.std(0)))

# %% right: careful casts and an extra argument with a default
def standardise(x, ddof=0):
    x = jnp.asarray(x, dtype=jnp.float32)
    mean, std = jnp.mean(x, axis=0, dtype=jnp.float32), jnp.std(x, axis=0, ddof=ddof)
    varies = jnp.logical_not(jnp.all(jnp.equal(x, x[0:1, :]), axis=0))
    return jnp.select([varies], [(x - mean) / jnp.where(varies, std, 1.0)], 0.0).astype(jnp.float32)

# %% right: functools.partial over the axis
import functools


def _scaled(x, axis):
    first = jnp.take(x, jnp.array([0]), axis=axis)
    z = x - first
    z = z - z.mean(axis=axis, keepdims=True)
    std = z.std(axis=axis, keepdims=True)
    return z / jnp.where(std == 0, 1, std)


standardise = functools.partial(_scaled, axis=0)

# %% wrong: rows in place of columns
# cause: axis=1 standardises each row (example), the task wants each column (feature)
def standardise(x):
    mean, std = x.mean(1, keepdims=True), x.std(1, keepdims=True)
    same = (x == x[:, :1]).all(1, keepdims=True)
    return jnp.where(same, 0, (x - mean) / jnp.where(same, 1, std))

# %% wrong: the whole table at once
# cause: mean and standard deviation are taken over all numbers, without axis=0
def standardise(x):
    std = jnp.std(x)
    return jnp.where(std > 0, (x - jnp.mean(x)) / jnp.where(std > 0, std, 1), 0)

# %% wrong: ddof=1, as PyTorch and pandas do
# cause: the unbiased standard deviation divides by N - 1, the task's divides by N
def standardise(x):
    same = (x == x[0]).all(0)
    std = jnp.sqrt(jnp.sum((x - x.mean(0)) ** 2, 0) / jnp.maximum(x.shape[0] - 1, 1))
    return jnp.where(same, 0, (x - x.mean(0)) / jnp.where(same, 1, std))

# %% wrong: division by zero on constant columns
# cause: a constant column gives 0/0 = NaN where it should be zeros
def standardise(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)

# %% wrong: divided by the variance
# cause: divides by the variance, the square root is missing
def standardise(x):
    same = (x == x[0]).all(0)
    return jnp.where(same, 0, (x - x.mean(0)) / jnp.where(same, 1, x.var(0)))

# %% wrong: an epsilon beside the variance, as batch normalisation has it
# cause: the epsilon in sqrt(var + 1e-5) shrinks columns of small spread, their deviation is not 1
def standardise(x):
    z = x - x[0]
    return (z - z.mean(0)) / jnp.sqrt(z.var(0) + 1e-5)

# %% wrong: jax.nn.standardize
# cause: jax.nn.standardize works along the last axis unless told otherwise, and adds an epsilon
def standardise(x):
    return jax.nn.standardize(x)

# %% wrong: jax.nn.standardize along the rows' axis, with its epsilon
# cause: the default epsilon of 1e-5 under the root shrinks columns whose spread is small
def standardise(x):
    return jax.nn.standardize(x, axis=0)

# %% wrong: mean not subtracted
# cause: columns are divided by their deviation but keep their mean
def standardise(x):
    same = (x == x[0]).all(0)
    return jnp.where(same, 0, x / jnp.where(same, 1, x.std(0)))

# %% wrong: deviation not divided out
# cause: columns are only centred, their standard deviation is not brought to 1
def standardise(x):
    return x - x[0] - (x - x[0]).mean(0)

# %% wrong: scaled to 0 … 1
# cause: min-max scaling, where mean 0 and standard deviation 1 are asked for
def standardise(x):
    low, high = x.min(0), x.max(0)
    return jnp.where(high > low, (x - low) / jnp.where(high > low, high - low, 1), 0)

# %% wrong: constant columns left as they are
# cause: a constant column keeps its value where it should become zeros
def standardise(x):
    same = (x == x[0]).all(0)
    return jnp.where(same, x, (x - x.mean(0)) / jnp.where(same, 1, x.std(0)))

# %% wrong: constant columns become ones
# cause: the stand-in for constant columns is 1, the text asks for 0
def standardise(x):
    same = (x == x[0]).all(0)
    return jnp.where(same, 1.0, (x - x.mean(0)) / jnp.where(same, 1, x.std(0)))

# %% wrong: one constant column makes all columns zero
# cause: jnp.all asks whether every column varies, not each column for itself
def standardise(x):
    varies = jnp.all(x.max(0) > x.min(0))
    return jnp.where(varies, (x - x.mean(0)) / x.std(0), 0.0)

# %% wrong: if asks for a value
# cause: an `if` on the standard deviation cannot run under jit
def standardise(x):
    columns = []
    for j in range(x.shape[1]):
        c = x[:, j] - x[0, j]
        c = c - c.mean()
        columns.append(c / c.std() if c.std() > 0 else c)
    return jnp.stack(columns, 1)

# %% wrong: computed by NumPy
# cause: np functions cannot take traced arrays, so it fails under jit
def standardise(x):
    x = np.array(x)
    same = (x == x[0]).all(0)
    return jnp.asarray(np.where(same, 0, (x - x.mean(0)) / np.where(same, 1, x.std(0))))

# %% wrong: constant columns dropped
# cause: boolean indexing removes the constant columns, which should stay as zeros (and it fails under jit)
def standardise(x):
    x = x[:, x.max(0) > x.min(0)]
    return (x - x.mean(0)) / x.std(0)

# %% wrong: variance as E[x²] - E[x]²
# cause: E[x²] - E[x]² cancels in float32 when the mean is large beside the spread
def standardise(x):
    same = (x == x[0]).all(0)
    var = jnp.mean(x**2, 0) - jnp.mean(x, 0) ** 2
    return jnp.where(same, 0, (x - x.mean(0)) / jnp.sqrt(jnp.where(same, 1, jnp.abs(var))))

# %% wrong: small deviations taken for none
# cause: columns with a deviation below 1e-2 count as constant, though their numbers differ
def standardise(x):
    std = x.std(0)
    return jnp.where(std > 1e-2, (x - x.mean(0)) / jnp.where(std > 1e-2, std, 1), 0)

# %% wrong: mean absolute deviation
# cause: divides by the mean absolute deviation in place of the standard deviation
def standardise(x):
    z = x - x[0]
    z = z - z.mean(0)
    mad = jnp.abs(z).mean(0)
    return z / jnp.where(mad > 0, mad, 1)

# %% wrong: median in place of the mean
# cause: the median is subtracted, so the mean is not 0 for skewed columns
def standardise(x):
    same = (x == x[0]).all(0)
    return jnp.where(same, 0, (x - jnp.median(x, 0)) / jnp.where(same, 1, x.std(0)))

# %% wrong: deviation never below 1
# cause: maximum(std, 1) avoids the division by zero, but leaves columns of small spread unscaled
def standardise(x):
    z = x - x[0]
    return (z - z.mean(0)) / jnp.maximum(z.std(0), 1.0)

# %% wrong: result transposed
# cause: vmap over columns puts the columns first, out_axes=1 is missing
def standardise(x):
    def column(c):
        same = (c == c[0]).all()
        return jnp.where(same, 0.0, (c - c.mean()) / jnp.where(same, 1, c.std()))
    return jax.vmap(column, in_axes=1)(x)

# %% wrong: divided by the norm of the column
# cause: divides by the root of the SUM of squares, the mean over N is missing
def standardise(x):
    z = x - x[0]
    z = z - z.mean(0)
    norm = jnp.linalg.norm(z, axis=0)
    return z / jnp.where(norm > 0, norm, 1)

# %% wrong: computed in bfloat16
# cause: the result is rounded to bfloat16 on the way, so it is right to two digits only
def standardise(x):
    z = (x - x[0]).astype(jnp.bfloat16)
    return jnp.nan_to_num((z - z.mean(0)) / z.std(0)).astype(jnp.float32)


# %% right: vmap over the columns with lax.cond, shifted by the first row
def standardise(x):
    def column(c):
        c = c - c[0]
        widest = jnp.max(jnp.abs(c))

        def scaled(c):
            c = c / widest
            c = c - c.mean()
            return c / c.std()

        return lax.cond(widest == 0, jnp.zeros_like, scaled, c)

    return jax.vmap(column, in_axes=1, out_axes=1)(x)


# %% right: jitted, einsum for the variance and rsqrt
@jax.jit
def standardise(x):
    shifted = x - x[:1]
    widest = jnp.abs(shifted).max(axis=0)
    constant = widest == 0
    unit = shifted / jnp.where(constant, 1, widest)
    unit = unit - unit.mean(axis=0)
    variance = jnp.einsum("nd,nd->d", unit, unit, precision="highest") / len(x)
    return jnp.where(constant, 0, unit * lax.rsqrt(jnp.where(constant, 1, variance)))


# %% wrong: constant means isclose to the first row (for a column of small spread at a large mean, such as 1000, 1000.004)
def standardise(x):
    constant = jnp.isclose(x, x[0]).all(axis=0)
    std = jnp.where(constant, 1.0, x.std(axis=0))
    return jnp.where(constant, 0.0, (x - x.mean(axis=0)) / std)


# %% wrong: compares only the first and the last row (for a column such as 1, 5, 1 whose ends are equal)
def standardise(x):
    constant = x[0] == x[-1]
    std = jnp.where(constant, 1.0, x.std(axis=0))
    return jnp.where(constant, 0.0, (x - x.mean(axis=0)) / std)


# %% right: vmap over the columns, lax.cond for each
def standardise(x):
    def one(column):
        equal = jnp.all(column == column[0])
        return lax.cond(equal, jnp.zeros_like, lambda c: (c - c.mean()) / c.std(), column)

    return jax.vmap(one, in_axes=1, out_axes=1)(x)


# %% wrong: columns of small numbers are set to zero too
def standardise(x):
    std = x.std(axis=0)
    small = std < 1e-4
    return jnp.where(small, 0.0, (x - x.mean(axis=0)) / jnp.where(small, 1.0, std))
