# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Make it fast
#
# The networks of this course are correct, but slow on a CPU: in the races of units 03 to 05 other frameworks train them
# faster. This unit takes one slow training step and asks where its time goes. Each part looks at one reason and tries
# one cure. Some cures help a lot, some not at all, and only a measurement tells which. At the end a table says what
# each was worth, on your machine and on ours.
#
# The second companion of unit 04 comes back here, "Jax&Flax ResNet18 Classification Experiment" (2022), the README of
# Yuji-github's
# [`Jax_Res18-Classification`](https://github.com/Yuji-github/Jax_Res18-Classification/blob/f1e224c67346/README.md). It
# reports 1,200 seconds for its first run and 130 for its second, and we ask why.
#
# Afterwards you can
#
# - time a step so that you can rely on the figure;
# - take a first run apart, and keep compiled programs for the next process;
# - read a profile, and trace an operation of the compiled program back to the layer it comes from;
# - give a function a gradient of your own with `jax.custom_vjp`, and prove it right;
# - choose the compiler's options for one function;
# - say how much memory a step needs, where page faults come from, and what `jax.checkpoint` and 16 bits save;
# - run an epoch as one program, and say when that is faster and when it is not;
# - tell whether the data, the processor or the memory is the limit.
#
# <!-- minutes -->
#
# | | section | minutes |
# | --- | --- | --- |
# | 1 | A slow step | 5 |
# | 2 | Measure honestly | 5 |
# | 3 | The first run, and the second | 5 |
# | 4 | Read a profile | 6 |
# | 5 | A pooling without a search | 2 |
# | 6 | Layers that should take equally long | 5 |
# | 7 | The gradient by the kernel | 7 |
# | 8 | A gradient of one's own | 4 |
# | 9 | Options for one function | 4 |
# | 10 | Memory | 10 |
# | 11 | Sixteen bits | 3 |
# | 12 | An epoch as one program | 10 |
# | 13 | When the input is the limit | 3 |
# | 14 | The roofline | 5 |
# | 15 | What it was worth | 3 |
# | 16 | For the record | 1 |
# |  | What to remember | 1 |
# |  | Sources and further reading | 1 |
# |  | **together** | 80 |
#
# The minutes are for reading and running, without the exercises. You can stop at the end of any section. Counted at 200
# words, 20 lines of code or 2 cells a minute.
#
# <!-- end minutes -->
#
# You need units 01 to 04, and no GPU. Figures in the text were measured in November 2026 on two cores of an AMD EPYC,
# with jax 0.12.0.1, unless they say otherwise. Those under the cells come from the machine that ran them last: in the
# stored run, two cores of an Intel Xeon with AMX (family 6, model 207).
#
# Before a surprising result there is a question: make a guess before you unfold the answer.

# %%
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
url = "the address of the course's zip, for Colab and Kaggle"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

import collections
import gzip
import json
import os
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import linen as nn
from jax import lax

from utils import compiler_options, convolution, data, plots, results
from utils.base import definitions, machine, memory, paths
from utils.data import augment
from utils.races import breakdown, report, stored

print(machine.described())

# %% [markdown]
# ## 1 · A slow step
#
# Unit 04 wrote `ResidualBlock` for its ResNet18. `definitions.load` takes it from that lesson's text, and we build a
# smaller network around it: a convolution, a max-pooling, two residual blocks. The constructors of its layers come from
# outside, so that we can exchange one part at a time.

# %%
unit04 = definitions.load("notebooks/04_resnet18_cats_dogs.py", ("ResidualBlock", "max_pool"))


def library_pool(x: jax.Array) -> jax.Array:
    """The largest of 3×3, stride 2, as Flax has it. [B, H, W, C] to [B, H/2, W/2, C]."""
    return nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))


class Net(nn.Module):
    """A stem, a pooling and two residual blocks: pictures [B, 32, 32, 3] to logits [B, 10] float32.

    block: `ResidualBlock` of unit 04. dtype: of the arithmetic; weights, statistics and logits are float32.
    """

    block: Callable[..., nn.Module]
    conv: Callable[..., nn.Module] = nn.Conv
    pool: Callable[[jax.Array], jax.Array] = library_pool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        conv = partial(self.conv, use_bias=False, dtype=self.dtype)
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        x = nn.relu(norm(name="norm")(conv(64, (3, 3), padding=1, name="stem")(x)))  # [B, 32, 32, 64]
        with jax.named_scope("pool"):
            x = self.pool(x)  # [B, 16, 16, 64]
        x = self.block(64, 1, conv=conv, norm=norm, name="block1")(x)
        x = self.block(128, 2, conv=conv, norm=norm, name="block2")(x)  # [B, 8, 8, 128]
        return nn.Dense(10, name="dense")(x.mean(axis=(1, 2)).astype(jnp.float32))


# %% [markdown]
# The training step is that of unit 04, with plain SGD and momentum.


# %%
class State(NamedTuple):
    """What a step changes."""

    params: dict
    batch_stats: dict
    optimizer: optax.OptState


def sgd() -> optax.GradientTransformation:
    """The optimiser of this unit."""
    return optax.sgd(0.05, momentum=0.9)


def new_state(model: nn.Module, key: jax.Array) -> State:
    """Before the first step."""
    quick = {"xla_backend_optimization_level": 0}  # runs once: not worth the compiler's time
    init = jax.jit(partial(model.init, train=False), compiler_options=quick)
    variables = init(key, jnp.zeros((1, 32, 32, 3)))
    return State(variables["params"], variables["batch_stats"], sgd().init(variables["params"]))


def train_step(model: nn.Module, state: State, images: jax.Array, labels: jax.Array) -> tuple[State, jax.Array]:
    """One step of training. images: [B, 32, 32, 3], labels: [B]. Returns the new state and the loss before the step."""

    def loss_fn(params: dict) -> tuple[jax.Array, dict]:
        variables = {"params": params, "batch_stats": state.batch_stats}
        logits, changed = model.apply(variables, images, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), changed["batch_stats"]

    (loss, batch_stats), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    updates, optimizer = sgd().update(gradients, state.optimizer, state.params)
    return State(optax.apply_updates(state.params, updates), batch_stats, optimizer), loss


# %% [markdown]
# How long a step takes does not depend on what the pictures show, so noise will do. (TensorFlow, which reads the real
# pictures, takes seconds to start.)

# %%
BATCH = 64
images = jax.random.normal(jax.random.key(0), (BATCH, 32, 32, 3))
labels = jax.random.randint(jax.random.key(1), (BATCH,), 0, 10)
net = Net(unit04.ResidualBlock)
start = new_state(net, jax.random.key(2))

# %% [markdown]
# **Quick questions**
#
# <details><summary>Why may noise stand in for pictures when you time a step, and when may it not?</summary>
#
# The compiled step does the same operations whatever the numbers are. It would not do where a branch or the length of a
# loop depends on the values.
#
# </details>
#
# <details><summary>Why is <code>init</code> compiled without optimisation?</summary>
#
# It runs once, and briefly. Optimising it would take longer than it saves.
#
# </details>

# %% [markdown]
# ## 2 · Measure honestly
#
# A call of a compiled function returns as soon as the work is handed over (unit 01). So if you read the clock right
# after the call, you have timed the handing over and not the work. We compile first, and note for part 3 how long that
# takes.
#
# <details><summary>Guess first: what share of a step's time does the call itself take?</summary>
#
# About one per cent on our EPYC in most steps, several in some. The rest is computed while Python goes on.
#
# </details>

# %%
begin = time.perf_counter()
lowered = jax.jit(partial(train_step, net)).lower(start, images, labels)
trace_seconds = time.perf_counter() - begin
begin = time.perf_counter()
step = lowered.compile()
compile_seconds = time.perf_counter() - begin

returned, done = [], []
for _ in range(12):
    begin = time.perf_counter()
    result = step(start, images, labels)
    returned.append(1000 * (time.perf_counter() - begin))
    jax.block_until_ready(result)
    done.append(1000 * (time.perf_counter() - begin))

figure, axes = plt.subplots(figsize=(6, 2.2))
axes.plot(range(1, 13), done, "o", label="until the result is there")
axes.plot(range(1, 13), returned, "o", color=plots.PALE, label="until the call returns")
axes.set(ylim=(0, None), xlabel="step", ylabel="ms")
axes.legend()
plt.show()

# %% [markdown]
# Three habits follow:
#
# - **Wait** with `jax.block_until_ready` before the clock is read.
# - **Leave the first calls out.** They pay for compilation (here we compiled beforehand), for the first touch of
#   memory, for cold caches.
# - **Take the median of several.** Other programs make a step longer, never shorter, and a few long steps raise the
#   mean. When you compare two programs, let them *take turns*: a slow minute then slows both.


# %%
def medians(programs: dict[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """The median time of each program in milliseconds, taking turns and waited for; a first round is not counted."""
    times = np.empty((rounds + 1, len(programs)))
    for row in times:
        for number, program in enumerate(programs.values()):
            begin = time.perf_counter()
            jax.block_until_ready(program())
            row[number] = 1000 * (time.perf_counter() - begin)
    return dict(zip(programs, np.median(times[1:], axis=0).tolist(), strict=True))


# %% [markdown]
# Two helpers for what follows: one compiles a variant of the step for this batch, the other compares variants.


# %%
def on_this_batch(model: nn.Module, **options: Any) -> Callable[[], Any]:
    """A compiled step of the model, as a function of nothing. options: for `jax.jit`."""
    compiled = jax.jit(partial(train_step, model), **options).lower(start, images, labels).compile()
    return partial(compiled, start, images, labels)


def compare(*names: str) -> None:
    """Draw how long some of the steps take, in turns."""
    times = medians({name: steps[name] for name in names})
    plots.bars(list(times), list(times.values()), unit="ms", better="lower", title="a step")
    plt.show()


# %% [markdown]
# `steps` collects the variants. How far apart are two medians of *the same* program? What follows cannot show a
# difference smaller than that:

# %% tags=["nbval-ignore-output"]
steps = {"as it comes": partial(step, start, images, labels)}
twins = medians({"one": steps["as it comes"], "the same": steps["as it comes"]})
print(", ".join(f"{name}: {ms:.1f} ms" for name, ms in twins.items()))

# %% [markdown]
# **Quick questions**
#
# <details><summary>Why the median and not the minimum?</summary>
#
# The minimum is what the program can do at best, and varies less. The median is how long you will usually wait. Either
# will do for a comparison, if you say which it is.
#
# </details>
#
# <details><summary>A colleague times A ten times, then B ten times. What could go wrong?</summary>
#
# Anything that changes with time counts for or against B: another program, a processor that has become warm and lowers
# its clock.
#
# </details>

# %% [markdown]
# ## 3 · The first run, and the second
#
# The companion's first run took 1,200 seconds for 2 epochs, its second 130 seconds for 5. It explains that the first
# run "transferred all the data on the GPU", where it stays. But when a process ends, its GPU memory is freed; nothing
# on the device survives from one run to the next. So what made the difference? We take our own first run apart.
# (Reading the pictures is left to part 13.)

# %%
batch = (np.asarray(images), np.asarray(labels))
begin = time.perf_counter()
jax.block_until_ready(jax.device_put(batch))
seconds = {
    "trace": trace_seconds,
    "compile": compile_seconds,
    "a batch to the device": time.perf_counter() - begin,
    "first step": done[0] / 1000,
    "a later step": np.median(done[1:]) / 1000,
}
plots.bars(list(seconds), list(seconds.values()), unit="s", decimals=3, title="what a first run pays for")
plt.show()

# %% [markdown]
# Compilation is the largest item, and it is paid *once*. For the ResNet18 of unit 04 it takes some seconds. The
# transfer takes almost no time. (On a CPU there is nowhere to move the pictures to. But a GPU's bus carries gigabytes a
# second, [up to 8](https://developer.nvidia.com/blog/how-optimize-data-transfers-cuda-cc/) in 2012. So there, too, the
# companion's 160 MB of files would take seconds at most, even decoded.)
#
# None of this comes near 1,000 seconds. What is so slow, and only once? Most likely the files: thousands of JPEGs, read
# one by one, perhaps from a network drive. (One of the repository's
# [notebooks](https://github.com/Yuji-github/Jax_Res18-Classification/blob/3ea4000c3f9a/Jax18_binary.ipynb) reads them
# from Google Drive.) The operating system keeps in memory what it has read, and the *next* process finds it there. We
# cannot look into that machine, so this remains a guess. The lesson is: **split a time into parts before you explain
# it, and check that they add up.**
#
# ### A cache for compiled programs
#
# Compiled programs can be kept for later runs: with `jax_compilation_cache_dir`, JAX writes each of them to a folder,
# under a name derived from the program, the compiler's version and its options. Here two processes, one after the
# other, compile the same gradient of six convolutions.
#
# <details><summary>Guess first: the first process takes less than a second to compile. How long does the second
# take?</summary>
#
# Some milliseconds: it only reads a file.
#
# </details>

# %%
SCRIPT = """
import sys, time
import jax, jax.numpy as jnp
from jax import lax

jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # by default programs of under a second are not kept
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("cache_hits") else None)

def f(kernels, x):
    for kernel in kernels:
        x = jax.nn.relu(lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))
    return x.sum()

spec = jax.ShapeDtypeStruct
kernels = [spec((3, 3, 8 + i, 9 + i), jnp.float32) for i in range(6)]
lowered = jax.jit(jax.grad(f)).lower(kernels, spec((8, 32, 32, 8), jnp.float32))
begin = time.perf_counter()
lowered.compile()
print(time.perf_counter() - begin, len(hits))
"""


def in_new_process(code: str, *arguments: str, **environment: str) -> list[str]:
    """The words that a Python program prints, run in a process of its own at the course's root."""
    command = [sys.executable, "-c", code, *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=paths.ROOT, env=env).stdout.split()


with tempfile.TemporaryDirectory() as cache:
    runs = [in_new_process(SCRIPT, cache) for _ in range(2)]
for name, (taken, found) in zip(("first", "second"), runs, strict=True):
    print(f"{name:6} process: programs found in the cache: {found}, compiled in {float(taken):.3f} s")

# %% [markdown]
# The second process read what the first had written. For your own work, put the two `jax.config.update` lines at the
# top of a notebook, or set `JAX_COMPILATION_CACHE_DIR` in the environment. Changed code or changed shapes make another
# program, which is compiled and stored as well; by default nothing is ever deleted. In this course the cache is off, so
# that you see what compiling costs.
#
# **Quick questions**
#
# <details><summary>You change the learning rate in <code>sgd</code> and run again. Does the cache help?</summary>
#
# Not with the step. The rate is a constant of the program, so with another rate it is another program. If the rate were
# an argument of the step, it would be the same program.
#
# </details>
#
# <details><summary>What does the cache save: tracing, compiling, or both?</summary>
#
# Compiling only. Each process traces and lowers the function again, since the cache is asked for the lowered program.
# (That is why the two processes above start the clock after `lower`.)
#
# </details>

# %% [markdown]
# ## 4 · Read a profile
#
# Start with a coarse view. The course has timed the parts of ResNet18's training step, each as a program of its own.
#
# - `input`: reading a batch
# - `transfer`: moving it to the device
# - `forward`: the forward pass
# - `backward`: what the gradients add to the forward pass
# - `update`: the optimiser
#
# `python -m utils race --breakdown resnet18` does this on your machine. Here is the stored result:

# %% tags=["nbval-ignore-output"]
breakdown.show("resnet18")

# %% [markdown]
# The backward pass takes three times as long as the forward pass. By the number of multiplications it should take
# *twice* as long. A convolution has two gradients, one with respect to its input and one with respect to its kernel
# (for short: *by the input* and *by the kernel*), and each needs as many multiplications as the convolution itself. So
# something takes longer than it should.
#
# To find out what, *trace* a few steps: the profiler records when each operation of the compiled program ran. It uses
# the compiler's names (`convolution.12`). But in the program's text, called HLO, most operations have an `op_name`. It
# names the JAX operation that this one came from, with the Flax modules and the scopes around it, and with `jvp` or
# `transpose` where differentiation made it. So times can be added up by layer and direction. First the times:


# %%
def recorded(program: Callable[[], Any], repeats: int = 3) -> dict[str, float]:
    """Milliseconds of each operation in one run of a compiled program, by the compiler's names."""
    jax.block_until_ready(program())
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(repeats):
                jax.block_until_ready(program())
        (file,) = Path(folder).rglob("*.trace.json.gz")
        events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    total: dict[str, float] = collections.defaultdict(float)
    for event in events:
        if name := event.get("args", {}).get("hlo_op"):
            total[name] += event["dur"] / 1000 / repeats
    return dict(total)


# %% [markdown]
# To see where an operation comes from, look up its `op_name`. If it has none, take that of an operation inside what it
# calls, or else that of an operation which uses its result.


# %%
def by_layer(times: dict[str, float], compiled: Any) -> dict[str, float]:
    """The same, added up by layer and direction, the longest first."""
    text = compiled.as_text()
    lines = dict(re.findall(r"^ +(?:ROOT )?%([\w.-]+) = (.*)", text, re.M))  # name → operation
    bodies = dict(re.findall(r"^%([\w.-]+) \(.*?\{\n(.*?)^\}", text, re.M | re.S))  # name → what can be called

    def origin(name: str) -> str:
        called = [bodies.get(each, "") for each in re.findall(r"(?:calls|to_apply|body)=%([\w.-]+)", lines[name])]
        if found := re.search(r'op_name="([^"]*/[^"]*)"', lines[name] + "".join(called)):
            return found[1]
        user = next((user for user, line in lines.items() if re.search(rf"%{name}[,)]", line)), None)
        return origin(user) if user else ""

    total: dict[str, float] = collections.defaultdict(float)
    for name, ms in times.items():
        path = origin(name) if name in lines else ""
        layer = re.search(r"(stem|norm|pool|dense|block\d/\w+)", path)
        direction = "backward" if "transpose(" in path else "forward"
        total[f"{layer[0]}, {direction}" if layer else "other"] += ms
    return dict(sorted(total.items(), key=lambda item: -item[1]))


# %% [markdown]
# <details><summary>Guess first: which layer takes the longest, forward or backward?</summary>
#
# The pooling, backward. It has no weights and does no multiplication, and takes longer than any convolution.
#
# </details>

# %% tags=["nbval-ignore-output"]
profile = by_layer(recorded(steps["as it comes"]), step)
longest = dict(list(profile.items())[:10])
plots.bars(list(longest), list(longest.values()), unit="ms", title="the ten longest, ms in each step")
plt.show()

# %% [markdown]
# The gradient of the pooling comes first. (Treat the sums as approximate. Layers that the compiler has fused count as
# one of them. Operations that run at the same time on two cores are both counted. `other` is what belongs to no layer
# or could not be traced back to one.)
#
# **Quick questions**
#
# <details><summary>Why does <code>transpose(jvp(…))</code> in an <code>op_name</code> mean the backward pass?</summary>
#
# `jvp` linearises the forward pass, and `transpose` runs the linear part backwards.
#
# </details>
#
# <details><summary>In another profile the bars add up to more than the step takes. How can that be?</summary>
#
# Operations that ran at the same time on two cores are both counted in full.
#
# </details>

# %% [markdown]
# ## 5 · A pooling without a search
#
# JAX writes the gradient of a general pooling as one operation, *select and scatter* (unit 03). It searches each window
# again for its largest number, and sends the gradient there. Unit 04's `max_pool` takes the maximum of nine shifted
# maps, and its gradient consists of comparisons and additions:

# %%
maps = jnp.abs(jax.random.normal(jax.random.key(0), (BATCH, 32, 32, 64)))
pools = {"nn.max_pool": library_pool, "maximum of nine slices": unit04.max_pool}
gradients = {name: jax.jit(jax.grad(lambda x, pool=pool: (pool(x) ** 2).sum())) for name, pool in pools.items()}
one, other = (np.asarray(gradient(maps)) for gradient in gradients.values())
print("the same gradient:", np.allclose(one, other))
pool_times = medians({name: partial(gradient, maps) for name, gradient in gradients.items()})
plots.bars(list(pool_times), list(pool_times.values()), unit="ms", better="lower", title="gradient of the pooling")
plt.show()

# %% [markdown]
# The same gradient in a fraction of the time. In the whole step:

# %% tags=["nbval-ignore-output"]
sliced = Net(unit04.ResidualBlock, pool=unit04.max_pool)
steps["pooling by slices"] = on_this_batch(sliced)
compare("as it comes", "pooling by slices")

# %% [markdown]
# **Quick questions**
#
# <details><summary>The cell prints that the gradients are the same. Has it tested windows in which the largest number
# occurs twice?</summary>
#
# No. Two random numbers are hardly ever equal, while after a ReLU a window may hold many zeros. For that you need
# inputs with ties. (Unit 04's pooling gives the whole gradient to one of the equal numbers, as `nn.max_pool` does; the
# course's tests compare it with PyTorch.)
#
# </details>
#
# <details><summary>Why is the step's gain, as a factor, smaller than the pooling's?</summary>
#
# The pooling is a part of the step, and the rest takes as long as before. This is Amdahl's law.
#
# </details>

# %% [markdown]
# ## 6 · Layers that should take equally long
#
# A second way to find what is slow: work out which parts *should* take equally long, and time them. Each stage of a
# ResNet halves the map's height and width and doubles the channels, so a block does the same number of multiplications
# in every stage. We time one block of each stage of ResNet18, for pictures of 64 pixels and of 96.
#
# <details><summary>Guess first: at which size does the last stage take longer?</summary>
#
# At 64 pixels, the smaller one, and by far.
#
# </details>


# %%
def block_ms(size: int, stage: int) -> Callable[[], Any]:
    """A compiled block of a stage of ResNet18, for 4 pictures of that size."""
    side, channels = size // 4 // 2**stage, 64 * 2**stage
    block, maps = unit04.ResidualBlock(channels), jnp.ones((4, side, side, channels))
    shapes = jax.eval_shape(block.init, jax.random.key(0), maps)
    weights = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.01), shapes)
    return partial(jax.jit(partial(block.apply, mutable=["batch_stats"])), weights, maps)


for size in (64, 96):
    times = medians({f"maps of {size // 4 // 2**i}×{size // 4 // 2**i}": block_ms(size, i) for i in range(4)}, rounds=3)
    plots.bars(list(times), list(times.values()), unit="ms", title=f"a block of each stage, pictures of {size} pixels")
plt.show()

# %% [markdown]
# At 64 pixels the last stage, with the *smallest* maps, takes many times as long as the others (on a CPU). What is
# wrong with 2×2? HLO shows how one of its convolutions was compiled, beside that for a map of 3×3:

# %%
kernel = jnp.ones((3, 3, 512, 512))
for side in (3, 2):
    maps = jnp.ones((8, side, side, 512))
    settings = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    hlo = jax.jit(partial(lax.conv_general_dilated, **settings)).lower(maps, kernel).compile().as_text()
    print(f"{side}×{side}:", *re.findall(r"convolution\(.*?(window=\{.*?\}, dim_labels=\S+?),", hlo))

# %% [markdown]
# Read `window={size=…}`: the kernel has the size 3×3 in the first line, and **2×2** in the second. The compiler has
# swapped map and kernel ([XLA's
# source](https://github.com/openxla/xla/blob/80c095fc2f5b/xla/hlo/transforms/simplifiers/conv_operand_swapper.cc)). The
# result is the same whichever of the two is called the kernel, and a kernel of 4 places instead of 9 looks like less
# work. But the library that computes convolutions does not accept this form, so a plain loop does the work.
#
# This happens where the kernel has more places than the map. (In the gradient by a layer's *input*, the layer's output
# takes the place of the map.) The swap can be recognised: it reverses the kernel, which HLO writes as `rhs_reversal`.
# So we can find such convolutions in a larger program, such as a block's gradient by its weights:

# %%
for side in (16, 2, 1):
    block, maps = unit04.ResidualBlock(64), jnp.ones((8, side, side, 64))
    weights = jax.eval_shape(block.init, jax.random.key(0), maps)
    total = partial(lambda block, w, m: block.apply(w, m, mutable=["batch_stats"])[0].sum(), block)
    hlo = jax.jit(jax.grad(total)).lower(weights, maps).compile().as_text()
    found = re.findall(r"convolution\(.*?(window=\{[^}]*rhs_reversal[^}]*\})", hlo)
    print(f"block on maps of {side}×{side}: {len(found)} slow", *found, sep="\n  ")

# %% [markdown]
# The cure is to avoid maps smaller than the kernel: unit 04's pictures have 96 pixels, so that its last maps are 3×3.
#
# **Quick questions**
#
# <details><summary>Why does a block need equally many multiplications in each stage?</summary>
#
# From one stage to the next the map has a quarter of the positions, and a kernel has four times the weights: twice the
# channels in, and twice the channels out.
#
# </details>
#
# <details><summary>ResNet18 is given pictures of 32 pixels, as in CIFAR-10. Which stages are slow?</summary>
#
# The last two: their maps are 2×2 and 1×1. (On 1×1 only one place of the kernel meets the map, so less time is lost.)
# Networks for such pictures have a stem that does not shrink them as much.
#
# </details>

# %% [markdown]
# ## 7 · The gradient by the kernel
#
# Nearly all the arithmetic is in the convolutions. A convolution and its two gradients need equally many
# multiplications. Do they take equally long? We time them for the first block's convolutions, from 64 channels to 64:


# %%
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x: [B, H, W, C], kernel: [3, 3, C, K]. Returns [B, H, W, K]."""
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def by_input(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> jax.Array:
    """The gradient by x."""
    return jax.vjp(lambda x: convolve(x, kernel), x)[1](dy)[0]


def by_kernel(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> jax.Array:
    """The gradient by the kernel."""
    return jax.vjp(lambda kernel: convolve(x, kernel), kernel)[1](dy)[0]


keys = jax.random.split(jax.random.key(3), 3)
x, dy = jax.random.normal(keys[0], (BATCH, 16, 16, 64)), jax.random.normal(keys[1], (BATCH, 16, 16, 64))
kernel = jax.random.normal(keys[2], (3, 3, 64, 64))
pieces = {"forward": lambda x, kernel, dy: convolve(x, kernel), "by the input": by_input, "by the kernel": by_kernel}
compiled_pieces = {name: jax.jit(piece).lower(x, kernel, dy).compile() for name, piece in pieces.items()}
piece_times = medians({name: partial(piece, x, kernel, dy) for name, piece in compiled_pieces.items()}, rounds=7)
plots.bars(list(piece_times), list(piece_times.values()), unit="ms", title="64 maps of 16×16, 64 channels to 64")
plt.show()
print(*re.findall(r"convolution\(.*?(window=\{.*?\})", compiled_pieces["by the kernel"].as_text()))

# %% [markdown]
# The gradient by the kernel takes the longest, and the last line suggests why: XLA writes it as a convolution whose
# kernel is `dy`, **as large as the whole map**, 16×16. Libraries for CPUs are made for small kernels.
#
# So we derive it in another form. With padding 1, and $i, j$ counted from −1 to 1, the layer computes
#
# $$y_{b,h,w,k} = \sum_{i,j,c} x_{b,\,h+i,\,w+j,\,c}\; \kappa_{i,j,c,k}.$$
#
# Let $dy$ be the gradient of the loss $L$ by $y$. Then its gradient by $\kappa$ is
#
# $$\frac{\partial L}{\partial \kappa_{i,j,c,k}} = \sum_{b,h,w} x_{b,\,h+i,\,w+j,\,c}\; dy_{b,h,w,k}.$$
#
# For fixed $i$ and $j$ this is a **product of two matrices**, $X^\top Y$. $X$ is $x$ moved by $(i, j)$, with a row for
# each place of each picture and a column for each channel. $Y$ is $dy$ in the same form. The first version computes
# nine such products, one for each place of the kernel:


# %%
def moved(x: jax.Array, by: int, axis: int) -> jax.Array:
    """x [B, H, W, C], where place p of the axis holds what stood at p + by; zeros from outside."""
    settings = [(0, 0, 0)] * 4
    settings[axis] = (-by, by, 0)  # negative padding cuts off
    return lax.pad(x, jnp.zeros((), x.dtype), settings)


def nine_products(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> jax.Array:
    """The gradient by a 3×3 kernel, one place of the kernel at a time. [3, 3, C, K]"""
    places = [[jnp.einsum("bhwc,bhwk->ck", moved(moved(x, i, 1), j, 2), dy) for j in (-1, 0, 1)] for i in (-1, 0, 1)]
    return jnp.stack([jnp.stack(row) for row in places])


# %% [markdown]
# The second version needs only *one* product. Put $h' = h + i$:
#
# $$\frac{\partial L}{\partial \kappa_{i,j,c,k}} = \sum_{b,h',w} x_{b,\,h',\,w+j,\,c}\; dy_{b,\,h'-i,\,w,\,k}.$$
#
# Now $x$ is moved by $j$ only, and $dy$ by $i$ only. Join the three moved copies of $x$ along the channels, and those
# of $dy$ too. The product of these two matrices, with $3C$ and $3K$ columns, holds all nine blocks. That takes six
# copies instead of nine, and one large product instead of nine small ones.


# %%
def side_by_side(maps: list[jax.Array]) -> jax.Array:
    """Maps [B, H, W, C] joined in the channels: as a sum of padded ones, which is faster here than a concatenation."""
    width = maps[0].shape[-1]
    total = len(maps) * width
    none = (0, 0, 0)
    shifts = [(number * width, total - (number + 1) * width, 0) for number in range(len(maps))]
    return sum(lax.pad(m, jnp.zeros((), m.dtype), (none, none, none, s)) for m, s in zip(maps, shifts, strict=True))


def one_product(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> jax.Array:
    """The same as one product for each 16 pictures, summed: faster here than one for all. [3, 3, C, K]"""
    columns = side_by_side([moved(x, j, 2) for j in (-1, 0, 1)])  # [B, H, W, 3C]
    rows = side_by_side([moved(dy, -i, 1) for i in (-1, 0, 1)])  # [B, H, W, 3K]
    groups = max(1, len(x) // 16)
    columns, rows = (maps.reshape(groups, -1, maps.shape[-1]) for maps in (columns, rows))
    blocks = jnp.einsum("gpa,gpb->gab", columns, rows).sum(axis=0)  # [3C, 3K]
    return blocks.reshape(3, x.shape[-1], 3, -1).transpose(2, 0, 1, 3)


# %% [markdown]
# Do both give XLA's gradient?

# %%
compiled_ways = {"XLA's convolution": compiled_pieces["by the kernel"]}
wanted = compiled_ways["XLA's convolution"](x, kernel, dy)
for name, way in {"nine products": nine_products, "one product": one_product}.items():
    compiled_ways[name] = jax.jit(way).lower(x, kernel, dy).compile()
    error = jnp.linalg.norm(compiled_ways[name](x, kernel, dy) - wanted) / jnp.linalg.norm(wanted)
    print(f"{name:13} within 1e-5: {bool(error < 1e-5)}")

# %% [markdown]
# <details><summary>Guess first: which of the three is the fastest, and are nine products faster than XLA's
# convolution?</summary>
#
# In the stored run one product takes half as long as XLA's convolution, and nine products twice as long. On our EPYC
# one product and XLA's convolution were level. For other shapes the order may differ, too.
#
# </details>

# %% tags=["nbval-ignore-output"]
way_times = medians({name: partial(way, x, kernel, dy) for name, way in compiled_ways.items()})
plots.bars(list(way_times), list(way_times.values()), unit="ms", better="lower", title="gradient by the kernel")
plt.show()

# %% [markdown]
# All three do the same arithmetic in different orders. Which is fastest depends on the shapes, the library and the
# processor, so measure more than one shape. In the tables of
# [`xla_cpu_convolution_gradients.md`](../ressources/findings/xla_cpu_convolution_gradients.md), one product, or one for
# each row, is faster than XLA's convolution for 15 of 18 layers of our networks on the EPYC, mostly by a tenth to a
# third, and for 16 on the Xeon, mostly by a fifth to a half.
#
# **Quick questions**
#
# <details><summary>Where in <code>one_product</code> is the padding of the layer?</summary>
#
# In `moved`: what comes from outside the map is zero, and the layer is padded with zeros.
#
# </details>
#
# <details><summary>Which does more multiplications, nine products or one? And how large are the two matrices of the one
# product?</summary>
#
# Both do equally many: either way there are nine blocks of C · K sums over the same places. The matrices hold three
# copies of `x` and three of `dy` at once, so they are three times as large as these.
#
# </details>

# %% [markdown]
# ## 8 · A gradient of one's own
#
# `jax.custom_vjp` tells JAX to use our gradient for a function (unit 01). It takes three functions:
#
# 1. the function itself, for calls without a gradient;
# 2. `forward`, called in its place when a gradient is wanted, which returns the value and what `backward` will need;
# 3. `backward`, which turns what was kept and `dy` into one gradient for each argument.


# %%
@jax.custom_vjp
def own_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`convolve`, with another gradient by the kernel."""
    return convolve(x, kernel)


def own_forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """The value, and what the gradients need."""
    return convolve(x, kernel), (x, kernel)


def own_backward(kept: tuple[jax.Array, jax.Array], dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The gradients by x, which stays JAX's, and by the kernel, which is ours."""
    return by_input(*kept, dy), one_product(*kept, dy)


own_convolution.defvjp(own_forward, own_backward)

# %% [markdown]
# JAX does not check that `backward` is the derivative of the function, so we must. We do it in float64, where rounding
# cannot hide a mistake. And since a test that cannot fail proves nothing, we also test a copy that exchanges rows and
# columns:


# %%
broken = jax.custom_vjp(convolve)
broken.defvjp(own_forward, lambda kept, dy: (by_input(*kept, dy), one_product(*kept, dy).transpose(1, 0, 2, 3)))


def gradient_of(conv: Callable, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The gradient by the kernel of some loss."""
    return jax.grad(lambda kernel: jnp.sin(conv(x, kernel)).sum())(kernel)


with jax.enable_x64(True):
    x64 = jax.random.normal(keys[0], (6, 5, 7, 2), jnp.float64)  # rows, columns, channels all different
    kernel64 = jax.random.normal(keys[2], (3, 3, 2, 4), jnp.float64)
    right = gradient_of(convolve, x64, kernel64)
    for name, conv in {"own": own_convolution, "broken": broken}.items():
        error = jnp.abs(gradient_of(conv, x64, kernel64) - right).max() / jnp.abs(right).max()
        print(f"{name:7} right to 1e-12: {bool(error < 1e-12)}")

# %% [markdown]
# Ours passes the test, and the broken copy fails. (As in unit 01, there is a price: a function with a `custom_vjp` has
# no forward mode.)
#
# Our version handles one case only: 3×3, stride 1, padding 1. `utils.convolution` handles any kernel, stride and
# padding. It has three ways to compute the gradient by the kernel, one product, a product for each row, or XLA's
# convolution, and takes the one that was fastest for such shapes. Its docstring has the derivation. Flax's convolution
# takes it as an argument, so nothing else changes. (Haiku's does not. There `hk.intercept_methods` can put it in:
# `haiku_convolution` in `utils/races/entrants_jax.py`.)

# %% tags=["nbval-ignore-output"]
own_conv = partial(nn.Conv, conv_general_dilated=convolution.conv_general_dilated)
own = Net(unit04.ResidualBlock, conv=own_conv, pool=unit04.max_pool)
steps["own gradient by the kernel"] = on_this_batch(own)
same, (_, loss) = steps["pooling by slices"]()[1], steps["own gradient by the kernel"]()
print("the same loss:", bool(jnp.allclose(loss, same, atol=1e-4)))
compare("pooling by slices", "own gradient by the kernel")

# %% [markdown]
# **Quick questions**
#
# <details><summary><code>own_forward</code> keeps <code>x</code> and <code>kernel</code>. Could
# <code>own_backward</code> compute <code>x</code> itself?</summary>
#
# Only if the layer before could be inverted. `jax.checkpoint` (part 10) does the next best thing: compute it again.
#
# </details>
#
# <details><summary>Why is the test made on maps of 5×7, and in float64?</summary>
#
# With unequal sizes, exchanged rows and columns show as other shapes or other numbers. In float64, rounding is so small
# that the limit can be 1e-12: a mistake that changes more than that is seen.
#
# </details>

# %% [markdown]
# ## 9 · Options for one function
#
# On a CPU, XLA hands convolutions and matrix products to a library. Options of the compiler decide which one. `jax.jit`
# takes such options for a single function: nothing else in the process changes.

# %%
for name, value in compiler_options.TRAINING.items():
    print(f"{name}: {value!r}")

# %% [markdown]
# The first two hand convolutions and products to oneDNN. The third leaves sums, such as those of BatchNorm, to YNN,
# another library. `supported` leaves out what this jaxlib or this device does not know, and says so.
#
# <details><summary>Guess first: we time the forward pass, the gradient by the input and the gradient by the kernel in
# two ways. Do the options make all four faster?</summary>
#
# Not on our EPYC. They made one of the four slower: the gradient by the kernel as XLA computes it.
#
# </details>

# %% tags=["nbval-ignore-output"]
options = compiler_options.supported(compiler_options.TRAINING)
all_ways = {name: piece for name, piece in pieces.items() if name != "by the kernel"} | {
    "by the kernel, XLA's": by_kernel,
    "by the kernel, one product": one_product,
}
figure, axes = plt.subplots(figsize=(6.5, 2.4))
places = np.arange(len(all_ways))
for shift, (label, setting) in zip((-0.2, 0.2), {"as it comes": {}, "with options": options}.items(), strict=True):
    programs = {
        name: jax.jit(way, compiler_options=setting).lower(x, kernel, dy).compile() for name, way in all_ways.items()
    }
    times = medians({name: partial(program, x, kernel, dy) for name, program in programs.items()}, rounds=7)
    axes.barh(places + shift, list(times.values()), 0.38, label=label)
axes.set_yticks(places, list(all_ways))
axes.invert_yaxis()
axes.set(xlabel="ms", title="64 maps of 16×16, 64 channels to 64")
axes.legend()
plt.show()

# %% [markdown]
# On our EPYC oneDNN made the first two faster, and the one product too. But XLA's own gradient by the kernel, a
# convolution whose kernel is as large as the map, became slower. (In the stored run, on an Intel Xeon, it gained
# nothing.) So the options and the gradient of part 7 belong together:

# %% tags=["nbval-ignore-output"]
steps["options"] = on_this_batch(own, compiler_options=options)
text = steps["options"].func.as_text()
print("calls of a library in the step:", *sorted(set(re.findall(r"custom_call_target=\"(\w+\$\w+)", text))))
compare("own gradient by the kernel", "options")

# %% [markdown]
# Such options are internals of the compiler: another version may rename them, and which are best depends on the
# processor and on the program. They also have a cost: the cache of part 3 cannot keep a program that calls oneDNN.
# (jaxlib 0.12.0.1 fails to write it, warns with `std::bad_alloc`, and goes on.)
#
# **Quick questions**
#
# <details><summary>Why not set these options for the whole process, with <code>XLA_FLAGS</code>?</summary>
#
# They would then apply to programs that they make slower, too. For each function you can measure whether they help.
#
# </details>
#
# <details><summary>Why do we try the options on the step with part 7's gradient, and not on the step as it
# came?</summary>
#
# oneDNN made XLA's own gradient by the kernel slower on our EPYC. Part of what the options gain elsewhere would be lost
# there.
#
# </details>

# %% [markdown]
# ## 10 · Memory
#
# How much memory does a step need? The compiled program says so before it runs:


# %%
def megabytes(tree: Any) -> float:
    """The size of all arrays (or descriptions of arrays) in a tree."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)) / 1e6


for name, tree in {"weights": start.params, "momentum": start.optimizer, "a batch": images}.items():
    print(f"{name:10} {megabytes(tree):8.1f} MB")
analysis = steps["options"].func.memory_analysis()
print(f"{'in between':10} {analysis.temp_size_in_bytes / 1e6:8.1f} MB")

# %% [markdown]
# By far the largest item is what is *in between*: mostly the maps of all layers, kept for the backward pass. It grows
# with the batch and with the area of the pictures, not with the number of pictures in the data set. (Donation, which
# unit 02 showed, saves a second copy of weights and momentum: little here, and much in a model of a billion weights.)
#
# The companion trained on 160 MB of pictures and saw 13.99 GB of the GPU's memory taken. The most likely reason is
# **preallocation**: at its first operation JAX reserves three quarters of a GPU's memory ([JAX on GPU
# memory](https://docs.jax.dev/en/latest/201/gpu-memory.html); it was once [90 % of what was
# free](https://github.com/jax-ml/jax/blob/8fbafef0a7cd/docs/gpu_memory_allocation.rst)), and then divides it up itself.
# `nvidia-smi` shows what is *reserved*, whatever the program needs. Two variables change this, if they are in the
# environment before JAX starts. With `XLA_PYTHON_CLIENT_PREALLOCATE=false` JAX takes memory only when it needs it. With
# `XLA_CLIENT_MEM_FRACTION=.50` it reserves half.
#
# ### Page faults
#
# On a CPU the memory in between comes from the C library and goes back to it after every step. The library returns
# large blocks to the operating system, so the next step gets *new* pages. The system fills each of them with zeros when
# it is first touched. Each first touch is a **page fault**, and the system counts them:


# %%
def faults_of(program: Callable[[], Any], repeats: int = 5) -> float:
    """Page faults in one run of a program."""
    jax.block_until_ready(program())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(repeats):
        jax.block_until_ready(program())
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / repeats


# %% tags=["nbval-ignore-output"]
print(f"{faults_of(steps['options']):,.0f} page faults in a step, of {analysis.temp_size_in_bytes // 4096:,} pages")

# %% [markdown]
# If the number is near that of the pages, all memory is new in every step. If it is small, this kernel, the notebook's
# Python process, keeps what is freed. The course starts its kernels with an environment variable that Linux's C library
# reads. It asks the library to use pages of 2 MB instead of 4 kB, and to keep freed memory. (With
# `COURSE_MEMORY=system` the course does not set it.)

# %%
print(memory.TUNABLES.replace(":", "\n"))

# %% [markdown]
# How much is that worth? A process without the variable times the step as it came and as it is now. It takes its code
# from this lesson's text:

# %%
CHILD = """
import sys
from functools import partial
from flax import linen as nn
from utils import compiler_options, convolution
from utils.base import definitions
import jax

lesson = definitions.load("notebooks/06_make_it_fast.py")
blocks = definitions.load("notebooks/04_resnet18_cats_dogs.py", ("ResidualBlock", "max_pool"))
conv = partial(nn.Conv, conv_general_dilated=convolution.conv_general_dilated)
fast = lesson.Net(blocks.ResidualBlock, conv=conv, pool=blocks.max_pool)
images = jax.random.normal(jax.random.key(0), (64, 32, 32, 3))
labels = jax.random.randint(jax.random.key(1), (64,), 0, 10)
programs = {}
state = lesson.new_state(fast, jax.random.key(2))
options = compiler_options.supported(compiler_options.TRAINING)
for name, model, settings in (("before", lesson.Net(blocks.ResidualBlock), {}), ("after", fast, options)):
    step = jax.jit(partial(lesson.train_step, model), compiler_options=settings).lower(state, images, labels).compile()
    programs[name] = partial(step, state, images, labels)
times = lesson.medians(programs, rounds=3)
print(*times.values(), lesson.faults_of(programs["after"]))
"""


# %% tags=["nbval-ignore-output"]
given_back = [float(word) for word in in_new_process(CHILD, **{memory.NAME: ""})]
here = medians({name: steps[name] for name in ("as it comes", "options")})
print(f"given back: as it came {given_back[0]:.0f} ms, now {given_back[1]:.0f} ms, {given_back[2]:,.0f} page faults")
print(f"this kernel: as it came {here['as it comes']:.0f} ms, now {here['options']:.0f} ms")

# %% [markdown]
# If this kernel keeps its memory, both steps are faster here, by a similar number of milliseconds. New pages cost the
# same whatever is computed in them, so they take a larger *share* of a faster step. The setting belongs to the process
# and not to JAX. Other frameworks can gain from it too, so the course's races set it for all.
#
# ### Computing twice to save memory
#
# As unit 01 showed, reverse mode keeps intermediate values of the forward pass. `jax.checkpoint(f)` keeps only what
# goes *into* `f`, and computes the inside again when the backward pass needs it. `nn.remat` does the same for a module.
# We can ask how much is kept without computing anything: `jax.vjp` returns a function that holds what it needs, and
# that function is a pytree, so `eval_shape` describes it.


# %%
class Chain(nn.Module):
    """Eight residual blocks, whose insides are kept for the backward pass, or computed again."""

    block: Callable[..., nn.Module]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for number in range(8):
            x = self.block(16, name=f"block{number}")(x)
        return x


def kept_for_backward(chain: Chain, weights: dict, maps: jax.Array) -> Any:
    """What the backward pass with respect to the weights needs, besides the weights themselves."""
    forward = partial(chain.apply, mutable=["batch_stats"])
    return jax.vjp(lambda params: forward({**weights, "params": params}, maps)[0], weights["params"])[1]


# %% [markdown]
# <details><summary>Guess first: each block is computed forward twice. How much more work is the whole
# gradient?</summary>
#
# About a third: forward 1 and backward 2 become 1 + 1 + 2.
#
# </details>

# %%
small_maps = jax.ShapeDtypeStruct((16, 24, 24, 16), jnp.float32)
for name, block in {"as it is": unit04.ResidualBlock, "remat": nn.remat(unit04.ResidualBlock)}.items():
    chain = Chain(block)
    weights = jax.eval_shape(chain.init, jax.random.key(0), small_maps)
    kept = jax.eval_shape(partial(kept_for_backward, chain), weights, small_maps)
    gradient = jax.jit(lambda w, x, chain=chain: kept_for_backward(chain, w, x)(jnp.ones(x.shape)))
    work = gradient.lower(weights, small_maps).cost_analysis()["flops"]
    print(f"{name:9} kept: {megabytes(kept):6.1f} MB, work: {work / 1e9:.3f} GFLOP")

# %% [markdown]
# An eighth of the memory, for about a third more work. It pays where memory is the limit and not time: long sequences,
# large pictures, deep networks. (This is what JAX asks to be kept. What the compiled program needs is decided by the
# compiler: ask its `memory_analysis`, as above.)
#
# **Quick questions**
#
# <details><summary>The batch is doubled. Which of the four numbers at the top of this part grow?</summary>
#
# The batch and what is in between, both about twofold. Weights and momentum stay as they are.
#
# </details>
#
# <details><summary><code>nvidia-smi</code> shows 60 of 80 GB in use as soon as JAX has started. Is the model too
# large?</summary>
#
# That is preallocation, three quarters of the memory. Ask the compiled program what it needs.
#
# </details>

# %% [markdown]
# ## 11 · Sixteen bits
#
# Sixteen bits take half the memory of 32. Unit 04 has the two formats, and the loss scale that float16 needs; bfloat16
# needs none. *Mixed precision* keeps the weights, the statistics and the optimiser's state in float32, where small
# updates are not rounded away (unit 01), and computes in 16 bits. In Flax a layer's `dtype` is that of its arithmetic,
# its `param_dtype` that of its weights.
#
# Our network's logits are float32, and so are the softmax and the loss. Does the rest still give a good gradient in 16
# bits? We take one step in float32 and one in bfloat16. For each we put the changes of all weights into one vector, and
# we compare the two vectors by the cosine of the angle between them:

# %%
half = Net(unit04.ResidualBlock, conv=own_conv, pool=unit04.max_pool, dtype=jnp.bfloat16)
steps["bfloat16"] = on_this_batch(half, compiler_options=options)
moves = []
for name in ("options", "bfloat16"):
    after, _ = steps[name]()
    difference = jax.tree.map(jnp.subtract, after.params, start.params)
    moves.append(jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(difference)]))
cosine = moves[0] @ moves[1] / (jnp.linalg.norm(moves[0]) * jnp.linalg.norm(moves[1]))
print("float32 and bfloat16 move the weights the same way, cosine above 0.99:", bool(cosine > 0.99))

# %% [markdown]
# The directions agree. Is it faster?
#
# <details><summary>Guess first: the EPYC of our figures has instructions for bfloat16, and the Xeon of the stored run
# has units that multiply matrices in it (AMX). Is a step in bfloat16 faster there?</summary>
#
# On the EPYC it takes a fifth to a quarter longer. On the Xeon it takes a fifth to a quarter less.
#
# </details>

# %% tags=["nbval-ignore-output"]
compare("options", "bfloat16")

# %% [markdown]
# A CPU gains only if it has arithmetic for 16 bits *and* the library uses it. Otherwise numbers are widened, computed
# with, and rounded again. The EPYC of our figures does have instructions for bfloat16 (`avx512_bf16`), and yet bfloat16
# made this step slower there. The Xeon has AMX, and gains. NVIDIA GPUs have had units for it since [Ampere
# (2020)](https://developer.nvidia.com/blog/nvidia-ampere-architecture-in-depth/), and TPUs multiply in it by default
# (unit 01); we have not measured this step there.
#
# **Quick questions**
#
# <details><summary>Which of a layer's two settings makes its weights 16-bit numbers, and why is it left
# alone?</summary>
#
# `param_dtype`. In bfloat16, numbers near 1 are 0.008 apart, so an update of a thousandth of a weight would be lost.
#
# </details>
#
# <details><summary>bfloat16 made the step slower on the EPYC. Where may it still pay?</summary>
#
# Where memory is the limit: the maps take half the space. And where the hardware has units for it, and the library uses
# them.
#
# </details>

# %% [markdown]
# ## 12 · An epoch as one program
#
# Python calls the compiled step once for each batch, and each time a batch travels to the device. We can do without
# both: put the whole data set on the device, draw and vary the batches *inside* the program, and let `lax.scan` run
# over the steps. An epoch is then one call. (CIFAR-10's training pictures take 600 MB as float32; 128 do here.)

# %%
loaded = data.arrays("cifar10", "train[:128]")
pictures, classes = jnp.asarray(loaded.image), jnp.asarray(loaded.label)  # [N, 32, 32, 3], [N]

# %% [markdown]
# A step gets the numbers of its pictures and a key, varies each picture with a key of its own, and goes on as before:


# %%
def varied(key: jax.Array, image: jax.Array) -> jax.Array:
    """A picture [32, 32, 3], perhaps mirrored, moved by up to four pixels."""
    flip_key, move_key = jax.random.split(key)
    image = jnp.where(jax.random.bernoulli(flip_key), image[:, ::-1], image)
    rows, columns = jax.random.randint(move_key, (2,), 0, 9)
    return lax.dynamic_slice(jnp.pad(image, ((4, 4), (4, 4), (0, 0))), (rows, columns, 0), image.shape)


def drawn_step(
    model: nn.Module, state: State, chosen: tuple[jax.Array, jax.Array], pictures: jax.Array, classes: jax.Array
) -> tuple[State, jax.Array]:
    """A step on the pictures that are `chosen`: their numbers [B], and a key for their variations."""
    numbers, key = chosen
    batch = jax.vmap(varied)(jax.random.split(key, len(numbers)), pictures[numbers])
    return train_step(model, state, batch, classes[numbers])


# %% [markdown]
# The epoch is a scan over all steps. We compile it, and the single step for comparison:


# %%
def epoch(
    model: nn.Module, state: State, chosen: tuple[jax.Array, jax.Array], pictures: jax.Array, classes: jax.Array
) -> tuple[State, jax.Array]:
    """All steps of an epoch. chosen: numbers [steps, B], keys [steps]. Returns the state and the losses [steps]."""
    return lax.scan(lambda state, each: drawn_step(model, state, each, pictures, classes), state, chosen)


order_key, vary_key = jax.random.split(jax.random.key(5))
chosen = (
    jax.random.permutation(order_key, len(classes)).reshape(-1, BATCH),
    jax.random.split(vary_key, len(classes) // BATCH),
)
one_program = jax.jit(partial(epoch, own)).lower(start, chosen, pictures, classes).compile()
first = jax.tree.map(lambda leaf: leaf[0], chosen)
one_step = jax.jit(partial(drawn_step, own)).lower(start, first, pictures, classes).compile()

# %% [markdown]
# Do they compute the same? Here is the loop in Python, with the same order and the same keys:


# %%
def in_a_loop() -> tuple[State, list[jax.Array]]:
    """The same epoch, one call for each step."""
    state, losses = start, []
    for each in zip(*chosen, strict=True):
        state, loss = one_step(state, each, pictures, classes)
        losses.append(loss)
    return state, losses


# each runs once: what they differ by is far more than a first call costs
runs = {"a loop in Python": in_a_loop, "one program": partial(one_program, start, chosen, pictures, classes)}
losses, epoch_times = [], {}
for name, run in runs.items():
    begin = time.perf_counter()
    losses.append(jnp.stack(jax.block_until_ready(run())[1]))
    epoch_times[name] = 1000 * (time.perf_counter() - begin)
print("the same losses within a thousandth:", bool(jnp.allclose(*losses, atol=1e-3)))
print(f"largest difference of a loss: {jnp.abs(losses[0] - losses[1]).max():.1e}")

# %% [markdown]
# The same losses: in the stored run to the bit.
#
# <details><summary>Guess first: which is faster, and by how much?</summary>
#
# Neither by much: the dispatch that we save is a small part of a step of this network (part 2).
#
# </details>

# %% tags=["nbval-ignore-output"]
plots.bars(list(epoch_times), list(epoch_times.values()), unit="ms", better="lower", title="an epoch of 2 steps")
plt.show()

# %% [markdown]
# With the convolutions as they come, the result would be another. These are the convolutions of three programs, by who
# computes them. The third is not run, only compiled.

# %% tags=["nbval-ignore-output"]
as_it_comes = jax.jit(partial(epoch, sliced)).lower(start, chosen, pictures, classes).compile()
programs = {"the step": one_step, "the epoch": one_program, "the epoch with lax's gradients": as_it_comes}
for name, program in programs.items():
    by_whom = collections.Counter()
    for line in program.as_text().splitlines():
        if found := re.match(
            r"\s+(?:ROOT )?%(ynn_fusion|wrapped_convolution|convolution)[\w.]* = .*conv_general_dilated", line
        ):
            by_whom[found[1]] += 1
    print(f"{name}:", dict(by_whom))

# %% [markdown]
# `ynn_fusion` is what XLA hands to YNN, and `convolution` what it hands to another library. In the third program there
# are `wrapped_convolution`s. XLA computes these by plain loops of its own, which take *seconds* a step (the
# [finding](../ressources/findings/xla_cpu_convolution_gradients.md) has the figures).
#
# Why? The libraries take maps and kernels in one layout, `NHWC` and `HWIO`. lax's gradients have others: the gradient
# by the kernel, for example, sums over the batch as if it were channels. Outside a loop that does no harm, because a
# pass of the compiler transposes what goes in. But that pass looks at the program's entry computation only, and not at
# the body of a loop (in XLA's sources,
# [`conv_canonicalization.cc`](https://github.com/openxla/xla/blob/16569562fc04/xla/service/cpu/conv_canonicalization.cc)).
# The convolution of part 8 brings its arrays into that layout itself. So nothing is left for the pass to do, and a step
# in the loop takes about as long as outside.
#
# Where does one program gain, then? Where a step is short. Here is a network of two matrices, for which the call itself
# is a good part of the time:


# %%
def tiny_step(weights: tuple, numbers: jax.Array) -> tuple[tuple, jax.Array]:
    """A step of gradient descent for two matrices, on 32 pictures shrunk to 8×8."""

    def loss_fn(weights: tuple) -> jax.Array:
        logits = nn.relu(shrunk[numbers] @ weights[0]) @ weights[1]
        return optax.softmax_cross_entropy_with_integer_labels(logits, classes[numbers]).mean()

    loss, slopes = jax.value_and_grad(loss_fn)(weights)
    return jax.tree.map(lambda w, s: w - 0.01 * s, weights, slopes), loss


shrunk = pictures[:, ::4, ::4].reshape(len(pictures), -1)  # [N, 192]
begun = (0.05 * jax.random.normal(keys[0], (192, 32)), 0.05 * jax.random.normal(keys[1], (32, 10)))
orders = jax.random.randint(keys[2], (500, 32), 0, len(classes))
tiny_scan, tiny_jit = jax.jit(lambda weights: lax.scan(tiny_step, weights, orders)), jax.jit(tiny_step)
orders_of_steps = list(orders)


def tiny_loop() -> tuple:
    """500 steps, one call for each."""
    weights = begun
    for numbers in orders_of_steps:
        weights, _ = tiny_jit(weights, numbers)
    return weights


# %% tags=["nbval-ignore-output"]
tiny_times = medians({"a loop in Python": tiny_loop, "one program": partial(tiny_scan, begun)}, rounds=3)
plots.bars(list(tiny_times), list(tiny_times.values()), unit="ms", better="lower", title="500 tiny steps")
plt.show()

# %% [markdown]
# There one program wins clearly. An epoch as one program pays where a step is short compared with its dispatch. (On a
# fast GPU or TPU more steps are short; we have not measured it.)
#
# **Quick questions**
#
# <details><summary>A network trains at a normal speed step by step, and a hundred times slower under
# <code>lax.scan</code>. Where do you look first?</summary>
#
# At the compiled program, for convolutions that no library computes: `wrapped_convolution` in its text.
#
# </details>
#
# <details><summary>Why does <code>drawn_step</code> split its key once for each picture?</summary>
#
# With one key for all, every picture of the batch would be mirrored and moved in the same way.
#
# </details>

# %% [markdown]
# ## 13 · When the input is the limit
#
# A fast step is of no use if the pictures come too slowly. So compare two rates: the pictures a second that the
# pipeline of each unit delivers, and those that its model takes in training, in the stored races.


# %% tags=["nbval-ignore-output"]
AUGMENTED: dict[str, dict[str, Any]] = {
    "mnist": {"size": 28},
    "cifar10": {"size": 32, "augment": (augment.flip(), augment.pad_and_crop(4), augment.cutout(8))},
    "cats_vs_dogs": {"size": 120, "augment": (augment.random_resized_crop(96), augment.flip(), augment.colour())},
    "imagenette/160px-v2": {"size": 128, "augment": (augment.flip(), augment.pad_and_crop(8), augment.colour())},
}


def delivered(name: str) -> float:
    """Pictures a second from a pipeline that varies them no less than its unit does, after a first epoch."""
    split = "train" if name == "mnist" else "train[:512]"  # 512 digits take no longer than the epoch's start
    batches = data.load(name, split, batch_size=BATCH, shuffle=True, quiet=True, **AUGMENTED[name])
    for _ in range(2):
        begin = time.perf_counter()
        for batch in batches:
            jax.block_until_ready(batch)
    return len(batches) * BATCH / (time.perf_counter() - begin)


def taken(race: str) -> float:
    """Pictures a second that JAX trained on in a stored race."""
    result = stored.load(stored.Result, race)[0]
    seconds = [np.median(run["train"][1:]) for run in report.runs_of(result, "jax")]  # of an epoch, later ones
    return result.steps * result.batch / float(np.median(seconds))


races = {"mnist": "cnn", "cifar10": "vgg8", "cats_vs_dogs": "resnet18", "imagenette/160px-v2": "swin_micro"}
figure, axes = plt.subplots(figsize=(6.5, 2.6))
places = np.arange(len(races))
axes.barh(places - 0.2, [delivered(name) for name in races], 0.38, label="delivered, here")
axes.barh(places + 0.2, [taken(race) for race in races.values()], 0.38, color=plots.PALE, label="taken, in the race")
axes.set_yticks(places, list(races))
axes.set(xscale="log", xlim=(10, None), xlabel="images a second")
axes.invert_yaxis()
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# Where the dark bar is the longer one, the input is not the limit. In the stored run that is so for all four, and for
# ResNet18 and Swin by a wide margin. The start of an epoch counts, too: for a short epoch of small pictures it is a
# large part. On a faster device steps are shorter, and the input becomes the limit for more networks. Then decode
# once and keep the pictures in memory, vary them on the device (part 12), or read with more processes. (Pipeline and
# model were timed one at a time. When both run, they share the cores.)
#
# **Quick questions**
#
# <details><summary>A pipeline delivers 3,000 pictures a second, and the model takes 400. Is a faster pipeline worth the
# work?</summary>
#
# Not for this model on this machine: it would only wait longer for the model. With a device that takes more than 3,000
# it would be.
#
# </details>
#
# <details><summary>A pipeline that was timed alone delivers slightly more than the model takes. Can it still be the
# limit?</summary>
#
# Yes. When both run they share the cores, and the pipeline then delivers less than it did alone.
#
# </details>

# %% [markdown]
# ## 14 · The roofline
#
# When is a step fast *enough*? A processor has two limits: how many operations a second it can do (its *peak*), and how
# many bytes a second it can move to and from memory (its *bandwidth*). A program that does $F$ operations and moves $M$
# bytes takes at least $\max(F/\text{peak}, M/\text{bandwidth})$ seconds. $F/M$ is its *arithmetic intensity*. Drawn
# against it, the attainable rate looks like a roof ([Williams et al.,
# 2009](https://doi.org/10.1145/1498765.1498785)): sloping where the memory is the limit, flat where the arithmetic is.
#
# We measure both limits: the peak with a large product of matrices, with the options of part 9 or without, whichever is
# faster; the bandwidth with a sum of two long vectors, which reads two and writes one.

# %%
side = 1536
square = jnp.ones((side, side))
long = jnp.ones(2**24)
sums = jax.jit(jnp.add).lower(long, long).compile()
products = {
    name: jax.jit(jnp.matmul, compiler_options=setting).lower(square, square).compile()
    for name, setting in {"as it comes": {}, "with options": options}.items()
}
fastest = min(medians({name: partial(program, square, square) for name, program in products.items()}).values())
peak = 2 * side**3 / (fastest / 1000)  # FLOP/s
bandwidth = 3 * 4 * long.size / (medians({"sum": partial(sums, long, long)})["sum"] / 1000)  # bytes/s
print(f"peak {peak / 1e9:.0f} GFLOP/s, bandwidth {bandwidth / 1e9:.1f} GB/s")

# %% [markdown]
# The lowered program counts its operations. With the times of all our steps this gives the share of the peak that each
# of them reaches:

# %%
work = jax.jit(partial(train_step, sliced)).lower(start, images, labels).cost_analysis()["flops"]
print(f"{work / 1e9:.1f} GFLOP a step")
last = medians(steps)
shares = {name: work / (ms / 1000) / peak for name, ms in last.items()}
plots.bars(
    list(shares), [100 * share for share in shares.values()], unit="%", title="share of the peak that is reached"
)
plt.show()

# %% [markdown]
# (All are counted as the step with sliced pooling: extra operations must not count in a variant's favour. The peak is
# that of float32, for the bar of bfloat16 too.)
#
# Now the roof, with some of the step's layers under it:

# %%
kinds = {
    "convolution 64→64, 16×16": (convolve, (x, kernel)),
    "its gradient by the kernel": (one_product, (x, kernel, dy)),
    "BatchNorm, 32×32×64": (
        lambda m: (m - m.mean((0, 1, 2))) * lax.rsqrt(m.var((0, 1, 2)) + 1e-5),
        (jnp.ones((BATCH, 32, 32, 64)),),
    ),
    "dense layer": (jnp.matmul, (jnp.ones((BATCH, 128)), jnp.ones((128, 10)))),
}
placed = {}
for name, (function, arguments) in kinds.items():
    program = jax.jit(function).lower(*arguments)
    flops = program.cost_analysis()["flops"]
    moved_bytes = sum(4 * leaf.size for leaf in (*arguments, jax.eval_shape(function, *arguments)))
    ms = medians({name: partial(program.compile(), *arguments)})[name]
    placed[name] = (flops / moved_bytes, flops / (ms / 1000))

intensity = np.geomspace(0.05, 1000, 200)
figure, axes = plt.subplots(figsize=(6.5, 3.2))
axes.plot(intensity, np.minimum(peak, intensity * bandwidth) / 1e9, color="black", linewidth=1)
for number, (name, (where, rate)) in enumerate(placed.items()):
    axes.plot(where, rate / 1e9, "o", color=f"C{number}", label=name)
axes.set(xscale="log", yscale="log", xlabel="FLOP a byte", ylabel="GFLOP/s", title="the roof, and what is under it")
axes.legend(fontsize=8)
plt.show()

# %% [markdown]
# A point under the flat part could use more of the arithmetic. A point near the slope waits for memory, and only moving
# fewer bytes would help: fusing it with its neighbours, or 16 bits. A layer whose arrays fit into the cache may stand
# above the slope. The smallest, the dense layer, stands far below it: most of its time is probably the call.
#
# **Quick questions**
#
# <details><summary>A layer reaches 20 % of the peak and lies on the slope. Is there anything to gain from a better
# matrix product?</summary>
#
# No. It is limited by memory; the arithmetic waits.
#
# </details>
#
# <details><summary>Why is the share of the peak a better figure than images a second when two machines are
# compared?</summary>
#
# It says how much of what the machine can do is used. Images a second mix this up with the machine's size.
#
# </details>

# %% [markdown]
# ## 15 · What it was worth
#
# All variants of the step, with our figures beside yours. The rows from `as it comes` to `options` ran in this kernel,
# and each adds one measure to the row above. `bfloat16` is `options` with 16 bits; the epoch has the own gradient and
# no options; and two rows are from the process of part 10 that gives its memory back.

# %%
# ms a step on two cores of an AMD EPYC, jax 0.12.0.1, nothing else running
OURS = {
    "as it comes, memory given back": 132,
    "as it comes": 89,
    "pooling by slices": 61,
    "own gradient by the kernel": 54,
    "options": 50,
    "bfloat16": 60,
    "options, memory given back": 86,
}

# %% tags=["nbval-ignore-output"]
rows = {"as it comes, memory given back": given_back[0], **last, "options, memory given back": given_back[1]}
rows["in an epoch as one program"] = epoch_times["one program"] / len(chosen[1])
slowest = rows["as it comes, memory given back"]
print(f"{'ms a step':32} {'here':>6} {'faster':>8} {'EPYC':>8} {'faster':>8}")
for name, ms in rows.items():
    ours = f"{OURS[name]:8.0f} {OURS['as it comes, memory given back'] / OURS[name]:7.2f}×" if name in OURS else ""
    print(f"{name:32} {ms:6.0f} {slowest / ms:7.2f}× {ours}".rstrip())

# %% [markdown]
# In our figures the kept memory is worth the most (132 to 89 ms), then the pooling (to 61), then the gradient by the
# kernel with the options (to 50). (The epoch was not measured there in its present form.) That is the order for this
# network on that processor. On the Xeon of the stored run the order is another, and bfloat16 is the fastest. What
# carries over is the method: measure, find the one thing that takes longest, ask why, change it, measure again.
#
# **Quick questions**
#
# <details><summary>Would each measure gain the same if they came in another order?</summary>
#
# In milliseconds about the same, where each changes a part of its own. As a factor no: what is left is shorter, so the
# same milliseconds are a larger share of it.
#
# </details>
#
# <details><summary>The options gained something here. Would you set them for every program?</summary>
#
# No. Part 9 chose them for this one; for another they may cost time. Measure first.
#
# </details>

# %% [markdown]
# ## 16 · For the record

# %%
results.record(
    step_speedup=last["as it comes"] / last["options"],
    training_images_per_second=1000 * BATCH / last["options"],
    compile_seconds=compile_seconds,
)

# %% [markdown]
# ## What to remember
#
# - Wait for the result, leave out the first calls, take the median, let programs take turns, and know how far apart two
#   runs of the same program are.
# - Split a time before you explain it. A profile's operations can be traced back to layers by `op_name`.
# - On a CPU, XLA's gradient of a max-pool is slow, and so are convolutions whose kernel is larger than the map, and
#   gradients by the kernel on large maps.
# - `custom_vjp` gives a function a gradient of your own. Prove it in float64, and make sure that a broken copy fails.
# - Compiler options can be given to one function. They are good for one kind of program and may be bad for another.
# - Page faults cost time. Ask the compiled program what memory it needs; `jax.checkpoint` trades work for memory.
# - 16 bits are fast where hardware and library have arithmetic for them. An epoch as one program pays where steps are
#   short. A fast step is of no use if the input is the limit.
# - The roofline says whether arithmetic or memory is what you wait for.
#
# **Now you:** `exercises/06_make_it_fast` has you write these pieces yourself, each with a check that tells you at
# once.

# %% [markdown]
# ## Sources and further reading
#
# - The companion: "Jax&Flax ResNet18 Classification Experiment" (2022), the README of Yuji-github's
#   [`Jax_Res18-Classification`](https://github.com/Yuji-github/Jax_Res18-Classification/blob/f1e224c67346/README.md).
# - Harris, "How to optimize data transfers in CUDA C/C++", 2012,
#   [NVIDIA's blog](https://developer.nvidia.com/blog/how-optimize-data-transfers-cuda-cc/): a GPU's bus.
# - JAX's documentation: [custom derivative
#   rules](https://docs.jax.dev/en/latest/301/custom-jvp-vjp.html),
#   [profiling](https://docs.jax.dev/en/latest/201/profiling.html), [persistent compilation
#   cache](https://docs.jax.dev/en/latest/501/compilation-cache.html), [compiler
#   options](https://docs.jax.dev/en/latest/201/controlling-xla.html), [gradient
#   checkpointing](https://docs.jax.dev/en/latest/301/remat.html), [GPU memory
#   allocation](https://docs.jax.dev/en/latest/201/gpu-memory.html).
# - Chen et al., "Training deep nets with sublinear memory cost", 2016,
#   [arXiv:1604.06174](https://arxiv.org/abs/1604.06174): computing twice.
# - Micikevicius et al., "Mixed precision training", 2017, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740), and
#   NVIDIA, ["NVIDIA Ampere architecture
#   in-depth"](https://developer.nvidia.com/blog/nvidia-ampere-architecture-in-depth/), 2020.
# - Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore architectures",
#   2009, [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785).
# - "How to scale your model", 2025, [jax-ml.github.io/scaling-book](https://jax-ml.github.io/scaling-book/): rooflines
#   for TPUs.
# - The C library's tunables: [glibc manual](https://www.gnu.org/software/libc/manual/html_node/Tunables.html).
