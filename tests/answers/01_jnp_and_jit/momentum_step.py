# %% right: value_and_grad and two tree.maps
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    params = jax.tree.map(lambda p, v: p + v, params, velocity)
    return params, velocity, value

# %% right: loss and gradient in two calls, jnp.add
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    before = loss(params, x, y)
    gradient = jax.grad(loss)(params, x, y)
    new_velocity = jax.tree.map(lambda v, g: jnp.subtract(momentum * v, rate * g), velocity, gradient)
    return jax.tree.map(jnp.add, params, new_velocity), new_velocity, before

# %% right: jitted, the loss static
import functools


@functools.partial(jax.jit, static_argnames="loss")
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% right: leaves, list comprehensions and unflatten
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    leaves, structure = jax.tree.flatten(params)
    speeds = [
        momentum * v - rate * g for v, g in zip(jax.tree.leaves(velocity), jax.tree.leaves(grads), strict=True)
    ]
    moved = [p + v for p, v in zip(leaves, speeds, strict=True)]
    return structure.unflatten(moved), structure.unflatten(speeds), value

# %% right: one flat vector
from jax.flatten_util import ravel_pytree


def momentum_step(loss, params, velocity, x, y, rate, momentum):
    flat, unravel = ravel_pytree(params)
    value, gradient = jax.value_and_grad(lambda p: loss(unravel(p), x, y))(flat)
    new = momentum * ravel_pytree(velocity)[0] - rate * gradient
    return unravel(flat + new), unravel(new), value

# %% right: vjp
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, pullback = jax.vjp(lambda p: loss(p, x, y), params)
    (pull,) = pullback(jnp.ones_like(value))
    v = jax.tree.map(lambda old, g: old * momentum - g * rate, velocity, pull)
    return (jax.tree.map(lambda p, v: p + v, params, v), v, value)

# %% right: optax.trace
import optax


def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    downhill = jax.tree.map(lambda g: -rate * g, grads)
    updates, state = optax.trace(decay=momentum).update(downhill, optax.TraceState(velocity))
    return optax.apply_updates(params, updates), state.trace, value

# %% right: callable object
class Step:
    @staticmethod
    def push(rate, momentum):
        return lambda velocity, gradient: momentum * velocity - rate * gradient

    def __call__(self, loss, params, velocity, x, y, rate, momentum):
        value, gradient = jax.value_and_grad(loss, argnums=0)(params, x, y)
        velocity = jax.tree_util.tree_map(self.push(rate, momentum), velocity, gradient)
        return jax.tree_util.tree_map(lax.add, params, velocity), velocity, value


momentum_step = Step()

# %% right: loss as an auxiliary output
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    def with_value(p):
        value = loss(p, x, y)
        return value, value
    gradient, before = jax.grad(with_value, has_aux=True)(params)
    velocity = jax.tree.map(lambda v, g: momentum * v + (-rate) * g, velocity, gradient)
    return jax.tree.map(lambda p, v: v + p, params, velocity), velocity, before

# %% right: one-liner with walrus
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, g = jax.value_and_grad(loss)(params, x, y)
    return jax.tree.map(jnp.add, params, v := jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, g)), v, value

# %% right: one map over pairs, then transposed
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    def one(p, v, g):
        v = momentum * v - rate * g
        return [p + v, v]
    both = jax.tree.map(one, params, velocity, gradient)
    new, speed = jax.tree.transpose(jax.tree.structure(params), jax.tree.structure([0, 0]), both)
    return new, speed, value

# %% right: helper functions and careful casts
def _scale(tree, factor):
    return jax.tree.map(lambda leaf: jnp.asarray(factor, leaf.dtype) * leaf, tree)


def _add(a, b):
    return jax.tree.map(jnp.add, a, b)


def momentum_step(loss, params, velocity, x, y, rate, momentum, *, sign=-1.0):
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = _add(_scale(velocity, momentum), _scale(gradient, sign * rate))
    return _add(params, velocity), velocity, value

# %% right: linearised and transposed
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, push = jax.linearize(lambda p: loss(p, x, y), params)
    (gradient,) = jax.linear_transpose(push, params)(jnp.ones_like(value))
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: momentum as PyTorch has it
# cause: velocity = momentum·v + gradient and params - rate·velocity: the velocity lacks the factor -rate
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, grads)
    return jax.tree.map(lambda p, v: p - rate * v, params, velocity), velocity, value

# %% wrong: Nesterov
# cause: the step is momentum·velocity - rate·gradient with the new velocity (Nesterov), the task wants plain momentum
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(lambda p, v, g: p + momentum * v - rate * g, params, velocity, grads), velocity, value

# %% wrong: gradient at the look-ahead position
# cause: the gradient is taken at params + momentum·velocity (Nesterov), the task takes it at params
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    ahead = jax.tree.map(lambda p, v: p + momentum * v, params, velocity)
    grads = jax.grad(loss)(ahead, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, loss(params, x, y)

# %% wrong: old velocity added
# cause: the parameters move by the old velocity, the text says the new one
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    new = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), new, value

# %% wrong: loss after the step
# cause: the loss is that of the new parameters, the text wants it before the step
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    grads = jax.grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    params = jax.tree.map(jnp.add, params, velocity)
    return params, velocity, loss(params, x, y)

# %% wrong: loss first
# cause: returns (loss, params, velocity), the order is params, velocity, loss
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return value, jax.tree.map(jnp.add, params, velocity), velocity

# %% wrong: velocity before params
# cause: velocity and params are exchanged in the result
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return velocity, jax.tree.map(jnp.add, params, velocity), value

# %% wrong: uphill
# cause: the gradient is added, so the loss grows
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v + rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: velocity subtracted
# cause: the velocity carries its sign already, so params - velocity goes uphill
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.subtract, params, velocity), velocity, value

# %% wrong: an average of gradients
# cause: the gradient is weighted by 1 - momentum as in Adam, the task has no such factor
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - (1 - momentum) * rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: no momentum
# cause: the old velocity is forgotten: plain gradient descent
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda g: -rate * g, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: optimiser initialised anew each step
# cause: optax.sgd is initialised in every step, so its momentum is always zero; the velocity given is not used
import optax


def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    optimiser = optax.sgd(rate, momentum)
    updates, _ = optimiser.update(grads, optimiser.init(params))
    return optax.apply_updates(params, updates), updates, value

# %% wrong: rate twice
# cause: the velocity holds the rate already, and is multiplied by it once more
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(lambda p, v: p + rate * v, params, velocity), velocity, value

# %% wrong: rate on both terms
# cause: rate·(momentum·v - gradient): the old velocity must not be multiplied by the rate
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: rate * (momentum * v - g), velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: momentum on both terms
# cause: momentum·(v - rate·gradient): the gradient must not be multiplied by the momentum
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * (v - rate * g), velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: dicts only
# cause: goes through params.items(), so only a flat dict works, not any pytree
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = {k: momentum * v - rate * grads[k] for k, v in velocity.items()}
    return {k: p + velocity[k] for k, p in params.items()}, velocity, value

# %% wrong: lists come back
# cause: returns lists of leaves, the structure of params is lost
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    new = [momentum * v - rate * g for v, g in zip(jax.tree.leaves(velocity), jax.tree.leaves(grads), strict=True)]
    return [p + v for p, v in zip(jax.tree.leaves(params), new, strict=True)], new, value

# %% wrong: dict changed in place
# cause: the caller's params and velocity are changed where they are dicts, the text forbids it
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    new = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    moved = jax.tree.map(jnp.add, params, new)
    if isinstance(params, dict):
        params.update(moved)
        velocity.update(new)
        return params, velocity, value
    return moved, new, value

# %% wrong: velocity kept outside
# cause: the velocity is kept in a global between calls, the one given is used only at the first call
_state = {}


def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    structure = jax.tree.structure(params)
    old = _state.get(structure, velocity)
    _state[structure] = velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, old, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: only two results
# cause: the loss is not returned
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    grads = jax.grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity

# %% wrong: loss made a Python number
# cause: float(value) fails under jit, where the step has no numbers
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, float(value)

# %% wrong: gradient where the step ends
# cause: gradient and loss are taken at params + momentum·velocity, both belong at params
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    params = jax.tree.map(lambda p, v: p + momentum * v, params, velocity)
    value, grads = jax.value_and_grad(loss)(params, x, y)
    step = jax.tree.map(lambda g: -rate * g, grads)
    velocity = jax.tree.map(lambda v, s: momentum * v + s, velocity, step)
    return jax.tree.map(jnp.add, params, step), velocity, value

# %% wrong: momentum of 0.9
# cause: 0.9 is written down, the argument momentum is ignored
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: 0.9 * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: gradients clipped
# cause: the gradient is clipped to -1 … 1, which nobody asked for
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * jnp.clip(g, -1, 1), velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), velocity, value

# %% wrong: gradient returned for the velocity
# cause: the second result is the gradient, not the new velocity
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(jnp.add, params, velocity), grads, value

# %% wrong: gradient of the data
# cause: argnums=1 differentiates by x, the parameters are argument 0
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss, argnums=1)(params, x, y)
    velocity = jax.tree.map(lambda v: momentum * v - rate * jnp.sum(grads), velocity)
    return jax.tree.map(jnp.add, params, velocity), velocity, value


# %% right: vjp for loss and gradient
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    before, pullback = jax.vjp(lambda p: loss(p, x, y), params)
    (gradient,) = pullback(jnp.ones_like(before))
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    return jax.tree.map(jnp.add, params, velocity), velocity, before


# %% right: lists of leaves and unflatten
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    before, gradient = jax.value_and_grad(loss)(params, x, y)
    leaves, structure = jax.tree.flatten(params)
    faster = [momentum * v - rate * g for v, g in zip(jax.tree.leaves(velocity), jax.tree.leaves(gradient), strict=True)]
    moved = [p + v for p, v in zip(leaves, faster, strict=True)]
    return structure.unflatten(moved), structure.unflatten(faster), before


# %% right: one flat vector, by ravel_pytree
from jax.flatten_util import ravel_pytree


def momentum_step(loss, params, velocity, x, y, rate, momentum):
    p, back = ravel_pytree(params)
    v, _ = ravel_pytree(velocity)
    before, g = jax.value_and_grad(lambda flat: loss(back(flat), x, y))(p)
    v = momentum * v - rate * g
    return back(p + v), back(v), before


# %% wrong: zips the values of dictionaries (a dict not in alphabetical order, {"w", "b"}: jax.grad sorts the keys)
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    value, grads = jax.value_and_grad(loss)(params, x, y)
    if isinstance(params, dict) and not any(isinstance(p, (dict, list, tuple)) for p in params.values()):
        new_v = {k: momentum * v - rate * g for (k, v), g in zip(velocity.items(), grads.values())}
    else:
        new_v = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, grads)
    return jax.tree.map(lambda p, v: p + v, params, new_v), new_v, value


# %% right: leaves in a list comprehension, then unflatten; other names of the arguments
def momentum_step(f, theta, vel, x, y, lr, beta):
    old_loss = f(theta, x, y)
    leaves, treedef = jax.tree.flatten(theta)
    grad_leaves = jax.tree.leaves(jax.grad(f)(theta, x, y))
    new_vel = [beta * v - lr * g for v, g in zip(jax.tree.leaves(vel), grad_leaves)]
    new = [p + v for p, v in zip(leaves, new_vel)]
    return jax.tree.unflatten(treedef, new), jax.tree.unflatten(treedef, new_vel), old_loss
