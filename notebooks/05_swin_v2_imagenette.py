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
# In a vision transformer (Dosovitskiy et al., 2020, [arXiv:2010.11929](https://arxiv.org/abs/2010.11929)) every patch
# of a picture attends to every other, so the work grows with the square of the number of patches. The Swin Transformer
# (Liu et al., 2021, [arXiv:2103.14030](https://arxiv.org/abs/2103.14030)) attends within small windows, so the work
# grows linearly, and shifts the windows from block to block so that information crosses their borders. Its second
# version ("Swin Transformer V2: Scaling Up Capacity and Resolution", Liu et al., 2021,
# [arXiv:2111.09883](https://arxiv.org/abs/2111.09883)) changes where the model normalises, how it compares queries with
# keys, and how it encodes positions. The first two changes are meant to keep very large models stable in training; the
# third lets a trained model work with another window size.
#
# We build the model piece by piece and look at each piece. Then we check that it is the same function as the reference:
# equal weights give equal logits and equal gradients. After that we train it and look inside. "The reference" is
# Microsoft's code ([Swin-Transformer](https://github.com/microsoft/Swin-Transformer), `models/swin_transformer_v2.py`)
# and its version in timm ([pytorch-image-models](https://github.com/huggingface/pytorch-image-models),
# `timm/models/swin_transformer_v2.py`). Where the two differ, the lesson says which one it follows.
#
# Afterwards you can
#
# - cut maps into windows and put them together again with three array operations, and say why the mask is needed;
# - explain cosine attention, the position bias, and where version 2 normalises, and *show* what each does;
# - port a model from PyTorch, and say what a comparison with the original proves and what it leaves open;
# - load a published checkpoint with the preprocessing that belongs to it;
# - train several seeds as one compiled program, and conclude only what they allow;
# - change the window of a trained model.
#
# You need: units 01 and 02 (Flax, optax). No GPU. Allow about 100 minutes, and as long again for the exercises.
#
# Before a result that may surprise you there is a question to guess at; its answer is folded up. The same holds for the
# quick questions at the end of a part.

# %%
import gzip
import json
import math
import re
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import linen as nn
from PIL import Image
from scipy import stats

from utils import data, plots, results
from utils.base import paths
from utils.base.errors import CourseError
from utils.convert import read
from utils.convert import swin_v2 as convert
from utils.data import augment
from utils.progress import track
from utils.races import breakdown, report, stored
from utils.weights import save

# %% [markdown]
# ## 1 · Pictures, and patches instead of pixels
#
# [Imagenette](https://github.com/fastai/imagenette) (Howard, 2019) is a subset of ten easily classified classes of
# ImageNet: tench, English springer, cassette player, chain saw, church, French horn, garbage truck, gas pump, golf
# ball, parachute. As always the line printed by the loader says what was found: the real set, a part of it, or the
# course's drawings.

# %%
SIZE = 64  # pixels
validation = data.load("imagenette/160px-v2", "validation", batch_size=100, size=SIZE)
batch = next(iter(validation))
plots.images(
    validation.denormalise(batch.image[:10]), [validation.classes[i] for i in batch.label[:10]], columns=5, size=1.5
)
plt.show()

# %% [markdown]
# A transformer works on *tokens*: vectors, each of which may attend to all others. Taking every pixel as a token would
# give too many. So the picture is cut into patches of 4 × 4 pixels, and each patch, 4 · 4 · 3 = 48 numbers, is
# multiplied by one matrix. A convolution with a 4 × 4 kernel and stride 4 does exactly that:

# %%
kernel = jax.random.normal(jax.random.key(0), (4, 4, 3, 32))  # [height, width, in, out]
by_convolution = jax.lax.conv_general_dilated(
    batch.image, kernel, window_strides=(4, 4), padding="VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
)  # [B, 16, 16, 32]
patches = batch.image.reshape(-1, 16, 4, 16, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 16, 16, 48)
by_product = patches @ kernel.reshape(48, 32)
print(by_convolution.shape, "the same map:", bool(jnp.allclose(by_convolution, by_product, atol=1e-2)))

# %% [markdown]
# What was a picture of 64 × 64 pixels is now a *map* of 16 × 16 tokens. If every token attends to every other, the work
# grows with the *square* of their number:

# %%
sides = np.array([64, 128, 256, 512])
tokens = (sides // 4) ** 2
print("picture    tokens    pairs of tokens    pairs in windows of 8 × 8")
for side, count in zip(sides, tokens, strict=True):
    print(f"{side:>4} px {count:>9,} {count**2:>18,} {count * 64:>28,}")

# %% [markdown]
# At 256 pixels, the size that the published tiny, small and base models take, there are 64 times as many pairs in the
# whole map as within windows of 8 × 8 tokens. And the last column grows with the area of the picture only.
#
# ### Quick questions
#
# <details><summary>1. The picture's side doubles. By what factor does the number of tokens grow, and by what factor
# each kind of pairs?</summary>
#
# Tokens: 4. All pairs: 16. Pairs within windows of a fixed size: 4, since each token still has 64 partners.
#
# </details>
#
# <details><summary>2. Why not save work with patches of 16 × 16 pixels instead?</summary>
#
# That is what the first vision transformer did. There are fewer tokens then, but each stands for a coarse piece of the
# picture, and details smaller than a patch are left to one matrix product. Swin starts fine and merges patches on the
# way (part 7).
#
# </details>

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
# Here is what it does. Left: the windows on the picture. Right: the sixteen windows one by one, in their order.


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
# The reference keeps pictures and windows in one axis, `[B·N, T, C]`. In JAX there is no need: `@` and `einsum` treat
# all leading axes as batch axes, however many there are. So the batch stays visible, `[B, N, T, C]`.
#
# ### Quick questions
#
# <details><summary>1. What goes wrong without the <code>transpose</code>?</summary>
#
# The shapes fit all the same, but a "window" then holds whole rows of the map instead of a square. No error is raised:
# only a test on values finds it.
#
# </details>
#
# <details><summary>2. How many floating-point operations does <code>window_partition</code> cost?</summary>
#
# None. It only moves numbers, which costs memory traffic; part 14 shows how much.
#
# </details>

# %% [markdown]
# ## 3 · Shifted windows, and the mask
#
# If all blocks of a stage used the same windows, nothing could pass a window's border there: the stage would be sixteen
# small networks that share their weights and never exchange anything. Therefore every second block *shifts* the windows
# by half a window, so that the new windows lie across the old borders.
#
# At the rim of the picture the shifted windows are cut off. Windows of different sizes would not fit into one array, so
# Swin uses a trick: *roll* the map up and to the left, so that what leaves at the top comes in at the bottom. Then all
# windows are whole again:

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2))
draw_windows(axes[0], picture, 16, 0, "even blocks")
draw_windows(axes[1], picture, 16, 8, "odd blocks: shifted")
draw_windows(axes[2], np.roll(picture, (-8, -8), axis=(0, 1)), 16, 0, "the same, rolled")
plt.show()

# %% [markdown]
# Look at the bottom row of the last picture: those windows hold two strips that are *not* neighbours, one from the
# bottom of the picture and one from the top. The window in the corner holds four. Tokens of different strips share a
# window by accident and should not attend to each other. A mask sees to that: before the softmax, −100 is added to the
# logit of each pair of strangers, as in the reference. Next to a neighbour with a similar logit, that leaves a stranger
# $e^{-100}$ of the neighbour's weight. Part 4 tests how far this can be relied on.
#
# To find the strangers, number the regions of the rolled map, three along each axis: before the last window; in it, not
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


# %% [markdown]
# <details><summary><b>Guess first:</b> in how many of the 16 windows does the mask hide anything?</summary>
#
# In 7: the 4 of the last row and the 4 of the last column, which share the one in the corner.
#
# </details>

# %%
sixteen = shift_mask((16, 16), (4, 4), (2, 2))
print("one 16 × 16 table for each of 16 windows:", sixteen.shape)
plots.images(
    1 + sixteen / 100, columns=4, size=1.1, cmap="cividis", title="who may attend to whom (yellow), in each window"
)
plt.show()

# %% [markdown]
# Rows are queries, columns are keys. Nine windows are all yellow: nothing is hidden there. In the last row of windows
# the upper half of each window must not see the lower half. In the last column left and right are strangers; the tokens
# are counted row by row, so left and right alternate, hence the stripes. In the corner both hold.
#
# The mask depends on sizes only. NumPy computes it while JAX *traces*, so it is a constant of the compiled program.
#
# ### Quick questions
#
# <details><summary>1. Why is the shift half a window and not a whole one?</summary>
#
# Shifted by a whole window, the borders lie where they were, and nothing crosses them. Half a window puts each old
# border in the middle of a new window.
#
# </details>
#
# <details><summary>2. Would the mask be different for another picture of the same size?</summary>
#
# No. It depends on the size of the map, of the window and of the shift, and on nothing that is computed at run time. A
# new picture size means a new mask, and JAX traces again.
#
# </details>

# %% [markdown]
# ## 4 · Cosine attention
#
# Attention compares each query with each key. The original transformer takes the dot product, divided by $\sqrt{D}$.
# Dot products grow with the lengths of the vectors. In large models, Liu et al. report, the attention of some blocks
# and heads came to be dominated by a few pairs of pixels (section 3.2 of "Swin Transformer V2"). Version 2 compares
# *directions* only: the cosine, times a factor $1 / \tau$ that each head learns, plus a bias $B$ for the positions of
# the two tokens:
#
# $$\text{weights} = \text{softmax}\left(\cos(q, k) / \tau + B + \text{mask}\right)$$
#
# What is learnt is the logarithm of the factor. In the reference it starts at $\log 10$, and the factor is limited to
# 100; the paper says only that $\tau$ stays above 0.01.


# %%
def unit_vectors(x: jax.Array) -> jax.Array:
    """x scaled to length 1 along its last axis; a zero vector stays one, and has a finite gradient."""
    square = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(square, 1e-24))


def at_least_float32(x: jax.Array) -> jax.Array:
    """x in float32 where it was shorter: bfloat16 would round logits near 100 to halves."""
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
# One detail of `unit_vectors` looks fussy: `jnp.maximum` *inside* the root. Zero vectors do occur: where a map is
# padded with zeros (part 6), a padded token's key is zero, since keys have no bias. At zero the gradient of a length is
# not defined. Written the natural way, the value is right and the gradient is NaN. The last column is what counts in
# the model, the gradient of a matrix that makes the vector out of a padded token:


# %%
def natural(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


for scale in (natural, unit_vectors):
    of_vector = jax.grad(lambda x, scale=scale: scale(x).sum())(jnp.zeros(2))[0]
    of_matrix = jax.grad(lambda w, scale=scale: scale(jnp.zeros(3) @ w).sum())(jnp.ones((3, 2)))[0, 0]
    print(f"{scale.__name__:12} value {scale(jnp.zeros(2))}  gradient {of_vector:.0e}  of the matrix {of_matrix:.1f}")

# %% [markdown]
# The second gradient is huge but finite. The chain rule multiplies it by the padded token, which is zero, and the
# matrix gets a gradient of zero. NaN times zero, however, is NaN, and one padded token would ruin the whole training
# step.
#
# Now to the claim about lengths. Take random queries and keys, make all vectors longer, and see how much attention the
# strongest key of each query gets. The right-hand panel shows what a softmax with these weights $p$ still passes back:
# its Jacobian is $\text{diag}(p) - p\,p^\top$, with trace $1 - \sum_i p_i^2$.
#
# <details><summary><b>Guess first:</b> 64 keys share the attention of a query. How long must the vectors become before
# one key takes nearly all of it, with dot products and with cosines?</summary>
#
# With dot products eight times as long is plenty. With cosines no length does it: the cosine does not depend on it.
#
# </details>

# %%
q, k = jax.random.normal(jax.random.key(0), (2, 1, 8, 64, 1, 16))  # [B, N, T, heads, D]: 8 windows, one head
no_bias = jnp.zeros((1, 64, 64))
lengths = 2.0 ** np.arange(0, 6)
by_dot = [jax.nn.softmax(length**2 * jnp.einsum("bnqhd,bnkhd->bnhqk", q, k) / 4) for length in lengths]
by_cosine = [attention_weights(length * q, length * k, math.log(10), no_bias) for length in lengths]
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6))
for label, each in (("dot product", by_dot), ("cosine × 10", by_cosine)):
    axes[0].plot(lengths, [weights.max(-1).mean() for weights in each], "o-", label=label)
    axes[1].plot(lengths, [(1 - jnp.square(weights).sum(-1)).mean() for weights in each], "o-", label=label)
axes[0].set(xscale="log", xlabel="length of the vectors (times)", ylim=(0, 1.05), title="share of the strongest key")
axes[1].set(xscale="log", xlabel="length of the vectors (times)", ylim=(0, 1.05), title="trace of the Jacobian")
axes[0].legend()
plt.show()

# %% [markdown]
# With dot products attention to many becomes attention to one. Where the softmax is that sure of itself, hardly any
# gradient passes through it, and queries and keys stop learning. With cosines neither depends on the length.
#
# ### Is −100 as good as nothing?
#
# The mask of part 3 adds −100. But the factor on the cosine may grow to 100, so logits can differ by 200 without any
# mask. Take one query, one neighbour and one masked stranger, and set their cosines with the query by hand:
#
# <details><summary><b>Guess first:</b> the factor is 100, the neighbour's cosine is −1, the masked stranger's is 1.
# Which of the two gets the attention?</summary>
#
# The stranger, all of it: its logit is 100 − 100 = 0, the neighbour's is −100.
#
# </details>


# %%
def share_of_stranger(factor: float, neighbour: float, stranger: float, masked: float) -> float:
    """Attention that goes to a masked stranger beside one neighbour, given their cosines with the query."""
    query = jnp.array([[1.0, 0.0]])
    keys = jnp.array([[cosine, math.sqrt(1 - cosine**2)] for cosine in (neighbour, stranger)])
    mask = jnp.array([[[0.0, masked]]])  # [N, queries, keys]
    q, k = query[None, None, :, None], keys[None, None, :, None]  # [B, N, T, heads, D]
    return float(attention_weights(q, k, math.log(factor), jnp.zeros((1, 1, 2)), mask)[0, 0, 0, 0, 1])


print("factor   neighbour   stranger   share with −100   with −∞")
for case in ((10.0, 0.5, 0.5), (10.0, -1.0, 1.0), (100.0, 0.5, 0.5), (100.0, -1.0, 0.0), (100.0, -1.0, 1.0)):
    factor, neighbour, stranger = case
    shares = share_of_stranger(*case, -100.0), share_of_stranger(*case, -np.inf)
    print(f"{factor:6.0f} {neighbour:11.1f} {stranger:10.1f} {shares[0]:17.2f} {shares[1]:9.2f}")

# %% [markdown]
# With the starting factor of 10 the mask holds whatever the cosines are: logits differ by 20 at most (and by 36 with
# the position bias of part 5), and $e^{-64}$ is still nothing. With a factor of 100 it need not hold. A mask of −∞, or
# the argument `where` of `jax.nn.softmax`, excludes strangers in every case. The comment in Microsoft's code even says
# "(0/-inf) mask", but the number in it is −100. We keep −100: this model is to be *equal* to the reference.
#
# ### Quick questions
#
# <details><summary>1. Why does <code>attention_weights</code> compute in float32 even where the model's numbers are
# bfloat16?</summary>
#
# Between 64 and 128 the numbers of bfloat16 are 0.5 apart (`jnp.finfo(jnp.bfloat16).eps` is 2⁻⁷, times 64). Logits near
# 100 would be off by up to a quarter, and the weights by a factor of up to $e^{0.25}$, or 28 %.
#
# </details>
#
# <details><summary>2. What would happen to the attention if all keys were multiplied by −1?</summary>
#
# All cosines change their sign, so keys that got much attention get little. A *length* is ignored, a direction is not.
#
# </details>
#
# <details><summary>3. Why is the logarithm of the factor learnt and not the factor?</summary>
#
# The exponential keeps the factor positive, and a step of the optimiser changes it by a percentage, whether it is 1 or
# 50.
#
# </details>

# %% [markdown]
# ## 5 · Where things are: the position bias
#
# Attention by itself does not know *where* a token is. Shuffle the tokens of a window, and its weights are shuffled in
# the same way:

# %%
order = jax.random.permutation(jax.random.key(1), 64)
weights = attention_weights(q, k, math.log(10), no_bias)  # [B, N, heads, T, T]
of_shuffled = attention_weights(q[:, :, order], k[:, :, order], math.log(10), no_bias)
print("shuffled alike:", bool(jnp.allclose(of_shuffled, weights[..., order, :][..., order], atol=1e-5)))

# %% [markdown]
# So a number is added to the logit of each pair that depends on their offset: how many rows down, how many columns to
# the right. A window of 8 × 8 has 15 × 15 offsets.
#
# Version 1 learnt those 225 numbers for each head as a table. A window of 16 needs 961. In practice such tables are
# interpolated: Microsoft's `utils.py` enlarges them with a bicubic filter when a checkpoint is loaded
# (`load_pretrained`). Version 2 learns a *function* of the offset instead, a small network with two inputs that can be
# asked for any offset, and needs no such step. To keep the offsets of larger windows near those it has seen, they enter
# on a logarithmic scale. The factor 8 and the division by $\log_2 8$ below are the reference code's; the paper has the
# logarithm alone.


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
# Right: a window twice as large takes the linear coordinate from 1 to 2.14, twice as far as the network has ever seen.
# The logarithmic one goes from 1.06 to 1.39, a third farther.
#
# Two helpers first. In the reference the weights of dense layers start as normal numbers with a deviation of 0.02, and
# LayerNorm has PyTorch's epsilon, which is not Flax's.


# %%
def linear(features: int, **options) -> nn.Dense:
    """A dense layer that starts as Swin's do.

    (PyTorch's `trunc_normal_(std=0.02)` cuts at ±2, a hundred deviations away, so it is a normal distribution too.)
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
# The network's output is squashed to 0 … 16 by 16 · sigmoid. A softmax sees differences only, so one offset can be
# preferred to another by a factor of at most $e^{16}$, some nine million. The table is squashed *before* it is looked
# up: 225 numbers a head instead of 4,096.
#
# The rest of attention is standard. Two details are the reference's: one matrix makes queries, keys and values, and
# keys have no bias. (With dot products a bias on keys adds the same number to all logits of a query, and the softmax
# cancels it. With cosines it would change the result; part 8 shows by how much.)


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
# `sow` keeps the attention weights for whoever asks for them, and does nothing otherwise; we will ask in parts 11 and
# 13.
#
# ### Quick questions
#
# <details><summary>1. How many learnt numbers does the position network have for 3 heads, and how many a table for
# windows of 8 and of 16?</summary>
#
# Network: 2 · 512 + 512 + 512 · 3 = 3,072, for any window. Table: 225 · 3 = 675 for windows of 8, and 961 · 3 = 2,883
# for windows of 16. The function saves no parameters here; it carries over to other windows.
#
# </details>
#
# <details><summary>2. Which entry of the table do a token and itself look up?</summary>
#
# The middle one: offset (0, 0), which is row 112 of 225. All 64 pairs of a token with itself share it.
#
# </details>

# %% [markdown]
# ## 6 · The block: normalised after, not before
#
# A block adds two branches to its input, attention and an MLP. Version 1 normalises what goes *into* a branch. Version
# 2 normalises what comes *out*:
#
# | | attention | MLP |
# | --- | --- | --- |
# | version 1, pre-norm | $x + f(\text{norm}(x))$ | $x + g(\text{norm}(x))$ |
# | version 2, res-post-norm | $x + \text{norm}(f(x))$ | $x + \text{norm}(g(x))$ |
#
# What difference does it make? Below are 24 random branches (dense, GELU, dense), and the size of what is handed from
# block to block. The weights have the usual size, or three times that, as training may make them. To see more than one
# draw, `vmap` runs the experiment for five keys and both sizes in one compiled program; the bands reach from the
# smallest to the largest of the five.
#
# <details><summary><b>Guess first:</b> the weights of all branches are three times as large. How much larger are the
# activations after 24 blocks, with pre-norm and with res-post-norm?</summary>
#
# Pre-norm: about nine times (3 · 3, since each branch has two layers; the GELU between them is nearly linear for large
# inputs). Res-post-norm: not at all.
#
# </details>


# %%
def sizes_by_depth(key: jax.Array, gain: float, post: bool) -> jax.Array:
    """Standard deviation of the activations after each of 24 random blocks: [24]."""
    keys = jax.random.split(key, 3)
    layers = (jax.random.normal(keys[0], (24, 64, 256)) / 8, jax.random.normal(keys[1], (24, 256, 64)) / 16)

    def norm(x):
        return (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + 1e-5)

    def block(x, layer):
        def branch(x):
            return nn.gelu(x @ (gain * layer[0])) @ (gain * layer[1])

        x = x + (norm(branch(x)) if post else branch(norm(x)))
        return x, x.std()

    return jax.lax.scan(block, jax.random.normal(keys[2], (128, 64)), layers)[1]


keys, gains = jax.random.split(jax.random.key(1), 5), jnp.array([1.0, 3.0])
figure, axes = plt.subplots(figsize=(6, 2.8))
for post, colour in ((False, "C0"), (True, "C1")):
    each_gain = jax.vmap(partial(sizes_by_depth, post=post), in_axes=(None, 0))
    sizes = jax.jit(jax.vmap(each_gain, in_axes=(0, None)))(keys, gains)  # [keys, gains, blocks]
    for number, style in enumerate(("-", "--")):
        label = f"{'res-post-norm' if post else 'pre-norm'}, weights × {gains[number]:.0f}"
        axes.plot(range(1, 25), sizes[:, number].mean(0), style, color=colour, label=label)
        axes.fill_between(range(1, 25), sizes[:, number].min(0), sizes[:, number].max(0), color=colour, alpha=0.25)
axes.set(yscale="log", xlabel="block", ylabel="size of activations")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# With pre-norm a branch gets a normalised input, but nothing limits its output: the larger the weights, the larger what
# is added. With res-post-norm a branch adds something of size 1 whatever its weights are, and after 24 blocks the sum
# has a size of about $\sqrt{1 + 24} = 5$. The curves for × 1 and × 3 lie on each other, and the five draws close
# together.
#
# These are random branches. Liu et al. looked at trained ones: in a large pre-norm model the activations of different
# layers differed by a factor of up to $10^4$, and training at 658 million parameters could not be completed ("Swin
# Transformer V2", section 3.2).
#
# In the reference the scales of these two norms start at *zero*, so a new block changes nothing, and a new network of
# any depth starts as its patches, merges and head alone.
#
# Two more parts. **Drop path** (stochastic depth; Huang et al., 2016,
# [arXiv:1603.09382](https://arxiv.org/abs/1603.09382)) leaves out a whole branch for some pictures of a batch while
# training, as a regulariser. And the MLP uses the exact GELU, with the error function; the default of JAX and Flax is
# an approximation with tanh.


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
# In the block, `attend` does the work: roll, pad, cut, attend, put together, remove the padding, roll back. Where a map
# is no larger than a window, it *is* one window and there is nothing to shift; `fit_window` decides that. Where windows
# don't divide a map, it is padded with zeros, as in timm. (Microsoft's code refuses such sizes.) Padded tokens are not
# masked: they are attended to like any other token, with a key of zero and the value that the bias gives them. All of
# this follows from the shape of `x`, so one module serves every picture size.


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
#
# <details><summary><b>Guess first:</b> how many of the 256 tokens notice in each case?</summary>
#
# 16, the window of the cross; 64, the four shifted windows that the 16 tokens lie in; and 14 × 14 = 196: each block
# carries the news to the borders of its own windows.
#
# </details>

# %%
x = jax.random.normal(jax.random.key(0), (1, 16, 16, 8))
maps = jnp.concatenate([x, x.at[:, 5, 5].add(10.0)])  # the same map twice, but for one token
plain, shifted = (Block(heads=1, window=4, shifted=each) for each in (False, True))
new = jax.jit(plain.init)(jax.random.key(0), x)
run = {"plain": jax.jit(plain.apply), "shifted": jax.jit(shifted.apply)}
print("a new block changes nothing:", bool(jnp.array_equal(run["plain"](new, x), x)))

instead = {"scale": jnp.ones_like, "logit_scale": jnp.zeros_like}  # branches at work, attention to all
at_work = jax.tree_util.tree_map_with_path(lambda path, leaf: instead.get(path[-1].key, jnp.array)(leaf), new)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.7))
for place, names in zip(axes, (["plain"] * 2, ["plain", "shifted"], ["plain", "shifted"] * 2), strict=True):
    out = maps
    for name in names:
        out = run[name](at_work, out)
    changed = np.abs(np.asarray(out[1] - out[0])).max(axis=-1)  # [16, 16]
    place.imshow(np.log10(changed + 1e-9), cmap="magma", vmin=-5, vmax=1)
    place.plot(5, 5, "x", color="white")
    place.set_title(", ".join(names), fontsize=9)
    place.set(xticks=[], yticks=[])
    print(f"{', '.join(names)}: {np.sum(changed > 1e-5)} of 256 tokens notice")
plt.show()

# %% [markdown]
# Without shift the news never leaves its window. One shifted block carries it into the neighbouring windows, and after
# two pairs of blocks three quarters of the map have heard of it. It spreads from the cross only. Without a mask it
# would also appear at the opposite side of the picture, since the rolled map puts opposite sides into one window.
#
# ### Quick questions
#
# <details><summary>1. Why do the scales of the norms start at zero, and not the weights of the branches?</summary>
#
# The norm brings whatever a branch puts out to size 1, however small the branch's weights are. Only what comes after
# it, its scale, can make the branch small. (In the first step the branch's own weights get no gradient, because it is
# multiplied by that scale of zero; the scales get one, and from the second step on everything learns.)
#
# </details>
#
# <details><summary>2. A branch is left out with probability 0.1. Why is it divided by 0.9 when it is kept?</summary>
#
# Its mean over many steps is then the same as without drop path, so at test time the branch can be used as it is.
#
# </details>
#
# <details><summary>3. With res-post-norm, what does the <em>first</em> block's attention get as input?</summary>
#
# The patches after their own LayerNorm, plus nothing. Later blocks get a sum that grows with depth, unnormalised:
# cosine attention doesn't mind its size, and the MLP's output is normalised.
#
# </details>

# %% [markdown]
# ## 7 · Merging patches, and the whole model
#
# Between stages four neighbours become one token with twice the channels, and the map shrinks, as in a convolutional
# network. The order of the four is the reference's, down before right. Weights that were trained with one order are
# wrong for any other.


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

    H and W: multiples of `patch`; maps that windows don't divide are padded with zeros, as in timm.
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
# The published models differ in four entries of this table (and `large`, which is not in it, in the same four). `micro`
# is ours, for machines without a GPU.


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
# These are the numbers for our 10 classes; the published models have 1,000, and a head that is larger accordingly.
#
# Bad sizes are refused with a cure, before anything is computed:

# %%
for model, shape in ((swin_v2("micro"), (1, 66, 64, 3)), (swin_v2("micro", heads=(3, 4, 8)), (1, 64, 64, 3))):
    try:
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(shape))
    except ValueError as error:
        print(error)

# %% [markdown]
# ### Quick questions
#
# <details><summary>1. <code>tiny</code> at 256 pixels has maps of 64, 32, 16 and 8 tokens a side, and windows of 8.
# Which blocks are never shifted?</summary>
#
# The even ones, and both of the last stage: there the map is one window, and `fit_window` returns a shift of 0.
#
# </details>
#
# <details><summary>2. Why does a model without <code>absolute_position</code> have no parameter whose shape depends on
# the picture's size?</summary>
#
# Dense layers and norms work token by token, and the position network works offset by offset. The mask, the coordinates
# and the index are computed from shapes while tracing; they are no parameters.
#
# </details>

# %% [markdown]
# ## 8 · Is it really Swin v2?
#
# Its shapes are right, and its 27,585,844 weights (tiny) are as many as timm's model has. Neither shows that it *is*
# the same function. A port can differ in many places, an epsilon of 768 in its LayerNorm among them (one of the
# mistakes below), and still train.
#
# Two functions are the same if the same weights and the same picture give the same logits and the same gradients. Which
# weights one takes matters:
#
# <details><summary><b>Guess first:</b> one copy of a fresh model has windows of 4, another windows of 2. By how much do
# their logits differ?</summary>
#
# Not at all. With the scales of their norms at zero all blocks are the identity, and the windows lie in the blocks.
#
# </details>

# %%
trial = swin_v2("micro", depths=(2,), heads=(2,))
fresh = jax.jit(trial.init)(jax.random.key(0), batch.image[:1])
draw = np.random.default_rng(0)
filled = jax.tree.map(lambda leaf: jnp.asarray(0.2 * draw.normal(size=leaf.shape), jnp.float32), fresh)
with_four, with_two = (jax.jit(trial.clone(window=window).apply) for window in (4, 2))
for name, weights in (("fresh", fresh), ("filled", filled)):
    of_four, of_two = (apply(weights, batch.image[:4]) for apply in (with_four, with_two))
    print(f"{name:6} weights: equal logits with windows of 4 and of 2: {bool(jnp.array_equal(of_four, of_two))}")

# %% [markdown]
# A comparison with fresh weights would pass almost any block. So the course's tests, which need no PyTorch, do this:
#
# 1. A rule turns the *name* and shape of each tensor into numbers, the same on every machine. No tensor is left at its
#    starting value.
# 2. timm's `swinv2_tiny_window8_256` was filled by the rule once; its logits, its loss, and two numbers for the
#    gradient of each tensor are kept in `tests/golden/`.
# 3. `tests/models/test_swin_v2.py` fills this lesson's model by the same rule and compares: tiny with windows of 4, 8,
#    12 and 16, at 128 to 256 pixels, also where height is not width and where maps must be padded, and small models,
#    one of them with the absolute position. In float64 logits, loss and the numbers of each gradient must agree within
#    1e-9. (Rounding gives 3e-12 at most.)
# 4. The test itself is tested: each known mistake is made on purpose in a copy of this lesson, and the comparison must
#    fail.
#
# What this proves is that the *function* is the same for these weights and sizes. It doesn't compare how training
# begins and goes on: initial deviations, starting values of scales, drop-path rates and the drawing of paths, what
# weight decay applies to. Nor what no case reaches, such as the floor of 1e-12 under the lengths of vectors. Those are
# compared by reading the code.
#
# How far does each of the mistakes move the logits? The tests have measured it; the numbers come with the course.

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
# Most mistakes are large, and all of these models run without complaint. With published weights each of them is another
# function than the one that was trained. Two are small: a GELU computed with tanh, and an epsilon of 1e-6, Flax's
# default. A comparison that allows a difference of a hundredth finds neither. So the test computes in float64: there
# two right implementations agree to twelve digits, and what is beyond 1e-9 is not rounding.
#
# ### Quick questions
#
# <details><summary>1. Why compare gradients too, if the logits agree?</summary>
#
# A value can be right where the derivative is wrong: a `stop_gradient` too many, a custom gradient, or the NaN of part
# 4. One of the tests scales a gradient by 1.04 and leaves the value as it is; only the gradients notice.
#
# </details>
#
# <details><summary>2. The comparison runs in float64. Does it tell us that the model is right in float32?</summary>
#
# It tells that the *formula* is right. Rounding in float32 is a question of its own, and has a test of its own with a
# wider limit, a hundred times what rounding gives.
#
# </details>

# %% [markdown]
# ## 9 · A published checkpoint, and the preprocessing that belongs to it
#
# Published weights of Swin v2 are in two places: Microsoft's `.pth` files, written by `torch.save`, and the same
# weights from timm on Hugging Face, as `.safetensors` and under other names. (The addresses of both are in
# `timm/models/swin_transformer_v2.py`, `default_cfgs`.) With a network, loading takes three lines, after `pip install
# huggingface_hub`:
#
# ```python
# file = huggingface_hub.hf_hub_download("timm/swinv2_tiny_window8_256.ms_in1k", "model.safetensors")
# model = swin_v2("tiny", classes=1000)
# params = convert.to_flax(read(file), like=jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 256, 256, 3))))
# ```
#
# This lesson must run without a network, so it makes a file of the same layout itself: a small model with 1,000 classes
# and random weights, under Microsoft's names, together with the tables that Microsoft's files carry along although they
# can be computed. Rules (`utils/convert`) translate the names in both directions.

# %%
published = swin_v2("micro", depths=(2, 1), heads=(2, 4), classes=1000)
spec = jax.eval_shape(published.init, jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
draw = np.random.default_rng(0)
original = jax.tree.map(lambda leaf: (0.1 * draw.normal(size=leaf.shape)).astype(np.float32), spec)
state_dict = convert.to_torch(original, names="microsoft")
state_dict |= {  # what can be computed: our model makes them anew
    "layers.0.blocks.1.attn_mask": shift_mask((16, 16), (4, 4), (2, 2)),
    "layers.0.blocks.1.attn.relative_coords_table": log_coordinates((4, 4)).astype(np.float32)[None],
    "layers.0.blocks.1.attn.relative_position_index": offset_index((4, 4)),
}
for name in (
    "patch_embed.proj.weight",
    "layers.0.blocks.1.attn.qkv.weight",
    "layers.0.blocks.1.attn_mask",
    "layers.0.downsample.norm.weight",
    "head.weight",
):
    print(f"{name:35} {state_dict[name].shape}")

# %% [markdown]
# What `torch.save` writes is a *pickle*, and to unpickle a file is to run what its writer put there. safetensors hold
# nothing but numbers. `read` takes both, needs no PyTorch, and runs nothing: it puts the tensors together from their
# raw numbers and leaves everything else. In the other direction, a state dict saved as safetensors can be loaded in
# PyTorch as it is.

# %%
with tempfile.TemporaryDirectory() as folder:
    file = save(f"{folder}/swin_v2_micro.safetensors", state_dict)
    loaded = convert.to_flax(read(file), like=spec)
print("through a file and back:", all(jax.tree.leaves(jax.tree.map(np.array_equal, loaded, original))))

# %% [markdown]
# Names or shapes that don't fit are reported:

# %%
broken = state_dict | {"head.weight": np.zeros((10, 64), np.float32)}
del broken["norm.bias"]
try:
    convert.to_flax(broken, like=spec)
except CourseError as error:
    print(error)

# %% [markdown]
# The file doesn't say how a photograph becomes the model's input. That is in the code beside it, and must be the same
# as in training:
#
# - RGB in 0 … 1, minus ImageNet's mean, divided by its deviation, channel by channel;
# - the shorter side resized, with a bicubic filter, to a little more than the model's input, then the middle square cut
#   out. How much more? timm says `crop_pct` 0.9: 284 pixels for an input of 256 (`timm/models/swin_transformer_v2.py`).
#   Microsoft's own evaluation resizes to 256 / 224 of the input, which is 292 (`data/build.py`). The same weights, two
#   recipes: an accuracy is quoted with one of them.


# %%
IMAGENET_MEAN, IMAGENET_STD = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))


def preprocess(picture: np.ndarray, side: int = 256, crop: float = 0.9) -> jax.Array:
    """A photograph as the published models want it, by timm's recipe.

    picture: [H, W, 3] uint8, RGB. Returns [side, side, 3] float32.
    """
    shorter, smaller = int(side / crop), min(picture.shape[:2])
    height, width = (shorter * length // smaller for length in picture.shape[:2])
    pixels = picture.astype(np.float32)
    for shape in ((len(picture), width, 3), (height, width, 3)):  # as Pillow: along rows first, whole numbers each time
        pixels = jax.image.resize(pixels, shape, method="cubic")  # smooths before it shrinks (antialias=True)
        pixels = jnp.clip(jnp.round(pixels), 0, 255)
    top, left = (round((length - side) / 2) for length in (height, width))
    middle = pixels[top : top + side, left : left + side]
    return ((middle / 255 - IMAGENET_MEAN) / IMAGENET_STD).astype(jnp.float32)


# %% [markdown]
# Both recipes resize with Pillow. Is this the same filter? "Bicubic" is a family of filters, and libraries differ in
# its parameter, in whether they smooth before they shrink, and in where they round. So compare, once larger and once
# smaller than the picture:

# %%
one = data.load("imagenette/160px-v2", "validation[:1]", batch_size=1, size=160, quiet=True)
square = np.round(255 * one.denormalise(next(iter(one)).image[0])).astype(np.uint8)
picture = square[20:140]  # [120, 160, 3]: photographs are seldom square
for side in (256, 64):
    ours = preprocess(picture, side)
    height = int(side / 0.9)
    width = height * 160 // 120
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    top, left = round((height - side) / 2), round((width - side) / 2)
    theirs = np.asarray(resized.crop((left, top, left + side, top + side)), np.int32)
    back = np.round(255 * (np.asarray(ours) * IMAGENET_STD + IMAGENET_MEAN)).astype(np.int32)
    print(f"to {side} pixels: at most one level of 255 apart: {np.abs(back - theirs).max() <= 1}")

# %% [markdown]
# The logits have 1,000 entries, in the order of ImageNet's class identifiers. Imagenette's ten classes are ten of them.
# (Its folders are named by the identifiers, from n01440764, tench, to n03888257, parachute.) So a published model can
# be tried on Imagenette without any training: take these ten logits and leave the others.

# %%
IN_IMAGENET = np.array((0, 217, 482, 491, 497, 566, 569, 571, 574, 701))
images = preprocess(picture, SIZE)[None]  # [1, 64, 64, 3]; the published tiny takes 256
of_thousand = jax.jit(published.apply)(loaded, images)  # [1, 1000]
of_ten = of_thousand[:, IN_IMAGENET]  # [1, 10]
print(of_thousand.shape, of_ten.shape)

# %% [markdown]
# (These weights are random, so what they predict means nothing. Only the path from file and photograph to logits is
# tried here.) For classes that ImageNet lacks one starts a new head and fine-tunes; Microsoft's `load_pretrained`
# starts it at zero. What wrong preprocessing costs is measured in part 12, with a model that has been trained.
#
# ### Quick questions
#
# <details><summary>1. Why must a checkpoint not be loaded with <code>pickle.load</code>?</summary>
#
# A pickle is a program: unpickling may call any function with any arguments. Load it with a reader that looks up no
# names, as `read` does, or with `torch.load(…, weights_only=True)`, or take safetensors.
#
# </details>
#
# <details><summary>2. The model takes any picture size. May a checkpoint trained at 256 pixels be used at
# 512?</summary>
#
# It runs, with windows of 8 and more of them. But objects appear twice as large in tokens, which the weights have not
# seen. Part 12 tries something like it.
#
# </details>

# %% [markdown]
# ## 10 · Training, five seeds at a time
#
# The optimiser's part follows the reference's recipe: AdamW (Loshchilov and Hutter, 2017,
# [arXiv:1711.05101](https://arxiv.org/abs/1711.05101)) with a weight decay of 0.05, a learning rate that first rises
# and then falls along a cosine, gradients clipped (at norm 5 there, at 1 here). The rest of that recipe is missing
# here: mixup, CutMix, random erasing, RandAugment, label smoothing, and 300 epochs (`config.py` in Microsoft's
# repository).
#
# Weight decay pulls *matrices* towards zero. As in the reference, it leaves alone what is no matrix (biases, the norms'
# scales), and what describes position or temperature.
#
# One training run is one draw: other initial weights give another accuracy. So a seed becomes an *argument*. Everything
# that depends on it is in the state, the key for drop path included, and the steps are pure functions. Then `vmap` over
# the states makes one program that trains all seeds at once.


# %%
def decay_mask(params: dict) -> dict:
    """Which leaves weight decay applies to: those with two axes or more, except position and logit scale."""

    def decays(path, leaf) -> bool:
        name = jax.tree_util.keystr(path)
        return leaf.ndim > 1 and "position" not in name and "logit_scale" not in name

    return jax.tree_util.tree_map_with_path(decays, params)


class TrainState(NamedTuple):
    """All that one seed's training has of its own."""

    step: jax.Array  # [] int32
    key: jax.Array  # for drop path
    params: dict
    opt_state: optax.OptState


def make_steps(model: SwinV2, optimizer: optax.GradientTransformation):
    """`train_step(state, batch) -> (state, loss)` and `eval_step(params, batch) -> (summed loss, hits)`."""

    def train_step(state: TrainState, batch: data.Batch) -> tuple[TrainState, jax.Array]:
        def loss_fn(params):
            rngs = {"drop_path": jax.random.fold_in(state.key, state.step)}
            logits = model.apply(params, batch.image, train=True, rngs=rngs)
            return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean()

        loss, gradients = jax.value_and_grad(loss_fn)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, state.key, params, opt_state), loss

    def eval_step(params: dict, batch: data.Batch) -> tuple[jax.Array, jax.Array]:
        logits = model.apply(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        hits = jnp.argmax(logits, axis=-1) == batch.label
        return jnp.sum(losses, where=batch.mask), jnp.sum(hits, where=batch.mask)

    return train_step, eval_step


# %% [markdown]
# Sizes depend on what there is to train on and with. The course's sample gets a small model, five times; real pictures
# get `micro`, once; with a GPU, `tiny` at 256 pixels in bfloat16, once. In bfloat16 the operands of matrix products are
# rounded to 8 significant bits; weights, softmax and logits stay in float32.


# %%
class Settings(NamedTuple):
    """What is trained, and how."""

    model: SwinV2
    size: int  # pixels
    batch_size: int
    epochs: int
    learning_rate: float
    seeds: int


if validation.is_sample:
    small = swin_v2("micro", patch=8, width=24, depths=(2, 1), heads=(2, 4), drop_path=0.0)
    settings = Settings(small, SIZE, 32, 6, 4e-3, seeds=5)
elif jax.default_backend() == "cpu":
    settings = Settings(swin_v2("micro"), SIZE, 32, 10, 2e-3, seeds=1)
else:
    settings = Settings(swin_v2("tiny", dtype=jnp.bfloat16), 256, 64, 60, 1e-3, seeds=1)

model, size = settings.model, settings.size
varied = (augment.flip(),) if validation.is_sample else (augment.flip(), augment.pad_and_crop(size // 8, "reflect"))
train = data.load(
    "imagenette/160px-v2", "train", batch_size=settings.batch_size, shuffle=True, size=size, augment=varied
)
if size != SIZE:
    validation = data.load("imagenette/160px-v2", "validation", batch_size=100, size=size)

# %% [markdown]
# `in_axes=(0, None)` says: one state for each seed, the same batch for all. All leaves of the state get a leading axis
# `[S, …]`, and so does the loss. Since all seeds see the same batches in the same order, they differ in their initial
# weights (and in drop path, where there is any).

# %%
steps = settings.epochs * len(train)
schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, steps // 10, steps)
optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.05, mask=decay_mask))


def new_state(key: jax.Array, model: SwinV2, optimizer: optax.GradientTransformation, size: int) -> TrainState:
    """The state before the first step, for pictures of size × size pixels."""
    for_weights, for_paths = jax.random.split(key)
    params = model.init(for_weights, jnp.zeros((1, size, size, 3)))
    return TrainState(jnp.zeros((), jnp.int32), for_paths, params, optimizer.init(params))


keys = jax.random.split(jax.random.key(0), settings.seeds)
states = jax.jit(jax.vmap(lambda key: new_state(key, model, optimizer, size)))(keys)
train_step, eval_step = (jax.vmap(step, in_axes=(0, None)) for step in make_steps(model, optimizer))
begin = time.perf_counter()
train_step = jax.jit(train_step, donate_argnums=0).lower(jax.eval_shape(lambda: states), train.spec).compile()
eval_step = jax.jit(eval_step).lower(jax.eval_shape(lambda: states.params), validation.spec).compile()
print(f"{settings.seeds} seeds in one program, compiled in {time.perf_counter() - begin:.1f} s")


# %%
def evaluate(eval_step, params: dict, batches) -> tuple[np.ndarray, np.ndarray]:
    """Mean loss and accuracy of each seed over all real examples: [S], [S]."""
    sums = [eval_step(params, batch) for batch in batches.epoch(0)]
    loss, hits = (np.sum(each, axis=0) for each in zip(*sums, strict=True))
    return loss / batches.examples, hits / batches.examples


names = ("train_loss", "val_loss", "val_accuracy", "seconds")
history = {name: [] for name in names}  # an entry an epoch, [S] each but the seconds
for epoch in track(range(settings.epochs), "training", unit="epoch"):
    begin, losses = time.perf_counter(), []
    for batch in train.epoch(epoch):
        states, loss = train_step(states, batch)
        losses.append(loss)
    train_loss = np.mean(losses, axis=0)  # waits for the device
    seconds = time.perf_counter() - begin
    for name, value in zip(names, (train_loss, *evaluate(eval_step, states.params, validation), seconds), strict=True):
        history[name].append(value)

figure, axes = plt.subplots(1, 3, figsize=(10, 2.8))
for place, name in zip(axes, names, strict=False):
    of_seeds = np.stack(history[name])  # [epochs, S]
    place.plot(range(1, settings.epochs + 1), of_seeds, color=plots.PALE, linewidth=1)
    place.plot(range(1, settings.epochs + 1), of_seeds.mean(axis=1), "o-")
    place.set(xlabel="epoch", title=name.replace("_", " "))
plt.show()

# %% [markdown]
# The pale lines are seeds, the strong one is their mean. How sure is that mean? A 95 % interval for the mean of $n$
# seeds is $\pm\, t \cdot s / \sqrt n$, with the deviation $s$ between the seeds and Student's $t$, which is 2.78 for
# five. It speaks of *other seeds on these pictures*. Other pictures are another source of chance: the accuracy of one
# model on 300 pictures has an interval of about ± 5 % of its own.


# %%
def interval(values: np.ndarray) -> float:
    """Half the 95 % interval for the mean of S seeds; NaN for one seed, which has none."""
    if len(values) < 2:
        return math.nan
    return float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))


def draw_seeds(accuracies: dict[str, np.ndarray], title: str) -> None:
    """Each seed as a dot, their mean with its 95 % interval as a bar. name → [S]."""
    _, axes = plt.subplots(figsize=(6.4, 0.8 + 0.42 * len(accuracies)))
    for row, values in enumerate(100 * each for each in accuracies.values()):
        axes.plot(values, np.full(len(values), row) + 0.18, "o", color=plots.PALE, markersize=5)
        axes.errorbar(values.mean(), row - 0.1, xerr=interval(values), fmt="s", color="C0", capsize=4)
    axes.set(yticks=range(len(accuracies)), yticklabels=list(accuracies), xlabel="accuracy in %", title=title)
    axes.set_ylim(len(accuracies) - 0.5, -0.5)
    axes.axvline(100 / model.classes, color="black", linewidth=1, linestyle="--")
    plt.show()


final = history["val_accuracy"][-1]
draw_seeds({"validation": final}, "after training (dashed: a guess)")
print(f"mean of the seeds: {100 * final.mean():.1f} % ± {100 * interval(final):.1f} % (a guess: 10.0 %)")

# %% [markdown]
# Whose accuracy? That of the data named in part 1; a figure on drawings says nothing about Imagenette. Nothing was
# chosen by looking at the validation set: all seeds are shown, and their last weights are kept.
#
# With `COURSE_DATA=tfds` the same cells train `micro` on the real pictures, with one seed to save time. One run has no
# interval; raise `seeds` where you want to compare something.
#
# A convolution has it built in that neighbours matter and that a pattern may stand anywhere. Attention over a whole
# picture has to learn both. Trained on ImageNet alone, without strong regularisation, vision transformers stayed a few
# per cent behind ResNets of comparable size, and were ahead after 14 to 300 million pictures (Dosovitskiy et al., 2020,
# section 1). Swin's windows put some locality back; still, weights that somebody else has trained on many pictures are
# often the better start, and that is why parts 8 and 9 matter. We have not compared this model with a convolutional
# network on these pictures.
#
# ### Quick questions
#
# <details><summary>1. <code>vmap</code> over five states runs five times the arithmetic. What is gained over a loop of
# five runs?</summary>
#
# One compilation instead of five (unless the runs share it), every batch is read once, and small operations become five
# times as large, which keeps a processor busier. What it costs is memory: five states, five sets of activations.
#
# </details>
#
# <details><summary>2. Why may the state be donated, and what happens to the old one?</summary>
#
# `donate_argnums=0` lets XLA write the new state into the old one's memory. The old arrays are deleted, so the loop
# must go on with what `train_step` returned.
#
# </details>
#
# <details><summary>3. Would it be right to report the best of the five seeds?</summary>
#
# No. The largest of five draws is larger than what a sixth would give on average, and the validation set would have
# been used to choose it.
#
# </details>

# %% [markdown]
# ## 11 · What the norm does in the trained models
#
# Part 6 looked at random branches. Here are the trained models: the size of what each block hands on. (The bars are
# means over the seeds, the thin lines reach from the smallest to the largest.)

# %%
few = next(validation.epoch(0)).image[:16]
look = partial(
    model.apply, mutable=["intermediates"], capture_intermediates=lambda module, _: isinstance(module, Block)
)
_, kept = jax.jit(jax.vmap(look, in_axes=(0, None)))(states.params, few)  # all leaves [S, …]
blocks = {name: out["__call__"][0] for name, out in kept["intermediates"].items() if "__call__" in out}
sizes = np.array([out.astype(jnp.float32).std(axis=(1, 2, 3, 4)) for out in blocks.values()])  # [blocks, S]
plots.bars(
    [name.replace("_", " ") for name in blocks],
    sizes.mean(axis=1),
    ranges=list(zip(sizes.min(axis=1), sizes.max(axis=1), strict=True)),
    title="size of activations after each block",
)
plt.show()
leaves = jax.tree_util.tree_leaves_with_path(states.params)
scales = np.concatenate([np.ravel(leaf) for path, leaf in leaves if path[-1].key == "logit_scale"])
print(f"factors on the cosines, all blocks, heads and seeds: {np.exp(scales.min()):.3f} to {np.exp(scales.max()):.3f}")

# %% [markdown]
# They stay of one order, from the first block to the last. (Merging normalises, and the count starts anew.) And the
# factors on the cosines have moved little from 10: in these small models the mask of −100 is as good as −∞ (part 4).
#
# For the rest of the lesson, looks inside are those of the first seed.
#
# ### Quick questions
#
# <details><summary>1. Why does <code>look</code> need <code>mutable=["intermediates"]</code>?</summary>
#
# What `sow` and `capture_intermediates` keep is a collection of variables. A pure function can't keep anything on the
# side, so `apply` returns the collection, and only if it is declared mutable.
#
# </details>

# %% [markdown]
# ## 12 · The learnt bias, a change of window, and a wrong input
#
# What does the small position network say, after training? Its bias for each offset, as a surface over rows and
# columns, for the heads of the first block: above for the window it was trained with, below for one *twice as large*.
# Nothing is trained in between: the function is only asked for more offsets.


# %%
def bias_table(params: dict, block: str, heads: int, window: int, trained: int) -> np.ndarray:
    """The bias of every offset and head of a block: [2·window-1, 2·window-1, heads]."""
    own = {"params": params["params"][block]["attention"]["position_bias"]}
    return np.asarray(PositionBias(heads).apply(own, (window, window), (trained, trained)))


params = jax.tree.map(lambda leaf: leaf[0], states.params)  # of the first seed
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
# The inner part of the lower surface is the upper one, and it goes on smoothly outside.
#
# A table, as in version 1, has nothing outside. Interpolating it to the larger window stretches it: each offset gets
# the bias of half the offset. The function gives nearly the same if it is *not* told what window it was trained with,
# because it divides by the new one:

# %%
table = bias_table(params, "stage0_block0", heads, was, was)
stretched = jax.image.resize(table, (2 * now - 1, 2 * now - 1, heads), method="cubic")
not_told = bias_table(params, "stage0_block0", heads, now, now)
told = bias_table(params, "stage0_block0", heads, now, was)
print(f"range of the table: {np.ptp(table):.3f}")
print(f"stretched table and function that was not told: {np.abs(stretched - not_told).mean():.3f} apart on average")
print(f"stretched table and function that was told:     {np.abs(stretched - told).mean():.3f}")

# %% [markdown]
# So there are two ways to use a model with twice the window, and the field `trained_windows` chooses: the bias belongs
# to an offset *in tokens* (told), or to an offset *relative to the window* (not told; version 1's way). Which is
# better? Take pictures of twice the size with the doubled window, for all seeds, and for comparison the pictures and
# the window of the training.
#
# <details><summary><b>Guess first:</b> no weight is changed. Which of the three has the best accuracy on these
# drawings, and how large will the differences be?</summary>
#
# One could argue either way: twice the pixels show more detail, but the weights have seen objects half as large. Look
# at the intervals before you decide that there is a winner at all.
#
# </details>

# %%
larger = data.load("imagenette/160px-v2", "validation", batch_size=100, size=2 * size, quiet=True)
ways = {
    f"{2 * size} pixels, window {now}, told {was}": {"window": now, "trained_windows": (was,) * len(model.depths)},
    f"{2 * size} pixels, window {now}, not told": {"window": now},
}
accuracies = {f"{size} pixels, window {was}": final}
for name, changes in ways.items():
    _, step = make_steps(model.clone(**changes), optimizer)
    accuracies[name] = evaluate(jax.jit(jax.vmap(step, in_axes=(0, None))), states.params, larger)[1]
draw_seeds(accuracies, f"weights from {size} pixels")
usual, told, not_told = accuracies.values()
for name, difference in (("told − not told", told - not_told), ("told − usual", told - usual)):
    print(f"{name}: {100 * difference.mean():+.1f} % ± {100 * interval(difference):.1f} %")

# %% [markdown]
# In the run stored here both intervals contain 0. With these five seeds and 300 drawings neither way is shown to be
# better, and twice the size is neither better nor worse than the usual one. That doesn't show that they are equal: a
# difference of a point would go unnoticed.
#
# How well weights carry over to another size depends on how well they were trained, and these were trained for seconds.
# The published models do it in earnest: some were trained at 192 pixels with windows of 12, then fine-tuned at 256 with
# 16 or at 384 with 24 (`swinv2_base_window12to16_192to256` and `…12to24_192to384` in timm's list). Table 1 of "Swin
# Transformer V2" compares tables and functions there.
#
# An *absolute* position embedding, a learnt vector for each place, which Microsoft's code offers as an option, fits one
# size only. For another it would have to be interpolated, as a table:

# %%
fixed = swin_v2("micro", absolute_position=True)
made_for_64 = jax.eval_shape(fixed.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
try:
    jax.eval_shape(fixed.apply, made_for_64, jnp.zeros((1, 128, 128, 3)))
except ValueError as error:
    print(error)

# %% [markdown]
# ### What wrong preprocessing costs
#
# Part 9 said that a checkpoint needs the preprocessing it was trained with. Here are the trained models, given the
# validation pictures in other forms: normalised by ImageNet's mean and deviation instead of Imagenette's, left in 0 …
# 1, left in 0 … 255, or with red and blue exchanged (as OpenCV reads files).
#
# <details><summary><b>Guess first:</b> which of the four mistakes brings the accuracy down nearly to a guess?</summary>
#
# Two of them: 0 … 1 and 0 … 255, and both about as much.
#
# </details>

# %%
mean, std = validation.mean, validation.std
mistakes = {
    "as in training": lambda x: x,
    "ImageNet's mean and deviation": lambda x: (x * std + mean - IMAGENET_MEAN) / IMAGENET_STD,
    "0 … 1": lambda x: x * std + mean,
    "0 … 255": lambda x: 255 * (x * std + mean),
    "red and blue exchanged": lambda x: x[..., ::-1],
}
accuracies = {}
for name, change in mistakes.items():
    changed = [batch._replace(image=change(batch.image).astype(jnp.float32)) for batch in validation.epoch(0)]
    accuracies[name] = np.sum([eval_step(states.params, batch)[1] for batch in changed], axis=0) / validation.examples
draw_seeds(accuracies, "the same weights, the pictures given differently")
for name in list(mistakes)[1:]:
    difference = accuracies[name] - accuracies["as in training"]
    print(f"{name}: {100 * difference.mean():+.1f} % ± {100 * interval(difference):.1f} %")

# %% [markdown]
# Without the mean subtracted, in 0 … 1 or in 0 … 255, the models do hardly better than a guess. The two are nearly the
# same mistake: the LayerNorm after the patches removes the factor of 255, but not the missing mean. In the run stored
# here ImageNet's mean and deviation cost some points, though they are close to Imagenette's; the interval for red and
# blue contains 0, so what exchanging them costs these drawings and five seeds cannot tell. (Do not lean on one interval
# that barely misses 0: of four true intervals at 95 %, at least one misses in about one experiment of five.) No error
# was raised in any of these cases. A checkpoint with wrong preprocessing just does worse.
#
# ### Quick questions
#
# <details><summary>1. Why are the <em>differences</em> of each seed averaged, and not the two means compared with their
# own intervals?</summary>
#
# Each seed is asked twice, so what makes a seed good or bad in general cancels in its difference. The interval of the
# paired differences is narrower than that of two independent groups, and it is the right one.
#
# </details>
#
# <details><summary>2. A model was trained with windows of 8 and is used with 16. Which value goes into
# <code>trained_windows</code>?</summary>
#
# 8 for each stage whose windows were 8; for a stage whose map was smaller than a window, the size of that map. (timm's
# models trained at 192 pixels with windows of 12 have (12, 12, 12, 6): the last map has 6 × 6 tokens.)
#
# </details>

# %% [markdown]
# ## 13 · Where does a head look?
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
    weights = kept["intermediates"][name]["attention"]["weights"][0][0]  # of the first seed: [B, N, heads, T, T]
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
# And one token's view: the query is the cross, and the picture shows how it shares out its attention over its window,
# head by head.

# %%
weights = kept["intermediates"]["stage0_block0"]["attention"]["weights"][0][0, 0]  # [N, heads, T, T], first picture
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
# Attention maps are a look inside, not an explanation: what a token *says* when it is attended to is in its value,
# which no map shows. (On the dispute see Jain and Wallace, 2019, "Attention is not Explanation",
# [arXiv:1902.10186](https://arxiv.org/abs/1902.10186).)
#
# ### Quick questions
#
# <details><summary>1. Why does the map of a shifted block have to be rolled back?</summary>
#
# Its windows were cut out of the rolled map. Without rolling back, each token's share would be drawn half a window up
# and to the left of where it stands.
#
# </details>
#
# <details><summary>2. In the mean over a window every token gets exactly an equal share. Why?</summary>
#
# Each row of the weights adds up to 1. Over T queries that makes T, shared out over T tokens: 1 on average.
#
# </details>

# %% [markdown]
# ## 14 · Where the time of a step goes
#
# How long do the parts of one training step take: reading a batch (`input`), carrying it to the device (`transfer`),
# the forward pass, what the gradients cost beyond it (`backward`), the optimiser (`update`)? Each was timed as a
# program of its own; `step` is the whole as one program, and `dispatch` the time until its call returns to Python.
# (Unit 04 does this for ResNet18.) The micro model, with pictures of 128 pixels; measured once, and stored:

# %% tags=["nbval-ignore-output"]
breakdown.show("swin_micro")

# %% [markdown]
# The backward pass costs about twice the forward pass, as the count of matrix products suggests: one product forward,
# two backward. The optimiser is no part worth mentioning. The whole step takes somewhat longer than its parts.
#
# To look closer, *trace* a few steps. The profiler writes when each operation of the compiled program ran; here is the
# training step of part 10, its operations added up by kind:
#
# <details><summary><b>Guess first:</b> what share of the time goes to matrix products?</summary>
#
# In the run stored here about half, sums included. Tokens of 24 numbers make small products; the rest is softmax,
# norms, GELU, and operations that only move numbers.
#
# </details>


# %%
def time_by_kind(step, state, batch: data.Batch, repeats: int = 3) -> dict[str, float]:
    """Seconds of each kind of operation (copy, dot, …) in some training steps, the longest first."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(repeats):
                state, loss = step(state, batch)
            jax.block_until_ready(loss)
        (file,) = Path(folder).rglob("*.trace.json.gz")
        events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    seconds: dict[str, float] = {}
    for event in events:
        if name := event.get("args", {}).get("hlo_op"):
            kind = re.sub(r"[.\d]+$", "", name)
            seconds[kind] = seconds.get(kind, 0.0) + event["dur"] / 1e6
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


copies = jax.tree.map(lambda leaf: leaf.copy(), states)  # train_step takes its state away
kinds = time_by_kind(train_step, copies, next(train.epoch(0)))

# %% tags=["nbval-ignore-output"]
total = sum(kinds.values())
longest = dict(list(kinds.items())[:12])
plots.bars(
    list(longest),
    [100 * seconds / total for seconds in longest.values()],
    unit="%",
    title="training step: time by kind",
)
plt.show()

# %% [markdown]
# In the run stored here about half of the time goes to matrix products and sums (`dot`, and `ynn_fusion`, which is
# XLA's name for what it hands to a library for processors). Most other names speak of moving numbers: broadcast,
# transpose, copy, slice, pad, select. A window transformer cuts, rolls, transposes and puts together, in each block and
# once more for the gradients. Each such copy is cheap in arithmetic and expensive in memory traffic.
#
# What can be done? Fuse: if the cut, a product and the softmax run as one kernel, what lies between them need not be
# written to memory. XLA fuses elementwise operations with their neighbours; on a processor the two matrix products and
# the softmax between them stay apart, as the trace shows. For GPUs such kernels are written by hand:
# `jax.nn.dot_product_attention(…, implementation="cudnn")` calls one, for some shapes and for 16-bit numbers. Without
# that argument it falls back to XLA
# ([documentation](https://docs.jax.dev/en/latest/_autosummary/jax.nn.dot_product_attention.html)). We have not measured
# what it would gain here.
#
# ### Quick questions
#
# <details><summary>1. Why is <code>dispatch</code> so much shorter than <code>step</code>?</summary>
#
# JAX hands out work and returns before it is done. Whoever stops a clock without `block_until_ready` measures the
# dispatch.
#
# </details>
#
# <details><summary>2. A trace shows that half of the time goes to copies. Is that wasted?</summary>
#
# Not all of it. Some copies put numbers into the order in which the next product is fast. The question is whether the
# whole gets faster without them, and only a measurement tells.
#
# </details>

# %% [markdown]
# ## 15 · A race
#
# The micro model against the same in PyTorch: timm's own code, which has this very architecture, given the micro's
# width and depth. AdamW, float32, the same pictures in memory; stored, and made by `python -m utils race swin_micro`.

# %% tags=["nbval-ignore-output"]
report.show("swin_micro")

# %% [markdown]
# Left, seconds an epoch, where the first holds the compilation; right, pictures a second, pale for the first epoch; the
# thin lines reach from the slowest round to the fastest. As numbers, with the ratios of each round's pair of runs:

# %% tags=["nbval-ignore-output"]
for race in stored.load(stored.Result, "swin_micro"):
    print(report.as_table(race).partition("\n\n")[2])  # without the heading

# %% [markdown]
# On this machine and with these versions, training in JAX is slower than in plain PyTorch and much slower than in
# compiled PyTorch. In evaluation the ratio to plain PyTorch reaches from below 1 to about 1 in the three rounds, so
# there is no winner; compiled PyTorch is faster. The first step, however, takes plain PyTorch less than a second, JAX
# some seconds, and `torch.compile`, which writes C++ and calls a compiler, more than a minute. (Without being asked,
# `torch.compile` keeps the result on disk for the next time; JAX has a cache for that too, if one turns it on. In a
# race each run starts with nothing.)
#
# So who is faster depends on how long one trains:

# %% tags=["nbval-ignore-output"]
for race in stored.load(stored.Result, "swin_micro"):
    first, later = {}, {}  # entrant → seconds of its first step, of each later step
    for name in ("jax", "torch compiled"):
        runs = report.runs_of(race, name)
        first[name] = np.median([run["first_step"] for run in runs])
        later[name] = np.median([np.median(run["train"][1:]) for run in runs]) / race.steps
    lost, gained = first["torch compiled"] - first["jax"], later["jax"] - later["torch compiled"]
    print(
        f"torch.compile: {lost:.0f} s later, {1000 * gained:.0f} ms a step faster; even after {lost / gained:.0f} steps"
    )

# %% [markdown]
# In a training of hours compilation disappears; the pace afterwards does not.
#
# ### The real size, and a claim to test
#
# The idea of this unit comes from a repository, "JAX implementation of Swin-Transformer v2"
# ([minyoungpark1/swin_transformer_v2_jax](https://github.com/minyoungpark1/swin_transformer_v2_jax), 2022), whose
# README reports a race of its own: the tiny model on Imagenette at 256 pixels, batches of 32 and of 64, five epochs, on
# one GPU (a Tesla V100). The first epoch left out, JAX was a quarter faster than PyTorch in training, and 2.3 to 2.4
# times as fast in validation. Before you believe such a figure, read the loop. In validation (`validate_jax` in
# `core/function.py`) the clock is read right after the call, without waiting for the device, so it timed how fast JAX
# *hands out* work. (In training, `loss.item()` waits.) Each framework read its pictures with a loader of its own. And
# the two models were not the same one. In `models/swin_transformer_jax.py` the GELU is the approximation by tanh;
# LayerNorm has Flax's epsilon, and the last one an epsilon of 768, because the number of channels was handed to Flax's
# first field; the factor on the cosines is neither exponentiated nor limited from above; merging normalises before its
# matrix; rows and columns are exchanged in the table of offsets; and the last layer of the position network has a bias.
#
# Here is that race again, with the model that part 8 has compared, the same pictures in memory for everybody, and
# clocks that wait. We had no GPU. On two cores an epoch of Imagenette's 9,469 pictures would take JAX about three
# quarters of an hour at the pace below, so an epoch is cut to 64 pictures: two steps of 32, or one of 64. It shows the
# pace of these programs on a processor, and nothing about a GPU.

# %% tags=["nbval-ignore-output"]
report.show("swin_tiny_32_float32")
for race in stored.load(stored.Result, "swin_tiny_32_float32"):
    print(report.as_table(race).partition("\n\n")[2])

# %% tags=["nbval-ignore-output"]
report.show("swin_tiny_64_float32")
for race in stored.load(stored.Result, "swin_tiny_64_float32"):
    print(report.as_table(race).partition("\n\n")[2])

# %% [markdown]
# Neither part of the claim is seen here. In validation JAX comes last with either batch. In training it is ahead of
# plain PyTorch with a batch of 32 and behind with 64, and behind compiled PyTorch with both. What `torch.compile` costs
# is its first step. (With 64, where an epoch is one step, the first epoch *is* that step.)
#
# Why does JAX do so much worse with 64? It takes nearly twice as long for the same 64 pictures. A suspect is memory,
# since what a step keeps in between grows with the batch. The compiled program can be asked; for part 10's step:

# %% tags=["nbval-ignore-output"]
memory = train_step.memory_analysis()
print(f"in between: {memory.temp_size_in_bytes / 1e6:.0f} MB")

# %% [markdown]
# For tiny at 256 pixels the same question, asked on the machine of the race, was answered with 10.7 GB for a batch of
# 32 and 21.4 GB for 64, and that machine has 24 GB. That points to memory traffic rather than arithmetic, but we have
# not taken the step apart. `jax.checkpoint` (unit 04) trades one for the other; on this model we have not tried it.
#
# With a GPU, `python -m utils race` runs the whole protocol, in bfloat16 too, and the result appears here beside ours.
#
# ### Quick questions
#
# <details><summary>1. The clock of a loop is read after each call of a jitted function, and the results are fetched
# after the loop. What was measured?</summary>
#
# The dispatch: a call hands out work and returns before it is done. Only the fetching after the loop waits, and no
# clock saw it.
#
# </details>
#
# <details><summary>2. Why are runs compared in pairs, round by round?</summary>
#
# The machine's speed drifts. The two runs of one round were close in time, so their ratio suffers less from the drift
# than the ratio of two means.
#
# </details>

# %% [markdown]
# ## 16 · For the record

# %%
results.record(
    val_accuracy=float(final.mean()),
    train_loss=float(history["train_loss"][-1].mean()),
    train_seconds=sum(history["seconds"]),
    training_images_per_second=settings.seeds * len(train) * settings.batch_size / float(np.median(history["seconds"])),
)

# %% [markdown]
# ## What to remember
#
# - Cutting a map into windows is a `reshape`, a `transpose`, a `reshape`. Shifted windows are a roll, and a mask for
#   tokens that share a window by accident. The reference's −100 is a large number, not −∞.
# - What depends on shapes only is computed by NumPy while JAX traces, and is a constant of the program.
# - Cosine attention looks at directions; its factor is learnt and limited.
# - A bias that is a *function* of the offset can be asked for any window; a table has to be interpolated.
# - Normalise what comes out of a branch, and its size no longer depends on the weights of the branch.
# - `maximum` inside the root: a right value is not enough, the gradient must be finite too.
# - Two models compute the same function if the same weights give the same logits *and* gradients, with no tensor at its
#   starting value. How training begins is a different question. And a test is believed when it notices mistakes that
#   were made on purpose.
# - A checkpoint is weights, names *and* preprocessing.
# - A seed is an argument: `vmap` over keys trains several in one program, and their spread says what a difference
#   means.
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
#   `models/swin_transformer_v2.py` (the model), `data/build.py` (preprocessing), `config.py` (the recipe), `utils.py`
#   (loading for another window); and [timm](https://github.com/huggingface/pytorch-image-models),
#   `timm/models/swin_transformer_v2.py` (model, names of the published weights, `crop_pct`).
# - Dosovitskiy et al., "An image is worth 16x16 words: transformers for image recognition at scale", 2020,
#   [arXiv:2010.11929](https://arxiv.org/abs/2010.11929).
# - Vaswani et al., "Attention is all you need", 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762).
# - Huang et al., "Deep networks with stochastic depth", 2016, [arXiv:1603.09382](https://arxiv.org/abs/1603.09382):
#   drop path.
# - Loshchilov and Hutter, "Decoupled weight decay regularization", 2017,
#   [arXiv:1711.05101](https://arxiv.org/abs/1711.05101): AdamW.
# - Jain and Wallace, "Attention is not explanation", 2019, [arXiv:1902.10186](https://arxiv.org/abs/1902.10186).
# - Howard, [Imagenette](https://github.com/fastai/imagenette), 2019.
# - "JAX implementation of Swin-Transformer v2",
#   [minyoungpark1/swin_transformer_v2_jax](https://github.com/minyoungpark1/swin_transformer_v2_jax), 2022: the race
#   that part 15 repeats.
