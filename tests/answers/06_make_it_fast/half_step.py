# %% right: cast inside the differentiated function
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% right: gradients by the copy, cast back
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda p: jnp.asarray(p, jnp.bfloat16), params)
    x = images.astype("bfloat16")
    value, grads = jax.value_and_grad(lambda p: jnp.mean(loss_fn(p, x, labels), dtype=jnp.float32))(half)
    grads = jax.tree.map(lambda g: g.astype(jnp.float32), grads)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% right: a helper for the cast
def cast(tree, dtype):
    return jax.tree.map(lambda leaf: leaf.astype(dtype), tree)


def half_step(loss_fn, params, images, labels, rate):
    def mean(params):
        losses = loss_fn(*cast((params, images), jnp.bfloat16), labels)
        return cast(losses, jnp.float32).mean()

    loss, gradient = jax.value_and_grad(mean)(params)
    return jax.tree.map(lambda w, g: w - rate * cast(g, jnp.float32), params, gradient), loss


# %% right: vjp
def half_step(loss_fn, params, images, labels, rate):
    def losses(params):
        halves = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(halves, images.astype(jnp.bfloat16), labels).astype(jnp.float32)

    each, back = jax.vjp(losses, params)
    (grads,) = back(jnp.full(each.shape, 1 / len(each), jnp.float32))
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), each.mean()


# %% right: optax
import optax


def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        low = optax.tree_utils.tree_cast(params, jnp.bfloat16)
        return jnp.float32(loss_fn(low, images.astype(jnp.bfloat16), labels)).mean()

    value, grads = jax.value_and_grad(loss)(params)
    sgd = optax.sgd(rate)
    updates, _ = sgd.update(grads, sgd.init(params))
    return optax.apply_updates(params, updates), value


# %% right: flattened
def half_step(loss_fn, params, images, labels, rate):
    leaves, tree = jax.tree.flatten(params)
    images = images.astype(jnp.bfloat16)

    def loss(leaves):
        halves = tree.unflatten([leaf.astype(jnp.bfloat16) for leaf in leaves])
        return loss_fn(halves, images, labels).astype(jnp.float32).sum() / len(images)

    value, gradients = jax.value_and_grad(loss)(leaves)
    return tree.unflatten([leaf - rate * gradient for leaf, gradient in zip(leaves, gradients)]), value


# %% right: jitted
@partial(jax.jit, static_argnums=0)
def half_step(loss_fn, params, images, labels, rate):
    def loss(p):
        p = jax.tree.map(lambda a: lax.convert_element_type(a, jnp.bfloat16), p)
        out = loss_fn(p, lax.convert_element_type(images, jnp.bfloat16), labels)
        return jnp.mean(lax.convert_element_type(out, jnp.float32))

    l, g = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, g), l


# %% right: ravelled
from jax.flatten_util import ravel_pytree


def half_step(loss_fn, params, images, labels, rate):
    flat, unravel = ravel_pytree(params)

    def loss(flat):
        halves = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), unravel(flat))
        return loss_fn(halves, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, gradient = jax.value_and_grad(loss)(flat)
    return unravel(flat - rate * gradient), value


# %% right: loss and gradient separately
def half_step(loss_fn, params, images, labels, rate):
    def loss(params, images):
        halves = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        losses = loss_fn(halves, images, labels)
        return losses.astype(jnp.float32).mean()

    x = images.astype(jnp.bfloat16)
    gradients = jax.grad(loss, argnums=0)(params, x)
    return jax.tree.map(lambda p, g: jnp.subtract(p, jnp.float32(rate) * g), params, gradients), loss(params, x)


# %% right: losses along as aux
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        halves = jax.tree_util.tree_map(lambda p: p.astype(jnp.bfloat16), params)
        losses = loss_fn(halves, images.astype(jnp.bfloat16), labels).astype(jnp.float32)
        return losses.mean(), losses

    gradients, losses = jax.grad(loss, has_aux=True)(params)
    return jax.tree.map(lambda p, g: p + (-rate) * g, params, gradients), jnp.mean(losses)


# %% wrong: weights stay in bfloat16
# cause: the new weights are bfloat16, and small steps are lost
def half_step(loss_fn, params, images, labels, rate):
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)

    def loss(params):
        return loss_fn(params, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: updated in bfloat16, then cast
# cause: the update is computed in bfloat16; casting the result to float32 does not bring the digits back
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)

    def loss(half):
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(half)
    new = jax.tree.map(lambda p, g: p - rate * g, half, grads)
    return jax.tree.map(lambda p: p.astype(jnp.float32), new), value


# %% wrong: starts from the rounded weights
# cause: the float32 step is taken from the rounded copy, not from the float32 weights
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)

    def loss(half):
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(half)
    return jax.tree.map(lambda p, g: p.astype(jnp.float32) - rate * g.astype(jnp.float32), half, grads), value


# %% wrong: the pictures stay in float32
# cause: float32 pictures times bfloat16 weights are computed in float32
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images, labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: the weights are not rounded
# cause: only the pictures are cast
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        return loss_fn(params, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: all in float32
# cause: nothing is computed in bfloat16
def half_step(loss_fn, params, images, labels, rate):
    value, grads = jax.value_and_grad(lambda p: loss_fn(p, images, labels).mean())(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: the labels are cast too
# cause: labels as bfloat16 are rounded
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        losses = loss_fn(half, images.astype(jnp.bfloat16), labels.astype(jnp.bfloat16))
        return losses.astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: float16
# cause: float16 is another format than bfloat16
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.float16), params)
        return loss_fn(half, images.astype(jnp.float16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: the mean in bfloat16
# cause: the mean is taken in bfloat16 and rounded, then cast
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).mean().astype(jnp.float32)

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: the loss is bfloat16
# cause: the loss that is returned is bfloat16
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: the sum
# cause: the sum of the losses in place of their mean
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).sum()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: uphill
# cause: the gradient is added
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p + rate * g, params, grads), value


# %% wrong: the loss after the step
# cause: the loss is computed with the new weights
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    grads = jax.grad(loss)(params)
    new = jax.tree.map(lambda p, g: p - rate * g, params, grads)
    return new, loss(new)


# %% wrong: the loss first
# cause: the order of the results
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return value, jax.tree.map(lambda p, g: p - rate * g, params, grads)


# %% wrong: the gradients in place of the weights
# cause: gradients are returned, no step is taken
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return grads, value


# %% wrong: no rate
# cause: the rate plays no part
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - g, params, grads), value


# %% wrong: rounded at the end
# cause: the losses alone are rounded to bfloat16, the computation is float32
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        return loss_fn(params, images, labels).astype(jnp.bfloat16).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: rounded and back
# cause: rounded to bfloat16 and cast back to float32, so that all is computed in float32
def half_step(loss_fn, params, images, labels, rate):
    def rounded(leaf):
        return leaf.astype(jnp.bfloat16).astype(jnp.float32)

    def loss(params):
        return loss_fn(jax.tree.map(rounded, params), rounded(images), labels).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: astype without its result
# cause: astype returns a new array, which is thrown away
def half_step(loss_fn, params, images, labels, rate):
    images.astype(jnp.bfloat16)
    jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
    value, grads = jax.value_and_grad(lambda p: loss_fn(p, images, labels).astype(jnp.float32).mean())(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: only the kernels are rounded
# cause: leaves of one axis (biases) stay in float32
def half_step(loss_fn, params, images, labels, rate):
    def loss(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16) if p.ndim > 1 else p, params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value


# %% wrong: the losses of all examples
# cause: the losses, not their mean, are returned
def half_step(loss_fn, params, images, labels, rate):
    def losses(params):
        half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32)

    grads = jax.grad(lambda p: losses(p).mean())(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), losses(params)
