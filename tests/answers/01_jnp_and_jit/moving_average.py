# %% right: scan over all rows
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x)[1]

# %% right: first row kept, scan over the others
def moving_average(x, decay):
    def step(average, row):
        new = decay * average + (1 - decay) * row
        return new, new
    _, rest = lax.scan(step, x[0], x[1:])
    return jnp.concatenate([x[:1], rest], axis=0)

# %% right: step towards the row
def moving_average(x, decay):
    def step(average, row):
        return (average := average + (1 - decay) * (row - average)), average
    return lax.scan(step, init=x[0], xs=x)[1]

# %% right: scan over indices
def moving_average(x, decay):
    def step(average, t):
        average = decay * average + (1 - decay) * x[t]
        return average, average
    last, result = lax.scan(step, x[0], jnp.arange(x.shape[0]))
    return result

# %% right: jitted, with a partial
import functools


def _update(decay, average, row):
    average = jnp.add(decay * average, (1 - decay) * row)
    return average, average


@jax.jit
def moving_average(x, decay):
    return lax.scan(functools.partial(_update, decay), x[0], x)[1]

# %% right: vmap over the columns
def moving_average(x, decay):
    def column(c):
        def step(a, v):
            a = a * decay + v * (1 - decay)
            return a, a
        return lax.scan(step, c[0], c)[1]
    return jax.vmap(column, in_axes=1, out_axes=1)(x)

# %% right: decay in the carry
def moving_average(x, decay):
    def step(carry, row):
        average, d = carry
        average = d * average + (1.0 - d) * row
        return (average, d), average
    _, averages = lax.scan(step, (x[0], jnp.asarray(decay, x.dtype)), x)
    return averages

# %% right: own NamedTuple, first step told by a counter
from typing import NamedTuple


class State(NamedTuple):
    average: jax.Array
    t: jax.Array


def moving_average(x, decay):
    def step(state, row):
        average = jnp.where(state.t == 0, row, decay * state.average + (1 - decay) * row)
        return state._replace(average=average, t=state.t + 1), average
    return lax.scan(step, State(jnp.zeros_like(x[0]), jnp.int32(0)), x)[1]

# %% right: result written in the carry
def moving_average(x, decay):
    def step(carry, t):
        average, result = carry
        average = decay * average + (1 - decay) * x[t]
        return (average, result.at[t].set(average)), None
    (_, result), _ = lax.scan(step, (x[0], jnp.zeros_like(x)), jnp.arange(len(x)))
    return result

# %% right: unrolled four at a time
def moving_average(x, decay):
    keep, take = decay, 1 - decay
    def step(average, part):
        average = keep * average + part
        return average, average
    return lax.scan(step, x[0], take * x, unroll=4)[1]

# %% right: average of what differs from the first row
def moving_average(x, decay):
    def step(a, d):
        a = decay * a + (1 - decay) * d
        return a, a
    return x[0] + lax.scan(step, jnp.zeros_like(x[0]), x - x[0])[1]

# %% right: callable object
class Average:
    def step(self, decay):
        def step(average, row):
            average = lax.add(decay * average, (1 - decay) * row)
            return average, average
        return step

    def __call__(self, x, decay):
        return lax.scan(self.step(jnp.float32(decay)), x[0], x)[1]


moving_average = Average()

# %% right: weights as a vector, einsum in the step
def moving_average(x, decay):
    x = jnp.asarray(x, jnp.float32)
    weights = jnp.stack([jnp.asarray(decay, jnp.float32), 1 - jnp.asarray(decay, jnp.float32)])
    def step(average, row):
        average = jnp.einsum("k,kd->d", weights, jnp.stack([average, row]), precision="highest")
        return average, average
    return lax.scan(step, x[0], x)[1]

# %% right: reversed twice
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return jnp.flip(lax.scan(step, x[0], jnp.flip(x, 0), reverse=True)[1], 0)

# %% wrong: started from zero
# cause: the average starts from 0 in place of the first row
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, jnp.zeros_like(x[0]), x)[1]

# %% wrong: started from zero and corrected, as Adam does
# cause: bias correction of a start at zero is another average than one starting from the first row
def moving_average(x, decay):
    def step(carry, row):
        average, power = carry
        average, power = decay * average + (1 - decay) * row, power * decay
        return (average, power), average / jnp.maximum(1 - power, 1e-9)
    return lax.scan(step, (jnp.zeros_like(x[0]), jnp.float32(1)), x)[1]

# %% wrong: decay and 1 - decay exchanged
# cause: decay weighs the new row and 1 - decay the old average, the other way round
def moving_average(x, decay):
    def step(average, row):
        average = (1 - decay) * average + decay * row
        return average, average
    return lax.scan(step, x[0], x)[1]

# %% wrong: the carry returned
# cause: returns the last average [D] in place of all of them [T, D]
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x)[0]

# %% wrong: both returned
# cause: returns the pair of scan, (last average, all averages)
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x)

# %% wrong: one row late
# cause: the step puts out the average before the update
def moving_average(x, decay):
    def step(average, row):
        return decay * average + (1 - decay) * row, average
    return lax.scan(step, x[0], x)[1]

# %% wrong: first row missing
# cause: scans x[1:] and forgets to put the first row in front, so the result has T - 1 rows
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x[1:])[1]

# %% wrong: from the end
# cause: reverse=True averages from the last row backwards
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x, reverse=True)[1]

# %% wrong: a Python loop
# cause: a Python loop is unrolled, the program grows with T
def moving_average(x, decay):
    average, result = x[0], []
    for t in range(len(x)):
        average = decay * average + (1 - decay) * x[t]
        result.append(average)
    return jnp.stack(result)

# %% wrong: a scan unrolled completely
# cause: unroll=True writes every step into the program, which grows with T again
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x, unroll=True)[1]

# %% wrong: a matrix of weights made by a Python loop
# cause: the rows of the weights are made one by one in Python, so the program grows with T
def moving_average(x, decay):
    n = len(x)
    rows = []
    for t in range(n):
        age = t - jnp.arange(n)
        rows.append(jnp.where(age >= 0, (1 - decay) * decay ** jnp.maximum(age, 0), 0.0).at[0].set(decay**t))
    return jnp.matmul(jnp.stack(rows), x, precision="highest")

# %% wrong: associative_scan
# cause: associative_scan is unrolled over its levels, so the program grows with T
def moving_average(x, decay):
    def combine(a, b):
        return a[0] * b[0], b[0] * a[1] + b[1]
    factors = jnp.full_like(x, decay).at[0].set(0)
    return lax.associative_scan(combine, (factors, ((1 - decay) * x).at[0].set(x[0])))[1]

# %% wrong: 1 - decay missing
# cause: adds the whole row to the decayed average, the weight 1 - decay is missing
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + row
        return average, average
    return jnp.concatenate([x[:1], lax.scan(step, x[0], x[1:])[1]])

# %% wrong: along the columns
# cause: the scan runs over the columns of each row, it should run over the rows
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x.T[0], x.T)[1].T

# %% wrong: running mean
# cause: the mean of all rows so far, decay is ignored
def moving_average(x, decay):
    return jnp.cumsum(x, axis=0) / jnp.arange(1, len(x) + 1)[:, None]

# %% wrong: decay made a Python number
# cause: float(decay) fails where decay is traced, as under jit or vmap over decays
def moving_average(x, decay):
    decay = float(decay)
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x)[1]

# %% wrong: only the row before
# cause: mixes each row with the row before, not with the average before
def moving_average(x, decay):
    def step(previous, row):
        return row, decay * previous + (1 - decay) * row
    return lax.scan(step, x[0], x)[1]

# %% wrong: a window of ten rows
# cause: a window cuts off what is older than ten rows, the exponential average forgets nothing completely
def moving_average(x, decay):
    ages = jnp.arange(10)
    padded = jnp.concatenate([jnp.repeat(x[:1], 9, 0), x])
    weights = decay**ages
    windows = padded[jnp.arange(len(x))[:, None] + 9 - ages]
    return jnp.einsum("k,tkd->td", weights / weights.sum(), windows)

# %% wrong: started from the mean
# cause: the average starts from the mean of all rows, it should start from the first
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x.mean(0), x)[1]

# %% wrong: one average for all columns
# cause: the columns are averaged together, each should have an average of its own
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row.mean()
        return average, jnp.full_like(row, average)
    return lax.scan(step, x[0].mean(), x)[1]

# %% wrong: decay of 0.9
# cause: the decay is written down as 0.9, the argument is ignored
def moving_average(x, decay):
    def step(average, row):
        average = 0.9 * average + 0.1 * row
        return average, average
    return lax.scan(step, x[0], x)[1]

# %% wrong: the first row counted as a row of weight 1 - decay
# cause: the first row of the result is (1 - decay)·x[0], only later rows are right relative to it
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    first = (1 - decay) * x[:1]
    return jnp.concatenate([first, lax.scan(step, first[0], x[1:])[1]])

# %% wrong: decay grows with time
# cause: the weight of the old average is decay to the power t, not decay
def moving_average(x, decay):
    def step(average, inputs):
        t, row = inputs
        average = decay**t * average + (1 - decay**t) * row
        return average, average
    return lax.scan(step, x[0], (jnp.arange(len(x)), x))[1]

# %% wrong: an axis too many
# cause: rows are kept as [1, D], so the result is [T, 1, D]
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[:1], x[:, None])[1]

# %% wrong: bfloat16 in the carry
# cause: the average is kept in bfloat16, so its error grows to a percent and small changes are lost
def moving_average(x, decay):
    def step(average, row):
        average = (decay * average + (1 - decay) * row).astype(jnp.bfloat16)
        return average, average.astype(jnp.float32)
    return lax.scan(step, x[0].astype(jnp.bfloat16), x)[1]


# %% right: the first row, then a scan over the rest
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average

    _, rest = lax.scan(step, jnp.asarray(x[0]), x[1:])
    return jnp.concatenate([x[:1], rest])


# %% right: jitted, vmap over the columns, a dictionary as the carry, scan over the row numbers
@jax.jit
def moving_average(x, decay):
    def column(c):
        def step(carry, t):
            carry = {"mean": carry["mean"] * decay + c[t] * (1 - decay)}
            return carry, carry["mean"]

        return lax.scan(step, {"mean": c[0]}, jnp.arange(c.size))[1]

    return jax.vmap(column, in_axes=1, out_axes=1)(jnp.asarray(x))


# %% right: fori_loop that writes each row
def moving_average(x, decay):
    def body(t, carry):
        average, result = carry
        average = decay * average + (1 - decay) * x[t]
        return average.astype(x.dtype), result.at[t].set(average.astype(x.dtype))

    return lax.fori_loop(0, x.shape[0], body, (x[0], jnp.zeros_like(x)))[1]
