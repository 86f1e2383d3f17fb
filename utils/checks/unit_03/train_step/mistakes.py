"""The mistakes that are made with `train_step`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "the same key in every step",
        says="the same random numbers",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "splits the key, which comes to the same",
        says="`jax.random.split` of it",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    key, step_key = jax.random.split(key)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "a key from the step alone",
        says="does not come from `key`",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(jax.random.key(0), state.step)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "folds the next step's number in",
        says="the number of the step *after* this one",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step + 1)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "does not show the optimiser the weights",
        says="does not see the weights",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, state.step), batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "forgets to apply the updates",
        says="the weights did not change",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, state.step), batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, state.params, opt_state), loss
""",
    ),
    Wrong(
        "subtracts the updates",
        says="climbs",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, state.step), batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = jax.tree.map(lambda p, u: p - u, state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss
""",
    ),
    Wrong(
        "returns the old optimiser state",
        says="the optimiser's old state",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, state.step), batch)
    updates, _ = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), state.opt_state), loss
""",
    ),
    Wrong(
        "does not count",
        says="the step is not counted",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    loss, gradients = jax.value_and_grad(loss_fn)(state.params, jax.random.fold_in(key, state.step), batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "computes the loss again after the update",
        says="after the update",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    gradients = jax.grad(loss_fn)(state.params, step_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss_fn(params, step_key, batch)
""",
    ),
    Wrong(
        "uses another key for the loss than for the gradient",
        says="two draws",
        code="""
def train_step(state, batch, key, loss_fn, optimizer):
    step_key = jax.random.fold_in(key, state.step)
    loss_key, gradient_key = jax.random.split(step_key)
    loss = loss_fn(state.params, loss_key, batch)
    gradients = jax.grad(loss_fn)(state.params, gradient_key, batch)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
)
