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
# Unit 01 ended with a small network whose weights you managed by hand. Here we train a convolutional network in
# **Flax** and optimise it with **optax**. The training step is compiled **before** the first step. We validate the
# network while it trains, save it so that an interruption costs little, test it once, and look inside it. Then we
# rewrite it in NNX, Flax's newer interface, and race it against the same model in Keras.
#
# Afterwards you can
#
# - write a model as a Flax module, and say where its weights are (not in the module);
# - write a training step as a pure function, and compile it exactly once;
# - spot needless recompilation and a clock that is stopped too early, and evaluate correctly with a padded batch;
# - keep the best weights, resume after Ctrl-C, and ship a model in a file that cannot run code;
# - train one network from many seeds in one compiled program, and say what a comparison shows and what it does not;
# - move weights from Linen to NNX, and compare two frameworks fairly.
#
# <!-- minutes -->
#
# | | section | minutes |
# | --- | --- | --- |
# | 1 | The data, in three parts | 5 |
# | 2 | The model | 8 |
# | 3 | The loss | 4 |
# | 4 | The optimiser | 4 |
# | 5 | The training step, a pure function | 7 |
# | 6 | Compiled once, and before the first step | 11 |
# | 7 | Two ways to measure wrongly | 4 |
# | 8 | Checkpoints | 10 |
# | 9 | Training | 16 |
# | 10 | The test set, opened once | 10 |
# | 11 | A look inside | 8 |
# | 12 | Shipping the weights | 6 |
# | 13 | The same network in Flax NNX | 8 |
# | 14 | A fair race: the same model in Keras | 14 |
# | 15 | For the record | 1 |
# |  | What to remember | 1 |
# |  | Sources and further reading | 1 |
# |  | **together** | 118 |
#
# The minutes are for reading and running, without the exercises. You can stop at the end of any section. Counted at 200
# words, 20 lines of code or 2 cells a minute.
#
# <!-- end minutes -->
#
# You need: unit 01 (`jit`, `grad`, `vmap`, keys, pytrees). No GPU. Questions marked **Guess first** are worth a guess
# before you unfold the answer or run the next cell.

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
import itertools
import json
import math
import pickle
import shutil
import tempfile
import time
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
from scipy import stats

from utils import data, plots, results
from utils.base import paths
from utils.progress import track
from utils.races import report

# %% [markdown]
# ## 1 · The data, in three parts
#
# A model is judged on digits it has never seen. But you also choose *which* of its versions to keep, how long to train,
# and with which learning rate. If you make these choices by looking at the test set, you have fitted the model to the
# test set. So the data are split into three parts:
#
# | part | used for | how often |
# | --- | --- | --- |
# | training, 80 % of `train` | the gradient | every step |
# | validation, the other 20 % | choosing | after each epoch |
# | test | the final result | once |
#
# Names and slices follow TensorFlow Datasets. Each line printed below says which data were found: the real MNIST, or
# the small sample that comes with the course. The code is the same for both.

# %%
BATCH = 64

train = data.load("mnist", "train[:80%]", batch_size=BATCH, shuffle=True, seed=0)
validation = data.load("mnist", "train[80%:]", batch_size=BATCH)
test = data.load("mnist", "test", batch_size=BATCH)

# %% [markdown]
# One batch is a named tuple of three arrays. Images are `[B, H, W, C]`: Flax, like TensorFlow, keeps the channels last.
# They are normalised with the mean and standard deviation of MNIST's training digits (0.1307 and 0.3081, for pixels
# scaled to 0 … 1; [PyTorch's example](https://github.com/pytorch/examples/blob/main/mnist/main.py) uses the same two),
# whichever data were found. Labels are integers. `mask` is explained below.

# %%
batch = next(iter(train))
for name, array in batch._asdict().items():
    print(f"{name:5} {array.shape!s:16} {array.dtype}")

# %% [markdown]
# Look at the images before anything else. A network will fit shuffled labels or upside-down images without complaint
# (part 5 tries shuffled labels), and no line of code will notice.

# %%
plots.images(batch.image[:24], titles=[f"{label}" for label in batch.label[:24]], columns=12, size=0.8)
plt.show()

# %% [markdown]
# What is `mask` for? A compiled program accepts *one* input shape, and the number of examples is rarely a multiple of
# the batch size. In training, the loader drops the few that are left over. Every epoch is shuffled differently, so
# different ones are dropped each time. In evaluation every example counts, so the last batch is padded with blanks (all
# zeros), and `mask` is `False` for these.

# %%
*_, last = validation.epoch(0)
padding = jnp.sum(~last.mask)
print(f"training: {len(train)} batches of {BATCH} an epoch, {train.examples - BATCH * len(train)} examples left out")
print(f"validation: {len(validation)} batches of {BATCH} for {validation.examples:,} examples")
print(f"its last batch holds {jnp.sum(last.mask)} of them and {padding} blanks")
print("the blanks are all zero:", not last.image[~last.mask].any())
assert (len(validation) - 1) * BATCH + jnp.sum(last.mask) == validation.examples

# %% [markdown]
# **Quick questions**
#
# <details><summary>You try ten learning rates and keep the one with the best test accuracy. What is wrong with
# reporting that accuracy?</summary>
#
# It is the highest of ten results on the very digits that were used to choose. On new digits it will tend to be lower.
# Choose by validation accuracy, and test only the one you chose.
#
# </details>
#
# <details><summary>Why pad the last validation batch instead of dropping it, and why not simply leave it
# shorter?</summary>
#
# Dropping it would leave examples out of the result. A shorter batch has a new shape, for which a second program would
# be compiled.
#
# </details>

# %% [markdown]
# ## 2 · The model
#
# In Flax *Linen* a module describes the layers and holds no weights. The weights live outside, in a pytree that you
# pass in, as in unit 01. Flax keeps track of their names and shapes.
#
# `@nn.compact` lets you create a layer on the line where it is used. This network is, layer for layer, the one in a
# blog post of October 2023, ["What are JAX and Flax? Why those Deep Learning Frameworks can be Very Important?"][blog]
# by ravialdy. We call it *the blog post* and return to it in parts 6, 7, 12 and 14, which look at how it compiles,
# measures, saves and compares.
#
# [blog]: https://github.com/ravialdy/ravialdy.github.io/blob/6c852507a2d1/_posts/2023-10-05-jaxflax.md


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
# `init` runs the module once on an example, sees which weights it asks for, and draws them from the key. The example's
# values and its batch size do not matter, so one blank image will do. To check this we use `jax.eval_shape`, which
# works out shapes without computing values: five images give the same weight shapes as one.

# %%
params = model.init(jax.random.key(0), jnp.zeros((1, 28, 28, 1)))
spec = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((5, 28, 28, 1)))
print("five images ask for the same weights:", jax.tree.map(jnp.shape, spec) == jax.tree.map(jnp.shape, params))
jax.tree.map(jnp.shape, params)

# %% [markdown]
# The result is a nested dictionary. Layers are named by class and order: the first `Conv` is `Conv_0`. A convolution's
# kernel is `[height, width, in, out]`, a dense layer's `[in, out]`. How many weights are there, and in which layers?

# %%
sizes = {layer: sum(leaf.size for leaf in jax.tree.leaves(leaves)) for layer, leaves in params["params"].items()}
print(f"{sum(sizes.values()):,} weights")
plots.bars(list(sizes), list(sizes.values()), title="weights in each layer")
plt.show()

# %% [markdown]
# Nearly all are in one dense layer, `Dense_0`, which connects 3,136 inputs to 256 outputs.
#
# <details><summary>Guess first: which layer does most of the multiplications?</summary>
#
# `Conv_1`. A dense layer uses each weight once per image. A convolution uses each weight at every position of its
# feature map. The next cell counts.
#
# </details>

# %%
positions = {"Conv_0": 28 * 28, "Conv_1": 14 * 14, "Dense_0": 1, "Dense_1": 1}  # where a kernel is applied
work = {layer: places * params["params"][layer]["kernel"].size for layer, places in positions.items()}
plots.bars(list(work), list(work.values()), title="multiplications in each layer, for one image")
plt.show()
for what, counts in (("weights", sizes), ("multiplications", work)):
    share = (counts["Conv_0"] + counts["Conv_1"]) / sum(counts.values())
    print(f"the convolutions' share of the {what}: {100 * share:.1f} %")

# %% [markdown]
# `tabulate` prints the layers as a table, with the shapes of their inputs and outputs. It needs only shapes, so it uses
# abstract evaluation, like `jax.eval_shape`: no image is processed.

# %%
print(
    model.tabulate(jax.random.key(0), jnp.zeros((1, 28, 28, 1)), console_kwargs={"force_terminal": False, "width": 88})
)

# %% [markdown]
# `apply` runs the module with given weights. It is a pure function of weights and images, so everything from unit 01
# works with it: `jit`, `grad`, `vmap`. What does the network predict before any training?

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
# The probabilities scatter around a tenth: the network is guessing. A uniform guess costs $-\log 0.1 = \log 10 \approx
# 2.30$ in cross-entropy. So with the usual initialisation **the first loss of a ten-class model is near 2.3**. If yours
# is 20, look for the mistake before you train. Karpathy's ["A Recipe for Training Neural
# Networks"](https://karpathy.github.io/2019/04/25/recipe/) (2019) has this check and many others.
#
# Flax has a second, newer way to write a model: **NNX**, where a module is a Python object that *holds* its weights.
# Its documentation [recommends it to new users](https://flax.readthedocs.io/en/latest/), and says that the Linen API
# "is not going to be deprecated in the near future". We start with Linen for two reasons. It passes weights in and out
# as a plain pytree, which shows most clearly what JAX does, and Haiku in unit 03 works the same way. Part 13 writes
# this network again in NNX.
#
# **Quick questions**
#
# <details><summary>How many weights does a 5×5 convolution from 32 to 64 channels have, with bias?</summary>
#
# 5 · 5 · 32 · 64 + 64 = 51,264.
#
# </details>
#
# <details><summary><code>params</code> came from an example of one image. Why can <code>apply</code> take 64?</summary>
#
# No weight's shape depends on the batch size. But `Dense_0` depends on the height and width: with 56×56 images its
# shapes would not match.
#
# </details>

# %% [markdown]
# ## 3 · The loss
#
# Labels can be integers, such as `3`, or one-hot rows, such as `[0,0,0,1,0,0,0,0,0,0]`. The cross-entropy is the same.
# The one-hot row multiplies nine of the ten log-probabilities by zero; the integer picks the tenth by its index.

# %%
with_integers = optax.softmax_cross_entropy_with_integer_labels(log_probabilities, batch.label)  # [B]
with_one_hot = optax.softmax_cross_entropy(log_probabilities, jax.nn.one_hot(batch.label, 10))  # [B]
print("the same:", bool(jnp.allclose(with_integers, with_one_hot, atol=1e-6)))
print(f"the mean, before training: {with_integers.mean():.3f}; a uniform guess costs {math.log(10):.3f}")

# %% [markdown]
# The model *ends* in `log_softmax`, and this loss applies a softmax of its own to whatever it is given.
#
# <details><summary>Guess first: the scores are normalised twice. Is that a mistake?</summary>
#
# No. `log_softmax(z)` subtracts one number, $\log\sum_k e^{z_k}$, from each row so that the probabilities add up to 1.
# When they already do, that number is $\log 1 = 0$, and nothing changes.
#
# </details>

# %%
scores, targets = 5.0 * jax.random.normal(jax.random.key(1), (4, 10)), jnp.arange(4)


def loss_of_scores(scores: jax.Array) -> jax.Array:
    """Mean cross-entropy of four examples. scores: [4, 10]."""
    return optax.softmax_cross_entropy_with_integer_labels(scores, targets).mean()


once = jax.nn.log_softmax(scores)
twice = jax.nn.log_softmax(once)
gradient_once = jax.grad(loss_of_scores)(scores)
gradient_twice = jax.grad(lambda scores: loss_of_scores(jax.nn.log_softmax(scores)))(scores)
print("values agree:", bool(jnp.allclose(once, twice, atol=1e-5)))
print("gradients agree:", bool(jnp.allclose(gradient_once, gradient_twice, atol=1e-6)))

# %% [markdown]
# A plain *softmax* at the end of the model, before the same loss, is a common mistake. The loss then treats
# probabilities as scores. They all lie between 0 and 1, so even a perfectly confident, right answer is turned into a
# hesitant one.

# %%
sure = jnp.where(jnp.arange(10) == 3, 100.0, 0.0)  # as sure as can be: it is a 3
for ending in (jax.nn.log_softmax, jax.nn.softmax):
    loss = optax.softmax_cross_entropy_with_integer_labels(ending(sure), 3)
    print(f"a sure, right answer through {ending.__name__:11} costs {abs(loss):.2f}")

# %% [markdown]
# With the softmax the loss cannot fall below $\log(e + 9) - 1 \approx 1.46$. Part 5 shows what that does to training.
#
# Much code avoids the question: the model returns unnormalised scores, called *logits*, and the loss does the rest. We
# keep the `log_softmax` here because it is harmless and its outputs are log-probabilities. In the exercises your model
# returns logits.
#
# **Quick questions**
#
# <details><summary>With a softmax at the end, what is the lowest possible loss for 1,000 classes?</summary>
#
# At best the right class has probability 1 and the others 0, so the loss is $\log(e + 999) - 1 \approx 5.91$. A uniform
# guess costs $\log 1000 \approx 6.91$.
#
# </details>
#
# <details><summary>Why train on the cross-entropy and not on the share of wrong answers?</summary>
#
# A small change of a weight usually changes no answer, so the share of wrong answers stays the same. Its gradient is
# zero almost everywhere.
#
# </details>

# %% [markdown]
# ## 4 · The optimiser
#
# optax follows the same pattern: an optimiser is a pair of pure functions. `init(params)` makes its state.
# `update(gradients, state)` returns what to *add* to the weights, and the new state. Adam ([Kingma and Ba,
# 2014](https://arxiv.org/abs/1412.6980)) keeps two running averages for each weight, one of the gradient (`mu`) and one
# of its square (`nu`), and a step counter (`count`).

# %%
optimizer = optax.adam(1e-3)
opt_state = optimizer.init(params)
adam = opt_state[0]
print("Adam remembers:", *adam._fields)
print("mu is a tree like params:", jax.tree.structure(adam.mu) == jax.tree.structure(params))
kept, weights = (sum(leaf.size for leaf in jax.tree.leaves(tree)) for tree in (opt_state, params))
print(f"numbers kept for each weight: {kept / weights:.2f}")

# %% [markdown]
# So with Adam, weights and averages together take three times the memory of the weights alone. During a step, the
# gradients (one number for each weight) and the activations need memory too.
#
# <details><summary>Guess first: the gradients of this network span several powers of ten. How large are Adam's first
# updates?</summary>
#
# Nearly all that are not zero have the same size, the learning rate. After one step, with both averages corrected for
# their start at zero, `mu` is the gradient $g$ and `nu` is $g^2$. The update is $-0.001 \cdot g / (\sqrt{g^2} +
# \epsilon)$: minus the sign of the gradient, times the learning rate.
#
# </details>


# %%
def mean_loss(params, model, images, labels):
    """Mean cross-entropy. images: [B, 28, 28, 1]; labels: [B] int32. Returns a float32 scalar."""
    return optax.softmax_cross_entropy_with_integer_labels(model.apply(params, images), labels).mean()


gradients = jax.jit(jax.grad(mean_loss), static_argnums=1)(params, model, batch.image, batch.label)
updates, _ = jax.jit(optimizer.update)(gradients, opt_state)

flat = {
    title: np.abs(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]))
    for title, tree in (("gradients", gradients), ("Adam's first updates", updates))
}
figure, axes = plt.subplots(1, 2, figsize=(9, 2.2))
for place, (title, values) in zip(axes, flat.items(), strict=True):
    place.hist(np.log10(values[values > 1e-12]), bins=np.linspace(-9, -1, 81))
    place.set(title=title, xlabel="size, as a power of ten", yticks=[])
plt.show()
steps_taken = values[values > 1e-12]
print(f"weights that move at all: {100 * len(steps_taken) / len(values):.1f} %")
print(f"of these, by 0.001 to within one per cent: {100 * np.mean(np.abs(steps_taken / 1e-3 - 1) < 0.01):.1f} %")

# %% [markdown]
# Whatever the size of its gradient, nearly every weight that moves at all moves by about 0.001. Multiplying the loss by
# 100 would give almost the same first step. So with Adam the learning rate sets roughly how far a weight moves in a
# step. This is one reason why a single value, the 0.001 of Kingma and Ba's paper, is a usable first guess for many
# models.
#
# **Quick questions**
#
# <details><summary>Some weights did not move. Where are they, and why?</summary>
#
# Where the gradient is exactly zero, and nearly all of these are in `Dense_0`. A weight there connects an input to a
# hidden unit. Its gradient is zero if that input is zero in all 64 images, or if the unit's ReLU is off in all of them.
#
# </details>
#
# <details><summary>What would the right-hand histogram look like for plain gradient descent,
# <code>optax.sgd(0.1)</code>?</summary>
#
# Like the left-hand one, shifted one power of ten to the left.
#
# </details>

# %% [markdown]
# ## 5 · The training step, a pure function
#
# Everything that training changes goes into one named tuple, `TrainState`. It is a pytree, so `jit` takes it as an
# argument, and a checkpoint is this tuple on disk. A second tuple, `Sums`, holds what one batch adds to the loss and
# accuracy of an epoch.


# %%
class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32, updates so far
    params: dict  # the network's weights
    opt_state: optax.OptState  # the optimiser's memory


class Sums(NamedTuple):
    """What a batch adds to the figures of an epoch. Sums, so that batches of different sizes add up correctly."""

    loss: jax.Array  # [] float32
    correct: jax.Array  # [] int32
    count: jax.Array  # [] int32


def init_state(key: jax.Array, model: nn.Module, optimizer: optax.GradientTransformation) -> TrainState:
    """The state before the first step."""
    params = model.init(key, jnp.zeros((1, 28, 28, 1)))
    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params))


# %% [markdown]
# The sums of a batch are computed under its mask: a blank adds nothing to the loss, the hits or the count. Training and
# evaluation share this function. It takes logits as well as log-probabilities (part 3 says why).


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
# Now the step. What stays fixed (model, optimiser) is captured by the closure; what changes (the state) or arrives (the
# batch) is an argument. Four lines do the work: the gradient (with the sums as auxiliary output), the updates, the new
# weights, the new state.


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
# Before you train for minutes, spend seconds on a good test: **can the network learn one batch by heart?** A correct
# step drives the loss on 64 fixed images towards zero. We try it three times: with the right labels, with shuffled
# labels, and with the softmax of part 3 at the end of the model.
#
# <details><summary>Guess first: which of the three will reach a loss near zero?</summary>
#
# The first two. With 824,458 weights for 64 images, the network can learn any labels by heart. Through the softmax the
# loss cannot fall below 1.46.
#
# </details>


# %%
class SoftmaxAtTheEnd(nn.Module):
    """The mistake of part 3: the CNN's probabilities where the loss expects scores."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.exp(CNN()(x))


def by_heart(model: nn.Module, step, batch: data.Batch, steps: int = 40) -> list[float]:
    """The losses while one batch is learnt again and again."""
    state, losses = init_state(jax.random.key(0), model, optimizer), []
    for _ in range(steps):
        state, sums = step(state, batch)
        losses.append(sums.loss / sums.count)
    return [float(loss) for loss in losses]  # only now: float() waits for the device


quick_step = jax.jit(make_train_step(model, optimizer))
mistaken = SoftmaxAtTheEnd()
shuffled = batch._replace(label=jax.random.permutation(jax.random.key(2), batch.label))
curves = {
    "right labels": by_heart(model, quick_step, batch),
    "shuffled labels": by_heart(model, quick_step, shuffled),
    "softmax at the end": by_heart(mistaken, jax.jit(make_train_step(mistaken, optimizer)), batch),
}

figure, axes = plt.subplots(figsize=(6, 2.8))
for name, losses in curves.items():
    axes.plot(range(1, len(losses) + 1), losses, label=name)
axes.axhline(math.log(math.e + 9) - 1, color="black", linewidth=1, linestyle="--")
axes.set(xlabel="step", ylabel="loss", title="one batch, again and again", ylim=(0, None))
axes.legend()
plt.show()
print("right labels learnt by heart:", curves["right labels"][-1] < 0.1)
print("shuffled labels too, or nearly:", curves["shuffled labels"][-1] < 0.5)
print("softmax at the end stays above 1.46:", min(curves["softmax at the end"]) > 1.46)

# %% [markdown]
# All three curves start near 2.3, as a guess should. The right labels are learnt within a few dozen steps: the step
# works. The shuffled labels take longer, but they are learnt too. So the test finds a broken step, but *not* broken
# labels. ([Zhang et al., 2016](https://arxiv.org/abs/1611.03530) showed that networks can fit random labels even on
# whole data sets.) With the softmax at the end the loss falls at first as if all were well, and then levels off above
# the dashed line.
#
# **Quick questions**
#
# <details><summary>Suppose <code>make_train_step</code> put <code>state.params</code> instead of the new
# <code>params</code> into the state it returns. What would the curve do?</summary>
#
# It would stay where it starts: the updates would be computed but never applied. The test finds this mistake.
#
# </details>
#
# <details><summary>Why does <code>by_heart</code> collect the losses and call <code>float</code> at the end?</summary>
#
# `float` waits until the value is computed. Inside the loop it would make Python and the device take turns instead of
# working at the same time.
#
# </details>

# %% [markdown]
# ## 6 · Compiled once, and before the first step
#
# `jit` compiles at the first call, so the first step is slow. It would be better to compile before training begins. The
# blog post tries to do so with a "warm-up". It calls the jitted functions on made-up data, *a batch of one*, through a
# second `jit` wrapper. Then it trains on batches of 64 through the first wrapper.
#
# Unit 01 gave you what you need to judge this: a compiled program is kept for the *shapes* it was traced with, and
# another shape means retracing. Let us count. A Python line inside the function runs only while the function is traced,
# so it can note the shape each time.


# %%
def make_article_step(model: nn.Module, optimizer: optax.GradientTransformation, traced: list):
    """The blog post's training step, which notes the shape of the images whenever it is traced."""

    @jax.jit
    def train_step(opt_state, params, images, labels):
        traced.append(images.shape)  # plain Python: runs while JAX traces, not when the program runs
        loss, gradients = jax.value_and_grad(mean_loss)(params, model, images, labels)
        updates, opt_state = optimizer.update(gradients, opt_state)
        return opt_state, optax.apply_updates(params, updates), loss

    return train_step


# %% [markdown]
# The blog post's loop slices batches out of arrays, so the last batch is whatever is left. Here one thousand digits
# make 15 batches of 64 and one of 40. We time each step until its result has been computed.
#
# <details><summary>Guess first: how many programs are compiled, warm-up included?</summary>
#
# Three, for batches of 1, 64 and 40 images. The first is never used again.
#
# </details>

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
# The warm-up's program is never used again. The first step compiles as if there had been no warm-up. The last batch is
# shorter than the others, so a third program is compiled while the clock runs. (The blog post was spared this: its
# 48,000 training images are exactly 750 batches of 64.) There was no warning. Inside `with jax.log_compiles(True):` JAX
# logs every compilation, and inside `with jax.explain_cache_misses(True):` the reason for it. A [persistent compilation
# cache](https://docs.jax.dev/en/latest/501/compilation-cache.html) keeps programs on disk, so that a second run
# of a script finds them there.
#
# The cure is to state the shapes in advance. `lower` traces the function for *descriptions* of its arguments (shapes
# and dtypes), and `compile` makes the program. No data are needed and no step is taken. Every loader of the course
# describes its batches in `spec`, and `jax.eval_shape` describes the state without computing one.

# %%
state_spec = jax.eval_shape(lambda key: init_state(key, model, optimizer), jax.random.key(0))
print("batch:", train.spec.image, train.spec.label, train.spec.mask, sep="\n  ")

begin = time.perf_counter()
lowered = jax.jit(make_train_step(model, optimizer)).lower(state_spec, train.spec)
compiled_step = lowered.compile()
print(f"traced and compiled in {time.perf_counter() - begin:.3f} s, before any data")

# %% [markdown]
# The result is no longer a function that *may* compile: it is one program. Given another shape, it raises an error
# instead of silently compiling again. In a training loop that is what you want.

# %%
state = init_state(jax.random.key(0), model, optimizer)
try:
    compiled_step(state, jax.tree.map(lambda leaf: leaf[:40], batch))
except TypeError as error:
    print(type(error).__name__)
    print(*str(error).splitlines()[1:], sep="\n")

# %% [markdown]
# Before you run a compiled program, you can ask it how much memory it needs. On a GPU, compare the total with the
# card's memory before you choose a batch size.


# %%
def memory(compiled) -> dict[str, float]:
    """What a compiled program needs, in MB."""
    analysis = compiled.memory_analysis()
    needs = {
        "arguments": analysis.argument_size_in_bytes / 1e6,
        "results": (analysis.output_size_in_bytes - analysis.alias_size_in_bytes) / 1e6,
        "in between": analysis.temp_size_in_bytes / 1e6,
    }
    return needs | {"together": sum(needs.values())}


for what, megabytes in memory(compiled_step).items():
    print(f"{what:10} {megabytes:6.1f} MB")

# %% [markdown]
# It also knows how many floating-point operations (FLOP) it does. Count them by hand: two operations (a multiplication
# and an addition) for each multiplication counted in part 2, times 64 images, times three passes of equal size: the
# forward pass, the gradient with respect to the weights, and the gradient with respect to each layer's input.

# %%
by_hand = 3 * 2 * BATCH * sum(work.values())
print(f"FLOP a step, counted by XLA: {compiled_step.cost_analysis()['flops']:.2e}; by hand: {by_hand:.2e}")

# %% [markdown]
# XLA counts a little less, mainly because it leaves out the padding around the maps and the gradient with respect to
# the images, which nobody needs.
#
# Back to memory. The arguments hold the old state and the results a new one of the same size, although the old one is
# never used again. *Donating* an argument lets XLA reuse its memory for a result: `donate_argnums=0` donates the first
# argument.

# %%
donating_step = jax.jit(make_train_step(model, optimizer), donate_argnums=0).lower(state_spec, train.spec).compile()
for what, megabytes in memory(donating_step).items():
    print(f"{what:10} {megabytes:6.1f} MB")

# %% [markdown]
# The results now need almost no memory of their own. The memory needed in between may grow, because the compiler lays
# it out differently, so compare the totals.
#
# <details><summary>Guess first: you donate a state to a step and then use the old state again. What happens?</summary>
#
# Its arrays have been deleted, and using one raises an error.
#
# </details>

# %%
before = init_state(jax.random.key(0), model, optimizer)
after, _ = donating_step(before, batch)
print("deleted:", before.params["params"]["Dense_0"]["kernel"].is_deleted())
try:
    before.params["params"]["Dense_0"]["kernel"] + 1
except RuntimeError as error:
    print(error)

# %% [markdown]
# So `state, sums = train_step(state, batch)` is fine: afterwards the name `state` refers to the new state. But after
# `best = state`, the next step donates the memory that `best` refers to. To keep weights, copy them or write them to
# disk.
#
# **Quick questions**
#
# <details><summary>How would you change the blog post's warm-up so that it works?</summary>
#
# Call the *same* jitted function, with arrays of the training shapes (64 images), and make sure that the last batch has
# that shape too.
#
# </details>
#
# <details><summary>Why is the batch not donated as well?</summary>
#
# No result has its shape, so its memory could not be reused for one. JAX would warn that the donated buffers were not
# usable.
#
# </details>

# %% [markdown]
# ## 7 · Two ways to measure wrongly
#
# The blog post makes a claim about speed, so how it measures matters. It jits the loss function for its warm-up. But
# its validation loop, which is part of the timed run, calls the version *without* `jit`: each operation is dispatched
# by itself.
#
# <details><summary>Guess first: how much slower is evaluating a batch without <code>jit</code>?</summary>
#
# It depends on the machine and on the model; the bars below show it for yours. `jit` saves dispatching each operation
# from Python and passing every intermediate result through memory. In section 8 of unit 01, where the operations were
# many and small, it saved most of the time.
#
# </details>


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
# Now the clock. JAX returns results before they are computed ([asynchronous
# dispatch](https://docs.jax.dev/en/latest/201/jit.html#asynchronous-dispatch)), and nothing in the blog post waits for
# them explicitly. Its total time is right only because each epoch's validation loss is compared and printed, for which
# Python needs the value. Here are ten training steps by two clocks. One is stopped when Python has the result
# *objects*, the other when their values have been computed.

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
# How far apart they are depends on the machine and on the work in a step. Only the second is the time the work takes. A
# timing you want to trust ends in `block_until_ready`, or in something that needs the value, such as `float(loss)`. In
# a training loop it is the other way round: do *not* ask for a value in every step, or the device waits for Python each
# time. Collect the results, and look at them once an epoch.
#
# **Quick questions**
#
# <details><summary>Why does <code>median_ms</code> call the function once before it starts the clock?</summary>
#
# The first call may compile. Compilation time is a different quantity and should be measured separately.
#
# </details>
#
# <details><summary><code>print(loss)</code> in every step: what does it cost?</summary>
#
# Printing needs the value, so Python waits for the step to finish before it prepares the next one. Meanwhile the device
# is idle.
#
# </details>

# %% [markdown]
# ## 8 · Checkpoints
#
# Training takes a while, and it can be interrupted: by Ctrl-C, a flat battery, a full disk. **Orbax** writes pytrees to
# disk, by default in the background; our state is so small that we simply wait. A checkpoint is first written to a
# folder with a temporary name and renamed when it is complete ([Orbax's documentation on
# atomicity](https://orbax.readthedocs.io/en/latest/api_reference/checkpoint.path.atomicity.html)). Older code uses
# `flax.training.checkpoints`, which was [deprecated in favour of
# Orbax](https://flax.readthedocs.io/en/latest/guides/checkpointing.html) in 2023.
#
# We keep two checkpoints: the *latest*, to resume from, and the *best*, the one with the lowest validation loss. The
# history of the losses is saved with them, so a checkpoint is all you need to resume.


# %%
def open_checkpoints(folder: Path) -> ocp.CheckpointManager:
    """Checkpoints in a folder, one for each epoch; the latest and the best are kept."""
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
# Evaluation adds up the sums of all batches and divides once. Averaging the batches' means instead would give each
# example in a short last batch more weight than the others.


# %%
def evaluate(eval_step, params, batches) -> tuple[float, float]:
    """Mean loss and accuracy over the real examples of all batches."""
    total = None
    for batch in batches.epoch(0):
        sums = eval_step(params, batch)
        total = sums if total is None else jax.tree.map(jnp.add, total, sums)
    return float(total.loss / total.count), float(total.correct / total.count)


# %% [markdown]
# Now the training loop. It starts where the latest checkpoint ends, if there is one. So to resume after an
# interruption, run the same call again.
#
# `train.epoch(k)` gives the batches of epoch `k`, in an order that depends only on the seed and on `k`. A run that is
# resumed at epoch 3 therefore sees the batches it would have seen without the interruption.


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
# We test it. The batches below raise `KeyboardInterrupt` in the middle of the second epoch, as Ctrl-C would. 128 digits
# and a temporary folder are enough.
#
# <details><summary>Guess first: how many training steps have to be repeated, and will the resumed run end with the same
# weights as an undisturbed one?</summary>
#
# Those of the second epoch that were already done. Up to rounding the weights will be the same, and so will Adam's
# averages and the step counter.
#
# </details>


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
print("resumed and undisturbed ended with the same state, within 1e-6:", all(jax.tree.leaves(same)))

# %% [markdown]
# Half an epoch of work was repeated and nothing else was lost. Up to rounding, the result is that of the undisturbed
# run: weights, Adam's averages, step counter. This works because *everything* that training changes is in the state,
# and everything else is a function of a seed. (The test allows for rounding because on GPUs some operations, such as
# convolutions, can differ from run to run, unless `XLA_FLAGS` contains `--xla_gpu_exclude_nondeterministic_ops=true`:
# [XLA on determinism](https://openxla.org/xla/determinism).)
#
# What about a checkpoint that was only half written? We imitate what a crash leaves behind: a folder with Orbax's
# temporary name.

# %%
with tempfile.TemporaryDirectory() as folder:
    with open_checkpoints(Path(folder)) as manager:
        for epoch in (1, 2):
            save(manager, start, {"val_loss": [1.0] * epoch})
    # as if the machine had died while epoch 3 was being written
    shutil.copytree(Path(folder) / "2", Path(folder) / "3.orbax-checkpoint-tmp")
    with open_checkpoints(Path(folder)) as manager:
        print("latest checkpoint that counts:", manager.latest_step())

# %% [markdown]
# **Quick questions**
#
# <details><summary>What would break if the loader shuffled with a generator whose state lives in the loader?</summary>
#
# After a restart the generator would start from the beginning, and epoch 3 would get the order of epoch 1. The resumed
# run would still train, but it would no longer match the undisturbed one.
#
# </details>
#
# <details><summary>Why are the optimiser's averages in the checkpoint, and not only the weights?</summary>
#
# Without them Adam would start from zero averages again: its next step would move nearly every weight that has a
# gradient by the whole learning rate (part 4). The schedule of part 9 would start again too, because its counter is in
# that state.
#
# </details>

# %% [markdown]
# ## 9 · Training
#
# How long should we train? What counts is the number of steps, so sixty thousand digits and a sample of about a
# thousand should not get the same number of *epochs*. Our rule: six epochs, or as many as make 120 steps, whichever is
# more.
#
# ### A constant learning rate, or one that falls?
#
# With a constant rate the weights keep moving: each batch is a different sample, so its gradient is noisy, and Adam
# scales its steps to the learning rate. A common remedy is to let the rate fall to zero along half a cosine
# ([Loshchilov and Hutter, 2016](https://arxiv.org/abs/1608.03983)). In optax that takes one line: wherever it takes a
# learning rate, it also takes a *schedule*, a function of the step. But does it help?
#
# One run of each would not tell us: another seed gives other initial weights, other batches and another accuracy. And
# the answer may depend on the rate itself. So we run both schedules from twenty seeds each, at three *peak* rates: the
# falling rate starts at the peak, the constant one stays there. These 120 runs need no Python loop. A whole training
# run is a pure function of its key, and `vmap` over keys turns it into many runs in one compiled program. To make this
# take only seconds, we use a small network without convolutions and the thousand digits from part 6.


# %%
class Perceptron(nn.Module):
    """One hidden layer, no convolution. `[B, 28, 28, 1]` float32 to logits `[B, 10]`."""

    hidden: int = 64

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = x.reshape((x.shape[0], -1))  # [B, 784]
        x = nn.relu(nn.Dense(self.hidden)(x))
        return nn.Dense(10)(x)


# %% [markdown]
# The run itself: 300 steps as one scan. `peak` and `falling` are arguments, so that they too can be mapped over.


# %%
SEEDS, STEPS = 20, 300
small = Perceptron()
seen = data.arrays("mnist", "train[80%:]", quiet=True)  # the validation digits, as arrays


def train_small(key, peak, falling, *, train: data.Batch, validation: data.Batch):
    """A whole training run. peak: [] float32, the learning rate; falling: [] bool, whether it falls to zero.

    Returns validation loss [], validation accuracy [], and how far the weights moved in each step [STEPS].
    """
    init_key, batch_key = jax.random.split(key)
    decay = optax.cosine_decay_schedule(1.0, STEPS)
    optimizer = optax.adam(lambda step: peak * jnp.where(falling, decay(step), 1.0))
    train_step = make_train_step(small, optimizer)

    def one_step(state: TrainState, key: jax.Array) -> tuple[TrainState, jax.Array]:
        chosen = jax.random.randint(key, (BATCH,), 0, len(train.label))  # a batch, drawn at random
        new, _ = train_step(state, jax.tree.map(lambda leaf: leaf[chosen], train))
        moved = jax.tree.map(jnp.subtract, new.params, state.params)
        return new, jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(moved)))

    start = init_state(init_key, small, optimizer)
    state, moved = jax.lax.scan(one_step, start, jax.random.split(batch_key, STEPS))
    sums = batch_sums(small.apply(state.params, validation.image), validation)
    return sums.loss / sums.count, sums.correct / sums.count, moved


# %% [markdown]
# `vmap` is nested three deep. The innermost one runs over the S keys, the next over the two schedules, the outermost
# over the P peak rates. All of them use the *same* keys. So each seed has the same initial weights and the same batches
# under both schedules, and the two can be compared seed by seed.
#
# <details><summary>Guess first: with the falling rate, will the weights come to rest? Will the validation loss be
# lower? The accuracy higher?</summary>
#
# They come to rest, since the rate ends at zero. The next two cells answer the other two questions.
#
# </details>

# %%
run_small = functools.partial(train_small, train=jax.device_put(digits), validation=jax.device_put(seen))
over_seeds = jax.vmap(run_small, in_axes=(0, None, None))  # [S]
over_schedules = jax.vmap(over_seeds, in_axes=(None, None, 0))  # [2, S]
over_peaks = jax.jit(jax.vmap(over_schedules, in_axes=(None, 0, None)))  # [P, 2, S]

peaks = (0.001, 0.003, 0.01)
keys = jax.random.split(jax.random.key(9), SEEDS)
outcome = over_peaks(keys, jnp.array(peaks), jnp.array([False, True]))
small_loss, small_accuracy, moved = (np.asarray(array) for array in outcome)

figure, axes = plt.subplots(1, 2, figsize=(9, 2.6))
for row, name in enumerate(("constant", "falling")):
    axes[0].plot(moved[1, row].mean(axis=0), label=name)
    axes[1].plot(100 * small_accuracy[1, row], row + np.linspace(-0.2, 0.2, SEEDS), "o")
axes[0].set(xlabel="step", title="how far the weights move in a step", ylim=(0, 0.2))
axes[0].legend()
axes[1].set(yticks=(0, 1), yticklabels=("constant", "falling"), ylim=(-0.5, 1.5))
axes[1].set(xlabel="per cent right", title="validation digits, a dot for each seed")
figure.suptitle("at a peak rate of 0.003", fontsize=10)
plt.show()

# %% [markdown]
# Left: with the constant rate the weights are still moving at the end; with the falling one they come to rest. Right:
# the dots of one row differ although only the seed does. A single run cannot show this spread.
#
# Now the comparison. For each seed we take the difference between the two schedules. The mean of the twenty differences
# has a standard error, and from it we get a 95 % interval (with Student's *t*, since the spread is itself estimated
# from only twenty values).


# %%
def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """The mean of paired differences [S], and its 95 % interval by Student's t."""
    low, high = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
    return float(np.mean(differences)), float(low), float(high)


figure, axes = plt.subplots(1, 2, figsize=(9, 2.6))
differences = (small_loss[:, 1] - small_loss[:, 0], 100 * (small_accuracy[:, 1] - small_accuracy[:, 0]))  # [P, S] each
for place, values, title in zip(axes, differences, ("loss", "per cent right"), strict=True):
    for row, peak in enumerate(peaks):
        mean, low, high = interval(values[row])
        place.plot(np.full(SEEDS, row - 0.15), values[row], "o", color=plots.PALE, markersize=4)
        place.errorbar(row, mean, [[mean - low], [high - mean]], fmt="o", color=plots.STRONG, capsize=4)
        print(f"{title:14} at {peak}: falling minus constant {mean:+.4f} ({low:+.4f} to {high:+.4f})")
    place.axhline(0, color="black", linewidth=1)
    place.set(xticks=range(3), xticklabels=peaks, xlabel="peak rate", title=f"{title}: falling minus constant")
plt.show()
print(f"one validation digit is {100 / len(seen.label):.2f} %")

# %% [markdown]
# What follows describes the results on the course's sample. On other data, read the intervals above in the same way.
#
# At a peak of 0.001 the falling rate is *worse*: both intervals lie on one side of zero. A likely reason is that a rate
# that falls along half a cosine averages half its peak, and with so low a peak three hundred steps are then too few. At
# 0.003 and at 0.01 all intervals contain zero (those of the loss only just). There the experiment does not show whether
# the schedule has an effect, on the loss or on the accuracy. The mean differences in accuracy are smaller than one
# digit in 287.
#
# So the claim "a falling rate helps" is incomplete: it leaves out the peak rate and the number of steps. And one run of
# each, at one rate, would have shown whatever its seed happened to give. A caution in the other direction: these are
# six 95 % intervals. Even if the schedule never mattered, at least one of six independent intervals would exclude zero
# in about one experiment in four ($1 - 0.95^6 \approx 0.26$). The loss at 0.001 is too far from zero for that
# explanation; the accuracy there is less clear.
#
# For the CNN we take a peak of 0.003 and let it fall. Accuracy is not the reason: at this rate the intervals show
# neither a gain nor harm. But since the weights come to rest, it matters less which of the last epochs we keep. That
# the small network's result holds for the CNN is an assumption; a careful project would repeat the experiment on the
# CNN.

# %%
epochs = max(6, math.ceil(120 / len(train)))
schedule = optax.cosine_decay_schedule(3e-3, decay_steps=epochs * len(train))
optimizer = optax.adam(schedule)

figure, axes = plt.subplots(figsize=(5, 2.0))
axes.plot([schedule(step) for step in range(0, epochs * len(train) + 1, len(train))])
axes.set(xlabel="epoch", title="learning rate", ylim=(0, None))
plt.show()

# %% [markdown]
# A new optimiser needs a new program: its update differs, and so does the structure of its state, since the schedule
# needs a counter. We compile it before the start.

# %%
start = init_state(jax.random.key(0), model, optimizer)
state_spec = jax.eval_shape(lambda: start)
train_step = jax.jit(make_train_step(model, optimizer), donate_argnums=0).lower(state_spec, train.spec).compile()

# %% [markdown]
# Files go into `models/02_flax_mnist_cnn/` in the course's folder, or in `~/.cache/jax-course` where that is read-only.
# Each run of this notebook makes a new folder there, `run-1`, `run-2` …, so nothing from an earlier run is overwritten.


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


run = new_run(paths.MODELS / "02_flax_mnist_cnn")

# %% [markdown]
# Now train. You may stop this cell at any time (■, or Ctrl-C) and run it again: it resumes after the last whole epoch.

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

# %% [markdown]
# The history holds one value for each epoch. The dotted line marks the epoch whose weights were kept.

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
# At first both losses fall. (In the first epoch the *training* loss is often the higher one: it is averaged over an
# epoch in which the network is still improving, while validation comes after it.) Where the training loss keeps falling
# and the validation loss flattens, the network is learning *these* digits and not digits in general. We kept the epoch
# with the lowest validation loss and continue with its weights.
#
# Did we get back from disk what was saved? We evaluate it once more; the loss must be the one in the history.

# %%
val_loss, val_accuracy = evaluate(eval_step, best.params, validation)
print("the same loss as when it was saved:", math.isclose(val_loss, history["val_loss"][best_epoch - 1], rel_tol=1e-5))
print(f"validation accuracy: {100 * val_accuracy:.2f} %")

# %% [markdown]
# **Quick questions**
#
# <details><summary>Why do both schedules get the same keys?</summary>
#
# So that each pair of runs differs in the schedule alone. What the seed contributes is the same on both sides and drops
# out of the difference, which makes the interval narrower.
#
# </details>
#
# <details><summary>Is the validation accuracy of the kept epoch a fair estimate for new digits?</summary>
#
# It tends to be a little too high: the epoch was chosen because it did best on these very digits. That is what the test
# set is for.
#
# </details>

# %% [markdown]
# ## 10 · The test set, opened once
#
# Everything is decided: weights, epochs, learning rate. Now we use the test set, which has played no part in any
# choice.

# %%
test_loss, test_accuracy = evaluate(eval_step, best.params, test)
error = math.sqrt(test_accuracy * (1 - test_accuracy) / test.examples)
print(f"test accuracy: {100 * test_accuracy:.2f} % ± {100 * error:.2f} % (one standard error)")

# %% [markdown]
# This is the accuracy on the data named in part 1. A result on the course's sample, with its few hundred coarse digits,
# says nothing about MNIST.
#
# The ± says how much the accuracy would vary from one test set of this size to another, if the digits were drawn
# independently. They are not independent: one writer contributes many. So the true uncertainty is probably larger.
#
# On the course's sample the test accuracy is well below the validation accuracy. A likely reason is who wrote the
# digits. Validation digits were taken from the same pile as the training digits, so the same people wrote both. The
# sample has only 13 writers ([Alpaydin and Kaynak,
# 1998](https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits)). Its test digits are the last
# 360 of the file (`utils/samples/digits.py`) and not a random selection, so the mix of writers may differ. On MNIST
# nobody wrote both training and test digits ([LeCun, Cortes and Burges](https://yann.lecun.org/exdb/mnist/)). A
# validation set from the same pile can tell you which *epoch* to keep. Only other people's digits can tell you how a
# model does on other people's digits.
#
# One number hides *which* digits are confused. First we collect all predictions and drop the blanks (with NumPy and
# outside `jit`, because the shape of the result depends on values):

# %%
predict = jax.jit(model.apply)
images, labels, log_p = [], [], []
for batch in test.epoch(0):
    real = np.asarray(batch.mask)
    images.append(np.asarray(batch.image)[real])
    labels.append(np.asarray(batch.label)[real])
    log_p.append(np.asarray(predict(best.params, batch.image))[real])
images, labels, log_p = map(np.concatenate, (images, labels, log_p))  # [N, 28, 28, 1], [N], [N, 10]

# %% [markdown]
# Then we count. In the matrix each row is a true digit and each column a predicted one.

# %%
predicted = log_p.argmax(axis=1)
matrix = np.zeros((10, 10), int)
np.add.at(matrix, (labels, predicted), 1)
plots.confusion(matrix, test.classes, title="test digits")
plt.show()

# %% [markdown]
# Now the mistakes themselves, the most confident first. Above each image are the true digit, what the network read, and
# how confident it was. Would you have read them all correctly?

# %%
wrong = np.flatnonzero(predicted != labels)
wrong = wrong[np.argsort(-log_p[wrong, predicted[wrong]])][:18]
if len(wrong):
    titles = [f"{labels[i]} read as {predicted[i]}\n{100 * np.exp(log_p[i, predicted[i]]):.0f} %" for i in wrong]
    plots.images(images[wrong], titles=titles, columns=9, size=1.0)
else:
    print("no mistakes: look at the least certain answers instead, in log_p")

# %% [markdown]
# Look at such images in every project. Confident mistakes are a good place to find wrong labels: [Northcutt et al.,
# 2021](https://arxiv.org/abs/2103.14749) found wrong labels in ten well-known test sets, MNIST's among them, with a
# refined form of this idea.
#
# ### Can the percentages be believed?
#
# A network that says "90 %" ought to be right in nine of ten such cases. So over all test digits, its average
# confidence ought to equal its accuracy. The difference between the two is the mean of one number for each digit: the
# confidence, minus 1 where the answer was right. So it has a standard error too.

# %%
confidence = np.exp(log_p.max(axis=1))  # [N]
excess = confidence - (predicted == labels)  # [N]
excess_error = excess.std(ddof=1) / math.sqrt(len(excess))
print(f"says on average {100 * confidence.mean():.1f} %, is right in {100 * test_accuracy:.1f} %")
print(f"says too much by {100 * excess.mean():.1f} % ± {100 * excess_error:.1f} % (one standard error)")

# %% [markdown]
# If the excess is more than two standard errors above zero, the network is overconfident on these digits. On the
# course's sample it falls short of that: a hint, but no more. Large networks often are overconfident ([Guo et al.,
# 2017](https://arxiv.org/abs/1706.04599)): once every training digit is right, the training loss can fall further only
# if the network becomes more confident. That paper's remedy, temperature scaling, divides the logits by one number,
# fitted on the validation set.
#
# ### Is one network better than another?
#
# Is this CNN better than one network without convolutions? We train such a network, with 256 hidden units, on the same
# batches with the same optimiser. We take its weights from the end of training, where the rate has fallen to zero.

# %%
dense = Perceptron(hidden=256)
dense_step = jax.jit(make_train_step(dense, optimizer), donate_argnums=0)
dense_state = init_state(jax.random.key(0), dense, optimizer)
for epoch in range(epochs):
    for batch in train.epoch(epoch):
        dense_state, _ = dense_step(dense_state, batch)

dense_predicted = np.asarray(jax.jit(dense.apply)(dense_state.params, images)).argmax(axis=1)  # [N]
dense_accuracy = (dense_predicted == labels).mean()
dense_error = math.sqrt(dense_accuracy * (1 - dense_accuracy) / len(labels))
print(f"with convolutions:    {100 * test_accuracy:.2f} % ± {100 * error:.2f} %")
print(f"without convolutions: {100 * dense_accuracy:.2f} % ± {100 * dense_error:.2f} %")

# %% [markdown]
# It is tempting to compare the difference with the two ±. That is the wrong test, because both networks saw the *same*
# digits. A digit that both read correctly, or neither did, says nothing about which is better, yet it counts in both ±.
# Only the digits on which exactly one of them is right can tell.
#
# <details><summary>Guess first: if the two networks were equally good, how would these digits be split between
# them?</summary>
#
# Like tosses of a fair coin. So count them, and ask how likely a fair coin is to give a split at least this uneven.
# That is the exact form of [McNemar's test](https://doi.org/10.1007/BF02295996).
#
# </details>

# %% tags=["nbval-ignore-output"]
right, dense_right = predicted == labels, dense_predicted == labels
only_cnn, only_dense = int(np.sum(right & ~dense_right)), int(np.sum(~right & dense_right))
split = only_cnn + only_dense
p_value = stats.binomtest(only_cnn, split, 0.5).pvalue if split else 1.0
unpaired = math.hypot(error, dense_error)
paired = math.sqrt(max(split - (only_cnn - only_dense) ** 2 / len(labels), 0)) / len(labels)

print(f"both right {np.sum(right & dense_right)}, neither {np.sum(~right & ~dense_right)}")
print(f"only the CNN right {only_cnn}, only the dense network right {only_dense}")
print(f"p-value of a split at least this uneven: {p_value:.2g}")
print(f"standard error of the difference: {100 * paired:.2f} % paired, {100 * unpaired:.2f} % if they were not")

# %% [markdown]
# A small p-value (below 0.05, say) means that so uneven a split would be rare for two equally good networks. A large
# one means that these test digits do not decide. It does *not* mean that the networks are equally good. On the course's
# sample the split favours the CNN, with a p-value below 0.05. The last line shows what pairing gains: the standard
# error is smaller than it would be if each network had its own test digits.
#
# The test has two limits. First, it compares *these two trained networks*, not the two kinds of network: for that,
# train each from several seeds, as in part 9. Second, it treats digits as independent, which they are not where one
# person wrote many. So with few writers, be cautious with a p-value that is not far below 0.05.
#
# **Quick questions**
#
# <details><summary>Network A is right on 95 of 100 digits and B on 90. A is right wherever B is. What is the
# p-value?</summary>
#
# Only five digits count, and all five favour A. A fair coin gives a split this uneven, one way or the other, with
# probability $2 \cdot 0.5^5 = 0.0625$.
#
# </details>
#
# <details><summary>You compare twenty variants with the baseline, and one has p = 0.04. What do you conclude?</summary>
#
# Little: among twenty variants that are no better, about one has a p-value below 0.05. Test that variant again, on
# other data or from other seeds.
#
# </details>

# %% [markdown]
# ## 11 · A look inside
#
# What did the network learn? The first layer's kernels are 3×3 pixels, so we can look at them directly: the largest
# weight is white, the smallest (most negative) black. The upper row shows the 32 kernels before training, the lower row
# the same kernels after it.

# %%
kernels = jnp.concatenate([tree["params"]["Conv_0"]["kernel"] for tree in (start.params, best.params)], axis=-1)
plots.images(jnp.moveaxis(kernels, -1, 0), columns=32, size=0.28, title="the kernels of Conv_0, before and after")
plt.show()

# %% [markdown]
# A kernel that is bright on one side and dark on the other responds to edges of one direction. The two rows look alike.
# How far has each layer's kernel moved, as a share of its initial norm (its length)?

# %%
for layer in sizes:
    first, now = (tree["params"][layer]["kernel"] for tree in (start.params, best.params))
    print(f"{layer}: moved by {100 * jnp.linalg.norm(now - first) / jnp.linalg.norm(first):.0f} % of its initial norm")

# %% [markdown]
# After training as short as the sample's, the first layer's kernels have moved by only a small part of their length:
# their patterns are mostly the random ones they started with. The later layers have changed more.
#
# What the kernels do is easier to see in their output. With `capture_intermediates` Flax also returns each layer's
# output, without a change to the model.

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
# The first maps still show the digit, and many pick out its edges in one direction. The second maps are coarser and
# combine the first ones; few of them can be given a name. The black ones respond weakly or not at all to this image.
#
# Which pixels mattered for the answer? In unit 01 we took gradients with respect to weights. We can also take the
# gradient with respect to the *image*: how much would the log-probability of the answer change if this pixel changed a
# little? Its absolute value is called a *saliency map* ([Simonyan et al., 2013](https://arxiv.org/abs/1312.6034)).
# `grad` gives the map of one image; `vmap` extends it to a batch.


# %%
def saliency(params, model: nn.Module, images: jax.Array) -> jax.Array:
    """How much each pixel moves the log-probability of the predicted class. [B, H, W, C] to [B, H, W]."""

    def answer(image):
        return model.apply(params, image[None])[0].max()

    return jnp.abs(jax.vmap(jax.grad(answer))(images)).max(axis=-1)


shown = np.array([np.flatnonzero(labels == digit)[0] for digit in range(10)])
jitted_saliency = jax.jit(saliency, static_argnums=1)
maps = jitted_saliency(best.params, model, images[shown])  # [10, 28, 28]
untrained_maps = jitted_saliency(start.params, model, images[shown])

figure, axes = plt.subplots(3, 10, figsize=(9, 3.1))
for column, index in enumerate(shown):
    axes[0, column].imshow(images[index, ..., 0], cmap="gray")
    axes[1, column].imshow(maps[column], cmap="magma")
    axes[2, column].imshow(untrained_maps[column], cmap="magma")
for place in axes.flat:
    place.axis("off")
figure.suptitle("ten digits; the pixels that matter to the network; the same before training", fontsize=11)
plt.show()

# %% [markdown]
# The bottom row is a check that every such picture needs: the same map for the *untrained* network. What appears in
# both rows need not have been learnt. [Adebayo et al., 2018](https://arxiv.org/abs/1810.03292) found that the maps of
# some popular methods hardly change when the weights are replaced by random ones.
#
# Numbers are easier to compare than colours. A frame of four pixels around the image, which digits seldom reach, makes
# up about half of its area.
#
# <details><summary>Guess first: how much of the saliency lies in the frame, for the trained and for the untrained
# network?</summary>
#
# If saliency were spread evenly, the frame would hold as large a share of it as of the area: about half. The next cell
# shows how far each network is from that.
#
# </details>

# %%
frame = np.ones((28, 28), bool)
frame[4:-4, 4:-4] = False
no_ink = images[shown, ..., 0] == images.min()  # [10, 28, 28]
print(f"the frame is {100 * frame.mean():.1f} % of the image; {100 * no_ink.mean():.1f} % of the pixels are black")
for name, values in (("trained", maps), ("untrained", untrained_maps)):
    shares = values / values.sum(axis=(1, 2), keepdims=True)  # each image adds up to 1
    in_frame, on_black = shares[:, frame].sum(axis=1).mean(), (shares * no_ink).sum(axis=(1, 2)).mean()
    print(f"{name:9} {100 * in_frame:.1f} % of the saliency in the frame, {100 * on_black:.1f} % on black pixels")

# %% [markdown]
# On the course's sample the untrained network's saliency is spread almost evenly: the frame and the black pixels hold
# nearly as large a share of it as of the area. Training has moved it towards the strokes. In the pictures above, the
# part that lies on black pixels is mostly close to a stroke, where more ink might make another digit.
#
# A saliency map is a hint, not a proof. But a network whose saliency lies in the margin has probably found something
# other than digits, and that happens in practice. [Lapuschkin et al., 2019](https://arxiv.org/abs/1902.10178) found a
# classifier that recognised horses by a copyright notice in the corner. In a study of pneumonia detection, networks
# could tell which hospital an X-ray came from, and in three of five comparisons they did worse on X-rays from other
# hospitals ([Zech et al., 2018](https://arxiv.org/abs/1807.00431)).
#
# **Quick questions**
#
# <details><summary>Why is <code>vmap(grad(answer))</code> used, and not <code>grad</code> of the sum over the
# batch?</summary>
#
# Here both give the same, since no image influences another one's answer. With layers that mix the batch, such as
# BatchNorm in training, they would not. `vmap` says directly what we mean: one gradient per image.
#
# </details>
#
# <details><summary>The log-probability of a very confident answer is near 0 and can hardly rise. Is its saliency
# zero?</summary>
#
# Not zero, but small: the gradient of the log-probability shrinks with $1 - p$. That is why each image's map is drawn
# on its own scale. The exercises take the gradient of the logit instead.
#
# </details>

# %% [markdown]
# ## 12 · Shipping the weights
#
# A checkpoint is for resuming. To hand a model to somebody else, a single file with only the weights is better.
# [**safetensors**](https://github.com/huggingface/safetensors) is such a format: a short header that says what is
# there, then the numbers. Names are flat, so the tree becomes `"Conv_0/kernel"` and so on. The file is written under
# another name first and then renamed, so that an interrupted write never leaves half a file under the right name.


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
same = jax.tree.map(lambda a, b: bool(jnp.array_equal(a, b)), shipped, best.params)
print("the same weights, to the bit:", all(jax.tree.leaves(same)))

# %% [markdown]
# The format is so simple that a few lines of Python read it without any library: the first eight bytes give the length
# of the header, which is JSON. Nothing in the file can be *run*.

# %%
with weights_file.open("rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
print(header.pop("__metadata__")["model"])
for name, entry in sorted(header.items()):
    print(f"{name:15} {entry['dtype']} {entry['shape']}")

# %% [markdown]
# Why not `pickle`, which the blog post used, and which takes two lines?
#
# <details><summary>Guess first: the cell below pickles an object and loads the pickle again, nothing more. What can
# loading do?</summary>
#
# Anything. A pickle is a little program that builds an object, and *loading it runs it*. [Python's
# documentation](https://docs.python.org/3/library/pickle.html) begins with that warning. This pickle only prints, but
# it could just as well delete your files.
#
# </details>


# %%
class LooksLikeWeights:
    """When unpickled it calls whatever it likes; here, print."""

    def __reduce__(self):
        return print, ("this line was run by pickle.loads, chosen by whoever wrote the file",)


received = pickle.dumps(LooksLikeWeights())
pickle.loads(received)

# %% [markdown]
# So never load a pickle from a source you do not trust. What about a damaged safetensors file? We cut off the last
# kilobyte:

# %%
with tempfile.TemporaryDirectory() as folder:
    damaged = Path(folder) / "cnn.safetensors"
    damaged.write_bytes(weights_file.read_bytes()[:-1000])
    try:
        load_weights(damaged)
    except safetensors.SafetensorError as error:
        print("refused:", type(error).__name__)

# %% [markdown]
# The weights are safe in one file, so this run's checkpoints are no longer needed. The next cell shows how much space
# each takes and then deletes the checkpoints. Skip it if you want to train on from them.

# %%
for checkpoint in sorted((run / "checkpoints").iterdir()):
    size = sum(path.stat().st_size for path in checkpoint.rglob("*") if path.is_file())
    print(f"{'a checkpoint':12} {size / 1e6:.1f} MB")
print(f"{'the weights':12} {weights_file.stat().st_size / 1e6:.1f} MB")
shutil.rmtree(run / "checkpoints")
print("left in the run's folder:", *sorted(path.name for path in run.iterdir()))

# %% [markdown]
# **Quick questions**
#
# <details><summary>Why is a checkpoint about three times as large as the file of weights?</summary>
#
# Adam's two averages for each weight are in it (part 4). Orbax also compresses, so the factor is not exactly three.
#
# </details>
#
# <details><summary>What does a reader of the file still need to use the model?</summary>
#
# The code of the model, and how the images were normalised. Neither is in the weights, so write both down: `notes` is
# the place.
#
# </details>

# %% [markdown]
# ## 13 · The same network in Flax NNX
#
# Linen keeps the weights outside the module. In **NNX**, Flax's newer interface, a module is a Python object that
# *holds* its weights. Here is the network once more.


# %%
class NNXCNN(nnx.Module):
    """The same network; sizes of inputs are stated, weights are attributes."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.conv_0 = nnx.Conv(1, 32, kernel_size=(3, 3), rngs=rngs)
        self.conv_1 = nnx.Conv(32, 64, kernel_size=(3, 3), rngs=rngs)
        self.dense_0 = nnx.Linear(7 * 7 * 64, 256, rngs=rngs)
        self.dense_1 = nnx.Linear(256, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.avg_pool(nnx.relu(self.conv_0(x)), (2, 2), strides=(2, 2))  # [B, 14, 14, 32]
        x = nnx.avg_pool(nnx.relu(self.conv_1(x)), (2, 2), strides=(2, 2))  # [B, 7, 7, 64]
        x = x.reshape((x.shape[0], -1))  # [B, 3136]
        x = nnx.relu(self.dense_0(x))
        return nnx.log_softmax(self.dense_1(x))


# %% [markdown]
# Here we choose the layers' names: they are the names of the attributes. If they correspond to Linen's, weights move
# across by name. `nnx.eval_shape` makes a model that has shapes but no values, so no random weights are drawn only to
# be overwritten. We take the file that was written from Linen:


# %%
def from_linen(params: dict) -> NNXCNN:
    """An NNX model with the Linen model's weights."""
    twin = nnx.eval_shape(lambda: NNXCNN(rngs=nnx.Rngs(0)))
    nnx.update(twin, {name.lower(): jax.tree.map(jnp.asarray, leaves) for name, leaves in params["params"].items()})
    return twin


nnx_model = from_linen(load_weights(weights_file))
same = np.allclose(nnx_model(images), log_p, atol=1e-5)
print("the same log-probabilities for all test digits, within 1e-5:", bool(same))

# %% [markdown]
# To use a Linen model inside NNX code you need not rewrite it: `nnx.bridge.ToNNX` wraps it
# ([guide](https://flax.readthedocs.io/en/latest/guides/bridge_guide.html)). The wrapper then holds the weights.

# %%
wrapped = nnx.bridge.ToNNX(model, rngs=nnx.Rngs(0)).lazy_init(images[:1])
nnx.update(wrapped, jax.tree.map(jnp.asarray, shipped["params"]))
print("wrapped, within 1e-5:", bool(np.allclose(wrapped(images), log_p, atol=1e-5)))

# %% [markdown]
# ### What changes in a training step
#
# In Linen, the state goes in and a new state comes out. In NNX the step *changes* the model and the optimiser it is
# given. `nnx.jit` and `nnx.grad` do for such objects what `jax.jit` and `jax.grad` do for pytrees: they take the arrays
# out, run a pure function, and put the results back.
#
# <details><summary>Guess first: from the same weights, with the same batches, will the two steps give the same
# losses?</summary>
#
# Yes, up to rounding. The arithmetic is the same; only the place where the arrays are kept differs.
#
# </details>


# %%
@nnx.jit
def nnx_step(model: NNXCNN, optimizer: nnx.Optimizer, batch: data.Batch) -> Sums:
    """One step; model and optimizer are changed in place."""

    def loss_fn(model):
        sums = batch_sums(model(batch.image), batch)
        return sums.loss / sums.count, sums

    gradients, sums = nnx.grad(loss_fn, has_aux=True)(model)
    optimizer.update(model, gradients)
    return sums


nnx_model = from_linen(start.params)
nnx_optimizer = nnx.Optimizer(nnx_model, optimizer, wrt=nnx.Param)
linen_state, linen_losses, nnx_losses = jax.tree.map(jnp.copy, start), [], []
for batch in itertools.islice(train.epoch(0), 10):
    linen_state, sums = train_step(linen_state, batch)
    linen_losses.append(sums.loss / sums.count)
    sums = nnx_step(nnx_model, nnx_optimizer, batch)
    nnx_losses.append(sums.loss / sums.count)
print("ten steps, losses agree within 0.01:", bool(np.allclose(linen_losses, nnx_losses, atol=0.01)))

# %% [markdown]
# Mutable objects have a price: a second name is not a copy. `kept = nnx_model` would keep nothing, because the next
# step changes the one object that both names refer to. `nnx.clone` copies.

# %%
alias, copied = nnx_model, nnx.clone(nnx_model)
nnx_step(nnx_model, nnx_optimizer, batch)
for name, kept in (("alias", alias), ("copied", copied)):
    same = bool(jnp.array_equal(kept.dense_1.bias[...], nnx_model.dense_1.bias[...]))
    print(f"{name:6} has changed with the model: {same}")

# %% [markdown]
# You can also get the pure function back. `nnx.split` takes a model apart into its structure (`graphdef`, static) and
# its arrays (`weights`, a pytree); `nnx.merge` puts them together again. In between, everything in this unit applies:
# `jax.jit`, `vmap` over seeds, ahead-of-time compilation, Orbax. (Modules themselves are [registered as
# pytrees](https://flax.readthedocs.io/en/latest/guides/pytree.html), so `jax.jit` accepts them as arguments, too.)

# %%
graphdef, weights = nnx.split(nnx_model)


@jax.jit
def apply(weights, images):
    """`apply` of Linen, made from an NNX model."""
    return nnx.merge(graphdef, weights)(images)


print(f"{sum(leaf.size for leaf in jax.tree.leaves(weights)):,} weights in a pytree")
print("pure and compiled, within 1e-5:", bool(np.allclose(apply(weights, images), nnx_model(images), atol=1e-5)))

# %% [markdown]
# | | Linen | NNX |
# | --- | --- | --- |
# | weights | a pytree outside the module | attributes of the module |
# | shapes of inputs | found by `init` from an example | stated in the constructor |
# | layers' names | by class and order, or `name=` | the attributes' names |
# | a step | returns the new state | changes its arguments |
# | transformations | `jax.jit`, `jax.grad` | `nnx.jit`, `nnx.grad`, or JAX's own between `split` and `merge` |
# | state besides weights | collections, `mutable=[...]` | types of variables, such as `nnx.BatchStat` |
# | keeping a copy | a second name will do, unless donated | `nnx.clone` |
#
# Which one should you start with? For a **new project take NNX**. Its maintainers recommend it to new users, and their
# tutorials use it. Use **Linen** where your project, or the code you build on, already does. Much published JAX code is
# written in Linen: [big_vision](https://github.com/google-research/big_vision) and
# [vision_transformer](https://github.com/google-research/vision_transformer), for example. This course uses Linen and
# Haiku because both keep weights as a plain pytree; `split` and `merge` give you one in NNX as well.
#
# **Quick questions**
#
# <details><summary>Why does <code>from_linen</code> turn the names into lower case?</summary>
#
# Linen's layers are called `Conv_0`, `Dense_1`; the attributes of `NNXCNN` are called `conv_0`, `dense_1`. Kernels need
# no change: both have `[height, width, in, out]`.
#
# </details>
#
# <details><summary>Where is the step counter in the NNX version?</summary>
#
# In the optimiser: `nnx_optimizer.step`, and in the schedule's own counter in `nnx_optimizer.opt_state`.
#
# </details>

# %% [markdown]
# ## 14 · A fair race: the same model in Keras
#
# The blog post ends with a bar chart of JAX against TensorFlow, and finds that JAX "can increase the speed
# significantly". Three things spoil that race. Keras was given all 60,000 training images, but JAX only the 48,000 that
# its validation split left over. JAX's validation ran without `jit` (part 7). And the Keras twin had `padding="valid"`,
# Keras's default, where Flax pads: it was *another model*. How different was it?


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
# With `"valid"` the twin has about half the weights, and smaller feature maps to work on. With `"same"` the count
# agrees. But equal counts prove little, so we copy the weights across and compare the *answers*. Both frameworks keep
# channels last and kernels as `[height, width, in, out]`, so the arrays fit as they are.


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
# - the same initial weights, the same images already in memory, the same batches in the same order, the same Adam;
# - both on the CPU, since the TensorFlow that comes with the course has no GPU code (on a machine with a GPU, JAX is
#   told not to use it here);
# - one call a step for both: Keras's `train_on_batch` and `test_on_batch` against a jitted function, because
#   `fit` would build a data pipeline each time, and that would be timed too (one difference remains, in
#   JAX's favour: Keras returns each step's loss as a number and has to wait for it; JAX waits only at the end);
# - the first step, which compiles, is timed apart from later ones, and training apart from evaluation;
# - several rounds, taking turns, so that a busy moment of the machine hits both; the median counts, the range is drawn.
#
# <details><summary>Guess first: who will be faster on your machine, in the first step, in training, in
# evaluation?</summary>
#
# Write down three guesses before you run the race. The three need not have the same winner.
#
# </details>


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
# The thousand digits from part 6, without the short last batch, make 15 steps an epoch.


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
# The losses agree, so both did the same work. Which was faster?

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
# The darker bar is the faster one *on the machine that ran this notebook*. Keep three points in mind when you read it.
#
# - On many x86 processors TensorFlow calls oneDNN, a library tuned for them ([TensorFlow's release
#   notes](https://github.com/tensorflow/tensorflow/blob/master/RELEASE.md), versions 2.9 and 2.15). JAX's programs are
#   compiled by XLA. Which is faster depends on the processor, the sizes of the maps and the batch. So "JAX is faster
#   than Keras" says little. "Faster with this model, this batch size and this machine" can be measured.
# - The range matters as much as the median. Where the thin lines overlap, three rounds do not name a winner.
# - Keras can use XLA too: write `keras_twin(jit_compile=True)` in `keras_contestant`, race again, and look at the
#   first step.
#
# Speed is not the only reason to choose a framework. What JAX gives you is composability. The same pure function was
# jitted, differentiated with respect to weights *and* pixels, vmapped over images and over seeds, and compiled ahead of
# time. And because its state is a plain pytree, training could resume from a file.

# %% [markdown]
# ### The same model four ways
#
# One race on your machine, with one opponent, is a start. The course also keeps the results of a longer race for each
# of its models between JAX, PyTorch as it comes, compiled PyTorch (`torch.compile`) and, for this model and the next
# unit's, Keras. All use the same arrays in memory, batch size, optimiser and precision. Each run is a process of its
# own, and they take turns for three rounds. `python -m utils race cnn` runs it on your machine and puts your result
# beside ours. The course does not install PyTorch; without it, JAX races only Keras. The README says how to add it.

# %% tags=["nbval-ignore-output"]
report.show("cnn")

# %% [markdown]
# There is a table for each machine that ran the race; the second processor is older, and several times slower than the
# first. Each table gives the images per second of every entrant, in training and in evaluation, with the first epoch on
# lines of its own. The last two columns compare JAX, as this lesson has it and as unit 06 makes it, with each of the
# others. They say how many times as fast JAX was: the median of the rounds, with the lowest and the highest round in
# brackets. Where that range includes 1×, there is no clear winner.
#
# Left: seconds per epoch, on a logarithmic scale. The first epoch includes compilation: JAX, compiled PyTorch and Keras
# (whose step is a compiled graph) start high and then fall, while plain PyTorch compiles nothing and changes least.
# Right: images per second, dark for the later epochs and pale for the first one; the thin lines reach from the slowest
# round to the fastest.
#
# Compare the phases, the lines on first steps and the processors: the order of the entrants changes from one to the
# next. After the first epoch, JAX with unit 06's options has the highest median in training on both EPYC processors and
# in evaluation on the older one (where neither lead is clear). Compiled PyTorch has it in evaluation on the newer one,
# and in both on the Xeon. With these options JAX reaches 0.78 to 1.07 times the speed of the fastest other framework in
# training and 0.71 to 1.00 times in evaluation; as this lesson has it, 0.58 to 0.91 and 0.67 to 0.91 times. (What is
# left is [looked into](../ressources/findings/what_is_left.md) beside this course's other findings.) So a single row
# cannot support "X is faster than Y". (`torch.compile` writes C++ and calls a compiler, which makes its first step
# long. Normally it [keeps the result on
# disk](https://docs.pytorch.org/tutorials/recipes/torch_compile_caching_configuration_tutorial.html) for the next time;
# in these races no entrant may use what an earlier run has compiled.)
#
# **Quick questions**
#
# <details><summary>Why is the first epoch told apart from the others?</summary>
#
# It includes compiling. The two answer two questions: how long until it runs, and how fast it runs then. One mean of
# both would answer neither.
#
# </details>
#
# <details><summary>JAX was 1.05 times as fast, and the rounds range from 0.9 to 1.2. What do you report?</summary>
#
# That these runs do not tell the two apart, and the range.
#
# </details>

# %% [markdown]
# ## 15 · For the record
#
# The last cell prints the main results of this run, so that you can compare them with those of another run or machine.


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
# - A Linen module describes the layers; the weights are a pytree outside it. `init` makes them, `apply` uses them, and
#   both are pure. An NNX module holds its weights; `split` gives you the pytree, and `merge` takes it back.
# - `train_step(state, batch) -> (state, sums)`. Keep all that changes in the state; then saving, resuming and compiling
#   are easy.
# - Add up sums under a mask and divide once; do not average averages.
# - Shapes are part of a program. `jit(f).lower(specs).compile()` compiles once, before the start, and refuses what does
#   not fit. A warm-up with another shape compiles a program that nobody uses.
# - Stop a clock after `block_until_ready`. In the loop, don't ask for values in every step.
# - Donated memory is gone: copy what you want to keep.
# - Compare two methods from several seeds, pair by pair, and conclude what the interval allows. Compare two trained
#   models on the same test set by the digits on which they differ.
# - Choose by validation, test once, and report the standard error.
# - Orbax to resume, safetensors to ship, never a pickle from elsewhere.
# - Two models are the same when the same weights give the same answers; only then is a race worth running.
#
# **Now you:** in `exercises/02_flax_mnist_cnn` you write these pieces yourself, each with a check that gives immediate
# feedback. Unit 03 trains a larger network on colour images, with Haiku, and fights overfitting.

# %% [markdown]
# ## Sources and further reading
#
# - The blog post: ravialdy, "What are JAX and Flax? Why those Deep Learning Frameworks can be Very Important?", 5
#   October 2023, [`ravialdy/ravialdy.github.io`](https://github.com/ravialdy/ravialdy.github.io),
#   `_posts/2023-10-05-jaxflax.md`; its notebook is `assets/jupyter/Jax_and_Flax_Intro.ipynb` there.
# - Data: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proceedings of
#   the IEEE 86, 1998, [doi:10.1109/5.726791](https://doi.org/10.1109/5.726791), and [the MNIST
#   page](https://yann.lecun.org/exdb/mnist/). Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI,
#   1998 ([data set 80](https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits)), from which
#   [scikit-learn's digits](https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_digits.html) come.
# - Training: Kingma and Ba, "Adam: a method for stochastic optimization", 2014,
#   [arXiv:1412.6980](https://arxiv.org/abs/1412.6980). Loshchilov and Hutter, "SGDR: stochastic gradient descent with
#   warm restarts", 2016, [arXiv:1608.03983](https://arxiv.org/abs/1608.03983): the cosine. Zhang, Bengio, Hardt, Recht
#   and Vinyals, "Understanding deep learning requires rethinking generalization", 2016,
#   [arXiv:1611.03530](https://arxiv.org/abs/1611.03530). Karpathy, ["A Recipe for Training Neural
#   Networks"](https://karpathy.github.io/2019/04/25/recipe/), 2019.
# - Testing: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
#   Psychometrika 12, 1947, [doi:10.1007/BF02295996](https://doi.org/10.1007/BF02295996). Dietterich, "Approximate
#   statistical tests for comparing supervised classification learning algorithms", Neural Computation 10, 1998,
#   [doi:10.1162/089976698300017197](https://doi.org/10.1162/089976698300017197). Guo, Pleiss, Sun and Weinberger, "On
#   calibration of modern neural networks", 2017, [arXiv:1706.04599](https://arxiv.org/abs/1706.04599). Northcutt,
#   Athalye and Mueller, "Pervasive label errors in test sets destabilize machine learning benchmarks", 2021,
#   [arXiv:2103.14749](https://arxiv.org/abs/2103.14749).
# - Saliency: Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks: visualising image classification
#   models and saliency maps", 2013, [arXiv:1312.6034](https://arxiv.org/abs/1312.6034). Adebayo et al., "Sanity checks
#   for saliency maps", 2018, [arXiv:1810.03292](https://arxiv.org/abs/1810.03292). Lapuschkin et al., "Unmasking Clever
#   Hans predictors and assessing what machines really learn", 2019,
#   [arXiv:1902.10178](https://arxiv.org/abs/1902.10178). Zech et al., "Confounding variables can degrade generalization
#   performance of radiological deep learning models", 2018, [arXiv:1807.00431](https://arxiv.org/abs/1807.00431).
# - Flax: [NNX and the choice between the two](https://flax.readthedocs.io/en/latest/why.html), [Linen and NNX
#   together](https://flax.readthedocs.io/en/latest/guides/bridge_guide.html), [from Linen to
#   NNX](https://flax.readthedocs.io/en/latest/migrating/linen_to_nnx.html), and the [documentation of
#   Linen](https://flax-linen.readthedocs.io). Code in Linen:
#   [big_vision](https://github.com/google-research/big_vision),
#   [vision_transformer](https://github.com/google-research/vision_transformer).
# - The documentation of [optax](https://optax.readthedocs.io), [Orbax](https://orbax.readthedocs.io),
#   [safetensors](https://github.com/huggingface/safetensors), Python on
#   [`pickle`](https://docs.python.org/3/library/pickle.html), and JAX on [ahead-of-time
#   compilation](https://docs.jax.dev/en/latest/201/aot.html). TensorFlow's [release
#   notes](https://github.com/tensorflow/tensorflow/blob/master/RELEASE.md) on oneDNN.
