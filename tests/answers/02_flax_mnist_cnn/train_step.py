# %% right: `value_and_grad` and a mean with `where`
def train_step(state: TrainState, batch: data.Batch, apply_fn, optimizer) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits = apply_fn(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% right: sum under the mask over the count, `_replace`
def train_step(state, batch, apply_fn, optimizer):
    def mean_loss(params, batch):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.sum(losses * batch.mask) / jnp.sum(batch.mask)

    loss, grads = jax.value_and_grad(mean_loss)(state.params, batch)
    updates, new_opt_state = optimizer.update(grads, state.opt_state, params=state.params)
    new_params = jax.tree.map(lambda p, u: p + u, state.params, updates)
    return state._replace(step=state.step + 1, params=new_params, opt_state=new_opt_state), loss


# %% right: `jax.vjp`
def train_step(state, batch, apply_fn, optimizer):
    real = batch.mask.astype(jnp.float32)

    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.dot(losses, real) / real.sum()

    loss, pull_back = jax.vjp(loss_fn, state.params)
    (gradients,) = pull_back(jnp.ones_like(loss))
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(step=state.step + 1, params=optax.apply_updates(state.params, updates), opt_state=opt_state), loss


# %% right: `jax.grad` with the loss as auxiliary output, `jnp.average` with weights
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        each = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        loss = jnp.average(each, weights=batch.mask)
        return loss, loss

    gradients, loss = jax.grad(loss_fn, has_aux=True)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss


# %% right: decorated with `jax.jit`, function and optimiser static
from functools import partial


@partial(jax.jit, static_argnames=("apply_fn", "optimizer"))
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.where(batch.mask, losses, 0.0).sum() / jnp.count_nonzero(batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% right: helper functions before it, `partial`
import functools


def masked_loss(params, image, label, mask, *, apply_fn):
    losses = optax.softmax_cross_entropy_with_integer_labels(logits=apply_fn(params, image), labels=label)
    return jnp.sum(losses, where=mask) / mask.sum()


def updated(state, gradients, optimizer):
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state)


def train_step(state, batch, apply_fn, optimizer):
    loss, gradients = jax.value_and_grad(functools.partial(masked_loss, apply_fn=apply_fn))(state.params, *batch)
    return updated(state, gradients, optimizer), loss


# %% right: an object with `__call__`
class Step:
    def loss(self, params, batch, apply_fn):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.einsum("b,b->", losses, batch.mask.astype(losses.dtype)) / jnp.sum(batch.mask)

    def __call__(self, state, batch, apply_fn, optimizer):
        loss, gradients = jax.value_and_grad(self.loss)(state.params, batch, apply_fn)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


train_step = Step()


# %% right: one loss at a time in `lax.scan`
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        def add(total, example):
            logits, label, real = example
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, label)
            return total + jnp.where(real, loss, 0.0), None

        logits = apply_fn(params, batch.image)
        total, _ = jax.lax.scan(add, jnp.float32(0), (logits, batch.label, batch.mask))
        return total / batch.mask.sum()

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% right: Flax's own `TrainState` does the update
from flax.training import train_state as flax_state


def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return losses.mean(where=batch.mask)

    loss, grads = jax.value_and_grad(loss_fn)(state.params)
    old = flax_state.TrainState(
        step=state.step, apply_fn=apply_fn, params=state.params, tx=optimizer, opt_state=state.opt_state
    )
    new = old.apply_gradients(grads=grads)
    return TrainState(new.step, new.params, new.opt_state), loss


# %% right: `vmap` over the examples' losses, `nanmean` over the real ones
def train_step(state, batch, apply_fn, optimizer):
    step, params, opt_state = state

    def loss_fn(params):
        each = jax.vmap(optax.softmax_cross_entropy_with_integer_labels)(apply_fn(params, batch.image), batch.label)
        return jnp.nanmean(jnp.where(batch.mask, each, jnp.nan))

    loss, gradients = jax.value_and_grad(loss_fn)(params)
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return TrainState(step + 1, optax.apply_updates(params, updates), opt_state), loss


# %% right: weights of the examples first, the leaves one by one
def train_step(state, batch, apply_fn, optimizer):
    weights = batch.mask / batch.mask.sum()

    def loss_fn(params):
        logits = apply_fn(params, batch.image)
        return weights @ optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)

    loss = loss_fn(state.params)
    gradients = jax.grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    leaves, structure = jax.tree.flatten(state.params)
    new_leaves = []
    for leaf, update in zip(leaves, jax.tree.leaves(updates), strict=True):
        new_leaves.append(leaf + update)
    return TrainState(state.step + 1, jax.tree.unflatten(structure, new_leaves), opt_state), loss


# %% right: `jacrev`, walrus, careful casts
def train_step(state: TrainState, batch: data.Batch, apply_fn, optimizer) -> tuple[TrainState, jax.Array]:
    images, labels = jnp.asarray(batch.image, jnp.float32), jnp.asarray(batch.label, jnp.int32)
    mask = jnp.asarray(batch.mask, jnp.float32)

    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, images), labels)
        loss = jnp.sum(losses * mask) / jnp.maximum(jnp.sum(mask), 1.0)
        return loss, loss.astype(jnp.float32)

    gradients, loss = jax.jacrev(loss_fn, has_aux=True)(state.params)
    params = optax.apply_updates(
        state.params, (answer := optimizer.update(gradients, state.opt_state, state.params))[0]
    )
    return TrainState(jnp.asarray(state.step + 1, jnp.int32), params, answer[1]), loss


# %% right: gradient of the sum and then divided, sum and count as auxiliary output
def train_step(state, batch, apply_fn, optimizer):
    count = jnp.sum(batch.mask)

    def total_loss(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.sum(losses, where=batch.mask)

    total, gradients = jax.value_and_grad(total_loss)(state.params)
    gradients = jax.tree.map(lambda g: g / count, gradients)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), total / count


# %% wrong: the blanks count
# cause: the mean runs over the whole batch; the examples with a false mask must be left out
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        return optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label).mean()

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: masked, but divided by the size of the batch
# cause: the sum of the real losses is divided by B and not by the number of real examples
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses * batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: the sum of the losses
# cause: the loss is the sum over the real examples; the mean is asked for
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.sum(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: divided by 64
# cause: the number of real examples is hard-coded as 64, the batch size of the example
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.sum(losses, where=batch.mask) / 64

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: the updates are subtracted
# cause: optax's updates already point downhill and must be added; subtracted, they climb
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = jax.tree.map(lambda p, u: p - u, state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss


# %% wrong: the optimiser's old state
# cause: the old optimiser state is returned, so momentum and Adam's averages never move on
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, _ = optimizer.update(gradients, state.opt_state, state.params)
    return state._replace(step=state.step + 1, params=optax.apply_updates(state.params, updates)), loss


# %% wrong: the optimiser begins anew in each step
# cause: optimizer.init is called in every step, so what the optimiser remembers (state.opt_state) is thrown away
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, optimizer.init(state.params), state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: the step is not counted
# cause: the step counter stays where it was; it must go up by one
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: the loss after the update
# cause: the loss is computed again with the new weights; the loss before the update is asked for
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    gradients = jax.grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss_fn(params)


# %% wrong: a softmax before the loss
# cause: optax's loss takes logits; here it gets probabilities, so softmax is applied twice
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        probabilities = jax.nn.softmax(apply_fn(params, batch.image))
        losses = optax.softmax_cross_entropy_with_integer_labels(probabilities, batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: loss first, state second
# cause: the results are in the wrong order: the new state comes first, then the loss
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return loss, TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state)


# %% wrong: plain gradient descent by hand
# cause: the weights move by 0.01 times the gradient and the given optimiser is not asked
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    params = jax.tree.map(lambda p, g: p - 0.01 * g, state.params, gradients)
    return TrainState(state.step + 1, params, state.opt_state), loss


# %% wrong: the updates in the place of the weights
# cause: the updates are returned as the new weights; they must be added to the old ones
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    params, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, params, opt_state), loss


# %% wrong: the gradient is applied, not the update
# cause: the raw gradient is added to the weights; the optimiser's updates are computed and then not used
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    _, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, gradients), opt_state), loss


# %% wrong: a step counter of floats
# cause: step + 1.0 turns the counter into float32; it is int32
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1.0, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: the real examples are picked by boolean indexing
# cause: losses[batch.mask] has a shape that depends on values, so the step cannot be compiled
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return losses[batch.mask].mean()

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: the loss as a Python float
# cause: float(loss) asks for a value while the step is traced, so it raises under jit
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), float(loss)


# %% wrong: the mask the wrong way round
# cause: the mean runs over the blanks (~mask) instead of the real examples
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=~batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: label 0 is taken for a blank
# cause: real examples are recognised by label != 0 instead of by batch.mask, so real zeros are left out
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        real = batch.label != 0
        return jnp.sum(losses * real) / jnp.maximum(real.sum(), 1)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: images and logits are masked, the losses are not
# cause: setting blank images and logits to zero does not take them out of the mean: each still costs log K
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        images = batch.image * batch.mask[:, None, None, None]
        logits = apply_fn(params, images) * batch.mask[:, None]
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean()

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: gradient without the mask, loss with it
# cause: the gradient is that of the mean over all examples, blanks too; only the loss that is returned uses the mask
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return losses.mean(), jnp.mean(losses, where=batch.mask)

    gradients, loss = jax.grad(loss_fn, has_aux=True)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: the gradient of the sum
# cause: the gradient is that of the summed loss, only the loss that is returned is divided by the count
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.sum(losses, where=batch.mask)

    total, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), total / batch.mask.sum()


# %% wrong: stop_gradient on the logits
# cause: stop_gradient on the logits makes the gradient zero, so the network learns nothing
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        logits = jax.lax.stop_gradient(apply_fn(params, batch.image))
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: the counter is kept outside
# cause: steps are counted in an attribute of the function and not from state.step; the step is not pure
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    counter["steps"] += 1
    step = jnp.int32(counter["steps"])
    return TrainState(step, optax.apply_updates(state.params, updates), opt_state), loss


counter = {"steps": 0}


# %% wrong: the fields in another order
# cause: the fields of TrainState are filled in the wrong order: weights in step, optimiser state in params
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(optax.apply_updates(state.params, updates), opt_state, state.step + 1), loss


# %% wrong: examples are counted instead of steps
# cause: the counter goes up by the number of real examples; it counts updates, so by one
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    step = state.step + batch.mask.sum(dtype=jnp.int32)
    return TrainState(step, optax.apply_updates(state.params, updates), opt_state), loss


# %% wrong: divided by 255 once more
# cause: the images are divided by 255 again before the network sees them; they come normalised
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        logits = apply_fn(params, batch.image / 255.0)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% right: vjp, mean with where, _replace
def train_step(state, batch, apply_fn, optimizer):
    def mean_loss(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)

    loss, pullback = jax.vjp(mean_loss, state.params)
    (gradient,) = pullback(jnp.float32(1))
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    params = jax.tree.map(lambda p, u: p + u, state.params, updates)
    return state._replace(step=state.step + 1, params=params, opt_state=opt_state), loss


# %% right: jitted through functools.partial, value_and_grad with argnums and an auxiliary result
from functools import partial


@partial(jax.jit, static_argnames=("apply_fn", "optimizer"))
def train_step(state, batch, apply_fn, optimizer):
    @partial(jax.value_and_grad, argnums=1, has_aux=True)
    def objective(images, params):
        logits = apply_fn(params, images)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total, count = jnp.where(batch.mask, each, 0.0).sum(), batch.mask.sum()
        return total / count, logits

    (loss, _), gradient = objective(batch.image, state.params)
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss


# %% right: jax.vjp, an average with weights
def train_step(state: TrainState, batch: data.Batch, apply_fn, optimizer) -> tuple[TrainState, jax.Array]:
    def cost(params):
        each = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.average(each, weights=batch.mask.astype(jnp.float32))

    loss, pull = jax.vjp(cost, state.params)
    (grads,) = pull(jnp.ones_like(loss))
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    added = jax.tree.map(lambda p, u: (p + u).astype(p.dtype), state.params, updates)
    return state._replace(step=state.step + 1, params=added, opt_state=opt_state), loss
