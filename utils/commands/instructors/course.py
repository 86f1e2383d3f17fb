"""`python -m utils course [--save] [NAMES…]`: run all lessons and solutions, and tell how they went.

Each notebook runs in a fresh kernel, one after the other, since they are timed. Prints a table and writes
`build/course.json`: a list of `{"notebook", "status", "seconds", "peak_mb", "data", "metrics"}`, one for each notebook,
brought up to date after every notebook. `build/course.html` compares its figures with those of the last run on this
machine. What got worse than in the last runs, by more than these differ, is told (`build/course-history.json` keeps
them). `--save` runs on the samples, and writes the outputs into the notebooks, for committing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tqdm import tqdm

from utils.author import execute, history, pairs
from utils.base import files, table
from utils.base.command import parser_of
from utils.base.errors import CourseError, unknown
from utils.base.paths import BUILD, EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS, shown, sources
from utils.data import source
from utils.progress import track

BUDGET_SECONDS = 60  # of a notebook on samples, on two cores
RESULT = BUILD / "course.json"


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
    notebooks = select(options.names)
    rows: list[dict[str, Any]] = []
    try:
        run_all(notebooks, rows, save=options.save, timeout=options.timeout)
    except KeyboardInterrupt:
        print(f"\nStopped after {len(rows)} of {len(notebooks)} notebooks.")
        return 130
    finally:
        if rows:
            print(f"\n{as_table(rows)}\n\nWritten: {shown(RESULT)}", flush=True)
            worse = history.add(rows)
            print(f"Beside the last run: {shown(history.FILE.with_name(history.PAGE))}\n\n{worse}".rstrip(), flush=True)
    return 0 if all(row["status"] == "ok" for row in rows) else 1


def run_all(notebooks: list[Path], rows: list[dict[str, Any]], *, save: bool, timeout: float) -> None:
    """Run notebooks one after the other; `rows` grows by one for each, and is written to build/course.json each time.

    With `save` the outputs of those that run to their end are written into them. A cell may take `timeout` seconds.
    """
    lengths = [len(pairs.read(path).cells) for path in notebooks]
    with track(total=sum(lengths), unit="cell") as bar:
        for number, (path, length) in enumerate(zip(notebooks, lengths, strict=True), start=1):
            name = shown(path)
            bar.set_description_str(name)
            if bar.disable:
                print(f"[{number}/{len(notebooks)}] {name} …", flush=True)
            done = bar.n
            outcome = execute.run(path, timeout=timeout, on_cell=lambda _: bar.update())
            bar.update(done + length - bar.n)
            status = outcome.status
            if save and status == "ok":
                try:
                    execute.save(path, outcome.notebook)
                except CourseError as problem:
                    status = f"failed: not saved: {problem}"
            row = {
                "notebook": name,
                "status": status,
                "seconds": round(outcome.seconds, 1),
                "peak_mb": None if outcome.peak_mb is None else round(outcome.peak_mb),
                "data": "; ".join(outcome.data),
                "metrics": outcome.metrics,
            }
            rows.append(row)
            files.write(RESULT, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
            if status != "ok" or bar.disable:
                tqdm.write(f"{name}: {status}, {row['seconds']} s")


def select(names: list[str]) -> list[Path]:
    """The notebooks that names mean; all lessons and solutions for no name.

    Args:
      names: of units (`02`, `02_flax_mnist_cnn`: its lesson and its solution), or with a folder (`solutions/02`,
        `exercises/01_jnp_and_jit.ipynb`).

    Raises:
      CourseError: there is no such notebook, or it is not what the text beside it says.
    """
    every = [path.with_suffix(".ipynb") for folder in (NOTEBOOKS, SOLUTIONS, EXERCISES) for path in sources(folder)]
    taught = [path for path in every if path.parent != EXERCISES]
    chosen = [] if names else taught
    for name in names:
        start = name.rstrip("/").removesuffix(".ipynb").removesuffix(".py")
        known = {path.stem: path for path in taught}
        hits = [path for path in taught if start and path.stem.startswith(start)]
        if "/" in start:
            known = {shown(path.with_suffix("")): path for path in every}
            hits = [path for stem, path in known.items() if stem.startswith(shown((ROOT / start).resolve()))]
        if not hits:
            raise CourseError(unknown("There is no notebook", name, known))
        chosen += [path for path in hits if path not in chosen]
    if stale := [shown(path) for path in chosen if path.parent != EXERCISES and not pairs.in_step(path)]:
        raise CourseError(f"Not what the .py beside it says: {', '.join(stale)}. {pairs.AS_THEY_WERE}")
    return chosen


def as_table(rows: list[dict[str, Any]]) -> str:
    """The rows for a reader, with the time of all of them."""
    over = [row["seconds"] > BUDGET_SECONDS and "real set" not in row["data"] for row in rows]  # those may take theirs
    body = [
        [
            row["notebook"],
            row["status"],
            f"{row['seconds']:.1f}{' !' * late}",
            "–" if row["peak_mb"] is None else f"{row['peak_mb']:,}",
            _in_short(row["data"]),
        ]
        for row, late in zip(rows, over, strict=True)
    ]
    text = table.render(["notebook", "status", "seconds", "peak MB", "data"], body, widest=38, right=(2, 3))
    if any(over):
        text += f"\n! takes longer than the {BUDGET_SECONDS} s that a notebook on samples should take on two cores"
    minutes = sum(row["seconds"] for row in rows) / 60
    good = sum(row["status"] == "ok" for row in rows)
    return f"{text}\n\n{good} of {len(rows)} notebooks ran to their end, in {minutes:.1f} min."


def _in_short(data: str) -> str:
    """The first line of each set; a lesson may load many slices of one."""
    lines: dict[str, list[str]] = {}
    for line in data.split("; ") if data else []:
        lines.setdefault(line.split()[0], []).append(line)
    return "\n".join(first + (f" (and {len(more)} more)" if more else "") for first, *more in lines.values())
