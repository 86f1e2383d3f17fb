"""`to_batch`: called on NumPy's bytes, with labels that are in range, and with some that are not."""

from __future__ import annotations

import re
from typing import Any

import jax
import numpy as np

from utils.checks.answers import CHANGED, Told
from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_04.shared import refusal


def draw(rng: Draw, shape: tuple[int, ...], size: int, classes: int, bad: int | None = None) -> dict[str, Any]:
    """Pictures as bytes, with labels, of which one may be out of range, `bad`, and in all draws but the first another one."""
    labels = rng.integers(0, classes, shape[0])
    labels[0] = classes - 1  # the last class is in range
    if bad is not None:
        labels[-1] = (classes + 7, -3)[bad > classes] if rng.turn else 0
    images = rng.integers(0, 256, *shape) // (1, 1, 40)[rng.turn]
    images[0] *= rng.turn != 1  # a real one may be black
    mean, std = rng.uniform(0.3, 0.6, shape[1]), rng.uniform(0.2, 0.5, shape[1])
    return {
        "images": images,
        "labels": labels,
        "size": size,
        "classes": classes,
        "mean": tuple(map(float, mean)),
        "std": tuple(map(float, std)),
        "bad": bad,
    }


def ask(answer: Any, own: Any, *, images: Any, labels: Any, bad: int | None, **settings: Any) -> Any:
    """The batch; or whether it is refused, and which label the message names."""
    given = np.array(images, np.uint8), np.array(labels, np.int64)
    if bad is not None:
        given[1][1] = bad  # not before: JAX's integers have 32 bits
        message = refusal(answer, *given, **settings)
        named = [int(number) for number in re.findall(r"-?\b\d+", (message or "").replace("−", "-"))]
        last = int(labels[-1])
        other = not 0 <= last < settings["classes"]  # a second bad label; else a range may be named first
        first = bad in named and not (other and last in named[: named.index(bad)])
        return {"raises ValueError": message is not None, "its message names the first bad label": first}
    with jax.disable_jit(False):  # else what the answer compiles would be left to NumPy, and its arrays NumPy's
        batch = answer(*given, **settings)
    if not (np.array_equal(given[0], images) and np.array_equal(given[1], labels)):
        raise Told(CHANGED)
    fields = {name: getattr(batch, name) for name in ("image", "label", "mask")}
    if still := [name for name, leaf in fields.items() if not isinstance(leaf, jax.Array)]:
        raise Told(f"`{still[0]}` is not a JAX array. `jnp.asarray` puts it on JAX's device.")
    return fields


to_batch = Exercise(
    name="to_batch",
    title="Channel-first bytes of a PyTorch loader as a JAX batch",
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "Do it in NumPy, and convert to JAX arrays in the last line. Begin with the order of the axes: `transpose` moves them, "
        "whereas `reshape` would mix up rows, columns and channels.",
        "`images.transpose(0, 2, 3, 1) / 255` is [N, H, W, C], so `mean` and `std` broadcast against the last axis. Pad *after* "
        "normalising: `np.pad(image, ((0, blanks), (0, 0), (0, 0), (0, 0)))`.",
        '`for label in labels: if not 0 <= label < classes: raise ValueError(f"label {label} …")`. The mask is '
        "`jnp.arange(size) < len(images)`.",
    ),
    crosses="values",
    sizes=(
        {"shape": (2, 2, 1, 3), "size": 3, "classes": 3},
        {"shape": (3, 3, 5, 4), "size": 7, "classes": 4},
        {"shape": (3, 1, 2, 4), "size": 3, "classes": 2},
        {"shape": (4, 3, 2, 1), "size": 5, "classes": 11, "bad": 48, "about": "a label that is far too large"},
        {"shape": (3, 2, 3, 1), "size": 3, "classes": 3, "bad": 2**32 + 1, "about": "a label that int32 cannot hold"},
        {"shape": (4, 3, 2, 1), "size": 5, "classes": 6, "bad": 6, "about": "a label that is the number of classes"},
        {"shape": (4, 3, 2, 1), "size": 5, "classes": 6, "bad": -1, "about": "a label of −1"},
    ),
    draw=draw,
    ask=ask,
)
