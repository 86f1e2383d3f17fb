"""The mistakes that are made with `cross_entropy`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "sums instead of averaging",
        says="is the sum over the batch",
        code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return -jnp.sum(jnp.take_along_axis(log_p, labels[:, None], axis=1))
""",
    ),
    Wrong(
        "forgets the minus",
        says="minus sign",
        code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))
""",
    ),
    Wrong(
        "does not normalise",
        says="the score itself",
        code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], axis=1))
""",
    ),
    Wrong(
        "forgets the logarithm",
        says="no logarithm was taken",
        code="""
def cross_entropy(logits, labels):
    p = jax.nn.softmax(logits)
    return -jnp.mean(jnp.take_along_axis(p, labels[:, None], axis=1))
""",
    ),
    Wrong(
        "averages over the classes too",
        says="divided by the number of classes",
        code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.one_hot(labels, logits.shape[1]) * jax.nn.log_softmax(logits))
""",
    ),
    Wrong(
        "one loss for each example",
        says="has shape [6]",
        code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]
""",
    ),
    Wrong(
        "overflows",
        says="overflow in `exp`",
        code="""
def cross_entropy(logits, labels):
    p = jnp.exp(logits) / jnp.exp(logits).sum(axis=1, keepdims=True)
    return -jnp.mean(jnp.log(jnp.take_along_axis(p, labels[:, None], axis=1)))
""",
    ),
    Wrong(
        "logarithm of a probability that underflows",
        says="underflows to 0",
        code="""
def cross_entropy(logits, labels):
    p = jax.nn.softmax(logits)
    return -jnp.mean(jnp.log(jnp.take_along_axis(p, labels[:, None], axis=1)))
""",
    ),
    Wrong(
        "takes the most probable class for the label",
        says="the labels are not used",
        code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.log_softmax(logits).max(axis=1))
""",
    ),
)
