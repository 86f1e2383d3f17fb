"""Without the solutions a check judges from recorded values, and where it can't it says so.

That solution, stub and known wrong answers get their verdicts from recorded values is proved in `test_units`.
"""

import collections
import dataclasses
import json
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.training import train_state
from written import written

from utils import checks, weights
from utils.author import exercises, recorded
from utils.base import markers
from utils.base.errors import CourseError
from utils.base.paths import EXERCISES, ROOT
from utils.checks import known, probes
from utils.checks.checker import Checker
from utils.checks.packing import packed, unpacked
from utils.checks.registry import Unit, exercise

UNITS = checks.units()
each_unit = pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)


@pytest.mark.proof
@each_unit
def test_no_line_of_an_answer_is_recorded(unit, tmp_path):
    file = recorded.record(unit, into=tmp_path)
    assert file == tmp_path / f"{unit.name}.safetensors"
    values = file.read_bytes()
    lines = exercises.answers((ROOT / unit.solution).read_text(encoding="utf-8"))
    assert lines and not [line for line in lines if len(line) > 8 and line.encode() in values]  # `)` may be in there
    assert (tmp_path / f"{unit.name}.py").read_bytes() == (EXERCISES / f"{unit.name}.py").read_bytes()
    assert sorted(json.loads(weights.note(file)["known"])) == sorted(unit.exercises)


# --- a small unit -----------------------------------------------------------------------------------------------

SOLUTION = '''
import jax.numpy as jnp


def average(x):
    """The mean of a vector."""
    # BEGIN SOLUTION
    return jnp.mean(x)
    # END SOLUTION
'''


class _Elsewhere(Unit):
    """A unit whose solution lies in a folder of the test's."""

    folder = None

    @property
    def solution(self):
        return str(self.folder / "99_demo.py")


def _unit(check, folder):
    check.__name__ = "average"
    unit = _Elsewhere("99_demo", [exercise(stars=1, minutes=5, points=2, hints=("first", "second"))(check)])
    unit.folder = folder
    (folder / "99_demo.py").write_text(f"# %%{SOLUTION}")
    return unit


def _check(answer, reference):
    """The mean of a vector."""
    x = jnp.array([1.0, 2.0, 6.0])
    probes.same_shapes(answer, reference, x)
    want = known.known("want", lambda: reference(x))
    probes.close(probes.call(answer, x), want, mistakes={"It is the sum.": want * 3})


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """The small unit without its solution; `check` is what a student holds."""
    monkeypatch.setattr(known, "KNOWN", tmp_path / "known")
    unit = _unit(_check, tmp_path)
    file = recorded.record(unit, into=tmp_path / "known")
    (tmp_path / "99_demo.py").unlink()
    return types.SimpleNamespace(check=Checker(unit), file=file)


def _written(body):
    return written("average", f"def average(x):\n    {body}", jnp=jnp)


def test_the_student_keeps_the_own_answer_and_is_told_that_there_is_no_other(demo, capsys):
    for body, says in (
        ("return jnp.mean(x)", "right (2 of 2 points)"),
        ("return jnp.sum(x)", "It is the sum."),
        (markers.STUB, "not attempted"),
        ("return jnp.mean(x)[None]", "has shape [1]"),
    ):
        mine = _written(body)
        assert demo.check.average(mine) is mine
        out = capsys.readouterr().out
        assert says in out
        assert ("Going on with your own" in out) == ("right (" not in out)
    demo.check.average(_written("return x.mean()"))
    demo.check.progress()
    assert "1 of 1 exercises right, 2 of 2 points" in capsys.readouterr().out


def test_there_is_nothing_to_reveal_but_hints(demo, capsys):
    demo.check.reveal("average")
    assert "doesn't hold its answers" in capsys.readouterr().out
    demo.check.average(_written("return x.mean()"))
    assert "2 of 2 points" in capsys.readouterr().out, "what was not shown costs nothing"
    demo.check.hint("average")
    demo.check.hint("average")
    out = capsys.readouterr().out
    assert "Hint 2 of 2: second" in out and "That was the last one." in out and "reveal" not in out


DAMAGE = {
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-3]),
    "garbage": lambda file: file.write_bytes(b"\x00garbage" * 9),
    "without a structure": lambda file: weights.save(file, weights.arrays(file)),
    "of another kind": lambda file: weights.save(
        file, weights.arrays(file), note={"known": json.dumps({"average": ["want"]})}
    ),
    "without an array": lambda file: weights.save(file, {"other": np.ones(1)}, note=weights.note(file)),
    "missing": lambda file: file.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_missing_file_is_told_and_not_held_against_the_answer(demo, capsys, damage):
    DAMAGE[damage](demo.file)
    demo.check.average(_written("return jnp.mean(x)"))
    out = capsys.readouterr().out
    assert "? average: could not be checked" in out
    assert f"99_demo.safetensors is {'missing' if damage == 'missing' else 'damaged'}" in out


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("known('more', lambda: reference(1))", ("could not be checked", "'more'")),  # a value that was not recorded
        ("reference(1)", ("could not be checked",)),  # the stub is called after all
        ("answer(1) + 'one'", ("✗ average", "cannot be used")),  # no line of it is a student's
    ],
)
def test_a_check_that_stops_judges_the_answer_only_if_it_used_it(demo, capsys, check, says):
    check = eval(compile(f"lambda answer, reference: {check}", "<check>", "eval"), {"known": known.known})
    exercises = demo.check._unit.exercises
    exercises["average"] = dataclasses.replace(exercises["average"], check=check)
    demo.check.average(_written("return 1.0"))
    out = capsys.readouterr().out
    assert all(part in out for part in says)


# --- recording ----------------------------------------------------------------------------------------------------


def _bare(answer, reference):
    probes.close(answer(jnp.ones(2)), reference(jnp.ones(2)))


def _twice(answer, reference):
    for x in (jnp.ones(2), jnp.zeros(2)):
        probes.same_shapes(answer, reference, x)


def _a_function(answer, reference):
    known.known("want", lambda: reference)


def _fails(answer, reference):
    probes.fail("no good")


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (_bare, "outside `known`"),
        (_twice, "asks for 'shapes' twice"),
        (_a_function, "'want' holds a `function`"),
        (_fails, "no good"),
    ],
)
def test_what_cannot_be_recorded_is_told_to_the_author(tmp_path, check, says):
    with pytest.raises(CourseError, match="99_demo, the check of `average`, on the course's own answer: ") as told:
        recorded.record(_unit(check, tmp_path), into=tmp_path / "known")
    assert says in str(told.value)
    assert not (tmp_path / "known").exists()


def test_the_same_values_give_the_same_bytes(tmp_path):
    unit = _unit(_check, tmp_path)
    files = [recorded.record(unit, into=tmp_path / place) for place in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_recording_leaves_the_computing_as_it_was(tmp_path):
    with pytest.raises(CourseError):
        recorded.record(_unit(_fails, tmp_path), into=tmp_path)
    assert known.known("anything", lambda: 3) == 3


Pair = collections.namedtuple("Pair", "first second")


def test_values_come_back_as_they_were():
    params = {"w": jnp.ones((2, 3), jnp.bfloat16), "b": jnp.zeros(())}
    state = train_state.TrainState.create(apply_fn=print, params=params, tx=optax.adam(0.1))
    value = {
        "numbers": (1, -2.5, True, None, "text", float("inf")),
        "numpy": [np.float64(0.1), np.arange(3, dtype=np.int64), np.zeros((0, 2))],
        "keys": [jax.random.key(3), jax.random.split(jax.random.key(4, impl="rbg"))],
        "by number": {3: "three"},
        "shapes": jax.eval_shape(lambda: params),
        "pair": Pair(jnp.array([1, 2], jnp.uint8), Pair((), optax.EmptyState())),
        "state": state,
    }
    arrays = []
    node = json.loads(json.dumps(packed(value, arrays)))
    again = unpacked(node, arrays)
    assert probes.agrees(again, value, 0.0, 0.0)
    probes.like(again, value)
    leaves = zip(jax.tree.leaves(again), jax.tree.leaves(value), strict=True)
    assert all(type(a) is type(b) or isinstance(b, np.generic) for a, b in leaves)
    assert again["state"]._fields == ("step", "params", "opt_state")
    assert again["pair"]._replace(second=1).second == 1
    assert bool(jax.random.bits(again["keys"][0]) == jax.random.bits(value["keys"][0]))


def test_a_state_comes_back_in_its_own_classes(tmp_path):
    state = train_state.TrainState.create(apply_fn=print, params={"w": jnp.ones(2)}, tx=optax.sgd(0.1, momentum=0.9))
    recorder = recorded.Recorder()
    with known.values_from(recorder):
        again = known.known("state", lambda: state.replace(step=3), like=state)
    assert type(again) is type(state) and again.step == 3 and again.tx is state.tx
    assert type(again.opt_state[0]) is type(state.opt_state[0])


def test_an_endless_answer_is_not_handed_on_to_the_next_cell(tmp_path, monkeypatch):
    def average(x):
        while True:
            pass

    unit = _unit(_check, tmp_path)
    unit.exercises["average"] = dataclasses.replace(unit.exercises["average"], seconds=0.3)
    monkeypatch.setattr(known, "KNOWN", tmp_path / "known")
    recorded.record(unit, into=tmp_path / "known")
    (tmp_path / "99_demo.py").unlink()
    with pytest.raises(CourseError, match="average never ended when it was checked"):
        Checker(unit).average(average)(1)
