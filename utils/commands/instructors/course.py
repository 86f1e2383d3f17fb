"""`python -m utils course [--save] [NAMES…]`: run all lessons and solutions, and tell how they went.

Each notebook runs in a fresh kernel, one after the other, since they are timed. Prints a table and writes
`build/course.json`: a list of `{"notebook", "status", "seconds", "peak_mb", "data", "metrics"}`, one for each notebook,
brought up to date after every notebook. `build/course.html` compares its figures with those of the last run on this
machine. What got worse than in the last runs, by more than these differ, is told (`build/course-history.json` keeps
them). A run of all of them also times the input pipelines, on the data that `COURSE_DATA` chooses, into
`build/pipeline.json`. `--save` runs on the samples, and writes the outputs into the notebooks, for committing.
"""

from __future__ import annotations

import os
from typing import Any

from utils.author import course, history
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.base.paths import BUILD, shown
from utils.commands import data
from utils.data import source


def main(arguments: list[str]) -> int:
    """Returns 0 when every notebook ran to its end, 1 when one did not, 130 after Ctrl-C."""
    parser = parser_of("course", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks, e.g. 02 or solutions/02 (default: all)")
    parser.add_argument("--save", action="store_true", help="write the outputs into the notebooks")
    parser.add_argument("--timeout", type=float, default=3600, metavar="SECONDS", help="for one cell (default 3600)")
    options = parser.parse_args(arguments)
    if options.save and os.environ.setdefault("COURSE_DATA", "sample") != "sample":
        raise CourseError("Outputs are committed from the samples only: COURSE_DATA=sample, or leave it unset.")
    source.mode()  # an unknown COURSE_DATA is told before anything runs
    notebooks = course.select(options.names)
    rows: list[dict[str, Any]] = []
    try:
        course.run_all(notebooks, rows, save=options.save, timeout=options.timeout)
    except KeyboardInterrupt:
        print(f"\nStopped after {len(rows)} of {len(notebooks)} notebooks.")
        return 130
    finally:
        if rows:
            print(f"\n{course.as_table(rows)}\n\nWritten: {shown(BUILD / course.RESULT)}", flush=True)
            worse = history.add(rows)
            print(f"Beside the last run: {shown(history.FILE.with_name(history.PAGE))}\n\n{worse}".rstrip(), flush=True)
    if not options.names:
        try:
            print("\nThe input pipelines:", flush=True)
            speeds = [speed._asdict() for speed in data.bench()]
            print(f"\nWritten: {shown(course.write(speeds, 'pipeline.json'))}", flush=True)
        except CourseError as problem:  # the notebooks' results stand
            print(f"They were not timed: {problem}", flush=True)
    return 0 if all(row["status"] == "ok" for row in rows) else 1
