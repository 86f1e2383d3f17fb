# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · `jnp` and `jit`
#
# *NumPy with a compiler, with derivatives and with automatic batching.*
#
# You know Python and NumPy. By the end of this lesson you will be able to
#
# - write NumPy code that runs on any device, and say where JAX differs and why;
# - compile it with `jit`, and know **when** it is compiled again;
# - time it correctly;
# - differentiate it in forward or reverse mode, choose the cheaper one, and define a derivative of your own;
# - write a function for one example and run it on a thousand at once;
# - draw random numbers that are the same in every run;
# - train a linear model and a small network with nothing but these tools;
# - say what 16-bit numbers cost, and export a function to somebody who does not have your code.
#
# <!-- minutes -->
#
# | | section | minutes |
# | --- | --- | --- |
# | 1 | NumPy, and what is different | 14 |
# | 2 | `jit`: trace once, run often | 33 |
# | 3 | How to time | 7 |
# | 4 | `grad`, forwards and backwards | 23 |
# | 5 | `vmap`: write for one, run for many | 13 |
# | 6 | Random keys | 8 |
# | 7 | Pytrees | 6 |
# | 8 | Two models trained by hand | 18 |
# | 9 | When it goes wrong | 9 |
# | 10 | 16 bits, and how a product is computed | 6 |
# | 11 | A program without its Python | 4 |
# |  | What to remember | 1 |
# |  | Sources and further reading | 1 |
# |  | **together** | 143 |
#
# The minutes are for reading and running, without the exercises. You can stop at the end of any section. Counted at 200
# words, 20 lines of code or 2 cells a minute.
#
# <!-- end minutes -->
#
# You need neither a data set nor a GPU. **Guess first** marks a question to think about before you read on: decide on
# an answer, unfold ours, then run the cell. Each section ends with a few quick questions. After the lesson, do the
# exercises in `exercises/01_jnp_and_jit.ipynb`.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

import dataclasses
import functools
import importlib
import logging
import re
import time
import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jax import export, lax
from scipy import stats

from utils import plots

# %% [markdown]
# ## 1 · NumPy, and what is different
#
# `jax.numpy`, usually imported as `jnp`, has NumPy's functions under NumPy's names. Here is one function that works
# with either: the library is an argument.


# %%
def rms(x, xp):
    """Root mean square of `x`, computed with the library `xp` (np or jnp)."""
    return xp.sqrt(xp.mean(xp.square(x)))


print("NumPy:", rms(np.arange(5.0), np))
print("JAX:  ", rms(jnp.arange(5.0), jnp))

# %% [markdown]
# ### JAX computes in 32 bits
#
# JAX printed fewer digits. It makes `float32` and `int32` where NumPy makes `float64` and `int64`, which is usually
# what you want on GPUs and TPUs ([arrays](https://docs.jax.dev/en/latest/101/arrays.html), [default
# dtypes](https://docs.jax.dev/en/latest/101/default_dtypes.html)).

# %%
expressions = {
    "zeros(3)": lambda xp: xp.zeros(3),
    "array([1.5, 2.5])": lambda xp: xp.array([1.5, 2.5]),
    "arange(3)": lambda xp: xp.arange(3),
    "arange(3) / 2": lambda xp: xp.arange(3) / 2,
    "float16 * 2.0": lambda xp: xp.ones(3, xp.float16) * 2.0,
    "int8 + int32": lambda xp: xp.ones(3, xp.int8) + xp.ones(3, xp.int32),
    "int32 * float32": lambda xp: xp.ones(3, xp.int32) * xp.ones(3, xp.float32),
}
print(f"{'':20}{'numpy':10}{'jax.numpy':10}")
for text, expression in expressions.items():
    print(f"{text:20}{expression(np).dtype!s:10}{expression(jnp).dtype!s:10}")

# %% [markdown]
# Look at the last line: NumPy widens `int32 * float32` to 64 bits, JAX does not. (The rules are in [type
# promotion](https://docs.jax.dev/en/latest/101/type_promotion.html).)
#
# What do 32 bits cost? A `float32` has 24 significant binary digits.
#
# <details><summary><b>Guess first:</b> is 2²⁴ + 1 equal to 2²⁴ in <code>float32</code>?</summary>
#
# Yes. 2²⁴ + 1 needs 25 binary digits, so it is rounded to 2²⁴. Beyond 2²⁴ a `float32` cannot count in ones.
#
# </details>

# %%
big = jnp.float32(2**24)
print("2^24 + 1 == 2^24:", bool(big + 1 == big))

# %% [markdown]
# If you ask for 64 bits, JAX warns you and gives you 32. If you need 64, for a simulation or a finite difference,
# switch them on. For a whole program use `jax.config.update("jax_enable_x64", True)` in its first lines; for a few
# lines use the context manager below.

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print("asked for float64, got", jnp.zeros(3, dtype="float64").dtype, "and", len(caught), "warning")

with jax.enable_x64(True):
    print("with the switch on:   ", jnp.zeros(3).dtype)

# %% [markdown]
# ### Arrays do not change
#
# In NumPy, `x[0] = 10` changes the array for everyone who holds it. A JAX array is immutable, like a Python number or
# string. Assigning to it raises an error. (There are mutable references too, a separate type for special cases:
# [stateful computations](https://docs.jax.dev/en/latest/101/state.html). This course does without them.)

# %%
x = jnp.arange(5)
try:
    x[0] = 10
except TypeError as error:
    print(str(error).split(". ")[0])

# %% [markdown]
# `x.at[index].set(value)` returns a *new* array. There are also `add`, `multiply`, `min`, `max` and others.

# %%
y = x.at[0].set(10)
print("x:", x)
print("y:", y)
print("rows:", jnp.zeros((2, 3), jnp.int32).at[:, 1].add(5).tolist())

# %% [markdown]
# NumPy and JAX treat repeated indices differently. We count how often each number occurs in `draws`; 2 occurs three
# times.
#
# <details><summary><b>Guess first:</b> do NumPy and JAX both count three?</summary>
#
# Only JAX does. NumPy reads `counts[draws]`, adds 1 and writes the result back, so a repeated index is counted once
# (`np.add.at` counts all of them). JAX's `.at[…].add` adds for every index.
#
# </details>

# %%
draws = np.array([2, 0, 2, 3, 2])

counts = np.zeros(4, dtype=np.int32)
counts[draws] += 1
print("NumPy counts[draws] += 1:      ", counts)
print("JAX   counts.at[draws].add(1): ", jnp.zeros(4, jnp.int32).at[draws].add(1))

# %% [markdown]
# Isn't it slow to make a new array for every update? If each update is a separate call, yes: the call must leave the
# old array intact, so it makes a copy. *Inside* a compiled function the compiler sees that the old array is not used
# again, and can update it in place. A single call can do this too if you *donate* the argument, that is, promise not to
# use it again (unit 02). Here are 200 updates of an array of 300,000 numbers, in four ways. (`jit` and `fori_loop` come
# in section 2, and why we wait with `block_until_ready` in section 3.)


# %%
def write_at(i, x):
    """`x` with i in place i."""
    return x.at[i].set(jnp.asarray(i, x.dtype))


def one_call_each(write, x, steps):
    """Write 0, 1, 2, … `steps` - 1 into the first places of `x` by as many calls of `write`."""
    for i in range(steps):
        x = write(i, x)
    return x


def count_up(x, steps):
    """The same, as one loop that can be compiled."""
    return lax.fori_loop(0, steps, write_at, x)


zeros = jnp.zeros(300_000)
donating = jax.jit(write_at, donate_argnums=1)
ways = {
    "200 calls, not compiled": lambda: one_call_each(write_at, zeros, 200),
    "200 calls, compiled": functools.partial(one_call_each, jax.jit(write_at), zeros, 200),
    "200 calls, compiled, donated": lambda: one_call_each(donating, jnp.copy(zeros), 200),  # uses its argument up
    "one call, compiled": functools.partial(jax.jit(count_up), zeros, 200),
}
results, milliseconds = [], []
for way in ways.values():
    way().block_until_ready()  # compiles
    start = time.perf_counter()
    results.append(way().block_until_ready())
    milliseconds.append(1e3 * (time.perf_counter() - start))

print("same result:", all(bool(jnp.array_equal(results[0], result)) for result in results))
plots.bars(list(ways), milliseconds, unit="ms")
plt.show()

# %% [markdown]
# The first two ways copy 1.2 MB two hundred times. Donating avoids these copies, and a single call also saves the
# overhead of 200 calls. (Run the cell again with `jnp.zeros(10)`: there is next to nothing to copy, and only the cost
# of the calls is left.) So put a loop of updates *inside* a compiled function.
#
# ### Outside the array there is no error
#
# A compiled program on an accelerator cannot raise `IndexError` half-way
# ([arrays](https://docs.jax.dev/en/latest/101/arrays.html)). So JAX defines what happens instead: when you read outside
# the array, the index is *clamped* to the nearest valid one; when you write outside it, the write is dropped. There is
# no message, so such a mistake can go unnoticed for a long time. (Negative indices count from the end, as in NumPy.)

# %%
x = jnp.arange(5.0)
print("read  x[-1]:                          ", x[-1])
print("read  x[100]:                         ", x[100])
print("write x.at[100].set(7) changed it:    ", bool(jnp.any(x.at[100].set(7) != x)))
print('read  x.at[100].get(mode="fill"):     ', x.at[100].get(mode="fill"))
print("read  ... with fill_value=-1:         ", x.at[100].get(mode="fill", fill_value=-1))

# %% [markdown]
# `mode="fill"` gives NaN, which spreads to the final result, where you will notice it. (Integers have no NaN: give a
# `fill_value`.) To have indices checked while you debug, see
# [`checkify`](https://docs.jax.dev/en/latest/jax.experimental.checkify.html).
#
# ### An array lives on a device
#
# `jax.devices()` lists the devices; new arrays go to the first. With a GPU or TPU the same code runs there. The *host*
# is the computer's CPU with its memory, where Python and NumPy run.

# %%
print("devices: ", jax.devices())
print("x is on: ", x.device)

host = np.asarray(x)  # to NumPy: waits for the result and copies it to the host's memory if it is not there
back = jax.device_put(host)  # to JAX: to the first device, or to the one that you name
print("NumPy array:", isinstance(host, np.ndarray), "  JAX array:", isinstance(back, jax.Array))

# %% [markdown]
# A NumPy *function* called on a JAX array also moves it to the host, without telling you: it computes there and returns
# a NumPy array. Inside a compiled function it is an error, as section 9 shows.

# %%
print("np.sin(x) is a JAX array: ", isinstance(np.sin(x), jax.Array))
print("jnp.sin(x) is a JAX array:", isinstance(jnp.sin(x), jax.Array))

# %% [markdown]
# ### Why all this
#
# Because arrays are immutable, a function of arrays can be a function in the mathematical sense: **the same input gives
# the same output, and nothing else happens.** Such a function is called *pure*. A program can analyse a pure function
# and build another function from it. This is what JAX is: a set of *transformations*, each of which takes a function
# and returns a function.
#
# | | takes `f` and returns a function that |
# | --- | --- |
# | `jax.jit(f)` | does the same, compiled |
# | `jax.grad(f)` | computes the derivative |
# | `jax.vmap(f)` | does it for a whole batch |
#
# Since each returns an ordinary function, they can be combined. Here is the slope of tanh at three points, in one
# compiled call.

# %%
slope_at = jax.jit(jax.vmap(jax.grad(jnp.tanh)))
print(slope_at(jnp.array([-2.0, 0.0, 2.0])))

# %% [markdown]
# The rest of this lesson is about these three, and about what they require of your code.
#
# ### Quick questions
#
# <details><summary>1. <code>y = x.at[2].set(0)</code>: what has changed in <code>x</code>?</summary>
#
# Nothing. `y` is a new array; a line `x.at[2].set(0)` without the assignment has no effect at all.
#
# </details>
#
# <details><summary>2. <code>x</code> has ten elements. What is <code>x[10]</code> in NumPy and in JAX?</summary>
#
# NumPy raises `IndexError`. JAX returns the last element, `x[9]`.
#
# </details>
#
# <details><summary>3. Is <code>def f(x): total.append(x); return 2 * x</code> pure?</summary>
#
# No: besides returning a result it changes the list `total`.
#
# </details>

# %% [markdown]
# ## 2 · `jit`: trace once, run often
#
# Without `jit`, `jnp` sends one operation after another to the device. `jax.jit` hands the whole function to the
# compiler [XLA](https://openxla.org/xla), which can *fuse* many operations into one loop over memory (section 3 shows
# it). To get the *whole* function, JAX must first find out what it does. It runs your Python code **once**, with
# placeholders for the arguments, and records the operations. This is called *tracing*.
#
# ![The first call with a new signature is traced and compiled; the next run the program](../ressources/u01_jit.svg)
#
# <details><summary><b>Guess first:</b> how often does this cell print "Python runs"?</summary>
#
# Once. The first call traces and compiles. The second has the same shape and dtype and runs the compiled program,
# without Python.
#
# </details>


# %%
@jax.jit
def noisy(x):
    print("Python runs; x is", x)
    return jnp.sum(jnp.sin(x) * 2)


first = noisy(jnp.arange(3.0))
second = noisy(jnp.ones(3))
print("results:", first, second)

# %% [markdown]
# Two calls, and Python ran once. During the first call `x` was a *tracer*: it has a shape and a dtype, but no value.
#
# The record is a *jaxpr*, a program in a small typed language. `jax.make_jaxpr` shows it: the inputs, one line for each
# operation, the outputs. JAX knows how to compile, differentiate and batch each of these operations.

# %%
print(jax.make_jaxpr(lambda x: jnp.sum(jnp.sin(x) * 2))(jnp.arange(3.0)))

# %% [markdown]
# ### A counter for traces
#
# Tracing runs the Python body; a compiled call does not. So a line with a side effect can count the traces. We shall
# use this counter often.


# %%
def count_traces(function):
    """`function` with a counter: `.count` says how often Python has run its body."""

    @functools.wraps(function)
    def counted(*args, **kwargs):
        counted.count += 1
        return function(*args, **kwargs)

    counted.count = 0
    return counted


def double(x):
    """Twice `x`."""
    return 2 * x


counted = count_traces(double)
fast_double = jax.jit(counted)

# %% [markdown]
# <details><summary><b>Guess first:</b> which of the eight calls below are traced?</summary>
#
# Five: the first, `float32[4]`, `int32[3]`, `Python 1.0` and `Python 2`. What counts is the shape and the dtype. Other
# numbers in an array of the same shape and dtype need no new trace, and neither does another Python float.
#
# </details>

# %%
calls = {
    "float32[3]": jnp.ones(3),
    "float32[3], other numbers": jnp.arange(3.0),
    "float32[4]": jnp.ones(4),
    "int32[3]": jnp.ones(3, jnp.int32),
    "float32[3] from NumPy": np.ones(3, np.float32),
    "Python 1.0": 1.0,
    "Python 2.0": 2.0,
    "Python 2": 2,
}
for text, argument in calls.items():
    before = counted.count
    fast_double(argument)
    print(f"{text:27}{'traced' if counted.count > before else '-':10}so far: {counted.count}")

# %% [markdown]
# A program is kept for each *signature*: the **shapes** and **dtypes** of the arrays, and the structure that holds
# them, such as a tuple or a dict (section 7). Values do not matter, not even those of Python numbers: 1.0 and 2.0 share
# a program. Types do matter: 2.0 and 2 do not share one.
#
# ### Every new shape is compiled again
#
# 488 examples in batches of 64 make seven full batches and a last one of 40. We go through them twice. Before that we
# call the function with a single example "to warm it up". (Unit 02 finds this mistake in [a blog post by ravialdy,
# 2023](https://github.com/ravialdy/ravialdy.github.io/blob/6c852507a2d1/_posts/2023-10-05-jaxflax.md).) We time each
# call.


# %%
def score(w, x):
    """Some work on a batch x [B, D]: a scalar."""
    for _ in range(8):
        x = jnp.tanh(x @ w)
    return jnp.mean(x)


batch_sizes = [1] + [64] * 7 + [40] + [64] * 7 + [40]
w = jnp.eye(32)

counted = count_traces(score)
fast_score = jax.jit(counted)
milliseconds, traced = [], []
for size in batch_sizes:
    x = jnp.ones((size, 32))
    before, start = counted.count, time.perf_counter()
    fast_score(w, x).block_until_ready()
    milliseconds.append(1e3 * (time.perf_counter() - start))
    traced.append(counted.count > before)

print("calls:", len(batch_sizes), " traces:", sum(traced))

figure, axes = plt.subplots(figsize=(8, 3))
colours = ["C1" if t else "C0" for t in traced]
axes.bar(range(len(batch_sizes)), milliseconds, color=colours)
axes.set(yscale="log", xlabel="call, with its batch size", ylabel="milliseconds", title="Orange: traced and compiled")
axes.set_xticks(range(len(batch_sizes)), batch_sizes)
plt.show()

# %% [markdown]
# Three shapes, three compilations, and each takes far longer than a run. (The axis is logarithmic.) The warm-up with a
# batch of one was useless: its program was never used again. A warm-up needs the real shapes. Better still, compile
# *ahead of time*: `lower` traces, `compile` compiles, and nothing runs. Such a program accepts no other shape
# ([ahead-of-time compilation](https://docs.jax.dev/en/latest/201/aot.html)).

# %%
program = jax.jit(score).lower(w, jnp.ones((64, 32))).compile()
try:
    program(w, jnp.ones((1, 32)))
except TypeError as error:
    print("one example:", str(error).split(" from ")[0])
print("a batch of 64 runs:", program(w, jnp.ones((64, 32))).shape == ())

# %% [markdown]
# Leaving out `jit` does not help: each single `jnp` operation is a small compiled program, cached by the same rule. JAX
# says so if you ask it to log its compilations. It uses Python's `logging`; here we catch the messages.


# %%
class Messages(logging.Handler):
    """Keeps the messages that it is handed."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def jax_log(function):
    """Calls `function` and returns what JAX logged meanwhile, with reasons for compiling: a list of texts."""
    logger, messages = logging.getLogger("jax"), Messages()
    handlers, logger.handlers = logger.handlers, [messages]
    try:
        with jax.log_compiles(True), jax.explain_cache_misses(True):
            jax.block_until_ready(function())
    finally:
        logger.handlers = handlers
    return messages.texts


vectors = [np.ones(size, np.float32) for size in (11, 11, 12, 13)]
for text in jax_log(lambda: [jnp.tanh(vector) for vector in vectors]):
    if text.startswith("Compiling"):
        print(text.split(". ")[0])

# %% [markdown]
# Four calls of `jnp.tanh`, three shapes, three programs.
#
# And the last batch of 40? Pad it to the usual size, and pass a mask that says which rows are real. The `assert`
# compares each result with the mean of the real rows.


# %%
def padded(x, size):
    """`x` [n, D] filled up with zeros to [size, D], and a mask [size] that is True on the real rows."""
    missing = size - len(x)
    return np.pad(x, ((0, missing), (0, 0))), np.arange(size) < len(x)


def masked_mean(x, mask):
    """Mean over the real rows of x [B, D]: [D]."""
    return jnp.sum(x, axis=0, where=mask[:, None]) / jnp.sum(mask)


counted = count_traces(masked_mean)
fast_mean = jax.jit(counted)
for size in (64, 64, 40, 7, 1):
    rows = np.arange(size * 2.0).reshape(size, 2).astype(np.float32)
    assert np.allclose(fast_mean(*padded(rows, 64)), rows.mean(0))
print("five calls, traces:", counted.count)

# %% [markdown]
# Five batch sizes, padded to one shape: one trace, and every mean is right.
#
# ### Python values: static arguments
#
# A tracer has no value, so Python cannot use it as the end of a `range` or as a shape.


# %%
def power(x, n):
    """`x` to the n-th, by n - 1 multiplications."""
    result = x
    for _ in range(n - 1):
        result = result * x
    return result


try:
    jax.jit(power)(2.0, 3)
except TypeError as error:
    print(type(error).__name__ + ":", str(error).splitlines()[0][:75])

# %% [markdown]
# If `n` belongs to the *code* rather than to the data (a number of layers, the name of an activation, training or
# evaluation), make it static. Then it stays a Python value and becomes part of the signature: each new value is traced
# and compiled again.

# %%
counted = count_traces(power)
fast_power = jax.jit(counted, static_argnames="n")
for n in (3, 3, 2, 3, 2):
    print(f"n={n}: {fast_power(2.0, n=n):.0f}   traces so far: {counted.count}")

# %% [markdown]
# So never make an argument static if it changes at every call. Here a step number is passed in both ways.


# %%
def decayed(rate, step):
    """A learning rate that falls with the step."""
    return rate / (1 + 0.1 * step)


as_static, as_array = count_traces(decayed), count_traces(decayed)
fast_static, fast_array = jax.jit(as_static, static_argnames="step"), jax.jit(as_array)
history = {"static": [], "an argument like any other": []}
for step in range(10):
    fast_static(0.1, step=step)
    fast_array(0.1, step)
    history["static"].append(as_static.count)
    history["an argument like any other"].append(as_array.count)

figure, axes = plt.subplots(figsize=(6, 3))
for label, counts in history.items():
    axes.step(range(1, 11), counts, where="mid", label=label)
axes.set(xlabel="calls", ylabel="traces so far", title="The step number as …")
axes.legend()
print({label: counts[-1] for label, counts in history.items()})

# %% [markdown]
# As a static argument, the step number causes a trace at every call; as an ordinary argument, only at the first.
#
# Static values are part of the key under which JAX looks up a compiled program. So a static value must be hashable: a
# tuple, not a list; a frozen dataclass, not a dict; never an array.

# %%
try:
    fast_power(2.0, n=[3])
except ValueError as error:
    print(str(error).split(".")[0] + ".")

# %% [markdown]
# ### The weak-typed scalar
#
# A Python number does not say how many bits it should have in an array. So JAX gives it a *weak* type: 0.5 adopts the
# dtype of the float array it meets. Code written for 16 bits then stays in 16 bits (`bfloat16` is a 16-bit float:
# section 10). A NumPy scalar has a dtype of its own, so its type is not weak, and it can widen the result.

# %%
half = jnp.ones(3, jnp.bfloat16)
print("bfloat16 * 0.5:            ", (half * 0.5).dtype)
print("bfloat16 * np.float32(0.5):", (half * np.float32(0.5)).dtype)
print("types: 0.5 is", jax.typeof(0.5), "(~ for weak), np.float32(0.5) is", jax.typeof(np.float32(0.5)))

# %% [markdown]
# Whether a type is weak is part of the signature. The trap is a running total that starts as a Python number and comes
# back as an array. (`jnp.zeros(())` is an array with no axes: one number.)
#
# <details><summary><b>Guess first:</b> how many traces does each of the two loops of five calls need?</summary>
#
# Two and one. `0.0` is weakly typed, but the total that comes back is not: that is a second signature. The total that
# starts as `jnp.zeros(())` has the same type throughout.
#
# </details>


# %%
def add_up(total, batch):
    """The running total, with this batch's sum."""
    return total + jnp.sum(batch)


for text, total in {"total = 0.0": 0.0, "total = jnp.zeros(())": jnp.zeros(())}.items():
    counted = count_traces(add_up)
    fast_add_up = jax.jit(counted)
    for _ in range(5):
        total = fast_add_up(total, jnp.ones(4))
    print(f"{text:25}traces: {counted.count}")

# %% [markdown]
# The second trace is wasted. With a large model you wait for the compiler twice.
#
# ### Why was it traced again?
#
# Ask JAX. Under `jax.explain_cache_misses` it logs the reason for each retrace: which argument differs from the closest
# signature seen so far. For a whole program, set `JAX_EXPLAIN_CACHE_MISSES=1` in the environment ([slow
# compilation](https://docs.jax.dev/en/latest/201/slow-compilation.html)).


# %%
def reasons(function):
    """Why JAX retraced while `function` was called: the lines that say what differs."""
    parts = [text.partition("closest previous key:")[2] for text in jax_log(function)]
    return [line.split("http")[0].strip() for part in parts for line in part.splitlines() if line]  # no link


fast_add_up = jax.jit(add_up)
fast_add_up(0.0, jnp.ones(4))
print("\n".join(reasons(lambda: fast_add_up(fast_add_up(0.0, jnp.ones(4)), jnp.ones(4)))))
print()
print("\n".join(reasons(lambda: fast_add_up(0.0, jnp.ones(5)))))

# %% [markdown]
# The first report is about the weak type, the second about the shape.
#
# There is one more way to retrace at every call: pass `jit` a *new function* each time. Programs are cached per
# function object, and each evaluation of a `lambda` or `def` makes a new object.

# %%
counted = count_traces(double)
for _ in range(5):
    jax.jit(lambda x: counted(x))(1.0)
print("jit of a new lambda in each round: traces", counted.count)

counted = count_traces(double)
fast_double = jax.jit(counted)
for _ in range(5):
    fast_double(1.0)
print("jit once, before the loop:         traces", counted.count)

# %% [markdown]
# So apply `jit` once, outside the loop.
#
# ### Side effects happen while tracing, or never
#
# A jaxpr holds array operations only. If the function prints, appends to a list or reads a global variable, Python does
# so while tracing, and not again.
#
# <details><summary><b>Guess first:</b> what does the last line of the next cell print?</summary>
#
# `1.0`. The program was compiled while `scale` was 1, and the number is a constant in it.
#
# </details>

# %%
scale = 1.0


@jax.jit
def scaled(x):
    """Reads a global: a mistake."""
    return scale * x


print("scale 1:  ", scaled(1.0))
scale = 100.0
print("scale 100:", scaled(1.0))

# %% [markdown]
# The program still uses the old scale, and there is no error. This rule prevents it: **what can change goes in through
# the arguments and comes out through the return value.**
#
# The opposite mistake does raise an error, as soon as the value is used: if a traced function stores something in a
# global, a list or `self`, a tracer *leaks*.

# %%
kept = []


@jax.jit
def keeps(x):
    """Stores an intermediate value outside: a mistake."""
    hidden = x + 1
    kept.append(hidden)
    return 2 * hidden


keeps(jnp.ones(3))
print("what is in the list is a tracer:", isinstance(kept[0], jax.core.Tracer))
try:
    kept[0] + 1
except jax.errors.UnexpectedTracerError as error:
    print("UnexpectedTracerError:", str(error).split(". ")[0])

# %% [markdown]
# Return `hidden` as a second result instead.
#
# ### `if` under a trace
#
# Python must know which branch to take, but a tracer has no value.


# %%
def bounded(x):
    """`x`, or 1 if it is larger."""
    if x > 1:
        return 1.0
    return x


try:
    jax.jit(bounded)(3.0)
except jax.errors.TracerBoolConversionError as error:
    print(str(error).splitlines()[0])

# %% [markdown]
# An `if` on a *shape*, a dtype or a static argument is fine: those are known while tracing. For a condition on values
# there are two ways ([control flow](https://docs.jax.dev/en/latest/201/control-flow.html)). `jnp.where` computes both
# sides and picks one for each element; `lax.cond` runs one of two branches.

# %%
print("where:", jax.jit(lambda x: jnp.where(x > 1, 1.0, x))(jnp.array([0.5, 3.0])))
print("cond: ", jax.jit(lambda x: lax.cond(x > 1, lambda x: 1.0, lambda x: x, x))(3.0))

# %% [markdown]
# Use `where` for arithmetic and `cond` for an expensive branch that is often skipped. (Under `vmap` that changes:
# section 5.)
#
# ### Loops
#
# A Python `for` loop works: it runs while tracing, so its body appears in the jaxpr once *per round*. `lax` has loops
# whose body appears only once.


# %%
def unrolled(x, rounds):
    """A loop in Python: the jaxpr grows with `rounds`."""
    for _ in range(rounds):
        x = jnp.sin(x) * 1.1 + 0.1
    return x


def rolled(x, rounds):
    """The same with `lax.fori_loop`: the body stands in the jaxpr once."""
    return lax.fori_loop(0, rounds, lambda i, x: jnp.sin(x) * 1.1 + 0.1, x)


x = jnp.linspace(0, 1, 8)
for function in (unrolled, rolled):
    sizes = [len(jax.make_jaxpr(function, static_argnums=1)(x, rounds).eqns) for rounds in (1, 10, 100)]
    print(f"{function.__name__:10}equations for 1, 10, 100 rounds: {sizes}")
print("same result:", bool(jnp.allclose(unrolled(x, 50), rolled(x, 50), atol=1e-5)))

# %% [markdown]
# All those equations must be compiled. We time tracing and compiling only; nothing is run.

# %%
rounds_tried = (1, 50, 100, 200, 300)
compile_seconds = {"unrolled": [], "rolled": []}
for rounds in rounds_tried:
    for function in (unrolled, rolled):
        start = time.perf_counter()
        jax.jit(function, static_argnums=1).lower(x, rounds).compile()
        compile_seconds[function.__name__].append(time.perf_counter() - start)

figure, axes = plt.subplots(figsize=(6, 3))
for label, seconds in compile_seconds.items():
    axes.plot(rounds_tried, seconds, "o-", label=label)
axes.set(xlabel="rounds", ylabel="seconds to trace and compile", title="An unrolled loop is paid for in compile time")
axes.legend()
plt.show()

# %% [markdown]
# A loop of a few rounds may stay in Python; a loop of hundreds should not. Which `lax` loop should you use?
#
# | | rounds | gives | reverse-mode `grad` |
# | --- | --- | --- | --- |
# | `lax.fori_loop(lo, hi, body, x)` | a fixed number | the last state | if `lo`, `hi` are Python numbers |
# | `lax.scan(body, x, xs)` | one for each of `xs` | the last state **and** all outputs | yes |
# | `lax.while_loop(cond, body, x)` | until `cond` is false | the last state | no |
#
# `scan` is the one to learn: training loops, recurrent networks and simulations are scans. Its body takes (state,
# input) and returns (new state, output). Here it integrates the [Lorenz equations
# (1963)](https://doi.org/10.1175/1520-0469%281963%29020%3C0130:DNF%3E2.0.CO;2) in 4,000 small steps, and keeps every
# point. (`@jax.jit(…)` with options has worked since JAX 0.8.1
# ([changelog](https://docs.jax.dev/en/latest/changelog.html)); older code writes `@functools.partial(jax.jit, …)`.)


# %%
def lorenz_step(state, _):
    """One Euler step of 0.005 of the Lorenz equations; state [3]."""
    x, y, z = state
    velocity = jnp.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])
    state = state + 0.005 * velocity
    return state, state  # carried on, and kept


@jax.jit(static_argnames="steps")
def lorenz(start, steps):
    """`steps` points of the orbit from `start` [3]: [steps, 3]."""
    _, orbit = lax.scan(lorenz_step, start, length=steps)
    return orbit


orbit = lorenz(jnp.array([1.0, 1.0, 1.0]), steps=4000)
print("orbit:", orbit.shape)
figure, axes = plt.subplots(figsize=(5, 3.2))
axes.plot(orbit[:, 0], orbit[:, 2], linewidth=0.5)
axes.set(xlabel="x", ylabel="z", title="4,000 steps, one compiled loop")
plt.show()

# %% [markdown]
# The carried state must keep its shape and dtype from round to round, since the loop's body is compiled once. A common
# mistake is a total that starts as an integer and becomes a float. JAX reports it.

# %%
try:
    lax.scan(lambda total, x: (total + x, None), jnp.int32(0), jnp.array([0.5, 1.5]))
except TypeError as error:
    print(str(error).splitlines()[0][:90])
print("from jnp.float32(0):", lax.scan(lambda total, x: (total + x, None), jnp.float32(0), jnp.array([0.5, 1.5]))[0])

# %% [markdown]
# `while_loop` stops when a condition on the values says so. Here is Heron's rule for a square root, repeated until the
# guess hardly changes.


# %%
@jax.jit
def heron(a):
    """The square root of `a` > 0, and the number of rounds it took."""

    def unfinished(state):
        guess, previous, _ = state
        return jnp.abs(guess - previous) > 1e-6 * guess

    def improve(state):
        guess, _, rounds = state
        return 0.5 * (guess + a / guess), guess, rounds + 1

    root, _, rounds = lax.while_loop(unfinished, improve, (0.5 * (a + 1), a + 1.0, 0))
    return root, rounds


for a in (2.0, 1e6):
    root, rounds = heron(a)
    print(f"root of {a:.0f}: {root:.4f} after {rounds} rounds")

# %% [markdown]
# The number of rounds depends on the value: 4 for 2, and 13 for a million.
#
# ### Quick questions
#
# <details><summary>1. A jitted function is called with batches of 32, 32, 17, 32 and 17 rows. How many
# compilations?</summary>
#
# Two: one for each shape.
#
# </details>
#
# <details><summary>2. Should the learning rate be a static argument?</summary>
#
# No. With a schedule it changes at every step, and each new value would be compiled. As an ordinary argument its value
# is not part of the signature.
#
# </details>
#
# <details><summary>3. Why does a <code>print</code> in a jitted function show no numbers?</summary>
#
# It runs while tracing, when there are no numbers yet: it shows the tracer, with its shape and dtype.
#
# </details>

# %% [markdown]
# ## 3 · How to time
#
# A JAX call returns before its result has been computed. It puts the work into the device's queue and returns an array
# whose numbers will be there later. This is called *asynchronous dispatch*
# ([documentation](https://docs.jax.dev/en/latest/201/jit.html#asynchronous-dispatch)). Python can prepare the next
# batch while the device works. It waits only when you look at the numbers: print them, turn them into NumPy, ask for
# `float(loss)`.
#
# So if you stop the clock right after the call, you have timed only how long it takes to queue the work.
# `block_until_ready` waits for the result.
#
# <details><summary><b>Guess first:</b> a 1,200 × 1,200 matrix is multiplied by itself twice. How much faster does that
# look without waiting?</summary>
#
# On a CPU often hundreds of times; the cell prints the factor. It depends on the machine and on the size of the matrix.
#
# </details>

# %%
matrix = jnp.ones((1200, 1200)) / 1200
cube = jax.jit(lambda a: a @ a @ a)
returned, done = [], []  # milliseconds
for _ in range(10):
    start = time.perf_counter()
    result = cube(matrix)
    returned.append(1e3 * (time.perf_counter() - start))
    result.block_until_ready()
    done.append(1e3 * (time.perf_counter() - start))

dispatch, honest = np.median(returned[1:]), np.median(done[1:])
figure, axes = plots.bars(
    ["first call: compiles, too", "not waited for", "warmed up, waited for"], [done[0], dispatch, honest], unit="ms"
)
axes.set_title("Three ways to time the same product; the last is right")
print("not waiting looks", f"{honest / dispatch:.1f}×", "faster than it is")

# %% [markdown]
# When you read that JAX is many times faster than something else, ask whether the author waited for the result. The
# middle bar shows what you measure otherwise. A fair timing
#
# 1. runs the function once first, with the real shapes, so that compilation is left out (or reported separately);
# 2. waits for every array that was computed;
# 3. repeats and takes the median, because other work on the machine can disturb a single run.


# %%
def timed(function, *args, repeats=7):
    """Median seconds of `function(*args)`, warmed up, waiting for every array of the result."""
    jax.block_until_ready(function(*args))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*args))
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


# %% [markdown]
# ### NumPy, `jnp`, `jit`: which is faster?
#
# It depends on the size, so we plot it. The function is the GELU activation ([Hendrycks and Gimpel,
# 2016](https://arxiv.org/abs/1606.08415)) in its tanh form: nine operations for each element. NumPy also gets `float32`
# numbers.
#
# <details><summary><b>Guess first:</b> up to which number of elements does NumPy win?</summary>
#
# On a CPU, often up to ten thousand or more; the title of the chart gives the largest such size in this run. For the
# smallest arrays the two can be level: the calls cost more than the arithmetic, and one call of a compiled program can
# cost as much as NumPy's nine.
#
# </details>


# %%
def gelu(x, xp=jnp):
    """The GELU activation (its tanh approximation), computed with the library `xp`."""
    return 0.5 * x * (1 + xp.tanh(0.7978846 * (x + 0.044715 * x * x * x)))


sizes = [1, 100, 1_000, 10_000, 100_000, 1_000_000, 5_000_000]
fast_gelu = jax.jit(gelu)
microseconds = {"NumPy": [], "jnp": [], "jnp with jit": []}
for size in sizes:
    on_host = np.linspace(-3, 3, size, dtype=np.float32)
    on_device = jnp.asarray(on_host)
    repeats = 5 if size > 100_000 else 51
    microseconds["NumPy"].append(1e6 * timed(gelu, on_host, np, repeats=repeats))
    microseconds["jnp"].append(1e6 * timed(gelu, on_device, repeats=repeats))
    microseconds["jnp with jit"].append(1e6 * timed(fast_gelu, on_device, repeats=repeats))

behind = [size for size, a, b in zip(sizes, microseconds["NumPy"], microseconds["jnp with jit"], strict=True) if a < b]
figure, axes = plt.subplots(figsize=(6, 3.5))
for label, values in microseconds.items():
    axes.plot(sizes, values, "o-", label=label)
title = f"GELU: NumPy is ahead of jit up to {max(behind, default=0):,} elements"
axes.set(xscale="log", yscale="log", xlabel="elements", ylabel="microseconds", title=title)
axes.legend()
plt.show()

# %% [markdown]
# Two causes can be counted: the number of operations, and the number of bytes that the compiled program reads and
# writes for each element. Nine separate operations would read and write at least 9 · 8 = 72 bytes.

# %% tags=["nbval-ignore-output"]
million = jnp.zeros(1_000_000)
cost = fast_gelu.lower(million).compile().cost_analysis()
print("operations in the jaxpr:           ", len(jax.make_jaxpr(gelu)(million).eqns))
print("bytes an element, compiled:        ", round(cost["bytes accessed"] / million.size, 1))

# %% [markdown]
# - **Small arrays: NumPy, or no difference.** Each un-jitted `jnp` operation costs microseconds of dispatch, however
#   small the array; a compiled call costs this only once. A Python loop over small arrays is the worst way to use JAX.
# - **Large arrays: `jit`.** NumPy and un-jitted `jnp` write every intermediate result to memory and read it again. The
#   compiled program has fused the nine operations: for each element it reads four bytes and writes four.
# - **Un-jitted `jnp`: never the fastest in this chart.** `jit` turns nine dispatches into one. So compile the
#   *outermost* function you can: the whole training step, not its parts.
#
# ### Quick questions
#
# <details><summary>1. A benchmark calls a jitted <code>f(x)</code> once, between two readings of the clock. What are
# two faults?</summary>
#
# The first call compiles, and nothing waits for the result.
#
# </details>
#
# <details><summary>2. In a training loop, what does <code>losses.append(float(loss))</code> cost?</summary>
#
# Python waits for every step, so it cannot queue the next one in the meantime. Append `loss` and convert at the end.
#
# </details>

# %% [markdown]
# ## 4 · `grad`, forwards and backwards
#
# `jax.grad(f)` is a *function*, the derivative of `f`. JAX differentiates the jaxpr, line by line, with the chain rule;
# the result is exact up to rounding. Since the derivative is a function, it can be differentiated again.


# %%
def wave(x):
    """A scalar function to differentiate."""
    return jnp.sin(2 * x) * jnp.exp(-0.2 * x**2)


x = jnp.linspace(-5, 5, 400)
figure, axes = plt.subplots(figsize=(7, 3.2))
for label, function in {"f": wave, "grad(f)": jax.grad(wave), "grad(grad(f))": jax.grad(jax.grad(wave))}.items():
    axes.plot(x, jax.jit(jax.vmap(function))(x), label=label)
axes.axhline(0, color="grey", linewidth=0.5)
axes.set(xlabel="x", title="f, and grad of it, once and twice")
axes.legend()
plt.show()

# %% [markdown]
# Is it right? We compare with the finite difference (f(x+h) − f(x−h)) / 2h, for many h. If h is too large, the
# approximation is bad. If it is too small, two numbers are subtracted that agree in nearly all their digits. (We add
# 1e-9 to each error, so that an error of zero could be drawn on the logarithmic axis.)

# %%
steps = jnp.logspace(-6, 0, 60)
point = 0.7
slopes = jax.jit(jax.vmap(lambda h: (wave(point + h) - wave(point - h)) / (2 * h)))(steps)
with jax.enable_x64(True):
    exact = float(jax.grad(wave)(np.float64(point)))

figure, axes = plt.subplots(figsize=(6, 3))
axes.loglog(steps, np.abs(slopes - exact) + 1e-9, label="finite difference, float32")
axes.axhline(abs(float(jax.grad(wave)(point)) - exact) + 1e-9, color="C1", label="jax.grad, float32")
axes.set(xlabel="h", ylabel="error", title="grad against finite differences")
axes.legend()
plt.show()

# %% [markdown]
# The finite difference is best for h between about 0.001 and 0.01. Even there, its error is more than ten times that of
# `grad`.
#
# ### The everyday tools
#
# `grad` takes a function with a *scalar* result and differentiates with respect to the first argument, or those you
# name with `argnums`. In training you want the loss as well (`value_and_grad`), and often a second result that is not
# differentiated (`has_aux`).


# %%
def squared_error(w, b, x, y):
    """Mean squared error of the line w x + b, and the predictions."""
    predicted = w * x + b
    return jnp.mean((predicted - y) ** 2), predicted


x, y = jnp.arange(4.0), jnp.array([1.0, 3.0, 5.0, 7.0])
differentiate = jax.value_and_grad(squared_error, argnums=(0, 1), has_aux=True)
(loss, predicted), (grad_w, grad_b) = differentiate(2.0, 0.0, x, y)
print("loss", loss, " predicted", predicted, " d/dw", grad_w, " d/db", grad_b)

# %% [markdown]
# By hand: every prediction is 1 too small, and the mean of x is 1.5, so d/dw is 2 · (−1) · 1.5 and d/db is 2 · (−1).
#
# Two mistakes are common: a result that is not a scalar, and an argument that is an integer.

# %%
try:
    jax.grad(lambda x: x**2)(x)
except TypeError as error:
    print("a vector result:", error)
try:
    jax.grad(lambda x: x**2)(3)
except TypeError as error:
    print("an integer:     ", str(error).split(" (")[0])

# %% [markdown]
# `lax.stop_gradient` returns its argument and has the derivative zero. It is for values that a loss uses but training
# should not change, such as a target computed by another network.

# %%
print("d/dx x·x:                ", jax.grad(lambda x: x * x)(3.0))
print("d/dx x·stop_gradient(x): ", jax.grad(lambda x: x * lax.stop_gradient(x))(3.0))

# %% [markdown]
# With `stop_gradient` the second factor counts as a constant, so the derivative is x = 3 and not 2x = 6.
#
# ### The NaN behind a `where`
#
# The values of the function below are right everywhere.
#
# <details><summary><b>Guess first:</b> what is its gradient at −1?</summary>
#
# NaN. The side that is not taken is differentiated too.
#
# </details>


# %%
def naive_sqrt(x):
    """√x for x > 0, else 0."""
    return jnp.where(x > 0, jnp.sqrt(x), 0.0)


print("f(-1)  =", naive_sqrt(-1.0))
print("f'(-1) =", jax.grad(naive_sqrt)(-1.0))

# %% [markdown]
# `where` computes *both* sides, and both are differentiated. The gradient that reaches the side not taken is 0. It is
# multiplied by the derivative of √x at −1, which is NaN, and 0 · NaN = NaN. The remedy is to keep the bad number away
# from the function, with a second `where` **inside** ([JAX's
# FAQ](https://docs.jax.dev/en/latest/faq.html#gradients-contain-nan-where-using-where)).


# %%
def safe_sqrt(x):
    """√x for x > 0, else 0, with a gradient that is finite everywhere."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


x = jnp.linspace(-2, 2, 200)
figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), sharey=True)
for ax, title, function in zip(
    axes, ("where outside", "where outside and inside"), (naive_sqrt, safe_sqrt), strict=True
):
    ax.plot(x, jax.vmap(function)(x), label="f")
    ax.plot(x, jax.vmap(jax.grad(function))(x), label="gradient")
    ax.set(title=title, xlabel="x", ylim=(-0.2, 3))
axes[0].legend()
print("NaN gradients:", [int(jnp.isnan(jax.vmap(jax.grad(f))(x)).sum()) for f in (naive_sqrt, safe_sqrt)])

# %% [markdown]
# On the left the line of the gradient stops at zero, because NaN is not drawn. With the second `where`, none of the 100
# NaNs is left.
#
# ### Two directions
#
# A function from n numbers to m numbers has an m × n matrix of derivatives, the Jacobian J. JAX does not build J unless
# you ask for it. Instead it multiplies by J, from one side or the other.
#
# - **Forward mode**, `jax.jvp` (Jacobian-vector product): carry a *direction* v through the function along with the
#   values. One pass gives `J @ v`; with a unit vector v it is one *column* of J.
# - **Reverse mode**, `jax.vjp` (vector-Jacobian product): run forward, keep the intermediate values, then go back with
#   *weights* u on the outputs. One pass gives `u @ J`; with a unit vector u it is one *row* of J.
#
# A loss has one output and perhaps a million inputs: J is one row. That is why training uses reverse mode, and `grad`
# is `vjp` with u = 1.


# %%
def to_polar(point):
    """Cartesian [x, y] to polar [r, angle]."""
    x, y = point
    return jnp.array([jnp.hypot(x, y), jnp.arctan2(y, x)])


point = jnp.array([3.0, 4.0])
value, along = jax.jvp(to_polar, (point,), (jnp.array([1.0, 0.0]),))
_, pull_back = jax.vjp(to_polar, point)
jacobian = jax.jacfwd(to_polar)(point)

print("r, angle:", [f"{entry:.2f}" for entry in value])
print("jvp along x = column 0 of J:", bool(jnp.allclose(along, jacobian[:, 0])))
print("vjp of r    = row 0 of J:   ", bool(jnp.allclose(pull_back(jnp.array([1.0, 0.0]))[0], jacobian[0])))
print("J:", [f"{entry:.2f}" for entry in jacobian.ravel()])

# %% [markdown]
# If you need many directions at the same point, use `jax.linearize`: it does the shared work once and returns the
# linear map v ↦ J v.

# %%
value, push = jax.linearize(to_polar, point)
print("J @ [1, 1]:", [f"{entry:.2f}" for entry in push(jnp.ones(2))])

# %% [markdown]
# To build the whole J, `jacfwd` needs one pass per *input* and `jacrev` one per *output*. (They run the passes as a
# batch, with `vmap`.)
#
# <details><summary><b>Guess first:</b> which one is faster when J has many more outputs than inputs?</summary>
#
# `jacfwd`. A tall J has few columns, so few forward passes. For a wide J it is the other way round.
#
# </details>


# %%
def two_layers(w_in, w_out, x):
    """[n] -> [m] by way of w_in [h, n] and w_out [m, h]."""
    return w_out @ jnp.tanh(w_in @ x)


shapes = [(1, 512), (16, 512), (128, 128), (512, 16), (512, 1)]
counted = {"jacfwd (forward)": [], "jacrev (reverse)": []}  # millions of operations, as the compiler counts them
passes = {"jacfwd (forward)": [], "jacrev (reverse)": []}  # milliseconds
for m, n in shapes:
    f = functools.partial(two_layers, jnp.ones((256, n)) / n, jnp.ones((m, 256)) / 256)
    point = jnp.linspace(-1, 1, n)
    forward, reverse = jax.jit(jax.jacfwd(f)), jax.jit(jax.jacrev(f))
    assert jnp.allclose(forward(point), reverse(point), atol=1e-6)
    for label, jacobian_of in zip(passes, (forward, reverse), strict=True):
        counted[label].append(jacobian_of.lower(point).compile().cost_analysis()["flops"] / 1e6)
        passes[label].append(1e3 * timed(jacobian_of, point, repeats=21))

figure, axes = plt.subplots(1, 2, figsize=(10, 3))
places = np.arange(len(shapes))
for ax, title, measured in ((axes[0], "millions of operations", counted), (axes[1], "milliseconds", passes)):
    for offset, (label, values) in zip((-0.2, 0.2), measured.items(), strict=True):
        ax.bar(places + offset, values, width=0.4, label=label)
    ax.set_xticks(places, [f"{m} × {n}" for m, n in shapes], fontsize=8)
    ax.set(yscale="log", xlabel="J: outputs × inputs", title=title)
axes[0].legend(fontsize=8)
plt.show()

# %% [markdown]
# A wide J is cheaper in reverse mode, a tall J in forward mode. In the middle, where J is square, both need the same
# number of passes, and about as many operations. (The times depend on what else the machine is doing; the compiler's
# count does not.)
#
# The price of reverse mode is memory: the intermediate values of the forward pass are kept until the backward pass
# needs them. Forward mode keeps nothing for later. `jax.checkpoint` saves memory by computing some of the values twice
# (unit 06). We take a function of 200 rounds on a 64 × 256 array and ask the compiler how much temporary memory it
# needs in each case.


# %%
def two_hundred_rounds(x):
    """A scalar from x [64, 256], by 200 rounds."""
    x, _ = lax.scan(lambda x, _: (jnp.sin(x) * 1.1 + 0.1, None), x, length=200)
    return jnp.sum(x)


def checkpointed_rounds(x):
    """The same in 10 blocks of 20 rounds: only what enters a block is kept."""
    block = jax.checkpoint(lambda x: lax.scan(lambda x, _: (jnp.sin(x) * 1.1 + 0.1, None), x, length=20)[0])
    x, _ = lax.scan(lambda x, _: (block(x), None), x, length=10)
    return jnp.sum(x)


x = jnp.linspace(-1, 1, 64 * 256).reshape(64, 256)
ways = {
    "the value": two_hundred_rounds,
    "jvp": lambda x: jax.jvp(two_hundred_rounds, (x,), (x,)),
    "grad": jax.grad(two_hundred_rounds),
    "grad, checkpointed": jax.grad(checkpointed_rounds),
}
megabytes = [jax.jit(way).lower(x).compile().memory_analysis().temp_size_in_bytes / 1e6 for way in ways.values()]
plots.bars(list(ways), megabytes, unit="MB", title="Temporary memory")
plt.show()

# %% [markdown]
# `grad` keeps one array of 64 × 256 numbers (0.07 MB) for each of the 200 rounds. `jvp` keeps none of them. The
# checkpointed version keeps the ten arrays that enter the blocks, and those of one block at a time: about 10 + 20
# arrays.
#
# ### Second derivatives
#
# The gradient has as many outputs as inputs. Its Jacobian is the Hessian H: `jacfwd(jacrev(f))`, forward over reverse,
# which is what `jax.hessian` does. For a model with a million parameters H has 10¹² entries. Often you need only H v
# for some v. It is the derivative of the gradient in the direction v: a `jvp` of `grad`. That costs a small multiple of
# one gradient, however many parameters there are ([Pearlmutter, 1994](https://doi.org/10.1162/neco.1994.6.1.147)).


# %%
def hvp(f, x, v):
    """Hessian of the scalar function `f` at `x`, times `v`, without building the Hessian."""
    return jax.jvp(jax.grad(f), (x,), (v,))[1]


def rosenbrock(x):
    """A curved valley in n dimensions; x [n], n > 1."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


x = jnp.linspace(-1, 1, 1000)
v = jnp.ones(1000)
with_hessian = jax.jit(lambda x, v: jax.jacfwd(jax.jacrev(rosenbrock))(x) @ v)
without = jax.jit(functools.partial(hvp, rosenbrock))
print("same:", bool(jnp.allclose(with_hessian(x, v), without(x, v), rtol=1e-3, atol=1e-2)))
plots.bars(
    ["build H, then H @ v", "jvp of grad", "one gradient"],
    [1e6 * timed(with_hessian, x, v), 1e6 * timed(without, x, v), 1e6 * timed(jax.jit(jax.grad(rosenbrock)), x)],
    unit="µs",
)
plt.show()

# %% [markdown]
# Building H takes 1,000 passes and by far the most time. The other two are of the same order: calls this short are
# mostly overhead, so do not read much into which of them is ahead.
#
# ### A derivative of your own: `custom_vjp`
#
# Reverse mode runs loops backwards and keeps a value for each round, so the number of rounds must be known while
# tracing. With `scan` it is known. With `while_loop` it is not, so only forward mode works. With `fori_loop` it depends
# on the bounds: reverse mode works if they are Python numbers, and does not if they are traced.


# %%
def root_only(a):
    """`heron` without its count."""
    return heron(a)[0]


try:
    jax.grad(root_only)(2.0)
except ValueError as error:
    print("reverse:", str(error).split(".while_loop")[0] + ".while_loop …")
print("forward:", jax.jvp(root_only, (4.0,), (1.0,))[1], "is 1 / (2·√4)")

# %% [markdown]
# And `fori_loop` with the two kinds of bounds:


# %%
def doublings(x, rounds):
    """`x` doubled `rounds` times."""
    return lax.fori_loop(0, rounds, lambda i, x: 2 * x, x)


print("fori_loop with a Python number:", jax.grad(doublings)(1.0, 3))
try:
    jax.jit(jax.grad(doublings))(1.0, 3)
except ValueError:
    print("fori_loop with a traced number: ValueError")

# %% [markdown]
# But the derivative of a root does not depend on how the root was found: r² = a gives 2r dr = da, so dr/da = 1/(2r).
# The same idea works for other equations that are solved by iteration. The *implicit function theorem* gives the
# derivative of the solution from the equation alone, and no round has to be kept.
#
# `jax.custom_vjp` takes such a rule, as two functions. The first computes the result and keeps what the backward pass
# will need. The second is the backward pass: it turns the gradient of the result (the *cotangent*) into the gradients
# of the arguments.


# %%
@jax.custom_vjp
def root_with_rule(a):
    """The square root of `a` > 0 by Heron's rule; reverse mode uses the rule below."""
    return heron(a)[0]


def root_forward(a):
    """The result, and what the backward pass needs: here the same number."""
    root = root_with_rule(a)
    return root, root


def root_backward(root, cotangent):
    """The gradients of the arguments: a tuple with one entry for each."""
    return (cotangent / (2 * root),)


root_with_rule.defvjp(root_forward, root_backward)

# %% [markdown]
# Is the rule right, and what works with it?

# %%
squares = jnp.array([1.0, 4.0, 25.0])
gradients = jax.jit(jax.vmap(jax.grad(root_with_rule)))(squares)
print("gradients: ", [f"{gradient:.2f}" for gradient in gradients], "as 1 / (2·√a):", end=" ")
print(bool(jnp.allclose(gradients, 1 / (2 * jnp.sqrt(squares)))))
print("second derivative at 4 is −1 / (4·4·√4):", bool(jnp.isclose(jax.grad(jax.grad(root_with_rule))(4.0), -1 / 32)))
try:
    jax.jvp(root_with_rule, (4.0,), (1.0,))
except TypeError as error:
    print("forward:", str(error).split(".")[0])

# %% [markdown]
# `jit`, `vmap` and a second `grad` work (the second `grad` because `root_forward` calls `root_with_rule` again).
# Forward mode does not, because JAX has only the backward rule. If you can write the rule as a Jacobian-vector product,
# use `jax.custom_jvp`: it serves both modes, because JAX can derive the backward rule from it. `custom_vjp` is for the
# other cases: a solver with many arguments, a gradient that is clipped or replaced on purpose, a kernel with a backward
# pass of its own ([custom rules](https://docs.jax.dev/en/latest/301/custom-jvp-vjp.html)). JAX uses these rules only
# when it differentiates, so a mistake in them does not show in the values. Always check the gradients against a known
# formula, as we did, against `jvp` of the original function, or against finite differences.
#
# ### Quick questions
#
# <details><summary>1. A function maps three parameters to a curve of 10,000 points. <code>jacfwd</code> or
# <code>jacrev</code>?</summary>
#
# `jacfwd`: three passes instead of 10,000.
#
# </details>
#
# <details><summary>2. <code>jnp.where(n > 0, total / n, 0.0)</code>: is its gradient safe at n = 0?</summary>
#
# No. The division by zero is differentiated as well. Inside the `where`, write `total / jnp.where(n > 0, n, 1)`.
#
# </details>
#
# <details><summary>3. Why can <code>grad</code> go through <code>scan</code> and not through
# <code>while_loop</code>?</summary>
#
# Reverse mode has to keep a value for each round, and arrays have fixed sizes. Of the two, only `scan` has a number of
# rounds that is known while tracing.
#
# </details>

# %% [markdown]
# ## 5 · `vmap`: write for one, run for many
#
# Batch axes make code hard to read: `x[:, None, :]`, `axis=-1`, `einsum`. With `vmap` you write the function for
# **one** example, and JAX adds a batch axis to every operation of the jaxpr. It is not a loop: a matrix-vector product
# becomes a matrix-matrix product.

# %%
weights = jnp.ones((3, 4))  # [outputs, inputs]
one, eight = jnp.ones(4), jnp.ones((8, 4))
for text, product, argument in (("one:  ", jnp.dot, one), ("eight:", jax.vmap(jnp.dot, in_axes=(None, 0)), eight)):
    operation = jax.make_jaxpr(product)(weights, argument).eqns[0]
    shapes = " · ".join(str(operand.aval.shape) for operand in operation.invars)
    print(text, operation.primitive.name, shapes, "->", operation.outvars[0].aval.shape)

# %% [markdown]
# Eight matrix-vector products became one matrix-matrix product. (The product has the shape (3, 8); `vmap` then puts the
# batch axis first.)
#
# `in_axes` has an entry for each argument: which axis is the batch, or `None` for "the same for all".


# %%
def distance(a, b):
    """Euclidean distance of two points [D]: a scalar."""
    return jnp.sqrt(jnp.sum((a - b) ** 2))


points = jnp.arange(10.0).reshape(5, 2)
centres = jnp.array([[0.0, 0.0], [8.0, 9.0], [4.0, 4.0]])
print("a pair at a time:", jax.vmap(distance)(points[:3], centres).shape)
print("all to one:      ", jax.vmap(distance, in_axes=(0, None))(points, centres[0]).shape)

# %% [markdown]
# `out_axes` says where the batch axis goes in the result. And since `vmap` returns a function, it can be applied again:
# all pairs.

# %%
to_all_centres = jax.vmap(distance, in_axes=(None, 0))  # one point, all centres
all_pairs = jax.vmap(to_all_centres, in_axes=(0, None))  # all points, all centres
print("all pairs:       ", all_pairs(points, centres).shape)
print("out_axes=1:      ", jax.vmap(to_all_centres, in_axes=(0, None), out_axes=1)(points, centres).shape)

# %% [markdown]
# How much time does it save? We compute the distances of 500 points from one centre, in four ways.

# %%
many = jax.random.normal(jax.random.key(0), (500, 16))
many_host, centre_host = np.asarray(many), np.zeros(16, np.float32)
fast_distance = jax.jit(distance)
fast_distances = jax.jit(jax.vmap(distance, in_axes=(0, None)))
plots.bars(
    ["a loop, in NumPy", "a loop, of a jitted function", "axes by hand, in NumPy", "vmap, jitted"],
    [
        1e6 * timed(lambda: [np.sqrt(np.sum((row - centre_host) ** 2)) for row in many_host], repeats=3),
        1e6 * timed(lambda: [fast_distance(row, centre_host) for row in many_host], repeats=3),
        1e6 * timed(lambda: np.sqrt(np.sum((many_host - centre_host) ** 2, axis=1)), repeats=51),
        1e6 * timed(fast_distances, many, centre_host, repeats=51),
    ],
    unit="µs",
)
plt.show()

# %% [markdown]
# The loop over a jitted function is the slowest of the four: it pays for five hundred dispatches, where `vmap` pays for
# one. NumPy with batch axes written by hand also makes only a few calls on whole arrays. In the stored run it is the
# fastest: these are 8,000 numbers, and at 10,000 NumPy was ahead in section 3 too.

# %% [markdown]
# `vmap` even works on a `while_loop` that stops at a different time for each example: the loop runs until all are done,
# and those already done keep their values. Here we count the steps from n to 1 when even numbers are halved and odd
# ones become 3n + 1 (the Collatz sequence).


# %%
def collatz_steps(n):
    """Steps of n -> n/2 or 3n + 1 until 1 is reached; written for one integer."""

    def step(state):
        n, steps = state
        return jnp.where(n % 2 == 0, n // 2, 3 * n + 1), steps + 1

    return lax.while_loop(lambda state: state[0] != 1, step, (n, 0))[1]


numbers = jnp.arange(1, 1001)
lengths = jax.jit(jax.vmap(collatz_steps))(numbers)
print("27 takes", int(lengths[26]), "steps; the longest below 1001:", int(numbers[jnp.argmax(lengths)]))
figure, axes = plt.subplots(figsize=(6, 2.8))
axes.plot(numbers, lengths, ".", markersize=2)
axes.set(xlabel="n", ylabel="steps to 1", title="1,000 while-loops at once")
plt.show()

# %% [markdown]
# ### `cond` under `vmap`
#
# `lax.cond` runs one branch, but a batch may need both.
#
# <details><summary><b>Guess first:</b> all eight flags are false. How long does <code>vmap</code> of a
# <code>cond</code> take, compared with <code>vmap</code> of the expensive branch alone?</summary>
#
# About as long. Under `vmap` with a flag for each example, `cond` becomes a `select`: both branches are computed for
# all, and one result is picked for each. That no flag is true becomes known only when the program runs, and by then
# both branches are part of it.
#
# </details>


# %%
def expensive(x):
    """Many rounds on x [D]."""
    return lax.fori_loop(0, 300, lambda i, x: jnp.sin(x) * 1.1 + 0.1, x)


def perhaps(flag, x):
    """`expensive(x)` if `flag`, else x."""
    return lax.cond(flag, expensive, lambda x: x, x)


def primitives(function, *args):
    """The names of a function's operations, one level deep: a set."""
    return {equation.primitive.name for equation in jax.make_jaxpr(function)(*args).eqns}


x, flags = jnp.ones((8, 4096)), jnp.zeros(8, bool)  # [B, D], [B]
variants = {
    "vmap(expensive)": (jax.vmap(expensive), x),
    "vmap(cond), a flag for each": (jax.vmap(perhaps), flags, x),
    "vmap(cond), one flag for all": (jax.vmap(perhaps, in_axes=(None, 0)), flags[0], x),
    "lax.map(cond), a flag for each": (lambda flags, x: lax.map(lambda pair: perhaps(*pair), (flags, x)), flags, x),
}
for text, variant in variants.items():
    found = primitives(*variant)
    print(f"{text:32}has cond: {'cond' in found!s:6} has select_n: {'select_n' in found}")
milliseconds = [1e3 * timed(jax.jit(function), *args) for function, *args in variants.values()]
plots.bars(list(variants), milliseconds, unit="ms", title="Eight examples, all flags false")
plt.show()

# %% [markdown]
# With a flag for each example the expensive branch runs although no example needs its result. There are two ways to
# avoid this. One flag for the whole batch (`in_axes=None`) stays a `cond`. And `lax.map` takes one example after the
# other, so it can skip the branch, but it gives up running the examples in parallel. (The table shows no `cond` for
# `lax.map`, because its `cond` is inside the loop.)
#
# In one respect this `select` is better than `where`: JAX stops the gradient from going through the branch that is not
# selected ([pull request 5658](https://github.com/jax-ml/jax/pull/5658)). Does the NaN of section 4 come back?


# %%
def cond_sqrt(x):
    """√x for x > 0, else 0."""
    return lax.cond(x > 0, jnp.sqrt, jnp.zeros_like, x)


for text, function in {"where": naive_sqrt, "cond": cond_sqrt}.items():
    gradients = jax.grad(lambda x, function=function: jnp.sum(jax.vmap(function)(x)))(jnp.array([-1.0, 4.0]))
    print(f"{text:6}under vmap: gradients at −1 and 4:", gradients)

# %% [markdown]
# It does not: with `cond` the gradient at −1 is 0.
#
# ### A gradient for each example
#
# The loss of a batch is a mean, and its gradient is the mean of the examples' gradients. A training step computes that
# mean only. `vmap(grad(…))` gives the gradient of each example. Such gradients help to find unusual examples. They are
# clipped to limit the influence of each example (differential privacy: [Abadi et al.,
# 2016](https://arxiv.org/abs/1607.00133)), and their spread says how noisy a batch's gradient is ([McCandlish et al.,
# 2018](https://arxiv.org/abs/1812.06162)). In the data below one target has the wrong sign.


# %%
def example_loss(params, x, y):
    """Squared error of one example: params (w [D], b), x [D], y a scalar."""
    w, b = params
    return (x @ w + b - y) ** 2


key_x, key_noise = jax.random.split(jax.random.key(1))
inputs = jax.random.normal(key_x, (60, 3))
targets = inputs @ jnp.array([1.0, -2.0, 3.0]) + 0.1 * jax.random.normal(key_noise, (60,))
targets = targets.at[41].multiply(-1)
params = (jnp.array([1.0, -2.0, 3.0]), 0.0)

example_gradients = jax.jit(jax.vmap(jax.grad(example_loss), in_axes=(None, 0, 0)))
grads_w, grads_b = example_gradients(params, inputs, targets)
print("one gradient each:", grads_w.shape, grads_b.shape)

# %% [markdown]
# First we check them against a loop, and their mean against the gradient of the mean loss.

# %%
gradient_of_one = jax.jit(jax.grad(example_loss))
by_loop = jnp.stack([gradient_of_one(params, x, y)[0] for x, y in zip(inputs, targets, strict=True)])


def mean_loss(params, inputs, targets):
    """Mean of `example_loss` over inputs [N, D], targets [N]."""
    return jnp.mean(jax.vmap(example_loss, in_axes=(None, 0, 0))(params, inputs, targets))


whole = jax.grad(mean_loss)(params, inputs, targets)
print("as the loop's:            ", bool(jnp.allclose(grads_w, by_loop, atol=1e-5)))
print("their mean is the batch's:", bool(jnp.allclose(grads_w.mean(0), whole[0], atol=1e-5)))

# %% [markdown]
# Which example stands out? We compute the norm of each gradient, over w and b together.

# %%
norms = jnp.sqrt(jnp.sum(grads_w**2, axis=1) + grads_b**2)
odd = int(jnp.argmax(norms))
print("the example with the largest gradient:", odd)
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.bar(range(60), norms, color=["C1" if i == odd else "C0" for i in range(60)])
axes.set(xlabel="example", ylabel="gradient's norm", title="Example 41 has the wrong sign")
plt.show()

# %% [markdown]
# Example 41, the one with the wrong sign, has the largest gradient, about twice the next.
#
# ### Quick questions
#
# <details><summary>1. <code>f(w, x)</code> takes weights and one example. How do you call it with one set of weights
# and a batch?</summary>
#
# `jax.vmap(f, in_axes=(None, 0))(w, batch)`.
#
# </details>
#
# <details><summary>2. And with five sets of weights, stacked on axis 0, and one batch for all of them?</summary>
#
# `jax.vmap(jax.vmap(f, in_axes=(None, 0)), in_axes=(0, None))(weights, batch)`. If `f` gives a scalar, the result is
# [5, B]. Training several networks at once works in the same way (section 8).
#
# </details>
#
# <details><summary>3. Does <code>vmap</code> of a <code>while_loop</code> do more work than a loop over the
# examples?</summary>
#
# It can: the whole batch is computed until the slowest example is done.
#
# </details>

# %% [markdown]
# ## 6 · Random keys
#
# NumPy's random numbers come from a hidden state, which each call changes. That is a side effect: under `jit` it would
# happen only once, while tracing. The numbers would also depend on the order of the calls, and a compiler for parallel
# devices must be free to change that order ([JAX's design](https://docs.jax.dev/en/latest/jep/263-prng.html)). So JAX
# has no hidden state. You pass a **key**, and the same key gives the same numbers.

# %%
key = jax.random.key(0)
print("same key, same numbers:", bool(jnp.all(jax.random.normal(key, (3,)) == jax.random.normal(key, (3,)))))

# %% [markdown]
# (They are the same in every run with the same version of JAX. A new version may give other numbers for the same key,
# and says so in its changelog: [API compatibility](https://docs.jax.dev/en/latest/api_compatibility.html).)
#
# For new numbers you need a new key. `split` makes several keys from one. `fold_in` makes a new key from a key and an
# integer (the number of a step, a device or a layer). The rule is short: **use a key once.** Draw from it, *or* split
# it, *or* fold integers into it, each integer once.

# %%
key, key_a, key_b = jax.random.split(jax.random.key(0), 3)
print("two keys, other numbers:", bool(jnp.all(jax.random.normal(key_a, (3,)) != jax.random.normal(key_b, (3,)))))
step_keys = [jax.random.fold_in(key, step) for step in range(3)]
print("keys of three steps:", len({jax.random.key_data(k).tobytes() for k in step_keys}))

# %% [markdown]
# `fold_in` suits a training loop: the key of step 1,000 follows from one key and the number 1,000, so you can resume a
# run there without anything else. A chain of `key, step_key = split(key)` would have to be repeated from the first
# step, and JAX's manual [advises against it](https://docs.jax.dev/en/latest/101/random.html) for long loops.
#
# What happens if you break the rule? Here data and noise are drawn, on the left both from one key, on the right from
# two.

# %%
spent, key_x, key_noise = jax.random.split(jax.random.key(4), 3)
figure, axes = plt.subplots(1, 2, figsize=(7, 3), sharex=True, sharey=True)
for ax, title, (key_1, key_2) in zip(
    axes, ("one key, used twice", "two keys"), ((spent, spent), (key_x, key_noise)), strict=True
):
    first, second = jax.random.normal(key_1, (400,)), jax.random.normal(key_2, (400,))
    ax.plot(first, second, ".", markersize=3)
    ax.set(title=title, xlabel="first draw", ylabel="second draw")
    print(f"{title}: correlated {bool(jnp.corrcoef(first, second)[0, 1] > 0.5)}")

# %% [markdown]
# The "noise" on the left is a copy of the data, and there is no error. You can ask JAX to check for key reuse:

# %%
with jax.debug_key_reuse(True):
    try:
        spent = jax.random.key(1)
        jax.random.normal(spent, (3,)), jax.random.uniform(spent, (3,))
    except jax.errors.KeyReuseError as error:
        print("KeyReuseError:", str(error).splitlines()[0])

# %% [markdown]
# The check does not find everything. Splitting a key *and* folding into it is also reuse.
#
# <details><summary><b>Guess first:</b> how likely is it that <code>split(key)[1]</code> and <code>fold_in(key,
# 1)</code> are the same key?</summary>
#
# With JAX's default generator it is certain: both hash the key with the number 1.
#
# </details>

# %%
with jax.debug_key_reuse(True):
    key = jax.random.key(2)
    from_split = jax.random.split(key, 4)
    from_fold = [jax.random.fold_in(key, i) for i in range(4)]
pairs = zip(from_split, from_fold, strict=True)
same = [bool(jnp.all(jax.random.key_data(a) == jax.random.key_data(b))) for a, b in pairs]
print("split(key, 4)[i] is fold_in(key, i):", same)

# %% [markdown]
# All four keys agree, and the check did not object. This is a detail of the generator and may change; if you follow the
# rule, you need not know it. The generator uses a hash function, Threefry ([Salmon et al.,
# 2011](https://doi.org/10.1145/2063384.2063405)). Both random numbers and new keys are hashes of a key and a counter,
# so two uses of one key hash the same inputs.
#
# Keys go through `jit`, `vmap` and `scan` like any array, so the numbers do not depend on the order in which the work
# is done. Here a thousand dice are thrown in one call, each with its own key, and any one of them can be thrown again
# on its own.


# %%
def throw(key):
    """One throw of a die."""
    return jax.random.randint(key, (), 1, 7)


keys = jax.random.split(jax.random.key(7), 1000)
dice = jax.jit(jax.vmap(throw))(keys)
print("dice", dice[:10], " number 5 alone:", throw(keys[5]))

# %% [markdown]
# Older code says `jax.random.PRNGKey(0)`. This is the legacy form: a plain `uint32[2]` array, to which you can add 1 by
# mistake. `jax.random.key(0)` gives an array with a *dtype* for keys, on which arithmetic is an error ([typed
# keys](https://docs.jax.dev/en/latest/jep/9263-typed-keys.html)). Use `key` in new code.

# %%
print("new:", jax.random.key(0).dtype, jax.random.key(0).shape)
print("old:", jax.random.PRNGKey(0).dtype, jax.random.PRNGKey(0).shape)
try:
    jax.random.key(0) + 1
except TypeError as error:
    print("key + 1:", str(error).splitlines()[0][:60])

# %% [markdown]
# Adding 1 to a new key is an error; the old form would have accepted it.
#
# ### Quick questions
#
# <details><summary>1. A jitted function draws from a key that it makes itself, <code>jax.random.key(0)</code>. What
# does its second call return?</summary>
#
# The same numbers as the first. Pass the key as an argument.
#
# </details>
#
# <details><summary>2. You need dropout masks for 12 layers in each of 1,000 steps, from one key. How?</summary>
#
# For instance `fold_in(fold_in(key, step), layer)`, or `split(fold_in(key, step), 12)`.
#
# </details>

# %% [markdown]
# ## 7 · Pytrees
#
# A model has many arrays. JAX accepts any nesting of tuples, lists, dicts and NamedTuples with arrays in it, and calls
# it a *pytree* ([documentation](https://docs.jax.dev/en/latest/101/pytrees.html)). The arrays are its *leaves*. Every
# transformation takes and returns pytrees; we have already used a tuple (w, b). The tools are in `jax.tree`.


# %%
class Layer(NamedTuple):
    """One fully connected layer."""

    w: jax.Array  # [inputs, outputs]
    b: jax.Array  # [outputs]


tree = {"first": Layer(jnp.ones((2, 3)), jnp.zeros(3)), "last": Layer(jnp.ones((3, 1)), jnp.zeros(1))}
print("leaves:", len(jax.tree.leaves(tree)))
print("shapes:", jax.tree.map(jnp.shape, tree)["first"])
for path, leaf in jax.tree.leaves_with_path(tree):
    print(f"  {jax.tree_util.keystr(path):16}{leaf.shape}")
print("numbers in all:", sum(leaf.size for leaf in jax.tree.leaves(tree)))

# %% [markdown]
# `jax.tree.map(f, a, b)` goes through two trees of the same structure together. This is all that an optimiser needs.
# The gradient descent below works for any model whose parameters are a pytree. (The gradient of p² is 2 p, so a step
# with rate 0.25 halves every number.)


# %%
def sgd(params, grads, rate):
    """One step of gradient descent: any pytree of parameters, and gradients of the same structure."""
    return jax.tree.map(lambda p, g: p - rate * g, params, grads)


def sum_of_squares(tree):
    """The sum of the squares of all numbers in a pytree."""
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree))


smaller = sgd(tree, jax.grad(sum_of_squares)(tree), rate=0.25)
print("structure kept:", jax.tree.structure(smaller) == jax.tree.structure(tree))
print("first.w halved:", smaller["first"].w[0])

# %% [markdown]
# ### `None` is an empty tree
#
# `None` has no leaves. It is part of the structure, not a value. So it can stand for something that is absent, such as
# the bias of a layer without one. `jax.tree.map`, `grad` and optimisers skip it.
#
# <details><summary><b>Guess first:</b> how many leaves has <code>{"w": array, "b": None}</code>, and may
# <code>tree.map</code> combine it with <code>{"w": array, "b": array}</code>?</summary>
#
# One leaf. And no: the structures differ, so it is an error, unless `is_leaf` says that `None` counts as a leaf. In
# that case the function gets `None` as an argument.
#
# </details>

# %%
without_bias, with_bias = Layer(jnp.ones((2, 3)), None), Layer(jnp.ones((2, 3)), jnp.ones(3))
print("leaves:", len(jax.tree.leaves(without_bias)), "and", len(jax.tree.leaves(with_bias)))
print("gradient of the missing bias:", jax.grad(sum_of_squares)(without_bias).b)
try:
    jax.tree.map(jnp.add, without_bias, with_bias)
except ValueError as error:
    print("ValueError:", str(error).splitlines()[0])

names = jax.tree.map(lambda leaf: "missing" if leaf is None else leaf.shape, without_bias, is_leaf=lambda x: x is None)
print("with is_leaf:", names)

# %% [markdown]
# The structure is part of `jit`'s signature. So a function with an argument that is sometimes `None` is compiled twice:

# %%
counted = count_traces(sum_of_squares)
fast_sum = jax.jit(counted)
for layer in (without_bias, with_bias, without_bias):
    fast_sum(layer)
print("traces for None, an array, None:", counted.count)

# %% [markdown]
# Inside such a function, `if b is None` is allowed: it asks about the structure, not about a value.
#
# ### A class of your own
#
# To JAX an object of your own class is a *leaf*, and not a valid one, until you register the class. For a dataclass
# this takes one decorator. A field may be declared static: then it belongs to the structure, like a static argument.


# %%
@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Wave:
    """A sine or cosine wave."""

    height: jax.Array  # scalar
    form: str = dataclasses.field(metadata={"static": True})  # "sin" or "cos"

    def __call__(self, x):
        """The wave at x."""
        return self.height * (jnp.sin(x) if self.form == "sin" else jnp.cos(x))


slope = jax.grad(lambda wave: wave(0.0))(Wave(jnp.float32(2.0), "cos"))
print(f"the gradient is a {type(slope).__name__}, too: height {slope.height}, form {slope.form}")

# %% [markdown]
# ### Quick questions
#
# <details><summary>1. How do you count the parameters of any model?</summary>
#
# `sum(leaf.size for leaf in jax.tree.leaves(params))`.
#
# </details>
#
# <details><summary>2. How do you make an optimiser's velocity, zero at the start, for any model?</summary>
#
# `jax.tree.map(jnp.zeros_like, params)`.
#
# </details>

# %% [markdown]
# ## 8 · Two models trained by hand
#
# ### A line
#
# A model is a function of parameters and inputs. A loss is a function of parameters and data. An update takes
# parameters and returns new parameters. No object holds any state.


# %%
class Line(NamedTuple):
    """A straight line."""

    slope: jax.Array  # scalar
    height: jax.Array  # scalar, at x = 0


def predict_line(line, x):
    """Heights of `line` at x [N]: [N]."""
    return line.slope * x + line.height


def line_loss(line, x, y):
    """Mean squared error on x [N], y [N]."""
    return jnp.mean((predict_line(line, x) - y) ** 2)


@jax.jit
def line_update(line, x, y, rate=0.1):
    """One step of gradient descent: the new line, and the loss before the step."""
    loss, grads = jax.value_and_grad(line_loss)(line, x, y)
    return sgd(line, grads, rate), loss


# %% [markdown]
# We draw 80 noisy points around a known line and fit it in 60 steps. NumPy's `polyfit`, which solves the least-squares
# problem directly, gives the line to compare with.

# %%
key_x, key_noise = jax.random.split(jax.random.key(3))
x = jax.random.uniform(key_x, (80,), minval=-2, maxval=2)
y = 1.5 * x - 0.7 + 0.4 * jax.random.normal(key_noise, (80,))

line, lines, losses = Line(jnp.float32(-1.0), jnp.float32(1.5)), [], []
for _ in range(60):
    lines.append(line)
    line, loss = line_update(line, x, y)
    losses.append(loss)

solved = np.polyfit(np.asarray(x), np.asarray(y), 1)
print(f"found    {line.slope:.4f} {line.height:.4f}")
print(f"polyfit  {solved[0]:.4f} {solved[1]:.4f}")
print("agree to 0.01:", bool(np.allclose(line, solved, atol=0.01)))

# %% [markdown]
# We plot the line after some of the steps, and the loss.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3))
axes[0].plot(x, y, ".", color="grey")
ends = jnp.array([-2.0, 2.0])
for step, colour in zip((0, 2, 5, 10, 59), plt.cm.viridis(np.linspace(0, 0.9, 5)), strict=True):
    axes[0].plot(ends, predict_line(lines[step], ends), color=colour, label=f"step {step}")
axes[0].set(title="the line after some steps", xlabel="x", ylabel="y")
axes[0].legend(fontsize=7)
axes[1].semilogy(losses)
axes[1].set(title="loss", xlabel="step")
plt.show()

# %% [markdown]
# Gradient descent found the same line to within 0.01, and was close after ten steps.
#
# `losses.append(loss)` kept arrays, not Python numbers, so Python did not have to wait for any step. `float(loss)` in
# the loop would have waited sixty times.
#
# ### A small network
#
# Two classes of points lie on two spirals, so no line separates them. We write a network with two hidden layers for
# **one** point, and leave the batch to `vmap`. Its output is a *logit*: positive for class 1, negative for class 0. The
# weights start with a variance of 1 / inputs ([LeCun et al., Efficient BackProp,
# 1998](https://doi.org/10.1007/3-540-49430-8_2)).


# %%
def spirals(key, points):
    """Two noisy spirals: positions [points, 2] float32, labels [points] int32 in {0, 1}."""
    key_t, key_noise = jax.random.split(key)
    t = jnp.sqrt(jax.random.uniform(key_t, (points,), minval=0.02))
    labels = jnp.arange(points) % 2
    angle = 3 * jnp.pi * t + jnp.pi * labels
    positions = 2 * t[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    return positions + 0.06 * jax.random.normal(key_noise, (points, 2)), labels


def init_network(key, sizes):
    """Layers for `sizes` = (inputs, hidden …, outputs): normal weights scaled by 1/√inputs, zero biases."""
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        Layer(jax.random.normal(k, (n_in, n_out)) / jnp.sqrt(n_in), jnp.zeros(n_out))
        for k, n_in, n_out in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def network(layers, x):
    """The logit of class 1 for one point x [2]: a scalar."""
    for layer in layers[:-1]:
        x = jnp.tanh(x @ layer.w + layer.b)
    return (x @ layers[-1].w + layers[-1].b)[0]


def point_loss(layers, x, label):
    """Cross-entropy of one point: log(1 + e^(∓logit)), in a form that cannot overflow."""
    logit = network(layers, x)
    return jnp.logaddexp(0.0, jnp.where(label == 1, -logit, logit))


def network_loss(layers, x, labels):
    """Mean cross-entropy on x [N, 2], labels [N]."""
    return jnp.mean(jax.vmap(point_loss, in_axes=(None, 0, 0))(layers, x, labels))


# %% [markdown]
# Gradient descent with momentum has a *state* of two trees: weights and velocity. The step takes a state and returns a
# state, so the same function serves a Python loop and `lax.scan`.


# %%
class Training(NamedTuple):
    """All that changes while training."""

    layers: list[Layer]
    velocity: list[Layer]  # like layers


def train_step(state, key, x, labels, rate=0.05, momentum=0.9, batch=64):
    """One step on a random batch of x [N, 2], labels [N]: the new state, and the loss."""
    chosen = jax.random.randint(key, (batch,), 0, len(x))
    loss, grads = jax.value_and_grad(network_loss)(state.layers, x[chosen], labels[chosen])
    velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, state.velocity, grads)
    layers = jax.tree.map(jnp.add, state.layers, velocity)
    return Training(layers, velocity), loss


@jax.jit
def train(state, keys, x, labels):
    """A step for each of `keys`, as one compiled loop: the last state, and the losses [len(keys)]."""
    return lax.scan(lambda state, key: train_step(state, key, x, labels), state, keys)


# %% [markdown]
# We give eight of the 400 points the wrong label, and train on the labels with these errors.

# %%
key_data, key_init, key_train = jax.random.split(jax.random.key(0), 3)
x, true_labels = spirals(key_data, 400)
mislabelled = jnp.arange(7, 400, 50)
labels = true_labels.at[mislabelled].set(1 - true_labels[mislabelled])

layers = init_network(key_init, (2, 32, 32, 1))
start_state = Training(layers, jax.tree.map(jnp.zeros_like, layers))
state, losses = train(start_state, jax.random.split(key_train, 1500), x, labels)

logits_of = jax.jit(jax.vmap(network, in_axes=(None, 0)))
logits = logits_of(state.layers, x)
print(f"agrees with the labels it was given: {100 * jnp.mean((logits > 0) == labels):.1f} %")
print(f"agrees with the true labels:         {100 * jnp.mean((logits > 0) == true_labels):.1f} %")

# %% [markdown]
# It agrees with all 400 true labels, and therefore with none of the eight wrong ones: 392 of 400 are 98 %.
#
# What has it learnt? We compute its answer for every pixel of the plane, with `vmap` again. For each point we also
# compute the norm of its own gradient, over all leaves of the tree: how strongly this point alone still pulls on the
# weights.


# %%
@jax.jit
def gradient_norms(layers, x, labels):
    """The norm of each point's own gradient, over all parameters: [N]."""
    grads = jax.vmap(jax.grad(point_loss), in_axes=(None, 0, 0))(layers, x, labels)
    squares = [jnp.sum(g.reshape(len(x), -1) ** 2, axis=1) for g in jax.tree.leaves(grads)]
    return jnp.sqrt(sum(squares))


grid = jnp.linspace(-2.4, 2.4, 160)
plane = jnp.stack(jnp.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
surface = logits_of(state.layers, plane).reshape(160, 160)
norms = gradient_norms(state.layers, x, labels)
suspects = jnp.argsort(norms)[-8:]

figure, axes = plt.subplots(1, 3, figsize=(11, 3.5))
axes[0].semilogy(np.convolve(losses, np.ones(50) / 50, mode="valid"))
axes[0].set(title="loss, mean of 50 steps", xlabel="step")
colours = np.where(labels == 1, "C1", "C0")
for ax, title in ((axes[1], "what it learnt"), (axes[2], "dots as large as their gradients")):
    ax.contourf(grid, grid, surface > 0, levels=[-0.5, 0.5, 1.5], colors=["C0", "C1"], alpha=0.25)
    ax.set(title=title, aspect="equal", xticks=[], yticks=[])
    ax.grid(visible=False)
axes[1].scatter(x[:, 0], x[:, 1], c=colours, s=8)
axes[2].scatter(x[:, 0], x[:, 1], c=colours, s=2 + 5 * norms)
plt.show()
print("eight largest gradients, of which mislabelled:", int(jnp.isin(suspects, mislabelled).sum()))

# %% [markdown]
# The eight points with the largest gradients are the eight with a wrong label: one line of `vmap(grad)` found them.
# (Such norms are also used to select training data: [Paul, Ganguli and Dziugaite, Deep Learning on a Data Diet,
# 2021](https://arxiv.org/abs/2107.07075).)
#
# That was one network, on one draw of the data. Does it hold for others, and does it last? A network that is trained
# long enough can memorise wrong labels ([Zhang et al., Understanding deep learning requires rethinking generalization,
# 2016](https://arxiv.org/abs/1611.03530)).
#
# ### Eight experiments as one program
#
# An experiment is a function of a key: data, initial weights and batches all follow from it. So `vmap` over eight keys
# runs eight experiments as one compiled program. Each trains 16 times as long as above, in 16 rounds of 1,500 steps,
# and measures after each round.
#
# <details><summary><b>Guess first:</b> after 24,000 steps, are the wrong labels still among the eight largest
# gradients?</summary>
#
# On average only about half of them. A point that the network has memorised has a small loss, and so a small gradient,
# like any other.
#
# </details>


# %%
class Measured(NamedTuple):
    """What is measured on the training points: three shares, 0 to 1."""

    given: jax.Array  # of points where the network agrees with the label that it was given
    true: jax.Array  # of points where it agrees with the true label
    found: jax.Array  # of the eight largest gradients that belong to wrong labels


def experiment(key, mislabelled, rounds=16, steps=1500):
    """Train on spirals with eight wrong labels: `Measured` after each round, each field [rounds]."""
    key_data, key_init, key_train = jax.random.split(key, 3)
    x, true_labels = spirals(key_data, 400)
    labels = true_labels.at[mislabelled].set(1 - true_labels[mislabelled])
    layers = init_network(key_init, (2, 32, 32, 1))

    def one_round(state, round_keys):
        state, _ = train(state, round_keys, x, labels)
        answers = logits_of(state.layers, x) > 0
        largest = jnp.argsort(gradient_norms(state.layers, x, labels))[-8:]
        shares = (answers == labels, answers == true_labels, jnp.isin(largest, mislabelled))
        return state, Measured(*(jnp.mean(share) for share in shares))

    start = Training(layers, jax.tree.map(jnp.zeros_like, layers))
    _, measured = lax.scan(one_round, start, jax.random.split(key_train, (rounds, steps)))
    return measured


many_experiments = jax.jit(jax.vmap(experiment, in_axes=(0, None)))
measured = many_experiments(jax.random.split(jax.random.key(8), 8), mislabelled)  # each field [8, 16]

# %% [markdown]
# We plot each experiment, the mean of the eight, and its 95 % confidence interval (Student's t with 7 degrees of
# freedom).


# %% tags=["nbval-ignore-output"]
def interval(values):
    """Mean of values [N, …] over the N experiments, and half the width of its 95 % interval."""
    count = len(values)
    return np.mean(values, 0), stats.t.ppf(0.975, count - 1) * np.std(values, 0, ddof=1) / np.sqrt(count)


steps = 1500 * np.arange(1, 17)
titles = ("agrees with the labels given", "agrees with the true labels", "wrong labels among the 8 largest")
figure, axes = plt.subplots(1, 3, figsize=(11, 3.2))
for ax, title, values in zip(axes, titles, measured, strict=True):
    percent = 100 * np.asarray(values)
    mean, half = interval(percent)
    ax.plot(steps, percent.T, color="grey", linewidth=0.5)
    ax.plot(steps, mean, color="C0")
    ax.fill_between(steps, mean - half, mean + half, color="C0", alpha=0.25)
    ax.set(title=title, xlabel="steps", ylabel="%")
    change, half_change = interval(percent[:, -1] - percent[:, 0])
    print(
        f"{title}\n  after {steps[0]:,} steps: {mean[0]:.1f} ± {half[0]:.1f} %   after {steps[-1]:,}: "
        f"{mean[-1]:.1f} ± {half[-1]:.1f} %   change: {change:+.1f} ± {half_change:.1f}"
    )
plt.show()

# %% [markdown]
# From the first measurement to the last, the networks come to agree with more of the labels they were given and with
# fewer of the true ones. The share of wrong labels among the largest gradients falls. For all three, the interval of
# the change excludes zero. At 1,500 steps the share differs between experiments (grey lines): eight out of eight, as
# above, is common but not certain. So look for wrong labels early in training, and expect to miss some. These results
# are for these spirals and this network only. (Such an interval is symmetric, so it can reach beyond 100 %.)
#
# ### A loop in Python, or `scan`?
#
# We run the same 1,500 steps in three ways. (The time without `jit` is extrapolated from five steps.)


# %%
def python_loop(step, state, keys, x, labels):
    """One call of `step` for each key: the last state, and the losses."""
    losses = []
    for key in keys:
        state, loss = step(state, key, x, labels)
        losses.append(loss)
    return state, losses


keys = jax.random.split(key_train, 1500)
jit_step = jax.jit(train_step)
_, first_losses = python_loop(jit_step, start_state, keys[:100], x, labels)
print("the same losses:", bool(np.allclose(first_losses, losses[:100], rtol=1e-3)))

seconds = {
    # only 5 of the steps are run, and the time multiplied: all would take too long
    "Python loop, no jit": 300 * timed(python_loop, train_step, start_state, keys[:5], x, labels, repeats=1),
    "Python loop, jit": timed(python_loop, jit_step, start_state, keys, x, labels, repeats=1),
    "scan in one jit": timed(train, start_state, keys, x, labels, repeats=3),
}
figure, axes = plots.bars(list(seconds), [1e3 * s for s in seconds.values()], unit="ms")
axes.set_title("1,500 training steps")
print("scan against the loop of jitted steps:", f"{seconds['Python loop, jit'] / seconds['scan in one jit']:.1f}×")

# %% [markdown]
# The first 100 losses agree. `jit` saves most of the time. `scan` then also saves the dispatch of 1,500 calls, and this
# step is so small that dispatch is most of its time. With a large model a step takes far longer than its dispatch (unit
# 06 measures the share). There a plain loop of jitted steps loses little, and it is easier to inspect, so the next
# units use it. `scan` is for many small steps.
#
# ### Quick questions
#
# <details><summary>1. Why does <code>train_step</code> get a key as an argument, when it could split a key that is kept
# in the state?</summary>
#
# Both work. Here each step's key is an input of `scan`, so a step can be repeated by itself from its state and its key.
#
# </details>
#
# <details><summary>2. Two methods are compared with one seed each, 97.1 % against 97.6 %. What do you know?</summary>
#
# Nothing about the methods, until you know how much the results of one method differ from seed to seed.
#
# </details>

# %% [markdown]
# ## 9 · When it goes wrong
#
# **See values under `jit`.** `print` runs once and shows tracers. `jax.debug.print` becomes part of the jaxpr and shows
# numbers, at every call. It takes a format string, not an f-string. (For these tools and more see [JAX's guide to
# debugging](https://docs.jax.dev/en/latest/201/debugging.html).)


# %%
@jax.jit
def halve_twice(x):
    """A quarter of `x`, talking about it."""
    x = x / 2
    jax.debug.print("after the first: {x}", x=x)
    return x / 2


halve_twice(8.0)
halve_twice(20.0)
jax.effects_barrier()  # wait for what is still to be printed

# %% [markdown]
# **Find a NaN.** Under `jax.debug_nans(True)` JAX checks every result (for the whole program:
# `jax.config.update("jax_debug_nans", True)`). If a jitted function returns a NaN, JAX runs it again, one operation at
# a time, and names the operation that made it.

# %%
with jax.debug_nans(True):
    try:
        jnp.log(jnp.array(-1.0))
    except FloatingPointError as error:
        print("FloatingPointError:", str(error).split("\n")[0])

# %% [markdown]
# **Turn `jit` off.** Under `jax.disable_jit()` everything runs line by line with real numbers: `print`, `pdb` and `if`
# work. It is slow, but it tells you whether a bug has to do with tracing. `bounded` from section 2 fails under `jit`:

# %%
with jax.disable_jit():
    print("bounded(3.0):", jax.jit(bounded)(3.0))

# %% [markdown]
# **Find a leak.** Under `jax.checking_leaks()` the error comes from the function that leaks, not from the place where
# the leaked tracer is used. `keeps` is from section 2:

# %%
x = jnp.ones(4)
with jax.checking_leaks():
    try:
        jax.jit(keeps)(x)
    except Exception as error:
        print(type(error).__name__ + ":", str(error).split(" Dynamic")[0])

# %% [markdown]
# **Find your code in a profile.** A profile or a dump of the compiled program names operations, not your functions.
# `jax.named_scope` puts names on them, as a context or as a decorator. The names survive `grad`: `jvp(…)` marks the
# forward pass and `transpose(…)` the backward pass, so you can see which part of the model costs what
# ([profiling](https://docs.jax.dev/en/latest/201/profiling.html)).


# %%
def two_parts(w, x):
    """A scalar from w [D, H] and x [B, D], in two named parts."""
    with jax.named_scope("hidden"):
        h = jnp.tanh(x @ w)
    with jax.named_scope("readout"):
        return jnp.sum(h**2)


program_text = jax.jit(jax.grad(two_parts)).lower(jnp.ones((4, 3)), jnp.ones((2, 4))).as_text(debug_info=True)
for name in sorted(set(re.findall(r'"jit\(two_parts\)/([^"]*dot_general[^"]*)"', program_text))):
    print(name)

# %% [markdown]
# One product forward, one backward, both in the part called `hidden`.
#
# **Read the error.** The names are long but precise. The table shows common ones, and the cell below it causes four of
# them. ([JAX's list of errors](https://docs.jax.dev/en/latest/101/errors.html) explains the tracer errors in detail.)
#
# | error | you did | do |
# | --- | --- | --- |
# | `TracerBoolConversionError` | `if`, `while`, `and` on a traced value | `jnp.where`, `lax.cond`, `&` |
# | `TracerArrayConversionError` | `np.` on a traced value | `jnp.` |
# | `ConcretizationTypeError` | `float(x)`, `int(x)`, `x.item()` | stay in arrays, or a static argument |
# | `TracerIntegerConversionError` | a traced value as Python index or `range` | `jnp` indexing, `lax.fori_loop` |
# | `NonConcreteBooleanIndexError` | `x[x > 0]`: a shape that depends on values | `jnp.where(x > 0, x, 0)` |
# | `UnexpectedTracerError` | a tracer hidden in a global, a list, `self` | return it |
# | `KeyReuseError` | one key, two draws (under `jax.debug_key_reuse`) | `jax.random.split` |
# | "carry … equal types" | a loop whose state changes shape or dtype | fix the first state's dtype |

# %%
mistakes = {
    "np.sin(x)": (lambda x: np.sin(x)),
    "float(x.sum())": (lambda x: float(x.sum())),
    "range(x[0])": (lambda x: list(range(x[0].astype(int)))),
    "x[x > 1]": (lambda x: x[x > 1]),
}
for text, function in mistakes.items():
    try:
        jax.jit(function)(jnp.arange(3.0))
    except Exception as error:
        print(f"{text:16}{type(error).__name__}")

# %% [markdown]
# ### When you read old code
#
# JAX has changed since 2018. The table lists old names that you will meet in articles and repositories, and what to use
# now. The cell below it checks which of them still exist in the installed version
# ([changelog](https://docs.jax.dev/en/latest/changelog.html)):
#
# | old | now |
# | --- | --- |
# | `jax.random.PRNGKey(0)` | `jax.random.key(0)` |
# | `jax.ops.index_update(x, i, v)` | `x.at[i].set(v)` |
# | `jax.tree_map`, `jax.tree_multimap` | `jax.tree.map` |
# | `jax.experimental.enable_x64()` | `jax.enable_x64(True)` |
# | `jax.numpy.DeviceArray` | `jax.Array` |
# | `jax.experimental.optimizers`, `jax.experimental.stax` | optax; Flax and others |
# | `jax.experimental.host_callback` | `jax.debug.print`, `jax.pure_callback` |
# | `jax.pmap` | `jax.jit` with sharded arrays, `jax.shard_map` |


# %%
def exists(name):
    """Whether `name` is in the installed JAX, as an attribute or as a module."""
    module, _, last = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), last) or bool(importlib.import_module(name))
    except ImportError:
        return False


old_names = """
    random.PRNGKey ops.index_update tree_map tree_multimap experimental.enable_x64 numpy.DeviceArray
    experimental.optimizers experimental.stax experimental.host_callback pmap
"""
for name in old_names.split():
    print(f"jax.{name:30}{'still there' if exists('jax.' + name) else 'gone'}")

# %% [markdown]
# ### Quick questions
#
# <details><summary>1. A jitted loss is NaN after 500 steps. What do you do first?</summary>
#
# Run that step under `jax.debug_nans(True)`: it names the operation.
#
# </details>
#
# <details><summary>2. <code>TracerBoolConversionError</code> in <code>if loss &lt; best:</code>. What are two
# remedies?</summary>
#
# Move the `if` out of the jitted function, where `loss` is a number; or use `jnp.where` or `lax.cond` inside.
#
# </details>

# %% [markdown]
# ## 10 · 16 bits, and how a product is computed
#
# 16-bit arrays take half the memory of `float32`, and accelerators have units that multiply them faster ([Micikevicius
# et al., Mixed Precision Training, 2017](https://arxiv.org/abs/1710.03740)). There are two formats: `float16` is more
# precise, `bfloat16` has the range of `float32`.

# %%
print(f"{'':10}{'bits':6}{'bytes for 1,000':17}{'spacing at 1':14}{'largest':10}{'1e-8 is':10}{'70,000 is'}")
for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
    info, (tiny, large) = jnp.finfo(dtype), jnp.array([1e-8, 70_000.0]).astype(dtype)
    print(
        f"{info.dtype!s:10}{info.bits:<6}{jnp.ones(1000, dtype).nbytes:<17,}{float(info.eps):<14.1e}"
        f"{float(info.max):<10.0e}{float(tiny):<10.0e}{float(large):.0f}"
    )

# %% [markdown]
# In `float16` small gradients become 0 and large values infinite, so training in it scales the loss (Micikevicius et
# al.). `bfloat16` has been found to need no scaling ([Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training,
# 2019](https://arxiv.org/abs/1905.12322)). What it lacks is precision.
#
# <details><summary><b>Guess first:</b> you add 1 a thousand times to a <code>bfloat16</code> zero. What is the
# sum?</summary>
#
# 256. `bfloat16` has 8 significant binary digits: 256 + 1 is rounded to 256, so the sum stays there.
#
# </details>

# %%
for dtype in (jnp.float32, jnp.bfloat16):
    total = lax.fori_loop(0, 1000, lambda i, total: total + 1, jnp.zeros((), dtype))
    weight = lax.fori_loop(0, 100, lambda i, w: w - jnp.asarray(0.001, w.dtype), jnp.ones((), dtype))
    print(f"{dtype.__name__:10}1 added 1,000 times: {total:6.0f}    1 - 0.001, 100 times: {weight:.2f}")

# %% [markdown]
# In `bfloat16` a weight of 1 that is updated by 0.001 never moves. What does `jnp.sum` do?

# %%
ones = jnp.ones(1000, jnp.bfloat16)
first_operation = jax.make_jaxpr(jnp.sum)(ones).eqns[0]
print("jnp.sum of 1,000 ones in bfloat16:", jnp.sum(ones), "  its first operation:", first_operation.primitive.name)
print("from", first_operation.invars[0].aval.dtype, "to", first_operation.outvars[0].aval.dtype)

# %% [markdown]
# `jnp.sum` is right, because it adds up in `float32` and rounds once at the end. This gives the rule for training:
# **store weights and add up in 32 bits; multiply in 16.** Unit 06 applies it.
#
# ### The precision of a product
#
# The dtype of the arrays does not settle how precisely a matrix product is computed. By default JAX lets the device
# trade precision for speed: in a product of `float32` arrays a TPU rounds the inputs to `bfloat16`, and a recent NVIDIA
# GPU to TF32 ([matmul precision](https://docs.jax.dev/en/latest/201/precision.html)). A CPU computes in `float32`
# throughout. `precision="highest"` asks for full `float32` everywhere; `jax.default_matmul_precision` sets it for a
# whole program. TF32 keeps 10 of the 23 bits after the binary point
# ([description](https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_tensor_float_32_execution)),
# so `lax.reduce_precision` can show on any device what this rounding costs. We compare with `float64`.

# %% tags=["nbval-ignore-output"]
key_a, key_b = jax.random.split(jax.random.key(5))
a, b = jax.random.normal(key_a, (256, 256)), jax.random.normal(key_b, (256, 256))
a16, b16 = a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)
a19, b19 = (lax.reduce_precision(matrix, exponent_bits=8, mantissa_bits=10) for matrix in (a, b))
products = {
    "float32, the device's default": a @ b,
    "float32, highest": jnp.matmul(a, b, precision="highest"),
    "inputs rounded as in TF32": jnp.matmul(a19, b19, precision="highest"),
    "inputs in bfloat16, result not": jnp.matmul(a16, b16, preferred_element_type=jnp.float32),
    "inputs and result in bfloat16": a16 @ b16,
}
exact = np.asarray(a, np.float64) @ np.asarray(b, np.float64)
for text, product in products.items():
    error = np.sqrt(np.mean((np.asarray(product, np.float64) - exact) ** 2) / np.mean(exact**2))
    print(f"{text:32}{product.dtype!s:10}relative error {error:.0e}")

# %% [markdown]
# Rounding the inputs dominates the error: TF32 has 11 significant binary digits and `bfloat16` 8, and each digit less
# doubles the error. In the first two lines the inputs are not rounded, and only the arithmetic in `float32`
# contributes. On a CPU these two lines agree. If on your GPU the first looks like the third, you see the default at
# work. Whether this matters for a network has to be tested (unit 06). For a comparison of two implementations, or for a
# linear system, ask for `"highest"`.
#
# ### Quick questions
#
# <details><summary>1. Results on a GPU differ from those on your laptop by 0.1 %. Is that a bug?</summary>
#
# Perhaps not. Run once under `jax.default_matmul_precision("highest")`. If the difference goes away, it was TF32.
#
# </details>
#
# <details><summary>2. A loss is averaged over an epoch in <code>bfloat16</code>. What happens?</summary>
#
# As the total grows, small losses are rounded away. Keep totals in `float32`.
#
# </details>

# %% [markdown]
# ## 11 · A program without its Python
#
# A compiled function lives in one Python process. `jax.export` turns a jitted function into bytes: the program in a
# portable form (StableHLO), with its shapes and dtypes. Another process can load and run it with JAX alone, without
# your code. We export the trained classifier of section 8. `functools.partial` fixes the weights, so they become
# constants of the program. `batch` is a *symbolic* dimension: one exported program serves batches of any size, and it
# is compiled for each size when it is called.

# %%
classify = jax.jit(functools.partial(logits_of, state.layers))
points_like = jax.ShapeDtypeStruct(export.symbolic_shape("batch, 2"), jnp.float32)
exported = export.export(classify, platforms=["cpu", "cuda", "tpu"])(points_like)
data = exported.serialize()
print(f"takes {exported.in_avals[0]}, gives {exported.out_avals[0]}, runs on {len(exported.platforms)} kinds of device")
print(f"size: {len(data) / 1000:.1f} kB")

# %% [markdown]
# `deserialize` makes a function of the bytes. From there on nothing of our code is needed:

# %%
restored = export.deserialize(data)
points, _ = spirals(jax.random.key(9), 400)
for batch in (1, 7, 400):
    agree = jnp.allclose(restored.call(points[:batch]), classify(points[:batch]), atol=1e-4)
    print(f"batch of {batch:3}: same logits {bool(agree)}")

# %% [markdown]
# What is not exported? Derivatives are left out unless you ask for them (`serialize(vjp_order=1)`). And a program that
# calls back into Python, as `jax.debug.print` does, cannot be exported.

# %%
try:
    jax.grad(lambda x: jnp.sum(restored.call(x)))(points)
except ValueError as error:
    print("gradient:", error)
try:
    export.export(halve_twice)(1.0).serialize()
except (NotImplementedError, ValueError) as error:
    print("jax.debug.print inside:", type(error).__name__)

# %% [markdown]
# Versions of JAX released up to six months later can read such a file ([export: compatibility
# guarantees](https://docs.jax.dev/en/latest/501/export.html)). So export is for passing a model on, not for archiving
# it: keep the weights and the code as well. And load only files that you trust.
#
# ### Quick questions
#
# <details><summary>1. What is the difference between <code>lower(…).compile()</code> and
# <code>jax.export</code>?</summary>
#
# `compile()` gives a program for this device in this process. `export` gives bytes that another process compiles.
#
# </details>
#
# <details><summary>2. Why may <code>if x.shape[0] > 100:</code> in the function fail when it is exported with a
# symbolic batch?</summary>
#
# The batch size is not known while tracing, so the condition is neither true nor false for all sizes.
#
# </details>

# %% [markdown]
# ## What to remember
#
# 1. **Arrays are immutable, functions are pure.** State goes in as an argument and comes out as a result.
# 2. **`jit` traces once per signature**: shapes, dtypes, weak or not, static values, structure. Keep it the same; when
#    in doubt count traces, or ask `explain_cache_misses`.
# 3. **While tracing there are no values.** Use `where`, `cond` and `scan` in place of `if` and long `for` loops.
# 4. **Timing without waiting measures only the dispatch.** Warm up, `block_until_ready`, median.
# 5. **`grad` is reverse mode: one row of the Jacobian per pass, good for few outputs.** Forward mode gives one column
#    per pass, good for few inputs. H v is a `jvp` of `grad`. `custom_vjp` is for rules that JAX cannot derive.
# 6. **Write for one example, then `vmap`.** `vmap(grad)` gives a gradient for each example; `vmap` over keys runs a set
#    of experiments. Under `vmap` a `cond` with a flag for each example computes both branches.
# 7. **Use a key once.** Draw from it, or split it, or fold into it.
# 8. **Pytrees carry models**, and `jax.tree.map` updates them. `None` is structure, not a leaf.
# 9. **Multiply in 16 bits, add up and store weights in 32.**
#
# Now do `exercises/01_jnp_and_jit.ipynb`. Each exercise tells you at once whether your answer is right and, if not,
# what is probably wrong. Unit 02 uses the same tools on handwritten digits, with Flax for the layers and optax for the
# optimiser.

# %% [markdown]
# ## Sources and further reading
#
# - JAX's documentation: [JAX 101](https://docs.jax.dev/en/latest/101/index.html) (arrays, transformations, pytrees,
#   random numbers), its sequels on [`jit`](https://docs.jax.dev/en/latest/201/jit.html), [control
#   flow](https://docs.jax.dev/en/latest/201/control-flow.html) and
#   [profiling](https://docs.jax.dev/en/latest/201/profiling.html), the [Autodiff
#   Cookbook](https://docs.jax.dev/en/latest/301/cookbook.html), and
#   [`jax.export`](https://docs.jax.dev/en/latest/501/export.html). The code is in
#   [jax-ml/jax](https://github.com/jax-ml/jax).
# - The warm-up with another shape: ravialdy, [What are JAX and Flax? Why those Deep Learning Frameworks can be Very
#   Important?](https://github.com/ravialdy/ravialdy.github.io/blob/6c852507a2d1/_posts/2023-10-05-jaxflax.md), 2023.
# - JAX's random numbers: the [design](https://docs.jax.dev/en/latest/jep/263-prng.html); Salmon, Moraes, Dror and Shaw,
#   [Parallel random numbers: as easy as 1, 2, 3](https://doi.org/10.1145/2063384.2063405), SC 2011.
# - Automatic differentiation: Baydin, Pearlmutter, Radul and Siskind, "Automatic differentiation in machine learning: a
#   survey", 2018, [arXiv:1502.05767](https://arxiv.org/abs/1502.05767). Hessian times vector: Pearlmutter, [Fast exact
#   multiplication by the Hessian](https://doi.org/10.1162/neco.1994.6.1.147), 1994.
# - A gradient for each example: Abadi et al., "Deep learning with differential privacy", 2016,
#   [arXiv:1607.00133](https://arxiv.org/abs/1607.00133); McCandlish et al., "An empirical model of large-batch
#   training", 2018, [arXiv:1812.06162](https://arxiv.org/abs/1812.06162); Paul, Ganguli and Dziugaite, "Deep learning
#   on a data diet", 2021, [arXiv:2107.07075](https://arxiv.org/abs/2107.07075).
# - Memorised labels: Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding deep learning requires rethinking
#   generalization", 2016, [arXiv:1611.03530](https://arxiv.org/abs/1611.03530); Arpit et al., "A closer look at
#   memorization in deep networks", 2017, [arXiv:1706.05394](https://arxiv.org/abs/1706.05394).
# - 16 bits: Micikevicius et al., "Mixed precision training", 2017,
#   [arXiv:1710.03740](https://arxiv.org/abs/1710.03740); Kalamkar et al., "A study of BFLOAT16 for deep learning
#   training", 2019, [arXiv:1905.12322](https://arxiv.org/abs/1905.12322).
# - In the examples: Hendrycks and Gimpel, "Gaussian error linear units", 2016,
#   [arXiv:1606.08415](https://arxiv.org/abs/1606.08415); LeCun, Bottou, Orr and Müller, [Efficient
#   BackProp](https://doi.org/10.1007/3-540-49430-8_2), 1998; Lorenz, [Deterministic nonperiodic
#   flow](https://doi.org/10.1175/1520-0469%281963%29020%3C0130:DNF%3E2.0.CO;2), Journal of the Atmospheric Sciences 20,
#   1963.
# - From one device to many: [How to Scale Your Model](https://jax-ml.github.io/scaling-book/), the JAX team's book.
