"""The checks of unit 02: loss, model, training step, compilation, evaluation, best weights, packing, saliency."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from utils.checks import probes
from utils.checks.registry import Unit, Wrong
from utils.data import Batch

unit = Unit("02_flax_mnist_cnn")


def _agrees(got: Any, want: Any, rtol: float = 1e-5, atol: float = 1e-6) -> bool:
    """Whether two trees of the same structure hold the same numbers: then no mistake need be computed."""
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)
    return all(np.allclose(a, b, rtol=rtol, atol=atol) for a, b in pairs)


# --- 1 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=1,
    minutes=5,
    points=1,
    hints=(
        "`jax.nn.log_softmax(logits)` gives all log-probabilities, [B, K]. You need one of each row.",
        "`jnp.take_along_axis` picks by index along an axis; the labels must be a column for it: `labels[:, None]`. "
        "(Or multiply by `jax.nn.one_hot(labels, K)` and add up each row.)",
        "The last line is `return -jnp.mean(picked)`, where `picked` is [B, 1].",
    ),
    wrong=(
        Wrong(
            "sums instead of averaging",
            says="is the sum over the batch",
            code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return -jnp.sum(jnp.take_along_axis(log_p, labels[:, None], axis=1))
""",
        ),
        Wrong(
            "forgets the minus",
            says="minus sign",
            code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))
""",
        ),
        Wrong(
            "does not normalise",
            says="the score itself",
            code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], axis=1))
""",
        ),
        Wrong(
            "forgets the logarithm",
            says="no logarithm was taken",
            code="""
def cross_entropy(logits, labels):
    p = jax.nn.softmax(logits)
    return -jnp.mean(jnp.take_along_axis(p, labels[:, None], axis=1))
""",
        ),
        Wrong(
            "averages over the classes too",
            says="divided by the number of classes",
            code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.one_hot(labels, logits.shape[1]) * jax.nn.log_softmax(logits))
""",
        ),
        Wrong(
            "one loss for each example",
            says="has shape [6]",
            code="""
def cross_entropy(logits, labels):
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]
""",
        ),
        Wrong(
            "overflows",
            says="overflow in `exp`",
            code="""
def cross_entropy(logits, labels):
    p = jnp.exp(logits) / jnp.exp(logits).sum(axis=1, keepdims=True)
    return -jnp.mean(jnp.log(jnp.take_along_axis(p, labels[:, None], axis=1)))
""",
        ),
        Wrong(
            "logarithm of a probability that underflows",
            says="underflows to 0",
            code="""
def cross_entropy(logits, labels):
    p = jax.nn.softmax(logits)
    return -jnp.mean(jnp.log(jnp.take_along_axis(p, labels[:, None], axis=1)))
""",
        ),
        Wrong(
            "takes the most probable class for the label",
            says="the labels are not used",
            code="""
def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.log_softmax(logits).max(axis=1))
""",
        ),
    ),
)
def cross_entropy(answer: Any, reference: Any) -> None:
    """Mean cross-entropy of integer labels."""
    logits = 2.0 * jax.random.normal(jax.random.key(0), (6, 5))
    labels = jnp.array([0, 3, 1, 4, 4, 2], jnp.int32)
    probes.same_shapes(answer, reference, logits, labels)
    want = reference(logits, labels)
    picked = (jnp.arange(6), labels)
    probes.close(
        probes.call(answer, logits, labels),
        want,
        mistakes={
            "It is the sum over the batch; the mean is wanted.": want * 6,
            "A cross-entropy is positive: the minus sign is missing.": -want,
            "It takes the score itself for a log-probability. Normalise first: `jax.nn.log_softmax`.": -jnp.mean(
                logits[picked]
            ),
            "It averages probabilities: no logarithm was taken.": -jnp.mean(jax.nn.softmax(logits)[picked]),
            "The result is divided by the number of classes too. With one-hot labels add up each row first, then take "
            "the mean over the batch.": want / 5,
            "It is the cost of the most probable class: the labels are not used.": -jnp.mean(
                jax.nn.log_softmax(logits).max(axis=1)
            ),
        },
        because="Try it on two rows that you can work out by hand.",
    )
    far_apart = jnp.array([[1000.0, 0.0, -1000.0], [0.0, 0.0, 1000.0]])
    with probes.doing("with a score of 1000"):
        got = probes.call(answer, far_apart, jnp.array([1, 2], jnp.int32))
        probes.expect(
            bool(jnp.isfinite(got)),
            "the result is infinite. The probability underflows to 0 before its logarithm is taken; "
            "`jax.nn.log_softmax` does both at once, safely.",
        )
        probes.close(got, jnp.float32(500.0))
    probes.jits(answer, logits, labels)
    probes.gradient(answer, logits, labels)


# --- 2 ----------------------------------------------------------------------------------------------------


class _Variant(nn.Module):
    """The network of exercise 2 with its usual mistakes to choose from; the weights have the same names."""

    pool: Any = nn.avg_pool
    relu_after_conv: bool = True
    relu_after_pool: bool = False
    relu_after_dense: bool = True
    end: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for features in (16, 32):
            x = nn.Conv(features, (3, 3))(x)
            x = nn.relu(x) if self.relu_after_conv else x
            x = self.pool(x, (2, 2), strides=(2, 2))
            x = nn.relu(x) if self.relu_after_pool else x
        x = nn.Dense(64)(x.reshape((x.shape[0], -1)))
        x = nn.Dense(10)(nn.relu(x) if self.relu_after_dense else x)
        return self.end(x) if self.end else x


# what reaches the first dense layer tells what happened before it
_FLATTENED = {
    5
    * 5
    * 32: 'the convolutions shrink the pictures: they have padding "VALID". Flax\'s own default, "SAME", is right',
    26 * 26 * 32: "the pooling windows overlap: `strides` is missing, and Flax's default is 1",
    27 * 27 * 32: "the pooling windows overlap: `strides` is missing, and Flax's default is 1",
    28 * 28 * 32: "nothing halves the pictures: is the pooling missing, or its stride 1?",
    14 * 14 * 32: "the pictures are halved once, not twice",
    32: "the places are averaged away; each of the 7×7 places counts for itself: use `reshape`",
}


def _layers_are_right(got: dict[str, Any], want: dict[str, Any]) -> None:
    """Names and shapes of the weights, layer by layer, in the order of the network."""
    if got.keys() != want.keys():
        probes.fail(
            f"Its layers are {', '.join(got) or 'none'}; {', '.join(want)} are wanted. "
            "Make each on the line where it is used and leave its name to Flax."
        )
    features = [layer["kernel"].shape[-1] for layer in got.values()]
    if features[2:] == [10, 64]:
        probes.fail(
            "`Dense_0` has 10 features and `Dense_1` 64. Flax names layers in the order in which they are made, and in "
            "`nn.Dense(10)(… nn.Dense(64)(x))` Python makes the outer one first. Use a line for each."
        )
    for name, wanted in want.items():
        shape, due = got[name]["kernel"].shape, wanted["kernel"].shape
        if shape == due:
            continue
        if shape[-1] != due[-1]:
            probes.fail(f"`{name}` has {shape[-1]} features; {due[-1]} are wanted.")
        if name.startswith("Conv") and shape[:2] != due[:2]:
            probes.fail(f"The kernel of `{name}` is {shape[0]}×{shape[1]}; 3×3 is wanted.")
        if name == "Dense_0":
            why = _FLATTENED.get(shape[0], "look at the shapes on the way")
            probes.fail(f"`Dense_0` gets {shape[0]:,} numbers an image where 1,568 are wanted: {why}.")
        probes.fail(f"The kernel of `{name}` is {list(shape)}; {list(due)} is wanted.")
    probes.like(got, want)


@unit.exercise(
    stars=2,
    minutes=15,
    points=3,
    hints=(
        "It is the lesson's `CNN` with other sizes and without its last line's `log_softmax`. Write the layers in the "
        "order of the table; print `x.shape` between them.",
        "`nn.Conv(16, kernel_size=(3, 3))(x)`, then `nn.relu`, then `nn.avg_pool` with `window_shape=(2, 2)` "
        "*and* `strides=(2, 2)`.",
        "One row an image: `x = x.reshape((x.shape[0], -1))`. The last line is `return nn.Dense(10)(x)`.",
    ),
    wrong=(
        Wrong(
            "VALID padding",
            says='padding "VALID"',
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.relu(nn.Conv(features, (3, 3), padding="VALID")(x))
            x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
        ),
        Wrong(
            "pooling without strides",
            says="windows overlap",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
        ),
        Wrong(
            "max instead of mean",
            says="takes the maximum",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.max_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
        ),
        Wrong(
            "no ReLU after the convolutions",
            says="ReLU after the convolutions is missing",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.Conv(features, (3, 3))(x), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
        ),
        Wrong(
            "no ReLU between the dense layers",
            says="ReLU between the two dense layers is missing",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.Dense(64)(x.reshape((x.shape[0], -1)))
        return nn.Dense(10)(x)
""",
        ),
        Wrong(
            "a layer inside another's call",
            says="makes the outer one first",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        return nn.Dense(10)(nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1)))))
""",
        ),
        Wrong(
            "ReLU after the pooling",
            says="before the pooling",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.relu(nn.avg_pool(nn.Conv(features, (3, 3))(x), (2, 2), strides=(2, 2)))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
        ),
        Wrong(
            "log_softmax at the end",
            says="`log_softmax` at the end",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.log_softmax(nn.Dense(10)(x))
""",
        ),
        Wrong(
            "softmax at the end",
            says="probabilities",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.softmax(nn.Dense(10)(x))
""",
        ),
        Wrong(
            "ReLU on the logits",
            says="no ReLU after the last layer",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.relu(nn.Dense(10)(x))
""",
        ),
        Wrong(
            "5×5 kernels",
            says="is 5×5",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (5, 5))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
        ),
        Wrong(
            "one layer short",
            says="Its layers are",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        return nn.Dense(10)(x.reshape((x.shape[0], -1)))
""",
        ),
        Wrong(
            "the features of the two convolutions swapped",
            says="`Conv_0` has 32 features",
            code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (32, 16):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
        ),
    ),
)
def SmallCNN(answer: Any, reference: Any) -> None:
    """A convolutional network as a Flax module."""
    probes.expect(issubclass(answer, nn.Module), "It should be a Flax Linen module: `class SmallCNN(nn.Module)`.")
    keys = jax.random.split(jax.random.key(0), 2)
    images = jax.random.normal(keys[0], (2, 28, 28, 1))
    got = jax.eval_shape(answer().init, keys[1], images)
    want = jax.eval_shape(reference().init, keys[1], images)
    _layers_are_right(got.get("params", {}), want["params"])
    probes.like(got, want)

    # biases too are drawn: with zeros, a ReLU in the wrong place could go unseen
    draw = np.random.default_rng(0)
    weights = jax.tree.map(
        lambda leaf: jnp.asarray(draw.normal(size=leaf.shape) * np.prod(leaf.shape[:-1]) ** -0.5, jnp.float32), want
    )

    def run(module: nn.Module) -> Any:
        return module.apply(weights, images)  # not jitted: the variants share their operations

    probes.same_shapes(answer().apply, reference().apply, weights, images)
    got, want = probes.call(run, answer()), run(reference())
    if _agrees(got, want, 1e-4, 1e-5):
        return
    probes.close(
        got,
        want,
        mistakes={
            "The pooling takes the maximum; the mean is wanted: `nn.avg_pool`.": run(_Variant(pool=nn.max_pool)),
            "The ReLU after the convolutions is missing.": run(_Variant(relu_after_conv=False)),
            "The ReLU between the two dense layers is missing.": run(_Variant(relu_after_dense=False)),
            "ReLU comes before the pooling, not after it: the mean of what was cut off is another number.": run(
                _Variant(relu_after_conv=False, relu_after_pool=True)
            ),
            "There is a `log_softmax` at the end; this network returns plain logits.": run(
                _Variant(end=nn.log_softmax)
            ),
            "It returns probabilities: there is a softmax at the end. Plain logits are wanted.": run(
                _Variant(end=nn.softmax)
            ),
            "The logits may be negative: no ReLU after the last layer.": run(_Variant(end=nn.relu)),
        },
        because="The weights have the right shapes, so look at what stands between the layers, and in which order.",
        rtol=1e-4,
        atol=1e-5,
    )


# --- 3 ----------------------------------------------------------------------------------------------------


def _linear(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    """A model that costs nothing: logits [B, K] of images [B, H, W, C]."""
    return images.reshape((len(images), -1)) @ params["w"] + params["b"]


def _linear_params() -> dict[str, jax.Array]:
    return {"w": 0.5 * jax.random.normal(jax.random.key(1), (4, 3)), "b": jnp.array([0.3, -0.2, 0.1])}


def _padded_batches() -> list[Batch]:
    """Three batches of four; the last holds one real example and three blanks."""
    images = jax.random.normal(jax.random.key(2), (12, 2, 2, 1))
    labels = jnp.array([1, 2, 0, 1, 2, 2, 0, 1, 2, 0, 0, 0], jnp.int32)
    mask = jnp.arange(12) < 9
    images = jnp.where(mask[:, None, None, None], images, 0.0)
    return [Batch(images[i : i + 4], labels[i : i + 4], mask[i : i + 4]) for i in (0, 4, 8)]


@unit.exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Write the loss as a function of the weights alone, inside `train_step`, where it sees the batch; then "
        "`jax.value_and_grad` of it.",
        "The mean over the real examples: `jnp.mean(losses, where=batch.mask)`. Then "
        "`updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)`.",
        "`optax.apply_updates(state.params, updates)` adds them. Return "
        "`TrainState(state.step + 1, params, opt_state), loss`.",
    ),
    wrong=(
        Wrong(
            "forgets to apply the updates",
            says="the weights did not change",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, state.params, opt_state), loss
""",
        ),
        Wrong(
            "takes the updates for the weights",
            says="the updates themselves",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    params, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, params, opt_state), loss
""",
        ),
        Wrong(
            "returns the old optimiser state",
            says="the optimiser's old state",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, _ = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), state.opt_state), loss
""",
        ),
        Wrong(
            "subtracts the updates",
            says="climbs",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = jax.tree.map(lambda p, u: p - u, state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss
""",
        ),
        Wrong(
            "averages over the blanks",
            says="the blanks count",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
        ),
        Wrong(
            "masks, but divides by the batch size",
            says="divided by the size of the batch",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses * batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
        ),
        Wrong(
            "sums the losses",
            says="is the sum of the losses",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.sum(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
        ),
        Wrong(
            "does not count",
            says="the step is not counted",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step, optax.apply_updates(state.params, updates), opt_state), loss
""",
        ),
        Wrong(
            "returns the loss after the update",
            says="after the update",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    gradients = jax.grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, opt_state), loss_fn(params)
""",
        ),
        Wrong(
            "does not show the optimiser the weights",
            says="does not see the weights",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), loss
""",
        ),
        Wrong(
            "asks for the loss's value inside",
            says="The value of a traced array is needed",
            code="""
def train_step(state, batch, apply_fn, optimizer):
    def loss_fn(params):
        losses = optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, batch.image), batch.label)
        return jnp.mean(losses, where=batch.mask)
    loss, gradients = jax.value_and_grad(loss_fn)(state.params)
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), float(loss)
""",
        ),
    ),
)
def train_step(answer: Any, reference: Any) -> None:
    """One step of training as a pure function."""
    optimizer = optax.sgd(0.1, momentum=0.9)  # whose state matters from the second step on
    mask = jnp.array([True, True, True, False])
    images = jax.random.normal(jax.random.key(3), (4, 2, 2, 1)) * mask[:, None, None, None]
    batch = Batch(images, jnp.array([2, 0, 1, 0], jnp.int32), mask)
    state = _state_like(reference, optimizer, batch)

    def mine(state: Any, batch: Batch) -> Any:
        return answer(state, batch, _linear, optimizer)

    def right(state: Any, batch: Batch) -> Any:
        return reference(state, batch, _linear, optimizer)

    probes.same_shapes(mine, right, state, batch)
    if not _sees_weights(answer, reference, batch):
        probes.fail(
            "`optimizer.update` does not see the weights, which weight decay needs: "
            "`optimizer.update(gradients, state.opt_state, state.params)`."
        )
    got, (new, loss) = probes.call(mine, state, batch), right(state, batch)
    if _agrees(got, (new, loss)):
        probes.pure(mine, state, batch)
        return probes.jits(mine, state, batch)

    def stepped(losses_to_loss: Any, sign: float = 1.0) -> Any:
        """What the step gives for another loss of the same examples."""

        def loss_fn(params: Any) -> Any:
            logits = _linear(params, batch.image)
            return losses_to_loss(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label))

        value, gradients = jax.value_and_grad(loss_fn)(state.params)
        gradients = jax.tree.map(lambda g: sign * g, gradients)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        return type(new)(state.step + 1, optax.apply_updates(state.params, updates), opt_state), value

    downhill = jax.tree.map(lambda b, a: b - a, new.params, state.params)
    uphill = jax.tree.map(lambda a, d: a - d, state.params, downhill)
    climbs = "It climbs: the loss gets larger. optax's updates carry their sign already; add them."
    probes.close(
        got,
        (new, loss),
        mistakes={
            "After the step the weights did not change: `optax.apply_updates` adds the updates to them.": (
                new._replace(params=state.params),
                loss,
            ),
            "The new weights are the updates themselves. They are to be added to the old: `optax.apply_updates`.": (
                new._replace(params=downhill),
                loss,
            ),
            "It returns the optimiser's old state, so its averages never move. `optimizer.update` gives the new one.": (
                new._replace(opt_state=state.opt_state),
                loss,
            ),
            climbs: (new._replace(params=uphill), loss),
            climbs + " So does the gradient.": stepped(lambda losses: jnp.mean(losses, where=batch.mask), sign=-1.0),
            "In the mean the blanks count as examples: use `batch.mask`.": stepped(jnp.mean),
            "The blanks are left out of the sum, but it is divided by the size of the batch. Divide by the number of "
            "real examples.": stepped(lambda losses: jnp.mean(losses * batch.mask)),
            "The loss is the sum of the losses; the mean over the real examples is wanted.": stepped(
                lambda losses: jnp.sum(losses, where=batch.mask)
            ),
            "Weights and loss are right, but the step is not counted: `state.step + 1`.": (
                new._replace(step=state.step),
                loss,
            ),
            "The loss it returns was computed after the update. `jax.value_and_grad` gives the one before, at no cost.": (
                new,
                right(new, batch)[1],
            ),
        },
        because="Compare with the three points above, one after the other.",
    )


def _state_like(reference: Any, optimizer: Any, batch: Batch) -> Any:
    """A state after one step, so that the optimiser's averages are not zero. Its class is the solution's own."""
    params = _linear_params()
    state = reference.__globals__["TrainState"](jnp.zeros((), jnp.int32), params, optimizer.init(params))
    return reference(state, batch, _linear, optimizer)[0]


def _sees_weights(answer: Any, reference: Any, batch: Batch) -> bool:
    """Whether the answer passes the weights to `optimizer.update`."""
    base = optax.sgd(0.1)
    seen: list[bool] = []

    def update(gradients: Any, opt_state: Any, params: Any = None) -> Any:
        seen.append(params is not None)
        return base.update(gradients, opt_state, params)

    spy = optax.GradientTransformation(base.init, update)
    state = _state_like(reference, base, batch)
    jax.eval_shape(lambda s, b: answer(s, b, _linear, spy), state, batch)
    return all(seen)


# --- 4 ----------------------------------------------------------------------------------------------------


def _leaves_of_arguments(compiled: Any) -> tuple[list[Any], list[Any]]:
    """What a compiled program was told about its two arguments: lists of leaves with shape, dtype and `donated`."""
    (state, batch), _ = compiled.args_info
    return jax.tree.leaves(state), jax.tree.leaves(batch)


@unit.exercise(
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "Three calls in a row, each on what the one before returned: make it jittable, trace it for these shapes, compile.",
        "`jax.jit(step, donate_argnums=…)` has a method `lower`, which takes the descriptions in place of arguments.",
        "`jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec)`, and one call is still missing.",
    ),
    wrong=(
        Wrong(
            "only jits",
            says="nothing is compiled yet",
            code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0)
""",
        ),
        Wrong(
            "does not compile what it lowered",
            says="lowered but not compiled",
            code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec)
""",
        ),
        Wrong(
            "lowers for a batch of one",
            says="a batch of 1",
            code="""
def compile_step(step, state_spec, batch_spec):
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), batch_spec)
    return jax.jit(step, donate_argnums=0).lower(state_spec, one).compile()
""",
        ),
        Wrong(
            "forgets to donate",
            says="nothing is donated",
            code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step).lower(state_spec, batch_spec).compile()
""",
        ),
        Wrong(
            "donates the batch",
            says="not the state",
            code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=1).lower(state_spec, batch_spec).compile()
""",
        ),
        Wrong(
            "donates both",
            says="the batch is donated too",
            code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=(0, 1)).lower(state_spec, batch_spec).compile()
""",
        ),
        Wrong(
            "runs a step on zeros to warm up",
            says="a warm-up runs a step",
            code="""
def compile_step(step, state_spec, batch_spec):
    program = jax.jit(step, donate_argnums=0)
    program(*jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (state_spec, batch_spec)))
    return program
""",
        ),
        Wrong(
            "warms up with a batch of one before",
            says="traced 2 times",
            code="""
def compile_step(step, state_spec, batch_spec):
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), batch_spec)
    jax.jit(step).lower(state_spec, one).compile()
    return jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec).compile()
""",
        ),
        Wrong(
            "forgets the return",
            says="`None`",
            code="""
def compile_step(step, state_spec, batch_spec):
    jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec).compile()
""",
        ),
    ),
)
def compile_step(answer: Any, reference: Any) -> None:
    """A step compiled ahead of time."""

    def step(state: dict[str, jax.Array], batch: Batch) -> tuple[dict[str, jax.Array], jax.Array]:
        loss, gradients = jax.value_and_grad(lambda p: jnp.mean(_linear(p, batch.image) ** 2))(state)
        return jax.tree.map(lambda p, g: p - 0.1 * g, state, gradients), loss

    state, batch = _linear_params(), _padded_batches()[0]
    state_spec, batch_spec = jax.eval_shape(lambda: (state, batch))
    counted = probes.traces(step)
    program = probes.call(answer, counted, state_spec, batch_spec)
    if isinstance(program, jax.stages.Lowered):
        probes.fail("It is lowered but not compiled: one call is missing.")
    if isinstance(program, jax.stages.Wrapped):
        if counted.count:
            probes.fail(
                "It returns the jitted function; a warm-up runs a step, and for another shape it compiles again. "
                "Return the compiled program: `.lower(…).compile()`."
            )
        probes.fail(
            "It returns the jitted function: nothing is compiled yet, the first step will do that. "
            "A jitted function has a method `lower`."
        )
    if not isinstance(program, jax.stages.Compiled):
        probes.fail(f"It returns a `{type(program).__name__}`; the compiled program is wanted.")
    if counted.count != 1:
        probes.fail(
            f"The step was traced {counted.count} times to make one program; once is enough. "
            "Is there a warm-up with other shapes?"
        )
    state_leaves, batch_leaves = _leaves_of_arguments(program)
    for name, leaves, spec in (("state", state_leaves, state_spec), ("batch", batch_leaves, batch_spec)):
        for got, want in zip(leaves, jax.tree.leaves(spec), strict=True):
            if name == "batch" and got.shape[1:] == want.shape[1:] and got.shape[0] != want.shape[0]:
                probes.fail(
                    f"It is compiled for a batch of {got.shape[0]}, and `batch_spec` says {want.shape[0]}: "
                    "such a program is never used. Lower with the descriptions as they are given."
                )
            if (got.shape, got.dtype) != (want.shape, want.dtype):
                probes.fail(f"A leaf of the {name} is {got.shape} {got.dtype}; {want.shape} {want.dtype} is wanted.")
    gives_state, gives_batch = (any(leaf.donated for leaf in leaves) for leaves in (state_leaves, batch_leaves))
    if gives_batch and gives_state:
        probes.fail(
            "The state is donated as wanted, but the batch is donated too: whoever keeps a batch would lose it."
        )
    if gives_batch:
        probes.fail("The batch is donated, not the state. `donate_argnums` counts arguments from 0.")
    if not gives_state:
        probes.fail("It is compiled for the right shapes, but nothing is donated: `jax.jit` takes `donate_argnums`.")
    want = jax.jit(step)(state, batch)
    probes.close(
        probes.call(program, jax.tree.map(jnp.copy, state), batch), want, because="Is it another function's program?"
    )


# --- 5 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=2,
    minutes=12,
    points=3,
    seconds=10.0,
    hints=(
        "Three running sums over the batches: of the losses, of the hits, of the real examples. Divide after the loop.",
        "`jnp.sum(losses, where=batch.mask)` leaves the blanks out and keeps the shape. The same for the hits.",
        "Hits are `jnp.argmax(logits, axis=-1) == batch.label`. The end: `return float(loss / count), float(hits / count)`.",
    ),
    wrong=(
        Wrong(
            "mean of the batches' means",
            says="mean of the batches' means",
            code="""
def evaluate(predict, params, batches):
    losses, accuracies = [], []
    for batch in batches:
        logits = predict(params, batch.image)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        losses.append(jnp.mean(loss, where=batch.mask))
        accuracies.append(jnp.mean(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
    return float(np.mean(losses)), float(np.mean(accuracies))
""",
        ),
        Wrong(
            "counts the blanks",
            says="The blanks of the last batch count",
            code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).sum()
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label)
        count += len(batch.label)
    return float(loss / count), float(hits / count)
""",
        ),
        Wrong(
            "masks the losses but not the hits",
            says="blank that is taken for class 0",
            code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label)
        count += jnp.sum(batch.mask)
    return float(loss / count), float(hits / count)
""",
        ),
        Wrong(
            "masks, but divides by all",
            says="divided by the number of rows",
            code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask)
        count += len(batch.label)
    return float(loss / count), float(hits / count)
""",
        ),
        Wrong(
            "returns inside the loop",
            says="the first batch only",
            code="""
def evaluate(predict, params, batches):
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        hits = jnp.argmax(logits, axis=-1) == batch.label
        return float(jnp.mean(losses, where=batch.mask)), float(jnp.mean(hits, where=batch.mask))
""",
        ),
        Wrong(
            "keeps only the last batch",
            says="the last batch only",
            code="""
def evaluate(predict, params, batches):
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        hits = jnp.argmax(logits, axis=-1) == batch.label
    return float(jnp.mean(losses, where=batch.mask)), float(jnp.mean(hits, where=batch.mask))
""",
        ),
        Wrong(
            "cuts the blanks away before predicting",
            says="compiled 2 programs",
            code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        images, labels = batch.image[batch.mask], batch.label[batch.mask]
        logits = predict(params, images)
        loss += optax.softmax_cross_entropy_with_integer_labels(logits, labels).sum()
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == labels)
        count += len(labels)
    return float(loss / count), float(hits / count)
""",
        ),
        Wrong(
            "per cent",
            says="in per cent",
            code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask)
        count += jnp.sum(batch.mask)
    return float(loss / count), float(100 * hits / count)
""",
        ),
        Wrong(
            "accuracy first",
            says="other order",
            code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask)
        count += jnp.sum(batch.mask)
    return float(hits / count), float(loss / count)
""",
        ),
        Wrong(
            "never ends",
            says="still ran after",
            code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    while True:
        for batch in batches:
            logits = predict(params, batch.image)
            loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
            hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask)
            count += jnp.sum(batch.mask)
    return float(loss / count), float(hits / count)
""",
        ),
    ),
)
def evaluate(answer: Any, reference: Any) -> None:
    """Evaluation over padded batches."""
    batches, params = _padded_batches(), _linear_params()
    counted = probes.traces(_linear)
    predict = jax.jit(counted)
    got = probes.call(answer, predict, params, batches)
    if isinstance(got, tuple | list):  # NumPy's float64 is a float
        got = tuple(float(value) if isinstance(value, float) else value for value in got)
    if counted.count > 1:
        probes.fail(
            f"`predict` was compiled {counted.count} programs, one for each shape it was called with. Give it whole batches, "
            "and leave the blanks out of the sums: `where=batch.mask`."
        )

    rows = []  # loss, hit, real: one row an example, one block a batch
    for batch in batches:
        logits = _linear(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        hits = jnp.argmax(logits, axis=-1) == batch.label
        rows.append(np.stack([losses, hits, batch.mask], axis=1).astype(np.float64))  # [B, 3]

    def figures(blocks: list[np.ndarray]) -> tuple[float, float]:
        every = np.concatenate(blocks)
        return float(every[:, 0].mean()), float(every[:, 1].mean())

    real = [block[block[:, 2] == 1] for block in rows]
    everything, kept = np.concatenate(rows), np.concatenate(real)
    want = figures(real)
    probes.close(
        got,
        want,
        mistakes={
            "It is the mean of the batches' means, in which an example of a short last batch weighs more. "
            "Add up over all batches, divide once.": tuple(np.mean([figures([b]) for b in real], axis=0).tolist()),
            "The blanks of the last batch count as examples. Their `mask` is false.": figures(rows),
            "The loss is right, but a blank that is taken for class 0 counts as a hit: the hits need the mask too.": (
                want[0],
                float(everything[:, 1].sum() / len(kept)),
            ),
            "The blanks are left out of the sums, which are then divided by the number of rows. Count the real examples.": (
                float(kept[:, 0].sum() / len(everything)),
                float(kept[:, 1].sum() / len(everything)),
            ),
            "It is right for the first batch only. Does it return inside the loop?": figures(real[:1]),
            "It is right for the last batch only. Sums must be kept from batch to batch.": figures(real[-1:]),
            "The accuracy is in per cent; a number from 0 to 1 is wanted.": (want[0], 100 * want[1]),
            "Both are right, but in the other order: the loss comes first.": (want[1], want[0]),
        },
        because="Work it out for the three small batches by hand.",
        rtol=1e-4,
    )


# --- 6 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "Two cases: the old best stays (when is that?), or there is a new one. Ask for `best is None` first.",
        "`jax.tree.map(jnp.copy, params)` copies every leaf of a tree.",
        "`if best is not None and best.loss <= loss: return best`; else a new `Best`.",
    ),
    wrong=(
        Wrong(
            "keeps a reference",
            says="memory was given away",
            code="""
def keep_best(best, params, epoch, loss):
    if best is not None and best.loss <= loss:
        return best
    return Best(loss, epoch, params)
""",
        ),
        Wrong(
            "copies the dictionary, not the arrays",
            says="still the very arrays",
            code="""
def keep_best(best, params, epoch, loss):
    if best is not None and best.loss <= loss:
        return best
    best = Best(loss, epoch, dict(params))
    assert best.params is not params
    return best
""",
        ),
        Wrong(
            "compares the wrong way",
            says="highest loss",
            code="""
def keep_best(best, params, epoch, loss):
    if best is not None and best.loss >= loss:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
        ),
        Wrong(
            "always takes the newest",
            says="always the newest",
            code="""
def keep_best(best, params, epoch, loss):
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
        ),
        Wrong(
            "never changes its mind",
            says="always the first",
            code="""
def keep_best(best, params, epoch, loss):
    if best is not None:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
        ),
        Wrong(
            "on a tie takes the later one",
            says="On a tie",
            code="""
def keep_best(best, params, epoch, loss):
    if best is not None and best.loss < loss:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
        ),
        Wrong(
            "keeps the loss but the newest weights",
            says="weights of another epoch",
            code="""
def keep_best(best, params, epoch, loss):
    params = jax.tree.map(jnp.copy, params)
    if best is not None and best.loss <= loss:
        return best._replace(params=params)
    return Best(loss, epoch, params)
""",
        ),
        Wrong(
            "forgets that there is no best at first",
            says="before the first epoch",
            code="""
def keep_best(best, params, epoch, loss):
    if best.loss <= loss:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))
""",
        ),
    ),
)
def keep_best(answer: Any, reference: Any) -> None:
    """The best weights so far, copied."""
    losses = [0.7, 0.9, 0.4, 0.6, 0.4]
    kept, want, found = None, None, []
    for epoch, loss in enumerate(losses, start=1):
        params = {"layer": {"w": jnp.full((2,), float(epoch))}}
        with probes.doing("with `best=None`, as before the first epoch" if epoch == 1 else f"in epoch {epoch}"):
            kept = probes.call(answer, kept, params, epoch, loss)
        want = reference(want, params, epoch, loss)
        probes.like(kept, want)
        for leaf in jax.tree.leaves(params):
            leaf.delete()  # as a training step does that was given this memory
        gone = [leaf for leaf in jax.tree.leaves(kept.params) if isinstance(leaf, jax.Array) and leaf.is_deleted()]
        if gone and kept.params is params:
            probes.fail(
                "What it keeps is the weights themselves, and their memory was given away by the next training step. "
                "Keep a copy of every leaf."
            )
        if gone:
            probes.fail(
                "The dictionary is a new one, but in it are still the very arrays that the next training step gives "
                "away. Copy every leaf: `jax.tree.map`."
            )
        found.append(int(kept.epoch))
        if float(kept.params["layer"]["w"][0]) != found[-1]:
            probes.fail(f"It says epoch {found[-1]}, but the weights of another epoch are kept with it.")
        if kept.loss != losses[found[-1] - 1]:
            probes.fail(f"It says epoch {found[-1]}, but the loss of another epoch is kept with it.")
    reasons: dict[tuple[int, ...], str] = {
        (1, 2, 2, 2, 2): "It keeps the weights with the highest loss; lower is better.",
        (1, 2, 3, 4, 5): "It is always the newest that is kept, though an earlier one has a lower loss.",
        (1, 1, 1, 1, 1): "It is always the first that stays, though a later one has a lower loss.",
        (1, 1, 3, 3, 5): "On a tie the earlier one stays; here the later one was taken.",
    }
    right = (1, 1, 3, 3, 3)
    if tuple(found) != right:
        general = f"With losses {losses} it keeps the epochs {found}, one after the other; {list(right)} is wanted."
        probes.fail(reasons.get(tuple(found), general))


# --- 7 ----------------------------------------------------------------------------------------------------


@unit.exercise(
    stars=1,
    minutes=8,
    points=1,
    hints=(
        "`flax.traverse_util.flatten_dict` does the walking; look at its argument `sep` (`help(…)` or `?`).",
        'Flatten `params["params"]`, so that the outermost name is left out.',
        "Then `{name: np.asarray(leaf) for name, leaf in flat.items()}`.",
    ),
    wrong=(
        Wrong(
            "tuples for names",
            says="names are tuples",
            code="""
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {name: np.asarray(leaf) for name, leaf in flat.items()}
""",
        ),
        Wrong(
            "keeps the outermost name",
            says='begin with "params/"',
            code="""
def pack(params):
    flat = flax.traverse_util.flatten_dict(params, sep="/")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}
""",
        ),
        Wrong(
            "dots for slashes",
            says='joined by "."',
            code="""
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep=".")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}
""",
        ),
        Wrong(
            "leaves JAX arrays in it",
            says="still a JAX array",
            code="""
def pack(params):
    return flax.traverse_util.flatten_dict(params["params"], sep="/")
""",
        ),
        Wrong(
            "only the last name",
            says="names collide",
            code="""
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {name[-1]: np.asarray(leaf) for name, leaf in flat.items()}
""",
        ),
        Wrong(
            "two levels, no more",
            says="only two levels deep",
            code="""
def pack(params):
    return {f"{layer}/{name}": np.asarray(leaf) for layer, leaves in params["params"].items() for name, leaf in leaves.items()}
""",
        ),
        Wrong(
            "returns the tree as it is",
            says="still nested",
            code="""
def pack(params):
    return jax.tree.map(np.asarray, params["params"])
""",
        ),
    ),
)
def pack(answer: Any, reference: Any) -> None:
    """Weights packed into a flat dictionary."""
    params = {
        "params": {
            "Conv_0": {"kernel": jnp.arange(6.0).reshape(3, 2), "bias": jnp.ones((2,))},
            "Block_0": {"Dense_0": {"kernel": jnp.arange(4.0).reshape(2, 2), "bias": jnp.zeros((2,))}},
        }
    }
    got, want = probes.call(answer, params), reference(params)
    if not isinstance(got, dict):
        probes.fail(f"A dictionary is wanted; it returned a `{type(got).__name__}`.")
    names = list(got)
    if any(isinstance(name, tuple) for name in names):
        probes.fail('The names are tuples; join their parts by "/": the argument `sep`.')
    if any(name.startswith("params/") for name in names):
        probes.fail('The names begin with "params/", which is to be left out: flatten what is inside.')
    if any("." in name for name in names):
        probes.fail('The parts of the names are joined by "."; "/" is wanted.')
    if any(isinstance(value, np.ndarray) and value.dtype == object for value in got.values()):
        probes.fail("It goes only two levels deep; a model may have layers within layers, to any depth.")
    if any(isinstance(value, dict) for value in got.values()):
        if all("/" in name for name in names):
            probes.fail("It goes only two levels deep; a model may have layers within layers, to any depth.")
        probes.fail("The result is still nested: every value should be an array.")
    if names and set(names) <= {"kernel", "bias"}:
        probes.fail(
            f"{len(want)} arrays went in and {len(names)} came out: names collide. Use the whole path, not its last part."
        )
    if names and set(names) != set(want):
        probes.fail(f"The names are {', '.join(sorted(names))}; {', '.join(sorted(want))} are wanted.")
    for name, value in got.items():
        if isinstance(value, jax.Array):
            probes.fail(
                f"The value of `{name}` is still a JAX array; safetensors' NumPy side wants NumPy's: `np.asarray`."
            )
    probes.close(got, want)


# --- 8 ----------------------------------------------------------------------------------------------------


def _two_layers(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    """A model whose gradient depends on the image: logits [B, K] of images [B, H, W, C]."""
    return jnp.tanh(images.reshape((len(images), -1)) @ params["v"]) @ params["w"] + params["b"]


@unit.exercise(
    stars=3,
    minutes=12,
    points=3,
    hints=(
        "Begin with *one* image: a function from an image [H, W, C] and its class to one number, that class's logit. "
        "The model wants a batch, so give it `image[None]`.",
        "`jax.grad` of that function differentiates by its first argument, the image; `jax.vmap` of the gradient "
        "takes all images and classes.",
        "`jnp.abs(gradients).max(axis=-1)`, where `gradients` is [B, H, W, C].",
    ),
    wrong=(
        Wrong(
            "keeps the sign",
            says="sign is kept",
            code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: apply_fn(params, image[None])[0, label]
    return jax.vmap(jax.grad(logit))(images, classes).max(axis=-1)
""",
        ),
        Wrong(
            "keeps the channels",
            says="has shape [3, 2, 2, 2]",
            code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: apply_fn(params, image[None])[0, label]
    return jnp.abs(jax.vmap(jax.grad(logit))(images, classes))
""",
        ),
        Wrong(
            "adds the channels up",
            says="added up",
            code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: apply_fn(params, image[None])[0, label]
    return jnp.abs(jax.vmap(jax.grad(logit))(images, classes)).sum(axis=-1)
""",
        ),
        Wrong(
            "gradient of the loss",
            says="gradient of the cross-entropy",
            code="""
def saliency(apply_fn, params, images, classes):
    def loss(image, label):
        return optax.softmax_cross_entropy_with_integer_labels(apply_fn(params, image[None])[0], label)
    return jnp.abs(jax.vmap(jax.grad(loss))(images, classes)).max(axis=-1)
""",
        ),
        Wrong(
            "gradient of the probability",
            says="gradient of the probability",
            code="""
def saliency(apply_fn, params, images, classes):
    probability = lambda image, label: jax.nn.softmax(apply_fn(params, image[None])[0])[label]
    return jnp.abs(jax.vmap(jax.grad(probability))(images, classes)).max(axis=-1)
""",
        ),
        Wrong(
            "the winning class instead of the one asked for",
            says="highest logit",
            code="""
def saliency(apply_fn, params, images, classes):
    top = lambda image: apply_fn(params, image[None])[0].max()
    return jnp.abs(jax.vmap(jax.grad(top))(images)).max(axis=-1)
""",
        ),
        Wrong(
            "differentiates by the weights",
            says="with respect to the weights",
            code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda params, image, label: apply_fn(params, image[None])[0, label]
    return jax.vmap(jax.grad(logit), in_axes=(None, 0, 0))(params, images, classes)
""",
        ),
        Wrong(
            "no vmap: the gradient of a vector",
            says="returns one number",
            code="""
def saliency(apply_fn, params, images, classes):
    logits = lambda images: apply_fn(params, images)[jnp.arange(len(classes)), classes]
    return jnp.abs(jax.grad(logits)(images)).max(axis=-1)
""",
        ),
        Wrong(
            "gradient times picture",
            says="multiplied by the picture",
            code="""
def saliency(apply_fn, params, images, classes):
    logit = lambda image, label: apply_fn(params, image[None])[0, label]
    return jnp.abs(images * jax.vmap(jax.grad(logit))(images, classes)).max(axis=-1)
""",
        ),
    ),
)
def saliency(answer: Any, reference: Any) -> None:
    """The pixels that a logit depends on."""
    keys = jax.random.split(jax.random.key(5), 3)
    params = {
        "v": 0.5 * jax.random.normal(keys[0], (8, 6)),
        "w": jax.random.normal(keys[1], (6, 4)),
        "b": jnp.arange(4.0),
    }
    images = jax.random.normal(keys[2], (3, 2, 2, 2))
    classes = jnp.argmin(_two_layers(params, images), axis=1).astype(jnp.int32)

    def by(score: Any) -> jax.Array:
        """Gradients [B, H, W, C] of a score of logits [K] and class."""
        gradient = jax.grad(lambda x, y: score(_two_layers(params, x[None])[0], y))
        return jax.jit(jax.vmap(gradient))(images, classes)

    def mine(images: jax.Array, classes: jax.Array) -> Any:
        return answer(_two_layers, params, images, classes)

    def by_weights(images: jax.Array, classes: jax.Array) -> float:
        result = mine(images, classes)
        if isinstance(result, dict) and result.keys() == params.keys():
            probes.fail("It is the gradient with respect to the weights; differentiate by the image.")
        return 0.0

    jax.eval_shape(by_weights, images, classes)
    probes.same_shapes(mine, lambda x, y: reference(_two_layers, params, x, y), images, classes)
    got, want = probes.call(mine, images, classes), reference(_two_layers, params, images, classes)
    if _agrees(got, want):
        return probes.jits(mine, images, classes)
    logit = by(lambda z, y: z[y])
    probes.close(
        got,
        want,
        mistakes={
            "The sign is kept. A pixel that lowers the logit matters too: absolute values first, then the maximum.": logit.max(
                -1
            ),
            "The absolute values come after the maximum; take them first.": jnp.abs(logit.max(-1)),
            "The channels are added up; the largest of them is wanted.": jnp.abs(logit).sum(-1),
            "It is the mean over the channels; the largest of them is wanted.": jnp.abs(logit).mean(-1),
            "It is the gradient of the cross-entropy, or of a log-probability; it mixes in the other classes. Take the logit.": (
                jnp.abs(by(lambda z, y: jax.nn.log_softmax(z)[y])).max(-1)
            ),
            "It is the gradient of the probability, which all classes share. Take the logit.": jnp.abs(
                by(lambda z, y: jax.nn.softmax(z)[y])
            ).max(-1),
            "It explains the class with the highest logit, not the one in `classes`.": jnp.abs(
                by(lambda z, y: z.max())
            ).max(-1),
            "The gradient is multiplied by the picture; the gradient alone is wanted.": jnp.abs(images * logit).max(-1),
            "It is the gradient of all logits together; that of the class named in `classes` is wanted.": jnp.abs(
                by(lambda z, y: z.sum())
            ).max(-1),
        },
        because="Try it with one image and `jax.grad` alone first.",
    )
