# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Exercises: measure, find, fix
#
# You write the tools of the lesson yourself: a correct stopwatch, a roofline model, the self times of a profile, a
# training step in mixed precision, an epoch as one program, and two custom gradients. At the end you apply them to a
# small network, one at a time, and measure whether they make it faster on your machine.
#
# The exercises are independent. Replace the line `raise NotImplementedError("your code here")`, run the cell, then run
# the check cell below it. If your answer is wrong, the check names the likely cause and says whose version the notebook
# continues with. For a hint, run `check.hint("NAME")` in a new cell; there are three for each exercise. The checks of
# `epoch`, `max_pool` and `kernel_gradient` trace your code as `jax.jit` does: while it runs, its arrays have shapes and
# dtypes, but no values.
#
# The lesson is `notebooks/06_make_it_fast.ipynb`. Times vary between machines and between runs. Statements about times
# in the texts below refer to two cores of an AMD EPYC or of an Intel Xeon, without a GPU.

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
# JAX dispatches asynchronously: a call returns before its result is computed. And the first call of a compiled function
# compiles it. So a stopwatch for JAX has to
#
# 1. call `step(*args)` once and wait for the result, without timing it;
# 2. then, `rounds` times: read the clock, call `step(*args)`, wait until *all* of the result is computed, and read the
#    clock again;
# 3. return the median of these times, which a single disturbed round does not change.
#
# So `step` is called `rounds + 1` times. `clock()` returns the time in seconds, like `time.perf_counter`. Use no other
# clock: the check passes a simulated one. `step` may return a single array or a tree of arrays. The median of an even
# number of times is the mean of the two in the middle, as in `np.median`. Stuck? `check.hint("median_time")`.


# %%
def median_time(step, args, rounds, clock=time.perf_counter):
    """The median time of a call of `step(*args)` in seconds, until its result is computed; a first call is not timed.

    step: a function that returns an array or a tree of arrays, perhaps before they are computed; args: a tuple;
    rounds: an int, at least 1; clock: a function without arguments that returns the time in seconds. Returns a float.
    """
    raise NotImplementedError("your code here")


# %%
median_time = check.median_time(median_time)

# %% [markdown]
# A matrix product, timed in three ways: the first call, a later call without waiting, and your `median_time`.

# %% tags=["nbval-ignore-output"]
square = jnp.ones((1024, 1024))
product = jax.jit(lambda x: x @ x)
begin = time.perf_counter()
jax.block_until_ready(product(square))
seconds = {"the first call": time.perf_counter() - begin}
begin = time.perf_counter()
result = product(square)
seconds["a later call, without waiting"] = time.perf_counter() - begin
jax.block_until_ready(result)
seconds["median_time"] = median_time(product, (square,), rounds=9)
plots.bars(list(seconds), [1000 * each for each in seconds.values()], unit="ms", decimals=2)
plt.show()

# %% [markdown]
# The first bar is mostly compilation. The second is only the time that Python needs to dispatch the work.

# %% [markdown]
# ## Exercise 2: how fast can it be? ★☆☆ (8 minutes, 1 point)
#
# A time alone does not tell you whether it can be improved. The *roofline model* gives a lower bound. A processor does
# at most `peak` floating-point operations per second, and reads or writes at most `bandwidth` bytes per second.
# Computing and moving data overlap, so an operation takes at least as long as the slower of the two.
#
# Compute this bound for the product of two matrices, $[m, k] \cdot [k, n]$. Each of the $m n$ results needs $k$
# multiplications and $k$ additions; count both. At best, each input is read once and the result is written once. A
# number has `itemsize` bytes.
#
# The sizes are Python integers, which cannot overflow. Do not convert them: $2 \cdot 2048^3$ does not fit into an
# int32. Stuck? `check.hint("roofline")`.


# %%
def roofline(m, k, n, itemsize, peak, bandwidth):
    """The least time for the product of an [m, k] and a [k, n] matrix, and what limits it.

    m, k, n, itemsize: ints, itemsize in bytes; peak: FLOP per second, bandwidth: bytes per second, floats.
    Returns the seconds, a float, and "compute" or "memory", whichever takes longer; "compute" if they are equal.
    """
    raise NotImplementedError("your code here")


# %%
roofline = check.roofline(roofline)

# %% [markdown]
# The roofline of your machine. We take as its peak what a product of two large matrices reaches, and as its bandwidth
# what the sum of a long array reaches. (`long + long` would also include the time to allocate memory for the result.)
# Then we multiply a [2048, 2048] matrix by matrices with more and more columns. One column corresponds to a dense layer
# and a single example, 1024 columns to a large batch.

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
    print(f"{columns:5} columns: {1e6 * seconds:8.0f} µs, bound {1e6 * least:8.0f} µs, set by {limit}")

figure, axes = plt.subplots(figsize=(5, 2.8))
axes.loglog(intensities, roof, color="black", label="roofline")
axes.loglog(intensities, reached, "o", label="measured")
axes.set(xlabel="FLOP per byte", ylabel="GFLOP/s")
axes.legend()
plt.show()

# %% [markdown]
# Products with few columns lie below the sloping part of the roofline: they are limited by memory, and more FLOP per
# second would not help. So a batch of 16 costs far less than 16 single examples. (A point above the slope is not your
# mistake: the matrix has 16 MiB and may fit into the processor's cache, which is faster than its memory.)

# %% [markdown]
# ## Exercise 3: what a profile says ★★☆ (12 minutes, 2 points)
#
# A profile is a list of events, which say when each operation of a program began and ended. It is tempting to add up
# the durations by name. But events may be *nested*: the body of a loop runs inside the event of the loop, and so on, to
# any depth. Adding up durations counts the body twice, and the loop itself seems slow.
#
# What you need is the *self time* of each name: the duration of an event minus the durations of the events *directly*
# inside it, summed over all events of that name.
#
# ```
# while ──────────────────────────────────   0 … 100    self: 100 - 60 - 30 = 10
#   dot ──────────────────────               5 …  65    self:  60 - 20      = 40
#     copy ───────                          10 …  30    self:  20
#                           dot ────────    65 …  95    self:  30             {"while": 10, "dot": 70, "copy": 20}
# ```
#
# Two events are either disjoint (one may begin exactly when the other ends), or one lies inside the other. Nested
# events may begin together or end together, but never both. The events come in no particular order, and each has a
# positive duration. Stuck? `check.hint("self_times")`.


# %%
def self_times(events):
    """The self time of each name in a profile.

    events: a list of (name, begin, end) with begin < end, in microseconds, all of one thread, perhaps empty. It must
    not be changed.
    Returns a dict from each name to the time spent in its events but in none inside them, in microseconds; also if this
    time is 0.
    """
    raise NotImplementedError("your code here")


# %%
self_times = check.self_times(self_times)

# %% [markdown]
# A real profile. `jax.profiler.TraceAnnotation` names a part of a Python program, and JAX's profiler records when it
# ran. Here `epoch` contains ten batches, each with `load` and `step`:


# %%
def annotated(program, names) -> list[tuple[str, float, float]]:
    """The parts of a Python program that are annotated with these names, as JAX's profiler recorded them."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            program()
        (file,) = Path(folder).rglob("*.trace.json.gz")
        recorded = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    events = []
    for event in recorded:
        if event.get("name") in names:
            begin, lasts = round(1000 * event["ts"]), round(1000 * event["dur"])  # whole nanoseconds: sums are exact
            events.append((event["name"], begin / 1000, (begin + lasts) / 1000))
    return events


def ten_batches():
    """Draw ten random matrices and multiply each by itself."""
    draw = np.random.default_rng(0)
    with jax.profiler.TraceAnnotation("epoch"):
        for _ in range(10):
            with jax.profiler.TraceAnnotation("load"):
                batch = draw.random((1024, 1024), np.float32)
            with jax.profiler.TraceAnnotation("step"):
                jax.block_until_ready(product(batch))


# %% tags=["nbval-ignore-output"]
names = ["epoch", "load", "step"]
events = annotated(ten_batches, names)
durations = dict.fromkeys(names, 0)
for name, begin, end in events:
    durations[name] += end - begin
own = self_times(events)
plots.bars(names, [durations[name] / 1000 for name in names], unit="ms", decimals=2, title="durations added up")
plots.bars(names, [own[name] / 1000 for name in names], unit="ms", decimals=2, title="self times")
plt.show()

# %% [markdown]
# By duration, `epoch` seems to take the longest, because it contains everything else. Its self time is next to nothing:
# the time goes into `load` and `step`.

# %% [markdown]
# ## Exercise 4: a step in sixteen bits ★★☆ (12 minutes, 2 points)
#
# bfloat16 takes half the memory of float32, and hardware with bfloat16 units multiplies faster. But it has less than
# three decimal digits: neighbouring numbers just above 1 are 0.008 apart. A weight of 1 that should change by 0.001
# does not change at all. The remedy is *mixed precision*. For a step of plain gradient descent:
#
# - keep the weights in float32; in each step, convert a copy of them and the images to bfloat16;
# - call `loss_fn` with these; it computes in the dtype of its inputs and returns one loss per example;
# - take the mean of the losses in float32;
# - update the weights in float32, including the product: weight − rate · gradient.
#
# Labels are integers and stay unchanged: above 256, bfloat16 cannot represent every integer. Stuck?
# `check.hint("half_step")`.


# %%
def half_step(loss_fn, params, images, labels, rate):
    """One step of gradient descent, computed in bfloat16, for weights that are kept in float32.

    loss_fn(params, images, labels) returns the examples' losses, [B], and computes in the dtype of params and images.
    params: a tree of float32 arrays; images: [B, ...] float32; labels: [B] int32; rate: a float.
    Returns the new params, float32, and the mean loss before the step, a float32 scalar.
    """

    raise NotImplementedError("your code here")


# %%
half_step = check.half_step(half_step)

# %% [markdown]
# Two thousand small steps of a linear regression: in float32, with your step, and with your step but weights that are
# rounded to bfloat16 after each step.


# %%
def squared_errors(params, x, y):
    """Each example's squared error of a linear model. x: [B, D]; y: [B]. Returns [B]."""
    return (x @ params["w"] - y.astype(x.dtype)) ** 2


@partial(jax.jit, static_argnames=("step", "rounded"))
def errors_of(step, params, x, y, rounded):
    """The float32 loss after each of 2,000 steps. rounded: whether the weights are kept in bfloat16."""

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
# The first two curves coincide. The third stops improving when its steps become smaller than half the distance between
# neighbouring bfloat16 numbers.

# %% [markdown]
# ## Exercise 5: an epoch as one program ★★☆ (15 minutes, 3 points)
#
# A Python loop dispatches one step at a time, together with its batch. If a step is short, this takes a large part of
# the time. If the images fit into the device's memory, you can put them there once and let *one* program run the whole
# epoch. Its only other input is the order, an array of indices.
#
# ```python
# losses = []
# for indices in order:                                             # [B] each
#     state, loss = step(state, images[indices], labels[indices])
#     losses.append(loss)
# return state, np.stack(losses)
# ```
#
# Under `jit` this loop would be unrolled into a program that grows with the number of steps. Use `lax.scan`, which
# contains the step only once. Select each batch *inside* the loop: `images[order]` before it would be a second copy of
# all images. The check looks at the program for both. Stuck? `check.hint("epoch")`.


# %%
def epoch(step, state, images, labels, order):
    """All steps of an epoch in one program, which does not grow with their number.

    step(state, images [B, ...], labels [B]) returns the new state, a tree like `state`, and the loss, a scalar.
    images: [N, H, W, C] uint8, labels: [N] int32; order: [S, B] int32, the indices of the examples of each batch.
    Returns the last state and the losses of all steps, [S].
    """

    raise NotImplementedError("your code here")


# %%
epoch = check.epoch(epoch)

# %% [markdown]
# An example: 2,048 synthetic images of 8×8 pixels, brighter in the left or in the right half, and a network so small
# that most of the time goes into the Python loop. First, do both versions give the same losses?


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
images += 40 * (np.arange(8)[:, None] // 4 == labels[:, None, None, None])  # one half is brighter
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

# %% [markdown]
# The time of an epoch:

# %% tags=["nbval-ignore-output"]
args = (params, images, labels, order)
milliseconds = [1000 * median_time(call, args, rounds=7) for call in (in_python, one_program)]
plots.bars(["a loop in Python", "one program"], milliseconds, unit="ms", better="lower", title="64 small steps")
plt.show()

# %% [markdown]
# Here a step takes a fraction of a millisecond. A convolutional network gains less, and on a CPU it may even become far
# slower inside the loop: the lesson shows why, and the cure. Measure before you rewrite.

# %% [markdown]
# ## Exercise 6: the gradient by the kernel ★★★ (20 minutes, 4 points)
#
# A convolution with stride 1 multiplies a window of the feature map at each position by the kernel:
#
# $$y_{b,r,s,k} = \sum_{i,j,c} x_{b,\,r+i,\,s+j,\,c} \; w_{i,j,c,k}$$
#
# Here $x$ is already padded with zeros. Every weight of the kernel is used at every position. So the gradient of a loss
# $L$ with respect to a weight (short: the gradient *by the kernel*) is a sum over all positions: by the chain rule, the
# input at the position times the gradient with respect to the output there:
#
# $$\frac{\partial L}{\partial w_{i,j,c,k}} =
# \sum_{b,r,s} x_{b,\,r+i,\,s+j,\,c} \; \frac{\partial L}{\partial y_{b,r,s,k}}$$
#
# For one position $(i, j)$ in the kernel this is a product of two matrices, $[C, B H' W']$ and $[B H' W', K]$. A 3×3
# kernel needs nine such products.
#
# XLA computes this gradient as a convolution whose kernel is as large as the output, H' × W'. Write it with matrix
# products instead. Your program must contain *no convolution*, not even one that comes from `jax.vjp` of a convolution
# or from `lax.conv_general_dilated_patches`. Stuck? `check.hint("kernel_gradient")`.


# %%
def kernel_gradient(x, dy, size, padding):
    """The gradient with respect to the kernel of a convolution with stride 1, computed without a convolution.

    x: [B, H, W, C] float32, the input of the convolution, not padded yet; dy: [B, H', W', K] float32, the gradient with
    respect to its output; size: (kh, kw) of the kernel; padding: ((top, bottom), (left, right)), the zeros that the
    convolution puts around x, none negative. So H' = H + top + bottom - kh + 1, and W' likewise.
    Returns [kh, kw, C, K] float32.
    """
    raise NotImplementedError("your code here")


# %%
kernel_gradient = check.kernel_gradient(kernel_gradient)

# %% [markdown]
# Three versions for a layer of VGG8's size: XLA's convolution, your products, and *one* product. The third concatenates
# copies of `x` that are shifted sideways, one for each column of the kernel, and copies of `dy` that are shifted
# vertically, one for each row. That needs less memory traffic than nine shifted copies of one of them. The images are
# processed in groups of eight, whose products are summed at the end. First, do all three agree?


# %%
def convolved(x, kernel):
    """A 3×3 convolution of stride 1, padded by 1."""
    return lax.conv_general_dilated(x, kernel, (1, 1), [(1, 1)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def by_xla(x, dy, size, padding):
    """The gradient by the kernel as JAX computes it, for a 3×3 kernel."""
    return jax.vjp(partial(convolved, x), jnp.zeros((*size, x.shape[-1], dy.shape[-1])))[1](dy)[0]


def in_one_product(x, dy, size, padding):
    """`kernel_gradient` as one matrix product. The batch size must be a multiple of 8."""
    (kh, kw), ((top, _), (left, _)) = size, padding
    (height, _, c), (_, columns, k) = x.shape[1:], dy.shape[1:]

    def moved(array, down, right, place, places):
        """A copy shifted by `down` rows and `right` columns, in channel group `place` of `places`."""
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

    # the copies of x are [B, H, W', kw · C], those of dy [B, H, W', kh · K]; each sum is one pass over memory
    xs = sum(moved(x, 0, left - j, j, kw) for j in range(kw)).reshape(-1, 8 * height * columns, kw * c)
    dys = sum(moved(dy, i - top, 0, i, kh) for i in range(kh)).reshape(-1, 8 * height * columns, kh * k)
    return jnp.einsum("gnp,gnq->pq", xs, dys).reshape(kw, c, kh, k).transpose(2, 0, 1, 3)


x = jax.random.normal(jax.random.key(0), (64, 16, 16, 64))
dy = jax.random.normal(jax.random.key(1), (64, 16, 16, 64))
ways = {
    name: jax.jit(partial(way, size=(3, 3), padding=((1, 1), (1, 1))))
    for name, way in (("XLA's convolution", by_xla), ("yours", kernel_gradient), ("one product", in_one_product))
}
results = [way(x, dy) for way in ways.values()]
largest = jnp.abs(results[0]).max()
print("all the same:", all(bool(jnp.abs(each - results[0]).max() < 1e-4 * largest) for each in results))

# %% [markdown]
# Their times:

# %% tags=["nbval-ignore-output"]
milliseconds = [1000 * median_time(way, (x, dy), rounds=5) for way in ways.values()]
plots.bars(list(ways), milliseconds, unit="ms", better="lower", title="gradient by the kernel, 64 maps of 16×16×64")
plt.show()

# %% [markdown]
# All three do the same multiplications, but the data are laid out differently in memory. In our runs nine products took
# clearly longer than XLA's convolution, and one product about as long as it (EPYC) or less (Xeon). On other machines
# the order may differ.

# %% [markdown]
# ## Exercise 7: a pooling that remembers little ★★★ (20 minutes, 4 points)
#
# For the backward pass of a max-pooling, JAX's own rules keep the whole feature map. But the gradient only needs to
# know *which* of the four values in a window is the largest, which is two bits. With `jax.custom_vjp` you can define
# this yourself. It takes three functions. Define them inside `max_pool`, pass the second and the third to
# `pool.defvjp`, and return `pool(x)`:
#
# - `pool(x)`, decorated with `@jax.custom_vjp`, returns the maximum of each 2×2 window, with stride 2;
# - `forward(x)` is called instead when a gradient is needed; it returns the same result and what to keep;
# - `backward(kept, dy)` takes what was kept and the gradient with respect to the result. It returns the gradient with
#   respect to `x`, in a tuple with one entry for each argument of `pool`.
#
# The gradient of a window goes entirely to its largest value; the others get 0. On a tie the *first* one gets it, row
# by row: top left, top right, bottom left, bottom right. What you keep must take *at most one byte* per element of the
# result; the check counts it. `jit`, `grad` and `vmap` must work as usual. Stuck? `check.hint("max_pool")`.


# %%
def max_pool(x):
    """The maximum of each 2×2 window.

    x: [B, H, W, C] float32, H and W even. Returns [B, H / 2, W / 2, C] float32. For the gradient at most one byte is
    kept for each element of the result.
    """

    raise NotImplementedError("your code here")


# %%
max_pool = check.max_pool(max_pool)

# %% [markdown]
# Flax's `nn.max_pool` and yours: the bytes kept per element of the result, and the time of a gradient.

# %% tags=["nbval-ignore-output"]
maps = jax.random.normal(jax.random.key(0), (64, 32, 32, 32))
pools = {"nn.max_pool": partial(nn.max_pool, window_shape=(2, 2), strides=(2, 2)), "yours": max_pool}
for name, pool in pools.items():
    kept = jax.eval_shape(lambda maps, pool=pool: jax.vjp(pool, maps)[1], maps)
    many = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept)) / (maps.size / 4)
    print(f"{name:12} bytes kept per element of the result: {many:g}")
gradients = [jax.jit(jax.grad(lambda maps, pool=pool: (pool(maps) ** 2).sum())) for pool in pools.values()]
milliseconds = [1000 * median_time(gradient, (maps,), rounds=5) for gradient in gradients]
plots.bars(list(pools), milliseconds, unit="ms", better="lower", title="gradient of a max-pooling")
plt.show()

# %% [markdown]
# JAX's own rule keeps the whole map, which is four float32 values for each result. Yours keeps one byte. In our run its
# gradient was also many times faster.

# %% [markdown]
# ## All together
#
# A network with two convolutions, trained on synthetic data. First in the obvious way; then with one change after the
# other: the gradient by the kernel as one product, your pooling, and an epoch as one program. First we check that the
# losses stay the same after each change.


# %%
@jax.custom_vjp
def own_convolution(x, kernel):
    """`convolved` with a custom gradient by the kernel."""
    return convolved(x, kernel)


def keep_both(x, kernel):
    """The forward pass of `own_convolution`, which keeps both arguments for the gradients."""
    return convolved(x, kernel), (x, kernel)


def two_gradients(kept, dy):
    """The gradient by the map, a convolution with the kernel turned round; and by the kernel, as one product."""
    x, kernel = kept
    by_map = convolved(dy, kernel[::-1, ::-1].swapaxes(2, 3))
    return by_map, in_one_product(x, dy, kernel.shape[:2], ((1, 1), (1, 1)))


own_convolution.defvjp(keep_both, two_gradients)


def network_step(params, images, labels, convolution, pool):
    """A step of gradient descent for a network of two convolutions, each with pooling, and a dense layer."""

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

# %% [markdown]
# The training speed after each change:

# %% tags=["nbval-ignore-output"]
args = (params, images, labels, order)
seconds = [median_time(call, args, rounds=3) for call in epochs.values()]
plots.bars(list(epochs), [len(labels) / each for each in seconds], unit="images/s", title="training")
plt.show()

# %% [markdown]
# Which of the changes helped on your machine? In our runs the gradient by the kernel changed little, your pooling
# helped clearly, and one program changed little again: the steps are long compared with a dispatch. Measure each
# change, and keep what helps.

# %%
check.progress()
