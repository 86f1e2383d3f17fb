"""How long a lesson takes: counted by one rule, and told in a table at its top.

A section, from one `## ` heading to the next, takes

- a minute for `WORDS` words of prose; folded answers count, addresses of links and HTML's tags do not;
- `LINE` seconds for a line of code that is neither blank nor a comment;
- `CELL` seconds for a code cell: to run it and to look at its result;

in whole minutes, and at least one. What stands above the first heading is not counted.

Most adults read English non-fiction at 175 to 300 words a minute, on average at 238, and a second language more slowly
(Brysbaert, 2019, https://doi.org/10.1016/j.jml.2019.104047); hence `WORDS`. A line of the lessons' code has about eight
names and numbers, at that rate 2.4 seconds; `LINE` is a little more. `CELL` is an estimate: no reader was timed.
"""

from __future__ import annotations

import re
from textwrap import wrap
from typing import NamedTuple

from utils.author.exercises import cells
from utils.base.errors import CourseError

WORDS, LINE, CELL = 200, 3, 30
BEGIN, END = "<!-- minutes -->", "<!-- end minutes -->"
NOTE = (
    "The minutes are for reading and running, without the exercises. You can stop at the end of any section. "
    f"Counted at {WORDS} words, {60 // LINE} lines of code or {60 // CELL} cells a minute."
)


class Section(NamedTuple):
    """A section of a lesson. number: as its heading gives it, empty where it gives none."""

    number: str
    title: str
    minutes: int


def sections(lesson: str) -> list[Section]:
    """The sections of a lesson's py:percent text, in order."""
    lines = lesson.splitlines()
    headings: list[tuple[str, str]] = []
    seconds = [0.0]  # first those above the first heading
    for cell in cells(lines):
        seconds[-1] += CELL * cell.is_code
        for line in (lines[number - 1] for number in cell.lines):
            if cell.is_code:
                seconds[-1] += LINE * bool(re.match(r"\s*[^#\s]", line))
                continue
            if heading := re.match(r"# ## (?:(\d+) · )?(.+)", line):
                headings.append((heading[1] or "", heading[2]))
                seconds.append(0.0)
            words = re.findall(r"\S*\w\S*", re.sub(r"\]\([^)]*\)|<[^>]*>", " ", line))
            seconds[-1] += 60 / WORDS * len(words)
    return [Section(*heading, max(1, round(s / 60))) for heading, s in zip(headings, seconds[1:], strict=True)]


def with_table(lesson: str, name: str) -> str:
    """A lesson's text with today's table between its two marks.

    Raises:
      CourseError: the text, whose file is called `name`, lacks a mark.
    """
    found = sections(lesson)
    rows = [*found, Section("", "**together**", sum(section.minutes for section in found))]
    table = ["| | section | minutes |", "| --- | --- | --- |", *(f"| {n} | {title} | {m} |" for n, title, m in rows)]
    block = "\n".join(f"# {line}".rstrip() for line in (BEGIN, "", *table, "", *wrap(NOTE, 118), "", END))
    before, begin, rest = lesson.partition(f"# {BEGIN}\n")
    _, end, after = rest.partition(f"# {END}\n")
    if not (begin and end):
        raise CourseError(f"{name}: its first cell needs the lines {BEGIN} and {END}, for the table of minutes.")
    return f"{before}{block}\n{after}"
