"""The mistakes that are made with `saliency`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "keeps the sign",
        says="sign is kept",
        code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: apply_fn(params, image[None])[0, label]
    return jax.vmap(jax.grad(logit))(images, classes).max(axis=-1)
""",
    ),
    Wrong(
        "keeps the channels",
        says="has shape [3, 2, 2, 2]",
        code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: apply_fn(params, image[None])[0, label]
    return jnp.abs(jax.vmap(jax.grad(logit))(images, classes))
""",
    ),
    Wrong(
        "adds the channels up",
        says="added up",
        code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: apply_fn(params, image[None])[0, label]
    return jnp.abs(jax.vmap(jax.grad(logit))(images, classes)).sum(axis=-1)
""",
    ),
    Wrong(
        "gradient of the loss",
        says="gradient of the cross-entropy",
        code="""
def saliency(apply_fn, params, images, classes):
    def loss(image, label):
        return optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, image[None])[0], label)
    return jnp.abs(jax.vmap(jax.grad(loss))(images, classes)).max(axis=-1)
""",
    ),
    Wrong(
        "gradient of the probability",
        says="gradient of the probability",
        code="""
def saliency(apply_fn, params, images, classes):
    probability = lambda image, label: jax.nn.softmax(apply_fn(params, image[None])[0])[label]
    return jnp.abs(jax.vmap(jax.grad(probability))(images, classes)).max(axis=-1)
""",
    ),
    Wrong(
        "the winning class instead of the one asked for",
        says="highest logit",
        code="""
def saliency(apply_fn, params, images, classes):
    top = lambda image: apply_fn(params, image[None])[0].max()
    return jnp.abs(jax.vmap(jax.grad(top))(images)).max(axis=-1)
""",
    ),
    Wrong(
        "differentiates by the weights",
        says="with respect to the weights",
        code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda params, image, label: apply_fn(params, image[None])[0, label]
    return jax.vmap(jax.grad(logit), in_axes=(None, 0, 0))(params, images, classes)
""",
    ),
    Wrong(
        "no vmap: the gradient of a vector",
        says="returns one number",
        code="""
def saliency(apply_fn, params, images, classes):
    logits = lambda images: apply_fn(params, images)[jnp.arange(len(classes)), classes]
    return jnp.abs(jax.grad(logits)(images)).max(axis=-1)
""",
    ),
    Wrong(
        "gradient times picture",
        says="multiplied by the picture",
        code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: apply_fn(params, image[None])[0, label]
    return jnp.abs(images * jax.vmap(jax.grad(logit))(images, classes)).max(axis=-1)
""",
    ),
)
