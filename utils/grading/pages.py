"""The page of each student and that of the class: HTML that fetches nothing and runs nothing."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from textwrap import shorten
from typing import Any

from utils.checks.verdict import Kind, templates
from utils.grading.marking import Mark, Result

ALIKE_ANSWERS, ALIKE_SHARE = 3, 0.6
_PAGES = templates(Path(__file__).parent / "templates")
_PAGES.globals["Kind"] = Kind


def of_student(student: str, results: list[Result], warning: str) -> str:
    """One student's units, one after the other: what each exercise scored and why."""
    return _PAGES.get_template("student.html").render(student=student, results=results, warning=warning)


def of_class(results: list[Result], warning: str, links: Mapping[str, str], shares: str = "") -> str:
    """Who scored what, where an exercise fails and with which mistake, what a person has to look at.

    Args:
      results: by student and unit.
      warning: what weakens all of them, or "".
      links: by student where the student's page is, relative to this one.
      shares: how what a hand-in's processes take together was limited.
    """
    names = sorted({one.unit for one in results if one.unit})
    units = [_unit(name, [one for one in results if one.unit == name]) for name in names]
    looks = [one for one in results if one.looks]
    return _PAGES.get_template("class.html").render(
        units=units, looks=looks, results=results, warning=warning, links=links, shares=shares
    )


def _unit(name: str, results: list[Result]) -> dict[str, Any]:
    points = [one.points for one in results]
    exercises: dict[str, list[Mark]] = {}
    for mark in (mark for one in results for mark in one.marks):
        exercises.setdefault(mark.exercise, []).append(mark)
    return {
        "name": name,
        "points": points,
        "mean": statistics.mean(points),
        "median": statistics.median(points),
        "out_of": max(one.out_of for one in results),
        "counts": sorted(Counter(points).items(), reverse=True),
        "exercises": [_exercise(name, marks) for name, marks in exercises.items()],
        "alike": list(alike(results)),
    }


def _exercise(name: str, marks: list[Mark]) -> dict[str, Any]:
    kinds = Counter(mark.verdict for mark in marks)
    fails = Counter(
        mark.mistake or _in_short(mark.message) or "?"
        for mark in marks
        if mark.verdict in (Kind.WRONG.name, Kind.NOT_CHECKED.name)
    )
    return {
        "name": name,
        "right": kinds[Kind.RIGHT.name],
        "wrong": fails.total(),
        "not_tried": kinds[Kind.NOT_ATTEMPTED.name],
        "fails": sorted(fails.items(), key=lambda item: (-item[1], item[0])),
    }


def alike(results: list[Result]) -> Iterable[tuple[str, str, list[str]]]:
    """Pairs of students most of whose longer answers are the same but for the names of variables, and these answers.

    An answer that more than a third of the class gives tells nothing and is left out.
    """
    written = {one.student: {m.exercise: m.likeness for m in one.marks if m.likeness} for one in results}
    numbers = Counter(answer for answers in written.values() for answer in answers.items())
    usual = {answer for answer, number in numbers.items() if number > max(2, len(results) / 3)}
    telling = {student: dict(answers.items() - usual) for student, answers in written.items()}
    for first, second in combinations(sorted(telling), 2):
        both = telling[first].keys() & telling[second].keys()
        same = [name for name in written[first] if name in both and written[first][name] == written[second][name]]
        if len(same) >= ALIKE_ANSWERS and len(same) >= ALIKE_SHARE * len(both):
            yield first, second, same


def _in_short(message: str) -> str:
    """A message's first sentence, cut between two words where it is long."""
    first = shorten(message.split(". ")[0].rstrip("."), 140, placeholder=" …")
    return f"{first}`" if first.count("`") % 2 else first
