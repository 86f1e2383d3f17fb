"""What notebooks took before on this machine (`build/course-history.json`), and what got worse by more than the noise.

The page `build/course.html` shows all figures of a run beside those of the last.
A figure is worse when it lies beyond the worst of the last runs by more than these differ among themselves, and by
more than a twentieth. Before there are `ENOUGH` runs to compare with, nothing is said.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from utils.base import files
from utils.base.errors import CourseError
from utils.base.machine import cores, processor
from utils.base.paths import BUILD, shown
from utils.base.table import render
from utils.checks.verdict import templates

FILE = BUILD / "course-history.json"
PAGE = "course.html"  # beside it
KEPT = 5  # runs of a machine
ENOUGH = 3
LEAST = 0.05  # of a figure
MORE_IS_BETTER = "_per_second"


def add(rows: list[dict[str, Any]]) -> str:
    """Keep the figures of a run, as `make course` has them, and write the page that compares it with the last.

    Returns:
        A table of those that got worse; "" where none did.

    Raises:
        CourseError: the history cannot be read, or it or the page cannot be written.
    """
    machine = f"{processor()}, {cores()} cores"
    history = _read()
    mine, others = ([run for run in history if (run["machine"] == machine) is here] for here in (True, False))
    figures = [(row, _figures(row) if row["status"] == "ok" else {}) for row in rows]
    now = {name: value for _, found in figures for name, value in found.items()}
    entry = {"machine": machine, "when": datetime.now().isoformat(" ", "minutes"), "figures": now}
    files.write(FILE, json.dumps([*others, *mine[1 - KEPT :], entry], indent=1) + "\n")
    before = {name: [run["figures"][name] for run in mine if name in run["figures"]] for name in now}
    worse = [name for name, value in now.items() if _is_worse(name, value, before[name])]
    page = templates(Path(__file__).parent / "templates").get_template("course.html")
    compared = [
        (row, [(name.partition(": ")[2], now[name], (before[name] or [None])[-1], name in worse) for name in found])
        for row, found in figures
    ]
    files.write(FILE.with_name(PAGE), page.render(now=entry, last=mine[-1:] and mine[-1], rows=compared))
    body = [[name, f"{now[name]:,.4g}", f"{min(before[name]):,.4g} to {max(before[name]):,.4g}"] for name in worse]
    return render(["worse than before", "now", "before, here"], body, widest=90, right=(1,)) if worse else ""


def _is_worse(name: str, value: float, before: list[float]) -> bool:
    """Of times, rates and memory; what a notebook found out, as an accuracy, is only compared."""
    if len(before) < ENOUGH or not name.endswith(("seconds", "peak_mb", MORE_IS_BETTER)):
        return False
    noise = max(max(before) - min(before), LEAST * max(before))
    return (min(before) - value if name.endswith(MORE_IS_BETTER) else value - max(before)) > noise


def _figures(row: dict[str, Any]) -> dict[str, float]:
    """All that was measured of a notebook, apart for real sets and for samples."""
    where = row["notebook"] + (", real set" if "real set" in row["data"] else "")
    measured = {"seconds": row["seconds"], "peak_mb": row["peak_mb"], **row["metrics"]}
    return {f"{where}: {name}": value for name, value in measured.items() if value is not None}


def _read() -> list[dict[str, Any]]:
    try:
        history: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
        _ = [(run["machine"], run["figures"].items()) for run in history]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(f"{shown(FILE)} cannot be read ({error}). Delete it, and a new one begins.") from error
    return history
