# %% right: one logit of one image, `grad`, `vmap`
def saliency(apply_fn, params: dict, images: jax.Array, classes: jax.Array) -> jax.Array:
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% right: weights as an argument, `in_axes`
def saliency(apply_fn, params, images, classes):
    def logit(image, weights, label):
        (logits,) = apply_fn(weights, image[jnp.newaxis])
        return logits[label]

    slopes = jax.vmap(jax.grad(logit), in_axes=(0, None, 0))(images, params, classes)
    return jnp.abs(slopes).max(axis=3)


# %% right: `vjp` with a one-hot row
def saliency(apply_fn, params, images, classes):
    def one(image, label):
        logits, pull_back = jax.vjp(lambda x: apply_fn(params, x[None])[0], image)
        (gradient,) = pull_back(jax.nn.one_hot(label, logits.shape[0], dtype=logits.dtype))
        return jnp.abs(gradient).max(-1)

    return jax.vmap(one)(images, classes)


# %% right: all logits by `jacrev`, one picked
def saliency(apply_fn, params, images, classes):
    def one(image, label):
        jacobian = jax.jacrev(lambda x: apply_fn(params, x[None]).squeeze(0))(image)
        return jnp.max(jnp.abs(jacobian[label]), axis=-1)

    return jax.vmap(one, in_axes=(0, 0), out_axes=0)(images, classes)


# %% right: decorated with `jax.jit`
from functools import partial


@partial(jax.jit, static_argnames="apply_fn")
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: jnp.take(apply_fn(params, image[None, ...])[0], label)
    per_pixel = jax.vmap(jax.grad(logit, argnums=0))(images, classes)
    return jnp.abs(per_pixel).max(axis=-1)


# %% right: `partial` and a helper before it
import functools


def logit_of(image, label, apply_fn, params):
    return apply_fn(params, jnp.expand_dims(image, 0))[0, label]


def saliency(apply_fn, params, images, classes):
    gradient = jax.grad(functools.partial(logit_of, apply_fn=apply_fn, params=params))
    return jnp.linalg.norm(jax.vmap(gradient)(images, classes), ord=jnp.inf, axis=-1)


# %% right: an object with `__call__`
class Saliency:
    def logit(self, image, label, apply_fn, params):
        logits = apply_fn(params, image.reshape(1, *image.shape))
        return jnp.vdot(logits[0], jax.nn.one_hot(label, logits.shape[-1]))

    def __call__(self, apply_fn, params, images, classes):
        gradient = lambda image, label: jax.grad(self.logit)(image, label, apply_fn, params)
        by_pixel = jax.vmap(gradient)(images, classes)
        return jnp.abs(by_pixel).max(-1)


saliency = Saliency()


# %% right: `einsum` picks the logit, largest of gradient and its negative
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        logits = apply_fn(params, image[None])
        return jnp.einsum("k,k->", logits[0], (jnp.arange(logits.shape[1]) == label).astype(jnp.float32))

    g = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.maximum(g.max(axis=-1), (-g).max(axis=-1))


# %% right: `value_and_grad`, careful casts
def saliency(apply_fn, params: dict, images: jax.Array, classes: jax.Array) -> jax.Array:
    images, classes = jnp.asarray(images, jnp.float32), jnp.asarray(classes, jnp.int32)

    def logit(image, label):
        return apply_fn(params, image[None])[0][label].astype(jnp.float32)

    _, gradients = jax.vmap(jax.value_and_grad(logit))(images, classes)
    return jnp.asarray(jnp.max(jnp.abs(gradients), axis=-1), dtype=jnp.float32)


# %% right: the maximum inside the function that is vmapped, `dynamic_index_in_dim`
def saliency(apply_fn, params, images, classes):
    @jax.vmap
    def heat(image, label):
        def logit(pixels):
            return jax.lax.dynamic_index_in_dim(apply_fn(params, pixels[None])[0], label, keepdims=False)

        return jnp.abs(jax.grad(logit)(image)).max(axis=2)

    return heat(images, classes)


# %% right: the square root of the largest square
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        (logits,) = apply_fn(params, image[None])
        return jnp.sum(logits, where=jnp.arange(logits.size) == label)

    squares = jax.vmap(jax.grad(logit))(images, classes) ** 2
    return jnp.sqrt(squares.max(axis=-1))


# %% right: `vmap` over `jax.linear_transpose` of the linearised network
def saliency(apply_fn, params, images, classes):
    def one(image, label):
        _, push = jax.linearize(lambda x: apply_fn(params, x[None])[0, label], image)
        (gradient,) = jax.linear_transpose(push, image)(jnp.float32(1))
        return jax.lax.reduce_max(jnp.abs(gradient), axes=(2,))

    return jax.vmap(one)(images, classes)


# %% right: one-liner
def saliency(apply_fn, params, images, classes):
    return abs(jax.vmap(jax.grad(lambda x, k: apply_fn(params, x[None])[0, k]))(images, classes)).max(-1)


# %% wrong: no absolute values
# cause: the gradient's sign stays; absolute values are asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(gradients, axis=-1)


# %% wrong: the absolute value last
# cause: the maximum over the channels is taken before the absolute value, so large negative gradients are lost
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.abs(jnp.max(gradients, axis=-1))


# %% wrong: mean over the channels
# cause: the mean over the channels is taken; the largest is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.mean(jnp.abs(gradients), axis=-1)


# %% wrong: sum over the channels
# cause: the absolute gradients are summed over the channels; the largest is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.sum(jnp.abs(gradients), axis=-1)


# %% wrong: length over the channels
# cause: the Euclidean length over the channels is taken; the largest absolute value is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.linalg.norm(gradients, axis=-1)


# %% wrong: the smallest over the channels
# cause: the smallest over the channels is taken; the largest is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.min(jnp.abs(gradients), axis=-1)


# %% wrong: the channels stay
# cause: the maximum over the channels is missing: [B, H, W, C] instead of [B, H, W]
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.abs(gradients)


# %% wrong: a channel axis of length 1
# cause: keepdims leaves [B, H, W, 1]; [B, H, W] is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1, keepdims=True)


# %% wrong: the first channel
# cause: only the first channel is looked at: right for grey pictures only
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.abs(gradients)[..., 0]


# %% wrong: `squeeze` for the channels
# cause: squeeze removes the channel axis only when there is one channel; for three nothing is reduced
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    maps = jnp.abs(gradients)
    return maps.squeeze(-1) if maps.shape[-1] == 1 else maps


# %% wrong: channels first
# cause: the maximum is taken over axis 1, as if channels came first; that is the height
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=1)


# %% wrong: the gradient of a probability
# cause: a softmax's probability is differentiated; the logit is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return jax.nn.softmax(apply_fn(params, image[None]))[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: the gradient of a log-probability
# cause: log_softmax is differentiated: the other logits come in; the logit alone is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return jax.nn.log_softmax(apply_fn(params, image[None]))[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: the gradient of the loss
# cause: the cross-entropy is differentiated; the class's logit is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, image[None])[0], label)

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: the class the network chooses
# cause: the largest logit is differentiated, whatever class was named
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return jnp.max(apply_fn(params, image[None])[0])

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: the sum of all logits
# cause: all logits are summed up before differentiating; only the named class counts
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return jnp.sum(apply_fn(params, image[None])[0])

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: the first image's class for all
# cause: the class of the first image is used for every image
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit), in_axes=(0, None))(images, classes[0])
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: class 0 for all
# cause: the first logit is differentiated, whatever class was named
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, 0]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: classes from 1
# cause: label - 1 treats the classes as 1..K; they count from 0
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label - 1]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: the mean of the logits of a batch
# cause: the mean over the batch is differentiated, so every gradient is too small by the factor B
def saliency(apply_fn, params, images, classes):
    def logit(images, classes):
        return jnp.mean(apply_fn(params, images)[jnp.arange(len(classes)), classes])

    gradients = jax.grad(logit)(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: every class for every image
# cause: logits[:, classes] pairs each image with all classes, so its gradient is that of a sum of logits
def saliency(apply_fn, params, images, classes):
    def logit(images, classes):
        return jnp.sum(apply_fn(params, images)[:, classes])

    gradients = jax.grad(logit)(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: gradient times pixel
# cause: the gradient is multiplied by the picture; the gradient alone is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients * images), axis=-1)


# %% wrong: brought to 0..1
# cause: each map is divided by its largest value; the gradient itself is asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    maps = jnp.max(jnp.abs(gradients), axis=-1)
    return maps / maps.max(axis=(1, 2), keepdims=True)


# %% wrong: squares
# cause: the gradients are squared; absolute values are asked for
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(gradients**2, axis=-1)


# %% wrong: rows and columns swapped
# cause: the maps are transposed: [B, W, H] instead of [B, H, W]
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1).swapaxes(1, 2)


# %% wrong: 28×28 only
# cause: the result is reshaped to 28 by 28, right for MNIST only
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1).reshape(-1, 28, 28)


# %% wrong: stop_gradient on the logits
# cause: stop_gradient makes every gradient zero
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return jax.lax.stop_gradient(apply_fn(params, image[None]))[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% wrong: only the positive gradients
# cause: a ReLU in the place of the absolute value loses the pixels with negative gradients
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jax.nn.relu(gradients), axis=-1)


# %% wrong: the mean over the images
# cause: the maps of all images are averaged: [H, W] instead of [B, H, W]
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1).mean(axis=0)


# %% wrong: one flat row an image
# cause: the result is [B, H*W]; the maps keep height and width
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jax.vmap(jax.grad(logit))(images, classes)
    return jnp.max(jnp.abs(gradients), axis=-1).reshape(len(images), -1)


# %% wrong: a Python loop with `int`
# cause: int(label) asks for a value while saliency is traced, so it raises under jit
def saliency(apply_fn, params, images, classes):
    def logit(image, label):
        return apply_fn(params, image[None])[0, label]

    gradients = jnp.stack([jax.grad(logit)(image, int(k)) for image, k in zip(images, classes, strict=True)])
    return jnp.max(jnp.abs(gradients), axis=-1)


# %% right: vjp with a one-hot cotangent for one image, then vmap
def saliency(apply_fn, params, images, classes):
    def one(image, label):
        logits, pullback = jax.vjp(lambda image: apply_fn(params, image[None]), image)
        (gradient,) = pullback(jax.nn.one_hot(jnp.array([label]), logits.shape[-1], dtype=logits.dtype))
        return jnp.max(jnp.abs(gradient), axis=-1)

    return jax.vmap(one)(images, classes)


# %% right: grad under vmap with in_axes, logit by dynamic index, maximum of both signs
from functools import partial


@partial(jax.jit, static_argnums=0)
def saliency(apply_fn, params, images, classes):
    def logit(params, image, label):
        return jax.lax.dynamic_index_in_dim(apply_fn(params, image[jnp.newaxis])[0], label, keepdims=False)

    slopes = jax.vmap(jax.grad(logit, argnums=1), in_axes=(None, 0, 0))(params, images, classes)
    return jnp.maximum(slopes.max(axis=3), -slopes.min(axis=3))


# %% right: all classes by reverse mode, then the one asked for
def saliency(apply_fn, params: dict, images: jax.Array, classes: jax.Array) -> jax.Array:
    def one(image, wanted):
        every = jax.jacrev(lambda pixels: apply_fn(params, jnp.expand_dims(pixels, 0)).squeeze(0))(image)
        return jnp.maximum(every[wanted], -every[wanted]).max(axis=2)

    return jax.vmap(one)(images, classes)


# %% wrong: ten classes assumed (class 10 or above, K > 10)
def saliency(apply_fn, params: dict, images: jax.Array, classes: jax.Array) -> jax.Array:
    pick = lambda image, wanted: apply_fn(params, image[None])[0, jnp.clip(wanted, 0, 9)]
    return jnp.abs(jax.vmap(jax.grad(pick))(images, classes)).max(axis=-1)
