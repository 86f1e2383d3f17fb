"""The mistakes that are made with `recipe`, each with what tells it."""

from utils.checks.registry import Wrong


def _with(**changed: str) -> str:
    """The code of a recipe, in which some parts were replaced."""
    parts = {
        "name": '"mine"',
        "network": "make_network(width)",
        "optimizer": "optax.adam(2e-3)",
        "augment": "()",
        "smoothing": "0.0",
    } | changed
    before = parts.pop("before", "")
    arguments = ", ".join(f"{key}={value}" for key, value in parts.items())
    return f"""
def recipe(width, steps):
{before}    return Recipe({arguments})
"""


WRONG = (
    Wrong(
        "softmax at the end",
        says="are probabilities",
        code=_with(
            before="    forward = lambda images, training=False: jax.nn.softmax(VGG8(width)(images, training=training))\n",
            network="hk.transform(forward)",
        ),
    ),
    Wrong(
        "dropout in evaluation too",
        says="In evaluation `network.apply` asks for a key",
        code=_with(
            before="    forward = lambda images, training=False: VGG8(width)(images, dropout=0.2, training=True)\n",
            network="hk.transform(forward)",
        ),
    ),
    Wrong("a larger network", says="at most twice", code=_with(network="make_network(2 * width)")),
    Wrong(
        "takes no training",
        says="must take `training`",
        code=_with(
            before="    forward = lambda images: VGG8(width)(images)\n",
            network="hk.transform(forward)",
        ),
    ),
    Wrong(
        "without a key",
        says="`hk.without_apply_rng`",
        code=_with(
            before="    forward = lambda images, training=False: VGG8(width)(images)\n",
            network="hk.without_apply_rng(hk.transform(forward))",
        ),
    ),
    Wrong("a hundred classes", says="logits [4, 10]", code=_with(network="make_network(width // 2, 100)")),
    Wrong(
        "a learning rate that blows up",
        says="blows up",
        code=_with(optimizer="optax.sgd(1e4, momentum=0.9)"),
    ),
    Wrong("climbs", says="rises, from", code=_with(optimizer="optax.sgd(-2e-2)")),
    Wrong("a learning rate of nothing", says="hardly falls", code=_with(optimizer="optax.sgd(1e-6)")),
    Wrong("augmentation that was not called", says="`augment.flip()`", code=_with(augment="(augment.flip,)")),
    Wrong("one function instead of a tuple", says="a tuple", code=_with(augment="augment.flip()")),
    Wrong("smoothing in per cent", says="smoothing is 10", code=_with(smoothing="10")),
    Wrong("no name", says="`name`", code=_with(name='"My best one!"')),
    Wrong("a learning rate for an optimiser", says="`optimizer` is", code=_with(optimizer="2e-3")),
)
