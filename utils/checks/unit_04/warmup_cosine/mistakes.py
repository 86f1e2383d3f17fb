"""The mistakes that are made with `warmup_cosine`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
def warmup_cosine(step, peak, warmup, total):
    rising = peak * step / max(warmup, 1)
    done = jnp.clip((step - warmup) / (total - warmup), 0, 1)
    falling = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, rising, falling)
"""

WRONG = (
    Wrong(
        "a Python if",
        says="Under `jit` it has no value yet",
        code="""
def warmup_cosine(step, peak, warmup, total):
    if step < warmup:
        return peak * step / warmup
    done = jnp.clip((step - warmup) / (total - warmup), 0, 1)
    return peak * (1 + jnp.cos(jnp.pi * done)) / 2
""",
    ),
    Wrong(
        "comes up again after the end",
        says="comes up again",
        code=changed(
            _RIGHT, ("jnp.clip((step - warmup) / (total - warmup), 0, 1)", "(step - warmup) / (total - warmup)")
        ),
    ),
    Wrong(
        "counts the cosine from step 0",
        says="begins at step 0",
        code=changed(_RIGHT, ("(step - warmup) / (total - warmup)", "step / total")),
    ),
    Wrong(
        "the cosine takes `total` steps more",
        says="`total` steps after the warm-up",
        code=changed(_RIGHT, ("(total - warmup)", "total")),
    ),
    Wrong(
        "a whole period",
        says="a whole period",
        code=changed(_RIGHT, ("jnp.pi * done", "2 * jnp.pi * done")),
    ),
    Wrong(
        "no pi",
        says="π is missing",
        code=changed(_RIGHT, ("jnp.pi * done", "done")),
    ),
    Wrong(
        "down to minus the peak",
        says="below 0",
        code=changed(_RIGHT, ("(1 + jnp.cos(jnp.pi * done)) / 2", "jnp.cos(jnp.pi * done)")),
    ),
    Wrong(
        "twice the peak",
        says="twice the peak",
        code=changed(_RIGHT, ("jnp.cos(jnp.pi * done)) / 2", "jnp.cos(jnp.pi * done))")),
    ),
    Wrong(
        "a straight line down",
        says="straight line down",
        code=changed(_RIGHT, ("(1 + jnp.cos(jnp.pi * done)) / 2", "(1 - done)")),
    ),
    Wrong(
        "no warm-up",
        says="no warm-up",
        code=changed(_RIGHT, ("jnp.where(step < warmup, rising, falling)", "falling")),
    ),
    Wrong(
        "the first step is not 0",
        says="one step early",
        code=changed(_RIGHT, ("peak * step / max(warmup, 1)", "peak * (step + 1) / max(warmup, 1)")),
    ),
    Wrong(
        "whole numbers only",
        says="whole numbers",
        code=changed(_RIGHT, ("peak * step / max(warmup, 1)", "peak * (step // max(warmup, 1))")),
    ),
    Wrong(
        "divides by the warm-up",
        says="With `warmup=0`",
        code=changed(_RIGHT, ("max(warmup, 1)", "warmup"), ("step < warmup", "step <= warmup")),
    ),
    Wrong(
        "takes maths for scalars",
        says="Stay with `jnp`",
        code="""
def warmup_cosine(step, peak, warmup, total):
    import math
    done = jnp.clip((step - warmup) / (total - warmup), 0, 1)
    return jnp.where(step < warmup, peak * step / max(warmup, 1), peak * (1 + math.cos(math.pi * done)) / 2)
""",
    ),
)
