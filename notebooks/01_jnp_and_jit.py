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
# *NumPy that compiles itself, differentiates itself and batches itself.*
#
# You know Python and NumPy. At the end of this lesson you can
#
# - write NumPy code that runs on any device, and say where JAX differs and why;
# - compile it with `jit`, and know **when** it is compiled again;
# - time it honestly;
# - differentiate it, forwards and backwards, and choose the cheaper one;
# - write a function for one example and run it on a thousand;
# - make random numbers that are the same every time;
# - train a linear model and a small network with nothing but these tools.
#
# | | section | minutes |
# | --- | --- | --- |
# | 1 | NumPy, and what is different | 10 |
# | 2 | `jit`: trace once, run often | 25 |
# | 3 | How to time | 8 |
# | 4 | `grad`, forwards and backwards | 15 |
# | 5 | `vmap`: write for one, run for many | 8 |
# | 6 | Random keys | 7 |
# | 7 | Pytrees | 4 |
# | 8 | Two models trained by hand | 10 |
# | 9 | When it goes wrong | 5 |
#
# There is no data set and no GPU is needed. Where it says **Guess**, guess before you run the cell: a wrong guess
# is what you will remember. Then do the exercises in `exercises/01_jnp_and_jit.ipynb`.

# %%
import dataclasses
import functools
import time
import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jax import lax

from utils import plots

# %% [markdown]
# ## 1 · NumPy, and what is different
#
# `jax.numpy`, by custom `jnp`, has NumPy's functions under NumPy's names. To see that nothing else changes, here is one
# function that is handed the library it should use.


# %%
def rms(x, xp):
    """Root mean square of `x`, computed with the library `xp` (np or jnp)."""
    return xp.sqrt(xp.mean(xp.square(x)))


print("NumPy:", rms(np.arange(5.0), np))
print("JAX:  ", rms(jnp.arange(5.0), jnp))

# %% [markdown]
# ### JAX thinks in 32 bits
#
# Accelerators are built for 32 bits and fewer, so JAX makes `float32` and `int32` where NumPy makes `float64` and
# `int64`.

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
# The last line is worth a look: JAX never widens to 64 bits by itself, not even for `int32 * float32`.
#
# What does it cost? A `float32` has 24 bits for the digits, so above 2²⁴ it cannot count.
#
# **Guess:** what does this print?

# %%
big = jnp.float32(2**24)
print("2^24 + 1 == 2^24:", bool(big + 1 == big))

# %% [markdown]
# If you ask for 64 bits you get a warning, and 32 bits. Those who need 64 (a physical simulation, a finite difference)
# must turn a switch: for a whole program `jax.config.update("jax_enable_x64", True)` in its first lines, for a few
# lines the context below.

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print("asked for float64, got", jnp.zeros(3, dtype="float64").dtype, "and", len(caught), "warning")

with jax.enable_x64(True):
    print("with the switch on:   ", jnp.zeros(3).dtype)

# %% [markdown]
# ### Arrays do not change
#
# In NumPy an assignment changes the array, for everyone who holds it. A JAX array is a value, like a Python number or
# string: nobody can change it. Assigning is an error, and the error names the cure.

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
# `.at` does one thing better than NumPy. Let us count how often each number occurs in `draws`: 2 occurs three times.
#
# **Guess:** do both lines find that?

# %%
draws = np.array([2, 0, 2, 3, 2])

counts = np.zeros(4, dtype=np.int32)
counts[draws] += 1
print("NumPy counts[draws] += 1:      ", counts)
print("JAX   counts.at[draws].add(1): ", jnp.zeros(4, jnp.int32).at[draws].add(1))

# %% [markdown]
# NumPy reads, adds 1 and writes, so repeated indices win only once (`np.add.at` is its cure). JAX accumulates.
#
# Is a new array for each update not terribly slow? If each update is a call of its own, yes: each call copies the
# array. But *inside* a compiled function the compiler sees that nobody needs the old array, and updates in place. Here
# are 200 updates of an array of 300,000 numbers, in three ways. (`jit` and `fori_loop` come in section 2, and why we
# wait with `block_until_ready` in section 3.)


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
ways = {
    "200 calls, not compiled": functools.partial(one_call_each, write_at, zeros, 200),
    "200 calls, compiled": functools.partial(one_call_each, jax.jit(write_at), zeros, 200),
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
# The calls copy 1.2 MB two hundred times; the loop inside one call does not. (Try `jnp.zeros(10)`: with nothing to copy
# the second bar all but vanishes, and what is left of the first is Python.) So a loop of updates belongs *inside* a
# compiled function.
#
# ### Outside the array there is no error
#
# A GPU cannot stop in the middle of a thousand threads to raise `IndexError`. So an index that is too large reads
# the *last* element, and a write there is dropped. There is no message, so such a mistake can stay unseen for a long
# time. (Negative indices count from the end, as in NumPy.)

# %%
x = jnp.arange(5.0)
print("read  x[-1]:                          ", x[-1])
print("read  x[100]:                         ", x[100])
print("write x.at[100].set(7) changed it:    ", bool(jnp.any(x.at[100].set(7) != x)))
print('read  x.at[100].get(mode="fill"):     ', x.at[100].get(mode="fill"))
print("read  ... with fill_value=-1:         ", x.at[100].get(mode="fill", fill_value=-1))

# %% [markdown]
# `mode="fill"` gives NaN, which at least travels to where you see it. (Integers have no NaN: name a `fill_value`.)
#
# ### An array lives on a device
#
# `jax.devices()` lists what there is; new arrays go to the first. With a GPU or TPU the same code runs there,
# unchanged.

# %%
print("devices: ", jax.devices())
print("x is on: ", x.device)

host = np.asarray(x)  # to NumPy: waits for the result and copies it to the host's memory if it is not there
back = jax.device_put(host)  # to JAX: to the first device, or to the one that you name
print("NumPy array:", isinstance(host, np.ndarray), "  JAX array:", isinstance(back, jax.Array))

# %% [markdown]
# A NumPy *function* called on a JAX array silently makes the same journey: it works, on the host, and hands a NumPy
# array back. Outside a compiled function that is legal, though slow where the array must come from a GPU; inside one it
# is an error, as section 9 shows.

# %%
print("np.sin(x) is a JAX array: ", isinstance(np.sin(x), jax.Array))
print("jnp.sin(x) is a JAX array:", isinstance(jnp.sin(x), jax.Array))

# %% [markdown]
# ### Why all this
#
# Because arrays are values, a function of arrays can be a function in the mathematician's sense: **the same input gives
# the same output, and nothing else happens.** Such a function is called *pure*. A pure function can be taken to pieces
# and put together again by a program, and that is what JAX is: a set of *transformations*. Each takes a function and
# returns a function.
#
# | | takes `f` and returns a function that |
# | --- | --- |
# | `jax.jit(f)` | does the same, compiled |
# | `jax.grad(f)` | computes the derivative |
# | `jax.vmap(f)` | does it for a whole batch |
#
# And since each returns an ordinary function, they stack.

# %%
slope_at = jax.jit(jax.vmap(jax.grad(jnp.tanh)))
print(slope_at(jnp.array([-2.0, 0.0, 2.0])))

# %% [markdown]
# The rest of this lesson is about these three, and about what they ask of you in return.

# %% [markdown]
# ## 2 · `jit`: trace once, run often
#
# Plain `jnp` sends one operation after the other to the device. `jax.jit` hands the whole function to the compiler XLA,
# which fuses the operations into a few loops over memory. To get the *whole* function, JAX must first find out what it
# does. It runs your Python code **once**, with stand-ins for the arguments, and writes down what happens to them.
#
# ![The first call with a new signature is traced and compiled; the next run the program](../ressources/u01_jit.svg)
#
# **Guess:** how often does this cell print "Python runs"?


# %%
@jax.jit
def noisy(x):
    print("Python runs; x is", x)
    return jnp.sum(jnp.sin(x) * 2)


first = noisy(jnp.arange(3.0))
second = noisy(jnp.ones(3))
print("results:", first, second)

# %% [markdown]
# Two calls, and Python ran once. During the first call `x` was a *tracer*: it has a shape and a dtype and no value. On
# the second call Python did not run at all: the compiled program did.
#
# What was written down is a *jaxpr*, a small typed language. `jax.make_jaxpr` shows it. Read it as a recipe: what comes
# in, one line for each operation, what goes out. For each such operation JAX knows how to compile it, how to
# differentiate it and how to batch it.

# %%
print(jax.make_jaxpr(lambda x: jnp.sum(jnp.sin(x) * 2))(jnp.arange(3.0)))

# %% [markdown]
# ### A counter for traces
#
# A trace runs the Python body, and a compiled call does not. So we can count traces with one line that has a side
# effect. We shall use this all the time.


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
# **Guess:** which of these eight calls trace?

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
# A program is kept for each *signature*: the **shapes** and **dtypes** of the arrays (and the structure around them,
# where there are several: section 7). Values do not matter, not even those of Python numbers: 1.0 and 2.0 share a
# program. Types do: 2.0 and 2 do not.
#
# ### Every new shape is compiled again
#
# 488 examples in batches of 64 are seven batches and a last one of 40. We go through them twice. Before that somebody
# calls the function with a single example, "to warm it up". We time each call.


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
# Three shapes, three compilations, and each is far longer than a run (the axis is logarithmic: one line up is ten times
# as long). The warm-up with a batch of one was no warm-up: its program was never used again. A warm-up must have the
# real shapes. Better still, name the shapes and compile *ahead of time*: `lower` traces, `compile` compiles, and
# nothing runs. Such a program takes no other shape.

# %%
program = jax.jit(score).lower(w, jnp.ones((64, 32))).compile()
try:
    program(w, jnp.ones((1, 32)))
except TypeError as error:
    print("one example:", str(error).split(" from ")[0])
print("a batch of 64 runs:", program(w, jnp.ones((64, 32))).shape == ())

# %% [markdown]
# (You do not escape by leaving `jit` out: each single `jnp` operation is a small compiled program, kept by the same
# rule.)
#
# And the odd last batch? Pad it to the usual size, and hand over a mask that says which rows are real. One shape, one
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
# A tracer has no value, so Python cannot loop up to it, nor take it as a shape.


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
# evaluation), say that it is static. Then it stays a Python value and becomes a part of the signature: a new value, a
# new program.

# %%
counted = count_traces(power)
fast_power = jax.jit(counted, static_argnames="n")
for n in (3, 3, 2, 3, 2):
    print(f"n={n}: {fast_power(2.0, n=n):.0f}   traces so far: {counted.count}")

# %% [markdown]
# So never make static what changes at every call. Here a step number is handed over in two ways.


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
# A static value is looked up in a dictionary, so it must be hashable: a tuple, not a list; a frozen dataclass, not a
# dict; never an array.

# %%
try:
    fast_power(2.0, n=[3])
except ValueError as error:
    print(str(error).split(".")[0] + ".")

# %% [markdown]
# ### The weak-typed scalar
#
# A Python number has no size in bits, so JAX gives it a *weak* type, which yields to the array it meets. That keeps
# code in half precision half (`bfloat16` is a float in 16 bits, much used on accelerators). A NumPy scalar has a size,
# and does not yield.

# %%
half = jnp.ones(3, jnp.bfloat16)
print("bfloat16 * 0.5:            ", (half * 0.5).dtype)
print("bfloat16 * np.float32(0.5):", (half * np.float32(0.5)).dtype)
print("types: 0.5 is", jax.typeof(0.5), "(~ for weak), np.float32(0.5) is", jax.typeof(np.float32(0.5)))

# %% [markdown]
# Weak or not is part of the signature. The trap: a running total that starts as a Python number and comes back as an
# array. (`jnp.zeros(())` is an array with no axes: one number.)
#
# **Guess:** how many traces in each loop?


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
# With a large model that second trace is a second minute of waiting, and nothing tells you. (To be told, set
# `jax.config.update("jax_log_compiles", True)`.)
#
# ### Side effects happen at trace time, or never
#
# The recipe holds array operations only. A `print`, an append to a list, a look at a global variable: Python does that
# while tracing, and not again. **Guess** the last line.

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
# The program was compiled with the old scale in it, as a constant. No error: this is the worst kind of bug. The cure is
# always the same: **what can change goes in through the arguments and comes out through the return value.**
#
# The other direction fails loudly, as soon as somebody uses the value. If a traced function hides something in a
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
# Python must know which way to go. A tracer cannot tell it.


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
# An `if` on a *shape*, a dtype or a static argument is fine: those are known while tracing. For one on values there are
# two ways: `jnp.where` computes both sides and picks for each element, `lax.cond` runs one branch on the device.

# %%
print("where:", jax.jit(lambda x: jnp.where(x > 1, 1.0, x))(jnp.array([0.5, 3.0])))
print("cond: ", jax.jit(lambda x: lax.cond(x > 1, lambda x: 1.0, lambda x: x, x))(3.0))

# %% [markdown]
# Take `where` for arithmetic and `cond` for an expensive branch that is often skipped. (Under `vmap` a `cond` becomes a
# `where` and both branches run: one batch cannot take two ways.)
#
# ### Loops
#
# A Python `for` is legal: it runs while tracing, so the recipe holds its body once *per round*. `lax` has loops
# that hold it once.


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
# Three rounds may stay a Python loop, and the compiler can then fuse across them. Three hundred should not. Which `lax`
# loop?
#
# | | rounds | gives | reverse-mode `grad` |
# | --- | --- | --- | --- |
# | `lax.fori_loop(lo, hi, body, x)` | counted | the last state | if `lo`, `hi` are Python numbers |
# | `lax.scan(body, x, xs)` | one for each of `xs` | the last state **and** all outputs | yes |
# | `lax.while_loop(cond, body, x)` | until `cond` is false | the last state | no |
#
# `scan` is the one to learn: it is a training loop, a recurrent network and a simulation. Its body takes (state, input)
# and returns (new state, output). Here it integrates the Lorenz equations in 4,000 small steps, and keeps every point.
# (`@jax.jit(…)` with options is new; older code writes `@functools.partial(jax.jit, …)` for it.)


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
# What is carried must keep its shape and dtype from round to round: the loop's body is compiled once. A total that
# begins as an integer and becomes a float is the usual slip, and JAX says so.

# %%
try:
    lax.scan(lambda total, x: (total + x, None), jnp.int32(0), jnp.array([0.5, 1.5]))
except TypeError as error:
    print(str(error).splitlines()[0][:90])
print("from jnp.float32(0):", lax.scan(lambda total, x: (total + x, None), jnp.float32(0), jnp.array([0.5, 1.5]))[0])

# %% [markdown]
# `while_loop` stops when the data say so. Heron's rule for a square root, until it no longer moves:


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
# ## 3 · How to time
#
# JAX answers before it has computed. A call puts the work into the device's queue and returns an array that is
# a *promise* of the result: *asynchronous dispatch*. Python can then prepare the next batch while the device
# works. Python waits only when you look at the numbers: print them, turn them into NumPy, ask for
# `float(loss)`.
#
# So a clock stopped after the call has timed the queue. `block_until_ready` waits.

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
# When you read that JAX is many times faster, ask whether it is the middle bar. A fair timing
#
# 1. runs once first, with the real shapes, so that compiling is not in it (or report it on its own);
# 2. waits for the result, of everything that was computed;
# 3. repeats and takes the median: one run can meet a busy machine.


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
# It depends on the size, so we draw it. The function is the GELU activation: nine operations for each element. NumPy
# gets the same `float32` numbers.
#
# **Guess:** where does NumPy win?


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

figure, axes = plt.subplots(figsize=(6, 3.5))
for label, values in microseconds.items():
    axes.plot(sizes, values, "o-", label=label)
axes.set(xscale="log", yscale="log", xlabel="elements", ylabel="microseconds", title="GELU")
axes.legend()
plt.show()

# %% [markdown]
# - **Small arrays: NumPy.** Each `jnp` operation costs microseconds of dispatch, however small the array; a loop over
#   small arrays is the worst way to use JAX. NumPy's lead may reach farther than you guessed: on the two cores where
#   this page was made, to somewhere between ten and a hundred thousand elements. (A GPU has even more to set up for
#   each call.)
# - **Large arrays: `jit`.** NumPy and un-jitted `jnp` write every intermediate result to memory and read it again. The
#   compiled program passes over the data once, and on all cores.
# - **Un-jitted `jnp`: at no size the fastest.** `jit` merges nine dispatches into one. So jit the *outermost* function
#   you can: the whole training step, not its parts.

# %% [markdown]
# ## 4 · `grad`, forwards and backwards
#
# `jax.grad(f)` is a *function*, the derivative of `f`. Not a number, not a tape to be started and stopped. It
# differentiates the recipe, line by line, with the chain rule, and is as exact as the arithmetic. Being a function, it
# can be differentiated again.


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
# Is it right? Compare with the finite difference (f(x+h) − f(x−h)) / 2h, for many h. Too large an h is a bad
# approximation; too small an h subtracts two numbers that agree in nearly all their digits.

# %%
steps = jnp.logspace(-6, 0, 60)
point = 0.7
slopes = jax.jit(jax.vmap(lambda h: (wave(point + h) - wave(point - h)) / (2 * h)))(steps)
with jax.enable_x64(True):
    exact = float(jax.grad(wave)(np.float64(point)))

figure, axes = plt.subplots(figsize=(6, 3))
axes.loglog(steps, np.abs(slopes - exact) + 1e-9, label="finite difference, float32")
axes.axhline(abs(float(jax.grad(wave)(point)) - exact) + 1e-9, color="C1", label="jax.grad, float32")
axes.set(xlabel="h", ylabel="error", title="No h is as good as the chain rule")
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
# `lax.stop_gradient` lets a value through and calls its derivative zero. It is for what a loss needs but training
# should not move: a target computed by another network, a baseline.

# %%
print("d/dx x·x:                ", jax.grad(lambda x: x * x)(3.0))
print("d/dx x·stop_gradient(x): ", jax.grad(lambda x: x * lax.stop_gradient(x))(3.0))

# %% [markdown]
# ### The NaN behind a `where`
#
# A classic. The function below is right everywhere. **Guess** its gradient at −1.


# %%
def naive_sqrt(x):
    """√x for x > 0, else 0."""
    return jnp.where(x > 0, jnp.sqrt(x), 0.0)


print("f(-1)  =", naive_sqrt(-1.0))
print("f'(-1) =", jax.grad(naive_sqrt)(-1.0))

# %% [markdown]
# `where` computed *both* sides, and differentiates both. The side not taken gets the gradient 0, times the
# derivative of √x at −1, which is NaN; and 0 · NaN = NaN. The cure is to keep the bad number away from the
# function: a `where` **inside**, too.


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
# On the left the gradient's line stops at zero: there is nothing to draw.
#
# ### Two directions
#
# A function from n numbers to m has an m × n matrix of derivatives, the Jacobian J. JAX never builds it unless you ask.
# It multiplies with it, from one side or the other.
#
# - **Forward mode**, `jax.jvp`: push a *direction* through along with the values. One pass gives `J @ v`,
#   one *column*'s worth.
# - **Reverse mode**, `jax.vjp`: run forward, keep the intermediate values, then pull *weights on the outputs* back. One
#   pass gives `u @ J`, one *row*'s worth.
#
# A loss has one output and a million inputs: one row. That is why training uses reverse mode, and `grad` is `vjp` with
# u = 1.


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
# If you need many directions at the same point, `jax.linearize` traces once and hands back the linear map v ↦ J v.

# %%
value, push = jax.linearize(to_polar, point)
print("J @ [1, 1]:", [f"{entry:.2f}" for entry in push(jnp.ones(2))])

# %% [markdown]
# To build the whole J, `jacfwd` needs a pass for each *input* and `jacrev` one for each *output*. So forward should win
# when J is tall, reverse when it is wide. We measure.


# %%
def two_layers(w_in, w_out, x):
    """[n] -> [m] by way of w_in [h, n] and w_out [m, h]."""
    return w_out @ jnp.tanh(w_in @ x)


shapes = [(1, 512), (16, 512), (128, 128), (512, 16), (512, 1)]
passes = {"jacfwd (forward)": [], "jacrev (reverse)": []}
for m, n in shapes:
    f = functools.partial(two_layers, jnp.ones((256, n)) / n, jnp.ones((m, 256)) / 256)
    point = jnp.linspace(-1, 1, n)
    forward, reverse = jax.jit(jax.jacfwd(f)), jax.jit(jax.jacrev(f))
    assert jnp.allclose(forward(point), reverse(point), atol=1e-6)
    passes["jacfwd (forward)"].append(1e3 * timed(forward, point))
    passes["jacrev (reverse)"].append(1e3 * timed(reverse, point))

figure, axes = plt.subplots(figsize=(7, 3))
places = np.arange(len(shapes))
for offset, (label, values) in zip((-0.2, 0.2), passes.items(), strict=True):
    axes.bar(places + offset, values, width=0.4, label=label)
axes.set_xticks(places, [f"{m} × {n}" for m, n in shapes])
axes.set(yscale="log", xlabel="J: outputs × inputs", ylabel="milliseconds", title="Wide: reverse. Tall: forward.")
axes.legend()
plt.show()

# %% [markdown]
# One pass for one row or one column; where J is square, neither direction has a clear lead.
#
# The other price of reverse mode is memory: the intermediate values of the whole forward run are kept until the way
# back needs them. (`jax.checkpoint` trades some of that for computing twice: unit 04.) Forward mode keeps nothing.
#
# ### Second derivatives
#
# The gradient has as many outputs as inputs, a square Jacobian: `jacfwd(jacrev(f))`, forward over reverse, is the usual
# Hessian (`jax.hessian` is exactly that). For a model with a million parameters it would have 10¹² entries. Mostly one
# wants H v for some v: a derivative of the gradient in the direction v, so a `jvp`. That costs a few gradients at most,
# however many parameters there are.


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
# One more thing about loops: reverse mode has to run them backwards, so it must know how often they ran. `scan` knows.
# `while_loop` does not, and only forward mode goes through it.


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
# ## 5 · `vmap`: write for one, run for many
#
# Batch axes make code hard to read: `x[:, None, :]`, `axis=-1`, `einsum`. With `vmap` you write the function
# for **one** example, and JAX adds the batch axis to every operation of the recipe. It is no loop: a
# matrix-vector product becomes a matrix-matrix product.


# %%
def distance(a, b):
    """Euclidean distance of two points [D]: a scalar."""
    return jnp.sqrt(jnp.sum((a - b) ** 2))


points = jnp.arange(10.0).reshape(5, 2)
centres = jnp.array([[0.0, 0.0], [8.0, 9.0], [4.0, 4.0]])
print("a pair at a time:", jax.vmap(distance)(points[:3], centres).shape)
print("all to one:      ", jax.vmap(distance, in_axes=(0, None))(points, centres[0]).shape)

# %% [markdown]
# `in_axes` has an entry for each argument: which axis is the batch, `None` for "the same for all". `out_axes` says
# where the batch axis goes in the result. And since `vmap` gives back a function, `vmap` it again: all pairs.

# %%
to_all_centres = jax.vmap(distance, in_axes=(None, 0))  # one point, all centres
all_pairs = jax.vmap(to_all_centres, in_axes=(0, None))  # all points, all centres
print("all pairs:       ", all_pairs(points, centres).shape)
print("out_axes=1:      ", jax.vmap(to_all_centres, in_axes=(0, None), out_axes=1)(points, centres).shape)

# %% [markdown]
# What is it worth? The distances of 500 points from one, in four ways.

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
# `vmap` makes one call over whole arrays, as axes written by hand do: both leave the loops far behind, and nobody had
# to write the axes. (For so little work NumPy's lighter call may still win, as in section 3.) A loop over a jitted
# function is the worst of the four: five hundred dispatches.

# %% [markdown]
# `vmap` even takes a `while_loop` that stops at a different time for each example: the batch runs on until all are
# done. How many steps from n to 1, halving the even and tripling (plus one) the odd?


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
# ### A gradient for each example
#
# The loss of a batch is a mean, and its gradient is the mean of the examples' gradients. A training step sees that mean
# only. `vmap(grad(…))` gives each of them: to find odd examples, to clip (differential privacy), to measure noise. In
# the data below one number was typed with a wrong sign.


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
# First a check against the slow way: a loop, and the gradient of the mean loss.

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
print("the odd one out:", odd)
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.bar(range(60), norms, color=["C1" if i == odd else "C0" for i in range(60)])
axes.set(xlabel="example", ylabel="gradient's norm", title="One example pulls harder than all others")
plt.show()

# %% [markdown]
# ## 6 · Random keys
#
# NumPy's random numbers come from a hidden state: each call changes it. That is a side effect, so under `jit` it would
# be frozen, and on many devices at once "the next number" means nothing. JAX has no state. You hand over a **key**, and
# the same key gives the same numbers. Always.

# %%
key = jax.random.key(0)
print("same key, same numbers:", bool(jnp.all(jax.random.normal(key, (3,)) == jax.random.normal(key, (3,)))))

# %% [markdown]
# For new numbers you need a new key. `split` makes independent keys from one; `fold_in` makes one from a key and an
# integer (a step, a device, a layer), and may be called on one key with many integers. The rule is short: **a key is
# used once.** Either it is split or it is drawn from; then it is spent.

# %%
key, key_a, key_b = jax.random.split(jax.random.key(0), 3)
print("two keys, other numbers:", bool(jnp.all(jax.random.normal(key_a, (3,)) != jax.random.normal(key_b, (3,)))))
step_keys = [jax.random.fold_in(key, step) for step in range(3)]
print("keys of three steps:", len({jax.random.key_data(k).tobytes() for k in step_keys}))

# %% [markdown]
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
# The "noise" on the left is a copy of the data. No error, and a model trained on it may look fine. JAX can look for it:

# %%
with jax.debug_key_reuse(True):
    try:
        spent = jax.random.key(1)
        jax.random.normal(spent, (3,)), jax.random.uniform(spent, (3,))
    except jax.errors.KeyReuseError as error:
        print("KeyReuseError:", str(error).splitlines()[0])

# %% [markdown]
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
# Old code says `jax.random.PRNGKey(0)`. That is the legacy form: a bare `uint32[2]` array, which anyone can add 1 to by
# mistake. `jax.random.key(0)` gives an array with a *dtype* for keys; arithmetic on it is an error. Write `key`, and
# read `PRNGKey`.

# %%
print("new:", jax.random.key(0).dtype, jax.random.key(0).shape)
print("old:", jax.random.PRNGKey(0).dtype, jax.random.PRNGKey(0).shape)
try:
    jax.random.key(0) + 1
except TypeError as error:
    print("key + 1:", str(error).splitlines()[0][:60])

# %% [markdown]
# ## 7 · Pytrees
#
# A model has many arrays. JAX takes any nest of tuples, lists, dicts and NamedTuples with arrays at the ends, and calls
# it a *pytree*. Every transformation takes and returns them; we have used a tuple of (w, b) already. `jax.tree` has the
# tools.


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
# `jax.tree.map(f, a, b)` walks two trees of the same structure together. That is all an optimiser needs. This is
# gradient descent for *every* model there is:


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
# A class of your own is a *leaf* to JAX, until it is registered. For a dataclass that is one decorator, and a field may
# be called static: then it belongs to the structure, like a static argument.


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
# ## 8 · Two models trained by hand
#
# ### A line
#
# A model is a function of parameters and inputs, a loss is a function of parameters and data, an update takes
# parameters and returns parameters. No object holds anything.


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
axes[0].set(title="the line turns into place", xlabel="x", ylabel="y")
axes[0].legend(fontsize=7)
axes[1].semilogy(losses)
axes[1].set(title="loss", xlabel="step")
plt.show()

# %% [markdown]
# Note how `losses.append(loss)` kept the *promise* of a number, not a number: no step had to wait. `float(loss)` in the
# loop would have waited sixty times.
#
# ### A small network
#
# Two spirals: no line separates them. A network with two hidden layers, written as it would be on a blackboard,
# for **one** point. `vmap` does the rest.


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
    """Layers for `sizes` = (inputs, hidden …, outputs): weights scaled by 1/√inputs (LeCun), zero biases."""
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
# Gradient descent with momentum: a *state* with two trees in it. The step takes a state and returns a state, so the
# same function serves a Python loop and `lax.scan`.


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
# To make it more interesting, eight of the 400 points get the wrong label. Nobody tells the network.

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
# We look at what it learnt by asking it about every pixel of the plane, with `vmap` again. And we ask each point how
# hard it still pulls at the weights: the norms of the per-example gradients, over all leaves of the tree.


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
# The eight points that pull hardest are the eight with a wrong label. One line of `vmap(grad)` is a tool to clean data
# with. It works only while the network has not learnt them by heart. (Try 24,000 steps in place of 1,500: where this
# page was made the network then agrees with 99.8 % of the labels it was given and only with 98.2 % of the true ones,
# and correct points are among the eight that pull hardest.)
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
# `jit` is worth most. After that, the step is so small that most of the Python loop is dispatch. With a large model a
# step takes much longer than its dispatch, so `scan` saves little, and the plain loop of jitted steps is easier to look
# into: that is what the next units use. `scan` is for many small steps.

# %% [markdown]
# ## 9 · When it goes wrong
#
# **See values under `jit`.** `print` shows tracers, once. `jax.debug.print` goes into the recipe and shows numbers,
# every time. Mind the braces: it is a format string, not an f-string.


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
# **Find a NaN.** `jax.debug_nans(True)` (or `jax_debug_nans`, for the whole program) checks every result, and runs a
# function that made a NaN again, operation by operation, to name the one that did.

# %%
with jax.debug_nans(True):
    try:
        jnp.log(jnp.array(-1.0))
    except FloatingPointError as error:
        print("FloatingPointError:", str(error).split("\n")[0])

# %% [markdown]
# **Turn `jit` off.** Under `jax.disable_jit()` everything runs line by line with real numbers: `print`, `pdb` and `if`
# work. Slow, and a way to find out whether a bug is yours or the trace's.

# %%
with jax.disable_jit():
    print("bounded(3.0):", jax.jit(bounded)(3.0))

# %% [markdown]
# **Find a leak.** `jax.checking_leaks()` complains at the function that leaks, not at the far place where the leaked
# tracer is used.

# %%
x = jnp.ones(4)
with jax.checking_leaks():
    try:
        jax.jit(keeps)(x)
    except Exception as error:
        print(type(error).__name__ + ":", str(error).split(" Dynamic")[0])

# %% [markdown]
# **Read the error.** Their names are long and precise:
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
# JAX is older than its habits of today. What you will meet in articles and repositories, and what it is now:
#
# | old | now |
# | --- | --- |
# | `jax.random.PRNGKey(0)` | `jax.random.key(0)` |
# | `jax.ops.index_update(x, i, v)` | `x.at[i].set(v)` |
# | `jax.tree_map`, `jax.tree_multimap` | `jax.tree.map` |
# | `jax.experimental.enable_x64()` | `jax.enable_x64(True)` |
# | `jax.numpy.DeviceArray` | `jax.Array` |
# | `jax.experimental.optimizers`, `stax` | optax; Flax and others |
# | `jax.experimental.host_callback` | `jax.debug.print`, `jax.pure_callback` |
# | `jax.pmap` | `jax.jit` with sharded arrays, `jax.shard_map` |

# %%
for name in ("random.PRNGKey", "ops.index_update", "tree_map", "experimental.enable_x64", "numpy.DeviceArray", "pmap"):
    *modules, last = name.split(".")
    place = functools.reduce(getattr, modules, jax)
    print(f"jax.{name:25}{'still there' if hasattr(place, last) else 'gone'}")

# %% [markdown]
# ## What to remember
#
# 1. **Arrays are values, functions are pure.** State goes in as an argument and comes out as a result.
# 2. **`jit` traces once per signature**: shapes, dtypes, weak or not, static values, structure. Keep it the same; count
#    it when in doubt.
# 3. **Under a trace there are no values.** `where`, `cond`, `scan` in place of `if` and long `for`s.
# 4. **Timing without waiting measures the queue.** Warm up, `block_until_ready`, median.
# 5. **`grad` is reverse mode: one row of the Jacobian, few outputs.** Forward mode gives one column, for few inputs. H
#    v is `jvp` of `grad`.
# 6. **`vmap` what you wrote for one.** `vmap(grad)` is a gradient for each example.
# 7. **A key is used once.** Split it.
# 8. **Pytrees carry models**, `jax.tree.map` updates them.
#
# Now it is your turn: `exercises/01_jnp_and_jit.ipynb`. Each exercise says at once whether your answer is right and, if
# not, what is probably wrong. Unit 02 puts the same tools to work on handwritten digits, with Flax for the layers and
# optax for the optimiser.

# %% [markdown]
# ## Sources and further reading
#
# - JAX's own documentation: [Thinking in JAX](https://docs.jax.dev/en/latest/notebooks/thinking_in_jax.html), [The
#   Sharp Bits](https://docs.jax.dev/en/latest/notebooks/Common_Gotchas_in_JAX.html), [The Autodiff
#   Cookbook](https://docs.jax.dev/en/latest/notebooks/autodiff_cookbook.html).
