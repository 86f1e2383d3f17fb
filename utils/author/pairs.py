"""The notebook of every text, and how the two are kept the same.

Each `.py` (in `notebooks`, `solutions` and `exercises`) has its `.ipynb` beside it, written from it:
the same cells, ids that depend on the text alone, no version and no time. Outputs stay with the cells
whose code has not changed. What differs and would be overwritten is first copied to `build/replaced`.

In JupyterLab the two are a pair where `jupytext.toml` says so, in `notebooks` and in `solutions`: there what is written
in one goes into the other. In `exercises`, and in all of a release, the notebook is the student's and stands by itself.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupytext.compare import compare
from jupytext.config import load_jupytext_configuration_file

from utils.author import minutes, set_up
from utils.author.exercises import exercise_from
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import BUILD, EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS, shown, sources

AS_THEY_WERE = "Run make exercises; it keeps a copy of what it replaces in build/replaced."


# --- from a text to its notebook and back --------------------------------------------------------------


def notebook_from(text: str) -> Any:
    """The notebook (an nbformat node) of a py:percent text: no outputs, ids made from the text alone."""
    notebook = jupytext.reads(text, fmt="py:percent", config=_config())
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]} if "kernelspec" in notebook.metadata else {}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return notebook


def text_from(notebook: Any) -> str:
    """The py:percent text of a notebook, as its pair holds it."""
    return str(jupytext.writes(notebook, fmt="py:percent", config=_config()))


def _config() -> Any:
    return load_jupytext_configuration_file(str(ROOT / "notebooks" / "jupytext.toml"))


def read(path: Path) -> Any:
    """The notebook (an nbformat node) in a file.

    Raises:
      CourseError: the file is missing, or no notebook.
    """
    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise CourseError(
            f"{shown(path)} cannot be read as a notebook ({error}). Move it away. {AS_THEY_WERE}"
        ) from None


def file_text(notebook: Any) -> str:
    """A notebook as its file holds it: the same text for the same content."""
    nbformat.validate(notebook)
    text: str = nbformat.writes(notebook, version=4, indent=1)  # type: ignore[no-untyped-call]
    return text.rstrip("\n") + "\n"


def with_outputs_of(new: Any, old: Any) -> Any:
    """`new` with the outputs of `old` wherever the code is the same; jupytext would keep those of changed code too."""
    left = [cell for cell in old.cells if cell.cell_type == "code"]
    for cell in new.cells:
        place = next((i for i, before in enumerate(left) if before.source == cell.source), None)
        if cell.cell_type == "code" and place is not None:
            before = left.pop(place)
            cell.outputs, cell.execution_count = before.outputs, before.execution_count
    return new


# --- the whole course ------------------------------------------------------------------------------------


def generate(*, check: bool = False) -> list[str]:
    """Write all exercises, notebooks, tables of minutes and what a first code cell begins with.

    Args:
      check: write nothing.

    Returns:
      A line for each file that was written, or with `check`, that is out of step.

    Raises:
      CourseError: a text that is no solution, has no place for its minutes, changes on its way through a notebook, or
        has a damaged notebook.
    """
    texts = {path: path.read_text(encoding="utf-8") for folder in (NOTEBOOKS, SOLUTIONS) for path in sources(folder)}
    for path, text in texts.items():
        made = set_up.with_code(text, shown(path))
        texts[path] = minutes.with_table(made, shown(path)) if path.parent == NOTEBOOKS else made
    for path in sources(SOLUTIONS):
        texts[EXERCISES / path.name] = exercise_from(texts[path], shown(path))
    new = texts | {path.with_suffix(".ipynb"): _of_notebook(path, text) for path, text in texts.items()}
    changed = {path: content for path, content in new.items() if not _holds(path, content)}
    for path, content in () if check else changed.items():
        if path.exists():  # someone may have written in there: never lose it
            copy = BUILD / "replaced" / time.strftime("%Y%m%d-%H%M%S") / path.parent.name / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        files.write(path, content)
    stray = sorted({path for path in EXERCISES.glob("[0-9][0-9]_*.*") if path.suffix in (".py", ".ipynb")} - set(new))
    return [*map(shown, changed)] + [f"{shown(path)} (has no solution; delete it)" for path in stray]


def _holds(path: Path, content: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8", errors="replace") == content


def _of_notebook(text_path: Path, text: str) -> str:
    """What the notebook beside a text must hold: outputs of cells whose code is the same, none in an exercise."""
    path, notebook = text_path.with_suffix(".ipynb"), notebook_from(text)
    if (back := text_from(notebook)) != text:
        difference = compare(back, text, "as it comes back", "as it is", return_diff=True)
        raise CourseError(f"{shown(text_path)} changes on its way through a notebook:\n{difference}")
    if path.exists() and path.parent != EXERCISES:
        notebook = with_outputs_of(notebook, read(path))
    return file_text(notebook)


def in_step(path: Path) -> bool:
    """Whether the notebook at `path`, written as text, is the `.py` beside it."""
    try:
        return text_from(read(path)) == path.with_suffix(".py").read_text(encoding="utf-8")
    except (OSError, CourseError):
        return False
