"""From what an answer handed over to a verdict. Nothing of the answer's Python is needed, or imported, here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol

import jax
import jax.export
import numpy as np

from utils.checks import answers, readings
from utils.checks.crossing import Failure, Handed, Leaves, Program, Result, is_array
from utils.checks.exercise import NOTEBOOK_SEED, Case, Exercise
from utils.checks.mistakes import Mistake, mistakes, wrong
from utils.checks.verdict import Kind, Verdict

OUTSIDE = (
    "Its program takes other arguments than it was given: a value of an earlier call was kept outside of the function "
    "and used again. A function that is compiled uses its arguments, and nothing that changes."
)
# what a program may call outside of its own operations
HARMLESS = ("lapack_", "mhlo.", "stablehlo.", "chlo.", "Sharding", "ApproxTopK", "annotate_device_placement")
_NO_RESULT = ("NOT_ATTEMPTED", "NOT_CHECKED")


class Known(Protocol):
    """What the judge knows of an exercise."""

    exercise: Exercise

    def want(self, case: Case) -> Result:
        """What is wanted for a case."""

    def mistakes(self) -> tuple[Mistake, ...]:
        """The known mistakes, in the order in which they are tried."""

    def wrong(self, mistake: Mistake, case: Case) -> Leaves | None:
        """What a known mistake gives for a case; None where it gives nothing."""


class FromSolution:
    """What the judge knows of an exercise from the course's own answer, which is there."""

    def __init__(self, exercise: Exercise, solution: ModuleType):
        self.exercise, self._solution = exercise, solution
        self._answer = getattr(solution, exercise.name)
        self._own = answers.own(exercise, self._answer)
        self._compiled: dict[int, Any] = {}

    def want(self, case: Case) -> Result:
        """Computed."""
        if self.exercise.crosses == "values":
            return self._result(self._answer, case)
        new = answers.flat(self.exercise, self._answer, self._own, case.inputs)
        compiled, call = self._compiled.setdefault(case.place, (jax.jit(new), new))
        values = compiled(*new.arrays)
        return Result(dict(zip(call.paths, map(np.asarray, values), strict=True)), call.whole)

    def mistakes(self) -> tuple[Mistake, ...]:
        """From the exercise's folder."""
        return mistakes(self.exercise)

    def wrong(self, mistake: Mistake, case: Case) -> Leaves | None:
        """Computed, one operation after the other: to compile would take longer."""
        answer = wrong(self.exercise, mistake, self._solution)
        try:
            return self._result(answer, case).leaves
        except Exception:
            return None

    def _result(self, answer: Any, case: Case) -> Result:
        with jax.disable_jit(self.exercise.crosses == "values"):
            return answers.result(self.exercise, answer, self._own, case.inputs)


def judge(known: Known, handed: Handed, seed: int = NOTEBOOK_SEED) -> Verdict:
    """The verdict on what was handed over; raises nothing that the answer is to blame for.

    Args:
        known: What is known of the course's own answer.
        handed: By `answers.hand_over`, in whatever process.
        seed: Of the cases.
    """
    exercise = known.exercise

    def verdict(kind: Kind, message: str = "", detail: str = "", endless: bool = False) -> Verdict:
        if kind is Kind.RIGHT:
            return Verdict(exercise.name, kind, "", exercise.points, exercise.points)
        return Verdict(exercise.name, kind, message, 0, exercise.points, handed.printed, detail=detail, endless=endless)

    tried: list[tuple[Case, Result, Result, str]] = []
    for case, got in _outcomes(exercise, handed, seed):
        if isinstance(got, Failure):
            if message := _cause(known, tried) if sum(bool(fault) for *_, fault in tried) > 1 else "":
                return verdict(Kind.WRONG, message)
            kind = Kind[got.kind] if got.kind in _NO_RESULT else Kind.WRONG  # a forged one can say anything
            return verdict(kind, _where(case, got.message, bool(tried)), got.detail, got.endless)
        want = known.want(case)
        tried.append((case, got, want, _fault(exercise, case, got, want)))
    faults = [one for one in tried if one[3]]
    if not faults:
        return verdict(Kind.RIGHT)
    if message := _cause(known, tried):
        return verdict(Kind.WRONG, message)
    case, got, want, fault = min(faults, key=lambda one: _size(one[0]))
    of_values = exercise.accepts is None and fault.startswith(readings.VALUES)
    detail = readings.example(case.inputs, got, want, exercise.limit) if of_values else ""
    return verdict(Kind.WRONG, _reading(exercise, tried, fault), detail)


def _outcomes(exercise: Exercise, handed: Handed, seed: int) -> Iterator[tuple[Case, Result | Failure]]:
    """Each case with what the answer gives for it, up to the first failure."""
    for number, case in enumerate(exercise.cases(seed)):
        place = case.place if exercise.crosses == "program" else number
        outcome = handed.outcomes[min(place, len(handed.outcomes) - 1)] if handed.outcomes else None
        if isinstance(outcome, Program):
            outcome = _run(outcome, case)
        if not isinstance(outcome, Result | Failure):
            outcome = Failure("NOT_CHECKED", "Nothing was handed over for it.")
        yield case, outcome
        if isinstance(outcome, Failure):
            return


def _run(program: Program, case: Case) -> Result | Failure:
    arrays = [leaf for leaf in jax.tree.leaves(case.inputs) if is_array(leaf)]
    try:
        takes, strange, call = _compiled(program.code)
        if takes != [(leaf.shape, leaf.dtype) for leaf in arrays]:
            return Failure("WRONG", OUTSIDE)
        if strange:
            return Failure(
                "WRONG", f"Its program calls {', '.join(strange)}, which is no part of it. Use `jnp` and `jax.lax`."
            )
        return Result(dict(zip(program.paths, map(np.asarray, call(*arrays)), strict=True)), program.whole)
    except Exception as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        return Failure("WRONG", f"Its program cannot be run: {first:.200}")


@lru_cache(maxsize=8)
def _compiled(code: bytes) -> tuple[list[Any], list[str], Any]:
    """What a program takes, what it calls outside of XLA but linear algebra, and the program."""
    exported = jax.export.deserialize(bytearray(code))
    called = set(re.findall(r'custom_call\s*@"?([^"(\s]+)', exported.mlir_module()))
    strange = sorted(name for name in called if not name.startswith(HARMLESS))
    return [(aval.shape, aval.dtype) for aval in exported.in_avals], strange, jax.jit(exported.call)


def _fault(exercise: Exercise, case: Case, got: Result, want: Result) -> str:
    """What is wrong with a result; "" where nothing is."""
    if exercise.accepts is None:
        return readings.difference(got, want, exercise.limit)
    return readings.structure(got, want) or exercise.accepts(case.inputs, got.leaves, want.leaves)


def _cause(known: Known, tried: list[tuple[Case, Result, Result, str]]) -> str:
    """What the first known mistake says that gives the answer's results in all cases; "" where none does."""
    first_wrong = sorted(tried, key=lambda one: (not one[3], _size(one[0])))  # a mistake most often fails there
    for mistake in known.mistakes():
        for case, got, _, _ in first_wrong:
            made = known.wrong(mistake, case)
            if made is None or not readings.agree(got.leaves, made, known.exercise.limit):
                break
        else:
            return mistake.says
    return ""


def _reading(exercise: Exercise, tried: list[tuple[Case, Result, Result, str]], fault: str) -> str:
    """What the differences say in themselves, and which cases show them."""
    wrong = [one for one in tried if one[3]]
    parts = [fault]
    if exercise.accepts is None and fault.startswith(readings.VALUES):
        parts.append(readings.relation([(got.leaves, want.leaves) for _, got, want, _ in wrong], exercise.limit))
    places, right = {case.place for case, *_ in wrong}, {case.place for case, _, _, fault in tried if not fault}
    abouts = {case.about for case, *_ in wrong}
    if len(places) < len(exercise.sizes) and right - places and "" not in abouts:
        parts.append(f"Only some cases are wrong: {'; '.join(sorted(abouts))}.")
    return " ".join(filter(None, parts))


def _size(case: Case) -> int:
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(case.inputs))


def _where(case: Case, message: str, others: bool) -> str:
    """A failure's message, with the case that it came up in, if that is a special one and others went well."""
    return f"{message} That was in this case: {case.about}." if others and case.about else message
