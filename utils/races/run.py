"""`python -m utils.races.run RACE ENTRANT`: time one entrant in this process; print its times as one line of JSON.

The pictures are in memory, on the device, before any clock starts, and every clock stops only when the device has
finished. (Keras gets NumPy arrays, as its `train_on_batch` takes them.) The line is {"parameters", "device",
"first_step", "train", "first_eval", "evaluate", "losses"}: seconds throughout, each list one value an epoch.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from utils.base.errors import CourseError
from utils.races import catalogue
from utils.races.catalogue import Race

MODULES = {"jax": "jax", "torch": "torch", "torch compiled": "torch", "keras": "keras"}


class Entrant(NamedTuple):
    """A model ready to be timed."""

    parameters: int  # trained numbers: equal for all entrants of a race, or they are not one model
    device: str
    put: Callable[
        [np.ndarray, np.ndarray], Any
    ]  # images [B, H, W, C] float32, labels [B] int32 → a batch on the device
    train: Callable[[Any], Any]  # one step on such a batch; the loss, perhaps not computed yet
    evaluate: Callable[[Any], Any]  # the loss of a batch, perhaps not computed yet
    wait: Callable[[Any], float]  # wait for all work and for these losses; their mean


def measure(entrant: Entrant, race: Race) -> dict[str, Any]:
    """Train and evaluate in turn, epoch by epoch, timing each by itself."""
    batches = [entrant.put(*pictures(race, index)) for index in range(max(race.steps, race.eval_steps))]
    begin = time.perf_counter()
    losses = [entrant.train(batches[0])]
    entrant.wait(losses)
    first_step = time.perf_counter() - begin  # compilation included
    train, evaluate, curve = [], [], []
    first_eval = 0.0
    for epoch in range(race.epochs):
        if epoch:
            begin, losses = time.perf_counter(), []
        for batch in batches[len(losses) : race.steps]:
            losses.append(entrant.train(batch))
        curve.append(entrant.wait(losses))
        train.append(time.perf_counter() - begin)
        begin, losses = time.perf_counter(), []
        for index, batch in enumerate(batches[: race.eval_steps]):
            losses.append(entrant.evaluate(batch))
            if epoch == index == 0:
                entrant.wait(losses)
                first_eval = time.perf_counter() - begin
        entrant.wait(losses)
        evaluate.append(time.perf_counter() - begin)
    return {
        "parameters": entrant.parameters,
        "device": entrant.device,
        "first_step": first_step,
        "train": train,
        "first_eval": first_eval,
        "evaluate": evaluate,
        "losses": curve,
    }


def pictures(race: Race, index: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch of noise with a little of its class in it: images [B, H, W, C] float32, labels [B] int32."""
    rng = np.random.default_rng((index, race.batch))
    labels = rng.integers(0, race.classes, race.batch).astype(np.int32)
    images = rng.standard_normal((race.batch, *race.image), np.float32)
    images += 0.5 * (labels[:, None, None, None] - (race.classes - 1) / 2) / race.classes
    return images, labels


def build(race: Race, entrant: str) -> Entrant:
    """The entrant's model. Raises ImportError where its framework, or a library of the model's, is not installed."""
    module = importlib.import_module(f"utils.races.entrants_{MODULES[entrant]}")
    built: Entrant = module.build(race, compiled=entrant.endswith("compiled"))
    return built


def main(arguments: list[str] | None = None) -> int:
    """Exit status 3: this entrant's libraries are not installed."""
    parser = argparse.ArgumentParser(prog="python -m utils.races.run")
    parser.add_argument("race", choices=catalogue.RACES)
    parser.add_argument("entrant", choices=catalogue.ENTRANTS)
    lengths = ("steps", "eval_steps", "epochs")
    for length in lengths:
        parser.add_argument(f"--{length.replace('_', '-')}", type=int, metavar="N", help="instead of the plan's")
    options = parser.parse_args(arguments)
    race = catalogue.find(options.race)
    race = race._replace(**{name: given for name in lengths if (given := getattr(options, name))})
    try:
        entrant = build(race, options.entrant)
    except ImportError as problem:
        print(json.dumps({"missing": problem.name or str(problem)}))
        return 3
    except CourseError as problem:
        print(json.dumps({"problem": str(problem)}))
        return 2
    print(json.dumps(measure(entrant, race)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
