# %% right: value_and_grad with has_aux
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=gradients, batch_stats=changed["batch_stats"]), loss

# %% right: jax.grad, the loss in the aux
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        loss = jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label))
        return loss, (loss, changed["batch_stats"])
    grads, (loss, stats) = jax.grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=stats), loss

# %% right: jax.vjp
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    loss, pullback, changed = jax.vjp(loss_fn, state.params, has_aux=True)
    (grads,) = pullback(jnp.ones_like(loss))
    return state.apply_gradients(grads=grads, **changed), loss

# %% right: optimiser by hand, state.replace
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state.replace(
        step=state.step + 1, params=params, opt_state=opt_state, batch_stats=changed["batch_stats"]), loss

# %% right: jitted, batch taken apart
@jax.jit
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    images, labels, _ = batch
    def objective(params):
        variables = dict(params=params, batch_stats=state.batch_stats)
        logits, new = state.apply_fn(variables, images, train=True, mutable=["batch_stats"])
        each = optax.softmax_cross_entropy_with_integer_labels(logits=logits, labels=labels)
        return each.sum() / each.shape[0], new["batch_stats"]
    (value, statistics), slope = jax.value_and_grad(objective, has_aux=True)(state.params)
    return state.apply_gradients(grads=slope, batch_stats=statistics), value

# %% right: log_softmax picked by hand
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        log_p = jax.nn.log_softmax(logits)
        return -jnp.take_along_axis(log_p, batch.label[:, None], axis=-1).mean(), changed
    (loss, aux), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    new = state.apply_gradients(grads=gradients)
    return new.replace(batch_stats=aux["batch_stats"]), loss

# %% right: helper with all arguments, partial
def _loss_and_stats(params, stats, batch, apply_fn):
    variables = {"params": params, "batch_stats": stats}
    logits, changed = apply_fn(variables, batch.image, train=True, mutable=["batch_stats"])
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
    return losses.mean(), changed["batch_stats"]

def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    loss_fn = partial(_loss_and_stats, stats=state.batch_stats, batch=batch, apply_fn=state.apply_fn)
    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=stats), loss

# %% right: callable object
class _Step:
    @staticmethod
    def loss(params, state, batch):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)), changed
    def __call__(self, state, batch):
        (loss, changed), grads = jax.value_and_grad(self.loss, argnums=0, has_aux=True)(state.params, state, batch)
        return state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"]), loss

train_step = _Step()


# %% right: aux as a dictionary, one-hot cross entropy
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(weights):
        logits, mutated = state.apply_fn(
            {"params": weights, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        targets = jax.nn.one_hot(batch.label, logits.shape[-1])
        return optax.softmax_cross_entropy(logits, targets).mean(), {"logits": logits, **mutated}
    out, grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    loss, aux = out
    del aux["logits"]
    return state.apply_gradients(grads=grads, **aux), loss.astype(jnp.float32)

# %% right: two chain-rule parts: network by vjp, loss by grad
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def forward(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return logits, changed["batch_stats"]
    logits, back, stats = jax.vjp(forward, state.params, has_aux=True)
    each = lambda logits: optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean()
    loss, by_logits = jax.value_and_grad(each)(logits)
    (grads,) = back(by_logits)
    return state.apply_gradients(grads=grads, batch_stats=stats), loss

# %% right: logsumexp minus the right logit by einsum
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(p):
        logits, s = state.apply_fn(
            {"batch_stats": state.batch_stats, "params": p}, batch.image, mutable=["batch_stats"], train=True)
        picked = jnp.einsum("bk,bk->b", logits, jax.nn.one_hot(batch.label, logits.shape[1]))
        return (jax.nn.logsumexp(logits, axis=1) - picked).mean(), s
    (l, s), g = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return (state := state.apply_gradients(grads=g, batch_stats=s["batch_stats"])), l

# %% right: vmap of the loss, rematerialised forward pass
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    @jax.checkpoint
    def forward(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        return state.apply_fn(variables, batch.image, train=True, mutable=["batch_stats"])
    def loss_fn(params):
        logits, changed = forward(params)
        each = jax.vmap(optax.softmax_cross_entropy_with_integer_labels)(logits, batch.label)
        return jnp.average(each), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.replace(batch_stats=changed["batch_stats"])
    return state.apply_gradients(grads=grads), loss

# %% wrong: statistics thrown away
# cause: the new running statistics are not put into the state
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads)
    return state, loss

# %% wrong: the whole dictionary as statistics
# cause: batch_stats gets the dictionary {"batch_stats": …} instead of what is in it
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed)
    return state, loss

# %% wrong: sum for mean
# cause: the loss is the sum over the batch, not the mean
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).sum(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: evaluation mode
# cause: train=False: the running statistics are used and do not move
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=False, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: loss after the step
# cause: the loss returned is that after the step, not before it
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss_fn(state.params)[0]

# %% wrong: loss first
# cause: loss and state are returned in the wrong order
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return loss, state

# %% wrong: softmax before the loss
# cause: the logits go through a softmax before a loss that does so itself
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(jax.nn.softmax(logits), batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: optimiser anew
# cause: the optimiser's state is made anew in every step, so momentum and counts are lost
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    updates, opt_state = state.tx.update(grads, state.tx.init(state.params), state.params)
    params = optax.apply_updates(state.params, updates)
    state = state.replace(
        step=state.step + 1, params=params, opt_state=opt_state, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: the step is not counted
# cause: the optimiser is called by hand and `step` is not counted up
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    updates, opt_state = state.tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    state = state.replace(params=params, opt_state=opt_state, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: optimiser's state not kept
# cause: the optimiser's new state is dropped; only weights and statistics are replaced
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    updates, _ = state.tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    state = state.replace(step=state.step + 1, params=params, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: plain gradient descent
# cause: it steps by 0.1 times the gradient itself instead of by the state's optimiser
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    params = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, grads)
    state = state.replace(step=state.step + 1, params=params, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: loss with aux returned
# cause: the pair (loss, changed) is returned where the loss alone belongs
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, (loss, changed)

# %% wrong: a second look
# cause: the statistics come from a second forward pass with the new weights
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads)
    _, changed = state.apply_fn(
        {"params": state.params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
    state = state.replace(batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: statistics moved twice
# cause: the batch is seen twice: a second pass starts from the statistics already moved
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    _, changed = state.apply_fn(
        {"params": state.params, **changed}, batch.image, train=True, mutable=["batch_stats"])
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: Python float
# cause: the loss is turned into a Python float, which fails under jit and is no float32 scalar
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, float(loss)

# %% wrong: two classes hard-coded
# cause: the loss is written for two classes: a sigmoid of the difference of the first two logits
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.sigmoid_binary_cross_entropy(logits[:, 1] - logits[:, 0], batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: sigmoid for each class
# cause: a sigmoid cross entropy of each class, as for several labels at once, instead of softmax
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.sigmoid_binary_cross_entropy(logits, jax.nn.one_hot(batch.label, logits.shape[-1])).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: pictures flattened
# cause: the pictures are flattened before the network, which wants [B, H, W, C]
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image.reshape(len(batch.image), -1),
            train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: gradient divided once more
# cause: the gradient of a mean is divided by the batch size once more
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    grads = jax.tree.map(lambda g: g / len(batch.label), grads)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: uphill
# cause: the gradient's sign is turned, so the step goes uphill
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    grads = jax.tree.map(jnp.negative, grads)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: old state returned
# cause: the new state is not kept: the old one is returned
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    new_state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: pixels scaled again
# cause: the pictures are divided by 255 although they are normalised already
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image / 255,
            train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: L2 in the loss
# cause: a penalty on the weights is added to the loss, which the task does not have
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        mean = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean()
        return mean + 1e-2 * optax.tree.norm(params) ** 2, changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: losses not averaged
# cause: the loss of each example is returned, not their mean
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        return each.mean(), (each, changed)
    (_, (loss, changed)), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: one more step
# cause: the gradients are applied twice
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state.apply_gradients(grads=grads), loss

# %% wrong: gradient of the old weights only
# cause: the network is applied to state.params in the loss, so the gradient with respect to `params` is 0
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": state.params, "batch_stats": state.batch_stats}, batch.image,
            train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss

# %% wrong: statistics averaged once more
# cause: the old and the new statistics are averaged again, though BatchNorm's momentum has done so
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    stats = optax.incremental_update(changed["batch_stats"], state.batch_stats, 0.1)
    state = state.apply_gradients(grads=grads, batch_stats=stats)
    return state, loss

# %% wrong: gradient clipped
# cause: the gradient is clipped to a norm of 0.1, which nobody asked for
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, changed = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean(), changed
    (loss, changed), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    norm = optax.global_norm(grads)
    grads = jax.tree.map(lambda g: g * jnp.minimum(1, 0.1 / norm), grads)
    state = state.apply_gradients(grads=grads, batch_stats=changed["batch_stats"])
    return state, loss


# %% right: jax.vjp with auxiliary output, optimiser called by hand
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        variables = dict(params=params, batch_stats=state.batch_stats)
        logits, changed = state.apply_fn(variables, batch.image, train=True, mutable=["batch_stats"])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        return jnp.mean(losses), changed["batch_stats"]

    loss, pull, batch_stats = jax.vjp(loss_fn, state.params, has_aux=True)
    (gradients,) = pull(jnp.ones_like(loss))
    updates, opt_state = state.tx.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state.replace(step=state.step + 1, params=params, opt_state=opt_state, batch_stats=batch_stats), loss


# %% right: jit decoration, jax.grad with the loss inside the auxiliary output, fields passed by **
@jax.jit
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    @partial(jax.grad, has_aux=True)
    def gradient_of(params, old):
        logits, fields = state.apply_fn({"params": params, **old}, batch.image, train=True, mutable=["batch_stats"])
        loss = optax.softmax_cross_entropy_with_integer_labels(logits=logits, labels=batch.label).mean()
        return loss, (loss, fields)

    gradients, (loss, fields) = gradient_of(state.params, {"batch_stats": state.batch_stats})
    return state.apply_gradients(grads=gradients, **fields), loss


# %% right: jax.vjp with has_aux, the loss from log-sum-exp, the fields replaced by hand
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def losses_of(params):
        variables = {"batch_stats": state.batch_stats, "params": params}
        logits, changed = state.apply_fn(variables, batch.image, mutable=["batch_stats"], train=True)
        chosen = (logits * jax.nn.one_hot(batch.label, logits.shape[-1])).sum(axis=-1)
        return jax.nn.logsumexp(logits, axis=-1) - chosen, changed

    losses, pull, changed = jax.vjp(losses_of, state.params, has_aux=True)
    (gradients,) = pull(jnp.full_like(losses, 1 / len(losses)))
    moves, opt_state = state.tx.update(gradients, state.opt_state, state.params)
    after = state.replace(
        step=state.step + 1,
        params=jax.tree.map(jnp.add, state.params, moves),
        opt_state=opt_state,
        batch_stats=changed["batch_stats"],
    )
    return after, losses.mean()


# %% wrong: the mean is taken over the masked examples although the mask is to be ignored
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    def loss_fn(params):
        logits, updates = state.apply_fn(
            {"params": params, "batch_stats": state.batch_stats}, batch.image, train=True, mutable=["batch_stats"]
        )
        each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        return each.mean(where=batch.mask), updates["batch_stats"]

    (loss, stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=grads, batch_stats=stats), loss
