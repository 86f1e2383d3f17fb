"""Hidden checks: cells of a solution that only the grader runs. `utils.author.pairs` says how one is written."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import NamedTuple

from utils.base.errors import CourseError

MARK = "# HIDDEN CHECK"
FUNCTION = "hidden_"  # hidden_double(answer, reference) is the hidden check of the exercise `double`
CELL = re.compile(r"# %%(?P<rest>.*)")
_MARK_LIKE = re.compile(r"#+\s*hidden[\s_-]*checks?\b", re.IGNORECASE)
_CHECK_LINE = re.compile(r"^(\w+) = check\.\1\(\1\)$", re.MULTILINE)


class Hidden(NamedTuple):
    """A hidden check.

    code: the cell's code: `def hidden_NAME(answer, reference)` and its call on the solution's own answer.
    lines: where it stands in the solution: the numbers, from 1, of its lines and of the blank ones before it.
    """

    code: str
    lines: range


def checks(solution: str, name: str) -> dict[str, Hidden]:
    """The hidden checks in a solution's text, by exercise.

    Args:
      solution: the py:percent text.
      name: the file's name, for messages.

    Raises:
      CourseError: a mark that is misspelt, misplaced or given twice, names no exercise that is checked above it, or
        heads a cell that is not written as it should be; names file and line.
    """
    lines = solution.splitlines()
    found: dict[str, Hidden] = {}
    starts = [-1, *(i for i, line in enumerate(lines) if CELL.match(line)), len(lines)]
    for start, end in pairwise(starts):
        code_cell = start >= 0 and is_code(lines[start])
        for i in range(start + 1, end):
            mark = re.fullmatch(rf"{MARK} (\w+)", lines[i])
            if not mark and not (code_cell and _MARK_LIKE.match(lines[i].strip())):
                continue
            where = f"{name}, line {i + 1}"
            if not mark:
                raise CourseError(f"{where}: unknown marker {lines[i].strip()!r}; it is written '{MARK} NAME'.")
            if not code_cell or i != start + 1:
                raise CourseError(f"{where}: '{MARK}' must be the first line of a code cell.")
            exercise = mark[1]
            if exercise not in _CHECK_LINE.findall("\n".join(lines[:start])):
                raise CourseError(
                    f"{where}: there is no exercise {exercise!r} checked above; "
                    f"a hidden check comes after `{exercise} = check.{exercise}({exercise})`."
                )
            if exercise in found:
                raise CourseError(f"{where}: {exercise!r} has a hidden check already; an exercise has one at most.")
            code = "\n".join(lines[start + 1 : end]).strip("\n")
            _see_that_it_is_whole(code, exercise, where)
            first = start
            while first and not lines[first - 1].strip():
                first -= 1
            last = end
            while not lines[last - 1].strip():
                last -= 1
            found[exercise] = Hidden(code, range(first + 1, last + 1))
    return found


def without(solution: str, name: str) -> str:
    """The solution's text without its hidden checks; raises as `checks` does."""
    hidden = {number for one in checks(solution, name).values() for number in one.lines}
    return "\n".join(line for i, line in enumerate(solution.splitlines(), 1) if i not in hidden) + "\n"


def is_code(cell: str) -> bool:
    """Whether the line `# %% …` begins a code cell."""
    return "[markdown]" not in cell and "[raw]" not in cell


def _see_that_it_is_whole(code: str, exercise: str, where: str) -> None:
    function, call = f"def {FUNCTION}{exercise}(answer, reference)", f"{FUNCTION}{exercise}({exercise}, {exercise})"
    try:
        body = ast.parse(code).body
    except SyntaxError as error:
        raise CourseError(f"{where}: the hidden check of {exercise!r} is not valid Python: {error.msg}.") from None
    first = body[0] if body else None
    if (
        len(body) != 2
        or not isinstance(first, ast.FunctionDef)
        or first.name != FUNCTION + exercise
        or [argument.arg for argument in first.args.args] != ["answer", "reference"]
        or ast.unparse(body[1]) != call
        or "# BEGIN SOLUTION" in code
    ):
        raise CourseError(f"{where}: the cell must hold `{function}` and the call `{call}`, and nothing besides.")
