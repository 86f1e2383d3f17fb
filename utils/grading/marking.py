"""From a plan and what the sandbox says of it to points, exercise by exercise."""

from __future__ import annotations

import ast
import hashlib
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from utils.checks.registry import WALL, Exercise, Unit
from utils.checks.verdict import Kind
from utils.grading.plan import Plan, parsed

_OVER_A_LIMIT = ("till ran after", "File too large", "No space left", "MemoryError")
_LONGEST = 2000  # characters of a message


class Runs(Protocol):
    """What `sandbox.Place` does."""

    def run(self, job: dict[str, Any]) -> Iterable[dict[str, Any]]: ...


@dataclass(frozen=True)
class Options:
    """The limits of a hand-in: CPU seconds of each process, memory and output in MB; whether all cells are run.

    By the clock it may take `WALL` times as long, so that a busy machine costs nobody anything.
    """

    cell_seconds: int = 60
    seconds: int = 300
    memory_mb: int = 4096
    output_mb: int = 4
    whole: bool = False


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
    pictures: list[str] = field(default_factory=list)  # PNG, base64
    reason: str = ""
    sandbox: str = ""
    out_of: int = 0

    @property
    def points(self) -> int:
        return sum(mark.points for mark in self.marks)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"points": self.points}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        rest = {name: value for name, value in data.items() if name not in ("points", "marks", "digest")}
        return cls(**rest, marks=[Mark(**mark) for mark in data["marks"]])


def job(unit: Unit, solution: str, plan: Plan, options: Options) -> dict[str, Any]:
    """What a worker is given: steps; `known` verdicts and `skipped` steps of earlier runs; limits."""
    return {
        "unit": unit.name,
        "solution": solution,
        "steps": [step.as_json() for step in plan.steps],
        "known": {},
        "skipped": [],
        "cell_seconds": options.cell_seconds,
        "seconds": options.seconds,
        "memory_mb": options.memory_mb,
        "output_mb": options.output_mb,
    }


def mark(place: Runs, unit: Unit, solution: str, plan: Plan, options: Options, result: Result) -> None:
    """Run a plan and fill in `result`.

    When a step ends the process, all is run once more without it: it costs its own points only.
    """
    task = job(unit, solution, plan, options)
    result.flags += plan.doubts
    found: dict[str, dict[str, Any]] = {}
    unreached = ""
    deadline = time.monotonic() + WALL * options.seconds
    pictures: dict[tuple[int, int], str] = {}
    for _ in range(len(plan.steps) + 1):
        task["clock"] = max(1.0, deadline - time.monotonic())
        step, why = -1, ""
        for message in place.run(task):
            kind = message["t"]
            if kind == "begin":
                step = int(message["step"])
            elif kind == "verdict":
                _note_verdict(found, message, unit)
            elif kind == "flag":
                _add(result.flags, _text(message.get("text")))
            elif kind == "cell":
                text = f"`{_first_line(plan, step)}` stopped: {_text(message.get('error'))}"
                _add(result.errors, text)
                if any(sign in text for sign in _OVER_A_LIMIT):
                    _add(result.flags, text)
            elif kind == "cut":
                _add(result.flags, f"In {_where(plan, step)}: its output was cut after {options.output_mb} MB.")
            elif kind == "picture":
                pictures.setdefault((step, sum(at == step for at, _ in pictures)), _text(message.get("png"), 400_000))
            elif kind == "over":
                why = _text(message["why"])
        if why == "ended":
            break
        if not 0 <= step < len(plan.steps) or step in task["skipped"] or time.monotonic() >= deadline:
            unreached = f"It was not reached: {why}."
            _add(result.flags, f"Not all could be judged: {why}.")
            break
        _blame(step, why, plan, task, found, result)
    result.pictures = [png for _, png in sorted(pictures.items())]
    result.changes = list(plan.changes)
    result.marks = [_marked(e, found.get(e.name), plan, solution, unreached) for e in unit.exercises.values()]
    result.out_of = sum(one.of for one in result.marks)
    for one in result.marks:
        verdict = found.get(one.exercise, {})
        if any(sign in one.message for sign in _OVER_A_LIMIT):
            _add(result.flags, f"`{one.exercise}`: {one.message}")
        if verdict.get("borrowed"):
            _add(result.flags, f"`{one.exercise}` is the course's version, or calls it.")
        if verdict.get("withheld"):
            _add(result.flags, f"`{one.exercise}`: {one.of} points are withheld until a person has looked.")
    right = [one.exercise for one in result.marks if one.verdict == Kind.RIGHT.name]
    if copied := [f"`{name}`" for name in right if _word_for_word(name, plan, solution)]:
        _add(result.flags, f"Word for word the course's: {', '.join(copied)}.")


def _blame(
    step: int, why: str, plan: Plan, task: dict[str, Any], found: dict[str, dict[str, Any]], result: Result
) -> None:
    """Leave the step out of the next run, and keep what was judged before it."""
    task["skipped"] = [*task["skipped"], step]
    culprit = plan.steps[step]
    _add(result.flags, f"In {_where(plan, step)}: {why}.")
    if culprit.exercise and culprit.exercise not in found:
        found[culprit.exercise] = {"kind": Kind.WRONG.name, "message": f"While it was checked, {why}."}
    for name in culprit.defines:
        stopped = f"The cell that defines it was stopped: {why}."
        found.setdefault(name, {"kind": Kind.WRONG.name, "message": stopped})
    task["known"] = {name: verdict["kind"] == Kind.RIGHT.name for name, verdict in found.items()}


def _note_verdict(found: dict[str, dict[str, Any]], message: dict[str, Any], unit: Unit) -> None:
    """Of several verdicts on an exercise the best one counts: an answer of one's own that is right stays right."""
    name = message.get("exercise")
    if name not in unit.exercises or message.get("kind") not in Kind.__members__:
        return
    before = found.get(name)
    if before is None or _rank(message) >= _rank(before):
        found[name] = message


def _rank(verdict: dict[str, Any]) -> int:
    own = not (verdict.get("borrowed") or verdict.get("withheld"))
    order = [Kind.NOT_ATTEMPTED.name, Kind.NOT_CHECKED.name, Kind.WRONG.name, Kind.RIGHT.name]
    return order.index(verdict["kind"]) + (verdict["kind"] == Kind.RIGHT.name and own)


def _marked(exercise: Exercise, verdict: dict[str, Any] | None, plan: Plan, solution: str, unreached: str) -> Mark:
    kind = verdict["kind"] if verdict else Kind.NOT_CHECKED.name if unreached else Kind.NOT_ATTEMPTED.name
    message = _text(verdict.get("message")) if verdict else unreached
    if kind == Kind.NOT_ATTEMPTED.name:
        message = ""
    own = verdict is not None and not verdict.get("borrowed") and not verdict.get("withheld")
    points = exercise.points if own and kind == Kind.RIGHT.name else 0
    if kind == Kind.RIGHT.name and exercise.name in plan.revealed:
        points, message = 0, "The answer was revealed, so it scores nothing."
    if verdict and verdict.get("withheld"):
        message = "Its points are withheld: see what was flagged."
    mistake = ""
    if kind == Kind.WRONG.name:
        mistake = next((wrong.mistake for wrong in exercise.wrong if wrong.says in message), "")
    printed = _text(verdict.get("printed")) if verdict else ""
    likeness = _likeness(exercise.name, plan) if kind in (Kind.RIGHT.name, Kind.WRONG.name) else ""
    return Mark(exercise.name, exercise.title, points, exercise.points, kind, message, printed, mistake, likeness)


# --- how answers are written -----------------------------------------------------------------------------


def _definition(name: str, source: str) -> ast.FunctionDef | ast.ClassDef | None:
    tree = parsed(source)
    nodes = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name] if tree else []
    if not nodes:
        return None
    for node in ast.walk(nodes[-1]):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return nodes[-1]


def _written(name: str, plan: Plan) -> ast.FunctionDef | ast.ClassDef | None:
    sources = [step.source for step in plan.steps if name in step.defines]
    return _definition(name, sources[-1]) if sources else None


def _word_for_word(name: str, plan: Plan, solution: str) -> bool:
    own, ours = _written(name, plan), _definition(name, solution)
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(ours)) if ours else 0
    return bool(own and ours and statements > 4 and ast.dump(own) == ast.dump(ours))


def _likeness(name: str, plan: Plan) -> str:
    """A digest that stays when variables are renamed; "" for what is too short to tell anything."""
    own = _written(name, plan)
    if own is None or sum(isinstance(node, ast.stmt) for node in ast.walk(own)) < 4:
        return ""
    names: dict[str, str] = {}
    for node in ast.walk(own):
        for attribute in ("id", "arg"):
            value = getattr(node, attribute, None)
            if isinstance(value, str):
                setattr(node, attribute, names.setdefault(value, f"v{len(names)}"))
    return hashlib.sha256(ast.dump(own).encode()).hexdigest()[:16]


# --- strangers' texts ------------------------------------------------------------------------------------


def _text(value: Any, longest: int = _LONGEST) -> str:
    """Of a string the start, without addresses in memory, which differ from run to run."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", value[:longest]) if isinstance(value, str) else ""


def _add(texts: list[str], text: str) -> None:
    if text and text not in texts and len(texts) < 60:
        texts.append(text)


def _where(plan: Plan, step: int) -> str:
    exercise = plan.steps[step].exercise if 0 <= step < len(plan.steps) else ""
    return f"the check of `{exercise}`" if exercise else f"the cell `{_first_line(plan, step)}`"


def _first_line(plan: Plan, step: int) -> str:
    lines = plan.steps[step].source.strip().splitlines() if 0 <= step < len(plan.steps) else []
    code = [line.strip() for line in lines if line.strip() and not line.strip().startswith(("#", "%", "@"))]
    return (code or lines or [""])[0][:60]
