# %% right: gradient of the sum of chosen logits
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% right: vjp with a one-hot cotangent
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    logits, back = jax.vjp(head_fn, maps)
    (gradient,) = back(jax.nn.one_hot(classes, logits.shape[-1], dtype=logits.dtype))
    cam = jnp.maximum(jnp.einsum("bhwc,bc->bhw", maps, gradient.mean((1, 2))), 0)
    largest = cam.max((1, 2))[:, None, None]
    return cam / jnp.where(largest == 0, 1, largest)

# %% right: vmap over pictures, one at a time through the head
def grad_cam(maps_fn, head_fn, images, classes):
    def one(maps, label):
        gradient = jax.grad(lambda m: head_fn(m[None])[0, label])(maps)
        evidence = jax.nn.relu(maps @ gradient.mean((0, 1)))
        return evidence / jnp.where(evidence.max() > 0, evidence.max(), 1.0)
    return jax.vmap(one)(maps_fn(images), classes)

# %% right: take_along_axis, einsum
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    score = lambda a: jnp.take_along_axis(head_fn(a), classes[:, None], axis=1).sum()
    g = jax.grad(score)(maps)
    weights = jnp.einsum("bhwc->bc", g) / (g.shape[1] * g.shape[2])
    cam = nn.relu(jnp.einsum("bc,bhwc->bhw", weights, maps))
    peak = jnp.max(cam, axis=(-2, -1), keepdims=True)
    return jnp.nan_to_num(cam / peak, nan=0.0)

# %% right: Python loop over pictures
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    result = []
    for b in range(len(images)):
        gradient = jax.grad(lambda m: head_fn(m)[b, classes[b]])(maps)[b]
        weight = gradient.mean(axis=(0, 1))
        evidence = jnp.zeros(maps.shape[1:3])
        for c in range(maps.shape[-1]):
            evidence = evidence + weight[c] * maps[b, :, :, c]
        evidence = jnp.clip(evidence, 0)
        top = evidence.max()
        result.append(jnp.where(top > 0, evidence / top, jnp.zeros_like(evidence)))
    return jnp.stack(result)

# %% right: lax.map with lax.cond for the empty map
def grad_cam(maps_fn, head_fn, images, classes):
    def one(args):
        maps, label = args
        slope = jax.grad(lambda m: jnp.squeeze(head_fn(m[jnp.newaxis]), 0)[label])(maps)
        cam = jnp.maximum(jnp.tensordot(maps, slope.mean(axis=(0, 1)), axes=1), 0.0)
        return lax.cond(cam.max() > 0, lambda: cam / cam.max(), lambda: jnp.zeros_like(cam))
    return lax.map(one, (maps_fn(images), classes))

# %% right: gradient by a bias added to the maps
def _scaled(cam):
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.divide(cam, top + (top == 0))

def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def logit(delta):
        logits = head_fn(maps + delta)
        return jnp.sum(logits * jax.nn.one_hot(classes, logits.shape[1]))
    gradient = jax.grad(logit)(jnp.zeros_like(maps))
    cam = jax.nn.relu(jnp.sum(gradient.mean((1, 2))[:, None, None, :] * maps, -1))
    return _scaled(cam)

# %% right: jitted, functions static
@partial(jax.jit, static_argnums=(0, 1))
def grad_cam(maps_fn, head_fn, images, classes):
    b, n = images.shape[0], jnp.arange(images.shape[0])
    maps = maps_fn(images)
    pick = lambda m: head_fn(m).at[n, classes].get()
    picked, back = jax.vjp(pick, maps)
    alpha = back(jnp.ones_like(picked))[0].reshape(b, -1, maps.shape[-1]).mean(1)
    cam = jnp.matmul(maps.reshape(b, -1, maps.shape[-1]), alpha[..., None])[..., 0]
    cam = jax.nn.relu(cam)
    top = cam.max(1, keepdims=True)
    return jnp.where(top == 0, 0, cam / jnp.where(top == 0, 1, top)).reshape(maps.shape[:3]).astype(jnp.float32)

# %% right: value_and_grad with the logits as aux, over-careful
def grad_cam(maps_fn, head_fn, images, classes):
    B = len(classes)
    maps = jnp.asarray(maps_fn(images), jnp.float32)
    def logit(maps):
        logits = head_fn(maps)
        chosen = jnp.where(jnp.arange(logits.shape[-1]) == classes[:, None], logits, 0)
        return chosen.sum(), logits
    (_, logits), gradient = jax.value_and_grad(logit, has_aux=True)(maps)
    assert len(logits) == B
    weights = jnp.mean(gradient, axis=1).mean(axis=1)
    cam = jnp.sum(maps * jnp.expand_dims(weights, (1, 2)), axis=3)
    cam = cam * (cam > 0)
    top = jnp.max(jnp.max(cam, axis=2), axis=1).reshape(B, 1, 1)
    safe = jnp.where(top > 0, top, jnp.ones_like(top))
    return (cam / safe).astype(jnp.float32)

# %% right: callable object with methods
class _GradCam:
    def __call__(self, maps_fn, head_fn, images, classes):
        maps = maps_fn(images)
        return jax.vmap(self.finish)(self.weighted(maps, self.weights(head_fn, maps, classes)))
    def weights(self, head_fn, maps, classes):
        total = lambda maps: sum(jax.vmap(lambda row, k: row[k])(head_fn(maps), classes))
        return jax.grad(total)(maps).mean(axis=(1, 2))
    def weighted(self, maps, weights):
        return jax.nn.relu(jax.vmap(jnp.dot)(maps, weights))
    def finish(self, cam):
        return jnp.where(cam.any(), cam / cam.max(), 0.0)

grad_cam = _GradCam()


# %% right: whole Jacobian for one picture
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    jacobian = jax.vmap(jax.jacrev(lambda one: head_fn(one[None])[0]))(maps)
    gradient = jax.vmap(lambda j, k: j[k])(jacobian, classes)
    cam = jnp.einsum("bhwc,bc->bhw", maps, jnp.mean(gradient, (1, 2))).clip(min=0)
    return cam / jnp.maximum(cam.max((1, 2), keepdims=True), jnp.finfo(jnp.float32).tiny)

# %% right: linearised head, transposed
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    logits, push = jax.linearize(head_fn, maps)
    (gradient,) = jax.linear_transpose(push, maps)(jnp.eye(logits.shape[-1], dtype=logits.dtype)[classes])
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    cam = lax.max(jnp.sum(weights * maps, axis=-1), 0.0)
    top = cam.max(axis=(1, 2))[:, None, None]
    return jnp.where(top > 0, cam, 0) / jnp.where(top > 0, top, 1)

# %% wrong: no ReLU
# cause: the ReLU is missing, so what speaks for another class is negative
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = (weights * maps).sum(axis=-1)
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: gradient of the probability
# cause: the gradient of the probability after softmax instead of the logit
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = jax.nn.softmax(head_fn(maps))
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: gradient of the log-probability
# cause: the gradient of log_softmax instead of the logit: the other classes pull too
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = jax.nn.log_softmax(head_fn(maps))
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: gradient of the loss
# cause: the gradient of the cross entropy, which has the opposite sign and mixes in the other classes
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return optax.softmax_cross_entropy_with_integer_labels(logits, classes).sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: the predicted class
# cause: the largest logit is taken instead of that of the given class
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits.max(axis=-1).sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: all classes
# cause: all logits are added up, `classes` is not used
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits.sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: each picture with all labels
# cause: logits[:, classes] takes every label for every picture instead of each picture's own
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[:, classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: the first class for all
# cause: the first picture's class is used for all pictures
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[:, classes[0]].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: mean over the maps
# cause: the gradient is averaged over the C maps instead of the places
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=-1, keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: no mean
# cause: the gradient is multiplied place by place, it is not averaged to one weight a map
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: mean over the batch too
# cause: the weights are averaged over the pictures as well
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(0, 1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: mean over rows only
# cause: the gradient is averaged over the rows only, one weight for each column
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=1, keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: largest gradient
# cause: the weight is the gradient's maximum over the places, not its mean
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).max(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: the batch's maximum
# cause: all pictures are divided by the largest number of the batch instead of their own
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max()
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: 0/0
# cause: where nothing speaks for the class it divides 0 by 0, a NaN
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return cam / top

# %% wrong: a small number added
# cause: a constant is added to the maximum, so the largest is not 1 where the evidence is small
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return cam / (top + 1e-5)

# %% wrong: not divided
# cause: the division by each picture's maximum is missing
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return cam

# %% wrong: minimum to 0
# cause: the minimum is subtracted first, so 0 is where the least evidence is
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    low = cam.min(axis=(1, 2), keepdims=True)
    return jnp.where(top > low, (cam - low) / jnp.where(top > low, top - low, 1), 0.0)

# %% wrong: divided by the sum
# cause: each map is divided by its sum, so it adds up to 1 instead of having a maximum of 1
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.sum(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: size instead of ReLU
# cause: the absolute value instead of ReLU, so evidence against the class counts as evidence for it
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = jnp.abs((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: ReLU before the sum
# cause: each weighted map goes through the ReLU before the sum, so nothing can speak against
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu(weights * maps).sum(axis=-1)
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: ReLU on the weights
# cause: negative weights are cut off, so maps that speak against the class do not count
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = (nn.relu(weights) * maps).sum(axis=-1)
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: ReLU on the gradient
# cause: negative gradients are cut off before the mean (as in guided variants)
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = nn.relu(jax.grad(chosen)(maps)).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: without the maps' weights
# cause: the maps are averaged without weights, so the class plays no part
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu(maps.mean(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: gradient alone
# cause: the gradient's own sum over the maps is shown, the maps are not multiplied with it
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu(jax.grad(chosen)(maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: ReLU after the division
# cause: it divides by the largest number first: where all are negative that turns the signs
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = (weights * maps).sum(axis=-1)
    top = cam.max(axis=(1, 2), keepdims=True)
    return nn.relu(cam / jnp.where(top == 0, 1, top))

# %% wrong: divided by the largest size
# cause: the maximum is taken of absolute values before the ReLU, so the largest is not 1
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    raw = (weights * maps).sum(axis=-1)
    cam = nn.relu(raw)
    top = jnp.abs(raw).max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: an axis too many
# cause: the axis of the maps is kept: [B, h, w, 1] instead of [B, h, w]
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)[..., None]

# %% wrong: transposed
# cause: rows and columns are swapped: [B, w, h]
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0).swapaxes(1, 2)

# %% wrong: saliency of the pixels
# cause: the gradient with respect to the pixels, of the pictures' size, instead of the maps
def grad_cam(maps_fn, head_fn, images, classes):
    def chosen(images):
        logits = head_fn(maps_fn(images))
        return logits[jnp.arange(len(classes)), classes].sum()
    cam = jnp.abs(jax.grad(chosen)(images)).max(axis=-1)
    top = cam.max(axis=(1, 2), keepdims=True)
    return jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)

# %% wrong: stretched to the pictures
# cause: the result is stretched to the pictures' size, the task wants [B, h, w]
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    heat = jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)
    return jax.image.resize(heat, images.shape[:3], "nearest")

# %% wrong: bytes
# cause: the result is uint8 in 0..255 instead of float32 in 0..1
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    def chosen(maps):
        logits = head_fn(maps)
        return logits[jnp.arange(len(classes)), classes].sum()
    weights = jax.grad(chosen)(maps).mean(axis=(1, 2), keepdims=True)
    cam = nn.relu((weights * maps).sum(axis=-1))
    top = cam.max(axis=(1, 2), keepdims=True)
    heat = jnp.where(top > 0, cam / jnp.where(top > 0, top, 1), 0.0)
    return (255 * heat).astype(jnp.uint8)


# %% right: jax.vjp with a one-hot cotangent, einsum
def grad_cam(maps_fn, head_fn, images, classes):
    maps = maps_fn(images)
    logits, pull = jax.vjp(head_fn, maps)
    (gradients,) = pull(jax.nn.one_hot(classes, logits.shape[-1], dtype=logits.dtype))
    weights = jnp.einsum("bhwc->bc", gradients) / (maps.shape[1] * maps.shape[2])
    heat = jax.nn.relu(jnp.einsum("bhwc,bc->bhw", maps, weights)).astype(jnp.float32)
    top = heat.max(axis=(1, 2), keepdims=True)
    return heat / jnp.where(top > 0, top, 1)


# %% right: everything for one image, then vmap
def grad_cam(maps_fn, head_fn, images, classes):
    def logit(maps, which):
        return head_fn(maps[None])[0, which]

    def one(maps, which):
        weights = jax.grad(logit)(maps, which).mean(axis=(0, 1))
        heat = jnp.maximum(maps @ weights, 0.0)
        top = jnp.max(heat)
        return lax.cond(top > 0, lambda heat: heat / top, lambda heat: heat, heat)

    return jax.vmap(one)(maps_fn(images), classes).astype(jnp.float32)


# %% right: one image at a time in lax.map, the Jacobian of all logits by jacrev
def grad_cam(maps_fn, head_fn, images, classes):
    def one(pair):
        maps, kind = pair  # [h, w, C]
        jacobian = jax.jacrev(lambda maps: head_fn(maps[None])[0])(maps)  # [K, h, w, C]
        weights = jnp.mean(jnp.take(jacobian, kind, axis=0).reshape(-1, maps.shape[-1]), axis=0)
        heat = jnp.tensordot(maps, weights, 1).clip(0)
        return lax.cond(heat.max() > 0, lambda heat: heat / heat.max(), lambda heat: heat, heat)

    return lax.map(one, (maps_fn(images), classes))
