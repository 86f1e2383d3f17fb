# %% right: a lambda
def make_network(width: int, classes: int = 10) -> hk.Transformed:
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
    )

# %% right: a function inside
def make_network(width: int, classes: int = 10) -> hk.Transformed:
    def network(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, dropout=dropout, training=training)

    return hk.transform(network)

# %% right: `hk.transform` as a decorator
def make_network(width, classes=10):
    @hk.transform
    def network(images: jax.Array, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        module = VGG8(width=width, classes=classes)
        return module(images, training=training, dropout=dropout)

    return network

# %% right: `functools.partial` of a helper
import functools

def forward(width, classes, images, dropout=0.0, training=False):
    return VGG8(width, classes)(images, dropout=dropout, training=training)

def make_network(width, classes=10):
    return hk.transform(functools.partial(forward, width, classes))

# %% right: a callable object
class Network(NamedTuple):
    width: int
    classes: int

    def __call__(self, images, dropout=0.0, training=False):
        return VGG8(self.width, self.classes)(images, dropout=dropout, training=training)

def make_network(width, classes=10):
    return hk.transform(Network(width, classes))

# %% right: a closure factory
def forward_of(make):
    def forward(images, dropout=0.0, training=False):
        return make()(images, dropout=dropout, training=training)

    return forward

def make_network(width, classes=10):
    return hk.transform(forward_of(lambda: VGG8(width, classes)))

# %% right: the name written out, as Haiku would give it
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        options = {"dropout": dropout, "training": training}
        return VGG8(width, classes, name="vgg8")(images, **options)

    return hk.transform(network)

# %% right: a lambda that makes a lambda
make_network = lambda width, classes=10: hk.transform(
    lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
)

# %% right: made once for each size
from functools import lru_cache

@lru_cache
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        return (module := VGG8(width, classes)) and module(images, dropout=dropout, training=training)

    return hk.transform(network)

# %% right: two ways through
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        module = VGG8(width, classes)
        if training:
            return module(images, dropout=dropout, training=True)
        return module(images)

    return hk.transform(network)

# %% right: a method
class Maker:
    def __init__(self, width, classes):
        self.sizes = (width, classes)

    def forward(self, images, dropout=0.0, training=False):
        return VGG8(*self.sizes)(jnp.asarray(images), dropout=dropout, training=training)

def make_network(width, classes=10):
    return hk.transform(Maker(width, classes).forward)

# %% right: one argument more, with a default
def make_network(width, classes=10, module=None):
    kind = module or VGG8

    def network(images, dropout=0.0, training=False):
        logits = kind(width, classes)(images, dropout=dropout, training=bool(training))
        return logits

    init, apply = hk.transform(network)
    return hk.Transformed(init=init, apply=apply)

# %% wrong: the module made outside
# cause: VGG8 is made outside the transformed function, where Haiku refuses to make a module
def make_network(width, classes=10):
    module = VGG8(width, classes)
    return hk.transform(lambda images, dropout=0.0, training=False: module(images, dropout=dropout, training=training))

# %% wrong: apply without a key
# cause: hk.without_apply_rng takes the key away from apply; apply(params, key, images) takes the key for the images
def make_network(width, classes=10):
    return hk.without_apply_rng(
        hk.transform(
            lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
        )
    )

# %% wrong: a transform with state
# cause: hk.transform_with_state: init gives a pair and apply wants and returns a state that VGG8 does not have
def make_network(width, classes=10):
    return hk.transform_with_state(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
    )

# %% wrong: not transformed
# cause: returns the function itself instead of what hk.transform makes of it
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, dropout=dropout, training=training)

    return network

# %% wrong: dropout not handed on
# cause: dropout is taken but not handed on to VGG8, so nothing is ever dropped
def make_network(width, classes=10):
    return hk.transform(lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, training=training))

# %% wrong: training not handed on
# cause: training is taken but not handed on to VGG8, so training is as evaluation
def make_network(width, classes=10):
    return hk.transform(lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout))

# %% wrong: training unless told otherwise
# cause: the default of training is True; it must be False, as VGG8's own
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=True: VGG8(width, classes)(images, dropout=dropout, training=training)
    )

# %% wrong: always training
# cause: training=True is written into the call, so evaluation drops too and asks for a key
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=True)
    )

# %% wrong: half dropped unless told otherwise
# cause: the default of dropout is 0.5; it must be 0.0, as VGG8's own
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.5, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
    )

# %% wrong: classes not handed on
# cause: classes is not handed on to VGG8, so there are always ten logits
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width)(images, dropout=dropout, training=training)
    )

# %% wrong: a width of 24
# cause: the width is hard-coded as 24 instead of the argument width
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(24, classes)(images, dropout=dropout, training=training)
    )

# %% wrong: width and classes swapped
# cause: width and classes are handed to VGG8 in the wrong order
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(classes, width)(images, dropout=dropout, training=training)
    )

# %% wrong: another name
# cause: the module is given a name of its own, so its weights do not have the lesson's names and stored ones do not fit
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        return VGG8(width, classes, name="network")(images, dropout=dropout, training=training)

    return hk.transform(network)

# %% wrong: training before dropout
# cause: training stands before dropout, so apply(params, key, images, 0.5) takes the rate for training
def make_network(width, classes=10):
    return hk.transform(
        lambda images, training=False, dropout=0.0: VGG8(width, classes)(images, dropout=dropout, training=training)
    )

# %% wrong: training where something is to be dropped
# cause: training is guessed from dropout > 0 instead of taken from the argument (a traced rate fails, evaluation drops)
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=dropout > 0)
    )

# %% wrong: probabilities
# cause: applies softmax to the logits; apply must give logits
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        return jax.nn.softmax(VGG8(width, classes)(images, dropout=dropout, training=training))

    return hk.transform(network)

# %% wrong: classes instead of logits
# cause: returns the most likely class instead of the logits
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        return jnp.argmax(VGG8(width, classes)(images, dropout=dropout, training=training), axis=-1)

    return hk.transform(network)

# %% wrong: the key replaced
# cause: apply replaces the caller's key by jax.random.key(0), so the same units are dropped in every call
def make_network(width, classes=10):
    network = hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
    )
    return network._replace(
        apply=lambda params, key, *args, **kwargs: network.apply(params, jax.random.key(0), *args, **kwargs)
    )

# %% wrong: init from a fixed key
# cause: init ignores its key and always makes the same weights
def make_network(width, classes=10):
    network = hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
    )
    return network._replace(init=lambda key, images: network.init(jax.random.key(0), images))

# %% wrong: weights kept outside
# cause: apply uses weights that were made once and kept, and ignores the params it is given
def make_network(width, classes=10):
    network = hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
    )
    kept = network.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    return hk.Transformed(network.init, lambda params, key, *args, **kwargs: network.apply(kept, key, *args, **kwargs))

# %% wrong: twice the width
# cause: the module is made with 2·width instead of width
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(2 * width, classes)(images, dropout=dropout, training=training)
    )

# %% wrong: two modules averaged
# cause: makes two VGG8s and averages them, so there are twice as many weights
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        pair = [VGG8(width, classes)(images, dropout=dropout, training=training) for _ in range(2)]
        return sum(pair) / 2

    return hk.transform(network)

# %% wrong: images standardised
# cause: the images are standardised once more before they go into VGG8
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        images = (images - images.mean()) / images.std()
        return VGG8(width, classes)(images, dropout=dropout, training=training)

    return hk.transform(network)

# %% wrong: the rate halved for evaluation
# cause: hands on dropout / 2 instead of dropout
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout / 2, training=training)
    )

# %% wrong: the last layer once more
# cause: adds a linear layer after VGG8, which has its last layer already
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        return hk.Linear(classes)(VGG8(width, classes)(images, dropout=dropout, training=training))

    return hk.transform(network)

# %% wrong: only the first picture
# cause: returns the logits of the first picture [classes] instead of [B, classes]
def make_network(width, classes=10):
    def network(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, dropout=dropout, training=training)[0]

    return hk.transform(network)


# %% right: lambda inside hk.transform
def make_network(width, classes=10):
    return hk.transform(
        lambda images, dropout=0.0, training=False: VGG8(width, classes)(images, dropout=dropout, training=training)
    )


# %% right: hk.transform as a decorator, the name written out, the pair built again
def make_network(width: int, classes: int = 10, name: str = "vgg8") -> hk.Transformed:
    @hk.transform
    def network(images, dropout=0.0, training=False):
        options = {"dropout": dropout, "training": training}
        return VGG8(width=width, classes=classes, name=name)(images, **options)

    return hk.Transformed(init=network.init, apply=network.apply)


# %% right: a decorated function with type hints and keyword passing by dict
def make_network(width: int, classes: int = 10) -> hk.Transformed:
    @hk.transform
    def network(images, dropout=0.0, training=False):
        switches = dict(training=training, dropout=dropout)
        return VGG8(classes=classes, width=width).__call__(images, **switches)

    return network
