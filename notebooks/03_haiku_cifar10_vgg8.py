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
# - explain how `hk.transform` turns one function that creates its own weights into two pure ones;
# - explain why `apply` takes a key, and when it does not need one;
# - read overfitting off two curves, and name the epoch where it begins;
# - use dropout, augmentation, weight decay, label smoothing and early stopping;
# - *measure* what each of them does: several seeds with one compiled step, differences seed by seed, a confidence
#   interval;
# - use a test set only once;
# - stop a training run and resume it, ship a model, and start training from a shipped one.
#
# <!-- minutes -->
#
# | | section | minutes |
# | --- | --- | --- |
# | 1 | Haiku from the ground up | 20 |
# | 2 | CIFAR-10 | 3 |
# | 3 | VGG8 | 10 |
# | 4 | One step, and what can be done in it | 17 |
# | 5 | Overfitting, on purpose | 11 |
# | 6 | One measure at a time, over several seeds | 22 |
# | 7 | Early stopping | 5 |
# | 8 | All together, and nothing lost | 8 |
# | 9 | The test set, opened once | 3 |
# | 10 | Models that were trained before | 10 |
# | 11 | A race | 3 |
# | 12 | For the record | 1 |
# |  | What to remember | 1 |
# |  | Sources and further reading | 1 |
# |  | **together** | 115 |
#
# The minutes are for reading and running, without the exercises. You can stop at the end of any section. Counted at 200
# words, 20 lines of code or 2 cells a minute.
#
# <!-- end minutes -->
#
# You need: units 01 and 02. No GPU. Where it says **Guess first**, write your answer down before you open the fold.
#
# The unit grew out of a course in French, "Formation JAX - CIFAR-10 avec CNN", in the repository
# [`valentingol/automatants`](https://github.com/valentingol/automatants), folder `formation jax`. (It is undated. [A
# version of its `requirements.txt`][requirements] pins jax 0.2.24, which is [of October
# 2021](https://docs.jax.dev/en/latest/changelog.html).)
#
# [requirements]: https://github.com/valentingol/automatants/blob/12627dcbd1b1/formation%20jax/requirements.txt

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

import functools
import json
import shutil
import time
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
from utils.base.paths import RESSOURCES
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
# Called directly it fails, because nothing says what `w` is. `hk.transform` turns it into two functions, `init` and
# `apply`. In `init`, each request creates a *new* weight and records it. In `apply`, each request is looked up among
# the weights that were passed in.

# %%
network = hk.transform(line)
params = network.init(jax.random.key(0), x)
print("weights:", jax.tree.map(jnp.shape, params))
print("called twice, the same:", bool((network.apply(params, None, x) == network.apply(params, None, x)).all()))
print("with other weights, another answer:", network.apply(jax.tree.map(np.zeros_like, params), None, x))

# %% [markdown]
# Haiku groups weights by layer. Weights that are requested outside any layer are kept under the name `"~"`.
#
# ### A transform of our own
#
# How does a function with side effects become pure? A page of Python shows it. While the function runs, a *frame* with
# the weights and the key is on top of a stack, and every request goes to that frame. (It is a stack because one
# transformed function may call another.) When the function returns, the frame is removed. Seen from outside, there are
# no side effects.


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
    """A key that has not been used yet: split off the frame's key, which is replaced by the other half."""
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
# Does it do what Haiku's does? Here is the same function, written for our `transform`. Because the result is pure,
# `jit` and `grad` work on it.


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
# This is the core of Haiku. The rest is mostly a library of layers that ask for their weights in this way.

# %% [markdown]
# ### Why apply takes a key
#
# Some layers need random numbers in every call, not only in `init`. Dropout (part 4) is one. A pure function gets its
# randomness as an argument, so `apply` takes a key, and `hk.next_rng_key()` splits a fresh key off it at each request.
#
# <details><summary>Guess first: <code>apply</code> is called twice with the same key and once with another. Which of
# the three results agree?</summary>
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
# This has three consequences, each with its typical mistake.
#
# - Pass the same key in every training step, and every step draws the same numbers: dropout drops the same units each
#   time. No error is raised.
# - A network that draws no random numbers *in this call*, for instance in evaluation, can be given `None` as its key.
#   One that does draw raises an error:

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
# Keep track of which of the two you have. If `apply` expects a key, `apply(params, x)` takes `x` for the key:

# %%
try:
    hk.transform(line).apply(params, x)
except ValueError as error:
    print(str(error).split(". ")[0])

# %% [markdown]
# ### Modules share weights by being the same object
#
# Layers are classes derived from `hk.Module`. A module is created *inside* the transformed function. If one object is
# called twice, both calls use the same weights.
#
# <details><summary>Guess first: the function below applies four linear layers. How many sets of weights are
# there?</summary>
#
# Three. The object named `twice` is called twice and has one set. The other two are separate objects, and are named
# `linear` and `linear_1`.
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
# A module created *outside* has no frame to ask, and Haiku raises an error at once. (In Flax, outside is the normal
# place. This is the main difference in style.)

# %%
try:
    hk.Linear(3)
except ValueError as error:
    print(str(error).strip().splitlines()[0])

# %% [markdown]
# ### State that is not trained
#
# In training, BatchNorm normalises each channel by the mean and variance of the batch. For evaluation it keeps running
# averages of both. They are not weights, because no gradient moves them, yet they change from call to call.
# `hk.transform_with_state` gives functions that take such a state and return the new one: `apply(params, state, key, x)
# -> (result, state)`. Nothing is changed in place.


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
# The running mean stays close to 3, the mean of the data. What remains is the sampling noise of the batches.
#
# <details><summary>Guess first: a training loop drops the returned state and always passes the one from
# <code>init</code>. Which mean will evaluation subtract?</summary>
#
# The mean of the batch that `init` was given, however long training lasts.
#
# </details>

# %%
for name, used in (("from init", first_state), ("after 30 batches", state)):
    print(f"running mean {name:17} {used['batch_norm/~/mean_ema']['average'].item():.2f}")
print(f"mean of the first batch        {batches[0].mean():.2f}")

# %% [markdown]
# Here the two are close, because the data does not change. In training they move apart: the weights change, and with
# them the inputs of BatchNorm. No error is raised. Unit 04 has BatchNorm throughout its network, and looks at it more
# closely. VGG8 has none, so `hk.transform` is enough here.

# %% [markdown]
# ### Haiku beside Flax
#
# Here is the same small network in both libraries. If they really are the same, the weights of one fit the other and
# give the same answers.


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
# The last row is easily overlooked, and is worth a check. Both libraries draw from a normal distribution that is
# truncated at two standard deviations. Truncation reduces the standard deviation to 0.88 of what it was. Flax corrects
# for this. Haiku's layers do not by default, but its `VarianceScaling` does:

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
# Python, and no features are added. They also say that they use it a great deal themselves and currently plan to
# support it in this mode indefinitely ([README of
# `google-deepmind/dm-haiku`](https://github.com/google-deepmind/dm-haiku)). You will meet it in research code. The
# published code of AlphaFold 2 ([`alphafold`](https://github.com/google-deepmind/alphafold)) and AlphaFold 3
# ([`alphafold3`](https://github.com/google-deepmind/alphafold3)) depends on it, and so do the weather models GraphCast
# and GenCast ([`graphcast`](https://github.com/google-deepmind/graphcast)). Besides, `transform` is a short way to
# understand what `init` and `apply` do in Flax.
#
# **Quick questions**
#
# <details><summary>1. Why does <code>apply</code> return only the result here, but a pair after
# <code>transform_with_state</code>?</summary>
#
# Without state, the result is all there is to return. A state that changes must be returned as well, since nothing is
# changed in place.
#
# </details>
#
# <details><summary>2. A module is created in the <code>__init__</code> of another module, whose <code>__call__</code>
# calls it twice. How many sets of weights?</summary>
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
# CIFAR-10 has 60,000 colour pictures of 32×32 pixels in ten classes ([Krizhevsky,
# 2009](https://www.cs.toronto.edu/~kriz/cifar.html)). If it is not on your disk, the course's sample takes its place:
# *drawings* of the same ten classes. Training and validation pictures are kept apart as in unit 02. The test pictures
# are not loaded until part 9, which also counts how often they are used.
#
# Most settings that differ between the sample and the real set are collected in one cell, so that you can see them
# together. We study overfitting on a few pictures, where it comes soon and costs little. On the real set, the models
# that are kept learn from more.


# %%
class Setting(NamedTuple):
    """The settings of a training run."""

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

# %% [markdown]
# One picture of each class that occurs in the first batch:

# %%
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
# Real photographs as small as these are hard even for people: Andrej Karpathy tried, and got about 94 % right
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
# Every training step depends on its batch. Without shuffling, each epoch would have the same batches in the same order,
# and files are often sorted by class. In evaluation the order has no effect, because the results are only summed.
#
# </details>

# %% [markdown]
# ## 3 · VGG8
#
# VGG networks ([Simonyan and Zisserman, 2014](https://arxiv.org/abs/1409.1556)) have a plain design: 3×3 convolutions
# one after the other, poolings in between that halve height and width, more channels after each pooling, and linear
# layers at the end. Ours has eight layers with weights: three blocks of two convolutions, and two linear layers.
#
# ![three blocks of two convolutions and a pooling, then two linear layers](../ressources/u03_vgg8.svg)
#
# First the max pooling. Haiku has one, `hk.max_pool`, which takes any window. We write our own: for a 2×2 window
# without overlap, four slices and three calls of `jnp.maximum` do the same.
#
# <details><summary>Guess first: in the forward pass both give the same numbers. Where could they still
# differ?</summary>
#
# In the gradient: in what it costs, and in how it is distributed when several of the four numbers are equally large.
#
# </details>


# %%
def max_pool(x: jax.Array) -> jax.Array:
    """The largest of each 2×2 square. [B, H, W, C] to [B, H/2, W/2, C]; H and W even."""
    top = jnp.maximum(x[:, ::2, ::2], x[:, ::2, 1::2])
    bottom = jnp.maximum(x[:, 1::2, ::2], x[:, 1::2, 1::2])
    return jnp.maximum(top, bottom)


maps = np.random.default_rng(0).standard_normal((32, 32, 32, 32), np.float32)
pools = {"hk.max_pool": lambda x: hk.max_pool(x, (2, 2, 1), (2, 2, 1), "VALID"), "four slices": max_pool}
print("the same pooling:", np.array_equal(*(jax.jit(pool)(maps) for pool in pools.values())))

# %% [markdown]
# How long does the gradient of each take?


# %%
def median_ms(function, *args, repeats: int = 10) -> float:
    """The median time of a call in milliseconds, waited for; the first call, which compiles, is not counted."""
    jax.block_until_ready(function(*args))
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function(*args))
        times.append(1000 * (time.perf_counter() - begin))
    return float(np.median(times))


gradients = {name: jax.jit(jax.grad(lambda x, pool=pool: pool(x).sum())) for name, pool in pools.items()}
plots.bars(
    list(pools),
    [median_ms(gradient, maps) for gradient in gradients.values()],
    unit="ms",
    better="lower",
    title="the gradient of a max-pooling, 32 channels",
)
plt.show()

# %% [markdown]
# Where does the difference come from? Look for the operation `select_and_scatter` in the two gradients, and see what
# happens at a tie:

# %%
flat = np.ones((1, 2, 2, 1), np.float32)  # one square, all four equally large
for name, gradient in gradients.items():
    scatters = "select_and_scatter" in str(jax.make_jaxpr(gradient)(maps))
    print(f"{name:12} select and scatter: {scatters!s:6} a tie of four:", *np.ravel(gradient(flat)))

# %% [markdown]
# JAX writes the gradient of a general pooling as one operation, *select and scatter*: find the largest number of each
# window again, and send the gradient there. On the CPU this is the slower way, as the bars show. The gradient of the
# four slices is made of comparisons and additions. At a tie, `hk.max_pool` gives the whole gradient to one of the four,
# and ours shares it equally. Neither is wrong: at a tie the maximum has no derivative.
#
# Now the network. **Dropout** ([Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)) sets random
# units to zero in training; part 4 explains it. It comes after each pooling and after the hidden linear layer. Its rate
# *rises with depth*, as in the French course. The idea behind it: the first layers find edges and colours, which all
# classes need ([Zeiler and Fergus, 2013](https://arxiv.org/abs/1311.2901) show this), while the last ones have most of
# the weights, and so the most room to memorise. We do not test this choice against equal rates; you can.


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
            x = max_pool(x)  # [B, 16, 16, W], [B, 8, 8, 2W], [B, 4, 4, 4W]; W: the width
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
# `jax.eval_shape` traces `init` without computing anything, and returns the shapes of the weights. How many weights are
# there, and in which layers?


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
# Most weights are in the last convolutions and in the first linear layer. Part 5 tests how much such a network can
# memorise.
#
# Why `VarianceScaling(2.0, …)`? Weights with a variance of 1/inputs keep the size of a signal through a *linear* layer.
# A ReLU then sets about half of the numbers to zero, which halves the mean square. Over the layers these factors
# multiply: after eight of them, 1/256 of the mean square is left. Twice the variance makes up for it ([He et al.,
# 2015](https://arxiv.org/abs/1502.01852)).
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
# With 2/inputs the signal keeps its size to within a factor of two. With 1/inputs, about 0.00002 of it is left after
# thirty layers.
#
# **Quick questions**
#
# <details><summary>1. Which layer has the most weights, and why?</summary>
#
# The first linear layer: it connects all 64W numbers of the last map with 4W units, 256W². The largest convolution,
# from 4W to 4W channels, has 144W².
#
# </details>
#
# <details><summary>2. <code>jax.eval_shape(network.init, …)</code> took almost no time. What did it leave
# out?</summary>
#
# All the arithmetic. It only traces `init`, and returns shapes and types.
#
# </details>

# %% [markdown]
# ## 4 · One step, and what can be done in it
#
# Overfitting can be fought in three places: inside the training step, in the pictures, and by stopping early. Inside
# the step there are three measures: dropout, label smoothing and weight decay. We make them *numbers that are passed to
# the step*, not parts of the program. Then one compiled program serves many experiments, and they differ in nothing but
# these numbers.


# %%
class Measures(NamedTuple):
    """What is done against overfitting inside a step; all zero: nothing."""

    dropout: float = 0.0  # the rate after the hidden linear layer; the blocks before it have less
    decay: float = 0.0  # how fast weights shrink, relative to the learning rate
    smoothing: float = 0.0  # how much of the label is spread over all classes


# %% [markdown]
# **Dropout** sets random units to zero in training. Srivastava et al. argue that no unit can then rely on any
# particular other one. The remaining units are scaled up by 1/(1 − rate), which leaves the expected sum unchanged. In
# evaluation nothing is dropped. Here dropout acts on ten thousand ones. The pictures show a hundred of them; those that
# were dropped are black:

# %%
ones = np.ones((100, 100), np.float32)
# keys of the kind "rbg" compile faster: see "Two kinds of keys" below
drop = jax.jit(hk.transform(lambda x, rate: hk.dropout(hk.next_rng_key(), rate, x)).apply)
keys = [jax.random.key(seed, dtype="rbg") for seed in (1, 1, 2)]
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
# the right class and spreads it evenly over all classes, the right one included.
#
# <details><summary>Guess first: the score (logit) of the right class can be chosen freely, and all others are 0. Which
# score gives the lowest cross-entropy, without smoothing and with it?</summary>
#
# Without smoothing there is no best score: a higher one is always better. With smoothing, the best score is finite.
#
# </details>

# %%
label = np.eye(5)[2]
smoothed = np.asarray(optax.smooth_labels(label, 0.1))
print("a label: ", label)
print("smoothed:", np.round(smoothed, 2))

# %% [markdown]
# Now the loss for many scores of the right class, and the score at which it is lowest:

# %%
scores = np.linspace(0, 12, 1201)
logits = jnp.asarray(scores)[:, None] * label  # [N, 5]: the right class's score, the others' zeros
for name, wanted in (("plain", label), ("smoothed", smoothed)):
    losses = optax.softmax_cross_entropy(logits, jnp.broadcast_to(wanted, logits.shape))  # [N]
    print(f"{name:9} the best score up to 12: {scores[int(losses.argmin())]:.1f}")
print(f"log(0.92 / 0.02) = {np.log(0.92 / 0.02):.1f}")

# %% [markdown]
# At the optimum the predicted probabilities equal the smoothed label, 0.92 and 0.02. The difference of two logits is
# the logarithm of the ratio of their probabilities, so the best score is log(0.92/0.02). (Without smoothing, 12 is the
# best only because the grid ends there.)
#
# **Weight decay** makes every weight a little smaller in each step. A weight stays large only if the gradient keeps
# pushing it. With Adam it matters *where* this is done. If λ‖w‖²/2 is added to the loss, its gradient λw goes through
# Adam's averages and is divided by the usual size of that weight's gradients. If the decay is applied directly to the
# weights, outside Adam, every weight shrinks by the same share. That is **AdamW** ([Loshchilov and Hutter,
# 2017](https://arxiv.org/abs/1711.05101)).
#
# <details><summary>Guess first: two weights start at 1, and their gradients are pure noise, a hundred times as large
# for the second. With the decay in the loss, which weight shrinks?</summary>
#
# The first. Adam divides each weight's gradient by its usual size. For the second weight, λw is tiny compared with the
# noise.
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
# With the decay in the loss, the first weight shrinks and the second stays at 1. AdamW shrinks both by the same share,
# except for the noise. (The two λ are on different scales, so compare within a row.)
#
# Now the pieces of training. First, as in unit 02, the state, and the sums that a batch adds to an epoch's figures:


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


# %% [markdown]
# Then the two steps. Biases are often left out of weight decay ([He et al., 2018](https://arxiv.org/abs/1812.01187)),
# and we leave them out too. `scale_by_adam` gives Adam's direction; the step along it and the decay are in `move`.
# ([`optax.adamw`](https://optax.readthedocs.io/en/latest/api/optimizers.html#optax.adamw) has the same rule, with a λ
# that is chosen when the optimiser is made. It decays biases too, unless it is given a `mask`.)


# %%
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
# Two things to notice. First, the key of a step is `fold_in(key, step)`: different in each step, but a function of a
# fixed key and the step's number. So the state needs no key, and a resumed run drops the same units as an uninterrupted
# one (part 8 checks this). Second, the sums are of the *plain* cross-entropy, whatever loss is minimised. Only then can
# runs be compared.
#
# ### Two kinds of keys
#
# JAX's default keys, *threefry*, give the same numbers on every kind of device. They compute them by many small
# operations, which XLA takes long to compile on a CPU. With keys of the kind `"rbg"`, the numbers are drawn by a single
# operation of XLA, `RngBitGenerator`. How long does one dropout mask take to compile?


# %%
def compile_ms(kind: str) -> float:
    """How long a dropout mask takes to compile with keys of that kind, in milliseconds."""
    key = jax.random.key(0, dtype=kind)
    lowered = jax.jit(lambda key: jax.random.bernoulli(key, 0.5, (64, 16, 16, 16))).lower(key)
    begin = time.perf_counter()
    lowered.compile()
    return 1000 * (time.perf_counter() - begin)


plots.bars(["threefry", "rbg"], [compile_ms("threefry2x32"), compile_ms("rbg")], unit="ms", title="compiling a mask")
plt.show()

# %% [markdown]
# A training step draws four masks and `init` draws eight layers of weights, so most of this unit uses `"rbg"`, which
# compiles much faster on a CPU, as the bars show. It also has disadvantages. The [documentation of
# `jax.random`](https://docs.jax.dev/en/latest/jax.random.html) calls this kind experimental, and does not promise the
# same numbers on another kind of device. And it behaves unusually under `vmap`.
#
# <details><summary>Guess first: one normal number is drawn from each of three keys, first by <code>vmap</code> and then
# one by one. Are the numbers the same?</summary>
#
# With threefry they are. With rbg, `vmap` draws the numbers of the whole batch from the *first* key.
#
# </details>

# %%
for kind in ("threefry2x32", "rbg"):
    three = jax.random.split(jax.random.key(0, dtype=kind), 3)
    mapped = jax.vmap(jax.random.normal)(three)
    one_by_one = jnp.stack([jax.random.normal(key) for key in three])
    from_the_first = jax.random.normal(three[0], (3,))
    print(
        f"{kind:12} vmap as one by one: {np.allclose(mapped, one_by_one)!s:5}",
        f" as three draws from the first key: {np.allclose(mapped, from_the_first)}",
    )

# %% [markdown]
# This matters in part 6, where each step flips and shifts its pictures by `vmap` over keys. There we use threefry, so
# that each picture's change is the one that its own key would give without `vmap`.
#
# ### Compiled before the start
#
# As in unit 02, everything is compiled before training starts. To compile, a batch is described by its shapes, and
# `Measures()` is just three numbers among the arguments. `functools.cache` keeps the programs of each setting.


# %%
class Programs(NamedTuple):
    """What is compiled for a width and a batch size."""

    network: hk.Transformed
    init: jax.stages.Compiled  # key -> state
    train_step: jax.stages.Compiled  # (state, batch, measures, key) -> (state, Sums); the state is donated
    eval_step: jax.stages.Compiled  # (params, batch) -> Sums


@functools.cache
def compiled(width: int, batch_size: int, learning_rate: float, eval_batch_size: int = 200) -> Programs:
    """The programs of a setting, compiled at the first call with it and remembered for the next."""

    def batch_spec(size: int) -> data.Batch:
        spec = jax.ShapeDtypeStruct
        return data.Batch(spec((size, 32, 32, 3), jnp.float32), spec((size,), jnp.int32), spec((size,), jnp.bool_))

    network = make_network(width)
    key = jax.random.key(0, dtype="rbg")
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
# Three experiments, each one step from the same start. The start is copied each time, because the step donates its
# state:

# %%
INIT_KEY, DROPOUT_KEY = jax.random.key(0, dtype="rbg"), jax.random.key(1, dtype="rbg")

programs = compiled(STUDY.width, STUDY.batch_size, STUDY.learning_rate)
start = programs.init(INIT_KEY)
for measures in (Measures(), Measures(dropout=0.5), Measures(decay=0.1, smoothing=0.1)):
    _, sums = programs.train_step(jax.tree.map(jnp.copy, start), example, measures, DROPOUT_KEY)
    print(f"{measures!s:50} loss {sums.loss / sums.count:.3f}")

# %% [markdown]
# One program did all three, and a compiled program *cannot* be retraced. Dropout acts in the forward pass, so it
# changes the loss at once. The third loss equals the first: smoothing and decay change the update that follows, and the
# loss shown is the plain one, before the update.
#
# **Quick questions**
#
# <details><summary>1. Why is the dropout rate an argument of the step and not a field of the network?</summary>
#
# As an argument it is traced, and all rates share one program. As a Python number it would be a constant in the
# program, and each new rate would need another compilation.
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
# <details><summary>3. Unlike <code>dropout</code>, <code>training</code> is not an argument of the compiled step.
# Why?</summary>
#
# A Python `if` uses it to decide *which* operations there are. Such a value must be known during tracing.
#
# </details>

# %% [markdown]
# ## 5 · Overfitting, on purpose
#
# The training loop is that of unit 02, with two additions. It keeps the weights of the epoch with the lowest validation
# loss, and it may stop when there has been no improvement for a while (part 7). It does not write checkpoints itself:
# it calls `on_epoch` after each epoch, where the caller can save.
#
# First what a run consists of, and the two rules, which only look at a list of losses:


# %%
class Run(NamedTuple):
    """A training run so far."""

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


# %% [markdown]
# Then the loop: train for an epoch, evaluate, add to the history, and keep the weights if their loss is the lowest so
# far.


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

    on_epoch: called with the Run after each epoch. Returns the last Run; the one passed in is not changed.
    """
    state = jax.tree.map(jnp.copy, run.state)  # train_step may donate its argument
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
# Overfitting needs a network that *can* learn its pictures by heart. To test this, give it labels that have nothing to
# do with the pictures: random ones. [Zhang et al., 2016](https://arxiv.org/abs/1611.03530) trained large networks on
# all of CIFAR-10 with random labels. We use our small one and 64 pictures.
#
# <details><summary>Guess first: how many of the 64 random labels will it get right, and how many validation
# pictures?</summary>
#
# All 64 of its own, and about a tenth of the others: the labels have nothing to do with the pictures, so nothing that
# it learns helps with new ones.
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
# So the network can memorise at least 64 pictures, and a low training loss does not prove that it has learnt anything
# about the classes.
#
# ### The two curves
#
# Now we train with the true labels. Nothing is done against overfitting, and the network sees the same few pictures in
# each epoch.
#
# <details><summary>Guess first: the training loss will fall to the end. What will the validation loss do, and what the
# validation accuracy?</summary>
#
# The loss falls and then rises. From there the accuracy changes much less than that on the training pictures.
#
# </details>

# %%
same = {"train_step": programs.train_step, "eval_step": programs.eval_step, "validation": validation}
same |= {"epochs": STUDY.epochs, "key": DROPOUT_KEY}

runs = {"nothing": fit(beginning(start), train=study, measures=Measures(), name="nothing", **same)}

# %% [markdown]
# To see where overfitting begins, we mark the epoch with the lowest validation loss:


# %%
def overfitting_curves(history: dict[str, list[float]], title: str):
    """Losses and accuracies of a run, with the epoch of the lowest validation loss; what follows is shaded."""
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
# validation loss stays above its lowest value: what the network still learns there makes its probabilities for new
# pictures no better. This is overfitting. How steeply the validation loss rises differs from run to run. In the stored
# run it rises only a little; part 6 shows five runs at once.
#
# The accuracies show it less clearly: in the shaded part the validation accuracy does not fall. Accuracy only counts
# right answers. The loss also depends on how much probability the right class was given. So look at how sure the
# network is, and above all at how sure it is when it is wrong:


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
# A network that gives its answers a probability of 60 % should be right in 60 % of such cases. Then it is called
# *calibrated*. We compare only the averages, which is a coarse check. At the dotted line, confidence and accuracy are
# close. At the end the network is overconfident. It gives wrong answers with more confidence than before, though there
# are no more of them. [Guo et al., 2017](https://arxiv.org/abs/1706.04599) found the same in large networks: the loss
# overfits while the accuracy does not.
#
# **Quick questions**
#
# <details><summary>1. Training loss 0.1, validation loss 1.5. Is it overfitting?</summary>
#
# You cannot tell. There is a gap, and nearly every trained network has one. Overfitting, as we use the word, begins
# where the validation loss *rises*. To see that you need the curve, not one pair of numbers.
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
# A fair comparison changes one thing at a time: same network, same pictures, same number of steps; only the measure
# differs. But one run with a measure and one without are not enough. Each run begins with random weights and sees its
# pictures in a random order, and with other random numbers both would end elsewhere. So we train with each measure from
# several *seeds*, and ask whether the difference it makes is larger than chance alone would make. ([Bouthillier et al.,
# 2021](https://arxiv.org/abs/2103.03098) measure how much such chance matters in benchmarks; [Picard,
# 2021](https://arxiv.org/abs/2109.08203) shows it for the choice of a single seed.)
#
# To train many times in a short time, we shrink the pictures to 16×16, which is a quarter of the work, and let one
# compiled step serve all runs. For that, a step must be a pure function of arrays:
#
# - the pictures lie in memory as one array, and a step gets the indices of its batch;
# - everything random comes from the run's seed: the choice of training pictures, their order, flips and crops, the
#   first weights, the dropped units;
# - the measures are arguments, as before. The training step is the one from part 4.
#
# One measure is new. It changes the training pictures (*data augmentation*): **flips and crops**, as [He et al.,
# 2015](https://arxiv.org/abs/1512.03385) use them for CIFAR-10. A mirrored car is still a car, and so is a car two
# pixels further left. In `jnp` this is a function of a key and a picture:


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
# The shifts go up to four pixels here, so that you can see them; the runs below use two. The border is black here. In
# training the pictures are normalised, and there 0 is about the average colour.
#
# `vmap` over keys gave eight views of one picture. A whole run of this study is two pure functions as well:


# %%
class Treatment(NamedTuple):
    """How one run differs from another, apart from its key."""

    measures: Measures = Measures()
    moved: float = 0.0  # the share of pictures that are flipped and shifted


class Trial(NamedTuple):
    """The settings of a training run in this part."""

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
# `jit` compiles the step once for all treatments, since their numbers are arguments. The keys are of JAX's default
# kind, threefry, for the reason given in part 4.
#
# All treatments get the same seeds. So the first run with dropout and the first run without begin with the same weights
# and learn from the same pictures in the same order. Their difference usually varies less than that of two unrelated
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

# %% [markdown]
# What a seed decides is drawn here: which pictures a run learns from, their order in each epoch, and the first weights.

# %%
pool = data.arrays("cifar10", "train[:5000]" if REAL else "train[:80%]", size=TRIAL.side, quiet=True)
checked = data.arrays("cifar10", "train[80%:84%]" if REAL else "train[80%:]", size=TRIAL.side, quiet=True)
pool, checked = jax.device_put((pool, checked))

study_step, study_check = map(jax.jit, make_study(TRIAL))
check_own = jax.jit(lambda state, own: study_check(state, jax.tree.map(lambda leaf: leaf[own], pool)))

randoms = [np.random.default_rng(seed) for seed in range(SEEDS)]
own = np.stack([random.choice(len(pool.label), TRIAL.examples, replace=False) for random in randoms])  # [S, N]
orders = [[random.permutation(row) for _ in range(TRIAL.epochs)] for random, row in zip(randoms, own, strict=True)]
orders = np.stack(orders).reshape(SEEDS, TRIAL.epochs, -1, TRIAL.batch_size)  # [S, epochs, steps, B]
first = jax.jit(lambda key: init_state(key, make_network(TRIAL.width), TRIAL.side))
starts = [first(jax.random.key(seed, dtype="rbg")) for seed in range(SEEDS)]
keys = jax.random.split(jax.random.key(0), SEEDS)

# %% [markdown]
# `vmap` could turn a step of one run into a step of five: `in_axes` says what each run has for itself (0) and what all
# of them share (None). We try it on the check, which is a forward pass:
#
# <details><summary>Guess first: on a CPU, are five networks evaluated faster side by side or one after the
# other?</summary>
#
# One after the other, in the stored run. Each of the five has kernels of its own, so the mapped convolution is a
# *grouped* one: five groups of channels, each with its kernel. A likely reason is that XLA's code for a CPU is slower
# for grouped convolutions than for plain ones. Batching pays where the batched operation is as well supported as the
# single one, such as the matrix products of unit 01. On a GPU the answer may be another. Measure before you batch.
#
# </details>

# %%
side_by_side = jax.jit(jax.vmap(study_check, in_axes=(0, None)))
together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)  # leaves [S, …]
ways = {
    "side by side": lambda: side_by_side(together, checked),
    "one after the other": lambda: [study_check(start, checked) for start in starts],
}
for name, way in ways.items():
    jax.block_until_ready(way())  # compiles
    begin = time.perf_counter()
    jax.block_until_ready(way())
    print(f"five networks, {name}: {1000 * (time.perf_counter() - begin):.0f} ms")

# %% [markdown]
# The study runs one after the other:


# %%
def study_run(treatment: Treatment, seed: int) -> tuple[list[tuple[jax.Array, jax.Array]], jax.Array]:
    """Train one run. Returns validation loss and accuracy after each epoch, and the accuracy on its own pictures."""
    state, checks = starts[seed], []
    for epoch in orders[seed]:
        for places in epoch:
            state = study_step(state, places, keys[seed], treatment, pool)
        checks.append(study_check(state, checked))
    return checks, check_own(state, own[seed])[1]


begin = time.perf_counter()
studied = [[study_run(each, seed) for seed in range(SEEDS)] for each in track(list(treatments.values()), "treatments")]
checks, accuracies = (jnp.array([[run[part] for run in runs] for runs in studied]) for part in (0, 1))
histories = {"val_loss": np.asarray(checks[..., 0]), "val_accuracy": np.asarray(checks[..., 1])}  # [T, S, E]
histories["training_accuracy"] = np.asarray(accuracies)  # [T, S]
print(f"{len(treatments)} × {SEEDS} trainings in {time.perf_counter() - begin:.0f} s, compiling included")
print("validation losses [T, S, E]:", histories["val_loss"].shape)

# %% [markdown]
# First the loss curves, seed by seed, and then how far the runs of the plain network are apart:
#
# <details><summary>Guess first: five runs differ in nothing but their seed. How far apart are their final
# accuracies?</summary>
#
# Several percentage points: ten in the stored run. The next cell prints the lowest and the highest.
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
# Now the differences. From each treatment's result we subtract, seed by seed, the result of "nothing". The five
# differences have a mean, and Student's *t* gives a confidence interval for it. (It assumes that the differences are
# roughly normal, which five seeds cannot check.) With five treatments and 95 % intervals, chance alone would too often
# exclude 0: in up to 5 × 5 % of such comparisons at least one interval would, even if no treatment did anything. So
# each interval gets 99 % (Bonferroni's correction: the 5 % are shared among the five). This holds for each of the three
# quantities below on its own, not for all fifteen intervals together.
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


def draw_differences(quantities: dict[str, np.ndarray]) -> None:
    """Of quantities [T, S] each treatment's difference from the first, seed by seed, and the interval of its mean."""
    figure, panels = plt.subplots(1, len(quantities), figsize=(10, 3), sharey=True)
    for place, (title, values) in zip(panels, quantities.items(), strict=True):
        differences = values[1:] - values[0]  # [T − 1, S]
        means, halves = interval(differences, LEVEL)
        for row, (each, mean, half) in enumerate(zip(differences, means, halves, strict=True)):
            place.plot(each, np.full(len(each), row), "o", color="C0", markersize=4, alpha=0.5)
            place.plot([mean - half, mean + half], [row + 0.2, row + 0.2], color="black", linewidth=1.5)
            place.plot(mean, row + 0.2, "|", color="black", markersize=9)
        place.axvline(0, color="black", linewidth=1, linestyle="--")
        place.locator_params(axis="x", nbins=5)
        place.set_title(title, fontsize=10)
    panels[0].set_yticks(range(len(treatments) - 1), list(treatments)[1:])
    panels[0].invert_yaxis()
    panels[2].xaxis.set_major_formatter(PercentFormatter(1.0))
    title = "difference from “nothing”: seeds (dots) and the mean's 99 % interval"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    plt.show()


draw_differences(quantities)

# %% [markdown]
# The same as a table. "Not told apart" means that the interval contains 0: the measure may help, harm, or do nothing,
# and these runs cannot say which.


# %% tags=["nbval-ignore-output"]
def tell_differences(quantities: dict[str, np.ndarray]) -> None:
    """The same in words."""
    for title, values in quantities.items():
        print(title)
        means, halves = interval(values[1:] - values[0], LEVEL)
        for name, mean, half in zip(list(treatments)[1:], means, halves, strict=True):
            verdict = "not told apart" if abs(mean) <= half else "lower" if mean < 0 else "higher"
            print(f"    {name:16} {mean:+.3f} ± {half:.3f}   {verdict}")


tell_differences(quantities)

# %% [markdown]
# In the stored run, no measure can be told apart from "nothing" by the lowest loss or by the accuracy. So these runs do
# not show that any of them makes the best network better, or worse. Look at the dots for flips and crops in the
# right-hand panel: with a single seed you might have reported nine points more, or half a point less.
#
# There is one clear difference. With each measure but label smoothing, and with all together, the loss rises less after
# its lowest point. Look at the curves before you call this a cure. With dropout and with flips and crops the loss is
# lowest in the last epoch (in one run the ninth), and a run that has not passed its lowest point cannot have risen from
# it. So these runs show that overfitting comes *later*, or not within ten epochs; with weight decay, that it is weaker.
# They cannot say whether the best network is better: the intervals of the lowest loss extend 0.06 to 0.18 to each side
# of the mean, and effects of that size would go unnoticed. More seeds, more pictures or longer training might show
# them.
#
# An interval covers only what was varied: first weights, order, choice of training pictures. The 600 validation
# pictures, the network, its width and the number of epochs stayed the same. On other data, or in longer training, the
# measures may do better or worse; part 10 has an example.
#
# ### The same on photographs
#
# The sample and ten epochs leave the question open. So the functions of this part were run once more, on the real
# CIFAR-10, with more pictures and for longer: each run learnt from 2,048 of 16,000 photographs for 15 epochs, and was
# checked on 2,000 others. What was measured is stored in `ressources/studies`, with the data, the settings, the machine
# and the date. (To repeat it, set `COURSE_DATA=tfds`, take `pool` from `train[:16000]` and `checked` from
# `train[16000:18000]`, and give `TRIAL` these settings. If you have all 50,000 training pictures, yours will be others:
# ours come from a selection of 20,000.)
#
# <details><summary>Guess first: which measures will now make the best network better?</summary>
#
# Flips and crops, and weight decay: both lower the lowest loss and raise the accuracy there.
#
# </details>

# %%
photographs = json.loads((RESSOURCES / "studies" / "cifar10_measures.json").read_text(encoding="utf-8"))
for what in ("data", "trial", "machine", "date"):
    print(photographs[what])
measured = {
    title: np.array([values[name] for name in treatments])  # [T, S]
    for title, values in photographs["quantities"].items()
}
draw_differences(measured)
tell_differences(measured)

# %% [markdown]
# Now the intervals decide something. On these photographs, flips and crops and weight decay make the best network
# better, by four and five points of accuracy on average; the intervals reach from 1 to 7, and from just above 0 to 9.5.
# Label smoothing makes the loss rise less as well, but neither it nor dropout is told apart from "nothing" by the best
# network, and nor are all measures together. Together they may slow the network down too much for 15 epochs: in three
# of those five runs the last epoch was the best one (their "rise of the loss after it" in `cifar10_measures.json` is
# 0). But the same holds for flips and crops alone, which do help. So these runs don't say why.
#
# The pictures are 18,000 of the 50,000 that CIFAR-10 has for training, at a quarter of their size, and the network is
# small. So the accuracies are not to be compared with those that are published for the set.
#
# ### A fair gap
#
# "Overfitting" is often read off the gap between training and validation accuracy. But the training accuracy that is
# counted *during* training is too low: with dropout, units are missing; with flips and crops, the pictures are harder.
# A fair gap compares like with like: the finished network, with nothing dropped, on the pictures as they are.

# %%
print(f"{'mean of the seeds':18} {'training':>10} {'validation':>11} {'gap':>8}")
for row, name in enumerate(treatments):
    on_training = histories["training_accuracy"][row].mean()
    on_validation = histories["val_accuracy"][row, :, -1].mean()
    gap = on_training - on_validation
    print(f"{name:18} {100 * on_training:8.1f} % {100 * on_validation:9.1f} % {100 * gap:6.1f} %")

# %% [markdown]
# A small gap alone does not make a good network: one that has learnt nothing has no gap at all. In the stored run "all
# of them" has the smallest gap and the lowest validation accuracy. Look at the validation column first.
#
# **Quick questions**
#
# <details><summary>1. Why were differences taken seed by seed, and not between the two means?</summary>
#
# The two runs of a seed share their first weights and pictures, so much of the random variation is the same in both and
# cancels. The mean is the same either way, but the interval is usually narrower.
#
# </details>
#
# <details><summary>2. You want an interval half as wide. How many seeds?</summary>
#
# About four times as many: the width falls with the square root. (With few seeds, somewhat fewer are enough, since the
# factor from Student's *t* shrinks as well.)
#
# </details>
#
# <details><summary>3. “The interval contains 0, so dropout makes no difference.” What is wrong with that?</summary>
#
# It contains other values, too. The data are compatible with no effect, but also with any effect inside the interval.
#
# </details>
#
# <details><summary>4. Would <code>vmap</code> over five runs with rbg keys have made the intervals wrong?</summary>
#
# Not by that: the runs would still have had different random numbers. But all of these come from the first key, and the
# other keys have no effect. So no other run could be repeated from its own key.
#
# </details>

# %% [markdown]
# ## 7 · Early stopping
#
# The cheapest measure needs no new program: stop when the validation loss has not improved for some epochs (the
# *patience*), and keep the weights of the best one. `fit` has done the second half already, in `run.best`. Do these
# weights have the lowest loss in the history?

# %%
loss, _ = evaluate(programs.eval_step, runs["nothing"].best, validation)
print(
    "the kept weights have the lowest loss:",
    bool(np.isclose(loss, min(runs["nothing"].history["val_loss"]), rtol=1e-5)),
)

# %% [markdown]
# What would a patience of one, two or three epochs have done to the run of part 5? The rule only needs a list of
# losses, so we can apply it to a finished run. We also apply it to the history of a model that comes with the course
# (part 10).
#
# <details><summary>Guess first: what can go wrong with a patience of one?</summary>
#
# One bad epoch ends the run, even if the next would have been better. The second picture shows such a case.
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
# The dotted line is the epoch with the lowest loss of all. In the second picture, a patience of one stops before it,
# after epoch 4, and keeps the weights of epoch 3. Too little patience mistakes one bad epoch of a noisy curve for the
# end. Too much costs time, but not quality, since the best weights are kept anyway. [Prechelt,
# 1998](https://doi.org/10.1007/3-540-49430-8_3) compares such rules on many problems. Early stopping cannot make a
# network better than it was at its best, and it combines well with all other measures. These may move the best epoch,
# and early stopping finds it. How far did they move it in part 6?

# %% tags=["nbval-ignore-output"]
for name, epochs_of_best in zip(treatments, turns + 1, strict=True):
    print(f"{name:16} lowest loss in epochs {' '.join(f'{epoch:2d}' for epoch in epochs_of_best)} of {TRIAL.epochs}")

# %% [markdown]
# In the stored run the lowest loss comes later with dropout and with flips and crops, and mostly later with all of
# them. If the lowest loss is in the last epoch, it might have fallen further with more epochs: we do not know what that
# run would have reached.
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
# It is a little too low: the epoch was chosen because its loss was low on these very pictures. Part 9 shows how large
# this effect can be.
#
# </details>

# %% [markdown]
# ## 8 · All together, and nothing lost
#
# Now all measures at once on the full-sized pictures, with flips and crops in the input pipeline. The run is saved
# after each epoch in `models/My_vgg8`, by `utils.checkpoints`: a checkpoint is one safetensors file, with the history
# in its header. As in part 8 of unit 02 the latest is kept, and one that is incomplete never counts. To resume, load
# the latest checkpoint and call `fit` again.


# %%
def keep_training(folder: Path, setting: Setting, measures: Measures, *, augment=(), stop_after: int = -1) -> Run:
    """Continue the run in a folder from its latest checkpoint until it is finished.

    stop_after: raise KeyboardInterrupt, as Ctrl-C does, after that many epochs.
    """
    programs = compiled(setting.width, setting.batch_size, setting.learning_rate)
    validation = data.load("cifar10", "train[80%:]", batch_size=200, quiet=True)
    pictures = data.load(
        "cifar10", setting.split, batch_size=setting.batch_size, shuffle=True, augment=augment, quiet=True
    )
    init_key, dropout_key = jax.random.key(0, dtype="rbg"), jax.random.key(1, dtype="rbg")
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
# On the real set the next cell takes long: on a subset and with two cores, the model that ships with the course took 20
# minutes (part 10). Stop it whenever you like (■ or Ctrl-C), and run it again to go on. On the sample it takes seconds,
# so it starts from scratch each time, and the interruption is simulated:

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
# Does a resumed run really end like one that was never stopped? A few pictures are enough to check, with dropout: two
# epochs in one go, against one epoch and then another. (Here the state is handed on in memory. Part 8 of unit 02 checks
# the same with checkpoints on disk.)

# %%
short = data.load("cifar10", "train[:96]", batch_size=STUDY.batch_size, shuffle=True, quiet=True)
with_dropout = same | {"train": short, "measures": Measures(dropout=0.3)}
whole = fit(beginning(start), **with_dropout | {"epochs": 2})
resumed = fit(fit(beginning(start), **with_dropout | {"epochs": 1}), **with_dropout | {"epochs": 2})
agree = jax.tree.map(lambda a, b: np.allclose(a, b, atol=1e-6), whole.state, resumed.state)
print("the same weights, the same averages of Adam:", all(jax.tree.leaves(agree)))

# %% [markdown]
# They agree because there is no hidden random state: the order of the pictures is a function of the epoch's number, and
# dropout of the step's.
#
# Now compare the regularised run with one that has nothing against overfitting: the run of part 5, or on the real set a
# run of the same network.


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
# one run each decide nothing: in the stored run "everything" ends with the lower loss *and* the lower accuracy. Part 10
# shows both curves on photographs, after longer training. Whether dropout helps depends on how long you train, how
# large the network is and how many pictures there are. So measure it in your own setting.
#
# One of the two networks is chosen, by the validation loss and by nothing else. In the stored run it is the regularised
# one:

# %%
candidates = {"overfitted": overfitted, "regularised": regularised}
chosen = min(candidates, key=lambda name: min(candidates[name].history["val_loss"]))
setting = {"overfitted": OVERFITTED, "regularised": REGULARISED}[chosen]

# %% [markdown]
# **Quick questions**
#
# <details><summary>1. What has to be in a checkpoint so that a run can be resumed?</summary>
#
# Everything that the next step depends on: weights, the optimiser's averages, the step's number (dropout's key is made
# from it), and the number of epochs, which decides the order of the pictures. Here also the best weights and the
# history.
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
# So far the test pictures have not been used. They are opened by `utils.testset`: you pass a function that scores a
# model on the batches of the test set. Date, model and score are written to `models/test_openings.json`, and the second
# opening says that it is the second. Nothing stops you from opening it again. But if you look at the test score, change
# the network and look again, you have begun to fit the test set, and that should not happen unnoticed.
#
# So we open it once, for the one network that was chosen, with the weights of its best epoch.

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
# the validation pictures, and the best of many figures is partly luck. How much of it?
#
# <details><summary>Guess first: twenty networks all have a true accuracy of exactly 36 %. What does the best of them
# score on 600 validation pictures, and what on 600 new ones?</summary>
#
# On average, a few points above 36 % on the first, and 36 % on the new ones.
#
# </details>

# %%
random = np.random.default_rng(0)
scored = random.binomial(600, 0.36, (10_000, 20)) / 600  # ten thousand times twenty networks
new = random.binomial(600, 0.36, 10_000) / 600  # the chosen one on 600 new pictures; it is no better than the others
print(f"the best of twenty, on the pictures it was chosen by: {100 * scored.max(axis=1).mean():.1f} % on average")
print(f"the same network, on new pictures:                    {100 * new.mean():.1f} %")

# %% [markdown]
# Real candidates differ, and are scored on the same pictures, so the effect is often smaller. But on average it makes
# your result look better than it is. The test figure took no part in any choice, and is the one to report,
# together with its data: a figure on drawings, or on a subset, is not a figure for CIFAR-10.
#
# **Quick questions**
#
# <details><summary>1. Your test accuracy is lower than the validation accuracy. Is something wrong?</summary>
#
# Not necessarily: compare the difference with the standard errors of both, and remember that the validation accuracy
# was the best of several.
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
# Both networks, trained on photographs by the cells above, come with the course. The next cell wrote their files. It
# does nothing on the sample, and on the real set only if the environment variable `COURSE_SHIP` asks for it. (Some
# remarks on the cards were added by hand.)


# %%
def accuracies(programs: Programs, run: Run, setting: Setting, test: float | None = None) -> dict[str, float]:
    """Of the best weights, without dropout or augmentation: on the training, validation and test pictures."""
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
# A shipped model is a safetensors file with the weights, and a *card*: what the model is, what data it saw, how long it
# was trained, how good it was and on what. Without a card, the weights are of little use to anybody else.

# %%
cards = {name: pretrained.card(f"vgg8_{name}") for name in ("overfitted", "regularised")}
for card in cards.values():
    print(card, end="\n\n")

# %% [markdown]
# The card also has the history of the training. Here are the curves of both models, and then the same in numbers:

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
# Compare the two cards. The first network had its lowest validation loss after five epochs. Its kept weights are right
# on 82.6 % of the *training* photographs and on 63.7 % of the validation photographs, a gap of 19 points. From there
# its validation loss rose from 1.04 to 1.80. With everything at once the network learns more slowly: it is behind for
# eight epochs. But it keeps improving. After 24 epochs it has its lowest loss, and is right on 79.8 % and 75.8 %, a gap
# of 4 points. That is **twelve points more from the same pictures with the same network**. (The first network's highest
# validation accuracy in any epoch was 65 %.) The price is twice the training time.
#
# How far can you trust this? There are 4,000 validation photographs, so each figure has a standard error of about 0.7
# points, and twelve are far beyond that. But each is *one* run, and all measures came together. These two runs cannot
# say which of the measures helped, or how much another seed would change.
#
# On the test photographs the second network has 75.7 %. Its card says that the test set was opened twice, after 9
# epochs and after 24. Nothing was chosen by the first figure, so the second can be reported. All these figures are for
# a *subset* of CIFAR-10 with 16,000 training pictures. They cannot be compared with published results, which use all
# 50,000.
#
# To load weights, you pass the shapes that you expect, `like`:

# %%
shipped_network = make_network(24)
like = jax.eval_shape(shipped_network.init, INIT_KEY, jnp.zeros((1, 32, 32, 3)))
begin = time.perf_counter()
shipped = {name: pretrained.load(f"vgg8_{name}", like) for name in cards}
seconds = time.perf_counter() - begin
print(f"both loaded in {seconds:.3f} s")

# %% [markdown]
# Weights of another network are refused, and the message names what does not fit:

# %%
try:
    pretrained.load("vgg8_regularised", jax.eval_shape(make_network(16).init, INIT_KEY, jnp.zeros((1, 32, 32, 3))))
except CourseError as error:
    print(error)

# %% [markdown]
# ### A start from trained weights
#
# Training may *start* from trained weights instead of random ones. Below, each of the two networks is tested on the
# pictures of this notebook, first as it is, then after one short epoch of further training of all its weights. A fresh
# network of the same size is there for comparison.
#
# <details><summary>Guess first: both were trained on photographs only. If your pictures are the course's drawings, on
# how many are they right? Guessing gives 10 %.</summary>
#
# On about a third or more, as the bars show. Some of the features that distinguish photographs of ships and horses seem
# to distinguish drawings of them, too.
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
# In the stored run, on the drawings, both networks are far better than guessing before they have seen a single drawing.
# Eight steps take the regularised one nine points further, and do little for a fresh network. Each bar is one run,
# judged by 600 pictures, so its standard error is about 2 points, and that of a difference up to 3. The large
# differences are beyond that. The overfitted network's gain of four points, and the five points between the two as they
# are, may be chance. One network of each kind cannot show that regularised networks *in general* are a better start.
#
# If your pictures are the photographs, the shipped networks may have been trained on these very pictures, and the
# comparison means nothing.
#
# **Quick questions**
#
# <details><summary>1. Why is the shipped file not a pickle?</summary>
#
# A pickle can run code when it is loaded. A safetensors file holds names, shapes and numbers only (unit 02).
#
# </details>
#
# <details><summary>2. What would make the comparison with the fresh network fair enough for a paper?</summary>
#
# Several seeds of each, the same budget for choosing learning rates, and pictures that none of them has seen.
#
# </details>

# %% [markdown]
# ## 11 · A race
#
# We race the same network, 32 wide, in JAX with Haiku, PyTorch, compiled PyTorch and Keras: same arrays, same batch
# size, same optimiser, each in its own process, taking turns. Dropout is left out, since each framework would draw
# different numbers. The result is stored; unit 02 says how it was made and how to read it.
#
# <details><summary>Guess first: who is fastest in training on two CPU cores, and who is last?</summary>
#
# By the medians, Keras is first on two of our three processors and PyTorch on the other, and the network as you have
# it, in JAX, is last on all three. (On the first one the rounds do not tell it apart from compiled PyTorch.)
#
# </details>

# %% tags=["nbval-ignore-output"]
report.show("vgg8")

# %% [markdown]
# *JAX* is this lesson's network, compiled as it comes; *JAX, unit 06* is the same network as unit 06 makes it fast. The
# tables' last columns say how many times as fast as each of the others they were: the median of the rounds, with the
# lowest and the highest. The second processor (family 23, model 1) is an older and much slower one. In training the
# lesson's *JAX* is behind PyTorch and Keras on all three; in evaluation it is about as fast as plain PyTorch or faster,
# and behind compiled PyTorch. The cause is not Haiku: after tracing nothing of it is left, and what runs is XLA's
# program. Nor is it compilation, which only the pale bars include. (In compilation `torch.compile` is the slowest, as
# the line on first steps tells.)
#
# That leaves the convolutions, which are most of the arithmetic, and above all their gradients. On x86 processors
# PyTorch and TensorFlow call a library for them, [oneDNN](https://github.com/uxlfoundation/oneDNN); XLA, as it comes,
# calls others. Unit 06 finds the slow ones, computes a gradient in another way and tells XLA to call oneDNN, too. Its
# column shows the gain: in training it is, by the median, within ten per cent of plain PyTorch on all three processors,
# and in evaluation it is among the first.
#
# This race says nothing about GPUs: other libraries compute there.
#
# **Quick questions**
#
# <details><summary>1. Why do the entrants run in processes of their own, and take turns?</summary>
#
# Each framework has its own memory, and threads that may still be busy. If they take turns, a slow minute of the
# machine affects all of them.
#
# </details>
#
# <details><summary>2. Why was dropout left out of the race?</summary>
#
# With dropout, the frameworks would train on different random numbers, and the race would also time their random number
# generators.
#
# </details>

# %% [markdown]
# ## 12 · For the record
#
# The main figures of this run, in one place:

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
# - `apply` takes a key because randomness is an argument. Use a new key in each step and none in evaluation.
#   `fold_in(key, step)` lets a resumed run continue as if it had never stopped.
# - New projects: Flax. Existing research code: often Haiku.
# - Overfitting is a validation loss that rises while the training loss falls. The accuracies show it less clearly.
# - Change one thing at a time. Measures that are arguments of one compiled program make that easy.
# - One run is one random draw. Train several seeds; judge by the differences seed by seed and their confidence
#   interval. If it contains 0, say that no difference was shown.
# - `vmap` over whole networks makes their convolutions grouped ones, and was slower on a CPU than one after the other:
#   measure before you batch.
# - For `vmap` over keys use threefry. With rbg the whole batch is drawn from the first key.
# - Give regularised networks enough epochs before you compare them, and compare in evaluation mode, on unaugmented
#   pictures.
# - Keep the weights with the lowest validation loss. Patience decides how long you wait for a lower one.
# - Choose by the validation set, use the test set once, and name the data with every figure.
# - Ship a model with a card: what it is, what data it saw, how good it is and on what.
#
# **Now you:** `exercises/03_haiku_cifar10_vgg8` has you write the pieces yourself, and ends with an open task: how far
# can you get? Unit 04 goes deeper, with residual blocks, BatchNorm and a network that is checked against PyTorch's.

# %% [markdown]
# ## Sources and further reading
#
# Data and code
#
# - "Formation JAX - CIFAR-10 avec CNN", in French, from which this unit grew:
#   [`valentingol/automatants`](https://github.com/valentingol/automatants), folder `formation jax`; undated,
#   about 2021.
# - [`google-deepmind/dm-haiku`](https://github.com/google-deepmind/dm-haiku), whose README says what its maintenance
#   mode means, and its [documentation](https://dm-haiku.readthedocs.io).
# - Networks written in Haiku: [`google-deepmind/alphafold`](https://github.com/google-deepmind/alphafold),
#   [`google-deepmind/alphafold3`](https://github.com/google-deepmind/alphafold3),
#   [`google-deepmind/graphcast`](https://github.com/google-deepmind/graphcast).
# - [`jax.random`](https://docs.jax.dev/en/latest/jax.random.html), with a table of the kinds of keys;
#   [`optax.adamw`](https://optax.readthedocs.io/en/latest/api/optimizers.html#optax.adamw);
#   [oneDNN](https://github.com/uxlfoundation/oneDNN).
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
# - Loshchilov and Hutter, "Decoupled weight decay regularization", 2017,
#   [arXiv:1711.05101](https://arxiv.org/abs/1711.05101): AdamW.
# - He et al., "Bag of tricks for image classification with convolutional neural networks", 2018,
#   [arXiv:1812.01187](https://arxiv.org/abs/1812.01187): no decay of biases.
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
