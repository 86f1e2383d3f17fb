# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Exercises: a network that overfits
#
# You write VGG8 in Haiku, together with the usual remedies for overfitting: dropout that increases with depth, label
# smoothing, weight decay, and early stopping. The last exercise is open: you design your own training recipe and
# compare it with the plain network on a scoreboard.
#
# Replace the line `raise NotImplementedError("your code here")`, run the cell, then run the check cell below it. If
# your answer is wrong, the check names the likely cause and says whose version the notebook continues with. Some
# exercises call earlier ones. For a hint, run `check.hint("NAME")` in a new cell; there are two or three for each
# exercise. The checks, except that of `patience_is_over`, trace your code as `jax.jit` does: while it runs, its arrays
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

import time
from typing import NamedTuple

import haiku as hk
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

from utils import checkpoints, checks, data, finite, plots, pretrained, records, scoreboard, testset, weights
from utils.data import augment
from utils.progress import track

check = checks.unit("03_haiku_cifar10_vgg8")

# %%
validation = data.load("cifar10", "train[80%:]", batch_size=100)
pictures = next(iter(validation))  # a fixed batch to look at: image [100, 32, 32, 3], label [100], mask [100]

# %% [markdown]
# ## Exercise 1: two convolutions and a pooling ★☆☆ (8 minutes, 2 points)
#
# In Haiku a part of a network can be a plain function. It creates each layer on the line where it calls it, and Haiku
# names the layers in the order in which they are created. Write a block of VGG:
#
# | step | result |
# | --- | --- |
# | input feature maps | `[B, H, W, C]` |
# | 3×3 convolution to `channels` channels, then ReLU | `[B, H, W, channels]` |
# | another 3×3 convolution to `channels` channels, then ReLU | `[B, H, W, channels]` |
# | `max_pool` | `[B, H/2, W/2, channels]` |
#
# `max_pool` is given below, as in the lesson. Let Haiku name the layers: weights are saved and loaded by these names.
# Stuck? `check.hint("double_conv")`.


# %%
def max_pool(x: jax.Array) -> jax.Array:
    """The maximum of each 2×2 square. [B, H, W, C] to [B, H/2, W/2, C]; H and W even."""
    top = jnp.maximum(x[:, ::2, ::2], x[:, ::2, 1::2])
    bottom = jnp.maximum(x[:, 1::2, ::2], x[:, 1::2, 1::2])
    return jnp.maximum(top, bottom)


# %%
def double_conv(x: jax.Array, channels: int) -> jax.Array:
    """Two 3×3 convolutions with ReLU, then a 2×2 pooling. Runs inside `hk.transform`.

    x: [B, H, W, C] float32, H and W even. Returns [B, H/2, W/2, channels].
    """
    raise NotImplementedError("your code here")


# %%
double_conv = check.double_conv(double_conv)

# %% [markdown]
# Calling the function twice creates two blocks, each with its own weights:

# %%
two_blocks = hk.transform(lambda x: double_conv(double_conv(x, 8), 16))
shapes = jax.eval_shape(two_blocks.init, jax.random.key(0), pictures.image)
for name, layer in shapes.items():
    print(f"{name:11} {layer['w'].shape}")

# %% [markdown]
# ## Exercise 2: dropout by hand ★★☆ (10 minutes, 2 points)
#
# Dropout sets each element of `x` to zero with probability `rate`, independently of the others. The elements that stay
# are divided by `1 - rate`, so that the expected value does not change. In plain Python:
#
# ```python
# for place in np.ndindex(x.shape):
#     stays = random.random() >= rate
#     result[place] = x[place] / (1 - rate) if stays else 0.0
# ```
#
# Your version draws all elements at once from the key, with `jax.random.bernoulli`. `rate` may be a Python number or a
# traced value, so `if rate == 0` is not possible. Stuck? `check.hint("drop")`.


# %%
def drop(key: jax.Array, rate: float | jax.Array, x: jax.Array) -> jax.Array:
    """Dropout. 0 ≤ rate < 1; x: float32, any shape. Returns the same shape and dtype."""
    raise NotImplementedError("your code here")


# %%
drop = check.drop(drop)

# %% [markdown]
# The same picture at four dropout rates. The brightness stays the same on average:

# %%
rates = (0.0, 0.25, 0.5, 0.75)
one = jnp.asarray(validation.denormalise(pictures.image[0]))
dropped = [drop(jax.random.key(1), rate, one) for rate in rates]
plots.images(np.clip(dropped, 0, 1), titles=[f"rate {rate}" for rate in rates], columns=4)

# %% [markdown]
# ## Exercise 3: rates that rise with depth ★☆☆ (5 minutes, 1 point)
#
# Return `depth` dropout rates that increase in equal steps. The first is one step above 0, the last is `top`. For
# example, `top=0.4` and `depth=4` give 0.1, 0.2, 0.3, 0.4. `top` may be a Python number or a traced value, so do not
# convert it with `float`. Return a Python list (not a tuple or an array). Stuck? `check.hint("rising")`.


# %%
def rising(top: float | jax.Array, depth: int) -> list:
    """`depth` rates that increase in equal steps to `top`, as a Python list."""
    raise NotImplementedError("your code here")


# %%
rising = check.rising(rising)

# %%
print(" ".join(f"{rate:.3f}" for rate in rising(0.5, 4)))

# %% [markdown]
# ## Exercise 4: VGG8 ★★★ (20 minutes, 3 points)
#
# Write the lesson's network as a Haiku module, using your functions from above:
#
# | layer | result | dropout after it, in training |
# | --- | --- | --- |
# | input images | `[B, 32, 32, 3]` | |
# | `double_conv` to W channels | `[B, 16, 16, W]` | first of `rising(dropout, 4)` |
# | `double_conv` to 2W channels | `[B, 8, 8, 2W]` | second |
# | `double_conv` to 4W channels | `[B, 4, 4, 4W]` | third |
# | flatten each image | `[B, 64W]` | |
# | linear, 4W; ReLU | `[B, 4W]` | fourth |
# | linear, `classes` | `[B, classes]`, the logits | |
#
# W is `self.width`. Each call of `drop` gets a new key from `hk.next_rng_key()`. In evaluation (`training=False`)
# nothing is dropped and *no key is requested*, so that `apply` works with `None` in place of a key.
#
# Trained weights are loaded by the layers' names: `vgg8/conv2_d`, `vgg8/conv2_d_1` … `vgg8/linear`, `vgg8/linear_1`.
# Haiku uses these names if each layer is created in `__call__`, on the line where it is used. (A layer created in
# `__init__` would be named `vgg8/~/linear`.) Stuck? `check.hint("VGG8")`.


# %%
class VGG8(hk.Module):
    """Three blocks of two 3×3 convolutions, then two linear layers.

    `[B, 32, 32, 3]` float32 to logits `[B, classes]`.
    """

    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        raise NotImplementedError("your code here")


# %%
VGG8 = check.VGG8(VGG8)

# %% [markdown]
# ## Exercise 5: two pure functions ★☆☆ (5 minutes, 1 point)
#
# A Haiku module can only be created inside a transformed function. Write that function. Its arguments are `images`,
# `dropout` and `training`, in this order, with the defaults of `VGG8`. Return `hk.transform` of it, a pair of pure
# functions: `init(key, images)` and `apply(params, key, images, dropout=0.0, training=False)`. Stuck?
# `check.hint("make_network")`.


# %%
def make_network(width: int, classes: int = 10) -> hk.Transformed:
    """VGG8 as `init(key, images)` and `apply(params, key, images, dropout=0.0, training=False)`, returning logits."""

    raise NotImplementedError("your code here")


# %%
make_network = check.make_network(make_network)

# %% [markdown]
# The course comes with a VGG8 that was trained on photographs (a part of CIFAR-10). Its weights have the lesson's names
# and shapes, as yours do, so your network can load them. What is its accuracy on the pictures loaded here? Guessing
# would give 10 %. (If these are the course's drawings, it was not trained on a single one of them.)

# %% tags=["nbval-ignore-output"]
if "vgg8_regularised" in pretrained.names():
    shipped = make_network(24)
    like = jax.eval_shape(shipped.init, jax.random.key(0), pictures.image)
    params = pretrained.load("vgg8_regularised", like)
    answers = jax.jit(shipped.apply)(params, None, pictures.image).argmax(axis=-1)
    print(f"right: {100 * np.mean(answers == pictures.label):.0f} % of {len(answers)} pictures")

# %% [markdown]
# ## Exercise 6: a loss with smoothed labels ★★☆ (10 minutes, 2 points)
#
# Label smoothing takes a share `smoothing` of the probability from the right class and spreads it evenly over *all* K
# classes, the right one included. For one example:
#
# ```python
# wanted = np.full(K, smoothing / K)
# wanted[label] += 1 - smoothing
# cost = -np.sum(wanted * log_probabilities)
# ```
#
# Return the mean over the real examples, those whose `mask` is true; they may be anywhere in the batch. The loss and
# its gradient must also be correct for scores above 100. `smoothing` may be a Python number or a traced value. Stuck?
# `check.hint("smoothed_loss")`.


# %%
def smoothed_loss(logits: jax.Array, labels: jax.Array, mask: jax.Array, smoothing: float | jax.Array) -> jax.Array:
    """Mean cross-entropy with smoothed labels, over the real examples.

    logits: [B, K] float32; labels: [B] int32; mask: [B] bool, at least one true. Returns a float32 scalar. Works under
    `jax.jit`.
    """
    raise NotImplementedError("your code here")


# %%
smoothed_loss = check.smoothed_loss(smoothed_loss)

# %% [markdown]
# The loss of a single example as the score of the right class grows, without smoothing and with it:

# %%
scores = np.linspace(0, 12, 49)
figure, axes = plt.subplots(figsize=(5, 2.4))
for smoothing in (0.0, 0.1, 0.3):
    right, everyone = jnp.array([3]), jnp.array([True])
    costs = [smoothed_loss(score * jax.nn.one_hot(right, 10), right, everyone, smoothing) for score in scores]
    axes.plot(scores, costs, label=f"smoothing {smoothing}")
axes.set(xlabel="score of the right class; the others have 0", ylabel="cost")
_ = axes.legend()

# %% [markdown]
# Without smoothing the loss keeps falling. With smoothing it rises again beyond a certain score, so the network is
# penalised for being too confident.

# %% [markdown]
# ## Exercise 7: a training step with chance in it ★★★ (15 minutes, 3 points)
#
# The training step of unit 02, with two additions: the loss needs a new key in every step, and the optimiser may apply
# weight decay.
#
# 1. Derive the key of this step. `key` belongs to the whole run and is the same in every call; fold in `state.step`
#    with `jax.random.fold_in`. A run that is resumed then draws the same random numbers as one that never stopped.
# 2. `loss_fn(params, key, batch)` returns a scalar. Compute its value and its gradient with respect to the weights.
# 3. Compute the optimiser's updates. Pass it the *weights* too: weight decay needs them.
# 4. Add the updates to the weights and 1 to the step. Return the new state and the loss before the update.
#
# Stuck? `check.hint("train_step")`.


# %%
class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32, number of updates so far
    params: dict
    opt_state: optax.OptState


# %%
def train_step(
    state: TrainState, batch: data.Batch, key: jax.Array, loss_fn, optimizer
) -> tuple[TrainState, jax.Array]:
    """One step of gradient descent on a loss that draws random numbers.

    Returns the new state and the loss before the update, a scalar. Works under `jax.jit`.
    """
    raise NotImplementedError("your code here")


# %%
train_step = check.train_step(train_step)

# %% [markdown]
# ## Exercise 8: when patience is over ★★☆ (8 minutes, 2 points)
#
# Early stopping: `losses` holds the validation loss of each epoch so far. Training should stop when the lowest of them
# is `patience` or more epochs old. With a patience of 2:
#
# | losses | over? |
# | --- | --- |
# | none yet | no |
# | 3, 2, 1 | no: the lowest is the newest |
# | 3, 1, 2 | no: the lowest is one epoch old |
# | 3, 1, 2, 1.5 | yes: the lowest is two epochs old |
# | 3, 1, 2, 1 | yes: an *equal* loss is no improvement |
#
# A loss that is NaN is never the lowest, but its epoch counts: after 3, NaN, NaN the patience is over. If all losses
# are NaN there is no lowest one, and the patience is not over. Losses may be negative or infinite. Return `True` or
# `False`. Stuck? `check.hint("patience_is_over")`.


# %%
def patience_is_over(losses: list[float], patience: int) -> bool:
    """Whether the lowest of the losses (NaN left out) is `patience` or more epochs old; False if there is none."""
    raise NotImplementedError("your code here")


# %%
patience_is_over = check.patience_is_over(patience_is_over)

# %% [markdown]
# The lowest of these losses is that of epoch 5. A patience of 1 stops before it:

# %%
losses = [1.92, 1.61, 1.48, 1.51, 1.39, 1.42, 1.40, 1.47, 1.58, 1.71]  # of a network that begins to overfit
for patience in (1, 2, 3):
    over = [epochs for epochs in range(len(losses)) if patience_is_over(losses[:epochs], patience)]
    print(f"patience {patience}: stopped after epoch {over[0]}")

# %% [markdown]
# ## Exercise 9: your own recipe ★★★ (30 minutes, 4 points)
#
# How accurate can you make it? Choose a network, an optimiser, data augmentation and a label smoothing. The rules:
#
# - `network`: a pair `init(key, images)` and `apply(params, key, images, training=…)`. `apply` returns logits `[B, 10]`
#   for any number of images, and needs no key in evaluation. It has at most twice as many weights as `VGG8(width)`, so
#   that size does not decide.
# - `optimizer`: one that learns within `steps` steps. The check trains `recipe(4, 80)` on four pictures, two bright and
#   two dark, and expects the network to tell them apart.
# - `augment`: a tuple of functions from `utils.data.augment` that keep the size of the pictures. `()` means none.
# - `smoothing`: at least 0 and below 1.
# - `name`: lower-case letters, digits and `-`, and not `plain`. Give each recipe its own name: it gets a folder in
#   `models/My_vgg8` and a line on the scoreboard.
#
# The course's answer is one recipe among many. `hk.BatchNorm` is not possible here, because it needs
# `transform_with_state`. Ideas to try: `hk.LayerNorm`, skip connections, `augment.cutout`, other schedules, or global
# average pooling in place of the first linear layer. Stuck? `check.hint("recipe")`.


# %%
class Recipe(NamedTuple):
    """What makes one training run differ from another."""

    name: str
    network: hk.Transformed
    optimizer: optax.GradientTransformation
    augment: tuple = ()
    smoothing: float = 0.0


def plain(width: int, steps: int) -> Recipe:
    """VGG8 without any regularisation."""
    return Recipe("plain", make_network(width), optax.adam(2e-3))


# %%
def recipe(width: int, steps: int) -> Recipe:
    """Your recipe. width: W of the VGG8 it is compared with; steps: the number of training steps."""

    raise NotImplementedError("your code here")


# %%
recipe = check.recipe(recipe)

# %% [markdown]
# ## All together
#
# One training run with what the checks returned: your pieces or the course's. A checkpoint is saved after each epoch,
# in `models/My_vgg8/NAME`. You can stop at any time (■ or Ctrl-C); run the cell again to continue.
# The run keeps the weights of the best epoch and stops when the patience is over. The settings below depend on whether
# the course's drawings or the real photographs are loaded.


# %%
class Setting(NamedTuple):
    """The size of a training run."""

    split: str
    batch_size: int
    width: int
    epochs: int
    patience: int


REAL = not validation.is_sample
setting = Setting("train[:80%]", 64, 24, 20, 4) if REAL else Setting("train[:1280]", 32, 8, 8, 4)
steps = setting.epochs * len(data.load("cifar10", setting.split, batch_size=setting.batch_size, shuffle=True))


# %% [markdown]
# Each recipe needs two compiled functions, a training step and a prediction. The evaluation ignores the padding of the
# last batch, as in unit 02.


# %%
def make_step(recipe: Recipe):
    """The compiled `step(state, batch, key) -> (state, loss)` of a recipe."""

    def loss_fn(params, key, batch):
        logits = recipe.network.apply(params, key, batch.image, training=True)
        return smoothed_loss(logits, batch.label, batch.mask, recipe.smoothing)

    return jax.jit(lambda state, batch, key: train_step(state, batch, key, loss_fn, recipe.optimizer))


def make_predict(recipe: Recipe):
    """The compiled `predict(params, images) -> logits` of a recipe, without dropout or key."""
    return jax.jit(lambda params, images: recipe.network.apply(params, None, images, training=False))


def evaluate(predict, params, batches) -> tuple[float, float]:
    """Mean loss (without smoothing, so that recipes can be compared) and accuracy over all real examples."""
    every = [(predict(params, batch.image), batch.label, batch.mask) for batch in batches.epoch(0)]
    logits, labels, real = (jnp.concatenate(parts) for parts in zip(*every, strict=True))  # [N, K], [N], [N]
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)  # [N]
    hits = logits.argmax(axis=-1) == labels
    return float(jnp.mean(losses, where=real)), float(jnp.mean(hits, where=real))


# %% [markdown]
# The training loop. A checkpoint holds all that a run needs to continue: the state, the best weights and the history.


# %%
class Run(NamedTuple):
    """A training run so far."""

    state: TrainState
    best: dict  # the weights of the epoch with the lowest validation loss
    history: dict[str, list[float]]  # name → one value per epoch


def train_epoch(step, run: Run, batches, key: jax.Array) -> tuple[TrainState, float]:
    """The state after one more epoch and the mean of its losses. Raises CourseError if a loss is not finite."""
    epoch, state, losses = len(run.history["val_loss"]), run.state, []
    for batch in track(batches.epoch(epoch), f"epoch {epoch + 1}", total=len(batches), unit="step", leave=False):
        state, loss = step(state, batch, key)
        losses.append(loss)
    finite.check(int(state.step) - 1, losses, state.params)
    return state, float(np.mean(losses))


def train(recipe: Recipe, setting: Setting, folder: Path) -> Run:
    """Train from the latest checkpoint in `folder`, if there is one, until the epochs or the patience are over."""
    batches = data.load(
        "cifar10", setting.split, batch_size=setting.batch_size, shuffle=True, augment=recipe.augment, quiet=True
    )
    step, predict = make_step(recipe), make_predict(recipe)
    init_key, key = jax.random.split(jax.random.key(0, dtype="rbg"))  # "rbg" compiles faster than the default
    params = jax.jit(recipe.network.init)(init_key, jnp.zeros((1, 32, 32, 3)))
    state = TrainState(jnp.zeros((), jnp.int32), params, recipe.optimizer.init(params))
    run = Run(state, params, {"train_loss": [], "val_loss": [], "val_accuracy": [], "seconds": []})
    with checkpoints.open(folder, keep=1) as saved:
        if (last := saved.latest(like=(run.state, run.best))) is not None:
            run = Run(*last.state, last.history)
        losses = run.history["val_loss"]
        try:
            for _ in track(range(len(losses), setting.epochs), recipe.name, unit="epoch"):
                if patience_is_over(losses, setting.patience):
                    break
                begin = time.perf_counter()
                state, train_loss = train_epoch(step, run, batches, key)
                val_loss, val_accuracy = evaluate(predict, state.params, validation)
                figures = (train_loss, val_loss, val_accuracy, time.perf_counter() - begin)
                for values, figure in zip(run.history.values(), figures, strict=True):
                    values.append(figure)
                run = run._replace(state=state, best=state.params if val_loss == min(losses) else run.best)
                saved.save(len(losses), (run.state, run.best), run.history)
        except KeyboardInterrupt:
            raise SystemExit(
                f"Stopped after {len(losses)} epochs of {recipe.name!r}. Run the cell again to continue."
            ) from None
    return run


# %% [markdown]
# First train the plain network, without regularisation, then your recipe. Both get the same pictures, the same maximum
# number of epochs and the same patience.

# %%
home = records.folder("My_vgg8")  # models/My_vgg8; where a machine runs this, a folder that goes with it
kind = "real" if REAL else "sample"
recipes = {one.name: one for one in (plain(setting.width, steps), recipe(setting.width, steps))}
runs = {name: train(one, setting, home / f"{kind}-{name}") for name, one in recipes.items()}

for name, run in runs.items():
    weights.save(home / f"{kind}-{name}.safetensors", run.best, note={"model": name, "data": validation.source})
print("trained:", *runs)

# %% [markdown]
# The scoreboard ranks the runs that were evaluated on the same validation set. It is saved in `models/scoreboard.json`.
# Before you call one accuracy better than another, look at the error beside it.

# %% tags=["nbval-ignore-output"]
for name, run in runs.items():
    best_epoch = int(np.argmin(run.history["val_loss"]))
    scoreboard.add(
        name,
        validation,
        accuracy=run.history["val_accuracy"][best_epoch],
        parameters=sum(leaf.size for leaf in jax.tree.leaves(run.best)),
        epochs=len(run.history["val_loss"]),
        seconds=sum(run.history["seconds"]),
    )
scoreboard.show(validation)

# %% [markdown]
# The curves of both runs:

# %%
curves = {}
for name, run in runs.items():
    curves |= {f"{name} {part} loss": run.history[f"{part}_loss"] for part in ("train", "val")}
    curves[f"{name} val accuracy"] = run.history["val_accuracy"]
plots.curves(curves, log=True)

# %% [markdown]
# Did your recipe help? With the few steps of the sample, a regulariser that slows down learning may look bad even if it
# would help in a longer run. The gap between training loss and validation loss shows how much the network overfits.
# Change one thing, give the recipe a new name, and run the notebook again from the cell of your recipe.
#
# When you have decided which recipe to keep, and not before, evaluate it on the test set: set the switch to `True`.
# This is recorded, and every further evaluation is counted.

# %%
OPEN_THE_TEST_SET = False

if OPEN_THE_TEST_SET:
    kept = min(runs, key=lambda name: min(runs[name].history["val_loss"]))
    predict = make_predict(recipes[kept])
    accuracy = testset.open(
        "cifar10", lambda test: evaluate(predict, runs[kept].best, test)[1], model=kept, batch_size=100
    )
    print(f"test accuracy of {kept}: {100 * accuracy:.1f} %")

# %%
check.progress()
