# %% right: two wheres
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.where(x > 0, x, 0.0)), x)

# %% right: safe stand-in of 1
def compress(x):
    positive = x > 0
    safe = jnp.where(positive, x, 1.0)
    return jnp.where(positive, jnp.log(1 + safe), x)

# %% right: maximum inside the logarithm
def compress(x):
    return jnp.where(x <= 0, x, jnp.log1p(jnp.maximum(x, 0)))

# %% right: log of the absolute value
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.abs(x)), x)

# %% right: sum of two clipped parts
def compress(x):
    return jnp.log1p(jnp.maximum(x, 0.0)) + jnp.minimum(x, 0.0)

# %% right: custom_jvp
@jax.custom_jvp
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.where(x > 0, x, 0)), x)


@compress.defjvp
def _compress_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return compress(x), t / (1 + jnp.maximum(x, 0))

# %% right: custom_vjp
def _value(x):
    return jnp.where(x > 0, jnp.log1p(jnp.clip(x, 0)), x)


compress = jax.custom_vjp(_value)
compress.defvjp(lambda x: (_value(x), x), lambda x, g: (g * jnp.where(x > 0, 1 / (1 + jnp.where(x > 0, x, 0)), 1.0),))

# %% right: jitted, with lax.select
@jax.jit
def compress(x):
    positive = x > 0
    tamed = lax.log1p(lax.select(positive, x, jnp.zeros_like(x)))
    return lax.select(positive, tamed, x)

# %% right: vectorize over lax.cond, with a safe branch
@jnp.vectorize
def compress(x):
    return lax.cond(x > 0, lambda x: jnp.log1p(jnp.where(x > 0, x, 0.0)), lambda x: x, x)

# %% right: jnp.select with a safe argument
def compress(x):
    up = x > 0
    return jnp.select([up, ~up], [jnp.log1p(jnp.clip(x, 0)), x])

# %% right: callable object
class Compress:
    def positive(self, x):
        return jnp.log(x + 1.0)

    def __call__(self, x):
        mask = jnp.greater(x, 0)
        return jnp.where(mask, self.positive(jnp.where(mask, x, 0)), x).astype(x.dtype)


compress = Compress()

# %% right: two helpers and a generic safe piece
def _piece(condition, f, g):
    def both(x):
        c = condition(x)
        return jnp.where(c, f(jnp.where(c, x, jnp.ones_like(x))), g(jnp.where(c, jnp.zeros_like(x), x)))
    return both


compress = _piece(lambda x: x > 0, jnp.log1p, lambda x: x)

# %% right: walrus
def compress(x):
    return jnp.where(p := x > 0, jnp.log1p(jnp.where(p, x, 0)), x)

# %% right: piecewise on a flat copy
def compress(x):
    x = jnp.asarray(x)
    safe_log = lambda v: jnp.log1p(jnp.where(v > 0, v, 0))  # noqa: E731
    return jnp.piecewise(x.ravel(), [x.ravel() > 0], [safe_log, lambda v: v]).reshape(x.shape)

# %% wrong: one where
# cause: log1p of the unused side has an infinite slope at -1, and 0 · inf is NaN in the gradient
def compress(x):
    return jnp.where(x > 0, jnp.log1p(x), x)

# %% wrong: one where, with log(1 + x)
# cause: where hides the NaN of the value but at x = -1 the gradient is 0 · inf = NaN
def compress(x):
    return jnp.where(x <= 0, x, jnp.log(1 + x))

# %% wrong: NaN replaced afterwards
# cause: nan_to_num repairs the values only, the gradient at -1 stays NaN
def compress(x):
    return jnp.where(x > 0, jnp.nan_to_num(jnp.log1p(x)), x)

# %% wrong: masks multiplied
# cause: 0 · NaN is NaN: for x < -1 the logarithm spoils the sum
def compress(x):
    return (x > 0) * jnp.log1p(x) + (x <= 0) * x

# %% wrong: if asks for a value
# cause: an `if` on x works for a single number outside jit only
def compress(x):
    if x > 0:
        return jnp.log1p(x)
    return x

# %% wrong: symmetric
# cause: sign(x)·log(1 + |x|) also bends the negative side, where x should stay
def compress(x):
    return jnp.sign(x) * jnp.log1p(jnp.abs(x))

# %% wrong: negative numbers become zero
# cause: relu inside the logarithm throws the negative side away
def compress(x):
    return jnp.log1p(jax.nn.relu(x))

# %% wrong: logarithm of base 10
# cause: log10 in place of the natural logarithm
def compress(x):
    return jnp.where(x > 0, jnp.log10(1 + jnp.where(x > 0, x, 0)), x)

# %% wrong: log(x) without the 1
# cause: log(x) in place of log(1 + x), which falls to minus infinity at 0
def compress(x):
    return jnp.where(x > 0, jnp.log(jnp.where(x > 0, x, 1)), x)

# %% wrong: split at 1
# cause: the pieces are split at x = 1 in place of 0
def compress(x):
    return jnp.where(x > 1, jnp.log1p(jnp.where(x > 1, x, 1)), x)

# %% wrong: pieces exchanged
# cause: the logarithm is taken where x ≤ 0, and x is kept where it is large
def compress(x):
    return jnp.where(x > 0, x, jnp.log1p(jnp.where(x > 0, x, 0)))

# %% wrong: clipped at a small number above zero
# cause: the stand-in 1e-2 is a floor for positive x as well, so small positive x are wrong
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 1e-2)), x)

# %% wrong: stop_gradient on the positive side
# cause: the gradient through the logarithm is cut off: it is 0 for x > 0 in place of 1/(1 + x)
def compress(x):
    return jnp.where(x > 0, lax.stop_gradient(jnp.log1p(jnp.maximum(x, 0))), x)

# %% wrong: a gradient of one everywhere
# cause: the straight-through trick gives the right values with the gradient of x, not of log(1 + x)
def compress(x):
    return x + lax.stop_gradient(jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 0)), x) - x)

# %% wrong: ELU's negative side
# cause: e^x - 1 on the negative side, where x itself is asked for
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 0)), jnp.expm1(jnp.minimum(x, 0)))

# %% wrong: softplus
# cause: softplus log(1 + e^x) is another function
def compress(x):
    return jax.nn.softplus(x)

# %% wrong: written with a Boolean index
# cause: x[x > 0] has a shape that depends on values, so it fails under jit
def compress(x):
    return x.at[x > 0].set(jnp.log1p(x[x > 0])) if jnp.ndim(x) else jnp.where(x > 0, jnp.log1p(jnp.abs(x)), x)

# %% wrong: NumPy
# cause: np functions cannot take traced arrays, so neither jit nor grad work
def compress(x):
    x = np.asarray(x)
    return jnp.asarray(np.where(x > 0, np.log1p(np.maximum(x, 0)), x))

# %% wrong: flattened
# cause: the result is flat, the text asks for the shape of x
def compress(x):
    x = jnp.ravel(x)
    return jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 0)), x)

# %% wrong: float16
# cause: the result is float16, the text asks for the dtype of x
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 0)), x).astype(jnp.float16)

# %% wrong: one decision for the whole array
# cause: lax.cond on all(x > 0) decides once, the pieces must be chosen for each number
def compress(x):
    return lax.cond(jnp.all(x > 0), lambda x: jnp.log1p(jnp.maximum(x, 0)), lambda x: x, x)

# %% wrong: large numbers capped
# cause: x is clipped to 0 … 10 before the logarithm, so larger numbers all give log(11)
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.clip(x, 0, 10)), x)

# %% wrong: square root of a square for the absolute value
# cause: sqrt(x²) has the gradient 0/0 at x = 0, so the gradient is NaN there
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.sqrt(x**2)), x)

# %% wrong: log plus constant
# cause: 1 + log(1 + x): the pieces do not meet at 0
def compress(x):
    return jnp.where(x > 0, 1 + jnp.log1p(jnp.maximum(x, 0)), x)

# %% wrong: rows only
# cause: vmap over the first axis and then a scalar cond: arrays of other than one axis fail
def compress(x):
    return jax.vmap(lambda v: lax.cond(v > 0, lambda v: jnp.log1p(jnp.maximum(v, 0)), lambda v: v, v))(x)


# %% right: log1p of the absolute value where x > 0
def compress(x):
    return jnp.where(x > 0, jnp.log1p(jnp.abs(x)), x)


# %% right: custom derivative rule
@jax.custom_jvp
def compress(x):
    return jnp.log1p(jnp.maximum(x, 0)) + jnp.minimum(x, 0)


@compress.defjvp
def _compress_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return compress(x), dx / (1 + jnp.maximum(x, 0))


# %% right: maximum and minimum share the gradient at 0, half each
def compress(x):
    return jnp.log1p(jnp.maximum(x, 0)) + jnp.minimum(x, 0)
