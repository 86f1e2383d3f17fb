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
# You write parts of what the lesson trained: BatchNorm, the residual block, batches from a PyTorch loader, a training
# step with running statistics, a weight decay mask, a learning rate schedule, gradient accumulation, loss scaling for
# float16, and Grad-CAM. Before the last exercise your pieces train a small ResNet. Its pictures are drawn in this
# notebook, so no data set is loaded.
#
# The exercises are independent. Replace the line `raise NotImplementedError("your code here")`, run the cell, then run
# the check cell below it. If your answer is wrong, the check names the likely cause and says whose version the notebook
# continues with. For a hint, run `check.hint("NAME")` in a new cell; there are three for each exercise. The checks,
# except that of `to_batch`, trace your code as `jax.jit` does: while it runs, its arrays have shapes and dtypes, but no
# values.
#
# The lesson is `notebooks/04_resnet18_cats_dogs.ipynb`.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
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
# BatchNorm normalises each *channel* to mean 0 and variance 1, then scales and shifts it with two learnt weights. Where
# the mean and the variance come from depends on the mode:
#
# | | mean and variance | running statistics |
# | --- | --- | --- |
# | training | of this batch, over images, rows and columns | move a little towards those of the batch |
# | evaluation | the running statistics | stay unchanged |
#
# In NumPy, for one channel `c`:
#
# ```python
# if train:
#     values = x[..., c]                                         # B·H·W values
#     mean, var = values.mean(), ((values - values.mean()) ** 2).mean()
#     new_mean = momentum * running_mean + (1 - momentum) * mean     # and the same for the variance
# else:
#     mean, var = running_mean, running_var
# y[..., c] = (x[..., c] - mean) / np.sqrt(var + epsilon) * scale[c] + bias[c]
# ```
#
# Two conventions differ from PyTorch. Here, as in Flax, `momentum` is the weight of the *old* value. In PyTorch it is
# the weight of the *new* one, so PyTorch's 0.1 is our 0.9. And for the running variance PyTorch divides by N − 1. Here,
# as in Flax, the same variance, divided by N, is used for both.
#
# If a channel has only a single value (a batch of one, after global average pooling), its variance is 0, and the output
# is the bias, whatever the input. There is no error, but nothing is learnt. So in training, raise a `ValueError` in
# this case. Shapes are known while JAX traces, so a Python `if` is fine. Stuck? `check.hint("batch_norm")`.


# %%
class Stats(NamedTuple):
    """Running statistics of a BatchNorm."""

    mean: jax.Array  # [C] float32
    var: jax.Array  # [C] float32


# %%
def batch_norm(x, scale, bias, stats, train, momentum=0.9, epsilon=1e-5):
    """Normalise every channel: in training with this batch's statistics, otherwise with the running ones.

    x: [B, H, W, C] float32; scale, bias: [C] float32; stats: Stats; train: a Python bool, static under `jit`;
    momentum, epsilon: floats, traced under `jit`.
    Returns y [B, H, W, C] float32 and the new running statistics, a Stats. In training the gradient flows through this
    batch's mean and variance too.
    Raises ValueError in training if a channel has only one value.
    """
    # BEGIN SOLUTION
    mean, var = stats
    if train:
        if x.size == x.shape[-1]:
            raise ValueError(f"{x.shape}: one value per channel has no variance; use a larger batch.")
        mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))  # [C] each
        moved = [momentum * old + (1 - momentum) * new for old, new in zip(stats, (mean, var), strict=True)]
        stats = stats._replace(mean=moved[0], var=moved[1])
    y = (x - mean) / jnp.sqrt(var + epsilon) * scale + bias
    return y, stats
    # END SOLUTION


# %%
batch_norm = check.batch_norm(batch_norm)

# %% [markdown]
# The running mean over sixty small batches whose values are distributed around 3, for three momenta. The third, 0.1, is
# PyTorch's default typed into Flax.

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
# With 0.9 the running mean is close to 3 after some thirty steps. With 0.99 sixty steps are too few. With 0.1 it jumps
# with every batch and averages almost nothing.

# %% [markdown]
# ## Exercise 2: the residual block ★★☆ (15 minutes, 3 points)
#
# Write the block of ResNet18. In PyTorch its forward pass is
#
# ```python
# def forward(self, x):
#     out = F.relu(self.bn1(self.conv1(x)))   # 3×3, the block's stride, padding 1
#     out = self.bn2(self.conv2(out))         # 3×3, stride 1, padding 1
#     if self.downsample is not None:         # if the shape changes: in size, in channels, or both
#         x = self.downsample(x)              # a 1×1 convolution with the block's stride, then a norm
#     return F.relu(out + x)
# ```
#
# Write it with `@nn.compact`. The block gets its convolution and its norm *as fields*. The settings that all blocks
# share are already bound (no bias; training or evaluation). So call `self.conv(…)` and `self.norm(…)`, and pass each a
# `name`: `conv1`, `bn1`, `conv2`, `bn2`, `downsample_conv`, `downsample_bn`.
#
# Give the padding as a number, as PyTorch does. With stride 2 and an even size, `"SAME"` pads only on the right and at
# the bottom. The receptive field of the convolutions is then no longer centred on the pixel that the shortcut reads.
# Stuck? `check.hint("ResidualBlock")`.


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
# The receptive field of row 3, column 3 of the result, for a block with stride 2: the pixels where the gradient is not
# zero. The cross marks the one pixel that the shortcut reads.


# %%
def seen(block: nn.Module, row: int = 3, column: int = 3) -> jax.Array:
    """The pixels that one element of the block's result depends on: [16, 16] bool."""
    image = jnp.ones((1, 16, 16, 2))
    shapes = jax.eval_shape(block.init, jax.random.key(0), image)
    variables = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)  # nothing is negative, so every ReLU is open
    gradient = jax.grad(lambda image: block.apply(variables, image)[0, row, column].sum())(image)
    return gradient[0].sum(axis=-1) > 0


def same_padded(*shape, **settings):
    """A convolution with Flax's default padding, whatever `settings` say."""
    return nn.Conv(*shape, **{"use_bias": False, **settings, "padding": "SAME"})


figure, axes = plt.subplots(1, 2, figsize=(5, 2.6))
for ax, title, conv in zip(axes, ("padding 1", '"SAME"'), (partial(nn.Conv, use_bias=False), same_padded), strict=True):
    ax.imshow(jax.jit(partial(seen, ResidualBlock(4, stride=2, conv=conv)))(), cmap="Blues", vmax=1.6)
    ax.plot(6, 6, "x", color="black")
    ax.set(title=title, xticks=[], yticks=[])

# %% [markdown]
# With padding 1 the receptive field is centred on the cross; with `"SAME"` it is not.

# %% [markdown]
# ## Exercise 3: batches from a PyTorch loader ★★☆ (12 minutes, 2 points)
#
# This PyTorch loader yields images with the channels first, as bytes, labels as int64, and a last batch that is
# shorter. A compiled JAX program needs one shape, and here channels last and float32. For one batch:
#
# ```python
# for i in range(len(images)):                         # the real examples, at most `size`
#     for y, x, c in all rows, columns and channels:
#         batch.image[i, y, x, c] = (images[i, c, y, x] / 255 - mean[c]) / std[c]
#     batch.label[i], batch.mask[i] = labels[i], True
# # the rest, up to `size`: image 0, label 0, mask False
# ```
#
# Check the labels as well. A label out of range does not raise an error in JAX: the loss may become NaN, or −1 may be
# taken for the last class. So raise a `ValueError` whose message *contains* the first bad label of the batch. The
# inputs are NumPy arrays (`np.asarray` turns a PyTorch tensor on the CPU into one without a copy). Stuck?
# `check.hint("to_batch")`.


# %%
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    """A JAX batch of fixed size from what a PyTorch loader yields.

    images: [N, C, H, W] uint8; labels: [N] int64; N ≤ size. Neither is changed. mean, std: tuples of C floats, for
    pixels in 0..1. Returns image [size, H, W, C] float32, label [size] int32, mask [size] bool, as JAX arrays.
    Raises ValueError if a label is not in 0..classes-1.
    """
    # BEGIN SOLUTION
    bad = [int(label) for label in labels if not 0 <= label < classes]
    if bad:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    image = (images.transpose(0, 2, 3, 1) / np.float32(255) - np.asarray(mean)) / np.asarray(std)  # [N, H, W, C]
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
# Our loader draws its pictures: a ball with horizontal or vertical stripes on a noisy background, and a square that is
# irrelevant. There are 42 of them in batches of 16, as a PyTorch loader would yield them. The picture shows the last
# batch.


# %%
def drawn(count: int, seed: int, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Balls with horizontal (0) or vertical (1) stripes: images [N, 3, size, size] uint8 and labels [N] int64."""
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
    """What `torch.utils.data.DataLoader` yields in one epoch; shuffled if there is a seed.

    The last batch may be shorter.
    """
    order = np.arange(len(labels)) if seed is None else np.random.default_rng(seed).permutation(len(labels))
    for start in range(0, len(labels), batch_size):
        chosen = order[start : start + batch_size]
        yield images[chosen], labels[chosen]


COLOUR = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
CLASSES = ("horizontal", "vertical")
for images, labels in loader(*drawn(42, seed=0), batch_size=16):
    batch = to_batch(images, labels, size=16, classes=2, **COLOUR)
    print(f"{images.shape!s:16} {images.dtype} → {batch.image.shape} {batch.image.dtype}, {batch.mask.sum()} real")
plots.images(batch.image, [CLASSES[label] if real else "blank" for _, label, real in zip(*batch, strict=True)])
plt.show()

# %% [markdown]
# ## Exercise 4: a step that carries statistics ★★★ (15 minutes, 3 points)
#
# A training step of a network with BatchNorm changes two things: the gradient changes the weights, and the forward pass
# changes the running statistics. Flax's `TrainState` holds the weights, the optimiser and the step; a subclass adds the
# statistics.
#
# 1. Write the loss as a function of the *weights* alone: the mean of
#    `optax.softmax_cross_entropy_with_integer_labels`.
# 2. `state.apply_fn({"params": …, "batch_stats": …}, images, train=True, mutable=["batch_stats"])` returns the logits
#    and a dictionary `{"batch_stats": …}` with the new statistics. Return these from the loss function as auxiliary
#    output, with `has_aux=True`.
# 3. `state.apply_gradients` updates the weights, the optimiser state and the step. It takes further fields to replace
#    as keywords.
#
# Ignore the mask: training batches are full. Blanks would distort BatchNorm's statistics, so the short last batch is
# dropped in training. Stuck? `check.hint("train_step")`.


# %%
class TrainState(train_state.TrainState):
    """Flax's training state, with BatchNorm's running statistics."""

    batch_stats: Any


# %%
def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    """One step of training.

    batch: image [B, H, W, C] float32, label [B] int32. Returns the new state, with new running statistics, and the
    loss before the update, a float32 scalar. Works under `jax.jit`.
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
# The inputs are numbers around 20, but the running statistics start at mean 0 and variance 1. How does the loss in
# *evaluation* develop, on the examples that the network is trained on?


# %%
class Toy(nn.Module):
    """BatchNorm and two dense layers: [B, …] to logits [B, 2]."""

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
# At first the evaluation loss is far larger than the training loss, because the running statistics are wrong. The two
# agree once the statistics have caught up, at a pace set by the momentum.

# %% [markdown]
# ## Exercise 5: which weights decay ★☆☆ (8 minutes, 1 point)
#
# Weight decay pulls weights towards 0. That is sensible for a kernel, but usually not for a bias or for the scale of a
# norm. optax takes a *mask*: a tree with the structure of the parameters that is `True` where a weight decays.
#
# Decide by the leaf's own name: every leaf decays unless it is called `bias` or `scale`. Do not search the whole path
# for these letters: a layer named `upscale` has a kernel too. And do not go by the number of axes, as unit 03 did: some
# biases have two. `jax.tree_util.tree_map_with_path` passes you the path of each leaf; the `.key` of its last entry is
# the name. Stuck? `check.hint("decay_mask")`.


# %%
def decay_mask(params):
    """True for each leaf that weight decay applies to, False for each leaf named `bias` or `scale`.

    params: nested dictionaries of arrays. Returns the same structure with Python bools.
    """
    # BEGIN SOLUTION
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key not in ("bias", "scale"), params)
    # END SOLUTION


# %%
decay_mask = check.decay_mask(decay_mask)

# %% [markdown]
# If all gradients are zero, only weight decay changes a weight. Which leaves of a residual block change?

# %%
shapes = jax.eval_shape(ResidualBlock(8, stride=2).init, jax.random.key(0), jnp.zeros((1, 8, 8, 4)))["params"]
block = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)  # zeros would not decay
tx = optax.adamw(1e-2, weight_decay=0.1, mask=decay_mask)
nothing = jax.tree.map(jnp.zeros_like, block)
updates, _ = jax.jit(lambda block: tx.update(nothing, tx.init(block), block))(block)
for path, update in jax.tree_util.tree_leaves_with_path(updates):
    print(f"{jax.tree_util.keystr(path, simple=True, separator='/'):24} {'moves' if jnp.any(update != 0) else '·'}")

# %% [markdown]
# ## Exercise 6: warm-up and cosine ★★☆ (10 minutes, 2 points)
#
# Write the learning rate as a function of the step: it rises linearly from 0 to the peak, falls along half a cosine to
# 0, and stays 0.
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
# The optimiser calls it inside a compiled function with a *traced* step, so a Python `if` on the step is not possible.
# With `warmup = 0` the rate starts at the peak. Stuck? `check.hint("warmup_cosine")`.


# %%
def warmup_cosine(step, peak, warmup, total):
    """Learning rate at a step.

    step: int32 array of any shape (a schedule gets a scalar); peak: float; warmup < total: Python ints, in steps.
    Returns float32, of the shape of `step`. Works under `jax.jit`.
    """
    # BEGIN SOLUTION
    rising = peak * step / max(warmup, 1)
    done = jnp.clip((step - warmup) / (total - warmup), 0.0, 1.0)
    falling = peak * (1 + jnp.cos(jnp.pi * done)) / 2
    return jnp.where(step < warmup, rising, falling)
    # END SOLUTION


# %%
warmup_cosine = check.warmup_cosine(warmup_cosine)

# %% [markdown]
# The schedule for three lengths of warm-up, with 200 steps in total:

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
# If a batch does not fit into memory, split it into equal parts, compute the gradient of each part, and average them.
# Up to rounding, the result is the gradient of the whole batch, but only one part's activations are in memory at a
# time. This is called gradient accumulation.
#
# ```python
# total_loss, total_gradients = 0, 0
# for part in the batch, split into `parts` equal parts:
#     loss, gradients = jax.value_and_grad(loss_fn)(params, part)
#     total_loss += loss; total_gradients += gradients          # leaf by leaf
# return total_loss / parts, total_gradients / parts
# ```
#
# A Python loop would put `parts` copies of the network into the program, and XLA would compile all of them. With
# `jax.lax.scan` there is only one copy. The check looks at the program too: the network must stand inside a JAX loop
# (one more copy before the loop, for the first part, is all right), and the loop must not keep the activations of
# earlier parts. (With BatchNorm the result differs, because each part has its own statistics.) Stuck?
# `check.hint("accumulated_gradients")`.


# %%
def accumulated_gradients(loss_fn, params, batch, parts):
    """Loss and gradient of a large batch, one part at a time.

    loss_fn(params, batch) returns the mean over the examples, a float32 scalar.
    batch: a tree of arrays whose first axis counts B examples; params: any tree of arrays.
    parts: a Python int that divides B. Returns the mean loss, a float32 scalar, and its gradient, a tree like `params`.
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
# The memory that this saves, for four dense layers and 4,096 examples. The compiler reports how much memory a program
# needs before it runs:


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
# Four parts need about a third of the memory, sixteen parts less than a tenth.

# %% [markdown]
# ## Exercise 8: gradients that fit into float16 ★★★ (15 minutes, 3 points)
#
# float16 has no values between 0 and 6·10⁻⁸, and none above 65,504. Gradients below half of 6·10⁻⁸ underflow to 0. The
# remedy is *loss scaling*: multiply the loss by a large factor, which multiplies every gradient in the backward pass as
# well, and divide the gradients by it in float32 at the end. The factor is found by trial: if anything overflows, halve
# it and skip this step; after `period` good steps in a row, double it.
#
# ```python
# gradients = gradient of (scale · loss), each leaf converted to float32, then divided by scale
# finite = no leaf contains infinity or NaN
# if not finite:      scale, good_steps = scale / 2, 0
# else:
#     good_steps += 1
#     if good_steps == period:    scale, good_steps = scale · 2, 0
# ```
#
# Always return the gradients; the caller decides whether to take the step. `finite` is traced, so a Python `if` is not
# possible here either. (bfloat16 has the range of float32 and needs no loss scaling.) Stuck?
# `check.hint("scaled_gradients")`.


# %%
class LossScale(NamedTuple):
    """The factor of the loss, and for how many steps it has worked."""

    scale: jax.Array  # [] float32
    good_steps: jax.Array  # [] int32, finite steps since the scale last changed


# %%
def scaled_gradients(loss_fn, params, loss_scale, period=2000):
    """Loss and gradients of `loss_fn(params)`, computed with a scaled loss.

    loss_fn: computes in float16 inside and returns a float32 scalar. params: a tree of float32 or float16 arrays.
    Returns the loss (not scaled), the gradients (float32, not scaled), whether all gradients are finite ([] bool), and
    the LossScale for the next step. Works under `jax.jit` with `loss_fn` and `period` static.
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
# A hundred steps with `period=20`, starting from a scale that is far too large. Crosses mark the steps that were
# skipped. The cell also prints how many gradients underflow without scaling and with it.


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
    weights = jax.tree.map(partial(jnp.where, finite), stepped, weights)  # take the step only if all is finite
    if not finite:
        skipped.append(number)
figure, axes = plt.subplots(figsize=(5, 2.4))
axes.semilogy(scales, base=2)
axes.plot(skipped, [scales[number] for number in skipped], "x", color="black", label="skipped")
axes.set(xlabel="step", ylabel="scale")
axes.legend()

lost = []
for scale in (1.0, scales[-1]):
    start_again = LossScale(jnp.float32(scale), jnp.int32(0))
    _, gradients, *_ = by_scale(tiny_loss, {"w": jnp.full(64, 0.5)}, start_again, period=20)
    lost.append(float(jnp.mean(gradients["w"] == 0)))
print(f"gradients that became 0: {100 * lost[0]:.1f} % without scaling, {100 * lost[1]:.1f} % with it")

# %% [markdown]
# The scale falls until nothing overflows. After that it is doubled after every 20 good steps, and halved again when the
# larger scale overflows. Without scaling a quarter of the gradients are lost; with it none.

# %% [markdown]
# ## A training run from your pieces
#
# A small ResNet with two residual blocks, a schedule, a decay mask and running statistics, trained on 800 drawn
# pictures and validated on 200 others. It uses what the checks returned: your pieces or the course's. (No feature map
# is smaller than 8×8, because XLA computes convolutions on very small maps slowly on a CPU.)


# %%
class SmallResNet(nn.Module):
    """A stem and two residual blocks.

    [B, 32, 32, 3] float32 to logits [B, classes], or to the last feature maps [B, 8, 8, 32].
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
print(f"validation accuracy: {100 * found[1]:.1f} %")
plots.curves(history)
plt.show()

# %% [markdown]
# ## Exercise 9: where does it look? ★★★ (12 minutes, 3 points)
#
# Grad-CAM (Selvaraju et al., 2016) looks at the last feature maps instead of the pixels. Which of the C maps
# support a class, and where are they active?
#
# 1. Compute the feature maps of the images: [B, h, w, C].
# 2. Compute the gradient of each image's class *logit* with respect to its feature maps.
# 3. The weight of each map is the mean of its gradient over the h·w positions.
# 4. Sum the maps with these weights over the channels, and apply ReLU: negative values speak for other classes.
# 5. Divide each image's heat map by its own maximum, so that it lies in 0..1. If it is all zeros, leave it so.
#
# You get the network in two halves, `maps_fn(images)` and `head_fn(maps)`. Stuck? `check.hint("grad_cam")`.


# %%
def grad_cam(maps_fn, head_fn, images, classes):
    """A heat map for each image: where it supports its class.

    maps_fn(images [B, H, W, 3]) returns maps [B, h, w, C]; head_fn(maps) returns logits [B, K]. classes: [B] int32.
    Returns [B, h, w] float32 in 0..1.
    """
    # BEGIN SOLUTION
    maps = maps_fn(images)  # [B, h, w, C]

    def logit_sum(maps):  # an image's logit depends only on its own maps, so the gradient of the sum has them all
        return jnp.take_along_axis(head_fn(maps), classes[:, None], axis=1).sum()

    weights = jax.grad(logit_sum)(maps).mean(axis=(1, 2), keepdims=True)  # [B, 1, 1, C]
    heat = nn.relu((weights * maps).sum(axis=-1))  # [B, h, w]
    highest = heat.max(axis=(1, 2), keepdims=True)
    return heat / jnp.where(highest > 0, highest, 1.0)
    # END SOLUTION


# %%
grad_cam = check.grad_cam(grad_cam)

# %% [markdown]
# Heat maps of the network that you have just trained. Does it look at the ball or at the square?

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

# %% [markdown]
# In our run the heat lay on the ball in all pictures but the first, whose stripes are faint. No heat map is centred on
# the square.

# %%
check.progress()
