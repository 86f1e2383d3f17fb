"""What the tests share that compare a lesson's model with PyTorch's golden values."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from golden import rule

from utils.base import definitions
from utils.base.paths import ROOT

# for programs that run once: compiling them is most of the work
quick = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def golden(name):
    """The golden values of a model."""
    return json.loads((Path(__file__).parents[1] / "golden" / f"{name}.json").read_text(encoding="utf-8"))


def cross_entropy(logits):
    """The mean for the labels 0, 1, 2 … 9, 0 and so on."""
    labels = jnp.arange(len(logits)) % 10
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def distances(named, summaries, logits, loss, values):
    """How far arrays by their names, logits and loss are from the golden ones."""
    assert named.keys() == summaries.keys()
    apart = {name: rule.distance(name, array, summaries[name]) for name, array in named.items()}
    apart |= {"logits": np.abs(logits - np.array(values["logits"])).max(), "loss": abs(float(loss) - values["loss"])}
    print(f"at most {max(apart.values()):.1e}")
    return apart


def mutated(lesson, changes, folder, start=""):
    """A copy of the lesson with a mistake in it: of each pair the first text, behind `start`, becomes the second."""
    text = (ROOT / lesson).read_text(encoding="utf-8")
    begin = text.index(start)
    places = sorted((text.index(old, begin), old, new) for old, new in changes)
    for place, old, new in reversed(places):
        text = text[:place] + new + text[place + len(old) :]
    (folder / "mutant.py").write_text(text, encoding="utf-8")
    return definitions.load(folder / "mutant.py")


def see_that_the_limit_is_a_hundred_times_the_rounding(limit, logits_of, images):
    """A limit of logits in float32 is a hundred times what rounding gives, within a factor of 3.

    It is less than bfloat16 gives in float32's place. `logits_of` takes pictures and a dtype.
    """
    short, shorter = (logits_of(images, dtype) for dtype in (jnp.float32, jnp.bfloat16))
    with jax.enable_x64(True):
        exact = logits_of(images, jnp.float64)
    rounding, mistake = (np.abs(logits - exact).max() for logits in (short, shorter))
    print(f"float32 is off by {rounding:.1e}, bfloat16 by {mistake:.1e}")
    assert limit / 3 < 100 * rounding < 3 * limit < mistake
