# %% right: means with keepdims off, Python if
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train:
        if x.shape[0] * x.shape[1] * x.shape[2] == 1:
            raise ValueError("one number a channel")
        mean = x.mean(axis=(0, 1, 2))
        var = ((x - mean) ** 2).mean(axis=(0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    else:
        mean, var = stats
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% right: early return, jnp.var, lax.rsqrt
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    def normal(mean, var):
        return (x - mean) * lax.rsqrt(var + epsilon) * scale + bias
    if not train:
        return normal(*stats), stats
    if x.size == x.shape[-1]:
        raise ValueError(f"BatchNorm cannot train on {x.shape}: a single number for each channel.")
    mean, var = jnp.mean(x, (0, 1, 2)), jnp.var(x, (0, 1, 2))
    new = jax.tree.map(lambda old, now: momentum * old + (1 - momentum) * now, stats, Stats(mean, var))
    return normal(mean, var), new

# %% right: flattened to [N, C]
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    flat = x.reshape(-1, x.shape[-1])
    now = stats
    if train:
        if len(flat) < 2:
            raise ValueError("a channel needs at least two numbers")
        now = Stats(flat.mean(0), flat.var(0))
        stats = Stats(*(momentum * old + (1 - momentum) * new for old, new in zip(stats, now)))
    y = (flat - now.mean) / jnp.sqrt(now.var + epsilon)
    return (y * scale + bias).reshape(x.shape), stats

# %% right: vmap over the channels
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train and x[..., 0].size == 1:
        raise ValueError("only one number in a channel")
    def channel(values, scale, bias, mean, var):
        used = (values.mean(), values.var()) if train else (mean, var)
        kept = [momentum * a + (1 - momentum) * b if train else a for a, b in zip((mean, var), used)]
        return (values - used[0]) / jnp.sqrt(used[1] + epsilon) * scale + bias, *kept
    y, mean, var = jax.vmap(channel, in_axes=(-1, 0, 0, 0, 0), out_axes=(-1, 0, 0))(x, scale, bias, *stats)
    return y, Stats(mean, var)

# %% right: einsum for the sums
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats.mean, stats.var
    if train:
        B, H, W, _ = x.shape
        if (N := B * H * W) == 1:
            raise ValueError("N is 1")
        mean = jnp.einsum("bhwc->c", x) / N
        centred = x - mean
        var = jnp.einsum("bhwc,bhwc->c", centred, centred) / N
        stats = stats._replace(mean=stats.mean * momentum + mean * (1 - momentum),
                               var=stats.var * momentum + var * (1 - momentum))
    return jnp.einsum("bhwc,c->bhwc", x - mean, scale / jnp.sqrt(var + epsilon)) + bias, stats

# %% right: Flax's own BatchNorm does it
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train and np.prod(x.shape[:-1]) == 1:
        raise ValueError("in training a channel needs more than one number")
    layer = nn.BatchNorm(use_running_average=not train, momentum=momentum, epsilon=epsilon, use_fast_variance=False)
    variables = {"params": {"scale": scale, "bias": bias}, "batch_stats": {"mean": stats.mean, "var": stats.var}}
    y, changed = layer.apply(variables, x, mutable=["batch_stats"])
    return y, Stats(**changed["batch_stats"])

# %% right: jitted, train static, a helper before it
def moved(old, new, momentum):
    return old + (1 - momentum) * (new - old)

@partial(jax.jit, static_argnames=("train",))
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train and max(x.shape[:3]) == 1:
        raise ValueError("one number per channel")
    mean, var = (x.mean((0, 1, 2)), x.var((0, 1, 2))) if train else stats
    after = Stats(moved(stats.mean, mean, momentum), moved(stats.var, var, momentum)) if train else stats
    return scale * (x - mean) / (var + epsilon) ** 0.5 + bias, after

# %% right: callable object
class _BatchNorm:
    axes = (0, 1, 2)
    def statistics(self, x):
        mean = jnp.mean(x, axis=self.axes, keepdims=True)
        return Stats(mean.squeeze(self.axes), jnp.mean(jnp.square(x - mean), axis=self.axes))
    def __call__(self, x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
        if not train:
            return self.normalise(x, stats, scale, bias, epsilon), stats
        if x.shape[:3] == (1, 1, 1):
            raise ValueError(f"{x.shape}: nothing to learn from one number")
        batch = self.statistics(x)
        new = Stats(*[momentum * a + (1.0 - momentum) * b for a, b in zip(stats, batch, strict=True)])
        return self.normalise(x, batch, scale, bias, epsilon), new
    def normalise(self, x, stats, scale, bias, epsilon):
        return (x - stats.mean) / jnp.sqrt(stats.var + epsilon) * scale + bias

batch_norm = _BatchNorm()

# %% right: Python loop over channels, as in the NumPy text
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    ys, means, variances = [], [], []
    for c in range(x.shape[-1]):
        values = x[..., c]
        mean, var, new_mean, new_var = stats.mean[c], stats.var[c], stats.mean[c], stats.var[c]
        if train:
            if values.size == 1:
                raise ValueError("a single number")
            mean = values.mean()
            var = ((values - mean) ** 2).mean()
            new_mean = momentum * new_mean + (1 - momentum) * mean
            new_var = momentum * new_var + (1 - momentum) * var
        ys.append((values - mean) / jnp.sqrt(var + epsilon) * scale[c] + bias[c])
        means.append(new_mean)
        variances.append(new_var)
    return jnp.stack(ys, axis=-1), Stats(jnp.stack(means), jnp.stack(variances))

# %% right: jax.nn.standardize in training, folded into one scale and shift in evaluation
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    axes = tuple(range(x.ndim - 1))
    if train:
        if x.shape[0] == x.shape[1] == x.shape[2] == 1:
            raise ValueError("one number only")
        mean, var = x.mean(axes), x.var(axes)
        y = jax.nn.standardize(x, axis=axes, mean=mean, variance=var, epsilon=epsilon) * scale + bias
        return y, optax.incremental_update(Stats(mean, var), stats, 1 - momentum)
    factor = scale / jnp.sqrt(stats.var + epsilon)
    return x * factor + (bias - stats.mean * factor), stats

# %% right: over-careful casts to float32
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    x, scale, bias = (jnp.asarray(a, jnp.float32) for a in (x, scale, bias))
    mean, var = jnp.asarray(stats.mean, jnp.float32), jnp.asarray(stats.var, jnp.float32)
    if bool(train) is False:
        return ((x - mean) / jnp.sqrt(var + epsilon) * scale + bias).astype(jnp.float32), Stats(mean, var)
    count = x.size // x.shape[-1]
    if count == 1:
        raise ValueError("variance of one number")
    m = jnp.sum(x, (0, 1, 2)) / jnp.float32(count)
    v = jnp.sum((x - m) ** 2, (0, 1, 2)) / jnp.float32(count)
    new = Stats((momentum * mean + (1 - momentum) * m).astype(jnp.float32),
                (momentum * var + (1 - momentum) * v).astype(jnp.float32))
    return ((x - m) / jnp.sqrt(v + epsilon) * scale + bias).astype(jnp.float32), new

# %% right: lax.map over channels brought to the front
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train and x.size <= x.shape[3]:
        raise ValueError("one number in each channel")
    def one(args):
        values, s, b, old_mean, old_var = args
        if not train:
            return (values - old_mean) / jnp.sqrt(old_var + epsilon) * s + b, Stats(old_mean, old_var)
        mean, std = values.mean(), values.std()
        new = Stats(momentum * old_mean + (1 - momentum) * mean, momentum * old_var + (1 - momentum) * std**2)
        return (values - mean) / jnp.sqrt(((values - mean) ** 2).mean() + epsilon) * s + b, new
    y, stats = lax.map(one, (jnp.moveaxis(x, 3, 0), scale, bias, stats.mean, stats.var))
    return jnp.moveaxis(y, 0, 3), stats

# %% wrong: statistics over the batch axis only
# cause: mean and variance are taken over the pictures alone, not over rows and columns too
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean(axis=0), x.var(axis=0)
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    else:
        mean, var = stats
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: each picture by its own statistics
# cause: mean and variance over rows and columns of each picture alone (InstanceNorm), not over the batch
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if not train:
        return (x - stats.mean) / jnp.sqrt(stats.var + epsilon) * scale + bias, stats
    if x.size == x.shape[-1]:
        raise ValueError("one number")
    mean, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    new = Stats(momentum * stats.mean + (1 - momentum) * mean.mean((0, 1, 2)),
                momentum * stats.var + (1 - momentum) * var.mean((0, 1, 2)))
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, new

# %% wrong: over the channels, as LayerNorm
# cause: each place is normalised over its channels (LayerNorm), not each channel over its places
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if not train:
        return (x - stats.mean) / jnp.sqrt(stats.var + epsilon) * scale + bias, stats
    if x.size == x.shape[-1]:
        raise ValueError("one number")
    y = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + epsilon)
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    new = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return y * scale + bias, new

# %% wrong: one mean and variance for all channels
# cause: the mean and variance are over the whole array, one number for all channels instead of one each
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean(), x.var()
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    else:
        mean, var = stats
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: channels first, as in PyTorch
# cause: statistics over axes (0, 2, 3), which are right for [B, C, H, W] and not for [B, H, W, C]
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if not train:
        return (x - stats.mean) / jnp.sqrt(stats.var + epsilon) * scale + bias, stats
    if x.size == x.shape[-1]:
        raise ValueError("one number")
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    new = Stats(momentum * stats.mean + (1 - momentum) * mean.mean(),
                momentum * stats.var + (1 - momentum) * var.mean())
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, new

# %% wrong: unbiased variance everywhere
# cause: the variance is divided by N − 1 (ddof=1); here one variance, divided by N, serves both purposes
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2), ddof=1)
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    else:
        mean, var = stats
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: the running variance as PyTorch keeps it
# cause: the running variance takes the estimate divided by N − 1, as PyTorch; the task wants the one divided by N
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        n = x.size // x.shape[-1]
        if n == 1:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean,
                      momentum * stats.var + (1 - momentum) * var * n / (n - 1))
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: momentum as PyTorch means it
# cause: momentum is taken as the share of the new value, but here it is the share of the old one that stays
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats((1 - momentum) * stats.mean + momentum * mean, (1 - momentum) * stats.var + momentum * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: epsilon beside the root
# cause: epsilon is added to the standard deviation, not to the variance under the root
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / (jnp.sqrt(var) + epsilon) * scale + bias, stats

# %% wrong: no epsilon
# cause: epsilon is left out, so a constant channel gives 0/0 and a small variance is not damped
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var) * scale + bias, stats

# %% wrong: epsilon hard-coded
# cause: the argument epsilon is ignored, 1e-5 is written into the formula
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + 1e-5) * scale + bias, stats

# %% wrong: training normalises by the running statistics
# cause: in training the output uses the running statistics instead of those of this batch
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    y = (x - stats.mean) / jnp.sqrt(stats.var + epsilon) * scale + bias
    if not train:
        return y, stats
    if x.size == x.shape[-1]:
        raise ValueError("one number")
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return y, Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)

# %% wrong: training normalises by the moved running statistics
# cause: the running statistics are moved first and then used for the output; training must use the batch's own
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - stats.mean) / jnp.sqrt(stats.var + epsilon) * scale + bias, stats

# %% wrong: the running statistics move in evaluation too
# cause: the running statistics are changed in evaluation as well, where they must stay
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train and x.size == x.shape[-1]:
        raise ValueError("one number")
    batch = Stats(x.mean((0, 1, 2)), x.var((0, 1, 2)))
    mean, var = batch if train else stats
    new = Stats(*(momentum * a + (1 - momentum) * b for a, b in zip(stats, batch)))
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, new

# %% wrong: batch statistics in evaluation
# cause: evaluation normalises by the batch's own mean and variance, the flag decides only about the running ones
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train and x.size == x.shape[-1]:
        raise ValueError("one number")
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    if train:
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: no error for a single number
# cause: the ValueError for a channel of a single number in training is missing
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: the error comes in evaluation too
# cause: the ValueError is raised whatever `train` says; in evaluation a single number is fine
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if x.size == x.shape[-1]:
        raise ValueError("one number")
    mean, var = stats
    if train:
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: error for every batch of one
# cause: a batch of one picture is refused even where its rows and columns give a channel many numbers
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if len(x) == 1:
            raise ValueError("batch of one")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: counts the channels too
# cause: `x.size == 1` counts the channels as well, so one number in each of several channels is not noticed
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == 1:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: divides by the variance
# cause: the root is forgotten, it divides by the variance instead of the standard deviation
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / (var + epsilon) * scale + bias, stats

# %% wrong: shift before stretch
# cause: the bias is added before the multiplication by scale, so it is stretched too
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return ((x - mean) / jnp.sqrt(var + epsilon) + bias) * scale, stats

# %% wrong: the variance keeps its mean in
# cause: the variance is the mean of squares without subtracting the mean first
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), (x**2).mean((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: only the running mean moves
# cause: the running variance is never updated
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = stats._replace(mean=momentum * stats.mean + (1 - momentum) * mean)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: a plain tuple for Stats
# cause: the running statistics come back as a plain tuple, not as a Stats
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if not train:
        return (x - stats.mean) / jnp.sqrt(stats.var + epsilon) * scale + bias, stats
    if x.size == x.shape[-1]:
        raise ValueError("one number")
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    new = (momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, new

# %% wrong: a check on values
# cause: it looks for a variance of 0 in the numbers instead of the shape, which fails under jit and for flat pictures
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        if (var == 0).any():
            raise ValueError("variance 0")
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: running standard deviation
# cause: the running `var` follows the batch's standard deviation instead of its variance
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(momentum * stats.mean + (1 - momentum) * mean,
                      momentum * stats.var + (1 - momentum) * jnp.sqrt(var))
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats

# %% wrong: momentum hard-coded
# cause: the argument momentum is ignored, 0.9 and 0.1 are written into the update
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        stats = Stats(0.9 * stats.mean + 0.1 * mean, 0.9 * stats.var + 0.1 * var)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, stats


# %% right: jit decoration, jnp.var, lax.rsqrt, _replace
@partial(jax.jit, static_argnames=("train",))
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    axes = tuple(range(x.ndim - 1))
    if train:
        if np.prod(x.shape[:-1]) == 1:
            raise ValueError("a channel has a single value")
        batch = Stats(mean=jnp.mean(x, axis=axes), var=jnp.var(x, axis=axes))
        stats, used = jax.tree.map(lambda old, new: new + momentum * (old - new), stats, batch), batch
    else:
        used = stats._replace()
    factor = scale * lax.rsqrt(used.var + epsilon)
    return (x - used.mean) * factor + bias, stats


# %% right: one channel at a time with vmap, nested helper
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    channels = x.shape[-1]
    if train and x.size == channels:
        raise ValueError(f"batch_norm in training needs more than one value per channel, got x of shape {x.shape}")

    def channel(values, scale, bias, old):
        if train:
            mean = values.mean()
            centred = values - mean
            used = Stats(mean, jnp.vdot(centred, centred) / values.size)
            new = Stats(*(momentum * a + (1 - momentum) * b for a, b in zip(old, used)))
        else:
            used = new = old
        return (values - used.mean) / jnp.sqrt(used.var + epsilon) * scale + bias, new

    y, new = jax.vmap(channel, in_axes=(1, 0, 0, 0), out_axes=(1, 0))(x.reshape(-1, channels), scale, bias, stats)
    return y.reshape(x.shape), new


# %% right: one channel at a time with vmap, sums by einsum
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    *places, channels = x.shape
    count = int(np.prod(places))
    if train and count < 2:
        raise ValueError(f"each channel needs more than one value, got {x.shape}")

    def channel(values, weight, shift, old_mean, old_var):  # values: [count]
        if train:
            centre = jnp.einsum("n->", values) / count
            spread = jnp.einsum("n,n->", values - centre, values - centre) / count
            kept = old_mean + (1 - momentum) * (centre - old_mean), old_var + (1 - momentum) * (spread - old_var)
        else:
            centre, spread = kept = old_mean, old_var
        return (values - centre) * (spread + epsilon) ** -0.5 * weight + shift, *kept

    y, mean, var = jax.vmap(channel, in_axes=(1, 0, 0, 0, 0), out_axes=(1, 0, 0))(
        x.reshape(count, channels), scale, bias, stats.mean, stats.var
    )
    return y.reshape(x.shape), Stats(mean=mean, var=var)
