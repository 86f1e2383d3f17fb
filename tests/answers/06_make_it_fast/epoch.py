# %% right: scan over the rows of order
def epoch(step, state, images, labels, order):
    return lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order)


# %% right: a named body, `jnp.take`
def epoch(step, state, images, labels, order):
    def body(carry, rows):
        batch = jnp.take(images, rows, axis=0), jnp.take(labels, rows, axis=0)
        carry, loss = step(carry, *batch)
        return carry, loss

    state, losses = lax.scan(body, state, order)
    return state, losses


# %% right: over numbers of steps
def epoch(step, state, images, labels, order):
    def body(state, number):
        chosen = order[number]
        return step(state, images[chosen], labels[chosen])

    return lax.scan(body, state, jnp.arange(order.shape[0]))


# %% right: fori_loop, losses written in place
def epoch(step, state, images, labels, order):
    def body(i, carry):
        state, losses = carry
        rows = lax.dynamic_index_in_dim(order, i, keepdims=False)
        state, loss = step(state, images[rows], labels[rows])
        return state, losses.at[i].set(loss)

    return lax.fori_loop(0, len(order), body, (state, jnp.zeros(len(order))))


# %% right: while_loop
def epoch(step, state, images, labels, order):
    def body(carry):
        i, state, losses = carry
        state, loss = step(state, images[order[i]], labels[order[i]])
        return i + 1, state, losses.at[i].set(loss)

    start = (jnp.int32(0), state, jnp.zeros(order.shape[0], jnp.float32))
    _, state, losses = lax.while_loop(lambda carry: carry[0] < order.shape[0], body, start)
    return state, losses


# %% right: jitted, step static
@partial(jax.jit, static_argnames="step")
def epoch(step, state, images, labels, order):
    take = partial(jax.tree.map, lambda leaf, rows: leaf[rows])

    def one(state, rows):
        x, y = take((images, labels), (rows, rows))
        return step(state, x, y)

    return lax.scan(one, state, order)


# %% right: labels gathered before, pictures inside
def epoch(step, state, images, labels, order):
    def one(state, row):
        indices, label = row
        return step(state, images[indices], label)

    return lax.scan(one, state, (order, labels[order]))


# %% right: vmap over dynamic slices
def epoch(step, state, images, labels, order):
    def picture(i):
        return lax.dynamic_index_in_dim(images, i, 0, keepdims=False)

    def one(state, indices):
        return step(state, jax.vmap(picture)(indices), labels[indices])

    state, losses = lax.scan(one, state, xs=order, length=len(order))
    return state, losses


# %% right: data in the carry
def epoch(step, state, images, labels, order):
    def one(carry, indices):
        state, images, labels = carry
        state, loss = step(state, images.at[indices].get(), labels.at[indices].get())
        return (state, images, labels), loss

    (state, _, _), losses = lax.scan(one, (state, images, labels), order)
    return state, losses


# %% right: a callable object, unroll of 2
class Epoch:
    def __call__(self, step, state, images, labels, order):
        def one(state, rows):
            return step(state, images[rows, ...], labels[rows])

        return tuple(lax.scan(one, state, order, unroll=2))


epoch = Epoch()


# %% wrong: a loop in Python
# cause: the loop is unrolled: the program grows with the number of steps
def epoch(step, state, images, labels, order):
    losses = []
    for rows in order:
        state, loss = step(state, images[rows], labels[rows])
        losses.append(loss)
    return state, jnp.stack(losses)


# %% wrong: unrolled by scan
# cause: unroll=True writes all steps out
def epoch(step, state, images, labels, order):
    return lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order, unroll=True)


# %% wrong: a shuffled copy of all pictures
# cause: images[order] before the loop is a second copy of the whole set
def epoch(step, state, images, labels, order):
    return lax.scan(lambda state, batch: step(state, *batch), state, (images[order], labels[order]))


# %% wrong: a shuffled copy, cut in the loop
# cause: the pictures are put in order before the loop: a copy of the set
def epoch(step, state, images, labels, order):
    size = order.shape[1]
    images, labels = images[order.ravel()], labels[order.ravel()]

    def one(state, i):
        x = lax.dynamic_slice_in_dim(images, i * size, size)
        y = lax.dynamic_slice_in_dim(labels, i * size, size)
        return step(state, x, y)

    return lax.scan(one, state, jnp.arange(len(order)))


# %% wrong: the order is ignored
# cause: consecutive pictures are taken, whatever order says
def epoch(step, state, images, labels, order):
    size = order.shape[1]

    def one(state, i):
        rows = (i * size + jnp.arange(size)) % len(images)
        return step(state, images[rows], labels[rows])

    return lax.scan(one, state, jnp.arange(len(order)))


# %% wrong: the labels are not shuffled
# cause: the labels are those of other pictures
def epoch(step, state, images, labels, order):
    size = order.shape[1]
    return lax.scan(lambda state, i: step(state, images[i], labels[:size]), state, order)


# %% wrong: every step from the first state
# cause: the state is not carried on
def epoch(step, state, images, labels, order):
    def one(carry, rows):
        return step(state, images[rows], labels[rows])

    return lax.scan(one, state, order)


# %% wrong: vmap
# cause: all steps start from the same state
def epoch(step, state, images, labels, order):
    states, losses = jax.vmap(lambda rows: step(state, images[rows], labels[rows]))(order)
    return jax.tree.map(lambda leaf: leaf[-1], states), losses


# %% wrong: the last loss
# cause: only the last loss is returned
def epoch(step, state, images, labels, order):
    state, losses = lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order)
    return state, losses[-1]


# %% wrong: the mean loss
# cause: the mean of the losses; all are wanted
def epoch(step, state, images, labels, order):
    state, losses = lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order)
    return state, losses.mean()


# %% wrong: the losses first
# cause: the order of the results
def epoch(step, state, images, labels, order):
    state, losses = lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order)
    return losses, state


# %% wrong: walks along the other axis
# cause: order is transposed: a batch of S pictures, B steps
def epoch(step, state, images, labels, order):
    return lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order.T)


# %% wrong: one picture at a time
# cause: the order is flattened, so each step sees one picture
def epoch(step, state, images, labels, order):
    def one(state, i):
        return step(state, images[i][None], labels[i][None])

    return lax.scan(one, state, order.ravel())


# %% wrong: reversed
# cause: the last batch comes first
def epoch(step, state, images, labels, order):
    return lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order, reverse=True)


# %% wrong: all states
# cause: the states of all steps are stacked; the last is wanted
def epoch(step, state, images, labels, order):
    def one(state, i):
        state, loss = step(state, images[i], labels[i])
        return state, (state, loss)

    _, (states, losses) = lax.scan(one, state, order)
    return states, losses


# %% wrong: the last batch is left out
# cause: one step too few
def epoch(step, state, images, labels, order):
    return lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order[:-1])


# %% wrong: one step too many, losses cut
# cause: the first batch is seen twice
def epoch(step, state, images, labels, order):
    state, _ = step(state, images[order[0]], labels[order[0]])
    return lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order)


# %% wrong: pictures brought to 0..1
# cause: the pictures are divided by 255; step expects them as they are
def epoch(step, state, images, labels, order):
    return lax.scan(lambda state, i: step(state, images[i] / 255, labels[i]), state, order)


# %% wrong: sorted batches
# cause: each batch is sorted, so examples come in another order
def epoch(step, state, images, labels, order):
    def one(state, rows):
        return step(state, images[rows], labels[jnp.sort(rows)])

    return lax.scan(one, state, order)


# %% wrong: losses of the state before the loop
# cause: the losses are those of the first state, though the state moves on
def epoch(step, state, images, labels, order):
    start = state

    def one(state, rows):
        new, _ = step(state, images[rows], labels[rows])
        return new, step(start, images[rows], labels[rows])[1]

    return lax.scan(one, state, order)


# %% wrong: sums of losses
# cause: losses are added up from step to step
def epoch(step, state, images, labels, order):
    state, losses = lax.scan(lambda state, i: step(state, images[i], labels[i]), state, order)
    return state, jnp.cumsum(losses)


# %% wrong: pictures and labels exchanged
# cause: the arguments of step are in another order
def epoch(step, state, images, labels, order):
    return lax.scan(lambda state, i: step(state, labels[i], images[i]), state, order)


# %% wrong: the pair of scan the wrong way round
# cause: the body returns (loss, state)
def epoch(step, state, images, labels, order):
    def one(state, i):
        state, loss = step(state, images[i], labels[i])
        return loss, state

    return lax.scan(one, state, order)
