"""What is remembered of the exercises of a unit when its notebook is closed: `models/exercises/UNIT.json`.

Nothing is remembered of a notebook that a machine runs (`utils.records`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from utils import records
from utils.base.errors import CourseError
from utils.checks.verdict import Kind


@dataclass(frozen=True)
class Noted:
    """What is remembered of one exercise: its last verdict, with the points, and the help that was asked for."""

    kind: Kind = Kind.NOT_ATTEMPTED
    points: int = 0
    hints: int = 0
    revealed: bool = False


def read(unit: str) -> dict[str, Noted]:
    """What is remembered of a unit, by the exercise's name.

    Raises:
        CourseError: the file cannot be read, or holds something else.
    """
    if not records.lasting():
        return {}
    try:
        return {entry.pop("exercise"): Noted(Kind[entry.pop("kind")], **entry) for entry in records.read(_record(unit))}
    except (TypeError, KeyError) as error:
        raise CourseError(f"models/{_record(unit)}.json is none of the course's ({error}). Move it away.") from error


def write(unit: str, noted: dict[str, Noted]) -> None:
    """Remember this of a unit. Raises CourseError where the disk cannot be written to."""
    if records.lasting():
        records.write(
            _record(unit), [{"exercise": name, **asdict(one), "kind": one.kind.name} for name, one in noted.items()]
        )


def last_change(unit: str) -> float:
    """When something of a unit was last noted, in seconds since 1970; 0 where nothing is."""
    path = records.MODELS / f"{_record(unit)}.json"
    return path.stat().st_mtime if path.exists() else 0.0


def _record(unit: str) -> str:
    return f"exercises/{unit}"
