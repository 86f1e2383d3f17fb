"""From what an answer handed over to a verdict. Nothing of the answer's Python is needed, or imported, here."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from utils.checks import readings
from utils.checks.crossing import Failure, Handed, Result
from utils.checks.exercise import NOTEBOOK_SEED, Case, Exercise
from utils.checks.known import Known
from utils.checks.running import outcomes
from utils.checks.verdict import Kind, Verdict

_NO_RESULT = ("NOT_ATTEMPTED", "NOT_CHECKED")


class Tried(NamedTuple):
    """A case, what came, what is wanted, and how that differs: "" where it does not."""

    case: Case
    got: Result
    want: Result
    fault: str

    @property
    def size(self) -> int:
        """How many numbers go in."""
        return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(self.case.inputs))


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

    tried: list[Tried] = []
    for case, got in outcomes(exercise, handed, seed):
        if isinstance(got, Failure):
            if message := _cause(known, tried) if sum(bool(one.fault) for one in tried) > 1 else "":
                return verdict(Kind.WRONG, message)
            kind = Kind[got.kind] if got.kind in _NO_RESULT else Kind.WRONG  # a forged one can say anything
            where = f" That was in this case: {case.about}." * bool(tried and case.about)
            return verdict(kind, got.message + where, got.detail, endless=got.endless, of_answer=True)
        want = known.want(case)
        tried.append(Tried(case, got, want, _fault(exercise, case, got, want)))
    faults = sorted((one for one in tried if one.fault), key=lambda one: one.size)
    if not faults:
        return verdict(Kind.RIGHT)
    if message := _cause(known, tried):
        return verdict(Kind.WRONG, message)
    first, parts = faults[0], [faults[0].fault]
    of_values = exercise.accepts is None and first.fault.startswith(readings.VALUES)
    if of_values:
        parts.append(readings.relation([(one.got.leaves, one.want.leaves) for one in faults], exercise.limit))
    parts.append(_where(faults, [one for one in tried if not one.fault]))
    detail = readings.example(first.case.inputs, first.got, first.want, exercise.limit) if of_values else ""
    return verdict(Kind.WRONG, " ".join(filter(None, parts)), detail)


def _fault(exercise: Exercise, case: Case, got: Result, want: Result) -> str:
    """What is wrong with a result; "" where nothing is."""
    if exercise.accepts is None:
        return readings.difference(got, want, exercise.limit)
    form = readings.structure(got, want) or readings.not_finite(got, want)
    return form or exercise.accepts(case.inputs, got.leaves, want.leaves)


def _cause(known: Known, tried: list[Tried]) -> str:
    """What the known mistake says that gives the answer's results in all cases, or several do together; "" where none.

    Several do if each spoils leaves that are just so in the answer, and no other leaf of the answer is wrong.
    """
    limit = known.exercise.limit
    first_wrong = sorted(tried, key=lambda one: (not one.fault, one.size))  # a mistake most often fails there
    parts: list[tuple[set[str], str]] = []
    for says, result in known.mistakes.items():
        spoilt: set[str] = set()
        others: set[str] = set()  # leaves that the answer has otherwise
        for case, got, want, _ in first_wrong:
            made = result(case)
            if made is None or made.keys() != got.leaves.keys():
                break
            others.update(readings.spoilt(got.leaves, made, limit))
            spoilt.update(readings.spoilt(made, want.leaves, limit))
            if spoilt & others:
                break
        else:
            if not others:
                return says
            parts.append((spoilt, says))
    said: dict[str, None] = {}
    left = {path for one in tried for path in readings.spoilt(one.got.leaves, one.want.leaves, limit)}
    for spoilt, says in sorted(parts, key=lambda part: -len(part[0])):
        if spoilt & left:
            said[says] = None
            left -= spoilt
    return "" if left else " ".join(said)


def _where(wrong: list[Tried], right: list[Tried]) -> str:
    """Which cases are wrong, the smallest first, if that tells something."""
    abouts = list(dict.fromkeys(one.case.about for one in wrong))
    well = sorted({one.case.about for one in right} - set(abouts))
    if len(well) in (1, 2) and len(abouts) > 2 and "" not in well:
        return f"All cases are wrong but these: {'; '.join(well)}."
    if well and "" not in abouts:
        more = f" and {len(abouts) - 3} more" if len(abouts) > 3 else ""
        return f"Only some cases are wrong: {'; '.join(abouts[:3])}{more}."
    return ""
