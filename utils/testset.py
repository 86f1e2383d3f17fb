"""The test set behind one call, which keeps count: `models/test_openings.json` tells each time it was opened.

    accuracy = testset.open("cifar10", lambda test: evaluate(params, test), model="VGG8, dropout", batch_size=64)

Whoever looks at the test set, changes the model and looks again has begun to train on it. Nobody is stopped here; but
the second time says that it is the second, and what came before. (In a notebook that a machine runs the count begins
anew with each run: see `utils/records.py`.)
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

from utils import data, records
from utils.base.errors import CourseError

RECORD = "test_openings"
SHOWN = 3  # earlier openings that are told
PROCESS = uuid.uuid4().hex  # this run of a notebook or script


def open(
    name: str, score: Callable[[data.Batches], Any], *, model: str, batch_size: int, split: str = "test", **options: Any
) -> float:
    """Score a model on the test split of a data set, and record that it was opened.

    The opening counts from the moment the batches are handed out, so one that is interrupted counts too. Prints one
    line for the data, and one more where this test set was opened before.

    Args:
        name: of the data set, as for `data.load`.
        score: called once with the batches; returns the accuracy in 0..1.
        model: which model this is, for the record.
        batch_size: examples a batch.
        split: as for `data.load`; cats_vs_dogs has no "test": "train[90%:]".
        options: more of `data.load`'s.

    Returns:
        The accuracy.

    Raises:
        CourseError: the model has no name, or the score is no accuracy.
    """
    if not isinstance(model, str) or not model.strip():
        raise CourseError("testset.open wants to know which model is tested: model='VGG8 with dropout'.")
    test = data.load(name, split, batch_size=batch_size, **options)
    if before := openings(test.source):
        told = [f"{len(before) - SHOWN} earlier"] * (len(before) > SHOWN) + [_told(entry) for entry in before[-SHOWN:]]
        print(
            f"The test set has now been opened {len(before) + 1} times. Before: {'; '.join(told)}. "
            "What was changed since by looking at these figures makes this one too good."
        )
    now = datetime.datetime.now().astimezone().isoformat(timespec="minutes")
    entry = {"date": now, "data": test.source, "model": model.strip(), "accuracy": None, "process": PROCESS}
    entries = records.read(RECORD)
    records.write(RECORD, [*entries, entry])
    accuracy = records.figure("testset.open: what score returns", score(test), fraction=True)
    records.write(RECORD, [*entries, entry | {"accuracy": accuracy}])
    return accuracy


def openings(source: str) -> list[dict[str, Any]]:
    """The earlier openings of one test set, oldest first: {"date", "data", "model", "accuracy", "process"} of each.

    One that broke off has no accuracy. source: `batches.source`, so that a sample and the real set are counted apart.
    """
    return [entry for entry in records.read(RECORD) if entry.get("data") == source]


def _told(entry: dict[str, Any]) -> str:
    accuracy = entry.get("accuracy")
    figure = "not finished" if accuracy is None else f"{100 * accuracy:.1f} %"
    when = "a moment ago" if entry.get("process") == PROCESS else entry.get("date", "?")
    return f"{entry.get('model', '?')}, {when}: {figure}"
