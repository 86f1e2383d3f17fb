"""From a hand-in and what the sandbox says of it to points, exercise by exercise."""

from __future__ import annotations

import ast
import hashlib
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from utils.base.paths import ROOT
from utils.checks.registry import WALL, Exercise, Unit
from utils.checks.verdict import Kind
from utils.grading import plan
from utils.grading.handin import Handin, writable

Runs = Callable[[dict[str, Any]], Iterable[dict[str, Any]]]  # `sandbox.Place.run`

_OVER_A_LIMIT = ("till ran after", "File too large", "No space left", "MemoryError")
_LONGEST = 2000  # characters of a message
_MOST_TEXTS = 60
_WORST_TO_BEST = (Kind.NOT_ATTEMPTED.name, Kind.NOT_CHECKED.name, Kind.WRONG.name, Kind.RIGHT.name)


@dataclass(frozen=True)
class Options:
    """The limits of a hand-in: CPU seconds of a cell and of each of its processes, memory in MB.

    By the clock it may take `WALL` times as long, so that a busy machine costs nobody anything.
    """

    cell_seconds: int = 60
    seconds: int = 300
    memory_mb: int = 4096


@dataclass
class Mark:
    """What an exercise scored, and why."""

    exercise: str
    title: str
    points: int
    of: int
    verdict: str  # the name of a `Kind`
    message: str = ""
    printed: str = ""
    mistake: str = ""  # the known wrong answer that it is
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

    @property
    def points(self) -> int:
        """What was scored."""
        return sum(mark.points for mark in self.marks)

    @property
    def looks(self) -> list[str]:
        """All that a person should look at."""
        return [self.reason, *self.flags] if self.reason else self.flags


def mark(runs: Runs, unit: Unit, handed_in: Handin, options: Options, result: Result) -> None:
    """Run a hand-in and fill in `result`.

    When a step ends the process, all is run once more without it: it costs its own points only.
    """
    solution = (ROOT / unit.solution).read_text(encoding="utf-8")
    laid_out = plan.lay_out(handed_in, unit)
    result.changes = laid_out.changes
    result.flags += laid_out.doubts
    heard = _Heard(unit, laid_out, result)
    job = asdict(options) | {"unit": unit.name, "solution": solution, "steps": [asdict(one) for one in laid_out.steps]}
    unreached = heard.all_runs(runs, job)
    for exercise in unit.exercises.values():
        absent = _verdict(Kind.NOT_CHECKED if unreached else Kind.NOT_ATTEMPTED, unreached)
        verdict = heard.verdicts.get(exercise.name, absent)
        result.marks.append(_marked(exercise, verdict, laid_out))
        _flag(result, result.marks[-1], verdict)
    result.out_of = sum(one.of for one in result.marks)
    right = [one.exercise for one in result.marks if one.verdict == Kind.RIGHT.name]
    if copied := [f"`{name}`" for name in right if _word_for_word(name, laid_out, solution)]:
        _add(result.flags, f"Word for word the course's: {', '.join(copied)}.")


class _Heard:
    """What is said of a hand-in, over all the times that it is run."""

    def __init__(self, unit: Unit, laid_out: plan.Plan, result: Result):
        self.verdicts: dict[str, dict[str, Any]] = {}  # by exercise
        self._unit, self._steps, self._result = unit, laid_out.steps, result

    def all_runs(self, runs: Runs, job: dict[str, Any]) -> str:
        """Run, without the steps that ended an earlier run, until all is judged that can be; why the rest was not."""
        deadline = time.monotonic() + WALL * job["seconds"]
        skipped: list[int] = []
        while True:
            clock = max(1.0, deadline - time.monotonic())
            step, why = self._one_run(runs(job | {"skipped": skipped, "clock": clock}))
            if why == "ended":
                return ""
            if not 0 <= step < len(self._steps) or step in skipped or time.monotonic() >= deadline:
                _add(self._result.flags, f"Not all could be judged: {why}.")
                return f"It was not reached: {why}."
            skipped.append(step)
            self._blame(step, why)

    def _one_run(self, messages: Iterable[dict[str, Any]]) -> tuple[int, str]:
        """Note what one run says; the step at which it was over, and why."""
        step, why = -1, ""
        for message in messages:
            match message["t"]:
                case "begin":
                    step = int(message["step"])
                case "verdict":
                    self._note(message)
                case "flag":
                    _add(self._result.flags, _text(message.get("text")))
                case "cell":
                    text = f"`{self._first_line(step)}` stopped: {_text(message.get('error'))}"
                    _add(self._result.errors, text)
                    if _is_over_a_limit(text):
                        _add(self._result.flags, text)
                case "over":
                    why = _text(message["why"])
        return step, why

    def _note(self, verdict: dict[str, Any]) -> None:
        """Of several verdicts on an exercise the best one counts: an answer of one's own that is right stays right."""
        name = verdict.get("exercise")
        if name not in self._unit.exercises or verdict.get("kind") not in _WORST_TO_BEST:
            return
        if _rank(verdict) >= _rank(self.verdicts.get(name, verdict)):
            self.verdicts[name] = verdict

    def _blame(self, step: int, why: str) -> None:
        """A step that ended the process: what it was to show counts as wrong, where it was not judged before."""
        culprit = self._steps[step]
        _add(self._result.flags, f"In {self._where(step)}: {why}.")
        if culprit.exercise:
            self.verdicts.setdefault(culprit.exercise, _verdict(Kind.WRONG, f"While it was checked, {why}."))
        for name in culprit.defines:
            self.verdicts.setdefault(name, _verdict(Kind.WRONG, f"The cell that defines it was stopped: {why}."))

    def _where(self, step: int) -> str:
        exercise = self._steps[step].exercise if 0 <= step < len(self._steps) else ""
        return f"the check of `{exercise}`" if exercise else f"the cell `{self._first_line(step)}`"

    def _first_line(self, step: int) -> str:
        lines = self._steps[step].source.strip().splitlines() if 0 <= step < len(self._steps) else []
        code = [line.strip() for line in lines if line.strip() and not line.strip().startswith(("#", "%", "@"))]
        return (code or lines or [""])[0][:60]


def _verdict(kind: Kind, message: str) -> dict[str, Any]:
    """A verdict as a worker would send it."""
    return {"kind": kind.name, "message": message}


def _is_own(verdict: dict[str, Any]) -> bool:
    return not (verdict.get("borrowed") or verdict.get("withheld"))


def _rank(verdict: dict[str, Any]) -> tuple[int, bool]:
    return _WORST_TO_BEST.index(verdict["kind"]), _is_own(verdict)


def _marked(exercise: Exercise, verdict: dict[str, Any], laid_out: plan.Plan) -> Mark:
    kind = verdict["kind"]
    right, wrong = kind == Kind.RIGHT.name, kind == Kind.WRONG.name
    revealed = right and exercise.name in laid_out.revealed
    if verdict.get("withheld"):
        message = "Its points are withheld: see what was flagged."
    elif revealed:
        message = "The answer was revealed, so it scores nothing."
    else:
        message = "" if kind == Kind.NOT_ATTEMPTED.name else _text(verdict.get("message"))
    return Mark(
        exercise.name,
        exercise.title,
        points=exercise.points if right and _is_own(verdict) and not revealed else 0,
        of=exercise.points,
        verdict=kind,
        message=message,
        printed=_text(verdict.get("printed")),
        mistake=next((known.mistake for known in exercise.wrong if wrong and known.says in message), ""),
        likeness=_likeness(exercise.name, laid_out) if right or wrong else "",
    )


def _flag(result: Result, mark: Mark, verdict: dict[str, Any]) -> None:
    if _is_over_a_limit(mark.message):
        _add(result.flags, f"`{mark.exercise}`: {mark.message}")
    if verdict.get("borrowed"):
        _add(result.flags, f"`{mark.exercise}` is the course's version, or calls it.")
    if verdict.get("withheld"):
        _add(result.flags, f"`{mark.exercise}`: {mark.of} points are withheld until a person has looked.")


# --- how answers are written --------------------------------------------------------------------------------------


def _definition(name: str, source: str) -> ast.FunctionDef | ast.ClassDef | None:
    """The last definition of a name in code, without docstrings."""
    tree = plan.parsed(source) or ast.Module([], [])
    nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
    for node in ast.walk(nodes[-1]) if nodes else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return nodes[-1] if nodes else None


def _written(name: str, laid_out: plan.Plan) -> ast.FunctionDef | ast.ClassDef | None:
    sources = [step.source for step in laid_out.steps if name in step.defines]
    return _definition(name, sources[-1]) if sources else None


def _statements(node: ast.AST) -> int:
    return sum(isinstance(inner, ast.stmt) for inner in ast.walk(node))


def _word_for_word(name: str, laid_out: plan.Plan, solution: str) -> bool:
    own, ours = _written(name, laid_out), _definition(name, solution)
    return bool(own and ours and _statements(ours) > 4 and ast.dump(own) == ast.dump(ours))


def _likeness(name: str, laid_out: plan.Plan) -> str:
    """A digest that stays when variables are renamed; "" for what is too short to tell anything."""
    own = _written(name, laid_out)
    if own is None or _statements(own) < 4:
        return ""
    names: dict[str, str] = {}
    for node in ast.walk(own):
        match node:
            case ast.Name(id=given):
                node.id = names.setdefault(given, f"v{len(names)}")
            case ast.arg(arg=given) | ast.keyword(arg=str(given)):
                node.arg = names.setdefault(given, f"v{len(names)}")
    return hashlib.sha256(ast.dump(own).encode()).hexdigest()[:16]


# --- strangers' texts ---------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    """Of a string the start, without addresses in memory, which differ from run to run."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", writable(value[:_LONGEST])) if isinstance(value, str) else ""


def _is_over_a_limit(text: str) -> bool:
    return any(sign in text for sign in _OVER_A_LIMIT)


def _add(texts: list[str], text: str) -> None:
    if text and text not in texts and len(texts) < _MOST_TEXTS:
        texts.append(text)
