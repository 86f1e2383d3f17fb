# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Flax: a network that reads digits
#
# Unit 01 ended with a small network whose weights were kept by hand. Here we train a real one, and we do it
# properly: a convolutional network in **Flax**, optimised with **optax**, compiled **before** the first step,
# validated while it trains, saved so that nothing is lost, tested once, looked at from the inside, and timed
# against the same model in Keras.
#
# Afterwards you can
#
# - write a model as a Flax module, and say where its weights are (not in the module);
# - write a training step as a pure function, and compile it exactly once;
# - notice a program that is compiled again and again, a clock that is stopped too early, a batch that is padded;
# - keep the best weights, go on after Ctrl-C, and ship a model in a file that cannot run code;
# - compare two frameworks without fooling yourself.
#
# You need: unit 01 (`jit`, `grad`, `vmap`, keys, pytrees). No GPU. Allow about 90 minutes, and as long again for the
# exercises.

# %%
import itertools
import json
import math
import pickle
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import flax
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import orbax.checkpoint as ocp
import safetensors
import safetensors.numpy
from flax import linen as nn
from flax import nnx

from utils import data, plots, results
from utils.base import paths
from utils.progress import track
from utils.races import report

# %% [markdown]
# ## 1 · The data, in three parts
#
# A model is judged on digits it has never seen. But *which* of its versions to keep, how long to train, with which
# learning rate: these are choices too, and whoever makes them by looking at the test set has trained on the test set.
# So there are three parts:
#
# | part | used for | how often |
# | --- | --- | --- |
# | training, 80 % of `train` | the gradient | all the time |
# | validation, the other 20 % | choosing | after each epoch |
# | test | one number, at the end | once |
#
# The names and slices are those of TensorFlow Datasets. Each line printed below says which data were found: the real
# MNIST, or the small sample that comes with the course. The code is the same for both.

# %%
BATCH = 64

train = data.load("mnist", "train[:80%]", batch_size=BATCH, shuffle=True, seed=0)
validation = data.load("mnist", "train[80%:]", batch_size=BATCH)
test = data.load("mnist", "test", batch_size=BATCH)

# %% [markdown]
# One batch is a named tuple of three arrays. Images are `[B, H, W, C]` (Flax, like TensorFlow, keeps the channels
# last) and normalised with the mean and standard deviation of MNIST's training digits. Labels are integers.

# %%
batch = next(iter(train))
for name, array in batch._asdict().items():
    print(f"{name:5} {array.shape!s:16} {array.dtype}")

# %% [markdown]
# Look at them before anything else. A network trains happily on shuffled labels or on pictures turned upside down, and
# only a person notices.

# %%
plots.images(batch.image[:24], titles=[f"{label}" for label in batch.label[:24]], columns=12, size=0.8)
plt.show()

# %% [markdown]
# `mask` needs a word. A compiled program has *one* shape, and the number of examples is rarely a multiple of 64. In
# training the loader simply drops the few left over (the next epoch is shuffled anew, so others are dropped). In
# evaluation every example counts, so the last batch is filled up with zeros, and `mask` is `False` there.

# %%
*_, last = validation.epoch(0)
padding = jnp.sum(~last.mask)
print(f"{len(validation)} batches of {BATCH} for {validation.examples:,} examples")
print(f"the last one holds {jnp.sum(last.mask)} of them and {padding} blanks")
assert (len(validation) - 1) * BATCH + jnp.sum(last.mask) == validation.examples

# %% [markdown]
# ## 2 · The model
#
# A Flax module is a *recipe*. It lists the layers, and holds no weights: those live outside, in a pytree that you pass
# in and get back. You know this from unit 01; Flax does the book-keeping of names and shapes.
#
# `@nn.compact` lets a layer be made on the line where it is used. This network is, layer for layer, the one of a blog
# post of October 2023, "What are JAX and Flax? Why those Deep Learning Frameworks can be Very Important?". We will meet
# this *introduction* again: some of what it does to train fast and to measure speed does not do what it seems to, and
# that is worth a look.


# %%
class CNN(nn.Module):
    """Two convolutions, two dense layers. `[B, 28, 28, 1]` float32 to log-probabilities `[B, 10]`."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Conv(features=32, kernel_size=(3, 3))(x)  # [B, 28, 28, 32]
        x = nn.relu(x)
        x = nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))  # [B, 14, 14, 32]
        x = nn.Conv(features=64, kernel_size=(3, 3))(x)  # [B, 14, 14, 64]
        x = nn.relu(x)
        x = nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))  # [B, 7, 7, 64]
        x = x.reshape((x.shape[0], -1))  # [B, 3136]
        x = nn.Dense(features=256)(x)
        x = nn.relu(x)
        x = nn.Dense(features=10)(x)
        return nn.log_softmax(x)


model = CNN()

# %% [markdown]
# `init` runs the recipe once on an example, sees which weights it asks for, and draws them from the key. The example
# tells the *shapes*; its values and its batch size do not matter, so one blank image will do.

# %%
params = model.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
jax.tree.map(jnp.shape, params)

# %% [markdown]
# A nested dictionary, named by class and order: the first `Conv` is `Conv_0`. A convolution's kernel is
# `[height, width, in, out]`, a dense layer's `[in, out]`. How many numbers is that, and where are they?

# %%
sizes = {layer: sum(leaf.size for leaf in jax.tree.leaves(leaves)) for layer, leaves in params["params"].items()}
print(f"{sum(sizes.values()):,} weights")
plots.bars(list(sizes), list(sizes.values()), title="weights in each layer")
plt.show()

# %% [markdown]
# Nearly all are in one dense layer, where 3,136 numbers meet 256. The convolutions, which do most of the *work* (each
# small kernel is applied at every place), own 2 % of the weights.
#
# `tabulate` shows the same as a table, with the shapes on the way. It costs nothing: like everything that only needs
# shapes it is done by abstract evaluation, without arithmetic.

# %%
print(
    model.tabulate(jax.random.key(0), jnp.zeros((1, 28, 28, 1)), console_kwargs={"force_terminal": False, "width": 100})
)

# %% [markdown]
# `apply` runs the recipe with given weights. It is a pure function of both, so all of unit 01 applies to it: `jit`,
# `grad`, `vmap`. What does the network say before it has learnt anything?

# %%
log_probabilities = model.apply(params, batch.image)  # [B, 10]
probabilities = jnp.exp(log_probabilities)
print("each row adds up to 1:", bool(jnp.allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)))

figure, axes = plt.subplots(figsize=(6, 2.2))
axes.bar(range(10), probabilities[0])
axes.axhline(0.1, color="black", linewidth=1, linestyle="--")
axes.set(
    xticks=range(10), xlabel="digit", ylabel="probability", title=f"an untrained network looks at a {batch.label[0]}"
)
plt.show()

# %% [markdown]
# About one tenth each: it guesses. A guess of one in ten costs $-\log 0.1 = \log 10 \approx 2.30$ in cross-entropy.
# Keep that number in mind: **the first loss of a ten-class model should be near 2.3**, and if it is 20 something is
# wrong before training has begun.

# %% [markdown]
# ### The same network in NNX
#
# Flax has two ways to write a model. **Linen**, above, is the older one: most published JAX code is written in it, and
# its maintainers say it is "not going to be deprecated in the near future". **NNX** is the newer one, to which they
# point new users: there a module is an ordinary Python object that *holds* its weights. Here it is, for comparison.


# %%
class NNXCNN(nnx.Module):
    """The same network; sizes of inputs are stated, weights are attributes."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.conv_0 = nnx.Conv(1, 32, kernel_size=(3, 3), rngs=rngs)
        self.conv_1 = nnx.Conv(32, 64, kernel_size=(3, 3), rngs=rngs)
        self.dense_0 = nnx.Linear(7 * 7 * 64, 256, rngs=rngs)
        self.dense_1 = nnx.Linear(256, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.avg_pool(nnx.relu(self.conv_0(x)), (2, 2), strides=(2, 2))
        x = nnx.avg_pool(nnx.relu(self.conv_1(x)), (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nnx.relu(self.dense_0(x))
        return nnx.log_softmax(self.dense_1(x))


nnx_model = nnx.eval_shape(lambda: NNXCNN(rngs=nnx.Rngs(0)))  # shapes only: the weights come from the Linen model
linen_weights = {name.lower(): leaves for name, leaves in params["params"].items()}
nnx.update(nnx_model, linen_weights)
print("same weights, same answer:", bool(jnp.allclose(nnx_model(batch.image), log_probabilities, atol=1e-5)))

# %% [markdown]
# The arithmetic is the same; what differs is who holds the weights. This unit stays with
# Linen: weights as a plain pytree that goes in and comes out is the clearest picture of what JAX does, it is what
# Haiku in unit 03 does too, and what you learn carries over.

# %% [markdown]
# ## 3 · The loss
#
# Labels can be integers, `3`, or one-hot rows, `[0,0,0,1,0,0,0,0,0,0]`. The cross-entropy is the same number: the
# one-hot row multiplies nine log-probabilities by zero only to pick the tenth. Integers pick it directly.

# %%
with_integers = optax.softmax_cross_entropy_with_integer_labels(log_probabilities, batch.label)  # [B]
with_one_hot = optax.softmax_cross_entropy(log_probabilities, jax.nn.one_hot(batch.label, 10))  # [B]
print("the same:", bool(jnp.allclose(with_integers, with_one_hot, atol=1e-6)))
print(f"the mean, before training: {with_integers.mean():.3f}, and a pure guess costs {math.log(10):.3f}")

# %% [markdown]
# Wait: the model *ends* in `log_softmax`, and this loss applies a softmax to what it gets. Normalised twice! Is that a
# mistake? Try before reading on: what does `log_softmax` do to something that is already log-probabilities?

# %%
scores = 5.0 * jax.random.normal(jax.random.key(1), (4, 10))
once = jax.nn.log_softmax(scores)
twice = jax.nn.log_softmax(once)
print("once and twice agree:", bool(jnp.allclose(once, twice, atol=1e-5)))

# %% [markdown]
# Nothing. `log_softmax(z)` subtracts one number, $\log\sum_k e^{z_k}$, from each row so that the probabilities add up
# to 1. When they do already, that number is $\log 1 = 0$. Doing it twice is harmless (and so is its gradient).
#
# A *softmax* at the end, with such a loss, is another matter, and a common mistake: the loss takes probabilities for
# scores. They lie between 0 and 1, so even a perfectly sure and right answer is turned into a hesitant one.

# %%
sure = jnp.where(jnp.arange(10) == 3, 100.0, 0.0)  # as sure as can be: it is a 3
for ending in (jax.nn.log_softmax, jax.nn.softmax):
    loss = optax.softmax_cross_entropy_with_integer_labels(ending(sure), 3)
    print(f"a sure, right answer through {ending.__name__:11} costs {abs(loss):.2f}")

# %% [markdown]
# With the softmax the loss can never fall below 1.46: training seems to work, and stops halfway for no visible reason.
# Most code avoids the question: the model returns plain scores, called *logits*, and the loss does the rest. We keep
# the `log_softmax` because it is harmless, and then leave it out in the exercises.

# %% [markdown]
# ## 4 · The optimiser
#
# optax keeps to the same rule: an optimiser is a pair of pure functions. `init(params)` makes its state, and
# `update(gradients, state)` returns what to *add* to the weights, and the new state. Adam's state holds two running
# averages for each weight, of the gradient (`mu`) and of its square (`nu`), and a counter.

# %%
optimizer = optax.adam(1e-3)
opt_state = optimizer.init(params)
adam = opt_state[0]
print("Adam remembers:", *adam._fields)
print("mu is a tree like params:", jax.tree.structure(adam.mu) == jax.tree.structure(params))
kept, weights = (sum(leaf.size for leaf in jax.tree.leaves(tree)) for tree in (opt_state, params))
print(f"numbers kept for each weight: {kept / weights:.2f}")

# %% [markdown]
# So with Adam, weights and averages together take three times the memory of the weights alone. Each step adds the
# gradients (as much as the weights again) and the activations. What do Adam's updates look like? Compute one gradient,
# ask for the first update, and draw the sizes of both.


# %%
def mean_loss(params, model, images, labels):
    """Mean cross-entropy. images: [B, 28, 28, 1]; labels: [B] int32. Returns a float32 scalar."""
    return optax.softmax_cross_entropy_with_integer_labels(model.apply(params, images), labels).mean()


gradients = jax.jit(jax.grad(mean_loss), static_argnums=1)(params, model, batch.image, batch.label)
updates, _ = jax.jit(optimizer.update)(gradients, opt_state)

figure, axes = plt.subplots(1, 2, figsize=(9, 2.2))
for place, tree, title in ((axes[0], gradients, "gradients"), (axes[1], updates, "Adam's first updates")):
    values = np.abs(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]))
    place.hist(np.log10(values[values > 1e-12]), bins=np.linspace(-9, -1, 81))
    place.set(title=title, xlabel="size, as a power of ten", yticks=[])
plt.show()

# %% [markdown]
# Gradients range over many powers of ten; the updates stand at $10^{-3}$, which is the learning rate. In its first step
# Adam moves (almost) every weight by the same distance, up or down, whatever the size of its gradient: it divides the
# gradient by its own magnitude. That is why 0.001 is a fair first guess for so many models, and why Adam at the start
# is bold even where the gradient is timid.

# %% [markdown]
# ## 5 · The training step, a pure function
#
# All that training changes goes into one named tuple: what comes in, goes out changed. It is a pytree, so `jit` takes
# it as an argument, and a checkpoint is nothing but this tuple on disk.


# %%
class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32, updates so far
    params: dict  # the network's weights
    opt_state: optax.OptState  # the optimiser's memory


class Sums(NamedTuple):
    """What a batch adds to the figures of an epoch. Sums, so that batches of different sizes add up rightly."""

    loss: jax.Array  # [] float32
    correct: jax.Array  # [] int32
    count: jax.Array  # [] int32


def init_state(key: jax.Array, model: nn.Module, optimizer: optax.GradientTransformation) -> TrainState:
    """The state before the first step."""
    params = model.init(key, jnp.zeros((1, 28, 28, 1)))
    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params))


# %% [markdown]
# The figures of a batch are computed under its mask: a blank neither costs nor counts. This function serves training
# and evaluation alike.


# %%
def batch_sums(log_probabilities: jax.Array, batch: data.Batch) -> Sums:
    """The loss and hits of the real examples of a batch. log_probabilities: [B, K]."""
    losses = optax.softmax_cross_entropy_with_integer_labels(log_probabilities, batch.label)  # [B]
    hits = jnp.argmax(log_probabilities, axis=-1) == batch.label  # [B]
    return Sums(
        loss=jnp.sum(losses, where=batch.mask),
        correct=jnp.sum(hits, where=batch.mask),
        count=jnp.sum(batch.mask),
    )


# %% [markdown]
# Now the step. What is fixed (model, optimiser) is closed over; what changes (state) or arrives (batch) is an argument.
# Four lines do the work: loss and gradient together, the update, adding it, the new state.


# %%
def make_train_step(model: nn.Module, optimizer: optax.GradientTransformation):
    """`train_step(state, batch) -> (state, Sums)`: one step of gradient descent on the mean loss of a batch."""

    def train_step(state: TrainState, batch: data.Batch) -> tuple[TrainState, Sums]:
        def loss_fn(params):
            sums = batch_sums(model.apply(params, batch.image), batch)
            return sums.loss / sums.count, sums

        gradients, sums = jax.grad(loss_fn, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, opt_state), sums

    return train_step


# %% [markdown]
# Before training for minutes, spend a few seconds on the best test there is: **can it learn one batch by heart?** A
# right step drives the loss on 64 fixed images to zero. Many a wrong one (updates not applied, a sign turned) does not.
# It does not find everything: wrong labels are learnt by heart just as well.

# %%
quick_step = jax.jit(make_train_step(model, optimizer))
state = init_state(jax.random.key(0), model, optimizer)
losses = []
for _ in range(40):
    state, sums = quick_step(state, batch)
    losses.append(sums.loss / sums.count)
losses = [float(loss) for loss in losses]  # only now: float() waits for the device
print("learnt by heart:", losses[-1] < 0.1)
plots.curves({"loss": losses}, xlabel="step", title="one batch, again and again")
plt.show()

# %% [markdown]
# It starts near 2.3, as a guess should, and goes to zero. The step does its work.

# %% [markdown]
# ## 6 · Compiled once, and before the first step
#
# `jit` compiles at the first call, so the first step is slow. One may wish to have that behind oneself before training
# begins. The introduction does this by a "warm-up": it calls the jitted functions on made-up data, *a
# batch of one*, through a second `jit` wrapper, and then trains on batches of 64 through the first.
#
# Unit 01 gave you what you need to judge that: a program is kept for the *shapes* it was traced with. Let us count. A
# Python line inside the function runs only while it is traced, so it can note the shape each time.


# %%
def make_article_step(model: nn.Module, optimizer: optax.GradientTransformation, traced: list):
    """The introduction's training step, which notes the shape of the images whenever it is traced."""

    @jax.jit
    def train_step(opt_state, params, images, labels):
        traced.append(images.shape)  # plain Python: runs while JAX traces, not when the program runs
        loss, gradients = jax.value_and_grad(mean_loss)(params, model, images, labels)
        updates, opt_state = optimizer.update(gradients, opt_state)
        return opt_state, optax.apply_updates(params, updates), loss

    return train_step


# %% [markdown]
# The loop cuts batches out of arrays, so the last one is as short as it comes. One thousand digits make 15 batches of
# 64 and one of 40. Each step is timed to its end.

# %%
digits = data.arrays("mnist", "train[:1000]")

traced = []
article_step = make_article_step(model, optimizer, traced)
_ = jax.jit(article_step)(opt_state, params, jnp.ones((1, 28, 28, 1)), jnp.zeros((1,), jnp.int32))  # the "warm-up"

article_params, article_opt_state, milliseconds = params, opt_state, []
for start in range(0, len(digits.label), BATCH):
    images, labels = digits.image[start : start + BATCH], digits.label[start : start + BATCH]
    begin = time.perf_counter()
    article_opt_state, article_params, loss = article_step(article_opt_state, article_params, images, labels)
    loss.block_until_ready()
    milliseconds.append(1000 * (time.perf_counter() - begin))

print("programs traced, by the shape of their images:", *traced, sep="\n  ")
slow = [i for i, time_taken in enumerate(milliseconds) if time_taken > 8 * np.median(milliseconds)]
figure, axes = plt.subplots(figsize=(7, 2.4))
axes.bar(
    range(1, len(milliseconds) + 1), milliseconds, color=[plots.STRONG if i in slow else plots.PALE for i in range(16)]
)
axes.set(xlabel="step", ylabel="milliseconds", title="after the warm-up", xticks=range(1, 17))
plt.show()

# %% [markdown]
# Three programs. The one from the warm-up, for a batch of one, is never used again; the first step compiles as if there
# had been no warm-up; and the last batch, shorter than the others, compiles a third program while the clock runs.
# Nothing gave a warning. (`jax.log_compiles()` would: it logs every compilation. And with
# `jax.config.update("jax_compilation_cache_dir", …)` programs are kept on disk, and a second run of a script finds them
# there.)
#
# The cure is to say the shapes. `lower` traces the function for *descriptions* of its arguments, `compile` makes the
# program; no data is needed, no step is taken. Every loader of the course knows the description of its batches, and
# `jax.eval_shape` gives that of the state without computing one.

# %%
state_spec = jax.eval_shape(lambda key: init_state(key, model, optimizer), jax.random.key(0))
print("batch:", train.spec.image, train.spec.label, train.spec.mask, sep="\n  ")

begin = time.perf_counter()
lowered = jax.jit(make_train_step(model, optimizer)).lower(state_spec, train.spec)
compiled_step = lowered.compile()
print(f"traced and compiled in {time.perf_counter() - begin:.3f} s, before any data")

# %% [markdown]
# What comes back is no longer a function that *may* compile: it is one program. Given another shape it does not quietly
# compile a second time, it refuses. In a training loop that is just what one wants.

# %%
state = init_state(jax.random.key(0), model, optimizer)
try:
    compiled_step(state, jax.tree.map(lambda leaf: leaf[:40], batch))
except TypeError as error:
    print(type(error).__name__)
    print(*str(error).splitlines()[1:], sep="\n")

# %% [markdown]
# A compiled program also knows what it needs, before it runs: how much memory, how many operations. On a GPU this tells
# whether a batch size will fit without trying.


# %%
def memory(compiled) -> dict[str, float]:
    """What a compiled program needs, in MB."""
    analysis = compiled.memory_analysis()
    return {
        "arguments": analysis.argument_size_in_bytes / 1e6,
        "results": (analysis.output_size_in_bytes - analysis.alias_size_in_bytes) / 1e6,
        "in between": analysis.temp_size_in_bytes / 1e6,
    }


for what, megabytes in memory(compiled_step).items():
    print(f"{what:10} {megabytes:6.1f} MB")
print(f"operations a step: {compiled_step.cost_analysis()['flops'] / 1e9:.3f} thousand million")

# %% [markdown]
# The arguments hold the old state and the results a new one of the same size, although the old is never looked at
# again. *Donating* an argument allows its memory to be used for a result: `donate_argnums=0` gives the first argument
# away.

# %%
donating_step = jax.jit(make_train_step(model, optimizer), donate_argnums=0).lower(state_spec, train.spec).compile()
for what, megabytes in memory(donating_step).items():
    print(f"{what:10} {megabytes:6.1f} MB")

# %% [markdown]
# The results now need next to nothing of their own. What is needed in between may grow, because the compiler plans its
# memory anew; compare the sums of the three. The price: what was given away is gone.

# %%
before = init_state(jax.random.key(0), model, optimizer)
after, _ = donating_step(before, batch)
print("deleted:", before.params["params"]["Dense_0"]["kernel"].is_deleted())
try:
    before.params["params"]["Dense_0"]["kernel"] + 1
except RuntimeError as error:
    print(error)

# %% [markdown]
# So `state, sums = train_step(state, batch)` is fine: the name moves on to the new state. But `best = state` keeps a
# name for memory that the next step gives away. Whoever wants to keep weights must copy them, or write them to disk.

# %% [markdown]
# ## 7 · Two ways to measure wrongly
#
# The introduction claims a speed, so its measuring matters. It jits the loss function for its warm-up, and then its
# validation loop calls the one *without* `jit`: each operation is dispatched by itself. What does that cost for one
# batch?


# %%
def make_eval_step(model: nn.Module):
    """`eval_step(params, batch) -> Sums`."""

    def eval_step(params: dict, batch: data.Batch) -> Sums:
        return batch_sums(model.apply(params, batch.image), batch)

    return eval_step


def median_ms(function, repeats: int = 10) -> float:
    """The median time of a call in milliseconds, waited for; the first call is not counted."""
    jax.block_until_ready(function())
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function())
        times.append(1000 * (time.perf_counter() - begin))
    return float(np.median(times))


eval_step = jax.jit(make_eval_step(model)).lower(state_spec.params, validation.spec).compile()
plain, compiled = (median_ms(lambda f=f: f(params, batch)) for f in (make_eval_step(model), eval_step))
plots.bars(["not compiled", "compiled"], [plain, compiled], unit="ms", better="lower", title="evaluating 64 images")
plt.show()

# %% [markdown]
# Now the clock. Nothing in the introduction waits for the device. (Its figure is saved by a `print` of each epoch's
# loss, which needs the value: take the print out, and the clock is wrong.) Here are ten training steps by two clocks:
# one is stopped when Python has been given *names* for the results, the other when they are computed.

# %%
state = init_state(jax.random.key(0), model, optimizer)
state, _ = compiled_step(state, batch)
jax.block_until_ready(state)
begin = time.perf_counter()
for _ in range(10):
    state, _ = compiled_step(state, batch)
handed_over = 1000 * (time.perf_counter() - begin)
jax.block_until_ready(state)
done = 1000 * (time.perf_counter() - begin)
plots.bars(["handed over", "computed"], [handed_over, done], unit="ms", title="ten training steps, by two clocks")
plt.show()

# %% [markdown]
# How far apart they are depends on the machine and on the work in a step. Only the second one is the time of the work.
# Any figure you wish to believe ends in `block_until_ready`, or in something that needs the value, as `float(loss)`
# does. The same fact read the other way round is advice for the training loop: do *not* ask for a value in every step,
# or the device waits for Python each time. Collect, and look once an epoch.

# %% [markdown]
# ## 8 · Nothing lost: checkpoints
#
# Training takes a while, and things happen: Ctrl-C, a flat battery, a full disk. **Orbax** writes pytrees to disk, in
# the background unless told otherwise; ours is small enough to wait for. A checkpoint first gets a temporary name and
# is renamed when it is whole, so a half-written one is never taken for a good one. (`flax.training.checkpoints`, which
# older code uses, tells its users to change over to Orbax.)
#
# We keep two: the *latest*, to go on from, and the *best*, by its loss on the validation set. The history of the
# losses goes with them, so that a checkpoint is all that is needed to go on.


# %%
def open_checkpoints(folder: Path) -> ocp.CheckpointManager:
    """Checkpoints in a folder, one an epoch, of which the latest and the best are kept."""
    keep = ocp.checkpoint_managers
    return ocp.CheckpointManager(
        folder,
        options=ocp.CheckpointManagerOptions(
            best_fn=lambda metrics: metrics["val_loss"],
            best_mode="min",
            # Orbax keeps the last of the sorted list: sorted from high to low, that is the lowest loss
            preservation_policy=keep.AnyPreservationPolicy(
                [keep.LatestN(1), keep.BestN(get_metric_fn=lambda metrics: metrics["val_loss"], reverse=True, n=1)]
            ),
            enable_async_checkpointing=False,  # 10 MB: not worth a thread
        ),
    )


def save(manager: ocp.CheckpointManager, state: TrainState, history: dict[str, list[float]]) -> None:
    """Write a checkpoint of the epoch that `history` ends with (1 for the first)."""
    manager.save(
        len(history["val_loss"]),
        args=ocp.args.Composite(state=ocp.args.StandardSave(state), history=ocp.args.JsonSave(history)),
        metrics={"val_loss": history["val_loss"][-1]},
    )


def restore(manager: ocp.CheckpointManager, epoch: int, spec: TrainState) -> tuple[TrainState, dict[str, list[float]]]:
    """State and history of a saved epoch. spec: the state's shapes and dtypes, which the file must have too."""
    args = ocp.args.Composite(state=ocp.args.StandardRestore(spec), history=ocp.args.JsonRestore())
    saved = manager.restore(epoch, args=args)
    return saved.state, saved.history


# %% [markdown]
# Evaluation adds up the sums of all batches and divides once. (The mean of the batches' means would count an example in
# a short last batch for more than the others.)


# %%
def evaluate(eval_step, params, batches) -> tuple[float, float]:
    """Mean loss and accuracy over the real examples of all batches."""
    total = None
    for batch in batches.epoch(0):
        sums = eval_step(params, batch)
        total = sums if total is None else jax.tree.map(jnp.add, total, sums)
    return float(total.loss / total.count), float(total.correct / total.count)


# %% [markdown]
# And the training loop. It is short because everything in it is a function you have seen. It begins where the last
# checkpoint ends, if there is one: so to go on after an interruption, run the same call again.
#
# `train.epoch(k)` gives the batches of epoch `k`, in an order that depends on the seed and on `k` alone. A run that is
# resumed at epoch 3 therefore sees what it would have seen had nobody interrupted it.


# %%
def fit(start: TrainState, *, train_step, eval_step, train, validation, epochs: int, manager: ocp.CheckpointManager):
    """Train up to `epochs` epochs, from the latest checkpoint if there is one, else from a copy of `start`.

    Returns the state after the last epoch and the history: name → one value an epoch.
    """
    history = {"val_loss": []}
    state = jax.tree.map(jnp.copy, start)  # train_step may give its argument's memory away
    if manager.latest_step() is not None:
        state, history = restore(manager, manager.latest_step(), jax.eval_shape(lambda: start))

    for epoch in track(range(len(history["val_loss"]), epochs), "training", unit="epoch"):
        begin = time.perf_counter()
        total = None
        for batch in track(train.epoch(epoch), f"epoch {epoch + 1}", total=len(train), unit="step", leave=False):
            state, sums = train_step(state, batch)
            total = sums if total is None else jax.tree.map(jnp.add, total, sums)
        train_loss, train_accuracy = float(total.loss / total.count), float(total.correct / total.count)
        seconds = time.perf_counter() - begin  # float() above has waited for the device
        val_loss, val_accuracy = evaluate(eval_step, state.params, validation)
        figures = {"train_loss": train_loss, "val_loss": val_loss, "seconds": seconds}
        figures |= {"train_accuracy": train_accuracy, "val_accuracy": val_accuracy}
        for name, value in figures.items():
            history.setdefault(name, []).append(value)
        save(manager, state, history)
    return state, history


# %% [markdown]
# ### Does it survive Ctrl-C?
#
# Claims like these are easily written. So let somebody press Ctrl-C: these batches raise `KeyboardInterrupt` in the
# middle of the second epoch, exactly as the keyboard would. A hundred digits and a few are enough, in a folder that is
# thrown away.


# %%
class PressesCtrlC:
    """Batches that interrupt in the middle of an epoch."""

    def __init__(self, batches, *, epoch: int):
        self.batches, self.when = batches, epoch

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int):
        batches = self.batches.epoch(number)
        if number != self.when:
            yield from batches
        else:
            yield from itertools.islice(batches, len(self) // 2)
            raise KeyboardInterrupt


few = data.load("mnist", "train[:128]", batch_size=BATCH, shuffle=True, quiet=True)
start = init_state(jax.random.key(0), model, optimizer)
settings = {"train_step": donating_step, "eval_step": eval_step, "validation": few, "epochs": 2}

with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    with open_checkpoints(folder / "undisturbed") as manager:
        undisturbed, _ = fit(start, train=few, manager=manager, **settings)

    with open_checkpoints(folder / "interrupted") as manager:
        try:
            fit(start, train=PressesCtrlC(few, epoch=1), manager=manager, **settings)
        except KeyboardInterrupt:
            print("interrupted in epoch 2; the latest checkpoint is of epoch", manager.latest_step())

    with open_checkpoints(folder / "interrupted") as manager:  # as after a restart: all it knows is on disk
        resumed, history = fit(start, train=few, manager=manager, **settings)

print("epochs in the history:", len(history["val_loss"]), "· steps taken:", int(resumed.step))
same = jax.tree.map(lambda a, b: bool(jnp.allclose(a, b, atol=1e-6)), undisturbed, resumed)
print("resumed and undisturbed ended with the same state:", all(jax.tree.leaves(same)))

# %% [markdown]
# Half an epoch of work was repeated, nothing else was lost, and the result is the one that an undisturbed run gives:
# weights, Adam's averages, step counter. This works because *everything* that training changes is in the state, and
# everything else is a function of a seed. (On a GPU, sums may be added up in another order each time; there it holds
# up to rounding.)
#
# And a checkpoint that was only half written? Orbax works under a temporary name until all is there.

# %%
with tempfile.TemporaryDirectory() as folder:
    with open_checkpoints(Path(folder)) as manager:
        for epoch in (1, 2):
            save(manager, start, {"val_loss": [1.0] * epoch})
    # the machine died while epoch 3 was being written
    shutil.copytree(Path(folder) / "2", Path(folder) / "3.orbax-checkpoint-tmp")
    with open_checkpoints(Path(folder)) as manager:
        print("latest checkpoint that is believed:", manager.latest_step())

# %% [markdown]
# ## 9 · Training
#
# How long? Sixty thousand digits and a sample of a thousand should not be given the same number of *epochs*: what
# teaches a network is steps. The rule here: six epochs, or as many as make 120 steps, whichever is more.
#
# And how fast? With a constant learning rate the weights never come to rest: each noisy batch moves them by about as
# much as the one before. Letting the rate fall to zero along half a cosine costs one line. optax takes a *schedule*, a
# function of the step, wherever it takes a learning rate. On the real MNIST, six epochs brought 99.1 % of the
# validation digits right with the constant rate and 99.2 % with the cosine (one run each, on two CPU cores): so small a
# difference may be chance, but the cosine costs nothing.

# %%
epochs = max(6, math.ceil(120 / len(train)))
schedule = optax.cosine_decay_schedule(1e-3, decay_steps=epochs * len(train))
optimizer = optax.adam(schedule)

figure, axes = plt.subplots(figsize=(5, 2.0))
axes.plot([schedule(step) for step in range(0, epochs * len(train) + 1, len(train))])
axes.set(xlabel="epoch", title="learning rate", ylim=(0, None))
plt.show()

# %% [markdown]
# A new optimiser is a new program, since its state looks different (the schedule needs a counter): compile, before the
# start.

# %%
start = init_state(jax.random.key(0), model, optimizer)
state_spec = jax.eval_shape(lambda: start)
train_step = jax.jit(make_train_step(model, optimizer), donate_argnums=0).lower(state_spec, train.spec).compile()

# %% [markdown]
# Where do the files go? Into `models/02_flax_mnist_cnn/` at the course's root. Each time this notebook runs it makes a
# folder of its own there, `run-1`, `run-2` …; what an earlier run left is never written over.


# %%
def new_run(folder: Path) -> Path:
    """Make and return the first of `folder/run-1`, `folder/run-2` … that is not there yet."""
    for number in itertools.count(1):
        run = folder / f"run-{number}"
        try:
            run.mkdir(parents=True)
            return run
        except FileExistsError:
            continue


run = new_run(paths.ROOT / "models" / "02_flax_mnist_cnn")

# %% [markdown]
# Now train. You may stop this cell at any time (■, or Ctrl-C) and run it again: it goes on after the last whole epoch.

# %%
with open_checkpoints(run / "checkpoints") as manager:
    state, history = fit(
        start,
        train_step=train_step,
        eval_step=eval_step,
        train=train,
        validation=validation,
        epochs=epochs,
        manager=manager,
    )
    best_epoch = manager.best_step()
    best, _ = restore(manager, best_epoch, state_spec)

print(f"{int(state.step)} steps in {epochs} epochs, {sum(history['seconds']):.1f} s of training")

# %%
names = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
figure, axes = plots.curves({name: history[name] for name in names}, log=True)
for place in axes:
    place.axvline(best_epoch, color="black", linewidth=1, linestyle=":")
axes[0].annotate(
    "kept",
    (best_epoch, 1),
    xycoords=("data", "axes fraction"),
    xytext=(-3, -12),
    textcoords="offset points",
    ha="right",
)
plt.show()

# %% [markdown]
# Read the curves from left to right. First both losses fall: the network learns what digits look like. (At first
# the *training* loss is the higher one. It is averaged over an epoch in which the network still learns; validation
# comes after that epoch.) Then the training loss goes on falling while the validation loss flattens: what it learns
# from now on are *these* digits. The dotted line marks the epoch with the lowest validation loss: often one of the
# last, as the learning rate falls to zero. Its weights were kept, and are the ones we go on with.
#
# Is what came back from disk what was saved? Evaluate it once more; the loss must be the one in the history.

# %%
val_loss, val_accuracy = evaluate(eval_step, best.params, validation)
print("the same loss as when it was saved:", math.isclose(val_loss, history["val_loss"][best_epoch - 1], rel_tol=1e-5))
print(f"validation accuracy: {100 * val_accuracy:.2f} %")

# %% [markdown]
# ## 10 · The test set, opened once
#
# Everything is decided: weights, epochs, learning rate. Now the test set, which has played no part in any choice.

# %%
test_loss, test_accuracy = evaluate(eval_step, best.params, test)
error = math.sqrt(test_accuracy * (1 - test_accuracy) / test.examples)
print(f"test accuracy: {100 * test_accuracy:.2f} % ± {100 * error:.2f} % (one standard error)")

# %% [markdown]
# Whose accuracy is it? That of the data named in part 1: a figure on the course's sample, with its few hundred small
# digits, says nothing about MNIST.
#
# The ± is not decoration: other test digits would give another figure, and a difference between two models that is
# smaller than it says nothing.
#
# Is the test accuracy well below the validation accuracy? Then ask who wrote the digits. Validation digits were cut
# from the same pile as the training digits: the same hands wrote both. The test digits come from other people (nearly
# so in the course's sample, which knows only 13 writers, and wholly so in MNIST, which knows hundreds). A validation
# set tells which *epoch* to keep; only data from outside tell how the model will do outside.
#
# One number hides *which* digits are confused. We collect all predictions, throw the blanks away (with NumPy, outside
# any `jit`: the result's shape depends on values), and count.

# %%
predict = jax.jit(model.apply)
images, labels, log_p = [], [], []
for batch in test.epoch(0):
    real = np.asarray(batch.mask)
    images.append(np.asarray(batch.image)[real])
    labels.append(np.asarray(batch.label)[real])
    log_p.append(np.asarray(predict(best.params, batch.image))[real])
images, labels, log_p = np.concatenate(images), np.concatenate(labels), np.concatenate(log_p)

predicted = log_p.argmax(axis=1)
matrix = np.zeros((10, 10), int)
np.add.at(matrix, (labels, predicted), 1)
plots.confusion(matrix, test.classes, title="test digits")
plt.show()

# %% [markdown]
# And now the mistakes themselves, the most confident first. Above each picture: the true digit, what the network saw,
# and how sure it was. Would you have read them all?

# %%
wrong = np.flatnonzero(predicted != labels)
wrong = wrong[np.argsort(-log_p[wrong, predicted[wrong]])][:18]
if len(wrong):
    titles = [f"{labels[i]} read as {predicted[i]}\n{100 * np.exp(log_p[i, predicted[i]]):.0f} %" for i in wrong]
    plots.images(images[wrong], titles=titles, columns=9, size=1.0)
else:
    print("no mistakes: look at the least certain answers instead, in log_p")

# %% [markdown]
# Pictures like these, confident and wrong, are how one finds wrong labels in a data set, and digits that nobody could
# read.
#
# Should one believe the percentages? A network that says "90 %" ought to be right in nine of ten such cases. On
# average:

# %%
confidence = np.exp(log_p.max(axis=1))  # [N]
print(f"says on average {100 * confidence.mean():.1f} %, is right in {100 * test_accuracy:.1f} %")

# %% [markdown]
# If it says more than it keeps, by more than the ± above, it is overconfident. Networks that have learnt their training
# digits almost by heart tend to be: nothing in the loss ever told them to hesitate.

# %% [markdown]
# ## 11 · A look inside
#
# What did it learn? The first layer's kernels are 3×3 pixels and can be looked at directly: white is a positive weight,
# black a negative one.

# %%
kernels = best.params["params"]["Conv_0"]["kernel"]  # [3, 3, 1, 32]
plots.images(jnp.moveaxis(kernels, -1, 0), columns=16, size=0.55, title="the 32 kernels of Conv_0")
plt.show()

# %% [markdown]
# Some are bright on one side and dark on the other: edges of a direction. After a training as short as the sample's,
# many still look like the random numbers they began as. What they do is easier to see in their output. With
# `capture_intermediates` Flax returns what each layer gave, without a change to the model.

# %%
seven = images[np.flatnonzero(labels == 7)[0]][None]  # [1, 28, 28, 1]
_, captured = model.apply(best.params, seven, capture_intermediates=True, mutable=["intermediates"])
maps = captured["intermediates"]
first = nn.relu(maps["Conv_0"]["__call__"][0])[0]  # [28, 28, 32]
second = nn.relu(maps["Conv_1"]["__call__"][0])[0]  # [14, 14, 64]
plots.images(jnp.moveaxis(first, -1, 0), columns=16, size=0.55, title="a seven, after the first convolution")
plots.images(jnp.moveaxis(second, -1, 0)[:32], columns=16, size=0.55, title="… and 32 of 64 maps after the second")
plt.show()

# %% [markdown]
# The first maps show the digit with some of its edges bright and others dark, by their direction. The second ones are
# coarser, and combine what the first found; few of them have a name.
#
# Which pixels decided? In unit 01 gradients were taken with respect to weights. Nothing forbids taking one with respect
# to the *image*: how much would the log-probability of the answer change, if this pixel changed a little? Its absolute
# value is called a *saliency map* (Simonyan et al., 2013). One image gives one gradient; `vmap` makes it many.


# %%
def saliency(params, model: nn.Module, images: jax.Array) -> jax.Array:
    """How much each pixel moves the log-probability of the predicted class. [B, H, W, C] to [B, H, W]."""

    def answer(image):
        return model.apply(params, image[None])[0].max()

    return jnp.abs(jax.vmap(jax.grad(answer))(images)).max(axis=-1)


shown = np.array([np.flatnonzero(labels == digit)[0] for digit in range(10)])
maps = jax.jit(saliency, static_argnums=1)(best.params, model, images[shown])
maps = maps / maps.max(axis=(1, 2), keepdims=True)

figure, axes = plt.subplots(2, 10, figsize=(9, 2.1))
for column, index in enumerate(shown):
    axes[0, column].imshow(images[index, ..., 0], cmap="gray")
    axes[1, column].imshow(maps[column], cmap="magma")
for place in axes.flat:
    place.axis("off")
figure.suptitle("ten digits, and the pixels that matter for the answer", fontsize=11)
plt.show()

# %% [markdown]
# The bright places lie on and around the strokes, some where there is *no* ink: a stroke there might make it another
# digit. And the margin, where digits seldom reach? A frame of four pixels is half of the picture.

# %%
frame = np.ones((28, 28), bool)
frame[4:-4, 4:-4] = False
print(
    f"the frame is {100 * frame.mean():.1f} % of the picture "
    f"and holds {100 * maps[:, frame].sum() / maps.sum():.1f} % of the saliency"
)

# %% [markdown]
# Spread evenly, the saliency in the frame would be as large as the frame's share of the picture.
#
# A saliency map is a hint and no proof. But a network that looks at the margin has found something other than digits,
# and such things are found in practice: a watermark, a ruler beside the skin, a hospital's name in the corner of an
# X-ray.

# %% [markdown]
# ## 12 · Shipping the weights
#
# A checkpoint is for going on. To hand a model to somebody else, one file with the weights alone is
# better. **safetensors** is such a format: a short header that says what is there, then the numbers. Names
# are flat, so the tree becomes `"Conv_0/kernel"` and so on. The file is written under another name first
# and then renamed: half a file never bears the right name.


# %%
def save_weights(params: dict, path: Path, **notes: str) -> None:
    """Write weights to a safetensors file, whole or not at all. `notes` go into its header."""
    tensors = {
        name: np.asarray(leaf) for name, leaf in flax.traverse_util.flatten_dict(params["params"], sep="/").items()
    }
    part = path.with_name(path.name + ".part")
    safetensors.numpy.save_file(tensors, part, metadata=notes)
    part.replace(path)


def load_weights(path: Path) -> dict:
    """The weights in a safetensors file, as `apply` wants them."""
    tensors = safetensors.numpy.load_file(path)
    return {"params": flax.traverse_util.unflatten_dict(tensors, sep="/")}


weights_file = run / "cnn.safetensors"
save_weights(best.params, weights_file, model="CNN", trained_on=train.source)
shipped = load_weights(weights_file)
print("the same answers, to the bit:", bool(jnp.array_equal(predict(shipped, seven), predict(best.params, seven))))

# %% [markdown]
# The format is so plain that a few lines of Python read it without any library: eight bytes give the length of the
# header, which is JSON. Nothing in there can be *run*.

# %%
with weights_file.open("rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
print(header.pop("__metadata__")["model"])
for name, entry in sorted(header.items()):
    print(f"{name:15} {entry['dtype']} {entry['shape']}")

# %% [markdown]
# Why not `pickle`, which the introduction used, and which takes two lines? Because a pickle is not data: it is a little
# program that builds an object, and *loading it runs it*. This one only prints. It could as well have deleted your
# files.


# %%
class LooksLikeWeights:
    """When unpickled it calls whatever it likes; here, print."""

    def __reduce__(self):
        return print, ("this line was run by pickle.loads, chosen by whoever wrote the file",)


received = pickle.dumps(LooksLikeWeights())
pickle.loads(received)

# %% [markdown]
# A weights file from somewhere else should never be a pickle. And a damaged safetensors file? Cut the last kilobyte
# off:

# %%
with tempfile.TemporaryDirectory() as folder:
    damaged = Path(folder) / "cnn.safetensors"
    damaged.write_bytes(weights_file.read_bytes()[:-1000])
    try:
        load_weights(damaged)
    except safetensors.SafetensorError as error:
        print("refused:", type(error).__name__)

# %% [markdown]
# The weights are safe in one file, so the checkpoints of this run have done their work. They take three times as much
# space (Adam's averages are in there), and we tidy up. Leave this cell out if you want to train on from them.

# %%
shutil.rmtree(run / "checkpoints")
print("left in the run's folder:", *sorted(path.name for path in run.iterdir()))

# %% [markdown]
# ## 13 · A fair race: the same model in Keras
#
# The introduction ends with a bar chart, JAX against TensorFlow, and finds that JAX "can increase the speed
# significantly". Two things spoil that race. Keras was given all 60,000 training images, JAX the 48,000 that
# its validation split left over. And the Keras twin had `padding="valid"`, Keras's default, where Flax pads: it
# was *another model*. How different?


# %%
def keras_twin(padding: str = "same", jit_compile: bool = False):
    """The CNN in Keras, compiled with the same loss and optimiser. `jit_compile=True` hands it to XLA, as JAX does."""
    import keras

    layers = keras.layers
    twin = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, padding=padding, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Conv2D(64, 3, padding=padding, activation="relu"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(10, activation="log_softmax"),
        ]
    )
    twin.compile(
        optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-8),  # Keras's default is 1e-7, optax's 1e-8
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    return twin


for padding in ("valid", "same"):
    print(f"padding={padding!r:7} {keras_twin(padding).count_params():,} weights")
print(f"Flax            {sum(leaf.size for leaf in jax.tree.leaves(params)):,} weights")

# %% [markdown]
# With `"valid"` it has half the weights and smaller maps to work on. With `"same"` the count agrees. A count proves
# little, though: copy the weights across and compare the *answers*. Both frameworks keep channels last and kernels as
# `[height, width, in, out]`, so they fit as they are.


# %%
def copy_weights(params: dict, twin) -> None:
    """Put Flax's weights into the Keras twin."""
    layers = ("Conv_0", "Conv_1", "Dense_0", "Dense_1")
    twin.set_weights([np.asarray(params["params"][layer][leaf]) for layer in layers for leaf in ("kernel", "bias")])


twin = keras_twin()
copy_weights(best.params, twin)
difference = np.abs(np.asarray(twin(images[:64])) - log_p[:64]).max()
print("the two agree to 1e-4:", bool(difference < 1e-4))
print(f"largest difference of a log-probability: {difference:.1e}")

# %% [markdown]
# *Now* they are the same model, up to the order in which floats are added. The rules of the race:
#
# - the same start, the same images already in memory, the same batches in the same order, the same Adam;
# - both on the CPU, since the TensorFlow that comes with the course is the CPU's (on a machine with a GPU, JAX must
#   leave it alone here);
# - one call a step for both: Keras's `train_on_batch` and `test_on_batch` against a jitted function (`fit` would build
#   a data pipeline each time, which weighs in an epoch as short as this one; Keras hands back each step's loss as a
#   number, for which it has to wait, JAX only at the end);
# - the first step, which compiles, is timed apart from later ones, and training apart from evaluation;
# - several rounds, taking turns, so that a busy moment of the machine hits both; the median counts, the range is drawn.


# %%
def jax_contestant(model: nn.Module, params: dict, images, labels, batch_size: int):
    """Functions `first_step()`, `train()` and `test()`; each returns its mean loss when all is computed."""
    optimizer = optax.adam(1e-3)

    @jax.jit
    def step(params, opt_state, images, labels):
        loss, gradients = jax.value_and_grad(mean_loss)(params, model, images, labels)
        updates, opt_state = optimizer.update(gradients, opt_state)
        return optax.apply_updates(params, updates), opt_state, loss

    loss_of = jax.jit(lambda params, images, labels: mean_loss(params, model, images, labels))
    batches = [(images[i : i + batch_size], labels[i : i + batch_size]) for i in range(0, len(labels), batch_size)]
    state = {"params": params, "opt_state": optimizer.init(params)}

    def train(batches=batches):
        losses = []
        for batch in batches:
            state["params"], state["opt_state"], loss = step(state["params"], state["opt_state"], *batch)
            losses.append(loss)
        jax.block_until_ready((state, losses))
        return float(np.mean(losses))

    def test():
        return float(np.mean(jax.block_until_ready([loss_of(state["params"], *batch) for batch in batches])))

    return lambda: train(batches[:1]), train, test


def keras_contestant(params: dict, images, labels, batch_size: int):
    """The same three functions for the Keras twin."""
    twin = keras_twin()
    copy_weights(params, twin)
    batches = [(images[i : i + batch_size], labels[i : i + batch_size]) for i in range(0, len(labels), batch_size)]

    def mean_loss_of(step, batches):
        return float(np.mean([step(*batch) for batch in batches]))

    def train(batches=batches):
        return mean_loss_of(twin.train_on_batch, batches)

    return lambda: train(batches[:1]), train, lambda: mean_loss_of(twin.test_on_batch, batches)


# %% [markdown]
# The thousand digits from above, without the short last batch, are 15 steps an epoch.


# %%
def stopwatch(function) -> tuple[float, float]:
    """What a function returns, and the seconds it took."""
    begin = time.perf_counter()
    value = function()
    return value, time.perf_counter() - begin


def race(contestants: dict, rounds: int) -> tuple[dict, dict]:
    """Times in seconds, name → {"first step": [...], "training": [...], "evaluation": [...]}; and the losses seen."""
    times = {name: {"first step": [], "training": [], "evaluation": []} for name in contestants}
    losses = {name: [] for name in contestants}
    for name, (first_step, _, test) in contestants.items():
        loss, seconds = stopwatch(first_step)
        times[name]["first step"].append(seconds)
        losses[name].append(loss)
        test()  # compiles
    for _ in track(range(rounds), "racing", unit="round"):
        for name, (_, train, test) in contestants.items():
            for what, function in (("training", train), ("evaluation", test)):
                loss, seconds = stopwatch(function)
                times[name][what].append(seconds)
                losses[name].append(loss)
    return times, losses


with jax.default_device(jax.devices("cpu")[0]):
    steps = len(digits.label) // BATCH
    racing_images, racing_labels = digits.image[: steps * BATCH], digits.label[: steps * BATCH]
    untrained = jax.tree.map(np.asarray, params)
    contestants = {
        "JAX": jax_contestant(model, untrained, racing_images, racing_labels, BATCH),
        "Keras": keras_contestant(untrained, racing_images, racing_labels, BATCH),
    }
    times, losses = race(contestants, rounds=3)

apart = np.abs(np.array(losses["JAX"][:3]) - np.array(losses["Keras"][:3])).max()
print("both learn the same, losses within 0.01:", bool(apart < 0.01))

# %% [markdown]
# Same losses on the way: they did the same work. Now who was faster?

# %%
for what, unit, scale in (
    ("first step", "s", 1),
    ("training", "ms a step", 1000 / steps),
    ("evaluation", "ms a batch", 1000 / steps),
):
    values = {name: scale * np.array(times[name][what]) for name in times}
    medians = [float(np.median(v)) for v in values.values()]
    ranges = [(float(v.min()), float(v.max())) for v in values.values()]
    plots.bars(list(values), medians, unit=unit, title=what, better="lower", ranges=ranges)

# %% [markdown]
# The darker bar is the faster one *on the machine that ran this notebook*. Whatever it says on yours, read it with
# three facts in mind.
#
# - On x86 processors, TensorFlow's convolutions come from a library that is tuned for them (oneDNN); JAX's programs are
#   made by XLA. Neither must win: it depends on the processor, the sizes of the maps, the batch. "JAX is faster" and
#   "Keras is faster" are not facts about frameworks; "this model, this batch size, this machine" is one.
# - The range matters as much as the median: where the thin lines overlap, this race has no winner.
# - XLA is not JAX's alone: `keras_twin(jit_compile=True)` uses it too. Write that into `keras_contestant` and race
#   again; look at the first step.
#
# What JAX gives you is the composability you have used all along: the same pure function jitted, differentiated by
# weights *and* by pixels, vmapped, compiled ahead of time, resumed where it was.

# %% [markdown]
# ### The same model four ways
#
# One race on your machine, with one opponent, is a start. The course also keeps the results of a longer one, for each
# of its models: JAX, PyTorch as it comes, PyTorch compiled (`torch.compile`), and Keras; the same arrays in memory,
# batch, optimiser and precision; each run in a process of its own, all taking turns, three rounds. `python -m utils
# race cnn` runs it on your machine and puts your result beside ours. Without PyTorch, which the course does not
# install, JAX races Keras only; the README says how to add it.

# %% tags=["nbval-ignore-output"]
report.show("cnn")

# %% [markdown]
# Left: seconds an epoch, on a logarithmic scale. The first epoch holds the compilation, so JAX, compiled PyTorch and
# Keras (whose step is a compiled graph) start high, and plain PyTorch starts where it stays. Right: pictures a second
# without the first epoch, and pale with it; the thin lines reach from the slowest round to the fastest.
#
# In training, on those two cores, JAX is a quarter faster than plain PyTorch and slower than Keras; against compiled
# PyTorch it lost two rounds and won one, and the lines overlap: no winner. In evaluation it is three times as fast as
# plain PyTorch, twice as fast as Keras, and up to a sixth slower than compiled PyTorch. And the first step: 14 seconds
# for `torch.compile`, which writes C++ and calls a compiler, one for JAX. (What `torch.compile` has made it keeps on
# disk for the next time; in a race nobody may find what an earlier run has compiled.) The order of four contestants is
# different in each of these pictures. Who quotes one of them as "X is faster than Y" has chosen a picture.

# %% [markdown]
# ## 14 · For the record


# %%
def per_second(seconds: list[float]) -> float:
    """Images a second in the race, from the median epoch."""
    return steps * BATCH / float(np.median(seconds))


results.record(
    test_accuracy=test_accuracy,
    val_accuracy=val_accuracy,
    train_seconds=sum(history["seconds"]),
    jax_training_images_per_second=per_second(times["JAX"]["training"]),
    keras_training_images_per_second=per_second(times["Keras"]["training"]),
)

# %% [markdown]
# ## What to remember
#
# - A Flax module is a recipe; the weights are a pytree outside it. `init` makes them, `apply` uses them, both are pure.
# - `train_step(state, batch) -> (state, figures)`. All that changes is in the state; then saving, resuming and
#   compiling are easy.
# - Sums and masks, not means of means.
# - Shapes are part of a program. `jit(f).lower(specs).compile()` compiles before the start, once, and refuses what does
#   not fit. A warm-up with another shape compiles something that nobody uses.
# - A clock is stopped after `block_until_ready`. In the loop, don't ask for values in every step.
# - Donated memory is gone: copy what you want to keep.
# - Choose by validation, test once, and give the error of the estimate.
# - Orbax to go on, safetensors to ship, never a pickle from elsewhere.
# - Two models are the same when the same weights give the same answers; only then is a race worth running.
#
# **Now you:** `exercises/02_flax_mnist_cnn` has you write these pieces yourself, each with a check that tells you at
# once. Unit 03 trains a larger network on colour pictures, with Haiku, and fights overfitting.

# %% [markdown]
# ## Sources and further reading
#
# - The introduction: "What are JAX and Flax? Why those Deep Learning Frameworks can be Very Important?", a blog post of
#   5 October 2023.
# - Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks: visualising image classification models and
#   saliency maps", 2013, [arXiv:1312.6034](https://arxiv.org/abs/1312.6034).
# - LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proceedings of the
#   IEEE, 1998: MNIST.
# - The documentation of [Flax](https://flax.readthedocs.io), [optax](https://optax.readthedocs.io),
#   [Orbax](https://orbax.readthedocs.io) and [safetensors](https://github.com/huggingface/safetensors).
