"""Where the time of one training step goes: input, transfer, forward, backward, update, and what Python adds.

    python -m utils race --breakdown resnet18 swin_micro

The forward pass, the gradients, the update and the whole step are programs of their own here, each waited for. They
take turns, so that a machine that slows down slows all of them, and backward is what the gradients cost beyond the
forward pass of the same turn. Reading is timed by itself, afterwards. The whole step is told too: XLA sees more at
once there, so it need not be the sum. Dispatch, the time until the step's call *returns*, runs while the device
computes: it is told, not added.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import matplotlib.pyplot as plt

from utils import plots  # noqa: F401  # the course's style
from utils.races import run, stored
from utils.races.catalogue import Race

PARTS = ("input", "transfer", "forward", "backward", "update")
DATA = {"resnet18": "cats_vs_dogs", "swin": "imagenette/160px-v2", "vgg8": "cifar10", "cnn": "mnist"}


@dataclass
class Breakdown(stored.Record):
    """The parts of one training step, medians."""

    PREFIX: ClassVar[str] = "step-"

    data: str  # what the pictures of `input` were
    milliseconds: dict[str, float]  # of each of PARTS, of "step" (the whole) and of "dispatch"


def measure(race: Race, repeats: int = 15) -> Breakdown:
    """Time the JAX model of a race, with its batch and optimiser, on this machine, each part so many times.

    Four programs are compiled first.
    """
    import jax  # late, with the models: seconds, which a stored result does not need
    import jax.numpy as jnp

    from utils.races import entrants_jax

    model = entrants_jax.parts(race)
    pictures = run.pictures(race, 0)
    batch = entrants_jax.done(jax.device_put(pictures))
    _, slopes = model.gradients(model.state, *batch)
    state = jax.tree.map(jnp.copy, model.state)  # the step takes its state's memory: it gets one of its own
    turns: list[dict[str, float]] = []
    for _ in range(repeats + 1):
        turn = {
            "transfer": _seconds(lambda: jax.device_put(pictures)),
            "forward": _seconds(lambda: model.forward(model.state, *batch)),
            "gradients": _seconds(lambda: model.gradients(model.state, *batch)),
            "update": _seconds(lambda: model.update(model.state, slopes)),
        }
        begin = time.perf_counter()
        state, loss = model.step(state, *batch)
        turn["dispatch"] = time.perf_counter() - begin
        entrants_jax.done((state, loss))
        turn["step"] = time.perf_counter() - begin
        turns.append(turn | {"backward": turn["gradients"] - turn["forward"]})
    reading, data = _input(race, repeats)
    milliseconds = {"input": 1000 * reading}
    for name in (*PARTS[1:], "step", "dispatch"):
        milliseconds[name] = 1000 * statistics.median(turn[name] for turn in turns[1:])  # the first compiles
    result = Breakdown(**stored.about(race), data=data, milliseconds=milliseconds)
    result.machine["device"] = jax.devices()[0].device_kind
    return result


def show(race: str) -> None:
    """What a lesson shows: the stored breakdowns of a race's model, each drawn and told; a line when there is none."""
    results = stored.load(Breakdown, race)
    for result in results:
        draw(result)
        plt.show()
        print(", ".join(f"{name} {ms:.1f} ms" for name, ms in result.milliseconds.items()))
    if not results:
        print(f"No breakdown of {race} is stored. `python -m utils race --breakdown {race}` makes one.")


def draw(result: Breakdown) -> tuple[Any, Any]:
    """One bar, cut into its parts. Returns (figure, axes)."""
    figure, axes = plt.subplots(figsize=(9, 1.6), layout="constrained")
    left = 0.0
    for number, name in enumerate(PARTS):
        value = max(result.milliseconds[name], 0.0)  # backward is a difference
        axes.barh(0, value, left=left, color=f"C{number}", label=name)
        left += value
    axes.text(left, 0, f"  {left:,.0f} ms", va="center")
    axes.set(xlabel="milliseconds a step", title="where the time of a training step goes")
    axes.set_yticks([0], [f"{result.title.split(',')[0]}\n{stored.where(result.machine)}"])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    figure.legend(ncols=len(PARTS), loc="outside lower center", frameon=False)
    return figure, axes


def _seconds(function: Callable[[], Any]) -> float:
    """Seconds until what the function returns is there."""
    from utils.races.entrants_jax import done

    begin = time.perf_counter()
    done(function())
    return time.perf_counter() - begin


def _input(race: Race, repeats: int) -> tuple[float, str]:
    """Seconds that the pipeline takes for a batch when nothing else runs, and what its pictures are."""
    from utils import data
    from utils.data import augment

    in_colour = race.image[2] == 3
    size, flips = (race.image[0], (augment.flip(),)) if in_colour else (None, ())
    batches = data.load(
        DATA[race.model], "train", batch_size=race.batch, size=size, shuffle=True, augment=flips, quiet=True
    )
    stream = iter(batches)
    times = [_seconds(lambda: next(stream)) for _ in range(min(repeats + 1, len(batches)))]
    return statistics.median(times[1:]), batches.source  # the first waits for the pipeline to start
