"""The mistakes that are made with `batch_norm`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train:
        if x.size == x.shape[-1]:
            raise ValueError("one number a channel")
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
        new = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)
    else:
        mean, var = stats
        new = stats
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, new
"""


_MOVED = "new = Stats(momentum * stats.mean + (1 - momentum) * mean, momentum * stats.var + (1 - momentum) * var)"


_BATCH = "mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))"


_REFUSED = """        if x.size == x.shape[-1]:
            raise ValueError("one number a channel")
"""

WRONG = (
    Wrong(
        "PyTorch's momentum",
        says="share of the *old* value",
        code=changed(
            _RIGHT,
            (_MOVED, "new = Stats(*((1 - momentum) * a + momentum * b for a, b in zip(stats, (mean, var))))"),
        ),
    ),
    Wrong(
        "running variance unbiased, as in PyTorch",
        says="running variance is divided by N − 1",
        code=changed(
            _RIGHT,
            (
                _MOVED,
                "new = Stats(*(momentum * a + (1 - momentum) * b "
                "for a, b in zip(stats, (mean, x.var((0, 1, 2), ddof=1)))))",
            ),
        ),
    ),
    Wrong(
        "variance unbiased everywhere",
        says="It normalises by a variance that is divided by N − 1",
        code=changed(_RIGHT, ("x.var((0, 1, 2))", "x.var((0, 1, 2), ddof=1)")),
    ),
    Wrong(
        "mean over the pictures only",
        says="over the pictures only",
        code=changed(_RIGHT, (_BATCH, "mean, var = x.mean(0), x.var(0)")),
    ),
    Wrong(
        "a mean for each picture",
        says="each picture by itself",
        code=changed(_RIGHT, (_BATCH, "mean, var = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)")),
    ),
    Wrong(
        "running statistics in training too",
        says="In training it normalises by the running statistics",
        code=changed(
            _RIGHT,
            ("    else:\n        mean, var = stats\n", "    else:\n"),
            ("    return", "    mean, var = stats\n    return"),
        ),
    ),
    Wrong(
        "normalises by what has just moved",
        says="after they have moved",
        code=changed(_RIGHT, (_MOVED, _MOVED + "\n        mean, var = new")),
    ),
    Wrong(
        "the batch's statistics in evaluation too",
        says="In evaluation it normalises by this batch",
        code=changed(
            _RIGHT, ("        mean, var = stats\n", "        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))\n")
        ),
    ),
    Wrong(
        "moves the statistics in evaluation",
        says="In evaluation the running statistics stay",
        code="""
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    if train and x.size == x.shape[-1]:
        raise ValueError("one number a channel")
    batch = x.mean((0, 1, 2)), x.var((0, 1, 2))
    mean, var = batch if train else stats
    new = Stats(*(momentum * a + (1 - momentum) * b for a, b in zip(stats, batch)))
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias, new
""",
    ),
    Wrong(
        "statistics never move",
        says="In training the running statistics have to move",
        code=changed(_RIGHT, (_MOVED, "new = stats")),
    ),
    Wrong(
        "keeps the last batch's",
        says="are simply this batch's",
        code=changed(_RIGHT, (_MOVED, "new = Stats(mean, var)")),
    ),
    Wrong(
        "epsilon outside the root",
        says="inside the square root",
        code=changed(_RIGHT, ("jnp.sqrt(var + epsilon)", "(jnp.sqrt(var) + epsilon)")),
    ),
    Wrong(
        "divides by the variance",
        says="standard deviation, the square root",
        code=changed(_RIGHT, ("jnp.sqrt(var + epsilon)", "(var + epsilon)")),
    ),
    Wrong(
        "no scale and bias",
        says="`scale` and `bias` are not applied",
        code=changed(_RIGHT, (" * scale + bias", "")),
    ),
    Wrong(
        "statistics without gradient",
        says="a constant to the gradient",
        code=changed(
            _RIGHT,
            (_BATCH, "mean, var = (jax.lax.stop_gradient(s) for s in (x.mean((0, 1, 2)), x.var((0, 1, 2))))"),
        ),
    ),
    Wrong(
        "takes a batch of one number a channel",
        says="has to raise a `ValueError`",
        code=changed(_RIGHT, (_REFUSED, "")),
    ),
    Wrong(
        "refuses every batch of one",
        says="six numbers a channel",
        code=changed(_RIGHT, ("x.size == x.shape[-1]", "len(x) == 1")),
    ),
    Wrong(
        "refuses in evaluation too",
        says="In evaluation nothing is computed from the batch",
        code=changed(
            _RIGHT,
            (_REFUSED, ""),
            (
                "    if train:",
                _REFUSED.replace("        ", "    ", 1).replace("            ", "        ") + "    if train:",
            ),
        ),
    ),
)
