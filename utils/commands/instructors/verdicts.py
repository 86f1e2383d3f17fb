"""`python -m utils verdicts [NN …]`: how long a student waits for a verdict.

Each unit in a process of its own, as a notebook is; the first verdict comes while the judge's process still starts.
Prints seconds by the clock for the course's answer and for its first known mistake, and writes `build/verdicts.json`.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from utils import checks
from utils.base import definitions, files
from utils.base.command import one_of, parser_of
from utils.base.machine import cores
from utils.base.paths import BUILD, shown
from utils.base.table import render
from utils.checks.answers import hand_over
from utils.checks.crossing import dumps
from utils.checks.mistakes import mistakes, wrong
from utils.checks.worker import Judge
from utils.progress import track

RESULT = BUILD / "verdicts.json"


def main(arguments: list[str]) -> int:
    """Measure, one unit after the other."""
    units = {unit.name[:2]: unit for unit in checks.units().values()}
    parser = parser_of("verdicts", __doc__)
    parser.add_argument("units", nargs="*", metavar="NN", type=one_of("unit", units), help="which (default: all)")
    numbers = parser.parse_args(arguments).units or [*units]
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as fresh:
        by_unit = track(fresh.map(_rows, numbers), "verdicts", total=len(numbers), unit="unit", leave=False)
        rows = [row for rows in by_unit for row in rows]
    table = [[row["unit"], row["exercise"], f"{row['right']:.2f}", f"{row['wrong']:.2f}"] for row in rows]
    print(render(["unit", "exercise", "right, s", "wrong, s"], table, right=(2, 3)))
    files.write(RESULT, json.dumps({"cores": cores(), "verdicts": rows}, indent=1))
    print(f"\nWritten: {shown(RESULT)}")
    return 0


def _rows(number: str) -> list[dict[str, Any]]:
    (unit,) = (unit for unit in checks.units().values() if unit.name.startswith(number))
    solution = definitions.load(unit.solution)
    judge = Judge(unit)
    judge.start()

    def seconds(exercise: Any, answer: Any) -> float:
        began = time.perf_counter()
        judge.verdict(exercise.name, dumps(hand_over(exercise, answer)))
        return time.perf_counter() - began

    rows: list[dict[str, Any]] = []
    for exercise in unit.exercises.values():
        right = seconds(exercise, getattr(solution, exercise.name))
        known = mistakes(exercise)[:1]  # none where `accepts` tells
        slip = [seconds(exercise, wrong(exercise, one, solution)) for one in known]
        rows.append({"unit": number, "exercise": exercise.name, "right": right, "wrong": max(slip, default=0.0)})
    judge.stop()
    return rows
