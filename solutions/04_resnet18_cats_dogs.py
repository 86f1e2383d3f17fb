# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · Exercises: the parts of a ResNet's training
#
# Parts of what the lesson trained: BatchNorm, the residual block, batches from a PyTorch loader, a step that
# carries running statistics, which weights decay, a schedule, gradients of a batch that does not fit, gradients in
# float16, and a look at what the network looks at. Before the last one your pieces train a small ResNet, on pictures
# that are drawn here: nothing is loaded.
#
# Each exercise stands by itself: replace the line `raise NotImplementedError("your code here")`, run the cell, then the
# check cell below it. A check that is not happy says what is likely wrong, and whose version the notebook goes on with.
# Run `check.hint("NAME")` in a cell of your own for a hint; there are three to each exercise.
#
# The lesson is `notebooks/04_resnet18_cats_dogs.ipynb`.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*sys.path, *Path.cwd().parents, Path.home() / ".cache/jax-course"]  # the course's code: installed, above, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import linen as nn
from flax.training import train_state
from jax import lax

from utils import checks, plots
from utils.data import Batch
from utils.progress import track

check = checks.unit("04_resnet18_cats_dogs")

# %% [markdown]
# ## Exercise 1: BatchNorm by hand ★★☆ (15 minutes, 3 points)
#
# BatchNorm brings each *channel* to mean 0 and variance 1, then stretches and shifts it by two weights. Where mean and
# variance come from is what makes it awkward:
#
# | | mean and variance | running statistics |
# | --- | --- | --- |
# | training | of this batch, over pictures, rows and columns | move a little towards the batch's |
# | evaluation | the running ones | stay |
#
# In NumPy, for one channel `c`:
#
# ```python
# if train:
#     values = x[..., c]                                         # B·H·W numbers
#     mean, var = values.mean(), ((values - values.mean()) ** 2).mean()
#     new_mean = momentum * running_mean + (1 - momentum) * mean     # and the same for the variance
# else:
#     mean, var = running_mean, running_var
# y[..., c] = (x[..., c] - mean) / np.sqrt(var + epsilon) * scale[c] + bias[c]
# ```
#
# Here `momentum` is the share of the *old* value that stays, as in Flax. PyTorch means the share of the *new* one, so
# its 0.1 is our 0.9. And PyTorch keeps a running variance that is divided by N − 1; here, as in Flax, one variance,
# divided by N, serves both purposes.
#
# One thing more. If a channel has a single number (a batch of one, after a global mean), its variance is 0 and every
# output is the bias, whatever went in. Nothing breaks and nothing is learnt. So in training raise a `ValueError` then.
# Shapes are known while JAX traces: a Python `if` on them is fine. Stuck? `check.hint("batch_norm")`.


# %%
class Stats(NamedTuple):
    """Running statistics of a BatchNorm."""

    mean: jax.Array  # [C] float32
    var: jax.Array  # [C] float32


# %%
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    """Normalise every channel; in training by this batch's statistics, else by the running ones.

    x: [B, H, W, C] float32; scale, bias: [C] float32; stats: Stats; train: a Python bool, static under `jit`;
    momentum, epsilon: floats, traced under `jit`.
    Returns y [B, H, W, C] float32 and the running statistics from now on, a Stats. In training the gradient goes
    through this batch's mean and variance too.
    Raises ValueError in training if a channel has only one number.
    """
    # BEGIN SOLUTION
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError(f"{x.shape}: one number a channel has no variance; use a larger batch.")
        mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))  # [C] each
        moved = [momentum * old + (1 - momentum) * new for old, new in zip(stats, (mean, var), strict=True)]
        stats = stats._replace(mean=moved[0], var=moved[1])
    y = (x - mean) / jnp.sqrt(var + epsilon) * scale + bias
    return y, stats
    # END SOLUTION


# %%
batch_norm = check.batch_norm(batch_norm)

# %% [markdown]
# Sixty small batches whose values scatter around 3. The running mean is what evaluation will use in place of a batch's
# own. PyTorch's 0.1 typed into Flax is the third line: it runs after every single batch. (It happened, in a published
# comparison of the two.)

# %%
batches = 3 + jax.random.normal(jax.random.key(0), (60, 4, 2, 2, 1))
normalise = jax.jit(batch_norm, static_argnames="train")
history = {}
for momentum in (0.99, 0.9, 0.1):
    stats, means = Stats(jnp.zeros(1), jnp.ones(1)), []
    for batch in batches:
        _, stats = normalise(batch, jnp.ones(1), jnp.zeros(1), stats, train=True, momentum=momentum)
        means.append(stats.mean[0])
    history[f"momentum {momentum} mean"] = means
_, (axes,) = plots.curves(history, xlabel="step", title="the running mean")
axes.axhline(3, color="black", linewidth=1, linestyle="--")
_ = axes.set(title="")

# %% [markdown]
# ## Exercise 2: the residual block ★★☆ (15 minutes, 3 points)
#
# The block of ResNet18. In PyTorch it reads
#
# ```python
# def forward(self, x):
#     out = F.relu(self.bn1(self.conv1(x)))   # 3×3, the block's stride, padding 1
#     out = self.bn2(self.conv2(out))         # 3×3, stride 1, padding 1
#     if self.downsample is not None:         # where the shape changes: in size, in channels, or both
#         x = self.downsample(x)              # a convolution, 1×1 with the block's stride, then a norm
#     return F.relu(out + x)
# ```
#
# Write it with `@nn.compact`. The block gets its convolution and its norm *from outside*, with the settings that all
# blocks share bound already (no bias; train or evaluate). So call `self.conv(…)` and `self.norm(…)`, and hand each a
# `name`: `conv1`, `bn1`, `conv2`, `bn2`, `downsample_conv`, `downsample_bn`.
#
# Write the padding as a number, as PyTorch does. With stride 2, `"SAME"` pads only at the right and at the bottom, so
# the block would look one pixel beside the place where the shortcut looks. Stuck? `check.hint("ResidualBlock")`.


# %%
class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut. Called on [B, H, W, C], it returns [B, H / stride, W / stride, features]."""

    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        # BEGIN SOLUTION
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if x.shape != y.shape:
            x = self.conv(self.features, (1, 1), strides=self.stride, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(x + y)
        # END SOLUTION


# %%
ResidualBlock = check.ResidualBlock(ResidualBlock)

# %% [markdown]
# Which pixels does the number in row 3, column 3 of a halved map depend on? The gradient tells. The cross marks the one
# pixel that the shortcut reads. With padding 1 it stands in the middle; with `"SAME"` it does not.


# %%
def seen(block: nn.Module, row: int = 3, column: int = 3) -> jax.Array:
    """Which pixels one place of the block's result depends on: [16, 16] bool."""
    image = jnp.ones((1, 16, 16, 2))
    shapes = jax.eval_shape(block.init, jax.random.key(0), image)
    variables = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)  # nothing negative: no ReLU cuts anything off
    gradient = jax.grad(lambda image: block.apply(variables, image)[0, row, column].sum())(image)
    return gradient[0].sum(axis=-1) > 0


def same_padded(*shape, **settings):
    """A convolution that pads as Flax does by default, whatever it is told."""
    return nn.Conv(*shape, **{"use_bias": False, **settings, "padding": "SAME"})


figure, axes = plt.subplots(1, 2, figsize=(5, 2.6))
for ax, title, conv in zip(axes, ("padding 1", '"SAME"'), (partial(nn.Conv, use_bias=False), same_padded), strict=True):
    ax.imshow(jax.jit(partial(seen, ResidualBlock(4, stride=2, conv=conv)))(), cmap="Blues", vmax=1.6)
    ax.plot(6, 6, "x", color="black")
    ax.set(title=title, xticks=[], yticks=[])

# %% [markdown]
# ## Exercise 3: batches from a PyTorch loader ★★☆ (12 minutes, 2 points)
#
# A PyTorch loader gives pictures channel first, as bytes, labels as int64, and a last batch that is shorter. A compiled
# JAX program wants one shape, channels last, and float32. For one batch:
#
# ```python
# for i in range(len(images)):                         # the real ones, at most `size`
#     for y, x, c in every place and channel:
#         batch.image[i, y, x, c] = (images[i, c, y, x] / 255 - mean[c]) / std[c]
#     batch.label[i], batch.mask[i] = labels[i], True
# # the others, up to `size`: image 0, label 0, mask False
# ```
#
# And look at the labels before they are out of sight. A label that is out of range gives a NaN for a loss at best; at
# worst, as −1, it silently counts as the last class. So raise a `ValueError` that *names* the first bad label. The
# arrays come as NumPy's (a PyTorch tensor on the CPU becomes one by `np.asarray`, without a copy). Stuck?
# `check.hint("to_batch")`.


# %%
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    """A batch of fixed size for JAX, from what a PyTorch loader yields.

    images: [N, C, H, W] uint8; labels: [N] int64; N ≤ size. Both stay as they are. mean, std: tuples of C floats, for
    pixels in 0..1. Returns image [size, H, W, C] float32, label [size] int32, mask [size] bool, as JAX arrays.
    Raises ValueError if a label is not in 0..classes-1.
    """
    # BEGIN SOLUTION
    bad = [int(label) for label in labels if not 0 <= label < classes]
    if bad:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    image = (images.transpose(0, 2, 3, 1) / np.float32(255) - np.asarray(mean)) / np.asarray(std)
    blanks = size - len(images)
    return Batch(
        jnp.asarray(np.pad(image, ((0, blanks), (0, 0), (0, 0), (0, 0))), jnp.float32),
        jnp.asarray(np.pad(labels, (0, blanks)), jnp.int32),
        jnp.arange(size) < len(images),
    )
    # END SOLUTION


# %%
to_batch = check.to_batch(to_batch)

# %% [markdown]
# Our loader draws its pictures: a ball whose stripes lie or stand, on a noisy ground, with a square that means nothing.
# 42 of them, in batches of 16, as PyTorch would yield them. Here is the last batch.


# %%
def drawn(count: int, seed: int, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Balls with stripes that lie (0) or stand (1): pictures [N, 3, size, size] uint8 and labels [N] int64."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, count)  # [N] int64
    row, column = np.mgrid[:size, :size]
    images = np.empty((count, 3, size, size), np.uint8)
    for image, label in zip(images, labels, strict=True):
        ground, paint, idle = draw.uniform(50, 200, (3, 3, 1, 1))
        y, x, v, u = draw.uniform(7, size - 7, 4)
        ball = np.hypot(row - y, column - x) < draw.uniform(5, 7)
        stripes = (column if label else row) % 4 < 2
        square = np.maximum(np.abs(row - v), np.abs(column - u)) < 4
        picture = np.where(ball & stripes, paint, np.where(square, idle, ground))
        image[:] = (picture + draw.normal(0, 12, (3, size, size))).clip(0, 255)
    return images, labels


def loader(
    images: np.ndarray, labels: np.ndarray, batch_size: int, seed: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `torch.utils.data.DataLoader` yields in an epoch; shuffled if there is a seed.

    The last batch may be short.
    """
    order = np.arange(len(labels)) if seed is None else np.random.default_rng(seed).permutation(len(labels))
    for start in range(0, len(labels), batch_size):
        chosen = order[start : start + batch_size]
        yield images[chosen], labels[chosen]


COLOUR = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
CLASSES = ("lying", "standing")
for images, labels in loader(*drawn(42, seed=0), batch_size=16):
    batch = to_batch(images, labels, size=16, classes=2, **COLOUR)
    print(f"{images.shape!s:16} {images.dtype} → {batch.image.shape} {batch.image.dtype}, {batch.mask.sum()} real")
plots.images(batch.image, [CLASSES[label] if real else "blank" for _, label, real in zip(*batch, strict=True)])
plt.show()

# %% [markdown]
# ## Exercise 4: a step that carries statistics ★★★ (15 minutes, 3 points)
#
# A network with BatchNorm changes two things in a training step: the weights, by the gradient, and the running
# statistics, by having looked at a batch. Flax's `TrainState` holds the weights, the optimiser and the count; a
# subclass adds the statistics.
#
# 1. The loss is the mean of `optax.softmax_cross_entropy_with_integer_labels`, a function of the *weights* alone.
# 2. `state.apply_fn({"params": …, "batch_stats": …}, images, train=True, mutable=["batch_stats"])` returns logits and
#    what was changed, a dictionary `{"batch_stats": …}`. The gradient does not want it, but you do: `has_aux`.
# 3. `state.apply_gradients` steps and counts; it takes further fields to replace.
#
# There is no mask: a training batch is full. Blanks would be averaged into BatchNorm's statistics, so in training the
# short last batch is dropped. Stuck? `check.hint("train_step")`.


# %%
class TrainState(train_state.TrainState):
    """Flax's training state, with BatchNorm's running statistics."""

    batch_stats: Any


# %%
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    """One step of training.

    batch: image [B, H, W, C] float32, label [B] int32. Returns the new state, with new running statistics, and the
    loss before the step, a float32 scalar.
    """

    # BEGIN SOLUTION
    def loss_fn(params):
        variables = {"params": params, "batch_stats": state.batch_stats}
        logits, changed = state.apply_fn(variables, batch.image, train=True, mutable=["batch_stats"])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        return losses.mean(), changed["batch_stats"]

    (loss, batch_stats), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    return state.apply_gradients(grads=gradients, batch_stats=batch_stats), loss
    # END SOLUTION


# %%
train_step = check.train_step(train_step)

# %% [markdown]
# Numbers around 20 go in. At the start the running statistics say "mean 0, variance 1", which is wrong, so
# in *evaluation* the network is far off, on the very examples on which training goes well. It gets right as
# the statistics arrive, at the pace that momentum sets.


# %%
class Toy(nn.Module):
    """BatchNorm and two dense layers: logits [B, 2] of any [B, …]."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x.reshape((len(x), -1)))
        return nn.Dense(2)(nn.relu(nn.Dense(16)(x)))


def start(model: nn.Module, key: jax.Array, image: jax.Array, tx: optax.GradientTransformation) -> TrainState:
    """The state before the first step."""
    variables = jax.jit(partial(model.init, train=False))(key, image)
    return TrainState.create(apply_fn=model.apply, tx=tx, **variables)


@jax.jit
def evaluate(state: TrainState, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """Mean loss and accuracy over the real examples of a batch, with the running statistics."""
    logits = state.apply_fn({"params": state.params, "batch_stats": state.batch_stats}, batch.image, train=False)
    each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)  # [B]
    return each.mean(where=batch.mask), (logits.argmax(axis=-1) == batch.label).mean(where=batch.mask)


numbers = 20 + 5 * jax.random.normal(jax.random.key(3), (64, 2, 2, 1))
toys = Batch(numbers, (numbers[:, 0, 0, 0] > 20).astype(jnp.int32), jnp.ones(64, bool))
state = start(Toy(), jax.random.key(0), toys.image, optax.sgd(0.1))
step, history = jax.jit(train_step), {"training_loss": [], "evaluation_loss": []}
for _ in range(60):
    state, loss = step(state, toys)
    history["training_loss"].append(float(loss))
    history["evaluation_loss"].append(float(evaluate(state, toys)[0]))
print("they agree in the end:", bool(abs(loss - evaluate(state, toys)[0]) < 0.05))
plots.curves(history, xlabel="step", log=True)
plt.show()

# %% [markdown]
# ## Exercise 5: which weights decay ★☆☆ (8 minutes, 1 point)
#
# Weight decay pulls weights towards 0. For a kernel that is a mild wish for simplicity; for a bias, or the scale of a
# norm, it is a mistake: 0 is no natural place for a scale. optax takes a *mask*: a tree of the same structure as the
# parameters, with `True` where a weight decays.
#
# Decide by the leaf's own name: everything decays except what is called `bias` or `scale`. Not by looking for the
# letters somewhere in the path: a layer named `upscale` has a kernel too. And not by the number of axes, which was
# enough for the network of unit 03: there are biases with two. `jax.tree_util.tree_map_with_path` hands you the path of
# each leaf, whose last entry has the name as its `.key`. Stuck? `check.hint("decay_mask")`.


# %%
def decay_mask(params):
    """True for each leaf that weight decay applies to, False for each named `bias` or `scale`.

    params: nested dictionaries of arrays. Returns the same structure, of Python bools.
    """
    # BEGIN SOLUTION
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key not in ("bias", "scale"), params)
    # END SOLUTION


# %%
decay_mask = check.decay_mask(decay_mask)

# %% [markdown]
# Seen in the act: without any gradient, only decay moves a weight. Which leaves of a block move?

# %%
shapes = jax.eval_shape(ResidualBlock(8, stride=2).init, jax.random.key(0), jnp.zeros((1, 8, 8, 4)))["params"]
block = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)  # zeros would not move in any case
tx = optax.adamw(1e-2, weight_decay=0.1, mask=decay_mask)
nothing = jax.tree.map(jnp.zeros_like, block)
updates, _ = jax.jit(lambda block: tx.update(nothing, tx.init(block), block))(block)
for path, update in jax.tree_util.tree_leaves_with_path(updates):
    print(f"{jax.tree_util.keystr(path, simple=True, separator='/'):24} {'moves' if jnp.any(update != 0) else '·'}")

# %% [markdown]
# ## Exercise 6: warm-up and cosine ★★☆ (10 minutes, 2 points)
#
# The learning rate as a function of the step: up in a straight line from 0 to the peak, then down along half a cosine
# to 0, and 0 from there on.
#
# ```python
# if step < warmup:
#     return peak * step / warmup
# if step < total:
#     done = (step - warmup) / (total - warmup)          # 0 at the peak, 1 at the end
#     return peak * (1 + math.cos(math.pi * done)) / 2
# return 0.0
# ```
#
# An optimiser calls it inside a compiled step, with a *traced* step: no Python `if`. It must also work with `warmup =
# 0`, where it starts at the peak. Stuck? `check.hint("warmup_cosine")`.


# %%
def warmup_cosine(step, peak, warmup, total):
    """Learning rate at a step.

    step: int32 array of any shape (a schedule gets a scalar); peak: float; warmup < total: Python ints, in steps.
    Returns float32 of the step's shape. Works under `jax.jit`.
    """
    # BEGIN SOLUTION
    rising = peak * step / max(warmup, 1)
    done = jnp.clip((step - warmup) / (total - warmup), 0.0, 1.0)
    falling = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, rising, falling)
    # END SOLUTION


# %%
warmup_cosine = check.warmup_cosine(warmup_cosine)

# %%
steps = jnp.arange(0, 240)
figure, axes = plt.subplots(figsize=(5, 2.4))
for warmup in (0, 20, 60):
    axes.plot(steps, warmup_cosine(steps, 0.1, warmup, 200), label=f"warm-up {warmup}")
axes.set(xlabel="step", ylabel="learning rate")
_ = axes.legend()

# %% [markdown]
# ## Exercise 7: a batch that does not fit ★★☆ (12 minutes, 3 points)
#
# Memory is short and the batch is large. Cut it into parts, take each part's gradient, and average: the result is the
# gradient of the whole batch, exactly, and only one part's activations are alive at a time.
#
# ```python
# total_loss, total_gradients = 0, 0
# for part in the batch, cut into `parts` equal parts:
#     loss, gradients = jax.value_and_grad(loss_fn)(params, part)
#     total_loss += loss; total_gradients += gradients          # leaf by leaf
# return total_loss / parts, total_gradients / parts
# ```
#
# A Python loop would write the network `parts` times into the program, and XLA compiles them all. `jax.lax.scan` writes
# it once. So the check looks at the program too: a loop of JAX's in which the network stands once, and which keeps no
# activations of a part that is done. (With BatchNorm "exactly" ends: each part has statistics of its own.) Stuck?
# `check.hint("accumulated_gradients")`.


# %%
def accumulated_gradients(loss_fn, params, batch, parts):
    """Loss and gradient of a large batch, a part at a time.

    loss_fn(params, batch) gives the mean over the examples, a float32 scalar.
    batch: a tree of arrays whose first axis counts B examples; params: any tree of arrays.
    parts: a Python int that divides B. Returns the mean loss, float32 scalar, and its gradient, a tree like `params`.
    """
    # BEGIN SOLUTION
    cut = jax.tree.map(lambda leaf: leaf.reshape((parts, -1, *leaf.shape[1:])), batch)  # [parts, B / parts, ...]

    def add(total, part):
        one = jax.value_and_grad(loss_fn)(params, part)
        return jax.tree.map(jnp.add, total, one), None

    nothing = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))
    total, _ = lax.scan(add, nothing, cut)
    return jax.tree.map(lambda leaf: leaf / parts, total)
    # END SOLUTION


# %%
accumulated_gradients = check.accumulated_gradients(accumulated_gradients)


# %% [markdown]
# What it saves, for a stack of four dense layers and 4,096 examples. The compiler tells the memory that a program needs
# before it has run:


# %%
def stack_loss(params: list[jax.Array], batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Mean squared error of a stack of dense layers."""
    x, target = batch
    for weights in params:
        x = jnp.tanh(x @ weights)
    return jnp.mean((x - target) ** 2)


stack = [jax.ShapeDtypeStruct((256, 256), jnp.float32)] * 4
many = (jax.ShapeDtypeStruct((4096, 256), jnp.float32),) * 2
needed = {}
for parts in (1, 4, 16):
    program = jax.jit(partial(accumulated_gradients, stack_loss, parts=parts)).lower(stack, many).compile()
    needed[f"{parts} part{'s' if parts > 1 else ''}"] = program.memory_analysis().temp_size_in_bytes / 1e6
plots.bars(list(needed), list(needed.values()), unit="MB", title="memory beside weights and data", better="lower")
plt.show()

# %% [markdown]
# ## Exercise 8: gradients that fit into float16 ★★★ (15 minutes, 3 points)
#
# float16 holds nothing between 0 and 6·10⁻⁸, and nothing above 65,504. Gradients are often smaller than the one, so
# they become 0. The cure: multiply the *loss* by a large number, and every gradient on the way back is larger by that
# factor; divide in float32 at the end. Which factor? Try: if anything overflows, halve it and forget this step's
# gradients; after `period` good steps in a row, double it.
#
# ```python
# gradients = gradient of (scale · loss), each leaf as float32, divided by scale
# finite = no infinity and no NaN in any leaf
# if not finite:      scale, good_steps = scale / 2, 0
# else:
#     good_steps += 1
#     if good_steps == period:    scale, good_steps = scale · 2, 0
# ```
#
# Return everything; whether the step is taken is decided by the caller. No Python `if` here either. bfloat16 reaches as
# far as float32 and needs none of this. Stuck? `check.hint("scaled_gradients")`.


# %%
class LossScale(NamedTuple):
    """What the loss is multiplied by, and for how long that has gone well."""

    scale: jax.Array  # [] float32
    good_steps: jax.Array  # [] int32, finite steps since the scale last changed


# %%
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    """Loss and gradients of `loss_fn(params)`, computed with a scaled loss.

    loss_fn: computes in float16 inside and returns a float32 scalar. params: a tree of float32 or float16 arrays.
    Returns the loss (not scaled), the gradients (float32, scaling taken back), whether all gradients are finite
    ([] bool), and the LossScale for the next step. Works under `jax.jit` with `loss_fn` and `period` static.
    """

    # BEGIN SOLUTION
    def scaled(params):
        return loss_fn(params) * loss_scale.scale

    loss, gradients = jax.value_and_grad(scaled)(params)
    gradients = jax.tree.map(lambda leaf: leaf.astype(jnp.float32) / loss_scale.scale, gradients)
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients)]).all()
    good_steps = jnp.where(finite, loss_scale.good_steps + 1, 0)
    grow = good_steps == period
    scale = loss_scale.scale * jnp.where(finite, jnp.where(grow, 2.0, 1.0), 0.5)
    after = loss_scale._replace(scale=scale, good_steps=jnp.where(grow, 0, good_steps))
    return loss / loss_scale.scale, gradients, finite, after
    # END SOLUTION


# %%
scaled_gradients = check.scaled_gradients(scaled_gradients)

# %% [markdown]
# A hundred steps with `period=20`, from a scale that is far too large. It comes down to a power of two that does not
# overflow, and knocks at the next one from time to time. Crosses are steps that were not taken.


# %%
def tiny_loss(params: dict[str, jax.Array]) -> jax.Array:
    """A loss with very small gradients, computed in float16."""
    x = jnp.linspace(-1, 1, 64).astype(jnp.float16)
    error = jnp.tanh(params["w"].astype(jnp.float16) * x) - jnp.float16(0.3) * x
    return jnp.mean(error.astype(jnp.float32) ** 2) * 1e-4


by_scale = jax.jit(scaled_gradients, static_argnames=("loss_fn", "period"))
weights = {"w": jnp.full(64, 0.5)}
loss_scale, scales, skipped = LossScale(jnp.float32(2.0**44), jnp.int32(0)), [], []
for number in range(100):
    scales.append(float(loss_scale.scale))
    _, gradients, finite, loss_scale = by_scale(tiny_loss, weights, loss_scale, period=20)
    stepped = jax.tree.map(lambda weight, gradient: weight - 1e4 * gradient, weights, gradients)
    weights = jax.tree.map(partial(jnp.where, finite), stepped, weights)  # taken only if all is finite
    if not finite:
        skipped.append(number)
figure, axes = plt.subplots(figsize=(5, 2.4))
axes.semilogy(scales, base=2)
axes.plot(skipped, [scales[number] for number in skipped], "x", color="black", label="not taken")
axes.set(xlabel="step", ylabel="scale")
axes.legend()

lost = []
for scale in (1.0, scales[-1]):
    start_again = LossScale(jnp.float32(scale), jnp.int32(0))
    _, gradients, *_ = by_scale(tiny_loss, {"w": jnp.full(64, 0.5)}, start_again, period=20)
    lost.append(float(jnp.mean(gradients["w"] == 0)))
print(f"gradients that became 0: {100 * lost[0]:.1f} % without scaling, {100 * lost[1]:.1f} % with it")

# %% [markdown]
# ## A training run from your pieces
#
# Two residual blocks, a schedule, decay where it belongs, statistics carried along: on 800 drawn pictures, tried on 200
# others. (With your pieces, or the course's, where a check handed you those.) No map is smaller than 8×8, so that no
# convolution falls into XLA's slow path.


# %%
class SmallResNet(nn.Module):
    """A stem and two residual blocks.

    [B, 32, 32, 3] float32 to logits [B, classes], or to the last maps [B, 8, 8, 32].
    """

    block: Any
    classes: int = 2

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, maps_only: bool = False) -> jax.Array:
        conv = partial(nn.Conv, use_bias=False)
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        x = conv(16, (3, 3), strides=2, padding=1, name="conv1")(x)  # [B, 16, 16, 16]
        x = nn.relu(norm(name="bn1")(x))
        x = self.block(16, 1, conv, norm, name="layer1")(x)
        x = self.block(32, 2, conv, norm, name="layer2")(x)  # [B, 8, 8, 32]
        return x if maps_only else nn.Dense(self.classes, name="fc")(x.mean(axis=(1, 2)))


BATCH, EPOCHS = 32, 6
pictures, kinds = drawn(1000, seed=1)
validation = [
    to_batch(*part, size=BATCH, classes=2, **COLOUR) for part in loader(pictures[800:], kinds[800:], batch_size=BATCH)
]

schedule = partial(warmup_cosine, peak=0.02, warmup=25, total=EPOCHS * 800 // BATCH)
model = SmallResNet(ResidualBlock)
state = start(model, jax.random.key(0), validation[0].image, optax.adamw(schedule, weight_decay=0.05, mask=decay_mask))
step = jax.jit(train_step, donate_argnums=0)
history = {"training_loss": [], "validation_loss": [], "validation_accuracy": []}
for epoch in track(range(EPOCHS), "training", unit="epoch"):
    losses = []
    for part in loader(pictures[:800], kinds[:800], batch_size=BATCH, seed=epoch):
        state, loss = step(state, to_batch(*part, size=BATCH, classes=2, **COLOUR))
        losses.append(loss)
    counts = [int(batch.mask.sum()) for batch in validation]  # the last batch has fewer
    found = np.average([evaluate(state, batch) for batch in validation], axis=0, weights=counts)
    for values, value in zip(history.values(), (np.mean(losses), *found), strict=True):
        values.append(float(value))
print(f"accuracy on pictures it has not seen: {100 * found[1]:.1f} %")
plots.curves(history)
plt.show()

# %% [markdown]
# ## Exercise 9: where does it look? ★★★ (12 minutes, 3 points)
#
# Grad-CAM (Selvaraju et al., 2016) asks the last feature maps, not the pixels: which of the C maps speak for a
# class, and where are they bright?
#
# 1. The maps of the pictures: [B, h, w, C].
# 2. How much the class's *logit* grows with each number of each map: the gradient of the logit with respect to the
#    maps.
# 3. One weight for each map: that gradient's mean over the h·w places.
# 4. The maps' sum with these weights; what is negative speaks for another class: ReLU.
# 5. Each picture's map divided by its own maximum, so that it is in 0..1; all zeros where nothing speaks for the class.
#
# You get the network in two halves, `maps_fn(images)` and `head_fn(maps)`. Stuck? `check.hint("grad_cam")`.


# %%
def grad_cam(maps_fn, head_fn, images, classes):
    """Where each picture speaks for a class.

    maps_fn(images [B, H, W, 3]) gives maps [B, h, w, C]; head_fn(maps) gives logits [B, K]. classes: [B] int32.
    Returns [B, h, w] float32 in 0..1.
    """
    # BEGIN SOLUTION
    maps = maps_fn(images)

    def logit_sum(maps):  # a picture's logit depends on its own maps alone, so one gradient serves them all
        return jnp.take_along_axis(head_fn(maps), classes[:, None], axis=1).sum()

    weights = jax.grad(logit_sum)(maps).mean(axis=(1, 2), keepdims=True)  # [B, 1, 1, C]
    heat = nn.relu((weights * maps).sum(axis=-1))
    highest = heat.max(axis=(1, 2), keepdims=True)
    return heat / jnp.where(highest > 0, highest, 1.0)
    # END SOLUTION


# %%
grad_cam = check.grad_cam(grad_cam)

# %% [markdown]
# Where the network that was just trained found its stripes. Does it look at the ball, or at the square?

# %%
variables = {"params": state.params, "batch_stats": state.batch_stats}
head = state.params["fc"]
heat = jax.jit(grad_cam, static_argnums=(0, 1))(
    lambda images: model.apply(variables, images, train=False, maps_only=True),
    lambda maps: maps.mean(axis=(1, 2)) @ head["kernel"] + head["bias"],
    validation[0].image[:8],
    validation[0].label[:8],
)
_, axes = plots.images(np.tile(validation[0].image[:8], (2, 1, 1, 1)), columns=8)
for place, one, label in zip(axes[1], heat, validation[0].label, strict=False):
    place.imshow(
        one, cmap="magma", alpha=0.6, extent=(-0.5, 31.5, 31.5, -0.5), interpolation="bilinear", vmin=0, vmax=1
    )
    place.set_title(CLASSES[label], fontsize=9)
plt.show()

# %%
check.progress()
