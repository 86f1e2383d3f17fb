"""Honest habits cost nothing: a class of people who have them, and whose answers are right, has all its points."""

import shutil
import subprocess
import sys

import habits
import pytest

from utils.base.machine import cores
from utils.grading import handin, marking, own_answers, whole_class

PLAIN = handin.Handin([habits.IMPORTS, *habits.cells()])


def read(ending, raw):
    found = handin.read(raw, f"{habits.UNIT.name}{ending}")
    return handin.Handin([cell.strip() for cell in found.cells if cell.strip()])


def test_most_kinds_of_files_are_read_as_the_plain_notebook_is():
    """So they are graded as it is, which need not be shown for each."""
    odd = {name for name, file in habits.FILES.items() if read(*file) != PLAIN}
    assert odd == habits.READ_OTHERWISE


@pytest.mark.proof
def test_honest_habits_cost_no_point_and_are_not_flagged(tmp_path, monkeypatch):
    for name, (ending, raw) in habits.handed_in().items():
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / f"{habits.UNIT.name}{ending}").write_bytes(raw)
        for file, code in habits.BESIDE.get(name, {}).items():
            (tmp_path / "in" / name / file).write_text(code, encoding="utf-8")
    monkeypatch.setattr(own_answers, "see_full_marks", lambda *_: None)
    results = whole_class.grade(tmp_path / "in", tmp_path / "out", marking.Options(seed=5), 2)
    assert len(results) == len(habits.handed_in()) >= 40
    answered = {result.student: habits.ANSWERS if result.student in habits.ALL else habits.BASE for result in results}
    some = results[:: len(results) // 5]
    for result in some:
        shutil.copytree(tmp_path / "in" / result.student, tmp_path / "some" / result.student)
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores())]
    try:
        busy = whole_class.grade(tmp_path / "some", tmp_path / "busy", marking.Options(seed=5), 4)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    assert [(one.student, one.points, one.flags) for one in busy] == [
        (one.student, one.points, one.flags) for one in some
    ]
    lost = {
        (result.student, mark.exercise): mark.message or result.reason or mark.verdict
        for result in results
        for mark in result.marks
        if mark.points < mark.of and mark.exercise in answered[result.student]
    }
    assert not lost and all(result.marks for result in results)
    assert {result.student for result in results if result.flags} <= habits.MAY_BE_FLAGGED
