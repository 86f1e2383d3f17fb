# %% right: jvp, then vjp
def gauss_newton(f, x, v):
    _, jv = jax.jvp(f, (x,), (v,))
    _, pullback = jax.vjp(f, x)
    return pullback(jv)[0]

# %% right: linearize and linear_transpose
def gauss_newton(f, x, v):
    _, push = jax.linearize(f, x)
    (result,) = jax.linear_transpose(push, x)(push(v))
    return result

# %% right: one-liner
def gauss_newton(f, x, v):
    return jax.vjp(f, x)[1](jax.jvp(f, [x], [v])[1])[0]

# %% right: gradient of the inner product with J v
def gauss_newton(f, x, v):
    jv = lax.stop_gradient(jax.jvp(f, (x,), (v,))[1])
    return jax.grad(lambda x: jnp.vdot(f(x), jv))(x)

# %% right: gradient of half the square of J v by v
def gauss_newton(f, x, v):
    def half(v):
        jv = jax.jvp(f, (x,), (v,))[1]
        return 0.5 * jnp.sum(jv**2)
    return jax.grad(half)(v)

# %% right: vjp of the linear map v -> J v
def gauss_newton(f, x, v):
    jv, transpose = jax.vjp(lambda v: jax.jvp(f, (x,), (v,))[1], v)
    return transpose(jv)[0]

# %% right: reverse mode twice in place of forward mode
def gauss_newton(f, x, v):
    value, pullback = jax.vjp(f, x)
    _, push = jax.vjp(lambda u: pullback(u)[0], jnp.zeros_like(value))
    (jv,) = push(v)
    return pullback(jv)[0]

# %% right: jitted, f static
import functools


@functools.partial(jax.jit, static_argnums=0)
def gauss_newton(f, x, v):
    jv = jax.jvp(f, primals=(x,), tangents=(v,))[1]
    (out,) = jax.vjp(f, x)[1](jv)
    return out

# %% right: callable object
class GaussNewton:
    def forwards(self, f, x, v):
        return jax.jvp(f, (x,), (v,))[1]

    def backwards(self, f, x, u):
        return jax.vjp(f, x)[1](u)[0]

    def __call__(self, f, x, v):
        return self.backwards(f, x, self.forwards(f, x, v))


gauss_newton = GaussNewton()

# %% right: careful casts
def gauss_newton(f, x, v):
    x, v = jnp.asarray(x, jnp.float32), jnp.asarray(v, jnp.float32)
    residual, tangent = jax.jvp(f, (x,), (v,))
    _, back = jax.vjp(f, x)
    (product,) = back(tangent.astype(residual.dtype))
    return product.astype(jnp.float32)

# %% right: helper functions made by closures
def _pusher(f, x):
    return lambda v: jax.jvp(f, (x,), (v,))[1]


def _puller(f, x):
    pullback = jax.vjp(f, x)[1]
    return lambda u: pullback(u)[0]


def gauss_newton(f, x, v):
    return _puller(f, x)(_pusher(f, x)(v))

# %% right: Hessian-vector product of half the square of the linearised f
def gauss_newton(f, x, v):
    value, push = jax.linearize(f, x)
    model = lambda d: 0.5 * jnp.sum((value + push(d)) ** 2)  # noqa: E731
    return jax.jvp(jax.grad(model), (jnp.zeros_like(x),), (v,))[1]

# %% right: slope along v by forward mode of a line
def gauss_newton(f, x, v, at=0.0):
    jv = jax.jacfwd(lambda t: f(x + t * v))(jnp.float32(at))
    return jax.grad(lambda p: jnp.sum(f(p) * jv))(x)

# %% wrong: full Hessian
# cause: the Hessian of ½|f|² times v has second derivatives of f, which Gauss-Newton leaves out
def gauss_newton(f, x, v):
    return jax.jvp(jax.grad(lambda x: 0.5 * jnp.sum(f(x) ** 2)), (x,), (v,))[1]

# %% wrong: J built by jacobian
# cause: builds the whole Jacobian, which the text forbids
def gauss_newton(f, x, v):
    j = jax.jacobian(f)(x)
    return j.T @ (j @ v)

# %% wrong: J built by forward mode
# cause: jacfwd builds the Jacobian [m, n], it must never be built
def gauss_newton(f, x, v):
    return jnp.einsum("mi,mj,j->i", jax.jacfwd(f)(x), jax.jacfwd(f)(x), v)

# %% wrong: J built by vmap over the unit vectors
# cause: vmap over an identity matrix builds the Jacobian column by column, all at once
def gauss_newton(f, x, v):
    columns = jax.vmap(lambda e: jax.jvp(f, (x,), (e,))[1])(jnp.eye(x.shape[0]))
    return columns @ (columns.T @ v)

# %% wrong: J v by forward mode, the Jacobian for the way back
# cause: the way back multiplies by a Jacobian that jacrev builds, where vjp would do
def gauss_newton(f, x, v):
    return jax.jvp(f, (x,), (v,))[1] @ jax.jacrev(f)(x)

# %% wrong: JᵀJ built
# cause: the matrix JᵀJ [n, n] is built as a Hessian and multiplied by v
def gauss_newton(f, x, v):
    _, push = jax.linearize(f, x)
    return jax.hessian(lambda d: 0.5 * jnp.sum(push(d) ** 2))(jnp.zeros_like(x)) @ v

# %% wrong: only forwards
# cause: returns J v [m], the way back by Jᵀ is missing
def gauss_newton(f, x, v):
    return jax.jvp(f, (x,), (v,))[1]

# %% wrong: Jᵀ f
# cause: the residuals are pulled back, not J v: this is the gradient of ½|f|²
def gauss_newton(f, x, v):
    value, pullback = jax.vjp(f, x)
    return pullback(value)[0]

# %% wrong: twice as much
# cause: the gradient of |J v|² without the ½ is twice JᵀJ v
def gauss_newton(f, x, v):
    return jax.grad(lambda v: jnp.sum(jax.jvp(f, (x,), (v,))[1] ** 2))(v)

# %% wrong: tuple of vjp
# cause: the pullback returns a tuple with one entry for each argument, [0] is missing
def gauss_newton(f, x, v):
    return jax.vjp(f, x)[1](jax.jvp(f, (x,), (v,))[1])

# %% wrong: value in place of the tangent
# cause: jvp returns (value, tangent), and the value was taken
def gauss_newton(f, x, v):
    jv = jax.jvp(f, (x,), (v,))[0]
    return jax.vjp(f, x)[1](jv)[0]

# %% wrong: point and direction exchanged
# cause: the Jacobian is taken at v and applied to x
def gauss_newton(f, x, v):
    return jax.vjp(f, v)[1](jax.jvp(f, (v,), (x,))[1])[0]

# %% wrong: way back at another point
# cause: the vjp is taken at x + v, both Jacobians belong at x
def gauss_newton(f, x, v):
    return jax.vjp(f, x + v)[1](jax.jvp(f, (x,), (v,))[1])[0]

# %% wrong: f(v) for J v
# cause: f(v) is J v only if f is linear
def gauss_newton(f, x, v):
    return jax.vjp(f, x)[1](f(v))[0]

# %% wrong: finite difference of step 1
# cause: f(x + v) - f(x) is J v only if f is linear
def gauss_newton(f, x, v):
    return jax.vjp(f, x)[1](f(x + v) - f(x))[0]

# %% wrong: small finite difference
# cause: (f(x + εv) - f(x)) / ε in float32 with ε = 1e-6 drowns in rounding
def gauss_newton(f, x, v):
    return jax.vjp(f, x)[1]((f(x + 1e-6 * v) - f(x)) / 1e-6)[0]

# %% wrong: a number
# cause: returns vᵀJᵀJ v, the squared length of J v, in place of the vector
def gauss_newton(f, x, v):
    jv = jax.jvp(f, (x,), (v,))[1]
    return jnp.vdot(jv, jv)

# %% wrong: diagonal only
# cause: multiplies v by the sum of f's gradient, squared, entry by entry: no product with JᵀJ
def gauss_newton(f, x, v):
    return jax.grad(lambda x: jnp.sum(f(x)))(x) ** 2 * v

# %% wrong: gradient of the sum
# cause: Jᵀ is applied to ones and multiplied by v, in place of Jᵀ(J v)
def gauss_newton(f, x, v):
    value, pullback = jax.vjp(f, x)
    return pullback(jnp.ones_like(value))[0] * v

# %% wrong: direction normalised
# cause: v is divided by its length, so the result is too short or too long
def gauss_newton(f, x, v):
    v = v / jnp.linalg.norm(v)
    return jax.vjp(f, x)[1](jax.jvp(f, (x,), (v,))[1])[0]

# %% wrong: 10 v added
# cause: the damping 10·v, which the notebook adds outside, is added here too
def gauss_newton(f, x, v):
    return jax.vjp(f, x)[1](jax.jvp(f, (x,), (v,))[1])[0] + 10 * v

# %% wrong: descent direction
# cause: the sign is changed, the task wants JᵀJ v and not the step
def gauss_newton(f, x, v):
    return -jax.vjp(f, x)[1](jax.jvp(f, (x,), (v,))[1])[0]

# %% wrong: mean over the measurements
# cause: the result is divided by m, JᵀJ is a sum over the measurements
def gauss_newton(f, x, v):
    jv = jax.jvp(f, (x,), (v,))[1]
    return jax.vjp(f, x)[1](jv / jv.shape[0])[0]

# %% wrong: forwards twice
# cause: jvp is used for the way back too: J (J v), which fits only if m = n and is no Jᵀ
def gauss_newton(f, x, v):
    jv = jax.jvp(f, (x,), (v,))[1]
    return jax.jvp(f, (x,), (jv,))[1]

# %% wrong: back, then forwards
# cause: the order is exchanged: J (Jᵀ v), which fits only if m = n
def gauss_newton(f, x, v):
    return jax.jvp(f, (x,), (jax.vjp(f, x)[1](v)[0],))[1]

# %% wrong: J v squared
# cause: the square of J v is pulled back, J v itself belongs there
def gauss_newton(f, x, v):
    jv = jax.jvp(f, (x,), (v,))[1]
    return jax.vjp(f, x)[1](jv**2)[0]

# %% wrong: stop_gradient forgotten
# cause: the gradient of f(x)·J(x)v also differentiates J: second derivatives of f are added
def gauss_newton(f, x, v):
    return jax.grad(lambda x: jnp.vdot(f(x), jax.jvp(f, (x,), (v,))[1]))(x)

# %% wrong: derivative of ½|J v|² by x
# cause: half the square of J v is differentiated by x in place of v
def gauss_newton(f, x, v):
    return jax.grad(lambda x: 0.5 * jnp.sum(jax.jvp(f, (x,), (v,))[1] ** 2))(x)

# %% wrong: value returned too
# cause: returns (f(x), JᵀJ v) where only the product is asked for
def gauss_newton(f, x, v):
    value, jv = jax.jvp(f, (x,), (v,))
    return value, jax.vjp(f, x)[1](jv)[0]

# %% wrong: a column
# cause: the result has shape [n, 1], the text asks for [n]
def gauss_newton(f, x, v):
    return jax.vjp(f, x)[1](jax.jvp(f, (x,), (v,))[1])[0][:, None]


# %% right: gradient with respect to v of ½ |J v|²
def gauss_newton(f, x, v):
    def half_square(v):
        _, product = jax.jvp(f, (x,), (v,))
        return 0.5 * jnp.sum(product**2)

    return jax.grad(half_square)(v)


# %% right: linearize, then linear_transpose
def gauss_newton(f, x, v):
    _, forwards = jax.linearize(f, x)
    backwards = jax.linear_transpose(forwards, v)
    return backwards(forwards(v))[0]


# %% right: the gradient of ½ |J v|² with respect to v
def gauss_newton(f, x, v):
    return jax.grad(lambda u: 0.5 * jnp.sum(jax.jvp(f, (x,), (u,))[1] ** 2))(v)


# %% wrong: all columns of J, one by one, in a list (J is built: n arrays of m numbers, the program grows with n)
def gauss_newton(f, x, v):
    columns = [jax.jvp(f, (x,), (jnp.zeros_like(x).at[i].set(1.0),))[1] for i in range(x.shape[0])]
    image = sum(c * v[i] for i, c in enumerate(columns))
    return jnp.stack([jnp.vdot(c, image) for c in columns])


# %% wrong: v is normalised first (v = 0 gives NaN)
def gauss_newton(f, x, v):
    length = jnp.linalg.norm(v)
    _, image = jax.jvp(f, (x,), (v / length,))
    return jax.vjp(f, x)[1](image)[0] * length
