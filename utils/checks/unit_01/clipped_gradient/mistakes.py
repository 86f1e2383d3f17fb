"""The mistakes that are made with `clipped_gradient`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "clips the mean gradient",
        says="only after the mean",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    mean = lambda params: jnp.mean(jax.vmap(loss, in_axes=(None, 0, 0))(params, x, y))
    gradient = jax.grad(mean)(params)
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
    return jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / norm), gradient)
""",
    ),
    Wrong(
        "does not clip",
        says="Nothing was clipped",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    grads = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), grads)
""",
    ),
    Wrong(
        "sums over the examples",
        says="sum over the examples",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12)), gradient)
    return jax.tree.map(lambda g: jnp.sum(g, axis=0), jax.vmap(clipped)(x, y))
""",
    ),
    Wrong(
        "a norm for each leaf",
        says="a norm of its own for each leaf",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    def clip(g):
        return g * jnp.minimum(1.0, bound / jnp.maximum(jnp.sqrt(jnp.sum(g**2)), 1e-12))
    def clipped(x, y):
        return jax.tree.map(clip, jax.grad(loss)(params, x, y))
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
    ),
    Wrong(
        "clips each number",
        says="Each number was clipped",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    grads = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    return jax.tree.map(lambda g: jnp.mean(jnp.clip(g, -bound, bound), axis=0), grads)
""",
    ),
    Wrong(
        "lengthens short gradients",
        says="Short gradients were made longer",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return jax.tree.map(lambda g: g * bound / jnp.maximum(norm, 1e-12), gradient)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
    ),
    Wrong(
        "maximum for minimum",
        says="the other way round",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return jax.tree.map(lambda g: g * jnp.maximum(1.0, bound / jnp.maximum(norm, 1e-12)), gradient)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
    ),
    Wrong(
        "0 / 0 for a fitted example",
        says="gradient is zero gives NaN",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        direction = jax.tree.map(lambda g: g / norm, gradient)
        return jax.tree.map(lambda d: d * jnp.minimum(norm, bound), direction)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
    ),
    Wrong(
        "no mean",
        says="still one gradient for each example",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12)), gradient)
    return jax.vmap(clipped)(x, y)
""",
    ),
    Wrong(
        "squared norm",
        says="The square root is missing",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient))
        return jax.tree.map(lambda g: g * jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12)), gradient)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
    ),
    Wrong(
        "a Python loop over the examples",
        says="once for every example",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    total = jax.tree.map(jnp.zeros_like, params)
    for i in range(len(x)):
        gradient = jax.grad(loss)(params, x[i], y[i])
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        total = jax.tree.map(lambda t, g: t + g * jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12)), total, gradient)
    return jax.tree.map(lambda t: t / len(x), total)
""",
    ),
    Wrong(
        "a Python if on the norm",
        says="A Python `if`",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        if norm > bound:
            gradient = jax.tree.map(lambda g: g * bound / norm, gradient)
        return gradient
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
""",
    ),
    Wrong(
        "parameters batched, too",
        says="`in_axes`",
        code="""
def clipped_gradient(loss, params, x, y, bound):
    grads = jax.vmap(jax.grad(loss))(params, x, y)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), grads)
""",
    ),
)
