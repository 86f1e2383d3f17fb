"""The mistakes that are made with `grad_cam`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def score(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(score)(maps).mean((1, 2), keepdims=True)
    heat = nn.relu((weights * maps).sum(-1))
    top = heat.max((1, 2), keepdims=True)
    return heat / jnp.where(top > 0, top, 1.0)
"""


_WEIGHTS = "weights = jax.grad(score)(maps).mean((1, 2), keepdims=True)"


_TOP = "top = heat.max((1, 2), keepdims=True)"

WRONG = (
    Wrong(
        "no ReLU",
        says="ReLU is missing",
        code=changed(_RIGHT, ("nn.relu((weights * maps).sum(-1))", "(weights * maps).sum(-1)")),
    ),
    Wrong(
        "absolute values",
        says="absolute value",
        code=changed(_RIGHT, ("nn.relu((weights * maps).sum(-1))", "jnp.abs((weights * maps).sum(-1))")),
    ),
    Wrong(
        "gradient of the pictures",
        says="with respect to the pictures",
        code="""
def grad_cam(maps_fn, head_fn, images, classes):
    score = lambda images: head_fn(maps_fn(images))[jnp.arange(len(classes)), classes].sum()
    heat = jnp.abs(jax.grad(score)(images)).max(-1)
    return heat / heat.max((1, 2), keepdims=True)
""",
    ),
    Wrong(
        "a weight for every place",
        says="a weight for every place",
        code=changed(_RIGHT, (_WEIGHTS, "weights = jax.grad(score)(maps)")),
    ),
    Wrong(
        "weights over the whole batch",
        says="shared by all pictures",
        code=changed(_RIGHT, ("mean((1, 2), keepdims=True)", "mean((0, 1, 2), keepdims=True)")),
    ),
    Wrong(
        "ReLU on the weights",
        says="ReLU stands on the weights",
        code=changed(_RIGHT, (_WEIGHTS, _WEIGHTS.replace("jax.grad", "nn.relu(jax.grad") + ")")),
    ),
    Wrong(
        "the gradient alone",
        says="the maps themselves are left out",
        code=changed(_RIGHT, ("(weights * maps).sum(-1)", "jax.grad(score)(maps).sum(-1)")),
    ),
    Wrong(
        "probabilities",
        says="gradient of the probability",
        code=changed(_RIGHT, ("logits = head_fn(maps)", "logits = jax.nn.softmax(head_fn(maps))")),
    ),
    Wrong(
        "the loss",
        says="gradient of the cross-entropy",
        code=changed(_RIGHT, ("logits = head_fn(maps)", "logits = -jax.nn.log_softmax(head_fn(maps))")),
    ),
    Wrong(
        "the highest logit",
        says="class with the highest logit",
        code=changed(_RIGHT, ("logits[jnp.arange(len(classes)), classes].sum()", "logits.max(-1).sum()")),
    ),
    Wrong(
        "one class for all",
        says="of *every* picture",
        code=changed(_RIGHT, ("logits[jnp.arange(len(classes)), classes].sum()", "logits[:, classes].sum()")),
    ),
    Wrong(
        "one maximum for the batch",
        says="the whole batch's maximum",
        code=changed(_RIGHT, (_TOP, "top = heat.max()")),
    ),
    Wrong(
        "not divided",
        says="not divided by its maximum",
        code=changed(_RIGHT, ("return heat / jnp.where(top > 0, top, 1.0)", "return heat")),
    ),
    Wrong(
        "divides by 0",
        says="With a blank picture",
        code=changed(_RIGHT, ("heat / jnp.where(top > 0, top, 1.0)", "heat / top")),
    ),
    Wrong(
        "stretched from the minimum",
        says="lowest place",
        code=changed(_RIGHT, (_TOP, "heat = heat - heat.min((1, 2), keepdims=True)\n    " + _TOP)),
    ),
    Wrong(
        "the gradient of a vector",
        says="returns one number",
        code=changed(_RIGHT, ("classes].sum()", "classes]")),
    ),
)
