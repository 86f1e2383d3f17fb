# %% right: `jnp.where`
def drop(key: jax.Array, rate: float | jax.Array, x: jax.Array) -> jax.Array:
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x / (1 - rate), 0.0)

# %% right: draws who goes
def drop(key, rate, x):
    goes = jax.random.bernoulli(key, rate, shape=x.shape)
    return jnp.where(goes, 0, x / (1 - rate))

# %% right: a mask multiplied
def drop(key, rate, x):
    keep = 1.0 - rate
    return x * jax.random.bernoulli(key, keep, x.shape) / keep

# %% right: `hk.dropout`
def drop(key, rate, x):
    return hk.dropout(key, rate, x)

# %% right: `jax.jit`, rate traced
@jax.jit
def drop(key, rate, x):
    mask = jax.random.bernoulli(key, p=1 - rate, shape=x.shape).astype(x.dtype)
    return mask * x / (1 - rate)

# %% right: `lax.select`
def drop(key, rate, x):
    stays = ~jax.random.bernoulli(key, rate, jnp.shape(x))
    return jax.lax.select(stays, (x / (1 - rate)).astype(x.dtype), jnp.zeros_like(x))

# %% right: the key split first
def drop(key, rate, x):
    _, key = jax.random.split(key)
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x, jnp.zeros_like(x)) / (1 - rate)

# %% right: a key for each place, `vmap`
def drop(key, rate, x):
    keys = jax.random.split(key, x.size)
    stays = jax.vmap(lambda one: jax.random.bernoulli(one, 1 - rate))(keys)
    return jnp.where(stays.reshape(x.shape), x / (1 - rate), 0.0)

# %% right: over-careful casts
def drop(key, rate, x):
    x = jnp.asarray(x, jnp.float32)
    rate = jnp.asarray(rate, jnp.float32)
    keep_rate = jnp.float32(1.0) - rate
    stays = jax.random.bernoulli(key, keep_rate, x.shape)
    return jnp.where(stays, x / keep_rate, jnp.float32(0.0)).astype(jnp.float32)

# %% right: a callable object
class Drop:
    def __call__(self, key, rate, x):
        factor = jnp.where(jax.random.bernoulli(key, rate, x.shape), 0.0, 1 / (1 - rate))
        return (factor * x).astype(x.dtype)

drop = Drop()

# %% right: nothing done at rate 0, by `lax.cond`
def drop(key, rate, x):
    def some():
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)

    return jax.lax.cond(rate == 0, lambda: jnp.asarray(x), some)

# %% right: drawn flat, then put into shape
def drop(key, rate, x):
    flat = x.ravel()
    flat = jnp.where(jax.random.bernoulli(key, 1 - rate, flat.shape), flat / (1 - rate), 0.0)
    return flat.reshape(x.shape)

# %% right: one line, an array of probabilities
drop = lambda key, rate, x: x / (1 - rate) * jax.random.bernoulli(key, jnp.full(x.shape, 1 - rate))

# %% right: walrus and `fold_in`
def drop(key, rate, x):
    stays = jax.random.bernoulli(jax.random.fold_in(key, 7), (keep := 1 - rate), x.shape)
    return jnp.select([stays], [x / keep], 0.0)

# %% right: `functools.partial` of a helper
import functools

def thinned(fill, key, rate, x):
    scaled = jnp.divide(x, 1 - rate)
    return jnp.where(jax.random.bernoulli(key, rate, x.shape), jnp.full_like(scaled, fill), scaled)

drop = functools.partial(thinned, 0.0)

# %% wrong: those that stay are not enlarged
# cause: the division by 1 − rate is missing, so the sum shrinks on average
def drop(key, rate, x):
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x, 0.0)

# %% wrong: kept with probability rate
# cause: bernoulli(rate) is true with probability rate, and is taken for "stays": keeps rate instead of 1 − rate
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, rate, x.shape)
    return jnp.where(stays, x / (1 - rate), 0.0)

# %% wrong: rate taken for the share that is kept
# cause: rate is treated as the keep probability: kept with probability rate and divided by rate
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, rate, x.shape)
    return jnp.where(stays, x / rate, 0.0)

# %% wrong: divided by rate
# cause: divides by rate instead of 1 − rate
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x / rate, 0.0)

# %% wrong: multiplied by 1 − rate
# cause: multiplies by 1 − rate instead of dividing by it (that was for evaluation, in the old form of dropout)
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x * (1 - rate), 0.0)

# %% wrong: one draw for everything
# cause: bernoulli without a shape draws one number: all places stay or none
def drop(key, rate, x):
    return jnp.where(jax.random.bernoulli(key, 1 - rate), x / (1 - rate), 0.0)

# %% wrong: the same mask for each example
# cause: draws a mask of shape x.shape[1:], which all rows of the batch share
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape[1:])
    return jnp.where(stays, x / (1 - rate), 0.0)

# %% wrong: whole channels
# cause: draws one number for each channel (last axis), so whole channels are dropped instead of single numbers
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape[-1:])
    return jnp.where(stays, x / (1 - rate), 0.0)

# %% wrong: whole rows
# cause: draws one number for each row (first axis), so whole examples are dropped instead of single numbers
def drop(key, rate, x):
    shape = x.shape[:1] + (1,) * (x.ndim - 1)
    return jnp.where(jax.random.bernoulli(key, 1 - rate, shape), x / (1 - rate), 0.0)

# %% wrong: whole pixels
# cause: the last axis has no draws of its own: all numbers of a pixel are dropped together
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape[:-1])
    return jnp.where(stays[..., None], x / (1 - rate), 0.0) if x.ndim else x

# %% wrong: a key of its own
# cause: the key is ignored, jax.random.key(0) gives the same mask in every call
def drop(key, rate, x):
    stays = jax.random.bernoulli(jax.random.key(0), 1 - rate, x.shape)
    return jnp.where(stays, x / (1 - rate), 0.0)

# %% wrong: NumPy's generator
# cause: the key is ignored and NumPy's hidden state is used: the same key gives another mask in the next call
def drop(key, rate, x):
    stays = np.random.random(x.shape) >= rate
    return jnp.where(stays, x / (1 - rate), 0.0)

# %% wrong: `if rate == 0`
# cause: asks a traced rate for its truth value, which fails under jit
def drop(key, rate, x):
    if rate == 0:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)

# %% wrong: the two branches of where swapped
# cause: where(stays, 0, x): the ones that should stay are set to zero, so 1 − rate of them go
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, 0.0, x / (1 - rate))

# %% wrong: the mask only
# cause: returns the mask divided by 1 − rate and forgets to multiply x by it
def drop(key, rate, x):
    return jax.random.bernoulli(key, 1 - rate, x.shape).astype(x.dtype) / (1 - rate)

# %% wrong: the mask returned as well
# cause: returns a tuple of result and mask; only the result is wanted
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x / (1 - rate), 0.0), stays

# %% wrong: a coin instead of rate
# cause: bernoulli is called without a probability, so half are dropped whatever the rate
def drop(key, rate, x):
    return jnp.where(jax.random.bernoulli(key, shape=x.shape), x / (1 - rate), 0.0)

# %% wrong: enlarged by what really stayed
# cause: divides by the share that stayed in this draw instead of by 1 − rate
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x / stays.mean(), 0.0)

# %% wrong: an exact share is dropped
# cause: drops the lowest share of random ranks, so their number is fixed: no independent draw for each place
def drop(key, rate, x):
    ranks = jax.random.permutation(key, x.size).reshape(x.shape)
    return jnp.where(ranks >= rate * x.size, x / (1 - rate), 0.0)

# %% wrong: rows and columns
# cause: one mask for the first axis times one for the rest: draws are shared, and too many are dropped
def drop(key, rate, x):
    one, two = jax.random.split(key)
    rows = jax.random.bernoulli(one, 1 - rate, x.shape[:1] + (1,) * max(0, x.ndim - 1))
    columns = jax.random.bernoulli(two, 1 - rate, x.shape[1:])
    return x * rows * columns / (1 - rate) if x.ndim else x

# %% wrong: half precision
# cause: the result is bfloat16; it must have the dtype of x, float32
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x / (1 - rate), 0.0).astype(jnp.bfloat16)

# %% wrong: divided by the root
# cause: divides by √(1 − rate), which keeps the variance and not the sum
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x / jnp.sqrt(1 - rate), 0.0)

# %% wrong: enlarged twice
# cause: hk.dropout has divided by 1 − rate already; it is done once more
def drop(key, rate, x):
    return hk.dropout(key, rate, x) / (1 - rate)

# %% wrong: the dropped get the mean
# cause: dropped numbers are set to the mean of x instead of zero
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(stays, x / (1 - rate), x.mean())

# %% wrong: those that stay, as a shorter array
# cause: x[stays] returns only the numbers that stay, flat; zeros must stand in the other places
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return x[stays] / (1 - rate)

# %% wrong: noise multiplied
# cause: Gaussian noise around 1 is multiplied instead of setting numbers to zero
def drop(key, rate, x):
    return x * (1 + jnp.sqrt(rate / (1 - rate)) * jax.random.normal(key, x.shape))

# %% wrong: clipped to what a picture may have
# cause: the result is clipped to 0..1, so enlarged and negative numbers are changed
def drop(key, rate, x):
    stays = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.clip(jnp.where(stays, x / (1 - rate), 0.0), 0, 1)

# %% wrong: 1 − rate as an integer
# cause: rate is rounded through int, so nothing is ever dropped (and a traced rate fails)
def drop(key, rate, x):
    keep = 1.0 - int(rate)
    return jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep, 0.0)

# %% wrong: nothing dropped
# cause: returns x as in evaluation; nothing is dropped
def drop(key, rate, x):
    jax.random.bernoulli(key, 1 - rate, x.shape)
    return x


# %% right: bernoulli of what is dropped, lax.select
def drop(key, rate, x):
    rate = jnp.asarray(rate, jnp.float32)
    gone = jax.random.bernoulli(key, rate, jnp.shape(x))
    return jax.lax.select(gone, jnp.zeros_like(x), x / (1 - rate))


# %% right: probability as an array, drawn flat, jitted
@jax.jit
def drop(key, rate, x):
    stays = 1.0 - rate
    keep = jax.random.bernoulli(key, jnp.full(x.size, stays)).reshape(x.shape)
    return jnp.where(keep, x / stays, 0.0)


# %% right: draws who leaves, and selects by lax.select
def drop(key: jax.Array, rate: float | jax.Array, x: jax.Array) -> jax.Array:
    leaves = jax.random.bernoulli(key, rate, x.shape)
    return jax.lax.select(leaves, jnp.zeros_like(x), jnp.divide(x, 1 - rate).astype(x.dtype))
