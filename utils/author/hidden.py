"""Hidden checks: code cells of a solution that only the grader runs, somewhere after the exercise's own check.

    # %%
    # HIDDEN CHECK double
    def hidden_double(answer, reference):
        \"\"\"Numbers that no visible check tries.\"\"\"
        from utils.checks import probes

        probes.close(probes.call(answer, 1e6), reference(1e6))


    hidden_double(double, double)

The grader calls the function as it calls a check: `answer` is the student's, `reference` the course's, and what it
raises is the reason of the verdict. It takes it as `utils.base.definitions` does, without the notebook's variables. The
call on the solution's own answer tries it whenever the solution runs. Nothing else stands in the cell.
"""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import NamedTuple

from utils.base.errors import CourseError
from utils.base.markers import BEGIN

MARK = "# HIDDEN CHECK"
FUNCTION = "hidden_"  # hidden_double(answer, reference) is the hidden check of the exercise `double`
_MARK_LIKE = re.compile(r"#+\s*hidden[\s_-]*checks?\b", re.IGNORECASE)
_CHECK_LINE = re.compile(r"^(\w+) = check\.\1\(\1\)$", re.MULTILINE)


class Hidden(NamedTuple):
    """A hidden check.

    code: the cell's code: `def hidden_NAME(answer, reference)` and its call on the solution's own answer.
    lines: where it stands in the solution: the numbers, from 1, of its lines and of the blank ones before it.
    """

    code: str
    lines: range


class Cell(NamedTuple):
    """A cell of a py:percent text, or what stands before the first. lines: their numbers, from 1, its head left out."""

    is_code: bool
    lines: range


def cells(lines: list[str]) -> list[Cell]:
    """The cells of a text's lines, in order."""
    heads = [0, *(number for number, line in enumerate(lines, start=1) if line.startswith("# %%")), len(lines) + 1]
    return [
        Cell(bool(head) and not re.search(r"\[(markdown|raw)\]", lines[head - 1]), range(head + 1, following))
        for head, following in pairwise(heads)
    ]


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
    for cell in cells(lines):
        for number in cell.lines:
            line, where = lines[number - 1], f"{name}, line {number}"
            mark = re.fullmatch(rf"{MARK} (\w+)", line)
            if not mark and not (cell.is_code and _MARK_LIKE.match(line.strip())):
                continue
            if not mark:
                raise CourseError(f"{where}: unknown marker {line.strip()!r}; it is written '{MARK} NAME'.")
            if not cell.is_code or number != cell.lines.start:
                raise CourseError(f"{where}: '{MARK}' must be the first line of a code cell.")
            exercise = mark[1]
            if exercise not in _CHECK_LINE.findall("\n".join(lines[: number - 1])):
                raise CourseError(
                    f"{where}: there is no exercise {exercise!r} checked above; "
                    f"a hidden check comes after `{exercise} = check.{exercise}({exercise})`."
                )
            if exercise in found:
                raise CourseError(f"{where}: {exercise!r} has a hidden check already; an exercise has one at most.")
            found[exercise] = _whole(lines, cell, exercise, where)
    return found


def without(solution: str, name: str) -> str:
    """The solution's text without its hidden checks; takes and raises what `checks` does."""
    hidden = {number for one in checks(solution, name).values() for number in one.lines}
    return "\n".join(line for number, line in enumerate(solution.splitlines(), 1) if number not in hidden) + "\n"


def _whole(lines: list[str], cell: Cell, exercise: str, where: str) -> Hidden:
    """The hidden check that a cell holds, and nothing besides."""
    first, after = cell.lines.start - 1, cell.lines.stop  # from its head on, with the blank lines around it
    while first > 1 and not lines[first - 2].strip():
        first -= 1
    while not lines[after - 2].strip():
        after -= 1
    code = "\n".join(lines[cell.lines.start - 1 : after - 1])
    function, call = f"def {FUNCTION}{exercise}(answer, reference)", f"{FUNCTION}{exercise}({exercise}, {exercise})"
    try:
        body = ast.parse(code).body
    except SyntaxError as error:
        raise CourseError(f"{where}: the hidden check of {exercise!r} is not valid Python: {error.msg}.") from None
    match body:
        case [ast.FunctionDef(defined, ast.arguments(args=[ast.arg("answer"), ast.arg("reference")])), called]:
            if defined == FUNCTION + exercise and ast.unparse(called) == call and BEGIN not in code:
                return Hidden(code, range(first, after))
    raise CourseError(f"{where}: the cell must hold `{function}` and the call `{call}`, and nothing besides.")
