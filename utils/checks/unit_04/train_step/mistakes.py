"""The mistakes that are made with `train_step`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
def train_step(state, batch):
    def loss_fn(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        logits, new = state.apply_fn(variables, batch.image, train=True, mutable=["batch_stats"])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        return losses.mean(), new["batch_stats"]
    (loss, stats), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=gradients, batch_stats=stats), loss
"""


_RETURN = "    return state.apply_gradients(grads=gradients, batch_stats=stats), loss\n"

WRONG = (
    Wrong(
        "drops the statistics",
        says="new running statistics are lost",
        code=changed(_RIGHT, (", batch_stats=stats)", ")")),
    ),
    Wrong(
        "evaluation mode",
        says="with `train=False`",
        code=changed(_RIGHT, ("train=True", "train=False")),
    ),
    Wrong(
        "nothing is mutable",
        says='`mutable=["batch_stats"]`',
        code=changed(
            _RIGHT,
            ("logits, new = ", "logits = "),
            (', mutable=["batch_stats"])', ")"),
            ('new["batch_stats"]', "state.batch_stats"),
        ),
    ),
    Wrong(
        "no has_aux",
        says="must be told",
        code=changed(_RIGHT, (", has_aux=True", "")),
    ),
    Wrong(
        "statistics one level too deep",
        says="one level too deep",
        code=changed(_RIGHT, ('new["batch_stats"]', "new")),
    ),
    Wrong(
        "weights alone",
        says="collection `batch_stats`",
        code=changed(_RIGHT, (', "batch_stats": state.batch_stats', "")),
    ),
    Wrong(
        "sums the losses",
        says="is the sum of the losses",
        code=changed(_RIGHT, ("losses.mean()", "losses.sum()")),
    ),
    Wrong(
        "a second look, with the new weights, for the statistics",
        says="from a second pass",
        code=changed(
            _RIGHT,
            (
                _RETURN,
                """    state = state.apply_gradients(grads=gradients)
    variables = {"params": state.params, "batch_stats": stats}
    _, new = state.apply_fn(variables, batch.image, train=True, mutable=["batch_stats"])
    return state.replace(batch_stats=new["batch_stats"]), loss
""",
            ),
        ),
    ),
    Wrong(
        "the loss after the step",
        says="was computed after the step",
        code=changed(
            _RIGHT,
            (
                _RETURN,
                "    return state.apply_gradients(grads=gradients, batch_stats=stats), loss_fn(state.apply_gradients(grads=gradients).params)[0]\n",
            ),
        ),
    ),
    Wrong(
        "does the optimiser's work by hand, and forgets to count",
        says="the step is not counted",
        code=changed(
            _RIGHT,
            (
                _RETURN,
                """    updates, opt_state = state.tx.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state.replace(params=params, opt_state=opt_state, batch_stats=stats), loss
""",
            ),
        ),
    ),
    Wrong(
        "keeps the statistics and forgets the gradient",
        says="the weights did not change",
        code=changed(_RIGHT, (_RETURN, "    return state.replace(step=state.step + 1, batch_stats=stats), loss\n")),
    ),
    Wrong(
        "unpacks the pair the wrong way",
        says="((loss, what comes along), gradients)",
        code=changed(_RIGHT, ("(loss, stats), gradients =", "loss, (stats, gradients) =")),
    ),
    Wrong(
        "smuggles the statistics out",
        says="It returned a tracer",
        code=changed(
            _RIGHT,
            ("    def loss_fn", "    kept = {}\n    def loss_fn"),
            ('return losses.mean(), new["batch_stats"]', "kept.update(new); return losses.mean()"),
            ("(loss, stats), gradients", "loss, gradients"),
            (", has_aux=True", ""),
            ("batch_stats=stats", 'batch_stats=kept["batch_stats"]'),
        ),
    ),
    Wrong(
        "returns the state alone",
        says="a pair is wanted",
        code=changed(_RIGHT, (", batch_stats=stats), loss", ", batch_stats=stats)")),
    ),
)
