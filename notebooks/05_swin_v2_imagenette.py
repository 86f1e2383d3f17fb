# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · Swin Transformer v2: attention in windows
#
# Transformers took over image recognition, and the Swin Transformer (Liu et al., 2021,
# [arXiv:2103.14030](https://arxiv.org/abs/2103.14030)) is the one that made them affordable: tokens attend to each
# other in small windows, and the windows shift from block to block. Its second version ("Swin Transformer V2: Scaling
# Up Capacity and Resolution", Liu et al., 2021, [arXiv:2111.09883](https://arxiv.org/abs/2111.09883)) made it stable
# when it is large, and able to change its window after training.
#
# We build it piece by piece, look at each piece, and then do what most ports never do: **prove** that it is the same
# function as the reference implementation, weight by weight and gradient by gradient. Then it is trained, and looked
# into.
#
# Afterwards you can
#
# - cut maps into windows and put them together with three array operations, and say why the mask is needed;
# - explain cosine attention, the position bias, and where version 2 puts its normalisation, and *show* what each is
#   good for;
# - port a model from PyTorch and know that nothing is different;
# - change the window of a trained model.
#
# You need: units 01 and 02 (Flax, optax). No GPU. Allow about 100 minutes, and as long again for the exercises.

# %%
import json
import math
import tempfile
import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import linen as nn

from utils import data, plots, results
from utils.base import paths
from utils.base.errors import CourseError
from utils.convert import read
from utils.convert import swin_v2 as convert
from utils.data import augment
from utils.progress import track
from utils.races import breakdown, report
from utils.weights import save

# %% [markdown]
# ## 1 · Pictures, and patches instead of pixels
#
# **Imagenette** is ten easy classes of ImageNet: tench, English springer, cassette player, chain saw, church, French
# horn, garbage truck, gas pump, golf ball, parachute. As always the line printed by the loader says what was found: the
# real set, a part of it, or the course's drawings.

# %%
SIZE = 64  # pixels
validation = data.load("imagenette/160px-v2", "validation", batch_size=100, size=SIZE)
batch = next(iter(validation))
plots.images(
    validation.denormalise(batch.image[:10]), [validation.classes[i] for i in batch.label[:10]], columns=5, size=1.5
)
plt.show()

# %% [markdown]
# A transformer works on *tokens*: vectors, each of which may look at all others. Pixels would be too many. So the
# picture is cut into patches of 4 × 4 pixels, and each patch, 4 · 4 · 3 = 48 numbers, is multiplied by one matrix. (A
# convolution with a 4 × 4 kernel and stride 4 does exactly that.) What was a picture of 64 × 64 pixels is now a *map*
# of 16 × 16 tokens.
#
# Let every token attend to every other, and the work grows with the *square* of their number:

# %%
sides = np.array([64, 128, 256, 512])
tokens = (sides // 4) ** 2
print("picture    tokens    pairs of tokens    pairs in windows of 8 × 8")
for side, count in zip(sides, tokens, strict=True):
    print(f"{side:>4} px {count:>9,} {count**2:>18,} {count * 64:>28,}")

# %% [markdown]
# At 256 pixels, the usual size, all pairs are sixty times as many as pairs within windows of 8 × 8 tokens. And the last
# column grows with the picture's area only.

# %% [markdown]
# ## 2 · Windows
#
# Cutting a map into windows is a `reshape`, a `transpose`, a `reshape`. The first splits both sides of the map into
# (which window, where in it), the second brings the two "which" together, the third flattens.


# %%
def window_partition(x: jax.Array, window: tuple[int, int]) -> jax.Array:
    """Cut maps into windows, row by row.

    x: [B, H, W, C]; window: its height h and width w, which divide H and W.
    Returns [B, N, T, C] with N = H/h · W/w windows of T = h · w tokens, the tokens row by row too.
    """
    batch, height, width, channels = x.shape
    h, w = window
    x = x.reshape(batch, height // h, h, width // w, w, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, -1, h * w, channels)


def window_reverse(windows: jax.Array, window: tuple[int, int], size: tuple[int, int]) -> jax.Array:
    """Put windows [B, N, T, C] back together to maps [B, H, W, C] of that size (H, W)."""
    batch, _, _, channels = windows.shape
    h, w = window
    height, width = size
    x = windows.reshape(batch, height // h, width // w, h, w, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)


# %% [markdown]
# Here is what it does. Left, the windows on the picture; right, the sixteen windows one by one, in the order in which
# they come.


# %%
def draw_windows(axes, picture: np.ndarray, window: int, shift: int, title: str) -> None:
    """A picture and the borders of its windows; both in pixels."""
    axes.imshow(picture)
    for line in range(shift, len(picture) + 1, window):
        axes.axhline(line - 0.5, color="white", linewidth=1.5)
        axes.axvline(line - 0.5, color="white", linewidth=1.5)
    axes.set(title=title, xticks=[], yticks=[])


picture = validation.denormalise(batch.image[0])  # [64, 64, 3]
windows = np.asarray(window_partition(jnp.asarray(picture)[None], (16, 16)))[0]  # [16, 256, 3]

figure = plt.figure(figsize=(7, 3.2))
left, right = figure.subfigures(1, 2)
draw_windows(left.subplots(), picture, 16, 0, "4 × 4 windows of 4 × 4 tokens")
for place, window in zip(right.subplots(4, 4).flat, windows, strict=True):
    place.imshow(window.reshape(16, 16, 3))
    place.axis("off")
plt.show()

whole = window_reverse(jnp.asarray(windows)[None], (16, 16), (64, 64))
print("put together it is the same picture:", bool(jnp.array_equal(whole[0], picture)))

# %% [markdown]
# PyTorch's code puts pictures and windows into one axis, `[B·N, T, C]`. In JAX there is no need: operations on the last
# axes don't care how many axes stand before them. So the batch stays visible, `[B, N, T, C]`.

# %% [markdown]
# ## 3 · Shifted windows, and the mask
#
# Nothing ever passes a window's border, if all blocks use the same windows: they are sixteen small networks that know
# nothing of each other. Therefore every second block *shifts* them by half a window. New windows lie across the old
# borders.
#
# At the picture's rim the shifted windows are cut. Different sizes would spoil the reshape, so Swin uses a
# trick: *roll* the map up and to the left, and what falls out at the top comes in at the bottom. Then all
# windows are whole again:

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2))
draw_windows(axes[0], picture, 16, 0, "even blocks")
draw_windows(axes[1], picture, 16, 8, "odd blocks: shifted")
draw_windows(axes[2], np.roll(picture, (-8, -8), axis=(0, 1)), 16, 0, "the same, rolled")
plt.show()

# %% [markdown]
# Look at the last picture's bottom row: those windows hold two strips which are *not* neighbours, one from the bottom
# and one from the top. The window in the corner holds four. They share a window by accident and must not attend to each
# other. A mask discourages it: before the softmax, −100 is added for each pair of strangers, as in the reference code.
# With logits of usual size that leaves a stranger $e^{-100}$ of a neighbour's weight. It is no guarantee: the cosine's
# factor may grow to 100 (part 4), and then a neighbour at cosine −1 and a masked stranger at cosine 0 have the same
# logit.
#
# To find strangers, number the regions of the rolled map, three along each axis: before the last window; in it, not
# wrapped; wrapped.


# %%
def shift_mask(size: tuple[int, int], window: tuple[int, int], shift: tuple[int, int]) -> np.ndarray:
    """What to add to the attention logits of shifted windows: 0 between neighbours, -100 between strangers.

    size: of the map, multiples of the window's. Returns [N, T, T] float32.
    """

    def parts(length: int, window: int, shift: int) -> np.ndarray:
        """0, 1 or 2 for each place: before the last window, in it, and what came round from the other side."""
        place = np.arange(length)
        return (place >= length - window).astype(int) + (place >= length - shift)

    rows, columns = (parts(*each) for each in zip(size, window, shift, strict=True))
    region = 3 * rows[:, None] + columns[None, :]  # [H, W], nine of them
    region = window_partition(region[None, :, :, None], window)[0, :, :, 0]  # [N, T]
    return np.where(region[:, :, None] == region[:, None, :], 0.0, -100.0).astype(np.float32)


# %%
sixteen = shift_mask((16, 16), (4, 4), (2, 2))
print("one 16 × 16 table for each of 16 windows:", sixteen.shape)
plots.images(
    1 + sixteen / 100, columns=4, size=1.1, cmap="cividis", title="who may attend to whom (yellow), in each window"
)
plt.show()

# %% [markdown]
# Rows are queries, columns are keys. Nine windows are all yellow: nothing to hide. In the last row of windows the upper
# half of each window must not see the lower half. In the last column left and right are strangers, tokens that
# alternate in the order of the table, hence the stripes. In the corner both hold.
#
# This mask depends on sizes only. It is computed by NumPy while JAX *traces*, and is a constant of the compiled
# program.

# %% [markdown]
# ## 4 · Cosine attention
#
# Attention compares each query with each key. The transformer's original way is the dot product, divided by $\sqrt{D}$.
# Dot products grow with the vectors' lengths, and in large trained models some grow so much that one pair takes all the
# attention. Version 2 compares *directions* only: the cosine, times a factor $\tau^{-1}$ that each head learns, plus a
# bias $B$ for the two tokens' positions:
#
# $$\text{weights} = \text{softmax}\left(\cos(q, k) / \tau + B + \text{mask}\right)$$
#
# Its logarithm is what is learnt; it begins at $\log 10$, and may not make the factor larger than 100.


# %%
def unit_vectors(x: jax.Array) -> jax.Array:
    """x scaled to length 1 along its last axis; a zero vector stays one, and has a finite gradient."""
    square = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(square, 1e-24))


def at_least_float32(x: jax.Array) -> jax.Array:
    """x in float32 where it was shorter: with bfloat16's three digits, logits near 100 would be off by halves."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def attention_weights(q, k, logit_scale, bias, mask=None) -> jax.Array:
    """Scaled cosine attention (Liu et al., 2021, "Swin Transformer V2", section 3.2).

    q, k: [B, N, T, heads, D]; logit_scale: [heads, 1, 1], the logarithm of the factor, cut off at log 100;
    bias: [heads, T, T]; mask: [N, T, T] or None. Returns [B, N, heads, T, T] float32; each row adds up to 1.
    """
    q, k = unit_vectors(at_least_float32(q)), unit_vectors(at_least_float32(k))
    cosine = jnp.einsum("bnqhd,bnkhd->bnhqk", q, k)
    logits = cosine * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + bias
    if mask is not None:
        logits = logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1)


# %% [markdown]
# One detail in `unit_vectors` looks fussy: `jnp.maximum` *inside* the root. Zero vectors do occur (a padded token has
# no key), and the gradient of a length is not defined there. Written the natural way, the value is right and the
# gradient is NaN:


# %%
def natural(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


for scale in (natural, unit_vectors):
    gradient = jax.grad(lambda x, scale=scale: scale(x).sum())(jnp.zeros(2))[0]
    print(f"{scale.__name__:12} value {scale(jnp.zeros(2))}  gradient {gradient:.0e}")

# %% [markdown]
# The second gradient is enormous, but a number; multiplied by the zero that stands before it in the padded token, it
# vanishes. (NaN times zero is NaN.)
#
# Now the claim. Take random queries and keys, make all vectors longer, and watch how much attention the strongest key
# of each query gets:

# %%
q, k = jax.random.normal(jax.random.key(0), (2, 1, 8, 64, 1, 16))  # 8 windows of 64 tokens, one head
lengths = 2.0 ** np.arange(0, 6)
by_dot = [jax.nn.softmax(length**2 * jnp.einsum("bnqhd,bnkhd->bnhqk", q, k) / 4).max(-1).mean() for length in lengths]
by_cosine = [
    attention_weights(length * q, length * k, math.log(10), jnp.zeros((1, 64, 64))).max(-1).mean() for length in lengths
]
figure, axes = plt.subplots(figsize=(5, 2.4))
axes.plot(lengths, by_dot, "o-", label="dot product")
axes.plot(lengths, by_cosine, "o-", label="cosine × 10")
axes.set(xscale="log", xlabel="length of the vectors (times)", ylabel="share of the strongest", ylim=(0, 1.05))
axes.legend()
plt.show()

# %% [markdown]
# With the dot product, attention to many becomes attention to one; and where a softmax is that sure, its gradient is
# zero and nothing more is learnt. The cosine doesn't notice.

# %% [markdown]
# ## 5 · Where things are: the position bias
#
# Attention by itself does not know *where* a token is: shuffle the tokens of a window, and the results are shuffled
# alike. So a number is added for each pair that depends on their offset: how many rows down, how many columns to the
# right. A window of 8 × 8 has 15 × 15 offsets.
#
# Version 1 learnt those 225 numbers for each head, and was stuck with them: a window of 16 needs 961. Version 2 learns
# a *function* of the offset, a small network with two inputs. Any window can be asked for. (Tables can be interpolated
# to another window's size, and in practice they are; a function needs no such step.) To keep unseen offsets near the
# seen ones, they enter on a logarithmic scale. The factor 8 and the division by $\log_2 8$ are the reference code's;
# the paper has the logarithm alone:


# %%
def log_coordinates(window: tuple[int, int], trained: tuple[int, int] | None = None) -> np.ndarray:
    """Every offset that two tokens of a window can have, log-spaced: [2h-1, 2w-1, 2], rows then columns.

    trained: the window the model was trained with, if that was another one; its edge is at 1.06 then too.
    """
    h, w = window
    offsets = np.stack(np.meshgrid(np.arange(1 - h, h), np.arange(1 - w, w), indexing="ij"), axis=-1)
    reach = np.maximum(np.array(trained or window) - 1, 1)
    x = 8 * offsets / reach  # -8 … 8
    return np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)


def offset_index(window: tuple[int, int]) -> np.ndarray:
    """Where in the flattened table of offsets the pair (query, key) is to be looked up: [T, T] int."""
    h, w = window
    rows, columns = np.indices(window).reshape(2, -1)  # of each token
    down = rows[:, None] - rows[None, :] + h - 1  # 0 … 2h-2
    right = columns[:, None] - columns[None, :] + w - 1
    return down * (2 * w - 1) + right


# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6))
for place, window, trained in ((axes[0], 8, 8), (axes[1], 16, 8)):
    offsets = np.arange(1 - window, window)
    place.plot(offsets, offsets / (trained - 1), "--", color="grey", label="linear")
    place.plot(
        offsets, log_coordinates((window, window), (trained, trained))[:, window - 1, 0], ".-", label="logarithmic"
    )
    place.set(title=f"window {window}, trained with {trained}", xlabel="offset in tokens")
axes[0].legend()
plt.show()

# %% [markdown]
# Right: in a window twice as large the linear coordinate leaves the range that the network knows (−1 … 1) by a factor
# of two; the logarithmic one goes from 1.06 to 1.39.
#
# Two helpers first. The reference's weights begin as normal numbers with a deviation of 0.02, and its LayerNorm's
# epsilon is not Flax's. Small things, but a port is made of them.


# %%
def linear(features: int, **options) -> nn.Dense:
    """A dense layer that starts as Swin's do.

    (Where PyTorch code says `trunc_normal_(std=0.02)` it cuts at ±2, far out.)
    """
    return nn.Dense(features, kernel_init=nn.initializers.normal(0.02), **options)


def layer_norm(**options) -> nn.LayerNorm:
    """LayerNorm with the reference's epsilon; Flax's own is 1e-6."""
    return nn.LayerNorm(epsilon=1e-5, use_fast_variance=False, **options)


# %%
class PositionBias(nn.Module):
    """The learnt bias of every offset and head: a table [2h-1, 2w-1, heads], from a network that knows offsets only."""

    heads: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, window: tuple[int, int], trained: tuple[int, int] | None = None) -> jax.Array:
        x = jnp.asarray(log_coordinates(window, trained), self.dtype)  # [2h-1, 2w-1, 2]
        x = nn.relu(linear(512, name="hidden")(x))
        return 16 * nn.sigmoid(linear(self.heads, use_bias=False, name="out")(x))


def bias_of_pairs(table: jax.Array, window: tuple[int, int]) -> jax.Array:
    """The bias of every pair (query, key) of a window: [2h-1, 2w-1, heads] to [heads, T, T]."""
    return table.reshape(-1, table.shape[-1])[offset_index(window)].transpose(2, 0, 1)


# %% [markdown]
# The bias is squashed to 0 … 16, by 16 · sigmoid: it can say "nearly as good as nothing", but cannot run away.
# Squashed *before* the table is looked up, 225 numbers a head instead of 4,096.
#
# Queries, keys, values and the rest of attention are standard. Two oddities are the reference's: keys have no bias, and
# the three matrices are one.


# %%
class WindowAttention(nn.Module):
    """Attention within windows: [B, N, T, C] to [B, N, T, C]."""

    heads: int
    window: tuple[int, int]
    trained: tuple[int, int] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: np.ndarray | None = None) -> jax.Array:
        channels = x.shape[-1]
        qkv = linear(3 * channels, use_bias=False, dtype=self.dtype, name="qkv")(x)
        q, k, v = jnp.split(qkv, 3, axis=-1)
        q = q + self.param("q_bias", nn.initializers.zeros, (channels,)).astype(self.dtype)
        v = v + self.param("v_bias", nn.initializers.zeros, (channels,)).astype(self.dtype)  # keys have none
        q, k, v = (each.reshape(*x.shape[:-1], self.heads, -1) for each in (q, k, v))  # [B, N, T, heads, D]

        logit_scale = self.param("logit_scale", nn.initializers.constant(math.log(10)), (self.heads, 1, 1))
        exact = jnp.promote_types(self.dtype, jnp.float32)
        table = PositionBias(self.heads, exact, name="position_bias")(self.window, self.trained)
        bias = bias_of_pairs(table, self.window)
        weights = attention_weights(q, k, logit_scale, bias, mask)  # [B, N, heads, T, T]
        self.sow("intermediates", "weights", weights)
        x = jnp.einsum("bnhqk,bnkhd->bnqhd", weights.astype(self.dtype), v).reshape(x.shape)
        return linear(channels, dtype=self.dtype, name="proj")(x)


# %% [markdown]
# `sow` keeps the weights for whoever asks for them, and costs nothing otherwise; we will ask in parts 10 and 12.

# %% [markdown]
# ## 6 · The block: normalised after, not before
#
# A block adds two branches to its input, attention and an MLP. Version 1 normalised what goes *into* a branch. Version
# 2 normalises what comes *out*:
#
# | | attention | MLP |
# | --- | --- | --- |
# | version 1, pre-norm | $x + f(\text{norm}(x))$ | $x + g(\text{norm}(x))$ |
# | version 2, res-post-norm | $x + \text{norm}(f(x))$ | $x + \text{norm}(g(x))$ |
#
# Why? Try it before reading on. Here are 24 random branches (dense, GELU, dense), and the size of what is handed from
# block to block. Their weights are at the usual size, and then three times larger, as training may make them.


# %%
@partial(jax.jit, static_argnames="post")
def sizes_by_depth(weights, x: jax.Array, gain: float, post: bool) -> jax.Array:
    """Standard deviation after each of L blocks. weights: ([L, C, 4C], [L, 4C, C]); x: [T, C]. Returns [L]."""

    def norm(x):
        return (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + 1e-5)

    def block(x, layer):
        def branch(x):
            return nn.gelu(x @ (gain * layer[0])) @ (gain * layer[1])

        x = x + (norm(branch(x)) if post else branch(norm(x)))
        return x, x.std()

    return jax.lax.scan(block, x, weights)[1]


keys = jax.random.split(jax.random.key(1), 3)
weights = (jax.random.normal(keys[0], (24, 64, 256)) / 8, jax.random.normal(keys[1], (24, 256, 64)) / 16)
x = jax.random.normal(keys[2], (128, 64))
figure, axes = plt.subplots(figsize=(6, 2.8))
for post, style in ((False, "o-"), (True, "s-")):
    for gain in (1.0, 3.0):
        label = f"{'res-post-norm' if post else 'pre-norm'}, weights × {gain:.0f}"
        axes.plot(range(1, 25), sizes_by_depth(weights, x, gain, post), style, markersize=3, label=label)
axes.set(yscale="log", xlabel="block", ylabel="size of activations")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# With pre-norm, the branch sees a tame input but nobody tames its output: the larger the weights, the larger what is
# added, and it adds up. With res-post-norm a branch adds something of size 1 whatever its weights are; after 24 blocks
# the sum is about $\sqrt{24} \approx 5$ times that. The two curves for × 1 and × 3 lie on each other. In the paper's
# largest models with pre-norm, the size of activations differed by a factor of $10^4$ between layers, and the training
# of the huge one could not be completed.
#
# And the norms' scales begin at *zero*: a new block changes nothing, so even a very deep new network is, at first, a
# shallow one.
#
# Two more parts. **Drop path** (stochastic depth) leaves out a whole branch for some pictures while training, so that
# blocks don't lean on each other. The MLP uses the exact GELU, with the error function; JAX's default is an
# approximation by tanh.


# %%
class DropPath(nn.Module):
    """Stochastic depth (Huang et al., 2016): in training, leave out a block's branch for some examples of a batch."""

    rate: float

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        if not train or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        kept = jax.random.bernoulli(self.make_rng("drop_path"), keep, (x.shape[0], 1, 1, 1))
        return jnp.where(kept, x / keep, 0.0).astype(x.dtype)


class MLP(nn.Module):
    """Two dense layers on each token by itself, four times as wide in between."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        x = linear(4 * channels, dtype=self.dtype, name="wide")(x)
        x = nn.gelu(x, approximate=False)
        return linear(channels, dtype=self.dtype, name="narrow")(x)


# %% [markdown]
# In the block, only `attend` is new: roll, pad, cut, attend, put together, cut the padding off, roll back. Where a map
# is no larger than a window, it *is* one window and there is nothing to shift; `fit_window` says so. Where windows
# don't divide a map, it is padded with zeros, which are attended to as any other token, as in the reference. Everything
# follows from the shape of `x`, so one module serves every
# picture size.


# %%
def fit_window(size: tuple[int, int], window: int, shifted: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Window and shift for a map of that size: one no larger than a window is one window, and is not shifted."""
    fitted = tuple(min(length, window) for length in size)
    shift = tuple(window // 2 if shifted and length > window else 0 for length in size)
    return fitted, shift


class Block(nn.Module):
    """Attention in windows, then an MLP, each normalised *after* it and added to what came in. [B, H, W, C]."""

    heads: int
    window: int
    shifted: bool
    trained: int = 0  # the window the weights were trained with; 0: this one
    drop_path: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm = {"scale_init": nn.initializers.zeros, "dtype": self.dtype}  # a new block changes nothing
        x = x + DropPath(self.drop_path)(layer_norm(name="norm1", **norm)(self.attend(x)), train)
        return x + DropPath(self.drop_path)(layer_norm(name="norm2", **norm)(MLP(self.dtype, name="mlp")(x)), train)

    def attend(self, x: jax.Array) -> jax.Array:
        _, height, width, _ = x.shape
        window, shift = fit_window((height, width), self.window, self.shifted)
        x = jnp.roll(x, (-shift[0], -shift[1]), axis=(1, 2))
        x = pad_to_multiple(x, window)
        padded = x.shape[1:3]
        windows = window_partition(x, window)
        mask = shift_mask(padded, window, shift) if any(shift) else None
        trained = (self.trained, self.trained) if self.trained else None
        windows = WindowAttention(self.heads, window, trained, self.dtype, name="attention")(windows, mask)
        x = window_reverse(windows, window, padded)[:, :height, :width]
        return jnp.roll(x, shift, axis=(1, 2))


def pad_to_multiple(x: jax.Array, of: tuple[int, int]) -> jax.Array:
    """Add zeros below and on the right of [B, H, W, C] until H and W are multiples."""
    below, right = (-length % unit for length, unit in zip(x.shape[1:3], of, strict=True))
    return jnp.pad(x, ((0, 0), (0, below), (0, right), (0, 0)))


# %% [markdown]
# Does the shift do what it is for? Change *one* token (the cross) of a map of 16 × 16, and see which tokens notice:
# after two blocks without shift, after a plain one and a shifted one, and after two such pairs.

# %%
x = jax.random.normal(jax.random.key(0), (1, 16, 16, 8))
maps = jnp.concatenate([x, x.at[:, 5, 5].add(1.0)])  # the same map twice, but for one token
plain, shifted = (Block(heads=1, window=4, shifted=each) for each in (False, True))
weights = jax.eval_shape(plain.init, jax.random.key(0), x)
draw = np.random.default_rng(0)
weights = jax.tree.map(lambda leaf: jnp.asarray(0.1 * draw.normal(size=leaf.shape), jnp.float32), weights)  # no zeros
run = {"plain": jax.jit(plain.apply), "shifted": jax.jit(shifted.apply)}

figure, axes = plt.subplots(1, 3, figsize=(8, 2.7))
for place, names in zip(axes, (["plain"] * 2, ["plain", "shifted"], ["plain", "shifted"] * 2), strict=True):
    out = maps
    for name in names:
        out = run[name](weights, out)
    changed = np.abs(np.asarray(out[1] - out[0])).max(axis=-1)
    place.imshow(np.log10(changed + 1e-9), cmap="magma", vmin=-7, vmax=0)
    place.plot(5, 5, "x", color="white")
    place.set_title(", ".join(names), fontsize=9)
    place.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Without shift the news never leaves its window. One shifted block carries it into the neighbours' corners; after two
# pairs of blocks more than half of the map has heard of it. And it spreads from the cross only: nothing appears at the
# opposite side of the picture first, so the mask holds.

# %% [markdown]
# ## 7 · Merging patches, and the whole model
#
# Between stages, four neighbours become one token with twice the channels: the map shrinks, as in a convolutional
# network. The order of the four is the reference's, down before right. Weights that were trained with one order mean
# nothing in another.


# %%
class PatchMerging(nn.Module):
    """Four neighbours become one token with twice the channels: [B, H, W, C] to [B, H/2, W/2, 2C]."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = pad_to_multiple(x, (2, 2))
        corners = (x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2])
        merged = jnp.concatenate(corners, axis=-1)  # [B, H/2, W/2, 4C]
        merged = linear(2 * x.shape[-1], use_bias=False, dtype=self.dtype, name="reduction")(merged)
        return layer_norm(dtype=self.dtype, name="norm")(merged)


# %% [markdown]
# And this is all of it. The fields are the architecture; the sizes of maps follow from the pictures.


# %%
class SwinV2(nn.Module):
    """Swin Transformer v2 (Liu et al., 2021, arXiv:2111.09883). Images [B, H, W, 3] to logits [B, classes] float32.

    H and W: multiples of `patch`; maps that windows don't divide are padded with zeros, as the reference does.
    """

    width: int  # channels of the first stage; each merging doubles them
    depths: tuple[int, ...]  # blocks in each stage
    heads: tuple[int, ...]  # in each stage
    window: int  # side of a window, in tokens
    patch: int = 4  # side of a patch, in pixels
    classes: int = 10
    drop_path: float = 0.1  # of the last block; it rises linearly from 0
    absolute_position: bool = False  # add a learnt vector to each place; the model then takes one image size only
    trained_windows: tuple[int, ...] = ()  # for each stage, the window the weights were trained with; 0 or (): this one
    dtype: Any = jnp.float32  # of the arithmetic; the parameters are float32

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        check_sizes(self, images.shape)
        x = nn.Conv(
            self.width,
            kernel_size=(self.patch, self.patch),
            strides=(self.patch, self.patch),
            kernel_init=nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform"),  # PyTorch's, of a convolution
            dtype=self.dtype,
            name="patch_embed",
        )(images)
        x = layer_norm(dtype=self.dtype, name="patch_norm")(x)  # [B, H/patch, W/patch, width]
        if self.absolute_position:
            places = self.param("absolute_position", nn.initializers.normal(0.02), x.shape[1:])
            x = x + places.astype(self.dtype)

        rates = np.linspace(0.0, self.drop_path, sum(self.depths)).tolist()
        for stage, (depth, heads) in enumerate(zip(self.depths, self.heads, strict=True)):
            if stage > 0:
                x = PatchMerging(self.dtype, name=f"merge{stage}")(x)
            trained = self.trained_windows[stage] if self.trained_windows else 0
            for number in range(depth):
                x = Block(
                    heads=heads,
                    window=self.window,
                    shifted=number % 2 == 1,
                    trained=trained,
                    drop_path=rates.pop(0),
                    dtype=self.dtype,
                    name=f"stage{stage}_block{number}",
                )(x, train)

        x = layer_norm(dtype=self.dtype, name="norm")(x).mean(axis=(1, 2))  # [B, C]
        return linear(self.classes, name="head")(at_least_float32(x))


def check_sizes(model: SwinV2, shape: tuple[int, ...]) -> None:
    """Raise ValueError for what the model can't be built with or fed, before any arithmetic."""
    if not len(model.depths) == len(model.heads) == len(model.trained_windows or model.depths):
        raise ValueError(
            f"SwinV2: depths {model.depths}, heads {model.heads} and trained_windows {model.trained_windows} "
            "must have one entry a stage."
        )
    for stage, heads in enumerate(model.heads):
        channels = model.width * 2**stage
        if channels % heads:
            raise ValueError(
                f"SwinV2: stage {stage} has {channels} channels, which {heads} heads cannot share evenly. "
                f"Choose a number of heads that divides {channels}, or another width."
            )
    height, width = shape[1:3]
    for side in (height, width):
        if side % model.patch or side == 0:
            below = side - side % model.patch
            fitting = f"{below} or {below + model.patch}" if below else f"{model.patch}"
            raise ValueError(
                f"SwinV2: a picture of {height} × {width} pixels cannot be cut into patches of "
                f"{model.patch} × {model.patch}; "
                f"instead of {side}, {fitting} pixels would do."
            )
    if model.absolute_position and model.has_variable("params", "absolute_position"):
        made_for = model.get_variable("params", "absolute_position").shape[:2]
        if made_for != (height // model.patch, width // model.patch):
            raise ValueError(
                f"SwinV2: its absolute position embedding is for pictures of {made_for[0] * model.patch} × "
                f"{made_for[1] * model.patch} pixels, not {height} × {width}. Resize the pictures, or build the model "
                "without absolute_position."
            )


# %% [markdown]
# The published models differ in four numbers. `micro` is ours, for machines without a GPU.


# %%
def swin_v2(name: str, **changes) -> SwinV2:
    """A model of the table; `changes` replace single entries, e.g. `swin_v2("tiny", window=16)`."""
    table = {
        # name: width, depths, heads, window
        "micro": (32, (2, 2, 2), (2, 4, 8), 4),
        "tiny": (96, (2, 2, 6, 2), (3, 6, 12, 24), 8),
        "small": (96, (2, 2, 18, 2), (3, 6, 12, 24), 8),
        "base": (128, (2, 2, 18, 2), (4, 8, 16, 32), 8),
    }
    if name not in table:
        raise ValueError(f"There is no configuration {name!r}; there are {', '.join(table)}.")
    return SwinV2(**dict(zip(("width", "depths", "heads", "window"), table[name], strict=True)) | changes)


# %%
for name, side in (("micro", 64), ("tiny", 256), ("small", 256), ("base", 256)):
    model = swin_v2(name)
    spec = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, side, side, 3)))
    print(
        f"{name:5} width {model.width:3}  depths {model.depths!s:14} "
        f"{sum(leaf.size for leaf in jax.tree.leaves(spec)):>10,} weights"
    )

# %% [markdown]
# Bad sizes are refused with a cure, before anything is computed:

# %%
for model, shape in ((swin_v2("micro"), (1, 66, 64, 3)), (swin_v2("micro", heads=(3, 4, 8)), (1, 64, 64, 3))):
    try:
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(shape))
    except ValueError as error:
        print(error)

# %% [markdown]
# ## 8 · Is it really Swin v2?
#
# Its shapes are right, its 27,585,844 weights (tiny) are as many as the reference's. Neither shows that it *is* the
# reference. A port can differ in many places, a LayerNorm with an epsilon of 768 among them (one of the mistakes
# below), and train all the same.
#
# What shows that two functions are the same is that the same weights and the same picture give the same logits and the
# same gradients. (It says nothing of how training *begins*: initial deviations, starting scales and drop-path rates are
# compared by reading.) The course's tests do that, without PyTorch:
#
# 1. A rule turns the *name* and shape of each tensor into numbers, the same on every machine. No tensor is left at its
#    usual start, where many mistakes hide: with both norms' scales at zero every block is the identity, and any block
#    would pass.
# 2. timm's `swinv2_tiny_window8_256` was filled by the rule once; its logits, its loss, and two numbers for the
#    gradient of each tensor, are kept in `tests/golden/`.
# 3. `tests/models/test_swin_v2.py` fills this lesson's model by the same rule and compares: tiny with windows of 4, 8,
#    12 and 16, at 128 to 256 pixels, also where height is not width and where maps must be padded, and small models,
#    one of them with the absolute position. In float64 logits, loss and the numbers of each gradient must agree within
#    1e-9.
# 4. And the test itself is tested: each known mistake is made on purpose in a copy of this lesson, and the comparison
#    must fail.
#
# How far does each of these mistakes take the logits from the reference's? The tests have measured it; the numbers come
# with the course.

# %%
measured = json.loads((paths.RESSOURCES / "mistakes_swin_v2.json").read_text(encoding="utf-8"))
distances = dict(sorted(measured["distances"].items(), key=lambda item: item[1]))
figure, axes = plt.subplots(figsize=(7.5, 5.2))
axes.barh(list(distances), list(distances.values()))
axes.axvline(1e-9, color="black", linestyle="--")
axes.set(xscale="log", xlim=(5e-10, 5), xlabel="distance (dashed: 1e-9, what is allowed)")
axes.set_title(f"how far a mistake moves a logit (the largest is {measured['largest_logit']:.1f})")
axes.grid(axis="y", visible=False)
plt.show()

# %% [markdown]
# Most mistakes are large. A port with one of them trains all the same, only not as well, and with the published weights
# it gives nonsense. Two are small: a GELU computed with tanh, and an epsilon of 1e-6, the default of Flax. A comparison
# that allows for a difference of a hundredth finds neither, and one that leaves the scales at zero finds next to
# nothing. So the test computes in float64, where right implementations agree to twelve digits, and allows 1e-9: what is
# beyond that is not rounding.
#
# Names are carried across by rules (`utils/convert`), from timm's or Microsoft's files to this lesson's parameters and
# back:

# %%
micro = swin_v2("micro")
spec = jax.eval_shape(micro.init, jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
draw = np.random.default_rng(0)
params = jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), spec)
state_dict = convert.to_torch(params, names="microsoft")
for name in [
    "patch_embed.proj.weight",
    "layers.0.blocks.1.attn.qkv.weight",
    "layers.0.downsample.norm.weight",
    "head.weight",
]:
    print(f"{name:38} {state_dict[name].shape}")
back = convert.to_flax(state_dict, like=spec)
print("there and back:", all(jax.tree.leaves(jax.tree.map(np.array_equal, back, params))))

# %% [markdown]
# Published weights come as files: safetensors, which hold nothing but numbers, or what `torch.save` wrote. The latter
# is a *pickle*, and to unpickle a file is to run what its writer put there. `read` takes both, needs no PyTorch, and
# runs nothing: it puts the tensors together from their raw numbers and leaves everything else. And back again: a state
# dict saved as safetensors is loaded by PyTorch's users as it is.

# %%
with tempfile.TemporaryDirectory() as folder:
    file = save(f"{folder}/swin_v2_micro.safetensors", state_dict)
    from_file = convert.to_flax(read(file), like=spec)
print("through a file:", all(jax.tree.leaves(jax.tree.map(np.array_equal, from_file, params))))

# %% [markdown]
# Names or shapes that don't fit are told:

# %%
state_dict["head.weight"] = np.zeros((1000, 128), np.float32)
del state_dict["norm.bias"]
try:
    convert.to_flax(state_dict, like=spec)
except CourseError as error:
    print(error)

# %% [markdown]
# ## 9 · Training
#
# The optimiser's part of the recipe is the usual one for transformers: AdamW, a learning rate that first rises and then
# falls along a cosine, gradients clipped. (The published recipe varies pictures far more: mixup, CutMix, random erasing
# and RandAugment.) Weight decay pulls *matrices* towards zero. It leaves alone what is no matrix (biases, the norms'
# scales), and what describes position or temperature.


# %%
def decay_mask(params: dict) -> dict:
    """Which leaves weight decay applies to: those with two axes or more, except position and logit scale."""

    def decays(path, leaf) -> bool:
        name = jax.tree_util.keystr(path)
        return leaf.ndim > 1 and "position" not in name and "logit_scale" not in name

    return jax.tree_util.tree_map_with_path(decays, params)


class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32
    params: dict
    opt_state: optax.OptState


def make_steps(model: SwinV2, optimizer: optax.GradientTransformation, key: jax.Array):
    """`train_step(state, batch) -> (state, loss)` and `eval_step(params, batch) -> (summed loss, hits)`."""

    def train_step(state: TrainState, batch: data.Batch) -> tuple[TrainState, jax.Array]:
        def loss_fn(params):
            rngs = {"drop_path": jax.random.fold_in(key, state.step)}
            logits = model.apply(params, batch.image, train=True, rngs=rngs)
            return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean()

        loss, gradients = jax.value_and_grad(loss_fn)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss

    def eval_step(params: dict, batch: data.Batch) -> tuple[jax.Array, jax.Array]:
        logits = model.apply(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        hits = jnp.argmax(logits, axis=-1) == batch.label
        return jnp.sum(losses, where=batch.mask), jnp.sum(hits, where=batch.mask)

    return train_step, eval_step


# %% [markdown]
# Sizes depend on what there is to train on and with. The course's sample gets a small model that trains in seconds;
# real pictures get `micro`; a GPU gets `tiny` at 256 pixels in bfloat16. In bfloat16, products of matrices are rounded
# to three digits; weights, softmax and logits stay in float32.


# %%
class Settings(NamedTuple):
    """What is trained, and how."""

    model: SwinV2
    size: int  # pixels
    batch_size: int
    epochs: int
    learning_rate: float


if validation.is_sample:
    small = swin_v2("micro", patch=8, width=48, depths=(2, 1), heads=(3, 6), drop_path=0.0)
    settings = Settings(small, SIZE, 32, 8, 2e-3)
elif jax.default_backend() == "cpu":
    settings = Settings(swin_v2("micro"), SIZE, 32, 10, 2e-3)
else:
    settings = Settings(swin_v2("tiny", dtype=jnp.bfloat16), 256, 64, 60, 1e-3)

model, size = settings.model, settings.size
varied = (augment.flip(),) if validation.is_sample else (augment.flip(), augment.pad_and_crop(size // 8, "reflect"))
train = data.load(
    "imagenette/160px-v2", "train", batch_size=settings.batch_size, shuffle=True, size=size, augment=varied
)
if size != SIZE:
    validation = data.load("imagenette/160px-v2", "validation", batch_size=100, size=size)

# %%
steps = settings.epochs * len(train)
schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, steps // 10, steps)
optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.05, mask=decay_mask))


def new_state(key: jax.Array, model: SwinV2, optimizer: optax.GradientTransformation, size: int) -> TrainState:
    """The state before the first step, for pictures of size × size pixels."""
    params = model.init(key, jnp.zeros((1, size, size, 3)))
    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params))


state = jax.jit(lambda key: new_state(key, model, optimizer, size))(jax.random.key(0))
train_step, eval_step = make_steps(model, optimizer, jax.random.key(1))
begin = time.perf_counter()
train_step = jax.jit(train_step, donate_argnums=0).lower(jax.eval_shape(lambda: state), train.spec).compile()
eval_step = jax.jit(eval_step).lower(jax.eval_shape(lambda: state.params), validation.spec).compile()
print(f"compiled in {time.perf_counter() - begin:.1f} s")


# %%
def evaluate(eval_step, params: dict, batches) -> tuple[float, float]:
    """Mean loss and accuracy over all real examples."""
    sums = [eval_step(params, batch) for batch in batches.epoch(0)]
    loss, hits = (float(sum(each)) for each in zip(*sums, strict=True))
    return loss / batches.examples, hits / batches.examples


names = ("train_loss", "val_loss", "val_accuracy", "seconds")
history = {name: [] for name in names}
for epoch in track(range(settings.epochs), "training", unit="epoch"):
    begin, losses = time.perf_counter(), []
    for batch in train.epoch(epoch):
        state, loss = train_step(state, batch)
        losses.append(loss)
    train_loss = float(np.mean(losses))  # waits for the device
    seconds = time.perf_counter() - begin
    for name, value in zip(names, (train_loss, *evaluate(eval_step, state.params, validation), seconds), strict=True):
        history[name].append(value)

params = state.params
plots.curves({name: history[name] for name in names[:3]})
plt.show()
print(f"validation accuracy: {100 * history['val_accuracy'][-1]:.1f} % (a guess: 10.0 %)")

# %% [markdown]
# Whose accuracy? That of the data named in part 1; a figure on drawings says nothing about Imagenette. Nothing was
# chosen by looking at the validation set: there was one run, and its last weights are kept.
#
# With `COURSE_DATA=tfds` the same cells train `micro` on the real pictures. On a subset of Imagenette (2,000 training
# and 500 validation pictures) ten epochs took 102 s on two CPU cores, the training loss fell to 1.72, and 40 % of the
# 500 were right at the end (a guess: 10 %).
#
# A transformer has to learn from pictures what a convolution is told: that neighbours matter and that things may be
# anywhere. With few pictures it is therefore no match for a convolutional network of the same size. Swin's strength
# shows with millions of pictures, and in weights that somebody else has trained on them: that is why part 8 matters.

# %% [markdown]
# ## 10 · What the norm does in the trained model
#
# Part 6 looked at random branches. Here is the trained model: the size of what each block hands on.

# %%
few = next(validation.epoch(0)).image[:16]
look = partial(
    model.apply, mutable=["intermediates"], capture_intermediates=lambda module, _: isinstance(module, Block)
)
_, kept = jax.jit(look)(params, few)
blocks = {name: out["__call__"][0] for name, out in kept["intermediates"].items() if "__call__" in out}
plots.bars(
    [name.replace("_", " ") for name in blocks],
    [float(out.astype(jnp.float32).std()) for out in blocks.values()],
    title="size of activations after each block",
)
plt.show()

# %% [markdown]
# They stay of one order, from the first block to the last. (A merging normalises, and the count starts anew.)

# %% [markdown]
# ## 11 · The learnt bias, and a change of window
#
# What does the small position network say, after training? Its bias for each offset, as a surface over rows and
# columns, for the heads of the first block: above for the window it was trained with, below for one *twice as large*.
# Nothing is trained in between: the function is only asked for more offsets.


# %%
def bias_table(params: dict, block: str, heads: int, window: int, trained: int) -> np.ndarray:
    """The bias of every offset and head of a block: [2·window-1, 2·window-1, heads]."""
    own = {"params": params["params"][block]["attention"]["position_bias"]}
    return np.asarray(PositionBias(heads).apply(own, (window, window), (trained, trained)))


was, now = model.window, 2 * model.window
heads = model.heads[0]
figure, axes = plt.subplots(2, heads, figsize=(3 * heads, 5), subplot_kw={"projection": "3d"})
for row, window in zip(axes, (was, now), strict=True):
    table = bias_table(params, "stage0_block0", heads, window, was)
    offsets = np.arange(1 - window, window)
    for head, place in enumerate(row):
        place.plot_surface(*np.meshgrid(offsets, offsets, indexing="ij"), table[:, :, head], cmap="viridis")
        place.set_title(f"head {head}, window {window}", fontsize=10)
        place.set(xlabel="rows", ylabel="columns")
plt.show()

same = np.allclose(
    bias_table(params, "stage0_block0", heads, now, was)[was : was + 2 * was - 1, was : was + 2 * was - 1],
    bias_table(params, "stage0_block0", heads, was, was),
    atol=1e-4,
)
print("for the offsets that both windows have, the bias is the same:", same)

# %% [markdown]
# The inner part of the lower surface is the upper one, and it goes on smoothly outside. In version 1 there would be
# nothing outside: it learnt a table.
#
# This is what the field `trained_windows` is for. Now evaluate pictures of twice the size with the doubled window, in
# two ways: the model is told what it was trained with, or it isn't, and takes every offset for one of half the length.
# Beside them, the pictures and the window of the training.

# %%
asked_of = "validation[:100]" if validation.is_sample else "validation"
usual, larger = (data.load("imagenette/160px-v2", asked_of, batch_size=100, size=n * size, quiet=True) for n in (1, 2))
ways = {
    f"{2 * size} pixels, window {now}, trained with {was}": {
        "window": now,
        "trained_windows": (was,) * len(model.depths),
    },
    f"{2 * size} pixels, window {now}, rescaled": {"window": now},
}
accuracies = {f"{size} pixels, window {was}": evaluate(eval_step, params, usual)[1]}
for name, changes in ways.items():
    _, asked = make_steps(model.clone(**changes), optimizer, jax.random.key(0))
    accuracies[name] = evaluate(jax.jit(asked), params, larger)[1]
plots.bars(
    list(accuracies),
    [100 * value for value in accuracies.values()],
    unit="%",
    title=f"accuracy with the weights from {size} pixels",
    better="higher",
)
plt.show()

# %% [markdown]
# No weight was changed. On a hundred pictures a difference of a few per cent is chance; and how well weights carry over
# to another size depends on how well they were trained. The published models do this in earnest: trained at 192 pixels
# with windows of 12, fine-tuned at 256 with 16 or at 384 with 24.
#
# An *absolute* position embedding, a learnt vector for each place, which the reference offers as an option, cannot do
# it:

# %%
fixed = swin_v2("micro", absolute_position=True)
made_for_64 = jax.eval_shape(fixed.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
try:
    jax.eval_shape(fixed.apply, made_for_64, jnp.zeros((1, 128, 128, 3)))
except ValueError as error:
    print(error)

# %% [markdown]
# ## 12 · Where does a head look?
#
# `sow` kept the attention weights. For each token: how much attention does it get from the tokens of its window, more
# or less than an equal share? Put together over all windows, and rolled back where they were shifted, that is a map
# over the picture.


# %%
def attention_received(weights: jax.Array, size: tuple[int, int], window: int, shifted: bool) -> np.ndarray:
    """weights: [B, N, heads, T, T]. Returns [B, heads, H, W]: attention received, 1 for an equal share."""
    window, shift = fit_window(size, window, shifted)
    received = weights.sum(axis=-2).transpose(0, 1, 3, 2)  # [B, N, T, heads]
    maps = window_reverse(received, window, size)
    return np.asarray(jnp.roll(maps, shift, axis=(1, 2)).transpose(0, 3, 1, 2))


side = size // model.patch
figure, axes = plt.subplots(3, 6, figsize=(8, 4.2))
for column in range(6):
    axes[0, column].imshow(validation.denormalise(few[column]))
for row, (name, shifted) in enumerate((("stage0_block0", False), ("stage0_block1", True)), start=1):
    weights = kept["intermediates"][name]["attention"]["weights"][0]
    maps = attention_received(weights, (side, side), model.window, shifted)
    for column in range(6):
        axes[row, column].imshow(validation.denormalise(few[column]).mean(axis=-1), cmap="gray", alpha=0.5)
        axes[row, column].imshow(
            np.log(maps[column, 0]), cmap="coolwarm", vmin=-1.5, vmax=1.5, alpha=0.6, extent=(0, size, size, 0)
        )
    axes[row, 0].set_ylabel("shifted" if shifted else "plain")
for place in axes.flat:
    place.set(xticks=[], yticks=[])
figure.suptitle("head 0 of the first two blocks: red tokens get more than their share", fontsize=11)
plt.show()

# %% [markdown]
# And one token's view: the query is the cross, and the picture shows how it shares its attention out over its window,
# head by head.

# %%
weights = kept["intermediates"]["stage0_block0"]["attention"]["weights"][0][0]  # [N, heads, T, T] of the first picture
window, query = (
    side // model.window * (side // model.window // 2) + side // model.window // 2,
    model.window**2 // 2 + model.window // 2,
)
figure, axes = plt.subplots(1, 1 + heads, figsize=(2.2 * (1 + heads), 2.4))
down, right = divmod(window, side // model.window)
cut = model.window * model.patch
axes[0].imshow(validation.denormalise(few[0])[down * cut : (down + 1) * cut, right * cut : (right + 1) * cut])
axes[0].set_title("one window", fontsize=10)
for head, place in enumerate(axes[1:]):
    place.imshow(weights[window, head, query].reshape(model.window, model.window), cmap="magma", vmin=0)
    place.plot(query % model.window, query // model.window, "x", color="white")
    place.set_title(f"head {head}", fontsize=10)
for place in axes:
    place.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Attention maps are a look inside, no explanation: what a token *says* when it is attended to is in its value, which no
# map shows.

# %% [markdown]
# ## 13 · Where the time of a step goes
#
# How long do the parts of one training step take: reading a batch (`input`), carrying it to the device (`transfer`),
# the forward pass, what the gradients cost beyond it (`backward`), the optimiser (`update`)? Each was timed as a
# program of its own; `step` is the whole as one program, and `dispatch` the time until its call returns to Python.
# (Unit 04 does this for ResNet18.) The micro model, with pictures of 128 pixels:

# %% tags=["nbval-ignore-output"]
breakdown.show("swin_micro")

# %% [markdown]
# Here the backward pass costs twice the forward pass, as arithmetic says. Nothing sticks out, and the optimiser, for
# 600,000 weights, is no part worth mentioning; the whole `step` takes somewhat longer than its parts. So look closer. A
# trace of a few steps lists each operation of the compiled program:
#
# ```python
# with jax.profiler.trace("trace", create_perfetto_trace=True):  # writes a folder for XProf, and a file for Perfetto
#     for _ in range(3):
#         state, loss = train_step(state, batch)  # the old state's memory is given away: go on with the new one
#     jax.block_until_ready(state)
# ```
#
# In one such trace of loss and gradients, on the machine of the chart, matrix products and sums (`dot` and `ynn_fusion`
# in the list) were 46 % of the work, and 28 % were operations that are named after moving numbers: `transpose_copy`,
# `copy_bitcast`, `broadcast`. A window transformer cuts, rolls, turns and puts together, in each block and once more
# for the gradients. Each of these copies is cheap in arithmetic, and dear in memory traffic.
#
# What can be done? First look whether a suspect is guilty: with ReLU instead of the exact GELU and its error function,
# loss and gradients took a tenth less time, so that is not it. Then fuse: a cut, a product and a softmax that run as
# one kernel need not write down what lies in between. `torch.compile` fuses copies, elementwise work and sums into
# kernels of its own; how much of its lead in the race comes from that, we did not measure. For GPUs such kernels are
# written by hand: `jax.nn.dot_product_attention(…, implementation="cudnn")` calls one, for some shapes and for 16-bit
# numbers. Without that argument it is plain XLA.

# %% [markdown]
# ## 14 · A race
#
# The micro model against the same in PyTorch: timm's own code, which has this very architecture, given the micro's
# width and depth. AdamW, float32, the same pictures in memory; stored, and made by `python -m utils race swin_micro`.

# %% tags=["nbval-ignore-output"]
report.show("swin_micro")

# %% [markdown]
# Left, seconds an epoch, where the first holds the compilation; right, pictures a second, pale for the first epoch; the
# thin lines reach from the slowest round to the fastest.
#
# Evaluation: no winner between JAX and plain PyTorch (0.75 to 1.05 in the three rounds), and three fifths of compiled
# PyTorch's pace. Training: four fifths of plain PyTorch's pace, and less than half of compiled PyTorch's. And the first
# step: eight seconds for JAX, compilation included, seventy for `torch.compile`, which writes C++ and calls a compiler,
# and 0.4 for plain PyTorch. (Without being asked, `torch.compile` keeps the result on disk for the next time; JAX has a
# cache for that too, if one turns it on. In a race each run starts with nothing.)
#
# So who is faster depends on how long one trains. `torch.compile` spends 63 seconds more before the first step and
# gains 0.19 in each: it has caught up with JAX after some 330 steps. In a real training of hours compilation
# disappears; the pace afterwards does not.
#
# ### The real size, and a claim to test
#
# A repository called "JAX implementation of Swin-Transformer v2", from which this unit took its idea, came with a race
# of its own: the tiny model on
# Imagenette at 256 pixels, batches of 32 and of 64, five epochs, on one GPU (a Tesla V100). Its figures, the first
# epoch left out: JAX a quarter faster than PyTorch in training, and 2.3 to 2.4 times as fast in validation. Before you
# believe such a figure, read the loop. In validation its clock stopped without waiting for the device, so it timed how
# fast JAX *hands out* work; each framework read its pictures with a loader of its own; and the two models were not the
# same one: the port differs from Swin v2 in seven of the ways that part 8 lists.
#
# Here is that race again, with the model that part 8 has proven, the same pictures in memory for everybody, and clocks
# that wait. We had no GPU. On two cores an epoch of Imagenette would take JAX three quarters of an hour, so an epoch is
# cut to 64 pictures: two steps of 32, or one of 64. It shows the pace of these programs on a processor, and nothing
# about a GPU.

# %% tags=["nbval-ignore-output"]
report.show("swin_tiny_32_float32")

# %% tags=["nbval-ignore-output"]
report.show("swin_tiny_64_float32")

# %% [markdown]
# Neither part of the claim is seen here. In validation JAX comes last with either batch: 0.85 and 0.75 times plain
# PyTorch's pace, 0.73 and 0.59 times compiled PyTorch's. In training it is ahead of plain PyTorch with a batch of 32
# (1.11 to 1.17 times as fast) and behind with 64 (0.79 to 0.83), and behind compiled PyTorch with both. What
# `torch.compile` costs is its first step: 106 and 132 seconds, where JAX takes 18 and 41. (With 64, where an epoch is
# one step, the first epoch *is* that step.)
#
# Why does JAX do so much worse with 64? It takes nearly twice as long for the same 64 pictures. Ask the compiled
# program: `step.lower(…).compile().memory_analysis()` says 10.7 GB for values in between with a batch of 32 and 21.4 GB
# with 64, and this machine has 24. A step's processor time tells the rest: with 32 the operating system took 5 of 17
# seconds for handing out and taking back memory, with 64 it took 24 of 52. So this race measures memory as much as
# arithmetic. `jax.checkpoint` (unit 04, part 10) trades one for the other; on this model we have not tried it.
#
# With a GPU, `python -m utils race` runs the whole protocol, in bfloat16 too, and the result appears here beside ours.

# %% [markdown]
# ## 15 · For the record

# %%
results.record(
    val_accuracy=history["val_accuracy"][-1],
    train_loss=history["train_loss"][-1],
    train_seconds=sum(history["seconds"]),
    training_images_per_second=len(train) * settings.batch_size / float(np.median(history["seconds"])),
)

# %% [markdown]
# ## What to remember
#
# - Windows are a `reshape`, a `transpose`, a `reshape`. Shifted windows are a roll, and a mask for tokens that meet by
#   accident.
# - What depends on shapes only is computed by NumPy while JAX traces, and is a constant of the program.
# - Cosine attention looks at directions; its sharpness is learnt and limited.
# - A bias that is a *function* of the offset can be asked for any window; a table has to be interpolated.
# - Normalise what comes out of a branch, and activations stay tame at any depth and for any weights.
# - `maximum` inside the root: a right value is not enough, the gradient must be finite too.
# - Two models are the same when the same weights give the same logits *and* gradients, with no tensor at its starting
#   value; and a test of that is believed when it notices mistakes made on purpose.
#
# **Now you:** `exercises/05_swin_v2_imagenette` has you write the pieces yourself; the checks know the mistakes of real
# ports.

# %% [markdown]
# ## Sources and further reading
#
# - Liu et al., "Swin Transformer: hierarchical vision transformer using shifted windows", 2021,
#   [arXiv:2103.14030](https://arxiv.org/abs/2103.14030).
# - Liu et al., "Swin Transformer V2: scaling up capacity and resolution", 2021,
#   [arXiv:2111.09883](https://arxiv.org/abs/2111.09883).
# - The reference code: [Swin-Transformer](https://github.com/microsoft/Swin-Transformer),
#   `models/swin_transformer_v2.py`, and [timm](https://github.com/huggingface/pytorch-image-models),
#   `timm/models/swin_transformer_v2.py`.
# - Huang et al., "Deep networks with stochastic depth", 2016, [arXiv:1603.09382](https://arxiv.org/abs/1603.09382):
#   drop path.
# - [Imagenette](https://github.com/fastai/imagenette).
# - "JAX implementation of Swin-Transformer v2", the README of the repository whose race part 14 repeats.
