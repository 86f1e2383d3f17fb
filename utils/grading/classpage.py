"""The page of a class: who scored what, where an exercise fails and with which mistake, what to look at."""

from __future__ import annotations

import html
from collections import Counter
from itertools import combinations

from utils.checks.verdict import Kind, marked_up
from utils.grading.marking import Mark, Result
from utils.grading.pages import document, escaped

ALIKE_ANSWERS, ALIKE_SHARE = 3, 0.6


def page(results: list[Result], warning: str) -> tuple[str, str]:
    """The class page as (Markdown, HTML)."""
    lines: list[str] = ["# The class", ""]
    body: list[str] = ["<h1>The class</h1>"]
    if warning:
        lines += [f"> {warning}", ""]
        body.append(f'<div class="note">{marked_up(warning)}</div>')
    for unit in sorted({one.unit for one in results if one.unit}):
        of_unit = sorted((one for one in results if one.unit == unit), key=lambda one: one.student)
        lines += [f"## {unit}", ""]
        body.append(f"<h2>{html.escape(unit)}</h2>")
        for title, header, rows in (
            ("Points", ("points", "students", ""), _distribution(of_unit)),
            ("Exercises", ("exercise", "right", "not attempted", "how it fails"), _exercises(of_unit)),
            ("Alike", ("students", "answers that are the same but for names"), alike(of_unit)),
        ):
            _table(title, header, rows, lines, body)
    looked = [(one.student, one.unit, text) for one in results for text in [one.reason, *one.flags] if text]
    _table("For a person to look at", ("student", "unit", "what"), sorted(looked), lines, body)
    return "\n".join(lines), document("The class", "\n".join(body))


def _table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]], lines: list[str], body: list[str]) -> None:
    if not rows:
        return
    lines += [f"### {title}", "", "| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    lines += ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows] + [""]
    cells = ["".join(f"<td>{marked_up(cell)}</td>" for cell in row) for row in rows]
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body.append(f"<h3>{title}</h3><table><tr>{head}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>")


def _distribution(results: list[Result]) -> list[tuple[str, ...]]:
    of = max((one.out_of for one in results), default=0)
    counts = Counter(one.points for one in results)
    return [(f"{points} of {of}", str(counts[points]), "█" * counts[points]) for points in sorted(counts, reverse=True)]


def _exercises(results: list[Result]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    marks: dict[str, list[Mark]] = {}
    for one in results:
        for mark in one.marks:
            marks.setdefault(mark.exercise, []).append(mark)
    for name, of_one in marks.items():
        kinds = Counter(mark.verdict for mark in of_one)
        wrong = Counter(
            mark.mistake or (mark.message.split(". ")[0][:100] or "?")
            for mark in of_one
            if mark.verdict == Kind.WRONG.name
        )
        fails = "; ".join(
            f"{number} × {what}" for what, number in sorted(wrong.items(), key=lambda kv: (-kv[1], kv[0]))
        )
        rows.append(
            (f"`{name}`", f"{kinds[Kind.RIGHT.name]} of {len(of_one)}", str(kinds[Kind.NOT_ATTEMPTED.name]), fails)
        )
    return rows


def alike(results: list[Result]) -> list[tuple[str, ...]]:
    """Pairs of students most of whose longer answers are the same but for the names of variables.

    An answer that more than a third of the class gives tells nothing and is left out.
    """
    marks = {one.student: {m.exercise: m.likeness for m in one.marks if m.likeness} for one in results}
    common = Counter((name, digest) for answers in marks.values() for name, digest in answers.items())
    usual = {key for key, number in common.items() if number > max(2, len(results) / 3)}
    rows: list[tuple[str, ...]] = []
    for first, second in combinations(sorted(marks), 2):
        both = [n for n in marks[first] if n in marks[second]]
        telling = [n for n in both if not {(n, marks[first][n]), (n, marks[second][n])} & usual]
        same = [n for n in telling if marks[first][n] == marks[second][n]]
        if len(same) >= ALIKE_ANSWERS and len(same) >= ALIKE_SHARE * len(telling):
            rows.append((f"{first}, {second}", ", ".join(f"`{name}`" for name in same)))
    return rows
