"""The mistakes that are made with `accumulated_gradients`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda leaf: leaf.reshape((parts, -1) + leaf.shape[1:]), batch)
    def add(total, part):
        one = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, one), None
    nothing = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))
    total, _ = jax.lax.scan(add, nothing, cut)
    return jax.tree.map(lambda leaf: leaf / parts, total)
"""


_MEAN = "return jax.tree.map(lambda leaf: leaf / parts, total)"

WRONG = (
    Wrong(
        "sums instead of averaging",
        says="sums over the parts",
        code=changed(_RIGHT, (_MEAN, "return total")),
    ),
    Wrong(
        "averages the loss only",
        says="The loss is averaged over the parts, but the gradients are added up",
        code=changed(_RIGHT, (_MEAN, "return total[0] / parts, total[1]")),
    ),
    Wrong(
        "averages the gradients only",
        says="The gradients are averaged over the parts, but the loss is added up",
        code=changed(_RIGHT, (_MEAN, "return total[0], jax.tree.map(lambda leaf: leaf / parts, total[1])")),
    ),
    Wrong(
        "keeps the last part",
        says="the last part alone",
        code=changed(_RIGHT, ("jax.tree.map(jnp.add, total, one), None", "one, None"), (_MEAN, "return total")),
    ),
    Wrong(
        "keeps the last part, then divides",
        says="the last part, divided",
        code=changed(_RIGHT, ("jax.tree.map(jnp.add, total, one), None", "one, None")),
    ),
    Wrong(
        "the whole batch at once",
        says="the whole batch at once",
        code="""
def accumulated_gradients(loss_fn, params, batch, parts):
    return jax.value_and_grad(loss_fn)(params, batch)
""",
    ),
    Wrong(
        "the whole batch in every part",
        says="whole batch in every",
        code=changed(_RIGHT, ("(params, part)", "(params, batch)")),
    ),
    Wrong(
        "a Python loop",
        says="once for each part",
        code="""
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda leaf: leaf.reshape((parts, -1) + leaf.shape[1:]), batch)
    total = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))
    for i in range(parts):
        one = jax.value_and_grad(loss_fn)(params, jax.tree.map(lambda leaf: leaf[i], cut))
        total = jax.tree.map(jnp.add, total, one)
    return jax.tree.map(lambda leaf: leaf / parts, total)
""",
    ),
    Wrong(
        "vmap",
        says="side by side",
        code="""
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda leaf: leaf.reshape((parts, -1) + leaf.shape[1:]), batch)
    each = jax.vmap(jax.value_and_grad(loss_fn), in_axes=(None, 0))(params, cut)
    return jax.tree.map(lambda leaf: leaf.mean(0), each)
""",
    ),
    Wrong(
        "the gradient of a loop",
        says="Differentiate inside the loop",
        code="""
def accumulated_gradients(loss_fn, params, batch, parts):
    cut = jax.tree.map(lambda leaf: leaf.reshape((parts, -1) + leaf.shape[1:]), batch)
    return jax.value_and_grad(lambda p: jax.lax.map(lambda part: loss_fn(p, part), cut).mean())(params)
""",
    ),
    Wrong(
        "parts of the wrong size",
        says="`parts` counts the parts",
        code=changed(_RIGHT, ("(parts, -1) + leaf.shape[1:]", "(-1, parts) + leaf.shape[1:]")),
    ),
    Wrong(
        "returns the carry alone",
        says="returns a pair",
        code=changed(_RIGHT, ("one), None", "one)")),
    ),
    Wrong(
        "starts from the weights",
        says="begins with the weights",
        code=changed(_RIGHT, ("jax.tree.map(jnp.zeros_like, params)", "params")),
    ),
    Wrong(
        "the pair the wrong way round",
        says="The loss comes first",
        code=changed(
            _RIGHT,
            (_MEAN, "loss, gradients = jax.tree.map(lambda leaf: leaf / parts, total); return gradients, loss"),
        ),
    ),
)
