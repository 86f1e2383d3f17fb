"""From a hand-in and what the sandbox says of it to points, exercise by exercise."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from utils.base.paths import ROOT
from utils.checks.exercise import Exercise
from utils.checks.limits import WALL
from utils.checks.mistakes import mistakes, source
from utils.checks.registry import Unit
from utils.checks.verdict import Kind, Verdict
from utils.grading.bench import Bench, Ended, Watched
from utils.grading.handin import visible
from utils.grading.plan import Plan, Step

_OVER_A_LIMIT = ("stopped after", "File too large", "No space left", "MemoryError")
_LONGEST = 2000  # characters of a message
_MOST_TEXTS = 60
_WORST_TO_BEST = (Kind.NOT_ATTEMPTED, Kind.NOT_CHECKED, Kind.WRONG, Kind.RIGHT)


@dataclass(frozen=True)
class Options:
    """The limits of a hand-in: CPU seconds of a cell and of each of its processes, memory in MB; the seed of the cases.

    By the clock it may take `WALL` times as long, so that a busy machine costs nobody anything.
    """

    cell_seconds: int = 60
    seconds: int = 300
    memory_mb: int = 4096
    seed: int = 0

    def seed_of(self, exercise: Exercise) -> int:
        """Of an exercise's cases. A hand-in's process knows the one for values only, from which no other follows."""
        text = f"{exercise.crosses} {self.seed}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:6], "big")


@dataclass
class Mark:
    """What an exercise scored, and why."""

    exercise: str
    title: str
    points: int
    of: int
    verdict: str  # the name of a `Kind`
    message: str = ""
    detail: str = ""  # the case that shows it: not for students, who may hand in again
    printed: str = ""
    mistake: str = ""  # the known mistakes that it makes
    likeness: str = ""  # the same for answers that differ in names and layout alone


@dataclass
class Result:
    """A graded hand-in. `reason` says why one could not be graded at all."""

    student: str
    unit: str
    file: str
    marks: list[Mark] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    reason: str = ""
    out_of: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # what grading it took by the clock, by part

    @property
    def points(self) -> int:
        """What was scored."""
        return sum(mark.points for mark in self.marks)

    @property
    def looks(self) -> list[str]:
        """All that a person should look at."""
        return [self.reason, *self.flags] if self.reason else self.flags


def mark(bench: Bench, unit: Unit, plan: Plan, options: Options, result: Result) -> None:
    """Run a hand-in and fill in `result`.

    When a step ends the process, all is run once more without it: it costs its own points only.
    """
    result.flags += plan.doubts
    run = _Run(bench, unit, plan.steps, options, result)
    unreached = run.all_steps()
    for name, exercise in unit.exercises.items():
        absent = Verdict(name, Kind.NOT_CHECKED if unreached else Kind.NOT_ATTEMPTED, unreached)
        verdict = run.verdicts.get(name, absent)
        result.marks.append(_marked(exercise, verdict, plan))
        if verdict.endless:
            result.flags.append(f"`{name}`: {_text(verdict.message)}")
    result.flags, result.errors = (list(dict.fromkeys(texts))[:_MOST_TEXTS] for texts in (result.flags, result.errors))
    result.seconds = {part: round(seconds, 2) for part, seconds in run.seconds.items()}


def _marked(exercise: Exercise, verdict: Verdict, plan: Plan) -> Mark:
    right, wrong = verdict.kind is Kind.RIGHT, verdict.kind is Kind.WRONG
    mine = wrong and not verdict.of_answer
    known = {one.says: one.name for one in mistakes(exercise) if mine and one.says in verdict.message}
    revealed = right and exercise.name in plan.revealed
    message = "" if verdict.kind is Kind.NOT_ATTEMPTED else _text(verdict.message)
    return Mark(
        exercise.name,
        exercise.title,
        points=exercise.points if right and not revealed else 0,
        of=exercise.points,
        verdict=verdict.kind.name,
        message="The answer was revealed, so it scores nothing." if revealed else message,
        detail=_text(verdict.detail),
        printed=_text(verdict.printed),
        mistake=", ".join(known.values()),
        likeness=plan.likeness.get(exercise.name, "") if right or wrong else "",
    )


class _Run:
    """A hand-in while it is run and judged."""

    def __init__(self, bench: Bench, unit: Unit, steps: list[Step], options: Options, result: Result):
        self.verdicts: dict[str, Verdict] = {}  # by exercise
        self.seconds: dict[str, float] = defaultdict(float)  # by part
        self._bench, self._unit, self._steps, self._options, self._result = bench, unit, steps, options, result
        self._last = {step.exercise: number for number, step in enumerate(steps)}
        self._done = {-1}  # steps that ended the process, and checks that have been judged; -1 is before the first
        self._failed: dict[str, str] = {}  # exercise: why the cell that defines it stopped, or ""
        self._lent = False  # whether the process has had an answer of the course's

    def all_steps(self) -> str:
        """Go through all steps, once more without one that ended the process; why the rest was not judged, or ""."""
        options, until = self._options, time.monotonic() + WALL * self._options.seconds
        while True:
            number = -1
            try:
                with self._bench.started(options.memory_mb, until - time.monotonic()) as process:
                    with self._timed("start"):
                        process.ask(self._unit.name, options.seconds, options.memory_mb, seconds=options.cell_seconds)
                    for number, step in enumerate(self._steps):
                        if step.exercise:
                            self._check(process, number, step.exercise)
                        elif number not in self._done:
                            self._cell(process, step)
                return ""
            except Ended as why:
                if number in self._done or time.monotonic() > until:
                    self._result.flags.append(f"Not all could be judged: {why}.")
                    return f"It was not reached: {why}."
                self._done.add(number)
                self._blame(self._steps[number], why)

    def _cell(self, process: Watched, step: Step) -> None:
        seconds = self._options.cell_seconds
        with self._timed("cells"):
            error = _text(process.ask("cell", step.source, seconds, seconds=seconds))
        self._failed |= dict.fromkeys(step.defines, error)
        if error:
            text = f"`{_first_line(step)}` stopped: {error}"
            self._result.errors.append(text)
            if any(sign in text for sign in _OVER_A_LIMIT):
                self._result.flags.append(text)

    def _check(self, process: Watched, number: int, name: str) -> None:
        """Judge an exercise; after its last check, if it isn't right, the notebook goes on with the course's answer."""
        exercise = self._unit.exercises[name]
        seed = self._options.seed_of(exercise)
        if number not in self._done:
            with self._timed(f"{name}: hand over"):
                told = seed if exercise.crosses == "values" else 0  # on the other no program depends
                handed = process.ask("hand_over", name, told, seconds=exercise.seconds)
            with self._timed(f"{name}: judge"):
                self._judge(name, handed, seed)
            self._done.add(number)
        right = name in self.verdicts and self.verdicts[name].kind is Kind.RIGHT
        if number == self._last[name] and not right:
            self._lent = True
            solution = (ROOT / self._unit.solution).read_text(encoding="utf-8")
            process.ask("lend", name, source(name, solution), seconds=exercise.seconds)

    def _judge(self, name: str, handed: str, seed: int) -> None:
        """Of several verdicts on an exercise the best one counts."""
        if handed:
            try:
                data = base64.b64decode(handed, validate=True)
            except ValueError:
                data = b"?"
            verdict = self._bench.verdict(name, data, seed)
        elif why := self._failed.get(name):
            verdict = Verdict(name, Kind.WRONG, "The cell that defines it stopped.", detail=why)
        else:
            return
        if self._lent and verdict.of_answer:  # a message could carry what was lent to the student's page
            short = re.match(r"It raised \w{1,40}", verdict.message)
            told = f"{short[0]}." if short else "It gave no result of the form that the task asks for."
            verdict = replace(verdict, message=told, detail=f"{verdict.message}\n{verdict.detail}", printed="")
        both = verdict, self.verdicts.get(name, verdict)
        self.verdicts[name] = max(both, key=lambda one: _WORST_TO_BEST.index(one.kind))

    def _blame(self, step: Step, why: Ended) -> None:
        """A step that ended the process: what it was to show counts as wrong, where it was not judged before."""
        where = f"the check of `{step.exercise}`" if step.exercise else f"the cell `{_first_line(step)}`"
        self._result.flags.append(f"In {where}: {why}.")
        told = dict.fromkeys(step.defines, f"The cell that defines it was stopped: {why}.")
        if step.exercise:
            told[step.exercise] = f"While it was checked, {why}."
        for name, message in told.items():
            self.verdicts.setdefault(name, Verdict(name, Kind.WRONG, message))

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[part] += time.monotonic() - began


# --- strangers' texts ---------------------------------------------------------------------------------------------


def _first_line(step: Step) -> str:
    lines = [line.strip() for line in step.source.splitlines() if line.strip()] or [""]
    return _text(next((line for line in lines if not line.startswith(("#", "%", "@"))), lines[0])[:60])


def _text(value: str) -> str:
    """The start, without addresses in memory, which differ from run to run."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", visible(value[:_LONGEST]))
