# %% right: lax.scan with sums in the carry
def accumulated_gradients(loss_fn, params, batch, parts):
    batch = jax.tree.map(lambda a: a.reshape(parts, -1, *a.shape[1:]), batch)
    def body(carry, part):
        loss, gradients = jax.value_and_grad(loss_fn)(params, part)
        return (carry[0] + loss, jax.tree.map(jnp.add, carry[1], gradients)), None
    start = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, start, batch)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% right: sum of the pair as one tree
def accumulated_gradients(loss_fn, params, batch, parts):
    def cut(leaf):
        return leaf.reshape((parts, leaf.shape[0] // parts) + leaf.shape[1:])
    step = jax.value_and_grad(loss_fn)
    zero = (jnp.zeros((), jnp.float32), jax.tree.map(jnp.zeros_like, params))
    total, _ = jax.lax.scan(lambda t, part: (jax.tree.map(jnp.add, t, step(params, part)), None), zero,
                            jax.tree.map(cut, batch))
    return jax.tree.map(lambda a: a / parts, total)

# %% right: fori_loop and dynamic slices
def accumulated_gradients(loss_fn, params, batch, parts):
    size = len(jax.tree.leaves(batch)[0]) // parts
    def body(i, total):
        part = jax.tree.map(lambda a: lax.dynamic_slice_in_dim(a, i * size, size), batch)
        return jax.tree.map(lambda t, new: t + new / parts, total, jax.value_and_grad(loss_fn)(params, part))
    return lax.fori_loop(0, parts, body, (jnp.float32(0), jax.tree.map(jnp.zeros_like, params)))

# %% right: lax.map, then the mean of what came out
def accumulated_gradients(loss_fn, params, batch, parts):
    pieces = jax.tree.map(lambda a: jnp.stack(jnp.split(jnp.asarray(a), parts)), batch)
    losses, gradients = lax.map(lambda part: jax.value_and_grad(loss_fn)(params, part), pieces)
    return losses.mean(), jax.tree.map(lambda g: g.mean(axis=0), gradients)

# %% right: running mean in the carry
def accumulated_gradients(loss_fn, params, batch, parts):
    grad = jax.value_and_grad(loss_fn)
    def body(carry, part):
        count, mean = carry
        mean = jax.tree.map(lambda old, new: old + (new - old) / (count + 1), mean, grad(params, part))
        return (count + 1, mean), None
    like = jax.tree.map(jnp.zeros_like, (jnp.float32(0), params))
    split = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    (_, (loss, gradients)), _ = lax.scan(body, (jnp.float32(0), like), split)
    return loss, gradients

# %% right: first part outside the scan
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: jnp.reshape(a, (parts, a.shape[0] // parts, *a.shape[1:])), batch)
    first, rest = jax.tree.map(lambda a: a[0], cut), jax.tree.map(lambda a: a[1:], cut)
    one = partial(jax.value_and_grad(loss_fn), params)
    total, _ = lax.scan(lambda t, part: (jax.tree.map(lax.add, t, one(part)), None), one(first), rest)
    loss, gradients = total
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% right: every parts-th example, indices scanned
def accumulated_gradients(loss_fn, params, batch, parts):
    count = jax.tree.leaves(batch)[0].shape[0]
    def body(total, index):
        part = jax.tree.map(lambda a: jnp.asarray(a)[index], batch)
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(lambda a, b: a + b, total, new), None
    indices = jnp.arange(count).reshape(count // parts, parts).T
    total, _ = lax.scan(body, (jnp.float32(0.0), jax.tree.map(jnp.zeros_like, params)), indices)
    return tuple(jax.tree.map(lambda a: a / parts, total))

# %% right: jitted, function and parts static
@partial(jax.jit, static_argnums=(0, 3))
def accumulated_gradients(loss_fn, params, batch, parts):
    (b, *_) = {leaf.shape[0] for leaf in jax.tree.leaves(batch)}
    chunks = jax.tree.map(lambda leaf: leaf.reshape(parts, b // parts, *leaf.shape[1:]), batch)
    def accumulate(carry, chunk):
        loss_sum, grad_sum = carry
        loss, grad = jax.value_and_grad(loss_fn)(params, chunk)
        return (loss_sum + loss, jax.tree.map(lambda s, g: s + g, grad_sum, grad)), loss
    (_, grad_sum), losses = lax.scan(accumulate, (0.0, jax.tree.map(jnp.zeros_like, params)), chunks)
    return jnp.mean(losses), jax.tree.map(lambda g: g / parts, grad_sum)

# %% right: optax.tree for the arithmetic
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        loss, gradients = jax.value_and_grad(loss_fn)(params, part)
        return optax.tree.add(total, gradients), loss
    total, losses = lax.scan(body, optax.tree.zeros_like(params), cut)
    return losses.sum() / parts, optax.tree.scale(1 / parts, total)

# %% right: gradient of a rematerialised mean over lax.map
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def whole(params):
        return lax.map(jax.checkpoint(partial(loss_fn, params)), cut).mean()
    return jax.value_and_grad(whole)(params)

# %% right: while_loop with an own tuple of state
class _Sums(NamedTuple):
    number: Any
    loss: Any
    gradients: Any

def accumulated_gradients(loss_fn, params, batch, parts):
    size = jax.tree.leaves(batch)[0].shape[0] // parts
    def body(s):
        part = jax.tree.map(lambda a: lax.dynamic_slice_in_dim(jnp.asarray(a), s.number * size, size, axis=0), batch)
        loss, gradients = jax.value_and_grad(loss_fn)(params, part)
        return _Sums(s.number + 1, s.loss + loss, jax.tree.map(jnp.add, s.gradients, gradients))
    start = _Sums(jnp.int32(0), jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    end = lax.while_loop(lambda s: s.number < parts, body, start)
    return end.loss / parts, jax.tree.map(lambda g: g / parts, end.gradients)

# %% right: vjp with a cotangent of 1/parts, leaves in a list
def accumulated_gradients(loss_fn, params, batch, parts):
    leaves, structure = jax.tree.flatten(batch)
    leaves = [jnp.stack(jnp.array_split(jnp.asarray(leaf), parts)) for leaf in leaves]
    def body(sums, part):
        loss, back = jax.vjp(lambda p: loss_fn(p, jax.tree.unflatten(structure, part)), params)
        (gradients,) = back(jnp.full_like(loss, 1 / parts))
        return jax.tree.map(jnp.add, sums, (loss / parts, gradients)), ()
    (loss, gradients), () = lax.scan(body, (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params)), leaves)
    return loss, gradients

# %% wrong: gradients not averaged
# cause: the gradients are summed but not divided by the number of parts
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, gradients

# %% wrong: loss not averaged
# cause: the loss is the sum of the parts' losses, not divided by their number
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: nothing averaged
# cause: sums come back: neither loss nor gradient is divided by the number of parts
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss, gradients

# %% wrong: divided by the examples
# cause: the sums of means are divided by the number of examples instead of the number of parts
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    B = len(jax.tree.leaves(batch)[0])
    return loss / B, jax.tree.map(lambda g: g / B, gradients)

# %% wrong: parts as the size of a part
# cause: `parts` is taken for the size of a part: the batch is cut into B / parts pieces
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(a.shape[0] // parts, parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: only the last part's gradient
# cause: each part's gradient replaces the sum instead of being added to it
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return (total[0] + new[0], new[1]), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, gradients

# %% wrong: only the first part
# cause: only the first part is looked at
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = body(zero, jax.tree.map(lambda a: a[0], cut))
    return loss, gradients

# %% wrong: the last part left out
# cause: the loop ends one part too early
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, jax.tree.map(lambda a: a[:-1], cut))
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: first part counted twice
# cause: the sum starts with the first part's gradient and the scan adds that part again
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = jax.value_and_grad(loss_fn)(params, jax.tree.map(lambda a: a[0], cut))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: examples flattened
# cause: the reshape flattens the examples' own axes: each example becomes one row of numbers
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, -1), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: gradient first
# cause: the gradient is returned first and the loss second
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return jax.tree.map(lambda g: g / parts, gradients), loss / parts

# %% wrong: weights moved between the parts
# cause: the weights take a step after each part, so the later gradients are of other weights
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(carry, part):
        total, weights = carry
        new = jax.value_and_grad(loss_fn)(weights, part)
        weights = jax.tree.map(lambda w, g: w - 0.1 * g, weights, new[1])
        return (jax.tree.map(jnp.add, total, new), weights), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    ((loss, gradients), _), _ = lax.scan(body, (zero, params), cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: a loss for each part
# cause: the losses of all parts come back, an array [parts], not their mean
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), new[0]
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (_, gradients), losses = lax.scan(body, zero, cut)
    return losses, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: gradients stacked
# cause: the parts' gradients come back stacked along a new axis, not averaged
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    loss, gradients = lax.map(lambda part: jax.value_and_grad(loss_fn)(params, part), cut)
    return loss.mean(), gradients

# %% wrong: divided twice
# cause: each part's gradient is divided by the number of parts, and the sum again
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(lambda t, n: t + n / parts, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: half of old and new
# cause: (old + new) / 2 in each step is no mean: the last parts count most
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(lambda t, n: (t + n) / 2, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss, gradients

# %% wrong: windows that overlap
# cause: the part starts at i instead of i · size, so the parts overlap
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    size = len(jax.tree.leaves(batch)[0]) // parts
    part = lambda i: jax.tree.map(lambda a: lax.dynamic_slice_in_dim(a, i, size), batch)
    loss, gradients = lax.fori_loop(0, parts, lambda i, total: body(total, part(i))[0], zero)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: leaves cut differently
# cause: the first array is cut into blocks, the others into every parts-th: examples and targets do not match
def accumulated_gradients(loss_fn, params, batch, parts):
    first, *rest = jax.tree.leaves(batch)
    block = first.reshape(parts, first.shape[0] // parts, *first.shape[1:])
    others = [a.reshape(a.shape[0] // parts, parts, *a.shape[1:]).swapaxes(0, 1) for a in rest]
    cut = jax.tree.unflatten(jax.tree.structure(batch), [block, *others])
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: only pairs
# cause: the batch is unpacked as a pair (x, y), while any tree is allowed
def accumulated_gradients(loss_fn, params, batch, parts):
    x, y = batch
    cut = tuple(a.reshape(parts, a.shape[0] // parts, *a.shape[1:]) for a in (x, y))
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: gradient of the loss only up to its sign
# cause: the gradient's absolute value is added up, so parts cannot cancel
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(lambda t, n: t + abs(n), total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: largest loss
# cause: the loss is the largest of the parts' losses instead of the mean
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return (jnp.maximum(total[0], new[0]), jax.tree.map(jnp.add, total[1], new[1])), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: each part's gradient normalised
# cause: each part's gradient is brought to norm 1 before it is added
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        norm = optax.global_norm(new[1])
        new = (new[0], jax.tree.map(lambda g: g / norm, new[1]))
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: whole batch in each part
# cause: the whole batch, not the part, goes into the loss, and only the loss is of the parts
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        new = (new[0], jax.grad(lambda p: loss_fn(p, batch) * parts)(params))
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: sums in float16
# cause: the sums are kept in float16, so they lose digits and come back with that dtype
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(lambda t, n: t + n.astype(jnp.float16), total, new), None
    zero = (jnp.float16(0), jax.tree.map(lambda p: jnp.zeros(p.shape, jnp.float16), params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: gradients in one vector
# cause: the gradient is one long vector instead of a tree like the parameters
import jax.flatten_util

def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.flatten_util.ravel_pytree(gradients)[0] / parts

# %% wrong: a list of leaves
# cause: the gradient is a list of leaves instead of a tree like the parameters
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, [g / parts for g in jax.tree.leaves(gradients)]

# %% wrong: carry of whole numbers
# cause: the loss starts as the Python int 0, an int32 in the carry, which the float sum does not fit
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.int32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: g / parts, gradients)

# %% wrong: sum over the leaves' first axis
# cause: the gradient is averaged over its own first axis, so a leaf loses an axis
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda a: a.reshape(parts, a.shape[0] // parts, *a.shape[1:]), batch)
    def body(total, part):
        new = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, new), None
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    (loss, gradients), _ = lax.scan(body, zero, cut)
    return loss / parts, jax.tree.map(lambda g: (g / parts).mean(axis=0) if g.ndim else g / parts, gradients)


# %% right: lax.fori_loop with dynamic slices
def accumulated_gradients(loss_fn, params, batch, parts):
    (count,) = {leaf.shape[0] for leaf in jax.tree.leaves(batch)}
    assert count % parts == 0
    size = count // parts

    def add(number, sums):
        part = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, number * size, size), batch)
        return jax.tree.map(jnp.add, sums, jax.value_and_grad(loss_fn)(params, part))

    sums = lax.fori_loop(0, parts, add, (jnp.float32(0), jax.tree.map(jnp.zeros_like, params)))
    return jax.tree.map(lambda leaf: leaf / parts, sums)


# %% right: interleaved parts, scan, start values from jax.eval_shape
def accumulated_gradients(loss_fn, params, batch, parts):
    both = jax.value_and_grad(loss_fn)

    def split(leaf):
        return jnp.swapaxes(leaf.reshape(leaf.shape[0] // parts, parts, *leaf.shape[1:]), 0, 1)

    batches = jax.tree.map(split, batch)
    shapes = jax.eval_shape(both, params, jax.tree.map(lambda leaf: leaf[0], batches))
    nothing = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)

    def body(carry, part):
        return jax.tree.map(lambda total, new: total + new / parts, carry, both(params, part)), None

    (loss, gradients), _ = lax.scan(body, init=nothing, xs=batches)
    return loss, gradients


# %% wrong: unrolls the scan, so the program holds `parts` copies of the network (the compiled program for any parts > 1)
def accumulated_gradients(loss_fn, params, batch, parts):
    split = jax.tree.map(lambda leaf: leaf.reshape(parts, -1, *leaf.shape[1:]), batch)

    def body(total, part):
        return jax.tree.map(jnp.add, total, jax.value_and_grad(loss_fn)(params, part)), None

    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    total, _ = lax.scan(body, zero, split, unroll=True)
    return jax.tree.map(lambda leaf: leaf / parts, total)


# %% right: the gradient of a mean over a scan whose body is recomputed (jax.checkpoint keeps no activations)
def accumulated_gradients(loss_fn, params, batch, parts):
    strided = jax.tree.map(lambda leaf: jnp.swapaxes(leaf.reshape(-1, parts, *leaf.shape[1:]), 0, 1), batch)

    def whole(params):
        again = jax.checkpoint(lambda part: loss_fn(params, part) / parts)
        return lax.scan(lambda total, part: (total + again(part), None), jnp.zeros(()), strided)[0]

    return jax.value_and_grad(whole)(params)
