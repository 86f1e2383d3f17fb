"""The check of `SmallCNN` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


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


@exercise(
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
)
def SmallCNN(answer: Any, reference: Any) -> None:
    """A convolutional network as a Flax module."""
    probes.expect(issubclass(answer, nn.Module), "It should be a Flax Linen module: `class SmallCNN(nn.Module)`.")
    keys = jax.random.split(jax.random.key(0), 2)
    images = jax.random.normal(keys[0], (2, 28, 28, 1))
    got = jax.eval_shape(answer().init, keys[1], images)
    want = known("weights", lambda: jax.eval_shape(reference().init, keys[1], images))
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
    got, want = probes.call(run, answer()), known("logits", lambda: run(reference()))
    if probes.agrees(got, want, 1e-4, 1e-5):
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
