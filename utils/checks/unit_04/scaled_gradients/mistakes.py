"""The mistakes that are made with `scaled_gradients`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    scale, good = loss_scale
    loss, gradients = jax.value_and_grad(lambda p: loss_fn(p) * scale)(params)
    gradients = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, gradients)
    finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()
    good = jnp.where(finite, good + 1, 0)
    grow = good == period
    new = jnp.where(finite, jnp.where(grow, 2 * scale, scale), scale / 2)
    return loss / scale, gradients, finite, LossScale(new, jnp.where(grow, 0, good))
"""


_FINITE = "finite = jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]).all()"


_NEW = "new = jnp.where(finite, jnp.where(grow, 2 * scale, scale), scale / 2)"

WRONG = (
    Wrong(
        "does not scale",
        says="became 0 in float16",
        code=changed(
            _RIGHT,
            ("loss_fn(p) * scale", "loss_fn(p)"),
            ("g.astype(jnp.float32) / scale", "g.astype(jnp.float32)"),
            ("return loss / scale", "return loss"),
        ),
    ),
    Wrong(
        "scales the gradients, not the loss",
        says="after they are gone",
        code=changed(
            _RIGHT,
            ("loss_fn(p) * scale", "loss_fn(p)"),
            ("g.astype(jnp.float32) / scale", "g.astype(jnp.float32) * scale / scale"),
            ("return loss / scale", "return loss * 1"),
        ).replace(
            "    finite",
            "    gradients = jax.tree.map(lambda g: jnp.where(g == 0, jnp.float32(1e-30), g), gradients)\n    finite",
            1,
        ),
    ),
    Wrong(
        "does not take the scale back",
        says="The gradients are still multiplied",
        code=changed(_RIGHT, ("g.astype(jnp.float32) / scale", "g.astype(jnp.float32)")),
    ),
    Wrong(
        "returns the scaled loss",
        says="The loss is still multiplied",
        code=changed(_RIGHT, ("return loss / scale", "return loss")),
    ),
    Wrong(
        "leaves gradients in float16",
        says="has dtype float16",
        code=changed(_RIGHT, ("g.astype(jnp.float32) / scale", "(g / scale).astype(g.dtype)")),
    ),
    Wrong(
        "looks at the loss",
        says="looks at the loss",
        code=changed(_RIGHT, (_FINITE, "finite = jnp.isfinite(loss)")),
    ),
    Wrong(
        "looks at the first leaf",
        says="Every leaf counts",
        code=changed(_RIGHT, (_FINITE, "finite = jnp.isfinite(jax.tree.leaves(gradients)[0]).all()")),
    ),
    Wrong(
        "looks for NaN only",
        says="is infinite, and it says",
        code=changed(_RIGHT, ("jnp.isfinite(g).all()", "(~jnp.isnan(g)).all()")),
    ),
    Wrong(
        "looks for infinity only",
        says="holds NaN",
        code=changed(_RIGHT, ("jnp.isfinite(g).all()", "(~jnp.isinf(g)).all()")),
    ),
    Wrong(
        "does not back off",
        says="the scale has to be halved",
        code=changed(_RIGHT, (_NEW, "new = jnp.where(grow, 2 * scale, scale)")),
    ),
    Wrong(
        "does not begin to count anew after an overflow",
        says="the count of good steps begins anew",
        code=changed(_RIGHT, ("good = jnp.where(finite, good + 1, 0)", "good = jnp.where(finite, good + 1, good)")),
    ),
    Wrong(
        "doubles at every good step",
        says="doubled after every good step",
        code=changed(_RIGHT, (_NEW, "new = jnp.where(finite, 2 * scale, scale / 2)")),
    ),
    Wrong(
        "never doubles",
        says="good steps in a row the scale doubles",
        code=changed(_RIGHT, (_NEW, "new = jnp.where(finite, scale, scale / 2)")),
    ),
    Wrong(
        "goes on counting after it has doubled",
        says="After doubling",
        code=changed(_RIGHT, ("jnp.where(grow, 0, good))", "good)")),
    ),
    Wrong(
        "doubles one step late",
        says="one step late",
        code=changed(_RIGHT, ("grow = good == period", "grow = loss_scale.good_steps == period")),
    ),
    Wrong(
        "a Python if",
        says="Under `jit` it has no value yet",
        code=changed(_RIGHT, (_NEW, "new = scale if finite else scale / 2")),
    ),
    Wrong(
        "sets bad gradients to 0",
        says="hides the overflow",
        code=changed(
            _RIGHT,
            ("g.astype(jnp.float32) / scale", "jnp.nan_to_num(g.astype(jnp.float32) / scale, posinf=0, neginf=0)"),
        ),
    ),
)
