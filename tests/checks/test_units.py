"""What every unit promises, proved for each: right is right, a stub is not attempted, each known mistake is told."""

import dataclasses
import os
import re
import sys

import jax
import jax.numpy as jnp
import nbformat
import pytest
from written import written

from utils import checks
from utils.author import exercises, hidden, pairs, recorded
from utils.base import definitions, markers
from utils.base.paths import EXERCISES, ROOT, SOLUTIONS, sources
from utils.checks import probes
from utils.checks.checker import Checker
from utils.checks.judge import judge
from utils.checks.packing import unpacked
from utils.checks.registry import RESERVED
from utils.checks.verdict import Kind

UNITS = checks.units()
EXERCISES_OF_ALL = [(unit, exercise) for unit in UNITS.values() for exercise in unit.exercises.values()]

each_unit = pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
each_exercise = pytest.mark.parametrize(
    ("unit", "exercise"), EXERCISES_OF_ALL, ids=[f"{u.name[:2]}-{e.name}" for u, e in EXERCISES_OF_ALL]
)


def reference_of(unit, exercise):
    return getattr(definitions.load(unit.solution), exercise.name)


def define(unit, name, code):
    """`name` as `code` defines it, after the cells of the unit's solution."""
    return written(name, code, **vars(definitions.load(unit.solution)))


def stub_of(unit, exercise):
    """The exercise's own cell, as the student finds it."""
    text = exercises.exercise_from((ROOT / unit.solution).read_text(encoding="utf-8"), unit.solution)
    first = re.compile(rf"^(def|class) {exercise.name}\(", re.MULTILINE)
    (cell,) = [
        cell.source
        for cell in pairs.notebook_from(text).cells
        if cell.cell_type == "code" and markers.STUB in cell.source and first.search(cell.source)
    ]
    return define(unit, exercise.name, cell)


# --- what a unit declares -------------------------------------------------------------------------------------


def test_every_solution_has_its_checks():
    assert [path.stem for path in sources(SOLUTIONS)] == list(UNITS)


@each_unit
def test_a_unit_has_five_to_nine_exercises_in_the_order_of_its_notebook(unit):
    assert 5 <= len(unit.exercises) <= 9 and not set(unit.exercises) & set(RESERVED)
    text = (ROOT / unit.solution).read_text(encoding="utf-8")
    places = [text.index(f"\n{name} = check.{name}({name})\n") for name in unit.exercises]
    assert places == sorted(places)
    assert text.count(markers.BEGIN) >= len(unit.exercises)


@each_exercise
def test_an_exercise_is_complete(unit, exercise):
    assert exercise.stars in (1, 2, 3) and exercise.minutes > 0 and exercise.points > 0
    assert 2 <= len(exercise.hints) <= 3
    assert len(exercise.wrong) >= 5
    assert len({wrong.mistake for wrong in exercise.wrong}) == len(exercise.wrong)
    text = (ROOT / unit.solution).read_text(encoding="utf-8")
    assert f'check.hint("{exercise.name}")' in text, "the prose must name the hint"
    above = re.split(rf"^(?:def|class) {exercise.name}\b", text, flags=re.MULTILINE)[0]
    heading = re.findall(r"^# ## Exercise .*", above, re.MULTILINE)[-1]
    points = f"{exercise.points} point{'s' if exercise.points > 1 else ''}"
    assert heading.endswith(f" {exercise.difficulty} ({exercise.minutes} minutes, {points})"), "they must agree"


@each_unit
def test_what_a_notebook_checks_is_listed_in_its_order_and_every_folder_is_listed(unit):
    checked = re.findall(r"^(\w+) = check\.\1\(\1\)$", (ROOT / unit.solution).read_text(encoding="utf-8"), re.MULTILINE)
    assert list(dict.fromkeys(checked)) == list(unit.exercises)
    folders = {path.parent.name for path in ROOT.glob(f"utils/checks/unit_{unit.name[:2]}/*/exercise.py")}
    assert folders == {exercise.folder.rpartition(".")[2] for exercise in unit.exercises.values()}


# --- verdicts ---------------------------------------------------------------------------------------------------


def told_its_own_mistake(exercise, wrong, verdict):
    assert verdict.kind is Kind.WRONG, f"{wrong.mistake}: {verdict}"
    assert wrong.says in verdict.message, f"{wrong.mistake}: {verdict}"
    others = [other.mistake for other in exercise.wrong if other is not wrong and other.says in verdict.message]
    assert not others, f"the message for {wrong.mistake!r} is also that of {others}"


@each_exercise
def test_the_solution_is_right_the_stub_not_attempted_and_a_mistake_told_as_in_a_release(unit, exercise, monkeypatch):
    """From recorded values; the verdicts where the solutions are stand in the solutions' committed outputs.

    No mistake that a check computes gives the right value: nobody would ever be told of it.
    """
    close, dead = probes.close, []

    def held(got, want, mistakes=None, **options):
        limits = {name: options[name] for name in ("rtol", "atol") if name in options}
        dead.extend(message for message, value in (mistakes or {}).items() if probes.agrees(value, want, **limits))
        close(got, want, mistakes=mistakes, **options)

    values = AsInARelease(recorded.recorded(unit, exercise.name))
    reference, first = getattr(recorded.guarded(unit), exercise.name), exercise.wrong[0]
    with monkeypatch.context() as patch:
        patch.setattr(probes, "close", held)
        verdict = judge(exercise, reference_of(unit, exercise), reference, values)
    assert (verdict.kind, verdict.points) == (Kind.RIGHT, exercise.points), verdict.message
    assert not dead
    assert judge(exercise, stub_of(unit, exercise), reference, values).kind is Kind.NOT_ATTEMPTED
    told_its_own_mistake(exercise, first, judge(exercise, define(unit, exercise.name, first.code), reference, values))


@each_unit
def test_a_committed_solution_is_right_in_every_check(unit):
    """CI compares these outputs with what the cells give."""
    notebook = nbformat.read(SOLUTIONS / f"{unit.name}.ipynb", 4)
    text = "\n".join(str(output) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    for exercise in unit.exercises.values():
        assert f"✓ {exercise.name}: right ({exercise.points} of {exercise.points} points)" in text


class AsInARelease:
    """The recorded values; `again`: each is computed again, so that one which depends on the answer shows."""

    def __init__(self, recorder, again=False):
        self.values = {name: unpacked(node, recorder.arrays) for name, node in recorder.nodes.items()}
        self.again = again
        self.computing = False  # outside `known` the guarded reference raises

    def __call__(self, name, compute):
        if self.again:
            self.computing = True
            computed = compute()
            self.computing = False
            assert probes.agrees(self.values[name], computed, 1e-4, 1e-5), f"{name} depends on the answer"
        return self.values[name]


@pytest.mark.proof
@each_exercise
def test_each_known_wrong_answer_is_wrong_with_its_own_message(unit, exercise):
    """With the values that a release would judge by, which are those that are computed where the solutions are."""
    reference = getattr(recorded.guarded(unit), exercise.name)
    values = AsInARelease(recorded.recorded(unit, exercise.name), again=True)
    for wrong in exercise.wrong:
        verdict = judge(exercise, define(unit, exercise.name, wrong.code), reference, values)
        told_its_own_mistake(exercise, wrong, verdict)


def _is_numbers(leaf):
    return hasattr(leaf, "dtype") and not jnp.issubdtype(leaf.dtype, jax.dtypes.extended)


def _arrays_to(value):
    return lambda tree: jax.tree.map(lambda leaf: value(jnp.asarray(leaf)) if _is_numbers(leaf) else leaf, tree)


def _leaked_tracer(tree):
    box = []
    jax.make_jaxpr(lambda x: (box.append(x), x)[1])(1.0)
    return jax.tree.map(lambda leaf: box[0], tree)


def _endless(tree):
    while True:
        pass


ON_ARRAYS = {
    "NaN": _arrays_to(lambda leaf: jnp.full(leaf.shape, jnp.nan)),
    "another shape": _arrays_to(lambda leaf: jnp.stack([leaf, leaf, leaf])),
    "another dtype": _arrays_to(lambda leaf: leaf.astype(jnp.float16)),
}
NONSENSE = ON_ARRAYS | {
    "None": lambda tree: None,
    "a string": lambda tree: "nonsense",
    "a leaked tracer": _leaked_tracer,
    "an endless loop": _endless,
    "an exception": lambda tree: 1 / 0,
}


@pytest.mark.proof
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@each_exercise
def test_nonsense_gets_a_verdict(unit, exercise, nonsense):
    """Whatever the function returns is replaced by nonsense; of a class, whatever its methods return."""
    reference = reference_of(unit, exercise)
    changed = [isinstance(reference, type) or nonsense not in ON_ARRAYS.values()]
    if isinstance(reference, type):
        answer = type(
            exercise.name,
            (reference,),  # a module stays one: a check may ask for that first
            {
                "__call__": lambda self, *a, **k: nonsense(jnp.ones((2, 2))),
                "init": lambda self, *a, **k: nonsense({"params": {"w": jnp.ones((2, 2))}}),
                "apply": lambda self, *a, **k: nonsense(jnp.ones((2, 2))),
            },
        )
    else:

        def answer(*args, **kwargs):
            result = reference(*args, **kwargs)
            changed.extend(map(_is_numbers, jax.tree.leaves(result)))
            return nonsense(result)

        answer.__wrapped__ = reference
    endless = nonsense is _endless
    verdict = judge(dataclasses.replace(exercise, seconds=1.0) if endless else exercise, answer, reference)
    if not any(changed):  # it returns no arrays, and what is as the course's is right
        assert verdict.kind is Kind.RIGHT, verdict
        return
    assert verdict.kind is Kind.WRONG, verdict
    assert verdict.message
    assert endless == ("It still ran" in verdict.message), verdict


# --- each exercise stands alone -------------------------------------------------------------------------------------


@pytest.mark.proof
@each_unit
def test_each_solution_alone_in_an_untouched_exercise_passes(unit, monkeypatch, capsys):
    """Run the untouched exercise cell by cell; before each check, hand in the solution's cell once."""
    monkeypatch.setenv("COURSE_DATA", "sample")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(EXERCISES)
    text = hidden.without((ROOT / unit.solution).read_text(encoding="utf-8"), unit.solution)
    solution = pairs.notebook_from(text)
    exercise = pairs.notebook_from((EXERCISES / f"{unit.name}.py").read_text(encoding="utf-8"))
    namespace = {"__name__": "__exercise__"}
    monkeypatch.setitem(sys.modules, "__exercise__", type(os)("__exercise__"))
    passed, answered = [], ""
    for ours, stub in zip(solution.cells, exercise.cells, strict=True):
        if stub.cell_type != "code":
            continue
        name = next((n for n in unit.exercises if stub.source.strip().startswith(f"{n} = check.{n}(")), None)
        if name:
            checker: Checker = namespace["check"]
            untouched = namespace[name]
            exec(compile(answered, f"<answer {name}>", "exec"), namespace)  # the cell before
            assert checker._check(unit.exercises[name], namespace[name]) is namespace[name], capsys.readouterr().out
            passed.append(name)
            namespace[name] = untouched
        exec(compile(stub.source, f"<answer cell {stub.id}>", "exec"), namespace)
        if name:
            assert checker._verdicts[name].kind is Kind.NOT_ATTEMPTED
        if markers.STUB in stub.source:
            answered = ours.source
    assert passed == list(unit.exercises)
