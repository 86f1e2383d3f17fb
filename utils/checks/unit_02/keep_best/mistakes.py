"""The mistakes that are made with `keep_best`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "keeps a reference",
        says="memory was given away",
        code="""
def keep_best(best, params, epoch, loss):
    if best is not None and best.loss <= loss:
        return best
    return Best(loss, epoch, params)
""",
    ),
    Wrong(
        "copies the dictionary, not the arrays",
        says="still the very arrays",
        code="""
def keep_best(best, params, epoch, loss):
    if best is not None and best.loss <= loss:
        return best
    best = Best(loss, epoch, dict(params))
    assert best.params is not params
    return best
""",
    ),
    Wrong(
        "compares the wrong way",
        says="highest loss",
        code="""
def keep_best(best, params, epoch, loss):
    if best is not None and best.loss >= loss:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
    ),
    Wrong(
        "always takes the newest",
        says="always the newest",
        code="""
def keep_best(best, params, epoch, loss):
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
    ),
    Wrong(
        "never changes its mind",
        says="always the first",
        code="""
def keep_best(best, params, epoch, loss):
    if best is not None:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
    ),
    Wrong(
        "on a tie takes the later one",
        says="On a tie",
        code="""
def keep_best(best, params, epoch, loss):
    if best is not None and best.loss < loss:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
    ),
    Wrong(
        "keeps the loss but the newest weights",
        says="weights of another epoch",
        code="""
def keep_best(best, params, epoch, loss):
    params = jax.tree.map(jnp.copy, params)
    if best is not None and best.loss <= loss:
        return best._replace(params=params)
    return Best(loss, epoch, params)
""",
    ),
    Wrong(
        "forgets that there is no best at first",
        says="before the first epoch",
        code="""
def keep_best(best, params, epoch, loss):
    if best.loss <= loss:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
    ),
)
