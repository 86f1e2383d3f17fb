"""The test set behind one call, which keeps count: `models/test_openings.json` tells each time it was opened.

    accuracy = testset.open("cifar10", lambda test: evaluate(params, test), model="VGG8, dropout", batch_size=64)

Whoever looks at the test set, changes the model and looks again has begun to train on it. Nobody is stopped here; but
the second time says that it is the second, and what came before. (In a notebook that a machine runs the count begins
anew with each run: see `utils/records.py`.)
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any

from utils import data, records
from utils.base.errors import CourseError

RECORD = "test_openings"
SHOWN = 3  # earlier openings that are told


def open(
    name: str, score: Callable[[data.Batches], Any], *, model: str, batch_size: int, split: str = "test", **options: Any
) -> float:
    """Score a model on the test split of a data set, and record that it was opened.

    name: of the data set, as for `data.load`, which also takes split (cats_vs_dogs has no "test": "train[90%:]"),
    batch_size and the options. score: called once with the batches; returns the accuracy in 0..1.
    model: which model this is, for the record. Returns the accuracy.

    The opening counts from the moment the batches are handed out, so one that is interrupted counts too. Prints one
    line for the data, and one more where this test set was opened before. Raises CourseError for a score that is no
    accuracy.
    """
    if not isinstance(model, str) or not model.strip():
        raise CourseError("testset.open wants to know which model is tested: model='VGG8 with dropout'.")
    test = data.load(name, split, batch_size=batch_size, **options)
    before = openings(test.source)
    if before:
        print(_again(before))
    entry = {"date": _now(), "data": test.source, "model": model.strip(), "accuracy": None, "process": _process()}
    entries = records.read(RECORD)
    records.write(RECORD, [*entries, entry])
    accuracy = _accuracy(score(test))
    records.write(RECORD, [*entries, entry | {"accuracy": accuracy}])
    return accuracy


def openings(source: str) -> list[dict[str, Any]]:
    """The earlier openings of one test set, oldest first: {"date", "data", "model", "accuracy", "process"}.

    source: `batches.source`, so that a sample and the real set, or two parts of one set, are counted apart.
    """
    return [entry for entry in records.read(RECORD) if entry.get("data") == source]


def _again(before: list[dict[str, Any]]) -> str:
    told = [_told(entry) for entry in before[-SHOWN:]]
    more = f"{len(before) - SHOWN} earlier; " if len(before) > SHOWN else ""
    return (
        f"The test set is opened for the {_ordinal(len(before) + 1)} time. Before: {more}{'; '.join(told)}. "
        "What was changed since by looking at these figures makes this one too good."
    )


def _told(entry: dict[str, Any]) -> str:
    accuracy = entry.get("accuracy")
    figure = "not finished" if accuracy is None else f"{100 * accuracy:.1f} %"
    when = "a moment ago" if entry.get("process") == _process() else str(entry.get("date", "?"))
    return f"{entry.get('model', '?')}, {when}: {figure}"


def _accuracy(value: Any) -> float:
    try:
        accuracy = float(value)
    except (TypeError, ValueError):
        accuracy = math.nan
    if not 0 <= accuracy <= 1:
        raise CourseError(
            f"testset.open: score must return the accuracy, one number in 0..1, not {str(value)[:60]}. "
            "The opening is recorded without a figure."
        )
    return accuracy


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="minutes")


def _process() -> str:
    """Which run of a notebook or script this is: its process, by number and start."""
    import psutil

    process = psutil.Process()
    return f"{process.pid} of {process.create_time():.0f}"
