"""The engine turns whatever an answer does into one of four verdicts, and never lets a traceback out."""

import collections
import dataclasses
import itertools
import linecache
import time
import types

import jax
import jax.numpy as jnp
import pytest

from utils import checks
from utils.base.errors import CourseError
from utils.base.paths import SOLUTIONS
from utils.checks import probes
from utils.checks.checker import Checker, CheckFailed
from utils.checks.explain import answer_frames
from utils.checks.judge import judge, time_limit
from utils.checks.registry import Unit, exercise
from utils.checks.verdict import Kind, marked_up

_numbers = itertools.count()


def written(code, **names):
    """The last definition in `code`, compiled as if a student had written it in a cell."""
    file = f"<answer {next(_numbers)}>"
    linecache.cache[file] = (len(code), None, code.splitlines(True), file)
    namespace = {"jnp": jnp, "jax": jax, **names}
    exec(compile(code, file, "exec"), namespace)
    return namespace["average"]


def course_code(code):
    """A check, compiled so that its frames do not look like an answer's."""
    namespace = {"jnp": jnp}
    exec(compile(code, "<check>", "exec"), namespace)
    return namespace["check"]


@pytest.fixture
def demo():
    @exercise(stars=1, minutes=5, points=2, hints=("first", "second"))
    def average(answer, reference):
        """The mean of a vector."""
        x = jnp.array([1.0, 2.0, 6.0])
        probes.same_shapes(answer, reference, x)
        probes.close(probes.call(answer, x), reference(x), mistakes={"It is the sum.": x.sum()})
        probes.pure(answer, x)
        probes.jits(answer, x)
        probes.gradient(answer, x)

    unit = Unit("99_demo", [average])
    solution = types.ModuleType("solution")
    solution.average = lambda x: x.mean()
    return types.SimpleNamespace(
        exercise=unit.exercises["average"], reference=solution.average, check=Checker(unit, solution)
    )


def verdict_on(demo, answer):
    return judge(demo.exercise, answer, demo.reference)


def test_a_right_answer_scores_and_is_returned(demo, capsys):
    mine = written("def average(x):\n    return jnp.mean(x)")
    assert demo.check.average(mine) is mine
    assert "✓ average: right (2 of 2 points)" in capsys.readouterr().out


def test_a_stub_is_not_attempted_and_the_course_goes_on_with_its_own(demo, capsys):
    stub = written('def average(x):\n    raise NotImplementedError("your code here")')
    assert demo.check.average(stub) is demo.reference
    out = capsys.readouterr().out
    assert "○ average: not attempted" in out and "course's version" in out


def test_the_stub_of_another_exercise_is_not_held_against_this_one(demo):
    code = 'def other(x):\n    raise NotImplementedError("your code here")\ndef average(x):\n    return other(x)'
    verdict = verdict_on(demo, written(code))
    assert verdict.kind is Kind.NOT_CHECKED
    assert "`other`" in verdict.message


def test_an_author_s_own_not_implemented_error_is_no_stub(demo):
    verdict = verdict_on(demo, written("def average(x):\n    raise NotImplementedError('no complex numbers')"))
    assert verdict.kind is Kind.WRONG


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("average = None", "should be a function; it is `None`"),
        ("average = 3.0", "should be a function"),
        ("class average: pass", "should be a function; it is the class"),
        ("def average(): pass", "it is called with (x)"),
        ("def average(x): return None", "Is the `return` missing?"),
        ("def average(x): return 'a'", "is a `str`"),
        ("def average(x): return {'mean': x.mean()}", "a `dict` of 1"),
        ("def average(x): return x.mean(keepdims=True)", "has shape [1]"),
        ("def average(x): return x.mean().astype(jnp.float16)", "has dtype float16"),
        ("def average(x): return x.mean() + jnp.nan", "holds NaN"),
        ("def average(x): return x.sum()", "It is the sum."),
        ("def average(x): return 2.5 * x.mean()", "got 7.5, want 3"),
        ("def average(x): return float(x.mean())", "`float()`"),
        ("def average(x):\n    if x.sum() > 0:\n        return x.mean()", "line 2, `if x.sum() > 0:`"),
        ("def average(x):\n    x[0] = 1\n    return x.mean()", "x.at[index].set(value)"),
        ("def average(x): return missing(x)", "not defined"),
        ("def average(x): return average(x)", "calls itself without end"),
        ("def average(x): return jax.lax.stop_gradient(x.mean())", "disagrees with finite differences"),
        ("def average(x): raise SystemExit", "called `exit()`"),
        ("def average(x): raise ValueError", "It raised ValueError"),
        ("class Odd(BaseException): pass\ndef average(x): raise Odd", "It raised Odd"),
        ("def average(x):\n    while True: pass", "never ends"),
        (
            "def average(x):\n    while True:\n        try: 1 / 0\n        except Exception: pass",
            "never ends",
        ),
        ("kept = []\ndef average(x):\n    kept.append(x)\n    return kept[0].mean()", "kept in a variable outside"),
        ("count = [0]\ndef average(x):\n    count[0] += 1\n    return x.mean() + count[0] % 2", "two results"),
    ],
)
def test_a_wrong_answer_is_told_the_likely_cause(demo, code, says):
    seconds = 2.0 if says == "never ends" else demo.exercise.seconds  # a busy machine takes its time for the others
    verdict = judge(dataclasses.replace(demo.exercise, seconds=seconds), written(code), demo.reference)
    assert verdict.kind is Kind.WRONG
    assert says in verdict.message
    assert verdict.points == 0


def test_what_a_wrong_answer_printed_is_shown_and_kept_short(demo):
    answer = written("def average(x):\n    for i in range(10_000): print('line', i)\n    return x.sum()")
    printed = verdict_on(demo, answer).printed.splitlines()
    assert printed[-1] == "line 9999" and len(printed) < 10


def test_an_interrupted_check_judges_nothing(demo):
    verdict = verdict_on(demo, written("def average(x): raise KeyboardInterrupt"))
    assert verdict.kind is Kind.NOT_CHECKED


def test_a_check_that_fails_on_the_course_s_own_answer_blames_nobody(demo):
    broken = course_code("def check(answer, reference): raise KeyError('x')")
    verdict = judge(dataclasses.replace(demo.exercise, check=broken), demo.reference, demo.reference)
    assert verdict.kind is Kind.NOT_CHECKED and "not your doing" in verdict.message


def test_a_result_that_trips_the_check_is_the_answer_s_fault(demo):
    careless = course_code("def check(answer, reference): answer(jnp.ones(3)).block_until_ready()")
    exercise = dataclasses.replace(demo.exercise, check=careless)
    verdict = judge(exercise, lambda x: "text", lambda x: x.mean())
    assert verdict.kind is Kind.WRONG and "cannot be used" in verdict.message


def test_no_line_of_the_course_s_answer_shows_when_it_trips_over_a_result():
    namespace = {}
    file = str(SOLUTIONS / "01_jnp_and_jit.py")
    exec(compile("def average(x): return x.missing", file, "exec"), namespace)
    with pytest.raises(AttributeError) as caught:
        namespace["average"](3.0)
    assert file not in [frame.f_code.co_filename for frame, _ in answer_frames(caught.value)]


def test_a_mistake_that_gives_the_right_value_is_the_check_s_defect():
    with pytest.raises(probes.CheckDefect):
        probes.close(jnp.ones(2), jnp.ones(2), mistakes={"nothing wrong": jnp.ones(2)})


def test_a_limit_counts_computing_and_by_the_clock_is_far_above():
    with time_limit(0.5):
        time.sleep(1)  # as long as another program may keep the processor
    with pytest.raises(BaseException) as stopped, time_limit(0.05):
        time.sleep(60)
    assert stopped.typename == "_TookTooLong"
    began = time.process_time()
    with pytest.raises(BaseException) as stopped, time_limit(0.5):
        while time.process_time() < began + 4:  # before the clock's limit, 5 s
            pass
    assert stopped.typename == "_TookTooLong"


def test_the_alarm_is_off_after_a_check(demo):
    import signal

    verdict_on(demo, written("def average(x): return x.mean()"))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_running_the_check_cell_again_is_understood(demo, capsys):
    stub = written('def average(x):\n    raise NotImplementedError("your code here")')
    average = demo.check.average(stub)
    assert demo.check.average(average) is demo.reference
    assert "This is the course's version" in capsys.readouterr().out


def test_a_revealed_answer_scores_nothing(demo, capsys):
    mine = written("def average(x): return x.mean()")
    demo.check.reveal("average")
    assert "mean" in capsys.readouterr().out
    assert demo.check.average(mine) is mine
    demo.check.progress()
    assert "0 of 2 points" in capsys.readouterr().out


def test_hints_come_one_by_one_and_the_last_stays(demo, capsys):
    seen = []
    for _ in range(3):
        demo.check.hint("average")
        seen.append(capsys.readouterr().out)
    assert ["second" in text for text in seen] == [False, True, True]


def test_progress_counts_points(demo, capsys):
    demo.check.progress()
    assert "0 of 1 exercises right, 0 of 2 points" in capsys.readouterr().out
    demo.check.average(written("def average(x): return x.mean()"))
    demo.check.progress()
    assert "1 of 1 exercises right, 2 of 2 points" in capsys.readouterr().out


def test_only_grading_raises(demo, monkeypatch):
    monkeypatch.setenv("COURSE_GRADING", "1")
    with pytest.raises(CheckFailed) as caught:
        demo.check.average(written("def average(x): return x.sum()"))
    assert caught.value.verdict.kind is Kind.WRONG
    demo.check.average(written("def average(x): return x.mean()"))


def test_an_unknown_name_is_answered_with_the_known_ones(demo):
    with pytest.raises(CourseError, match="Did you mean 'average'"):
        demo.check.averge(None)
    with pytest.raises(CourseError, match="There are: average"):
        demo.check.hint("nothing")
    with pytest.raises(CourseError, match="There is no unit"):
        checks.unit("07_nothing")


def test_markup_from_an_answer_is_escaped(demo):
    verdict = verdict_on(demo, written("def average(x): raise ValueError('<script>')"))
    assert "<script>" not in verdict.html() and "&lt;script&gt;" in verdict.html()


# --- probes: each catches what it is for, and lets a good answer pass --------------------------------------------


def test_keys_catches_a_key_used_twice():
    def twice(key):
        return jax.random.normal(key, (3,)) + jax.random.uniform(key, (3,))

    def split(key):
        a, b = jax.random.split(key)
        return jax.random.normal(a, (3,)) + jax.random.uniform(b, (3,))

    probes.keys(split, jax.random.key(0))
    with pytest.raises(probes.Mistake, match="two draws"):
        probes.keys(twice, jax.random.key(0))


def test_keys_catches_a_key_that_is_not_used():
    with pytest.raises(probes.Mistake, match="not used"):
        probes.keys(lambda key: jax.random.normal(jax.random.key(0)), jax.random.key(1))


def test_keys_catches_randomness_from_elsewhere():
    import numpy as np

    generator = np.random.default_rng(0)
    with pytest.raises(probes.Mistake, match="does not come from the key"):
        probes.keys(lambda key: jnp.asarray(generator.normal()), jax.random.key(1))


def test_traces_counts_compilations():
    counted = probes.traces(lambda x: x + 1)
    step = jax.jit(counted)
    for size in (2, 2, 3):
        step(jnp.ones(size))
    assert counted.count == 2


def test_pure_catches_a_changed_argument():
    def changes(values):
        values["a"] = values["a"] + 1
        return values["a"]

    with pytest.raises(probes.Mistake, match="changed one of its arguments"):
        probes.pure(changes, {"a": jnp.ones(2)})


def test_jits_catches_another_result_under_jit():
    calls = []

    def impure(x):
        calls.append(1)
        return x * (2.0 if len(calls) > 1 else 1.0)

    with pytest.raises(probes.Mistake, match="another result"):
        probes.jits(impure, jnp.ones(2))


def test_gradient_catches_the_nan_behind_a_where():
    with pytest.raises(probes.Mistake, match="differentiates both branches"):
        probes.gradient(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0).sum(), jnp.array([0.0, 1.0]))


def test_a_named_tuple_of_one_s_own_is_as_good_as_the_course_s():
    ours = collections.namedtuple("State", ["step", "params"])
    theirs = collections.namedtuple("State", ["step", "params"])
    probes.like(theirs(jnp.ones(()), {"w": jnp.ones(2)}), ours(jnp.ones(()), {"w": jnp.ones(2)}))
    with pytest.raises(probes.Mistake, match=r"`params\.w` missing"):
        probes.like(theirs(jnp.ones(()), {"v": jnp.ones(2)}), ours(jnp.ones(()), {"w": jnp.ones(2)}))


def test_close_tells_keys_and_small_floats_apart():
    probes.close(jax.random.key(1), jax.random.key(1))
    with pytest.raises(probes.Mistake):
        probes.close(jax.random.key(1), jax.random.key(2))
    with pytest.raises(probes.Mistake):
        probes.close(jnp.ones(2, jnp.bfloat16), 2 * jnp.ones(2, jnp.bfloat16))


def test_messages_may_hold_code_and_stress_and_nothing_else() -> None:
    text = "the *old* value; `a *b* c` and 2 * 3 * 4 <b>"
    assert marked_up(text) == "the <em>old</em> value; <code>a *b* c</code> and 2 * 3 * 4 &lt;b&gt;"
