"""Write the exercises, and the notebook of every pair, from the `.py` sources.

`solutions/NN_*.py` is written by hand. In a code cell, an answer stands between two marker lines:

    def double(x):
        \"\"\"Twice x.\"\"\"
        # BEGIN SOLUTION
        return 2 * x
        # END SOLUTION

The exercise is the same text, but each region, markers included, becomes one line at the first
marker's indentation:

        raise NotImplementedError("your code here")

That is all. Markers do not nest, do not cross a cell's end, hold at least one line of code between
them and begin where they end: at the same indentation. Any other comment of the form `# BEGIN WORD` or
`# END WORD`, in any spelling or case, is an error that names the file and the line.

A hidden check, which only the grader runs, is a code cell of the solution somewhere after the exercise's check cell:

    # %%
    # HIDDEN CHECK double
    def hidden_double(answer, reference):
        \"\"\"Numbers that no visible check tries.\"\"\"
        from utils.checks import probes

        probes.close(probes.call(answer, 1e6), reference(1e6))


    hidden_double(double, double)

The exercise lacks the whole cell. Its first line names the exercise. It holds one function, which the grader calls as
it calls a check (`answer` is the student's, `reference` the course's; what it raises is the reason of the verdict), and
one call on the solution's own answer, so that running the solution tries the hidden check too; nothing besides, since
the grader takes the function from the solution as `utils.definitions` does, without the notebook's variables. An
exercise has one at most. A mark that is misspelt, misplaced or names no exercise checked above it is an error that
names the file and the line.

Each `.py` (in `notebooks`, `solutions` and `exercises`) has its `.ipynb` beside it, written from it:
the same cells, ids that depend on the text alone, no version and no time. Outputs stay with the cells
whose code has not changed. What differs and would be overwritten is first copied to `build/replaced`.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import re
import shutil
import time
from pathlib import Path
from typing import Any

from utils import files, hidden
from utils.errors import CourseError
from utils.paths import BUILD, EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS, shown

STUB_MESSAGE = "your code here"
STUB = f'raise NotImplementedError("{STUB_MESSAGE}")'
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
_MARKER_LIKE = re.compile(r"#\s*(begin|end)[\s_-]+\w", re.IGNORECASE)


# --- from a solution to its exercise -----------------------------------------------------------------


def exercise_from(solution: str, name: str) -> str:
    """The exercise's text for a solution's text.

    Args:
      solution: the py:percent text.
      name: the file's name, for messages.

    Raises:
      CourseError: unknown, nested, unbalanced, misplaced or empty markers; names file and line.
    """
    left_out = {number for one in hidden.checks(solution, name).values() for number in one.lines}
    lines: list[str] = []
    begin: tuple[int, str] | None = None  # line number and indentation of the open region
    answered = False
    code_cell = False
    for number, line in enumerate(solution.splitlines(), start=1):
        where = f"{name}, line {number}"
        text = line.strip()
        if hidden.CELL.match(line):
            if begin:
                raise CourseError(f"{name}, line {begin[0]}: {BEGIN!r} has no {END!r} before the cell's end.")
            code_cell = hidden.is_code(line)
        if text in (BEGIN, END) and not code_cell:
            raise CourseError(f"{where}: {text!r} stands outside a code cell; move it into one.")
        if text == BEGIN:
            if begin:
                raise CourseError(f"{where}: {BEGIN!r} inside the region begun in line {begin[0]}; close that first.")
            begin, answered = (number, line[: len(line) - len(line.lstrip())]), False
            continue
        if text == END:
            if not begin:
                raise CourseError(f"{where}: {END!r} without a {BEGIN!r} before it.")
            if not line.startswith(begin[1] + "#"):
                raise CourseError(f"{where}: {END!r} is not indented as its {BEGIN!r} in line {begin[0]} is.")
            if not answered:
                raise CourseError(f"{name}, line {begin[0]}: nothing stands between {BEGIN!r} and {END!r}.")
            lines.append(begin[1] + STUB)
            begin = None
            continue
        if code_cell and _MARKER_LIKE.match(text):
            raise CourseError(f"{where}: unknown marker {text!r}; only {BEGIN!r} and {END!r} are known.")
        if begin:
            answered = answered or bool(text and not text.startswith("#"))
        elif number not in left_out:
            lines.append(line)
    if begin:
        raise CourseError(f"{name}, line {begin[0]}: {BEGIN!r} has no {END!r}.")
    return "\n".join(lines) + "\n"


def answers(solution: str) -> list[str]:
    """Each line of code between markers, stripped; for tests that look for answers where none may be."""
    found: list[str] = []
    inside = False
    for line in solution.splitlines():
        text = line.strip()
        if text in (BEGIN, END):
            inside = text == BEGIN
        elif inside and text and not text.startswith("#"):
            found.append(text)
    return found


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

    return load_jupytext_configuration_file(str(ROOT / "jupytext.toml"))


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


def sources(folder: Path) -> list[Path]:
    """The `NN_*.py` files of a folder, in order."""
    return sorted(folder.glob("[0-9][0-9]_*.py"))


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


def main(argv: list[str]) -> int:
    """`python -m utils exercises [--check]`."""
    parser = argparse.ArgumentParser(
        prog="python -m utils exercises", description="Write the exercises and the notebook of every pair."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is out of step")
    arguments = parser.parse_args(argv)
    if not sources(SOLUTIONS):
        raise CourseError("There are no solutions in this copy of the course, so nothing to make exercises from.")
    changed = generate(check=arguments.check)
    for line in changed:
        print(("out of step: " if arguments.check else "written: ") + line)
    if not changed:
        print("Exercises and pairs are in step with their sources.")
    elif arguments.check:
        print("Run make exercises.")
    elif (BUILD / "replaced").exists():
        print("What was there before is kept in build/replaced.")
    return 1 if changed and arguments.check else 0
