# %% right: cast inside the loss, value_and_grad by the float32 weights
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% right: gradient by the copy, then cast
def half_step(loss_fn, params, images, labels, rate):
    to = lambda dtype: partial(jax.tree.map, partial(jnp.asarray, dtype=dtype))
    half = to(jnp.bfloat16)(params)
    loss, gradients = jax.value_and_grad(
        lambda p: jnp.mean(loss_fn(p, jnp.asarray(images, jnp.bfloat16), labels), dtype=jnp.float32)
    )(half)
    gradients = to(jnp.float32)(gradients)
    new = jax.tree.map(lambda w, g: w - rate * g, params, gradients)
    return new, loss


# %% right: vjp of the losses
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda leaf: lax.convert_element_type(leaf, jnp.bfloat16), params)
    losses, back = jax.vjp(lambda half: loss_fn(half, images.astype("bfloat16"), labels), half)
    (gradients,) = back(jnp.full_like(losses, 1 / losses.size))
    new = jax.tree.map(lambda leaf, g: leaf - rate * g.astype(leaf.dtype), params, gradients)
    return new, losses.astype(jnp.float32).mean()


# %% right: leaves in a loop, jit inside
def half_step(loss_fn, params, images, labels, rate):
    @jax.jit
    def run(params, images, labels):
        leaves, form = jax.tree.flatten(params)

        def loss_of(leaves):
            halves = [leaf.astype(jnp.bfloat16) for leaf in leaves]
            losses = loss_fn(jax.tree.unflatten(form, halves), images.astype(jnp.bfloat16), labels)
            return losses.astype(jnp.float32).sum() / losses.shape[0]

        loss, gradients = jax.value_and_grad(loss_of)(leaves)
        new = []
        for leaf, gradient in zip(leaves, gradients):
            new.append(leaf - rate * gradient)
        return jax.tree.unflatten(form, new), loss

    return run(params, images, labels)


# %% right: optax
import optax


def half_step(loss_fn, params, images, labels, rate):
    def forward(master):
        half = optax.tree_utils.tree_cast(master, jnp.bfloat16)
        losses = loss_fn(half, images.astype(jnp.bfloat16), labels)
        return jnp.mean(losses.astype(jnp.float32))

    loss, grads = jax.value_and_grad(forward)(params)
    optimiser = optax.sgd(rate)
    updates, _ = optimiser.update(grads, optimiser.init(params), params)
    return optax.apply_updates(params, updates), loss


# %% right: aux losses, ravelled
from jax.flatten_util import ravel_pytree


def half_step(loss_fn, params, images, labels, rate):
    flat, back = ravel_pytree(params)

    def mean_of(flat):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), back(flat))
        losses = loss_fn(half, images.astype(jnp.bfloat16), labels)
        return jnp.mean(losses.astype(jnp.float32)), losses

    gradient, losses = jax.grad(mean_of, has_aux=True)(flat)
    return back(flat - rate * gradient), losses.astype(jnp.float32).mean()


# %% wrong: all in float32
def half_step(loss_fn, params, images, labels, rate):
    loss, gradients = jax.value_and_grad(lambda p: loss_fn(p, images, labels).mean())(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: the update in bfloat16
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    loss, gradients = jax.value_and_grad(
        lambda p: loss_fn(p, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()
    )(half)
    return jax.tree.map(lambda p, g: (p - rate * g).astype(jnp.float32), half, gradients), loss


# %% wrong: the mean in bfloat16, then cast
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).mean().astype(jnp.float32)

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: the labels cast, too
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half, x, y = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), (params, images, labels))
        return loss_fn(half, x, y).astype(jnp.float32).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: the images stay in float32
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        return loss_fn(half, images, labels).astype(jnp.float32).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: the weights stay in float32
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        return loss_fn(params, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: uphill
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf + rate * gradient, params, gradients), loss


# %% wrong: the loss after the step
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    new = jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, jax.grad(mean_loss)(params))
    return new, mean_loss(new)


# %% wrong: the sum
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).sum()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: float16
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.float16), params)
        return loss_fn(half, images.astype(jnp.float16), labels).astype(jnp.float32).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: rate times gradient in bfloat16
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    loss, gradients = jax.value_and_grad(
        lambda p: loss_fn(p, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()
    )(half)
    return jax.tree.map(lambda p, g: p - rate * g, params, gradients), loss


# %% wrong: the rounded weights are updated, in float32
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    loss, gradients = jax.value_and_grad(
        lambda p: loss_fn(p, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()
    )(half)
    return jax.tree.map(lambda p, g: p.astype(jnp.float32) - rate * g.astype(jnp.float32), half, gradients), loss


# %% wrong: loss first
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return loss, jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients)


# %% wrong: weights returned in bfloat16
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    loss, gradients = jax.value_and_grad(
        lambda p: loss_fn(p, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()
    )(half)
    return jax.tree.map(lambda p, g: p - rate * g, half, gradients), loss


# %% wrong: the losses' mean with bfloat16 left as it is
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
        return loss_fn(half, images.astype(jnp.bfloat16), labels).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: gradient in float32, only the reported loss in bfloat16
def half_step(loss_fn, params, images, labels, rate):
    gradients = jax.grad(lambda p: loss_fn(p, images, labels).mean())(params)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    loss = loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: rounded values, computed in float32
def half_step(loss_fn, params, images, labels, rate):
    def rounded(tree):
        return jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16).astype(jnp.float32), tree)

    def mean_loss(params):
        return loss_fn(rounded(params), rounded(images), labels).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% wrong: no update
def half_step(loss_fn, params, images, labels, rate):
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    loss = loss_fn(half, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()
    return params, loss


# %% wrong: the rate in bfloat16
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    loss, g = jax.value_and_grad(lambda p: loss_fn(half(p), half(images), labels).astype(jnp.float32).mean())(params)
    rate = jnp.bfloat16(rate)
    return jax.tree.map(lambda p, g: p - rate * g, params, g), loss


# %% wrong: divided by the batch twice
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    loss, g = jax.value_and_grad(lambda p: loss_fn(half(p), half(images), labels).astype(jnp.float32).mean())(params)
    return jax.tree.map(lambda p, g: p - rate * g / len(labels), params, g), loss


# %% wrong: the loss as the losses
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    losses = loss_fn(half(params), half(images), labels).astype(jnp.float32)
    g = jax.grad(lambda p: loss_fn(half(p), half(images), labels).astype(jnp.float32).mean())(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, g), losses


# %% wrong: gradients returned, not weights
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    loss, g = jax.value_and_grad(lambda p: loss_fn(half(p), half(images), labels).astype(jnp.float32).mean())(params)
    return g, loss


# %% wrong: the new weights rounded
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    loss, g = jax.value_and_grad(lambda p: loss_fn(half(p), half(images), labels).astype(jnp.float32).mean())(params)
    return jax.tree.map(lambda p, g: (p - rate * g).astype(jnp.bfloat16).astype(jnp.float32), params, g), loss


# %% wrong: stop_gradient on the copy
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    loss, g = jax.value_and_grad(lambda p: loss_fn(lax.stop_gradient(half(p)), half(images), labels).astype(jnp.float32).mean())(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, g), loss


# %% wrong: the gradient scaled and not scaled back
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    f = lambda p: 1024 * loss_fn(half(p), half(images), labels).astype(jnp.float32).mean()
    loss, g = jax.value_and_grad(f)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, g), loss / 1024


# %% wrong: the gradient by a sum in bfloat16, then divided
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    def f(p):
        losses = loss_fn(half(p), half(images), labels)
        return losses.sum() / len(losses)
    loss, g = jax.value_and_grad(f)(params)
    return jax.tree.map(lambda p, g: p - rate * g.astype(jnp.float32), params, g), loss.astype(jnp.float32)


# %% wrong: params['w'] only
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    loss, g = jax.value_and_grad(lambda p: loss_fn(half(p), half(images), labels).astype(jnp.float32).mean())(params)
    return {"w": params["w"] - rate * g["w"]}, loss


# %% right: scaled and back by a power of two
def half_step(loss_fn, params, images, labels, rate):
    half = lambda tree: jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tree)
    f = lambda p: 1024 * jnp.mean(loss_fn(p, half(images), labels), dtype=jnp.float32)
    loss, g = jax.value_and_grad(f)(half(params))
    return jax.tree.map(lambda p, g: p - rate * (g.astype(p.dtype) / 1024), params, g), loss / 1024


# %% right: ravelled
from jax.flatten_util import ravel_pytree


def half_step(loss_fn, params, images, labels, rate):
    flat, unravel = ravel_pytree(params)

    def loss(flat):
        halves = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), unravel(flat))
        return loss_fn(halves, images.astype(jnp.bfloat16), labels).astype(jnp.float32).mean()

    value, gradient = jax.value_and_grad(loss)(flat)
    return unravel(flat - rate * gradient), value


# %% right: vjp
def half_step(loss_fn, params, images, labels, rate):
    def losses(params):
        halves = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        return loss_fn(halves, images.astype(jnp.bfloat16), labels).astype(jnp.float32)

    each, back = jax.vjp(losses, params)
    (grads,) = back(jnp.full(each.shape, 1 / len(each), jnp.float32))
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), each.mean()


# %% right: jitted
@partial(jax.jit, static_argnums=0)
def half_step(loss_fn, params, images, labels, rate):
    def loss(p):
        p = jax.tree.map(lambda a: lax.convert_element_type(a, jnp.bfloat16), p)
        out = loss_fn(p, lax.convert_element_type(images, jnp.bfloat16), labels)
        return jnp.mean(lax.convert_element_type(out, jnp.float32))

    l, g = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, g), l


# %% right: loss and gradient separately
def half_step(loss_fn, params, images, labels, rate):
    def loss(params, images):
        halves = jax.tree.map(lambda p: p.astype(jnp.bfloat16), params)
        losses = loss_fn(halves, images, labels)
        return losses.astype(jnp.float32).mean()

    x = images.astype(jnp.bfloat16)
    gradients = jax.grad(loss, argnums=0)(params, x)
    return jax.tree.map(lambda p, g: jnp.subtract(p, jnp.float32(rate) * g), params, gradients), loss(params, x)


# %% right: a helper for the cast
def cast(tree, dtype):
    return jax.tree.map(lambda leaf: leaf.astype(dtype), tree)


def half_step(loss_fn, params, images, labels, rate):
    def mean(params):
        losses = loss_fn(*cast((params, images), jnp.bfloat16), labels)
        return cast(losses, jnp.float32).mean()

    loss, gradient = jax.value_and_grad(mean)(params)
    return jax.tree.map(lambda w, g: w - rate * cast(g, jnp.float32), params, gradient), loss


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

# %% wrong: the labels by way of bfloat16
# cause: all is cast, and the labels back to int32: those above 256 are rounded by then
def half_step(loss_fn, params, images, labels, rate):
    half, pictures, targets = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), (params, images, labels))
    targets = targets.astype(jnp.int32)
    loss, gradients = jax.value_and_grad(lambda h: loss_fn(h, pictures, targets).astype(jnp.float32).mean())(half)
    return jax.tree.map(lambda p, g: p - rate * g.astype(jnp.float32), params, gradients), loss


# %% right: differentiates through the conversion, by the float32 weights
def half_step(loss_fn, params, images, labels, rate):
    def to_half(tree):
        return jax.tree.map(partial(lax.convert_element_type, new_dtype=jnp.bfloat16), tree)

    @jax.value_and_grad
    def mean_loss(params):
        return jnp.mean(loss_fn(to_half(params), to_half(images), labels), dtype=jnp.float32)

    loss, gradients = mean_loss(params)
    return jax.tree.map(lambda leaf, gradient: leaf - rate * gradient, params, gradients), loss


# %% right: jax.vjp by the bfloat16 copy, flattened trees
def half_step(loss_fn, params, images, labels, rate):
    leaves, structure = jax.tree.flatten(params)
    half_images = images.astype(jnp.bfloat16)

    def mean_loss(*halves):
        losses = loss_fn(structure.unflatten(halves), half_images, labels)
        return losses.astype(jnp.float32).sum() / losses.size

    loss, pull = jax.vjp(mean_loss, *(leaf.astype(jnp.bfloat16) for leaf in leaves))
    rate = jnp.float32(rate)
    new = [leaf - rate * half.astype(jnp.float32) for leaf, half in zip(leaves, pull(jnp.float32(1)), strict=True)]
    return structure.unflatten(new), loss


# %% right: the conversion inside the differentiated function, so its own gradient brings float32 back; a dot for the mean
def half_step(loss_fn, params, images, labels, rate):
    def mean_loss(params):
        as_half = partial(lax.convert_element_type, new_dtype=jnp.bfloat16)
        losses = loss_fn(jax.tree.map(as_half, params), as_half(images), labels)
        return jnp.sum(lax.convert_element_type(losses, jnp.float32)) / losses.shape[0]

    loss, pull = jax.vjp(mean_loss, params)
    leaves, structure = jax.tree.flatten(params)
    moves = jax.tree.leaves(pull(jnp.float32(1))[0])
    return structure.unflatten([leaf + -rate * move for leaf, move in zip(leaves, moves, strict=True)]), loss
