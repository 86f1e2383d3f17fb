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
# The network of this unit is one that everybody uses: ResNet18. We build it in Flax and *prove* that it is PyTorch's,
# number for number. Around it stands what real training needs and what the first units could do without: statistics
# that are neither weights nor data, a learning rate that rises and falls, weights that decay and weights that don't,
# numbers of 16 bits, memory, and a compiler that can be ten times slower than it need be.
#
# Two repositories are our *companions*. The first, "ResNets: Jax/Flax vs. PyTorch", compares the two frameworks. The
# second, "Jax&Flax ResNet18 Classification Experiment" (for Flax 0.5.3, of 2022), trains a ResNet18 on cats and dogs
# and reports that its first run took 1,200 seconds for 2 epochs and the next 130 seconds for 5. Both have slips, and
# from each slip there is something to learn.
#
# Afterwards you can
#
# - write a residual network whose blocks know nothing of the whole, and carry the state of its BatchNorms through
#   training;
# - show that two models in two frameworks are the same, and which mistakes such a proof catches;
# - take a first run apart into compilation, transfer and work, and keep compiled programs for the next one;
# - train in 16 bits, leave the right weights out of the decay, accumulate gradients, and stop at the first NaN;
# - find the layer that is slow for no good reason;
# - say what a network looked at, and where it is wrong.
#
# You need: units 01 and 02. No GPU. Allow about two hours, and as long again for the exercises.

# %%
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import linen as nn
from flax.training import train_state
from flax.training.dynamic_scale import DynamicScale
from jax import lax

from utils import convert, convolutions, data, finite, plots, results
from utils.base import definitions, paths
from utils.base.errors import CourseError
from utils.convert import resnet18
from utils.data import augment
from utils.progress import track
from utils.races import breakdown, report

# %% [markdown]
# ## 1 · The data
#
# Cats and dogs, in colour, 96 by 96 pixels. The set has one split, so we cut it ourselves: four fifths to train on, one
# fifth to see how good the network is. Training pictures are varied each time they are shown: a random part of the
# picture, mirrored or not, lighter or darker.
#
# The line that is printed says which pictures were found. The *sample* consists of drawings that the course makes
# itself: good enough to see everything work, and no measure of anything else.

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
# The original network has 64 channels in its first stage. Without a GPU we take it narrower: half of that for
# photographs, a quarter for drawings. This table is the only place where the two sets differ; with a GPU write 64.

# %%
REAL = not train.is_sample
WIDTH, EPOCHS = (32, 18) if REAL else (16, 3)

# %% [markdown]
# ## 2 · The residual block
#
# He et al. (2015) had seen that a deep plain network trains *worse* than a shallow one, even on its training data.
# Their cure: let each block compute what should be *added* to its input. A block that has nothing to say adds nothing,
# and the gradient has a way straight through.
#
# Here is the block of ResNet18 as PyTorch's users write it:
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
# And in Flax. With `@nn.compact` a layer is made where it is used, and sizes of inputs need not be stated. Two fields
# of the module are *other modules*, not yet called: the block is told which convolution and which normalisation to use,
# and knows nothing else about them.


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
# `partial(nn.Conv, use_bias=False)` is `nn.Conv` with one argument filled in. A whole network binds its settings once,
# in one place, and hands them down. No bias, since BatchNorm comes next and would subtract it again.
#
# Which weights does a block have? `eval_shape` tells without computing any.

# %%
block = ResidualBlock(features=16, stride=2)
shapes = jax.eval_shape(block.init, jax.random.key(0), jnp.zeros((1, 8, 8, 8)))
for collection, leaves in shapes.items():
    print(collection)
    for path, leaf in jax.tree_util.tree_leaves_with_path(leaves):
        print(f"  {jax.tree_util.keystr(path, simple=True, separator='/'):24} {leaf.shape}")

# %% [markdown]
# Two *collections*. `params` is what the optimiser changes. `batch_stats` is what BatchNorm remembers: neither weight
# nor data, and part 4 is about it.
#
# ### Padding, a trap
#
# Why `padding=1` and not `"SAME"`, which Flax takes by default and which keeps the size as well? With stride 1 they are
# equal. With stride 2 they are not. A convolution whose kernel is `0 1 0` copies the pixel in its middle, so it shows
# which pixels it looks at:

# %%
row = jnp.arange(8.0).reshape(1, 8, 1)  # [B, W, C]: one row of eight pixels
middle = jnp.array([0.0, 1.0, 0.0]).reshape(3, 1, 1)  # [W, in, out]
for padding in ([(1, 1)], "SAME"):
    looked_at = lax.conv_general_dilated(row, middle, (2,), padding, dimension_numbers=("NWC", "WIO", "NWC"))
    print(f"padding {padding!s:8} looks at pixels {looked_at[0, :, 0].astype(int)}")

# %% [markdown]
# Eight pixels need *one* more for four steps of two. TensorFlow's rule, `"SAME"`, adds it on the right; PyTorch adds
# one on both sides. The shapes agree, nothing complains, and the whole map is shifted by a pixel against the shortcut,
# which looks at 0, 2, 4, 6. For a network that learns from scratch this hardly matters. For weights that were trained
# elsewhere it does; we will see how much.

# %% [markdown]
# ## 3 · ResNet18
#
# A *stem* brings the picture down to a quarter of its size. Then four stages of two blocks each: every stage halves the
# map and doubles the channels. Then the mean over all places, and one dense layer.


# %%
def max_pool(x: jax.Array) -> jax.Array:
    """The largest of 3×3, stride 2, padding 1, of numbers ≥ 0. [B, H, W, C] to [B, ⌈H/2⌉, ⌈W/2⌉, C].

    As the maximum of nine shifted maps: the gradient of `nn.max_pool` runs on one core only (part 6). Of equal numbers
    the first gets all of the gradient, as there and in PyTorch; `jnp.maximum` would share it among them. (Of zeros at
    the edge it may be the padding's; the ReLU lets no gradient through to a zero anyway.)
    """

    def larger(first: jax.Array, second: jax.Array) -> jax.Array:
        return jnp.where((second > first) | jnp.isnan(second), second, first)

    height, width = (x.shape[1] + 1) // 2, (x.shape[2] + 1) // 2
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))  # zeros, which cannot be larger than what comes out of a ReLU
    shifted = [x[:, i : i + 2 * height - 1 : 2, j : j + 2 * width - 1 : 2] for i in range(3) for j in range(3)]
    return jax.tree.reduce(larger, shifted)


class ResNet18(nn.Module):
    """ResNet18 of He et al. (2015), as in torchvision and timm: pictures [B, H, W, 3] to logits [B, classes].

    width: channels of the first stage, 64 in the original.
    dtype: of the arithmetic; weights and statistics are float32, and so is the last layer where that is in less.
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
# The original's table of shapes, 64 channels wide. `eval_shape` runs the model on shapes alone, without a number, and
# `capture_intermediates` keeps what each layer returns on the way. (In the order of the names: JAX sorts a dictionary's
# keys when it takes a tree apart.)

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
# 11,689,512: the number that torchvision's documentation gives. That is a first sign, not yet a proof.
#
# Now ours, for two classes. Making the weights is a program too: it draws random numbers for each of the kernels, and
# compiling that takes longer than running it. It will run once, so we tell the compiler not to try hard: optimisation
# level 0.


# %%
def new_variables(model: nn.Module, key: jax.Array, size: int) -> dict:
    """Fresh {"params", "batch_stats"} of a model for pictures of `size`."""
    init = partial(model.init, train=False)
    quick = {"xla_backend_optimization_level": 0}
    return jax.jit(init, compiler_options=quick)(key, jnp.zeros((1, size, size, 3)))


model = ResNet18(classes=len(train.classes), width=WIDTH)
variables = new_variables(model, jax.random.key(0), SIZE)
for collection, leaves in variables.items():
    print(f"{collection:12} {len(jax.tree.leaves(leaves)):3} arrays")

# %% [markdown]
# ## 4 · BatchNorm: a layer with a memory
#
# BatchNorm (Ioffe and Szegedy 2015) brings each channel to mean 0 and variance 1. The question is: whose mean and
# variance?
#
# - In training, those of *this batch*.
# - In evaluation, running averages of what training saw. An answer must not depend on which other pictures happen to be
#   in the batch.
#
# Let us watch a single BatchNorm. Its input has mean 3 and standard deviation 2 in every channel.


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
# In evaluation nothing was normalised: the running statistics still say "mean 0, variance 1", as at the start. After
# one batch they have moved a tenth of the way. **A network evaluated too early looks broken although its weights are
# good**; the same weights would do well with the batch's own statistics.
#
# `apply` is a pure function, so it cannot change the statistics it was given. `mutable=["batch_stats"]` says "I want
# this collection back": then the result is a pair. And if one forgets it?

# %%
try:
    norm.apply(start, noise(0), use_running_average=False)
except Exception as error:
    print(type(error).__name__)

# %% [markdown]
# An error, where PyTorch would change the module behind your back. The other mistake is silent: taking the pair and
# throwing the second half away. The network then trains well, and evaluates as above, forever.
#
# ### Momentum: two conventions
#
# How far the statistics move each step is called momentum, and the two frameworks mean opposite things by it:
#
# | | the new running mean | default |
# | --- | --- | --- |
# | Flax | `momentum · old + (1 − momentum) · batch` | 0.99 |
# | PyTorch | `(1 − momentum) · old + momentum · batch` | 0.1 |
#
# PyTorch's 0.1 is Flax's **0.9**. Our companion's Flax code says `momentum=0.1`. What does that do?

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
# With 0.1 the "running average" is nine tenths the last batch: an evaluation then depends on which pictures came last.
# With 0.99, Flax's default, it is smooth and needs hundreds of steps to arrive; a short training ends before that. Our
# ResNet18 uses PyTorch's 0.9.
#
# One more difference stays. PyTorch's running *variance* is the unbiased estimate, Flax's the plain one: they differ by
# a factor $n/(n-1)$, where $n$ is the count of numbers in a channel. For a map of 24×24 in a batch of 32 that is
# 1.000054.
#
# And where $n$ is 1? Then the variance is 0, every input is its own mean, and the layer answers with its bias, whatever
# went in:

# %%
single = norm.apply(start, noise(0)[:1], mutable=["batch_stats"])[0]
print("a batch of one, normalised by itself:", single[0])

# %% [markdown]
# Nothing can be learnt from that, and Flax says nothing (PyTorch raises an error). It happens in earnest when the last
# batch of an epoch holds one picture. Look at our model's code again: it refuses, while it is traced, so the check
# costs nothing.

# %%
try:
    jax.eval_shape(partial(model.apply, train=True, mutable=["batch_stats"]), variables, jnp.zeros((1, 32, 32, 3)))
except ValueError as error:
    print(error)

# %% [markdown]
# ## 5 · Is it really ResNet18?
#
# Same name, same number of weights: that proves little. Two models are the same when the same weights give the same
# answers. So:
#
# 1. Fill PyTorch's model with weights by a fixed *rule* that depends only on each tensor's name and shape. Compute its
#    logits; keep them in a file.
# 2. Fill our model by the same rule, carry names and layouts over, and compare.
#
# The rule is integer arithmetic, equal to the bit on every machine, so no weights file is needed, and no PyTorch to run
# this. Fresh weights would not do: a scale of 1 and a bias of 0 hide many mistakes.
#
# What has to be carried over is little. PyTorch keeps a kernel as `[out, in, height, width]`, Flax as `[height, width,
# in, out]`; a dense layer is transposed. And names. `utils.convert` takes rules for both:

# %%
for one in (*resnet18.RULES.rules[:6], *resnet18.RULES.rules[-2:]):
    print(f"{one.torch:34} ↔ {one.flax:40} {one.layout.what}")

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
# They agree to the last digits that float32 has. Now let us *break* it. A test that cannot fail proves nothing, so we
# put two well-meant changes in, with the parts that the model lets us exchange: padding `"SAME"`, and an epsilon of
# 1e-3 (Keras's default) in the norms.


# %%
def same_padding(features: int, kernel: tuple[int, int], padding: Any, **settings: Any) -> nn.Module:
    """A convolution that does not listen when it is told how to pad."""
    return nn.Conv(features, kernel, padding="SAME", **settings)


def large_epsilon(epsilon: float, **settings: Any) -> nn.Module:
    """A BatchNorm with another epsilon than it is told."""
    return nn.BatchNorm(epsilon=1e-3, **settings)


broken = {"as it is": {}, "epsilon 1e-3": {"norm": large_epsilon}, "padding SAME": {"conv": same_padding}}
differences = [
    np.abs(logits_of(ResNet18(classes=10, **parts), state_dict, noisy) - reference).max() for parts in broken.values()
]
figure, axes = plt.subplots(figsize=(6, 1.8))
axes.barh(list(broken), differences, color=[plots.STRONG, plots.PALE, plots.PALE])
axes.axvline(1e-5, color="black", linewidth=1, linestyle=":")
axes.set(xscale="log", xlim=(1e-7, 1), title="largest difference of a logit; dotted: what we allow")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# Both are caught, by a wide margin. The course's tests go on from here: evaluation and training mode, five sizes of
# pictures in float64, gradients and running statistics, and nineteen broken copies of the code above (a missing ReLU,
# the stride on the second convolution, no projection, momentum …), each of which must be told from the right one.
#
# And weights that belong to another model? Here PyTorch's have ten classes and ours has two:

# %%
try:
    logits_of(ResNet18(classes=2), state_dict, noisy)
except CourseError as error:
    print(error)

# %% [markdown]
# ## 6 · The slow layer
#
# Each stage of a ResNet halves the map in both directions and doubles the channels. So a block of any stage does
# the *same number* of multiplications, and should take the same time. Let us time one block of each, for pictures
# of 64 pixels, which looks like a good size for a slow computer.


# %%
def median_ms(function: Callable[[], Any], repeats: int = 5) -> float:
    """The median time of a call in milliseconds, waited for; the first call is not counted."""
    jax.block_until_ready(function())
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(function())
        times.append(1000 * (time.perf_counter() - begin))
    return float(np.median(times))


def block_times(size: int, images: int = 4) -> dict[str, float]:
    """Milliseconds of one block of each stage, for pictures of that size."""
    times = {}
    for stage in range(4):
        side, channels = size // 4 // 2**stage, 64 * 2**stage
        block, maps = ResidualBlock(channels), jnp.ones((images, side, side, channels))
        shapes = jax.eval_shape(block.init, jax.random.key(0), maps)
        weights = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.01), shapes)
        apply = jax.jit(partial(block.apply, mutable=["batch_stats"]))
        times[f"layer{stage + 1}, {side}×{side}"] = median_ms(partial(apply, weights, maps), repeats=3)
    return times


for size in (64, 96):
    times = block_times(size)
    plots.bars(list(times), list(times.values()), unit="ms", title=f"a block of each stage, pictures of {size} pixels")
plt.show()

# %% [markdown]
# At 64 pixels the last stage takes many times as long as the others (unless your machine has a GPU), for the *smallest*
# maps. At 96 pixels, with more than twice the pixels, it does not stand out like that. (It may take somewhat longer
# there: its kernels hold 64 times as many numbers as those of the first stage, and have to be fetched from memory.)
# What is the matter with 2×2?
#
# The compiler's own text, called HLO, has the answer. Here is how one convolution of layer 4 was compiled, for a map of
# 3×3 and for one of 2×2:

# %%
kernel = jnp.ones((3, 3, 512, 512))
for side in (3, 2):
    maps = jnp.ones((8, side, side, 512))
    layer = jax.jit(
        partial(
            lax.conv_general_dilated,
            window_strides=(1, 1),
            padding=[(1, 1)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
    )
    hlo = layer.lower(maps, kernel).compile().as_text()
    print(f"{side}×{side}:", *re.findall(r"convolution\(.*?(window=\{.*?\}, dim_labels=\S+?),", hlo))

# %% [markdown]
# Read `window={size=…}`: the kernel has the size 3×3 in the first line, and **2×2** in the second. `dim_labels` shows
# it too: in the second line the batch `b` is where channels should be. The compiler has swapped map and kernel. A
# convolution multiplies the one with the other, and it does not matter which is called the kernel; with 4 places
# instead of 9 there is less to multiply. That would be clever, if the library that does the work knew this form. It
# does not, and a plain loop takes over.
#
# The rule is: a kernel with more places than the map. For the gradient with respect to a layer's *input* it is the
# layer's output that counts. That can be found from shapes alone, by walking through what JAX has traced, gradients
# included. The course has a tool for it:


# %%
def total(params: dict, batch_stats: dict, images: jax.Array, model: nn.Module) -> jax.Array:
    """Some number that depends on everything, to take a gradient of."""
    variables = {"params": params, "batch_stats": batch_stats}
    return model.apply(variables, images, train=True, mutable=["batch_stats"])[0].sum()


wide = ResNet18(classes=2)
shapes = jax.eval_shape(partial(wide.init, train=False), jax.random.key(0), jnp.zeros((1, 96, 96, 3)))
for size in (64, 96):
    images = jax.ShapeDtypeStruct((BATCH, size, size, 3), jnp.float32)
    gradient = partial(jax.grad(total), model=wide)
    slow = convolutions.slow(gradient, shapes["params"], shapes["batch_stats"], images)
    print(f"{size} pixels: {len(slow)} convolutions in the slow path", *slow, sep="\n  ")

# %% [markdown]
# So our pictures have 96 pixels. The maps are 24, 12, 6 and 3 wide, and 3×3 is not smaller than the kernel. On two
# cores of the machine this was written on, training at 64 pixels managed 21 pictures a second; at 96 pixels, with more
# than twice the work, 65.
#
# The second slow thing on a CPU is the gradient of a max-pool. `max_pool` in part 3 computes it another way:


# %%
def pool_gradient(pool: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """The compiled gradient of a pooling function."""
    return jax.jit(jax.grad(lambda maps: (pool(maps) ** 2).sum()))


stem = jnp.abs(jax.random.normal(jax.random.key(0), (8, 48, 48, 64)))  # what ResNet18's stem hands over at 96 pixels
flax_pool = partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
pools = {"nn.max_pool": pool_gradient(flax_pool), "maximum of nine slices": pool_gradient(max_pool)}
by_flax, by_slices = (np.asarray(gradient(stem)) for gradient in pools.values())
print("the same gradient:", np.allclose(by_flax, by_slices))
times = [median_ms(partial(gradient, stem)) for gradient in pools.values()]
plots.bars(list(pools), times, unit="ms", better="lower", title="gradient of a max-pool")
plt.show()

# %% [markdown]
# None of this is knowledge for life: the next compiler will have other weak places. The way to find them stays: count
# what *should* be equal, time the parts, look for the one that sticks out, and read what the compiler made of it.

# %% [markdown]
# ## 7 · The training step
#
# In unit 02 the state was a named tuple of our own. Flax has a ready-made one, `TrainState`, that holds the weights,
# the optimiser with its memory, the model's `apply`, and a counter; a subclass adds what is special. Ours adds two
# things: BatchNorm's statistics, and a scale that only 16-bit training needs (part 9).


# %%
class TrainState(train_state.TrainState):
    """Flax's training state, with BatchNorm's running statistics, and a loss scale where training is in float16."""

    batch_stats: Any
    dynamic_scale: DynamicScale | None = None


class Sums(NamedTuple):
    """What a batch adds to the figures of an epoch."""

    loss: jax.Array  # [] float32
    correct: jax.Array  # [] int32
    count: jax.Array  # [] int32


def new_state(
    model: nn.Module,
    variables: dict,
    optimizer: optax.GradientTransformation,
    dynamic_scale: DynamicScale | None = None,
) -> TrainState:
    """The state before the first step. variables: {"params", "batch_stats"}."""
    return TrainState.create(apply_fn=model.apply, tx=optimizer, dynamic_scale=dynamic_scale, **variables)


def batch_sums(logits: jax.Array, batch: data.Batch) -> Sums:
    """The loss and hits of the real examples of a batch. logits: [B, K]."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)  # [B]
    hits = jnp.argmax(logits, axis=-1) == batch.label  # [B]
    return Sums(jnp.sum(losses, where=batch.mask), jnp.sum(hits, where=batch.mask), jnp.sum(batch.mask))


# %% [markdown]
# In the step, `has_aux=True` lets the loss function return more than the loss: the sums, and the new statistics. The
# gradient is taken of the loss alone.
#
# The labels are *smoothed*: 95 % for the right class and 5 % for the other, so that the network need not become
# infinitely sure. The figures that are printed are those of the plain loss.
#
# The last lines are for float16 and explained in part 9. `if` is a Python `if` here: whether there is a scale is part
# of the *structure* of the state, known while JAX traces.


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
# Why "a batch without blanks"? The mask keeps blanks out of the loss. It does not keep them out of BatchNorm's mean and
# variance. In training, the loader therefore drops a last batch that is not full.
#
# ### Which weights decay
#
# Weight decay pulls weights towards 0, in each step by a small part of themselves. For a kernel that means "as simple
# as possible". For a bias or for BatchNorm's scale it means nothing good: 0 is no natural place for a scale. So they
# are left out, by a *mask*: a tree like `params`, with `True` where decay applies. The name of a leaf, the last part of
# its path, decides. (In a network whose every bias and scale is a vector, the number of axes says the same.)


# %%
def decay_mask(params: dict) -> dict:
    """False for every `bias` and `scale`, True for what else there is. The structure of `params`, of bools."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key not in ("bias", "scale"), params)


# %% [markdown]
# A mask that is wrong goes unnoticed for weeks. So look which leaves *move*: with gradients of zero, decay alone is
# left.

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
# 21 biases stay. (Older Flax code does this with `flax.traverse_util.ModelParamTraversal`; a mask for optax is
# simpler.)
#
# ### L2 in the loss is not weight decay
#
# Our companion adds $\frac{\lambda}{2}\lVert w\rVert^2$ to the loss and calls that weight decay. With plain gradient
# descent it is: the gradient of the term is $\lambda w$. With Adam it is *not* (Loshchilov and Hutter, 2017): Adam
# divides each gradient by its usual size, and with it the decay that was mixed in. Two weights, both starting at 1,
# whose gradients are pure noise, of size 0.1 for one and 10 for the other:


# %%
def drift(optimizer: optax.GradientTransformation, l2: float, steps: int = 400) -> jax.Array:
    """Two weights under noise of size 0.1 and 10, with l2 · w added to the gradient. [steps, 2]"""

    def step(carry, key):
        weights, state = carry
        gradients = jnp.array([0.1, 10.0]) * jax.random.normal(key, (2,)) + l2 * weights
        updates, state = optimizer.update(gradients, state, weights)
        weights = optax.apply_updates(weights, updates)
        return (weights, state), weights

    weights = jnp.ones(2)
    keys = jax.random.split(jax.random.key(0), steps)
    return lax.scan(step, (weights, optimizer.init(weights)), keys)[1]


figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), sharey=True)
cases = {
    "L2 in the loss, Adam": (optax.adam(1e-3), 0.5),
    "decoupled decay, AdamW": (optax.adamw(1e-3, weight_decay=0.5), 0.0),
}
for place, (title, (rule_of_step, l2)) in zip(axes, cases.items(), strict=True):
    place.plot(jax.jit(partial(drift, rule_of_step, l2))())
    place.set(title=title, xlabel="step")
axes[0].legend(["gradients of size 0.1", "gradients of size 10"])
plt.show()

# %% [markdown]
# Left, in the loss: the weight with small gradients is pulled down fast, the other hardly. Right, decoupled: both lose
# the same share in every step (the rest is noise). The weight that Adam treats is the same; what "0.5" means is not.
# With SGD the two agree, if the decay is scaled by the learning rate in both:

# %%
with_l2 = drift(optax.sgd(1e-2), 0.5)
decoupled = drift(optax.chain(optax.add_decayed_weights(0.5), optax.sgd(1e-2)), 0.0)
print("with SGD the same:", bool(jnp.allclose(with_l2, decoupled, atol=1e-5)))

# %% [markdown]
# ### Warm-up and cosine
#
# A learning rate that starts high throws fresh weights, and fresh statistics, about. So it rises in a straight line for
# the first tenth of the steps, then falls to 0 along half a cosine. For optax a schedule is a function of the step;
# nobody has to call `scheduler.step()`.

# %%
STEPS = EPOCHS * len(train)
schedule = optax.warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=STEPS // 10, decay_steps=STEPS)
optimizer = optax.adamw(schedule, weight_decay=0.05, mask=decay_mask)

figure, axes = plt.subplots(figsize=(5, 2.0))
axes.plot(np.arange(STEPS + 1) / len(train), jax.vmap(schedule)(jnp.arange(STEPS + 1)))
axes.set(xlabel="epoch", title="learning rate", ylim=(0, None))
plt.show()

# %% [markdown]
# `decay_steps` counts *all* steps, warm-up included. And optax counts steps, never epochs: whoever writes
# `decay_steps=EPOCHS` gets an error when the warm-up alone is longer than that, and without a warm-up a learning rate
# of zero after a few batches.
#
# ### Gradient accumulation
#
# If 128 pictures do not fit into memory, take four times 32, average the gradients, and step once. `optax.MultiSteps`
# wraps any optimiser so that it does this. Is it the same as one batch of 128? Try it twice, without and with
# BatchNorm.


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
    at_once = jax.jit(partial(weights_after, small, once))(rows.reshape(1, 128, 4))
    in_four = jax.jit(partial(weights_after, small, summed))(rows.reshape(4, 32, 4))
    equal = jax.tree.all(jax.tree.map(partial(np.allclose, atol=1e-5), at_once, in_four))
    print(f"BatchNorm {normalised!s:5}  4 × 32 is the same as 128: {equal}")

# %% [markdown]
# Without BatchNorm it is the same; with it, not. Each 32 are normalised by their own mean and variance, whatever
# happens to the gradients later. Four times 32 is *as large a step*, not the same step. (The schedule inside
# `MultiSteps` counts updates, not batches: divide its lengths by four.)
#
# ### Data from a PyTorch loader
#
# Many projects have a `torch.utils.data.DataLoader` already, and there is no need to throw it away. Its batches want
# four things done: to NumPy, channels last, `int32`, and a look at the labels:


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
# Two batches of a stand-in, since PyTorch is not installed here: arrays in PyTorch's order, labels as `int64`. The
# second one has a label that is wrong by one, as happens with classes numbered from 1.

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
# Is that look at the labels worth its line? See what the loss says to a label out of range, for two classes of logits 1
# and 2:

# %%
for label in (0, 1, 2, -1):
    loss = optax.softmax_cross_entropy_with_integer_labels(jnp.array([1.0, 2.0]), label)
    print(f"label {label:2}: {loss:.3f}, finite: {bool(jnp.isfinite(loss))}")

# %% [markdown]
# On a device nothing can be raised. Plain indexing would read the last class (unit 01); optax looks the label up with
# `jnp.take_along_axis`, which fills in NaN where there is nothing to read, and one NaN takes the whole network with it.
# Worse is `-1`: it counts from the end, as in NumPy, and *is the last class*, without a word.
#
# **Pinned memory.** Our companion got out-of-memory errors with `pin_memory=True` and suspected that JAX puts pinned
# data on the GPU. What pinning does: the operating system may move a page of memory elsewhere, so a GPU can only copy
# by itself, while the processor goes on, from pages that are locked in place. PyTorch pins by asking CUDA, and so opens
# the GPU, in a process in which JAX has already reserved three quarters of its memory: that is where room can get
# short. There is nothing to gain, either, because JAX does not see that a NumPy array lies in pinned memory, and copies
# it on its own way. Leave it off (`pin_memory=False`), return NumPy arrays from the loader, and let `jax.device_put`
# run ahead: it returns at once, and the copy is made in the background. (We had no GPU to try this on; what we say of
# GPUs is from the documentation.)
#
# JAX knows pinned memory too, as a *kind of memory* in which an array can be placed on purpose:

# %%
device = jax.devices()[0]
print("kinds of memory:", sorted(memory.kind for memory in device.addressable_memories()))
pinned = jax.device_put(batch.label, jax.sharding.SingleDeviceSharding(device, memory_kind="pinned_host"))
print("this array is in:", pinned.sharding.memory_kind)

# %% [markdown]
# ## 8 · The first run, and the second
#
# The second companion's table has made people wonder:
#
# | | seconds | epochs | test accuracy |
# | --- | --- | --- | --- |
# | first run | 1,200 | 2 | 0.609 |
# | second run | 130 | 5 | 0.682 |
#
# It explains: the first run "transferred all the data on the GPU", where it stays. But a process that ends takes its
# GPU memory with it; nothing on the device survives from one run to the next. So what made the difference? A first run
# has four parts: reading the pictures, moving them to the device, compiling, and the work itself. Measure each by
# itself.

# %%
fresh = data.load(
    "cats_vs_dogs", "train[:80%]", batch_size=BATCH, shuffle=True, size=112, augment=VARIED, device="numpy", quiet=True
)
seconds = {}
begin = time.perf_counter()
epoch_0 = list(fresh.epoch(0))
seconds["read and decode, epoch 1"] = time.perf_counter() - begin
begin = time.perf_counter()
for _ in fresh.epoch(1):
    pass
seconds["from memory, epoch 2"] = time.perf_counter() - begin
begin = time.perf_counter()
on_device = jax.block_until_ready(jax.device_put(epoch_0))
seconds["to the device, one epoch"] = time.perf_counter() - begin
del on_device

start = new_state(model, variables, optimizer)
state_spec = jax.eval_shape(lambda: start)
begin = time.perf_counter()
lowered = jax.jit(train_step, donate_argnums=0).lower(state_spec, train.spec)
seconds["trace"] = time.perf_counter() - begin
begin = time.perf_counter()
compiled_step = lowered.compile()
seconds["compile"] = time.perf_counter() - begin

state, step_seconds = jax.tree.map(jnp.copy, start), []
for number in range(3):
    begin = time.perf_counter()
    state, _ = jax.block_until_ready(compiled_step(state, epoch_0[number]))
    step_seconds.append(time.perf_counter() - begin)
seconds["first step"] = step_seconds[0]
seconds["a later step"] = step_seconds[-1]
plots.bars(list(seconds), list(seconds.values()), unit="s", decimals=2, title="what a first run pays for")
plt.show()

# %% [markdown]
# The transfer is next to nothing: 160 MB, as in the companion's data, cross to a GPU in a fraction of a second.
# Compilation costs seconds, *once*, and reading and decoding cost every epoch, unless the pictures are kept in memory.
# Neither is 1,000 seconds. What is so slow, and only once? Most likely the files: thousands of JPEGs read one by one
# from a network drive (the companion's data are on one), which the operating system then keeps in its own memory, so
# that the *next* process finds them there. That would survive a restart; arrays on a GPU do not. We cannot look into
# their machine, but we can take ours apart, and that is the lesson: before explaining a time, split it.
#
# ### A cache for compiled programs
#
# Compilation can be kept across runs, if one asks for it: with `jax_compilation_cache_dir`, JAX writes each compiled
# program to a folder under a name made of the program, the compiler's version and its options. Here are two processes,
# started one after the other, each compiling the same gradient of six convolutions. A notebook's kernel is such a
# process.

# %%
SCRIPT = """
import sys, time
import jax, jax.numpy as jnp
from jax import lax

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # by default programs of under a second are not kept
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("cache_hits") else None)

def f(kernels, x):
    for kernel in kernels:
        x = jax.nn.relu(lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))
    return x.sum()

spec = jax.ShapeDtypeStruct
kernels = [spec((3, 3, 8 + i, 9 + i), jnp.float32) for i in range(6)]
lowered = jax.jit(jax.grad(f)).lower(kernels, spec((8, 32, 32, 8), jnp.float32))
begin = time.perf_counter()
lowered.compile()
print(time.perf_counter() - begin, len(hits))
"""


def in_new_process(cache: str) -> tuple[float, int]:
    """Seconds of compilation in a process of its own, and how many programs it found in the cache."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, cache], capture_output=True, text=True, check=True)
    taken, found = done.stdout.split()
    return float(taken), int(found)


with tempfile.TemporaryDirectory() as cache:
    runs = [in_new_process(cache) for _ in range(2)]
for name, (taken, found) in zip(("first", "second"), runs, strict=True):
    print(f"{name:6} process: programs found in the cache: {found}, compiled in {taken:.3f} s")

# %% [markdown]
# The second process read what the first had written. For your own work put the two lines at the top of a notebook (or
# set `JAX_COMPILATION_CACHE_DIR` in the environment). The cache notices changed code and changed shapes, since they
# make another program; it does not empty itself. In this course it is off, so that you see what compiling costs.
#
# ## 9 · Sixteen bits
#
# Half the bits, half the memory, and on hardware made for it several times the speed. There are two ways to spend 16
# bits:

# %%
for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
    info = jnp.finfo(dtype)
    print(
        f"{jnp.dtype(dtype).name:9} largest {float(info.max):.1e}, "
        f"smallest {float(info.tiny):.1e}, step above 1: {float(info.eps):.0e}"
    )

# %% [markdown]
# bfloat16 has the range of float32, and not quite three significant digits. float16 has one digit more and a narrow
# range: what is above 65,504 is infinite, and what is below 6e-8 is zero (from 6.1e-5 downwards digits get lost).
# Gradients are often tiny:

# %%
gradient = np.float32(2e-8)
print("in bfloat16:", bool(gradient.astype(jnp.bfloat16) > 0), "· in float16:", bool(gradient.astype(jnp.float16) > 0))
scale = np.float32(2.0**15)
back = (gradient * scale).astype(jnp.float16).astype(jnp.float32) / scale  # first to float32, then divided
print("in float16, scaled and scaled back, right within a percent:", bool(abs(back / gradient - 1) < 0.01))

# %% [markdown]
# The cure for float16: multiply the *loss* by a large number, then all gradients are that much larger, and divide
# them again when they are float32. How large? As large as possible without overflow, and that changes during
# training. **Dynamic** scaling tries: if a gradient overflowed, the step is thrown away and the scale halved; after
# many good steps (2,000 in Flax) it is doubled. This is what `train_step` does with `dynamic_scale`.
#
# Both mixed precisions keep the *weights*, the statistics and the optimiser in float32 and only compute in 16 bits:
# `dtype` of a layer is that of its arithmetic, `param_dtype` that of its weights. A step of 1e-3 of a weight would be
# lost in bfloat16, which has a grain of 8e-3. Our model's last layer is in float32 as well, and so are the softmax and
# the loss.
#
# Watch the scale: a small network in float16, whose loss scale begins absurdly high.


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
few = jax.tree.map(lambda leaf: leaf[:16, ::4, ::4] if leaf.ndim == 4 else leaf[:16], epoch_0[0])  # [16, 24, 24, 3]
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
# At first every gradient overflows, and each time the scale is halved and the weights stay as they were (crosses). Then
# training begins. After every twenty good steps it tries twice the scale. In bfloat16 none of this is needed: gradients
# have float32's range.
#
# What does it bring *here*? One block of our network, forward and backward, in three precisions. Time, and the memory
# that the compiled program needs in between:


# %%
def block_step(dtype: Any) -> tuple[Callable[[], Any], float]:
    """A function that computes a block's gradient once, and the MB that it needs in between."""
    conv, norm = (
        partial(nn.Conv, use_bias=False, dtype=dtype),
        partial(nn.BatchNorm, use_running_average=False, dtype=dtype),
    )
    block, maps = ResidualBlock(64, conv=conv, norm=norm), jnp.ones((16, 24, 24, 64), dtype)
    shapes = jax.eval_shape(block.init, jax.random.key(0), maps)
    weights = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.01), shapes)
    gradient = jax.jit(jax.grad(lambda weights, maps: block.apply(weights, maps, mutable=["batch_stats"])[0].sum()))
    compiled = gradient.lower(weights, maps).compile()
    return partial(compiled, weights, maps), compiled.memory_analysis().temp_size_in_bytes / 1e6


steps = {jnp.dtype(dtype).name: block_step(dtype) for dtype in (jnp.float32, jnp.bfloat16, jnp.float16)}
plots.bars(
    list(steps),
    [median_ms(step) for step, _ in steps.values()],
    unit="ms",
    better="lower",
    title="a residual block, forward and backward",
)
plots.bars(
    list(steps), [megabytes for _, megabytes in steps.values()], unit="MB", better="lower", title="memory in between"
)
plt.show()

# %% [markdown]
# The memory hardly changes, and the times are close enough that a busy moment of the machine can turn their order. On a
# CPU 16 bits usually *cost* time: most processors have no arithmetic for them, so numbers are widened, computed, and
# rounded again, and the wide copies take memory as well. Those that have (AMX, AVX-512 BF16) gain where the library
# uses it. The whole ResNet18, 16 channels wide, in batches of 32: on two cores of the machine this was written on it
# trained 360 pictures a second in float32 and 333 in bfloat16. On a TPU, or an NVIDIA GPU since Ampere (for float16:
# since Volta), it is the other way round. So the network below trains in float32; on a GPU try `ResNet18(...,
# dtype=jnp.bfloat16)`.
#
# ## 10 · Memory
#
# The second companion trained on 160 MB of pictures and saw 13.99 GB of the GPU's memory taken. Is ResNet18 that large?
# Count what is alive in this process:


# %%
def megabytes(tree: Any) -> float:
    """The size of all arrays (or descriptions of arrays) in a tree."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)) / 1e6


for name, tree in {
    "weights": start.params,
    "Adam's averages": start.opt_state,
    "statistics": start.batch_stats,
    "a batch": train.spec,
}.items():
    print(f"{name:16} {megabytes(tree):8.1f} MB")
print(f"{'all live arrays':16} {megabytes(jax.live_arrays()):8.1f} MB")
analysis = compiled_step.memory_analysis()
print(
    f"{'one step':16} {analysis.temp_size_in_bytes / 1e6:8.1f} MB in between, "
    f"{analysis.alias_size_in_bytes / 1e6:.1f} MB given back by donation"
)
peak = (
    analysis.argument_size_in_bytes
    + analysis.output_size_in_bytes
    - analysis.alias_size_in_bytes
    + analysis.temp_size_in_bytes
) / 1e6
print(f"{'its peak':16} {peak:8.1f} MB")

# %% [markdown]
# `jax.live_arrays()` lists every array that still has a name somewhere; `memory_analysis` says what a compiled program
# will need, before it runs. The largest item by far is the memory *in between*: the maps of every layer, kept for the
# backward pass. It grows with the batch and with the area of the pictures, not with the size of the data set. At the
# full width of 64 channels, 32 pictures of 96 pixels need 270 MB in between, and 410 MB at the peak.
#
# So where do 13.99 GB come from? **Preallocation**: at its first operation JAX takes three quarters of a GPU's memory
# (in the companion's time, a share of what was free), and hands it out itself. `nvidia-smi` shows what is *reserved*,
# whatever the program needs. In the environment, before JAX starts:
#
# | variable | effect |
# | --- | --- |
# | `XLA_PYTHON_CLIENT_PREALLOCATE=false` | take memory when it is needed |
# | `XLA_CLIENT_MEM_FRACTION=.50` | reserve half of it |
# | `XLA_PYTHON_CLIENT_ALLOCATOR=platform` | give each array back at once: slow, for measuring only |
#
# On a GPU `jax.devices()[0].memory_stats()` tells the bytes in use and their peak. A CPU keeps no such account, and the
# call returns `None`.
#
# ### Computing twice to save memory
#
# Unit 01 promised this: reverse mode keeps what the forward pass computed. `jax.checkpoint(f)` keeps only what
# goes *into* `f`, and computes the inside again when the backward pass comes by. `nn.remat` is the same for a
# module. How much is kept can be asked for, without computing: `jax.vjp` returns a function that holds what it
# needs, and that function is a pytree. First a plain function, eight sines deep:


# %%
def deep(x: jax.Array) -> jax.Array:
    """The sine of the sine of … of x, eight times."""
    for _ in range(8):
        x = jnp.sin(x)
    return x


for name, function in (("deep", deep), ("jax.checkpoint(deep)", jax.checkpoint(deep))):
    kept = jax.eval_shape(lambda x, f=function: jax.vjp(f, x)[1], jnp.zeros(1000))
    print(f"{name:21} keeps {len(jax.tree.leaves(kept))} arrays for the backward pass")

# %% [markdown]
# Eight cosines, or the one input. For a network of residual blocks it is best to wrap each *block*: what goes from one
# to the next is kept, what happens inside is not.


# %%
class Chain(nn.Module):
    """Eight residual blocks, whose insides are kept for the backward pass, or computed again."""

    remat: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        block = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        for number in range(8):
            x = block(16, name=f"block{number}")(x)
        return x


def kept_for_backward(chain: Chain, weights: dict, maps: jax.Array) -> Any:
    """What the backward pass with respect to the weights needs, besides the weights themselves."""
    forward = partial(chain.apply, mutable=["batch_stats"])
    return jax.vjp(lambda params: forward({**weights, "params": params}, maps)[0], weights["params"])[1]


maps = jax.ShapeDtypeStruct((16, 24, 24, 16), jnp.float32)
for remat in (False, True):
    chain = Chain(remat)
    weights = jax.eval_shape(chain.init, jax.random.key(0), maps)
    kept = jax.eval_shape(partial(kept_for_backward, chain), weights, maps)
    gradient = jax.jit(lambda w, x, chain=chain: kept_for_backward(chain, w, x)(jnp.ones(x.shape)))
    work = gradient.lower(weights, maps).cost_analysis()["flops"]
    print(f"remat {remat!s:5}  kept: {megabytes(kept):6.1f} MB, work: {work / 1e9:.3f} thousand million operations")

# %% [markdown]
# A fraction of the memory, for about a third more work: each block is computed forward twice. It pays where memory, not
# time, is the limit: long sequences, large pictures, deep networks. (What a compiled program saves in the end depends
# on the compiler's own plan. On a CPU, XLA orders the work for speed, and we saw no gain there.)
#
# ## 11 · Training
#
# The loop is that of unit 02, with one thing more: a guard. Once an epoch it looks whether the losses and the weights
# are finite. If not, it stops and says in which step and in which array it began; the last good weights are kept.
# Without it a network that has met a NaN trains on for hours, and has nothing left to save.


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
# Does the guard guard? Somebody's file has one pixel that is no number, in the third batch.


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


three = OneBadPixel(epoch_0[:3])
compiled_eval = jax.jit(eval_step).lower(state_spec, held_out.spec).compile()
steps = {"train_step": compiled_step, "eval_step": compiled_eval, "held_out": held_out}
guard = finite.Guard({"params": start.params, "batch_stats": start.batch_stats})
try:
    fit(jax.tree.map(jnp.copy, start), guard, train=three, epochs=1, **steps)
except finite.NotFinite as problem:
    print(f"stopped after step {problem.step}; the first array that is not finite: {problem.leaf}")
print("what was kept is finite:", finite.first(guard.good) is None)

# %% [markdown]
# Would a look at the loss have been enough? Ask for the loss of that step:

# %% tags=["nbval-ignore-output"]
_, sums = compiled_step(jax.tree.map(jnp.copy, start), three.batches[-1])
print(f"the loss of a batch with NaN in its pictures: {sums.loss / sums.count:.3f}")

# %% [markdown]
# If it is `nan`: good. On the processor this was written on it was 0.693, an ordinary number, the loss of an even
# guess. Most likely a compiled ReLU took the larger of NaN and 0 and found 0, which hid what had happened; only
# BatchNorm's statistics, which come before the ReLU, knew. (Compiled for smaller batches, the same line of code passed
# NaN on.) So look at weights and statistics too, not only at the loss.

# %% [markdown]
# Now in earnest. Everything is decided beforehand: epochs, learning rate, decay. (For photographs they come from a
# trial on the training pictures alone, four fifths of them against one fifth.) The held-out pictures are looked at
# after each epoch, but nothing is chosen by them: the weights of the *last* epoch count. So their accuracy is an honest
# one.

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
# Read that together with the line under part 1 that names the data. On drawings it is the accuracy on drawings.
#
# On photographs? This is what the same code gave on a part of the real set, 1,600 of its 23,262 pictures, of which
# 1,024 were trained on and 256 others looked at after each epoch (two CPU cores, 32 channels, 18 epochs, 3 minutes):
#
# | | pictures shown | steps | accuracy on pictures that were not trained on |
# | --- | --- | --- | --- |
# | after 2 epochs | 2,048 | 64 | 46 % |
# | after 5 epochs | 5,120 | 160 | 67 % |
# | after 18 epochs | 18,432 | 576 | 76 % ± 3 % |
# | the companion, 2 epochs | about 14,000 | ? | 60.9 % |
# | the companion, 5 epochs | about 35,000 | ? | 68.2 % |
#
# The companion's epochs are longer than ours: 160 MB of such JPEGs are some 7,000 pictures. So count pictures, not
# epochs: with half as many shown, and from a seventh as many different ones, more answers are right. What made the
# difference? Varied pictures, a learning rate that warms up and falls, decay of kernels only, or statistics that are
# right in evaluation: we changed all at once, so we do not know. The honest way is unit 03's: one at a time, the others
# held fixed. (After two epochs, with the learning rate near its highest and the running statistics lagging behind the
# weights, ours was no better than a coin.)
#
# ## 12 · Where it is wrong
#
# Collect the answers to all held-out pictures, and sort the mistakes by their loss: the most confident ones first.


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
# Worth an hour of anybody's time with a real data set: here one finds wrong labels, pictures with both animals, an
# animal in a far corner that the crop has cut off, and things that all mistakes have in common.
#
# ### What did it look at?
#
# **Grad-CAM** (Selvaraju et al., 2016) asks: which maps of a late layer speak for the answer, and where are they
# bright? Its recipe: the gradient of the answer's logit with respect to the maps, averaged over all places, gives each
# channel a weight; the weighted sum of the maps, negative parts cut off, is a picture of evidence.
#
# It needs the network cut in two: up to layer 3, and from there. That is easy where weights are a tree, since the
# second half is just some blocks with *their* branches of it.


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


right = [i for i in np.argsort(losses) if log_p[i].argmax() == labels[i]]
shown = np.array([*[i for i in right if labels[i] == 0][:3], *[i for i in right if labels[i] == 1][:3]])
final = {"params": state.params, "batch_stats": state.batch_stats}
logits, evidence = grad_cam(model, final, images[shown])
print("the two halves make the whole:", bool(jnp.allclose(jax.nn.log_softmax(logits), log_p[shown], atol=1e-3)))

smooth = np.asarray(jax.image.resize(evidence, (len(shown), SIZE, SIZE), "cubic"))
figure, axes = plt.subplots(2, len(shown), figsize=(1.2 * len(shown), 2.5))
for column, i in enumerate(shown):
    for place in axes[:, column]:
        place.imshow(in_colour[i])
        place.axis("off")
    axes[1, column].imshow(smooth[column], cmap="inferno", alpha=0.55, vmin=0)
figure.suptitle("the surest right answers, and where the evidence is", fontsize=11)
plt.show()

# %% [markdown]
# Bright is where the evidence is. On an animal's head or coat: good. On the sofa, the lawn, the watermark of a breeder:
# then it has learnt something about photographs, not about animals. A network of so few steps looks at much that has
# little to do with cats and dogs.
#
# The maps of layer 3 are 6×6, so the picture is coarse, and stretched smooth. And "evidence" is what the gradient says
# of *this* network; it is a hint for a person who looks, not a proof.
#
# ## 13 · Where the time of a step goes
#
# Part 8 took the first *run* apart. Now a single training step, compiled and warm: reading a batch, carrying it to the
# device, the forward pass, the gradients beyond that, the optimiser. Each is timed as a program of its own and waited
# for; the parts, except reading, take turns, so that a machine that slows down slows all of them. `python -m utils
# race --breakdown resnet18` measures it on your machine; this is one stored with the course:

# %% tags=["nbval-ignore-output"]
breakdown.show("resnet18")

# %% [markdown]
# Reading and carrying are next to nothing here, where the pictures are drawings that lie decoded in memory; part 8
# showed what decoding costs. Both can be done ahead, while the device computes; on a CPU they share its cores.
# `dispatch`, the time until the call returns to Python, is three thousandths of the step: the interpreter is not in the
# way. The whole `step` takes as long as its parts together.
#
# The largest part is the backward pass: three times the forward pass. Arithmetic says *twice*, for a convolution has
# two gradients, with respect to its input and to its kernel, and each needs as many multiplications as the convolution
# itself. So which of the two takes longer than it should?


# %%
def convolve(maps: jax.Array, kernel: jax.Array) -> jax.Array:
    """maps: [B, H, W, C], kernel: [3, 3, C, K]. Returns [B, H, W, K]."""
    return lax.conv_general_dilated(maps, kernel, (1, 1), [(1, 1)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"))


pieces = {
    "forward": jax.jit(lambda maps, kernel, out: convolve(maps, kernel)),
    "by the input": jax.jit(lambda maps, kernel, out: jax.vjp(partial(convolve, kernel=kernel), maps)[1](out)),
    "by the kernel": jax.jit(lambda maps, kernel, out: jax.vjp(partial(convolve, maps), kernel)[1](out)),
}
figure, axes = plt.subplots(1, 3, figsize=(9, 2.4), sharey=True, layout="constrained")
for stage, place in enumerate(axes):
    side, channels = 24 // 2**stage, 64 * 2**stage
    maps, kernel = jnp.ones((32, side, side, channels)), jnp.ones((3, 3, channels, channels))
    out = maps  # it has the same shape
    times = [median_ms(partial(piece, maps, kernel, out)) for piece in pieces.values()]
    place.bar(list(pieces), times, color=["C0", "C1", "C2"])
    place.set_title(f"layer{stage + 1}, maps of {side}×{side}", fontsize=10)
axes[0].set_ylabel("milliseconds")
plt.show()

# %% [markdown]
# Three times the same number of multiplications, and on a CPU the gradient *by the kernel* takes nearly twice as long
# as the forward pass where maps are large, and a little longer where they are small. (For the 7×7 kernel of the stem it
# took four times as long: 30 ms against 7.) Is that how it must be? On the machine of the chart we timed every 3×3 and
# 7×7 convolution of the model like this, in JAX and in PyTorch, 32 pictures each, and added up:
#
# | all convolutions, ms | forward | by the input | by the kernel | together |
# | --- | --- | --- | --- | --- |
# | JAX 0.10.2 | 115 | 117 | 183 | 415 |
# | PyTorch 2.13 | 80 | 64 | 79 | 224 |
#
# Nearly all of the step is convolutions, and PyTorch, with the library oneDNN, is faster in each column, most of all in
# the last. That is a weak place of XLA on CPUs, not of your code, and you will meet it again in the race below.
#
# What can be done about the largest part?
#
# - **Another device.** Convolutions are what GPUs were tuned for.
# - **Do not compute it.** When trained weights are at hand, keep the stem and the first stage as they are, and the
#   backward pass ends before it comes to the dear places: 275 ms instead of 458 for loss and gradients of this model,
#   and 94 when only the last layer learns (the same machine on another occasion; two such occasions differ by a tenth).
#   Hand frozen weights to the compiled function as *arguments*: what it closes over becomes constants, and XLA spends
#   seconds at compile time computing with them.
# - **Smaller maps early**, as a larger stride in the stem gives; but that is another model, with another accuracy.
#
# For a closer look, `with jax.profiler.trace("trace", create_perfetto_trace=True):` around a few steps writes a record
# of every operation, which Perfetto or XProf shows in the browser. Unit 05 reads one.

# %% [markdown]
# ## 14 · A race
#
# The same network in PyTorch: the same weights' shapes, pictures in memory, batch, SGD with momentum, float32. Keras
# has no ResNet18, so it stays at home. Stored results again; `python -m utils race resnet18` is how they were made.

# %% tags=["nbval-ignore-output"]
report.show("resnet18")

# %% [markdown]
# Left, seconds an epoch, where the first holds the compilation; right, pictures a second, pale for the first epoch; the
# thin lines reach from the slowest round to the fastest.
#
# On these two cores PyTorch trains 1.9 times as fast as JAX, and evaluates 1.4 times as fast. Subtract an evaluation
# from a training step: what is left, mostly the backward pass, takes 363 ms with JAX and 165 ms with PyTorch. That is
# what the table of part 13 would lead one to expect. (A step took 481 ms in the race and 451 ms in the chart above:
# compare only what was timed together.) `torch.compile` makes training slower here, and evaluation a quarter faster;
# why, we did not look. And count what compilation costs: a first step takes 4 s with JAX, 31 s with `torch.compile`,
# and 0.4 s with PyTorch as it comes. Both can keep programs on disk, JAX with the cache of part 8 and `torch.compile`
# without being asked; in a race each run has to compile for itself.
#
# Why learn JAX, then? Not because it wins on a laptop. What you have seen in this unit, `vmap`, scans, gradients of
# anything, a program that says what memory it needs, is there on every device; and the convolutions of this model on a
# GPU are not XLA's own.

# %% [markdown]
# ## 15 · For the record

# %%
results.record(
    held_out_accuracy=accuracy,
    train_seconds=sum(history["seconds"]),
    training_images_per_second=EPOCHS * len(train) * BATCH / sum(history["seconds"]),
    compile_seconds=seconds["compile"],
)

# %% [markdown]
# ## What to remember
#
# - A block gets its parts from outside; settings are bound once, with `partial`.
# - BatchNorm has a memory: `mutable=["batch_stats"]` hands it back, and you must keep it. PyTorch's momentum 0.1 is
#   Flax's 0.9.
# - Two models are the same when the same weights give the same answers, and when a broken copy does not.
# - A layer that takes longer than its arithmetic says is worth a look into the HLO. Keep maps at least as large as
#   kernels.
# - No decay for biases and scales; look which leaves move. L2 in the loss is weight decay only for SGD.
# - Split a time before you explain it: reading, transfer, compilation, work. Programs can be kept on disk, arrays on a
#   device cannot.
# - float16 wants a loss scale, bfloat16 does not; on most CPUs neither is faster.
# - `nvidia-smi` shows what JAX has reserved. Ask the compiled program what it needs. `jax.checkpoint` trades work for
#   memory.
# - Guard against NaN. Look at the worst mistakes.
#
# **Now you:** `exercises/04_resnet18_cats_dogs` has you write these pieces yourself, each with a check that tells you
# at once. Unit 05 leaves convolutions behind: a Swin transformer, proven and raced in the same way.

# %% [markdown]
# ## Sources and further reading
#
# - The companions: "ResNets: Jax/Flax vs. PyTorch" and "Jax&Flax ResNet18 Classification Experiment" (2022), READMEs of
#   two repositories.
# - He et al., "Deep residual learning for image recognition", 2015,
#   [arXiv:1512.03385](https://arxiv.org/abs/1512.03385), and "Delving deep into rectifiers", 2015 (2015b here),
#   [arXiv:1502.01852](https://arxiv.org/abs/1502.01852).
# - The reference code: [torchvision](https://github.com/pytorch/vision), `torchvision/models/resnet.py`, and
#   [timm](https://github.com/huggingface/pytorch-image-models), `timm/models/resnet.py`.
# - Ioffe and Szegedy, "Batch normalization", 2015, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167).
# - Loshchilov and Hutter, "Decoupled weight decay regularization", 2017,
#   [arXiv:1711.05101](https://arxiv.org/abs/1711.05101).
# - Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2016,
#   [arXiv:1610.02391](https://arxiv.org/abs/1610.02391).
