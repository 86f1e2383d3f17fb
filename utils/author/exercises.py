"""From a solution to its exercise.

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
the grader takes the function from the solution as `utils.base.definitions` does, without the notebook's variables. An
exercise has one at most. A mark that is misspelt, misplaced or names no exercise checked above it is an error that
names the file and the line.
"""

from __future__ import annotations

import re

from utils.author import hidden
from utils.base.errors import CourseError
from utils.base.markers import BEGIN, END, STUB

_MARKER_LIKE = re.compile(r"#\s*(begin|end)[\s_-]+\w", re.IGNORECASE)


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
