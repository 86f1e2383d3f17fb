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
# A large enough network can memorise its training pictures. What it memorises about them does not help with new ones.
# This unit makes that happen on purpose, and then tries the usual remedies one at a time. The network is VGG8, with six
# convolutions and two linear layers. The pictures are CIFAR-10. The library is **Haiku**, in which AlphaFold and other
# research code of Google DeepMind is written.
#
# Afterwards you can
#
# - say how `hk.transform` makes two pure functions out of one that creates its own weights, having written it;
# - say why `apply` takes a key, and when it does not need one;
# - see overfitting in two curves, and name the epoch where it begins;
# - use dropout, augmentation, weight decay, label smoothing and early stopping;
# - *measure* what each of them brings: several seeds in one compiled program, differences seed by seed, an interval;
# - open a test set once;
# - stop a training run, resume it, ship the model, and start from one that was shipped.
#
# You need: units 01 and 02. No GPU. Allow about 90 minutes, and as long again for the exercises. Where it says **Guess
# first**, write your answer down before you open the fold.
#
# The unit grew out of a course in French, "Formation JAX - CIFAR-10 avec CNN", in the repository
# [`valentingol/automatants`](https://github.com/valentingol/automatants), folder `formation jax`.

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
from scipy import stats

from utils import checkpoints, data, plots, pretrained, records, results, testset
from utils.base.errors import CourseError
from utils.data import augment
from utils.progress import track
from utils.races import report

# %% [markdown]
# ## 1 · Haiku from the ground up
#
# JAX wants pure functions: the weights come in as an argument. But nobody wants to pass eight layers' weights through
# every call by hand. In Flax you wrote a *class*, and its `init` and `apply` did the passing. In Haiku you write an
# ordinary *function* that asks for its weights where it needs them:


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
# It cannot be called as it is, because nothing can tell it what `w` is. `hk.transform` makes two functions out of it.
# In `init`, each request creates a *new* weight, which is recorded. In `apply`, each request is looked up among the
# weights that were passed in.

# %%
network = hk.transform(line)
params = network.init(jax.random.key(0), x)
print("weights:", jax.tree.map(jnp.shape, params))
print("called twice, the same:", bool((network.apply(params, None, x) == network.apply(params, None, x)).all()))
print("with other weights, another answer:", network.apply(jax.tree.map(np.zeros_like, params), None, x))

# %% [markdown]
# ### A transform of our own
#
# How can a function with side effects become pure? A page of Python is enough to do it. While the function runs, a
# *frame* lies on top of a stack, and every request goes to that frame. When the function returns, the frame is removed.
# From outside, no side effect can be observed.


# %%
class Frame:
    """What a transformed function is given while it runs."""

    stack: ClassVar[list] = []

    def __init__(self, params: dict, key: jax.Array | None, creating: bool):
        self.params, self.key, self.creating = dict(params), key, creating


def get_parameter(name: str, shape: tuple[int, ...], init) -> jax.Array:
    """The weight of that name: created and recorded in `init`, looked up in `apply`."""
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
# Does it do what Haiku's does? Here is the same function, written for ours. Because the result is pure, `jit` and
# `grad` work on it.


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
# This is the core of Haiku. The rest is mostly a library of layers that ask for their weights in this way. (Haiku also
# keeps the weights of each module under the module's name; outside any module that name is `"~"`.)

# %% [markdown]
# ### Why apply takes a key
#
# Some layers need random numbers in every call, not only at the start. Dropout is one. A pure function gets its
# randomness as an argument, so `apply` takes a key, and `hk.next_rng_key()` splits a fresh key off it at each request.
#
# <details><summary>Guess first: one key is passed to <code>apply</code> twice, and then another key. Which of the three
# results agree?</summary>
#
# The first two. The key is an ordinary argument: same arguments, same result.
#
# </details>


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
# Each of three consequences is the source of a common mistake.
#
# - Pass the same key in every training step, and every step draws the same numbers: dropout drops the same units each
#   time. No error is raised.
# - A network that draws no random numbers *in this call* can be given `None` for a key, in evaluation for instance. One
#   that does draw refuses:

# %%
try:
    network.apply(params, None, x)
except ValueError as error:
    print(str(error).split(". ")[0])

# %% [markdown]
# - Where no call ever needs a key, `hk.without_apply_rng` removes the argument:

# %%
quiet = hk.without_apply_rng(hk.transform(line))
params = quiet.init(jax.random.key(0), x)
print("apply(params, x) gives", quiet.apply(params, x).shape)

# %% [markdown]
# You must remember which of the two you have. On a network *with* a key, `apply(params, x)` takes `x` for the key:

# %%
try:
    hk.transform(line).apply(params, x)
except ValueError as error:
    print(str(error).split(". ")[0])

# %% [markdown]
# ### Modules share weights by being the same object
#
# Layers are classes derived from `hk.Module`. A module is created *inside* the transformed function. Call one object
# twice and both calls use the same weights.
#
# <details><summary>Guess first: the function below applies four linear layers. How many sets of weights are
# there?</summary>
#
# Three. The object named `twice` is called twice and has one set. The other two are two objects, and get numbered
# names.
#
# </details>


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
# A module created *outside* has no frame to ask, and Haiku refuses at once. (In Flax, outside is the normal place. This
# is the main difference in style.)

# %%
try:
    hk.Linear(3)
except ValueError as error:
    print(str(error).strip().splitlines()[0])

# %% [markdown]
# ### State that is not trained
#
# BatchNorm keeps running averages of what it has seen. They are not weights, because no gradient moves them, yet they
# change from call to call. `hk.transform_with_state` gives functions that take such a state and return the new one:
# `apply(params, state, key, x) -> (result, state)`. Nothing is changed in place.


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
first_state, running = state, []
for batch in batches:
    _, state = apply(params, state, None, batch, training=True)
    running.append(state["batch_norm/~/mean_ema"]["average"].item())

figure, axes = plt.subplots(figsize=(5, 2.2))
axes.plot(range(1, 31), running, marker="o", markersize=3)
axes.axhline(3.0, color="black", linewidth=1, linestyle="--")
axes.set(xlabel="batch", title="the running mean, from the state that comes back", ylim=(2, 4))
plt.show()

# %% [markdown]
# The data's mean is 3, and each batch adds its own sampling noise to the running mean.
#
# <details><summary>Guess first: a training loop drops the returned state and always passes the one from
# <code>init</code>. Which mean will evaluation subtract?</summary>
#
# That of the batch that `init` was given, for ever.
#
# </details>

# %%
for name, used in (("from init", first_state), ("after 30 batches", state)):
    print(f"running mean {name:17} {used['batch_norm/~/mean_ema']['average'].item():.2f}")
print(f"mean of the first batch        {batches[0].mean():.2f}")

# %% [markdown]
# Here the two are not far apart. In training they will be: the weights change, and with them the numbers that BatchNorm
# sees. Nothing warns you. Unit 04 has a network full of BatchNorm, and looks closer. VGG8 has none, so `hk.transform`
# is enough here.

# %% [markdown]
# ### Haiku beside Flax
#
# The same small network in both libraries. If they really are the same, the weights of one fit the other and give the
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
# | first weights | standard deviation 0.88/√inputs | 1/√inputs |
#
# The last row is easily overlooked, and is worth a check. Both libraries draw from a normal distribution of deviation
# 1/√inputs, cut off at two deviations. The cut leaves 0.88 of the deviation. Flax makes up for it; Haiku's layers do
# not by default, but its `VarianceScaling` does:

# %%
wide = jnp.zeros((1, 1024))
scaled = hk.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal")
first_weights = {
    "hk.Linear": hk.transform(lambda x: hk.Linear(512)(x)).init(jax.random.key(0), wide)["linear"]["w"],
    "nn.Dense": nn.Dense(512).init(jax.random.key(0), wide)["params"]["kernel"],
    "hk.Linear, VarianceScaling": hk.transform(lambda x: hk.Linear(512, w_init=scaled)(x)).init(
        jax.random.key(0), wide
    )["linear"]["w"],
}
for name, weights in first_weights.items():
    print(f"{name:27} deviation × √inputs = {float(weights.std()) * 32:.2f}")

# %% [markdown]
# **Should you start something new in Haiku?** Its authors say no. Since July 2023 Google DeepMind recommends Flax for
# new projects, and Haiku is in *maintenance mode*: bugs are fixed, it is kept working with new releases of JAX and
# Python, and no features are added. They also say that they use it a great deal themselves and plan to support it in
# this mode indefinitely ([README of `google-deepmind/dm-haiku`](https://github.com/google-deepmind/dm-haiku)). You will
# meet it in research code. The published code of AlphaFold 2
# ([`alphafold`](https://github.com/google-deepmind/alphafold)) and AlphaFold 3
# ([`alphafold3`](https://github.com/google-deepmind/alphafold3)) depends on it, and so do the weather models GraphCast
# and GenCast ([`graphcast`](https://github.com/google-deepmind/graphcast)). And `transform` is a short way to
# understand what Flax does, too.
#
# **Quick questions**
#
# <details><summary>1. Why does <code>apply</code> return only the result here, but a pair after
# <code>transform_with_state</code>?</summary>
#
# The result is all that a pure function without state has to give back. A state that changes must come back as well,
# since nothing is changed in place.
#
# </details>
#
# <details><summary>2. A module is created in <code>__init__</code> of another one and called twice in its
# <code>__call__</code>. How many sets of weights?</summary>
#
# One: it is one object.
#
# </details>
#
# <details><summary>3. You load weights that somebody saved from a Haiku network. What must your code have in common
# with theirs?</summary>
#
# The names and the shapes. Names come from the modules' names and the order in which modules are created.
#
# </details>

# %% [markdown]
# ## 2 · CIFAR-10
#
# CIFAR-10 has sixty thousand colour pictures of 32×32 pixels in ten classes ([Krizhevsky,
# 2009](https://www.cs.toronto.edu/~kriz/cifar.html)). Where it is not on your disk, the course's sample takes its
# place: *drawings* of the same ten classes. Training and validation pictures are kept apart as in unit 02. The test
# pictures are not even loaded here: part 9 opens them, and keeps count.
#
# One table holds whatever differs between the sample and the real set, so that all other cells are the same for both.
# Overfitting is studied on few pictures, where it comes soon and costs little. The models that are kept get more.


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
# Real photographs as small as these are hard even for people: one who tried got about 94 % of CIFAR-10's right
# ([Karpathy, 2011](http://karpathy.github.io/2011/04/27/manually-classifying-cifar10/)).
#
# **Quick questions**
#
# <details><summary>1. A network is right on 40 % of the sample's validation pictures. What does that say about
# CIFAR-10?</summary>
#
# Nothing. The sample's drawings are another data set with the same class names.
#
# </details>
#
# <details><summary>2. Why are the training pictures shuffled and the validation pictures not?</summary>
#
# Every step of training depends on its batch, and batches in a fixed order would be met in the same order in each
# epoch. In evaluation the order has no effect: sums are added up.
#
# </details>

# %% [markdown]
# ## 3 · VGG8
#
# VGG networks ([Simonyan and Zisserman, 2014](https://arxiv.org/abs/1409.1556)) have a plain design: small 3×3
# convolutions one after the other, now and then a pooling that halves the map, more channels after it, and linear
# layers at the end. Ours has eight layers with weights: three blocks of two convolutions, and two linear layers.
#
# ![three blocks of two convolutions and a pooling, then two linear layers](../ressources/u03_vgg8.svg)
#
# First a part that Haiku has, and that we write ourselves: the pooling. `hk.max_pool` can have any window. For a 2×2
# window without overlap, four slices and three `maximum` do the same.
#
# <details><summary>Guess first: forwards, both give the same numbers. Where could they differ?</summary>
#
# In the gradient: in what it costs, and in who gets it when two of the four numbers are equally large.
#
# </details>


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

# %%
flat = np.ones((1, 2, 2, 1), np.float32)  # one square, all four equally large
for name, gradient in gradients.items():
    scatters = "select_and_scatter" in str(jax.make_jaxpr(gradient)(maps))
    print(f"{name:12} select and scatter: {scatters!s:6} a tie of four:", *np.ravel(gradient(flat)))

# %% [markdown]
# JAX writes the gradient of a general pooling as one operation, *select and scatter*: find the largest of each window
# again, and send the gradient there. On the CPU that is the slower way, as the bars show. The other way's gradient is
# made of comparisons and additions. Where there is a tie, the first gives all of the gradient to one of the four, and
# the second shares it out. Neither is wrong: at a tie the maximum has no derivative.
#
# Now the network. **Dropout** ([Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)) stands after
# each pooling and after the hidden linear layer. Its rate *rises with depth*, as in the French course. The idea behind
# it: first layers find edges and colours, which all classes need ([Zeiler and Fergus,
# 2013](https://arxiv.org/abs/1311.2901), show this), and the last ones have most of the weights and could memorise
# most. We do not test this choice against equal rates; you can.


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
# Most weights are in the last convolutions and in the first linear layer. How much such a network can memorise, part 5
# will try.
#
# Why `VarianceScaling(2.0, …)`? A variance of 1/inputs keeps the size of a signal through a *linear* layer. A ReLU then
# sets about half of the numbers to zero, which halves the mean square, and the layers multiply: after eight of them
# 1/256 is left. Twice the variance makes up for it ([He et al., 2015](https://arxiv.org/abs/1502.01852)).
#
# <details><summary>Guess first: with a variance of 1/inputs, how large is the root mean square after thirty
# layers?</summary>
#
# About 2 to the power −15, or 0.00003: each layer halves the mean square.
#
# </details>


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
# **Quick questions**
#
# <details><summary>1. Which layer has the most weights, and why?</summary>
#
# The first linear layer: it connects all 64W numbers of the last map with 4W units, 256W². The largest convolution,
# from 4W to 4W channels, has 144W².
#
# </details>
#
# <details><summary>2. <code>jax.eval_shape(network.init, …)</code> took no time. What did it leave out?</summary>
#
# All arithmetic. It traces `init` and returns shapes and types.
#
# </details>

# %% [markdown]
# ## 4 · One step, and what can be done in it
#
# Overfitting can be fought in three places: inside the training step, in the pictures, and by stopping early. Inside
# the step there are three measures. We make them *numbers that are passed to the step*, not parts of the program. Then
# one compiled program serves every experiment below, and nothing else can differ between them.


# %%
class Measures(NamedTuple):
    """What is done against overfitting inside a step; all zero: nothing."""

    dropout: float = 0.0  # the rate after the hidden linear layer; the blocks before it have less
    decay: float = 0.0  # how fast weights shrink, relative to the learning rate
    smoothing: float = 0.0  # how much of the label is spread over all classes


# %% [markdown]
# **Dropout** sets random units to zero in training. Srivastava et al. argue that no unit can then rely on a particular
# other one. The survivors are scaled up by 1/(1 − rate), which keeps the expected sum as it was. In evaluation nothing
# is dropped. Here it acts on ten thousand ones, of which a hundred are shown:

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
# **Label smoothing** ([Szegedy et al., 2015](https://arxiv.org/abs/1512.00567)) takes a small share of the label from
# the right class and spreads it evenly over all classes.
#
# <details><summary>Guess first: the score of the right class can be chosen freely, all others are 0. Which score has
# the lowest cross-entropy, with and without smoothing?</summary>
#
# Without it there is none: the higher the better, without end. With it, the best score is finite.
#
# </details>

# %%
label = np.eye(5)[2]
smoothed = np.asarray(optax.smooth_labels(label, 0.1))
print("a label: ", label)
print("smoothed:", np.round(smoothed, 2))

scores = np.linspace(0, 12, 1201)
logits = jnp.asarray(scores)[:, None] * label  # [N, 5]: the right class's score, the others' zeros
for name, wanted in (("plain", label), ("smoothed", smoothed)):
    losses = optax.softmax_cross_entropy(logits, jnp.broadcast_to(wanted, logits.shape))  # [N]
    print(f"{name:9} the best score up to 12: {scores[int(losses.argmin())]:.1f}")
print(f"log(0.92 / 0.02) = {np.log(0.92 / 0.02):.1f}")

# %% [markdown]
# At the optimum the probabilities are the smoothed label's, so the score is the logarithm of a ratio of two of them.
#
# **Weight decay** makes every weight a little smaller in each step. Only what the gradient keeps pushing for stays
# large. With Adam it matters *where* this is done. Added to the loss, as λ‖w‖²/2, its gradient λw passes through Adam's
# averages and is divided by the size of all gradients. Applied directly to the weights, apart from Adam, it is the same
# share for all. That is **AdamW**, by [Loshchilov and Hutter](https://arxiv.org/abs/1711.05101).
#
# <details><summary>Guess first: two weights of 1 get gradients that are pure noise, the second one's a hundred times as
# large. With λ in the loss, which one decays?</summary>
#
# The first. Adam divides each weight's gradient by its usual size, and next to the large noise λw vanishes.
#
# </details>


# %%
def after_noise(optimiser: optax.GradientTransformation, in_the_loss: float = 0.0) -> jax.Array:
    """Two weights that begin at 1, after 300 steps on noise that is a hundred times as large for the second. [2]."""
    noise = jax.random.normal(jax.random.key(0), (300, 2)) * jnp.array([0.1, 10.0])

    def step(carry, gradient):
        weights, state = carry
        updates, state = optimiser.update(gradient + in_the_loss * weights, state, weights)
        return (optax.apply_updates(weights, updates), state), None

    start = jnp.ones(2)
    (weights, _), _ = jax.lax.scan(step, (start, optimiser.init(start)), noise)
    return weights


decayed = {
    "Adam, no decay": after_noise(optax.adam(1e-3)),
    "Adam, decay in the loss": after_noise(optax.adam(1e-3), in_the_loss=0.1),
    "AdamW": after_noise(optax.adamw(1e-3, weight_decay=1.0)),
}
for name, weights in decayed.items():
    print(f"{name:24} small gradients: {weights[0]:.2f}  large gradients: {weights[1]:.2f}")

# %% [markdown]
# Biases are usually left out of weight decay, and we leave them out. Below, `scale_by_adam` gives Adam's direction; the
# step along it and the decay are in `move`.
# ([`optax.adamw`](https://optax.readthedocs.io/en/latest/api/optimizers.html#optax.adamw) has the same rule, with a λ
# that is fixed when it is made. It decays biases too, unless it is given a `mask`.)


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


def init_state(key: jax.Array, network: hk.Transformed, side: int = 32) -> TrainState:
    """The state before the first step, for pictures of side × side."""
    params = network.init(key, jnp.zeros((1, side, side, 3)))
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
# Two things to notice. The key of a step is `fold_in(key, step)`: different in each step, but a function of a fixed key
# and the step's number. So the state holds no key, and a run that is resumed drops the very units that an uninterrupted
# one would have dropped (part 8 tries it). And the sums are of the *plain* cross-entropy, whatever loss is minimised:
# only then can runs be compared.
#
# ### Two kinds of keys
#
# JAX's default keys, *threefry*, give the same numbers on every kind of device, by a computation of many small
# operations. XLA on a CPU takes long to compile it. Keys of the kind `"rbg"` leave the drawing to an operation of XLA's
# own, `RngBitGenerator`. What does one dropout mask cost to compile?


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
# A training step draws four masks and `init` draws eight layers of weights, so most of this unit uses `"rbg"`. That has
# its price. The [documentation of `jax.random`](https://docs.jax.dev/en/latest/jax.random.html) calls the kind
# experimental, and says that it may give other numbers on another kind of device. It also behaves oddly under `vmap`.
#
# <details><summary>Guess first: three keys, and one normal number from each, drawn by <code>vmap</code> and drawn one
# by one. Are they the same numbers?</summary>
#
# With threefry they are. With rbg, all of a batch's numbers are drawn from the *first* key.
#
# </details>

# %%
for kind in ("threefry2x32", "rbg"):
    three = jax.random.split(jax.random.key(0, impl=kind), 3)
    mapped = jax.vmap(jax.random.normal)(three)
    one_by_one = jnp.stack([jax.random.normal(key) for key in three])
    from_the_first = jax.random.normal(three[0], (3,))
    print(
        f"{kind:12} vmap and one by one agree: {np.allclose(mapped, one_by_one)!s:5}",
        f" vmap and three draws from the first key: {np.allclose(mapped, from_the_first)}",
    )

# %% [markdown]
# Remember this for part 6, where `vmap` over keys trains several networks at once: there we use threefry, so that each
# network is the one that its key alone would have given.
#
# ### Compiled before the start
#
# `Measures()` is nothing but three numbers among the arguments, and a batch is described by its shapes.


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
# One program did all three, and a compiled one *cannot* be traced again. The third has the loss of the first: smoothing
# and decay change the update that follows, and the loss shown is the plain one, before the update.
#
# **Quick questions**
#
# <details><summary>1. Why is the dropout rate an argument of the step and not a field of the network?</summary>
#
# As an argument it is traced: all rates share one program. As a Python number it would be part of the program, and each
# rate would be compiled anew.
#
# </details>
#
# <details><summary>2. Two runs are trained with and without label smoothing. May their training losses be
# compared?</summary>
#
# Only if both are the same kind of loss. The smoothed one cannot reach 0. That is why `batch_sums` takes the plain one.
#
# </details>
#
# <details><summary>3. <code>training</code> is no argument of the compiled step, unlike <code>dropout</code>.
# Why?</summary>
#
# It decides *which* operations there are, with Python's `if`. Such a value must be known while tracing.
#
# </details>

# %% [markdown]
# ## 5 · Overfitting, on purpose
#
# The training loop is that of unit 02, with two additions. It keeps the weights of the epoch with the lowest validation
# loss, and it may stop when there has been no improvement for a while (part 7). It does not write checkpoints itself:
# it calls `on_epoch` after each epoch, and whoever calls it may save there.


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
# ### Can it memorise?
#
# Overfitting needs a network that *can* learn its pictures by heart. A test for that is to give it labels with nothing
# to understand: drawn at random. [Zhang et al., 2016](https://arxiv.org/abs/1611.03530), did this to large networks
# with all of CIFAR-10. We do it to our small one, with 64 pictures.
#
# <details><summary>Guess first: how many of the 64 random labels will it get right, and how many validation
# pictures?</summary>
#
# All of its own, and about a tenth of the others: the labels said nothing about pictures, so there was nothing to
# learn.
#
# </details>

# %%
drawn = jax.random.randint(jax.random.key(3), (2, STUDY.batch_size), 0, 10)
nonsense = [batch._replace(label=labels) for batch, labels in zip(study.epoch(0), drawn, strict=False)]  # 2 batches
state = jax.tree.map(jnp.copy, start)
for _ in range(60):
    for batch in nonsense:
        state, _ = programs.train_step(state, batch, Measures(), DROPOUT_KEY)

answers = [jax.jit(programs.network.apply)(state.params, None, batch.image).argmax(axis=-1) for batch in nonsense]
known = sum(int((answer == batch.label).sum()) for answer, batch in zip(answers, nonsense, strict=True))
_, others = evaluate(programs.eval_step, state.params, validation)
print(f"after 60 epochs: {known} of {2 * STUDY.batch_size} random labels known by heart")
print(f"validation accuracy: {100 * others:.0f} %")

# %% [markdown]
# So the network has room to memorise, and a low training loss is no proof that it has understood anything.
#
# ### The two curves
#
# Now with the true labels. Nothing is done against overfitting, and the network sees the same few pictures in each
# epoch.
#
# <details><summary>Guess first: the training loss will fall to the end. What will the validation loss do, and what the
# validation accuracy?</summary>
#
# The loss falls, then turns up. The accuracy mostly stands still from there.
#
# </details>

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
# Left of the dotted line both losses fall. Right of it, in the shaded part, the training loss goes on falling and the
# validation loss turns up: what the network still learns there is good for its own pictures only. This is overfitting.
# How steeply the loss rises differs from run to run; part 6 shows five at once.
#
# The accuracies show it less clearly: in the shaded part the validation accuracy neither rises nor falls much. How can
# that be, while the loss no longer falls? The loss also asks how much probability was given to the right class. So look
# at how sure the network is, and above all at how sure it is when it is wrong:


# %%
def confidence(network: hk.Transformed, params: dict, batches) -> tuple[float, float, float]:
    """The mean probability of the answers given, the same for wrong answers only, and the share of right answers."""
    predict = jax.jit(network.apply)
    sure, right = [], []
    for batch in batches.epoch(0):
        probabilities = jax.nn.softmax(predict(params, None, batch.image))[batch.mask]  # [N, K], the real examples
        sure.append(probabilities.max(axis=-1))
        right.append(probabilities.argmax(axis=-1) == batch.label[batch.mask])
    sure, right = np.concatenate(sure), np.concatenate(right)  # [N]
    return float(sure.mean()), float(sure[~right].mean()), float(right.mean())


for when, params in (("at the dotted line", runs["nothing"].best), ("at the end", runs["nothing"].state.params)):
    says, says_wrongly, keeps = (100 * share for share in confidence(network, params, validation))
    print(f"{when:18} right in {keeps:.0f} %, says {says:.0f} % on average, and {says_wrongly:.0f} % where it is wrong")

# %% [markdown]
# A network that says 60 % should be right in 60 % of such cases; then it is called *calibrated*. At the dotted line the
# two figures are close. At the end the network says more than it keeps, and its wrong answers are given with more
# confidence than before, though their number has hardly changed. [Guo et al., 2017](https://arxiv.org/abs/1706.04599),
# found the same in large networks: the loss overfits while the accuracy does not.
#
# **Quick questions**
#
# <details><summary>1. Training loss 0.1, validation loss 1.5. Is it overfitting?</summary>
#
# There is a gap, and nearly every trained network has one. Overfitting in our sense begins where the validation loss
# *rises*. One needs the curve, not one pair of numbers.
#
# </details>
#
# <details><summary>2. Both losses are high and fall slowly. What is it then?</summary>
#
# Underfitting: too little training or too small a network. Measures against overfitting would make it worse.
#
# </details>

# %% [markdown]
# ## 6 · One measure at a time, over several seeds
#
# The rule of every honest comparison: change one thing. Same network, same pictures, same number of steps; only the
# measure differs. But one run with a measure and one without still do not compare the measures. Each run begins with
# random weights and sees its pictures in a random order, and with other random numbers both would end elsewhere. So we
# train each measure from several *seeds*, and ask whether its difference is larger than what chance alone makes of it.
# ([Bouthillier et al., 2021](https://arxiv.org/abs/2103.03098), measure how much of published benchmarks is such
# chance; [Picard, 2021](https://arxiv.org/abs/2109.08203), shows it for the choice of a single seed.)
#
# Many trainings take long, unless they are small and run side by side. So we shrink the pictures to 16×16, which is a
# quarter of the work, and let `vmap` train all seeds at once. For that, a step of one run must be a pure function of
# arrays:
#
# - the pictures lie in memory as one array, and a step gets the indices of its batch;
# - what is random comes from the run's seed: which pictures are learnt from, first weights, order, what is dropped;
# - the measures are arguments, as before. The training step is the one from part 4.
#
# One measure is new, because it is in the pictures: **flips and crops**, as [He et al.,
# 2015](https://arxiv.org/abs/1512.03385), use them for CIFAR-10. A car in a mirror is a car, and so is one two pixels
# further left. In `jnp` it is a function of a key and a picture:


# %%
def flip_and_shift(key: jax.Array, image: jax.Array, pixels: int = 2) -> jax.Array:
    """The picture, mirrored or not, and moved by up to `pixels` each way; what comes in is 0. [H, W, C] to the same."""
    flip_key, shift_key = jax.random.split(key)
    image = jnp.where(jax.random.bernoulli(flip_key), image[:, ::-1], image)
    padded = jnp.pad(image, ((pixels, pixels), (pixels, pixels), (0, 0)))
    top, left = jax.random.randint(shift_key, (2,), 0, 2 * pixels + 1)
    return jax.lax.dynamic_slice(padded, (top, left, 0), image.shape)


picture = study.denormalise(example.image[0])
views = jax.vmap(lambda key: flip_and_shift(key, picture, pixels=4))(jax.random.split(jax.random.key(0), 8))
plots.images(views, columns=8, size=0.9, title="one picture, as eight epochs see it")
plt.show()

# %% [markdown]
# Here `vmap` over keys gave eight views of one picture. Next it is done with a whole run.


# %%
class Treatment(NamedTuple):
    """What one run differs from another in, apart from its key."""

    measures: Measures = Measures()
    moved: float = 0.0  # the share of pictures that are flipped and shifted


class Trial(NamedTuple):
    """A training of this part in figures."""

    examples: int  # pictures to learn from, out of all that there are
    side: int  # their side in pixels
    width: int
    epochs: int
    batch_size: int
    learning_rate: float


def make_study(trial: Trial):
    """Two pure functions of one run: `step(state, places, key, treatment, pool) -> state`, `check(state, batch)`.

    places: the pictures of this step, [B] indices into pool, a Batch. key: the run's. check gives loss and accuracy.
    """
    network = make_network(trial.width)
    train_step, eval_step = make_train_step(network, trial.learning_rate), make_eval_step(network)

    def step(
        state: TrainState, places: jax.Array, key: jax.Array, treatment: Treatment, pool: data.Batch
    ) -> TrainState:
        move_key, dropout_key = jax.random.split(key)
        batch = jax.tree.map(lambda leaf: leaf[places], pool)
        share_key, *keys = jax.random.split(jax.random.fold_in(move_key, state.step), 1 + trial.batch_size)
        moved = jax.vmap(flip_and_shift)(jnp.stack(keys), batch.image)
        wanted = jax.random.bernoulli(share_key, treatment.moved, (trial.batch_size, 1, 1, 1))
        batch = batch._replace(image=jnp.where(wanted, moved, batch.image))
        return train_step(state, batch, treatment.measures, dropout_key)[0]

    def check(state: TrainState, batch: data.Batch) -> tuple[jax.Array, jax.Array]:
        sums = eval_step(state.params, batch)
        return sums.loss / sums.count, sums.correct / sums.count

    return step, check


# %% [markdown]
# `vmap` makes a step of one run into a step of many. `in_axes` says what each run has for itself (0) and what all of
# them share (None). `jit` compiles the mapped step once, and it serves every treatment, since the treatments' numbers
# are arguments. The keys in it are of JAX's default kind, threefry, for the reason seen in part 4. (The first weights
# are drawn run by run, without `vmap`. There rbg is as good, and compiles faster.)
#
# All treatments get the same seeds. So the first run with dropout and the first run without begin with the same weights
# and learn from the same pictures in the same order. Their difference has less chance in it than that of two unrelated
# runs.

# %%
TRIAL = Trial(examples=256, side=16, width=8, epochs=10, batch_size=32, learning_rate=3e-3)
SEEDS = 5
treatments = {
    "nothing": Treatment(),
    "rising dropout": Treatment(Measures(dropout=0.2)),
    "flips and crops": Treatment(moved=1.0),
    "weight decay": Treatment(Measures(decay=0.5)),
    "label smoothing": Treatment(Measures(smoothing=0.1)),
    "all of them": Treatment(Measures(dropout=0.1, decay=0.5, smoothing=0.05), moved=1.0),
}
pool = data.arrays("cifar10", "train[:5000]" if REAL else "train[:80%]", size=TRIAL.side, quiet=True)
checked = data.arrays("cifar10", "train[80%:84%]" if REAL else "train[80%:]", size=TRIAL.side, quiet=True)
pool, checked = jax.device_put((pool, checked))

study_step, study_check = make_study(TRIAL)
step_runs = jax.jit(jax.vmap(study_step, in_axes=(0, 0, 0, None, None)))  # of S runs at once
check_runs = jax.jit(jax.vmap(study_check, in_axes=(0, None)))
check_own = jax.jit(jax.vmap(lambda state, own: study_check(state, jax.tree.map(lambda leaf: leaf[own], pool))))

randoms = [np.random.default_rng(seed) for seed in range(SEEDS)]
own = np.stack([random.choice(len(pool.label), TRIAL.examples, replace=False) for random in randoms])  # [S, N]
orders = [[random.permutation(row) for _ in range(TRIAL.epochs)] for random, row in zip(randoms, own, strict=True)]
orders = np.stack(orders).reshape(SEEDS, TRIAL.epochs, -1, TRIAL.batch_size)  # [S, epochs, steps, B]
first = jax.jit(lambda key: init_state(key, make_network(TRIAL.width), TRIAL.side))
starts = [first(jax.random.key(seed, impl="rbg")) for seed in range(SEEDS)]
starts = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)  # leaves [S, …]
keys = jax.random.split(jax.random.key(0), SEEDS)


def study_runs(treatment: Treatment) -> dict[str, np.ndarray]:
    """Train one run for each seed, all side by side. Returns name → [S, E], and "training_accuracy" [S]."""
    states, checks = starts, []
    for epoch in range(TRIAL.epochs):
        for step in range(orders.shape[2]):
            states = step_runs(states, orders[:, epoch, step], keys, treatment, pool)
        checks.append(check_runs(states, checked))
    losses, accuracies = (np.stack(values, axis=1) for values in zip(*checks, strict=True))
    return {"val_loss": losses, "val_accuracy": accuracies, "training_accuracy": np.asarray(check_own(states, own)[1])}


begin = time.perf_counter()
studied = [study_runs(treatment) for treatment in track(list(treatments.values()), "treatments")]
histories = {name: np.stack([each[name] for each in studied]) for name in studied[0]}
print(f"{len(treatments)} × {SEEDS} trainings in {time.perf_counter() - begin:.0f} s, compiling included")
print("validation losses [T, S, E]:", histories["val_loss"].shape)

# %% [markdown]
# First the plain network, seed by seed:
#
# <details><summary>Guess first: by how much do the final accuracies of five runs differ that do the same
# thing?</summary>
#
# By several points: about ten in the stored run. The next cell prints the lowest and the highest.
#
# </details>

# %%
epochs = range(1, TRIAL.epochs + 1)
figure, panels = plt.subplots(2, 3, figsize=(10, 5), sharex=True, sharey=True)
for place, (name, losses) in zip(panels.flat, zip(treatments, histories["val_loss"], strict=True), strict=True):
    place.plot(epochs, histories["val_loss"][0].mean(axis=0), color="black", linewidth=1, linestyle=":")
    place.plot(epochs, losses.T, color="C0", linewidth=0.7, alpha=0.7)
    place.plot(epochs, losses.mean(axis=0), color="C0", linewidth=2.2)
    place.set_title(name)
for place in panels[1]:
    place.set_xlabel("epoch")
figure.suptitle("validation loss: each seed, their mean; dotted: the mean of “nothing”", x=0.01, ha="left", fontsize=11)
plt.show()

finals = histories["val_accuracy"][0, :, -1]
print(f"“nothing”, final validation accuracy: {100 * finals.min():.1f} % to {100 * finals.max():.1f} %")

# %% [markdown]
# Now the differences. For each treatment and each seed, subtract what the same seed had with "nothing". From the S
# differences comes a mean and a confidence interval, by Student's *t*. We look at five treatments, and an interval of
# 95 % for each would exclude 0 by chance too often: in up to 5 × 5 % of such tables at least one would. So each gets
# 99 % (Bonferroni's correction: the 5 % are shared among five).
#
# What to look at is decided *before* looking: the lowest validation loss, which is what early stopping would keep; how
# far the loss has risen from there to the last epoch, which is overfitting; and the accuracy at the lowest loss.


# %%
def interval(differences: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and half width of a confidence interval, by Student's t. [..., S] to [...] each."""
    count = differences.shape[-1]
    error = differences.std(axis=-1, ddof=1) / np.sqrt(count)
    return differences.mean(axis=-1), stats.t.ppf((1 + level) / 2, count - 1) * error


lowest = histories["val_loss"].min(axis=-1)  # [T, S]
turns = histories["val_loss"].argmin(axis=-1)  # [T, S]
quantities = {
    "lowest validation loss": lowest,
    "rise of the loss after it": histories["val_loss"][..., -1] - lowest,
    "accuracy at the lowest loss": np.take_along_axis(histories["val_accuracy"], turns[..., None], axis=-1)[..., 0],
}
LEVEL = 1 - 0.05 / (len(treatments) - 1)

figure, panels = plt.subplots(1, 3, figsize=(10, 3), sharey=True)
for place, (title, values) in zip(panels, quantities.items(), strict=True):
    differences = values[1:] - values[0]  # [T − 1, S]
    means, halves = interval(differences, LEVEL)
    for row, (each, mean, half) in enumerate(zip(differences, means, halves, strict=True)):
        place.plot(each, np.full(SEEDS, row), "o", color="C0", markersize=4, alpha=0.5)
        place.plot([mean - half, mean + half], [row + 0.2, row + 0.2], color="black", linewidth=1.5)
        place.plot(mean, row + 0.2, "|", color="black", markersize=9)
    place.axvline(0, color="black", linewidth=1, linestyle="--")
    place.set_title(title, fontsize=10)
panels[0].set_yticks(range(len(treatments) - 1), list(treatments)[1:])
panels[0].invert_yaxis()
panels[2].xaxis.set_major_formatter(PercentFormatter(1.0))
figure.suptitle("difference from “nothing”: seeds (dots) and the mean's 99 % interval", x=0.01, ha="left", fontsize=11)
plt.show()

# %% [markdown]
# A table says the same in words. "Not told apart" means that the interval holds 0: the measure may help, harm, or do
# nothing, and these runs cannot say which.

# %% tags=["nbval-ignore-output"]
for title, values in quantities.items():
    print(title)
    means, halves = interval(values[1:] - values[0], LEVEL)
    for name, mean, half in zip(list(treatments)[1:], means, halves, strict=True):
        verdict = "not told apart" if abs(mean) <= half else "lower" if mean < 0 else "higher"
        print(f"    {name:16} {mean:+.3f} ± {half:.3f}   {verdict}")

# %% [markdown]
# In the run that is stored here, no measure has been told apart from "nothing" in the lowest loss or in the accuracy.
# On this sample it has not been shown that any of them makes the best network better, or worse. Look at the dots for
# flips and crops on the right: with a single seed you might have reported nine points more or four points less.
#
# One thing has been told apart. With dropout, with flips and crops, and with all measures together, the loss rises less
# after its lowest point. Look at the curves before you call this a cure: with the first two it is still falling in the
# last epoch, and a run that has not reached its lowest point cannot have risen from it. What these runs show is that
# overfitting comes *later*. Whether the best network is better, they cannot say: the intervals of the lowest loss reach
# 0.09 to 0.17 to each side, and effects of such a size can hide in them. More seeds, more pictures or longer training
# might show them.
#
# An interval speaks of what was varied: first weights, order, choice of training pictures. The validation pictures were
# the same 600 throughout, and the network, its width and the number of epochs too. On other data, in longer training,
# the measures may come out otherwise; part 10 has an example.
#
# ### A fair gap
#
# "Overfitting" is often read off the gap between training and validation accuracy. Beware of the training accuracy that
# is counted *during* training: with dropout it is that of a crippled network, with flips and crops that on harder
# pictures. A fair gap compares like with like: the finished network, nothing dropped, on the pictures as they are.

# %%
print(f"{'mean of the seeds':18} {'training':>10} {'validation':>11} {'gap':>8}")
for row, name in enumerate(treatments):
    on_training = histories["training_accuracy"][row].mean()
    on_validation = histories["val_accuracy"][row, :, -1].mean()
    gap = on_training - on_validation
    print(f"{name:18} {100 * on_training:8.1f} % {100 * on_validation:9.1f} % {100 * gap:6.1f} %")

# %% [markdown]
# A small gap alone is no merit: a network that has learnt nothing has none. In the stored run "all of them" has the
# smallest gap and the lowest validation accuracy. Look at the validation column first.
#
# **Quick questions**
#
# <details><summary>1. Why were differences taken seed by seed, and not between the two means?</summary>
#
# The two runs of a seed share their first weights and pictures, so much of the chance is the same in both and cancels.
# The mean is the same either way, but the interval is narrower.
#
# </details>
#
# <details><summary>2. You want an interval half as wide. How many seeds?</summary>
#
# About four times as many: the width falls with the square root. (With few seeds a little fewer, since the factor of
# Student's *t* shrinks as well.)
#
# </details>
#
# <details><summary>3. “The interval holds 0, so dropout makes no difference.” What is wrong with that?</summary>
#
# It holds other values, too. Only effects outside it are excluded.
#
# </details>
#
# <details><summary>4. Would <code>vmap</code> over rbg keys have made the intervals wrong?</summary>
#
# Not wrong: the runs would still have had different random numbers. But no single run could have been repeated from its
# own key, and with another number of seeds all of them would have changed.
#
# </details>

# %% [markdown]
# ## 7 · Early stopping
#
# The cheapest measure needs no new program: stop when the validation loss has not improved for some epochs (the
# *patience*), and keep the weights of the best one. `fit` has done the second half already, in `run.best`. Are these
# the weights that the history says?

# %%
loss, _ = evaluate(programs.eval_step, runs["nothing"].best, validation)
print(
    "the kept weights have the lowest loss:",
    bool(np.isclose(loss, min(runs["nothing"].history["val_loss"]), rtol=1e-5)),
)

# %% [markdown]
# What would a patience of one, two or three epochs have done to the run of part 5? The rule looks at a list of losses,
# so it can be tried on one that is finished, and on the history of a model that comes with the course (part 10).
#
# <details><summary>Guess first: what can go wrong with a patience of one?</summary>
#
# One unlucky epoch ends the run, although the next would have been better. The second picture shows such a case.
#
# </details>


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
# The dotted line is the epoch whose weights are kept. Too little patience takes one bad epoch of a noisy curve for the
# end. Too much costs time, but not quality, since the best weights are kept anyway. [Prechelt,
# 1998](https://doi.org/10.1007/3-540-49430-8_3), compares such rules on many problems. Early stopping cannot make a
# network better than it was at its best, and it goes well with all other measures: it finds the best epoch, wherever
# they have moved it. How far did they move it in part 6?

# %% tags=["nbval-ignore-output"]
for name, epochs_of_best in zip(treatments, turns + 1, strict=True):
    print(f"{name:16} lowest loss in epochs {' '.join(f'{epoch:2d}' for epoch in epochs_of_best)} of {TRIAL.epochs}")

# %% [markdown]
# Later, with dropout and with flips and crops. Where the lowest loss is in the last epoch, the run was not over: what
# it would have reached, we do not know.
#
# **Quick questions**
#
# <details><summary>1. With a patience of 3, the loss is lowest in epoch 7. After which epoch does training
# stop?</summary>
#
# After epoch 10, when the lowest loss is three epochs old.
#
# </details>
#
# <details><summary>2. Is the validation loss at the best epoch a fair estimate of the loss on new pictures?</summary>
#
# It is a little too good: the epoch was chosen because its loss was low on these very pictures. Part 9 shows how much
# such a choice can do.
#
# </details>

# %% [markdown]
# ## 8 · All together, and nothing lost
#
# Now all measures at once on the full-sized pictures, with flips and crops in the input pipeline. The run is saved
# after each epoch in `models/My_vgg8`, with Orbax, by `utils.checkpoints`. That is part 8 of unit 02 made into a
# module: it keeps the latest checkpoint, and skips one that is not whole. To resume is to load the latest and call
# `fit` again.


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
# On the real set the next cell takes longest of all in the course: stop it whenever you like (■ or Ctrl-C) and run it
# again. On the sample it takes seconds, so it begins anew each time, and the stopping is staged:

# %%
moves = (augment.flip(), augment.pad_and_crop(4))
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
# Is a resumed run really the one that was never stopped? On a few pictures that can be tried in a moment: two epochs in
# one go, and one epoch and then another, with dropout.

# %%
short = data.load("cifar10", "train[:96]", batch_size=STUDY.batch_size, shuffle=True, quiet=True)
with_dropout = same | {"train": short, "measures": Measures(dropout=0.3)}
whole = fit(beginning(start), **with_dropout | {"epochs": 2})
resumed = fit(fit(beginning(start), **with_dropout | {"epochs": 1}), **with_dropout | {"epochs": 2})
agree = jax.tree.map(lambda a, b: np.allclose(a, b, atol=1e-6), whole.state, resumed.state)
print("the same weights, the same averages of Adam:", all(jax.tree.leaves(agree)))

# %% [markdown]
# They agree because nothing is drawn from hidden state: order and dropout are functions of the epoch's and the step's
# number.
#
# Beside the regularised run, the one that has nothing against overfitting: that of part 5, or on the real set one of
# the same size as this.


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


overfitted = keep_training(home / "overfitted", OVERFITTED, Measures()) if REAL else runs["nothing"]
compare({"nothing": overfitted.history, "everything": regularised.history}, "nothing, and everything")
plt.show()

# %% [markdown]
# With everything at once the network learns more slowly, and could be trained longer. On the sample, eight epochs of
# one run each decide nothing: in the stored run "everything" ends with the lower loss *and* the lower accuracy. In part
# 10 you see both lines on photographs, where there was more time. So do not ask "does dropout help?" It depends on how
# long you train, how large the network is, how many pictures there are. Measure.
#
# The choice is made by the validation loss, and by nothing else:

# %%
candidates = {"overfitted": overfitted, "regularised": regularised}
chosen = min(candidates, key=lambda name: min(candidates[name].history["val_loss"]))
setting = {"overfitted": OVERFITTED, "regularised": REGULARISED}[chosen]

# %% [markdown]
# **Quick questions**
#
# <details><summary>1. What has to be in a checkpoint so that a run can be resumed?</summary>
#
# All that the next step depends on: weights, the optimiser's averages, the step's number (dropout's key is made from
# it), and the number of epochs, which decides the order of the pictures. Here also the best weights and the history.
#
# </details>
#
# <details><summary>2. Why is the key itself not saved?</summary>
#
# It never changes. It is made from a fixed seed, and each step folds its number into it.
#
# </details>

# %% [markdown]
# ## 9 · The test set, opened once
#
# All along the test pictures lay behind `utils.testset`, untouched. To open it, one passes a function that scores a
# model on the batches of the test set. Date, model and score are written to `models/test_openings.json`, and the second
# opening says that it is the second. It is no lock: nothing stops you. But whoever looks, changes the network and looks
# again has begun to train on the test set, and that should not happen unnoticed.
#
# So: one opening, for the one network that was chosen, with the weights of its best epoch.

# %%
programs = compiled(setting.width, setting.batch_size, setting.learning_rate)


def score(test: data.Batches) -> float:
    """The accuracy of the chosen network, which is also printed with its standard error."""
    _, accuracy = evaluate(programs.eval_step, candidates[chosen].best, test)
    error = np.sqrt(accuracy * (1 - accuracy) / test.examples)
    print(f"test accuracy: {100 * accuracy:.1f} %, standard error {100 * error:.1f} % on {test.examples:,} pictures")
    return accuracy


test_accuracy = testset.open("cifar10", score, model=f"VGG8(width={setting.width}), {chosen}", batch_size=200)

# %% [markdown]
# Why not report the validation accuracy? Because it took part in a choice: the epoch and the network were *picked* by
# the validation pictures, and whoever picks the best of many figures picks some luck with it. How much luck?
#
# <details><summary>Guess first: twenty networks are all right on exactly 36 % of all pictures in the world. What does
# the best of them score on 600 validation pictures, and what on new ones?</summary>
#
# A few points above 36 %, and 36 %.
#
# </details>

# %%
random = np.random.default_rng(0)
scored = random.binomial(600, 0.36, (10_000, 20)) / 600  # ten thousand times twenty networks
new = random.binomial(600, 0.36, 10_000) / 600  # the chosen one on 600 new pictures; it is as good as all others
print(f"the best of twenty, on the pictures it was chosen by: {100 * scored.max(axis=1).mean():.1f} % on average")
print(f"the same network, on new pictures:                    {100 * new.mean():.1f} %")

# %% [markdown]
# Real candidates differ, and are scored on the same pictures, so the true effect is often smaller. But it is never in
# your disfavour. The test figure has no part in any choice, and is the one to report, together with its data: a figure
# on drawings, or on a subset, is no figure on CIFAR-10.
#
# **Quick questions**
#
# <details><summary>1. Your test accuracy is lower than the validation accuracy. Is something wrong?</summary>
#
# Not necessarily: compare the difference with the standard errors of both, and remember the luck of the choice.
#
# </details>
#
# <details><summary>2. You have looked, and would like to change the dropout rate. What now?</summary>
#
# Choose by the validation pictures, and report that the test set was opened before. Best of all are new test pictures.
#
# </details>

# %% [markdown]
# ## 10 · Models that were trained before
#
# Both networks, trained on photographs by the cells above, come with the course. (The next cell is how they got there.
# It does nothing on the sample, and even on the real set only if `COURSE_SHIP` asks for it. Remarks on the cards that
# it does not write were added by hand.)


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
# how good it was and on what. Weights without a card are of little use to anybody else.

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

# %%
plain, cured = (cards[name].history for name in ("overfitted", "regularised"))
print("nothing:    lowest validation loss in epoch", best_epoch(plain["val_loss"]), "of", len(plain["val_loss"]))
print("everything: lowest validation loss in epoch", best_epoch(cured["val_loss"]), "of", len(cured["val_loss"]))
same_length = np.array(cured["val_accuracy"][: len(plain["val_accuracy"])]) - np.array(plain["val_accuracy"])
print("everything − nothing after 1, 2, … epochs:", *(f"{100 * each:+.0f}" for each in same_length), "points")

# %% [markdown]
# Look at the two cards side by side. The first network had its lowest validation loss after five epochs. Its kept
# weights are right on 82.6 % of the *training* photographs and on 63.7 % of the validation photographs, a gap of 19
# points. From there its validation loss rose, from 1.04 to 1.80. With everything at once the network learns more
# slowly: it is behind for eight epochs. But it goes on, and after 24 epochs it has 79.8 % and 75.8 %, a gap of 4
# points, and its lowest loss. That is **twelve points more from the same pictures with the same network**. What it cost
# is time.
#
# How far may one trust this? There are 4,000 validation photographs, so each figure has a standard error of about 0.7
# points, and twelve are far beyond that. But each is *one* run, and all measures came together: which of them did it,
# and how much another seed would change, these two runs cannot say.
#
# On the test photographs the second network has 75.7 %. The card owns up to something: the test set was opened twice,
# since the run was first stopped after nine epochs and then resumed. Nothing was chosen by the first figure, so the
# second may stand. All these figures are of a *subset* of CIFAR-10 with 16,000 training pictures: none is to be
# compared with published ones on all 50,000.
#
# Loading needs the shapes that are expected, `like`. Weights of another network are refused, by name.

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
# ### A start from trained weights
#
# Weights are where a training may *start*. Below, each of the two meets the pictures of this notebook, first as it is,
# then after one short epoch of further training in which all its weights may move. Beside them stands a fresh network
# of the same size.
#
# <details><summary>Guess first: the two have only seen photographs. If your pictures are the course's drawings, how
# many are they right on, where guessing gives 10 %?</summary>
#
# About a third or more, see the bars. Something of what tells photographs of ships and horses apart also tells drawings
# of them apart.
#
# </details>

# %%
few = data.load("cifar10", "train[:256]", batch_size=32, shuffle=True, quiet=True)
further = compiled(24, 32, 1e-3)

figures = {}
for name, params in (shipped | {"fresh": further.init(INIT_KEY).params}).items():
    _, figures[f"{name}, as it is"] = evaluate(further.eval_step, params, validation)
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
# On the drawings, in the stored run, both networks beat guessing by far before they have seen a single drawing, and
# eight steps take them further, which does little for a fresh network. The regularised one is ahead, most of all after
# the further steps. Each bar is one run, judged by 600 pictures, so its standard error is about 2 points. The large
# differences are beyond that. Whether *every* regularised network is a better start, one network of each kind cannot
# show.
#
# If yours are the photographs, the networks have seen these very pictures, and the comparison means nothing.
#
# **Quick questions**
#
# <details><summary>1. Why is the shipped file not a pickle?</summary>
#
# A pickle can run code when it is loaded. A safetensors file holds names, shapes and numbers only (unit 02).
#
# </details>
#
# <details><summary>2. What would make the comparison with the fresh network fair for a paper?</summary>
#
# Several seeds of each, the same budget for choosing learning rates, and pictures that none of them has seen.
#
# </details>

# %% [markdown]
# ## 11 · A race
#
# The same network, without dropout (each framework would draw other numbers), in JAX with Haiku, PyTorch, compiled
# PyTorch and Keras: same arrays, same batch, same optimiser, all taking turns in processes of their own. The result is
# stored; unit 02 says how it was made and how to read it.
#
# <details><summary>Guess first: who is fastest in training on two CPU cores, and who is last?</summary>
#
# Keras is first, JAX last.
#
# </details>

# %% tags=["nbval-ignore-output"]
report.show("vgg8")

# %% [markdown]
# JAX comes last in training here, with less than half of Keras's pace and about six tenths of PyTorch's (0.52 to 0.75
# in the three rounds). In evaluation it is level with plain PyTorch (0.85 to 1.17 times as fast), and behind the
# others. Haiku is not to blame: it has disappeared once the step is traced, and what runs is XLA's program. Nor is it
# compilation, which only the pale bars contain. (There `torch.compile` is behind: its first step took 18 to 19 seconds,
# and JAX's one to two.)
#
# What is left is the convolutions, by far the most of the arithmetic, and above all their gradients. PyTorch and
# TensorFlow call [oneDNN](https://github.com/uxlfoundation/oneDNN) for them on x86 processors, a library made for this;
# XLA, as it was used here, has code of its own. We did not time this network's convolutions one by one, so take it as
# the likely cause, not as a finding. Unit 04 times them for a ResNet18.
#
# On a GPU things are different: there JAX and PyTorch can both call cuDNN. This race says nothing about that.
#
# **Quick questions**
#
# <details><summary>1. Why do the entrants run in processes of their own, and take turns?</summary>
#
# Each has threads that may still be busy, and memory of its own. Turns spread a slow minute of the machine over all.
#
# </details>
#
# <details><summary>2. Why was dropout left out of the race?</summary>
#
# With it, the frameworks would train on other random numbers, and each would pay for its own generator as well.
#
# </details>

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
#   requests; from outside there is no side effect.
# - `apply` takes a key because randomness is an argument. Use another key in each step and none in evaluation;
#   `fold_in(key, step)` lets a resumed run go on as if it had never stopped.
# - New projects: Flax. Existing research code: often Haiku.
# - Overfitting is a validation loss that rises while the training loss falls. The accuracies show it late.
# - Change one thing at a time. Measures that are arguments of one compiled program make that easy.
# - One run is one draw. `vmap` over keys trains several seeds at once; judge by the differences seed by seed and their
#   interval. If it holds 0, say that nothing was told apart.
# - `vmap` over keys wants threefry. With rbg the whole batch is drawn from the first key.
# - Compare regularised networks when they have had their time, in evaluation mode, on unvaried pictures.
# - Keep the best weights by the validation loss; patience only decides how long you wait.
# - Validation for choosing, the test set once, and the data named beside every figure.
# - A shipped model has a card.
#
# **Now you:** `exercises/03_haiku_cifar10_vgg8` has you write the pieces yourself, and ends with an open question: how
# far can you get? Unit 04 goes deeper, with residual blocks, BatchNorm and a network that is proven equal to PyTorch's.

# %% [markdown]
# ## Sources and further reading
#
# Data and code
#
# - "Formation JAX - CIFAR-10 avec CNN", in French, from which this unit grew:
#   [`valentingol/automatants`](https://github.com/valentingol/automatants), folder `formation jax`.
# - [`google-deepmind/dm-haiku`](https://github.com/google-deepmind/dm-haiku), whose README says what its maintenance
#   mode means, and its [documentation](https://dm-haiku.readthedocs.io).
# - Networks written in Haiku: [`google-deepmind/alphafold`](https://github.com/google-deepmind/alphafold),
#   [`google-deepmind/alphafold3`](https://github.com/google-deepmind/alphafold3),
#   [`google-deepmind/graphcast`](https://github.com/google-deepmind/graphcast).
# - [`jax.random`](https://docs.jax.dev/en/latest/jax.random.html), with a table of the kinds of keys.
# - Krizhevsky, "Learning multiple layers of features from tiny images", 2009:
#   [CIFAR-10](https://www.cs.toronto.edu/~kriz/cifar.html).
# - Karpathy, ["Lessons learned from manually classifying
#   CIFAR-10"](http://karpathy.github.io/2011/04/27/manually-classifying-cifar10/), 2011.
#
# Networks
#
# - Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014,
#   [arXiv:1409.1556](https://arxiv.org/abs/1409.1556).
# - Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2013,
#   [arXiv:1311.2901](https://arxiv.org/abs/1311.2901).
# - He et al., "Delving deep into rectifiers", 2015, [arXiv:1502.01852](https://arxiv.org/abs/1502.01852).
#
# Overfitting, and what is done against it
#
# - Zhang et al., "Understanding deep learning requires rethinking generalization", 2016,
#   [arXiv:1611.03530](https://arxiv.org/abs/1611.03530): random labels.
# - Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", [Journal of Machine Learning
#   Research 15](https://jmlr.org/papers/v15/srivastava14a.html), 2014.
# - Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015,
#   [arXiv:1512.00567](https://arxiv.org/abs/1512.00567): label smoothing.
# - Loshchilov and Hutter, "Decoupled weight decay regularization",
#   [arXiv:1711.05101](https://arxiv.org/abs/1711.05101): AdamW.
# - He et al., "Deep residual learning for image recognition", 2015,
#   [arXiv:1512.03385](https://arxiv.org/abs/1512.03385): flips and crops as they are used for CIFAR-10 here.
# - DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017,
#   [arXiv:1708.04552](https://arxiv.org/abs/1708.04552), for the open exercise.
# - Prechelt, "Early stopping - but when?", in *Neural Networks: Tricks of the Trade*, 1998,
#   [doi:10.1007/3-540-49430-8_3](https://doi.org/10.1007/3-540-49430-8_3).
# - Guo et al., "On calibration of modern neural networks", 2017, [arXiv:1706.04599](https://arxiv.org/abs/1706.04599).
#
# Chance in experiments
#
# - Bouthillier et al., "Accounting for variance in machine learning benchmarks", 2021,
#   [arXiv:2103.03098](https://arxiv.org/abs/2103.03098).
# - Picard, "Torch.manual_seed(3407) is all you need: on the influence of random seeds in deep learning architectures
#   for computer vision", 2021, [arXiv:2109.08203](https://arxiv.org/abs/2109.08203).
