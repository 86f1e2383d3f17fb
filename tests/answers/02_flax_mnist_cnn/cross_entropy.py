# %% right: `take_along_axis`
def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    log_p = jax.nn.log_softmax(logits, axis=-1)
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))


# %% right: two index arrays
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return -log_p[jnp.arange(len(labels)), labels].mean()


# %% right: one-hot rows
def cross_entropy(logits, labels):
    one_hot = jax.nn.one_hot(labels, logits.shape[-1])
    return -jnp.sum(one_hot * nn.log_softmax(logits)) / logits.shape[0]


# %% right: `einsum`
def cross_entropy(logits, labels):
    picked = jax.nn.one_hot(labels, logits.shape[1], dtype=jnp.float32)
    return -jnp.einsum("bk,bk->", picked, jax.nn.log_softmax(logits, axis=1)) / len(logits)


# %% right: one example, then `vmap`
def cross_entropy(logits, labels):
    def one(z, y):
        return -jax.nn.log_softmax(z)[y]

    return jnp.mean(jax.vmap(one)(logits, labels))


# %% right: logsumexp minus the score of the right digit
def cross_entropy(logits, labels):
    right = jnp.take_along_axis(logits, jnp.expand_dims(labels, -1), axis=-1).squeeze(-1)
    return (jax.scipy.special.logsumexp(logits, axis=-1) - right).mean()


# %% right: all by hand, the largest score subtracted
def cross_entropy(logits, labels):
    shifted = logits - jnp.max(logits, axis=1, keepdims=True)
    log_sum = jnp.log(jnp.sum(jnp.exp(shifted), axis=1))
    rows = jnp.arange(logits.shape[0])
    return jnp.mean(log_sum - shifted[rows, labels])


# %% right: compiled, a mean with `where`
@jax.jit
def cross_entropy(logits, labels):
    right = jnp.arange(logits.shape[1]) == labels[:, None]
    return jnp.mean(-jax.nn.log_softmax(logits), where=right)


# %% right: an object with `__call__`
class CrossEntropy:
    def __init__(self, axis=-1):
        self.axis = axis

    def __call__(self, logits, labels):
        log_p = jax.nn.log_softmax(logits, axis=self.axis)
        right = jax.vmap(lambda row, label: row[label])(log_p, labels)
        return jnp.negative(right).mean()


cross_entropy = CrossEntropy()


# %% right: the diagonal of all rows and all labels
def cross_entropy(logits, labels):
    return -jnp.trace(jax.nn.log_softmax(logits)[:, labels]) / labels.size


# %% right: flat indices
def cross_entropy(logits, labels):
    examples, classes = logits.shape
    flat = jax.nn.log_softmax(logits).ravel()
    return -jnp.take(flat, classes * jnp.arange(examples) + labels).mean()


# %% right: `partial` over a general version with a reduction
from functools import partial


def general(logits, labels, reduction):
    log_p = logits - jax.nn.logsumexp(logits, axis=-1, keepdims=True)
    return reduction(-jnp.select([labels[:, None] == jnp.arange(log_p.shape[-1])], [log_p], 0.0).sum(axis=-1))


cross_entropy = partial(general, reduction=jnp.mean)


# %% right: careful casts, walrus
def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    z, y = jnp.asarray(logits, jnp.float32), jnp.asarray(labels, jnp.int32)
    log_sum = jnp.log(jnp.exp(z - (top := z.max(axis=-1, keepdims=True))).sum(axis=-1)) + top[:, 0]
    return jnp.mean(log_sum - z[jnp.arange(len(y)), y], dtype=jnp.float32)


# %% wrong: the sum
# cause: the costs are summed up; the mean over the examples is asked for
def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).sum()


# %% wrong: no minus
# cause: the minus is missing: this is the mean log-probability, not its negative
def cross_entropy(logits, labels):
    return jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])


# %% wrong: no log-softmax
# cause: the raw scores are averaged; the log of the sum of exponentials is not subtracted
def cross_entropy(logits, labels):
    return -jnp.mean(logits[jnp.arange(len(labels)), labels])


# %% wrong: softmax, and then log-softmax
# cause: softmax is applied before log_softmax, which takes the probabilities for scores
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(jax.nn.softmax(logits))
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1).mean()


# %% wrong: softmax over the examples
# cause: log_softmax runs over axis 0, the examples, instead of over the classes
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits, axis=0)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1).mean()


# %% wrong: exponentials of the scores as they are
# cause: exp(1000) overflows, so the loss is not finite for large scores
def cross_entropy(logits, labels):
    right = logits[jnp.arange(len(labels)), labels]
    return jnp.mean(jnp.log(jnp.sum(jnp.exp(logits), axis=1)) - right)


# %% wrong: the log of a softmax
# cause: the probability of a score far below the largest is rounded to 0, and log 0 is minus infinity
def cross_entropy(logits, labels):
    p = jax.nn.softmax(logits)
    return -jnp.log(p[jnp.arange(len(labels)), labels]).mean()


# %% wrong: probabilities clipped, as in Keras
# cause: clipping the probability at 1e-7 caps the cost at 16, so a sure and wrong answer costs too little
def cross_entropy(logits, labels):
    p = jnp.clip(jax.nn.softmax(logits), 1e-7, 1.0 - 1e-7)
    return -jnp.log(jnp.take_along_axis(p, labels[:, None], axis=1)).mean()


# %% wrong: the mean over examples and classes
# cause: the mean of the one-hot product divides by B times K; only the examples are to be averaged
def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.one_hot(labels, logits.shape[1]) * jax.nn.log_softmax(logits))


# %% wrong: one cost for each example
# cause: the mean is missing: the result is [B] and not a scalar
def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]


# %% wrong: a result of shape [1]
# cause: the mean is taken over axis 0 of a [B, 1] array, which leaves [1] and not a scalar
def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean(axis=0)


# %% wrong: one normalisation for the whole batch
# cause: logsumexp runs over the whole array; each example has its own sum
def cross_entropy(logits, labels):
    right = logits[jnp.arange(len(labels)), labels]
    return jnp.mean(jax.nn.logsumexp(logits) - right)


# %% wrong: the largest score is not added back
# cause: the largest score is subtracted inside the exponential, but not from the right digit's score
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    right = logits[jnp.arange(len(labels)), labels]
    return jnp.mean(jnp.log(jnp.exp(shifted).sum(axis=1)) - right)


# %% wrong: logarithm to base 2
# cause: the cost is measured in bits (base 2) and not with the natural logarithm
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits) / jnp.log(2.0)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1).mean()


# %% wrong: every label for every example
# cause: log_p[:, labels] is [B, B]: each example is paired with every label and not just with its own
def cross_entropy(logits, labels):
    return -jax.nn.log_softmax(logits)[:, labels].mean()


# %% wrong: labels pick rows
# cause: log_p[labels] picks rows, that is examples, and then averages over all classes
def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.log_softmax(logits)[labels])


# %% wrong: ten classes, whatever K is
# cause: one_hot with a hard-coded 10 does not fit logits with another number of classes
def cross_entropy(logits, labels):
    return -jnp.mean(jnp.sum(jax.nn.one_hot(labels, 10) * jax.nn.log_softmax(logits), axis=1))


# %% wrong: divided by 64
# cause: the sum is divided by 64, the batch size of the example, and not by the number of labels
def cross_entropy(logits, labels):
    return -jnp.sum(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels]) / 64


# %% wrong: divided by the number of classes
# cause: the sum over the batch is divided by K; it must be divided by B
def cross_entropy(logits, labels):
    return -jnp.sum(jax.nn.one_hot(labels, logits.shape[1]) * jax.nn.log_softmax(logits)) / logits.shape[1]


# %% wrong: the network's own answer in the place of the label
# cause: the largest log-probability is picked instead of the label's; the labels are ignored
def cross_entropy(logits, labels):
    return -jnp.max(jax.nn.log_softmax(logits), axis=1).mean()


# %% wrong: labels from 1
# cause: labels - 1 treats the classes as 1..K; they are 0..K-1
def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None] - 1, axis=1).mean()


# %% wrong: binary cross-entropy of each class
# cause: a sigmoid for each class (binary cross-entropy) instead of one softmax over the classes
def cross_entropy(logits, labels):
    target = jax.nn.one_hot(labels, logits.shape[1])
    costs = -target * jax.nn.log_sigmoid(logits) - (1 - target) * jax.nn.log_sigmoid(-logits)
    return costs.sum(axis=1).mean()


# %% wrong: only the half of binary cross-entropy that is about the label
# cause: log_sigmoid looks at the right digit's score alone; the softmax compares it with the other nine
def cross_entropy(logits, labels):
    return -jax.nn.log_sigmoid(logits[jnp.arange(len(labels)), labels]).mean()


# %% wrong: label smoothing
# cause: the label gets a weight of 0.9 and the rest is spread over all classes; plain labels are asked for
def cross_entropy(logits, labels, smoothing=0.1):
    classes = logits.shape[1]
    target = jax.nn.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    return -jnp.sum(target * jax.nn.log_softmax(logits), axis=1).mean()


# %% wrong: the log of the mean probability
# cause: the probabilities are averaged before the log is taken; the mean of the logs is asked for
def cross_entropy(logits, labels):
    right = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return jnp.log(len(labels)) - jax.nn.logsumexp(right)


# %% wrong: one minus the probability
# cause: the cost is 1 - p of the right digit; it is minus the log of p
def cross_entropy(logits, labels):
    return 1.0 - jax.nn.softmax(logits)[jnp.arange(len(labels)), labels].mean()


# %% wrong: infinities turned into zero
# cause: where exp overflows the cost is set to 0 instead of being computed with a stable log-softmax
def cross_entropy(logits, labels):
    costs = jnp.log(jnp.sum(jnp.exp(logits), axis=1)) - logits[jnp.arange(len(labels)), labels]
    return jnp.mean(jnp.where(jnp.isfinite(costs), costs, 0.0))


# %% right: vmap over log_softmax and an index
def cross_entropy(logits, labels):
    return -jax.vmap(lambda z, y: jax.nn.log_softmax(z)[y])(logits, labels).mean()


# %% right: mean of the log-probabilities where the column is the label's
@jax.jit
def cross_entropy(logits, labels):
    chosen = labels[:, None] == jnp.arange(logits.shape[1])
    shifted = logits - jax.lax.stop_gradient(logits.max(axis=1, keepdims=True))
    logs = shifted - jnp.log(jnp.exp(shifted).sum(axis=1, keepdims=True))
    return jnp.negative(jnp.mean(logs, where=chosen))


# %% right: one example under vmap, the log of a sum of differences
def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    def one(z, y):
        return jax.nn.logsumexp(z - z[y])

    return jax.vmap(one)(logits, labels).mean()
