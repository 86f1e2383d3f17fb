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
# <!-- minutes -->
#
# | | section | minutes |
# | --- | --- | --- |
# | 1 | Pictures, and patches instead of pixels | 4 |
# | 2 | Windows | 4 |
# | 3 | Shifted windows, and the mask | 5 |
# | 4 | Cosine attention | 8 |
# | 5 | Where things are: the position bias | 10 |
# | 6 | The block: normalised after, not before | 11 |
# | 7 | Merging patches, and the whole model | 9 |
# | 8 | Is it really Swin v2? | 5 |
# | 9 | A published checkpoint, and the preprocessing that belongs to it | 9 |
# | 10 | Training, five seeds at a time | 12 |
# | 11 | What the norm does in the trained models | 3 |
# | 12 | The learnt bias, a change of window, and a wrong input | 11 |
# | 13 | Where does a head look? | 4 |
# | 14 | Where the time of a step goes | 5 |
# | 15 | A race | 8 |
# | 16 | For the record | 1 |
# |  | What to remember | 1 |
# |  | Sources and further reading | 1 |
# |  | **together** | 111 |
#
# The minutes are for reading and running, without the exercises. You can stop at the end of any section. Counted at 200
# words, 20 lines of code or 2 cells a minute.
#
# <!-- end minutes -->
#
# You need: units 01 and 02 (Flax, optax). No GPU.
#
# Before a surprising result there is a question: make a guess before you unfold the answer. Each of the parts 1 to 15
# ends with a few quick questions, whose answers are folded up too.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

import gzip
import json
import math
import re
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
# [Imagenette](https://github.com/fastai/imagenette) (Howard, 2019) is a subset of ImageNet: ten classes that are easy
# to tell apart, namely tench, English springer, cassette player, chain saw, church, French horn, garbage truck, gas
# pump, golf ball and parachute. As in the other units, the loader prints which data it found: the real set, a part of
# it, or the course's drawings.

# %%
SIZE = 64  # pixels
validation = data.load("imagenette/160px-v2", "validation", batch_size=100, size=SIZE)
batch = next(iter(validation))
plots.images(
    validation.denormalise(batch.image[:10]), [validation.classes[i] for i in batch.label[:10]], columns=5, size=1.5
)
plt.show()

# %% [markdown]
# A transformer works on *tokens*: vectors, each of which may attend to all others. One token per pixel would be too
# many. So the picture is cut into patches of 4 × 4 pixels, and each patch, 4 · 4 · 3 = 48 numbers, is multiplied by one
# matrix. A convolution with a 4 × 4 kernel and stride 4 does exactly that:

# %%
kernel = jax.random.normal(jax.random.key(0), (4, 4, 3, 32))  # [height, width, in, out]
by_convolution = jax.lax.conv_general_dilated(
    batch.image, kernel, window_strides=(4, 4), padding="VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
)  # [B, 16, 16, 32]
patches = batch.image.reshape(-1, 16, 4, 16, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 16, 16, 48)
by_product = patches @ kernel.reshape(48, 32)
print(by_convolution.shape, "the same map:", bool(jnp.allclose(by_convolution, by_product, atol=1e-2)))

# %% [markdown]
# The picture of 64 × 64 pixels is now a *map* of 16 × 16 tokens. If every token attends to every other, the work grows
# with the *square* of their number. If it attends only within windows of 8 × 8 tokens, each token has 64 partners:

# %%
sides = np.array([64, 128, 256, 512])
tokens = (sides // 4) ** 2
print("picture    tokens    pairs of tokens    pairs in windows of 8 × 8")
for side, count in zip(sides, tokens, strict=True):
    print(f"{side:>4} px {count:>9,} {count**2:>18,} {count * 64:>28,}")

# %% [markdown]
# At 256 pixels, an input size of the published tiny, small and base models, the whole map has 64 times as many pairs as
# all its windows together. And the last column grows only in proportion to the picture's area.
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
# The vision transformer of Dosovitskiy et al. did just that. There are fewer tokens then, but each stands for a coarse
# piece of the picture, and everything smaller than a patch is left to one matrix product. Swin starts with fine patches
# and merges them on the way (part 7).
#
# </details>

# %% [markdown]
# ## 2 · Windows
#
# Cutting a map into windows is a `reshape`, a `transpose`, a `reshape`. The first reshape splits each side of the map
# into two axes: which window, and where in the window. The transpose puts the two window axes next to each other. The
# second reshape flattens them into one axis, and the two axes within a window into another.


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
# Here is what it does, drawn on pixels: windows of 4 × 4 tokens are 16 × 16 pixels. Left: the borders of the windows.
# Right: the sixteen windows in the order in which the function returns them.


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
# The reference folds pictures and windows into one axis, `[B·N, T, C]`. In JAX there is no need: `@` treats all leading
# axes as batch axes, and `einsum` takes as many as you name. So the batch keeps an axis of its own, `[B, N, T, C]`.
#
# ### Quick questions
#
# <details><summary>1. What goes wrong without the <code>transpose</code>?</summary>
#
# The shapes still fit, but each "window" then holds consecutive tokens of the map, row by row, instead of a square. No
# error is raised; only a test on values finds the mistake.
#
# </details>
#
# <details><summary>2. How many floating-point operations does <code>window_partition</code> cost?</summary>
#
# None. It only moves numbers. That costs memory traffic; part 14 looks at where the time goes.
#
# </details>

# %% [markdown]
# ## 3 · Shifted windows, and the mask
#
# A *block* is an attention layer followed by an MLP (part 6); a *stage* is a run of blocks on maps of the same size
# (part 7). If all blocks of a stage used the same windows, nothing could cross a window's border within that stage. On
# our map it would be sixteen small networks that share their weights and never exchange anything. Therefore every
# second block *shifts* the windows by half a window, so that the new windows lie across the old borders.
#
# At the edges of the picture the shifted windows are cut off. Windows of different sizes do not fit into one array, so
# Swin *rolls* the map up and to the left: what leaves at the top comes back at the bottom. Then all windows are whole
# again:

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2))
draw_windows(axes[0], picture, 16, 0, "even blocks")
draw_windows(axes[1], picture, 16, 8, "odd blocks: shifted")
draw_windows(axes[2], np.roll(picture, (-8, -8), axis=(0, 1)), 16, 0, "the same, rolled")
plt.show()

# %% [markdown]
# Look at the bottom row of the last picture. Each of its windows holds two strips that are *not* neighbours, one from
# the bottom of the picture and one from the top. The window in the corner holds four such pieces. Tokens of different
# pieces share a window by accident and should not attend to each other. We call them *strangers*, and tokens of the
# same piece *neighbours*. A mask keeps strangers apart: before the softmax, −100 is added to the logit of each pair of
# strangers, as in the reference. If a stranger's logit was equal to a neighbour's before, the stranger now gets
# $e^{-100}$ times the neighbour's weight. Part 4 tests how far this can be relied on.
#
# To find the strangers, number the regions of the rolled map. Along each axis there are three: before the last window;
# in the last window, not wrapped; in the last window, wrapped around.


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
# In 7: the 4 in the last row and the 4 in the last column, with the corner counted once.
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
# the upper half of each window must not see the lower half. In the last column it is the left half and the right half.
# Tokens are counted row by row, so left and right alternate within each row; hence the small checks. In the corner both
# conditions hold.
#
# The mask depends only on sizes. NumPy computes it while JAX *traces*, so it becomes a constant of the compiled
# program.
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
# No. It depends on the sizes of the map, the window and the shift, and on nothing that is computed at run time. A new
# picture size means a new mask, and JAX traces again.
#
# </details>

# %% [markdown]
# ## 4 · Cosine attention
#
# Attention compares each query with each key. The original transformer (Vaswani et al., 2017,
# [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)) takes the dot product, divided by $\sqrt{D}$ for vectors of $D$
# numbers. Dot products grow with the lengths of the vectors. Liu et al. report that in large models the attention maps
# of some blocks and heads were dominated by a few pairs of pixels ("Swin Transformer V2", section 3.2). Version 2
# compares only *directions*: it takes the cosine, times a factor $1 / \tau$ that each head learns, plus a bias $B$ for
# the positions of the two tokens:
#
# $$\text{weights} = \text{softmax}\left(\cos(q, k) / \tau + B + \text{mask}\right)$$
#
# The model learns the logarithm of the factor. In the reference it starts at $\log 10$, and the factor is limited to
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
# One detail of `unit_vectors` looks fussy: `jnp.maximum` is *inside* the root. Zero vectors do occur: where a map is
# padded with zeros (part 6), the keys of padded tokens are zero, because keys have no bias. The length of a vector has
# no derivative at zero. Written the natural way, the function returns the right value and a gradient of NaN. The last
# column printed below is what counts in the model: the gradient of a matrix that maps a padded token to the vector.


# %%
def natural(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


for scale in (natural, unit_vectors):
    of_vector = jax.grad(lambda x, scale=scale: scale(x).sum())(jnp.zeros(2))[0]
    of_matrix = jax.grad(lambda w, scale=scale: scale(jnp.zeros(3) @ w).sum())(jnp.ones((3, 2)))[0, 0]
    print(f"{scale.__name__:12} value {scale(jnp.zeros(2))}  gradient {of_vector:.0e}  of the matrix {of_matrix:.1f}")

# %% [markdown]
# The second gradient is huge but finite. The chain rule multiplies it by the padded token, which is zero, so the matrix
# gets a gradient of zero. NaN times zero, however, is NaN: one padded token would ruin the whole training step.
#
# Now to the claim about lengths. Take random queries and keys, make all vectors longer, and see how much attention the
# strongest key of each query gets. The right-hand panel shows how much gradient a softmax with these weights $p$ lets
# through: its Jacobian is $\text{diag}(p) - p\,p^\top$, with trace $1 - \sum_i p_i^2$.
#
# <details><summary><b>Guess first:</b> 64 keys share the attention of a query. How much longer must the vectors become
# before one key takes nearly all of it, with dot products and with cosines?</summary>
#
# With dot products, eight times the length is plenty. With cosines no length is enough: a cosine does not depend on it.
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
# With dot products, attention to many keys turns into attention to one. Hardly any gradient passes through such a
# softmax, so queries and keys learn little from it. With cosines neither curve depends on the length.
#
# ### Is −100 as good as −∞?
#
# The mask of part 3 adds −100. But the factor on the cosine may grow to 100, so logits can differ by 200 even without a
# mask. Take one query, one neighbour and one masked stranger, and set the cosines of both with the query by hand:
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
# With the starting factor of 10 the mask works for any cosines. The logits differ by at most 20, or 36 with the
# position bias of part 5, so a stranger gets at most $e^{36-100} = e^{-64}$ times the weight of a neighbour. With a
# factor of 100 the mask can fail, as the last two rows show. A mask of −∞, or the argument `where` of `jax.nn.softmax`,
# excludes strangers in every case. A docstring in Microsoft's code even says "(0/-inf) mask", but the number in the
# code is −100. We keep −100 because this model is to be *equal* to the reference.
#
# ### Quick questions
#
# <details><summary>1. Why does <code>attention_weights</code> compute in float32 even where the model's numbers are
# bfloat16?</summary>
#
# Between 64 and 128, neighbouring bfloat16 numbers are 0.5 apart (`jnp.finfo(jnp.bfloat16).eps` is 2⁻⁷, times 64). So
# rounding moves a logit near 100 by up to a quarter. That changes the ratio of two weights by a factor of up to
# $e^{0.5} \approx 1.65$.
#
# </details>
#
# <details><summary>2. What would happen to the attention if all keys were multiplied by −1?</summary>
#
# All cosines change sign, so keys that got much attention now get little. The *length* of a vector is ignored; its
# direction is not.
#
# </details>
#
# <details><summary>3. Why does the model learn the logarithm of the factor, and not the factor itself?</summary>
#
# The exponential keeps the factor positive, and an optimiser's step changes it by a percentage, whether it is 1 or 50.
#
# </details>

# %% [markdown]
# ## 5 · Where things are: the position bias
#
# Attention by itself does not know *where* a token is. If the tokens of a window are shuffled, the attention weights
# are shuffled in the same way, and nothing else changes:

# %%
order = jax.random.permutation(jax.random.key(1), 64)
weights = attention_weights(q, k, math.log(10), no_bias)  # [B, N, heads, T, T]
of_shuffled = attention_weights(q[:, :, order], k[:, :, order], math.log(10), no_bias)
print("shuffled alike:", bool(jnp.allclose(of_shuffled, weights[..., order, :][..., order], atol=1e-5)))

# %% [markdown]
# So a number is added to the logit of each pair of tokens. It depends only on the offset between them: how many rows
# down, how many columns to the right. A window of 8 × 8 has 15 × 15 possible offsets.
#
# Version 1 learns those 225 numbers for each head as a table. A window of 16 needs 961, so a trained table has to be
# enlarged: Microsoft's `utils.py` interpolates it with a bicubic filter when a checkpoint is loaded
# (`load_pretrained`). Version 2 learns a *function* of the offset instead, a small network with two inputs. It can be
# asked for any offset, and nothing has to be interpolated. The offsets enter on a logarithmic scale, so that those of a
# larger window stay close to the ones the network has seen. The factor 8 and the division by $\log_2 8$ below come from
# the reference code; the paper has only the logarithm.


# %%
def log_coordinates(window: tuple[int, int], trained: tuple[int, int] | None = None) -> np.ndarray:
    """Every offset that two tokens of a window can have, log-spaced: [2h-1, 2w-1, 2], rows then columns.

    trained: the window the model was trained with, if different; then the edge of that one lies at 1.06.
    """
    h, w = window
    offsets = np.stack(np.meshgrid(np.arange(1 - h, h), np.arange(1 - w, w), indexing="ij"), axis=-1)
    reach = np.maximum(np.array(trained or window) - 1, 1)
    x = 8 * offsets / reach  # -8 … 8
    return np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)


# %% [markdown]
# Here are these coordinates along one axis, for a window of 8, and for a window of 16 where the model was trained
# with 8. The dashed lines are the linear offsets, divided by the largest offset seen in training:

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
# On the right, the window is twice as large as in training. The linear coordinate then reaches 2.14 instead of 1, more
# than twice as far as the network has ever seen. The logarithmic one reaches 1.39 instead of 1.06, about a third
# farther.
#
# Before the network itself, two helpers. In the reference the weights of dense layers start as normal random numbers
# with a standard deviation of 0.02, and LayerNorm has PyTorch's epsilon, which is not Flax's.


# %%
def linear(features: int, **options) -> nn.Dense:
    """A dense layer that starts as Swin's do.

    (PyTorch's `trunc_normal_(std=0.02)` cuts at ±2, a hundred deviations away, so it is a normal distribution too.)
    """
    return nn.Dense(features, kernel_init=nn.initializers.normal(0.02), **options)


def layer_norm(**options) -> nn.LayerNorm:
    """LayerNorm with the reference's epsilon; Flax's own is 1e-6."""
    return nn.LayerNorm(epsilon=1e-5, use_fast_variance=False, **options)


# %% [markdown]
# The network itself has two inputs, 512 hidden units and one output for each head:


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


# %% [markdown]
# It gives a table of offsets. The logits need a bias for each *pair* of tokens, which is looked up there:


# %%
def offset_index(window: tuple[int, int]) -> np.ndarray:
    """Where in the flattened table of offsets the pair (query, key) is to be looked up: [T, T] int."""
    h, w = window
    rows, columns = np.indices(window).reshape(2, -1)  # of each token
    down = rows[:, None] - rows[None, :] + h - 1  # 0 … 2h-2
    right = columns[:, None] - columns[None, :] + w - 1
    return down * (2 * w - 1) + right


def bias_of_pairs(table: jax.Array, window: tuple[int, int]) -> jax.Array:
    """The bias of every pair (query, key) of a window: [2h-1, 2w-1, heads] to [heads, T, T]."""
    return table.reshape(-1, table.shape[-1])[offset_index(window)].transpose(2, 0, 1)


# %% [markdown]
# The network's output is squashed to 0 … 16, by 16 · sigmoid. A softmax sees only differences, so the bias can favour
# one offset over another by a factor of at most $e^{16}$, some nine million. The table is squashed *before* it is
# looked up: that is 225 numbers a head instead of 4,096.
#
# The rest of attention is standard. Two details come from the reference: one matrix makes queries, keys and values, and
# keys have no bias. (With dot products a bias on the keys would add the same number to all logits of a query, and the
# softmax would cancel it. With cosines it would change the result; part 8 shows by how much.)


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
# `sow` stores the attention weights in a collection if the caller asks for it, and does nothing otherwise. Parts 11 and
# 13 will ask for it.
#
# ### Quick questions
#
# <details><summary>1. How many parameters does the position network have for 3 heads, and how many does a table have
# for windows of 8 and of 16?</summary>
#
# Network: 2 · 512 + 512 + 512 · 3 = 3,072, for any window. Table: 225 · 3 = 675 for windows of 8, and 961 · 3 = 2,883
# for windows of 16. So the function does not save parameters here. Its advantage is that it works for other windows.
#
# </details>
#
# <details><summary>2. Which entry of the table is looked up for a token and itself, in a window of 8 × 8?</summary>
#
# The middle one, offset (0, 0). In the flattened table that is entry 7 · 15 + 7 = 112, counted from 0, of 225. All 64
# tokens share it.
#
# </details>

# %% [markdown]
# ## 6 · The block: normalised after, not before
#
# A block adds two branches to its input: attention, and an MLP (two dense layers with a GELU between them). Version 1
# normalises what goes *into* a branch. Version 2 normalises what comes *out*:
#
# | | attention | MLP |
# | --- | --- | --- |
# | version 1, pre-norm | $x + f(\text{norm}(x))$ | $x + g(\text{norm}(x))$ |
# | version 2, res-post-norm | $x + \text{norm}(f(x))$ | $x + \text{norm}(g(x))$ |
#
# What difference does it make? The cell below sends random vectors through 24 random branches (dense, GELU, dense) and
# records the size of the activations after each. The weights have the usual size, or three times that, as they may
# after training. To see more than one draw, `vmap` runs the experiment for five keys and both sizes in one compiled
# program. The bands reach from the smallest to the largest of the five draws.
#
# <details><summary><b>Guess first:</b> the weights of all branches are three times as large. How much larger are the
# activations after 24 blocks, with pre-norm and with res-post-norm?</summary>
#
# Pre-norm: about nine times (3 · 3, since each branch has two layers; for large inputs the GELU between them is nearly
# a ReLU, which passes a positive factor on). Res-post-norm: not at all.
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
# With pre-norm a branch gets a normalised input, but nothing limits its output: the larger the weights, the larger the
# term that is added. With res-post-norm a branch adds something of size 1 whatever its weights are, and after 24 blocks
# the sum has a size of about $\sqrt{1 + 24} = 5$. The curves for × 1 and × 3 coincide, and the five draws lie close
# together.
#
# These are random branches. Liu et al. looked at trained ones. In a large pre-norm model the activations of different
# layers differed by a factor of up to $10^4$, and the training of a model with 658 million parameters could not be
# completed ("Swin Transformer V2", section 3.2).
#
# In the reference the scales of a block's two norms start at *zero*, so a new block changes nothing. A new network of
# any depth starts as its patch embedding, its mergings and its head alone.
#
# Two more pieces. **Drop path** (stochastic depth; Huang et al., 2016,
# [arXiv:1603.09382](https://arxiv.org/abs/1603.09382)) is a regulariser: during training it leaves out a whole branch
# for some pictures of a batch (in the paper, for the whole batch). And the MLP uses the exact GELU, with the error
# function. The default of JAX and Flax is an approximation with tanh.


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
# In the block, `attend` does the work: roll, pad, cut, attend, put together, remove the padding, roll back. A map no
# larger than a window *is* one window, and there is nothing to shift; `fit_window` decides that. Where windows don't
# divide a map, it is padded with zeros, as in timm. (Microsoft's code refuses such sizes.) Padded tokens are not
# masked. They are attended to like any other token, with a key of zero and a value that is just the bias. All of this
# follows from the shape of `x`, so one module serves every picture size.


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
# Does the shift do its job? Change *one* token (the cross) of a map of 16 × 16, and see which tokens notice, that is,
# come out differently: after two blocks without shift, after a plain and a shifted one, and after two such pairs.
#
# <details><summary><b>Guess first:</b> how many of the 256 tokens notice in each case?</summary>
#
# 16, the window of the cross; 64, the four shifted windows that overlap that window; and 14 × 14 = 196. Each block
# spreads the change as far as the borders of its own windows.
#
# </details>

# %%
QUICK = {"xla_backend_optimization_level": 0}  # for what runs once: most of its time is compiling random numbers

x = jax.random.normal(jax.random.key(0), (1, 16, 16, 8))
maps = jnp.concatenate([x, x.at[:, 5, 5].add(10.0)])  # the same map twice, but for one token
plain, shifted = (Block(heads=1, window=4, shifted=each) for each in (False, True))
new = jax.jit(plain.init, compiler_options=QUICK)(jax.random.key(0), x)
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
# Without a shift the change never leaves its window. One shifted block carries it into the neighbouring windows, and
# after two pairs of blocks it has reached three quarters of the map. The changed region grows around the cross. Without
# a mask, tokens at the opposite edges would change too, because the rolled map puts opposite edges into one window.
#
# ### Quick questions
#
# <details><summary>1. Why do the scales of the norms start at zero, and not the weights of the branches?</summary>
#
# The norm scales the output of a branch to size 1, however small the branch's weights are. Only what comes after, the
# norm's own scale, can make the branch small. (While that scale is zero, the branch's weights get no gradient, but the
# scale itself does. As soon as a step has moved it, everything learns.)
#
# </details>
#
# <details><summary>2. A branch is left out with probability 0.1. Why is it divided by 0.9 when it is kept?</summary>
#
# The branch then has the same mean over many steps as without drop path, so at test time it can be used as it is.
#
# </details>
#
# <details><summary>3. With res-post-norm, what does the <em>first</em> block's attention get as input?</summary>
#
# The output of the LayerNorm after the patch embedding. Later blocks of a stage get a sum that grows with depth and is
# not normalised. The cosines do not depend on its size, and the outputs of both branches are normalised.
#
# </details>

# %% [markdown]
# ## 7 · Merging patches, and the whole model
#
# Between stages four neighbours become one token with twice the channels, and the map shrinks, as in a convolutional
# network. The order of the four is the reference's: down before right. Weights trained with one order are wrong for any
# other.


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
# These are all the pieces; here is the model. Its fields describe the architecture, and the sizes of the maps follow
# from the pictures.


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
# The published architectures differ in the four values that follow the name: width, depths, heads and window. (So does
# the published `large`, which is not listed.) `micro` is ours, for machines without a GPU.


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


# %% [markdown]
# How many weights does each have? `jax.eval_shape` traces `init` for the shapes alone and computes nothing:

# %%
for name, side in (("micro", 64), ("tiny", 256), ("small", 256), ("base", 256)):
    model = swin_v2(name)
    spec = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, side, side, 3)))
    print(
        f"{name:5} width {model.width:3}  depths {model.depths!s:14} "
        f"{sum(leaf.size for leaf in jax.tree.leaves(spec)):>10,} weights"
    )

# %% [markdown]
# These are the numbers for our 10 classes. The published models have 1,000 classes and a correspondingly larger head.
#
# Sizes that do not fit are refused before anything is computed, and the message says what would fit:

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
# Those with an even number, counted from 0, and both blocks of the last stage: there the map is one window, and
# `fit_window` returns a shift of 0.
#
# </details>
#
# <details><summary>2. Why does a model without <code>absolute_position</code> have no parameter whose shape depends on
# the picture's size?</summary>
#
# Dense layers and norms work token by token, and the position network works offset by offset. The mask, the coordinates
# and the index are computed from shapes while tracing; they are not parameters.
#
# </details>

# %% [markdown]
# ## 8 · Is it really Swin v2?
#
# Its shapes are right, and tiny has 27,585,844 weights, as many as timm's model with 10 classes
# (`tests/golden/swin_v2.json` has its shapes). Neither shows that it *is* the same function. A port can be wrong in
# many places and still train: one that was published has a LayerNorm with an epsilon of 768 (part 15).
#
# So we compare functions: the same weights and the same picture must give the same logits and the same gradients. It
# matters which weights are used:
#
# <details><summary><b>Guess first:</b> one copy of a fresh model has windows of 4, another has windows of 2, with the
# same weights. By how much do their logits differ?</summary>
#
# Not at all. With the scales of their norms at zero all blocks are the identity, and only blocks use windows.
#
# </details>

# %%
trial = swin_v2("micro", depths=(2,), heads=(2,))
fresh = jax.jit(trial.init, compiler_options=QUICK)(jax.random.key(0), batch.image[:1])
draw = np.random.default_rng(0)
filled = jax.tree.map(lambda leaf: jnp.asarray(0.2 * draw.normal(size=leaf.shape), jnp.float32), fresh)
with_four, with_two = (jax.jit(trial.clone(window=window).apply) for window in (4, 2))
for name, weights in (("fresh", fresh), ("filled", filled)):
    of_four, of_two = (apply(weights, batch.image[:4]) for apply in (with_four, with_two))
    print(f"{name:6} weights: equal logits with windows of 4 and of 2: {bool(jnp.array_equal(of_four, of_two))}")

# %% [markdown]
# With fresh weights almost any block would pass the comparison. So the course's tests, which need no PyTorch, do this:
#
# 1. A rule turns the *name* and shape of each tensor into numbers, the same on every machine. No tensor keeps its
#    starting value.
# 2. timm's models (for tiny, `swinv2_tiny_window8_256`) were filled by this rule once. Their logits, their loss, and
#    two numbers for the gradient of each tensor, its norm and its dot product with fixed random numbers, are kept in
#    `tests/golden/`.
# 3. `tests/models/test_swin_v2.py` fills this lesson's model by the same rule and compares. There are cases of tiny
#    with windows of 4, 8, 12 and 16, at 128 to 256 pixels, some with height and width that differ or with maps that
#    must be padded, and cases of micro, one of them with the absolute position. In float64 the logits, the loss and the
#    numbers of each gradient must agree within 1e-9. (Rounding gives 3e-12 at most.)
# 4. The test itself is tested: each known mistake is made on purpose in a copy of this lesson, and the comparison must
#    fail.
#
# This shows that the *function* is the same for these weights and sizes. It does not compare how training starts and
# proceeds: the deviations of the initial weights, the starting values of scales, the drop-path rates and the random
# choice of paths, and which parameters weight decay applies to. Nor does it cover what no case reaches, such as the
# floor of 1e-12 under the lengths of vectors. These were compared by reading the code.
#
# How far does each of the mistakes move the logits? The tests have measured it, and the numbers come with the course:

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
# Most mistakes move the logits a lot, yet all of these models run without complaint. With published weights each of
# them would compute another function than the one that was trained. Two effects are small: a GELU computed with tanh,
# and an epsilon of 1e-6, Flax's default. A comparison that allows a difference of a hundredth finds neither. So the
# test computes in float64. There two correct implementations agree within 3e-12, so a difference above 1e-9 is not
# rounding.
#
# ### Quick questions
#
# <details><summary>1. Why compare gradients too, if the logits agree?</summary>
#
# A value can be right while the derivative is wrong: a `stop_gradient` too many, a custom gradient, or the NaN of
# part 4. One of the tests scales a gradient by 1.04 and leaves the value as it is; only the gradients notice.
#
# </details>
#
# <details><summary>2. The comparison runs in float64. Does it tell us that the model is right in float32?</summary>
#
# It tells us that the *formula* is right. Rounding in float32 is another question, and has a test of its own with a
# wider limit, a hundred times what rounding gives.
#
# </details>

# %% [markdown]
# ## 9 · A published checkpoint, and the preprocessing that belongs to it
#
# Published weights of Swin v2 are found in two places: in Microsoft's `.pth` files, written by `torch.save`, and on
# Hugging Face, where timm offers the same weights as `.safetensors` and under other names. (The addresses of both are
# in `timm/models/swin_transformer_v2.py`, `default_cfgs`.) With an internet connection, loading takes three lines,
# after `pip install huggingface_hub`:
#
# ```python
# file = huggingface_hub.hf_hub_download("timm/swinv2_tiny_window8_256.ms_in1k", "model.safetensors")
# model = swin_v2("tiny", classes=1000)
# params = convert.to_flax(read(file), like=jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 256, 256, 3))))
# ```
#
# This lesson must run without an internet connection, so it makes a file with the same layout itself: a small model
# with 1,000 classes and random weights, under Microsoft's names. Microsoft's files also carry tables that can be
# computed, so ours does too. Rules (`utils/convert`) translate the names in both directions.

# %%
published = swin_v2("micro", depths=(2, 1), heads=(2, 4), classes=1000)
spec = jax.eval_shape(published.init, jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))
draw = np.random.default_rng(0)
original = jax.tree.map(lambda leaf: (0.1 * draw.normal(size=leaf.shape)).astype(np.float32), spec)
state_dict = convert.to_torch(original, names="microsoft")
state_dict |= {  # what can be computed: our model computes these itself
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
# What `torch.save` writes contains a *pickle*, and unpickling a file can run any code that its author put there. A
# safetensors file holds only tensors and their names, and `read` takes it as it is. A `.pth` file is for PyTorch
# itself: `torch.load(file, weights_only=True)["model"]` builds the tensors and runs nothing else, and `to_flax` takes
# the dictionary that it gives. In the other direction, PyTorch can load a state dict that was saved as safetensors.

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
# The file doesn't say how a photograph becomes the model's input. That is defined in the code that comes with it, and
# must be the same as in training:
#
# - RGB in 0 … 1, minus ImageNet's mean, divided by its standard deviation, channel by channel;
# - the shorter side resized, with a bicubic filter, to a little more than the model's input, then the middle square cut
#   out. How much more? timm says `crop_pct` 0.9: 284 pixels for an input of 256 (`timm/models/swin_transformer_v2.py`).
#   Microsoft's own evaluation resizes to 256 / 224 of the input, which is 292 (`data/build.py`). So there are two
#   recipes for the same weights, and a quoted accuracy belongs to one of them.


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
# Both recipes resize with Pillow. Does `jax.image.resize` use the same filter? "Bicubic" is a family of filters.
# Libraries differ in its parameter, in whether they smooth before they shrink, and in where they round. So we compare,
# once enlarging the picture and once shrinking it:

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
# The two agree to within one level of 255, which is rounding.
#
# The logits have 1,000 entries, in the order of ImageNet's class identifiers. Imagenette's ten classes are among them.
# (Its folders are named by these identifiers, from n01440764, tench, to n03888257, parachute.) So a published model can
# be tried on Imagenette without any training: take these ten logits and ignore the others.

# %%
IN_IMAGENET = np.array((0, 217, 482, 491, 497, 566, 569, 571, 574, 701))
images = preprocess(picture, SIZE)[None]  # [1, 64, 64, 3]; the published tiny takes 256
of_thousand = jax.jit(published.apply)(loaded, images)  # [1, 1000]
of_ten = of_thousand[:, IN_IMAGENET]  # [1, 10]
print(of_thousand.shape, of_ten.shape)

# %% [markdown]
# (These weights are random, so their predictions mean nothing. The cell only tries the path from file and photograph to
# logits.) For classes that ImageNet lacks, one adds a new head and fine-tunes; Microsoft's `load_pretrained` starts
# such a head at zero. Part 12 measures what wrong preprocessing costs, with models that have been trained.
#
# ### Quick questions
#
# <details><summary>1. Why must a checkpoint not be loaded with <code>pickle.load</code>?</summary>
#
# A pickle is a program: unpickling may call any function with any arguments. Use
# `torch.load(…, weights_only=True)`, which calls only what builds tensors, or take safetensors.
#
# </details>
#
# <details><summary>2. The model takes any picture size. Can a checkpoint trained at 256 pixels be used at
# 512?</summary>
#
# It runs, with four times as many windows of 8. But each object covers twice as many tokens in each direction, which
# the weights have not seen. Part 12 tries something similar.
#
# </details>

# %% [markdown]
# ## 10 · Training, five seeds at a time
#
# The optimiser follows the reference's recipe: AdamW (Loshchilov and Hutter, 2017,
# [arXiv:1711.05101](https://arxiv.org/abs/1711.05101)) with a weight decay of 0.05, a learning rate that first rises
# and then falls along a cosine, and gradient clipping (at norm 5 there, at 1 here). The rest of that recipe is left
# out: mixup, CutMix, random erasing, RandAugment, label smoothing, and 300 epochs (`config.py` in Microsoft's
# repository).
#
# Weight decay pulls *matrices* and convolution kernels towards zero. As in the reference, it leaves alone whatever has
# fewer than two axes (biases, the norms' scales), and also the position network, an absolute position embedding, and
# the logit scale.


# %%
def decay_mask(params: dict) -> dict:
    """Which leaves weight decay applies to: those with two axes or more, except position and logit scale."""

    def decays(path, leaf) -> bool:
        name = jax.tree_util.keystr(path)
        return leaf.ndim > 1 and "position" not in name and "logit_scale" not in name

    return jax.tree_util.tree_map_with_path(decays, params)


# %% [markdown]
# One training run is one draw: other initial weights give another accuracy. So the seed becomes an *argument*.
# Everything that depends on it is in the state, including the key for drop path, and the steps are pure functions. Then
# `vmap` over the states makes one program that trains all seeds at once.


# %%
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
# What is trained depends on the data and the machine. On the course's sample it is a small model, five times. On the
# real pictures it is one model: `micro` on a CPU, `tiny` at 256 pixels in bfloat16 on a GPU. In bfloat16 the operands
# of matrix products are rounded to 8 significant bits; the parameters, the softmax and the logits stay in float32.


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
    settings = Settings(small, SIZE, 32, 5, 4e-3, seeds=5)
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
# `in_axes=(0, None)` means: one state for each seed, the same batch for all. With S seeds, all leaves of the state get
# a leading axis `[S, …]`, and so does the loss. Since all seeds see the same batches in the same order, they differ
# only in their initial weights (and in drop path, where there is any).

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


# %% [markdown]
# Now the training itself. After each epoch all seeds are evaluated on the validation set:


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
# The pale lines are the seeds, the strong line is their mean. How precise is that mean? A 95 % interval for the mean of
# $n$ seeds is $\pm\, t \cdot s / \sqrt n$, with the standard deviation $s$ of the seeds and Student's $t$, which is
# 2.78 for five seeds. The interval is about *other seeds on these pictures*. Other pictures are another source of
# chance: an accuracy of $p = 0.2$ on 300 pictures has an interval of $\pm\, 1.96 \sqrt{p\,(1 - p) / 300}$ of its own,
# which is 4.5 percentage points.


# %%
def interval(values: np.ndarray, level: float = 0.95) -> float:
    """Half the confidence interval for the mean of S seeds; NaN for one seed, which has none."""
    if len(values) < 2:
        return math.nan
    return float(stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))


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
# In the run stored here all five seeds are well above a guess and far from good, as one may expect of a small model
# after five epochs on 1,200 drawings. The accuracy is that on the data named in part 1: a figure on drawings says
# nothing about Imagenette. Nothing was chosen by looking at the validation set. All seeds are shown, each with its last
# weights.
#
# With `COURSE_DATA=tfds` the same cells train on the real pictures, with one seed to save time. One run has no
# interval; raise `seeds` if you want to compare something.
#
# A convolution has two assumptions built in: that neighbours matter, and that a pattern may appear anywhere. Attention
# over a whole picture has to learn both. Trained on ImageNet alone and without strong regularisation, vision
# transformers stayed a few percentage points behind ResNets of comparable size; after 14 to 300 million pictures they
# were ahead (Dosovitskiy et al., 2020, section 1). Swin's windows bring some locality back. Still, weights that
# somebody else has trained on many pictures are often the better start, and that is why parts 8 and 9 matter. We have
# not compared this model with a convolutional network on these pictures.
#
# ### Quick questions
#
# <details><summary>1. <code>vmap</code> over five states runs five times the arithmetic. What is gained over a loop of
# five runs?</summary>
#
# There is one compilation instead of five (unless the runs share it), every batch is read once, and small operations
# become five times as large, which can keep a processor busier. The price is memory: five states, five sets of
# activations.
#
# </details>
#
# <details><summary>2. Why may the state be donated, and what happens to the old one?</summary>
#
# Nothing needs the old state after the step. `donate_argnums=0` lets XLA write the new state into its memory. The old
# arrays are deleted, so the loop must continue with what `train_step` returned.
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
# Part 6 looked at random branches. Now we look at the trained models: how large are the activations that each block
# hands on? `capture_intermediates` keeps the output of every `Block`. (The bars are means over the seeds; the thin
# lines reach from the smallest to the largest.)

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
# The sizes stay close to 1 from the first block to the last. (Patch merging normalises, so there the sum starts over.)
# Three blocks are few, so this shows how to look at activations more than what depth does to them. The factors on the
# cosines have moved little from 10. In these small models the mask of −100 is as good as −∞ (part 4).
#
# From here on, whenever we look inside a model, it is that of the first seed.
#
# ### Quick questions
#
# <details><summary>1. Why does <code>look</code> need <code>mutable=["intermediates"]</code>?</summary>
#
# What `sow` and `capture_intermediates` keep goes into a collection of variables. A pure function can't store anything
# on the side, so `apply` returns the collection, and does so only if it is declared mutable.
#
# </details>
#
# <details><summary>2. Version 1 normalises a branch's input and adds its output as it comes. What could its sizes do
# with depth?</summary>
#
# They can grow from block to block, since each adds a number of any size to the sum. The paper reports this for large
# models of version 1, as the reason for normalising the output.
#
# </details>

# %% [markdown]
# ## 12 · The learnt bias, a change of window, and a wrong input
#
# What has the small position network learnt? The plot shows its bias for each offset, as a surface over rows and
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
figure, axes = plt.subplots(2, heads, figsize=(3.6 * heads, 6.4), subplot_kw={"projection": "3d"})
for row, window in zip(axes, (was, now), strict=True):
    table = bias_table(params, "stage0_block0", heads, window, was)
    offsets = np.arange(1 - window, window)
    for head, place in enumerate(row):
        place.plot_surface(*np.meshgrid(offsets, offsets, indexing="ij"), table[:, :, head], cmap="viridis")
        place.set_title(f"head {head}, window {window}", fontsize=10)
        ticks = (1 - window, 0, window - 1)
        place.set(xlabel="rows", ylabel="columns", xticks=ticks, yticks=ticks)
        place.set_box_aspect(None, zoom=0.85)  # room for the labels
plt.show()

same = np.allclose(
    bias_table(params, "stage0_block0", heads, now, was)[was : was + 2 * was - 1, was : was + 2 * was - 1],
    bias_table(params, "stage0_block0", heads, was, was),
    atol=1e-4,
)
print("for the offsets that both windows have, the bias is the same:", same)

# %% [markdown]
# The inner part of the lower surface is the upper one, and the surface continues smoothly outside it.
#
# A table, as in version 1, has no values outside. Interpolating it to the larger window stretches it, so each offset
# gets the bias of about half that offset. The network should give nearly the same if it is *not told* what window it
# was trained with, because then it divides by the larger one:

# %%
table = bias_table(params, "stage0_block0", heads, was, was)
stretched = jax.image.resize(table, (2 * now - 1, 2 * now - 1, heads), method="cubic")
not_told = bias_table(params, "stage0_block0", heads, now, now)
told = bias_table(params, "stage0_block0", heads, now, was)
print(f"range of the table: {np.ptp(table):.3f}")
print(f"stretched table and function that was not told: {np.abs(stretched - not_told).mean():.3f} apart on average")
print(f"stretched table and function that was told:     {np.abs(stretched - told).mean():.3f}")

# %% [markdown]
# So it does: the stretched table is much closer to the function that was not told than to the one that was.
#
# There are thus two ways to use a model with twice the window, and the field `trained_windows` chooses between them.
# The bias belongs to an offset *in tokens* (told), or to an offset *relative to the window* (not told; version 1's
# way). Which is better? We try both on pictures of twice the size with the doubled window, for all seeds. For
# comparison we include the size and window of the training.
#
# <details><summary><b>Guess first:</b> no weight is changed. Which of the three has the best accuracy on these
# drawings, and how large will the differences be?</summary>
#
# None can be named on this evidence. One could argue either way beforehand: twice the pixels show more detail, but the
# weights have seen objects half as large. In the stored run the differences are a fraction of a percentage point, and
# smaller than their intervals.
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


def compare_ways(accuracies: dict[str, np.ndarray], level: float) -> None:
    """Draw the accuracies [S] of usual, told and not told, in this order, and tell them apart by intervals."""
    draw_seeds(accuracies, f"weights from {size} pixels")
    usual, told, not_told = accuracies.values()
    for name, difference in (("told − not told", told - not_told), ("told − usual", told - usual)):
        print(f"{name}: {100 * difference.mean():+.1f} % ± {100 * interval(difference, level):.1f} %")


compare_ways(accuracies, level=0.95)

# %% [markdown]
# In the run stored here both intervals contain 0. With these five seeds and 300 drawings neither way is shown to be
# better, and twice the size is shown to be neither better nor worse than the usual one. That doesn't show that they are
# equal: a difference smaller than the interval's half-width, about a percentage point for "told − usual", could go
# unnoticed.
#
# ### The same on photographs
#
# So the same functions were run once more, on real pictures, for longer and with ten seeds: each model learnt from
# 2,000 photographs of Imagenette for 30 epochs, with flips and crops, and was checked on 500 others. These settings
# were fixed beforehand and run once. The result is stored in `ressources/studies`, with the data, the machine and the
# date. (To repeat it, use `COURSE_DATA=tfds` and the small model's `Settings`, with these values.)
#
# Two comparisons share the 5 % of error (Bonferroni's correction), so each interval gets 97.5 %.

# %%
photographs = json.loads((paths.RESSOURCES / "studies" / "imagenette_window.json").read_text(encoding="utf-8"))
for what in ("data", "trial", "machine", "date"):
    print(photographs[what])
compare_ways({way: np.array(values) / 100 for way, values in photographs["accuracies"].items()}, level=1 - 0.05 / 2)

# %% [markdown]
# Here something is decided. Between told and not told, the interval allows a mean difference of half a point at most:
# for this model the choice hardly matters. And twice the size, without training at it, does not help. It may cost up
# to three points. Whether it costs anything is not settled, since the interval just contains 0.
#
# How well weights carry over to another size depends on how well they were trained, and this is a small model that saw
# few pictures. Some of the published models were trained at 192 pixels with windows of 12, then fine-tuned at 256 with
# 16 or at 384 with 24 (`swinv2_base_window12to16_192to256` and `swinv2_base_window12to24_192to384` in timm's list).
# Table 1 of "Swin Transformer V2" compares tables and functions for larger windows.
#
# Microsoft's code also offers an *absolute* position embedding, a learnt vector for each place. It fits only one size;
# for another it would have to be interpolated, like a table:

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
# Part 9 said that a checkpoint needs the preprocessing it was trained with. We now give the trained models the
# validation pictures in other forms: normalised by ImageNet's mean and deviation instead of Imagenette's, left in 0 …
# 1, left in 0 … 255, or with red and blue exchanged (OpenCV reads files in that order).
#
# <details><summary><b>Guess first:</b> which of the four mistakes bring the accuracy down nearly to a guess?</summary>
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
# In 0 … 1 or in 0 … 255, where the mean is not subtracted, the models do hardly better than a guess. The two are nearly
# the same mistake: the LayerNorm after the patches removes the factor of 255, but not the missing mean. In the run
# stored here ImageNet's mean and deviation cost some points, though each number is within 0.08 of Imagenette's
# (`utils/data/sets.py`). The interval for red and blue contains 0, so five seeds and these drawings cannot tell what
# exchanging them costs. (With four intervals, do not rely on one that barely misses 0. If they were independent, at
# least one of four intervals at 95 % would miss the true value in $1 - 0.95^4 \approx 19$ % of experiments.) None of
# these mistakes raised an error. A checkpoint with wrong preprocessing just does worse.
#
# ### Quick questions
#
# <details><summary>1. Why do we average the <em>differences</em> of each seed, instead of comparing two means with
# their own intervals?</summary>
#
# Each seed is measured both ways, so what makes a seed good or bad in general cancels in its difference. The interval
# of the paired differences is the right one for this question, and usually narrower than that of two independent
# groups.
#
# </details>
#
# <details><summary>2. A model was trained with windows of 8 and is used with 16. Which value goes into
# <code>trained_windows</code>?</summary>
#
# 8 for each stage whose windows were 8. For a stage whose map was smaller than a window, the size of that map. (For
# timm's models trained at 192 pixels with windows of 12 it is (12, 12, 12, 6): the last map has 6 × 6 tokens.)
#
# </details>

# %% [markdown]
# ## 13 · Where does a head look?
#
# `sow` kept the attention weights. How much attention does each token get from the tokens of its window: more than an
# equal share, or less? Put together over all windows, and rolled back where they were shifted, the answers form a map
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
# Now the other direction, for one query (the cross): how does it share out its attention over its window, head by head?

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
# The maps differ from head to head and between the plain and the shifted block. They are a look inside, not an
# explanation: what a token passes on when it is attended to is in its value, which no map shows. (For the dispute about
# this see Jain and Wallace, 2019, "Attention is not Explanation", [arXiv:1902.10186](https://arxiv.org/abs/1902.10186),
# and the reply by Wiegreffe and Pinter, 2019, "Attention is not not Explanation",
# [arXiv:1908.04626](https://arxiv.org/abs/1908.04626).)
#
# ### Quick questions
#
# <details><summary>1. Why does the map of a shifted block have to be rolled back?</summary>
#
# Its windows were cut from the rolled map. Without rolling back, each token's share would be drawn half a window above
# and to the left of the token.
#
# </details>
#
# <details><summary>2. Averaged over the tokens of a window, the attention received is exactly an equal share.
# Why?</summary>
#
# Each row of the weights adds up to 1. T queries give T in total, shared among T tokens: 1 on average.
#
# </details>

# %% [markdown]
# ## 14 · Where the time of a step goes
#
# How long do the parts of one training step take? We distinguish reading a batch (`input`), copying it to the device
# (`transfer`), the forward pass, the time that the gradients add to it (`backward`), and the optimiser (`update`). Each
# was timed as a program of its own; `step` is the whole as one program, and `dispatch` the time until its call returns
# to Python. (Unit 06 does the same for ResNet18.) This is the micro model with pictures of 128 pixels, measured once
# and stored:

# %% tags=["nbval-ignore-output"]
breakdown.show("swin_micro")

# %% [markdown]
# The backward pass takes about three times as long as the forward pass. Counting matrix products suggests twice: each
# product of the forward pass needs two in the backward pass. So something besides them takes time there. The optimiser
# takes hardly any, and the whole step about as long as its parts together.
#
# To look closer, *trace* a few steps. The profiler records when each operation of the compiled program ran. Here is the
# training step of part 10, with the times added up by kind of operation:
#
# <details><summary><b>Guess first:</b> what share of the time goes to matrix products?</summary>
#
# In the run stored here most of it, and that includes sums. The rest is softmax, norms, GELU, and operations that only
# move numbers.
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

# %% [markdown]
# The twelve kinds that take the longest:

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
# In the run stored here most of the time goes to matrix products and sums: to `dot`, and to `ynn_fusion`, XLA's name
# for what it hands to YNNPACK, a library for CPUs. Among the longest of the others are names that speak of moving
# numbers: copy, transpose, broadcast. (A fusion's name lists only some of its operations, so this is a rough reading.)
# A window transformer cuts, rolls, transposes and puts together in each block, and once more for the gradients. Each
# such copy costs no arithmetic, but memory traffic.
#
# What can be done? If the cut, a product and the softmax run *fused*, as one kernel, what lies between them need not be
# written to memory. XLA fuses elementwise operations with their neighbours. But on a CPU matrix products are operations
# of their own, as the entry `dot` shows, so what goes into them and comes out passes through memory. For GPUs, fused
# attention kernels are written by hand: `jax.nn.dot_product_attention(…, implementation="cudnn")` calls one, for some
# shapes and for 16-bit numbers. Without that argument it falls back to XLA
# ([documentation](https://docs.jax.dev/en/latest/_autosummary/jax.nn.dot_product_attention.html)). We have not measured
# what it would gain here.
#
# ### Quick questions
#
# <details><summary>1. Why is <code>dispatch</code> so much shorter than <code>step</code>?</summary>
#
# JAX hands work to the device and returns before it is done. A clock stopped without `block_until_ready` measures only
# the dispatch.
#
# </details>
#
# <details><summary>2. A trace shows that half of the time goes to copies. Is that wasted?</summary>
#
# Not all of it. Some copies put numbers into an order that makes the next product fast. The question is whether the
# whole program gets faster without them, and only a measurement can tell.
#
# </details>

# %% [markdown]
# ## 15 · A race
#
# We race the micro model against the same model in PyTorch: timm's code, given micro's width and depth, with and
# without `torch.compile`. All use AdamW, float32 and the same pictures, held in memory. The result was made by `python
# -m utils race swin_micro` and stored.

# %% tags=["nbval-ignore-output"]
report.show("swin_micro")

# %% [markdown]
# Each table lists pictures per second. Its last columns say how many times as fast as each of the others JAX was: as in
# this lesson, and as in unit [06](06_make_it_fast.ipynb). Each figure is the median of the rounds, with the lowest and
# the highest. Left: seconds an epoch; the first includes compilation. Right: pictures a second, pale for the first
# epoch. The thin lines reach from the slowest round to the fastest.
#
# On all three processors compiled PyTorch trains faster than the lesson's JAX. In evaluation JAX is ahead of plain
# PyTorch on each, and of compiled PyTorch on the first only.
#
# *JAX, unit 06* has that unit's convolution and compiler options. In the second and the third result, which are newer,
# it also has a GELU and an attention that compute the same in other operations (`utils/races/faster.py`). On the second
# processor (family 23) it trains about as fast as compiled PyTorch, on the third, an Intel, at three quarters of its
# speed. In evaluation it is ahead on both by the median.
#
# The first step is a different matter. Plain PyTorch needs about a second for it or less, JAX more than ten times as
# long, and `torch.compile`, which writes C++ and calls a compiler, minutes on the slower two. (By default
# `torch.compile` [keeps its result on
# disk](https://docs.pytorch.org/tutorials/recipes/torch_compile_caching_configuration_tutorial.html) for the next time.
# JAX has such a cache too, if you turn it on. In a race each run starts with an empty cache.)
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
# In training that takes hours, the time to compile hardly matters; the time per step does.
#
# ### The real size, and a claim to test
#
# The idea of this unit comes from a repository, "JAX implementation of Swin-Transformer v2"
# ([minyoungpark1/swin_transformer_v2_jax](https://github.com/minyoungpark1/swin_transformer_v2_jax), 2022), whose
# README reports a race of its own: the tiny model on Imagenette at 256 pixels, with batches of 32 and of 64, for five
# epochs on one GPU (a Tesla V100). Leaving out the first epoch, JAX was a quarter faster than PyTorch in training, and
# 2.3 to 2.4 times as fast in validation.
#
# Before you believe such a figure, read the loop. In validation (`validate_jax` in `core/function.py`) the clock is
# read right after the call, without waiting for the device. So it timed how fast JAX *dispatches* work. (In training,
# `loss.item()` waits.) Each framework read its pictures with a loader of its own. And the two models were not the same.
# In `models/swin_transformer_jax.py`
#
# - the GELU is the approximation by tanh;
# - LayerNorm has Flax's epsilon, and the last one has an epsilon of 768, because the number of channels was passed as
#   Flax's first field;
# - the factor on the cosines is neither exponentiated nor limited from above;
# - merging normalises before its matrix;
# - rows and columns are exchanged in the table of offsets;
# - the last layer of the position network has a bias.
#
# Here is that race again, with the model that part 8 has compared, the same pictures in memory for everybody, and
# clocks that wait. It ran without a GPU. On two cores an epoch of Imagenette's 9,469 pictures would take JAX about
# three quarters of an hour at the pace below, so an epoch is cut to 64 pictures: two steps of 32, or one of 64. The
# result shows the pace of these programs on a CPU, and nothing about a GPU.
#
# <details><summary><b>Guess first:</b> is JAX ahead of plain PyTorch in training, and in validation?</summary>
#
# In validation it is behind, with either batch size. In training it is ahead with 32 pictures a batch, and behind with
# 64.
#
# </details>

# %% tags=["nbval-ignore-output"]
report.show("swin_tiny_32_float32")

# %% tags=["nbval-ignore-output"]
report.show("swin_tiny_64_float32")

# %% [markdown]
# Neither part of the claim is confirmed here. In validation JAX comes last with either batch size. In training it is
# ahead of plain PyTorch with a batch of 32 and behind with 64, and behind compiled PyTorch with both. The price of
# `torch.compile` is its first step. (With a batch of 64 an epoch is one step, so the first epoch *is* that step.)
#
# Why is JAX so much slower with 64? It needs about 1.8 times as long for the same 64 pictures. A suspect is memory,
# since what a step keeps between the forward and the backward pass grows with the batch. A compiled program can say how
# much temporary memory it uses. For part 10's step:

# %% tags=["nbval-ignore-output"]
memory = train_step.memory_analysis()
print(f"in between: {memory.temp_size_in_bytes / 1e6:.0f} MB")

# %% [markdown]
# We made the same call for the race's step of tiny at 256 pixels, compiled from `jax.ShapeDtypeStruct`s so that nothing
# need run. On two cores of an Intel Xeon (family 6, model 207), on 28 November 2026, with jax 0.12.0.1 and float32, it
# gave 9.9 GB for a batch of 32 and 19.8 GB for 64. The machine of the race has 24 GB. That suggests memory traffic
# rather than arithmetic, but we have not taken the step apart. `jax.checkpoint` (unit 06) saves memory at the price of
# arithmetic; on this model we have not tried it.
#
# On a machine with a GPU, `python -m utils race` runs the whole protocol, in bfloat16 too, and the result appears here
# beside ours.
#
# ### Quick questions
#
# <details><summary>1. The clock of a loop is read after each call of a jitted function, and the results are fetched
# after the loop. What was measured?</summary>
#
# The dispatch: a call hands out work and returns before it is done. Only fetching the results waits, and that came
# after the last reading of the clock.
#
# </details>
#
# <details><summary>2. Why are runs compared in pairs, round by round?</summary>
#
# The machine's speed drifts. The two runs of one round are close in time, so their ratio suffers less from the drift
# than a ratio of two means over all rounds.
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
# - Cutting a map into windows is a `reshape`, a `transpose`, a `reshape`. Shifting the windows is a roll, plus a mask
#   for tokens that share a window by accident. The reference's −100 is a finite number, not −∞.
# - What depends only on shapes is computed by NumPy while JAX traces, and becomes a constant of the program.
# - Cosine attention compares directions; its factor is learnt and limited.
# - A bias that is a *function* of the offset can be asked for any window; a table has to be interpolated.
# - Normalise the output of a branch, and its size no longer depends on the weights of the branch.
# - Put `maximum` inside the root: a right value is not enough, the gradient must be finite too.
# - To show that two models compute the same function, give both the same weights, with no tensor at its starting value,
#   and compare logits *and* gradients. How training starts is a different question. Trust such a test once it has
#   caught mistakes made on purpose.
# - A checkpoint is weights, names *and* preprocessing.
# - A seed is an argument: `vmap` over keys trains several in one program, and the spread of their results says how much
#   a difference means.
#
# **Now you:** in `exercises/05_swin_v2_imagenette` you write the pieces yourself. The checks know the mistakes that
# real ports have made.

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
# - Jain and Wallace, "Attention is not explanation", 2019, [arXiv:1902.10186](https://arxiv.org/abs/1902.10186);
#   Wiegreffe and Pinter, "Attention is not not explanation", 2019,
#   [arXiv:1908.04626](https://arxiv.org/abs/1908.04626).
# - Howard, [Imagenette](https://github.com/fastai/imagenette), 2019.
# - "JAX implementation of Swin-Transformer v2",
#   [minyoungpark1/swin_transformer_v2_jax](https://github.com/minyoungpark1/swin_transformer_v2_jax), 2022: the race
#   that part 15 repeats.
# - JAX's documentation of
#   [`jax.nn.dot_product_attention`](https://docs.jax.dev/en/latest/_autosummary/jax.nn.dot_product_attention.html).
