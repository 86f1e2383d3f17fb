# %% right: bernoulli and where
def augment(key, signals, scale):
    key_flip, key_noise = jax.random.split(key)
    flip = jax.random.bernoulli(key_flip, 0.5, (signals.shape[0], 1))
    return jnp.where(flip, -signals, signals) + scale * jax.random.normal(key_noise, signals.shape)

# %% right: rademacher
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key, 2)
    sign = jax.random.rademacher(k1, (len(signals), 1), dtype=jnp.float32)
    noise = jax.random.normal(k2, shape=signals.shape, dtype=signals.dtype)
    return sign * signals + noise * scale

# %% right: choice of -1 and 1
def augment(key, signals, scale):
    keys = jax.random.split(key)
    signs = jax.random.choice(keys[0], jnp.array([-1.0, 1.0]), (signals.shape[0],))
    return signals * signs[:, None] + scale * jax.random.normal(keys[1], signals.shape)

# %% right: randint, einsum
def augment(key, signals, scale):
    key, coin = jax.random.split(key)
    signs = 1.0 - 2 * jax.random.randint(coin, signals.shape[:1], 0, 2)
    return jnp.einsum("b,bt->bt", signs, signals) + scale * jax.random.normal(key, signals.shape)

# %% right: vmap over signals with a key each
def augment(key, signals, scale):
    def one(key, signal):
        k_coin, k_noise = jax.random.split(key)
        sign = jnp.where(jax.random.bernoulli(k_coin), -1.0, 1.0)
        return sign * signal + scale * jax.random.normal(k_noise, signal.shape)
    return jax.vmap(one)(jax.random.split(key, signals.shape[0]), signals)

# %% right: uniform below one half, jitted
@jax.jit
def augment(key, signals, scale):
    noise_key, coin_key = jax.random.split(key)
    up = jax.random.uniform(coin_key, (signals.shape[0],)) < 0.5
    return lax.select(jnp.broadcast_to(up[:, None], signals.shape), signals, -signals) + scale * jax.random.normal(
        noise_key, signals.shape
    )

# %% right: lax.map over rows
def augment(key, signals, scale):
    def one(arguments):
        (coin, noise), signal = arguments
        flipped = lax.cond(jax.random.bernoulli(coin), jnp.negative, lambda s: s, signal)
        return flipped + scale * jax.random.normal(noise, signal.shape)
    return lax.map(one, (jax.random.split(key, (signals.shape[0], 2)), signals))

# %% right: scan that hands the key on
def augment(key, signals, scale):
    def step(key, signal):
        key, coin, noise = jax.random.split(key, 3)
        sign = jax.random.rademacher(coin, (), jnp.float32)
        return key, sign * signal + scale * jax.random.normal(noise, signal.shape)
    return lax.scan(step, key, signals)[1]

# %% right: Python loop over signals
def augment(key, signals, scale):
    rows = []
    for signal in signals:
        key, k_coin, k_noise = jax.random.split(key, 3)
        sign = jnp.where(jax.random.bernoulli(k_coin, 0.5), jnp.float32(-1), jnp.float32(1))
        rows.append(signal * sign + scale * jax.random.normal(k_noise, signal.shape))
    return jnp.stack(rows)

# %% right: fold_in for the two draws
def augment(key, signals, scale):
    coin_key, noise_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    heads = jax.random.bernoulli(coin_key, shape=(signals.shape[0],))
    return jnp.where(heads[:, None], signals, -signals) + jax.random.normal(noise_key, signals.shape) * scale

# %% right: callable object
class Augment:
    def flip(self, key, signals):
        return signals * jnp.sign(jax.random.uniform(key, (signals.shape[0], 1)) - 0.5 + 1e-9)

    def noise(self, key, signals, scale):
        return signals + scale * jax.random.normal(key, signals.shape)

    def __call__(self, key, signals, scale):
        first, second = jax.random.split(key)
        return self.noise(second, self.flip(first, signals), scale)


augment = Augment()

# %% right: rows turned with .at and an exponent
def augment(key, signals, scale, p=0.5):
    signals = jnp.asarray(signals, jnp.float32)
    k = iter(jax.random.split(key, 2))
    power = jax.random.bernoulli(next(k), p, signals.shape[:1]).astype(jnp.float32)
    noise = jnp.float32(scale) * jax.random.normal(next(k), signals.shape, jnp.float32)
    return noise.at[:].add(signals * ((-1.0) ** power)[:, None])

# %% right: noise by the inverse of the error function
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    signs = 2.0 * jax.random.bernoulli(k1, 0.5, (signals.shape[0], 1)) - 1.0
    u = jax.random.uniform(k2, signals.shape, minval=-0.9999999, maxval=1.0)
    return signs * signals + scale * jnp.sqrt(2.0) * lax.erf_inv(u)

# %% wrong: one key for both
# cause: the same key makes the coins and the noise, so a key is used twice
def augment(key, signals, scale):
    flip = jax.random.bernoulli(key, 0.5, (signals.shape[0], 1))
    return jnp.where(flip, -signals, signals) + scale * jax.random.normal(key, signals.shape)

# %% wrong: the parent key used again
# cause: key is split and then used itself for the noise, so it is used twice
def augment(key, signals, scale):
    coin, _ = jax.random.split(key)
    flip = jax.random.bernoulli(coin, 0.5, (signals.shape[0], 1))
    return jnp.where(flip, -signals, signals) + scale * jax.random.normal(key, signals.shape)

# %% wrong: one coin for all
# cause: one coin turns the whole batch, each signal should have a coin of its own
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jnp.where(jax.random.bernoulli(k1), -1.0, 1.0)
    return sign * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: a coin for each number
# cause: each number has a coin of its own, a signal should be turned as a whole
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    flip = jax.random.bernoulli(k1, 0.5, signals.shape)
    return jnp.where(flip, -signals, signals) + scale * jax.random.normal(k2, signals.shape)

# %% wrong: a coin for each time
# cause: coins of shape [T] turn columns, the coins belong to the signals (rows)
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    flip = jax.random.bernoulli(k1, 0.5, signals.shape[1:])
    return jnp.where(flip, -signals, signals) + scale * jax.random.normal(k2, signals.shape)

# %% wrong: one noise for all signals
# cause: the noise has shape [T] and is the same for all signals, each number needs a new draw
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals + scale * jax.random.normal(k2, signals.shape[1:])

# %% wrong: one draw a signal
# cause: the noise has shape [B, 1]: it shifts a whole signal, each number needs a draw of its own
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals + scale * jax.random.normal(k2, (signals.shape[0], 1))

# %% wrong: scale taken for the variance
# cause: the noise is multiplied by sqrt(scale), scale is the standard deviation
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals + jnp.sqrt(scale) * jax.random.normal(k2, signals.shape)

# %% wrong: uniform noise
# cause: the noise is uniform in -scale … scale, the text wants Gaussian noise
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals + scale * jax.random.uniform(k2, signals.shape, minval=-1, maxval=1)

# %% wrong: key ignored
# cause: makes its own key(0), so every key gives the same result
def augment(key, signals, scale):
    k1, k2 = jax.random.split(jax.random.key(0))
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: NumPy's generator
# cause: np.random has a state outside, the same key gives different results
def augment(key, signals, scale):
    sign = np.random.choice([-1.0, 1.0], (signals.shape[0], 1))
    return jnp.asarray(sign * np.asarray(signals) + scale * np.random.normal(size=signals.shape), jnp.float32)

# %% wrong: noise from NumPy
# cause: the coins come from the key but the noise does not, so the same key gives different results
def augment(key, signals, scale):
    flip = jax.random.bernoulli(key, 0.5, (signals.shape[0], 1))
    return jnp.where(flip, -signals, signals) + jnp.asarray(scale * np.random.randn(*signals.shape), jnp.float32)

# %% wrong: turned in time
# cause: reverses the signal in time, upside down means times -1
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    flip = jax.random.bernoulli(k1, 0.5, (signals.shape[0], 1))
    return jnp.where(flip, signals[:, ::-1], signals) + scale * jax.random.normal(k2, signals.shape)

# %% wrong: times 0 or 1
# cause: multiplies by the coin itself, 0 or 1, which erases half of the signals in place of turning them
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    coin = jax.random.bernoulli(k1, 0.5, (signals.shape[0], 1))
    return coin * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: randint never reaches 1
# cause: randint(-1, 1) gives -1 and 0, the upper end is excluded
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.randint(k1, (signals.shape[0], 1), -1, 1)
    return sign * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: sign of zero
# cause: randint(-1, 2) gives 0 too: a third of the signals are erased
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.randint(k1, (signals.shape[0], 1), -1, 2)
    return sign * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: one in five turned
# cause: the probability of turning is 0.2, the text says ½
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    flip = jax.random.bernoulli(k1, 0.2, (signals.shape[0], 1))
    return jnp.where(flip, -signals, signals) + scale * jax.random.normal(k2, signals.shape)

# %% wrong: every second signal turned
# cause: turns rows 0, 2, 4, …, which is not random
def augment(key, signals, scale):
    sign = jnp.where(jnp.arange(signals.shape[0]) % 2 == 0, -1.0, 1.0)
    return sign[:, None] * signals + scale * jax.random.normal(key, signals.shape)

# %% wrong: exactly half turned
# cause: a permutation turns exactly half of the signals, the coins must be independent
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    n = signals.shape[0]
    sign = jnp.where(jax.random.permutation(k1, n) < n // 2, -1.0, 1.0)
    return sign[:, None] * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: noise multiplied
# cause: multiplies by 1 + noise, so where the signal is 0 there is none; the noise is to be added
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals * (1 + scale * jax.random.normal(k2, signals.shape))

# %% wrong: noise on turned signals only
# cause: only the signals that are turned get noise, all should
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    flip = jax.random.bernoulli(k1, 0.5, (signals.shape[0], 1))
    return jnp.where(flip, -signals + scale * jax.random.normal(k2, signals.shape), signals)

# %% wrong: a key a row, used twice
# cause: each row's key makes its coin and its noise: it is used twice
def augment(key, signals, scale):
    def one(key, signal):
        sign = jnp.where(jax.random.bernoulli(key), -1.0, 1.0)
        return sign * signal + scale * jax.random.normal(key, signal.shape)
    return jax.vmap(one)(jax.random.split(key, signals.shape[0]), signals)

# %% wrong: the same key in every row
# cause: vmap with in_axes=None hands every row the same key: one coin and one noise for all
def augment(key, signals, scale):
    def one(key, signal):
        k1, k2 = jax.random.split(key)
        sign = jax.random.rademacher(k1, (), jnp.float32)
        return sign * signal + scale * jax.random.normal(k2, signal.shape)
    return jax.vmap(one, in_axes=(None, 0))(key, signals)

# %% wrong: key kept outside
# cause: the key is kept in a global and split further at each call, so the same key gives different results
_keys = {}


def augment(key, signals, scale):
    _keys["now"], k1, k2 = jax.random.split(_keys.get("now", key), 3)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: noise of the size of the signal
# cause: the noise is scaled by each signal's own deviation, its deviation should be `scale`
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals + scale * signals.std(1, keepdims=True) * jax.random.normal(k2, signals.shape)

# %% wrong: new key returned too
# cause: returns (key, signals) where only the signals are asked for
def augment(key, signals, scale):
    key, k1, k2 = jax.random.split(key, 3)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return key, sign * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: noise forgotten
# cause: the signals are turned but no noise is added
def augment(key, signals, scale):
    return signals * jax.random.rademacher(key, (signals.shape[0], 1), jnp.float32)

# %% wrong: coin read from the noise
# cause: the sign of a signal's first noise decides whether it is turned, so coin and noise are not independent
def augment(key, signals, scale):
    noise = jax.random.normal(key, signals.shape)
    return jnp.where(noise[:, :1] > 0, -signals, signals) + scale * noise

# %% wrong: Gaussian sign and size
# cause: multiplies each signal by a Gaussian number, which turns and stretches it; the factor should be ±1
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    return jax.random.normal(k1, (signals.shape[0], 1)) * signals + scale * jax.random.normal(k2, signals.shape)

# %% wrong: positive noise
# cause: the absolute value of the noise is added, so its mean is not 0
def augment(key, signals, scale):
    k1, k2 = jax.random.split(key)
    sign = jax.random.rademacher(k1, (signals.shape[0], 1), jnp.float32)
    return sign * signals + scale * jnp.abs(jax.random.normal(k2, signals.shape))


# %% right: rademacher signs and normal noise from a split key
def augment(key, signals, scale):
    flip, noise = jax.random.split(key)
    signs = jax.random.rademacher(flip, (signals.shape[0], 1), dtype=jnp.float32)
    return signals * signs + scale * jax.random.normal(noise, jnp.shape(signals), jnp.float32)


# %% right: vmap over one key for each row, each split again
def augment(key, signals, scale):
    def one(key, signal):
        flip, noise = jax.random.split(key)
        turned = lax.select(jax.random.bernoulli(flip), -signal, signal)
        return turned + scale * jax.random.normal(noise, signal.shape)

    return jax.vmap(one)(jax.random.split(key, len(signals)), jnp.asarray(signals))


# %% wrong: truncated normal noise (for scale > 0: standard deviation 0.88 scale and never beyond 2 scale)
def augment(key, signals, scale):
    flip_key, noise_key = jax.random.split(key)
    signs = jnp.where(jax.random.uniform(flip_key, (len(signals), 1)) < 0.5, -1.0, 1.0)
    return signs * signals + scale * jax.random.truncated_normal(noise_key, -2.0, 2.0, signals.shape)


# %% right: the sign of a third normal draw, keys by iteration
def augment(key, signals, scale):
    for_noise, for_sign = iter(jax.random.split(key))
    sign = jnp.copysign(1.0, jax.random.normal(for_sign, signals.shape[:1]))
    return jnp.einsum("b,bt->bt", sign, signals) + scale * jax.random.normal(for_noise, signals.shape)
