# %% right: `value_and_grad`
def train_step(
    state: TrainState, batch: data.Batch, key: jax.Array, loss_fn, optimizer
) -> tuple[TrainState, jax.Array]:
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% right: `state._replace`
def train_step(state, batch, key, loss_fn, optimizer):
    value, slope = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, state.step), batch)
    updates, opt_state = optimizer.update(slope, state.opt_state, params=state.params)
    params = optax.apply_updates(state.params, updates)
    return state._replace(step=state.step + 1, params=params, opt_state=opt_state), value

# %% right: the state unpacked, `tree.map` to add
def train_step(state, batch, key, loss_fn, optimizer):
    step, params, opt_state = state
    key = jax.random.fold_in(key, step)
    loss, gradients = jax.value_and_grad(loss_fn, argnums=0)(params, key, batch)
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    params = jax.tree.map(lambda weight, update: weight + update, params, updates)
    return TrainState(step=step + 1, params=params, opt_state=opt_state), loss

# %% right: `jax.vjp`
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, pull = jax.vjp(lambda params: loss_fn(params, step_key, batch), state.params)
    (gradients,) = pull(jnp.ones_like(loss))
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss

# %% right: loss and gradient apart
def train_step(state, batch, key, loss_fn, optimizer):
    key = jax.random.fold_in(key, state.step)
    loss = loss_fn(state.params, key, batch)
    gradients = jax.grad(loss_fn)(state.params, key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss

# %% right: the loss as an extra of `jax.grad`
def train_step(state, batch, key, loss_fn, optimizer):
    def twice(params):
        loss = loss_fn(params, jax.random.fold_in(key, state.step), batch)
        return loss, loss

    gradients, loss = jax.grad(twice, has_aux=True)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return state._replace(
        params=optax.apply_updates(state.params, updates), opt_state=opt_state, step=state.step + 1
    ), loss

# %% right: jit with static arguments
import functools

@functools.partial(jax.jit, static_argnames=("loss_fn", "optimizer"))
def train_step(state, batch, key, loss_fn, optimizer):
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, state.step), batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss

# %% right: jit inside
def train_step(state, batch, key, loss_fn, optimizer):
    @jax.jit
    def program(state, batch, key):
        loss, gradients = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, state.step), batch)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss

    return program(state, batch, key)

# %% right: the loss closed over, `functools.partial`
from functools import partial

def loss_of(params, loss_fn, key, batch):
    return loss_fn(params, key, batch)

def train_step(state, batch, key, loss_fn, optimizer):
    this = partial(loss_of, loss_fn=loss_fn, key=jax.random.fold_in(key, state.step), batch=batch)
    loss, gradients = jax.value_and_grad(this)(state.params)
    updates, new = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(optax.safe_increment(state.step), optax.apply_updates(state.params, updates), new), loss

# %% right: leaves flattened
def train_step(state, batch, key, loss_fn, optimizer):
    number = state.step
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, number), batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    leaves, tree = jax.tree.flatten(state.params)
    moved = [leaf + update for leaf, update in zip(leaves, jax.tree.leaves(updates), strict=True)]
    return TrainState(number + jnp.int32(1), jax.tree.unflatten(tree, moved), opt_state), loss

# %% right: a callable object, walrus
class Step:
    def __call__(self, state, batch, key, loss_fn, optimizer):
        loss, slope = jax.value_and_grad(loss_fn)(p := state.params, jax.random.fold_in(key, state.step), batch)
        updates, rest = optimizer.update(slope, state.opt_state, p)
        return TrainState(state.step + 1, jax.tree.map(jnp.add, p, updates), rest), loss

train_step = Step()

# %% right: weights in one vector for the gradient
from jax.flatten_util import ravel_pytree

def train_step(state, batch, key, loss_fn, optimizer):
    vector, back = ravel_pytree(state.params)
    step_key = jax.random.fold_in(key, state.step)
    loss, slope = jax.value_and_grad(lambda v: loss_fn(back(v), step_key, batch))(vector)
    updates, opt_state = optimizer.update(back(slope), state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% right: `jax.linearize` and its transpose
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key=key, data=state.step)
    loss, forward = jax.linearize(lambda params: loss_fn(params, step_key, batch), state.params)
    (gradients,) = jax.linear_transpose(forward, state.params)(jnp.ones((), loss.dtype))
    updates, opt_state = optimizer.update(updates=gradients, state=state.opt_state, params=state.params)
    new = TrainState(step=1 + state.step, params=optax.apply_updates(state.params, updates), opt_state=opt_state)
    return new, loss

# %% wrong: the run's key in every step
# cause: the step's number is not folded into the key: every step draws the same
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = key
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the key split
# cause: splits the run's key, which is the same in every call, so every step draws the same
def train_step(state, batch, key, loss_fn, optimizer):
    _, step_key = jax.random.split(key)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: a constant folded in
# cause: folds the constant 1 into the key instead of the step's number
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, 1)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the next step's number folded in
# cause: folds in step + 1; the number of this step is state.step
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step + 1)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: a counter outside
# cause: counts calls in a global variable for the key, so a run that is resumed draws other numbers
CALLS = []

def train_step(state, batch, key, loss_fn, optimizer):
    CALLS.append(None)
    step_key = jax.random.fold_in(key, len(CALLS))
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: a key from the step alone
# cause: makes the key from the step's number and ignores the run's own key
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(jax.random.key(0), state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: weights not shown to the optimiser
# cause: the optimiser's update is not given the weights, so it cannot decay them (adamw fails)
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: gradients shown for weights
# cause: the optimiser is given the gradients in place of the weights, so it decays by them
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, gradients)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: zeros shown for weights
# cause: the optimiser is given zeros in place of the weights, so nothing decays
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, jax.tree.map(jnp.zeros_like, state.params))
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the optimiser begun anew
# cause: optimizer.init in every step forgets the averages of the steps before
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, optimizer.init(state.params), state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the old state of the optimiser
# cause: the optimiser's new state is thrown away, the old one is returned
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, _ = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, state.opt_state), loss

# %% wrong: the loss after the update
# cause: returns the loss with the new weights; the loss before the update is wanted
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    loss = loss_fn(params, step_key, batch)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the loss first
# cause: returns (loss, state) instead of (state, loss)
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return loss, TrainState(state.step + 1, params, opt_state)

# %% wrong: the state only
# cause: the loss is not returned
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state)

# %% wrong: the updates subtracted
# cause: subtracts the optimiser's updates, which have their sign already: the loss is climbed
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = jax.tree.map(jnp.subtract, state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the step not counted
# cause: the step's number is not counted up
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step, params, opt_state), loss

# %% wrong: the examples counted
# cause: adds the batch size to step instead of 1
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + batch.label.shape[0], params, opt_state), loss

# %% wrong: step as a float
# cause: step becomes a float32; it must stay int32
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1.0, params, opt_state), loss

# %% wrong: the updates for weights
# cause: returns the updates themselves as the new weights; they must be added
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = updates
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the weights unchanged
# cause: returns the old weights: the updates are computed and not added
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, state.params, opt_state), loss

# %% wrong: a rate of one's own
# cause: plain gradient descent at 0.01 instead of the optimiser that was handed over
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = jax.tree.map(lambda weight, slope: weight - 0.01 * slope, state.params, gradients)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: gradients divided by the batch size
# cause: divides the gradients by the batch size; the loss is a mean already
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    gradients = jax.tree.map(lambda slope: slope / batch.label.shape[0], gradients)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: gradients clipped
# cause: clips the gradients to ±0.1, which nobody asked for
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    gradients = jax.tree.map(lambda slope: jnp.clip(slope, -0.1, 0.1), gradients)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: another key for the loss
# cause: the loss that is returned is drawn with the run's key, not with the step's
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    loss = loss_fn(state.params, key, batch)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: another key for the gradient
# cause: the gradient is taken with the run's key, only the loss with the step's
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss = loss_fn(state.params, step_key, batch)
    gradients = jax.grad(loss_fn)(state.params, key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: batch and key swapped
# cause: calls loss_fn(params, batch, key); it wants the key before the batch
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, batch, step_key)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the weights changed in place
# cause: writes the new weights into the caller's dict: the old state is changed too
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    state.params.update(params)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: a plain tuple
# cause: returns a plain tuple instead of a TrainState
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return (state.step + 1, params, opt_state), loss

# %% wrong: a dict
# cause: returns the new state as a dict instead of a TrainState
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return {"step": state.step + 1, "params": params, "opt_state": opt_state}, loss

# %% wrong: no gradient
# cause: the weights are put behind stop_gradient, so all gradients are zero
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    fixed = lambda params: loss_fn(jax.lax.stop_gradient(params), step_key, batch)
    loss, gradients = jax.value_and_grad(fixed)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: two updates
# cause: applies the updates twice
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(optax.apply_updates(state.params, updates), updates)
    return TrainState(state.step + 1, params, opt_state), loss

# %% wrong: the loss as a Python number
# cause: float(loss) fails when the step is compiled
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), float(loss)

# %% wrong: the size of the gradient
# cause: returns the norm of the gradient instead of the loss
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), optax.global_norm(gradients)

# %% wrong: the sign of the gradient
# cause: hands only the signs of the gradients to the optimiser
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(jax.tree.map(jnp.sign, gradients), state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss


# %% right: linear steps through vjp, _replace
def train_step(state, batch, key, loss_fn, optimizer):
    now = jax.random.fold_in(key, state.step)
    loss, pullback = jax.vjp(lambda params: loss_fn(params, now, batch), state.params)
    updates, memory = optimizer.update(*pullback(jnp.ones_like(loss)), state.opt_state, state.params)
    return state._replace(
        step=jnp.add(state.step, 1), params=jax.tree.map(jnp.add, state.params, updates), opt_state=memory
    ), loss


# %% right: jitted through functools.partial with static names
from functools import partial


@partial(jax.jit, static_argnames=("loss_fn", "optimizer"))
def train_step(state, batch, key, loss_fn, optimizer):
    step, params, opt_state = state
    loss, gradient = jax.value_and_grad(loss_fn, argnums=0)(params, jax.random.fold_in(key, step), batch)
    updates, opt_state = optimizer.update(gradient, opt_state, params)
    return TrainState(step + 1, optax.apply_updates(params, updates), opt_state), loss


# %% right: vjp of a lambda, apply by tree.map
def train_step(
    state: TrainState, batch: data.Batch, key: jax.Array, loss_fn, optimizer
) -> tuple[TrainState, jax.Array]:
    fresh = jax.random.fold_in(key, state.step)
    loss, pull = jax.vjp(lambda weights: loss_fn(weights, fresh, batch), state.params)
    change, memory = optimizer.update(*pull(jnp.ones_like(loss)), state.opt_state, params=state.params)
    moved = jax.tree.map(lambda w, c: jnp.add(w, c).astype(w.dtype), state.params, change)
    return TrainState(opt_state=memory, params=moved, step=state.step + 1), loss
