"""The mistakes that are made with `momentum_step`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "climbs",
        says="goes uphill",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v + rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value
""",
    ),
    Wrong(
        "moves by the old velocity",
        says="the old velocity",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    new_velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), new_velocity, value
""",
    ),
    Wrong(
        "no momentum",
        says="forgets the velocity it had",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda g: -rate * g, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value
""",
    ),
    Wrong(
        "loss after the step",
        says="loss after the step",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    gradient = jax.grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    params = jax.tree.map(jnp.add, params, velocity)
    return params, velocity, loss(params, x, y)
""",
    ),
    Wrong(
        "the dict is changed in place",
        says="changed one of its arguments",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    new = jax.tree.map(jnp.add, params, velocity)
    if isinstance(params, dict):
        params.update(new)
        return params, velocity, value
    return new, velocity, value
""",
    ),
    Wrong(
        "works for a list of arrays only",
        says="when `params` is a dict with tuples in it",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = [momentum * v - rate * g for v, g in zip(velocity, gradient)]
    return [p + v for p, v in zip(params, velocity)], velocity, value
""",
    ),
    Wrong(
        "returns the parameters only",
        says="three things",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity)
""",
    ),
    Wrong(
        "value and gradient mixed up",
        says="the value comes first",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    gradient, value = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value
""",
    ),
    Wrong(
        "rate applied to the whole velocity",
        says="is multiplied by the rate, too",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: rate * (momentum * v - g), velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value
""",
    ),
    Wrong(
        "the loss as a Python number",
        says="`float()`, `int()`",
        code="""
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, float(value)
""",
    ),
)
