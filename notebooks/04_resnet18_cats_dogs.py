# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · ResNet18: cats, dogs, and everything around a network
#
# ResNet18 is small and well known, and reference implementations are easy to find, so every detail can be checked. We
# build it in Flax and *prove* that it computes what PyTorch's computes, number for number. Then we add what real
# training needs and the first units could do without:
#
# - statistics that are neither weights nor data,
# - a learning rate that rises and falls,
# - weight decay for some weights only,
# - a scale for gradients in 16 bits,
# - averages of weights,
# - a start from weights that were trained on something else.
#
# How to make the same network fast is the subject of unit [06](06_make_it_fast.ipynb).
#
# The unit grew out of the READMEs of two repositories, which we call our *companions*:
#
# - the **first**, "ResNets: Jax/Flax vs. PyTorch" (a version of the README of
#   [`fattorib/Flax-ResNets`](https://github.com/fattorib/Flax-ResNets/blob/a837d8fb5cfa/Readme.md)), writes the same
#   networks in both frameworks and notes what surprised its author;
# - the **second**, "Jax&Flax ResNet18 Classification Experiment" (the README of Yuji-github's
#   [`Jax_Res18-Classification`](https://github.com/Yuji-github/Jax_Res18-Classification/blob/f1e224c67346/README.md),
#   for Flax 0.5.3, which is from 2022), trains a ResNet18 on cats and dogs. It reports 1,200 seconds for 2 epochs in
#   its first run and 130 seconds for 5 in its second.
#
# Both make mistakes that are worth learning from.
#
# Afterwards you can
#
# - write a residual network whose blocks are independent of the network around them, and carry the state of its
#   BatchNorms through training;
# - show that two models in two frameworks are the same, and say which mistakes such a proof catches;
# - exclude the right weights from the decay, accumulate gradients, keep them within float16's range, and stop at the
#   first NaN;
# - average weights over training, and fine-tune a network on a new task, and say with several seeds whether it helped;
# - say what a network looked at, and where it is wrong.
#
# <!-- minutes -->
#
# | | section | minutes |
# | --- | --- | --- |
# | 1 | The data | 3 |
# | 2 | The residual block | 10 |
# | 3 | ResNet18 | 7 |
# | 4 | BatchNorm: a layer with a memory | 8 |
# | 5 | Is it really ResNet18? | 6 |
# | 6 | The training step | 30 |
# | 7 | Training | 9 |
# | 8 | Where it is wrong | 8 |
# | 9 | Averages of weights | 11 |
# | 10 | Fine-tuning | 9 |
# | 11 | A race | 3 |
# | 12 | For the record | 1 |
# |  | What to remember | 1 |
# |  | Sources and further reading | 1 |
# |  | **together** | 107 |
#
# The minutes are for reading and running, without the exercises. You can stop at the end of any section. Counted at 200
# words, 20 lines of code or 2 cells a minute.
#
# <!-- end minutes -->
#
# You need units 01 and 02, and no GPU.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import scipy.stats
from flax import linen as nn
from flax.training import train_state
from flax.training.dynamic_scale import DynamicScale
from jax import lax

from utils import convert, data, finite, plots, results
from utils.base import definitions, paths
from utils.base.errors import CourseError
from utils.convert import resnet18
from utils.data import augment
from utils.progress import track
from utils.races import report

# %% [markdown]
# ## 1 · The data
#
# Cats and dogs, in colour, 96 by 96 pixels. The set has only one split, so we cut it ourselves: four fifths to train
# on, one fifth to evaluate on. Training pictures are loaded at 112 pixels and varied every time they are shown (*data
# augmentation*): a random part, resized to 96 pixels, perhaps mirrored, with slightly different colours.
#
# The lines printed below say which pictures were found. The *sample* consists of drawings that the course makes itself.
# They are good enough to see that everything works, but an accuracy on them says nothing about photographs.

# %%
SIZE, BATCH = 96, 32
VARIED = (augment.random_resized_crop(SIZE, scale=(0.35, 1.0)), augment.flip(), augment.colour(0.2, 0.2, 0.2))

train = data.load("cats_vs_dogs", "train[:80%]", batch_size=BATCH, shuffle=True, size=112, augment=VARIED)
held_out = data.load("cats_vs_dogs", "train[80%:]", batch_size=BATCH, size=SIZE)

# %%
batch = next(iter(train))
plots.images(train.denormalise(batch.image[:8]), titles=[train.classes[label] for label in batch.label[:8]], columns=8)
plt.show()

# %% [markdown]
# The original network has 64 channels in its first stage. Without a GPU we make it narrower: half of that for
# photographs, a quarter for drawings. With a GPU write 64.

# %%
REAL = not train.is_sample
WIDTH, EPOCHS = (32, 18) if REAL else (16, 3)

# %% [markdown]
# **Quick questions**
#
# <details><summary>Why are the held-out pictures not varied?</summary>
#
# The variations are there to get more out of the training pictures. In an evaluation we want to know how good the
# network is on unchanged pictures, and the answer should be the same each time we ask.
#
# </details>
#
# <details><summary><code>train</code> leaves out a last batch that is not full; <code>held_out</code> fills it up with
# blanks. Why the difference?</summary>
#
# In an evaluation every picture must count exactly once, so blanks are added and masked out. In training a few pictures
# more or less do not matter (the next epoch leaves out different ones), and blanks would spoil BatchNorm's statistics
# (part 6).
#
# </details>

# %% [markdown]
# ## 2 · The residual block
#
# A deeper network should be at least as good as a shallow one: its extra layers could simply pass their input on
# unchanged. But [He et al. (2015)](https://arxiv.org/abs/1512.03385) found that plain networks with more layers end
# with a *higher training error*. This is not overfitting but a failure to train. They called it *degradation*.
#
# A small network is enough to see it, in seconds: 2 or 16 blocks of two dense layers each, with BatchNorm after each
# matrix product, as in the paper. (Part 4 explains BatchNorm. The one here has no scale, bias or running averages.)
# `shortcut` is 0 for a plain network and 1 to add each block's input to its output. The data are 512 of our pictures,
# shrunk to 12×12 pixels. One `vmap` over `shortcut` and another over keys put both kinds of network and all five seeds
# into one compiled program. The two depths need a program each, since the depth changes the shapes.
#
# <details><summary>Guess first: which of the networks ends with the highest training loss?</summary>
#
# The plain one with 16 blocks, although the one with shortcuts has exactly as many weights. See the plots below.
#
# </details>


# %%
def normalise(h: jax.Array) -> jax.Array:
    """Each column of h [B, D] to mean 0 and variance 1."""
    return (h - h.mean(axis=0)) * lax.rsqrt(h.var(axis=0) + 1e-5)


def stack_loss(weights: dict, inputs: jax.Array, labels: jax.Array, shortcut: jax.Array) -> jax.Array:
    """The mean cross-entropy of a stack of blocks. inputs: [B, P]; shortcut: 0.0 or 1.0."""

    def block(h: jax.Array, pair: jax.Array) -> tuple[jax.Array, None]:
        branch = normalise(nn.relu(normalise(h @ pair[0])) @ pair[1])
        return nn.relu(branch + shortcut * h), None

    h = nn.relu(normalise(inputs @ weights["first"]))  # [B, D]
    h, _ = lax.scan(block, h, weights["blocks"])  # blocks: [N, 2, D, D]
    return optax.softmax_cross_entropy_with_integer_labels(h @ weights["last"], labels).mean()


def stack_losses(key: jax.Array, shortcut: jax.Array, blocks: int, inputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Train a stack from fresh weights with Adam. The loss of each step, [steps]."""
    width, classes, steps, rows = 32, 2, 100, 64
    keys = jax.random.split(key, 4)
    he = nn.initializers.he_normal(batch_axis=(0, 1))
    weights = {
        "first": nn.initializers.he_normal()(keys[0], (inputs.shape[1], width)),
        "blocks": he(keys[1], (blocks, 2, width, width)),
        "last": 0.01 * jax.random.normal(keys[2], (width, classes)),
    }
    optimizer = optax.adam(1e-3)

    def step(carry: tuple, key: jax.Array) -> tuple[tuple, jax.Array]:
        weights, state = carry
        drawn = jax.random.randint(key, (rows,), 0, len(labels))
        loss, gradients = jax.value_and_grad(stack_loss)(weights, inputs[drawn], labels[drawn], shortcut)
        updates, state = optimizer.update(gradients, state)
        return (optax.apply_updates(weights, updates), state), loss

    return lax.scan(step, (weights, optimizer.init(weights)), jax.random.split(keys[3], steps))[1]


shrunk = data.arrays("cats_vs_dogs", "train[:512]", size=12, quiet=True)
inputs, labels = jnp.asarray(shrunk.image).reshape(512, -1), jnp.asarray(shrunk.label)  # [512, 432], [512]
keys, kinds = jax.random.split(jax.random.key(0), 5), jnp.array([0.0, 1.0])
brief = {"xla_backend_optimization_level": 1}  # the program runs once: less time for the compiler
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), sharey=True, layout="constrained")
for place, blocks in zip(axes, (2, 16), strict=True):
    train_stack = partial(stack_losses, blocks=blocks, inputs=inputs, labels=labels)
    grid = jax.vmap(jax.vmap(train_stack, in_axes=(0, None)), in_axes=(None, 0))
    falls = np.asarray(jax.jit(grid, compiler_options=brief)(keys, kinds))  # [2, 5, steps]
    for kind, name in enumerate(("plain", "with shortcuts")):
        lines = place.plot(falls[kind].T, color=f"C{kind}", linewidth=0.8)
        lines[0].set_label(name)
    ends = falls[:, :, -20:].mean(axis=2)  # [2, 5]
    worst, best = ends[1].max(), ends[0].min()
    print(f"{blocks:2} blocks: with shortcuts the loss is at most {worst:.3f}, without them at least {best:.3f}")
    place.set(title=f"{blocks} blocks", xlabel="step")
axes[0].set_ylabel("training loss")
axes[0].legend()
plt.show()

# %% [markdown]
# Each line is a seed, and all five agree. In these 100 steps the deep networks fit the pictures less well than the
# shallow ones, with shortcuts or without. But the plain network of 16 blocks does not learn at all: its loss stays at
# $\log 2 = 0.693$, that of a guess. With shortcuts, the same layers learn. (We tried one width, one optimiser, one
# learning rate and few steps. The paper shows that the effect remains in long trainings and with convolutions.)
#
# The cure is to let each block compute what should be *added* to its input. A block that has nothing to contribute adds
# nothing, and along the shortcuts the gradient flows back without being multiplied by any weight matrix.
#
# Here is the block of ResNet18 as one would write it in PyTorch:
#
# ```python
# class ResidualBlock(torch.nn.Module):
#     def __init__(self, in_channels, channels, stride=1):
#         super().__init__()
#         self.conv1 = torch.nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
#         self.bn1 = torch.nn.BatchNorm2d(channels)
#         self.conv2 = torch.nn.Conv2d(channels, channels, 3, 1, padding=1, bias=False)
#         self.bn2 = torch.nn.BatchNorm2d(channels)
#         self.downsample = None
#         if stride != 1 or in_channels != channels:
#             self.downsample = torch.nn.Sequential(
#                 torch.nn.Conv2d(in_channels, channels, 1, stride, bias=False), torch.nn.BatchNorm2d(channels)
#             )
#
#     def forward(self, x):
#         y = torch.relu(self.bn1(self.conv1(x)))
#         y = self.bn2(self.conv2(y))
#         shortcut = x if self.downsample is None else self.downsample(x)
#         return torch.relu(y + shortcut)
# ```
#
# And here it is in Flax. With `@nn.compact` a layer is created where it is used, and input sizes need not be stated.
# Two fields of the module, `conv` and `norm`, are functions that create *other modules*: the block is told which
# convolution and which normalisation to use, and need not know anything else about them.


# %%
class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut around them (He et al. 2015).

    [B, H, W, C] to [B, H/stride, W/stride, features].

    conv, norm: what to build layers of, with all that the blocks of a network share already bound.
    """

    features: int
    stride: int = 1
    conv: Callable[..., nn.Module] = partial(nn.Conv, use_bias=False)
    norm: Callable[..., nn.Module] = partial(nn.BatchNorm, use_running_average=False)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        shortcut = x
        if self.stride != 1 or x.shape[-1] != self.features:  # the sum needs equal shapes: project
            shortcut = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            shortcut = self.norm(name="downsample_bn")(shortcut)
        return nn.relu(y + shortcut)


# %% [markdown]
# `partial(nn.Conv, use_bias=False)` is `nn.Conv` with one argument filled in. A network binds its settings once, in one
# place, and passes them down. The convolutions have no bias, since the BatchNorm that follows subtracts each channel's
# mean, and with it any bias.
#
# Which weights does a block have? `eval_shape` answers without computing any.

# %%
block = ResidualBlock(features=16, stride=2)
shapes = jax.eval_shape(block.init, jax.random.key(0), jnp.zeros((1, 8, 8, 8)))
for collection, leaves in shapes.items():
    print(collection)
    for path, leaf in jax.tree_util.tree_leaves_with_path(leaves):
        print(f"  {jax.tree_util.keystr(path, simple=True, separator='/'):24} {leaf.shape}")

# %% [markdown]
# There are two *collections*. `params` is what the optimiser changes. `batch_stats` is what BatchNorm remembers; it is
# neither weights nor data, and part 4 is about it.
#
# ### A trap: padding
#
# Why `padding=1` and not `"SAME"`, which is Flax's default and gives the same output size? For a 3×3 kernel with stride
# 1 they are equal. With stride 2 they are not. A convolution with the kernel `0 1 0` copies the pixel in its middle, so
# its output shows where the kernel was centred.
#
# <details><summary>Guess first: on a row of eight pixels, with stride 2, where is the kernel centred for each of the
# two paddings?</summary>
#
# Padding 1 on both sides: at 0, 2, 4, 6. `"SAME"`: at 1, 3, 5, 7. Run the cell.
#
# </details>

# %%
row = jnp.arange(8.0).reshape(1, 8, 1)  # [B, W, C]: one row of eight pixels
middle = jnp.array([0.0, 1.0, 0.0]).reshape(3, 1, 1)  # [W, in, out]
for padding in ([(1, 1)], "SAME"):
    looked_at = lax.conv_general_dilated(row, middle, (2,), padding, dimension_numbers=("NWC", "WIO", "NWC"))
    print(f"padding {padding!s:8} looks at pixels {looked_at[0, :, 0].astype(int)}")

# %% [markdown]
# Four windows of three pixels, two apart, span nine pixels, so *one* pixel of padding is enough. TensorFlow's rule,
# `"SAME"`, adds it on the right; PyTorch's `padding=1` adds one on both sides. The shapes agree and there is no error,
# but the output is shifted by one pixel relative to the shortcut, which looks at 0, 2, 4, 6. A network that is trained
# from scratch can adapt to this. Weights that were trained elsewhere cannot; part 5 shows how much it changes the
# answers.
#
# **Quick questions**
#
# <details><summary>Which of the block's arrays would be missing for <code>stride=1</code> and as many features as the
# input has channels?</summary>
#
# All whose names begin with `downsample`: the two terms of the sum already have the same shape, so the shortcut is the
# input itself.
#
# </details>
#
# <details><summary>The block adds <i>before</i> its last ReLU, so the shortcut passes through a ReLU in every block.
# Can a block still be the identity?</summary>
#
# Yes, if it has no projection. Its input comes out of a ReLU and is not negative, so if the branch adds nothing, the
# last ReLU changes nothing.
#
# </details>

# %% [markdown]
# ## 3 · ResNet18
#
# A *stem* reduces the picture to a quarter of its height and width. Four stages of two blocks each follow; every stage
# but the first halves the map in both directions and doubles the channels. Then come the mean over all positions and
# one dense layer. The stem ends in a max-pooling, which we write ourselves:


# %%
def max_pool(x: jax.Array) -> jax.Array:
    """The largest of 3×3, stride 2, padding 1, of numbers ≥ 0. [B, H, W, C] to [B, ⌈H/2⌉, ⌈W/2⌉, C].

    As the maximum of nine shifted maps: the gradient of `nn.max_pool` is slow on a CPU (unit 06). Of equal numbers
    the first gets all of the gradient, as there and in PyTorch; `jnp.maximum` would share it among them. (Of zeros at
    the edge it may be the padding's; the ReLU lets no gradient through to a zero anyway.)
    """

    def larger(first: jax.Array, second: jax.Array) -> jax.Array:
        return jnp.where((second > first) | jnp.isnan(second), second, first)

    height, width = (x.shape[1] + 1) // 2, (x.shape[2] + 1) // 2
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))  # zeros, which cannot be larger than what comes out of a ReLU
    shifted = [x[:, i : i + 2 * height - 1 : 2, j : j + 2 * width - 1 : 2] for i in range(3) for j in range(3)]
    return jax.tree.reduce(larger, shifted)


# %% [markdown]
# The network binds the settings that all its layers share, and passes the constructors on to the blocks:


# %%
class ResNet18(nn.Module):
    """ResNet18 of He et al. (2015), as in torchvision and timm: pictures [B, H, W, 3] to logits [B, classes].

    width: channels of the first stage, 64 in the original.
    dtype: of the arithmetic; weights and statistics are float32, and the last layer computes in at least float32.
    conv, norm: what all layers are built of. `train` decides which statistics the norms use; with train=True, `apply`
    needs mutable=["batch_stats"].
    """

    classes: int
    width: int = 64
    dtype: Any = jnp.float32
    conv: Callable[..., nn.Module] = nn.Conv
    norm: Callable[..., nn.Module] = nn.BatchNorm

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        normal = nn.initializers.variance_scaling(2.0, "fan_out", "normal")  # He et al. (2015b)
        conv = partial(self.conv, use_bias=False, dtype=self.dtype, kernel_init=normal)
        norm = partial(self.norm, use_running_average=not train, momentum=0.9, epsilon=1e-5, dtype=self.dtype)

        x = conv(self.width, (7, 7), strides=2, padding=3, name="conv1")(x)  # [B, H/2, W/2, width]
        x = nn.relu(norm(name="bn1")(x))
        x = max_pool(x)  # [B, H/4, W/4, width]
        for stage in range(4):
            for number in range(2):
                stride = 2 if stage > 0 and number == 0 else 1
                x = ResidualBlock(
                    self.width * 2**stage, stride, conv=conv, norm=norm, name=f"layer{stage + 1}_{number}"
                )(x)  # [B, H/4/2^stage, W/4/2^stage, width · 2^stage]
        if train and x.size == x.shape[-1]:
            raise ValueError(
                f"The last map is {x.shape}: one number for each channel, "
                "from which BatchNorm cannot learn a variance. "
                "Train with more than one picture in a batch, or with larger ones."
            )
        x = x.mean(axis=(1, 2))  # [B, 8 · width]
        return nn.Dense(self.classes, dtype=jnp.promote_types(self.dtype, jnp.float32), name="fc")(x)


# %% [markdown]
# Here are the original's shapes, 64 channels wide. `eval_shape` runs the model on shapes alone, without computing, and
# `capture_intermediates` keeps what each layer returns. (The rows are sorted by name: JAX sorts a dictionary's keys
# when it flattens a tree.)

# %%
original = ResNet18(classes=1000)
photograph = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
_, shapes = jax.eval_shape(
    partial(original.init_with_output, train=False, capture_intermediates=True), jax.random.key(0), photograph
)


def size_of(tree) -> int:
    """How many numbers the arrays of a tree hold."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


print("layer        its result             weights   statistics")
for name, layer in shapes["params"].items():
    (result,) = jax.tree.leaves(shapes["intermediates"][name]["__call__"])
    statistics = size_of(shapes["batch_stats"].get(name, {}))
    print(f"{name:12} {result.shape!s:18} {size_of(layer):11,} {statistics:12,}")
print(f"{size_of(shapes['params']):,} weights")

# %% [markdown]
# 11,689,512 is the number that [torchvision's
# documentation](https://docs.pytorch.org/vision/stable/models/generated/torchvision.models.resnet18.html) gives. That
# is encouraging, but not yet a proof.
#
# Why do our pictures have 96 pixels, and not 64? At 64 the last maps would be 2×2, smaller than the kernels, and on a
# CPU these convolutions would take many times as long as they need; unit [06](06_make_it_fast.ipynb) shows how long,
# and why.
#
# Now our own network, for two classes. Initialisation is a program too: it draws random numbers for each of the
# kernels. It runs only once, so it is not worth much of the compiler's time, and we compile it at optimisation level 0.
# Given several keys, it draws several networks at once (part 9).


# %%
def new_variables(model: nn.Module, key: jax.Array, size: int) -> dict:
    """Fresh {"params", "batch_stats"} of a model for pictures of `size`; for keys [S], those of S models, [S, ...]."""

    def init(key: jax.Array) -> dict:
        return model.init(key, jnp.zeros((1, size, size, 3)), train=False)

    quick = {"xla_backend_optimization_level": 0}
    return jax.jit(jax.vmap(init) if key.ndim else init, compiler_options=quick)(key)


model = ResNet18(classes=len(train.classes), width=WIDTH)
variables = new_variables(model, jax.random.key(0), SIZE)
for collection, leaves in variables.items():
    print(f"{collection:12} {len(jax.tree.leaves(leaves)):3} arrays")

# %% [markdown]
# **Quick questions**
#
# <details><summary>All stages have two blocks. Why does the last stage hold about three quarters of the
# weights?</summary>
#
# A 3×3 kernel has 9 · in · out weights, and each stage doubles the channels, so its kernels hold four times as many as
# those of the stage before. The work does not grow, since each stage has only a quarter of the positions of the one
# before.
#
# </details>
#
# <details><summary>Where do the 62 arrays come from?</summary>
#
# Twenty convolutions (the stem's, two in each of eight blocks, three projections) with one kernel each, twenty
# BatchNorms with a scale and a bias each, and a dense layer with a kernel and a bias: 20 + 40 + 2.
#
# </details>

# %% [markdown]
# ## 4 · BatchNorm: a layer with a memory
#
# BatchNorm ([Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167)) brings each channel to mean 0 and variance 1,
# then multiplies by a learnt scale and adds a learnt bias. The question is: whose mean and variance?
#
# - In training, those of *this batch*.
# - In evaluation, running averages of what training saw. An answer must not depend on which other pictures happen to be
#   in the batch.
#
# Let us watch a single BatchNorm. Its input has mean 3 and standard deviation 2 in every channel.
#
# <details><summary>Guess first: fresh BatchNorm, evaluation mode: what are the mean and standard deviation of its
# output?</summary>
#
# About 3 and 2, those of its input. The running statistics start at mean 0 and variance 1, so nothing is changed.
#
# </details>


# %%
def noise(step: int) -> jax.Array:
    """A batch [64, 4] with mean 3 and standard deviation 2."""
    return 3.0 + 2.0 * jax.random.normal(jax.random.fold_in(jax.random.key(7), step), (64, 4))


norm = nn.BatchNorm(momentum=0.9, epsilon=1e-5)
start = norm.init(jax.random.key(0), noise(0), use_running_average=True)
trained, changed = norm.apply(start, noise(0), use_running_average=False, mutable=["batch_stats"])
evaluated = norm.apply(start, noise(0), use_running_average=True)
print(f"training:   mean {abs(trained.mean()):.1f}, standard deviation {trained.std():.1f}")
print(f"evaluation: mean {evaluated.mean():.1f}, standard deviation {evaluated.std():.1f}")
print(
    "running mean before and after one batch:",
    start["batch_stats"]["mean"][0],
    "→",
    f"{changed['batch_stats']['mean'][0]:.3f}",
)

# %% [markdown]
# In evaluation nothing was normalised (3.2 and 1.9 are what this batch has): the running statistics are still mean 0
# and variance 1, as at the start. After one batch the running mean has moved a tenth of the way to the batch's. **So a
# network that is evaluated too early can look broken although its weights are good.**
#
# `apply` is a pure function, so it cannot change the statistics it was given. `mutable=["batch_stats"]` asks for the
# new ones, and the result is a pair: output and changed collections. What if you forget it?

# %%
try:
    norm.apply(start, noise(0), use_running_average=False)
except Exception as error:
    print(type(error).__name__)

# %% [markdown]
# An error: Flax does not update the module in place, as PyTorch does. The other mistake is silent: taking the pair and
# dropping its second half. Training works, since it uses the batch's statistics, but evaluation goes on using mean 0
# and variance 1.
#
# ### Momentum: two conventions
#
# How far the statistics move in each step is set by the *momentum*, and the two frameworks mean opposite things by it:
#
# | | the new running mean | default |
# | --- | --- | --- |
# | Flax | `momentum · old + (1 − momentum) · batch` | 0.99 |
# | PyTorch | `(1 − momentum) · old + momentum · batch` | 0.1 |
#
# (See [`flax.linen.BatchNorm`](https://flax-linen.readthedocs.io/en/latest/api_reference/flax.linen/layers.html) and
# [`torch.nn.BatchNorm2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html).) PyTorch's 0.1 is
# Flax's **0.9**. The first companion's Flax code has `momentum=0.1`. What does that do?
#
# <details><summary>Guess first: how does the running mean behave with <code>momentum=0.1</code> in Flax?</summary>
#
# It jumps about: nine tenths of it are the last batch's mean. See the plot.
#
# </details>

# %%
followed = {}
for momentum in (0.99, 0.9, 0.1):
    norm = nn.BatchNorm(momentum=momentum, use_running_average=False)
    update = jax.jit(lambda stats, x, norm=norm: norm.apply({**start, **stats}, x, mutable=["batch_stats"])[1])
    stats = {"batch_stats": start["batch_stats"]}
    followed[momentum] = [float((stats := update(stats, noise(step)))["batch_stats"]["mean"][0]) for step in range(150)]

figure, axes = plt.subplots(figsize=(7, 2.6))
for momentum, means in followed.items():
    axes.plot(means, label=f"momentum={momentum} in Flax", linewidth=1.5)
axes.axhline(3.0, color="black", linewidth=1, linestyle=":")
axes.set(xlabel="batch", title="the running mean; the true one is 3")
axes.legend()
plt.show()

# %% [markdown]
# With 0.1, nine tenths of the "running average" come from the last batch, so an evaluation depends on which pictures
# came last. With 0.99, Flax's default, the average is smooth but slow: after 100 steps 37 % of the way is still missing
# ($0.99^{100} = 0.37$), and our training on drawings has only 75 steps. Our ResNet18 uses PyTorch's 0.9.
#
# One difference remains. PyTorch's running *variance* is the unbiased estimate, Flax's the biased one. They differ by a
# factor $n/(n-1)$, where $n$ is how many values a channel has in the batch. For maps of 24×24 in a batch of 32 the
# factor is 1.000054.
#
# What if $n$ is 1? Then the variance is 0, every input equals its own mean, and the output is the bias, whatever the
# input was:

# %%
single = norm.apply(start, noise(0)[:1], mutable=["batch_stats"])[0]
print("a batch of one, normalised by itself:", single[0])

# %% [markdown]
# Nothing can be learnt from that. PyTorch raises an error here (`_verify_batch_size` in
# [`torch/nn/functional.py`](https://github.com/pytorch/pytorch/blob/main/torch/nn/functional.py)); Flax does not. It
# happens in practice when the last batch of an epoch holds a single picture and the last map a single position. Our
# model checks the shape and raises an error while it is being traced, so the check costs nothing when the compiled
# program runs.

# %%
try:
    jax.eval_shape(partial(model.apply, train=True, mutable=["batch_stats"]), variables, jnp.zeros((1, 32, 32, 3)))
except ValueError as error:
    print(error)

# %% [markdown]
# **Quick questions**
#
# <details><summary>Two runs on the same pictures in the same order, one with momentum 0.9, one with 0.99. Do their
# <i>weights</i> differ?</summary>
#
# No. In training the normalisation uses the batch's statistics; the running ones are only recorded. The weights are the
# same, and the evaluations differ.
#
# </details>
#
# <details><summary>Does the gradient flow through the batch's mean and variance?</summary>
#
# Yes. They are computed from the activations, so each picture's gradient depends on the others in its batch. The
# running statistics are a side output that the loss does not depend on.
#
# </details>
#
# <details><summary>Where is the learnt scale of a BatchNorm kept, and where its running variance?</summary>
#
# The scale in `params`, since the optimiser changes it; the variance in `batch_stats`.
#
# </details>

# %% [markdown]
# ## 5 · Is it really ResNet18?
#
# The same name and the same number of weights prove little. Two models are the same when the same weights give the same
# answers. So:
#
# 1. Fill PyTorch's model with weights by a fixed *rule* that depends only on each tensor's name and shape. Compute its
#    logits and keep them in a file.
# 2. Fill our model by the same rule, convert names and layouts, and compare.
#
# The rule uses integer arithmetic and gives the same bits on every machine, so you need neither a file of weights nor
# PyTorch to run this. Freshly initialised weights would not do: a scale of 1 and a bias of 0 hide many mistakes.
#
# There is little to convert. PyTorch keeps a kernel as `[out, in, height, width]`, Flax as `[height, width, in, out]`;
# a dense layer's matrix is transposed; and the names differ. `utils.convert` takes rules for all three:

# %%
for one in (*resnet18.RULES.rules[:6], *resnet18.RULES.rules[-2:]):
    print(f"{one.torch}\n    ↔ {one.flax}, {one.layout.what}")

# %%
golden = json.loads((paths.ROOT / "tests/golden/resnet18.json").read_text())
rule = definitions.load("tests/golden/rule.py")
state_dict = rule.state_dict({name: tuple(shape) for name, shape in golden["shapes"].items()})
noisy = rule.images("96", *golden["pictures"]["96"])  # [4, 96, 96, 3]
reference = np.array(golden["evaluation"]["96"])  # [4, 10], computed by PyTorch


def logits_of(model: nn.Module, state_dict: dict, images: jax.Array) -> jax.Array:
    """What the model answers with PyTorch's weights. [B, classes]"""
    like = jax.eval_shape(partial(model.init, train=False), jax.random.key(0), images)
    weights = convert.to_flax(resnet18.RULES, state_dict, like)
    return jax.jit(partial(model.apply, train=False))(weights, images)


difference = np.abs(logits_of(ResNet18(classes=10), state_dict, noisy) - reference).max()
print("the same within 1e-5:", bool(difference < 1e-5))
print(f"largest difference of a logit: {difference:.1e}")

# %% [markdown]
# They agree to within float32's rounding. But a test that cannot fail proves nothing, so now let us *break* the model.
# Its layers can be replaced from outside, so we make two plausible mistakes: padding `"SAME"`, and an epsilon of 1e-3
# in the norms, which is [Keras's default](https://keras.io/api/layers/normalization_layers/batch_normalization/).
#
# <details><summary>Guess first: which of the two changes the logits more?</summary>
#
# The padding, by far: it shifts the windows of all 3×3 and 7×7 convolutions with stride 2, in the stem and in three
# stages. The epsilon changes a normalised number by less than a thousandth where the variance is about 1. See the bars.
#
# </details>


# %%
def same_padding(features: int, kernel: tuple[int, int], padding: Any, **settings: Any) -> nn.Module:
    """A convolution that ignores how it is told to pad."""
    return nn.Conv(features, kernel, padding="SAME", **settings)


def large_epsilon(epsilon: float, **settings: Any) -> nn.Module:
    """A BatchNorm that ignores the epsilon it is given."""
    return nn.BatchNorm(epsilon=1e-3, **settings)


broken = {"epsilon 1e-3": {"norm": large_epsilon}, "padding SAME": {"conv": same_padding}}
differences = {"as it is": difference} | {
    name: np.abs(logits_of(ResNet18(classes=10, **parts), state_dict, noisy) - reference).max()
    for name, parts in broken.items()
}
figure, axes = plt.subplots(figsize=(6, 1.8))
axes.barh(list(differences), list(differences.values()), color=[plots.STRONG, plots.PALE, plots.PALE])
axes.axvline(1e-5, color="black", linewidth=1, linestyle=":")
axes.set(xscale="log", xlim=(1e-7, 1), title="largest difference of a logit; dotted: what we allow")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# Both are caught, by a wide margin. But this cell compares only evaluation, neither gradients nor the update of the
# running statistics. The course's own tests (`tests/models/test_resnet18.py` in its repository) compare those as well,
# in float64, where rounding hides less; and they check that broken copies of the code above (a missing ReLU, the stride
# on the second convolution, another momentum …) are found out.
#
# What about weights that belong to another model? Here PyTorch's weights are for ten classes and our model has two:

# %%
try:
    logits_of(ResNet18(classes=2), state_dict, noisy)
except CourseError as error:
    print(error)

# %% [markdown]
# **Quick questions**
#
# <details><summary>Would this comparison notice a wrong BatchNorm <i>momentum</i>?</summary>
#
# No. In evaluation the running statistics are read, not updated. It takes a training step, and a look at the statistics
# after it.
#
# </details>
#
# <details><summary>Why would weights as they are initialised be a poor test?</summary>
#
# All scales are 1, all biases 0, all running means 0 and variances 1. A model that forgets to add a bias, or that swaps
# scale and variance, would give the same answers.
#
# </details>

# %% [markdown]
# ## 6 · The training step
#
# In unit 02 the state was a named tuple of our own. Flax has a ready-made class, `TrainState`, that holds the weights,
# the optimiser and its state, the model's `apply`, and a step counter. A subclass can add more. Ours adds two things:
# BatchNorm's statistics, and a scale that only float16 training needs (explained below).


# %%
class TrainState(train_state.TrainState):
    """Flax's training state, with BatchNorm's running statistics, and a loss scale where training is in float16."""

    batch_stats: Any
    dynamic_scale: DynamicScale | None = None


def new_state(
    model: nn.Module,
    variables: dict,
    optimizer: optax.GradientTransformation,
    dynamic_scale: DynamicScale | None = None,
) -> TrainState:
    """The state before the first step. variables: {"params", "batch_stats"}."""
    return TrainState.create(apply_fn=model.apply, tx=optimizer, dynamic_scale=dynamic_scale, **variables)


# %% [markdown]
# What a batch adds to the figures of an epoch is counted as in unit 02:


# %%
class Sums(NamedTuple):
    """What a batch adds to the figures of an epoch."""

    loss: jax.Array  # [] float32
    correct: jax.Array  # [] int32
    count: jax.Array  # [] int32


def batch_sums(logits: jax.Array, batch: data.Batch) -> Sums:
    """The loss and hits of the real examples of a batch. logits: [B, K]."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)  # [B]
    hits = jnp.argmax(logits, axis=-1) == batch.label  # [B]
    return Sums(jnp.sum(losses, where=batch.mask), jnp.sum(hits, where=batch.mask), jnp.sum(batch.mask))


# %% [markdown]
# In the step, `has_aux=True` lets the loss function return more than the loss: here the sums and the new statistics.
# Only the loss is differentiated.
#
# The labels are *smoothed* ([Szegedy et al., 2015](https://arxiv.org/abs/1512.00567)): 95 % for the right class and 5 %
# for the other. With hard labels, larger logits can lower the loss of a right answer for ever; with smoothed ones the
# loss has its minimum at finite logits. The step reports the plain loss, without smoothing.
#
# The lines after the `if` block are for float16; a section below explains them. The `if` is a Python `if`: whether
# there is a scale is part of the *structure* of the state, which is known while JAX traces.


# %%
def train_step(state: TrainState, batch: data.Batch, smoothing: float = 0.1) -> tuple[TrainState, Sums]:
    """One step of training on a batch without blanks; the sums are those before the step."""

    def loss_fn(params: dict) -> tuple[jax.Array, tuple[Sums, dict]]:
        variables = {"params": params, "batch_stats": state.batch_stats}
        logits, changed = state.apply_fn(variables, batch.image, train=True, mutable=["batch_stats"])
        targets = optax.smooth_labels(jax.nn.one_hot(batch.label, logits.shape[-1]), smoothing)  # [B, K]
        loss = optax.softmax_cross_entropy(logits, targets).mean()
        return loss, (batch_sums(logits, batch), changed["batch_stats"])

    if state.dynamic_scale is None:
        (_, (sums, batch_stats)), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        return state.apply_gradients(grads=gradients, batch_stats=batch_stats), sums

    scaled_gradient = state.dynamic_scale.value_and_grad(loss_fn, has_aux=True)
    dynamic_scale, is_finite, (_, (sums, batch_stats)), gradients = scaled_gradient(state.params)
    after = state.apply_gradients(grads=gradients, batch_stats=batch_stats)
    kept = jax.tree.map(partial(jnp.where, is_finite), after, state)  # an overflow: as if the step had not been
    return kept.replace(dynamic_scale=dynamic_scale), sums


def eval_step(state: TrainState, batch: data.Batch) -> Sums:
    """The sums of a batch, with the running statistics."""
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    return batch_sums(state.apply_fn(variables, batch.image, train=False), batch)


# %% [markdown]
# Why "a batch without blanks"? The mask keeps blanks out of the reported sums only. The training loss is a plain mean
# over the batch, and even with a mask there, blanks would still count in BatchNorm's mean and variance. In training,
# the loader therefore drops a last batch that is not full.
#
# ### Which weights decay
#
# Weight decay shrinks each weight by a small fraction in every step. It is common to leave out biases and the scales of
# norms: "no bias decay" in [He et al., 2018](https://arxiv.org/abs/1812.01187). They are few, and there is no reason to
# pull a scale towards 0. A *mask* leaves them out: a tree like `params`, with `True` where decay applies. Ours goes by
# the name of each leaf, the last part of its path. (Where every bias and scale is a vector, and nothing else is, one
# could also go by the number of axes.)


# %%
def decay_mask(params: dict) -> dict:
    """False for every `bias` and `scale`, True for what else there is. The structure of `params`, of bools."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key not in ("bias", "scale"), params)


# %% [markdown]
# A wrong mask raises no error. So check which leaves *move* when all gradients are zero: then only the decay is left.

# %%
optimizer = optax.adamw(1e-3, weight_decay=0.05, mask=decay_mask)
params = jax.tree.map(np.ones_like, variables["params"])  # ones: a bias of 0 would not move in any case


def without_gradient(optimizer: optax.GradientTransformation, params: dict) -> dict:
    """What the optimiser adds to the parameters when all gradients are zero."""
    return optimizer.update(jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params)[0]


quick = {"xla_backend_optimization_level": 0}
moves = jax.jit(without_gradient, static_argnums=0, compiler_options=quick)(optimizer, params)
moved, still = {}, {}
for path, move in jax.tree_util.tree_leaves_with_path(moves):
    names = moved if np.any(np.asarray(move) != 0) else still
    names[path[-1].key] = names.get(path[-1].key, 0) + 1
print("move: ", moved)
print("stay: ", still)

# %% [markdown]
# 21 kernels decay: the stem's, two in each of eight blocks, three projections, and the dense layer's. The 20 scales and
# 21 biases stay. (The first companion does this with `flax.traverse_util.ModelParamTraversal`; a mask for optax is
# simpler.)
#
# ### What decay does before a BatchNorm
#
# The usual reason for weight decay is that small weights make a simple function. In this network, that applies to only
# one of the 21 kernels.
#
# <details><summary>Guess first: all convolution kernels of a block are multiplied by 3. What happens to the block's
# output, and to the gradient with respect to these kernels?</summary>
#
# The output stays the same, since BatchNorm divides the factor out again. The gradient is divided by 3. Run the cell.
#
# </details>


# %%
def sum_of_squares(params: dict, block: nn.Module, maps: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A loss for a block in training mode, and the block's output."""
    output, _ = block.apply({"params": params}, maps, mutable=["batch_stats"])
    return ((output - 1) ** 2).sum(), output


block, maps = ResidualBlock(features=8, stride=2), jax.random.normal(jax.random.key(0), (16, 12, 12, 4))
params = jax.jit(block.init, compiler_options=quick)(jax.random.key(1), maps)["params"]
larger = jax.tree_util.tree_map_with_path(lambda path, leaf: leaf * (3 if path[-1].key == "kernel" else 1), params)
slope = jax.jit(jax.grad(sum_of_squares, has_aux=True), static_argnums=1, compiler_options=quick)
(gradients, output), (of_larger, same) = slope(params, block, maps), slope(larger, block, maps)
print("the same output:", bool(jnp.allclose(output, same, atol=1e-3)))
for name in ("conv1", "conv2", "downsample_conv"):
    ratio = jnp.linalg.norm(of_larger[name]["kernel"]) / jnp.linalg.norm(gradients[name]["kernel"])
    print(f"{name:16} its gradient: {ratio:.2f} of what it was")

# %% [markdown]
# The function does not depend on the size of these kernels at all, so decay cannot make it simpler. What it changes is
# the *step*. Smaller kernels have larger gradients, and a step of a given length turns a smaller kernel further. (Adam
# divides each gradient by its usual size, so there only the second applies.) Decay in front of a normalisation
# therefore acts on the effective learning rate ([van Laarhoven, 2017](https://arxiv.org/abs/1706.05350); [Zhang et al.,
# 2018](https://arxiv.org/abs/1810.12281)). Only the dense layer at the end is decayed in the usual sense.
#
# ### L2 in the loss is not weight decay
#
# The first companion adds $\frac{\lambda}{2}\lVert w\rVert^2$ to the loss and calls it weight decay, with the remark
# that this depends on the optimiser. With plain gradient descent the two are the same, since the gradient of the term
# is $\lambda w$. (The companion's [code](https://github.com/fattorib/Flax-ResNets/blob/17bcd9c67686/main_flax.py) uses
# momentum. L2 in the loss passes through it, decoupled decay does not.) With Adam they are *not* ([Loshchilov and
# Hutter, 2017](https://arxiv.org/abs/1711.05101)): Adam divides each gradient by its usual size, and with it the decay
# that was mixed in. Take two weights, both starting at 1, whose gradients are pure noise, of size 0.1 for one and 10
# for the other. We repeat this with ten keys, in one program, by `vmap`:
#
# <details><summary>Guess first: L2 in the loss, Adam: which of the two weights shrinks faster?</summary>
#
# The one with the small gradients. Its noise is small beside λw, so the decay makes up most of its gradient. See the
# left plot.
#
# </details>


# %%
def drift(optimizer: optax.GradientTransformation, l2: float, key: jax.Array, steps: int = 400) -> jax.Array:
    """Two weights under noise of size 0.1 and 10, with l2 · w added to the gradient. [steps, 2]"""

    def step(carry, key):
        weights, state = carry
        gradients = jnp.array([0.1, 10.0]) * jax.random.normal(key, (2,)) + l2 * weights
        updates, state = optimizer.update(gradients, state, weights)
        weights = optax.apply_updates(weights, updates)
        return (weights, state), weights

    weights = jnp.ones(2)
    return lax.scan(step, (weights, optimizer.init(weights)), jax.random.split(key, steps))[1]


figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), sharey=True)
cases = {
    "L2 in the loss, Adam": (optax.adam(1e-3), 0.5),
    "decoupled decay, AdamW": (optax.adamw(1e-3, weight_decay=0.5), 0.0),
}
keys = jax.random.split(jax.random.key(0), 10)
for place, (title, (rule_of_step, l2)) in zip(axes, cases.items(), strict=True):
    paths_of = jax.jit(jax.vmap(partial(drift, rule_of_step, l2)))(keys)  # [10, steps, 2]
    for number, label in enumerate(("gradients of size 0.1", "gradients of size 10")):
        lines = place.plot(paths_of[:, :, number].T, color=f"C{number}", linewidth=0.8)
        lines[0].set_label(label)
    place.set(title=title, xlabel="step")
axes[0].legend()
plt.show()

# %% [markdown]
# Left, in the loss: the weight with small gradients is pulled down fast, the other hardly moves. Right, decoupled: both
# lose the same fraction in every step, and the remaining differences are noise. With plain SGD the two agree, provided
# that the learning rate scales both:

# %%
with_l2 = drift(optax.sgd(1e-2), 0.5, keys[0])
decoupled = drift(optax.chain(optax.add_decayed_weights(0.5), optax.sgd(1e-2)), 0.0, keys[0])
print("with SGD the same:", bool(jnp.allclose(with_l2, decoupled, atol=1e-5)))

# %% [markdown]
# ### Warm-up and cosine
#
# The learning rate rises linearly for the first tenth of the steps, then falls to 0 along half a cosine. The warm-up is
# meant to avoid large steps while the weights are still fresh ([Goyal et al., 2017](https://arxiv.org/abs/1706.02677));
# the cosine is that of [Loshchilov and Hutter, 2016](https://arxiv.org/abs/1608.03983), without restarts. Both are
# common practice; we do not compare them with other schedules here. In optax a schedule is a function of the step, and
# the optimiser counts the steps: there is no `scheduler.step()` to call.

# %%
STEPS = EPOCHS * len(train)
schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=STEPS // 10, decay_steps=STEPS)
optimizer = optax.adamw(schedule, weight_decay=0.05, mask=decay_mask)

figure, axes = plt.subplots(figsize=(5, 2.0))
axes.plot(np.arange(STEPS + 1) / len(train), jax.vmap(schedule)(jnp.arange(STEPS + 1)))
axes.set(xlabel="epoch", title="learning rate", ylim=(0, None))
plt.show()

# %% [markdown]
# `decay_steps` counts *all* steps, warm-up included. And optax counts steps, not epochs. What happens if you write
# `EPOCHS` instead?
#
# <details><summary>Guess first: do you get an error?</summary>
#
# With our warm-up, yes: it is longer than the whole schedule would then be. Without one there is no error, and the
# learning rate is 0 after as many *steps* as there should be epochs.
#
# </details>

# %%
try:
    optax.warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=STEPS // 10, decay_steps=EPOCHS)
except ValueError as error:
    print("with a warm-up:", error)
without_warmup = optax.cosine_decay_schedule(1e-3, decay_steps=EPOCHS)
print(f"without one, the learning rate is 0 after {EPOCHS} of {STEPS} steps:", bool(without_warmup(EPOCHS) == 0))

# %% [markdown]
# ### Gradient accumulation
#
# If 128 pictures do not fit into memory, take 32 four times, average the gradients, and step once. `optax.MultiSteps`
# wraps any optimiser so that it does this. Is it the same as one batch of 128? We try it without and with BatchNorm.
#
# <details><summary>Guess first: in which of the two networks do four batches of 32 give the same weights as one of
# 128?</summary>
#
# In the one without BatchNorm. With it, each batch of 32 is normalised by its own statistics.
#
# </details>


# %%
class Small(nn.Module):
    """Two dense layers, with a BatchNorm in between or without."""

    normalised: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Dense(8)(x)
        if self.normalised:
            x = nn.BatchNorm(use_running_average=False)(x)
        return nn.Dense(1)(nn.relu(x))


def weights_after(small: Small, optimizer: optax.GradientTransformation, batches: jax.Array) -> dict:
    """The weights after one update for each of the batches [N, B, 4], whose targets are their row sums."""
    variables = small.init(jax.random.key(0), batches[0])
    params, state = variables["params"], optimizer.init(variables["params"])

    def loss_fn(params, x):
        answer, _ = small.apply({**variables, "params": params}, x, mutable=["batch_stats"])
        return jnp.mean((answer[:, 0] - x.sum(axis=1)) ** 2)

    def step(carry, x):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss_fn)(params, x), state, params)
        return (optax.apply_updates(params, updates), state), None

    return lax.scan(step, (params, state), batches)[0][0]


rows = jax.random.normal(jax.random.key(1), (128, 4))
for normalised in (False, True):
    small = Small(normalised)
    once, summed = optax.sgd(0.1), optax.MultiSteps(optax.sgd(0.1), every_k_schedule=4)
    at_once = jax.jit(partial(weights_after, small, once), compiler_options=quick)(rows.reshape(1, 128, 4))
    in_four = jax.jit(partial(weights_after, small, summed), compiler_options=quick)(rows.reshape(4, 32, 4))
    equal = jax.tree.all(jax.tree.map(partial(np.allclose, atol=1e-5), at_once, in_four))
    print(f"BatchNorm {normalised!s:5}  4 × 32 is the same as 128: {equal}")

# %% [markdown]
# Without BatchNorm it is the same; with BatchNorm it is not. Each batch of 32 is normalised by its own mean and
# variance, whatever is done with the gradients afterwards.
#
# Mind the schedule: the optimiser inside `MultiSteps` is called once every four batches, so its schedule counts
# updates, not batches. After eight batches its counter shows this:

# %%
asked = optax.MultiSteps(optax.scale_by_schedule(lambda step: step), every_k_schedule=4)
state_of = asked.init(jnp.ones(()))
for _ in range(8):
    _, state_of = asked.update(jnp.ones(()), state_of)
print(f"after 8 batches the schedule has counted to {state_of.inner_opt_state.count}")

# %% [markdown]
# ### Sixteen bits, and a scale for the loss
#
# Numbers of 16 bits take half the memory, and on hardware made for it their arithmetic is faster. Unit
# [06](06_make_it_fast.ipynb) measures the speed on your machine. Here we need to know what `train_step` does for one of
# the two common formats:

# %%
for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
    info = jnp.finfo(dtype)
    print(
        f"{jnp.dtype(dtype).name:9} largest {float(info.max):.1e}, "
        f"smallest {float(info.tiny):.1e}, step above 1: {float(info.eps):.0e}"
    )

# %% [markdown]
# bfloat16 has the range of float32, but not quite three significant digits. float16 has about one digit more and a
# narrow range: numbers much above 65,504 become infinite, and those below 3e-8 become zero (below 6.1e-5, digits get
# lost). Gradients are often tiny:

# %%
gradient = np.float32(2e-8)
print("in bfloat16:", bool(gradient.astype(jnp.bfloat16) > 0), "· in float16:", bool(gradient.astype(jnp.float16) > 0))
scale = np.float32(2.0**15)
back = (gradient * scale).astype(jnp.float16).astype(jnp.float32) / scale  # first to float32, then divided
print("in float16, scaled and scaled back, right within a percent:", bool(abs(back / gradient - 1) < 0.01))

# %% [markdown]
# The cure for float16 is to multiply the *loss* by a large number. All gradients are then larger by that factor, and
# are divided by it again once they are in float32. The factor should be as large as possible without overflow, and what
# is possible changes during training. **Dynamic** loss scaling finds it by trial: if a gradient overflows, the step is
# thrown away and the scale is halved. After many good steps (2,000 by default in
# [Flax](https://github.com/google/flax/blob/main/flax/training/dynamic_scale.py)) it is doubled. This is what
# `train_step` does with `dynamic_scale`.
#
# To watch the scale, we train a small network in float16 whose loss scale begins absurdly high, and let it be doubled
# after 20 good steps already.


# %%
class Tiny(nn.Module):
    """A residual block and a dense layer: pictures [B, H, W, 3] to logits [B, 2] float32."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        conv = partial(nn.Conv, use_bias=False, dtype=self.dtype)
        norm = partial(nn.BatchNorm, use_running_average=not train, dtype=self.dtype)
        x = ResidualBlock(8, stride=2, conv=conv, norm=norm)(x)
        return nn.Dense(2, dtype=jnp.float32)(x.mean(axis=(1, 2)))


tiny = Tiny(dtype=jnp.float16)
few = jax.tree.map(lambda leaf: leaf[:16, ::4, ::4] if leaf.ndim == 4 else leaf[:16], batch)  # [16, 24, 24, 3]
tiny_state = new_state(
    tiny, new_variables(tiny, jax.random.key(0), 24), optax.sgd(0.1), DynamicScale(growth_interval=20, scale=2.0**30)
)
print("weights are kept in", *{leaf.dtype.name for leaf in jax.tree.leaves(tiny_state.params)})
tiny_step = jax.jit(train_step)
scales, taken = [], []
for _ in range(60):
    before = tiny_state.params
    tiny_state, _ = tiny_step(tiny_state, few)
    scales.append(float(tiny_state.dynamic_scale.scale))
    taken.append(bool(jnp.any(before["Dense_0"]["kernel"] != tiny_state.params["Dense_0"]["kernel"])))

figure, axes = plt.subplots(figsize=(7, 2.4))
axes.step(range(1, 61), scales, where="post")
axes.plot(
    [i + 1 for i in range(60) if not taken[i]],
    [scales[i] for i in range(60) if not taken[i]],
    "x",
    color="black",
    label="step thrown away",
)
axes.set(yscale="log", xlabel="step", title="the loss scale finds its place")
axes.legend()
plt.show()
print("the first step was taken:", taken[0], "· the last:", taken[-1])

# %% [markdown]
# At first the gradients overflow in every step, the scale is halved and the weights stay as they were (crosses). Then
# training begins. After some twenty good steps the scale is doubled; where that is too much, a step is thrown away and
# it is halved again. With bfloat16 none of this is needed: gradients have float32's range. And mixed precision keeps
# the *weights*, the statistics and the optimiser's state in float32 in either format; only the arithmetic between them
# has 16 bits.

# %% [markdown]
# ### Data from a PyTorch loader
#
# Many projects already have a `torch.utils.data.DataLoader`, and it can stay. Its batches need four things: conversion
# to NumPy, channels last, `int32` labels, and a check of the labels:


# %%
def from_torch(loader: Iterable[tuple[Any, Any]], classes: int) -> Iterator[data.Batch]:
    """What a PyTorch-style loader yields, as JAX batches.

    loader: pairs of images [B, C, H, W] and labels [B]: tensors on the CPU, or NumPy arrays.
    Yields image [B, H, W, C] float32, label [B] int32, mask [B] bool. Raises ValueError for a label out of range.
    """
    for images, labels in loader:
        images, labels = np.asarray(images), np.asarray(labels)  # a CPU tensor becomes an array without a copy
        if labels.min() < 0 or labels.max() >= classes:
            bad = labels[(labels < 0) | (labels >= classes)][0]
            raise ValueError(f"A label is {bad}, but with {classes} classes they are 0 to {classes - 1}.")
        image = np.ascontiguousarray(images.transpose(0, 2, 3, 1), dtype=np.float32)
        yield jax.device_put(data.Batch(image, labels.astype(np.int32), np.ones(len(labels), bool)))


# %% [markdown]
# PyTorch is not installed here, so a list of two batches stands in for the loader: arrays in PyTorch's order, labels as
# `int64`. In the second batch the labels are too large by one, as when classes are numbered from 1.

# %%
in_torch_order = np.asarray(batch.image).transpose(0, 3, 1, 2)
loader = [(in_torch_order, np.asarray(batch.label, np.int64)), (in_torch_order, np.asarray(batch.label, np.int64) + 1)]
batches = from_torch(loader, classes=2)
received = next(batches)
print(received.image.shape, received.image.dtype, received.label.dtype)
print("the same pictures:", bool(jnp.array_equal(received.image, batch.image)))
try:
    next(batches)
except ValueError as error:
    print(error)

# %% [markdown]
# Is the check of the labels necessary? Here is the loss for labels in and out of range, for two classes with logits 1
# and 2:
#
# <details><summary>Guess first: what is the loss for label 2, and for label −1?</summary>
#
# For 2 it is NaN. For −1 it is the loss of the last class, as for label 1.
#
# </details>

# %%
for label in (0, 1, 2, -1):
    loss = optax.softmax_cross_entropy_with_integer_labels(jnp.array([1.0, 2.0]), label)
    print(f"label {label:2}: {loss:.3f}, finite: {bool(jnp.isfinite(loss))}")

# %% [markdown]
# A compiled program cannot raise an exception for a value. Plain indexing would read the last class (unit 01); optax
# looks the label up with `jnp.take_along_axis`, which returns NaN for an index out of range. The gradient, however, is
# finite (it is the softmax, as if no class were right), so training would carry on with it. `-1` is worse: it counts
# from the end, as in NumPy, and silently *is the last class*. And the smoothed loss of our `train_step` stays finite
# for both: `jax.nn.one_hot` makes a row of zeros of such a label.
#
# **Pinned memory.** The first companion got out-of-memory errors with `pin_memory=True` and suspected that JAX puts
# pinned data on the GPU. Pinning locks a page of memory in place, so that a GPU can copy from it while the processor
# does something else ([PyTorch's tutorial on
# `pin_memory`](https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html)). PyTorch pins through CUDA, in a
# process in which JAX has by default reserved most of the GPU's memory ([JAX on GPU
# memory](https://docs.jax.dev/en/latest/201/gpu-memory.html)); our guess is that the two get in each other's way there,
# but we have not tested it on a GPU. What the companion does is sound either way: it leaves pinning off, and its loader
# returns NumPy arrays. `jax.device_put` moves them.
#
# JAX has pinned memory too, as a *kind of memory* in which an array can be placed explicitly:

# %%
device = jax.devices()[0]
print("kinds of memory:", sorted(memory.kind for memory in device.addressable_memories()))
pinned = jax.device_put(batch.label, jax.sharding.SingleDeviceSharding(device, memory_kind="pinned_host"))
print("this array is in:", pinned.sharding.memory_kind)

# %% [markdown]
# **Quick questions**
#
# <details><summary>AdamW's update of a decayed weight has two terms. Which of them does the learning-rate schedule
# scale?</summary>
#
# Both: `optax.adamw` multiplies the decay by the learning rate as well. When the rate reaches 0, nothing decays.
#
# </details>
#
# <details><summary>Why does the step return sums and counts rather than a mean loss and an accuracy?</summary>
#
# Sums can be added over batches of different size, and divided once at the end. A mean of means is wrong where the last
# batch has fewer pictures.
#
# </details>
#
# <details><summary>With accumulation over four batches, how must <code>decay_steps</code> change?</summary>
#
# Divide it by four: the schedule counts updates.
#
# </details>

# %% [markdown]
# ## 7 · Training
#
# The loop is that of unit 02, with one addition: a guard. Once an epoch it checks whether the losses, the weights and
# the statistics are finite. If not, training stops, with the first bad step and the first bad array in the message, and
# the last good weights are kept. Without such a check, training goes on to the end with NaN in the network, and nothing
# is left to save.


# %%
def evaluate(eval_step: Callable, state: TrainState, batches: data.Batches) -> tuple[float, float]:
    """Mean loss and accuracy over the real examples of all batches."""
    total = None
    for batch in batches.epoch(0):
        sums = eval_step(state, batch)
        total = sums if total is None else jax.tree.map(jnp.add, total, sums)
    return float(total.loss / total.count), float(total.correct / total.count)


def fit(
    state: TrainState,
    guard: finite.Guard,
    *,
    train_step: Callable,
    eval_step: Callable,
    train: Any,
    held_out: Any,
    epochs: int,
) -> tuple[TrainState, dict[str, list[float]]]:
    """Train for some epochs. The state's memory may be given away.

    guard: keeps the weights and statistics of the last good epoch. Raises finite.NotFinite where training left the
    finite numbers. Returns the state after the last epoch and the history: name → one value an epoch.
    """
    history: dict[str, list[float]] = {}
    for epoch in track(range(epochs), "training", unit="epoch"):
        begin = time.perf_counter()
        sums = []
        for batch in track(train.epoch(epoch), f"epoch {epoch + 1}", total=len(train), unit="step", leave=False):
            state, one = train_step(state, batch)
            sums.append(one)
        losses, correct, counts = (np.array([float(number) for number in column]) for column in zip(*sums, strict=True))
        seconds = time.perf_counter() - begin  # float() above has waited for the device
        guard.check(int(state.step), list(losses / counts), {"params": state.params, "batch_stats": state.batch_stats})
        loss, accuracy = evaluate(eval_step, state, held_out)
        figures = {"train_loss": losses.sum() / counts.sum(), "held_out_loss": loss, "seconds": seconds}
        figures |= {"train_accuracy": correct.sum() / counts.sum(), "held_out_accuracy": accuracy}
        for name, value in figures.items():
            history.setdefault(name, []).append(float(value))
    return state, history


# %% [markdown]
# The step is compiled before the training begins, from shapes alone (unit 02). This takes a good part of a first run's
# seconds. Unit [06](06_make_it_fast.ipynb) takes such a run apart, asks what the second companion's first run may have
# spent its 1,200 seconds on, and keeps compiled programs for the next process.

# %%
start = new_state(model, variables, optimizer)
state_spec = jax.eval_shape(lambda: start)
begin = time.perf_counter()
compiled_step = jax.jit(train_step, donate_argnums=0).lower(state_spec, train.spec).compile()
compiled_eval = jax.jit(eval_step).lower(state_spec, held_out.spec).compile()
compile_seconds = time.perf_counter() - begin
print(f"compiled in {compile_seconds:.1f} s")

# %% [markdown]
# Does the guard work? Here a single pixel is NaN, in the third batch.


# %%
class OneBadPixel:
    """Batches in NumPy arrays, the last of which has a NaN in the corner of one picture."""

    def __init__(self, batches: list[data.Batch]):
        image = batches[-1].image.copy()
        image[0, 0, 0] = np.nan
        self.batches = [*batches[:-1], batches[-1]._replace(image=image)]

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int) -> Iterator[data.Batch]:
        return iter(self.batches)


three = OneBadPixel([jax.device_get(batch) for batch in islice(train.epoch(0), 3)])
steps = {"train_step": compiled_step, "eval_step": compiled_eval, "held_out": held_out}
guard = finite.Guard({"params": start.params, "batch_stats": start.batch_stats})
try:
    fit(jax.tree.map(jnp.copy, start), guard, train=three, epochs=1, **steps)
except finite.NotFinite as problem:
    print(f"stopped after step {problem.step}; the first array that is not finite: {problem.leaf}")
print("what was kept is finite:", finite.first(guard.good) is None)

# %% [markdown]
# Would a look at the loss have been enough? Ask for the loss of that step:
#
# <details><summary>Guess first: a pixel of the batch is NaN. What is the loss?</summary>
#
# One expects `nan`, and it may be that. On the processor this was written on it was 0.693, an ordinary number.
#
# </details>

# %% tags=["nbval-ignore-output"]
_, sums = compiled_step(jax.tree.map(jnp.copy, start), three.batches[-1])
print(f"the loss of a batch with NaN in its pictures: {sums.loss / sums.count:.3f}")

# %% [markdown]
# If it is `nan`: good. 0.693 would be the loss of an even guess. Most likely a compiled ReLU then took the larger of
# NaN and 0 and found 0, which hid the problem; only BatchNorm's statistics, which are computed before the ReLU, showed
# it. So look at weights and statistics too, not only at the loss.

# %% [markdown]
# Now the real training. Everything is decided beforehand: epochs, learning rate, decay. (For photographs we chose them
# in a trial that used the training pictures alone: four fifths of them to train on, one fifth to compare.) The held-out
# pictures are evaluated after each epoch, but nothing is chosen by them: the weights of the *last* epoch count. So
# their accuracy is an unbiased estimate for pictures of the same kind.

# %%
guard = finite.Guard({"params": start.params, "batch_stats": start.batch_stats})
state, history = fit(jax.tree.map(jnp.copy, start), guard, train=train, epochs=EPOCHS, **steps)
print(f"{int(state.step)} steps, {EPOCHS * len(train) * BATCH:,} pictures shown")
plots.curves({name: values for name, values in history.items() if name != "seconds"})
plt.show()

# %%
held_out_loss, accuracy = history["held_out_loss"][-1], history["held_out_accuracy"][-1]
error = np.sqrt(accuracy * (1 - accuracy) / held_out.examples)
print(
    f"accuracy on {held_out.examples} pictures that it was not trained on: {100 * accuracy:.1f} % ± {100 * error:.1f} %"
)
print(f"{sum(history['seconds']):.1f} s of training")

# %% [markdown]
# Read that together with the lines under part 1 that name the data: on drawings it is an accuracy on drawings. The ± is
# one standard error, and comes from the number of held-out pictures alone. It says nothing about what another seed
# would give; parts 9 and 10 run several.
#
# The second companion's
# [README](https://github.com/Yuji-github/Jax_Res18-Classification/blob/f1e224c67346/README.md) reports a test accuracy
# of 60.9 % after 2 epochs and of 68.2 % after 5, on photographs. Your accuracy cannot be compared with these, even if
# you trained on photographs. The README does not say how many pictures were trained and tested on, nor how they were
# varied, nor what the schedule and the decay were. To find out which of these matter, change one at a time, with
# several seeds, as unit 03 does.

# %% [markdown]
# **Quick questions**
#
# <details><summary>Why does the loop convert the losses to floats once an epoch and not after each step?</summary>
#
# `float()` waits for the device. After every step, that would keep Python from running ahead and preparing the next
# batch while the device computes.
#
# </details>
#
# <details><summary>Could one report the best of the held-out accuracies instead of the last?</summary>
#
# Not as an unbiased estimate: the epoch would be chosen by the pictures it is then judged on. Unit 03 keeps a third
# part of the data for that.
#
# </details>

# %% [markdown]
# ## 8 · Where it is wrong
#
# Collect the answers to all held-out pictures, and sort the mistakes by their loss: the most confident ones come first.


# %%
@jax.jit
def predict(state: TrainState, images: jax.Array) -> jax.Array:
    """Log-probabilities [B, classes]."""
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    return jax.nn.log_softmax(state.apply_fn(variables, images, train=False))


images, labels, log_p = [], [], []
for batch in held_out.epoch(0):
    real = np.asarray(batch.mask)
    images.append(np.asarray(batch.image)[real])
    labels.append(np.asarray(batch.label)[real])
    log_p.append(np.asarray(predict(state, batch.image))[real])
images, labels, log_p = np.concatenate(images), np.concatenate(labels), np.concatenate(log_p)
losses = -log_p[np.arange(len(labels)), labels]
wrong = [i for i in np.argsort(-losses) if log_p[i].argmax() != labels[i]][:6]
in_colour = held_out.denormalise(images)
titles = [
    f"{held_out.classes[labels[i]]} seen as {held_out.classes[log_p[i].argmax()]}\n{100 * np.exp(log_p[i].max()):.0f} %"
    for i in wrong
]
if wrong:
    plots.images(in_colour[wrong], titles=titles, columns=6, size=1.45)
    plt.show()

# %% [markdown]
# On a real data set this is worth an hour. You may find wrong labels, pictures with both animals, or an animal in a
# corner that has been cropped away, and you see what the mistakes have in common.
#
# ### What did it look at?
#
# **Grad-CAM** ([Selvaraju et al., 2016](https://arxiv.org/abs/1610.02391)) asks which channels of a late layer's maps
# speak for the answer, and where they are large. The gradient of the answer's logit with respect to the maps, averaged
# over all positions, gives each channel a weight. The weighted sum of the channels, with negative values set to 0, is a
# picture of the evidence.
#
# For this we need the network in two parts: up to layer 3, and from there on. That is easy when weights are a tree: the
# second part is two blocks and a dense layer, each with *its own* branch.
#
# A picture of evidence looks convincing even when it is wrong. So the last row of the figure is a control: the same
# method, applied to the network with its *initial* weights, which have learnt nothing ([Adebayo et al.,
# 2018](https://arxiv.org/abs/1810.03292)).
#
# <details><summary>Guess first: what does Grad-CAM show for a network with random weights?</summary>
#
# Not a uniform grey. The maps of a random network, too, are larger in some places than in others, so there are bright
# spots, and they may even lie on the animal.
#
# </details>


# %%
def head(variables: dict, maps: jax.Array) -> jax.Array:
    """The last stage and the dense layer, in evaluation. [B, H, W, C] of layer 3 to logits [B, classes]."""
    norm = partial(nn.BatchNorm, use_running_average=True, epsilon=1e-5)
    for number, stride in enumerate((2, 1)):
        name = f"layer4_{number}"
        branch = {collection: leaves[name] for collection, leaves in variables.items()}
        maps = ResidualBlock(2 * maps.shape[-1] // (1 + number), stride, norm=norm).apply(branch, maps)
    dense = variables["params"]["fc"]
    return maps.mean(axis=(1, 2)) @ dense["kernel"] + dense["bias"]


@partial(jax.jit, static_argnums=0)
def grad_cam(model: ResNet18, variables: dict, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Where layer 3 speaks for the predicted class: logits [B, classes], evidence [B, H/16, W/16], both float32."""
    _, captured = model.apply(
        variables,
        images,
        train=False,
        capture_intermediates=lambda module, _: module.name == "layer3_1",
        mutable=["intermediates"],
    )
    (maps,) = captured["intermediates"]["layer3_1"]["__call__"]  # [B, H/16, W/16, C]
    logits = head(variables, maps)
    gradient = jax.grad(lambda maps: head(variables, maps).max(axis=-1).sum())(maps)
    weights = gradient.mean(axis=(1, 2), keepdims=True)  # [B, 1, 1, C]
    return logits, nn.relu((weights * maps).sum(axis=-1))


# %% [markdown]
# We take the three surest right answers of each class. Do the two halves give the whole network's answer?

# %%
right = [i for i in np.argsort(losses) if log_p[i].argmax() == labels[i]]
shown = np.array([*[i for i in right if labels[i] == 0][:3], *[i for i in right if labels[i] == 1][:3]])
final = {"params": state.params, "batch_stats": state.batch_stats}
logits, evidence = grad_cam(model, final, images[shown])
print("the two halves make the whole:", bool(jnp.allclose(jax.nn.log_softmax(logits), log_p[shown], atol=1e-3)))

# %% [markdown]
# They do. Here is the evidence, of the trained network and of the control:

# %%
_, without_training = grad_cam(model, variables, images[shown])
figure, axes = plt.subplots(3, len(shown), figsize=(1.2 * len(shown), 3.7))
for column, i in enumerate(shown):
    for place in axes[:, column]:
        place.imshow(in_colour[i])
        place.axis("off")
for row, maps in ((1, evidence), (2, without_training)):
    smooth = np.asarray(jax.image.resize(maps, (len(shown), SIZE, SIZE), "cubic"))
    for column in range(len(shown)):
        axes[row, column].imshow(smooth[column], cmap="inferno", alpha=0.55, vmin=0)
figure.suptitle("the surest right answers, where the evidence is, and the same with initial weights", fontsize=11)
plt.show()

# %% [markdown]
# In the middle row, the bright places are where the trained network finds evidence. If they lie on the animal's head or
# coat, good. If they lie on a sofa, a lawn, or a breeder's watermark, the network has learnt something about the
# pictures and not about the animals. Where the middle row looks like the last, be careful: what an untrained network
# shows comes from the picture itself, its edges and contrasts, and from the method. In the stored output, the evidence
# for the cats lies in a few small spots, some of them beside the face, and the last row looks different. For the first
# dog both rows light up the face, so there the middle row tells us little.
#
# The maps of layer 3 are 6×6, so the evidence is coarse, and is stretched smoothly. And it only shows what the gradient
# says about *this* network: a hint, not a proof.

# %% [markdown]
# **Quick questions**
#
# <details><summary>Why is the gradient taken of the logit and not of the probability?</summary>
#
# The softmax's gradient is nearly 0 where the network is sure, and it mixes in the other classes' logits.
#
# </details>
#
# <details><summary>Why is the sum cut off at 0?</summary>
#
# Negative values speak against the answer; with two classes, for the other one.
#
# </details>

# %% [markdown]
# ## 9 · Averages of weights
#
# The weights of the last step are one point of a noisy path. An **exponential moving average** of the weights,
#
# $$\bar w_t = d\, \bar w_{t-1} + (1 - d)\, w_t,$$
#
# follows the path and smooths it. Training does not use the average; evaluation does. It costs one more copy of the
# weights and is part of many training recipes
# ([`timm/utils/model_ema.py`](https://github.com/huggingface/pytorch-image-models/blob/main/timm/utils/model_ema.py);
# [Morales-Brotons et al., 2024](https://arxiv.org/abs/2411.18704)).
#
# What should be averaged? Everything that evaluation reads, so BatchNorm's running statistics too: those of the last
# weights describe different activations from those of the averaged weights. Even averaged statistics are an
# approximation. [Izmailov et al., 2018](https://arxiv.org/abs/1803.05407) recompute them for the averaged weights, in
# one pass over the data.
#
# Does it help? Answering this takes several seeds, so the network must be small: two of our residual blocks, for
# pictures of 32 pixels.


# %%
class MiniResNet(nn.Module):
    """A stem and two residual blocks: pictures [B, 32, 32, 3] to logits [B, classes]."""

    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        conv = partial(nn.Conv, use_bias=False)
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        x = conv(8, (3, 3), strides=2, padding=1, name="conv1")(x)  # [B, 16, 16, 8]
        x = nn.relu(norm(name="bn1")(x))
        for number in (1, 2):  # [B, 8, 8, 16], then [B, 4, 4, 32]
            x = ResidualBlock(8 * 2**number, 2, conv=conv, norm=norm, name=f"layer{number}")(x)
        return nn.Dense(self.classes, name="fc")(x.mean(axis=(1, 2)))


def several_variables(model: nn.Module, keys: jax.Array) -> list[dict]:
    """Fresh variables for each of the keys, drawn by one program."""
    stacked = new_variables(model, keys, 32)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], stacked) for i in range(len(keys))]


# %% [markdown]
# A training carries its variables and their average from step to step. `optax.ema` averages whatever tree it is given,
# and corrects for its start at 0.


# %%
class Pictures(NamedTuple):
    """Pictures in memory, with their labels."""

    image: jax.Array  # [N, 32, 32, 3] float32
    label: jax.Array  # [N] int32


class Run(NamedTuple):
    """What a training carries from step to step."""

    variables: dict
    optimizer_state: optax.OptState
    average_state: optax.OptState
    average: dict  # of the variables: weights and statistics


AVERAGING = optax.ema(0.95)


def new_run(optimizer: optax.GradientTransformation, variables: dict) -> Run:
    """Before the first step."""
    return Run(variables, optimizer.init(variables["params"]), AVERAGING.init(variables), variables)


@partial(jax.jit, static_argnames=("model", "optimizer", "frozen"))
def small_step(
    run: Run,
    pictures: Pictures,
    key: jax.Array,
    *,
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    frozen: bool = False,
) -> Run:
    """A step on a batch of 32, which the key draws. frozen: BatchNorm uses its running statistics, and keeps them."""
    params, batch_stats = run.variables["params"], run.variables["batch_stats"]
    drawn = jax.random.randint(key, (32,), 0, len(pictures.label))

    def loss_fn(params: dict) -> tuple[jax.Array, dict]:
        before = {"params": params, "batch_stats": batch_stats}
        logits, after = model.apply(before, pictures.image[drawn], train=not frozen, mutable=["batch_stats"])
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, pictures.label[drawn]).mean()
        return loss, batch_stats if frozen else after["batch_stats"]

    gradients, batch_stats = jax.grad(loss_fn, has_aux=True)(params)
    updates, optimizer_state = optimizer.update(gradients, run.optimizer_state, params)
    variables = {"params": optax.apply_updates(params, updates), "batch_stats": batch_stats}
    average, average_state = AVERAGING.update(variables, run.average_state)
    return Run(variables, optimizer_state, average_state, average)


@partial(jax.jit, static_argnames="model")
def right_answers(model: nn.Module, variables: dict, pictures: Pictures) -> jax.Array:
    """The share of right answers, with the running statistics."""
    return jnp.mean(model.apply(variables, pictures.image, train=False).argmax(axis=-1) == pictures.label)


# %% [markdown]
# We train it on CIFAR-10 without its cats and dogs, since part 10 will fine-tune it on those. 2,000 pictures of all ten
# classes are enough, normalised as our cats and dogs are.

# %%
loaded = data.load("cifar10", "train[:2000]", batch_size=None, normalise=(train.mean, train.std), device="numpy")
kinds = [name for name in loaded.classes if name not in train.classes]
every_picture = next(iter(loaded))
chosen = np.flatnonzero([loaded.classes[label] in kinds for label in every_picture.label])
numbers = np.array([kinds.index(loaded.classes[label]) for label in every_picture.label[chosen]])
first, rest = chosen[:-400], chosen[-400:]
eight = Pictures(jnp.asarray(every_picture.image[first]), jnp.asarray(numbers[:-400]))
eight_held_out = Pictures(jnp.asarray(every_picture.image[rest]), jnp.asarray(numbers[-400:]))
print(f"{len(eight.label):,} pictures to train on, {len(eight_held_out.label)} held out, of {', '.join(kinds)}")

# %% [markdown]
# Five seeds, with a constant learning rate, one after the other: one compiled step, called in a loop. Part 2 put all
# seeds into one program, and here are two reasons not to. Under `vmap` over *weights* a convolution becomes one with
# groups, which may or may not be fast on your device:

# %%
grouped = jax.make_jaxpr(jax.vmap(partial(lax.conv, window_strides=(1, 1), padding="SAME")))(
    jnp.ones((5, 1, 2, 4, 4)), jnp.ones((5, 3, 2, 3, 3))
)
print("under vmap over 5 kernels:", *re.findall(r"feature_group_count=\d+", str(grouped)))

# %% [markdown]
# And on a CPU, the gradients of these convolutions are far slower inside a loop of XLA's, such as `lax.scan` makes,
# than outside (unit [06](06_make_it_fast.ipynb) shows why, and a cure). We keep score after every 40 steps.
#
# <details><summary>Guess first: is the average better than the last weights, and by how much at the end?</summary>
#
# Probably: at a constant learning rate the weights never come to rest. The intervals below say how sure five seeds can
# make us.
#
# </details>

# %%
SEEDS, LONG, LEG = 5, 200, 40
mini = MiniResNet(classes=len(kinds))
optimizer = optax.adamw(1e-2, weight_decay=0.05)
init_keys, train_keys = jax.vmap(jax.random.split, out_axes=1)(jax.random.split(jax.random.key(4), SEEDS))
pretrained, scores = [], {"last": np.zeros((SEEDS, LONG // LEG)), "average": np.zeros((SEEDS, LONG // LEG))}
for seed, variables_of_seed in enumerate(several_variables(mini, init_keys)):
    run = new_run(optimizer, variables_of_seed)
    for leg, keys in enumerate(jax.random.split(train_keys[seed], (LONG // LEG, LEG))):
        for key in keys:
            run = small_step(run, eight, key, model=mini, optimizer=optimizer)
        for name, which in {"last": run.variables, "average": run.average}.items():
            scores[name][seed, leg] = 100 * right_answers(mini, which, eight_held_out)
    pretrained.append(run.average)


# %%
def interval(differences: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The mean of [seeds], and half the width of its confidence interval by Student's t."""
    n = len(differences)
    half = scipy.stats.t.ppf((1 + level) / 2, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return float(differences.mean()), float(half)


figure, axes = plt.subplots(figsize=(6, 2.8))
for number, (name, values) in enumerate(scores.items()):
    lines = axes.plot(np.arange(LEG, LONG + 1, LEG), values.T, color=f"C{number}", linewidth=0.8)
    lines[0].set_label(name)
axes.set(xlabel="step", ylabel="held-out accuracy, %", title="each line is a seed")
axes.legend()
plt.show()
gains = scores["average"] - scores["last"]  # [SEEDS, legs]
for when, gain in {"at the end": gains[:, -1], "mean of the last three": gains[:, -3:].mean(axis=1)}.items():
    print(f"average minus last, {when}: {'{:+.1f} % ± {:.1f} %'.format(*interval(gain))}")

# %% [markdown]
# Each line is a seed, and the ± is half the width of a 95 % interval, computed from the differences within each seed.
# (Differences of percentages are percentage points.) When we ran it on the drawings, the interval for the mean of the
# last three evaluations was clearly above 0: with a constant learning rate, the average is better than the last
# weights. Five seeds tell only roughly by how much.
#
# It does not follow that an average helps with every recipe. Where the learning rate falls to 0, the last weights have
# already settled: Morales-Brotons et al. report that training with an average needs less decay of the learning rate.
#
# **Quick questions**
#
# <details><summary>Why is the interval computed from differences within each seed, and not from the two groups of
# accuracies?</summary>
#
# Last weights and average come from the same training, so they share its luck, which cancels in the difference. An
# unpaired interval would usually be wider.
#
# </details>
#
# <details><summary>Why does <code>optax.ema</code> correct for its start, and what would happen without?</summary>
#
# It starts at zeros. Without the correction the average after one step would be 0.05 times the weights. Others start at
# the first weights, which then stay in the average for a long time.
#
# </details>
#
# <details><summary>With d = 0.95, how many steps does the average reach back?</summary>
#
# About 1 / (1 − d) = 20. With 0.9999, the default of timm's `model_ema.py`, it is 10,000 steps, longer than our whole
# run.
#
# </details>

# %% [markdown]
# ## 10 · Fine-tuning
#
# Training need not start from scratch. One can take a network that was trained on a large set, replace its last layer
# by one for the new classes, and train it further. This is **fine-tuning**, and its extreme form, in which only the new
# layer is trained, is a **linear probe**. ([Yosinski et al., 2014](https://arxiv.org/abs/1411.1792) study which
# layers can be carried over; [Kornblith et al., 2018](https://arxiv.org/abs/1805.08974) compare many networks and
# sets.)
#
# With weights in a tree, to replace a layer is to replace a branch:


# %%
def transplanted(variables: dict, fresh: dict) -> dict:
    """All that was learnt before, with the last layer of a fresh network."""
    return {**variables, "params": {**variables["params"], "fc": fresh["params"]["fc"]}}


def learning_rates(
    head: optax.GradientTransformation, body: optax.GradientTransformation
) -> optax.GradientTransformation:
    """One optimiser for the last layer, another for all the rest."""

    def labels(params: dict) -> dict:
        return jax.tree_util.tree_map_with_path(lambda path, _: "head" if path[0].key == "fc" else "body", params)

    return optax.partition({"head": head, "body": body}, labels)


# %% [markdown]
# `optax.partition` gives each part of the tree its own optimiser: a higher learning rate for the fresh layer than for
# what is already good, or `optax.set_to_zero()` for what should stay as it is. (Where updates are 0, nothing needs the
# gradients, and the compiler can leave out that part of the backward pass.) BatchNorm needs a decision too. Where the
# body is frozen, it must use its running statistics (`train=False`); otherwise the function changes although no weight
# does.
#
# The task: cats against dogs, from 64 pictures. We compare three ways, with the same steps and batches for each: from
# scratch, the last layer only, and all layers. Each of the five seeds has its own pretrained network from part 9 (the
# averaged weights), its own 64 pictures, its own fresh layer and its own order of batches. The learning rates were
# fixed beforehand and not tuned for any of the three. All are tested on the same 600 pictures, none of which was
# trained on.
#
# <details><summary>Guess first: how large is the gain over training from scratch, and which of the two ways of
# fine-tuning is better?</summary>
#
# That depends on the data you run it with. Write a number down, then read the intervals.
#
# </details>

# %%
FEW, SHORT = 64, 60
pool, tested = (
    Pictures(*map(jnp.asarray, data.arrays("cats_vs_dogs", split, size=32, quiet=True)[:2]))
    for split in ("train[:400]", "train[400:1000]")
)
two = MiniResNet(classes=2)


def rate(peak: float) -> optax.GradientTransformation:
    """AdamW, with a warm-up and a cosine."""
    unit = optax.warmup_cosine_decay_schedule(0.0, 1.0, 6, SHORT)
    return optax.adamw(lambda step: peak * unit(step), weight_decay=0.05)


def tune(keys: jax.Array, fresh: dict, carried: dict, body: float | None) -> float:
    """The accuracy of a network trained on FEW pictures. keys: to draw the pictures, and the batches.

    carried: variables whose last layer is replaced by that of `fresh`. body: the learning rate of all other layers;
    None freezes them.
    """
    draw_key, train_key = keys
    drawn = jax.random.choice(draw_key, len(pool.label), (FEW,), replace=False)
    few = Pictures(pool.image[drawn], pool.label[drawn])
    optimizer = OPTIMIZERS[body]
    run = new_run(optimizer, transplanted(carried, fresh))
    for key in jax.random.split(train_key, (1, SHORT))[0]:
        run = small_step(run, few, key, model=two, optimizer=optimizer, frozen=body is None)
    return float(right_answers(two, run.variables, tested))


OPTIMIZERS = {
    body: learning_rates(rate(1e-2), rate(body) if body else optax.set_to_zero()) for body in (1e-2, 3e-3, None)
}
seeds = jax.random.split(jax.random.key(5), SEEDS)
init_keys, *others = jax.vmap(partial(jax.random.split, num=3), out_axes=1)(seeds)
of_seed = list(zip(zip(*others, strict=True), several_variables(two, init_keys), strict=True))
untrained = several_variables(mini, seeds)
tuned = {
    "from scratch": [tune(*each, start, 1e-2) for each, start in zip(of_seed, untrained, strict=True)],
    "last layer only": [tune(*each, start, None) for each, start in zip(of_seed, pretrained, strict=True)],
    "all layers": [tune(*each, start, 3e-3) for each, start in zip(of_seed, pretrained, strict=True)],
}
tuned = {way: 100 * np.asarray(values) for way, values in tuned.items()}


def compare(tuned: dict[str, np.ndarray], level: float) -> None:
    """Draw the accuracies [seeds] of the three ways; tell each two apart, with intervals of this level."""
    _, axes = plt.subplots(figsize=(6, 2.6))
    axes.plot(list(tuned), list(tuned.values()), "o-", color=plots.PALE, markerfacecolor="C0")
    axes.set(ylabel="accuracy, %", title=f"cats and dogs from {FEW} pictures; each line is a seed")
    plt.show()
    pairs = [("last layer only", "from scratch"), ("all layers", "from scratch"), ("all layers", "last layer only")]
    for one, other in pairs:
        print(f"{one} minus {other}: {'{:+.1f} % ± {:.1f} %'.format(*interval(tuned[one] - tuned[other], level))}")


compare(tuned, level=0.95)

# %% [markdown]
# The lines connect the three results of a seed. When we ran it on the drawings, all layers against from scratch gave an
# interval above 0: with these seeds, starting from the other eight classes is better. For the last layer alone the
# interval contains 0, so five seeds show neither that it helps nor that it harms. Which way of fine-tuning is better is
# at the edge: the third interval ends close to 0, and on another machine, which rounds differently, it may end on the
# other side. Do not rely on a result that rounding can turn.
#
# But this is not the whole story. We looked at the intervals of this part and of part 9 once before, with fewer steps
# of pretraining, and then chose more. If you look, change something and look again, you will find an interval above 0
# more often than "95 %" suggests, even where there is no effect. The cure is to repeat the final setting with seeds
# that had no part in the choice. **Until then the gain is not settled.** The photographs below had no part in any
# choice.
#
# Note also what the intervals cover: the luck of pretraining, of the 64 pictures, of the fresh layer and of the order.
# They do not cover the choice of the 600 test pictures, which are the same for all, nor that of the learning rates. And
# it is a result about drawings: those of the eight classes come from the same program as the cats and dogs.
#
# ### The same on photographs
#
# To settle it we ran the same functions once more, with photographs, longer pretraining and ten seeds. Each network was
# pretrained for 4,000 steps on the eight other classes of the real CIFAR-10, fine-tuned on 64 real cats and dogs, and
# tested on 1,200. These settings were fixed beforehand and run once. The result is stored in `ressources/studies`, with
# the data, the machine and the date. (To repeat it, use `COURSE_DATA=tfds`, load `train[:18000]` of CIFAR-10 and hold
# out 1,600, test on `train[400:1600]`, and set `SEEDS, LONG, LEG = 10, 4000, 400`.)
#
# Three comparisons share the 5 % of error (Bonferroni's correction, as in unit
# [03](03_haiku_cifar10_vgg8.ipynb)), so each interval gets 98.3 %.

# %%
photographs = json.loads((paths.RESSOURCES / "studies" / "cats_dogs_fine_tuning.json").read_text(encoding="utf-8"))
for what in ("data", "trial", "machine", "date"):
    print(photographs[what])
compare({way: np.array(values) for way, values in photographs["accuracies"].items()}, level=1 - 0.05 / 3)

# %% [markdown]
# **On these photographs fine-tuning all layers helps**, by about five points, in all ten seeds. It is also better than
# training the last layer alone, whose own gain over training from scratch is not settled: its interval just contains 0.
# So features of aeroplanes, ships and horses carry over to cats and dogs, but they need to be adapted.
#
# Do not expect more from 64 pictures of 32 × 32 pixels: the best way is right in 59 % of the cases, and a guess in
# 50 %. The published gains come from larger networks, pictures and sets.
#
# **Quick questions**
#
# <details><summary>Why were cats and dogs left out of the pretraining?</summary>
#
# Otherwise the network would have seen labelled cats and dogs before, and the gain would say nothing about what carries
# over from *other* classes.
#
# </details>
#
# <details><summary>The pretraining saw pictures normalised with the mean and standard deviation of cats and dogs. Why
# not with CIFAR-10's?</summary>
#
# What matters is that both stages use the *same* normalisation: the first layer's weights were learnt for it.
#
# </details>
#
# <details><summary>What else, besides the gain, would you report before recommending this?</summary>
#
# What the pretraining cost, which data it saw, and how the gain changes with the number of labelled pictures: with
# many, training from scratch can catch up ([He et al., 2018](https://arxiv.org/abs/1811.08883), on detection).
#
# </details>

# %% [markdown]
# ## 11 · A race
#
# The same network in JAX and in PyTorch: weights of the same shapes, pictures in memory, the same batch, SGD with
# momentum, float32. [`keras.applications`](https://keras.io/api/applications/) has no ResNet18, so Keras does not take
# part. The results are stored; `python -m utils race resnet18` is how they were made.

# %% tags=["nbval-ignore-output"]
report.show("resnet18")

# %% [markdown]
# There is a table for each machine that ran the race. Its last columns say how many times as fast as each of the others
# JAX was: the median of the rounds, with the lowest and the highest. Left: seconds per epoch, where the first includes
# the compilation. Right: pictures per second, pale for the first epoch; the thin lines reach from the slowest round to
# the fastest.
#
# *JAX* is this lesson's model and its training step. *JAX, unit 06* is the same model as unit
# [06](06_make_it_fast.ipynb) makes it: its convolutions compute their gradients in another way, and the compiler gets
# other options. All entrants keep the memory that a step frees, which unit 06 explains.
#
# On both processors PyTorch trains faster than the lesson's JAX. In evaluation plain PyTorch is level with it on the
# first and somewhat faster on the second; compiled PyTorch is faster on both. Subtract an evaluation step from a
# training step: what is left, mostly the backward pass, is where most of the difference in training lies. With what
# unit 06 does, little of it remains. Where the range of a ratio is wide, something else ran in one of the rounds: read
# the median, and look at the range.
#
# Compilation takes time, as each table's last line shows: some seconds with JAX, many with `torch.compile`, none with
# plain PyTorch. Both compilers can keep programs on disk, JAX with the cache of unit 06, `torch.compile` with [caches
# of its own](https://docs.pytorch.org/tutorials/recipes/torch_compile_caching_configuration_tutorial.html); in the race
# each run compiles from scratch.
#
# So speed on two CPU cores is hardly a reason for or against JAX with this network, once you know what unit 06 teaches.
# What this unit used JAX for (`vmap` over whole trainings, scans, gradients of any function, programs that say how much
# memory they need) works in the same way on every device. We have not measured how the two compare on a GPU.
#
# **Quick questions**
#
# <details><summary>Why is plain PyTorch's first epoch hardly slower than its later ones?</summary>
#
# It compiles nothing: it calls kernels that were compiled before, one for each operation.
#
# </details>
#
# <details><summary>A framework trains 1.5 times as fast on two CPU cores. What does that say about a GPU?</summary>
#
# Nothing. There other libraries compute the convolutions, and other limits count. Measure it there.
#
# </details>

# %% [markdown]
# ## 12 · For the record

# %%
results.record(
    held_out_accuracy=accuracy,
    train_seconds=sum(history["seconds"]),
    training_images_per_second=EPOCHS * len(train) * BATCH / sum(history["seconds"]),
    compile_seconds=compile_seconds,
)

# %% [markdown]
# ## What to remember
#
# - A block gets the constructors of its layers from outside; settings are bound once, with `partial`.
# - With a shortcut around each block, networks train at depths where plain ones do not.
# - BatchNorm has state: `mutable=["batch_stats"]` returns the new one, and you must keep it. PyTorch's momentum 0.1 is
#   Flax's 0.9.
# - Two models are the same when the same weights give the same answers. Make sure that a broken copy fails the test.
# - No decay for biases and scales; check which leaves move. In front of a BatchNorm, decay changes the effective
#   learning rate. L2 in the loss is the same as weight decay for plain SGD, but not for Adam.
# - float16 needs a loss scale, bfloat16 does not.
# - Guard against NaN. Look at the worst mistakes. Before you believe a picture of evidence, look at a control.
# - An average of weights is a copy that evaluation uses; average BatchNorm's statistics with it. Fine-tuning replaces a
#   branch of the tree and gives the parts their own optimisers. To say whether either helps takes several seeds and an
#   interval.
#
# **Now you:** `exercises/04_resnet18_cats_dogs` has you write these pieces yourself, each with a check that tells you
# at once. Unit 05 leaves convolutions behind and builds a Swin transformer, proven and raced in the same way.

# %% [markdown]
# ## Sources and further reading
#
# - The companions: "ResNets: Jax/Flax vs. PyTorch", a version of the README of
#   [`fattorib/Flax-ResNets`](https://github.com/fattorib/Flax-ResNets/blob/a837d8fb5cfa/Readme.md), and "Jax&Flax
#   ResNet18 Classification Experiment" (2022), the README of Yuji-github's
#   [`Jax_Res18-Classification`](https://github.com/Yuji-github/Jax_Res18-Classification/blob/f1e224c67346/README.md).
# - He et al., "Deep residual learning for image recognition", 2015,
#   [arXiv:1512.03385](https://arxiv.org/abs/1512.03385), and "Delving deep into rectifiers", 2015 (2015b here),
#   [arXiv:1502.01852](https://arxiv.org/abs/1502.01852).
# - The reference code: [torchvision](https://github.com/pytorch/vision), `torchvision/models/resnet.py`, and
#   [timm](https://github.com/huggingface/pytorch-image-models), `timm/models/resnet.py`. ResNets in Flax:
#   [jax-resnet](https://github.com/n2cholas/jax-resnet).
# - Ioffe and Szegedy, "Batch normalization", 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167).
# - Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015,
#   [arXiv:1512.00567](https://arxiv.org/abs/1512.00567): label smoothing.
# - Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016,
#   [arXiv:1608.03983](https://arxiv.org/abs/1608.03983), and "Decoupled weight decay regularization", 2017,
#   [arXiv:1711.05101](https://arxiv.org/abs/1711.05101).
# - Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017,
#   [arXiv:1706.02677](https://arxiv.org/abs/1706.02677): warm-up.
# - He et al., "Bag of tricks for image classification with convolutional neural networks", 2018,
#   [arXiv:1812.01187](https://arxiv.org/abs/1812.01187): no decay of biases and scales.
# - van Laarhoven, "L2 regularization versus batch and weight normalization", 2017,
#   [arXiv:1706.05350](https://arxiv.org/abs/1706.05350), and Zhang et al., "Three mechanisms of weight decay
#   regularization", 2018, [arXiv:1810.12281](https://arxiv.org/abs/1810.12281).
# - Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2016,
#   [arXiv:1610.02391](https://arxiv.org/abs/1610.02391), and Adebayo et al., "Sanity checks for saliency maps", 2018,
#   [arXiv:1810.03292](https://arxiv.org/abs/1810.03292).
# - Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018,
#   [arXiv:1803.05407](https://arxiv.org/abs/1803.05407), and Morales-Brotons et al., "Exponential moving average of
#   weights in deep learning: dynamics and benefits", 2024, [arXiv:2411.18704](https://arxiv.org/abs/2411.18704). Code:
#   [`timm/utils/model_ema.py`](https://github.com/huggingface/pytorch-image-models/blob/main/timm/utils/model_ema.py).
# - Yosinski et al., "How transferable are features in deep neural networks?", 2014,
#   [arXiv:1411.1792](https://arxiv.org/abs/1411.1792), and Kornblith et al., "Do better ImageNet models transfer
#   better?", 2018, [arXiv:1805.08974](https://arxiv.org/abs/1805.08974); He et al., "Rethinking ImageNet pre-training",
#   2018, [arXiv:1811.08883](https://arxiv.org/abs/1811.08883).
# - Documentation: BatchNorm in
#   [Flax](https://flax-linen.readthedocs.io/en/latest/api_reference/flax.linen/layers.html),
#   [PyTorch](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html) and
#   [Keras](https://keras.io/api/layers/normalization_layers/batch_normalization/); [JAX on GPU
#   memory](https://docs.jax.dev/en/latest/201/gpu-memory.html) and PyTorch on [pinned
#   memory](https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html).
