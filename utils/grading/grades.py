"""What grading leaves in its output folder: a record of each hand-in, and the grades of all of them as tables.

`moodle_UNIT.csv` is an assignment's offline grading worksheet, one file for each unit. Moodle's importer
(mod/assign/feedback/offline) wants `Identifier`, `Grade` and `Last modified (grade)`, and takes `Feedback comments`, in
the language that the page is shown in. Only a participant's number tells it who is meant: the one in the folder's name,
as Moodle's "download all submissions" writes it. A student whose folder has none is left out.

`canvas.csv` is a gradebook: a column for each unit, and under the headings the row `Points Possible`. Canvas's importer
(lib/gradebook_importer.rb) looks for a student by `ID`, then by the SIS columns, then by name. The folder's name gives
the `ID` when it is as `python -m utils gather` makes it from Canvas's download (`name_1234`), else name and login.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from utils.base import files
from utils.base.errors import CourseError, few, unknown
from utils.base.paths import shown
from utils.checks.registry import Unit
from utils.checks.verdict import Kind
from utils.grading.marking import Mark, Result

GRANTS = ("student", "unit", "exercise", "points", "reason")
GRADES = ("student", "unit", "points", "out of", "flags")
MOODLE = ("Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments")
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
# a student's own name for a file may look like Moodle's: the first number counts
_OF_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?")
_OF_CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<number>\d+)(?:_\d+_(?P<file>.+))?")

Grants = Mapping[tuple[str, str, str], tuple[int, str]]  # by student, unit and exercise the points, and why


class Student(NamedTuple):
    """Who handed in, as the name of a folder or file tells."""

    name: str
    system: str = ""  # "moodle" or "canvas", where the name is as that writes it
    number: str = ""  # by which the system knows the student
    file: str = ""  # the student's own name for it, where this is a file


def student_of(handed_in: str) -> Student:
    """Whose a folder or file is, by its name."""
    for system, pattern in (("moodle", _OF_MOODLE), ("canvas", _OF_CANVAS)):
        if match := pattern.fullmatch(handed_in):
            return Student(match["name"], system, match["number"], match["file"] or "")
    return Student(handed_in)


def page_of(student: str) -> str:
    """A student's page, relative to OUT: plain letters, and a digest where the name had to be changed."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", student).strip("._")[:60]
    if not plain or plain != student or plain.lower() in ("con", "nul", "aux", "prn"):
        plain += "-" + hashlib.sha256(student.encode()).hexdigest()[:8]
    return f"students/{plain}.html"


# --- records ------------------------------------------------------------------------------------------------------


def keep(out: Path, result: Result, digest: str) -> None:
    """Write a hand-in's record, under the digest of all that it depends on."""
    files.write(out / "records" / f"{digest}.json", _json(asdict(result)))


def kept(out: Path, digest: str) -> Result | None:
    """The record of an earlier run, if nothing that it depends on has changed since."""
    try:
        data = json.loads((out / "records" / f"{digest}.json").read_text(encoding="utf-8"))
        return Result(**data | {"marks": [Mark(**mark) for mark in data["marks"]]})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def seed(out: Path) -> int:
    """The seed that an output folder's hand-ins were graded with; a new one where there is none."""
    try:
        return int((out / "records" / "seed").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return secrets.randbits(128)


def see_unchanged(out: Path) -> None:
    """Raise CourseError if `grades.csv` is no longer what was written: someone's changes would be lost."""
    file, known = out / "grades.csv", [path.read_bytes() for path in (out / "records").glob("*.csv")]
    if file.exists() and file.read_bytes() not in known:
        raise CourseError(
            f"{shown(file)} was changed by hand, and grading would write over it. Put points that you give into "
            f"{shown(out / 'grants.csv')}, which is never written over; then grade again with GRADE_ARGS=--replace."
        )


# --- points that a person gives: `OUT/grants.csv`, read at every run and never changed ------------------------------


def grants(out: Path, students: Iterable[str], units: Mapping[str, Unit]) -> Grants:
    """The grants beside the grades; none where there is no such file.

    Raises:
      CourseError: a line names nobody, no exercise, or points that it cannot score; names the line.
    """
    file = out / "grants.csv"
    if not file.exists():
        return {}
    known = set(students)
    found: dict[tuple[str, str, str], tuple[int, str]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text, restval="", restkey="more"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{shown(file)} cannot be read: {error}.") from None
    for number, row in enumerate(rows, start=2):
        where = f"{shown(file)}, line {number}"
        if tuple(row)[: len(GRANTS)] != GRANTS or "more" in row:
            raise CourseError(f"{where}: the columns are {', '.join(GRANTS)}, with commas between them.")
        student, unit, exercise, points, reason = (row[name].strip() for name in GRANTS)
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
        found[student, unit, exercise] = int(points), reason
    return found


def granted(result: Result, grants: Grants, units: Mapping[str, Unit]) -> Result:
    """The result with what was granted, where that is more; also where nothing could be graded."""
    marks = {mark.exercise: mark for mark in result.marks}
    for (student, unit, exercise), (points, reason) in grants.items():
        if (student, unit) == (result.student, result.unit):
            declared = units[unit].exercises[exercise]
            nothing = Mark(exercise, declared.title, 0, declared.points, Kind.NOT_CHECKED.name)
            mark = marks.get(exercise, nothing)
            message = f"{mark.message} {points} of {mark.of} points were given by a person: {reason}".strip()
            marks[exercise] = replace(mark, points=max(mark.points, points), message=message)
    return replace(result, marks=list(marks.values()))


# --- tables -------------------------------------------------------------------------------------------------------


def write(out: Path, results: list[Result]) -> None:
    """Write grades.csv and grades.json, and the same in the columns that Moodle and Canvas import."""
    plain = [(cell(one.student), one.unit, one.points, one.out_of, cell(" | ".join(one.looks))) for one in results]
    if (file := out / "grades.csv").exists():  # what is there till the last moment, for `see_unchanged`
        files.write(out / "records" / "before.csv", file.read_bytes())
    for folder in (out / "records", out):
        _table(folder / "grades.csv", [GRADES, *plain])
    files.write(out / "grades.json", _json([asdict(one) | {"points": one.points} for one in results]))
    graded = [one for one in results if one.unit]
    units = sorted({one.unit for one in graded})
    for unit in units:
        if rows := list(_moodle(one for one in graded if one.unit == unit)):
            _table(out / f"moodle_{unit}.csv", [MOODLE, *rows])
    if graded:
        _table(out / "canvas.csv", _canvas(graded, units))


def _moodle(graded: Iterable[Result]) -> Iterator[tuple[object, ...]]:
    for one in graded:
        student = student_of(one.student)
        if student.system == "moodle":
            yield f"Participant {student.number}", cell(student.name), one.points, one.out_of, "-", cell(feedback(one))


def _canvas(graded: list[Result], units: list[str]) -> Iterator[tuple[object, ...]]:
    out_of = {one.unit: one.out_of for one in graded}
    yield *CANVAS, *units
    yield "    Points Possible", "", "", "", "", *(out_of[unit] for unit in units)
    points = {(one.student, one.unit): one.points for one in graded}
    for name in sorted({one.student for one in graded}):
        student = student_of(name)
        number = student.number if student.system == "canvas" else ""
        login = "" if student.system else cell(student.name)
        yield cell(student.name), number, "", login, "", *(points.get((name, unit), "") for unit in units)


def feedback(one: Result) -> str:
    """What scored how much, and the message for what was not right, in a line."""
    parts = [f"{one.points} of {one.out_of} points.", one.reason]
    for mark in one.marks:
        message = "" if mark.verdict == Kind.RIGHT.name else mark.message
        parts.append(f"{mark.exercise}: {mark.points} of {mark.of}. {message}")
    return html.escape(" ".join(" ".join(parts).split()), quote=False)  # Moodle shows it as HTML


def cell(text: str) -> str:
    """A stranger's text as a cell in one line that no spreadsheet takes for a formula, however it parts cells."""
    return re.sub(r"(^|[;,|\"'])( ?)(?=[=+@-])", r"\1\2'", " ".join(text.split()))


def _table(file: Path, rows: Iterable[Iterable[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    files.write(file, text.getvalue())


def _json(data: object) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
