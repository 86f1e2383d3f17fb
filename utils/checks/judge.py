"""From what an answer handed over to a verdict. Nothing of the answer's Python is needed, or imported, here."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from utils.checks import readings
from utils.checks.crossing import Failure, Handed, Result
from utils.checks.exercise import NOTEBOOK_SEED, Case, Exercise
from utils.checks.known import Known
from utils.checks.running import outcomes
from utils.checks.verdict import Kind, Verdict


class Tried(NamedTuple):
    """A case, what came, what is wanted, and how that differs: "" where it does not."""

    case: Case
    got: Result
    want: Result
    fault: str


def judge(known: Known, handed: Handed, seed: int = NOTEBOOK_SEED) -> Verdict:
    """The verdict on what `answers.hand_over` gave, in whatever process, for the cases of a seed.

    Raises nothing that the answer is to blame for.
    """
    exercise = known.exercise
    verdict = partial(Verdict, exercise.name, of=exercise.points, printed=handed.printed[-2000:])
    tried: list[Tried] = []
    for case, got in outcomes(exercise, handed, seed):
        if isinstance(got, Failure):
            if sum(bool(one.fault) for one in tried) > 1 and (message := _cause(known, tried)):
                return verdict(Kind.WRONG, message)
            # a forged one can say anything
            kind = Kind[got.kind] if got.kind in ("NOT_ATTEMPTED", "NOT_CHECKED") else Kind.WRONG
            where = f" That was in this case: {case.about}." * bool(tried and case.about)
            return verdict(kind, got.message + where, detail=got.detail, endless=got.endless, of_answer=True)
        want = known.want(case)
        tried.append(Tried(case, got, want, fault(exercise, case, got, want)))
    tried.sort(key=lambda one: sum(int(np.size(leaf)) for leaf in jax.tree.leaves(one.case.inputs)))
    wrong, right = [one for one in tried if one.fault], [one for one in tried if not one.fault]
    if not wrong:
        return Verdict(exercise.name, Kind.RIGHT, points=exercise.points, of=exercise.points)
    if message := _cause(known, wrong + right):  # a mistake most often fails where the answer is wrong
        return verdict(Kind.WRONG, message)
    first, relation, detail = wrong[0], "", ""
    if exercise.accepts is None and first.fault.startswith(readings.VALUES):
        relation = readings.relation([(one.got.leaves, one.want.leaves) for one in wrong], exercise.limit)
        detail = readings.example(first.case.inputs, first.got, first.want, exercise.limit)
    parts = first.fault, relation, _where(wrong, right)
    named = bool(readings.structure(first.got, first.want))  # then the message has names of the answer's own
    return verdict(Kind.WRONG, " ".join(filter(None, parts)), detail=detail, of_answer=named)


def fault(exercise: Exercise, case: Case, got: Result, want: Result) -> str:
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
    parts: list[tuple[set[str], str]] = []
    for says, result in known.mistakes.items():
        spoilt, others = set[str](), set[str]()  # leaves that it spoils, and those that the answer has otherwise
        for case, got, want, _ in tried:
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
