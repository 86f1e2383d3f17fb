"""What notebooks took before on this machine (`build/course-history.json`), and what got worse by more than the noise.

A figure is worse when it lies beyond the worst of the last runs by more than these differ among themselves, and by
more than a twentieth. Before there are `ENOUGH` runs to compare with, nothing is said.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from utils.base import files
from utils.base.errors import CourseError
from utils.base.machine import cores, processor
from utils.base.paths import BUILD, shown
from utils.base.table import render

FILE = BUILD / "course-history.json"
KEPT = 5  # runs of a machine
ENOUGH = 3
LEAST = 0.05  # of a figure
MORE_IS_BETTER = "_per_second"


def add(rows: list[dict[str, Any]]) -> str:
    """Keep the figures of a run, as `utils.author.course` has them.

    Returns:
        A table of those that got worse; "" where none did.

    Raises:
        CourseError: the history cannot be read or written.
    """
    machine = f"{processor()}, {cores()} cores"
    history = _read()
    mine, others = ([run for run in history if (run["machine"] == machine) is here] for here in (True, False))
    now = dict(figure for row in rows if row["status"] == "ok" for figure in _figures(row))
    entry = {"machine": machine, "when": datetime.now().isoformat(timespec="minutes"), "figures": now}
    files.write(FILE, json.dumps([*others, *mine[1 - KEPT :], entry], indent=1) + "\n")
    worse = [
        [name, f"{value:,.4g}", f"{min(before):,.4g} to {max(before):,.4g}"]
        for name, value in now.items()
        if (before := [run["figures"][name] for run in mine if name in run["figures"]])
        and _is_worse(name, value, before)
    ]
    return render(["worse than before", "now", "before, here"], worse, widest=90, right=(1,)) if worse else ""


def _is_worse(name: str, value: float, before: list[float]) -> bool:
    noise = max(max(before) - min(before), LEAST * max(before))
    beyond = min(before) - value if name.endswith(MORE_IS_BETTER) else value - max(before)
    return len(before) >= ENOUGH and beyond > noise


def _figures(row: dict[str, Any]) -> list[tuple[str, float]]:
    """Times, rates and memory of a notebook, apart for real sets and for samples."""
    metrics = {key: value for key, value in row["metrics"].items() if key.endswith(("_seconds", MORE_IS_BETTER))}
    figures = {"seconds": row["seconds"], "peak_mb": row["peak_mb"], **metrics}
    where = row["notebook"] + (", real set" if "real set" in row["data"] else "")
    return [(f"{where}: {key}", value) for key, value in figures.items() if value is not None]


def _read() -> list[dict[str, Any]]:
    try:
        history: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
        _ = [(run["machine"], run["figures"].items()) for run in history]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(f"{shown(FILE)} cannot be read ({error}). Delete it, and a new one begins.") from error
    return history
