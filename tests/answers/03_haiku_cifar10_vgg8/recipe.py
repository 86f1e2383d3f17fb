# %% right: flips and AdamW with a falling rate
def recipe(width: int, steps: int) -> Recipe:
    rate = optax.cosine_decay_schedule(2e-3, max(1, steps))
    return Recipe("flips-adamw", make_network(width), optax.adamw(rate, weight_decay=1e-2), (augment.flip(),), 0.05)

# %% right: `plain(...)._replace`
def recipe(width, steps):
    return plain(width, steps)._replace(name="plain-with-flips", augment=(augment.flip(),))

# %% right: a little dropout
def recipe(width, steps):
    def forward(images, training=False):
        return VGG8(width)(images, dropout=0.1, training=training)

    return Recipe(name="dropout-1", network=hk.transform(forward), optimizer=optax.adam(2e-3), smoothing=0.1)

# %% right: `hk.LayerNorm`
def recipe(width, steps):
    def forward(images, training=False):
        x = images
        for size in (width, 2 * width, 4 * width):
            for _ in range(2):
                x = hk.Conv2D(size, 3)(x)
                x = jax.nn.relu(hk.LayerNorm(axis=-1, create_scale=True, create_offset=True)(x))
            x = max_pool(x)
        x = jax.nn.relu(hk.Linear(4 * width)(hk.Flatten()(x)))
        return hk.Linear(10)(x)

    return Recipe("layer-norm", hk.transform(forward), optax.adam(2e-3), (augment.flip(),))

# %% right: a mean over places
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        return hk.Linear(10)(x.mean(axis=(1, 2)))

    return Recipe("mean-over-places", hk.transform(forward), optax.adam(3e-3), (), 0.0)

# %% right: skip connections, in a module of its own
class Skipping(hk.Module):
    def __init__(self, width, name=None):
        super().__init__(name=name)
        self.width = width

    def __call__(self, x, training=False):
        for size in (self.width, 2 * self.width, 4 * self.width):
            x = jax.nn.relu(hk.Conv2D(size, 3)(x))
            x = max_pool(x + jax.nn.relu(hk.Conv2D(size, 3)(x)))
        x = jax.nn.relu(hk.Linear(4 * self.width)(x.reshape(x.shape[0], -1)))
        return hk.Linear(10)(x)

def recipe(width, steps):
    network = hk.transform(lambda images, training=False: Skipping(width)(images, training))
    return Recipe("skips", network, optax.adam(2e-3), (augment.flip(),))

# %% right: momentum with a warm-up
def recipe(width, steps):
    warm = max(1, steps // 10)
    rate = optax.warmup_cosine_decay_schedule(0.0, 0.05, warm, max(steps, warm + 1))
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(rate, momentum=0.9, nesterov=True))
    return Recipe("momentum", make_network(width), optimizer, (augment.flip(),))

# %% right: cutout and crops
def recipe(width, steps):
    moves = (augment.flip(), augment.pad_and_crop(2), augment.cutout(6))
    return Recipe("cutout-crops", make_network(width, 10), optax.adam(2e-3), moves, smoothing=0.02)

# %% right: a little wider, no augmentation
def recipe(width, steps):
    return Recipe(name="wider-130", network=make_network(width + width // 4), optimizer=optax.nadam(1.5e-3))

# %% right: decay that spares the biases
def recipe(width, steps):
    def weights_only(params):
        return jax.tree.map(lambda leaf: leaf.ndim > 1, params)

    rate = optax.linear_schedule(2e-3, 1e-4, steps)
    optimizer = optax.chain(
        optax.scale_by_adam(), optax.add_decayed_weights(0.02, mask=weights_only), optax.scale_by_learning_rate(rate)
    )
    return Recipe("masked-decay", make_network(width), optimizer, (augment.flip(),), 0.03)

# %% right: an optimiser of one's own
def heavy_adam(rate):
    inner = optax.scale_by_adam(b1=0.9, b2=0.99)

    def update(gradients, state, params=None):
        directions, state = inner.update(gradients, state, params)
        return jax.tree.map(lambda one: -rate * one, directions), state

    return optax.GradientTransformation(inner.init, update)

def recipe(width, steps):
    return Recipe("own-optimizer", make_network(width), heavy_adam(2e-3), smoothing=0.05)

# %% right: augmentation of one's own
def recipe(width, steps):
    def darker(image, seed):
        import tensorflow as tf

        return image * tf.random.stateless_uniform((), seed, 0.8, 1.0)

    return Recipe("darker", make_network(width), optax.adam(2e-3), (augment.flip(), darker))

# %% right: `functools.partial`, the network's functions wrapped
import functools

def recipe(width, steps):
    plain_network = make_network(width)
    apply = functools.partial(plain_network.apply, dropout=0.05)
    network = hk.Transformed(plain_network.init, apply)
    return Recipe(**dict(name="a1", network=network, optimizer=optax.adam(2e-3), augment=tuple([augment.flip()])))

# %% wrong: twice as wide
# cause: twice the width has four times as many weights; at most twice as many are allowed
def recipe(width, steps):
    return Recipe("wide", make_network(2 * width), optax.adam(2e-3), (augment.flip(),))

# %% wrong: a width of 48
# cause: the width is hard-coded, so for a small width there are far more than twice as many weights
def recipe(width, steps):
    return Recipe("wide-48", make_network(48), optax.adam(2e-3), (augment.flip(),))

# %% wrong: a hidden layer of 32 W
# cause: the hidden linear layer is so large that there are more than twice as many weights as in VGG8
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        x = jax.nn.relu(hk.Linear(32 * width)(hk.Flatten()(x)))
        return hk.Linear(10)(x)
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: probabilities
# cause: the network returns probabilities instead of logits; the loss takes the softmax
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        return jax.nn.softmax(hk.Linear(10)(hk.Flatten()(x)))
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: one logit an image
# cause: the network returns [B, 1] instead of logits [B, 10]
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        return hk.Linear(1)(hk.Flatten()(x))
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: logits transposed
# cause: the network returns [10, B] instead of logits [B, 10]
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        return hk.Linear(10)(hk.Flatten()(x)).T
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: logits for each place
# cause: the network returns [B, 4, 4, 10]: neither flattened nor averaged over places
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        return hk.Linear(10)(x)
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: dropout in evaluation too
# cause: drops without a look at training, so evaluation asks for a key
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        x = drop(hk.next_rng_key(), 0.2, hk.Flatten()(x))
        return hk.Linear(10)(x)
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: a rate of 1
# cause: a rate of 1 drops everything (rate must be below 1), so nothing of the pictures is left in training
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        x = hk.Flatten()(x)
        if training:
            x = drop(hk.next_rng_key(), 1.0, x)
        return hk.Linear(10)(x)
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: batch and features mixed up
# cause: flattens to a fixed batch of 64, so it works for no other batch size
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        return hk.Linear(10)(x.reshape(64, -1))
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: weights that are zero
# cause: all weights of the last layer and its input start at zero and get no gradient: only the last bias learns
def recipe(width, steps):
    def forward(images, training=False):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        zeros = jnp.zeros
        x = jax.nn.relu(hk.Linear(4 * width, w_init=zeros)(hk.Flatten()(x)))
        return hk.Linear(10, w_init=zeros)(x)
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: no argument training
# cause: the network takes no argument training, which apply is given
def recipe(width, steps):
    def forward(images):
        x = double_conv(double_conv(double_conv(images, width), 2 * width), 4 * width)
        return hk.Linear(10)(hk.Flatten()(x))
    return Recipe("mine", hk.transform(forward), optax.adam(2e-3))

# %% wrong: a hundred classes
# cause: logits [B, 100] instead of [B, 10]
def recipe(width, steps):
    return Recipe("hundred", make_network(width, 100), optax.adam(2e-3))

# %% wrong: capitals in the name
# cause: the name may have small letters, digits and - only, no capitals
def recipe(width, steps):
    return Recipe("MyRecipe", make_network(width), optax.adam(2e-3), (augment.flip(),))

# %% wrong: an underscore in the name
# cause: the name may have small letters, digits and - only, no underscore
def recipe(width, steps):
    return Recipe("my_recipe", make_network(width), optax.adam(2e-3), (augment.flip(),))

# %% wrong: a space in the name
# cause: the name may have small letters, digits and - only, no space
def recipe(width, steps):
    return Recipe("my recipe", make_network(width), optax.adam(2e-3), (augment.flip(),))

# %% wrong: a point in the name
# cause: the name may have small letters, digits and - only, no point
def recipe(width, steps):
    return Recipe("dropout-0.1", make_network(width), optax.adam(2e-3), (augment.flip(),))

# %% wrong: an empty name
# cause: the name is empty, so the recipe has no folder of its own
def recipe(width, steps):
    return Recipe("", make_network(width), optax.adam(2e-3), (augment.flip(),))

# %% wrong: the name of the plain network
# cause: the name plain is that of the plain network: another recipe needs another name
def recipe(width, steps):
    return Recipe("plain", make_network(width), optax.adam(2e-3), (augment.flip(),))

# %% wrong: a list of augmentations
# cause: augment is a list instead of a tuple
def recipe(width, steps):
    return Recipe("list", make_network(width), optax.adam(2e-3), [augment.flip()])

# %% wrong: the comma forgotten
# cause: (augment.flip()) without a comma is a function, not a tuple
def recipe(width, steps):
    return Recipe("comma", make_network(width), optax.adam(2e-3), (augment.flip()))

# %% wrong: flip not called
# cause: augment.flip is not called: what stands in the tuple makes an augmentation and is none
def recipe(width, steps):
    return Recipe("uncalled", make_network(width), optax.adam(2e-3), (augment.flip,))

# %% wrong: None for no augmentation
# cause: augment is None; where there is none it must be ()
def recipe(width, steps):
    return Recipe("none", make_network(width), optax.adam(2e-3), None)

# %% wrong: pictures of 24 pixels
# cause: the crop leaves pictures of 24×24, the network gets 32×32 in evaluation and does not fit both
def recipe(width, steps):
    return Recipe("crop-24", make_network(width), optax.adam(2e-3), (augment.random_resized_crop(24),))

# %% wrong: a learning rate of 0
# cause: the learning rate is 0: nothing is learnt
def recipe(width, steps):
    return Recipe("zero", make_network(width), optax.sgd(0.0), (augment.flip(),))

# %% wrong: far too small a rate
# cause: a learning rate of 1e-8 learns nothing within the steps
def recipe(width, steps):
    return Recipe("tiny", make_network(width), optax.adam(1e-8), (augment.flip(),))

# %% wrong: far too large a rate
# cause: a learning rate of 100 makes the loss explode
def recipe(width, steps):
    return Recipe("huge", make_network(width), optax.sgd(100.0), (augment.flip(),))

# %% wrong: uphill
# cause: a negative learning rate climbs the loss
def recipe(width, steps):
    return Recipe("uphill", make_network(width), optax.adam(-2e-3), (augment.flip(),))

# %% wrong: over after one step
# cause: the schedule has fallen to 0 after one step (decay_steps=1 instead of steps)
def recipe(width, steps):
    return Recipe("cosine", make_network(width), optax.adam(optax.cosine_decay_schedule(2e-3, 1)), (augment.flip(),))

# %% wrong: a warm-up without end
# cause: the warm-up takes a million steps, so the rate is next to 0 in all of the training
def recipe(width, steps):
    rate = optax.linear_schedule(0.0, 2e-3, 1_000_000)
    return Recipe("warmup", make_network(width), optax.adam(rate), (augment.flip(),))

# %% wrong: frozen
# cause: optax.set_to_zero makes every update zero
def recipe(width, steps):
    return Recipe("frozen", make_network(width), optax.set_to_zero(), (augment.flip(),))

# %% wrong: weight decay of 500
# cause: rate times decay is 1: each step sets the weights back to zero
def recipe(width, steps):
    return Recipe("decay", make_network(width), optax.adamw(2e-3, weight_decay=500.0), (augment.flip(),))

# %% wrong: everything smoothed
# cause: smoothing 1 spreads the label evenly over all classes: there is nothing left to learn
def recipe(width, steps):
    return Recipe("smooth", make_network(width), optax.adam(2e-3), (augment.flip(),), 1.0)

# %% wrong: a smoothing in per cent
# cause: smoothing 10 is meant as 10 %; the share is 0.1
def recipe(width, steps):
    return Recipe("smooth-10", make_network(width), optax.adam(2e-3), (augment.flip(),), 10)

# %% wrong: no optimiser
# cause: a learning rate stands in the place of the optimiser
def recipe(width, steps):
    return Recipe("rate", make_network(width), 2e-3, (augment.flip(),))

# %% wrong: a plain tuple
# cause: returns a plain tuple instead of a Recipe
def recipe(width, steps):
    return ("tuple", make_network(width), optax.adam(2e-3), (augment.flip(),), 0.0)

# %% wrong: without apply's key
# cause: hk.without_apply_rng takes the key away from apply; apply(params, key, images) does not fit
def recipe(width, steps):
    return Recipe("no-key", hk.without_apply_rng(make_network(width)), optax.adam(2e-3))


# %% right: VGG8 with a little dropout bound into it, AdamW with a cosine schedule and clipping
def recipe(width, steps):
    inner = make_network(width)

    def apply(params, key, images, training=False):
        return inner.apply(params, key, images, 0.1, training)

    schedule = optax.cosine_decay_schedule(4e-3, max(steps, 1), alpha=0.1)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=1e-3))
    return Recipe("bound-dropout", hk.Transformed(inner.init, apply), optimizer, smoothing=0.05)


# %% right: convolutions with skips and global average pooling, no dropout
def recipe(width, steps):
    def network(images, *, training=False):
        del training
        kernels = hk.initializers.VarianceScaling(2.0)
        x = images
        for factor in (1, 2, 4):
            x = jax.nn.leaky_relu(hk.Conv2D(factor * width, 3, w_init=kernels)(x), 0.1)
            x = x + jax.nn.leaky_relu(hk.Conv2D(factor * width, 3, w_init=kernels)(x), 0.1)
            x = max_pool(x)
        return hk.Linear(10)(x.mean(axis=(1, 2)))

    return Recipe(name="skips-and-mean-2", network=hk.transform(network), optimizer=optax.adam(5e-3))


# %% right: no Haiku at all, the pair of functions by hand on 8×8 averages
def recipe(width: int, steps: int) -> Recipe:
    hidden = 8 * width

    def init(key, images):
        one, two = jax.random.split(key)
        first = {"w": jax.random.normal(one, (192, hidden)) / 192**0.5, "b": jnp.zeros(hidden)}
        return {"first": first, "last": {"w": jax.random.normal(two, (hidden, 10)) / hidden**0.5, "b": jnp.zeros(10)}}

    def apply(params, key, images, training=False):
        x = images.reshape(images.shape[0], 8, 4, 8, 4, 3).mean(axis=(2, 4)).reshape(images.shape[0], 192)
        x = jnp.tanh(x @ params["first"]["w"] + params["first"]["b"])
        return x @ params["last"]["w"] + params["last"]["b"]

    return Recipe("two-matrices", hk.Transformed(init, apply), optax.adam(optax.cosine_decay_schedule(1e-2, steps)))
