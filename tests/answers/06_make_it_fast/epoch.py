# %% right: scan with a body
def epoch(step, state, images, labels, order):
    def body(state, indices):
        return step(state, images[indices], labels[indices])

    return lax.scan(body, state, order)


# %% right: take, lambda, jax.lax
def epoch(step, state, images, labels, order):
    state, losses = jax.lax.scan(
        lambda carry, i: step(carry, jnp.take(images, i, axis=0), jnp.take(labels, i, axis=0)), init=state, xs=order
    )
    return state, losses


# %% right: over the numbers of the batches
def epoch(step, state, images, labels, order):
    def one(state, number):
        indices = lax.dynamic_index_in_dim(order, number, keepdims=False)
        batch = jax.tree.map(lambda array: array[indices], (images, labels))
        state, loss = step(state, *batch)
        return state, loss

    return lax.scan(one, state, jnp.arange(len(order)))


# %% right: jit inside, a class as the body
class _Body:
    def __init__(self, step, images, labels):
        self.step, self.images, self.labels = step, images, labels

    def __call__(self, state, rows):
        return self.step(state, self.images[rows, ...], self.labels[rows])


def epoch(step, state, images, labels, order):
    @jax.jit
    def run(state, images, labels, order):
        return lax.scan(_Body(step, images, labels), state, order)

    return run(state, images, labels, order)


# %% right: images carried, vmap for a batch
def epoch(step, state, images, labels, order):
    def body(carry, indices):
        state, images, labels = carry
        x, y = jax.vmap(lambda i: (images[i], labels[i]))(indices)
        state, loss = step(state, x, y)
        return (state, images, labels), loss

    (state, _, _), losses = lax.scan(body, (state, images, labels), order)
    return state, losses


# %% right: at get, compiled step
def epoch(step, state, images, labels, order):
    quick = jax.jit(step)

    def body(state, indices):
        x = images.at[indices].get(mode="promise_in_bounds")
        return quick(state, x, labels.at[indices].get(mode="clip"))

    return lax.scan(body, state, order, length=order.shape[0])


# %% right: fori_loop of fixed length
def epoch(step, state, images, labels, order):
    def body(i, carry):
        state, losses = carry
        state, loss = step(state, images[order[i]], labels[order[i]])
        return state, losses.at[i].set(loss)

    return lax.fori_loop(0, order.shape[0], body, (state, jnp.zeros(order.shape[0])))


# %% right: while_loop
def epoch(step, state, images, labels, order):
    def body(carry):
        i, state, losses = carry
        state, loss = step(state, images[order[i]], labels[order[i]])
        return i + 1, state, losses.at[i].set(loss)

    start = (0, state, jnp.zeros(order.shape[0], jnp.float32))
    _, state, losses = lax.while_loop(lambda carry: carry[0] < order.shape[0], body, start)
    return state, losses


# %% right: the labels gathered before
def epoch(step, state, images, labels, order):
    def body(state, xs):
        indices, y = xs
        return step(state, images[indices], y)

    return lax.scan(body, state, (order, labels[order]))


# %% right: unrolled twice
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order, unroll=2)


# %% wrong: a loop in Python
def epoch(step, state, images, labels, order):
    losses = []
    for indices in order:
        state, loss = step(state, images[indices], labels[indices])
        losses.append(loss)
    return state, jnp.stack(losses)


# %% wrong: all pictures gathered before
def epoch(step, state, images, labels, order):
    def body(state, batch):
        return step(state, *batch)

    return lax.scan(body, state, (images[order], labels[order]))


# %% wrong: the last loss only
def epoch(step, state, images, labels, order):
    def body(carry, indices):
        return step(carry[0], images[indices], labels[indices]), None

    (state, loss), _ = lax.scan(body, (state, jnp.float32(0)), order)
    return state, loss


# %% wrong: losses first
def epoch(step, state, images, labels, order):
    state, losses = lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order)
    return losses, state


# %% wrong: always from the first state
def epoch(step, state, images, labels, order):
    def body(carry, indices):
        return step(state, images[indices], labels[indices])

    return lax.scan(body, state, order)


# %% wrong: the mean of the losses
def epoch(step, state, images, labels, order):
    state, losses = lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order)
    return state, losses.mean()


# %% wrong: labels not in the order
def epoch(step, state, images, labels, order):
    size = order.shape[1]

    def body(state, xs):
        number, indices = xs
        return step(state, images[indices], lax.dynamic_slice_in_dim(labels, number * size, size))

    return lax.scan(body, state, (jnp.arange(len(order)), order))


# %% wrong: slices one after the other, order ignored
def epoch(step, state, images, labels, order):
    steps, size = order.shape

    def body(state, number):
        x = lax.dynamic_slice_in_dim(images, number * size, size)
        return step(state, x, lax.dynamic_slice_in_dim(labels, number * size, size))

    return lax.scan(body, state, jnp.arange(steps))


# %% wrong: wholly unrolled
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order, unroll=True)


# %% wrong: all pictures as floats before the loop
def epoch(step, state, images, labels, order):
    images = images.astype(jnp.float32)
    return lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order)


# %% wrong: scaled to 0 to 1 in the loop, which step does itself
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[i] / 255.0, labels[i]), state, order)


# %% wrong: from the last batch to the first
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order, reverse=True)


# %% wrong: the last step left out
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order[:-1])


# %% wrong: scan over the transposed order
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order.T)


# %% wrong: flat order taken, then reshaped
def epoch(step, state, images, labels, order):
    shuffled = jnp.take(images, order.reshape(-1), axis=0).reshape(*order.shape, *images.shape[1:])
    y = labels[order.reshape(-1)].reshape(order.shape)
    return lax.scan(lambda s, i: step(s, shuffled[i], y[i]), state, jnp.arange(order.shape[0]))


# %% wrong: state before the last step
def epoch(step, state, images, labels, order):
    def body(carry, i):
        last, now = carry
        new, loss = step(now, images[i], labels[i])
        return (now, new), loss

    (state, _), losses = lax.scan(body, (state, state), order)
    return state, losses


# %% right: two scans, one after the other
def epoch(step, state, images, labels, order):
    body = lambda s, i: step(s, images[i], labels[i])
    half = len(order) // 2
    state, first = lax.scan(body, state, order[:half])
    state, second = lax.scan(body, state, order[half:])
    return state, jnp.concatenate([first, second])


# %% wrong: batches given as floats
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[i].astype(jnp.float32), labels[i]), state, order)


# %% wrong: numpy's order, so it cannot be traced
def epoch(step, state, images, labels, order):
    images, labels = np.asarray(images), np.asarray(labels)
    return lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order)


# %% wrong: (state, loss) returned from the body as carry
def epoch(step, state, images, labels, order):
    def body(state, indices):
        state, loss = step(state, images[indices], labels[indices])
        return state, (state, loss)

    _, (states, losses) = lax.scan(body, state, order)
    return states, losses


# %% wrong: always the first batch
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, _: step(s, images[order[0]], labels[order[0]]), state, None, length=len(order))


# %% wrong: all gathered flat before, sliced in the loop
def epoch(step, state, images, labels, order):
    b = order.shape[1]
    flat = order.reshape(-1)
    x, y = images[flat], labels[flat]
    def body(s, i):
        return step(s, lax.dynamic_slice_in_dim(x, i * b, b), lax.dynamic_slice_in_dim(y, i * b, b))
    return lax.scan(body, state, jnp.arange(len(order)))


# %% wrong: gathered by vmap before
def epoch(step, state, images, labels, order):
    x, y = jax.vmap(lambda i: (images[i], labels[i]))(order)
    return lax.scan(lambda s, xy: step(s, *xy), state, (x, y))


# %% wrong: gathered by lax.map in a loop before
def epoch(step, state, images, labels, order):
    x = lax.map(lambda i: images[i], order)
    return lax.scan(lambda s, xy: step(s, *xy), state, (x, labels[order]))


# %% wrong: losses summed up as they go
def epoch(step, state, images, labels, order):
    state, losses = lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order)
    return state, jnp.cumsum(losses)


# %% wrong: labels and images exchanged
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, labels[i], images[i]), state, order)


# %% wrong: carries (state, loss)
def epoch(step, state, images, labels, order):
    def body(carry, i):
        s, l = carry
        s, l = step(s, images[i], labels[i])
        return (s, l), l
    return lax.scan(body, (state, jnp.float32(0)), order)


# %% wrong: loss and state exchanged in the body
def epoch(step, state, images, labels, order):
    def body(s, i):
        s, loss = step(s, images[i], labels[i])
        return loss, s
    return lax.scan(body, state, order)


# %% wrong: fori_loop from 1
def epoch(step, state, images, labels, order):
    def body(i, c):
        s, l = c
        s, loss = step(s, images[order[i]], labels[order[i]])
        return s, l.at[i].set(loss)
    return lax.fori_loop(1, len(order), body, (state, jnp.zeros(len(order))))


# %% wrong: sorted indices
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[jnp.sort(i)], labels[i]), state, order)


# %% wrong: pictures scaled before the loop
def epoch(step, state, images, labels, order):
    images = images / 255.0
    return lax.scan(lambda s, i: step(s, images[i], labels[i]), state, order)


# %% wrong: flattened pictures
def epoch(step, state, images, labels, order):
    return lax.scan(lambda s, i: step(s, images[i].reshape(len(i), -1), labels[i]), state, order)


# %% wrong: single examples, one at a time
def epoch(step, state, images, labels, order):
    def body(s, i):
        return step(s, images[i][None], labels[i][None])
    return lax.scan(body, state, order.reshape(-1))


# %% right: while_loop, once more
def epoch(step, state, images, labels, order):
    def body(carry):
        i, state, losses = carry
        state, loss = step(state, images[order[i]], labels[order[i]])
        return i + 1, state, losses.at[i].set(loss)

    start = (jnp.int32(0), state, jnp.zeros(order.shape[0], jnp.float32))
    _, state, losses = lax.while_loop(lambda carry: carry[0] < order.shape[0], body, start)
    return state, losses


# %% right: data in the carry
def epoch(step, state, images, labels, order):
    def one(carry, indices):
        state, images, labels = carry
        state, loss = step(state, images.at[indices].get(), labels.at[indices].get())
        return (state, images, labels), loss

    (state, _, _), losses = lax.scan(one, (state, images, labels), order)
    return state, losses


# %% right: jitted, step static
@partial(jax.jit, static_argnames="step")
def epoch(step, state, images, labels, order):
    take = partial(jax.tree.map, lambda leaf, rows: leaf[rows])

    def one(state, rows):
        x, y = take((images, labels), (rows, rows))
        return step(state, x, y)

    return lax.scan(one, state, order)


# %% right: vmap over dynamic slices
def epoch(step, state, images, labels, order):
    def picture(i):
        return lax.dynamic_index_in_dim(images, i, 0, keepdims=False)

    def one(state, indices):
        return step(state, jax.vmap(picture)(indices), labels[indices])

    state, losses = lax.scan(one, state, xs=order, length=len(order))
    return state, losses


# %% wrong: vmap
# cause: all steps start from the same state
def epoch(step, state, images, labels, order):
    states, losses = jax.vmap(lambda rows: step(state, images[rows], labels[rows]))(order)
    return jax.tree.map(lambda leaf: leaf[-1], states), losses


# %% wrong: one step too many, losses cut
# cause: the first batch is seen twice
def epoch(step, state, images, labels, order):
    state, _ = step(state, images[order[0]], labels[order[0]])
    return lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order)


# %% wrong: losses of the state before the loop
# cause: the losses are those of the first state, though the state moves on
def epoch(step, state, images, labels, order):
    start = state

    def one(state, rows):
        new, _ = step(state, images[rows], labels[rows])
        return new, step(start, images[rows], labels[rows])[1]

    return lax.scan(one, state, order)


# %% right: jnp.take, keyword-only scan, tree of both arrays
def epoch(step, state, images, labels, order):
    examples = {"images": images, "labels": labels}

    def body(carry, indices):
        batch = jax.tree.map(partial(jnp.take, indices=indices, axis=0), examples)
        return step(carry, batch["images"], batch["labels"])

    return lax.scan(f=body, init=state, xs=order)


# %% right: scan over the number of the step, jit decoration inside
def epoch(step, state, images, labels, order):
    images, labels, order = map(jnp.asarray, (images, labels, order))

    @jax.jit
    def one(carry, number):
        indices = lax.dynamic_index_in_dim(order, number, axis=0, keepdims=False)
        new, loss = step(carry, images.at[indices].get(), labels.at[indices].get())
        return new, loss

    last, losses = lax.scan(one, state, jnp.arange(order.shape[0]))
    assert losses.shape == order.shape[:1]
    return last, losses


# %% right: fori_loop with an array of losses of the right dtype
def epoch(step, state, images, labels, order):
    def select(number):
        indices = lax.dynamic_index_in_dim(order, number, keepdims=False)
        return jnp.take(images, indices, axis=0), jnp.take(labels, indices, axis=0)

    _, loss = jax.eval_shape(lambda state: step(state, *select(0)), state)

    def body(number, both):
        state, losses = both
        state, loss = step(state, *select(number))
        return state, lax.dynamic_update_index_in_dim(losses, loss, number, 0)

    return lax.fori_loop(0, order.shape[0], body, (state, jnp.zeros(order.shape[0], loss.dtype)))
