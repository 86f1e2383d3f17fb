# %% right: nested jnp.where, safe divisor
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    down = peak * (1 + jnp.cos(jnp.pi * (step - warmup) / (total - warmup))) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% right: jnp.select
def warmup_cosine(step, peak, warmup, total):
    step = jnp.asarray(step, jnp.float32)
    done = (step - warmup) / (total - warmup)
    cosine = 0.5 * peak * (1 + jnp.cos(np.pi * done))
    return jnp.select([step < warmup, step < total], [peak * step / (warmup or 1), cosine], 0.0)

# %% right: clipped progress, so the end needs no case
def warmup_cosine(step, peak, warmup, total):
    done = jnp.clip((step - warmup) / (total - warmup), 0, 1)
    rate = peak * jnp.cos(done * jnp.pi / 2) ** 2
    if warmup > 0:
        rate = rate * jnp.minimum(step / warmup, 1)
    return jnp.float32(rate)

# %% right: lax.cond on each step by vmap
def warmup_cosine(step, peak, warmup, total):
    def one(step):
        done = (step - warmup) / (total - warmup)
        falling = lambda: peak * (1 + jnp.cos(jnp.pi * done)) / 2
        after = lambda: lax.cond(step < total, falling, lambda: 0.0 * done)
        return lax.cond(step < warmup, lambda: peak * step / jnp.float32(max(warmup, 1)), after)
    step = jnp.asarray(step)
    return jax.vmap(one)(step.ravel()).reshape(step.shape).astype(jnp.float32)

# %% right: optax's schedule, shape by its own arithmetic
def warmup_cosine(step, peak, warmup, total):
    schedule = optax.join_schedules(
        [optax.linear_schedule(0.0, peak, max(warmup, 1)), optax.cosine_decay_schedule(peak, total - warmup)], [warmup])
    return jnp.asarray(schedule(jnp.asarray(step)), jnp.float32)

# %% right: two sums of cases by booleans, max with one
def warmup_cosine(step, peak, warmup, total):
    rising, falling = step < warmup, (step >= warmup) & (step < total)
    up = step / jnp.maximum(warmup, 1)
    down = (1 + jnp.cos(jnp.pi * (step - warmup) / (total - warmup))) / 2
    return (peak * (rising * up + falling * down)).astype(jnp.float32)

# %% right: jitted, warmup and total static
@partial(jax.jit, static_argnames=("warmup", "total"))
def warmup_cosine(step, peak, warmup, total):
    t = step.astype(jnp.float32)
    half = 0.5 * peak * (1.0 + jnp.cos(jnp.pi * jnp.minimum((t - warmup) / (total - warmup), 1.0)))
    return lax.select(t < warmup, peak * t / max(warmup, 1), half).astype(jnp.float32)

# %% right: lax.map over the flattened steps with lax.switch
def warmup_cosine(step, peak, warmup, total):
    step = jnp.asarray(step)
    branches = (
        lambda s: peak * s / np.float32(max(1, warmup)),
        lambda s: peak * 0.5 * (1 + jnp.cos(jnp.pi * (s - warmup) / (total - warmup))),
        lambda s: peak * s * 0,
    )
    def one(s):
        return lax.switch((s >= warmup).astype(int) + (s >= total), branches, s.astype(jnp.float32))
    return lax.map(one, step.reshape(-1)).reshape(step.shape).astype(jnp.float32)

# %% right: jnp.piecewise
def warmup_cosine(step, peak, warmup, total):
    s = jnp.asarray(step).astype(jnp.float32)
    return jnp.piecewise(
        s,
        [s < warmup, (s >= warmup) & (s < total)],
        [lambda s: peak * s / max(warmup, 1),
         lambda s: peak * (1 + jnp.cos(jnp.pi * (s - warmup) / (total - warmup))) / 2,
         0.0],
    ).astype(jnp.float32)

# %% right: division by zero in the branch not taken
def warmup_cosine(step, peak, warmup, total):
    step = jnp.asarray(step, jnp.float32)
    up = peak * step / jnp.float32(warmup)
    down = peak * (1 + jnp.cos(jnp.pi * ((step - warmup) / (total - warmup)))) / 2
    rate = jnp.where(step < warmup, up, down)
    return jnp.where(step >= total, jnp.float32(0), rate.astype(jnp.float32))

# %% right: jnp.interp for the ramp, sine instead of cosine
def warmup_cosine(step, peak, warmup, total):
    step = jnp.asarray(step)
    ramp = jnp.interp(step, jnp.array([0.0, warmup]), jnp.array([0.0, 1.0])) if warmup else jnp.ones(step.shape)
    left = jnp.clip((total - step) / (total - warmup), 0.0, 1.0)
    return (peak * ramp * jnp.sin(jnp.pi / 2 * left) ** 2).astype(jnp.float32)

# %% right: a closure by jnp.vectorize
def warmup_cosine(step, peak, warmup, total):
    @jnp.vectorize
    def rate(s):
        x = jnp.clip((s - warmup) / (total - warmup), 0, 1)
        first = s / max(warmup, 1)
        return peak * jnp.where(s < warmup, first, (1 + jnp.cos(jnp.pi * x)) / 2)
    return rate(jnp.asarray(step, jnp.float32)).astype(jnp.float32) if jnp.size(step) else jnp.zeros(step.shape)

# %% right: callable object with helper
class _Schedule:
    def rise(self, step, warmup):
        return step / warmup if warmup else jnp.ones_like(step)
    def fall(self, step, warmup, total):
        return 0.5 + 0.5 * jnp.cos(jnp.pi * (step - warmup) / (total - warmup))
    def __call__(self, step, peak, warmup, total):
        step = jnp.asarray(step, dtype=jnp.float32)
        share = jnp.where(step < warmup, self.rise(step, warmup), self.fall(step, warmup, total))
        return jnp.asarray(peak * share * (step < total), dtype=jnp.float32)

warmup_cosine = _Schedule()


# %% wrong: Python if
# cause: a Python `if` on the step, which fails for a traced step and for an array of steps
def warmup_cosine(step, peak, warmup, total):
    if step < warmup:
        return jnp.float32(peak * step / warmup)
    if step < total:
        return jnp.float32(peak * (1 + jnp.cos(jnp.pi * (step - warmup) / (total - warmup))) / 2)
    return jnp.float32(0)

# %% wrong: no half
# cause: the division by 2 is missing, so the cosine starts at twice the peak
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done))
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: no π
# cause: the cosine is taken of `done` without π
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: degrees
# cause: the cosine is taken in degrees, JAX's works in radians
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(180 * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: rises again
# cause: after `total` the cosine goes on and rises again instead of staying at 0
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, down).astype(jnp.float32)

# %% wrong: 0/0 without warm-up
# cause: with warmup = 0 the first step is 0/0, a NaN
def warmup_cosine(step, peak, warmup, total):
    up = jnp.minimum(step / jnp.float32(warmup), 1.0)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return (up * jnp.where(step < warmup, peak, jnp.where(step < total, down, 0.0))).astype(jnp.float32)

# %% wrong: progress of all steps
# cause: the cosine's progress is step / total, as if it had begun at step 0
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = step / total
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: warm-up not taken off the length
# cause: the cosine is as long as `total`, so at the end it has not arrived at 0
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / total
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: warm-up not taken off the step
# cause: the progress is step / (total − warmup), it does not start at 0 at the peak
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = step / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: total without the warm-up
# cause: `total` is taken to count from the end of the warm-up, so all ends `warmup` steps too late
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / total
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < warmup + total, down, 0.0)).astype(jnp.float32)

# %% wrong: starts at step one
# cause: the ramp is (step + 1) / warmup, so it does not start at 0
def warmup_cosine(step, peak, warmup, total):
    up = peak * (step + 1) / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: ramp one step short
# cause: the ramp is divided by warmup − 1, so the peak comes a step early
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup - 1, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: straight down
# cause: down in a straight line instead of half a cosine
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 - done)
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: a quarter of a cosine
# cause: a quarter of a cosine, cos(π/2 · done), instead of half of one
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * jnp.cos(jnp.pi / 2 * done)
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: cosine up as well
# cause: the warm-up goes along a cosine instead of a straight line
def warmup_cosine(step, peak, warmup, total):
    up = peak * (1 - jnp.cos(jnp.pi * step / max(warmup, 1))) / 2
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: no warm-up
# cause: the rate is at the peak during the warm-up instead of rising
def warmup_cosine(step, peak, warmup, total):
    up = peak
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: ends at a tenth
# cause: it falls to a tenth of the peak, not to 0
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (0.1 + 0.9 * (1 + jnp.cos(jnp.pi * done)) / 2)
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: starts at a tenth
# cause: the warm-up starts at a tenth of the peak, not at 0
def warmup_cosine(step, peak, warmup, total):
    up = peak * (0.1 + 0.9 * step / max(warmup, 1))
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: whole numbers
# cause: the result has the step's integer dtype, so most rates are 0
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.int32)

# %% wrong: whole division
# cause: the ramp divides with //, so it is 0 until the peak
def warmup_cosine(step, peak, warmup, total):
    up = peak * (step // max(warmup, 1))
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: peak left out
# cause: the rate is between 0 and 1: the cosine is not multiplied by the peak
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: peak after the end
# cause: after the end the rate goes back to the peak instead of 0
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, peak)).astype(jnp.float32)

# %% wrong: sign of the cosine
# cause: 1 − cos rises from 0 to the peak where it should fall
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 - jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: one axis more
# cause: the result has an axis of length 1 more than the step
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)[..., None]

# %% wrong: a scalar for all
# cause: only the first step of the array is used, the shape is lost
def warmup_cosine(step, peak, warmup, total):
    step = jnp.ravel(step)[0]
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: NumPy
# cause: NumPy cannot take a traced step, so it fails under jit
def warmup_cosine(step, peak, warmup, total):
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + np.cos(np.pi * done)) / 2
    return np.where(step < warmup, up, np.where(step < total, down, 0.0))

# %% wrong: two numbers written in
# cause: 200 steps with 20 of warm-up are written in, the arguments are ignored
def warmup_cosine(step, peak, warmup, total):
    warmup, total = 20, 200
    up = peak * step / max(warmup, 1)
    done = (step - warmup) / (total - warmup)
    down = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, up, jnp.where(step < total, down, 0.0)).astype(jnp.float32)

# %% wrong: the product of both
# cause: ramp and cosine are both counted from step 0 and multiplied
def warmup_cosine(step, peak, warmup, total):
    ramp = jnp.minimum(step / max(warmup, 1), 1.0) if warmup else 1.0
    rate = peak * ramp * (1 + jnp.cos(jnp.pi * jnp.minimum(step / total, 1.0))) / 2
    return jnp.asarray(rate, jnp.float32)


# %% right: jnp.select, safe denominator
def warmup_cosine(step, peak, warmup, total):
    assert warmup < total
    step = jnp.asarray(step)
    rise = peak * (step / max(warmup, 1))
    fall = peak * (1 + jnp.cos(jnp.pi * ((step - warmup) / (total - warmup)))) / 2
    rate = jnp.select(condlist=[step < warmup, step < total], choicelist=[rise, fall], default=0.0)
    return rate.astype(jnp.float32)


# %% right: jnp.vectorize over nested lax.cond, the squared cosine of half the angle
@partial(jax.jit, static_argnums=(2, 3))
def warmup_cosine(step, peak, warmup, total):
    peak = jnp.asarray(peak, jnp.float32)

    def rise(at):
        return peak * at / max(warmup, 1)

    def fall(at):
        angle = jnp.float32(np.pi / 2) * (at - warmup) / (total - warmup)
        return peak * jnp.cos(angle) ** 2

    def one(at):
        real = at.astype(jnp.float32)
        late = lambda real: lax.cond(at < total, fall, jnp.zeros_like, real)
        return lax.cond(at < warmup, rise, late, real)

    return jnp.vectorize(one)(jnp.asarray(step))


# %% right: products of 0/1 numbers, the cosine as the square of a cosine of half the angle
def warmup_cosine(step, peak, warmup, total):
    step = jnp.asarray(step)
    clipped = jnp.clip(step, warmup, total).astype(jnp.float32)
    half = jnp.cos((clipped - warmup) * np.float32(np.pi / 2 / (total - warmup)))
    falling = half * half * (step < total)
    if warmup:
        falling *= jnp.minimum(step, warmup) / warmup
    return (falling * peak).astype(jnp.float32)
