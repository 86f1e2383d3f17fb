# %% right: value_and_grad with the loss as aux
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    def scaled(params):
        loss = loss_fn(params)
        return loss * loss_scale.scale, loss
    gradients, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / loss_scale.scale, gradients)
    finite = jnp.all(jnp.array([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]))
    good = jnp.where(finite, loss_scale.good_steps + 1, 0)
    grow = good == period
    scale = jnp.where(finite, jnp.where(grow, loss_scale.scale * 2, loss_scale.scale), loss_scale.scale / 2)
    return loss, gradients, finite, LossScale(scale, jnp.where(grow, 0, good))

# %% right: vjp with the scale as cotangent
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good_steps = loss_scale
    loss, back = jax.vjp(loss_fn, params)
    (gradients,) = back(scale.astype(loss.dtype))
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, gradients)
    finite = jax.tree.reduce(lambda ok, g: ok & jnp.all(jnp.isfinite(g)), gradients, jnp.bool_(True))
    good_steps = (good_steps + 1) * finite
    full = good_steps == period
    factor = jnp.where(finite, jnp.where(full, 2.0, 1.0), 0.5)
    return loss, gradients, finite, LossScale(scale * factor, jnp.where(full, 0, good_steps))

# %% right: lax.cond for the next scale
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    def scaled(params):
        loss = loss_fn(params)
        return loss_scale.scale * loss, loss
    (_, loss), raw = jax.value_and_grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: jnp.asarray(g, jnp.float32) / loss_scale.scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    def good(state):
        steps = state.good_steps + 1
        return lax.cond(steps == period, lambda: LossScale(state.scale * 2, jnp.zeros_like(steps)),
                        lambda: state._replace(good_steps=steps))
    def bad(state):
        return LossScale(state.scale / 2, jnp.zeros_like(state.good_steps))
    return loss, gradients, finite, lax.cond(finite, good, bad, loss_scale)

# %% right: jnp.select and _replace
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale = loss_scale.scale
    loss, gradients = loss_fn(params), jax.grad(lambda p: scale * loss_fn(p))(params)
    gradients = jax.tree.map(lambda g: jnp.float32(g) / scale, gradients)
    finite = jnp.bool_(True)
    for leaf in jax.tree.leaves(gradients):
        finite = jnp.logical_and(finite, jnp.isfinite(leaf).all())
    counted = loss_scale.good_steps + 1
    after = loss_scale._replace(
        scale=jnp.select([~finite, counted == period], [scale / 2, scale * 2], scale),
        good_steps=jnp.select([~finite, counted == period], [0, 0], counted).astype(jnp.int32),
    )
    return loss, gradients, finite, after

# %% right: all leaves in one vector
from jax.flatten_util import ravel_pytree

def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    def scaled(p):
        return (loss := loss_fn(p)) * loss_scale.scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    raw = jax.tree.map(lambda g: g.astype(jnp.float32), raw)
    vector, back = ravel_pytree(raw)
    finite = ~jnp.any(jnp.isnan(vector) | jnp.isinf(vector))
    good = loss_scale.good_steps + 1
    full = good == period
    new = jax.tree.map(partial(jnp.where, finite),
                       LossScale(jnp.where(full, 2, 1) * loss_scale.scale, jnp.where(full, 0, good)),
                       LossScale(loss_scale.scale * 0.5, jnp.zeros_like(good)))
    return loss, back(vector / loss_scale.scale), finite, new

# %% right: jitted, helpers before it
def _all_finite(tree):
    return jax.tree.all(jax.tree.map(lambda x: True, tree)) & jnp.all(
        jnp.asarray([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(tree)]))

def _next(state, finite, period):
    good = state.good_steps + 1
    double = finite & (good == period)
    scale = state.scale * jnp.where(double, 2.0, 1.0) * jnp.where(finite, 1.0, 0.5)
    return LossScale(scale, jnp.where(finite & ~double, good, 0))

@partial(jax.jit, static_argnames=("loss_fn", "period"))
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    def scaled(params):
        loss = loss_fn(params)
        return loss * loss_scale.scale, loss
    (_, loss), gradients = jax.value_and_grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / loss_scale.scale, gradients)
    finite = _all_finite(gradients)
    return loss, gradients, finite, _next(loss_scale, finite, period)

# %% right: finite by the count of what is not
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale = loss_scale.scale
    loss = loss_fn(params)
    gradients = jax.grad(lambda p: loss_fn(p) * scale)(params)
    gradients = jax.tree.map(lambda g: lax.convert_element_type(g, jnp.float32) / scale, gradients)
    bad = sum(jnp.sum(~jnp.isfinite(g)) for g in jax.tree.leaves(gradients))
    finite = bad == 0
    steps = jnp.where(finite, loss_scale.good_steps + 1, 0)
    doubled = steps == period
    scale = lax.select(finite, lax.select(doubled, 2 * scale, scale), scale / 2)
    good_steps = lax.select(doubled, jnp.zeros_like(steps), steps)
    return loss, gradients, finite, LossScale(scale=scale, good_steps=good_steps)

# %% right: callable object
class _Scaler:
    def __call__(self, loss_fn, params, loss_scale, period=2000):
        def scaled(p):
            loss = loss_fn(p)
            return loss * loss_scale.scale, loss
        raw, loss = jax.grad(scaled, has_aux=True)(params)
        gradients = jax.tree.map(partial(self.back, loss_scale.scale), raw)
        finite = jnp.all(jnp.stack(jax.tree.leaves(jax.tree.map(lambda g: jnp.all(jnp.isfinite(g)), gradients))))
        return loss, gradients, finite, self.after(loss_scale, finite, period)
    def back(self, scale, g):
        return g.astype("float32") * (1 / scale)
    def after(self, old, finite, period):
        good = old.good_steps + 1
        kept = jnp.where(good != period, old.scale, old.scale * 2), jnp.where(good != period, good, 0)
        return LossScale(jnp.where(finite, kept[0], old.scale / 2), jnp.where(finite, kept[1], 0))

scaled_gradients = _Scaler()


# %% right: lax.switch by three cases
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    loss, back = jax.vjp(loss_fn, params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, back(scale)[0])
    finite = jnp.all(jnp.array(jax.tree.leaves(jax.tree.map(lambda g: jnp.isfinite(g).all(), gradients))))
    case = jnp.where(finite, 1 + (good + 1 == period), 0)
    zero = jnp.int32(0)
    after = lax.switch(case, [
        lambda: LossScale(scale / 2, zero),
        lambda: LossScale(scale, good + 1),
        lambda: LossScale(scale * 2, zero),
    ])
    return loss, gradients, finite, after

# %% right: finite by the largest size, the factor a power of two
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    def scaled(params):
        loss = loss_fn(params)
        return loss_scale.scale * loss, loss
    (_, loss), gradients = jax.value_and_grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32), gradients)
    finite = jnp.array([jnp.abs(g).max(initial=0) < jnp.inf for g in jax.tree.leaves(gradients)]).all()
    gradients = jax.tree.map(lambda g: g / loss_scale.scale, gradients)
    good = (loss_scale.good_steps + 1) * finite.astype(jnp.int32)
    exponent = jnp.where(finite, (good == period).astype(jnp.float32), -1.0)
    good = good * (good != period)
    return loss, gradients, finite, LossScale(loss_scale.scale * jnp.exp2(exponent), good)

# %% right: optax for the tree arithmetic
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    def scaled(params):
        loss = loss_fn(params)
        return loss * loss_scale.scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = optax.tree.scale(1 / loss_scale.scale, optax.tree.cast(raw, jnp.float32))
    finite = jnp.bool_(jnp.prod(jnp.array([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)])))
    up = finite & (loss_scale.good_steps == period - 1)
    scale = jnp.where(up, loss_scale.scale * 2, jnp.where(finite, loss_scale.scale, loss_scale.scale / 2))
    return loss, gradients, finite, LossScale(scale, jnp.where(finite & ~up, loss_scale.good_steps + 1, 0))

# %% right: over-careful dtypes
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale = jnp.asarray(loss_scale.scale, jnp.float32)
    steps = jnp.asarray(loss_scale.good_steps, jnp.int32)
    def objective(weights):
        value = loss_fn(weights).astype(jnp.float32)
        return jnp.multiply(value, scale), value
    (_, loss), raw = jax.value_and_grad(objective, argnums=0, has_aux=True)(params)
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), raw)
    gradients = jax.tree.map(lambda leaf: jnp.divide(leaf, scale), wide)
    checks = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients)]
    finite = jnp.stack(checks).all() if checks else jnp.array(True)
    steps = jnp.where(finite, steps + 1, 0).astype(jnp.int32)
    reached = jnp.equal(steps, period)
    scale = jnp.where(finite, scale, scale / 2)
    scale = jnp.where(reached, scale * 2, scale).astype(jnp.float32)
    steps = jnp.where(reached, 0, steps).astype(jnp.int32)
    return loss.astype(jnp.float32), gradients, finite.astype(bool), LossScale(scale, steps)

# %% wrong: not scaled back
# cause: the gradients are not divided by the scale
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32), raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: divided in float16
# cause: the gradients are divided in their own dtype and become float32 too late: small ones are 0
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: (g / scale.astype(g.dtype)).astype(jnp.float32), raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: scaled loss returned
# cause: the loss that comes back is the scaled one
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss * scale
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% right: loss by dividing
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        return loss_fn(params) * scale
    loss, raw = jax.value_and_grad(scaled)(params)
    loss = loss / scale
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: gradients scaled instead of the loss
# cause: the gradient of the plain loss is multiplied and divided afterwards: what became 0 stays 0
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) * scale / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: no scaling at all
# cause: the loss is not scaled and the gradients are not divided
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32), raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: doubled after each good step
# cause: the scale is doubled after every good step, `period` does not count
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, scale * 2, scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: good steps not forgotten
# cause: an overflow does not set good_steps back to 0
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, good)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: not set back after doubling
# cause: good_steps is not set back to 0 when the scale is doubled
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, good)

# %% wrong: compared before counting
# cause: good_steps is compared with the period before this step is counted, one step too late
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    grow = finite & (good == period)
    good = jnp.where(finite, good + 1, 0)
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: more than the period
# cause: `>` instead of `==`: it doubles one step too late
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good > period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: one step early
# cause: it doubles after period − 1 good steps
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period - 1
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: never below one
# cause: the scale is kept at 1 or more, which the task does not say
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), jnp.maximum(scale / 2, 1.0))
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: NaN only
# cause: only NaN counts as not finite, an infinity passes
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([(~jnp.isnan(g)).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: infinity only
# cause: only infinities count as not finite, a NaN passes
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([(~jnp.isinf(g)).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: first leaf only
# cause: only the first leaf of the gradients is looked at
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.isfinite(jax.tree.leaves(gradients)[0]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: last leaf only
# cause: the loop overwrites the answer, so only the last leaf of the gradients counts
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    for g in jax.tree.leaves(gradients):
        finite = jnp.isfinite(g).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: the loss is looked at
# cause: it asks whether the loss is finite, not the gradients
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.isfinite(loss)
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: any for all
# cause: one finite number is enough, where all must be
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).any() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: any leaf
# cause: one finite leaf is enough, where all must be
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).any()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: an answer for each leaf
# cause: it returns a tree of answers, one for each leaf, instead of one bool
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    each = jax.tree.map(lambda g: jnp.isfinite(g).all(), gradients)
    return loss, gradients, each, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: bad gradients made 0
# cause: the gradients are set to 0 after an overflow, but everything is to be returned
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    gradients = jax.tree.map(lambda g: jnp.where(finite, g, 0), gradients)
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: nan_to_num
# cause: infinities and NaN are replaced by numbers, so an overflow is never noticed
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: jnp.nan_to_num(g.astype(jnp.float32) / scale), raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: Python if
# cause: a Python `if` on a traced value, which fails under jit
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    if finite:
        good = good + 1
        grow = good == period
        new_scale = scale * 2 if grow else scale
    else:
        good, grow, new_scale = jnp.zeros_like(good), False, scale / 2
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: own dtype kept
# cause: the gradients keep the parameters' dtype, float16 for float16, not float32
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: (g.astype(jnp.float32) / scale).astype(g.dtype), raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: a plain tuple
# cause: a plain tuple instead of a LossScale for the next step
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, (new_scale, jnp.where(grow, 0, good))

# %% wrong: a float count
# cause: good_steps comes back as float32, not int32
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0.0, good))

# %% wrong: halving and doubling exchanged
# cause: the scale doubles on an overflow and halves after the period
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale / 2, scale), scale * 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: period written in
# cause: 2000 is written in, the argument `period` is ignored
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == 2000
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: scaled in float16
# cause: the scale is brought to float16, where 65,504 is the end: large scales are infinite
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return (loss.astype(jnp.float16) * scale.astype(jnp.float16)).astype(jnp.float32), loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: overflow turned round
# cause: it returns whether something overflowed, the opposite of finite
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return loss, gradients, ~finite, LossScale(new_scale, jnp.where(grow, 0, good))

# %% wrong: gradients before loss
# cause: the gradients come first and the loss second
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss
    raw, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, raw)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new_scale = jnp.where(finite, jnp.where(grow, scale * 2, scale), scale / 2)
    return gradients, loss, finite, LossScale(new_scale, jnp.where(grow, 0, good))


# %% right: the scale as the cotangent of jax.vjp
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    loss, pull = jax.vjp(loss_fn, params)
    (gradients,) = pull(jnp.asarray(scale, loss.dtype))
    gradients = jax.tree.map(lambda leaf: leaf.astype(jnp.float32) / scale, gradients)
    finite = jnp.bool_(True)
    for leaf in jax.tree.leaves(gradients):
        finite &= jnp.isfinite(leaf).all()
    full = finite & (good + 1 == period)
    factor = jnp.where(finite, jnp.where(full, jnp.float32(2), jnp.float32(1)), jnp.float32(0.5))
    steps = jnp.where(finite & ~full, good + 1, 0).astype(jnp.int32)
    return loss, gradients, finite, LossScale(scale=scale * factor, good_steps=steps)


# %% right: value_and_grad with the loss as auxiliary output, nested lax.cond, tree.reduce
@partial(jax.jit, static_argnames=("loss_fn", "period"))
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    def scaled(params):
        loss = loss_fn(params)
        return loss_scale.scale * loss, loss

    gradients, loss = jax.grad(scaled, has_aux=True)(params)
    gradients = jax.tree.map(lambda leaf: lax.convert_element_type(leaf, jnp.float32) / loss_scale.scale, gradients)
    finite = jax.tree.reduce(
        jnp.logical_and, jax.tree.map(lambda leaf: jnp.all(jnp.abs(leaf) < jnp.inf), gradients), jnp.array(True)
    )

    def good(old):
        counted = old._replace(good_steps=old.good_steps + 1)
        return lax.cond(
            counted.good_steps == period,
            lambda each: LossScale(each.scale * 2, jnp.zeros_like(each.good_steps)),
            lambda each: each,
            counted,
        )

    def bad(old):
        return LossScale(old.scale / 2, jnp.zeros_like(old.good_steps))

    return loss, gradients, finite, lax.cond(finite, good, bad, loss_scale)


# %% wrong: the scale never rises above 2**24 (the period's last good step with a scale of 2**24 or more)
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale

    def scaled(params):
        loss = loss_fn(params)
        return loss * scale, loss

    grads, loss = jax.grad(scaled, has_aux=True)(params)
    grads = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, grads)
    finite = jnp.all(jnp.array([jnp.all(jnp.isfinite(g)) for g in jax.tree.leaves(grads)]))
    full = finite & (good + 1 == period)
    larger = jnp.maximum(scale, jnp.minimum(scale * 2, 2.0**24))
    new = jnp.where(finite, jnp.where(full, larger, scale), scale / 2)
    return loss, grads, finite, LossScale(new, jnp.where(finite & ~full, good + 1, 0))


# %% right: the scale as the cotangent of jax.vjp, lax.switch for the new scale
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    loss, pull = jax.vjp(loss_fn, params)
    gradients = jax.tree.map(
        lambda leaf: jnp.divide(leaf.astype(jnp.float32), loss_scale.scale), pull(loss_scale.scale.astype(loss.dtype))[0]
    )
    bad = sum(jnp.sum(~jnp.isfinite(leaf)) for leaf in jax.tree.leaves(gradients))
    finite = bad == 0
    case = jnp.where(finite, 1 + (loss_scale.good_steps + 1 == period), 0)
    after = lax.switch(
        case,
        (
            lambda s, n: LossScale(s * 0.5, n * 0),
            lambda s, n: LossScale(s, n + 1),
            lambda s, n: LossScale(s + s, jnp.zeros_like(n)),
        ),
        *loss_scale,
    )
    return loss, gradients, finite, after
