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


def add(
    name: str, validation: Batches, *, accuracy: float, parameters: int, epochs: int, seconds: float, remark: str = ""
) -> None:
    """Enter a run; one of the same name on the same data is replaced, and its tries are counted.

    validation: the batches that the accuracy (0..1) was measured on. parameters: how many numbers the model has.
    epochs, seconds: how long it was trained. remark: what was tried. Raises CourseError for figures that cannot be.
    """
    figures = {"accuracy": accuracy, "parameters": parameters, "epochs": epochs, "seconds": seconds}
    numbers = {key: _number(key, value) for key, value in figures.items()}
    if not str(name).strip():
        raise CourseError("scoreboard.add wants a name for the run, e.g. 'dropout'.")
    if numbers["accuracy"] > 1:
        raise CourseError(f"scoreboard.add: accuracy={accuracy} is not in 0..1; divide per cent by 100.")
    entries = records.read(RECORD)
    same = [one for one in entries if (one.get("name"), one.get("data")) == (str(name).strip(), validation.source)]
    entry = {
        "name": str(name).strip(),
        "data": validation.source,
        "examples": validation.examples,
        **numbers,
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
    print(as_text(validation.source, entries))
    others = len(records.read(RECORD)) - len(entries)
    if others:
        print(f"Not ranked here, since they were measured on other pictures: {others} more.")


def as_text(source: str, entries: list[dict[str, Any]]) -> str:
    """The ranking as a table, under the line that says which data it is about."""
    if not entries:
        return f"{source}\nno entries yet"
    rows = []
    for entry in entries:
        error = math.sqrt(entry["accuracy"] * (1 - entry["accuracy"]) / entry["examples"])
        rows.append(
            [
                entry["name"],
                f"{100 * entry['accuracy']:.1f} %",
                f"± {100 * error:.1f} %",
                f"{entry['parameters']:,.0f}",
                f"{entry['epochs']:.0f}",
                f"{entry['seconds']:,.0f} s",
                str(entry["tries"]),
                entry["remark"],
            ]
        )
    headers = ["name", "accuracy", "error", "parameters", "epochs", "training", "tries", "remark"]
    return f"{source}\n{table.render(headers, rows, right=range(1, 7))}"


def _number(key: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise CourseError(f"scoreboard.add: {key} must be one number of 0 or more, not {str(value)[:60]}.")
    return number
