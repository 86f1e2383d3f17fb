"""Through the real grader, for every unit: the solution, the untouched exercise, known wrong answers.

Here the first wrong answer of every exercise is graded; `python -m utils grade --rehearse` grades them all.
"""

import pytest

from utils import checks
from utils.grading import marking, rehearsal, sandbox

UNITS = checks.units()


def test_every_known_wrong_answer_is_in_a_rehearsal():
    for unit in UNITS.values():
        rehearsed = [(name, wrong) for one in rehearsal.hand_ins(unit) for name, wrong in one.wrong.items()]
        assert sorted((name, wrong.mistake) for name, wrong in rehearsed) == sorted(
            (exercise.name, wrong.mistake) for exercise in unit.exercises.values() for wrong in exercise.wrong
        )
        for one in rehearsal.hand_ins(unit):
            text = "\n\n".join(one.cells)
            assert all(wrong.code.strip() in text for wrong in one.wrong.values())


@pytest.mark.proof
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_each_answer_scores_its_own_points(unit):
    assert not list(rehearsal.rehearse(unit, sandbox.best(), marking.Options(), rounds=1))


def test_a_fault_would_be_found():
    unit = UNITS["01_jnp_and_jit"]
    first, *_ = unit.exercises.values()
    _, one, _ = rehearsal.hand_ins(unit, rounds=1)
    marks = [
        marking.Mark(e.name, e.title, e.points, e.points, "RIGHT") for e in unit.exercises.values() if e is not first
    ]
    result = marking.Result("student", unit.name, "file", flags=["It did."])
    for wrong in (
        marking.Mark(first.name, first.title, first.points, first.points, "RIGHT"),
        marking.Mark(first.name, first.title, 0, first.points, "WRONG", "Something else."),
    ):
        result.marks = [wrong, *marks]
        found = rehearsal.faults(one, result)
        assert any(f"`{first.name}`" in fault for fault in found) and "flagged: It did." in found
