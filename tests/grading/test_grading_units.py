"""Through the real grader, for every unit: the solution, the untouched exercise, known mistakes.

Here the first known mistake of every exercise is graded; `python -m utils grade --rehearse` grades them all.
"""

import pytest

from utils import checks
from utils.checks.mistakes import mistakes
from utils.grading import marking, own_answers

UNITS = checks.units()


def test_every_known_mistake_is_in_a_rehearsal():
    for unit in UNITS.values():
        wrong = [each.wrong or {} for each in own_answers.hand_ins(unit)]
        rehearsed = [(name, one.name) for each in wrong for name, one in each.items()]
        known = [(exercise.name, one.name) for exercise in unit.exercises.values() for one in mistakes(exercise)]
        assert sorted(rehearsed) == sorted(known)


@pytest.mark.proof
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_each_answer_scores_its_own_points(unit):
    assert not list(own_answers.rehearse(unit, marking.Options(), rounds=1))


def test_a_fault_would_be_found():
    unit = UNITS["01_jnp_and_jit"]
    first, *_ = unit.exercises.values()
    _, one, _ = own_answers.hand_ins(unit, rounds=1)
    right = [marking.Mark(e.name, e.title, e.points, e.points, "RIGHT") for e in unit.exercises.values()]
    unknown = marking.Mark(first.name, first.title, 0, first.points, "WRONG", "Something else.")
    for marks in (right, [unknown, *right[1:]]):
        found = list(own_answers.faults(one, marking.Result("student", unit.name, "file", marks, ["It did."])))
        assert any(f"`{first.name}`" in fault for fault in found) and "flagged: It did." in found
