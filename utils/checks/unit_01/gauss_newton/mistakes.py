"""The mistakes that are made with `gauss_newton`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "J v only",
        says="That is J v",
        code="""
def gauss_newton(f, x, v):
    return jax.jvp(f, (x,), (v,))[1]
""",
    ),
    Wrong(
        "returns vjp's tuple",
        says="a `tuple` of 1",
        code="""
def gauss_newton(f, x, v):
    along = jax.jvp(f, (x,), (v,))[1]
    return jax.vjp(f, x)[1](along)
""",
    ),
    Wrong(
        "builds J",
        says="as large as J",
        code="""
def gauss_newton(f, x, v):
    J = jax.jacrev(f)(x)
    return J.T @ (J @ v)
""",
    ),
    Wrong(
        "point and direction mixed up",
        says="exchanged point and direction",
        code="""
def gauss_newton(f, x, v):
    along = jax.jvp(f, (v,), (x,))[1]
    return jax.vjp(f, x)[1](along)[0]
""",
    ),
    Wrong(
        "pulls back f(x)",
        says="pulled back f(x)",
        code="""
def gauss_newton(f, x, v):
    value, along = jax.jvp(f, (x,), (v,))
    return jax.vjp(f, x)[1](value)[0]
""",
    ),
    Wrong(
        "the whole Hessian of half the square",
        says="the Hessian of ½|f|²",
        code="""
def gauss_newton(f, x, v):
    return jax.jvp(jax.grad(lambda x: 0.5 * jnp.sum(f(x) ** 2)), (x,), (v,))[1]
""",
    ),
    Wrong(
        "finite difference",
        says="a finite difference",
        code="""
def gauss_newton(f, x, v):
    along = (f(x + 1e-3 * v) - f(x)) / 1e-3
    return jax.vjp(f, x)[1](along)[0]
""",
    ),
    Wrong(
        "pulls back v",
        says="of the shape of the result",
        code="""
def gauss_newton(f, x, v):
    _, pull_back = jax.vjp(f, x)
    return pull_back(v)[0]
""",
    ),
    Wrong(
        "jvp without tuples",
        says="as tuples",
        code="""
def gauss_newton(f, x, v):
    _, along = jax.jvp(f, x, v)
    return jax.vjp(f, x)[1](along)[0]
""",
    ),
    Wrong(
        "the square of both, elementwise",
        says="Jᵀ applied to ones",
        code="""
def gauss_newton(f, x, v):
    _, along = jax.jvp(f, (x,), (v,))
    return jax.grad(lambda x: jnp.sum(f(x)))(x)
""",
    ),
)
