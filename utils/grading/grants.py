"""Points that a person gives: `OUT/grants.csv`, written by hand, read at every run and never by the grader changed.

    student,unit,exercise,points,reason
    ann,01_jnp_and_jit,compress,2,explained it to me in the exercise class

The student is named as in `grades.csv`. The points take the place of what the grader gave, whichever is more.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from utils.base.errors import CourseError, few, unknown
from utils.base.paths import shown
from utils.checks.registry import Unit
from utils.checks.verdict import Kind
from utils.grading.marking import Mark, Result

COLUMNS = ("student", "unit", "exercise", "points", "reason")


class Grant(NamedTuple):
    """Points for a student's exercise, and why."""

    points: int
    reason: str


Grants = Mapping[tuple[str, str, str], Grant]  # by student, unit and exercise


def read(out: Path, students: Iterable[str], units: Mapping[str, Unit]) -> Grants:
    """The grants beside the grades; none where there is no such file.

    Raises:
      CourseError: a line names nobody, no exercise, or points that it cannot score; names the line.
    """
    file = out / "grants.csv"
    if not file.exists():
        return {}
    known = set(students)
    found: dict[tuple[str, str, str], Grant] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text, restval="", restkey="more"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{shown(file)} cannot be read: {error}.") from None
    for number, row in enumerate(rows, start=2):
        where = f"{shown(file)}, line {number}"
        if tuple(row)[: len(COLUMNS)] != COLUMNS or "more" in row:
            raise CourseError(f"{where}: the columns are {', '.join(COLUMNS)}, with commas between them.")
        student, unit, exercise, points, reason = (row[name].strip() for name in COLUMNS)
        if student not in known:
            raise CourseError(f"{where}: there is no student {student!r}. There are: {few(sorted(known))}.")
        if unit not in units:
            raise CourseError(f"{where}: {unknown('there is no unit', unit, units)}")
        if exercise not in units[unit].exercises:
            raise CourseError(f"{where}: {unknown('there is no exercise', exercise, units[unit].exercises)}")
        most = units[unit].exercises[exercise].points
        if not points.isdecimal() or int(points) > most:
            raise CourseError(f"{where}: {points!r} is no number of points from 0 to {most}.")
        if not reason:
            raise CourseError(f"{where}: the reason is missing; it is shown to the student.")
        found[student, unit, exercise] = Grant(int(points), reason)
    return found


def applied(result: Result, grants: Grants, units: Mapping[str, Unit]) -> Result:
    """The result with what was granted, also where nothing could be graded."""
    marks = {mark.exercise: mark for mark in result.marks}
    for (student, unit, exercise), grant in grants.items():
        if (student, unit) == (result.student, result.unit):
            declared = units[unit].exercises[exercise]
            nothing = Mark(exercise, declared.title, 0, declared.points, Kind.NOT_CHECKED.name)
            mark = marks.get(exercise, nothing)
            said = f"{grant.points} of {mark.of} points were given by a person: {grant.reason}"
            message = f"{mark.message} {said}".strip()
            marks[exercise] = replace(mark, points=max(mark.points, grant.points), message=message)
    return replace(result, marks=list(marks.values()))
