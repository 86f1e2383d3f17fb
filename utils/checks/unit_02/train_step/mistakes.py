"""The mistakes that are made with `train_step`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "forgets to apply the updates",
        says="the weights did not change",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, state.params, opt_state), loss
""",
    ),
    Wrong(
        "takes the updates for the weights",
        says="the updates themselves",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    params, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, params, opt_state), loss
""",
    ),
    Wrong(
        "returns the old optimiser state",
        says="the optimiser's old state",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, _ = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), state.opt_state), loss
""",
    ),
    Wrong(
        "subtracts the updates",
        says="climbs",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = jax.tree.map(lambda p, u: p - u, state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss
""",
    ),
    Wrong(
        "averages over the blanks",
        says="the blanks count",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "masks, but divides by the batch size",
        says="divided by the size of the batch",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses * batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "sums the losses",
        says="is the sum of the losses",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.sum(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "does not count",
        says="the step is not counted",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "returns the loss after the update",
        says="after the update",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    gradients = jax.grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss_fn(params)
""",
    ),
    Wrong(
        "does not show the optimiser the weights",
        says="does not see the weights",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
    ),
    Wrong(
        "asks for the loss's value inside",
        says="The value of a traced array is needed",
        code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), float(loss)
""",
    ),
)
