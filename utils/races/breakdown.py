"""Where the time of one training step goes: input, transfer, forward, backward, update, and what Python adds.

    python -m utils race --breakdown resnet18 swin_micro

The forward pass, the gradients and the whole step are timed as programs of their own, each waited for; backward is what
the gradients cost beyond the forward pass, update what the step costs beyond the gradients. XLA may fuse across these
borders, so a part can come out a little below zero: the sum is the time of the step all the same. Dispatch, the time
until the call *returns*, runs while the device computes: it is told, not added.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from utils.races import run, stored
from utils.races.plan import Race

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
    milliseconds: dict[str, float | None]  # a value for each of PARTS, and "dispatch"


def measure(race: Race, repeats: int = 7) -> Breakdown:
    """Time a race's JAX model on this machine. Compiles three programs first."""
    import jax

    from utils.races import entrants_jax

    model = entrants_jax.parts(race)
    images, labels = run.pictures(race, 0)
    batch = jax.block_until_ready((jax.device_put(images), jax.device_put(labels)))

    def waited(function: Callable[..., Any]) -> float:
        return _median(lambda: jax.block_until_ready(function(model.state, *batch)), repeats)

    forward, gradients = waited(model.forward), waited(model.gradients)
    transfer = _median(lambda: jax.block_until_ready(jax.device_put((images, labels))), repeats)

    state, dispatches, steps = model.state, [], []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        state, loss = model.step(state, *batch)
        dispatches.append(time.perf_counter() - begin)
        jax.block_until_ready((state, loss))
        steps.append(time.perf_counter() - begin)
    step = statistics.median(steps[1:])  # the first compiles
    reading, data = _input(race, repeats)
    parts = {
        "input": reading,
        "transfer": transfer,
        "forward": forward,
        "backward": gradients - forward,
        "update": step - gradients,
        "dispatch": statistics.median(dispatches[1:]),
    }
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
    return stored.save(result, folder / f"step-{result.race}-{stored.slug(result.machine['device'])}.json")


def load(race: str, folder: Path = stored.FOLDER) -> list[Breakdown]:
    """The stored breakdowns of a race's model; an empty list when there is none. CourseError for a damaged file."""
    return [stored.read(Breakdown, path) for path in sorted(folder.glob(f"step-{race}-*.json"))]


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
    axes.set_yticklabels([f"{result.title.split(',')[0]}\n{result.machine['device']}" for result in results])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.legend(ncols=len(PARTS), loc="upper center", bbox_to_anchor=(0.5, -0.35), frameon=False)
    return figure, axes


def _median(function: Callable[[], Any], repeats: int) -> float:
    """Seconds, without the first call."""
    function()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


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
    return _median(lambda: next(stream), min(repeats, len(batches) - 1)), batches.source
