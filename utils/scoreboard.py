"""An honest scoreboard in `models/scoreboard.json`: which change helped, on the same validation pictures.

    scoreboard.add("dropout", validation, accuracy=0.71, parameters=307_498, epochs=20, seconds=81.0)
    scoreboard.show(validation)

Only figures of the same validation pictures are ranked together: a sample never stands beside the real set. A name that
is entered again shows its latest figure, not its best, and how often it was tried; and each accuracy comes with its
standard error, so that a lead that is smaller than that is not taken for one.
"""

from __future__ import annotations

import math
from typing import Any

from utils import records
from utils.base import table
from utils.base.errors import CourseError
from utils.data import Batches

RECORD = "scoreboard"
HEADERS = ("name", "accuracy", "error", "parameters", "epochs", "training", "tries", "remark")


def add(
    name: str, validation: Batches, *, accuracy: float, parameters: int, epochs: int, seconds: float, remark: str = ""
) -> None:
    """Enter a run; one of the same name on the same data is replaced, and its tries are counted.

    Args:
        name: of the run.
        validation: the batches that the accuracy was measured on.
        accuracy: of them, in 0..1.
        parameters: how many numbers the model has.
        epochs: how long it was trained.
        seconds: the same by the clock.
        remark: what was tried.

    Raises:
        CourseError: there is no name, or figures that cannot be.
    """
    name = str(name).strip()
    if not name:
        raise CourseError("scoreboard.add wants a name for the run, e.g. 'dropout'.")
    figures = {"parameters": parameters, "epochs": epochs, "seconds": seconds}
    entries = records.read(RECORD)
    same = [one for one in entries if (one.get("name"), one.get("data")) == (name, validation.source)]
    entry = {
        "name": name,
        "data": validation.source,
        "examples": validation.examples,
        "accuracy": records.figure("scoreboard.add: accuracy", accuracy, fraction=True),
        **{key: records.figure(f"scoreboard.add: {key}", value) for key, value in figures.items()},
        "remark": remark,
        "tries": 1 + sum(int(one.get("tries", 1)) for one in same),
    }
    records.write(RECORD, [one for one in entries if one not in same] + [entry])


def ranked(validation: Batches) -> list[dict[str, Any]]:
    """The entries that were measured on these validation pictures, the most accurate first; ties as entered."""
    mine = [one for one in records.read(RECORD) if one.get("data") == validation.source]
    return sorted(mine, key=lambda one: -one["accuracy"])


def show(validation: Batches) -> None:
    """Print the ranking for these validation pictures, and how many entries on other data were left out of it."""
    entries = ranked(validation)
    print(validation.source)
    print(table.render(HEADERS, [_row(one) for one in entries], right=range(1, 7)) if entries else "no entries yet")
    if others := len(records.read(RECORD)) - len(entries):
        print(f"Not ranked here, since they were measured on other pictures: {others} more.")


def _row(entry: dict[str, Any]) -> list[str]:
    accuracy = entry["accuracy"]
    return [
        entry["name"],
        f"{100 * accuracy:.1f} %",
        f"± {100 * math.sqrt(accuracy * (1 - accuracy) / entry['examples']):.1f} %",
        f"{entry['parameters']:,.0f}",
        f"{entry['epochs']:.0f}",
        f"{entry['seconds']:,.0f} s",
        str(entry["tries"]),
        entry["remark"],
    ]
