"""The lessons' own models in JAX, with one jitted training step and one jitted evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from utils.base import definitions
from utils.races.catalogue import Race
from utils.races.run import Entrant


class Model(NamedTuple):
    """A network as pure functions of its parameters and of what else it keeps (running statistics, or nothing)."""

    init: Callable[[jax.Array, jax.Array], tuple[Any, Any]]  # key, images → parameters, kept
    train: Callable[[Any, Any, jax.Array], tuple[jax.Array, Any]]  # parameters, kept, images → logits, kept
    evaluate: Callable[[Any, Any, jax.Array], jax.Array]  # parameters, kept, images → logits


def linen(module: Any, **flags: dict[str, bool]) -> Model:
    """A Flax module; `flags["init"]`, `["train"]`, `["evaluate"]`: the keywords that say which of them it does."""

    def init(key: jax.Array, images: jax.Array) -> tuple[Any, Any]:
        variables = dict(module.init(key, images, **flags.get("init", {})))
        return variables.pop("params"), variables

    def train(params: Any, kept: Any, images: jax.Array) -> tuple[jax.Array, Any]:
        variables = {"params": params, **kept}
        logits, changed = module.apply(variables, images, mutable=list(kept), **flags.get("train", {}))
        return logits, dict(changed)

    def evaluate(params: Any, kept: Any, images: jax.Array) -> jax.Array:
        return module.apply({"params": params, **kept}, images, **flags.get("evaluate", {}))

    return Model(init, train, evaluate)


def cnn(race: Race) -> Model:
    """The CNN of unit 02."""
    return linen(definitions.load("notebooks/02_flax_mnist_cnn.py", ("CNN",)).CNN())


def vgg8(race: Race) -> Model:
    """The network of unit 03, in Haiku, without dropout, which would make each framework throw dice of its own."""
    lesson = definitions.load("notebooks/03_haiku_cifar10_vgg8.py", ("make_network",))
    network = lesson.make_network(race.options["width"], race.classes)
    return Model(
        lambda key, images: (network.init(key, images), {}),
        lambda params, kept, images: (network.apply(params, None, images), kept),
        lambda params, kept, images: network.apply(params, None, images),
    )


def resnet18(race: Race) -> Model:
    """The network of unit 04."""
    lesson = definitions.load("notebooks/04_resnet18_cats_dogs.py", ("ResNet18",))
    module = lesson.ResNet18(race.classes, dtype=jnp.dtype(race.precision))
    return linen(module, init={"train": False}, train={"train": True}, evaluate={"train": False})


def swin_model(race: Race) -> Any:
    """The module of unit 05, without drop path, for the same reason."""
    lesson = definitions.load("notebooks/05_swin_v2_imagenette.py", ("swin_v2",))
    dtype = jnp.dtype(race.precision)
    return lesson.swin_v2(race.options["name"], classes=race.classes, drop_path=0.0, dtype=dtype)


def swin(race: Race) -> Model:
    return linen(swin_model(race), train={"train": True}, evaluate={"train": False})


MODELS: dict[str, Callable[[Race], Model]] = {"cnn": cnn, "vgg8": vgg8, "resnet18": resnet18, "swin": swin}

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


def parts(race: Race) -> Parts:
    """The race's model and its jitted functions. Sets JAX's precision for this whole process."""
    # a float32 product is never TF32 on a GPU, nor is PyTorch's here
    jax.config.update("jax_default_matmul_precision", "highest")
    model = MODELS[race.model](race)
    optimiser = OPTIMISERS[race.optimiser]()
    params, kept = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, *race.image)))

    def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), labels).mean()

    def forward(state: Any, images: jax.Array, labels: jax.Array) -> tuple[jax.Array, Any]:
        params, kept, _ = state
        logits, changed = model.train(params, kept, images)
        return cross_entropy(logits, labels), changed

    def gradients(state: Any, images: jax.Array, labels: jax.Array) -> Any:
        _, kept, memory = state
        return jax.value_and_grad(lambda params: forward((params, kept, memory), images, labels), has_aux=True)(
            state[0]
        )

    def update(state: Any, slopes: Any) -> tuple[Any, Any]:
        params, _, memory = state
        updates, memory = optimiser.update(slopes, memory, params)
        return optax.apply_updates(params, updates), memory

    def step(state: Any, images: jax.Array, labels: jax.Array) -> tuple[Any, jax.Array]:
        (loss, changed), slopes = gradients(state, images, labels)
        params, memory = update(state, slopes)
        return (params, changed, memory), loss

    def evaluate(state: Any, images: jax.Array, labels: jax.Array) -> jax.Array:
        params, kept, _ = state
        return cross_entropy(model.evaluate(params, kept, images), labels)

    return Parts(
        (params, kept, jax.jit(optimiser.init)(params)),
        jax.jit(forward),
        jax.jit(gradients),
        jax.jit(update),
        jax.jit(step, donate_argnums=0),
        jax.jit(evaluate),
    )


def build(race: Race, *, compiled: bool) -> Entrant:
    """The race's model, training step and evaluation. JAX's are always compiled."""
    model = parts(race)
    state = {"now": model.state}

    def train(batch: tuple[jax.Array, jax.Array]) -> jax.Array:
        state["now"], loss = model.step(state["now"], *batch)
        return loss

    def evaluate(batch: tuple[jax.Array, jax.Array]) -> jax.Array:
        return model.evaluate(state["now"], *batch)

    def put(images: np.ndarray, labels: np.ndarray) -> tuple[jax.Array, jax.Array]:
        return jax.block_until_ready((jnp.asarray(images), jnp.asarray(labels)))

    def wait(losses: list[jax.Array]) -> float:
        jax.block_until_ready((state["now"], losses))
        return float(np.mean(losses))

    parameters = sum(leaf.size for leaf in jax.tree.leaves(model.state[0]))
    return Entrant(parameters, jax.devices()[0].device_kind, put, train, evaluate, wait)
