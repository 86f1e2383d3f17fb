"""The engine turns whatever an answer does into one of four verdicts, and never lets a traceback out."""

import collections
import dataclasses
import itertools
import signal
import time
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from written import written

from utils import checks
from utils.base.errors import CourseError
from utils.base.paths import SOLUTIONS
from utils.checks import probes, verdict
from utils.checks.checker import Checker
from utils.checks.explain import answer_frames
from utils.checks.judge import judge, time_limit
from utils.checks.registry import Unit, exercise
from utils.checks.verdict import Kind, marked_up


def answered(code):
    """`average` as a student defines it."""
    return written("average", code, jnp=jnp, jax=jax)


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


def test_a_right_answer_scores_is_returned_and_counted(demo, capsys):
    demo.check.progress()
    mine = answered("def average(x): return x.mean()")
    assert demo.check.average(mine) is mine
    demo.check.progress()
    before, verdict, after = [line for line in capsys.readouterr().out.splitlines() if "points" in line]
    assert "0 of 1 exercises right, 0 of 2 points" in before and "1 of 1 exercises right, 2 of 2 points" in after
    assert verdict == "✓ average: right (2 of 2 points)"


def test_a_stub_is_not_attempted_and_the_course_goes_on_with_its_own(demo, capsys):
    average = demo.check.average(answered("def average(x): raise NotImplementedError('your code here')"))
    assert average is demo.reference
    out = capsys.readouterr().out
    assert "○ average: not attempted" in out and "course's version" in out
    assert demo.check.average(average) is demo.reference  # the check cell ran twice
    assert "This is the course's version" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def average(x): raise KeyboardInterrupt", "interrupted"),
        ("def other(x): raise NotImplementedError('your code here')\ndef average(x): return other(x)", "`other`"),
    ],
)
def test_what_is_no_fault_of_the_answer_is_not_held_against_it(demo, code, says):
    verdict = verdict_on(demo, answered(code))
    assert verdict.kind is Kind.NOT_CHECKED and says in verdict.message


@pytest.mark.parametrize(
    ("check", "kind", "says"),
    [
        ("1 / 0", Kind.NOT_CHECKED, "not your doing"),  # on the course's own answer too
        ("answer(1) + 1", Kind.WRONG, "cannot be used"),
    ],
)
def test_a_check_that_stops_blames_the_answer_only_if_it_passes_on_the_course_s(demo, check, kind, says):
    check = eval(compile(f"lambda answer, reference: {check}", "<check>", "eval"))  # no line of it is an answer's
    verdict = judge(dataclasses.replace(demo.exercise, check=check), lambda x: "text", lambda x: x)
    assert verdict.kind is kind and says in verdict.message


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
        ("def average(x): raise NotImplementedError('for complex numbers')", "It raised NotImplementedError"),
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
    verdict = judge(dataclasses.replace(demo.exercise, seconds=seconds), answered(code), demo.reference)
    assert verdict.kind is Kind.WRONG
    assert says in verdict.message
    assert verdict.points == 0


def test_what_a_wrong_answer_printed_is_shown_and_kept_short(demo):
    answer = answered("def average(x):\n    for i in range(10_000): print('line', i)\n    return x.sum()")
    printed = verdict_on(demo, answer).printed.splitlines()
    assert printed[-1] == "line 9999" and len(printed) < 10


def test_no_line_of_the_course_s_answer_shows_when_it_trips_over_a_result():
    namespace = {}
    file = str(SOLUTIONS / "01_jnp_and_jit.py")
    exec(compile("def average(x): return x.missing", file, "exec"), namespace)
    with pytest.raises(AttributeError) as caught:
        namespace["average"](3.0)
    assert file not in [frame.f_code.co_filename for frame, _ in answer_frames(caught.value)]


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
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0), "the alarm is still on"


def test_a_revealed_answer_scores_nothing(demo, capsys):
    mine = answered("def average(x): return x.mean()")
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


def test_only_grading_raises(demo, monkeypatch):
    monkeypatch.setenv("COURSE_GRADING", "1")
    with pytest.raises(CourseError, match="✗ average: not right yet"):
        demo.check.average(answered("def average(x): return x.sum()"))
    demo.check.average(answered("def average(x): return x.mean()"))


def test_an_unknown_name_is_answered_with_the_known_ones(demo):
    with pytest.raises(CourseError, match="Did you mean 'average'"):
        demo.check.averge(None)
    with pytest.raises(CourseError, match="There are: average"):
        demo.check.hint("nothing")
    with pytest.raises(CourseError, match="There is no unit"):
        checks.unit("07_nothing")


def test_in_a_notebook_all_is_html_in_which_what_an_answer_says_is_escaped(demo, monkeypatch):
    shown = []
    shell = types.SimpleNamespace(display_pub=types.SimpleNamespace(publish=shown.append))
    monkeypatch.setattr(verdict, "_notebook", lambda: shell)
    demo.check.average(answered("def average(x):\n    print('<b>')\n    raise ValueError('<script>')"))
    demo.check.hint("average")
    demo.check.reveal("average")
    demo.check.progress()
    told, hint, answer, progress = (one["text/html"] for one in shown)
    assert "<script>" not in told and "&lt;script&gt;" in told and ">&lt;b&gt;</pre>" in told
    assert "Hint 1 of 2: first<br>Run this again" in hint
    assert "<code>average</code>, one way" in answer and "lambda x: x.mean()" in answer
    assert "0 of 1 exercises right" in progress and "★☆☆" in progress
    assert all(one["text/plain"] and one["text/html"].startswith("<div style=") for one in shown)


# --- probes: each catches what it is for, and lets a good answer pass --------------------------------------------


def _two_draws(key):
    return jax.random.normal(key, (3,)) + jax.random.uniform(key, (3,))


def _changes(values):
    values["a"] = values["a"] + 1
    return values["a"]


CALLS, RANDOM = itertools.count(), np.random.default_rng(0)  # what no pure function looks at


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        (lambda: probes.keys(_two_draws, jax.random.key(0)), "two draws"),
        (lambda: probes.keys(lambda key: jax.random.normal(jax.random.key(0)), jax.random.key(1)), "not used"),
        (
            lambda: probes.keys(lambda key: jnp.asarray(RANDOM.normal()), jax.random.key(1)),
            "does not come from the key",
        ),
        (lambda: probes.pure(_changes, {"a": jnp.ones(2)}), "changed one of its arguments"),
        (lambda: probes.jits(lambda x: x * (1.0 + (next(CALLS) > 0)), jnp.ones(2)), "another result"),
        (
            lambda: probes.gradient(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0).sum(), jnp.array([0.0, 1.0])),
            "differentiates both branches",
        ),
    ],
)
def test_a_probe_catches_what_it_is_for(probe, says):
    with pytest.raises(probes.Mistake, match=says):
        probe()


def test_keys_lets_a_key_that_is_split_pass():
    probes.keys(lambda key: sum(jax.random.normal(one, (3,)) for one in jax.random.split(key)), jax.random.key(0))


def test_gradient_goes_along_all_leaves_of_a_tree():
    tree = {"a": jnp.array([0.3, -1.0]), "b": (jnp.float32(0.5), jnp.ones((2, 1)))}

    def loss(scale, tree):
        return scale * sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(tree))

    def of_one_leaf(scale, tree):
        return loss(scale, {**tree, "b": jax.lax.stop_gradient(tree["b"])})

    probes.gradient(loss, 2.0, tree, argnums=1)
    with pytest.raises(probes.Mistake, match="disagrees with finite differences"):
        probes.gradient(of_one_leaf, 2.0, tree, argnums=1)


def test_traces_counts_compilations():
    counted = probes.traces(lambda x: x + 1)
    step = jax.jit(counted)
    for size in (2, 2, 3):
        step(jnp.ones(size))
    assert counted.count == 2


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
