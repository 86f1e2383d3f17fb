"""What is raced: which model, on which shapes, how long."""

from __future__ import annotations

from typing import Any, NamedTuple

TITLES = {
    "jax": "JAX",
    "jax fast": "JAX, unit 06",
    "torch": "PyTorch",
    "torch compiled": "PyTorch, compiled",
    "keras": "Keras",
}
CPU_PICTURES = 64  # in an epoch, on a processor, of a race made for a GPU: it takes half a minute for them


class Race(NamedTuple):
    """One race. All entrants get the same pictures, batches, optimiser and precision.

    In bfloat16 each framework works in its own way: autocast for PyTorch; the lesson's model keeps attention's logits,
    softmax and the head in float32.
    """

    name: str
    title: str
    model: str  # which model: a key of every `MODELS`
    image: tuple[int, int, int]  # [H, W, C]
    batch: int  # pictures a step
    steps: int  # steps in an epoch of training
    eval_steps: int  # batches in a pass of evaluation
    epochs: int = 3  # the first is told apart from the later ones
    optimiser: str = "adam"
    precision: str = "float32"  # of the arithmetic; a float32 product is never TF32
    machine: str = "any"  # "gpu": made for one; see `fitted`
    entrants: tuple[str, ...] = ("jax", "jax fast", "torch", "torch compiled")
    options: dict[str, Any] = {}  # noqa: RUF012  # what the model is built with; never changed
    classes: int = 10


def _swin_tiny(batch: int, precision: str) -> Race:
    return Race(
        f"swin_tiny_{batch}_{precision}",
        "Swin v2 tiny of unit 05, 256×256 pictures",
        "swin",
        (256, 256, 3),
        batch,
        steps=9469 // batch // 4,  # a quarter of Imagenette's training pictures an epoch
        eval_steps=3925 // batch // 4,
        epochs=5,
        optimiser="adamw",
        precision=precision,
        machine="gpu",
        options={"name": "tiny"},
    )


CNN = Race("cnn", "the CNN of unit 02, 28×28 pictures", "cnn", (28, 28, 1), batch=64, steps=60, eval_steps=60)
VGG8 = Race("vgg8", "VGG8 of unit 03, 32×32 pictures", "vgg8", (32, 32, 3), batch=64, steps=15, eval_steps=15)
RESNET18 = Race("resnet18", "ResNet18 of unit 04, 96×96 pictures", "resnet18", (96, 96, 3), 32, steps=8, eval_steps=8)
SWIN = Race(
    "swin_micro", "Swin v2 micro of unit 05, 128×128 pictures", "swin", (128, 128, 3), 32, steps=8, eval_steps=8
)
RACES = {
    race.name: race
    for race in (
        CNN._replace(entrants=tuple(TITLES)),
        VGG8._replace(entrants=tuple(TITLES), options={"width": 32}),
        RESNET18._replace(optimiser="sgd", classes=2),
        SWIN._replace(optimiser="adamw", options={"name": "micro"}),
        *(_swin_tiny(batch, precision) for batch in (32, 64) for precision in ("float32", "bfloat16")),
    )
}


def fitted(race: Race, *, gpu: bool) -> Race:
    """The race as this machine runs it: without a GPU, the epochs of a race made for one are cut short."""
    if gpu or race.machine != "gpu":
        return race
    steps = max(1, CPU_PICTURES // race.batch)
    return race._replace(steps=steps, eval_steps=steps)


def shorter(race: Race) -> Race:
    """The same race for seeing that all goes: one step an epoch, two epochs."""
    return race._replace(steps=1, eval_steps=1, epochs=2)
