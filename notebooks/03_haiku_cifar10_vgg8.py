# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Haiku: a network that learns too much by heart
#
# A network that is large enough learns its training pictures by heart, and is then no better, often worse, on new ones.
# This unit makes that happen on purpose and undoes it, one measure at a time. The network is VGG8, six convolutions and
# two linear layers; the pictures are CIFAR-10; and the library is **Haiku**, the other well-known way to write networks
# in JAX.
#
# Afterwards you can
#
# - say how `hk.transform` turns a function that makes its own weights into two pure ones, because you have written one;
# - say why `apply` takes a key, and when it need not;
# - see overfitting in two curves, and name the epoch where it begins;
# - use dropout, augmentation, weight decay, label smoothing and early stopping, and *measure* what each of them brings,
#   the rest held fixed;
# - open a test set once;
# - stop a training, go on with it, ship the model, and start from one that was shipped.
#
# You need: units 01 and 02. No GPU. Allow about 90 minutes, and as long again for the exercises.

# %%
import functools
import shutil
import time
from pathlib import Path
from typing import ClassVar, NamedTuple

import haiku as hk
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import linen as nn
from matplotlib.ticker import PercentFormatter

from utils import checkpoints, data, plots, pretrained, records, results, testset
from utils.base.errors import CourseError
from utils.data import augment
from utils.progress import track
from utils.races import report

# %% [markdown]
# ## 1 · Haiku from the ground
#
# JAX wants pure functions: weights come in as an argument. Whoever writes a network would rather not carry eight
# layers' weights through every call. In Flax you wrote a *class*, and its `init` and `apply` did the carrying. In Haiku
# you write an ordinary *function*. It asks for weights where it needs them:


# %%
def line(x: jax.Array) -> jax.Array:
    """x·w + b, with weights that are asked for. [B, I] to [B, 2]."""
    w = hk.get_parameter("w", (x.shape[-1], 2), init=hk.initializers.RandomNormal())
    b = hk.get_parameter("b", (2,), init=jnp.zeros)
    return x @ w + b


x = np.array([[1.0, 2.0, 3.0]], np.float32)
try:
    line(x)
except ValueError as error:
    print(error)

# %% [markdown]
# It cannot be called as it is: asked for `w`, where should it come from? `hk.transform` answers that. It makes two
# functions out of one: `init`, in which each question is answered by a *new* weight that is noted down, and `apply`, in
# which it is answered from the notes.

# %%
network = hk.transform(line)
params = network.init(jax.random.key(0), x)
print("weights:", jax.tree.map(jnp.shape, params))
print("called twice, the same:", bool((network.apply(params, None, x) == network.apply(params, None, x)).all()))
print("with other weights, another answer:", network.apply(jax.tree.map(np.zeros_like, params), None, x))

# %% [markdown]
# ### A transform of our own
#
# How can a function with side effects become pure? There is no magic in it, and a page of Python shows it all. While
# the function runs, a *frame* lies on a stack; whatever the function asks for goes through the frame on top. When the
# function is done the frame is taken away, and nobody outside can tell that there ever was a side effect.


# %%
class Frame:
    """What a transformed function is given while it runs."""

    stack: ClassVar[list] = []

    def __init__(self, params: dict, key: jax.Array | None, creating: bool):
        self.params, self.key, self.creating = dict(params), key, creating


def get_parameter(name: str, shape: tuple[int, ...], init) -> jax.Array:
    """The weight of that name: made and noted down in `init`, looked up in `apply`."""
    frame = Frame.stack[-1]
    if frame.creating and name not in frame.params:
        frame.params[name] = init(next_key(), shape)
    return frame.params[name]


def next_key() -> jax.Array:
    """A key that has not been used: one half of the frame's, which keeps the other half."""
    frame = Frame.stack[-1]
    if frame.key is None:
        raise ValueError("a key is needed: hand one to apply")
    frame.key, key = jax.random.split(frame.key)
    return key


def transform(function) -> hk.Transformed:
    """Two pure functions: `init(key, *args) -> params` and `apply(params, key, *args) -> result`."""

    def run(frame: Frame, args):
        Frame.stack.append(frame)
        try:
            return function(*args), frame.params
        finally:
            Frame.stack.pop()

    def init(key, *args):
        return run(Frame({}, key, creating=True), args)[1]

    def apply(params, key, *args):
        return run(Frame(params, key, creating=False), args)[0]

    return hk.Transformed(init, apply)


# %% [markdown]
# Does it do what Haiku's does? The same function, written for ours; then under `jit` and `grad`, since it is pure.


# %%
def our_line(x: jax.Array) -> jax.Array:
    """`line` with our own `get_parameter`."""
    w = get_parameter("w", (x.shape[-1], 2), init=jax.random.normal)
    b = get_parameter("b", (2,), init=lambda key, shape: jnp.zeros(shape))
    return x @ w + b


ours = transform(our_line)
our_params = ours.init(jax.random.key(0), x)
print("weights:", jax.tree.map(jnp.shape, our_params))

slope = jax.jit(jax.grad(lambda params: ours.apply(params, None, x).sum()))(our_params)
print("its gradient by w:", slope["w"][:, 0], "and by b:", slope["b"])
haikus = network.apply({"~": our_params}, None, x)
print("Haiku with our weights gives our answer:", bool((haikus == ours.apply(our_params, None, x)).all()))

# %% [markdown]
# That is Haiku: this, and a library of layers that ask for their weights in this way. (Haiku also puts the name of the
# asking module before the weight's name; outside any module that is `"~"`.)

# %% [markdown]
# ### Why apply takes a key
#
# Some layers need chance not only at the start but in each call: dropout, for one. A pure function cannot pull a random
# number out of the air, so `apply` takes a key, and `hk.next_rng_key()` hands out a fresh part of it with every
# question.


# %%
def noisy(x: jax.Array) -> jax.Array:
    """x with a little noise. [B, I] to [B, I]."""
    return x + 0.1 * jax.random.normal(hk.next_rng_key(), x.shape)


network = hk.transform(noisy)
params = network.init(jax.random.key(0), x)
first, again, other = (network.apply(params, jax.random.key(seed), x) for seed in (1, 1, 2))
print("the same key, the same noise:", bool((first == again).all()))
print("another key, other noise:    ", bool((first != other).all()))

# %% [markdown]
# Three consequences, and each is the source of a common mistake.
#
# - Hand over the same key in every training step, and every step drops the same units: training goes on, a little
#   worse, and nothing tells you.
# - A network that draws no random numbers *in this call* can be given `None` for a key: evaluation, for instance. One
#   that does says so:

# %%
try:
    network.apply(params, None, x)
except ValueError as error:
    print(str(error).split(". ")[0])

# %% [markdown]
# - Where no call ever needs a key, `None` everywhere is ugly. `hk.without_apply_rng` takes the argument away:

# %%
quiet = hk.without_apply_rng(hk.transform(line))
params = quiet.init(jax.random.key(0), x)
print("apply(params, x) gives", quiet.apply(params, x).shape)

# %% [markdown]
# Which of the two you have, you must remember: `apply(params, x)` on a network *with* a key takes `x` for the key. The
# message then names the signature that is wanted: `apply(params, rng, *a, **k)`.

# %% [markdown]
# ### Modules share by being the same object
#
# Layers are classes, derived from `hk.Module`. A module is made *inside* the transformed function. Call one object
# twice and both calls use the same weights; make two objects and there are two sets, with numbered names.


# %%
def shared_and_not(x: jax.Array) -> jax.Array:
    """Four linear layers with three sets of weights."""
    twice = hk.Linear(3, name="twice")
    x = twice(twice(x))
    x = hk.Linear(3)(x)
    return hk.Linear(3)(x)


shapes = jax.eval_shape(hk.transform(shared_and_not).init, jax.random.key(0), x)
print(*shapes)

# %% [markdown]
# A module that is made *outside* has no frame to ask, and Haiku refuses at once. (In Flax that is the normal place for
# one; here lies the difference in style.)

# %%
try:
    hk.Linear(3)
except ValueError as error:
    print(str(error).strip().splitlines()[0])

# %% [markdown]
# ### State that is not trained
#
# BatchNorm keeps running averages of what it has seen. They are no weights (no gradient moves them), yet they change
# from call to call. `hk.transform_with_state` gives functions that take such a state and return the new one:
# `apply(params, state, key, x) -> (result, state)`. Nothing is ever changed in place.


# %%
def normalised(x: jax.Array, training: bool) -> jax.Array:
    """BatchNorm and nothing else. [B, C] to [B, C]."""
    return hk.BatchNorm(create_scale=True, create_offset=True, decay_rate=0.9)(x, is_training=training)


network = hk.transform_with_state(normalised)
batches = np.random.default_rng(0).normal(3.0, 1.0, (30, 64, 1)).astype(np.float32)  # thirty batches around 3
params, state = network.init(jax.random.key(0), batches[0], training=True)
print("trained:", jax.tree.map(jnp.shape, params))
print("state:  ", sorted(state))

apply = jax.jit(network.apply, static_argnames="training")
running = []
for batch in batches:
    _, state = apply(params, state, None, batch, training=True)
    running.append(state["batch_norm/~/mean_ema"]["average"].item())

figure, axes = plt.subplots(figsize=(5, 2.2))
axes.plot(range(1, 31), running, marker="o", markersize=3)
axes.axhline(3.0, color="black", linewidth=1, linestyle="--")
axes.set(xlabel="batch", title="the running mean, by the state that comes back", ylim=(2, 4))
plt.show()

# %% [markdown]
# The mean of the data is 3, and each batch adds its own chance to it. Forget to go on with the returned state, and
# evaluation uses the averages of the first batch for ever. Unit 04 has a network full of BatchNorm, and looks closer.
# VGG8 has none: here `hk.transform` will do.

# %% [markdown]
# ### Beside Flax
#
# The same small network in both libraries. If they are the same, the weights of one must fit the other and give the
# same answers.


# %%
def small_haiku(x: jax.Array) -> jax.Array:
    """A convolution and a linear layer. [B, H, W, C] to [B, 10]."""
    x = jax.nn.relu(hk.Conv2D(4, kernel_shape=3)(x))
    return hk.Linear(10)(hk.Flatten()(x))


class SmallFlax(nn.Module):
    """The same in Flax."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.relu(nn.Conv(4, kernel_size=(3, 3))(x))
        return nn.Dense(10)(x.reshape((x.shape[0], -1)))


random = np.random.default_rng(0)
pixels = random.standard_normal((2, 8, 8, 3), np.float32)
haiku_network = hk.without_apply_rng(hk.transform(small_haiku))
shapes = jax.eval_shape(haiku_network.init, jax.random.key(0), pixels)
haiku_params = jax.tree.map(lambda leaf: random.normal(0.0, 0.1, leaf.shape).astype(np.float32), shapes)
flax_params = {
    "params": {
        flax_name: {"kernel": haiku_params[haiku_name]["w"], "bias": haiku_params[haiku_name]["b"]}
        for flax_name, haiku_name in (("Conv_0", "conv2_d"), ("Dense_0", "linear"))
    }
}
ours, theirs = jax.jit(haiku_network.apply)(haiku_params, pixels), jax.jit(SmallFlax().apply)(flax_params, pixels)
print("same weights, same answers:", np.allclose(ours, theirs, atol=1e-5))

# %% [markdown]
# | | Haiku | Flax (Linen) |
# | --- | --- | --- |
# | a network is | a function, or a module made inside one | a module, made outside |
# | two pure functions by | `hk.transform(f)` → `init`, `apply` | the module's own `init`, `apply` |
# | weights | `{"conv2_d": {"w", "b"}}` | `{"params": {"Conv_0": {"kernel", "bias"}}}` |
# | keys | one to `apply`, `hk.next_rng_key()` | named, `rngs={"dropout": key}`, `self.make_rng("dropout")` |
# | state | `transform_with_state`; in and out of `apply` | a collection; `mutable=["batch_stats"]` lets it change |
# | first weights' deviation | √(1/inputs), cut at ±2 of it: 0.88 is left | the same, widened to leave √(1/inputs) |
#
# **Should you start something new in Haiku?** Its authors say no: since July 2023 Google DeepMind recommends Flax for
# new projects. Haiku is in *maintenance mode*: it is kept working with new releases of JAX and Python, bugs are fixed,
# and no features are added. They add that they use it a great deal themselves and plan to support it so indefinitely.
# You will meet it in research code: AlphaFold 2 and 3 are written in it, and the weather models GraphCast and GenCast.
# Reading such code is worth an hour; and `transform` is the shortest way to understand what Flax does, too.

# %% [markdown]
# ## 2 · CIFAR-10
#
# Sixty thousand colour pictures of 32×32 pixels in ten classes (Krizhevsky, 2009); or, where they are not on your
# disk, the course's sample: *drawings* of the same ten classes. Training and validation pictures are kept apart as in
# unit 02. The test pictures are not even loaded here: part 9 opens them, and keeps count.
#
# One table holds whatever differs between the sample and the real set, so that all other cells are the same for both.
# Overfitting is studied on few pictures, where it comes soon and costs little; the models that are kept get more.


# %%
class Setting(NamedTuple):
    """A training run in figures."""

    split: str  # the pictures to learn from
    width: int  # channels of the first block
    epochs: int
    batch_size: int
    learning_rate: float


validation = data.load("cifar10", "train[80%:]", batch_size=200)
REAL = not validation.is_sample

if REAL:
    STUDY = Setting("train[:1000]", width=8, epochs=10, batch_size=32, learning_rate=2e-3)
    OVERFITTED = Setting("train[:80%]", width=24, epochs=12, batch_size=64, learning_rate=1e-3)
    REGULARISED = OVERFITTED._replace(epochs=24)
else:
    STUDY = OVERFITTED = REGULARISED = Setting("train[:640]", width=8, epochs=8, batch_size=32, learning_rate=3e-3)

study = data.load("cifar10", STUDY.split, batch_size=STUDY.batch_size, shuffle=True, seed=0)
example = next(iter(study))
shown = [int(np.flatnonzero(example.label == label)[0]) for label in range(10) if (example.label == label).any()]
plots.images(
    study.denormalise(example.image[jnp.array(shown)]),
    titles=[study.classes[int(example.label[place])] for place in shown],
    columns=10,
    size=0.9,
)
plt.show()

# %% [markdown]
# Photographs as small as these are hard even for people, who get about 94 % of CIFAR-10 right (Karpathy, 2011).

# %% [markdown]
# ## 3 · VGG8
#
# VGG networks (Simonyan and Zisserman, 2014) are the plainest of the deep ones: small 3×3 convolutions one after the
# other, a pooling now and then that halves the map, twice as many channels after it, and linear layers at the end. Ours
# has eight layers with weights: three blocks of two convolutions, and two linear layers.
#
# ![three blocks of two convolutions and a pooling, then two linear layers](../ressources/u03_vgg8.svg)
#
# First a part that Haiku has, and that we write ourselves: the pooling. `hk.max_pool` can have any window. For a 2×2
# window without overlap four slices and three `maximum` do the same, and their *gradient* is cheaper on a CPU.


# %%
def max_pool(x: jax.Array) -> jax.Array:
    """The largest of each 2×2 square. [B, H, W, C] to [B, H/2, W/2, C]; H and W even."""
    top = jnp.maximum(x[:, ::2, ::2], x[:, ::2, 1::2])
    bottom = jnp.maximum(x[:, 1::2, ::2], x[:, 1::2, 1::2])
    return jnp.maximum(top, bottom)


def median_ms(function, *args, repeats: int = 10) -> float:
    """The median time of a call in milliseconds, waited for; the first call, which compiles, is not counted."""
    jax.block_until_ready(function(*args))
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function(*args))
        times.append(1000 * (time.perf_counter() - begin))
    return float(np.median(times))


maps = np.random.default_rng(0).standard_normal((32, 32, 32, 32), np.float32)
pools = {"hk.max_pool": lambda x: hk.max_pool(x, (2, 2, 1), (2, 2, 1), "VALID"), "four slices": max_pool}
print("the same pooling:", np.array_equal(*(jax.jit(pool)(maps) for pool in pools.values())))
gradients = {name: jax.jit(jax.grad(lambda x, pool=pool: pool(x).sum())) for name, pool in pools.items()}
plots.bars(
    list(pools),
    [median_ms(gradient, maps) for gradient in gradients.values()],
    unit="ms",
    better="lower",
    title="the gradient of a pooling of 32 maps",
)
plt.show()

# %% [markdown]
# XLA turns the gradient of a general pooling into an operation called *select and scatter*, which its CPU version runs
# on one thread. (They are the same function, and the same gradient but for ties: where two of the four are equally
# large, one gives it to the first, the other shares it out.)
#
# Now the network. **Dropout** (Srivastava et al., 2014) stands after each pooling and after the hidden linear layer,
# and its rate *rises with depth*: early maps hold edges and colours that every class needs, late ones hold what
# pictures are remembered by.


# %%
def four_rates(top: float | jax.Array) -> list:
    """Dropout rates that rise in equal steps to `top`, one for each of VGG8's four places."""
    return [top / 4, top / 2, 3 * top / 4, top]


class VGG8(hk.Module):
    """Three blocks of two 3×3 convolutions, then two linear layers. `[B, 32, 32, 3]` float32 to logits `[B, classes]`.

    After Simonyan and Zisserman 2014, "Very deep convolutional networks for large-scale image recognition".
    """

    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        he = hk.initializers.VarianceScaling(2.0, "fan_in", "truncated_normal")
        *after_block, after_linear = four_rates(dropout)
        for factor, rate in zip((1, 2, 4), after_block, strict=True):
            for _ in range(2):
                x = hk.Conv2D(factor * self.width, kernel_shape=3, w_init=he)(x)
                x = jax.nn.relu(x)
            x = max_pool(x)  # [B, 16, 16, W], [B, 8, 8, 2W], [B, 4, 4, 4W]
            if training:
                x = hk.dropout(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)  # [B, 64W]
        x = jax.nn.relu(hk.Linear(4 * self.width, w_init=he)(x))
        if training:
            x = hk.dropout(hk.next_rng_key(), after_linear, x)
        return hk.Linear(self.classes)(x)


def make_network(width: int, classes: int = 10) -> hk.Transformed:
    """`init(key, images)`, and `apply(params, key, images, dropout=0.0, training=False)`, which gives logits."""
    return hk.transform(lambda images, dropout=0.0, **mode: VGG8(width, classes)(images, dropout=dropout, **mode))


# %% [markdown]
# `jax.eval_shape` runs `init` without arithmetic and tells what weights there would be. How many, and where?


# %%
def layer_sizes(params: dict) -> dict[str, int]:
    """Weights in each layer, biases included."""
    return {layer: sum(leaf.size for leaf in leaves.values()) for layer, leaves in params.items()}


network = make_network(STUDY.width)
shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
sizes = layer_sizes(shapes)
W = STUDY.width
kernels, biases = 9 * (3 * W + (1 + 2 + 4 + 8 + 16) * W**2), (1 + 1 + 2 + 2 + 4 + 4) * W
linear = (64 * W + 1) * 4 * W + (4 * W + 1) * 10
print("by hand the same number:", sum(sizes.values()) == kernels + biases + linear)
plots.bars([name.split("/")[-1] for name in sizes], list(sizes.values()), title="weights in each layer")
plt.show()

# %% [markdown]
# Each width has its count, and every one is far more than it takes to remember a label for each training picture. That
# such a network *can* learn its pictures by heart is no surprise.
#
# Why `VarianceScaling(2.0, …)`? Flax's layers begin with a variance of 1/inputs (Haiku's with 0.77 of that: it cuts the
# tails off and does not make up for them). That keeps the size of a signal through a linear layer; but a ReLU throws
# half of it away, and eight times a half is little. Twice the variance makes up for it (He et al., 2015). Thirty layers
# make it visible:


# %%
def signal(scale: float, layers: int, size: int = 256) -> list[float]:
    """The root mean square after each of some random linear layers with ReLU. scale: variance times inputs."""
    random = np.random.default_rng(0)
    x, found = random.standard_normal((64, size)), []
    for _ in range(layers):
        x = np.maximum(x @ random.normal(0.0, np.sqrt(scale / size), (size, size)), 0.0)
        found.append(float(np.sqrt(np.mean(x**2))))
    return found


figure, axes = plt.subplots(figsize=(5, 2.4))
for scale, name in ((2.0, "variance 2/inputs"), (1.0, "variance 1/inputs")):
    axes.plot(range(1, 31), signal(scale, 30), label=name)
axes.set(yscale="log", xlabel="layer", title="size of the signal")
axes.legend()
plt.show()

# %% [markdown]
# ## 4 · One step, and what can be done in it
#
# Overfitting is fought in three places: inside the training step, in the pictures, and by the clock. Inside the step
# there are three measures, and they will be *numbers that are handed to the step*, not parts of the program. Then one
# compiled program serves every experiment below, and all else is held fixed by construction.


# %%
class Measures(NamedTuple):
    """What is done against overfitting inside a step; all zero: nothing."""

    dropout: float = 0.0  # the rate after the hidden linear layer; the blocks before it have less
    decay: float = 0.0  # how fast weights shrink, relative to the learning rate
    smoothing: float = 0.0  # how much of the label is spread over all classes


# %% [markdown]
# **Dropout** sets units to zero by chance in training, so that no unit can rely on a particular other one. The
# survivors are enlarged, by 1/(1 − rate), so that the sum is right on average. In evaluation nothing is dropped. Here
# it is on ten thousand ones, of which a hundred are shown:

# %%
ones = np.ones((100, 100), np.float32)
drop = jax.jit(hk.transform(lambda x, rate: hk.dropout(hk.next_rng_key(), rate, x)).apply)
keys = [jax.random.key(seed, impl="rbg") for seed in (1, 1, 2)]
dropped = [np.asarray(drop({}, key, ones, rate)) for key, rate in zip(keys, (0.1, 0.5, 0.5), strict=True)]
plots.images(
    np.stack([picture[:10, :10] / 2 for picture in (ones, *dropped)]),
    titles=["evaluation", "rate 0.1", "rate 0.5", "another key"],
    columns=4,
)
plt.show()
print("rates that rise to 0.5:", four_rates(0.5))
print("the mean of all ten thousand is still about 1:", all(abs(picture.mean() - 1) < 0.1 for picture in dropped))

# %% [markdown]
# **Label smoothing** (Szegedy et al., 2015) takes a little from the right class and spreads it over all. A network that
# would have to answer with infinite scores to please the loss may now stop at finite ones.

# %%
label = np.eye(5)[2]
print("a label: ", label)
print("smoothed:", np.round(optax.smooth_labels(label, 0.1), 2))

# %% [markdown]
# **Weight decay** makes every weight a little smaller in each step; only what the gradient keeps insisting on survives.
# With Adam one must take care *where*: added to the loss (as λ‖w‖²), its gradient goes through Adam's averages and is
# divided by their size, so that weights with large gradients hardly decay. Applied directly to the weights, apart from
# Adam, it does what it says; this is **AdamW** (Loshchilov and Hutter, 2017, arXiv:1711.05101). Biases are left alone:
# they are few and remember nothing.
#
# Below, `scale_by_adam` gives Adam's direction; the step along it, and the decay, stand in `move`. (`optax.adamw` is
# the same with a fixed λ, and spares the biases only if it is given a `mask`.)


# %%
class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32, updates so far
    params: dict  # the network's weights
    opt_state: optax.OptState  # Adam's averages


class Sums(NamedTuple):
    """What a batch adds to the figures of an epoch."""

    loss: jax.Array  # [] float32
    correct: jax.Array  # [] int32
    count: jax.Array  # [] int32


def batch_sums(logits: jax.Array, batch: data.Batch) -> Sums:
    """The plain cross-entropy and the hits of the real examples of a batch. logits: [B, K]."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)  # [B]
    hits = jnp.argmax(logits, axis=-1) == batch.label  # [B]
    return Sums(
        loss=jnp.sum(losses, where=batch.mask),
        correct=jnp.sum(hits, where=batch.mask),
        count=jnp.sum(batch.mask),
    )


def init_state(key: jax.Array, network: hk.Transformed) -> TrainState:
    """The state before the first step."""
    params = network.init(key, jnp.zeros((1, 32, 32, 3)))
    return TrainState(jnp.zeros((), jnp.int32), params, optax.scale_by_adam().init(params))


def make_train_step(network: hk.Transformed, learning_rate: float):
    """`train_step(state, batch, measures, key) -> (state, Sums)`: a step of Adam, with measures against overfitting."""
    adam = optax.scale_by_adam()

    def train_step(state: TrainState, batch: data.Batch, measures: Measures, key: jax.Array) -> tuple[TrainState, Sums]:
        dropout_key = jax.random.fold_in(key, state.step)

        def loss_fn(params):
            logits = network.apply(params, dropout_key, batch.image, measures.dropout, training=True)  # [B, K]
            wanted = optax.smooth_labels(jax.nn.one_hot(batch.label, logits.shape[-1]), measures.smoothing)  # [B, K]
            return optax.softmax_cross_entropy(logits, wanted).mean(), batch_sums(logits, batch)

        gradients, sums = jax.grad(loss_fn, has_aux=True)(state.params)
        directions, opt_state = adam.update(gradients, state.opt_state)

        def move(weight, direction):
            shrink = measures.decay * weight if weight.ndim > 1 else 0.0  # biases are left alone
            return weight - learning_rate * (direction + shrink)

        return TrainState(state.step + 1, jax.tree.map(move, state.params, directions), opt_state), sums

    return train_step


def make_eval_step(network: hk.Transformed):
    """`eval_step(params, batch) -> Sums`, without dropout, and so without a key."""

    def eval_step(params: dict, batch: data.Batch) -> Sums:
        return batch_sums(network.apply(params, None, batch.image), batch)

    return eval_step


# %% [markdown]
# Two things to notice. The key of a step is `fold_in(key, step)`: another one in each step, but a function of a fixed
# key and the step's number. So the state holds no key, and a run that is resumed drops the very units that an
# uninterrupted one would have dropped. And the sums are of the *plain* cross-entropy, whatever loss is minimised: only
# then can runs be compared.
#
# One more choice, by measurement. JAX's default keys (threefry) give the same numbers on every machine, at the price of
# long programs, which XLA on a CPU takes long to compile. Keys of the kind `"rbg"` leave the drawing to XLA's own
# operation, `RngBitGenerator`, which is one line of a program. What does one dropout mask cost to compile?


# %%
def compile_ms(impl: str) -> float:
    """How long a dropout mask takes to compile with keys of that kind, in milliseconds."""
    key = jax.random.key(0, impl=impl)
    lowered = jax.jit(lambda key: jax.random.bernoulli(key, 0.5, (64, 16, 16, 16))).lower(key)
    begin = time.perf_counter()
    lowered.compile()
    return 1000 * (time.perf_counter() - begin)


plots.bars(["threefry", "rbg"], [compile_ms("threefry2x32"), compile_ms("rbg")], unit="ms", title="compiling a mask")
plt.show()

# %% [markdown]
# Our training step draws four masks and `init` eight layers of weights, so this unit uses `"rbg"`. It has its price.
# JAX calls it experimental; on another kind of device, or with another release of XLA, the same key may give other
# numbers; and under `vmap` over keys it draws other numbers than one call for each key would, which threefry does not.
# (The [documentation of `jax.random`](https://docs.jax.dev/en/latest/jax.random.html) compares the kinds.)
#
# Now compile, once, before the start. `Measures()` is nothing but three numbers among the arguments, and a batch is
# described by its shapes.


# %%
class Programs(NamedTuple):
    """What is compiled for a width and a batch size."""

    network: hk.Transformed
    init: jax.stages.Compiled  # key -> state
    train_step: jax.stages.Compiled  # (state, batch, measures, key) -> (state, Sums); the state's memory is given away
    eval_step: jax.stages.Compiled  # (params, batch) -> Sums


@functools.cache
def compiled(width: int, batch_size: int, learning_rate: float, eval_batch_size: int = 200) -> Programs:
    """The programs of a setting, compiled at the first call with it and remembered for the next."""

    def batch_spec(size: int) -> data.Batch:
        spec = jax.ShapeDtypeStruct
        return data.Batch(spec((size, 32, 32, 3), jnp.float32), spec((size,), jnp.int32), spec((size,), jnp.bool_))

    network = make_network(width)
    key = jax.random.key(0, impl="rbg")
    init = jax.jit(lambda key: init_state(key, network)).lower(key)
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), init.out_info)
    train_step = jax.jit(make_train_step(network, learning_rate), donate_argnums=0)
    return Programs(
        network,
        init.compile(),
        train_step.lower(state, batch_spec(batch_size), Measures(), key).compile(),
        jax.jit(make_eval_step(network)).lower(state.params, batch_spec(eval_batch_size)).compile(),
    )


# %% [markdown]
# Three experiments, each a step from the same start:

# %%
INIT_KEY, DROPOUT_KEY = jax.random.key(0, impl="rbg"), jax.random.key(1, impl="rbg")

programs = compiled(STUDY.width, STUDY.batch_size, STUDY.learning_rate)
start = programs.init(INIT_KEY)
for measures in (Measures(), Measures(dropout=0.5), Measures(decay=0.1, smoothing=0.1)):
    _, sums = programs.train_step(jax.tree.map(jnp.copy, start), example, measures, DROPOUT_KEY)
    print(f"{measures!s:50} loss {sums.loss / sums.count:.3f}")

# %% [markdown]
# One program did all three; a compiled one *cannot* be traced again. (The third has the loss of the first: smoothing
# and decay change the update that follows, and the loss shown is the plain one, before it.)

# %% [markdown]
# ## 5 · Overfitting, on purpose
#
# The training loop is that of unit 02, with two additions. It keeps the weights of the epoch with the lowest validation
# loss, and it may stop when there has been none for a while (part 7). Checkpoints are not its business: it calls
# `on_epoch` after each epoch, and whoever calls it may save there.


# %%
class Run(NamedTuple):
    """What a training has come to."""

    state: TrainState  # after the last epoch
    best: dict  # the weights of the epoch with the lowest validation loss
    history: dict[str, list[float]]  # name → one value an epoch


def beginning(state: TrainState) -> Run:
    """A run that has not begun."""
    return Run(state, state.params, {"val_loss": []})


def best_epoch(losses: list[float]) -> int:
    """The epoch, counted from 1, with the lowest loss; the first of several. NaN is never the lowest."""
    return 1 + min(range(len(losses)), key=lambda place: (np.isnan(losses[place]), losses[place]))


def patience_is_over(losses: list[float], patience: int) -> bool:
    """Whether the lowest loss is `patience` or more epochs old; False where there is none but NaN."""
    return not np.isnan(losses).all() and len(losses) - best_epoch(losses) >= patience


# %%
def add(parts: list[Sums]) -> tuple[float, float]:
    """Mean loss and accuracy of all examples in the parts. Waits for the device."""
    total = jax.tree.map(lambda *each: sum(each), *parts)
    return float(total.loss / total.count), float(total.correct / total.count)


def evaluate(eval_step, params: dict, batches) -> tuple[float, float]:
    """Mean loss and accuracy over the real examples of all batches."""
    return add([eval_step(params, batch) for batch in batches.epoch(0)])


def fit(
    run: Run,
    *,
    train_step,
    eval_step,
    train,
    validation,
    epochs: int,
    measures: Measures,
    key: jax.Array,
    patience: int | None = None,
    on_epoch=lambda run: None,
    name: str = "training",
) -> Run:
    """Train on from `run` until it has `epochs` epochs, or the best of them is `patience` epochs old.

    on_epoch: called with the Run after each epoch. Returns the last Run; the one handed over stays as it is.
    """
    state = jax.tree.map(jnp.copy, run.state)  # train_step may give its argument's memory away
    history = {quantity: list(values) for quantity, values in run.history.items()}
    losses = history["val_loss"]
    for epoch in track(range(len(losses), epochs), name, unit="epoch"):
        if patience is not None and patience_is_over(losses, patience):
            break
        begin = time.perf_counter()
        parts = []
        for batch in track(train.epoch(epoch), f"epoch {epoch + 1}", total=len(train), unit="step", leave=False):
            state, sums = train_step(state, batch, measures, key)
            parts.append(sums)
        figures = dict(zip(("train_loss", "train_accuracy"), add(parts), strict=True))
        figures["seconds"] = time.perf_counter() - begin
        figures |= zip(("val_loss", "val_accuracy"), evaluate(eval_step, state.params, validation), strict=True)
        for quantity, value in figures.items():
            history.setdefault(quantity, []).append(value)
        best = jax.tree.map(jnp.copy, state.params) if best_epoch(losses) == len(losses) else run.best
        run = Run(state, best, {quantity: list(values) for quantity, values in history.items()})
        on_epoch(run)
    return run


# %% [markdown]
# Now nothing is done against overfitting, and the network sees the same few pictures again and again.

# %%
same = {"train_step": programs.train_step, "eval_step": programs.eval_step, "validation": validation}
same |= {"epochs": STUDY.epochs, "key": DROPOUT_KEY}

runs = {"nothing": fit(beginning(start), train=study, measures=Measures(), name="nothing", **same)}


# %%
def overfitting_curves(history: dict[str, list[float]], title: str):
    """Losses and accuracies of a run, and the epoch from which it only learns by heart."""
    names = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
    figure, axes = plots.curves({name: history[name] for name in names}, title=title)
    turn = best_epoch(history["val_loss"])
    for place in axes:
        place.axvline(turn, color="black", linewidth=1, linestyle=":")
        place.axvspan(turn, len(history["val_loss"]), color="tab:red", alpha=0.07, linewidth=0)
    return figure, axes


overfitting_curves(runs["nothing"].history, "nothing is done against overfitting")
plt.show()

# %% [markdown]
# Learn to read this picture; you will see it for the rest of your life. Left of the dotted line both losses fall. Right
# of it, in the shaded part, the training loss goes on falling and the validation loss *rises*: what the network learns
# there is true of these pictures and of no others.
#
# The two accuracies tell it less clearly. The validation accuracy hardly falls, it stands still: most answers stay as
# they are, but the wrong ones are given with ever more confidence, and that is what the loss punishes. How confident is
# it?


# %%
def confidence(network: hk.Transformed, params: dict, batches) -> tuple[float, float]:
    """The mean probability of the answers given, and how many are right; over all real examples."""
    sure = right = count = 0.0
    predict = jax.jit(network.apply)
    for batch in batches.epoch(0):
        probabilities = jax.nn.softmax(predict(params, None, batch.image))  # [B, K]
        sure += float(jnp.sum(probabilities.max(axis=-1), where=batch.mask))
        right += float(jnp.sum(probabilities.argmax(axis=-1) == batch.label, where=batch.mask))
        count += float(jnp.sum(batch.mask))
    return sure / count, right / count


for when, params in (("at the dotted line", runs["nothing"].best), ("at the end", runs["nothing"].state.params)):
    says, keeps = confidence(network, params, validation)
    print(f"{when:18} it says on average {100 * says:4.1f} %, and is right in {100 * keeps:4.1f} %")

# %% [markdown]
# ## 6 · One measure at a time
#
# The rule of every honest comparison: change one thing. The start is the same (`start`, to the bit), the pictures come
# in the same order, the program is the same; only the measure differs.
#
# Three of the measures are numbers of the step. The fourth is in the pictures: **flips and crops**. A car seen in a
# mirror is a car, and one three pixels further left too. The network that saw each picture in a new place every time
# has more to learn by heart than it can.

# %%
moves = (augment.flip(), augment.pad_and_crop(4))
one = data.load("cifar10", "train[:1]", batch_size=1, augment=moves, quiet=True)
views = [next(one.epoch(number)).image[0] for number in range(8)]
plots.images(one.denormalise(jnp.stack(views)), columns=8, size=0.9, title="one picture, as eight epochs see it")
plt.show()

# %% [markdown]
# (The black borders are where the crop reaches beyond the picture.) Now the runs.

# %%
varied = data.load("cifar10", STUDY.split, batch_size=STUDY.batch_size, shuffle=True, seed=0, augment=moves, quiet=True)
measured = {
    "rising dropout": (study, Measures(dropout=0.5 if REAL else 0.2)),
    "flips and crops": (varied, Measures()),
    "weight decay": (study, Measures(decay=0.5)),
}
if REAL:
    measured["label smoothing"] = (study, Measures(smoothing=0.1))

for name, (pictures, measures) in measured.items():
    runs[name] = fit(beginning(start), train=pictures, measures=measures, name=name, **same)


# %%
def compare(histories: dict[str, dict[str, list[float]]], title: str):
    """Validation losses and accuracies of several runs in one picture; a dot marks each run's lowest loss."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    for number, (name, history) in enumerate(histories.items()):
        colour, width = ("black", 2.2) if name == "nothing" else (f"C{number}", 1.5)
        epochs, turn = range(1, 1 + len(history["val_loss"])), best_epoch(history["val_loss"])
        left.plot(epochs, history["val_loss"], color=colour, linewidth=width, label=name)
        left.plot(turn, min(history["val_loss"]), "o", color=colour)
        right.plot(epochs, history["val_accuracy"], color=colour, linewidth=width)
        right.plot(epochs, history["train_accuracy"], color=colour, linewidth=1, linestyle=":")
    left.set(xlabel="epoch", title="validation loss")
    left.legend()
    right.set(xlabel="epoch", title="accuracy: validation (dotted: training)")
    right.yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure, (left, right)


compare({name: run.history for name, run in runs.items()}, "one measure at a time")
plt.show()

# %% [markdown]
# Compare each line with the thick black one. Three things can be seen at once: how *low* a run comes (the dot), how
# much it *rises* afterwards, and how *late* it gets there. Overfitting is in the rise; the price of a cure is in the
# delay.
#
# Beware of the dotted lines, though. The training accuracy was counted *during* training: with dropout by a crippled
# network, with flips and crops on pictures that are harder. A fair gap compares like with like: the finished network,
# nothing dropped, on the pictures as they are.

# %%
unvaried = data.load("cifar10", STUDY.split, batch_size=200, quiet=True)

print(f"{'':16} {'training':>10} {'validation':>11} {'gap':>8}")
for name, run in runs.items():
    _, on_training = evaluate(programs.eval_step, run.state.params, unvaried)
    on_validation = run.history["val_accuracy"][-1]
    gap = on_training - on_validation
    print(f"{name:16} {100 * on_training:8.1f} % {100 * on_validation:9.1f} % {100 * gap:6.1f} %")

# %% [markdown]
# How sure are such figures? Two runs whose validation accuracies differ by less than one or two standard errors have
# not been told apart:

# %%
accuracy = runs["nothing"].history["val_accuracy"][-1]
error = np.sqrt(accuracy * (1 - accuracy) / validation.examples)
print(f"nothing: {100 * accuracy:.1f} % ± {100 * error:.1f} % of {validation.examples:,} pictures")

# %% [markdown]
# ## 7 · Early stopping
#
# The cheapest measure needs no new program: stop when the validation loss has not improved for some epochs
# (the *patience*), and keep the weights of the best one. `fit` has done the second half already: `run.best`.
# Is it what the history says?

# %%
loss, _ = evaluate(programs.eval_step, runs["nothing"].best, validation)
print(
    "the kept weights have the lowest loss:",
    bool(np.isclose(loss, min(runs["nothing"].history["val_loss"]), rtol=1e-5)),
)

# %% [markdown]
# What would a patience of one, two or three epochs have done to the run with nothing else against overfitting? The rule
# looks at a list of losses, so it can be tried on one that is finished.


# %%
def stopped_after(losses: list[float], patience: int) -> int:
    """After how many epochs a run with these losses is stopped; all of them where it never is."""
    return next((n for n in range(1, len(losses)) if patience_is_over(losses[:n], patience)), len(losses))


photographs = pretrained.card("vgg8_overfitted").history  # of a model that comes with the course: part 10
for source, losses in (("here", runs["nothing"].history["val_loss"]), ("on photographs", photographs["val_loss"])):
    figure, axes = plt.subplots(figsize=(6, 2.4))
    axes.plot(range(1, len(losses) + 1), losses, color="black", marker="o", markersize=3)
    for patience in (1, 2, 3):
        end = stopped_after(losses, patience)
        axes.plot(
            end, losses[end - 1], "s", color=f"C{patience}", markersize=11 - 2 * patience, label=f"patience {patience}"
        )
    axes.axvline(best_epoch(losses), color="black", linewidth=1, linestyle=":")
    axes.set(xlabel="epoch", title=f"nothing but early stopping, {source}: where it stops")
    axes.legend()
plt.show()

# %% [markdown]
# The dotted line is the epoch whose weights are kept. Too little patience takes the first bad luck of a noisy curve for
# the end; too much costs time and nothing else, since the best weights are kept anyway. Early stopping cannot make a
# network better than it was at its best. It combines with everything: the other measures move the best epoch later and
# lower, and early stopping finds it.

# %% [markdown]
# ## 8 · All together, and nothing lost
#
# Now all measures at once, each a little weaker than alone, since they add up. The run is saved after each epoch in
# `models/My_vgg8`, with Orbax, by `utils.checkpoints`. That is part 8 of unit 02 made into a module: it keeps the
# latest checkpoint, and passes one over that is not whole. To resume is to load the latest and call `fit` again.


# %%
def keep_training(folder: Path, setting: Setting, measures: Measures, *, augment=(), stop_after: int = -1) -> Run:
    """The run in a folder, gone on with from its latest checkpoint until it is finished.

    stop_after: press Ctrl-C, so to speak, after that many epochs.
    """
    programs = compiled(setting.width, setting.batch_size, setting.learning_rate)
    validation = data.load("cifar10", "train[80%:]", batch_size=200, quiet=True)
    pictures = data.load(
        "cifar10", setting.split, batch_size=setting.batch_size, shuffle=True, augment=augment, quiet=True
    )
    init_key, dropout_key = jax.random.key(0, impl="rbg"), jax.random.key(1, impl="rbg")
    run = beginning(programs.init(init_key))

    with checkpoints.open(folder, keep=1) as saved:
        if (last := saved.latest(like={"state": run.state, "best": run.best})) is not None:
            run = Run(last.state["state"], last.state["best"], last.history)

        def save(run: Run) -> None:
            epoch = len(run.history["val_loss"])
            saved.save(epoch, {"state": run.state, "best": run.best}, run.history)
            if epoch == stop_after:
                raise KeyboardInterrupt

        return fit(
            run,
            train_step=programs.train_step,
            eval_step=programs.eval_step,
            train=pictures,
            validation=validation,
            epochs=setting.epochs,
            measures=measures,
            key=dropout_key,
            on_epoch=save,
            name=folder.name,
        )


# %% [markdown]
# On the real set this is the longest cell of the course: stop it whenever you like (■ or Ctrl-C) and run it again. On
# the sample it takes seconds, so it begins anew each time, and the stopping is staged:

# %%
home = records.folder("My_vgg8") / ("lesson-real" if REAL else "lesson-sample")
together = Measures(dropout=0.3, decay=0.2, smoothing=0.1) if REAL else Measures(dropout=0.1, decay=0.5, smoothing=0.05)
if not REAL:
    shutil.rmtree(home / "regularised", ignore_errors=True)
    try:
        keep_training(home / "regularised", REGULARISED, together, augment=moves, stop_after=2)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C after epoch 2")

regularised = keep_training(home / "regularised", REGULARISED, together, augment=moves)
print("epochs:", len(regularised.history["val_loss"]), "· steps:", int(regularised.state.step))

# %% [markdown]
# Beside it, the run that has nothing against overfitting: the one from part 5, or on the real set one of the same size
# as this.

# %%
overfitted = keep_training(home / "overfitted", OVERFITTED, Measures()) if REAL else runs["nothing"]
compare({"nothing": overfitted.history, "everything": regularised.history}, "nothing, and everything")
plt.show()

# %% [markdown]
# The thick line dives and rises. The other comes down slowly and is in no hurry to rise: it could be trained longer,
# and you should, if what you want is the best network. On the sample's few steps it may well end *behind*; in part 10
# you see both lines on photographs, where there was more time. So do not ask "does dropout help?" It depends on how
# long you train, how large the network is, how many pictures there are. Measure.
#
# The choice is made by the validation loss, and by nothing else:

# %%
candidates = {"overfitted": overfitted, "regularised": regularised}
chosen = min(candidates, key=lambda name: min(candidates[name].history["val_loss"]))
setting = {"overfitted": OVERFITTED, "regularised": REGULARISED}[chosen]

# %% [markdown]
# ## 9 · The test set, opened once
#
# All along the test pictures lay behind `utils.testset`, untouched. To open it, one hands over a function that scores a
# model on the batches of the test set; date, model and score go into `models/test_openings.json`, and the second
# opening says that it is the second. It is no lock: nothing stops you. But whoever looks, changes the network and looks
# again has begun to train on the test set, and that should not happen without being noticed.
#
# So: one opening, for the one network that was chosen, with the weights of its best epoch.

# %%
programs = compiled(setting.width, setting.batch_size, setting.learning_rate)
test_accuracy = testset.open(
    "cifar10",
    lambda test: evaluate(programs.eval_step, candidates[chosen].best, test)[1],
    model=f"VGG8(width={setting.width}), {chosen}",
    batch_size=200,
)
print(f"test accuracy: {100 * test_accuracy:.1f} %")

# %% [markdown]
# Compare it with the validation accuracy of the same weights. It tends to be a little lower: the epoch and the network
# were *chosen* on the validation pictures, and whoever picks the best of many figures picks some luck with it. The test
# figure has no part in any choice, and is the one to report, together with its data: a figure on drawings, or on a
# subset, is no figure on CIFAR-10.

# %% [markdown]
# ## 10 · Models that were trained before
#
# Both networks, trained on photographs by the cells above, come with the course. (The next cell is how they got there.
# It does nothing unless `COURSE_SHIP` asks for it, and refuses models that were trained on a sample. What the cards
# remark beyond it was written in by hand.)


# %%
def accuracies(programs: Programs, run: Run, setting: Setting, test: float | None = None) -> dict[str, float]:
    """Of the best weights, nothing dropped, no picture varied: on what they were trained on, validation, test."""
    splits = {"training": setting.split, "validation": "train[80%:]"}
    batches = {name: data.load("cifar10", split, batch_size=200, quiet=True) for name, split in splits.items()}
    found = {name: evaluate(programs.eval_step, run.best, pictures)[1] for name, pictures in batches.items()}
    return found if test is None else found | {"test": test}


if REAL:
    remarks = {
        "overfitted": "nothing was done against overfitting",
        "regularised": f"flips and crops, dropout rising to {together.dropout}, weight decay {together.decay}, "
        f"label smoothing {together.smoothing}",
    }
    for name, run in candidates.items():
        wanted = {"overfitted": OVERFITTED, "regularised": REGULARISED}[name]
        card = pretrained.Card(
            model=f"VGG8(width={wanted.width})",
            data=data.load("cifar10", wanted.split, batch_size=200, quiet=True).source,
            epochs=len(run.history["val_loss"]),
            seconds=sum(run.history["seconds"]),
            accuracies=accuracies(programs, run, wanted, test_accuracy if name == chosen else None),
            history=run.history,
            remark=f"{remarks[name]}; the weights are those of epoch {best_epoch(run.history['val_loss'])}, "
            "accuracies on this subset",
        )
        pretrained.ship(f"vgg8_{name}", run.best, card)

# %% [markdown]
# A shipped model is a safetensors file with the weights and a *card*: what it is, what it saw, how long it was trained,
# how good it was and on what. Without a card weights are a riddle.

# %%
cards = {name: pretrained.card(f"vgg8_{name}") for name in ("overfitted", "regularised")}
for card in cards.values():
    print(card, end="\n\n")

# %%
compare(
    {"nothing": cards["overfitted"].history, "everything": cards["regularised"].history},
    "the two shipped models, trained on photographs (a subset of CIFAR-10)",
)
plt.show()

# %% [markdown]
# Look at the two cards side by side. The first network was at its best after five epochs: 82.6 % of its *training*
# photographs right, 63.7 % of the validation photographs, a gap of 19 points; from there its validation loss only
# rose. With everything at once the same network learns more slowly, is level with the first after eight epochs, and
# goes on: after 24 it has 79.8 % and 75.8 %, a gap of 4 points, and its validation loss is the lowest in its last
# epoch. **Twelve points from the same pictures and the same network.** What it cost is time.
#
# On the test photographs it has 75.7 %. The card owns up to something: the test set was opened twice, for the run was
# first stopped after nine epochs (64.5 %) and then gone on with. Nothing was chosen by the first figure, so the second
# may stand; but it is said. All these figures are of a *subset* of CIFAR-10 with 16,000 training pictures: none is to
# be compared with published ones on all 50,000.
#
# Loading takes next to no time. `like` tells the shapes that are expected; weights of another network are refused, by
# name.

# %%
shipped_network = make_network(24)
like = jax.eval_shape(shipped_network.init, INIT_KEY, jnp.zeros((1, 32, 32, 3)))
begin = time.perf_counter()
shipped = {name: pretrained.load(f"vgg8_{name}", like) for name in cards}
seconds = time.perf_counter() - begin
print(f"both loaded in {seconds:.3f} s")

# %%
try:
    pretrained.load("vgg8_regularised", jax.eval_shape(make_network(16).init, INIT_KEY, jnp.zeros((1, 32, 32, 3))))
except CourseError as error:
    print(error)

# %% [markdown]
# ### Trained on
#
# Weights are where a training may *start*. Below, each of the two meets the pictures of this notebook, first as it
# comes, then after one short epoch of further training in which all its weights may move.

# %%
few = data.load("cifar10", "train[:256]", batch_size=32, shuffle=True, quiet=True)
further = compiled(24, 32, 1e-3)

figures = {}
for name, params in shipped.items():
    _, figures[f"{name}, as it comes"] = evaluate(further.eval_step, params, validation)
    begun = TrainState(jnp.zeros((), jnp.int32), params, optax.scale_by_adam().init(params))
    run = fit(
        beginning(begun),
        train_step=further.train_step,
        eval_step=further.eval_step,
        train=few,
        validation=validation,
        epochs=1,
        measures=Measures(),
        key=DROPOUT_KEY,
        name=name,
    )
    figures[f"{name}, eight steps later"] = run.history["val_accuracy"][-1]

plots.bars(
    list(figures), [100 * value for value in figures.values()], unit="%", title="validation accuracy", decimals=1
)
plt.show()

# %% [markdown]
# If your pictures are the drawings: networks that have seen nothing but photographs are right on about a third of them,
# where guessing gives a tenth, and eight steps take them further than a fresh network gets in as many (13 % when we
# tried, on the sample). Edges, textures and shapes are the same trade. The overfitted one serves nearly as well: what
# it learnt before it began to learn by heart is as good.
#
# If yours are the photographs, the networks have seen these very pictures, and there is nothing to gain; do not mistake
# that for a result.

# %% [markdown]
# ## 11 · A race
#
# The same network, without dropout (each framework would throw dice of its own), in JAX with Haiku, PyTorch, compiled
# PyTorch and Keras: same arrays, same batch, same optimiser, all taking turns in processes of their own. This is
# stored; unit 02 says how it was made and how to read it.

# %% tags=["nbval-ignore-output"]
report.show("vgg8")

# %% [markdown]
# JAX comes last in training here, with less than half of Keras's pace and six tenths of PyTorch's. In evaluation it is
# level with plain PyTorch (between 0.85 and 1.17 times as fast in the three rounds), and behind the others. Haiku is
# not to blame: it disappears when the step is traced, and what runs is XLA's program. Nor is it compilation, which only
# the pale bars contain (there JAX is ahead of `torch.compile`, which takes 19 seconds for its first step, and JAX one).
# What is left is the convolutions, by far the most of the arithmetic, and above all their gradients: PyTorch and
# TensorFlow call oneDNN for them, a library for x86 processors, and XLA makes its own. We did not time those of this
# network one by one, so take it as the likely cause, not as a finding; unit 02's smaller network, whose maps are nearly
# as large, came out otherwise. Unit 04 does it for a ResNet18.
#
# On a GPU, JAX and PyTorch mostly call the same library for convolutions (cuDNN), so expect another order there. (Keras
# stays on the CPU in this race.) We had no GPU to measure on, and claim nothing.

# %% [markdown]
# ## 12 · For the record

# %%
results.record(
    val_accuracy=candidates[chosen].history["val_accuracy"][best_epoch(candidates[chosen].history["val_loss"]) - 1],
    test_accuracy=test_accuracy,
    overfitted_val_accuracy=overfitted.history["val_accuracy"][-1],
    regularised_val_accuracy=regularised.history["val_accuracy"][-1],
    train_seconds=sum(overfitted.history["seconds"] + regularised.history["seconds"]),
)

# %% [markdown]
# ## What to remember
#
# - `hk.transform` turns a function that asks for its weights into `init` and `apply`. A frame on a stack answers the
#   questions; outside there is no side effect.
# - `apply` takes a key because chance is an argument. Another key in each step; none in evaluation; `fold_in(key,
#   step)` keeps a resumed run the same.
# - New projects: Flax. Existing research code: often Haiku.
# - Overfitting is the validation loss that rises while the training loss falls. The accuracies show it late.
# - Change one thing at a time, from the same start. Measures that are arguments of one compiled program make that easy.
# - Regularised networks learn more slowly. Compare them when they have had their time, in evaluation mode, on unvaried
#   pictures.
# - Keep the best weights by the validation loss; patience decides only how long you wait.
# - Validation for choosing, the test set once, and the data named beside every figure.
# - A shipped model has a card.
#
# **Now you:** `exercises/03_haiku_cifar10_vgg8` has you write the pieces yourself, and ends with an open question: how
# far can you get? Unit 04 goes deeper, with residual blocks, BatchNorm and a network that is proven equal to PyTorch's.

# %% [markdown]
# ## Sources and further reading
#
# - "Formation JAX - CIFAR-10 avec CNN", a training in French with Haiku, from which this unit grew.
# - [Haiku](https://github.com/google-deepmind/dm-haiku), whose README says what its maintenance mode means.
# - Krizhevsky, "Learning multiple layers of features from tiny images", 2009:
#   [CIFAR-10](https://www.cs.toronto.edu/~kriz/cifar.html).
# - Karpathy, ["Lessons learned from manually classifying
#   CIFAR-10"](http://karpathy.github.io/2011/04/27/manually-classifying-cifar10/), 2011.
# - Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014,
#   [arXiv:1409.1556](https://arxiv.org/abs/1409.1556).
# - Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", Journal of Machine Learning
#   Research 15, 2014.
# - He et al., "Delving deep into rectifiers", 2015, [arXiv:1502.01852](https://arxiv.org/abs/1502.01852).
# - Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015,
#   [arXiv:1512.00567](https://arxiv.org/abs/1512.00567): label smoothing.
# - DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017,
#   [arXiv:1708.04552](https://arxiv.org/abs/1708.04552).
# - Loshchilov and Hutter, "Decoupled weight decay regularization", 2017,
#   [arXiv:1711.05101](https://arxiv.org/abs/1711.05101).
