# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · `jnp` and `jit`: exercises
#
# Nine functions to write, from ★ (easy) to ★★★ (hard). They are independent: do them in any order, and skip what you
# like.
#
# - Replace the line `raise NotImplementedError("your code here")` with your code and run the cell.
# - The next cell checks your answer. If it is wrong, the check names the likely cause and says whose version the
#   notebook continues with. Try again as often as you like.
# - The checks, except that of `predict`, trace your code as `jax.jit` does: while it runs, its arrays have shapes and
#   dtypes, but no values.
# - Stuck? `check.hint("standardise")` gives a hint. Run it again for a stronger one.
#
# The lesson is `notebooks/01_jnp_and_jit.ipynb`.

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

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jax import lax

from utils import checks, plots

check = checks.unit("01_jnp_and_jit")

# %% [markdown]
# ## Exercise 1: Standardise the columns ★☆☆ (5 minutes, 1 point)
#
# A table has one row per example and one column per feature. Scale every **column** to mean 0 and standard deviation 1.
# A column whose values are all equal carries no information: set it to zeros. For example, the columns `[1, 3]` and
# `[5, 5]` become `[-1, 1]` and `[0, 0]`.
#
# NumPy code would often write into the array:
#
# ```python
# for j in range(x.shape[1]):
#     column = x[:, j].copy()
#     x[:, j] = 0
#     if (column != column[0]).any():
#         x[:, j] = (column - column.mean()) / column.std()
# ```
#
# A JAX array is immutable, and under `jit` a Python `if` cannot branch on a traced value. You need neither of them, and
# no loop. The standard deviation is NumPy's default, which divides by N. Stuck? `check.hint("standardise")`


# %%
def standardise(x):
    """Scale every column to mean 0 and standard deviation 1; constant columns become 0.

    x: [N, D] float32. Returns [N, D] float32. Works under `jax.jit`.
    """
    # BEGIN SOLUTION
    constant = jnp.all(x == x[0], axis=0)  # [D]; the mean is rounded, so the deviation need not be exactly 0
    std = jnp.where(constant, 1.0, jnp.std(x, axis=0))
    return jnp.where(constant, 0.0, (x - jnp.mean(x, axis=0)) / std)
    # END SOLUTION


# %%
standardise = check.standardise(standardise)

# %% [markdown]
# Height in centimetres and weight in kilograms, before and after. Afterwards both columns have the same spread, so the
# distance between two people no longer depends on the units of measurement.

# %%
keys = jax.random.split(jax.random.key(0))
height = 170 + 10 * jax.random.normal(keys[0], (200,))
weight = 0.9 * height - 80 + 6 * jax.random.normal(keys[1], (200,))
people = jnp.stack([height, weight], axis=1)

figure, axes = plt.subplots(1, 2, figsize=(7, 3))
for ax, title, table in zip(axes, ("before", "after"), (people, standardise(people)), strict=True):
    ax.plot(table[:, 0], table[:, 1], ".")
    ax.set(title=title, xlabel="height", ylabel="weight")
plt.show()

# %% [markdown]
# ## Exercise 2: A histogram ★☆☆ (10 minutes, 2 points)
#
# Divide the interval from `low` (included) to `high` (excluded) into `bins` bins of equal width, and count how many
# values fall into each. A value at the edge between two bins belongs to the upper one. Values outside the interval are
# not counted. For example, of the values −0.1, 0, 0.2, 0.5 and 1, two bins from 0 to 1 hold `[2, 1]`. As a loop:
#
# ```python
# counts = [0] * bins
# for value in values:
#     if low <= value < high:
#         counts[int((value - low) / (high - low) * bins)] += 1
# ```
#
# Write it without the loop, using `.at[…]`. Two facts from the lesson matter here: what an update does at an index past
# the end of the array, and what a *negative* index means. Stuck? `check.hint("histogram")`


# %%
def histogram(values, low, high, bins):
    """Count how many of `values` fall into each of `bins` equal bins of low ≤ value < high.

    values: [N] float32; low, high: numbers; bins: a Python int. Returns [bins] int32. Works under `jax.jit` with
    `bins` static.
    """
    # BEGIN SOLUTION
    places = jnp.floor((values - low) / (high - low) * bins).astype(jnp.int32)  # [N]
    inside = (values >= low) & (values < high)
    # a value just below `high` may be rounded up to `bins`; an update at `bins`, one past the end, is dropped
    places = jnp.where(inside, jnp.minimum(places, bins - 1), bins)
    return jnp.zeros(bins, jnp.int32).at[places].add(1)
    # END SOLUTION


# %%
histogram = check.histogram(histogram)

# %% [markdown]
# A hundred thousand samples of a standard normal distribution.

# %%
many = jax.random.normal(jax.random.key(0), (100_000,))
counts = jax.jit(histogram, static_argnames="bins")(many, -4.0, 4.0, bins=60)

figure, axes = plt.subplots(figsize=(6, 2.6))
axes.bar(np.linspace(-4, 4, 60, endpoint=False), counts, width=8 / 60, align="edge")
axes.set(xlabel="value", ylabel="count", title=f"{int(counts.sum()):,} of 100,000 lie between −4 and 4")
plt.show()

# %% [markdown]
# ## Exercise 3: A function in two pieces ★★☆ (10 minutes, 2 points)
#
# This function compresses large positive numbers and leaves the others unchanged:
#
# - log(1 + x) where x > 0,
# - x where x ≤ 0.
#
# The two pieces meet at 0 with the same slope, 1. Write it for arrays of any shape. It must work under `jit` **and have
# a finite gradient everywhere**. The gradient is the harder part: what is the derivative of log(1 + x) at x = −1, where
# you do not use it? Stuck? `check.hint("compress")`


# %%
def compress(x):
    """log(1 + x) where x > 0, else x.

    x: float32, any shape. Returns the same shape and dtype. Works under `jax.jit`; its gradient is finite everywhere.
    """
    # BEGIN SOLUTION
    positive = x > 0
    return jnp.where(positive, jnp.log1p(jnp.where(positive, x, 0.0)), x)
    # END SOLUTION


# %%
compress = check.compress(compress)

# %% [markdown]
# The function and its gradient. Neither line has a gap, and the gradient is continuous at 0.

# %%
x = jnp.linspace(-4, 8, 300)
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(x, compress(x), label="compress")
axes.plot(x, jax.vmap(jax.grad(compress))(x), label="its gradient")
axes.set_xlabel("x")
axes.legend()
plt.show()

# %% [markdown]
# ## Exercise 4: Compile once, however many rows ★★☆ (12 minutes, 2 points)
#
# `model` is a function of a batch and is not compiled yet. Compile it and run it over all rows of `x`, `size` rows at a
# time, so that a call traces it **only once**. With ten rows and a size of four the batches have 4, 4 and 2 rows, and
# two rows are a new shape. So pad the last batch to `size` rows, with any values you like, and drop the extra results.
#
# ```
# rows     0 1 2 3 | 4 5 6 7 | 8 9 . .        . is padding
# results  0 1 2 3 | 4 5 6 7 | 8 9            joined: [10, K]
# ```
#
# `predict` itself is not compiled: you may use a Python loop, and `x` is a NumPy array. Stuck? `check.hint("predict")`


# %%
def predict(model, x, size):
    """Apply `model` to all rows of x, `size` rows at a time, with one compilation.

    model: a pure function from [size, D] to [size, K], not compiled; x: [N, D] float32 NumPy array, N ≥ 1; size: int.
    Returns [N, K], a NumPy or JAX array, in the order of the rows.
    """
    # BEGIN SOLUTION
    compiled = jax.jit(model)
    results = []
    for start in range(0, len(x), size):
        rows = x[start : start + size]
        results.append(compiled(np.pad(rows, ((0, size - len(rows)), (0, 0)))))  # [size, K]
    # joined by NumPy: `jnp.concatenate` would compile again for each new number of batches
    return np.concatenate([np.asarray(result) for result in results])[: len(x)]
    # END SOLUTION


# %%
predict = check.predict(predict)

# %% [markdown]
# Twelve tables of different lengths: first with one compilation for each length, then with your `predict`. (`predict`
# calls `jax.jit(model)` for each table. That is fine: JAX caches compiled programs by function and shape, so `squashed`
# is compiled only once.)


# %%
def squashed(x):
    """A stand-in for a model: x [B, 64] to [B, 64]."""
    for _ in range(20):
        x = jnp.tanh(x @ jnp.eye(64))
    return x


lengths = (100, 37, 64, 81, 5, 93, 58, 77, 12, 49, 66, 88)
tables = [np.ones((rows, 64), np.float32) for rows in lengths]
each_length = jax.jit(squashed)

start = time.perf_counter()
for table in tables:
    np.asarray(each_length(table))
milliseconds = [1e3 * (time.perf_counter() - start)]

jax.clear_caches()
start = time.perf_counter()
for table in tables:
    np.asarray(predict(squashed, table, 32))
milliseconds.append(1e3 * (time.perf_counter() - start))

plots.bars(["compiled for each length", "predict"], milliseconds, unit="ms")
plt.show()

# %% [markdown]
# The first bar contains twelve compilations, the second only one.

# %% [markdown]
# ## Exercise 5: A moving average with `scan` ★★☆ (10 minutes, 2 points)
#
# The exponential moving average mixes each new row into the average so far:
#
# ```python
# average, result = x[0], []
# for t in range(len(x)):
#     average = decay * average + (1 - decay) * x[t]
#     result.append(average)
# ```
#
# Each row of the result depends on the row before, so elementwise operations are not enough. A Python loop would be
# unrolled under `jit`: a thousand rows make a thousand copies of the loop body. Use `lax.scan`, which compiles the body
# once. The check looks at the size of the program too. Stuck? `check.hint("moving_average")`


# %%
def moving_average(x, decay):
    """Exponential moving averages of the rows of x, starting from the first row.

    x: [T, D] float32, T ≥ 1; decay: a number in 0 … 1, which may be traced. Returns [T, D] float32.
    The compiled program does not grow with T.
    """

    # BEGIN SOLUTION
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average  # the carry, and the output of this step

    _, averages = lax.scan(step, x[0], x)
    return averages
    # END SOLUTION


# %%
moving_average = check.moving_average(moving_average)

# %% [markdown]
# A noisy signal and its moving averages for three decays. `vmap` over `decay` computes all three at once.

# %%
t = jnp.linspace(0, 6, 400)
noisy = (jnp.sin(t) + 0.3 * jax.random.normal(jax.random.key(0), t.shape))[:, None]
decays = jnp.array([0.5, 0.9, 0.98])
smooth = jax.jit(jax.vmap(moving_average, in_axes=(None, 0)))(noisy, decays)

figure, axes = plt.subplots(figsize=(7, 3))
axes.plot(t, noisy[:, 0], ".", color=plots.PALE)
for decay, line in zip(decays, smooth, strict=True):
    axes.plot(t, line[:, 0], label=f"decay {decay:.2f}")
axes.set(xlabel="time", ylabel="measured")
axes.legend()
plt.show()

# %% [markdown]
# The larger the decay, the smoother the line, and the further it lags behind the signal.

# %% [markdown]
# ## Exercise 6: Random, and the same every time ★★☆ (10 minutes, 2 points)
#
# Data augmentation trains a network on randomly altered copies of the data. Alter each signal, that is each row of
# `signals`, in two steps:
#
# 1. with probability ½ flip its sign (multiply it by −1), independently for each signal;
# 2. add Gaussian noise of standard deviation `scale`, drawn independently for each value.
#
# All randomness comes from `key`: the same key gives the same result, and **no key is used twice**. Stuck?
# `check.hint("augment")`


# %%
def augment(key, signals, scale):
    """Flip the sign of each signal with probability ½, then add noise.

    key: a key from `jax.random.key`; signals: [B, T] float32; scale: standard deviation of the noise.
    Returns [B, T] float32.
    """
    # BEGIN SOLUTION
    key_sign, key_noise = jax.random.split(key)
    signs = jax.random.rademacher(key_sign, (len(signals), 1), signals.dtype)  # −1 or 1
    return signs * signals + scale * jax.random.normal(key_noise, signals.shape)
    # END SOLUTION


# %%
augment = check.augment(augment)

# %% [markdown]
# Eight augmented copies of one signal; the pale line is the original. Run the cell again: the key is the same, and so
# are the eight copies.

# %%
t = jnp.linspace(0, 1, 100)
pulse = jnp.exp(-100 * (t - 0.3) ** 2) - 0.5 * jnp.exp(-200 * (t - 0.6) ** 2)
copies = augment(jax.random.key(1), jnp.tile(pulse, (8, 1)), 0.05)

figure, axes = plt.subplots(2, 4, figsize=(8, 2.6), sharex=True, sharey=True)
for ax, line in zip(axes.flat, copies, strict=True):
    ax.plot(t, pulse, color=plots.PALE)
    ax.plot(t, line, linewidth=1)
plt.show()

# %% [markdown]
# ## Exercise 7: A training step for any model ★★☆ (12 minutes, 2 points)
#
# Write a step of gradient descent with momentum. The parameters are a pytree of any structure, and the velocity is a
# pytree of the same structure:
#
# > velocity ← momentum · velocity − rate · gradient
# >
# > params ← params + velocity (the new one)
#
# Return the new parameters, the new velocity, and the loss **before** the step, as a tuple. Change nothing in place.
# Do not assume a list or a dict: `jax.tree.map` handles every pytree. Stuck? `check.hint("momentum_step")`


# %%
def momentum_step(loss, params, velocity, x, y, rate, momentum):
    """One step of gradient descent with momentum.

    loss: loss(params, x, y) is a scalar; params: any pytree of float32 arrays; velocity: a pytree like params;
    x, y: data for `loss`; rate, momentum: numbers. Returns (new params, new velocity, loss before the step).
    """
    # BEGIN SOLUTION
    value, gradient = jax.value_and_grad(loss)(params, x, y)
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
    params = jax.tree.map(jnp.add, params, velocity)
    return params, velocity, value
    # END SOLUTION


# %%
momentum_step = check.momentum_step(momentum_step)

# %% [markdown]
# Your step fits a line to data whose x values are all positive. The loss then has a long, narrow valley. The cell takes
# 40 steps without momentum and 40 with it. (The step is compiled, with the loss function as a static argument.)


# %%
def line_loss(line, x, y):
    """Mean squared error of the line {"slope", "height"} on x [N], y [N]."""
    return jnp.mean((line["slope"] * x + line["height"] - y) ** 2)


x = jnp.linspace(0.5, 2.5, 30)
y = 1.5 * x - 1.0
fast_step = jax.jit(momentum_step, static_argnums=0)

slopes, heights = jnp.meshgrid(jnp.linspace(-0.8, 2.2, 80), jnp.linspace(-1.5, 1.5, 80))
valley = jax.vmap(jax.vmap(lambda s, h: line_loss({"slope": s, "height": h}, x, y)))(slopes, heights)
figure, axes = plt.subplots(figsize=(6, 3.6))
axes.contour(slopes, heights, valley, levels=np.logspace(-3, 1, 14), cmap="Greys_r", linewidths=0.7)
for momentum, colour in ((0.0, "C0"), (0.8, "C1")):
    params = {"slope": jnp.float32(-0.5), "height": jnp.float32(0.5)}
    velocity = jax.tree.map(jnp.zeros_like, params)
    path = [params]
    for _ in range(40):
        params, velocity, _ = fast_step(line_loss, params, velocity, x, y, 0.1, momentum)
        path.append(params)
    track = np.array([(p["slope"], p["height"]) for p in path])
    axes.plot(track[:, 0], track[:, 1], ".-", color=colour, linewidth=1, label=f"momentum {momentum}")
axes.plot(1.5, -1.0, "k*", markersize=10)
axes.set(xlabel="slope", ylabel="height", title="40 steps towards the star")
axes.legend()
plt.show()

# %% [markdown]
# After 40 steps the run with momentum is close to the star. Plain gradient descent has covered less than half of the
# way along the valley.

# %% [markdown]
# ## Exercise 8: Clip each example's gradient ★★★ (20 minutes, 4 points)
#
# A single outlier can spoil a whole training step. Per-example clipping limits what *each* example may contribute to
# the gradient. It is also the core of differentially private training.
#
# ```python
# for each example i:
#     g = gradient of loss(params, x[i], y[i])      # a pytree
#     norm = sqrt(sum of the squares of ALL numbers in g)
#     if norm > bound:
#         g = g * (bound / norm)                    # same direction, length = bound
# return the mean of all g
# ```
#
# Use no Python loop over the examples: the check looks at the size of the program. An example that is fitted exactly
# has gradient zero, so take care with the division. It is easiest to write the body for **one** example and let `vmap`
# do the rest. Stuck? `check.hint("clipped_gradient")`


# %%
def clipped_gradient(loss, params, x, y, bound):
    """The mean of the examples' gradients, each clipped to norm ≤ `bound`.

    loss: loss(params, x[i], y[i]) is a scalar, of one example; params: any pytree of float32 arrays; x: [B, …];
    y: [B, …]; bound: a number > 0. Returns a pytree like params.
    """

    # BEGIN SOLUTION
    def clipped(x, y):
        gradient = jax.grad(loss)(params, x, y)
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        factor = jnp.minimum(1.0, bound / jnp.maximum(norm, 1e-12))
        return jax.tree.map(lambda g: factor * g, gradient)

    return jax.tree.map(lambda g: jnp.mean(g, axis=0), jax.vmap(clipped)(x, y))
    # END SOLUTION


# %%
clipped_gradient = check.clipped_gradient(clipped_gradient)

# %% [markdown]
# Fit a line to forty points, three of which are typing errors: once with plain gradients, once with clipped ones.


# %%
def squared_error(params, x, y):
    """Squared error of one point; params (slope, height)."""
    slope, height = params
    return (slope * x + height - y) ** 2


x = jnp.linspace(-1, 1, 40)
y = (2 * x + 0.1 * jax.random.normal(jax.random.key(0), x.shape)).at[jnp.array([33, 35, 38])].set(-6.0)

figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(x, y, ".", color="grey")
for label, bound in {"not clipped": 1e6, "clipped at 0.3": 0.3}.items():
    gradient = jax.jit(lambda params, bound=bound: clipped_gradient(squared_error, params, x, y, bound))
    params = (jnp.float32(0.0), jnp.float32(0.0))
    for _ in range(300):
        params = jax.tree.map(lambda p, g: p - 0.2 * g, params, gradient(params))
    axes.plot(x, params[0] * x + params[1], label=label)
axes.set(xlabel="x", ylabel="y")
axes.legend()
plt.show()

# %% [markdown]
# Without clipping, three outliers pull the line far away from the other points. With clipping, each of them counts no
# more than any other point, and the line passes through the data.

# %% [markdown]
# ## Exercise 9: Forwards, then back ★★★ (15 minutes, 3 points)
#
# A model with n parameters is fitted to m measurements. Let f(x) be the m residuals at the parameters x, and J their
# Jacobian, of shape [m, n]. The Gauss–Newton method needs the product Jᵀ J v for many vectors v. With a thousand
# parameters Jᵀ J has a million entries, but you need none of them: compute J v first, then multiply by Jᵀ.
#
# ```
#          v ──────── forward mode ───────▶ J v ──────── reverse mode ───────▶ Jᵀ (J v)
#         [n]                               [m]                                   [n]
# ```
#
# Do not build J or Jᵀ J: the check looks for arrays of that size. Stuck? `check.hint("gauss_newton")`


# %%
def gauss_newton(f, x, v):
    """Jᵀ J v, where J is the Jacobian of `f` at x, without building J.

    f: a function from [n] to [m]; x: [n] float32; v: [n] float32. Returns [n] float32.
    """
    # BEGIN SOLUTION
    _, along = jax.jvp(f, (x,), (v,))  # J v: [m]
    _, pull_back = jax.vjp(f, x)
    (result,) = pull_back(along)
    return result
    # END SOLUTION


# %%
gauss_newton = check.gauss_newton(gauss_newton)

# %% [markdown]
# Fit the four parameters of a damped oscillation. A Gauss–Newton step solves JᵀJ s = −Jᵀf. The method of conjugate
# gradients needs only products with JᵀJ, which your function computes. (Adding 10 to the diagonal shortens the first
# steps, as in the Levenberg–Marquardt method.) Gradient descent is shown for comparison.


# %%
def decaying_wave(p, t):
    """Height p[0], decay rate p[1], frequency p[2], phase p[3], at times t [N]: [N]."""
    return p[0] * jnp.exp(-p[1] * t) * jnp.sin(p[2] * t + p[3])


def residuals(p, t, measured):
    """Model minus measurement: [N]."""
    return decaying_wave(p, t) - measured


def half_square(p, t, measured):
    """Half the sum of the squared residuals."""
    return 0.5 * jnp.sum(residuals(p, t, measured) ** 2)


@jax.jit
def descent_step(p, t, measured):
    """A step of gradient descent."""
    return p - 0.002 * jax.grad(half_square)(p, t, measured)


@jax.jit
def gauss_newton_step(p, t, measured):
    """Solve (JᵀJ + 10 I) s = −gradient by conjugate gradients, and add s."""

    def product(v):
        return gauss_newton(lambda p: residuals(p, t, measured), p, v) + 10 * v

    step, _ = jax.scipy.sparse.linalg.cg(product, -jax.grad(half_square)(p, t, measured), maxiter=20)
    return p + step


t = jnp.linspace(0, 4, 200)
truth = jnp.array([2.0, 0.5, 3.0, 0.4])
measured = decaying_wave(truth, t) + 0.1 * jax.random.normal(jax.random.key(0), t.shape)
start = jnp.array([1.0, 0.3, 2.6, 0.0])

figure, axes = plt.subplots(1, 2, figsize=(9, 3))
axes[0].plot(t, measured, ".", color=plots.PALE)
axes[0].plot(t, decaying_wave(start, t), "--", color="grey", label="start")
for label, step in {"gradient descent": descent_step, "Gauss–Newton": gauss_newton_step}.items():
    p, values = start, []
    for _ in range(8):
        values.append(half_square(p, t, measured))
        p = step(p, t, measured)
    axes[0].plot(t, decaying_wave(p, t), label=label)
    axes[1].semilogy(values, label=label)
axes[0].set(title="the fit after 8 steps", xlabel="t")
axes[1].set(title="½ |f|²", xlabel="step")
axes[0].legend()
axes[1].legend()
plt.show()

# %% [markdown]
# Gauss–Newton follows the data after a few steps. At the last step shown, the loss of gradient descent is still more
# than six times as large.

# %% [markdown]
# ## Your progress

# %%
check.progress()

# %% [markdown]
# Unit 02 uses the same tools to train a convolutional network on handwritten digits.
