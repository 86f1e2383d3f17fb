"""The check of `ResidualBlock` and its hints."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_04.residual_block.variant import Variant

# in: channels, out: channels, stride; what it is called
_CASES = (
    (3, 3, 1, "where the shape stays"),
    (2, 3, 1, "from 2 channels to 3, with stride 1"),
    (3, 3, 2, "from 3 channels to 3, with stride 2"),
    (2, 3, 2, "from 2 channels to 3, with stride 2"),
)


@exercise(
    stars=2,
    minutes=15,
    points=3,
    hints=(
        "Translate PyTorch's lines one by one; each layer is made on the line where it is used. When is there a projection? "
        "Compare the shapes of the two things that are to be added.",
        '`y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)`, then '
        '`self.norm(name="bn1")(y)`. Keep `x` for the end.',
        "`if x.shape != y.shape:` the shortcut becomes `self.conv(self.features, (1, 1), strides=self.stride, …)(x)` and its norm. "
        "Last, `nn.relu` of the sum.",
    ),
)
def ResidualBlock(answer: Any, reference: Any) -> None:
    """The residual block, with a projection where the shape changes."""
    probes.expect(issubclass(answer, nn.Module), "It should be a Flax Linen module: `class ResidualBlock(nn.Module)`.")
    _fields_are_there(answer, reference)
    _projects_where_it_must(answer)
    for channels, features, stride, called in _CASES:
        x = _picture(channels)
        used: set[str] = set()
        conv, norm = _parts(used)
        with probes.doing(called):
            got = jax.eval_shape(answer(features, stride, conv, norm).init, jax.random.key(0), x)
            for part in ("conv", "norm"):
                if part not in used:
                    probes.fail(f"It does not use `self.{part}`, which brings the settings that all blocks share.")
        right = reference(features, stride, conv, norm)
        want = known(f"weights, {called}", partial(jax.eval_shape, right.init, jax.random.key(0), x))
        _layers_are_right(got, want, called)
        if (channels == features) == (stride == 1):  # the two that differ most tell all that the values can tell
            _values_are_right(answer, reference, (features, stride, conv, norm), want, x, called)
    _trains(answer, reference)


def _picture(channels: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(channels).normal(size=(2, 6, 6, channels)), jnp.float32)


def _fields_are_there(answer: Any, reference: Any) -> None:
    """The block has the fields that it was given."""
    names = [name for name in reference.__annotations__ if name not in getattr(answer, "__dataclass_fields__", {})]
    if names:
        probes.fail(
            f"The field `{names[0]}` is gone. Leave the four fields as they were: `features`, `stride`, `conv`, `norm`."
        )


def _parts(used: set[str]) -> tuple[Any, Any]:
    """A convolution and a norm to build with, which note that they are used."""

    def maker(name: str, layer: Any, **bound: Any) -> Any:
        def make(*args: Any, **settings: Any) -> Any:
            used.add(name)
            if any(hasattr(arg, "dtype") for arg in args):
                probes.fail(
                    f"`self.{name}(…)` makes a layer from its settings, and the array goes to the layer: `self.{name}(…)(x)`."
                )
            return layer(*args, **bound | settings)

        return make

    return maker("conv", nn.Conv, use_bias=False), maker("norm", nn.BatchNorm, use_running_average=True)


def _projects_where_it_must(answer: Any) -> None:
    """Where adding fails for want of a projection, say in which cases it is forgotten."""
    failed = []
    for channels, features, stride, _ in _CASES:
        try:
            jax.eval_shape(
                answer(features, stride, *_parts(set())).init, jax.random.key(0), jnp.zeros((2, 6, 6, channels))
            )
        except (TypeError, ValueError) as error:
            if "broadcasting" not in str(error):
                raise
            failed.append((channels != features, stride != 1))
    if (False, False) in failed:
        probes.fail(
            "Where the shape should stay, the two things that are added have different shapes. Do both 3×3 convolutions pad? "
            "`padding=1` keeps the size."
        )
    if len(failed) == 3:
        probes.fail(
            "The two things that are added have different shapes. There is no projection, or its stride or its channels are not the "
            "block's."
        )
    if failed == [(True, False)]:
        probes.fail("It projects `x` only where the size changes. From 2 channels to 3, with stride 1, it must too.")
    if failed == [(False, True)]:
        probes.fail(
            "It projects `x` only where the number of channels changes. From 3 channels to 3, with stride 2, it must too."
        )


def _layers_are_right(got: Any, want: Any, called: str) -> None:
    """Names and kernels of the layers."""
    probes.expect(
        isinstance(got, dict), "`init` should return a dictionary of variables, as that of every module does."
    )
    layers, wanted = got.get("params", {}), want["params"]
    where = f"{called[0].upper()}{called[1:]}: "
    extra, missing = sorted(set(layers) - set(wanted)), sorted(set(wanted) - set(layers))
    if extra and not missing and extra[0].startswith("downsample"):
        probes.fail(
            f"There is a projection too many: where the shape stays `x` is added as it is, without `{extra[0]}`."
        )
    if extra:
        probes.fail(f"{where}its layers are {', '.join(sorted(layers))}. Give each its `name`, as in the list above.")
    if missing:
        probes.fail(f"{where}`{missing[0]}` is missing.")
    for name in wanted:
        if "kernel" not in wanted[name]:
            continue
        kernel, due = layers[name].get("kernel"), wanted[name]["kernel"]
        if kernel is not None and kernel.shape[:2] != due.shape[:2]:
            probes.fail(
                f"{where}The kernel of `{name}` is {kernel.shape[0]}×{kernel.shape[1]}; {due.shape[0]}×{due.shape[1]} is wanted."
            )
        if "bias" in layers[name]:
            probes.fail(
                f"{where}`{name}` has a bias. The convolution that comes from outside has none: use it as it is."
            )
    with probes.doing(called):
        probes.like(got, want)


def _values_are_right(answer: Any, reference: Any, settings: Any, shapes: Any, x: jax.Array, called: str) -> None:
    # all is drawn, means and biases too: with zeros, a ReLU in the wrong place could go unseen
    draw = np.random.default_rng(0)
    weights = jax.tree.map(lambda leaf: jnp.asarray(draw.normal(size=leaf.shape), jnp.float32), shapes)
    weights["batch_stats"] = jax.tree.map(jnp.abs, weights["batch_stats"])

    def run(kind: Any, **mistakes: Any) -> Any:
        return kind(*settings, **mistakes).apply(weights, x)  # not jitted: all of these share their operations

    with probes.doing(called):
        mine, right = answer(*settings).apply, reference(*settings).apply
        probes.same_shapes(mine, right, weights, x, known_as=f"shapes, {called}")
        got, want = probes.call(run, answer), known(f"values, {called}", lambda: run(reference))
        if probes.agrees(got, want, 1e-4, 1e-4):
            return
        mistakes: dict[str, dict[str, Any]] = {
            "the ReLU between the two convolutions is missing.": {"relu_between": False},
            "the last ReLU, after the sum, is missing.": {"relu_after": False},
            "the last ReLU comes before the sum; it belongs after it.": {"relu_before": True, "relu_after": False},
            "there is one ReLU too many: none on `bn2`'s result, before the sum.": {"relu_before": True},
            "the second norm comes after the sum; it belongs before it.": {"norm_last": True},
            "`x` is never added: there is no shortcut.": {"shortcut": False},
        }
        if "downsample_bn" in shapes["params"]:
            mistakes["there is no ReLU on the shortcut; here there is one."] = {"relu_shortcut": True}
        if settings[1] == 2:
            mistakes |= {
                'the padding is Flax\'s default, `"SAME"`, which with stride 2 pads only at the right and at the bottom. '
                "PyTorch pads 1 on every side.": {"padding": "SAME"},
                "the stride stands on the second convolution; it belongs to the first.": {"strided": "conv2"},
            }
        probes.close(
            got,
            want,
            mistakes={message: run(Variant, **mistake) for message, mistake in mistakes.items()},
            because="The weights have the right shapes, so look at what stands between the layers: norms, ReLUs, the sum.",
            rtol=1e-4,
            atol=1e-4,
        )


def _trains(answer: Any, reference: Any) -> None:
    """With a norm that is bound for training the running statistics move as they should."""
    x = _picture(2)
    settings = (3, 2, partial(nn.Conv, use_bias=False), partial(nn.BatchNorm, use_running_average=False))
    right = reference(*settings)
    shapes = known("weights, in training", lambda: jax.eval_shape(right.init, jax.random.key(0), x))
    variables = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)

    def run(kind: Any) -> Any:
        return kind(*settings).apply(variables, x, mutable=["batch_stats"])

    want = known("values, in training", lambda: run(reference))
    with probes.doing("in training, with `use_running_average=False` bound to the norm"):
        probes.close(
            probes.call(run, answer),
            want,
            because="`self.norm` comes with its settings: hand it a `name` and nothing else.",
            rtol=1e-4,
            atol=1e-4,
        )
