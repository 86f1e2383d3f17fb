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
# You know Python and NumPy. At the end of this lesson you can
#
# - write NumPy code that runs on any device, and say where JAX differs and why;
# - compile it with `jit`, and know **when** it is compiled again;
# - time it honestly;
# - differentiate it, forwards and backwards, choose the cheaper way, and give a function a derivative of your own;
# - write a function for one example and run it on a thousand;
# - make random numbers that are the same every time;
# - train a linear model and a small network with nothing but these tools;
# - say what 16 bits cost, and hand a compiled function to somebody who does not have your code.
#
# | | section | minutes |
# | --- | --- | --- |
# | 1 | NumPy, and what is different | 10 |
# | 2 | `jit`: trace once, run often | 30 |
# | 3 | How to time | 8 |
# | 4 | `grad`, forwards and backwards | 20 |
# | 5 | `vmap`: write for one, run for many | 12 |
# | 6 | Random keys | 10 |
# | 7 | Pytrees | 6 |
# | 8 | Two models trained by hand | 12 |
# | 9 | When it goes wrong | 8 |
# | 10 | 16 bits, and how a product is computed | 8 |
# | 11 | A program without its Python | 6 |
#
# There is no data set, and no GPU is needed. **Guess first** marks a question whose answer surprises most people.
# Decide on an answer, then unfold it, then run the cell. Each section ends with a few quick questions of the same kind.
# After that do the exercises in `exercises/01_jnp_and_jit.ipynb`.

# %%
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
# `jax.numpy`, usually imported as `jnp`, has NumPy's functions under NumPy's names. Here is one function that takes the
# library it should use as an argument.


# %%
def rms(x, xp):
    """Root mean square of `x`, computed with the library `xp` (np or jnp)."""
    return xp.sqrt(xp.mean(xp.square(x)))


print("NumPy:", rms(np.arange(5.0), np))
print("JAX:  ", rms(jnp.arange(5.0), jnp))

# %% [markdown]
# ### JAX computes in 32 bits
#
# JAX makes `float32` and `int32` where NumPy makes `float64` and `int64`: that is usually what you want on GPUs and
# TPUs ([arrays](https://docs.jax.dev/en/latest/101/arrays.html), [default
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
# What does it cost? A `float32` has 24 bits for the digits.
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
# If you ask for 64 bits you get a warning, and 32 bits. If you need 64, for a simulation or a finite difference, switch
# them on: for a whole program with `jax.config.update("jax_enable_x64", True)` in its first lines, for a few lines with
# the context manager below.

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
# `x.at[index].set(value)` returns a *new* array. There are `add`, `multiply`, `min`, `max`, … too.

# %%
y = x.at[0].set(10)
print("x:", x)
print("y:", y)
print("rows:", jnp.zeros((2, 3), jnp.int32).at[:, 1].add(5).tolist())

# %% [markdown]
# Repeated indices are treated differently. We count how often each number occurs in `draws`; 2 occurs three times.
#
# <details><summary><b>Guess first:</b> do both lines below find three?</summary>
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
# Is it not slow to make a new array for each update? If each update is a call of its own, yes: the call must leave the
# old array as it is, so it copies. *Inside* a compiled function the compiler sees that nobody needs the old array, and
# can update it in place. A single call can do so too if you *donate* the argument, that is, promise not to use it again
# (unit 02). Here are 200 updates of an array of 300,000 numbers, in four ways. (`jit` and `fori_loop` come in section
# 2, and why we wait with `block_until_ready` in section 3.)


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
# The first two ways copy 1.2 MB two hundred times, the others do not. (Run the cell again with `jnp.zeros(10)`: there
# is nothing to copy then, and what is left is the cost of the calls.) So a loop of updates belongs *inside* a compiled
# function.
#
# ### Outside the array there is no error
#
# A compiled program on an accelerator cannot raise `IndexError` half-way (the page on arrays again). So JAX defines
# what happens instead: a read outside the array is *clamped* to the last element, and a write outside is dropped. There
# is no message, so such a mistake can stay unnoticed for a long time. (Negative indices count from the end, as in
# NumPy.)

# %%
x = jnp.arange(5.0)
print("read  x[-1]:                          ", x[-1])
print("read  x[100]:                         ", x[100])
print("write x.at[100].set(7) changed it:    ", bool(jnp.any(x.at[100].set(7) != x)))
print('read  x.at[100].get(mode="fill"):     ', x.at[100].get(mode="fill"))
print("read  ... with fill_value=-1:         ", x.at[100].get(mode="fill", fill_value=-1))

# %% [markdown]
# `mode="fill"` gives NaN, which spreads to the result, where you notice it. (Integers have no NaN: give a
# `fill_value`.) To have indices checked while you debug, see `checkify` in
# [debugging](https://docs.jax.dev/en/latest/201/debugging.html).
#
# ### An array lives on a device
#
# `jax.devices()` lists the devices; new arrays go to the first. With a GPU or TPU the same code runs there.

# %%
print("devices: ", jax.devices())
print("x is on: ", x.device)

host = np.asarray(x)  # to NumPy: waits for the result and copies it to the host's memory if it is not there
back = jax.device_put(host)  # to JAX: to the first device, or to the one that you name
print("NumPy array:", isinstance(host, np.ndarray), "  JAX array:", isinstance(back, jax.Array))

# %% [markdown]
# A NumPy *function* called on a JAX array silently does the same: it copies the array to the host, computes there, and
# returns a NumPy array. Inside a compiled function it is an error, as section 9 shows.

# %%
print("np.sin(x) is a JAX array: ", isinstance(np.sin(x), jax.Array))
print("jnp.sin(x) is a JAX array:", isinstance(jnp.sin(x), jax.Array))

# %% [markdown]
# ### Why all this
#
# Because arrays are immutable, a function of arrays can be a function in the mathematical sense: **the same input gives
# the same output, and nothing else happens.** Such a function is called *pure*. A program can analyse a pure function
# and make another function of it. That is what JAX is: a set of *transformations*. Each takes a function and returns a
# function.
#
# | | takes `f` and returns a function that |
# | --- | --- |
# | `jax.jit(f)` | does the same, compiled |
# | `jax.grad(f)` | computes the derivative |
# | `jax.vmap(f)` | does it for a whole batch |
#
# Since each returns an ordinary function, they can be combined.

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
# No: it changes the list `total`, so something else happens besides returning a result.
#
# </details>

# %% [markdown]
# ## 2 · `jit`: trace once, run often
#
# Plain `jnp` sends one operation after the other to the device. `jax.jit` hands the whole function to the compiler
# [XLA](https://openxla.org/xla), which can *fuse* many operations into one loop over memory (section 3 shows it). To
# get the *whole* function, JAX must first find out what it does. It runs your Python code **once**, with placeholders
# for the arguments, and records the operations. This is called *tracing*.
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
# Two calls, and Python ran once. During the first call `x` was a *tracer*: it has a shape and a dtype and no value.
#
# The record is a *jaxpr*, a program in a small typed language. `jax.make_jaxpr` shows it: the inputs, one line for each
# operation, the outputs. For each such operation JAX knows how to compile it, how to differentiate it and how to batch
# it.

# %%
print(jax.make_jaxpr(lambda x: jnp.sum(jnp.sin(x) * 2))(jnp.arange(3.0)))

# %% [markdown]
# ### A counter for traces
#
# Tracing runs the Python body, and a compiled call does not. So one line with a side effect counts the traces. We shall
# use this often.


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
# Five: the first, `float32[4]`, `int32[3]`, `Python 1.0` and `Python 2`. What counts is shape and dtype. Other numbers
# in an array of the same kind need no new trace, and neither does another Python float.
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
# A program is kept for each *signature*: the **shapes** and **dtypes** of the arrays, and the structure around them
# where there are several (section 7). Values do not matter, not even those of Python numbers: 1.0 and 2.0 share a
# program. Types do: 2.0 and 2 do not.
#
# ### Every new shape is compiled again
#
# 488 examples in batches of 64 are seven batches and a last one of 40. We go through them twice. Before that we call
# the function with a single example "to warm it up". (Unit 02 finds this mistake in a published introduction to JAX.)
# We time each call.


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
# Leaving `jit` out does not help: each single `jnp` operation is a small compiled program, kept by the same rule. JAX
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
# And the last batch of 40? Pad it to the usual size, and pass a mask that says which rows are real. One shape, one
# program.


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
# ### Python values: static arguments
#
# A tracer has no value, so Python cannot use it as the end of a `range`, nor as a shape.


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
# evaluation), make it static. Then it stays a Python value and becomes part of the signature: a new value is traced and
# compiled anew.

# %%
counted = count_traces(power)
fast_power = jax.jit(counted, static_argnames="n")
for n in (3, 3, 2, 3, 2):
    print(f"n={n}: {fast_power(2.0, n=n):.0f}   traces so far: {counted.count}")

# %% [markdown]
# So never make static what changes at every call. Here a step number is passed in two ways.


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
# The compiled programs are kept in a dictionary, so a static value must be hashable: a tuple, not a list; a frozen
# dataclass, not a dict; never an array.

# %%
try:
    fast_power(2.0, n=[3])
except ValueError as error:
    print(str(error).split(".")[0] + ".")

# %% [markdown]
# ### The weak-typed scalar
#
# A Python number has no size in bits. So JAX gives it a *weak* type, which takes on the dtype of the array it meets.
# Thus code written for 16 bits stays in 16 bits (`bfloat16` is a float of 16 bits: section 10). A NumPy scalar has a
# size, so it is not weak, and it widens the result.

# %%
half = jnp.ones(3, jnp.bfloat16)
print("bfloat16 * 0.5:            ", (half * 0.5).dtype)
print("bfloat16 * np.float32(0.5):", (half * np.float32(0.5)).dtype)
print("types: 0.5 is", jax.typeof(0.5), "(~ for weak), np.float32(0.5) is", jax.typeof(np.float32(0.5)))

# %% [markdown]
# Whether a type is weak is part of the signature. The trap is a running total that starts as a Python number and comes
# back as an array. (`jnp.zeros(())` is an array with no axes: one number.)
#
# <details><summary><b>Guess first:</b> how many traces in each of the two loops of five calls?</summary>
#
# Two and one. `0.0` is weakly typed, the total that comes back is not: a second signature. The total that starts as
# `jnp.zeros(())` has the same type throughout.
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
# With a large model you then wait for the compiler twice.
#
# ### Why was it traced again?
#
# Ask JAX. Under `jax.explain_cache_misses` it logs the reason for each retrace: which argument differs from the closest
# signature it has seen. For a whole program set `JAX_EXPLAIN_CACHE_MISSES=1` in the environment ([slow
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
# There is one more way to be retraced at every call: a *new function* each time. Programs are kept per function object,
# and each evaluation of `lambda` or `def` makes a new one. So apply `jit` once, outside the loop.

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
# ### Side effects happen while tracing, or never
#
# A jaxpr holds array operations only. A `print`, an append to a list, a look at a global variable: Python does these
# while tracing, and not again.
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
# The program still has the old scale in it, as a constant, and there is no error. The rule that prevents this: **what
# can change goes in through the arguments and comes out through the return value.**
#
# In the other direction there is an error, as soon as the value is used. If a traced function stores something in a
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
# Python must know which branch to take, and a tracer has no value to tell it.


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
# Take `where` for arithmetic and `cond` for an expensive branch that is often skipped. (Under `vmap` that changes:
# section 5.)
#
# ### Loops
#
# A Python `for` works: it runs while tracing, so the jaxpr holds its body once *per round*. `lax` has loops whose body
# the jaxpr holds only once.


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
# All those equations must be compiled. We time that, and run nothing.

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
# A few rounds may stay a Python loop. Hundreds should not. Which `lax` loop?
#
# | | rounds | gives | reverse-mode `grad` |
# | --- | --- | --- | --- |
# | `lax.fori_loop(lo, hi, body, x)` | counted | the last state | if `lo`, `hi` are Python numbers |
# | `lax.scan(body, x, xs)` | one for each of `xs` | the last state **and** all outputs | yes |
# | `lax.while_loop(cond, body, x)` | until `cond` is false | the last state | no |
#
# `scan` is the one to learn: training loops, recurrent networks and simulations are scans. Its body takes (state,
# input) and returns (new state, output). Here it integrates the equations of Edward Lorenz (1963) in 4,000 small steps,
# and keeps every point. (`@jax.jit(…)` with options works since JAX 0.8.1; older code writes
# `@functools.partial(jax.jit, …)`.)


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
# The carried state must keep its shape and dtype from round to round, since the loop's body is compiled once. The usual
# mistake is a total that begins as an integer and becomes a float. JAX reports it.

# %%
try:
    lax.scan(lambda total, x: (total + x, None), jnp.int32(0), jnp.array([0.5, 1.5]))
except TypeError as error:
    print(str(error).splitlines()[0][:90])
print("from jnp.float32(0):", lax.scan(lambda total, x: (total + x, None), jnp.float32(0), jnp.array([0.5, 1.5]))[0])

# %% [markdown]
# `while_loop` stops when a condition on the values says so. Here is Heron's rule for a square root, repeated until the
# guess no longer moves.


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
# No. With a schedule it changes at every step, and each new value would be compiled. As an ordinary argument it is not
# part of the signature.
#
# </details>
#
# <details><summary>3. Why does a <code>print</code> in a jitted function show no numbers?</summary>
#
# It runs while tracing, and then there are none: it shows the tracer, its shape and its dtype.
#
# </details>

# %% [markdown]
# ## 3 · How to time
#
# JAX returns before it has computed. A call puts the work into the device's queue and returns an array whose numbers
# will be there later. This is called *asynchronous dispatch*
# ([documentation](https://docs.jax.dev/en/latest/async_dispatch.html)). Python can prepare the next batch while the
# device works. It waits only when you look at the numbers: print them, turn them into NumPy, ask for `float(loss)`.
#
# So a clock that is stopped right after the call has timed how long it takes to queue the work. `block_until_ready`
# waits for the result.
#
# <details><summary><b>Guess first:</b> a 1,200 × 1,200 matrix is multiplied by itself twice. How much faster does that
# look without waiting?</summary>
#
# Hundreds of times; the cell prints the factor. The larger the matrix, the larger it is, since queuing takes the same
# time for every size.
#
# </details>

# %%
matrix = jnp.ones((1200, 1200)) / 1200
square = jax.jit(lambda a: a @ a @ a)


def seconds_of(function):
    """Seconds that one call of `function` takes, by the clock on the wall."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


first_call = seconds_of(lambda: square(matrix).block_until_ready())
dispatch = seconds_of(lambda: square(matrix))
square(matrix).block_until_ready()  # let the queue run empty
honest = seconds_of(lambda: square(matrix).block_until_ready())

figure, axes = plots.bars(
    ["first call: compiles, too", "not waited for", "warmed up, waited for"],
    [1e3 * first_call, 1e3 * dispatch, 1e3 * honest],
    unit="ms",
)
axes.set_title("Three ways to time the same product; the last is right")
print("not waiting looks", f"{honest / dispatch:.1f}×", "faster than it is")

# %% [markdown]
# When you read that JAX is many times faster, ask whether that is the middle bar. A fair timing
#
# 1. runs once first, with the real shapes, so that compilation is not in it (or reports it separately);
# 2. waits for every array that was computed;
# 3. repeats and takes the median, because one run can meet a busy machine.


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
# It depends on the size, so we draw it. The function is the GELU activation ([Hendrycks and Gimpel,
# 2016](https://arxiv.org/abs/1606.08415)) in its tanh form: nine operations for each element. NumPy gets the same
# `float32` numbers.
#
# <details><summary><b>Guess first:</b> up to which number of elements does NumPy win?</summary>
#
# Often to ten thousand or more on a CPU; the title of the chart says where it was here. Starting a compiled program has
# a cost of its own, which a small array does not repay.
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
# Two reasons can be counted: how many operations there are, and how many bytes the compiled program reads and writes
# for each element. Nine separate operations would read and write at least 9 · 8 bytes.

# %% tags=["nbval-ignore-output"]
million = jnp.zeros(1_000_000)
cost = fast_gelu.lower(million).compile().cost_analysis()
print("operations in the jaxpr:           ", len(jax.make_jaxpr(gelu)(million).eqns))
print("bytes an element, compiled:        ", round(cost["bytes accessed"] / million.size, 1))

# %% [markdown]
# - **Small arrays: NumPy, or no difference.** Each un-jitted `jnp` operation costs microseconds of dispatch, however
#   small the array; a compiled call pays once. A Python loop over small arrays is the worst way to use JAX.
# - **Large arrays: `jit`.** NumPy and un-jitted `jnp` write every intermediate result to memory and read it again. The
#   compiled program has fused the nine operations: it reads four bytes for each element, and writes four.
# - **Un-jitted `jnp`: at no size in this chart the fastest.** `jit` turns nine dispatches into one. So compile the
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
# the result is exact up to rounding. Being a function, it can be differentiated again.


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
# approximation is bad. If it is too small, two numbers are subtracted that agree in nearly all their digits.

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
# ### The everyday tools
#
# `grad` wants a function with a *scalar* result and differentiates for the first argument, or those you name with
# `argnums`. In training you want the loss as well (`value_and_grad`), and often something that should come out but not
# be differentiated (`has_aux`).


# %%
def squared_error(w, b, x, y):
    """Mean squared error of the line w x + b, and the predictions."""
    predicted = w * x + b
    return jnp.mean((predicted - y) ** 2), predicted


x, y = jnp.arange(4.0), jnp.array([1.0, 3.0, 5.0, 7.0])
differentiate = jax.value_and_grad(squared_error, argnums=(0, 1), has_aux=True)
(loss, predicted), (grad_w, grad_b) = differentiate(2.0, 0.0, x, y)
print("loss", loss, " predicted", predicted, " d/dw", grad_w, " d/db", grad_b)

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
# `lax.stop_gradient` returns its argument and has the derivative zero. It is for values that a loss needs and training
# should not change: a target computed by another network, a baseline.

# %%
print("d/dx x·x:                ", jax.grad(lambda x: x * x)(3.0))
print("d/dx x·stop_gradient(x): ", jax.grad(lambda x: x * lax.stop_gradient(x))(3.0))

# %% [markdown]
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
# multiplied by the derivative of √x at −1, which is NaN; and 0 · NaN = NaN. The remedy is to keep the bad number away
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
# On the left the gradient's line stops at zero: NaN is not drawn.
#
# ### Two directions
#
# A function from n numbers to m numbers has an m × n matrix of derivatives, the Jacobian J. JAX does not build it
# unless you ask. It multiplies by it, from one side or the other.
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
# If you need many directions at the same point, `jax.linearize` computes what they share once and returns the linear
# map v ↦ J v.

# %%
value, push = jax.linearize(to_polar, point)
print("J @ [1, 1]:", [f"{entry:.2f}" for entry in push(jnp.ones(2))])

# %% [markdown]
# To build the whole J, `jacfwd` needs a pass for each *input* and `jacrev` one for each *output* (they run the passes
# as a batch, with `vmap`).
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
# A wide J is cheaper in reverse mode, a tall J in forward mode. In the middle, where J is square, the numbers of passes
# are equal, and so are the operations. (Times need a quiet machine; the compiler's count does not.)
#
# Reverse mode has another price, memory: the intermediate values of the forward pass are kept until the backward pass
# needs them. Forward mode needs no intermediate value for later. `jax.checkpoint` trades memory for computing some of
# them twice (unit 04). We ask the compiler how much temporary memory the same function needs, in 200 rounds on a 64 ×
# 256 array.


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
# `grad` keeps one array of 64 × 256 numbers (0.07 MB) for each of the 200 rounds. `jvp` keeps none of them.
#
# ### Second derivatives
#
# The gradient has as many outputs as inputs. Its Jacobian is the Hessian H: `jacfwd(jacrev(f))`, forward over reverse,
# which is what `jax.hessian` does. For a model with a million parameters H has 10¹² entries. Often only H v is needed,
# for some v: the derivative of the gradient in the direction v, so a `jvp` of `grad`. That costs a small multiple of
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
# ### A derivative of your own: `custom_vjp`
#
# Reverse mode runs loops backwards and keeps a value for each round, so the number of rounds must be known while
# tracing. With `scan` it is. With `while_loop` it is not, and only forward mode goes through it. A `fori_loop` is one
# or the other: with Python numbers as its bounds it can be differentiated, with traced ones it cannot.


# %%
def root_only(a):
    """`heron` without its count."""
    return heron(a)[0]


try:
    jax.grad(root_only)(2.0)
except ValueError as error:
    print("reverse:", str(error).split(".while_loop")[0] + ".while_loop …")
print("forward:", jax.jvp(root_only, (4.0,), (1.0,))[1], "is 1 / (2·√4)")


def doublings(x, rounds):
    """`x` doubled `rounds` times."""
    return lax.fori_loop(0, rounds, lambda i, x: 2 * x, x)


print("fori_loop with a Python number:", jax.grad(doublings)(1.0, 3))
try:
    jax.jit(jax.grad(doublings))(1.0, 3)
except ValueError:
    print("fori_loop with a traced number: ValueError")

# %% [markdown]
# But the derivative of a root does not depend on how it was found. From r² = a follows 2 r dr = da. The same idea works
# for other equations that are solved by iterating. The *implicit function theorem* gives the derivative of the
# solution, from the equation alone, and no round has to be kept. `jax.custom_vjp` takes such a rule. It needs two
# functions: one that computes the result and keeps what the backward pass will need, and the backward pass, from the
# gradient of the result (the *cotangent*) to the gradients of the arguments.


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
# `jit`, `vmap` and a second `grad` go through (the second because `root_forward` calls `root_with_rule` again). Forward
# mode does not: a rule for the way back says nothing about the way forward. Where you can write the rule for a
# direction, `jax.custom_jvp` serves both modes, because JAX can reverse it. `custom_vjp` is for the other cases: a
# solver as above with many arguments, a gradient that is clipped or replaced on purpose, a kernel of your own with a
# backward pass of its own ([custom rules](https://docs.jax.dev/en/latest/301/custom-jvp-vjp.html)). Since JAX calls
# neither rule while it computes values, a wrong one shows only in the gradients: always compare with `jvp` or finite
# differences, as we did.
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
# No. The division by zero is differentiated as well. Write `total / jnp.where(n > 0, n, 1)` inside the `where`.
#
# </details>
#
# <details><summary>3. Why can <code>grad</code> go through <code>scan</code> and not through
# <code>while_loop</code>?</summary>
#
# It has to keep a value for each round, and arrays have fixed sizes. `scan` has a known number of rounds.
#
# </details>

# %% [markdown]
# ## 5 · `vmap`: write for one, run for many
#
# Batch axes make code hard to read: `x[:, None, :]`, `axis=-1`, `einsum`. With `vmap` you write the function for
# **one** example, and JAX adds a batch axis to every operation of the jaxpr. It is not a loop: a matrix-vector product
# becomes a matrix-matrix product.


# %%
def distance(a, b):
    """Euclidean distance of two points [D]: a scalar."""
    return jnp.sqrt(jnp.sum((a - b) ** 2))


weights = jnp.ones((3, 4))  # [outputs, inputs]
one, eight = jnp.ones(4), jnp.ones((8, 4))
for text, product, argument in (("one:  ", jnp.dot, one), ("eight:", jax.vmap(jnp.dot, in_axes=(None, 0)), eight)):
    operation = jax.make_jaxpr(product)(weights, argument).eqns[0]
    shapes = " · ".join(str(operand.aval.shape) for operand in operation.invars)
    print(text, operation.primitive.name, shapes, "->", operation.outvars[0].aval.shape)

points = jnp.arange(10.0).reshape(5, 2)
centres = jnp.array([[0.0, 0.0], [8.0, 9.0], [4.0, 4.0]])
print("a pair at a time:", jax.vmap(distance)(points[:3], centres).shape)
print("all to one:      ", jax.vmap(distance, in_axes=(0, None))(points, centres[0]).shape)

# %% [markdown]
# `in_axes` has an entry for each argument: which axis is the batch, or `None` for "the same for all". `out_axes` says
# where the batch axis goes in the result. Since `vmap` returns a function, it can be applied again: all pairs.

# %%
to_all_centres = jax.vmap(distance, in_axes=(None, 0))  # one point, all centres
all_pairs = jax.vmap(to_all_centres, in_axes=(0, None))  # all points, all centres
print("all pairs:       ", all_pairs(points, centres).shape)
print("out_axes=1:      ", jax.vmap(to_all_centres, in_axes=(0, None), out_axes=1)(points, centres).shape)

# %% [markdown]
# How much time does it save? The distances of 500 points from one, in four ways.

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
# `vmap` makes one call over whole arrays, as code with batch axes written by hand does. Both are far ahead of the
# loops. (For so little work NumPy may still win, as in section 3.) A loop over a jitted function is the slowest of the
# four: five hundred dispatches.

# %% [markdown]
# `vmap` even takes a `while_loop` that stops at a different time for each example: the batch runs on until all are
# done, and those that are done keep their values. The example counts the steps from n to 1 when even numbers are halved
# and odd ones become 3n + 1 (the Collatz sequence).


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
# `lax.cond` runs one branch. A batch may need both.
#
# <details><summary><b>Guess first:</b> all eight flags are false. How long does <code>vmap</code> of a
# <code>cond</code> take, compared with running the expensive branch eight times?</summary>
#
# About as long. Under `vmap` with a flag for each example, `cond` becomes a `select`: both branches are computed for
# all, and one result is picked for each. That no flag is true is known only when the program runs.
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
# With a flag for each example the expensive branch runs although nobody wants its result. Two ways out: one flag for
# the whole batch (`in_axes=None`), which stays a `cond`, or `lax.map`, which takes one example after the other and so
# can skip, at the price of the parallel work. (The jaxpr of `lax.map` shows neither: its `cond` is inside the loop.)
#
# One thing is better than with `where`: the gradient. JAX stops it from going through the branch that is not wanted
# ([issue 1052](https://github.com/jax-ml/jax/issues/1052)), so the NaN of section 4 does not come back.


# %%
def cond_sqrt(x):
    """√x for x > 0, else 0."""
    return lax.cond(x > 0, jnp.sqrt, jnp.zeros_like, x)


for text, function in {"where": naive_sqrt, "cond": cond_sqrt}.items():
    gradients = jax.grad(lambda x, function=function: jnp.sum(jax.vmap(function)(x)))(jnp.array([-1.0, 4.0]))
    print(f"{text:6}under vmap: gradients at −1 and 4:", gradients)

# %% [markdown]
# ### A gradient for each example
#
# The loss of a batch is a mean, and its gradient is the mean of the examples' gradients. A training step computes that
# mean only. `vmap(grad(…))` gives each of them. They are needed to find unusual examples, to clip each one's influence
# (differential privacy: [Abadi et al., 2016](https://arxiv.org/abs/1607.00133)), and to measure how noisy a batch's
# gradient is ([McCandlish et al., 2018](https://arxiv.org/abs/1812.06162)). In the data below one number has the wrong
# sign.


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
# First we check it against a loop, and against the gradient of the mean loss.

# %%
gradient_of_one = jax.jit(jax.grad(example_loss))
by_loop = jnp.stack([gradient_of_one(params, x, y)[0] for x, y in zip(inputs, targets, strict=True)])


def mean_loss(params, inputs, targets):
    """Mean of `example_loss` over inputs [N, D], targets [N]."""
    return jnp.mean(jax.vmap(example_loss, in_axes=(None, 0, 0))(params, inputs, targets))


whole = jax.grad(mean_loss)(params, inputs, targets)
print("as the loop's:            ", bool(jnp.allclose(grads_w, by_loop, atol=1e-5)))
print("their mean is the batch's:", bool(jnp.allclose(grads_w.mean(0), whole[0], atol=1e-5)))

# %%
norms = jnp.sqrt(jnp.sum(grads_w**2, axis=1) + grads_b**2)
odd = int(jnp.argmax(norms))
print("the example with the largest gradient:", odd)
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.bar(range(60), norms, color=["C1" if i == odd else "C0" for i in range(60)])
axes.set(xlabel="example", ylabel="gradient's norm", title="Example 41 has the wrong sign")
plt.show()

# %% [markdown]
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
# `jax.vmap(jax.vmap(f, in_axes=(None, 0)), in_axes=(0, None))(weights, batch)`: the result is [5, B]. Training five
# networks at once works in the same way (section 8).
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
# NumPy's random numbers come from a hidden state, which each call changes. That is a side effect. Under `jit` it would
# happen once, while tracing, and the order of the calls would matter, which compilers and parallel devices want to be
# free to change ([JAX's design](https://docs.jax.dev/en/latest/jep/263-prng.html)). JAX has no hidden state. You pass a
# **key**, and the same key gives the same numbers.

# %%
key = jax.random.key(0)
print("same key, same numbers:", bool(jnp.all(jax.random.normal(key, (3,)) == jax.random.normal(key, (3,)))))

# %% [markdown]
# (The same on every run, with the same version of JAX. A new version may give other numbers for the same key, and says
# so in its changelog: [API compatibility](https://docs.jax.dev/en/latest/api_compatibility.html).)
#
# For new numbers you need a new key. `split` makes several keys from one. `fold_in` makes one from a key and an integer
# (a step, a device, a layer). The rule is short: **a key is used once.** It is drawn from, *or* it is split, *or* it is
# the parent of all its `fold_in`s, with a different integer each.

# %%
key, key_a, key_b = jax.random.split(jax.random.key(0), 3)
print("two keys, other numbers:", bool(jnp.all(jax.random.normal(key_a, (3,)) != jax.random.normal(key_b, (3,)))))
step_keys = [jax.random.fold_in(key, step) for step in range(3)]
print("keys of three steps:", len({jax.random.key_data(k).tobytes() for k in step_keys}))

# %% [markdown]
# `fold_in` suits a training loop: the key of step 1,000 follows from one key and the number 1,000, so a run that is
# resumed there needs nothing else. A chain `key, step_key = split(key)` would have to be followed step by step, and
# JAX's manual [advises against it](https://docs.jax.dev/en/latest/101/random.html) for long loops.
#
# What happens if you break the rule? Here x and its noise are drawn, once from one key, once from two.

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
# The "noise" on the left is a copy of the data, and there is no error. JAX can look for it:

# %%
with jax.debug_key_reuse(True):
    try:
        spent = jax.random.key(1)
        jax.random.normal(spent, (3,)), jax.random.uniform(spent, (3,))
    except jax.errors.KeyReuseError as error:
        print("KeyReuseError:", str(error).splitlines()[0])

# %% [markdown]
# It does not find everything. Splitting a key *and* folding into it is a reuse as well.
#
# <details><summary><b>Guess first:</b> how likely is it that <code>split(key)[1]</code> and <code>fold_in(key,
# 1)</code> are the same key?</summary>
#
# With JAX's default generator it is certain. Both hash the key with the number 1.
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
# That is a detail of the generator, and may change. The rule protects you from having to know it. Behind the generator
# is a hash function, Threefry ([Salmon et al., 2011](https://doi.org/10.1145/2063384.2063405)): numbers and new keys
# are hashes of the key and a counter, so two uses of one key are hashes of the same things.
#
# Keys go through `jit`, `vmap` and `scan` like any array. That gives streams which do not depend on the order of the
# work. Here a thousand dice are thrown, by as many keys, in one call; any one of them can be thrown again on its own.


# %%
def throw(key):
    """One throw of a die."""
    return jax.random.randint(key, (), 1, 7)


keys = jax.random.split(jax.random.key(7), 1000)
dice = jax.jit(jax.vmap(throw))(keys)
print("dice", dice[:10], " number 5 alone:", throw(keys[5]))

# %% [markdown]
# Older code says `jax.random.PRNGKey(0)`. That is the legacy form: a plain `uint32[2]` array, to which one can add 1 by
# mistake. `jax.random.key(0)` gives an array with a *dtype* for keys, and arithmetic on it is an error ([typed
# keys](https://docs.jax.dev/en/latest/jep/9263-typed-keys.html)). Write `key`; know `PRNGKey` when you read it.

# %%
print("new:", jax.random.key(0).dtype, jax.random.key(0).shape)
print("old:", jax.random.PRNGKey(0).dtype, jax.random.PRNGKey(0).shape)
try:
    jax.random.key(0) + 1
except TypeError as error:
    print("key + 1:", str(error).splitlines()[0][:60])

# %% [markdown]
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
# A model has many arrays. JAX takes any nested tuples, lists, dicts and NamedTuples with arrays in them, and calls this
# a *pytree* ([documentation](https://docs.jax.dev/en/latest/101/pytrees.html)). The arrays are its *leaves*. Every
# transformation takes and returns pytrees; we have used a tuple (w, b) already. `jax.tree` has the tools.


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
# `jax.tree.map(f, a, b)` goes through two trees of the same structure together. That is all an optimiser needs. This
# gradient descent fits any model whose parameters are a pytree:


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
# `None` has no leaves. It is part of the structure, not a value. That makes it useful for what is missing, such as the
# bias of a layer without one. `jax.tree.map`, `grad` and optimisers pass over it.
#
# <details><summary><b>Guess first:</b> how many leaves has <code>{"w": array, "b": None}</code>, and may
# <code>tree.map</code> combine it with <code>{"w": array, "b": array}</code>?</summary>
#
# One leaf. And no: the structures differ, so it is an error, unless `is_leaf` says that `None` counts as a leaf. Then
# the function is called with it.
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

counted = count_traces(sum_of_squares)
fast_sum = jax.jit(counted)
for layer in (without_bias, with_bias, without_bias):
    fast_sum(layer)
print("traces for None, an array, None:", counted.count)

# %% [markdown]
# The structure is part of `jit`'s signature, so an argument that is sometimes `None` is compiled twice, and inside the
# function `if b is None` is legal: it asks about the structure, not about a value.
#
# ### A class of your own
#
# An object of your own class is a *leaf* to JAX, and not a valid one, until the class is registered. For a dataclass
# that is one decorator. A field may be declared static: then it belongs to the structure, like a static argument.


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
# parameters and returns parameters. No object holds a state.


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
# `losses.append(loss)` kept arrays, not Python numbers, so no step had to wait for its result. `float(loss)` in the
# loop would have waited sixty times.
#
# ### A small network
#
# Two classes of points lie on two spirals, so no line separates them. We write a network with two hidden layers for
# **one** point, and leave the batch to `vmap`. The weights start with a variance of 1 / inputs ([LeCun et al.,
# Efficient BackProp, 1998](https://doi.org/10.1007/3-540-49430-8_2)).


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
# Gradient descent with momentum has a *state* with two trees in it: weights and velocity. The step takes a state and
# returns a state, so the same function serves a Python loop and `lax.scan`.


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
# We give eight of the 400 points the wrong label, and train on these labels.

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
# What has it learnt? We compute its answer for every pixel of the plane, with `vmap` again. And for each point we
# compute the norm of its own gradient, over all leaves of the tree: how much this point alone would still change the
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
# (Norms of per-example gradients are also used to select training data: [Paul, Ganguli and Dziugaite, Deep Learning on
# a Data Diet, 2021](https://arxiv.org/abs/2107.07075).)
#
# That was one network, on one draw of the data. Does it hold for others, and does it last? A network that is trained
# long enough can learn wrong labels by heart ([Zhang et al., Understanding deep learning requires rethinking
# generalization, 2017](https://arxiv.org/abs/1611.03530)).
#
# ### Eight experiments as one program
#
# An experiment is a function of a key: data, first weights and batches all follow from it. So `vmap` over eight keys
# runs eight experiments as one compiled program. Each trains 16 times longer than above, in 16 rounds, and measures
# after each round.
#
# <details><summary><b>Guess first:</b> after 24,000 steps, are the wrong labels still among the eight largest
# gradients?</summary>
#
# Fewer and fewer. A point that has been learnt by heart has a small loss, and so a small gradient, like any other.
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
# We draw each experiment, the mean of the eight, and the interval that covers the true mean with 95 % confidence
# (Student's t with 7 degrees of freedom).


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
        f"{title:33}after {steps[0]:,} steps: {mean[0]:.1f} ± {half[0]:.1f} %   after {steps[-1]:,}: "
        f"{mean[-1]:.1f} ± {half[-1]:.1f} %   change: {change:+.1f} ± {half_change:.1f}"
    )
plt.show()

# %% [markdown]
# From the first measurement to the last the networks come to agree with more of the labels they were given and with
# fewer of the true ones, and the share of wrong labels among the largest gradients falls. None of the three intervals
# of the change contains zero. At 1,500 steps the share differs between experiments (grey lines): eight out of eight, as
# above, happens often, not always. So look for wrong labels early in training, and expect to miss some. This is shown
# for these spirals and this network only. (An interval of this kind is symmetrical, so near 100 % it may reach beyond.)
#
# ### A loop in Python, or `scan`?
#
# The same 1,500 steps in three ways. The results agree; the time does not.


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
# `jit` saves most. What `scan` saves after that is the dispatch of 1,500 calls, and this step is so small that dispatch
# is most of it. Dispatch costs about the same for a large model, whose step takes far longer. There a plain loop of
# jitted steps loses little, and it is easier to look into: the next units use it. `scan` is for many small steps.
#
# ### Quick questions
#
# <details><summary>1. Why does <code>train_step</code> get a key as an argument, when it could split one that is kept
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
# **See values under `jit`.** `print` shows tracers, once. `jax.debug.print` becomes part of the jaxpr and shows
# numbers, at every call. It takes a format string, not an f-string. (These tools and more: [JAX's guide to
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
# **Find a NaN.** `jax.debug_nans(True)` (or `jax_debug_nans`, for the whole program) checks every result. A function
# that made a NaN is run again, operation by operation, to name the one that did.

# %%
with jax.debug_nans(True):
    try:
        jnp.log(jnp.array(-1.0))
    except FloatingPointError as error:
        print("FloatingPointError:", str(error).split("\n")[0])

# %% [markdown]
# **Turn `jit` off.** Under `jax.disable_jit()` everything runs line by line with real numbers: `print`, `pdb` and `if`
# work. It is slow, and it tells you whether a bug has to do with tracing.

# %%
with jax.disable_jit():
    print("bounded(3.0):", jax.jit(bounded)(3.0))

# %% [markdown]
# **Find a leak.** `jax.checking_leaks()` raises at the function that leaks, not at the place where the leaked tracer is
# used.

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
# **Read the error.** The names are long and precise, and [JAX's list of
# errors](https://docs.jax.dev/en/latest/101/errors.html) explains each:
#
# | error | you did | do |
# | --- | --- | --- |
# | `TracerBoolConversionError` | `if`, `while`, `and` on a traced value | `jnp.where`, `lax.cond`, `&` |
# | `TracerArrayConversionError` | `np.` on a traced value | `jnp.` |
# | `ConcretizationTypeError` | `float(x)`, `int(x)`, `x.item()` | stay in arrays, or a static argument |
# | `TracerIntegerConversionError` | a traced value as Python index or `range` | `jnp` indexing, `lax.fori_loop` |
# | `NonConcreteBooleanIndexError` | `x[x > 0]`: a shape that depends on values | `jnp.where(x > 0, x, 0)` |
# | `UnexpectedTracerError` | a tracer hidden in a global, a list, `self` | return it |
# | `KeyReuseError` | one key, two draws | `jax.random.split` |
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
# JAX has changed since 2018. This is what you will meet in articles and repositories, and what it is called now
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
# Leave the `if` outside the jitted function, where `loss` is a number; or use `jnp.where` or `lax.cond` inside.
#
# </details>

# %% [markdown]
# ## 10 · 16 bits, and how a product is computed
#
# Arrays of 16 bits take half the memory of `float32`, and accelerators have units that multiply them faster
# ([Micikevicius et al., Mixed Precision Training, 2018](https://arxiv.org/abs/1710.03740)). There are two formats.
# `float16` has more digits, `bfloat16` has the range of `float32`.

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
# 2019](https://arxiv.org/abs/1905.12322)). What it lacks is digits.
#
# <details><summary><b>Guess first:</b> you add 1 a thousand times to a <code>bfloat16</code> zero. What is the
# sum?</summary>
#
# 256. `bfloat16` has 8 binary digits: 256 + 1 is rounded to 256, and there the sum stays.
#
# </details>

# %%
for dtype in (jnp.float32, jnp.bfloat16):
    total = lax.fori_loop(0, 1000, lambda i, total: total + 1, jnp.zeros((), dtype))
    weight = lax.fori_loop(0, 100, lambda i, w: w - jnp.asarray(0.001, w.dtype), jnp.ones((), dtype))
    print(f"{dtype.__name__:10}1 added 1,000 times: {total:6.0f}    1 - 0.001, 100 times: {weight:.2f}")
ones = jnp.ones(1000, jnp.bfloat16)
first_operation = jax.make_jaxpr(jnp.sum)(ones).eqns[0]
print("jnp.sum of 1,000 ones in bfloat16:", jnp.sum(ones), "  its first operation:", first_operation.primitive.name)
print("from", first_operation.invars[0].aval.dtype, "to", first_operation.outvars[0].aval.dtype)

# %% [markdown]
# A weight of 1 that is updated by 0.001 never moves. `jnp.sum` is right, because it adds up in `float32` and rounds
# once at the end. The rule for training follows: **store weights and add up in 32 bits; multiply in 16.** Unit 04 does
# it.
#
# ### The precision of a product
#
# The dtype of the arrays is one thing; how a matrix product multiplies and adds is another. By default JAX lets the
# device be fast: in a product of `float32` arrays a TPU rounds the inputs to `bfloat16`, and a recent NVIDIA GPU to
# TF32 ([matmul precision](https://docs.jax.dev/en/latest/201/precision.html)). A CPU computes in `float32` throughout.
# `precision="highest"` asks for full `float32` everywhere; `jax.default_matmul_precision` sets it for a whole program.
# TF32 keeps 10 of the 23 bits behind the point
# ([description](https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_tensor_float_32_execution)),
# so `lax.reduce_precision` can show on any device what the rounding costs. We compare with `float64`.

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
# Each binary digit less in the inputs doubles the error; `float32` has 24, TF32 11 and `bfloat16` 8. On a CPU the first
# two lines agree. If the first looks like the third on your GPU, that is the default at work. Whether a network minds
# is a matter of experiments (unit 04). For a comparison of two implementations, or for a linear system, ask for
# `"highest"`.
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
# your code. We export the trained classifier of the spirals. `functools.partial` fixes the weights, which become
# constants of the program. `batch` is a *symbolic* dimension: one program for batches of any size, compiled for each
# size when it is called.

# %%
classify = jax.jit(functools.partial(logits_of, state.layers))
points_like = jax.ShapeDtypeStruct(export.symbolic_shape("batch, 2"), jnp.float32)
exported = export.export(classify, platforms=["cpu", "cuda", "tpu"])(points_like)
data = exported.serialize()
print(f"takes {exported.in_avals[0]}, gives {exported.out_avals[0]}, runs on {len(exported.platforms)} kinds of device")
print(f"size: {len(data) / 1000:.1f} kB")

restored = export.deserialize(data)  # from here on nothing of our code is needed
points, _ = spirals(jax.random.key(9), 400)
for batch in (1, 7, 400):
    agree = jnp.allclose(restored.call(points[:batch]), classify(points[:batch]), atol=1e-4)
    print(f"batch of {batch:3}: same logits {bool(agree)}")

# %% [markdown]
# What does not go in? A program that calls back into Python cannot be exported, and derivatives only if you ask for
# them (`serialize(vjp_order=1)`).

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
# JAX promises to read such a file for six months after the version that wrote it ([export: compatibility
# guarantees](https://docs.jax.dev/en/latest/501/export.html)). So it is for handing a model on, not for an archive:
# keep the weights and the code as well. And load only files that you trust.
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
# The batch size is not known while tracing. The condition has no definite answer.
#
# </details>

# %% [markdown]
# ## What to remember
#
# 1. **Arrays are immutable, functions are pure.** State goes in as an argument and comes out as a result.
# 2. **`jit` traces once per signature**: shapes, dtypes, weak or not, static values, structure. Keep it the same; when
#    in doubt count traces, or ask `explain_cache_misses`.
# 3. **While tracing there are no values.** Use `where`, `cond` and `scan` in place of `if` and long `for` loops.
# 4. **Timing without waiting measures the queue.** Warm up, `block_until_ready`, median.
# 5. **`grad` is reverse mode: one row of the Jacobian in a pass, for few outputs.** Forward mode gives one column, for
#    few inputs. H v is a `jvp` of `grad`. `custom_vjp` is for rules that JAX cannot derive.
# 6. **Write for one example, then `vmap`.** `vmap(grad)` is a gradient for each example; `vmap` over keys is a set of
#    experiments. Under `vmap` a `cond` computes both branches.
# 7. **A key is used once.** Draw from it, or split it, or fold into it.
# 8. **Pytrees carry models**, and `jax.tree.map` updates them. `None` is structure, not a leaf.
# 9. **Multiply in 16 bits, add up and store weights in 32.**
#
# Now do `exercises/01_jnp_and_jit.ipynb`. Each exercise says at once whether your answer is right and, if not, what is
# probably wrong. Unit 02 uses the same tools on handwritten digits, with Flax for the layers and optax for the
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
# - JAX's random numbers: the [design](https://docs.jax.dev/en/latest/jep/263-prng.html); Salmon, Moraes, Dror and Shaw,
#   [Parallel random numbers: as easy as 1, 2, 3](https://doi.org/10.1145/2063384.2063405), SC 2011.
# - Automatic differentiation: Baydin, Pearlmutter, Radul and Siskind, [Automatic differentiation in machine learning: a
#   survey](https://arxiv.org/abs/1502.05767), 2018. Hessian times vector: Pearlmutter, [Fast exact multiplication by
#   the Hessian](https://doi.org/10.1162/neco.1994.6.1.147), 1994.
# - A gradient for each example: Abadi et al., [Deep Learning with Differential
#   Privacy](https://arxiv.org/abs/1607.00133), 2016; McCandlish et al., [An Empirical Model of Large-Batch
#   Training](https://arxiv.org/abs/1812.06162), 2018; Paul, Ganguli and Dziugaite, [Deep Learning on a Data
#   Diet](https://arxiv.org/abs/2107.07075), 2021.
# - Labels learnt by heart: Zhang, Bengio, Hardt, Recht and Vinyals, [Understanding deep learning requires rethinking
#   generalization](https://arxiv.org/abs/1611.03530), 2017; Arpit et al., [A Closer Look at Memorization in Deep
#   Networks](https://arxiv.org/abs/1706.05394), 2017.
# - 16 bits: Micikevicius et al., [Mixed Precision Training](https://arxiv.org/abs/1710.03740), 2018; Kalamkar et al.,
#   [A Study of BFLOAT16 for Deep Learning Training](https://arxiv.org/abs/1905.12322), 2019.
# - In the examples: Hendrycks and Gimpel, [Gaussian Error Linear Units](https://arxiv.org/abs/1606.08415), 2016; LeCun,
#   Bottou, Orr and Müller, [Efficient BackProp](https://doi.org/10.1007/3-540-49430-8_2), 1998; Lorenz, Deterministic
#   nonperiodic flow, Journal of the Atmospheric Sciences 20, 1963.
# - From one device to many: [How to Scale Your Model](https://jax-ml.github.io/scaling-book/), the JAX team's book.
