"""What grading leaves in its output folder: a record of each hand-in, grades.csv and grades.json."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from pathlib import Path

from utils.base import files
from utils.grading import columns
from utils.grading.marking import Result

COLUMNS = ("student", "unit", "points", "out of", "flags")


def shown_name(name: str) -> str:
    """A folder's name as text; bytes that are no UTF-8 become question marks."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def safe_name(name: str) -> str:
    """A file name for a student: plain letters, and a digest where the name had to be changed."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")[:60]
    if plain == name and plain.lower() not in ("con", "nul", "aux", "prn"):
        return plain
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{plain or 'student'}-{digest}"


def record_path(out: Path, student: str, unit: str) -> Path:
    return out / "records" / safe_name(student) / f"{unit or 'unknown'}.json"


def keep(out: Path, folder: str, result: Result, digest: str) -> None:
    """Write a hand-in's record, with the digest of all that it depends on."""
    content = json.dumps(result.as_json() | {"digest": digest}, indent=1, ensure_ascii=True)
    files.write(record_path(out, folder, result.unit), content + "\n")


def kept(out: Path, folder: str, unit: str, digest: str) -> Result | None:
    """The record of an earlier run, when nothing that it depends on has changed since."""
    path = record_path(out, folder, unit)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Result.from_json(data) if data["digest"] == digest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_grades(out: Path, results: list[Result]) -> None:
    """grades.csv and grades.json, by student and unit, and the same in the columns of Moodle and Canvas."""
    ordered = sorted(results, key=lambda result: (result.student, result.unit))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in ordered:
        flags = " | ".join([one.reason, *one.flags] if one.reason else one.flags)
        writer.writerow([columns.cell(one.student), one.unit, one.points, one.out_of, columns.cell(flags)])
    files.write(out / "grades.csv", text.getvalue())
    rows = [{k: v for k, v in one.as_json().items() if k != "pictures"} for one in ordered]
    files.write(out / "grades.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    columns.write(out, ordered)
