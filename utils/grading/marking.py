"""From a hand-in and what the sandbox says of it to points, exercise by exercise."""

from __future__ import annotations

import ast
import base64
import hashlib
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from utils.base.paths import ROOT
from utils.checks.exercise import Exercise
from utils.checks.limits import WALL
from utils.checks.mistakes import mistakes, source
from utils.checks.registry import Unit
from utils.checks.verdict import Kind, Verdict
from utils.grading import plan
from utils.grading.handin import Handin, visible
from utils.grading.sandbox import Conversation, Place

_OVER_A_LIMIT = ("stopped after", "was stopped. Is there a loop", "File too large", "No space left", "MemoryError")
_LONGEST = 2000  # characters of a message
_MOST_TEXTS = 60
_TELLING = 5  # statements of an answer that others would not write alike
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
    changes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    reason: str = ""
    sandbox: str = ""
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


def mark(place: Place, unit: Unit, handed_in: Handin, options: Options, result: Result) -> None:
    """Run a hand-in and fill in `result`.

    When a step ends the process, all is run once more without it: it costs its own points only.
    """
    solution = (ROOT / unit.solution).read_text(encoding="utf-8")
    laid_out = plan.lay_out(handed_in, unit)
    result.changes = laid_out.changes
    result.flags += laid_out.doubts
    heard = _Heard(place, unit, laid_out, result, options, solution)
    seeds = {exercise.crosses: options.seed_of(exercise) for exercise in unit.exercises.values()}
    job = asdict(options) | {"unit": unit.name, "steps": [asdict(one) for one in laid_out.steps]}
    unreached = heard.all_runs(job | {"seed": seeds.get("values", 0)})
    for exercise in unit.exercises.values():
        absent = Verdict(exercise.name, Kind.NOT_CHECKED if unreached else Kind.NOT_ATTEMPTED, unreached)
        result.marks.append(_marked(exercise, heard.verdicts.get(exercise.name, absent), laid_out))
        if _is_over_a_limit(result.marks[-1].message):
            _add(result.flags, f"`{exercise.name}`: {result.marks[-1].message}")
    result.out_of = sum(one.of for one in result.marks)
    result.seconds = {part: round(seconds, 2) for part, seconds in heard.seconds.items()}
    right = [one for one in result.marks if one.verdict == Kind.RIGHT.name and one.likeness]
    if copied := [f"`{one.exercise}`" for one in right if one.likeness == _likeness(one.exercise, solution)]:
        _add(result.flags, f"As the course's but for names: {', '.join(copied)}.")


class _Heard:
    """What is said of a hand-in, over all the times that it is run."""

    def __init__(
        self, place: Place, unit: Unit, laid_out: plan.Plan, result: Result, options: Options, solution: str
    ) -> None:
        self.verdicts: dict[str, Verdict] = {}  # by exercise
        self.seconds: dict[str, float] = defaultdict(float)  # by part
        self._place, self._unit, self._steps, self._result = place, unit, laid_out.steps, result
        self._options, self._solution = options, solution
        self._last = {step.exercise: number for number, step in enumerate(self._steps)}
        self._judged: Counter[str] = Counter()  # how often an exercise was handed over in this run
        self._lent: set[str] = set()  # exercises of which the hand-in's process has had the course's answer

    def all_runs(self, job: dict[str, Any]) -> str:
        """Run, without the steps that ended an earlier run, until all is judged that can be; why the rest was not."""
        deadline = time.monotonic() + WALL * job["seconds"]
        skipped: list[int] = []
        while True:
            clock = max(1.0, deadline - time.monotonic())
            step, why = self._one_run(self._place.run(job | {"skipped": skipped, "clock": clock}))
            if why == "ended":
                return ""
            if not 0 <= step < len(self._steps) or step in skipped or time.monotonic() >= deadline:
                _add(self._result.flags, f"Not all could be judged: {why}.")
                return f"It was not reached: {why}."
            skipped.append(step)
            self._blame(step, why)

    def _one_run(self, conversation: Conversation) -> tuple[int, str]:
        """Note what one run says, and reply; the step at which it was over, and why."""
        step, reply, part = -1, None, "start"
        self._judged.clear()
        while True:
            with self._timed(part):
                message = conversation.send(reply)
            reply = None
            match message:
                case {"t": "begin"}:
                    step = message["step"]
                    part = f"{name}: hand over" if (name := self._at(step).exercise) else "cells"
                case {"t": "handed", "exercise": str(name)} if name in self._unit.exercises:
                    with self._timed(f"{name}: judge"):
                        self._judge(name, message.get("data"))
                    if message["step"] == self._last[name]:
                        reply = self._what_it_goes_on_with(name)
                case {"t": "cell"}:
                    text = f"`{self._first_line(step)}` stopped: {_text(message.get('error'))}"
                    _add(self._result.errors, text)
                    if _is_over_a_limit(text):
                        _add(self._result.flags, text)
                case {"t": "over"}:
                    conversation.close()
                    return step, _text(message["why"])

    def _judge(self, name: str, data: Any) -> None:
        """Of several verdicts on an exercise the best one counts, of those before the course's answer was lent."""
        try:
            handed = base64.b64decode(data, validate=True)
        except (ValueError, TypeError):
            handed = b"?"
        if not handed or name in self._lent or self._judged[name] >= plan.MOST_CHECKS:  # more are forged
            return
        self._judged[name] += 1
        seed = self._options.seed_of(self._unit.exercises[name])
        verdict = self._place.verdict(name, handed, seed)
        if self._lent and verdict.of_answer:  # a message could carry what was lent to the student's page
            short = re.match(r"It raised \w{1,40}", verdict.message)
            told = f"{short[0]}." if short else "It gave no result."
            verdict = replace(verdict, message=told, detail=f"{verdict.message}\n{verdict.detail}", printed="")
        before = self.verdicts.get(name, verdict)
        if _WORST_TO_BEST.index(verdict.kind) >= _WORST_TO_BEST.index(before.kind):
            self.verdicts[name] = verdict

    def _what_it_goes_on_with(self, name: str) -> str:
        """After an exercise's last check: its own answer if that is right, else the course's."""
        if name in self.verdicts and self.verdicts[name].kind is Kind.RIGHT:
            return ""
        self._lent.add(name)
        return source(name, self._solution)

    def _blame(self, step: int, why: str) -> None:
        """A step that ended the process: what it was to show counts as wrong, where it was not judged before."""
        culprit = self._steps[step]
        _add(self._result.flags, f"In {self._where(step)}: {why}.")
        if culprit.exercise:
            self._stopped(culprit.exercise, f"While it was checked, {why}.")
        for name in culprit.defines:
            self._stopped(name, f"The cell that defines it was stopped: {why}.")

    def _stopped(self, name: str, why: str) -> None:
        self.verdicts.setdefault(name, Verdict(name, Kind.WRONG, why))

    def _at(self, step: int) -> plan.Step:
        """The step of that number; an empty one where a hand-in made the number up."""
        return self._steps[step] if 0 <= step < len(self._steps) else plan.Step()

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] += time.monotonic() - began

    def _where(self, step: int) -> str:
        exercise = self._at(step).exercise
        return f"the check of `{exercise}`" if exercise else f"the cell `{self._first_line(step)}`"

    def _first_line(self, step: int) -> str:
        lines = self._at(step).source.strip().splitlines()
        code = [line.strip() for line in lines if line.strip() and not line.strip().startswith(("#", "%", "@"))]
        return (code or lines or [""])[0][:60]


def _marked(exercise: Exercise, verdict: Verdict, laid_out: plan.Plan) -> Mark:
    written = [step.source for step in laid_out.steps if exercise.name in step.defines]
    right, wrong = verdict.kind is Kind.RIGHT, verdict.kind is Kind.WRONG
    known = {one.says: one.name for one in mistakes(exercise) if wrong and one.says in verdict.message}
    revealed = right and exercise.name in laid_out.revealed
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
        likeness=_likeness(exercise.name, written[-1]) if written and (right or wrong) else "",
    )


# --- how answers are written --------------------------------------------------------------------------------------


def _likeness(name: str, source: str) -> str:
    """A digest of the last definition of a name in code, which docstrings and names that it binds do not change.

    "" where there is none, or it is too short to tell anything.
    """
    tree = plan.parsed(source) or ast.Module([], [])
    nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
    for node in ast.walk(nodes[-1]) if nodes else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    if not nodes or sum(isinstance(node, ast.stmt) for node in ast.walk(nodes[-1])) < _TELLING:
        return ""
    bound: dict[str, str] = {}
    for node in ast.walk(nodes[-1]):
        match node:
            case ast.FunctionDef(name=n) | ast.ClassDef(name=n) | ast.arg(arg=n) | ast.Name(id=n, ctx=ast.Store()):
                bound.setdefault(n, str(len(bound)))
    for node in ast.walk(nodes[-1]):
        match node:
            case ast.FunctionDef(name=n) | ast.ClassDef(name=n):
                node.name = bound[n]
            case ast.arg(arg=n):
                node.arg = bound[n]
            case ast.Name(id=n):
                node.id = bound.get(n, n)
    return hashlib.sha256(ast.dump(nodes[-1]).encode()).hexdigest()[:16]


# --- strangers' texts ---------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    """Of a string the start, without addresses in memory, which differ from run to run."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", visible(value[:_LONGEST])) if isinstance(value, str) else ""


def _is_over_a_limit(text: str) -> bool:
    return any(sign in text for sign in _OVER_A_LIMIT)


def _add(texts: list[str], text: str) -> None:
    if text and text not in texts and len(texts) < _MOST_TEXTS:
        texts.append(text)
