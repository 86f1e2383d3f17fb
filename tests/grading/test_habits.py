"""Honest habits cost nothing: a class of people who have them, and whose answers are right, has all its points."""

import habits
import pytest

from utils.grading import marking, own_answers, sandbox, whole_class


@pytest.mark.proof
def test_honest_habits_cost_no_point_and_are_not_flagged(tmp_path, monkeypatch):
    for name, (ending, raw) in habits.handed_in().items():
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / f"{habits.UNIT.name}{ending}").write_bytes(raw)
    monkeypatch.setattr(own_answers, "see_full_marks", lambda *_: None)
    results = whole_class.grade(tmp_path / "in", tmp_path / "out", marking.Options(seed=5), sandbox.best(), 2)
    assert len(results) == len(habits.handed_in()) >= 40
    answered = {result.student: habits.ANSWERS if result.student in habits.ALL else habits.BASE for result in results}
    lost = {
        (result.student, mark.exercise): mark.message or result.reason or mark.verdict
        for result in results
        for mark in result.marks
        if mark.points < mark.of and mark.exercise in answered[result.student]
    }
    assert not lost and all(result.marks for result in results)
    assert {result.student for result in results if result.flags} <= habits.MAY_BE_FLAGGED
