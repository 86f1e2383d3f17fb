"""Run the notebooks of the course one after the other, and tell how they went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tqdm import tqdm

from utils.author import execute, pairs
from utils.base import files, table
from utils.base.errors import CourseError, unknown
from utils.base.paths import BUILD, EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS, shown, sources
from utils.progress import track

BUDGET_SECONDS = 60  # of a notebook on samples, on two cores
RESULT = "course.json"


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
            write(rows, RESULT)
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


def write(rows: list[dict[str, Any]], name: str) -> Path:
    """Write a list to a JSON file in build/, whole or not at all. Returns the file."""
    target = BUILD / name
    files.write(target, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    return target


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
