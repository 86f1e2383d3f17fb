# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · Exercises: Swin Transformer v2, piece by piece
#
# The lesson built a Swin Transformer v2 and showed that it agrees with the reference implementation. Now you write its
# parts: window partitioning and its inverse, the mask of shifted windows, cosine attention, the position bias, patch
# merging, and a block. Typical mistakes here are hard to notice: the shapes are right and the model trains, but it is a
# *different* model, slightly worse and incompatible with published weights. So the checks compare values. At the end
# your parts are assembled and trained.
#
# The exercises are independent. Replace the line `raise NotImplementedError("your code here")`, run the cell, then run
# the check cell below it. If your answer is wrong, the check names the likely cause and says whose version the notebook
# continues with. For a hint, run `check.hint("NAME")` in a new cell; there are three for each exercise. The checks,
# except those of `shift_mask` and `log_coordinates`, trace your code as `jax.jit` does: while it runs, its arrays have
# shapes and dtypes, but no values.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

import math

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import linen as nn

from utils import checks, data, plots
from utils.progress import track

check = checks.unit("05_swin_v2_imagenette")

# %%
train = data.load("imagenette/160px-v2", "train[:960]", batch_size=32, shuffle=True, seed=0, size=32)
validation = data.load("imagenette/160px-v2", "validation", batch_size=100, size=32)
pictures = next(iter(validation)).image[:8]  # [8, 32, 32, 3], to look at

# %% [markdown]
# ## Exercise 1: windows ★★☆ (8 minutes, 2 points)
#
# Cut feature maps into square windows of `window` × `window` tokens. In plain Python, for one map `x` of `H` × `W`
# tokens:
#
# ```python
# windows = []
# for top in range(0, H, window):                          # windows row by row
#     for left in range(0, W, window):
#         windows.append([x[top + i, left + j] for i in range(window) for j in range(window)])   # tokens row by row
# ```
#
# Your version handles all maps of a batch without a loop: `reshape`, `transpose`, `reshape`. Stuck?
# `check.hint("window_partition")`.


# %%
def window_partition(x: jax.Array, window: int) -> jax.Array:
    """Cut maps into windows.

    x: [B, H, W, C], H and W multiples of window. Returns [B, N, T, C]: N = H/window · W/window windows, row by row,
    with T = window² tokens each, row by row.
    """
    raise NotImplementedError("your code here")


# %%
window_partition = check.window_partition(window_partition)

# %% [markdown]
# A picture of 32 × 32 pixels, cut into sixteen windows of 8 × 8 pixels:

# %%
tiles = window_partition(pictures[:1], 8)[0].reshape(16, 8, 8, 3)
plots.images(train.denormalise(tiles), columns=4, size=0.6, title="sixteen windows")
plt.show()

# %% [markdown]
# ## Exercise 2: and back ★☆☆ (5 minutes, 1 point)
#
# Write the inverse: put the windows back together into maps of `height` × `width` tokens. Stuck?
# `check.hint("window_reverse")`.


# %%
def window_reverse(windows: jax.Array, window: int, height: int, width: int) -> jax.Array:
    """Put windows together. windows: [B, N, T, C], as `window_partition` returns. Returns [B, height, width, C]."""
    raise NotImplementedError("your code here")


# %%
window_reverse = check.window_reverse(window_reverse)

# %%
there_and_back = window_reverse(window_partition(pictures, 8), 8, 32, 32)
print("there and back:", bool(jnp.array_equal(there_and_back, pictures)))

# %% [markdown]
# ## Exercise 3: the mask of shifted windows ★★★ (15 minutes, 3 points)
#
# Every second block shifts its windows: the map is rolled up and to the left by `shift`, so its top rows reappear at
# the bottom and its left columns on the right. The last row and the last column of windows then contain tokens that are
# not neighbours in the original map. These must not attend to each other.
#
# Number the regions of the rolled map. Along each axis there are three: before the last window; in the last window but
# not wrapped round; wrapped round (the last `shift` rows or columns). Together they make nine regions. In plain Python,
# with the slices that the reference implementation uses:
#
# ```python
# slices = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
# region, number = np.zeros((height, width)), 0
# for rows in slices:
#     for columns in slices:
#         region[rows, columns] = number
#         number += 1
# ```
#
# Then cut `region` into windows, `[N, T]`, and compare all pairs of tokens *within each window*: 0 if both are in the
# same region, −100 if not. The mask is added to the logits before the softmax, where −100 becomes a factor of
# $e^{-100}$. That is practically zero in most cases; the lesson shows when it is not.
#
# You can use NumPy, because everything here is known while JAX traces. Do not mix `jnp` and NumPy: the model calls this
# function while it is traced, and NumPy cannot use what `jnp` returns then. Stuck? `check.hint("shift_mask")`.


# %%
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    """The mask for windows on a map that was rolled by -shift along both axes.

    0 < shift < window; height and width are multiples of window, and larger than it.
    Returns [N, T, T] float32: for each window 0.0 where two tokens are in the same region, -100.0 where they are not.
    """
    raise NotImplementedError("your code here")


# %%
shift_mask = check.shift_mask(shift_mask)

# %% [markdown]
# The masks of the nine windows of a 12 × 12 map; yellow means that attention is allowed:

# %%
plots.images(1 + shift_mask(12, 12, 4, 2) / 100, columns=9, size=0.9, cmap="cividis")
plt.show()

# %% [markdown]
# Only the windows in the last row and the last column need a mask.

# %% [markdown]
# ## Exercise 4: cosine attention ★★★ (15 minutes, 3 points)
#
# Swin v1 compares query and key by their dot product. In large models a few pairs of tokens then dominate the attention
# (Liu et al., 2021, "Swin Transformer V2"). Version 2 uses the *cosine* instead, times a factor that each head
# learns:
#
# $$
# \text{attention} = \text{softmax}\left(e^{\min(s,\ \log 100)} \cdot \cos(q, k) + \text{bias} + \text{mask}\right) v
# $$
#
# `logit_scale` is $s$, the *logarithm* of the factor; the factor is clamped at 100. The cosine divides by the lengths
# of both vectors, taken over the last axis. A vector may be zero, for example the key of a padded token. So use
# $\max(\text{length}, 10^{-12})$ as the length, and do it so that neither the value nor the gradient is NaN. Do not
# add anything to the length. Stuck? `check.hint("cosine_attention")`.


# %%
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    """Scaled cosine attention in windows.

    q, k, v: [N, heads, T, D] float32; logit_scale: [heads, 1, 1]; bias: [heads, T, T]; mask: None or [N, T, T], to be
    added to the logits (0 and -100, or any other values).
    Returns [N, heads, T, D] float32.
    """

    raise NotImplementedError("your code here")


# %%
cosine_attention = check.cosine_attention(cosine_attention)

# %% [markdown]
# How sharp can the attention become? One query attends to 64 keys in random directions, one of which is the query
# itself. The attention weight of that nearest key, as the factor grows:

# %%
keys = jax.random.normal(jax.random.key(0), (1, 1, 64, 8))
scales = jnp.linspace(0, 7, 29)
shares = [
    cosine_attention(keys, keys, jnp.eye(64)[None, None], jnp.full((1, 1, 1), scale), jnp.zeros((1, 64, 64)))[
        0, 0, 0, 0
    ]
    for scale in scales
]
figure, axes = plt.subplots(figsize=(5, 2.4))
axes.plot(jnp.exp(scales), shares)
axes.axvline(100, color="black", linewidth=1, linestyle="--")
axes.set(xscale="log", xlabel="learnt factor", ylabel="weight of the nearest key", ylim=(0, 1.05))
plt.show()

# %% [markdown]
# Well below 100 the nearest key already has almost all of the weight. The clamp does not restrict the attention here.

# %% [markdown]
# ## Exercise 5: offsets on a logarithmic scale ★★☆ (10 minutes, 2 points)
#
# Two tokens of a window of $w$ × $w$ tokens are $-(w-1) \ldots w-1$ rows and as many columns apart. A small network
# computes the position bias from this offset, two numbers. So that a network trained on small windows also works for
# large ones, the offsets are scaled:
#
# 1. divide by $w - 1$ and multiply by 8, so that the edge of the window is at 8;
# 2. map $x \mapsto \operatorname{sign}(x) \cdot \log_2(|x| + 1) \,/\, \log_2 8$.
#
# If the weights were trained with *another* window size, `trained` (not 0), step 1 divides by `trained` − 1 instead.
# The row offset comes first, the column offset second. Stuck? `check.hint("log_coordinates")`.


# %%
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    """Log-spaced offsets: [2·window-1, 2·window-1, 2] float32.

    Entry [i, j] holds the scaled row offset i - window + 1 and the scaled column offset j - window + 1.
    window: at least 2. trained: the window that the weights were trained with; 0 means this one.
    """
    raise NotImplementedError("your code here")


# %%
log_coordinates = check.log_coordinates(log_coordinates)

# %% [markdown]
# The row coordinate for a window of 8, and for a window of 16 with weights that were trained with 8:

# %%
figure, axes = plt.subplots(figsize=(5, 2.4))
axes.plot(range(-7, 8), log_coordinates(8)[:, 7, 0], "o-", label="window 8")
axes.plot(range(-15, 16), log_coordinates(16, trained=8)[:, 15, 0], ".-", label="window 16, trained with 8")
axes.set(xlabel="rows apart", ylabel="network input")
axes.legend()
plt.show()

# %% [markdown]
# The larger window goes only a little beyond the inputs that the network was trained on: 1.39 instead of 1.06. On a
# linear scale it would go more than twice as far.

# %% [markdown]
# ## Exercise 6: from the table to the bias ★★☆ (10 minutes, 2 points)
#
# The network returns one number per offset and head: a table of $(2w-1)^2$ rows, in the order of exercise 5. Look up
# the offset of each pair of tokens in it. In plain Python, for one head:
#
# ```python
# for q in range(T):
#     for k in range(T):
#         down, right = q // window - k // window, q % window - k % window     # query minus key
#         bias[q, k] = table[(down + window - 1) * (2 * window - 1) + right + window - 1]
# ```
#
# Write it without loops and for all heads. Then map the bias to the range from 0 to 16 with
# $16 \cdot \operatorname{sigmoid}$. Stuck? `check.hint("position_bias")`.


# %%
def position_bias(table: jax.Array, window: int) -> jax.Array:
    """The bias of every pair of tokens.

    table: [(2·window-1)², heads] float32. Returns [heads, T, T] float32, in 0 … 16.
    """
    raise NotImplementedError("your code here")


# %%
position_bias = check.position_bias(position_bias)

# %% [markdown]
# A table that favours keys that are near the query and to its right. (An offset is query minus key, so a key to the
# right has a negative one.) The bias of four queries (white dots) for all 64 keys of their window:

# %%
down, right = np.moveaxis(log_coordinates(8), -1, 0)
table = jnp.asarray(2 - 4 * np.hypot(down, right) - right).reshape(-1, 1)
(bias,) = position_bias(table, 8)  # one head: [64, 64]
figure, axes = plt.subplots(1, 4, figsize=(7, 1.9))
for place, query in zip(axes, (0, 27, 39, 60), strict=True):
    place.imshow(bias[query].reshape(8, 8), cmap="magma", vmin=0, vmax=16)
    place.plot(query % 8, query // 8, "o", color="white", markersize=4)
    place.axis("off")
plt.show()

# %% [markdown]
# The bias is largest at the query itself. It falls with the distance, and more slowly to the right than to the left.

# %% [markdown]
# ## Exercise 7: merging patches ★★☆ (8 minutes, 2 points)
#
# Between stages the height and the width of the map are halved. The four tokens of each 2 × 2 square are concatenated
# along the channels, in the order
#
# | first | second | third | fourth |
# | --- | --- | --- | --- |
# | row 0, column 0 | row **1**, column 0 | row 0, column **1** | row 1, column 1 |
#
# (down first, then right). The result is multiplied by `kernel` and *then* normalised: subtract the mean over the
# channels, divide by $\sqrt{\text{variance} + 10^{-5}}$, multiply by `scale`, add `bias`. The variance divides by D, as
# `jnp.var` does. (Version 1 normalises first.) Stuck? `check.hint("merge_patches")`.


# %%
def merge_patches(x: jax.Array, kernel: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    """Patch merging.

    x: [B, H, W, C] with even H and W; kernel: [4C, D], where D is 2C in the model; scale, bias: [D].
    Returns [B, H/2, W/2, D] float32.
    """
    raise NotImplementedError("your code here")


# %%
merge_patches = check.merge_patches(merge_patches)

# %% [markdown]
# With a kernel that averages the four tokens, patch merging halves the size of the pictures. (The colours change
# because each pixel is normalised.)

# %%
mean_of_four = jnp.tile(jnp.eye(3), (4, 1)) / 4  # [12, 3], so not twice the channels
small = merge_patches(pictures, mean_of_four, jnp.ones(3), jnp.zeros(3))
plots.images(train.denormalise(pictures), columns=8, size=0.9)
plots.images(train.denormalise(small), columns=8, size=0.45)
plt.show()

# %% [markdown]
# ## Exercise 8: a block ★★★ (15 minutes, 3 points)
#
# A block has two branches, attention and MLP. The output of each branch is normalised and then added to the branch's
# input (res-post-norm):
#
# $$
# x \leftarrow x + \text{drop}(\text{norm}_1(\text{attention}(x))) \qquad
# x \leftarrow x + \text{drop}(\text{norm}_2(\text{mlp}(x)))
# $$
#
# Write it as a Flax module. `attention` and `mlp` are given as fields; call them with `x`. Create the two norms
# yourself: `nn.LayerNorm` with epsilon $10^{-5}$ (Flax's default is $10^{-6}$) and a *scale that is initialised to
# zero*, so that a new block is the identity. Name them `norm1` and `norm2`. `DropPath` is given below: call
# `DropPath(rate)(branch, train)`, once for each branch. Stuck? `check.hint("PostNormBlock")`.


# %%
class DropPath(nn.Module):
    """In training, drop a branch for some examples of a batch."""

    rate: float

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        if not train or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        kept = jax.random.bernoulli(self.make_rng("drop_path"), keep, (x.shape[0], 1, 1, 1))
        return jnp.where(kept, x / keep, 0.0)


# %%
class PostNormBlock(nn.Module):
    """A block with res-post-norm. Maps [B, H, W, C] to maps [B, H, W, C]."""

    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        raise NotImplementedError("your code here")


# %%
PostNormBlock = check.PostNormBlock(PostNormBlock)

# %% [markdown]
# A new block should return its input unchanged. In a stack of many new blocks, activations and gradients then pass
# through unchanged, too.

# %%
block = PostNormBlock(attention=nn.Dense(3), mlp=nn.Dense(3))
weights = block.init(jax.random.key(0), pictures)
print("a new block changes nothing:", bool(jnp.array_equal(block.apply(weights, pictures), pictures)))

# %% [markdown]
# ## All together
#
# A small Swin v2 made of what the checks returned: your functions and your block, or the course's. The pictures have
# 32 × 32 pixels, the patches 4 × 4 pixels and the windows 4 × 4 tokens. There are two blocks on a map of 8 × 8 tokens
# and one on a map of 4 × 4 tokens, which is a single window.


# %%
class Attention(nn.Module):
    """Attention in (shifted) windows of 4 × 4 tokens, made from the functions in `pieces`."""

    pieces: dict
    heads: int
    shift: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        pieces, window = self.pieces, 4
        batch, rows, columns, channels = x.shape
        x = pieces["window_partition"](jnp.roll(x, (-self.shift, -self.shift), axis=(1, 2)), window)
        count = x.shape[1]
        qkv = nn.Dense(3 * channels)(x).reshape(batch * count, window**2, 3, self.heads, -1)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # each [B·N, heads, T, D]
        logit_scale = self.param("logit_scale", nn.initializers.constant(math.log(10)), (self.heads, 1, 1))
        offsets = pieces["log_coordinates"](window).reshape(-1, 2)
        table = nn.Dense(self.heads, use_bias=False)(nn.relu(nn.Dense(64)(offsets)))
        mask = pieces["shift_mask"](rows, columns, window, self.shift) if self.shift else None
        mask = None if mask is None else jnp.tile(mask, (batch, 1, 1))
        x = pieces["cosine_attention"](q, k, v, logit_scale, pieces["position_bias"](table, window), mask)
        x = nn.Dense(channels)(x.transpose(0, 2, 1, 3).reshape(batch, count, window**2, channels))
        x = pieces["window_reverse"](x, window, rows, columns)
        return jnp.roll(x, (self.shift, self.shift), axis=(1, 2))


class SmallSwin(nn.Module):
    """Two blocks on a map of 8 × 8 tokens, one on a map of 4 × 4. [B, 32, 32, 3] to logits [B, 10]."""

    pieces: dict
    width: int = 36

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x = nn.LayerNorm()(nn.Conv(self.width, (4, 4), (4, 4))(x))
        for stage in range(2):
            channels = self.width * 2**stage
            if stage:
                kernel = self.param("merge", nn.initializers.normal(0.02), (2 * channels, channels))
                scale, bias = (
                    self.param("scale", nn.initializers.ones, channels),
                    self.param("bias", nn.initializers.zeros, channels),
                )
                x = self.pieces["merge_patches"](x, kernel, scale, bias)
            for shift in (0, 2) if stage == 0 else (0,):
                attention = Attention(self.pieces, heads=channels // 12, shift=shift)
                mlp = nn.Sequential([nn.Dense(4 * channels), nn.gelu, nn.Dense(channels)])
                x = self.pieces["PostNormBlock"](attention, mlp, drop_path=0.05)(x, train)
        return nn.Dense(10)(nn.LayerNorm()(x).mean(axis=(1, 2)))


# %%
names = (
    "window_partition",
    "window_reverse",
    "shift_mask",
    "cosine_attention",
    "log_coordinates",
    "position_bias",
    "merge_patches",
)
pieces = {name: globals()[name] for name in (*names, "PostNormBlock")}
model = SmallSwin(pieces)
params = jax.jit(model.init)(jax.random.key(0), pictures)
epochs = 12
optimizer = optax.adamw(
    optax.warmup_cosine_decay_schedule(0.0, 5e-3, len(train), epochs * len(train)), weight_decay=0.02
)


@jax.jit
def step(params, opt_state, batch, key):
    """One training step; `key` is for drop path."""

    def loss_fn(params):
        logits = model.apply(params, batch.image, train=True, rngs={"drop_path": key})
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).mean()

    loss, gradients = jax.value_and_grad(loss_fn)(params)
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, loss


opt_state, losses, key = optimizer.init(params), [], jax.random.key(1)
for epoch in track(range(epochs), "training", unit="epoch"):
    for batch in train.epoch(epoch):
        params, opt_state, loss = step(params, opt_state, batch, jax.random.fold_in(key, len(losses)))
        losses.append(loss)

predict = jax.jit(model.apply)
hits = sum(int(jnp.sum(predict(params, b.image).argmax(-1) == b.label, where=b.mask)) for b in validation)
print(f"validation accuracy: {100 * hits / validation.examples:.1f} % (a guess: 10.0 %)")
plots.curves({"loss": [float(loss) for loss in losses]}, xlabel="step")
plt.show()

# %%
check.progress()
