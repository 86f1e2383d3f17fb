"""The page that JupyterLab opens with, `START.md`: the syllabus, and how far the student is on this machine.

`python -m utils lab` writes it, each check brings it up to date. It is made from the texts of lessons and exercises and
from what is noted of verdicts: no unit is imported for it.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from utils import records
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS, sources
from utils.checks import standing
from utils.checks.standing import Noted
from utils.checks.verdict import REVEALED, TEMPLATES, Kind, templates

PAGE = ROOT / "START.md"
_TITLE = re.compile(r"^# # (.+)$", re.MULTILINE)
_SECTION = re.compile(r"^# \| \d+ \| (.+) \| \d+ \|$", re.MULTILINE)  # of the table of minutes
_MINUTES = re.compile(r"^# \|.*\*\*together\*\* \| (\d+) \|$", re.MULTILINE)
_TASK = re.compile(
    r"^# ## (?P<heading>Exercise (?P<number>\d+): (?P<title>[^\n]+) (?P<stars>★+☆*) \((?P<minutes>\d+) minutes?, "
    r"(?P<points>\d+) points?\))$.*?^\w+ = check\.(?P<name>\w+)\(",
    re.MULTILINE | re.DOTALL,
)


def write() -> None:
    """Write the page. Raises CourseError where it cannot be written."""
    files.write(PAGE, text())


def refresh() -> None:
    """Bring the page up to date where there is one; a check goes on without it.

    A notebook that a machine runs knows nothing of what is noted, so it leaves the page as it is.
    """
    if records.lasting() and PAGE.exists():
        with suppress(CourseError, OSError, ValueError):
            write()


def text() -> str:
    """The page, in Markdown."""
    units = [_unit(lesson) for lesson in sources(NOTEBOOKS) if (EXERCISES / lesson.name).exists()]
    unfinished = [unit for unit in units if unit["done"] < len(unit["tasks"])]
    here = max(unfinished, key=lambda unit: unit["changed"], default=None)  # of those that nobody began the first
    template = templates(TEMPLATES).get_template("start.md")
    return template.render(units=units, here=here, ahead=here and _ahead(here), solutions=SOLUTIONS.exists()).lstrip()


def _unit(lesson: Path) -> dict[str, Any]:
    told, asked = (path.read_text(encoding="utf-8") for path in (lesson, EXERCISES / lesson.name))
    file = f"{lesson.stem}.ipynb"
    noted, places = standing.read(lesson.stem), _places(EXERCISES / file)
    tasks = [
        _task(found, f"exercises/{file}{places.get(found['heading'], '')}", noted.get(found["name"], Noted()))
        for found in _TASK.finditer(asked)
    ]
    return {
        "file": file,
        "title": "".join(_TITLE.findall(told)[:1]),
        "sections": _SECTION.findall(told),
        "minutes": "".join(_MINUTES.findall(told)),
        "tasks": tasks,
        "done": sum(task["done"] for task in tasks),
        "changed": standing.last_change(lesson.stem),
    }


def _places(notebook: Path) -> dict[str, str]:
    """Heading → the end of a link to its cell, as JupyterLab reads it."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        lines = ((line, cell["id"]) for cell in cells for line in "".join(cell["source"]).splitlines())
        return {line.removeprefix("## "): f"#cell-id={name}" for line, name in lines if line.startswith("## ")}
    except (OSError, ValueError, LookupError, TypeError):  # it is the student's: the link opens it at its top
        return {}


def _task(found: re.Match[str], link: str, noted: Noted) -> dict[str, Any]:
    return found.groupdict() | {
        "minutes": int(found["minutes"]),
        "points": int(found["points"]),
        "scored": noted.points,
        "look": REVEALED if noted.revealed else noted.kind,
        "done": noted.revealed or noted.kind is Kind.RIGHT,
        "link": link,
    }


def _ahead(unit: dict[str, Any]) -> dict[str, str]:
    """What comes next in a unit: its lesson where nothing is noted of it, else the first exercise that is not done."""
    if not unit["changed"]:
        about = f"the lesson: {unit['minutes']} minutes, in sections. Its exercises come afterwards."
        return {"text": unit["title"], "link": f"notebooks/{unit['file']}", "about": about}
    task = next(task for task in unit["tasks"] if not task["done"])
    about = f"{task['stars']}, about {task['minutes']} minutes, in {unit['title']}."
    return {"text": f"exercise {task['number']}, {task['title']}", "link": task["link"], "about": about}
