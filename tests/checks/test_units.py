"""What every unit promises, proved for each: right is right on any draw, each known mistake is told, and told apart."""

import re
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from written import written

from utils import checks
from utils.author import exercises, pairs, recorded
from utils.base import definitions, markers
from utils.base.paths import EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS, sources
from utils.checks import answers, crossing, known, readings, running
from utils.checks.exercise import NOTEBOOK_SEED
from utils.checks.judge import fault, judge
from utils.checks.mistakes import mistakes, wrong
from utils.checks.registry import RESERVED
from utils.checks.verdict import Kind

UNITS = checks.units()
EXERCISES_OF_ALL = [(unit, exercise) for unit in UNITS.values() for exercise in unit.exercises.values()]
CORPORA = {path.stem: path for path in ROOT.glob("tests/answers/*/*.py")}
SECONDS = 5
MOST_ACCEPTED = 0.01  # of the wrong answers in tests/answers

each_unit = pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
each_exercise = pytest.mark.parametrize(
    ("unit", "exercise"), EXERCISES_OF_ALL, ids=[f"{u.name[:2]}-{e.name}" for u, e in EXERCISES_OF_ALL]
)


def known_of(unit, exercise):
    return known.from_solution(exercise, definitions.load(unit.solution))


def recorded_of(unit, exercise):
    return known.from_file(exercise, known.file_of(unit.name, exercise.name))


def verdict_on(here, answer, seed=NOTEBOOK_SEED):
    return judge(here, crossing.loads(crossing.dumps(answers.hand_over(here.exercise, answer, seed))), seed)


def own_answer(unit, exercise):
    return getattr(definitions.load(unit.solution), exercise.name)


# --- what a unit declares -------------------------------------------------------------------------------------


def test_every_unit_is_a_lesson_exercises_a_solution_and_checks():
    for folder in (NOTEBOOKS, EXERCISES, SOLUTIONS):
        assert [path.stem for path in sources(folder)] == list(UNITS)


@each_unit
def test_five_to_nine_exercises_are_listed_in_the_order_of_their_notebook(unit):
    assert 5 <= len(unit.exercises) <= 9, f"{len(unit.exercises)} exercises; a unit has five to nine"
    assert not set(unit.exercises) & set(RESERVED)
    text = (ROOT / unit.solution).read_text(encoding="utf-8")
    checked = re.findall(r"^(\w+) = check\.\1\(\1\)$", text, re.MULTILINE)
    listed = list(unit.exercises)
    assert list(dict.fromkeys(checked)) == listed, f"{unit.solution} checks {checked}, the unit lists {listed}"
    assert text.count(markers.BEGIN) >= len(unit.exercises)
    folders = {path.parent for path in ROOT.glob(f"utils/checks/unit_{unit.name[:2]}/*/exercise.py")}
    assert folders == {exercise.folder for exercise in unit.exercises.values()}
    stray = [file for file in (known.KNOWN / unit.name).iterdir() if file.stem not in listed]
    assert not stray, f"{stray[0]} is of no exercise that is listed"


@each_exercise
def test_an_exercise_is_complete(unit, exercise):
    assert exercise.stars in (1, 2, 3) and exercise.minutes > 0 and exercise.points > 0
    assert 2 <= len(exercise.hints) <= 3
    assert len(exercise.sizes) >= 3
    # what judges random results tells mistakes itself, and draws many keys in place of more cases
    assert exercise.accepts or exercise.draws >= 3
    said = [one.says for one in mistakes(exercise)]
    assert exercise.accepts or len(said) >= 4, "four known mistakes at least, in mistakes.toml"
    assert len(set(said)) == len(said), "two known mistakes say the same"
    text = (ROOT / unit.solution).read_text(encoding="utf-8")
    assert f'check.hint("{exercise.name}")' in text, "the prose must name the hint"
    above = re.split(rf"^(?:def|class) {exercise.name}\b", text, flags=re.MULTILINE)[0]
    heading = re.findall(r"^# ## Exercise .*", above, re.MULTILINE)[-1]
    points = f"{exercise.points} point{'s' if exercise.points > 1 else ''}"
    declared = f" {exercise.difficulty} ({exercise.minutes} minutes, {points})"
    assert heading.endswith(declared), f"{unit.solution} says {heading!r}, exercise.py{declared}"


@each_exercise
def test_cases_differ_with_the_seed_and_only_there(unit, exercise):
    """What crosses as a program is drawn through arrays alone: all else is the size's."""
    for first, again, other in zip(exercise.cases(3), exercise.cases(3), exercise.cases(4), strict=True):
        assert not readings.spoilt(crossing.leaves(first.inputs), crossing.leaves(again.inputs), 0.0)
        if exercise.crosses == "program":
            leaves = zip(*(jax.tree.leaves(case.inputs) for case in (first, other)), strict=True)
            fixed = next(case for case in exercise.cases(3) if case.place == first.place).inputs  # of another turn
            assert all(crossing.is_array(a) or a == b for a, b in leaves)
            assert jax.tree.structure(fixed) == jax.tree.structure(first.inputs) == jax.tree.structure(other.inputs)
            shapes = [
                [np.shape(leaf) for leaf in jax.tree.leaves(case)] for case in (fixed, first.inputs, other.inputs)
            ]
            assert shapes[0] == shapes[1] == shapes[2]


def test_what_notebooks_are_judged_by_is_of_today_s_answers():
    assert not [name for _, name in recorded.stale()], "run make exercises"


# --- verdicts ---------------------------------------------------------------------------------------------------


def stub_of(unit, exercise):
    """The exercise's own cell, as the student finds it."""
    text = exercises.exercise_from((ROOT / unit.solution).read_text(encoding="utf-8"), unit.solution)
    first = re.compile(rf"^(def|class) {exercise.name}\(", re.MULTILINE)
    (cell,) = [
        cell.source
        for cell in pairs.notebook_from(text).cells
        if cell.cell_type == "code" and markers.STUB in cell.source and first.search(cell.source)
    ]
    return written(exercise.name, cell, **vars(definitions.load(unit.solution)))


@each_exercise
def test_the_course_s_answer_is_right_the_stub_not_attempted_and_a_mistake_told(unit, exercise):
    """By what was recorded, as in a notebook and in a release."""
    file = known.file_of(unit.name, exercise.name)
    assert file.stat().st_size < 100_000, "a release should be small"
    recorded_ones = recorded_of(unit, exercise)
    verdict = verdict_on(recorded_ones, own_answer(unit, exercise))
    assert (verdict.kind, verdict.points) == (Kind.RIGHT, exercise.points), verdict
    assert verdict_on(recorded_ones, stub_of(unit, exercise)).kind is Kind.NOT_ATTEMPTED
    for first in mistakes(exercise)[:1]:
        verdict = verdict_on(recorded_ones, wrong(exercise, first, definitions.load(unit.solution)))
        assert (verdict.kind, verdict.message) == (Kind.WRONG, first.says)


def is_right(here, handed, seed=NOTEBOOK_SEED):
    """As `judge` finds it, without looking for the cause of what is wrong."""
    for case, got in running.outcomes(here.exercise, handed, seed):
        if isinstance(got, crossing.Failure) or fault(here.exercise, case, got, here.want(case)):
            return False
    return True


def seeds(most):
    """So many, or as many as SECONDS of computing allow: some exercises train networks."""
    began = time.process_time()
    for seed in range(1, most + 1):
        yield seed
        if seed > 4 and time.process_time() > began + SECONDS:
            return


@pytest.mark.proof
@each_exercise
def test_the_course_s_answer_is_right_for_200_seeds(unit, exercise):
    here = known_of(unit, exercise)
    handed = answers.hand_over(exercise, own_answer(unit, exercise))
    for seed in seeds(200):
        if exercise.crosses == "values":
            handed = answers.hand_over(exercise, own_answer(unit, exercise), seed)
        assert is_right(here, handed, seed), f"seed {seed}: {judge(here, handed, seed)}"


@pytest.mark.proof
@each_exercise
def test_each_known_mistake_is_told_and_is_wrong_for_20_seeds(unit, exercise):
    """By its results, recorded and then drawn anew; somewhere they are off by ten times the limit."""
    there, here = recorded_of(unit, exercise), known_of(unit, exercise)

    def differs(leaves, want, limit):
        return leaves is None or bool(readings.difference(crossing.Result(leaves, want.whole), want, limit))

    cases = list(exercise.cases(NOTEBOOK_SEED))
    given = {says: list(map(result, cases)) for says, result in there.mistakes.items()}
    for says, leaves in given.items():
        pairs_of = zip(leaves, map(there.want, cases), strict=True)
        assert any(differs(got, want, 10 * exercise.limit) for got, want in pairs_of), says
        same = [other for other in given if all(map(_agree, leaves, given[other], [exercise.limit] * len(cases)))]
        assert None in leaves or same[0] == says, f"{says!r} is told as {same[0]!r}"
    for seed in seeds(20):
        cases = list(exercise.cases(seed))
        for says, result in here.mistakes.items():
            assert any(differs(result(case), here.want(case), exercise.limit) for case in cases), says


def _agree(one, other, limit):
    return one is not None and other is not None and not readings.spoilt(one, other, limit)


# --- answers by people who have not seen the checks ----------------------------------------------------------------


def corpus(unit, exercise):
    """(right or wrong, title, answer) of each cell of tests/answers/UNIT/NAME.py; None for what raises when defined."""
    path = ROOT / "tests" / "answers" / unit.name / f"{exercise.name}.py"
    for cell in ("\n" + path.read_text(encoding="utf-8")).split("\n# %% ")[1:]:
        title, _, code = cell.partition("\n")
        label, _, what = title.partition(": ")
        names = vars(definitions.load(unit.solution)) | {"__name__": "__main__"}
        yield label, what, written(exercise.name, code, **names)


@each_exercise
def test_there_are_ten_right_and_twenty_wrong_answers_of_other_people(unit, exercise):
    path = ROOT / "tests" / "answers" / unit.name / f"{exercise.name}.py"
    labels = re.findall(r"^# %% (right|wrong): ", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert labels.count("right") >= 10 and labels.count("wrong") >= 20


@pytest.mark.proof
@each_exercise
def test_other_people_s_answers_are_judged_as_they_are(unit, exercise):
    """Every right one is right; of the wrong ones one in a hundred may slip through."""
    here = recorded_of(unit, exercise)
    accepted, tried = [], 0
    for label, what, answer in corpus(unit, exercise):
        handed = answers.hand_over(exercise, answer)
        if label == "right":
            assert is_right(here, handed), f"{what}: {judge(here, handed)}"
        else:
            tried += 1
            accepted += [what] * is_right(here, handed)
    assert len(accepted) <= MOST_ACCEPTED * tried, accepted


# --- nonsense ---------------------------------------------------------------------------------------------------------


def _arrays_to(value):
    def changed(leaf):
        is_array = crossing.is_array(leaf) and not jnp.issubdtype(leaf.dtype, jax.dtypes.extended)
        return value(jnp.asarray(leaf)) if is_array else leaf

    return lambda tree: jax.tree.map(changed, tree)


NONSENSE = {
    "NaN": _arrays_to(lambda leaf: jnp.full(leaf.shape, jnp.nan)),
    "another shape": _arrays_to(lambda leaf: jnp.stack([leaf, leaf, leaf])),
    "None": lambda tree: None,
    "a string": lambda tree: "nonsense",
    "an exception": lambda tree: 1 / 0,
}


@pytest.mark.proof
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@each_exercise
def test_nonsense_gets_a_verdict(unit, exercise, nonsense):
    """Whatever the function returns is replaced by nonsense; of a class, whatever its methods return."""
    reference = own_answer(unit, exercise)
    if isinstance(reference, type):
        methods = {name: lambda self, *a, **k: nonsense(jnp.ones((2, 2))) for name in ("__call__", "init", "apply")}
        answer = type(exercise.name, (reference,), methods)  # a module stays one
    else:

        def answer(*args, **kwargs):
            return nonsense(reference(*args, **kwargs))

    handed = answers.hand_over(exercise, answer)
    right = is_right(recorded_of(unit, exercise), handed)
    assert not right or nonsense in (NONSENSE["NaN"], NONSENSE["another shape"])  # of a result without arrays
