"""Whatever an answer does becomes one of four verdicts with the likely cause, and no traceback comes out."""

import contextlib
import dataclasses
import signal
import time
from typing import NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from demo.exercise import average, unit
from written import written

from utils import checks
from utils.base import definitions
from utils.base.paths import SOLUTIONS
from utils.checks import answers, crossing, limits, readings
from utils.checks.crossing import Failure, Handed, Program, Result
from utils.checks.exercise import Exercise
from utils.checks.explain import answer_frames
from utils.checks.judge import judge
from utils.checks.known import QUICKLY, from_solution
from utils.checks.verdict import Kind, marked_up


def answered(code):
    """`average` as a student defines it."""
    return written("average", code, jnp=jnp, jax=jax)


def verdict_on(answer, exercise=average):
    known = from_solution(exercise, definitions.load(unit.solution))
    return judge(known, crossing.loads(crossing.dumps(answers.hand_over(exercise, answer))))


@pytest.mark.parametrize(
    "code",
    [
        "def average(x): return x.mean()",
        "def average(x, axis=None): return sum(x) / len(x)",
        "def average(x):\n    jax.debug.print('{}', x)\n    return x.sum() / x.size",
        "class Mean:\n    def __call__(self, x): return x.mean()\naverage = Mean()",
        "average = jax.jit(lambda x: jnp.mean(x), donate_argnums=0)",
        "import functools\naverage = functools.partial(jnp.mean, axis=-1)",
    ],
)
def test_a_right_answer_is_right_however_it_is_written(code):
    verdict = verdict_on(answered(code))
    assert verdict.kind is Kind.RIGHT and verdict.points == 2, verdict


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("def average(x): raise NotImplementedError('your code here')", Kind.NOT_ATTEMPTED, "check.hint('average')"),
        ("def average(x): raise KeyboardInterrupt", Kind.NOT_CHECKED, "interrupted"),
        (
            "def other(x): raise NotImplementedError('your code here')\ndef average(x): return other(x)",
            Kind.NOT_CHECKED,
            "`other`",
        ),
        ("average = None", Kind.WRONG, "should be a function; it is `None`"),
        ("class average: pass", Kind.WRONG, "should be a function; it is the class"),
        ("def average(): pass", Kind.WRONG, "cannot be called as the task says"),
        ("def average(x): return None", Kind.WRONG, "Is the `return` missing?"),
        ("def average(x): return {'a': x.mean()}", Kind.WRONG, ""),
        ("def average(x): return jnp.exp(1e3 * x).sum() / jnp.exp(1e3 * x).sum()", Kind.WRONG, "contains NaN"),
        ("def average(x): return x.sum()", Kind.WRONG, "It is the sum."),
        (
            "def average(x): return jnp.sort(x)[(x.size - 1) // 2 : x.size // 2 + 1].mean()",
            Kind.WRONG,
            "It is the median.",
        ),
        ("def average(x): return 2.5 * x.mean()", Kind.WRONG, "2.5 times the expected value"),
        ("def average(x): return 2 * x.mean()", Kind.WRONG, "The mean is doubled. The gradient is doubled."),
        ("def average(x): return -x.mean()", Kind.WRONG, "sign is wrong"),
        ("def average(x): return jax.lax.stop_gradient(x.mean())", Kind.WRONG, "`gradient` wrong, `mean` right"),
        (
            "def average(x): return x.mean() if x.size < 6 else x[0]",
            Kind.WRONG,
            "Only some cases are wrong: large numbers",
        ),
        ("def average(x):\n    if x.sum() > 0:\n        return x.mean()", Kind.WRONG, "line 2, `if x.sum() > 0:`"),
        ("def average(x):\n    x[0] = 1\n    return x.mean()", Kind.WRONG, "x.at[index].set(value)"),
        ("def average(x): return missing(x)", Kind.WRONG, "not defined"),
        ("def average(x): return average(x)", Kind.WRONG, "calls itself without end"),
        ("def average(x): raise SystemExit", Kind.WRONG, "called `exit()`"),
        ("def average(x): raise ValueError", Kind.WRONG, "It raised ValueError"),
        (r"def average(x): raise ValueError('\ud800')", Kind.WRONG, "It raised ValueError"),
        (r"def average(x): return {'\ud800': print('\ud800') or x.mean()}", Kind.WRONG, ""),
        ("def average(x): raise NotImplementedError('for complex')", Kind.WRONG, "It raised NotImplementedError"),
        ("class Odd(BaseException): pass\ndef average(x): raise Odd", Kind.WRONG, "It raised Odd"),
        (
            "kept = []\ndef average(x):\n    kept.append(x)\n    return kept[0].mean()",
            Kind.WRONG,
            "stored outside the function",
        ),
        (
            "def average(x): return jax.pure_callback(lambda x: x.mean(), jax.ShapeDtypeStruct((), x.dtype), x)",
            Kind.WRONG,
            "",
        ),
    ],
)
def test_any_other_answer_is_told_the_likely_cause(code, kind, says):
    verdict = verdict_on(answered(code))
    assert verdict.kind is kind and says in verdict.message, verdict
    assert verdict.message and verdict.points == 0


def test_where_nearly_all_is_wrong_the_cases_that_are_right_are_told():
    sizes = *average.sizes, {"size": 9, "about": "nine numbers"}
    code = "def average(x): return x.mean() if x.size in {right} else x.mean() + x[0] / 7"
    verdict = verdict_on(answered(code.format(right=[1])), dataclasses.replace(average, sizes=sizes))
    assert "All cases are wrong but these: a single number." in verdict.message, verdict
    verdict = verdict_on(answered(code.format(right=[1, 9])), dataclasses.replace(average, sizes=sizes))
    assert "cases" not in verdict.message, "of two kinds of four: neither those that are right nor those that are wrong"


def test_an_unforeseen_wrong_answer_is_shown_the_smallest_case():
    verdict = verdict_on(answered("def average(x): return x.mean() + x[0] / 7"))
    lines = verdict.detail.splitlines()
    assert lines[0].startswith("x = [") and "yours" in lines[1] and "expected" in lines[2], verdict


@pytest.mark.parametrize(
    "body", ["pass", "\n        try: 1 / 0\n        except Exception: pass"], ids=["bare", "caught"]
)
def test_an_endless_loop_is_stopped(body):
    verdict = verdict_on(
        answered(f"def average(x):\n    while True: {body}"), dataclasses.replace(average, seconds=1.0)
    )
    assert verdict.kind is Kind.WRONG and verdict.endless and "never ends" in verdict.message


def test_what_a_wrong_answer_printed_is_shown_and_kept_short():
    code = "def average(x):\n    for i in range(10_000): print('line', i)\n    return x.sum()"
    printed = verdict_on(answered(code)).printed.splitlines()
    assert printed[-1] == "line 9999" and len(printed) < 10


# --- answers on Python objects --------------------------------------------------------------------------------------


class Pair(NamedTuple):
    left: object
    right: object


def _swap(answer, own, *, left, right):
    return answer(own.Pair(left, right))


SWAP = Exercise(
    name="swap", title="Swap", stars=1, minutes=1, points=1, hints=("a", "b"), crosses="values", classes={"Pair": Pair},
    sizes=({"many": 2}, {"many": 1}, {"many": 0}),
    draw=lambda rng, many: {"left": rng.normal(many), "right": [float(rng.turn)]}, ask=_swap,
)  # fmt: skip


class _Swapped:
    swap = staticmethod(lambda pair: Pair(pair.right, pair.left))


def swap_verdict(code, **names):
    mine = written("swap", code, jnp=jnp, jax=jax, np=np, NamedTuple=NamedTuple, flax=flax, **names)
    known = dataclasses.replace(from_solution(SWAP, _Swapped), mistakes={})
    return judge(known, crossing.loads(crossing.dumps(answers.hand_over(SWAP, mine))))


@pytest.mark.parametrize(
    "code",
    [
        "class Pair(NamedTuple):\n    left: object\n    right: object\n"
        "def swap(pair): return pair._replace(left=pair.right, right=pair.left)",
        "@flax.struct.dataclass\nclass Pair:\n    left: object\n    right: object\n"
        "def swap(pair): return pair.replace(left=pair.right, right=pair.left)",
        "import dataclasses\n@dataclasses.dataclass\nclass Pair:\n    left: object\n    right: object\n"
        "def swap(pair): return Pair(pair.right, np.asarray(pair.left))",
    ],
    ids=["named tuple", "flax.struct", "dataclass"],
)
def test_the_notebooks_own_class_is_used_and_any_of_the_same_fields_is_as_good(code):
    assert swap_verdict(code).kind is Kind.RIGHT, swap_verdict(code)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pair.right.append(1)\n    return type(pair)(pair.right, pair.left)", "changed one of its arguments"),
        ("return pair", ""),
        (r"return '\ud800'", ""),
        ("return type('Text', (str,), {})('a'), type('Number', (float,), {})(1)", ""),
        ("return (pair.right, pair.left)", "wrong structure"),
        ("return jax.lax.while_loop(lambda i: i >= 0, lambda i: i * 1, jnp.zeros(()))", "never ends"),
    ],
)
def test_what_works_on_objects_is_called_where_it_lives(body, says, monkeypatch):
    monkeypatch.setattr(answers, "time_limit", lambda seconds: limits.time_limit(1.0))
    verdict = swap_verdict(f"def swap(pair):\n    {body}")
    assert verdict.kind is Kind.WRONG and says in verdict.message, verdict


def test_what_a_student_compiled_is_compiled_in_full_though_a_check_calls_it():
    seen = []
    mine = jax.jit(lambda x: [seen.append(jax.config.read("jax_disable_most_optimizations")), x][1])
    handed = answers.hand_over(dataclasses.replace(SWAP, ask=lambda answer, own, **_: answer(1.0)), mine)
    assert seen and not any(seen) and handed


def test_the_switch_goes_back_where_a_mistake_fails(monkeypatch):
    unit, before, seen = checks.units()["01_jnp_and_jit"], jax.config.read(QUICKLY), []

    def fails(*_):
        seen.append(jax.config.read(QUICKLY))
        raise ZeroDivisionError

    known = from_solution(unit.exercises["compress"], definitions.load(unit.solution))
    monkeypatch.setattr(answers, "result", fails)
    case = next(known.exercise.cases(0))
    assert {made(case) for made in known.mistakes.values()} == {None}
    assert set(seen) == {True} and jax.config.read(QUICKLY) == before


def test_an_endless_compiled_loop_is_stopped_in_median_time(monkeypatch):
    exercise = checks.units()["06_make_it_fast"].exercises["median_time"]
    monkeypatch.setattr(answers, "time_limit", lambda seconds: limits.time_limit(1.0))
    code = (
        "def median_time(step, args, rounds, clock):\n    return lax.while_loop(lambda x: x >= 0, lambda x: x * 1, 0.0)"
    )
    (failure,) = answers.hand_over(exercise, written("median_time", code, lax=jax.lax)).outcomes
    assert failure.endless, failure


def test_a_key_that_was_split_and_then_used_is_not_called_two_draws():
    """Nor is what the answer returns to blame."""

    def augment(key, signals, scale):
        coin = jax.random.bernoulli(jax.random.split(key)[0], 0.5, (len(signals), 1))
        return jnp.where(coin, -signals, signals) + scale * jax.random.normal(key, signals.shape)

    exercise = checks.units()["01_jnp_and_jit"].exercises["augment"]
    assert answers.hand_over(exercise, augment).outcomes[-1].message == answers.REUSED


# --- what crosses -----------------------------------------------------------------------------------------------------


def test_what_crosses_comes_back_as_it_was():
    tree = {
        "w": jnp.ones((2, 3), jnp.bfloat16),
        "keys": jax.random.split(jax.random.key(3)),
        "none": None,
        "n": (1, True),
    }
    leaves = crossing.leaves(tree | {"pair": Pair(np.arange(3, dtype=np.uint8), float("inf")), "text": "a"})
    handed = Handed(
        (Result(leaves, "a `dict` of 6"), Program(b"\x00code", ("a", "b"), "x"), Failure("WRONG", "why")), "it"
    )
    again = crossing.loads(crossing.dumps(handed))
    assert again.outcomes[1:] == handed.outcomes[1:] and again.printed == "it"
    assert again.outcomes[0].leaves.keys() == leaves.keys() >= {"pair.left", "pair.right", "n.1", "w"}
    for path, leaf in leaves.items():
        other = again.outcomes[0].leaves[path]
        assert (
            np.array_equal(other, np.asarray(leaf))
            if crossing.is_array(leaf)
            else other == leaf and type(other) is type(leaf)
        )
        assert not crossing.is_array(leaf) or other.dtype == leaf.dtype


def test_damaged_bytes_are_refused_and_forged_ones_earn_nothing():
    good = crossing.dumps(Handed((Result({"a": np.ones(3)}, ""),)))
    rng = np.random.default_rng(0)
    for _ in range(300):
        bad = bytearray(good)
        for place in rng.integers(0, len(bad), 3):
            bad[place] = rng.integers(256)
        with contextlib.suppress(crossing.Damaged):
            crossing.loads(bytes(bad[: rng.integers(1, len(bad) + 1)]))
    known = from_solution(average, definitions.load(unit.solution))
    for outcome in (
        Failure("RIGHT", "all is well"),
        Program(b"junk", (), ""),
        Program(good, (), ""),
        Result({}, ""),
        None,
    ):
        verdict = judge(known, Handed((outcome,) if outcome else ()))
        assert verdict.kind is not Kind.RIGHT and verdict.points == 0


# --- readings ---------------------------------------------------------------------------------------------------------

BASE = np.arange(1.0, 13.0).reshape(3, 4) ** 1.5


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (BASE[::-1], "reversed along axis 0"),
        (np.roll(BASE, 1, 0), "one position too late"),
        (BASE**2, "square"),
        (np.sqrt(BASE), "square root"),
        (BASE * 1000, "1000 times the expected value: is a factor"),
        (BASE[::-1, ::-1], "reversed along axes 0 and 1"),
        (np.roll(BASE, -1, 1), "one position too early along axis 1"),
        (BASE.T.reshape(3, 4), "in other positions"),
        (np.floor(BASE), "whole numbers"),
        (BASE.astype(jnp.bfloat16).astype(np.float32), "rounded to bfloat16"),
        (2 * BASE.T, "Two axes are swapped"),
        (BASE[:, :, None], "axis of size 1"),
        (BASE.mean(0), "An axis is missing"),
        (np.where(BASE > 9, np.inf, BASE), "contains infinity"),
        (BASE.astype(np.int32), "dtype int32"),
    ],
)
def test_a_difference_is_read(got, says):
    a, b = Result({"": got}, "an array"), Result({"": BASE.astype(np.float32)}, "an array")
    told = readings.difference(a, b, 1e-4) + readings.relation([(a.leaves, b.leaves)], 1e-4)
    assert says in told


MASK = np.tril(np.ones((3, 3)))


@pytest.mark.parametrize(
    ("got", "want", "says"),
    [
        (-MASK, MASK, "sign is wrong"),
        (1 - MASK, MASK, "It is inverted"),
        (-100 * MASK, MASK, "It is -100 times the expected value: is a factor missing"),
        (0 * MASK, MASK, "zero everywhere"),
        (np.ones(3), np.array([0.97, 1.02, 0.94]), ""),
        (np.array([0.5, 0.75, 1.0]), np.array([0.5, 0.74, 1.0]), ""),
        (
            np.array([3.0, 1.0, 2.0, 7.0]),
            np.array([1.0, 7.0, 3.0, 2.0]),
            "The values are right but in other positions.",
        ),
        (np.full(3, 5.0), np.full(3, 2.0), ""),
    ],
)
def test_what_is_read_is_true_or_nothing(got, want, says):
    told = readings.relation([({"": got}, {"": want})], 1e-4)
    assert told.endswith(says) if says.endswith(".") or not says else says in told, told
    assert bool(told) == bool(says)


def test_a_relation_is_of_what_is_wrong_and_holds_in_every_case():
    right, other = {"a": np.arange(3.0), "b": np.arange(4.0, 8.0)}, {"a": np.arange(5.0), "b": np.arange(2.0, 6.0)}
    small, large = {**right, "b": right["b"] ** 1.1}, {"a": 2 * other["a"], "b": other["b"] ** 1.2}
    assert readings.relation([(small, right), (large, other)], 1e-4) == "", "`a` is right in the first"
    small, large = {**right, "a": 2 * right["a"]}, {**other, "b": 1.5 * other["b"]}
    assert readings.relation([(small, right), (large, other)], 1e-4) == "", "`a` is right in the second"


@pytest.mark.parametrize(("factor", "says"), [(2.5, ""), (2, "It is 2 times the expected value")])
def test_a_relation_of_all_leaves_holds_for_each(factor, says):
    want = {"a": np.array(1000.0), "b": np.array(2000.0), "c": np.array(0.01)}
    got = {"c": factor * want["c"], "b": 2 * want["b"], "a": 2 * want["a"]}  # in another order
    told = readings.relation([(got, want)], 1e-4)
    assert told.startswith(says) and bool(told) == bool(says)


def test_a_wrong_shape_is_told_of_any_array():
    want = Result({"": BASE}, "an array")
    for got in (np.zeros((4, 3), "V4"), np.lib.stride_tricks.as_strided(np.zeros(1), (10**6, 10**6), (0, 0))):
        assert "has shape" in readings.difference(Result({"": got}, "an array"), want, 1e-4)


def test_the_order_of_axes_is_read():
    want = Result({"": BASE.reshape(3, 2, 2).astype(np.float32)}, "an array")
    for order, back in (((2, 0, 1), "(1, 2, 0)"), ((0, 2, 1), "(0, 2, 1)")):
        got = Result({"": want.leaves[""].transpose(order)}, "an array")
        told = readings.difference(got, want, 1e-4) + readings.relation([(got.leaves, want.leaves)], 1e-4)
        assert f"`.transpose{back}`" in told


def test_a_pair_too_many_is_told():
    got, want = ({"0.w": 1.0, "1": 2.0}, {"0.0.w": 1.0, "0.1": 2.0, "1": 2.0})
    assert "one level deeper, at `[0][0]`" in readings.difference(Result(want, ""), Result(got, ""), 1e-4)


def test_a_limit_is_far_above_rounding_and_far_below_a_slip():
    noise = 1 + np.random.default_rng(0).uniform(-1e-6, 1e-6, BASE.shape)
    assert readings.off(BASE * noise, BASE) < average.limit / 50 < 10 * average.limit < readings.off(1.01 * BASE, BASE)


def _compute(seconds):  # not in the `with` itself: CPython 3.13 leaves the jump back out of what it protects
    began = time.process_time()
    while time.process_time() < began + seconds:
        pass


def test_a_limit_counts_computing_and_by_the_clock_is_far_above():
    before = signal.getsignal(signal.SIGINT)
    with limits.time_limit(0.5):
        time.sleep(1)  # as long as another program may keep the processor
    with pytest.raises(limits.TookTooMuch), limits.time_limit(0.05):
        time.sleep(60)
    with pytest.raises(limits.TookTooMuch), limits.time_limit(0.5):
        _compute(4)  # before the clock's limit, 5 s
    assert signal.getsignal(signal.SIGINT) is before, "the limit is still on"


def test_no_line_of_the_course_s_answer_shows_when_it_trips_over_a_result():
    namespace = {}
    file = str(SOLUTIONS / "01_jnp_and_jit.py")
    exec(compile("def average(x): return x.missing", file, "exec"), namespace)
    with pytest.raises(AttributeError) as caught:
        namespace["average"](3.0)
    assert file not in [frame.f_code.co_filename for frame, _ in answer_frames(caught.value)]


def test_messages_may_hold_code_and_stress_and_nothing_else() -> None:
    text = "the *old* value; `a *b* c` and 2 * 3 * 4 <b>"
    assert marked_up(text) == "the <em>old</em> value; <code>a *b* c</code> and 2 * 3 * 4 &lt;b&gt;"
