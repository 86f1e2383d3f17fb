# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Exercises: a network that reads digits
#
# The lesson showed each part of a training run. Now you write them: the loss, a network, the training step, its
# compilation, the evaluation, keeping the best weights, packing them, and a look at what the network looks at. At the
# end your own pieces train a network.
#
# Each exercise stands by itself: replace the line `raise NotImplementedError("your code here")`, run the cell, then the
# check cell below it. A check that is not happy says what is likely wrong, and whose version the notebook goes on with.
# Run `check.hint("NAME")` in a cell of your own for a hint; there are three to each exercise.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*sys.path, *Path.cwd().parents, Path.home() / ".cache/jax-course"]  # the course's code: installed, above, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

from typing import NamedTuple

import flax
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import safetensors.numpy
from flax import linen as nn

from utils import checks, data, plots
from utils.progress import track

check = checks.unit("02_flax_mnist_cnn")

# %%
train = data.load("mnist", "train[:80%]", batch_size=64, shuffle=True, seed=0)
validation = data.load("mnist", "train[80%:]", batch_size=64)
digits = next(iter(validation))  # a fixed batch to look at: image [64, 28, 28, 1], label [64], mask [64]

# %% [markdown]
# ## Exercise 1: what a wrong answer costs ★☆☆ (5 minutes, 1 point)
#
# Write the mean cross-entropy of integer labels by hand. In plain NumPy, for one example at a time:
#
# ```python
# total = 0.0
# for z, y in zip(logits, labels):                       # z: ten scores, y: the right digit
#     total += -(z[y] - np.log(np.sum(np.exp(z))))       # minus the log-probability of the right digit
# return total / len(labels)
# ```
#
# Yours has no loop, works under `jax.jit` and `jax.grad`, and stays finite, as does its gradient, when a score is 1000
# (`np.exp(1000)` is not): `jax.nn.log_softmax` takes care of that. Stuck? `check.hint("cross_entropy")`.


# %%
def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean cross-entropy.

    logits: [B, K] float32; labels: [B] int32, in 0..K-1. Returns a float32 scalar.
    """
    raise NotImplementedError("your code here")


# %%
cross_entropy = check.cross_entropy(cross_entropy)

# %% [markdown]
# What does your loss say about one answer, as the score of the right digit moves away from the other nine, which are 0?

# %%
scores = jnp.linspace(-6, 6, 61)
costs = [cross_entropy(score * jax.nn.one_hot(jnp.array([3]), 10), jnp.array([3])) for score in scores]
figure, axes = plt.subplots(figsize=(5, 2.4))
axes.plot(scores, costs)
axes.axhline(np.log(10), color="black", linewidth=1, linestyle="--")
axes.annotate("a guess: log 10", (-6, np.log(10)), xytext=(0, 4), textcoords="offset points")
axes.set(xlabel="score of the right digit", ylabel="cross-entropy")
plt.show()

# %% [markdown]
# ## Exercise 2: a network ★★☆ (15 minutes, 3 points)
#
# Write a smaller relative of the lesson's network as a Flax Linen module with `@nn.compact`. This time it returns
# plain *logits*: nothing after the last layer.
#
# | layer | result |
# | --- | --- |
# | the images | `[B, 28, 28, 1]` |
# | convolution, 16 features, 3×3; ReLU | `[B, 28, 28, 16]` |
# | mean over 2×2 windows, side by side | `[B, 14, 14, 16]` |
# | convolution, 32 features, 3×3; ReLU | `[B, 14, 14, 32]` |
# | mean over 2×2 windows, side by side | `[B, 7, 7, 32]` |
# | one row an image | `[B, 1568]` |
# | dense, 64 features; ReLU | `[B, 64]` |
# | dense, 10 features | `[B, 10]` |
#
# Leave the layers' names to Flax (`Conv_0`, `Conv_1`, `Dense_0`, `Dense_1`). Stuck? `check.hint("SmallCNN")`.


# %%
class SmallCNN(nn.Module):
    """A small convolutional network. Called on `[B, 28, 28, 1]` float32, it returns logits `[B, 10]`."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        raise NotImplementedError("your code here")


# %%
SmallCNN = check.SmallCNN(SmallCNN)

# %% [markdown]
# Sixteen kernels, not yet trained, and what each makes of a digit:

# %%
model = SmallCNN()
params = model.init(jax.random.key(0), digits.image[:1])
_, captured = model.apply(params, digits.image[:1], capture_intermediates=True, mutable=["intermediates"])
maps = captured["intermediates"]["Conv_0"]["__call__"][0][0]  # [28, 28, 16]
plots.images(jnp.moveaxis(maps, -1, 0), columns=16, size=0.6)
print(f"{sum(leaf.size for leaf in jax.tree.leaves(params)):,} weights")

# %% [markdown]
# ## Exercise 3: the training step ★★★ (15 minutes, 3 points)
#
# One step of training as a pure function: state and batch in, new state and loss out.
#
# 1. The loss is the mean cross-entropy over the *real* examples of the batch, those with `batch.mask` true. Use
#    `optax.softmax_cross_entropy_with_integer_labels`, which gives one loss for each example.
# 2. Its gradient with respect to the weights, together with its value.
# 3. Ask the optimiser for its updates and its new state, *add* the updates to the weights, count the step.
#
# `apply_fn(params, images)` returns logits. Return the loss *before* the update: it comes with the gradient for free.
# Stuck? `check.hint("train_step")`.


# %%
class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32, updates so far
    params: dict
    opt_state: optax.OptState


# %%
def train_step(state: TrainState, batch: data.Batch, apply_fn, optimizer) -> tuple[TrainState, jax.Array]:
    """One step of gradient descent.

    batch: image [B, H, W, C] float32, label [B] int32, mask [B] bool, with at least one real example.
    Returns the new state and the loss, a float32 scalar.
    """

    raise NotImplementedError("your code here")


# %%
train_step = check.train_step(train_step)

# %% [markdown]
# Can it learn one batch by heart? Whichever step the check handed back, yours or the course's, must be able to.

# %%
optimizer = optax.adam(1e-3)
state = TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params))
by_heart = jax.jit(train_step, static_argnums=(2, 3))
losses = []
for _ in range(60):
    state, loss = by_heart(state, digits, model.apply, optimizer)
    losses.append(loss)
print("learnt by heart:", bool(losses[-1] < 0.2))
plots.curves({"loss": [float(loss) for loss in losses]}, xlabel="step")
plt.show()

# %% [markdown]
# ## Exercise 4: compiled ahead of time ★★☆ (8 minutes, 2 points)
#
# Turn a step `step(state, batch)` into *one* compiled program, before there is any data: from descriptions of its
# arguments (trees of `jax.ShapeDtypeStruct`). The program may use the old state's memory for the new one; the batch is
# not given away. Stuck? `check.hint("compile_step")`.


# %%
def compile_step(step, state_spec, batch_spec):
    """The program of `step` for these shapes, a `jax.stages.Compiled`. The state is donated, the batch is not."""
    raise NotImplementedError("your code here")


# %%
compile_step = check.compile_step(compile_step)

# %% [markdown]
# Your program for this unit's batches. It knows what it needs before it has run:


# %%
def init_state(key: jax.Array, model: nn.Module, optimizer) -> TrainState:
    """The state before the first step."""
    params = model.init(key, jnp.zeros((1, 28, 28, 1)))
    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params))


state_spec = jax.eval_shape(lambda: init_state(jax.random.key(0), model, optimizer))
program = compile_step(lambda state, batch: train_step(state, batch, model.apply, optimizer), state_spec, train.spec)
needs = program.memory_analysis()
print(
    f"arguments {needs.argument_size_in_bytes / 1e6:.1f} MB, of which reused {needs.alias_size_in_bytes / 1e6:.1f} MB"
)

# %% [markdown]
# ## Exercise 5: evaluation over padded batches ★★☆ (12 minutes, 3 points)
#
# Mean loss and accuracy over *all real examples* of all batches. The last batch is filled up with blanks, which have
# image 0 and label 0, and `mask` false. In plain Python:
#
# ```python
# for batch in batches:
#     for image, label, real in zip(*batch):
#         if real:
#             ...                         # add its loss, count it, count whether it is right
# return total_loss / count, hits / count
# ```
#
# Do it a batch at a time. `predict(params, images)` is jitted and gives logits `[B, K]`; always call it with whole
# batches, because each new shape compiles a new program. As in exercise 1, a score of 1000 leaves the loss finite.
# Stuck? `check.hint("evaluate")`.


# %%
def evaluate(predict, params, batches) -> tuple[float, float]:
    """Mean loss and accuracy over the real examples of all batches, as two Python floats.

    batches: a list of batches, or what `data.load` returns, with at least one real example in all.
    """
    raise NotImplementedError("your code here")


# %%
evaluate = check.evaluate(evaluate)

# %% [markdown]
# The validation digits, before training and after learning one of their own batches by heart:

# %%
predict = jax.jit(model.apply)
for name, weights in (("before", params), ("after", state.params)):
    loss, accuracy = evaluate(predict, weights, validation)
    print(f"{name:6}  loss {loss:.3f}  accuracy {100 * accuracy:.1f} %")

# %% [markdown]
# ## Exercise 6: the best so far ★★☆ (8 minutes, 2 points)
#
# After each epoch: are these the best weights yet? A pure function from the best so far (`None` before the first epoch)
# to the best now. Lower loss is better, and on a tie the earlier one stays.
#
# There is a trap. The training step gives the memory of the old weights away (exercise 4). What you keep must therefore
# be a *copy*. Stuck? `check.hint("keep_best")`.


# %%
class Best(NamedTuple):
    """The best weights so far."""

    loss: float
    epoch: int
    params: dict


# %%
def keep_best(best: Best | None, params: dict, epoch: int, loss: float) -> Best:
    """The better of `best` and these weights, with their epoch and validation loss; new weights are copied."""
    raise NotImplementedError("your code here")


# %%
keep_best = check.keep_best(keep_best)

# %%
best = None
for epoch, loss in enumerate([0.9, 0.5, 0.4, 0.6, 0.4], start=1):
    best = keep_best(best, params, epoch, loss)
    print(f"epoch {epoch}: loss {loss:.1f}, best so far is epoch {best.epoch}")

# %% [markdown]
# ## Exercise 7: packing weights for shipping ★☆☆ (8 minutes, 1 point)
#
# A safetensors file holds a flat dictionary: name → NumPy array. A Flax model's weights are nested dictionaries, to any
# depth. Flatten them:
#
#     {"params": {"Conv_0": {"kernel": k, "bias": b}}}   →   {"Conv_0/kernel": k, "Conv_0/bias": b}
#
# The outermost `"params"` is left out, the rest of the path is joined by `/`. Shapes and dtypes stay as they are. Write
# it yourself or find the function in `flax.traverse_util`. Stuck? `check.hint("pack")`.


# %%
def pack(params: dict) -> dict[str, np.ndarray]:
    """Weights `{"params": tree}` as a flat dictionary from path, joined by "/", to NumPy array."""
    raise NotImplementedError("your code here")


# %%
pack = check.pack(pack)

# %% [markdown]
# Through a file's bytes and back, the network gives the same answers:

# %%
received = safetensors.numpy.load(safetensors.numpy.save(pack(params)))
unpacked = {"params": flax.traverse_util.unflatten_dict(received, sep="/")}
print(*sorted(received), sep="\n")
print("same answers:", bool(jnp.array_equal(predict(unpacked, digits.image), predict(params, digits.image))))

# %% [markdown]
# ## Exercise 8: what does it look at? ★★★ (12 minutes, 3 points)
#
# For each image and the class named for it: how much does that class's *logit* change when a pixel changes a little?
# Differentiate one logit with respect to one image, do that for all images with `vmap`, take absolute values, and the
# largest over the channels. It will be compiled: `images` and `classes` are traced. Stuck? `check.hint("saliency")`.


# %%
def saliency(apply_fn, params: dict, images: jax.Array, classes: jax.Array) -> jax.Array:
    """Absolute gradient of a class's logit with respect to each pixel, the largest over the channels.

    apply_fn(params, images [B, H, W, C]) gives logits [B, K]. images: [B, H, W, C] float32; classes: [B] int32.
    Returns [B, H, W] float32.
    """

    raise NotImplementedError("your code here")


# %%
saliency = check.saliency(saliency)

# %% [markdown]
# The network that learnt one batch by heart, on eight digits of that batch: on which pixels does the logit of each
# depend?

# %%
maps = jax.jit(saliency, static_argnums=0)(model.apply, state.params, digits.image[:8], digits.label[:8])
figure, axes = plt.subplots(2, 8, figsize=(8, 2.2))
for column in range(8):
    axes[0, column].imshow(digits.image[column, ..., 0], cmap="gray")
    axes[1, column].imshow(maps[column], cmap="magma")
for place in axes.flat:
    place.axis("off")

# %% [markdown]
# ## All together
#
# Your network, step, program, evaluation and memory for the best, in one training run (or the course's, where a check
# handed you that).

# %%
optimizer = optax.adam(1e-3)
state = init_state(jax.random.key(1), model, optimizer)
best, history = None, {"train_loss": [], "validation_loss": [], "validation_accuracy": []}
epochs = 8 if train.examples < 10_000 else 2

for epoch in track(range(1, epochs + 1), "training", unit="epoch"):
    losses = []
    for batch in train.epoch(epoch):
        state, loss = program(state, batch)
        losses.append(loss)
    validation_loss, accuracy = evaluate(predict, state.params, validation)
    best = keep_best(best, state.params, epoch, validation_loss)
    for values, value in zip(history.values(), (np.mean(losses), validation_loss, accuracy), strict=True):
        values.append(float(value))

print(f"validation accuracy of the best weights: {100 * evaluate(predict, best.params, validation)[1]:.1f} %")
plots.curves(history)
plt.show()

# %% [markdown]
# And the loss of exercise 1? It agrees with the figure that `evaluate` gives for one whole batch:

# %%
batch_loss, _ = evaluate(predict, best.params, [digits])
print(
    "they agree:",
    bool(np.isclose(cross_entropy(predict(best.params, digits.image), digits.label), batch_loss, rtol=1e-4)),
)

# %%
check.progress()
