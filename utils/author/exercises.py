"""From a solution to its exercise. INSTRUCTORS.md shows how both are written.

In a code cell of `solutions/NN_*.py` an answer stands between two marker lines:

    def double(x):
        \"\"\"Twice x.\"\"\"
        # BEGIN SOLUTION
        return 2 * x
        # END SOLUTION

The exercise is the same text, but each region, markers included, becomes one line at the first marker's indentation,
`raise NotImplementedError("your code here")`.

Markers do not nest, do not cross a cell's end, hold at least one line of code and begin where they end: at the same
indentation. Any other comment of the form `# BEGIN WORD` or `# END WORD`, in any spelling or case, is an error.
"""

from __future__ import annotations

import re
from itertools import pairwise, zip_longest
from typing import NamedTuple

from utils.base.errors import CourseError
from utils.base.markers import BEGIN, END, STUB

_MARKER_LIKE = re.compile(r"#\s*(begin|end)[\s_-]+\w", re.IGNORECASE)


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


class Region(NamedTuple):
    """An answer in a solution: the numbers of its marker lines, from 1, and the lines between them."""

    begin: int
    end: int
    answer: list[str]


def regions(solution: str, name: str) -> list[Region]:
    """The answers in a solution's py:percent text, in order; `name` is its file's, for messages.

    Raises:
      CourseError: unknown, nested, unbalanced, misplaced or empty markers; names file and line.
    """
    lines = solution.splitlines()
    found: list[Region] = []
    for cell in cells(lines):
        marks = [
            number
            for number in cell.lines
            if (text := lines[number - 1].strip()) in (BEGIN, END) or (cell.is_code and _MARKER_LIKE.match(text))
        ]
        for begin, end in zip_longest(marks[::2], marks[1::2], fillvalue=marks[-1] if marks else 0):
            first, *answer, last = lines[begin - 1 : end] if begin < end else ("", "")
            there = any(re.match(r"\s*[^#\s]", line) for line in answer)
            indent = _indentation(first)
            if not (cell.is_code and there and (first, last) == (indent + BEGIN, indent + END)):
                raise CourseError(
                    f"{name}, line {begin}: {lines[begin - 1].strip()!r} begins no answer: that is {BEGIN!r}, at least "
                    f"a line of code, and {END!r} at the same indentation, in one code cell."
                )
            found.append(Region(begin, end, answer))
    return found


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def exercise_from(solution: str, name: str) -> str:
    """The exercise's text for a solution's text. Takes, and raises, what `regions` does."""
    left_out: set[int] = set()
    lines = solution.splitlines()
    for begin, end, _ in regions(solution, name):
        lines[begin - 1] = _indentation(lines[begin - 1]) + STUB
        left_out.update(range(begin + 1, end + 1))
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in left_out) + "\n"
