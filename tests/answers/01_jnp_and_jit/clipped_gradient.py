# %% right: one example, min(1, bound/norm), vmap
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(g)))
        factor = jnp.where(norm > bound, bound / jnp.where(norm > bound, norm, 1.0), 1.0)
        return jax.tree.map(lambda leaf: leaf * factor, g)
    return jax.tree.map(lambda g: g.mean(axis=0), jax.vmap(one)(x, y))

# %% right: bound / maximum(norm, bound)
def clipped_gradient(loss, params, x, y, bound):
    def one(params, xi, yi):
        gradient = jax.grad(loss)(params, xi, yi)
        squares = jax.tree.map(lambda a: jnp.vdot(a, a), gradient)
        norm = jnp.sqrt(jax.tree.reduce(jnp.add, squares))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), gradient)
    clipped = jax.vmap(one, in_axes=(None, 0, 0))(params, x, y)
    return jax.tree.map(lambda a: jnp.mean(a, 0), clipped)

# %% right: batched gradients, norms over all axes but the first, einsum
def clipped_gradient(loss, params, x, y, bound):
    batch = x.shape[0]
    grads = jax.vmap(jax.grad(loss), (None, 0, 0))(params, x, y)
    norms = jnp.sqrt(sum(jnp.square(g).reshape(batch, -1).sum(1) for g in jax.tree.leaves(grads)))
    factors = jnp.minimum(1.0, bound / jnp.where(norms == 0, bound, norms))
    return jax.tree.map(lambda g: jnp.einsum("b,b...->...", factors, g) / batch, grads)

# %% right: one flat vector an example
from jax.flatten_util import ravel_pytree


def clipped_gradient(loss, params, x, y, bound):
    flat, unravel = ravel_pytree(params)
    rows = jax.vmap(lambda a, b: jax.grad(lambda p: loss(unravel(p), a, b))(flat))(x, y)
    norms = jnp.linalg.norm(rows, axis=1, keepdims=True)
    return unravel(jnp.mean(jnp.where(norms > bound, rows * (bound / jnp.maximum(norms, bound)), rows), axis=0))

# %% right: lax.scan that adds up
def clipped_gradient(loss, params, x, y, bound):
    def step(total, example):
        g = jax.grad(loss)(params, *example)
        norm = jnp.linalg.norm(jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(g)]))
        factor = jnp.where(norm > bound, bound / norm, 1.0)
        return jax.tree.map(lambda t, leaf: t + factor * leaf, total, g), None
    total, _ = lax.scan(step, jax.tree.map(jnp.zeros_like, params), (x, y))
    return jax.tree.map(lambda t: t / len(x), total)

# %% right: lax.map with lax.cond
def clipped_gradient(loss, params, x, y, bound):
    def one(example):
        g = jax.grad(loss)(params, *example)
        norm = jnp.sqrt(jax.tree.reduce(lambda s, leaf: s + jnp.sum(leaf * leaf), g, 0.0))
        shorten = lambda g: jax.tree.map(lambda leaf: leaf * (bound / norm), g)  # noqa: E731
        return lax.cond(norm > bound, shorten, lambda g: g, g)
    return jax.tree.map(lambda leaf: leaf.mean(0), lax.map(one, (x, y)))

# %% right: optax's norm
import optax


def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        return optax.tree.scale(bound / jnp.maximum(optax.global_norm(g), bound), g)
    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(one)(x, y))

# %% right: optax's clipping of one example under vmap
import optax


def clipped_gradient(loss, params, x, y, bound):
    clip = optax.clip_by_global_norm(bound)
    def one(x, y):
        return clip.update(jax.grad(loss)(params, x, y), optax.EmptyState())[0]
    return jax.tree.map(lambda leaf: leaf.mean(0), jax.vmap(one)(x, y))

# %% right: jacrev of the vector of losses
def clipped_gradient(loss, params, x, y, bound):
    losses = lambda p: jax.vmap(loss, (None, 0, 0))(p, x, y)  # noqa: E731
    rows = jax.jacrev(losses)(params)
    squares = jax.tree.map(lambda a: jnp.sum(a**2, axis=tuple(range(1, a.ndim))), rows)
    norm = jnp.sqrt(sum(jax.tree.leaves(squares)))
    factor = bound / jnp.maximum(norm, bound)
    return jax.tree.map(lambda a: jnp.tensordot(factor, a, 1) / x.shape[0], rows)

# %% right: norms first, then the gradient of the weighted mean of losses
def clipped_gradient(loss, params, x, y, bound):
    def norm(a, b):
        return jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(jax.grad(loss)(params, a, b))))
    weights = lax.stop_gradient(bound / jnp.maximum(jax.vmap(norm)(x, y), bound))
    return jax.grad(lambda p: jnp.mean(weights * jax.vmap(loss, (None, 0, 0))(p, x, y)))(params)

# %% right: jitted, the loss static, fori_loop
import functools


@functools.partial(jax.jit, static_argnames=("loss",))
def clipped_gradient(loss, params, x, y, bound):
    def body(i, total):
        g = jax.grad(loss)(params, x[i], y[i])
        norm = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(g)) ** 0.5
        return jax.tree.map(lambda t, leaf: t + leaf * jnp.minimum(1, bound / norm), total, g)
    total = lax.fori_loop(0, x.shape[0], body, jax.tree.map(jnp.zeros_like, params))
    return jax.tree.map(lambda t: t / x.shape[0], total)

# %% right: callable object
class Clipper:
    def norm(self, tree):
        return jnp.sqrt(sum(map(lambda leaf: jnp.sum(jnp.square(leaf)), jax.tree.leaves(tree))))

    def clip(self, tree, bound):
        n = self.norm(tree)
        scale = jnp.clip(bound / jnp.where(n > 0, n, jnp.inf), max=1.0)
        scale = jnp.where(n > 0, scale, 0.0)
        return jax.tree.map(lambda leaf: scale * leaf, tree)

    def __call__(self, loss, params, x, y, bound):
        clipped = jax.vmap(lambda a, b: self.clip(jax.grad(loss)(params, a, b), bound))(x, y)
        return jax.tree.map(lambda leaf: leaf.sum(0) / leaf.shape[0], clipped)


clipped_gradient = Clipper()

# %% right: vjp, leaves and unflatten, squared norms compared
def clipped_gradient(loss, params, x, y, bound):
    structure = jax.tree.structure(params)
    def one(a, b):
        value, back = jax.vjp(lambda p: loss(p, a, b), params)
        leaves = jax.tree.leaves(back(jnp.ones_like(value))[0])
        square = jnp.stack([jnp.sum(leaf * leaf) for leaf in leaves]).sum()
        long = square > jnp.float32(bound) ** 2
        return [jnp.where(long, leaf * bound * lax.rsqrt(jnp.where(long, square, 1.0)), leaf) for leaf in leaves]
    return structure.unflatten([leaf.mean(0) for leaf in jax.vmap(one)(x, y)])

# %% wrong: the mean clipped
# cause: the mean gradient is clipped, each example's gradient should be
def clipped_gradient(loss, params, x, y, bound):
    g = jax.tree.map(lambda a: a.mean(0), jax.vmap(jax.grad(loss), (None, 0, 0))(params, x, y))
    norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
    return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)

# %% wrong: one norm for the whole batch
# cause: the norm is taken over all examples together, and all are shortened by the same factor
def clipped_gradient(loss, params, x, y, bound):
    g = jax.vmap(jax.grad(loss), (None, 0, 0))(params, x, y)
    norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
    return jax.tree.map(lambda a: (a * bound / jnp.maximum(norm, bound)).mean(0), g)

# %% wrong: each leaf for itself
# cause: each leaf of the tree has its own norm, the norm is over ALL numbers of an example's gradient
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        return jax.tree.map(lambda a: a * bound / jnp.maximum(jnp.sqrt(jnp.sum(a**2)), bound), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: each number for itself
# cause: each number is clipped to ±bound, which changes the direction; the norm should be limited
def clipped_gradient(loss, params, x, y, bound):
    g = jax.vmap(jax.grad(loss), (None, 0, 0))(params, x, y)
    return jax.tree.map(lambda a: jnp.clip(a, -bound, bound).mean(0), g)

# %% wrong: sum for mean
# cause: the clipped gradients are added up, the mean is asked for
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.tree.map(lambda a: a.sum(0), jax.vmap(one)(x, y))

# %% wrong: square root forgotten
# cause: the sum of squares is compared with the bound, the square root is missing
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = sum(jnp.sum(a**2) for a in jax.tree.leaves(g))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: sum of absolute values
# cause: the norm is the sum of absolute values (L1), the text has the root of the sum of squares
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = sum(jnp.sum(jnp.abs(a)) for a in jax.tree.leaves(g))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: largest number as norm
# cause: the norm is the largest absolute value, the text has the root of the sum of squares
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.max(jnp.stack([jnp.max(jnp.abs(a)) for a in jax.tree.leaves(g)]))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: sum of the leaves' norms
# cause: the norms of the leaves are added up, their squares should be, before the root
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = sum(jnp.sqrt(jnp.sum(a**2)) for a in jax.tree.leaves(g))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: zero divided by zero
# cause: a gradient of zero is divided by its norm, 0/0 = NaN
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a / norm * jnp.minimum(norm, bound), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: always of length bound
# cause: short gradients are stretched to the bound, only long ones should be shortened
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a * jnp.where(norm > 0, bound / norm, 0), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: short ones stretched, long ones left
# cause: the comparison is the wrong way round, maximum where minimum belongs
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        factor = jnp.where(norm > 0, jnp.maximum(1.0, bound / jnp.where(norm > 0, norm, 1)), 1.0)
        return jax.tree.map(lambda a: a * factor, g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: divided by the norm only
# cause: long gradients become of length 1, the factor is bound / norm
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: jnp.where(norm > bound, a / norm, a), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: wild examples dropped
# cause: gradients longer than the bound are set to zero, they should be shortened
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: jnp.where(norm > bound, 0.0, a), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: mean not taken
# cause: the gradients of all examples are returned, the mean over them is missing
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.vmap(one)(x, y)

# %% wrong: mean of everything
# cause: mean() without axis=0 averages over the parameters too
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.tree.map(jnp.mean, jax.vmap(one)(x, y))

# %% wrong: flat vector returned
# cause: the result is one flat vector, a pytree like params is asked for
from jax.flatten_util import ravel_pytree


def clipped_gradient(loss, params, x, y, bound):
    rows = jax.vmap(lambda a, b: ravel_pytree(jax.grad(loss)(params, a, b))[0])(x, y)
    norms = jnp.linalg.norm(rows, axis=1, keepdims=True)
    return jnp.mean(rows * bound / jnp.maximum(norms, bound), axis=0)

# %% wrong: not clipped
# cause: the gradient of the mean loss, nothing is clipped
def clipped_gradient(loss, params, x, y, bound):
    return jax.grad(lambda p: jnp.mean(jax.vmap(loss, (None, 0, 0))(p, x, y)))(params)

# %% wrong: the loss clipped
# cause: each loss is clipped to the bound in place of its gradient
def clipped_gradient(loss, params, x, y, bound):
    return jax.grad(lambda p: jnp.mean(jnp.minimum(jax.vmap(loss, (None, 0, 0))(p, x, y), bound)))(params)

# %% wrong: loss called with the whole batch
# cause: loss is a function of one example, here it is handed the batch
def clipped_gradient(loss, params, x, y, bound):
    g = jax.grad(lambda p: jnp.mean(loss(p, x, y)))(params)
    norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
    return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)

# %% wrong: mean over the long ones
# cause: the sum is divided by the number of clipped gradients, not by the number of examples
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g), norm > bound
    g, long = jax.vmap(one)(x, y)
    return jax.tree.map(lambda a: a.sum(0) / jnp.maximum(long.sum(), 1), g)

# %% wrong: forty examples
# cause: divides by 40, the number of examples in the notebook's example
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.tree.map(lambda a: a.sum(0) / 40, jax.vmap(one)(x, y))

# %% wrong: bound of 1
# cause: the gradients are clipped to norm 1, `bound` is ignored
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a / jnp.maximum(norm, 1.0), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: root mean square
# cause: the norm is divided by the root of the number of parameters: mean for sum under the root
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(jnp.mean(jnp.concatenate([a.ravel() ** 2 for a in jax.tree.leaves(g)])))
        return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: one norm a leaf, from the batch
# cause: linalg.norm of a batched leaf runs over the batch too, and each leaf has its own
def clipped_gradient(loss, params, x, y, bound):
    g = jax.vmap(jax.grad(loss), (None, 0, 0))(params, x, y)
    return jax.tree.map(lambda a: (a * bound / jnp.maximum(jnp.linalg.norm(a.ravel()), bound)).mean(0), g)

# %% wrong: a Python if
# cause: `if norm > bound` asks for a value under vmap
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        if norm > bound:
            g = jax.tree.map(lambda a: a * bound / norm, g)
        return g
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: two parameters
# cause: takes params for a pair of scalars as in the notebook's example, any pytree is allowed
def clipped_gradient(loss, params, x, y, bound):
    a, b = jax.vmap(jax.grad(loss), (None, 0, 0))(params, x, y)
    factor = bound / jnp.maximum(jnp.sqrt(a**2 + b**2), bound)
    return (factor * a).mean(0), (factor * b).mean(0)

# %% wrong: a soft limit
# cause: bound / (norm + bound) shortens every gradient, those within the bound should stay as they are
def clipped_gradient(loss, params, x, y, bound):
    def one(x, y):
        g = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        return jax.tree.map(lambda a: a * bound / (norm + bound), g)
    return jax.tree.map(lambda a: a.mean(0), jax.vmap(one)(x, y))

# %% wrong: clipped sum divided by the batch
# cause: the sum over the examples is clipped to the bound and then divided, each gradient should be clipped
def clipped_gradient(loss, params, x, y, bound):
    g = jax.grad(lambda p: jnp.sum(jax.vmap(loss, (None, 0, 0))(p, x, y)))(params)
    norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
    return jax.tree.map(lambda a: a * bound / jnp.maximum(norm, bound) / x.shape[0], g)


# %% right: scan over the examples that adds up the clipped gradients
def clipped_gradient(loss, params, x, y, bound):
    def add(total, example):
        gradient = jax.grad(loss)(params, *example)
        norm = jnp.sqrt(sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(gradient)))
        factor = jnp.where(norm > bound, bound / jnp.where(norm > 0, norm, 1), 1)
        return jax.tree.map(lambda t, g: t + factor * g, total, gradient), None

    total, _ = lax.scan(add, jax.tree.map(jnp.zeros_like, params), (x, y))
    return jax.tree.map(lambda leaf: leaf / x.shape[0], total)


# %% right: one flat vector for each example, divided by max(1, norm / bound)
from jax.flatten_util import ravel_pytree


def clipped_gradient(loss, params, x, y, bound):
    flat, unravel = ravel_pytree(params)

    @jax.vmap
    def one(xi, yi):
        gradient = jax.grad(lambda w: loss(unravel(w), xi, yi))(flat)
        return gradient / jnp.maximum(1, jnp.linalg.norm(gradient) / bound)

    return unravel(one(x, y).mean(axis=0))


# %% wrong: PyTorch's norm + 1e-6 in the divisor (for a bound as small as 1e-6 or gradients of that size)
def clipped_gradient(loss, params, x, y, bound):
    def one(xi, yi):
        g = jax.grad(loss)(params, xi, yi)
        norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(g)))
        return jax.tree.map(lambda leaf: leaf * jnp.minimum(1.0, bound / (norm + 1e-6)), g)

    return jax.tree.map(lambda leaf: leaf.mean(axis=0), jax.vmap(one)(x, y))


# %% wrong: spectral norm of matrices, through ord=2 (for a leaf that is a matrix whose gradient has rank above 1)
def clipped_gradient(loss, params, x, y, bound):
    def one(xi, yi):
        g = jax.grad(loss)(params, xi, yi)
        norms = [jnp.linalg.norm(jnp.atleast_1d(leaf), 2) for leaf in jax.tree.leaves(g)]
        norm = jnp.sqrt(sum(n**2 for n in norms))
        factor = jnp.where(norm > bound, bound / jnp.maximum(norm, 1e-30), 1.0)
        return jax.tree.map(lambda leaf: leaf * factor, g)

    return jax.tree.map(lambda leaf: leaf.mean(axis=0), jax.vmap(one)(x, y))


# %% right: the Jacobian of the vector of losses, weights from einsum
def clipped_gradient(loss, params, x, y, bound):
    each = jax.jacrev(lambda p: jax.vmap(loss, (None, 0, 0))(p, x, y))(params)
    squares = sum(jnp.sum(g.reshape(len(x), -1) ** 2, axis=1) for g in jax.tree.leaves(each))
    weight = 1 / jnp.maximum(jnp.sqrt(squares) / bound, 1) / len(x)
    return jax.tree.map(lambda g: jnp.einsum("b,b...->...", weight, g), each)


# %% wrong: x is flattened to [B, -1] (examples that are matrices or scalars: the loss sees another shape)
def clipped_gradient(loss, params, x, y, bound):
    x = x.reshape(x.shape[0], -1) if x.ndim > 2 else x

    def one(xi, yi):
        g = jax.grad(loss)(params, xi, yi)
        norm = jnp.sqrt(sum(jnp.sum(a**2) for a in jax.tree.leaves(g)))
        factor = jnp.where(norm > bound, bound / norm, 1.0)
        return jax.tree.map(lambda a: a * factor, g)

    return jax.tree.map(lambda a: a.mean(axis=0), jax.vmap(one)(x, y))
