"""The page of a class: who scored what, where an exercise fails and with which mistake, what to look at."""

from __future__ import annotations

import html
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

from utils.checks.verdict import Kind, marked_up
from utils.grading.marking import Mark, Result
from utils.grading.pages import document, escaped

ALIKE_ANSWERS, ALIKE_SHARE = 3, 0.6
_WIDEST = 30  # a bar, in characters

Row = tuple[str, ...]


def page(results: list[Result], warning: str, links: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The class page as (Markdown, HTML).

    links: by student the page of the student, relative and without its ending.
    """
    lines: list[str] = ["# The class", ""]
    body: list[str] = ["<h1>The class</h1>"]
    if warning:
        lines += [f"> {warning}", ""]
        body.append(f'<div class="note">{marked_up(warning)}</div>')
    looked = sorted((one.student, one.unit, _looks(one)) for one in results if _looks(one))
    tables = Tables(lines, body, links or {})
    for unit in sorted({one.unit for one in results if one.unit}):
        of_unit = sorted((one for one in results if one.unit == unit), key=lambda one: one.student)
        lines += [f"## {unit}", "", _summary(of_unit), ""]
        body.append(f"<h2>{html.escape(unit)}</h2><p>{_summary(of_unit)}</p>")
        tables.add("Points", ("points:number", "students:number", ":bar"), _distribution(of_unit))
        tables.add(
            "Exercises", ("exercise", "right:number", "wrong:number", "not tried:number", "how it fails"), _how(of_unit)
        )
        tables.add(
            "Alike", ("one:student", "another:student", "answers that are the same but for names"), alike(of_unit)
        )
    tables.add("For a person to look at", ("student:student", "unit", "what"), looked)
    everyone = sorted((one.student, one.unit, f"{one.points} of {one.out_of}") for one in results)
    tables.add("Everyone", ("student:student", "unit", "points:number"), everyone)
    return "\n".join(lines), document("The class", "\n".join(body))


def _looks(one: Result) -> str:
    return "\n".join(text for text in [one.reason, *one.flags] if text)


class Tables:
    """Writes tables twice: as Markdown's lines and as HTML."""

    def __init__(self, lines: list[str], body: list[str], links: Mapping[str, str]):
        self._lines, self._body, self._links = lines, body, links

    def add(self, title: str, columns: Row, rows: Sequence[Row]) -> None:
        """A table, unless it is empty. A column is "title:kind"; without a kind it is text, of one line or several."""
        if not rows:
            return
        titles = [column.partition(":")[0] for column in columns]
        kinds = [column.partition(":")[2] for column in columns]
        ruler = ["---:" if kind == "number" else "---" for kind in kinds]
        self._lines += [f"### {title}", "", f"| {' | '.join(titles)} |", f"| {' | '.join(ruler)} |"]
        head = "".join(f"<th{_CLASS[kind]}>{title}</th>" for title, kind in zip(titles, kinds, strict=True))
        self._body.append(f"<h3>{title}</h3><table><tr>{head}</tr>")
        for row in rows:
            cells = list(zip(row, kinds, strict=True))
            self._lines.append("| " + " | ".join(self._markdown(*cell) for cell in cells) + " |")
            written = "".join(f"<td{_CLASS[kind]}>{self._html(text, kind)}</td>" for text, kind in cells)
            self._body.append(f"<tr>{written}</tr>")
        self._lines.append("")
        self._body.append("</table>")

    def _markdown(self, text: str, kind: str) -> str:
        if kind == "bar":
            return "█" * max(1, round(_WIDEST * float(text)))
        if kind == "student" and text in self._links:
            return f"[{escaped(text)}]({self._links[text]}.md)"
        return "; ".join(escaped(line).rstrip(".") for line in text.splitlines()) if "\n" in text else escaped(text)

    def _html(self, text: str, kind: str) -> str:
        if kind == "bar":
            return f'<div class="share" style="width:{float(text):.0%}"></div>'
        if kind == "student" and text in self._links:
            return f'<a href="{html.escape(self._links[text])}.html">{html.escape(text)}</a>'
        return marked_up(text)


_CLASS = {"": "", "student": " class=s", "number": " class=n", "bar": " class=w"}


def _summary(results: list[Result]) -> str:
    points = [one.points for one in results]
    of = max(one.out_of for one in results)
    mean, middle = statistics.mean(points), statistics.median(points)
    return f"{len(points)} hand-ins: {mean:.1f} of {of} points on average, half of them {middle:g} or more."


def _distribution(results: list[Result]) -> list[Row]:
    counts = Counter(one.points for one in results)
    most = max(counts.values())
    return [
        (str(points), str(counts[points]), f"{counts[points] / most:.3f}") for points in sorted(counts, reverse=True)
    ]


def _how(results: list[Result]) -> list[Row]:
    marks: dict[str, list[Mark]] = {}
    for one in results:
        for mark in one.marks:
            marks.setdefault(mark.exercise, []).append(mark)
    rows: list[Row] = []
    for name, of_one in marks.items():
        kinds = Counter(mark.verdict for mark in of_one)
        fails = Counter(
            mark.mistake or mark.message.split(". ")[0].rstrip(".")[:100] or "?"
            for mark in of_one
            if mark.verdict in (Kind.WRONG.name, Kind.NOT_CHECKED.name)
        )
        ordered = sorted(fails.items(), key=lambda item: (-item[1], item[0]))
        counts = (kinds[Kind.RIGHT.name], sum(fails.values()), kinds[Kind.NOT_ATTEMPTED.name])
        how = "\n".join(f"{number} × {what}" for what, number in ordered)
        rows.append((f"`{name}`", *map(str, counts), how))
    return rows


def alike(results: list[Result]) -> list[Row]:
    """Pairs of students most of whose longer answers are the same but for the names of variables.

    An answer that more than a third of the class gives tells nothing and is left out.
    """
    marks = {one.student: {m.exercise: m.likeness for m in one.marks if m.likeness} for one in results}
    common = Counter((name, digest) for answers in marks.values() for name, digest in answers.items())
    usual = {key for key, number in common.items() if number > max(2, len(results) / 3)}
    rows: list[Row] = []
    for first, second in combinations(sorted(marks), 2):
        both = [n for n in marks[first] if n in marks[second]]
        telling = [n for n in both if not {(n, marks[first][n]), (n, marks[second][n])} & usual]
        same = [n for n in telling if marks[first][n] == marks[second][n]]
        if len(same) >= ALIKE_ANSWERS and len(same) >= ALIKE_SHARE * len(telling):
            rows.append((first, second, ", ".join(f"`{name}`" for name in same)))
    return rows
