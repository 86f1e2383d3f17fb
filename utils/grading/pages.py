"""The page of each student and that of the class: HTML that fetches nothing and runs nothing."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from textwrap import shorten
from typing import Any

from jinja2 import FileSystemLoader

from utils import checks
from utils.checks.registry import Unit
from utils.checks.verdict import TEMPLATES, Kind, templates
from utils.grading import sandbox
from utils.grading.grades import page_of
from utils.grading.handin import Handin
from utils.grading.marking import Mark, Result
from utils.grading.plan import cells_of, lay_out

ALIKE_ANSWERS, ALIKE_SHARE = 3, 0.6
_PAGES = templates(TEMPLATES).overlay(loader=FileSystemLoader([Path(__file__).parent / "templates", TEMPLATES]))


def of_student(student: str, results: list[Result]) -> str:
    """One student's units, one after the other: what each exercise scored and why."""
    return _rendered("student.html", student=student, results=results, Kind=Kind)


def of_class(results: list[Result]) -> str:
    """Who scored what, what a person has to look at, where an exercise fails and with which mistake.

    `results` are in the order of students and units.
    """
    by_unit = {unit: [one for one in results if one.unit == name] for name, unit in checks.units().items()}
    units = [_unit(unit, same) for unit, same in by_unit.items() if same]
    first = sorted(results, key=lambda one: not one.looks)
    return _rendered("class.html", units=units, results=first, page_of=page_of, shares=sandbox.how())


def _rendered(template: str, **values: Any) -> str:
    return _PAGES.get_template(template).render(warning=sandbox.warning(), **values)


def _unit(unit: Unit, results: list[Result]) -> dict[str, Any]:
    written = {one.student: {mark.exercise: mark.likeness for mark in one.marks} for one in results}
    written["the course"] = lay_out(Handin(cells_of(unit)), unit).likeness
    marks = [mark for one in results for mark in one.marks]
    return {
        "name": unit.name,
        "mean": statistics.mean(one.points for one in results),
        "out_of": results[0].out_of,
        "alike": alike(written),
        "exercises": {name: _exercise([mark for mark in marks if mark.exercise == name]) for name in unit.exercises},
    }


def _exercise(marks: list[Mark]) -> dict[str, Any]:
    kinds = Counter(Kind[mark.verdict] for mark in marks)
    failed = [mark for mark in marks if Kind[mark.verdict] in (Kind.WRONG, Kind.NOT_CHECKED)]
    fails = Counter(mark.mistake or _in_short(mark.message) or "?" for mark in failed)
    return {
        "counts": (kinds[Kind.RIGHT], len(failed), kinds[Kind.NOT_ATTEMPTED]),
        "fails": sorted(fails.items(), key=lambda item: (-item[1], item[0])),
    }


def alike(written: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str, list[str]]]:
    """Pairs of people most of whose longer answers are the same but for names, and these answers.

    An answer that more than a third of them give tells nothing and is left out. `written` is by person and exercise
    what is the same for answers that are.
    """
    numbers = Counter(answer for answers in written.values() for answer in answers.items())
    telling = {
        one: {name: how for name, how in answers.items() if how and numbers[name, how] <= max(2, len(written) / 3)}
        for one, answers in written.items()
    }
    for (first, theirs), (second, others) in combinations(sorted(telling.items()), 2):
        same = sorted(dict(theirs.items() & others.items()))
        if len(same) >= max(ALIKE_ANSWERS, ALIKE_SHARE * len(theirs.keys() & others)):
            yield first, second, same


def _in_short(message: str) -> str:
    """A message's first sentence, cut between two words where it is long."""
    first = shorten(message.split(". ")[0].rstrip("."), 140, placeholder=" …")
    return f"{first}`" if first.count("`") % 2 else first
