"""`recipe`: any recipe that keeps the rules is right. Most show while it is traced; what crosses tells of two trainings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from utils.base.quiet_tensorflow import tensorflow
from utils.checks.answers import Told
from utils.checks.crossing import kind
from utils.checks.exercise import Draw, Exercise
from utils.checks.unit_03.shared import is_pair

FIELDS = ("name", "network", "optimizer", "augment", "smoothing")
SAME_SIZE = re.compile(r"(flip|pad_and_crop|colour|cutout)\.")  # of `utils.data.augment`: need not be tried
TOLD = {
    "logits": "The network gives probabilities: there is a softmax at the end. The loss wants plain logits.",
    "finite": "The loss blows up. Is the learning rate too large, or of the wrong sign, or is something divided by 0?",
    "falls": "The loss rises. Is the sign of the learning rate wrong, or the rate too large?",
    "learns": "It doesn't learn: after all steps it cannot tell bright pictures from dark ones. Is the learning rate too small, "
    "a warm-up too long or a schedule too short for `steps`, the decay of the weights too strong, or does nothing of the "
    "pictures arrive at the logits (a dropout rate of 1)?",
}
BLIND = float(np.log(2))  # the loss on two kinds of pictures for a network that does not look at them


def draw(rng: Draw, batch: int, width: int, steps: int, trains: bool = False) -> dict[str, Any]:
    """Pictures of two kinds, bright and dark, and a key for two trainings."""
    label = np.arange(batch, dtype=np.int32) % 2
    images = rng.normal(batch, 32, 32, 3) + np.where(label == 0, 1, -1)[:, None, None, None]
    key = jax.random.key(int(rng.integers(0, 2**31 - 1)), dtype="unsafe_rbg")  # compiles faster
    size = {"width": width, "steps": steps, "trains": trains}
    return {"images": images.astype(np.float32), "label": label, "key": key, **size}


def ask(answer: Any, own: Any, *, images: Any, label: Any, key: Any, width: int, steps: int, trains: bool) -> Any:
    """Which rules two trainings keep, after what makes a recipe no recipe is told."""
    made = answer(width, steps)
    if gone := [name for name in FIELDS if not hasattr(made, name)]:
        raise Told(f"It returned {kind(made)} without a field `{gone[0]}`, not a `Recipe`.")
    _told(made)
    one = jnp.zeros((1, 32, 32, 3))
    is_pair(made.network, one)
    weights = jax.eval_shape(made.network.init, key, one)
    evaluate = partial(made.network.apply, training=False)
    try:
        logits = jax.eval_shape(evaluate, weights, None, images)
    except ValueError:
        jax.eval_shape(evaluate, weights, None, one)  # raises too, where the number of images is not to blame
        raise Told(
            "The network works for one batch size only. Is the batch size fixed in a `reshape`? Use `x.shape[0]`."
        ) from None
    if getattr(logits, "shape", None) != (len(images), 10):
        raise Told(
            f"For {len(images)} images the network returns {kind(logits)} instead of logits [{len(images)}, 10]."
        )
    most = 2 * (535 * width**2 + 85 * width + 10)  # twice the weights of `VGG8(width)`
    if sum(leaf.size for leaf in jax.tree.leaves(weights)) > most:
        raise Told(
            "The network has more than twice as many weights as `VGG8(width)`; at most twice as many are allowed. The "
            "kernels grow with the square of the width, and the first linear layer holds half of the weights."
        )
    if not trains:
        return dict.fromkeys(TOLD, True)
    logits, losses = jax.lax.map(lambda key: _training(made, images, label, key, steps), jax.random.split(key))
    after = optax.softmax_cross_entropy(logits, jax.nn.one_hot(label, 10)).mean(axis=-1)
    probabilities = (jnp.abs(logits.sum(axis=-1) - 1).max() < 1e-3) & (logits.min() >= 0)
    finite = jnp.isfinite(losses).all() & (losses < 1e3).all()
    return {
        "logits": ~probabilities,
        "finite": finite,
        "falls": finite & (losses[:, -steps // 5 :].mean(axis=1) < losses[:, 0] + 0.1).any(),
        "learns": finite & (after < 0.9 * BLIND).any(),
    }


def accepts(inputs: dict[str, Any], got: Mapping[str, Any], want: Mapping[str, Any]) -> str:
    """What is told of the first rule that is not kept."""
    return next((message for rule, message in TOLD.items() if not np.all(got[rule])), "")


def _training(made: Any, images: Any, label: Any, key: Any, steps: int) -> tuple[jax.Array, jax.Array]:
    """Logits [B, 10] in evaluation after a training as the notebook's, and its losses [steps]."""
    init_key, key = jax.random.split(key)
    params = made.network.init(init_key, jnp.zeros((1, 32, 32, 3)))
    wanted = optax.smooth_labels(jax.nn.one_hot(label, 10), made.smoothing)

    def loss_fn(params: Any, key: Any) -> jax.Array:
        loss: jax.Array = optax.softmax_cross_entropy(made.network.apply(params, key, images, training=True), wanted)
        return loss.mean()

    def step(state: Any, number: jax.Array) -> Any:
        params, opt_state = state
        loss, gradients = jax.value_and_grad(loss_fn)(params, jax.random.fold_in(key, number))
        updates, opt_state = made.optimizer.update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    (after, _), losses = jax.lax.scan(step, (params, made.optimizer.init(params)), jnp.arange(steps))
    return made.network.apply(after, None, images, training=False), losses


def _told(made: Any) -> None:
    """Tell of a name, a smoothing, an augmentation or an optimiser that is none."""
    if not isinstance(made.name, str) or not re.fullmatch(r"[a-z0-9-]+", made.name):
        raise Told(
            f"The `name` is {made.name!r:.60}. It becomes a folder's name: use lower-case letters, digits and `-` only."
        )
    if made.name == "plain":
        raise Told("The `name` 'plain' belongs to the plain network. Choose another one.")
    if not (np.ndim(made.smoothing) == 0 and 0 <= made.smoothing < 1):
        raise Told(f"The smoothing is {made.smoothing!r:.60}; it should be at least 0 and below 1.")
    if not (callable(getattr(made.optimizer, "init", None)) and callable(getattr(made.optimizer, "update", None))):
        raise Told(
            f"The `optimizer` is {kind(made.optimizer)}; it should be one of optax's, such as `optax.adam(2e-3)`."
        )
    if not isinstance(made.augment, tuple):
        raise Told("`augment` should be a tuple of functions: `(augment.flip(),)`, with its comma, or `()` for none.")
    for function in made.augment:
        if not SAME_SIZE.match(getattr(function, "__qualname__", "")):
            _keeps_the_size(function)


def _keeps_the_size(function: Any) -> None:
    tf = tensorflow()
    try:
        shape = np.shape(function(tf.zeros((32, 32, 3)), tf.zeros(2, tf.int32)))
    except Exception as error:
        raise Told(
            f"A member of `augment` cannot be called with a picture and a seed ({error!s:.100}). Are the parentheses "
            "missing, as in `augment.flip()`?"
        ) from None
    if shape != (32, 32, 3):
        raise Told(f"A function in `augment` turns a picture [32, 32, 3] into {list(shape)}. It must keep the size.")


recipe = Exercise(
    name="recipe",
    title="Your own recipe: network, optimiser, augmentation, smoothing",
    stars=3,
    minutes=30,
    points=4,
    hints=(
        "Begin with `plain` under another name and change one thing, for example `network=hk.transform(forward)`, where "
        "`forward(images, training=False)` calls `VGG8(width)` with `dropout=0.2`.",
        "Try `augment=(augment.flip(), augment.pad_and_crop(4))`, or `optax.adamw(rate, weight_decay=…, mask=…)` with a mask "
        "that excludes the biases: `lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)`.",
        "A schedule can replace the learning rate: `optax.warmup_cosine_decay_schedule(0.0, 3e-3, steps // 10, steps)`. "
        "With few steps, keep the regularisation weak.",
    ),
    sizes=(
        {"batch": 3, "width": 8, "steps": 320, "about": "width 8, 320 steps"},
        {"batch": 1, "width": 24, "steps": 12500, "about": "width 24, 12,500 steps"},
        {"batch": 4, "width": 4, "steps": 80, "trains": True, "about": "a training of 80 steps on four pictures"},
    ),
    draw=draw,
    ask=ask,
    accepts=accepts,
    draws=1,
    seconds=60.0,  # trainings, and TensorFlow where augmentation of one's own is tried
)
