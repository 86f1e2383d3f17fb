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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from utils.races import run, stored
from utils.races.catalogue import Race

PARTS = ("input", "transfer", "forward", "backward", "update")
DATA = {"resnet18": "cats_vs_dogs", "swin": "imagenette/160px-v2", "vgg8": "cifar10", "cnn": "mnist"}


class Breakdown(NamedTuple):
    """Milliseconds of one training step, medians. `input` is None where no TensorFlow is there to read pictures."""

    race: str
    title: str
    batch: int
    machine: dict[str, Any]
    date: str
    versions: dict[str, str]
    data: str  # what the pictures of `input` were, "" where they were not read
    milliseconds: dict[str, float | None]  # a value for each of PARTS, for "step" (the whole), and for "dispatch"


def measure(race: Race, repeats: int = 15) -> Breakdown:
    """Time a race's JAX model on this machine. Compiles four programs first."""
    import jax
    import jax.numpy as jnp

    from utils.races import entrants_jax

    model = entrants_jax.parts(race)
    images, labels = run.pictures(race, 0)
    batch = jax.block_until_ready((jax.device_put(images), jax.device_put(labels)))

    _, slopes = model.gradients(model.state, *batch)
    state = jax.tree.map(jnp.copy, model.state)  # the step takes its state's memory: it gets one of its own
    turns: list[dict[str, float]] = []
    for _ in range(repeats + 1):
        turn = {
            "transfer": _seconds(lambda: jax.device_put((images, labels))),
            "forward": _seconds(lambda: model.forward(model.state, *batch)),
            "gradients": _seconds(lambda: model.gradients(model.state, *batch)),
            "update": _seconds(lambda: model.update(model.state, slopes)),
        }
        begin = time.perf_counter()
        state, loss = model.step(state, *batch)
        turn["dispatch"] = time.perf_counter() - begin
        jax.block_until_ready((state, loss))
        turn["step"] = time.perf_counter() - begin
        turns.append(turn | {"backward": turn["gradients"] - turn["forward"]})
    median = {name: statistics.median(turn[name] for turn in turns[1:]) for name in turns[0]}  # the first compiles
    reading, data = _input(race, repeats)
    parts = {"input": reading, **{name: median[name] for name in (*PARTS[1:], "step", "dispatch")}}
    begun = stored.begin(race)
    kind = jax.devices()[0].device_kind
    return Breakdown(
        race.name,
        race.title,
        race.batch,
        begun.machine | {"device": kind if kind.lower() != "cpu" else "cpu"},
        begun.date,
        begun.versions,
        data,
        {name: None if seconds is None else 1000 * seconds for name, seconds in parts.items()},
    )


def write(result: Breakdown, folder: Path = stored.FOLDER) -> Path:
    """Write it whole, beside the races."""
    return stored.save(result, folder / f"step-{result.race}-{stored.slug(result.machine)}.json")


def load(race: str, folder: Path = stored.FOLDER) -> list[Breakdown]:
    """The stored breakdowns of a race's model; an empty list when there is none. CourseError for a damaged file."""
    return [stored.read(Breakdown, path) for path in sorted(folder.glob(f"step-{race}-*.json"))]


def show(race: str, folder: Path = stored.FOLDER) -> None:
    """What a lesson shows: the stored breakdowns of a race's model, each drawn and told; a line when there is none."""
    import matplotlib.pyplot as plt

    results = load(race, folder)
    for result in results:
        draw([result])
        plt.show()
        print(", ".join(f"{name} {ms:.1f} ms" for name, ms in result.milliseconds.items() if ms is not None))
    if not results:
        print(f"No breakdown of {race} is stored. `python -m utils race --breakdown {race}` makes one.")


def draw(results: list[Breakdown]) -> tuple[Any, Any]:
    """One bar for each, cut into its parts. Returns (figure, axes)."""
    import matplotlib.pyplot as plt

    from utils import plots  # noqa: F401  # the course's style

    figure, axes = plt.subplots(figsize=(9, 0.9 + 0.7 * len(results)), layout="constrained")
    for row, result in enumerate(results):
        left = 0.0
        for number, name in enumerate(PARTS):
            value = max(result.milliseconds[name] or 0.0, 0.0)
            axes.barh(row, value, left=left, color=f"C{number}", label=name if row == 0 else None)
            left += value
        axes.text(left, row, f"  {left:,.0f} ms", va="center")
    axes.set(yticks=range(len(results)), xlabel="milliseconds a step", title="where the time of a training step goes")
    axes.set_yticklabels([f"{result.title.split(',')[0]}\n{stored.where(result.machine)}" for result in results])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    figure.legend(ncols=len(PARTS), loc="outside lower center", frameon=False)
    return figure, axes


def _seconds(function: Callable[[], Any]) -> float:
    """Seconds until what the function returns is there."""
    import jax

    begin = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - begin


def _input(race: Race, repeats: int) -> tuple[float | None, str]:
    """Seconds that the pipeline takes for a batch when nothing else runs, and what its pictures are."""
    from utils import data
    from utils.data import augment

    try:
        batches = data.load(
            DATA[race.model],
            "train",
            batch_size=race.batch,
            size=race.image[0] if race.image[2] == 3 else None,
            shuffle=True,
            augment=(augment.flip(),) if race.image[2] == 3 else (),
            quiet=True,
        )
    except ImportError:  # no TensorFlow here
        return None, ""
    stream: Iterator[Any] = iter(batches)
    times = [_seconds(lambda: next(stream)) for _ in range(min(repeats + 1, len(batches)))]
    return statistics.median(times[1:]), batches.source  # the first waits for the pipeline to start
