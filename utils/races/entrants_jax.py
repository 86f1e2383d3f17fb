"""The lessons' own models in JAX, with one jitted training step and one jitted evaluation.

"jax" is as the lesson has it; "jax fast" is the same model as unit 06 makes it fast: with the convolutions of
`utils.convolution` and the layers of `faster`, compiled with the options of `utils.compiler_options`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import flax.linen as nn
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax

from utils import compiler_options, convolution
from utils.base import definitions
from utils.races import faster
from utils.races.catalogue import Race
from utils.races.run import Entrant

done: Callable[[Any], Any] = jax.block_until_ready  # the tree that it is given, when all of it is computed


class Model(NamedTuple):
    """A network as pure functions of its parameters and of what else it keeps (running statistics, or nothing)."""

    init: Callable[[jax.Array, jax.Array], tuple[Any, Any]]  # key, images → parameters, kept
    # parameters, kept, images, whether it trains → logits, kept
    apply: Callable[[Any, Any, jax.Array, bool], tuple[jax.Array, Any]]


def linen(module: Any, *, takes_train: bool = True) -> Model:
    """A Flax module. takes_train: whether it has the keyword `train`."""

    def mode(train: bool) -> dict[str, bool]:
        return {"train": train} if takes_train else {}

    def init(key: jax.Array, images: jax.Array) -> tuple[Any, Any]:
        variables = dict(module.init(key, images, **mode(False)))
        return variables.pop("params"), variables

    def apply(params: Any, kept: Any, images: jax.Array, train: bool) -> tuple[jax.Array, Any]:
        logits, changed = module.apply({"params": params, **kept}, images, mutable=list(kept), **mode(train))
        return logits, dict(changed)

    return Model(init, apply)


def flax_convolution(layer: Callable[..., Any], args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
    """For `nn.intercept_methods`: each `nn.Conv` convolves as `utils.convolution` does."""
    module = context.module
    if not isinstance(module, nn.Conv) or module.conv_general_dilated or module.is_initializing():
        return layer(*args, **kwargs)
    own = module.clone(parent=None, conv_general_dilated=convolution.conv_general_dilated)
    return own.apply({"params": module.variables["params"]}, *args, **kwargs)


def haiku_convolution(layer: Callable[..., Any], args: Any, kwargs: Any, context: hk.MethodContext) -> Any:
    """The same for `hk.intercept_methods` and `hk.Conv2D`, which takes no other convolution as an argument."""
    module = context.module
    if not isinstance(module, hk.Conv2D) or context.method_name != "__call__" or hk.running_init():
        return layer(*args, **kwargs)
    (maps,) = args
    kernel = hk.get_parameter("w", (*module.kernel_shape, maps.shape[-1], module.output_channels))
    maps = convolution.conv_general_dilated(
        maps, kernel, module.stride, module.padding, dimension_numbers=module.dimension_numbers
    )
    return maps + hk.get_parameter("b", (module.output_channels,)) if module.with_bias else maps


def with_own_layers(model: Model) -> Model:
    """The same model and the same parameters, Flax's or Haiku's, with faster layers while it is traced."""

    def apply(*args: Any) -> tuple[jax.Array, Any]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(nn.intercept_methods(flax_convolution))
            stack.enter_context(hk.intercept_methods(haiku_convolution))
            stack.enter_context(mock.patch.multiple(nn, avg_pool=faster.average_pool, gelu=faster.gelu))
            stack.enter_context(mock.patch.object(faster.SWIN, "WindowAttention", faster.WindowAttention))
            return model.apply(*args)

    return Model(model.init, apply)


def cnn(race: Race) -> Model:
    """The CNN of unit 02."""
    return linen(definitions.load("notebooks/02_flax_mnist_cnn.py", ("CNN",)).CNN(), takes_train=False)


def vgg8(race: Race) -> Model:
    """The network of unit 03, in Haiku, without dropout, which would make each framework throw dice of its own."""
    lesson = definitions.load("notebooks/03_haiku_cifar10_vgg8.py", ("make_network",))
    network = lesson.make_network(race.options["width"], race.classes)
    return Model(
        lambda key, images: (network.init(key, images), {}),
        lambda params, kept, images, train: (network.apply(params, None, images), kept),
    )


def resnet18(race: Race) -> Model:
    """The network of unit 04."""
    lesson = definitions.load("notebooks/04_resnet18_cats_dogs.py", ("ResNet18",))
    return linen(lesson.ResNet18(race.classes, dtype=jnp.dtype(race.precision)))


def swin_module(race: Race) -> Any:
    """The module of unit 05, without drop path, for the same reason."""
    dtype = jnp.dtype(race.precision)
    return faster.SWIN.swin_v2(race.options["name"], classes=race.classes, drop_path=0.0, dtype=dtype)


MODELS: dict[str, Callable[[Race], Model]] = {
    "cnn": cnn,
    "vgg8": vgg8,
    "resnet18": resnet18,
    "swin": lambda race: linen(swin_module(race)),
}
OPTIMISERS: dict[str, Callable[[], optax.GradientTransformation]] = {
    "adam": lambda: optax.adam(1e-3),
    "sgd": lambda: optax.sgd(1e-2, momentum=0.9),
    "adamw": lambda: optax.adamw(1e-3, weight_decay=0.05),
}


class Parts(NamedTuple):
    """A model's training, cut where its time can be taken. `state` is (parameters, kept, the optimiser's memory)."""

    state: Any
    forward: Callable[[Any, jax.Array, jax.Array], Any]  # state, images, labels → (loss, kept); in training mode
    gradients: Callable[[Any, jax.Array, jax.Array], Any]  # … → ((loss, kept), gradients)
    update: Callable[[Any, Any], Any]  # state, gradients → (parameters, memory)
    step: Callable[[Any, jax.Array, jax.Array], Any]  # … → state and loss; takes the old state's memory
    evaluate: Callable[[Any, jax.Array, jax.Array], jax.Array]  # … → loss; in evaluation mode


def parts(race: Race, *, fast: bool = False) -> Parts:
    """The race's model and its jitted functions. Sets JAX's precision for this whole process."""
    # a float32 product is never TF32 on a GPU, nor is PyTorch's here
    jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call, unused-ignore]
    model = MODELS[race.model](race)
    training, evaluation = None, None
    if fast:
        model = with_own_layers(model)
        training = compiler_options.supported(compiler_options.TRAINING)
        evaluation = compiler_options.supported(compiler_options.EVALUATION)
    optimiser = OPTIMISERS[race.optimiser]()
    params, kept = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, *race.image)))

    def forward(state: Any, images: jax.Array, labels: jax.Array, train: bool = True) -> tuple[Any, Any]:
        params, kept, _ = state
        logits, kept = model.apply(params, kept, images, train)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), labels)
        return losses.mean(), kept

    def gradients(state: Any, images: jax.Array, labels: jax.Array) -> Any:
        params, *others = state
        return jax.value_and_grad(lambda params: forward((params, *others), images, labels), has_aux=True)(params)

    def update(state: Any, slopes: Any) -> tuple[Any, Any]:
        params, _, memory = state
        updates, memory = optimiser.update(slopes, memory, params)
        return optax.apply_updates(params, updates), memory

    def step(state: Any, images: jax.Array, labels: jax.Array) -> tuple[Any, Any]:
        (loss, kept), slopes = gradients(state, images, labels)
        params, memory = update(state, slopes)
        return (params, kept, memory), loss

    def evaluate(state: Any, images: jax.Array, labels: jax.Array) -> Any:
        return forward(state, images, labels, train=False)[0]

    return Parts(
        (params, kept, jax.jit(optimiser.init)(params)),
        jax.jit(forward, compiler_options=training),
        jax.jit(gradients, compiler_options=training),
        jax.jit(update, compiler_options=training),
        jax.jit(step, donate_argnums=0, compiler_options=training),
        jax.jit(evaluate, compiler_options=evaluation),
    )


def build(race: Race, variant: str) -> Entrant:
    """The race's model, training step and evaluation; as unit 06 makes them for the variant "fast"."""
    model = parts(race, fast=variant == "fast")
    state = model.state

    def train(batch: tuple[jax.Array, jax.Array]) -> Any:
        nonlocal state
        state, loss = model.step(state, *batch)
        return loss

    def put(images: np.ndarray, labels: np.ndarray) -> Any:
        return done((jnp.asarray(images), jnp.asarray(labels)))

    def wait(losses: list[jax.Array]) -> float:
        done((state, losses))
        return float(np.mean(losses))

    parameters = sum(leaf.size for leaf in jax.tree.leaves(model.state[0]))
    device = jax.devices()[0].device_kind
    return Entrant(parameters, device, put, train, lambda batch: model.evaluate(state, *batch), wait)
