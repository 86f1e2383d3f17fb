"""The notebook of every text, and how the two are kept the same.

Each `.py` (in `notebooks`, `solutions` and `exercises`) has its `.ipynb` beside it, written from it:
the same cells, ids that depend on the text alone, no version and no time. Outputs stay with the cells
whose code has not changed. What differs and would be overwritten is first copied to `build/replaced`.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

from utils.author.exercises import exercise_from
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import BUILD, EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS, shown, sources

TEXT_AHEAD = 1.0  # seconds by which jupytext lets the text of a pair be older than its notebook


# --- from a text to its notebook and back --------------------------------------------------------------


def notebook_from(text: str) -> Any:
    """The notebook (an nbformat node) of a py:percent text: no outputs, ids made from the text alone."""
    import jupytext

    notebook = jupytext.reads(text, fmt="py:percent", config=_config())
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]} if "kernelspec" in notebook.metadata else {}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return notebook


def text_from(notebook: Any) -> str:
    """The py:percent text of a notebook, as its pair holds it."""
    import jupytext

    return jupytext.writes(notebook, fmt="py:percent", config=_config())


def _config() -> Any:
    from jupytext.config import load_jupytext_configuration_file

    return load_jupytext_configuration_file(str(ROOT / "notebooks" / "jupytext.toml"))


def _read_notebook(path: Path) -> Any:
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise CourseError(
            f"{shown(path)} cannot be read as a notebook ({error}). Move it away. {as_they_were()}"
        ) from None


def write_notebook(notebook: Any, path: Path) -> None:
    """Write a notebook whole or not at all."""
    files.write(path, file_text(notebook))


def file_text(notebook: Any) -> str:
    """A notebook as its file holds it: the same text for the same content."""
    import nbformat

    nbformat.validate(notebook)
    return str(nbformat.writes(notebook, version=4, indent=1)).rstrip("\n") + "\n"


def with_outputs_of(new: Any, old: Any) -> Any:
    """`new` with the outputs of `old` wherever the code is the same, in the same order."""
    sources = [[(cell.cell_type, cell.source) for cell in notebook.cells] for notebook in (old, new)]
    for block in difflib.SequenceMatcher(a=sources[0], b=sources[1], autojunk=False).get_matching_blocks():
        for before, after in zip(
            old.cells[block.a : block.a + block.size], new.cells[block.b : block.b + block.size], strict=True
        ):
            if after.cell_type == "code":
                after.outputs, after.execution_count = before.outputs, before.execution_count
    return new


# --- the whole course ------------------------------------------------------------------------------------


def as_they_were() -> str:
    """How notebooks become again what the course says, in a sentence. A students' copy has no `make exercises`."""
    if sources(SOLUTIONS):
        return "Run make exercises; it keeps a copy of what it replaces in build/replaced."
    return "Unpack the course's zip file once more and take them from there."


def generate(*, check: bool = False) -> list[str]:
    """Write all exercises and pairs; with `check`, write nothing.

    Returns:
      A line for each file that was written, or with `check`, that is out of step.
    """
    changed: list[str] = []
    texts: dict[Path, str] = {}
    for folder in (NOTEBOOKS, SOLUTIONS):
        texts |= {path: path.read_text(encoding="utf-8") for path in sources(folder)}
    for path in sources(SOLUTIONS):
        exercise = EXERCISES / path.name
        texts[exercise] = exercise_from(texts[path], shown(path))
        if not exercise.exists() or exercise.read_text(encoding="utf-8") != texts[exercise]:
            changed.append(shown(exercise))
            if not check:
                _replace(exercise, texts[exercise])
    for path, text in texts.items():
        changed += _pair(path.with_suffix(".ipynb"), text, keep_outputs=path.parent != EXERCISES, check=check)
    for path in sorted([*EXERCISES.glob("[0-9][0-9]_*.py"), *EXERCISES.glob("[0-9][0-9]_*.ipynb")]):
        if EXERCISES / f"{path.stem}.py" not in texts and sources(SOLUTIONS):  # a release has no solution at all
            changed.append(f"{shown(path)} (has no solution; delete it)")
    return changed


def _pair(path: Path, text: str, *, keep_outputs: bool, check: bool) -> list[str]:
    notebook = notebook_from(text)
    if text_from(notebook) != text:
        raise CourseError(
            f"{shown(path.with_suffix('.py'))} changes when it goes through its notebook and back: "
            f"{_first_difference(text, text_from(notebook))}"
        )
    if path.exists():
        old = _read_notebook(path)
        same = [(c.cell_type, c.source, c.get("id")) for c in old.cells] == [
            (c.cell_type, c.source, c.id) for c in notebook.cells
        ]
        clean = keep_outputs or not any(c.get("outputs") or c.get("execution_count") for c in old.cells)
        if same and clean and dict(old.metadata) == dict(notebook.metadata):
            return []
        if keep_outputs:
            notebook = with_outputs_of(notebook, old)
    if not check:
        if path.exists():
            _keep_copy(path)
        write_notebook(notebook, path)
    return [shown(path)]


def _first_difference(want: str, got: str) -> str:
    for number, (a, b) in enumerate(zip(want.splitlines(), got.splitlines(), strict=False), start=1):
        if a != b:
            return f"line {number} is {a!r} and becomes {b!r}."
    return "one of them has more lines."


def _replace(path: Path, text: str) -> None:
    if path.exists():
        _keep_copy(path)
    files.write(path, text)


def _keep_copy(path: Path) -> None:
    """Someone may have written in there: never lose it."""
    copy = BUILD / "replaced" / time.strftime("%Y%m%d-%H%M%S") / path.parent.name / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, copy)


def in_step(path: Path) -> bool:
    """Whether the notebook at `path`, written as text, is the `.py` beside it."""
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
        return text_from(notebook) == path.with_suffix(".py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def align() -> None:
    """Let every pair that agrees open without a question.

    Jupytext refuses to open a notebook that is younger than its text, which is how a clone or a pull may leave
    them. Where both say the same, the text takes the notebook's time; where they differ, Jupytext asks, as it should.
    """
    for notebook in sorted([*NOTEBOOKS.glob("*.ipynb"), *SOLUTIONS.glob("*.ipynb")]):
        text = notebook.with_suffix(".py")
        if not text.exists() or notebook.stat().st_mtime <= text.stat().st_mtime + TEXT_AHEAD / 2:
            continue
        if in_step(notebook):
            try:
                os.utime(text, (text.stat().st_atime, notebook.stat().st_mtime))
            except OSError as problem:
                print(f"{text.name}: its time cannot be set ({problem.strerror}); JupyterLab may ask about it.")
