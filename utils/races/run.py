"""`python -m utils.races.run RACE ENTRANT STEPS EVAL_STEPS EPOCHS`: time one entrant in this process.

It prints one line of JSON: {"parameters", "device", "first_step", "train", "evaluate", "losses"}, seconds throughout,
each list one value an epoch; or {"problem": why it cannot run}.

The pictures are in memory, on the device, before any clock starts, and every clock stops only when the device has
finished. (Keras gets NumPy arrays, as its `train_on_batch` takes them.)
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from utils.races import catalogue
from utils.races.catalogue import Race


class Entrant(NamedTuple):
    """A model ready to be timed."""

    parameters: int  # trained numbers: equal for all entrants of a race, or they are not one model
    device: str
    # images [B, H, W, C] float32, labels [B] int32 → a batch on the device
    put: Callable[[np.ndarray, np.ndarray], Any]
    train: Callable[[Any], Any]  # one step on such a batch; the loss, perhaps not computed yet
    evaluate: Callable[[Any], Any]  # the loss of a batch, perhaps not computed yet
    wait: Callable[[Any], float]  # wait for all work and for these losses; their mean


def measure(entrant: Entrant, race: Race) -> dict[str, Any]:
    """Train and evaluate in turn, epoch by epoch, and time each by itself: seconds, as the module says."""
    batches = [entrant.put(*pictures(race, index)) for index in range(max(race.steps, race.eval_steps))]
    train: list[float] = []
    evaluate: list[float] = []
    curve: list[float] = []
    begin = time.perf_counter()
    losses = [entrant.train(batches[0])]
    entrant.wait(losses)
    first_step = time.perf_counter() - begin  # compilation included
    for _ in range(race.epochs):
        losses += [entrant.train(batch) for batch in batches[len(losses) : race.steps]]
        curve.append(entrant.wait(losses))
        train.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        entrant.wait([entrant.evaluate(batch) for batch in batches[: race.eval_steps]])
        evaluate.append(time.perf_counter() - begin)
        begin, losses = time.perf_counter(), []
    about = {"parameters": entrant.parameters, "device": entrant.device}
    return about | {"first_step": first_step, "train": train, "evaluate": evaluate, "losses": curve}


def pictures(race: Race, index: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch of noise with a little of its class in it: images [B, H, W, C] float32, labels [B] int32."""
    rng = np.random.default_rng((index, race.batch))
    labels = rng.integers(0, race.classes, race.batch).astype(np.int32)
    images = rng.standard_normal((race.batch, *race.image), np.float32)
    images += 0.5 * (labels[:, None, None, None] - (race.classes - 1) / 2) / race.classes
    return images, labels


def build(race: Race, entrant: str) -> Entrant:
    """The entrant's model. Raises ImportError where its framework, or a library of the model's, is not installed."""
    framework, _, variant = entrant.partition(" ")
    module = importlib.import_module(f"utils.races.entrants_{framework}")
    built: Entrant = module.build(race, variant)
    return built


def main(name: str, entrant: str, *lengths: str) -> None:
    """Print what is told of one entrant; arguments as the module says."""
    steps, eval_steps, epochs = map(int, lengths)
    race = catalogue.RACES[name]._replace(steps=steps, eval_steps=eval_steps, epochs=epochs)
    try:
        told = measure(build(race, entrant), race)
    except ImportError as problem:
        told = {"problem": f"{problem.name or problem} is not installed"}
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
