"""The mistakes that are made with `smoothed_loss`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "no smoothing",
        says="not smoothed at all",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.mean(losses, where=mask)
""",
    ),
    Wrong(
        "spreads over the other classes only",
        says="over the *other* classes",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    K = logits.shape[-1]
    one_hot = jax.nn.one_hot(labels, K)
    wanted = (1 - smoothing) * one_hot + smoothing / (K - 1) * (1 - one_hot)
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted), where=mask)
""",
    ),
    Wrong(
        "adds without taking away",
        says="more than 1",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    K = logits.shape[-1]
    wanted = jax.nn.one_hot(labels, K) + smoothing / K
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted), where=mask)
""",
    ),
    Wrong(
        "takes away without adding",
        says="less than 1",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    wanted = (1 - smoothing) * jax.nn.one_hot(labels, logits.shape[-1])
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted), where=mask)
""",
    ),
    Wrong(
        "gives every class the whole share",
        says="to each class",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    wanted = (1 - smoothing) * jax.nn.one_hot(labels, logits.shape[-1]) + smoothing
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted), where=mask)
""",
    ),
    Wrong(
        "swaps the shares",
        says="the wrong way round",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    wanted = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), 1 - smoothing)
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted), where=mask)
""",
    ),
    Wrong(
        "counts the blanks",
        says="the blanks count",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    wanted = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted))
""",
    ),
    Wrong(
        "divides by the batch",
        says="by the size of the batch",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    wanted = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted) * mask)
""",
    ),
    Wrong(
        "the sum",
        says="is the sum",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    wanted = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return jnp.sum(optax.softmax_cross_entropy(logits, wanted), where=mask)
""",
    ),
    Wrong(
        "ten classes whatever comes",
        says="The shapes do not broadcast",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    wanted = optax.smooth_labels(jax.nn.one_hot(labels, 10), smoothing)
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted), where=mask)
""",
    ),
    Wrong(
        "picks the real ones by an index",
        says="a shape that depends on values",
        code="""
def smoothed_loss(logits, labels, mask, smoothing):
    wanted = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return jnp.mean(optax.softmax_cross_entropy(logits, wanted)[mask])
""",
    ),
)
