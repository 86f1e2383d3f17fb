"""From what an answer handed over to a verdict. Nothing of the answer's Python is needed, or imported, here."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

import jax
import numpy as np

from utils.checks import answers, readings
from utils.checks.crossing import Failure, Handed, Leaves, Result
from utils.checks.exercise import NOTEBOOK_SEED, Case, Exercise
from utils.checks.mistakes import Mistake, mistakes, wrong
from utils.checks.running import compiled_quickly, outcomes
from utils.checks.verdict import Kind, Verdict

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
        if case.place not in self._compiled:
            lowered = jax.jit(new).lower(*new.arrays)
            with compiled_quickly(lowered.as_text()):
                self._compiled[case.place] = lowered.compile(), new
        compiled, call = self._compiled[case.place]
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
        with jax.disable_jit(self.exercise.crosses == "values"), compiled_quickly():
            return answers.result(self.exercise, answer, self._own, case.inputs)


class Once:
    """What another knows of the cases of one seed, computed once: a class is judged on the same cases."""

    def __init__(self, known: Known):
        self.exercise, self._known = known.exercise, known
        self._kept: dict[tuple[str, int, int], Any] = {}

    def want(self, case: Case) -> Result:
        """As the other says."""
        result: Result = self._once("", case, lambda: self._known.want(case))
        return result

    def mistakes(self) -> tuple[Mistake, ...]:
        """As the other says."""
        return self._known.mistakes()

    def wrong(self, mistake: Mistake, case: Case) -> Leaves | None:
        """As the other says."""
        leaves: Leaves | None = self._once(mistake.name, case, lambda: self._known.wrong(mistake, case))
        return leaves

    def _once(self, whose: str, case: Case, computed: Callable[[], Any]) -> Any:
        key = (whose, case.place, case.turn)
        if key not in self._kept:
            self._kept[key] = computed()
        return self._kept[key]


def judge(known: Known, handed: Handed, seed: int = NOTEBOOK_SEED) -> Verdict:
    """The verdict on what was handed over; raises nothing that the answer is to blame for.

    Args:
        known: What is known of the course's own answer.
        handed: By `answers.hand_over`, in whatever process.
        seed: Of the cases.
    """
    exercise = known.exercise

    def verdict(kind: Kind, message: str = "", detail: str = "", **of_failure: Any) -> Verdict:
        if kind is Kind.RIGHT:
            return Verdict(exercise.name, kind, "", exercise.points, exercise.points)
        return Verdict(exercise.name, kind, message, 0, exercise.points, handed.printed, detail=detail, **of_failure)

    tried: list[tuple[Case, Result, Result, str]] = []
    for case, got in outcomes(exercise, handed, seed):
        if isinstance(got, Failure):
            if message := _cause(known, tried) if sum(bool(fault) for *_, fault in tried) > 1 else "":
                return verdict(Kind.WRONG, message)
            kind = Kind[got.kind] if got.kind in _NO_RESULT else Kind.WRONG  # a forged one can say anything
            said = _where(case, got.message, bool(tried))
            return verdict(kind, said, got.detail, endless=got.endless, of_answer=True)
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


def _fault(exercise: Exercise, case: Case, got: Result, want: Result) -> str:
    """What is wrong with a result; "" where nothing is."""
    if exercise.accepts is None:
        return readings.difference(got, want, exercise.limit)
    form = readings.structure(got, want) or readings.not_finite(got, want)
    return form or exercise.accepts(case.inputs, got.leaves, want.leaves)


def _cause(known: Known, tried: list[tuple[Case, Result, Result, str]]) -> str:
    """What the known mistake says that gives the answer's results in all cases, or several do together; "" where none.

    Several do if each spoils leaves that are just so in the answer, and no other leaf of the answer is wrong.
    """
    first_wrong = sorted(tried, key=lambda one: (not one[3], _size(one[0])))  # a mistake most often fails there
    parts: list[tuple[set[str], str]] = []
    for mistake in known.mistakes():
        spoilt: set[str] = set()
        others: set[str] = set()  # leaves that the answer has otherwise
        for case, got, want, _ in first_wrong:
            made = known.wrong(mistake, case)
            if made is None or made.keys() != got.leaves.keys():
                break
            others |= {path for path in made if not readings.same(got.leaves[path], made[path], known.exercise.limit)}
            spoilt |= set(readings.spoilt(made, want.leaves, known.exercise.limit))
            if spoilt & others:
                break
        else:
            if not others:
                return mistake.says
            parts.append((spoilt, mistake.says))
    said: dict[str, None] = {}
    left = {
        path for _, got, want, _ in tried for path in readings.spoilt(got.leaves, want.leaves, known.exercise.limit)
    }
    for spoilt, says in sorted(parts, key=lambda part: -len(part[0])):
        if spoilt & left:
            said[says] = None
            left -= spoilt
    return "" if left else " ".join(said)


def _reading(exercise: Exercise, tried: list[tuple[Case, Result, Result, str]], fault: str) -> str:
    """What the differences say in themselves, and which cases show them."""
    wrong = sorted((one for one in tried if one[3]), key=lambda one: _size(one[0]))
    parts = [fault]
    if exercise.accepts is None and fault.startswith(readings.VALUES):
        parts.append(readings.relation([(got.leaves, want.leaves) for _, got, want, _ in wrong], exercise.limit))
    right = {case.about for case, *_, fault in tried if not fault}
    abouts = dict.fromkeys(case.about for case, *_ in wrong)  # the smallest first
    right -= set(abouts)
    if len(right) in (1, 2) and len(abouts) > 2 and "" not in right:
        parts.append(f"All cases are wrong but these: {'; '.join(sorted(right))}.")
    elif right and "" not in abouts:
        more = f" and {len(abouts) - 3} more" if len(abouts) > 3 else ""
        parts.append(f"Only some cases are wrong: {'; '.join([*abouts][:3])}{more}.")
    return " ".join(filter(None, parts))


def _size(case: Case) -> int:
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(case.inputs))


def _where(case: Case, message: str, others: bool) -> str:
    """A failure's message, with the case that it came up in, if that is a special one and others went well."""
    return f"{message} This happened in the case: {case.about}." if others and case.about else message
