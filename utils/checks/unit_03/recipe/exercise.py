"""The check of `recipe` and its hints. Any recipe that keeps the rules is right."""

from __future__ import annotations

import inspect
import re
from typing import Any

import haiku as hk
import jax
import numpy as np
import optax

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_03.shared import quick
from utils.data import augment

WIDTH, STEPS = 2, 20
IMAGES = np.zeros((4, 32, 32, 3), np.float32)
FIELDS = ("name", "network", "optimizer", "augment", "smoothing")


@exercise(
    stars=3,
    minutes=30,
    points=4,
    seconds=60.0,  # one large program to compile
    hints=(
        "Begin with `plain` under another name and change one thing: `network=hk.transform(forward)`, where `forward(images, "
        "training=False)` calls `VGG8(width)` with `dropout=0.2`.",
        "`augment=(augment.flip(), augment.pad_and_crop(4))`; `optax.adamw(rate, weight_decay=…, mask=…)`, where the mask leaves "
        "out biases: `lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)`.",
        "A schedule takes the place of a learning rate: `optax.warmup_cosine_decay_schedule(0.0, 3e-3, steps // 10, steps)`. "
        "With few steps keep every measure weak.",
    ),
)
def recipe(answer: Any, reference: Any) -> None:
    """Your own recipe: network, optimiser, augmentation, smoothing."""
    made = answer(WIDTH, STEPS)
    if tuple(getattr(made, "_fields", ())) != FIELDS:
        probes.fail(f"It returned {_kind(made)}; a `Recipe` is wanted, with {', '.join(FIELDS)}.")
    if not isinstance(made.name, str) or not re.fullmatch(r"[a-z0-9-]+", made.name):
        probes.fail(f"The `name` {made.name!r} names a folder and a line: small letters, digits and `-` only.")
    if made.name == "plain":
        probes.fail("The `name` 'plain' is the plain network's; give yours another.")
    _smoothing_is_right(made.smoothing)
    _augment_is_right(made.augment)
    if not (callable(getattr(made.optimizer, "init", None)) and callable(getattr(made.optimizer, "update", None))):
        probes.fail(f"The `optimizer` is {_kind(made.optimizer)}; one of optax's is wanted, e.g. `optax.adam(2e-3)`.")
    _network_is_right(made.network, known("weights of VGG8", lambda: _weights_of(reference(WIDTH, STEPS).network)))
    logits, losses = quick(lambda key: _first_and_losses(made, key))(jax.random.key(0, impl="rbg"))
    if bool(np.allclose(np.sum(logits, axis=-1), 1.0, atol=1e-4) and np.all(logits >= 0)):
        probes.fail("What it gives are probabilities: there is a softmax at the end. The loss wants plain logits.")
    _learns(np.asarray(losses, np.float64))


def _kind(value: Any) -> str:
    return "`None`" if value is None else f"a `{type(value).__name__}`"


def _smoothing_is_right(smoothing: Any) -> None:
    if not isinstance(smoothing, int | float) or not 0 <= smoothing < 1:
        probes.fail(f"The smoothing is {smoothing!r:.60}; a share from 0 to below 1 is wanted.")


def _augment_is_right(functions: Any) -> None:
    if not isinstance(functions, tuple | list):
        probes.fail("`augment` should be a tuple of functions: `(augment.flip(),)` with its comma, or `()` for none.")
    for function in functions:
        name = next((name for name, known in vars(augment).items() if function is known), None)
        if name:
            probes.fail(f"In `augment` stands the maker, not what it makes: `augment.{name}()`.")
        if not callable(function):
            probes.fail(f"In `augment` stands {_kind(function)}; functions of `utils.data.augment` are wanted.")


def _network_is_right(network: Any, limit: int) -> None:
    """Logits in evaluation without a key, and no more weights than are allowed; all without arithmetic."""
    if isinstance(network, hk.TransformedWithState) or not isinstance(network, hk.Transformed):
        probes.fail(f"`network` is {_kind(network)}; what `hk.transform` returns is wanted.")
    if "rng" not in inspect.signature(network.apply).parameters:
        probes.fail("`network.apply` takes no key: leave `hk.without_apply_rng` away, even where no key is needed.")
    count = _weights_of(network)
    logits = _logits_shape(network, jax.eval_shape(network.init, jax.random.key(0), IMAGES), IMAGES)
    if getattr(logits, "shape", None) != (4, 10):
        shape = list(getattr(logits, "shape", ()))
        probes.fail(f"For 4 pictures it gives {shape}; logits [4, 10] are wanted.")
    if count > 2 * limit:
        probes.fail(
            f"At width {WIDTH} it has {count:,} weights, VGG8 has {limit:,}: at most twice as many are allowed, or it is a "
            "contest of sizes."
        )


def _weights_of(network: hk.Transformed) -> int:
    shapes = jax.eval_shape(network.init, jax.random.key(0), IMAGES)
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def _logits_shape(network: hk.Transformed, shapes: Any, images: Any) -> Any:
    try:
        return jax.eval_shape(lambda params, x: network.apply(params, None, x, training=False), shapes, images)
    except ValueError as error:
        if "RNG" not in str(error) and "rng" not in str(error):
            raise
        probes.fail(
            "In evaluation `network.apply` asks for a key, so something is drawn there: with `training=False` nothing may be."
        )
    except TypeError as error:
        if "training" not in str(error):
            raise
        probes.fail("The function that is transformed must take `training`: `def forward(images, training=False)`.")


def _pictures() -> tuple[np.ndarray, np.ndarray]:
    """Four pictures of two kinds, bright and dark, and their labels."""
    draw = np.random.default_rng(0)
    labels = np.arange(4) % 2
    images = draw.normal(size=(4, 32, 32, 3)) + np.where(labels == 0, 1.5, -1.5)[:, None, None, None]
    return images.astype(np.float32), labels


def _first_and_losses(made: Any, key: Any) -> tuple[jax.Array, jax.Array]:
    """The logits [4, 10] of fresh weights in evaluation, and the losses [STEPS] of a training on four pictures."""
    images, labels = _pictures()
    wanted = optax.smooth_labels(jax.nn.one_hot(labels, 10), made.smoothing)
    init_key, key = jax.random.split(key)
    params = made.network.init(init_key, images)

    def loss_fn(params: Any, key: Any) -> Any:
        return optax.softmax_cross_entropy(made.network.apply(params, key, images, training=True), wanted).mean()

    def step(state: Any, key: Any) -> Any:
        params, opt_state = state
        loss, gradients = jax.value_and_grad(loss_fn)(params, key)
        updates, opt_state = made.optimizer.update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    _, losses = jax.lax.scan(step, (params, made.optimizer.init(params)), jax.random.split(key, STEPS))
    return made.network.apply(params, None, images, training=False), losses


def _learns(losses: np.ndarray) -> None:
    """Whether the loss falls within STEPS steps, as the plain network's does at once."""
    begin, end = losses[0], np.mean(losses[-5:])
    course = f"from {begin:.2f} to {end:.2f} in {STEPS} steps on four pictures that are easily told apart"
    if not np.isfinite(losses).all() or end > 3 * begin:
        first = ", ".join(f"{loss:.3g}" for loss in losses[:6])
        probes.fail(f"The loss blows up: {first} … Is the learning rate too large?")
    if end > begin + 0.02:
        probes.fail(f"The loss rises, {course}: is the sign of the learning rate wrong, or the rate too large?")
    if end > begin - 0.15:
        probes.fail(
            f"The loss hardly falls: {course}. Is the learning rate too small, or a warm-up too long for `steps`?"
        )
