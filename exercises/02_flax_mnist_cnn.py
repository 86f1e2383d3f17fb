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
# The lesson showed each part of a training run. Now you write them yourself: the loss, a network, the training step,
# its compilation, the evaluation, keeping the best weights, packing them into a flat dictionary, and a saliency map
# that shows which pixels matter. At the end your pieces train a network.
#
# The exercises are independent. Replace the line `raise NotImplementedError("your code here")`, run the cell, then run
# the check cell below it. If your answer is wrong, the check names the likely cause and says whose version the notebook
# continues with. For a hint, run `check.hint("NAME")` in a new cell; there are three for each exercise. The checks of
# `cross_entropy`, `SmallCNN`, `train_step` and `saliency` trace your code as `jax.jit` does: while it runs, its arrays
# have shapes and dtypes, but no values.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
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
# Write the mean cross-entropy of integer labels by hand. In plain NumPy, one example at a time:
#
# ```python
# total = 0.0
# for z, y in zip(logits, labels):                       # z: ten scores, y: the right digit
#     total += -(z[y] - np.log(np.sum(np.exp(z))))       # minus the log-probability of the right digit
# return total / len(labels)
# ```
#
# Your version has no loop and works under `jax.jit` and `jax.grad`. Loss and gradient must stay finite even if a score
# is 1000. The NumPy code fails there, because `np.exp(1000)` overflows; `jax.nn.log_softmax` does not. Stuck?
# `check.hint("cross_entropy")`.


# %%
def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean cross-entropy.

    logits: [B, K] float32; labels: [B] int32, in 0..K-1. Returns a float32 scalar.
    """
    raise NotImplementedError("your code here")


# %%
cross_entropy = check.cross_entropy(cross_entropy)

# %% [markdown]
# The loss of a single example, as a function of the score of the right digit. The other nine scores are 0.

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
# With ten equal scores the loss is log 10, that of a guess. To the left, where the network rules the right digit out,
# the loss grows linearly as the score falls. To the right it approaches 0.

# %% [markdown]
# ## Exercise 2: a network ★★☆ (15 minutes, 3 points)
#
# Write a smaller version of the lesson's network as a Flax Linen module with `@nn.compact`. This one returns *logits*:
# no activation follows the last layer.
#
# | layer | result |
# | --- | --- |
# | input images | `[B, 28, 28, 1]` |
# | convolution, 16 features, 3×3; ReLU | `[B, 28, 28, 16]` |
# | average pooling, 2×2, stride 2 | `[B, 14, 14, 16]` |
# | convolution, 32 features, 3×3; ReLU | `[B, 14, 14, 32]` |
# | average pooling, 2×2, stride 2 | `[B, 7, 7, 32]` |
# | flatten each image | `[B, 1568]` |
# | dense, 64 features; ReLU | `[B, 64]` |
# | dense, 10 features | `[B, 10]` |
#
# Let Flax name the layers (`Conv_0`, `Conv_1`, `Dense_0`, `Dense_1`). Stuck? `check.hint("SmallCNN")`.


# %%
class SmallCNN(nn.Module):
    """A small convolutional network. Called on `[B, 28, 28, 1]` float32, it returns logits `[B, 10]`."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        raise NotImplementedError("your code here")


# %%
SmallCNN = check.SmallCNN(SmallCNN)

# %% [markdown]
# The sixteen feature maps of the first convolution for one digit. The kernels are not trained yet:

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
# Write one training step as a pure function: state and batch in, new state and loss out.
#
# 1. Compute the mean cross-entropy over the *real* examples of the batch, those whose `batch.mask` is true. Use
#    `optax.softmax_cross_entropy_with_integer_labels`, which returns one loss per example. `apply_fn(params, images)`
#    returns the logits.
# 2. Compute the loss and its gradient with respect to the weights together.
# 3. Call `optimizer.update` for the updates and the new optimiser state. Pass it the weights too, because some
#    optimisers need them. *Add* the updates to the weights, and add 1 to the step.
#
# Return the loss *before* the update, which comes with the gradient at no extra cost. Stuck?
# `check.hint("train_step")`.


# %%
class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32, number of updates so far
    params: dict
    opt_state: optax.OptState


# %%
def train_step(state: TrainState, batch: data.Batch, apply_fn, optimizer) -> tuple[TrainState, jax.Array]:
    """One step of gradient descent.

    batch: image [B, H, W, C] float32, label [B] int32, mask [B] bool, with at least one real example.
    Returns the new state and the loss, a float32 scalar. Works under `jax.jit`.
    """

    raise NotImplementedError("your code here")


# %%
train_step = check.train_step(train_step)

# %% [markdown]
# A good test of a training step is whether it can overfit a single batch:

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
# Compile a function `step(state, batch)` *before* there is any data, from descriptions of its arguments: `state_spec`
# and `batch_spec` are trees of `jax.ShapeDtypeStruct`. Donate the state, so that the program may reuse its memory for
# the new state. Do not donate the batch. Return the compiled program. Stuck? `check.hint("compile_step")`.


# %%
def compile_step(step, state_spec, batch_spec):
    """Compile `step` for these shapes: a `jax.stages.Compiled`. The state is donated, the batch is not."""
    raise NotImplementedError("your code here")


# %%
compile_step = check.compile_step(compile_step)

# %% [markdown]
# Your program for this unit's batches. The compiler knows how much memory it needs before it has run:


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
# What is reused is the memory of the state: the weights and Adam's two moments, 4 bytes each. The rest is the batch.

# %% [markdown]
# ## Exercise 5: evaluation over padded batches ★★☆ (12 minutes, 3 points)
#
# Compute the mean loss and the accuracy over *all real examples* of all batches. The last batch is padded with blanks,
# which have image 0, label 0 and `mask` false. In plain Python:
#
# ```python
# for batch in batches:
#     for image, label, real in zip(*batch):
#         if real:
#             ...                         # add its loss to total_loss, 1 to count, and 1 to hits if it is right
# return total_loss / count, hits / count
# ```
#
# Process one batch at a time. `predict(params, images)` is compiled and returns logits `[B, K]`. Always call it with
# whole batches, because it is compiled again for each new shape. As in exercise 1, the loss must stay finite for a
# score of 1000. Stuck? `check.hint("evaluate")`.


# %%
def evaluate(predict, params, batches) -> tuple[float, float]:
    """Mean loss and accuracy over the real examples of all batches, as two Python floats.

    batches: a list of batches or what `data.load` returns; it holds at least one real example.
    """
    raise NotImplementedError("your code here")


# %%
evaluate = check.evaluate(evaluate)

# %% [markdown]
# Loss and accuracy on the validation set, before training and after overfitting one of its own batches:

# %%
predict = jax.jit(model.apply)
for name, weights in (("before", params), ("after", state.params)):
    loss, accuracy = evaluate(predict, weights, validation)
    print(f"{name:6}  loss {loss:.3f}  accuracy {100 * accuracy:.1f} %")

# %% [markdown]
# ## Exercise 6: the best so far ★★☆ (8 minutes, 2 points)
#
# After each epoch, decide whether these are the best weights yet. Write a pure function that takes the best so far
# (`None` before the first epoch) and returns the best now. The first epoch is always kept. After it a lower loss is
# better. On a tie the earlier epoch stays, and a loss that is NaN never replaces a number.
#
# There is a trap: the training step donates its old state (exercise 4), so the memory of these weights will be reused.
# What you keep must therefore be a *copy*. Stuck? `check.hint("keep_best")`.


# %%
class Best(NamedTuple):
    """The best weights so far."""

    loss: float
    epoch: int
    params: dict


# %%
def keep_best(best: Best | None, params: dict, epoch: int, loss: float) -> Best:
    """The better of `best` and these weights, with epoch and validation loss; new weights are copied."""
    raise NotImplementedError("your code here")


# %%
keep_best = check.keep_best(keep_best)

# %% [markdown]
# Five epochs, of which the third and the fifth are equally good:

# %%
best = None
for epoch, loss in enumerate([0.9, 0.5, 0.4, 0.6, 0.4], start=1):
    best = keep_best(best, params, epoch, loss)
    print(f"epoch {epoch}: loss {loss:.1f}, best so far is epoch {best.epoch}")

# %% [markdown]
# ## Exercise 7: packing weights for shipping ★☆☆ (8 minutes, 1 point)
#
# A safetensors file stores a flat dictionary from names to arrays. The weights of a Flax model are nested dictionaries
# of any depth. Flatten them:
#
#     {"params": {"Conv_0": {"kernel": k, "bias": b}}}   →   {"Conv_0/kernel": k, "Conv_0/bias": b}
#
# Drop the outermost `"params"` and join the rest of the path with `/`. The values are NumPy arrays, with shapes and
# dtypes unchanged. Write it yourself or find the function in `flax.traverse_util`. Stuck? `check.hint("pack")`.


# %%
def pack(params: dict) -> dict[str, np.ndarray]:
    """Weights `{"params": tree}` as a flat dictionary from path, joined by "/", to NumPy array."""
    raise NotImplementedError("your code here")


# %%
pack = check.pack(pack)

# %% [markdown]
# Save the weights to the bytes of a file, load them again, and compare the network's logits:

# %%
received = safetensors.numpy.load(safetensors.numpy.save(pack(params)))
unpacked = {"params": flax.traverse_util.unflatten_dict(received, sep="/")}
print(*sorted(received), sep="\n")
print("same answers:", bool(jnp.array_equal(predict(unpacked, digits.image), predict(params, digits.image))))

# %% [markdown]
# ## Exercise 8: what does it look at? ★★★ (12 minutes, 3 points)
#
# A saliency map shows how much a class's *logit* changes when a pixel changes a little. Each image comes with a class.
# Differentiate that class's logit with respect to the image, for all images with `vmap`. Then take absolute values and,
# at each pixel, the maximum over the channels. `images` and `classes` will be traced. Stuck? `check.hint("saliency")`.


# %%
def saliency(apply_fn, params: dict, images: jax.Array, classes: jax.Array) -> jax.Array:
    """Absolute gradient of each image's class logit with respect to its pixels, the maximum over the channels.

    apply_fn(params, images [B, H, W, C]) gives logits [B, K]. images: [B, H, W, C] float32; classes: [B] int32.
    Returns [B, H, W] float32.
    """

    raise NotImplementedError("your code here")


# %%
saliency = check.saliency(saliency)

# %% [markdown]
# Saliency maps of the network that has overfitted one batch, for eight digits of that batch:

# %%
maps = jax.jit(saliency, static_argnums=0)(model.apply, state.params, digits.image[:8], digits.label[:8])
figure, axes = plt.subplots(2, 8, figsize=(8, 2.2))
for column in range(8):
    axes[0, column].imshow(digits.image[column, ..., 0], cmap="gray")
    axes[1, column].imshow(maps[column], cmap="magma")
for place in axes.flat:
    place.axis("off")

# %% [markdown]
# Most of the bright pixels lie on the strokes or close to them. The corners hardly matter.

# %% [markdown]
# ## All together
#
# One training run with what the checks returned: your network, step, program, evaluation and best weights, or the
# course's.

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
# Your loss from exercise 1 should agree with what `evaluate` returns for one full batch:

# %%
batch_loss, _ = evaluate(predict, best.params, [digits])
print(
    "they agree:",
    bool(np.isclose(cross_entropy(predict(best.params, digits.image), digits.label), batch_loss, rtol=1e-4)),
)

# %%
check.progress()
