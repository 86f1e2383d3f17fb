# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Exercises: measure, find, cure
#
# The tools that the lesson worked with, written by yourself: a stopwatch that waits, the least time that an operation
# can take, what a profile says, a step in sixteen bits, an epoch as one program, and two gradients of your own. At the
# end they make a small network faster, one measure at a time, on your machine.
#
# Each exercise stands by itself: replace the line `raise NotImplementedError("your code here")`, run the cell, then the
# check cell below it. A check that is not happy says what is likely wrong, and whose version the notebook goes on with.
# Run `check.hint("NAME")` in a cell of your own for a hint; there are three to each exercise.
#
# The lesson is `notebooks/06_make_it_fast.ipynb`. Times differ from machine to machine, and from run to run: where a
# text below says what to expect, it was written on two cores of an AMD EPYC without a GPU.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*sys.path, *Path.cwd().parents, Path.home() / ".cache/jax-course"]  # the course's code: installed, above, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

import gzip
import json
import re
import tempfile
import time
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from flax import linen as nn
from jax import lax

from utils import checks, plots

check = checks.unit("06_make_it_fast")

# %% [markdown]
# ## Exercise 1: a stopwatch that waits ★☆☆ (8 minutes, 1 point)
#
# JAX returns before the work is done: what a call gives back is a promise, and the device goes on computing. And the
# first call of a compiled function compiles it. So a stopwatch for JAX
#
# 1. calls `step(*args)` once, waits for it, and does not count it;
# 2. then, `rounds` times: looks at the clock, calls `step(*args)`, waits until *all* of the result is there, looks at
#    the clock again;
# 3. returns the median of these times: one round in which another program woke up does not move it.
#
# So `step` is called `rounds + 1` times. `clock()` gives the time in seconds, as `time.perf_counter` does; the check
# hands you a clock, and a device, of its own. `step` may return one array or a whole tree of them. Of an even number
# of times the median is the mean of the two in the middle, as `np.median` has it. Stuck? `check.hint("median_time")`.


# %%
def median_time(step, args, rounds, clock=time.perf_counter):
    """The median time of a call of `step(*args)`, in seconds, waited for; a first call is not counted.

    step: a function that returns an array or a tree of arrays, perhaps before they are computed; args: a tuple;
    rounds: an int, at least 1; clock: a function of no arguments that gives the time in seconds. Returns a float.
    """
    raise NotImplementedError("your code here")


# %%
median_time = check.median_time(median_time)

# %% [markdown]
# One product of two matrices, timed three ways: by the first call, by a later call without waiting, and by yours.

# %% tags=["nbval-ignore-output"]
square = jnp.ones((1024, 1024))
product = jax.jit(lambda x: x @ x)
begin = time.perf_counter()
jax.block_until_ready(product(square))
seconds = {"the first call": time.perf_counter() - begin}
begin = time.perf_counter()
result = product(square)
seconds["a later one, not waited for"] = time.perf_counter() - begin
jax.block_until_ready(result)
seconds["yours"] = median_time(product, (square,), rounds=9)
plots.bars(list(seconds), [1000 * each for each in seconds.values()], unit="ms", decimals=2)
plt.show()

# %% [markdown]
# The first bar is mostly the compiler. The second is the time that Python needs to hand the work over, whatever the
# size of the matrices.
#
# ## Exercise 2: how fast can it be? ★☆☆ (8 minutes, 1 point)
#
# A time alone does not say whether there is anything to gain. The *roofline* does: a processor does at most `peak`
# floating-point operations a second, and reads or writes at most `bandwidth` bytes a second. Both go on at the same
# time, so the slower of the two sets the least time that an operation can take.
#
# Write it for the product of two matrices, $[m, k] \cdot [k, n]$. A multiplication and an addition are two operations,
# and there is one pair of them for each row, column and term. At best each matrix is read once, and the result is
# written once; a number has `itemsize` bytes.
#
# The sizes are Python's integers, which have no largest number. Keep them so: $2 \cdot 2048^3$ does not fit into an
# int32. Stuck? `check.hint("roofline")`.


# %%
def roofline(m, k, n, itemsize, peak, bandwidth):
    """The least time of the product of an [m, k] and a [k, n] matrix, and what sets it.

    m, k, n, itemsize: ints, itemsize in bytes; peak: FLOP a second, bandwidth: bytes a second, floats.
    Returns the seconds, a float, and "compute" or "memory", whichever takes longer; "compute" where both take as long.
    """
    raise NotImplementedError("your code here")


# %%
roofline = check.roofline(roofline)

# %% [markdown]
# The roof of your machine: its peak is what the product of two large matrices reaches, its bandwidth what the sum of
# a long array reads. (`long + long` would measure something else: fresh memory for the result.) Under it, products of
# a [2048, 2048] matrix with more and more columns: with one column it is the product of a dense layer and a single
# example, with 1024 that of a large batch.

# %% tags=["nbval-ignore-output"]
size = 2048
long = jnp.ones(2**24)  # 64 MiB
peak = 2 * size**3 / median_time(product, (jnp.ones((size, size)),), rounds=3)
bandwidth = 4 * long.size / median_time(jax.jit(jnp.sum), (long,), rounds=9)
print(f"peak {peak / 1e9:.0f} GFLOP/s, bandwidth {bandwidth / 1e9:.1f} GB/s")

left, intensities, reached, roof = jnp.ones((size, size)), [], [], []
for columns in (1, 4, 16, 64, 256, 1024):
    flop, moved = 2 * size**2 * columns, 4 * (size**2 + 2 * size * columns)
    seconds = median_time(jax.jit(jnp.matmul), (left, jnp.ones((size, columns))), rounds=5)
    least, limit = roofline(size, size, columns, 4, peak, bandwidth)
    intensities.append(flop / moved)
    reached.append(flop / seconds / 1e9)
    roof.append(flop / least / 1e9)
    print(f"{columns:5} columns: {1e6 * seconds:8.0f} µs, at least {1e6 * least:8.0f}, by {limit}")

figure, axes = plt.subplots(figsize=(5, 2.8))
axes.loglog(intensities, roof, color="black", label="the roof")
axes.loglog(intensities, reached, "o", label="measured")
axes.set(xlabel="FLOP per byte", ylabel="GFLOP/s")
axes.legend()
plt.show()

# %% [markdown]
# Products with few columns lie under the sloping part of the roof: they wait for memory, and a faster processor would
# not help. So a batch of 16 costs little more than a single example. (A point above the slope is no mistake of yours:
# 16 MiB may fit into the processor's cache, which is faster than its memory.)
#
# ## Exercise 3: what a profile says ★★☆ (12 minutes, 2 points)
#
# A profile is a list of events: when each operation of a program began and ended. Added up by name they say where the
# time went. Not quite: an event may have others *inside* it. The body of a loop runs within the loop's own event, and
# so on, any number of levels deep. Whoever adds up durations counts the body twice and finds that the loop is slow.
#
# What you want is each name's *own* time: of every event its duration, less that of the events *directly* inside it,
# summed over all events of that name.
#
# ```
# while ──────────────────────────────────   0 … 100    own: 100 - 60 - 30 = 10
#   dot ──────────────────────               5 …  65    own:  60 - 20     = 40
#     copy ───────                          10 …  30    own:  20
#                           dot ────────    65 …  95    own:  30              {"while": 10, "dot": 70, "copy": 20}
# ```
#
# Events lie apart (one may begin in the very microsecond in which another ends), or one lies inside the other; they may
# begin or end together, but no two do both. They come in no particular order, and every event lasts. Stuck?
# `check.hint("self_times")`.


# %%
def self_times(events):
    """The own time of each name in a profile.

    events: a list of (name, begin, end) with begin < end, in microseconds, all of one thread, perhaps empty; it
    stays as it is.
    Returns a dict from each name to the time spent in its events but in none inside them, in microseconds.
    """
    raise NotImplementedError("your code here")


# %%
self_times = check.self_times(self_times)

# %% [markdown]
# A real one: ten products in a `lax.scan`, recorded by JAX's profiler. The names are those of the compiled program,
# without their numbers.


# %%
def events_of(call, *args) -> list[tuple[str, float, float]]:
    """The operations of a compiled program as JAX's profiler saw them, on the thread that ran most of them."""
    jax.block_until_ready(call(*args))
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            jax.block_until_ready(call(*args))
        (file,) = Path(folder).rglob("*.trace.json.gz")
        recorded = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    by_thread = {}
    for event in recorded:
        if (name := event.get("args", {}).get("hlo_op")) and event["dur"] > 0:
            begin, lasts = round(1000 * event["ts"]), round(1000 * event["dur"])  # whole nanoseconds: no rounding below
            place = re.sub(r"[.\d]+$", "", name), begin / 1000, (begin + lasts) / 1000
            by_thread.setdefault((event["pid"], event["tid"]), []).append(place)
    return max(by_thread.values(), key=len)


@jax.jit
def ten_products(x):
    """Ten times the product with itself, scaled."""
    return lax.scan(lambda x, _: (jnp.tanh(x @ x) / 30, None), x, None, length=10)[0]


# %% tags=["nbval-ignore-output"]
events = events_of(ten_products, jnp.ones((512, 512)))
durations = {}
for name, begin, end in events:
    durations[name] = durations.get(name, 0) + end - begin
own = self_times(events)
names = sorted(own, key=own.get, reverse=True)[:5]
plots.bars(names, [durations[name] / 1000 for name in names], unit="ms", decimals=2, title="durations added up")
plots.bars(names, [own[name] / 1000 for name in names], unit="ms", decimals=2, title="own times")
plt.show()

# %% [markdown]
# By durations the loop takes as long as everything else together. By own times it takes next to nothing: look at the
# product.
#
# ## Exercise 4: a step in sixteen bits ★★☆ (12 minutes, 2 points)
#
# bfloat16 takes half the memory, and hardware that was made for it multiplies several times as fast. But it has not
# quite three digits: neighbouring numbers near 1 are 0.008 apart, so a weight of 1 that is to move by 0.001 does not
# move at all. Hence *mixed* precision, here for one step of plain gradient descent:
#
# - the weights stay in float32; a copy in bfloat16 is made for each step, and the pictures are rounded, too;
# - `loss_fn` computes in what it is given, and returns one loss for each example;
# - their mean is taken in float32, and the weights are updated in float32, weight − rate · gradient: this product, too.
#
# Labels are integers and stay as they are: above 256, bfloat16 does not even hold every whole number. Stuck?
# `check.hint("half_step")`.


# %%
def half_step(loss_fn, params, images, labels, rate):
    """One step of gradient descent, computed in bfloat16, for weights that are kept in float32.

    loss_fn(params, images, labels) gives the examples' losses, [B], and computes in the dtype of params and images.
    params: a tree of float32 arrays; images: [B, ...] float32; labels: [B] int32; rate: a float.
    Returns the new params, float32, and the mean loss before the step, a float32 scalar.
    """

    raise NotImplementedError("your code here")


# %%
half_step = check.half_step(half_step)

# %% [markdown]
# Two thousand small steps of a regression, three times: in float32, by your step, and with weights that are rounded to
# bfloat16 after every step.


# %%
def squared_errors(params, x, y):
    """Each example's squared error of a linear model. x: [B, D]; y: [B]. Returns [B]."""
    return (x @ params["w"] - y.astype(x.dtype)) ** 2


@partial(jax.jit, static_argnames=("step", "rounded"))
def errors_of(step, params, x, y, rounded):
    """The float32 loss after each of 2,000 steps. Rounded: the weights are kept in bfloat16."""

    def one(params, _):
        params, _ = step(params, x, y)
        if rounded:
            params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16).astype(jnp.float32), params)
        return params, squared_errors(params, x, y).mean()

    return lax.scan(one, params, None, length=2000)[1]


def full_step(params, x, y):
    """The same step in float32."""
    gradients = jax.grad(lambda params: squared_errors(params, x, y).mean())(params)
    return jax.tree.map(lambda leaf, gradient: leaf - 2e-3 * gradient, params, gradients), None


x = jax.random.normal(jax.random.key(0), (64, 8))
y = jnp.round(x @ jnp.linspace(-3, 3, 8)).astype(jnp.int32)
start = {"w": jnp.ones(8)}
by_half = partial(half_step, squared_errors, rate=2e-3)
errors = {
    "float32": errors_of(full_step, start, x, y, rounded=False),
    "half_step": errors_of(by_half, start, x, y, rounded=False),
    "weights in bfloat16": errors_of(by_half, start, x, y, rounded=True),
}
figure, axes = plt.subplots(figsize=(5, 2.4))
for name, values in errors.items():
    axes.semilogy(values, label=name)
axes.set(xlabel="step", ylabel="loss in float32")
axes.legend()
plt.show()

# %% [markdown]
# The first two lie close together. The third stops where its steps become smaller than half the distance between two
# neighbouring numbers.
#
# ## Exercise 5: an epoch as one program ★★☆ (15 minutes, 3 points)
#
# A loop in Python hands over one step at a time, and a batch with it. Where a step is short, that is a good part of the
# time. If the pictures fit into the device's memory, put them there once, and let *one* program run the whole epoch:
# all that it needs from outside is the order, an array of indices.
#
# ```python
# losses = []
# for indices in order:                                             # [B] each
#     state, loss = step(state, images[indices], labels[indices])
#     losses.append(loss)
# return state, np.stack(losses)
# ```
#
# Written as above the loop would be unrolled: a program that grows with the number of steps, and compiles for minutes.
# Yours keeps its length, whatever their number: `lax.scan` holds the step once. And it takes each batch *inside*
# the loop: `images[order]` before it would be a second copy of all pictures, in another order. The check looks at the
# program for both. Stuck? `check.hint("epoch")`.


# %%
def epoch(step, state, images, labels, order):
    """All steps of an epoch in one program, which does not grow with their number.

    step(state, images [B, ...], labels [B]) gives the new state, a tree of the same form, and the loss, a scalar.
    images: [N, H, W, C] uint8, labels: [N] int32; order: [S, B] int32, what each of the S batches consists of.
    Returns the last state and the losses of all steps, [S].
    """

    raise NotImplementedError("your code here")


# %%
epoch = check.epoch(epoch)

# %% [markdown]
# 2,048 drawn pictures of 8×8 pixels, bright on the left or on the right, and a very small network: so small that the
# loop in Python is what takes the time.


# %%
def small_step(params, images, labels):
    """A step of gradient descent for a network of two layers."""

    def loss_fn(params):
        x = images.reshape(len(images), -1) / 255.0 - 0.5
        logits = jax.nn.relu(x @ params["first"]) @ params["second"]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()

    loss, gradients = jax.value_and_grad(loss_fn)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - 0.1 * gradient, params, gradients), loss


draw = np.random.default_rng(0)
labels = draw.integers(0, 2, 2048).astype(np.int32)
images = draw.integers(0, 200, (2048, 8, 8, 1))
images += 40 * (np.arange(8)[:, None] // 4 == labels[:, None, None, None])  # the half that is brighter
images, labels = jnp.asarray(images.clip(0, 255).astype(np.uint8)), jnp.asarray(labels)
order = jnp.asarray(draw.permutation(2048).reshape(-1, 32).astype(np.int32))  # [64, 32]
keys = jax.random.split(jax.random.key(0))
params = {
    "first": 0.1 * jax.random.normal(keys[0], (64, 32)),
    "second": 0.1 * jax.random.normal(keys[1], (32, 2)),
}

one_step = jax.jit(small_step)
one_program = jax.jit(partial(epoch, small_step))


def in_python(params, images, labels, order):
    """The epoch as a loop in Python over a compiled step."""
    losses = []
    for indices in np.asarray(order):
        params, loss = one_step(params, images[indices], labels[indices])
        losses.append(loss)
    return params, jnp.stack(losses)


by_loop = in_python(params, images, labels, order)
by_program = one_program(params, images, labels, order)
print("the same losses:", bool(jnp.allclose(by_loop[1], by_program[1], rtol=1e-4)))

# %% tags=["nbval-ignore-output"]
args = (params, images, labels, order)
milliseconds = [1000 * median_time(call, args, rounds=7) for call in (in_python, one_program)]
plots.bars(["a loop in Python", "one program"], milliseconds, unit="ms", better="lower", title="64 small steps")
plt.show()

# %% [markdown]
# That is for a step of a fraction of a millisecond. For a network of convolutions one program is *slower* on a CPU: the
# lesson shows by how much, and why. Measure before you rewrite.
#
# ## Exercise 6: the gradient by the kernel ★★★ (20 minutes, 4 points)
#
# A convolution of stride 1 takes a window of the map around each place and multiplies it with the kernel:
#
# $$y_{b,r,s,k} = \sum_{i,j,c} x_{b,\,r+i,\,s+j,\,c} \; w_{i,j,c,k}$$
#
# where $x$ has been padded with zeros. Every number of the kernel is used at every place. So its gradient is a sum over
# all of them, of what it was multiplied with, times the gradient that comes back to that place:
#
# $$\frac{\partial L}{\partial w_{i,j,c,k}} =
# \sum_{b,r,s} x_{b,\,r+i,\,s+j,\,c} \; \frac{\partial L}{\partial y_{b,r,s,k}}$$
#
# For one place $(i, j)$ of the kernel that is a product of two matrices, $[C, B H' W']$ and $[B H' W', K]$. A kernel of
# 3×3 is nine such products.
#
# XLA computes this gradient as a convolution whose kernel is the whole map, which on a CPU is its slow case. Write it
# with matrix products: there may be *no convolution* in your program, and what calls one (`jax.vjp` of a convolution,
# `lax.conv_general_dilated_patches`) puts one into it. Stuck? `check.hint("kernel_gradient")`.


# %%
def kernel_gradient(x, dy, size, padding):
    """The gradient of a convolution of stride 1 by its kernel, without a convolution.

    x: [B, H, W, C] float32, the map that was convolved; dy: [B, H', W', K] float32, the gradient by the result.
    size: (kh, kw), that of the kernel; padding: ((top, bottom), (left, right)), zeros that the convolution put around
    x, none negative. So H' = H + top + bottom - kh + 1, and W' likewise. Returns [kh, kw, C, K] float32.
    """
    raise NotImplementedError("your code here")


# %%
kernel_gradient = check.kernel_gradient(kernel_gradient)

# %% [markdown]
# A layer of VGG8's size, three ways: as XLA has it, by your products, and by *one* product: here the columns of the
# kernel are copies of `x`, moved sideways and laid side by side in the channels, and its rows are copies of `dy`, moved
# up and down. That moves less memory than nine copies of one of them. The pictures are taken in groups of eight, whose
# products are added up at the end.


# %%
def convolved(x, kernel):
    """A 3×3 convolution of stride 1, padded by 1."""
    return lax.conv_general_dilated(x, kernel, (1, 1), [(1, 1)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def by_xla(x, dy, size, padding):
    """The gradient by the kernel as JAX finds it, for a 3×3 kernel."""
    return jax.vjp(partial(convolved, x), jnp.zeros((*size, x.shape[-1], dy.shape[-1])))[1](dy)[0]


def in_one_product(x, dy, size, padding):
    """The same as `kernel_gradient`, as one product. Its batch is a multiple of 8."""
    (kh, kw), ((top, _), (left, _)) = size, padding
    (height, _, c), (_, columns, k) = x.shape[1:], dy.shape[1:]

    def moved(array, down, right, place, places):
        """A copy moved by so many rows and columns, as wide and high as both maps want it, at its place."""
        high, wide, depth = array.shape[1:]
        return lax.pad(
            array,
            jnp.float32(0),
            (
                (0, 0, 0),
                (down, height - high - down, 0),
                (right, columns - wide - right, 0),
                (place * depth, (places - 1 - place) * depth, 0),
            ),
        )

    # copies of x are [B, H, W', kw · C], of dy [B, H, W', kh · K]; each sum is one pass over memory
    xs = sum(moved(x, 0, left - j, j, kw) for j in range(kw)).reshape(-1, 8 * height * columns, kw * c)
    dys = sum(moved(dy, i - top, 0, i, kh) for i in range(kh)).reshape(-1, 8 * height * columns, kh * k)
    return jnp.einsum("gnp,gnq->pq", xs, dys).reshape(kw, c, kh, k).transpose(2, 0, 1, 3)


x = jax.random.normal(jax.random.key(0), (64, 16, 16, 64))
dy = jax.random.normal(jax.random.key(1), (64, 16, 16, 64))
ways = {
    name: jax.jit(partial(way, size=(3, 3), padding=((1, 1), (1, 1))))
    for name, way in (("as XLA has it", by_xla), ("yours", kernel_gradient), ("one product", in_one_product))
}
results = [way(x, dy) for way in ways.values()]
largest = jnp.abs(results[0]).max()
print("all the same:", all(bool(jnp.abs(each - results[0]).max() < 1e-4 * largest) for each in results))

# %% tags=["nbval-ignore-output"]
milliseconds = [1000 * median_time(way, (x, dy), rounds=5) for way in ways.values()]
plots.bars(list(ways), milliseconds, unit="ms", better="lower", title="gradient by the kernel, 64 maps of 16×16×64")
plt.show()

# %% [markdown]
# All three multiply the same numbers. What differs is how they lie in memory when they are multiplied, and on this CPU
# nine products are no cure yet. If yours is slower than XLA's, you know now what to try.
#
# ## Exercise 7: a pooling that remembers little ★★★ (20 minutes, 4 points)
#
# For the way back JAX keeps what its rules ask for. For a max-pooling that is the whole map. But all that its gradient
# needs is *which* of the four numbers in a window won: two bits. `jax.custom_vjp` lets you say so. It wants three
# functions. Define them inside `max_pool`, hand the second and the third to `pool.defvjp`, and return `pool(x)`:
#
# - `pool(x)`, under `@jax.custom_vjp`: the largest number of each window of 2×2 pixels, windows side by side;
# - `forward(x)`: called in its place when a gradient is wanted; returns the same, and what is to be kept;
# - `backward(kept, dy)`: from what was kept, and the gradient by the result, the gradient by `x`, as a tuple with one
#   entry for each argument of `pool`.
#
# All of a window's gradient goes to its largest number; to the others goes 0. If several are largest, the *first* of
# them gets it, row by row: top left, top right, bottom left, bottom right. And what is kept takes *at most one byte*
# for each number of the result. The check counts it. `jit`, `grad` and `vmap` must work as always. Stuck?
# `check.hint("max_pool")`.


# %%
def max_pool(x):
    """The largest number of each window of 2×2 pixels.

    x: [B, H, W, C] float32, H and W even. Returns [B, H / 2, W / 2, C] float32. For its gradient by x at most one byte
    is kept for each number of the result.
    """

    raise NotImplementedError("your code here")


# %%
max_pool = check.max_pool(max_pool)

# %% [markdown]
# Against Flax's: the bytes that are kept for each number of the result, and the time of a gradient.

# %% tags=["nbval-ignore-output"]
maps = jax.random.normal(jax.random.key(0), (64, 32, 32, 32))
pools = {"nn.max_pool": partial(nn.max_pool, window_shape=(2, 2), strides=(2, 2)), "yours": max_pool}
for name, pool in pools.items():
    kept = jax.eval_shape(lambda maps, pool=pool: jax.vjp(pool, maps)[1], maps)
    many = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept)) / (maps.size / 4)
    print(f"{name:12} keeps {many:g} bytes for each number of its result")
gradients = [jax.jit(jax.grad(lambda maps, pool=pool: (pool(maps) ** 2).sum())) for pool in pools.values()]
milliseconds = [1000 * median_time(gradient, (maps,), rounds=5) for gradient in gradients]
plots.bars(list(pools), milliseconds, unit="ms", better="lower", title="gradient of a max-pooling")
plt.show()

# %% [markdown]
# ## All together
#
# A network of two convolutions, trained on drawn maps. First as one would write it; then one measure after the other:
# the gradient by the kernel as one product, your pooling, and an epoch as one program. After every measure the losses
# are compared with the first ones: faster, but something else, would be no gain.


# %%
@jax.custom_vjp
def own_convolution(x, kernel):
    """As `convolved`, with another gradient by the kernel."""
    return convolved(x, kernel)


def keep_both(x, kernel):
    """The forward pass of `own_convolution`: its gradients need both arguments."""
    return convolved(x, kernel), (x, kernel)


def two_gradients(kept, dy):
    """By the map as JAX has it, by the kernel as one product."""
    x, kernel = kept
    (by_map,) = jax.vjp(lambda x: convolved(x, kernel), x)[1](dy)
    return by_map, in_one_product(x, dy, kernel.shape[:2], ((1, 1), (1, 1)))


own_convolution.defvjp(keep_both, two_gradients)


def network_step(params, images, labels, convolution, pool):
    """A step of gradient descent for two convolutions with pooling and a dense layer."""

    def loss_fn(params):
        x = images / 255.0 - 0.5
        for kernel in params["kernels"]:
            x = pool(jax.nn.relu(convolution(x, kernel)))
        logits = x.mean(axis=(1, 2)) @ params["dense"]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()

    loss, gradients = jax.value_and_grad(loss_fn)(params)
    return jax.tree.map(lambda leaf, gradient: leaf - 0.1 * gradient, params, gradients), loss


labels = draw.integers(0, 2, 128).astype(np.int32)
images = draw.integers(0, 200, (128, 32, 32, 8))
images += 40 * (np.arange(32)[:, None, None] // 2 % 2 == labels[:, None, None, None])  # stripes of 2 rows
images, labels = jnp.asarray(images.clip(0, 255).astype(np.uint8)), jnp.asarray(labels)
order = jnp.asarray(draw.permutation(128).reshape(-1, 32).astype(np.int32))  # 4 steps
keys = jax.random.split(jax.random.key(1), 3)
params = {
    "kernels": [
        0.1 * jax.random.normal(keys[0], (3, 3, 8, 32)),
        0.05 * jax.random.normal(keys[1], (3, 3, 32, 64)),
    ],
    "dense": 0.1 * jax.random.normal(keys[2], (64, 2)),
}
flax_pool = pools["nn.max_pool"]
measures = {
    "as it comes": (convolved, flax_pool, False),
    "gradient by the kernel": (own_convolution, flax_pool, False),
    "and your pooling": (own_convolution, max_pool, False),
    "and one program": (own_convolution, max_pool, True),
}


def python_loop(step, params, images, labels, order):
    """The epoch as a loop in Python over a compiled step."""
    losses = []
    for indices in np.asarray(order):
        params, loss = step(params, images[indices], labels[indices])
        losses.append(loss)
    return params, jnp.stack(losses)


epochs = {}
for name, (convolution, pool, whole) in measures.items():
    step = partial(network_step, convolution=convolution, pool=pool)
    epochs[name] = jax.jit(partial(epoch, step)) if whole else partial(python_loop, jax.jit(step))
losses = {name: call(params, images, labels, order)[1] for name, call in epochs.items()}
print("the same losses:", all(bool(jnp.allclose(each, losses["as it comes"], rtol=1e-2)) for each in losses.values()))

# %% tags=["nbval-ignore-output"]
args = (params, images, labels, order)
seconds = [median_time(call, args, rounds=3) for call in epochs.values()]
plots.bars(list(epochs), [len(labels) / each for each in seconds], unit="images/s", title="training")
plt.show()

# %% [markdown]
# Which of the measures paid on your machine? On our two cores (AMD EPYC) the last one did the opposite: inside a loop
# of XLA's the same convolutions take several times as long as outside. The very measure that made the small network of
# exercise 5 much faster is a loss here. So no measure is good by itself; measure, and keep what pays.

# %%
check.progress()
