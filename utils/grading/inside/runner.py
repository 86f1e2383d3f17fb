"""In the sandbox, in a process of its own: run a hand-in's plan and judge its exercises, one message after the other.

What is sent: `begin` before each step, `cell` after code that failed, `verdict`, `flag`, and `end`.
What goes on beside a hand-in's code are functions inside of functions: a class's methods could be replaced.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

from utils.checks.registry import RESERVED, Check, Exercise, Unit
from utils.checks.verdict import Kind, Verdict
from utils.grading.inside import answers, watch

Send = Callable[[dict[str, Any]], None]

MOST_FLAGS = 50
MISSING = object()


class _KeepsNothing(defaultdict[int, list[Any]]):
    """IPython's record of all that cells show: left alone, a cell that prints without end fills the memory with it."""

    def __missing__(self, key: int) -> list[Any]:
        return []


def shell() -> Any:
    """IPython, as far as a notebook's cells need it: magics, `display`, no history, no colours."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    settings = {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor", "cache_size": 0}}
    made = InteractiveShell.instance(config=Config(settings))
    if made.history_manager is not None:
        made.history_manager.outputs = _KeepsNothing(list)
    return made


def run(job: dict[str, Any], send: Send) -> None:
    """Run the steps of a job; `marking` says what it holds."""
    import jax

    from utils import checks

    jax.numpy.zeros(1).block_until_ready()
    unit = checks.units()[job["unit"]]
    solution = job.pop("solution")
    reference, lent = answers.answers(solution, unit.name), answers.handed_out(solution, unit.name)
    del solution
    checks.unit = _courtesy(unit)
    ipython = shell()
    run_cell = _cells(ipython, job["cell_seconds"], send)
    check, tell, calls = _checks(job["cell_seconds"], send, ipython.user_ns, reference, lent)
    failed: dict[str, str] = {}  # exercise: why the cell that defines it stopped, or ""
    watch.look_out(tell, calls)
    for number, step in enumerate(job["steps"]):
        name = step["exercise"]
        if number in job["skipped"]:
            if name:
                ipython.user_ns[name] = getattr(lent, name)
            continue
        send({"t": "begin", "step": number, "seconds": job["cell_seconds"]})
        if name:
            check(number, unit.exercises[name], step["argument"], failed.get(name, ""))
        else:
            failed |= dict.fromkeys(step["defines"], run_cell(number, step["source"]))
    send({"t": "end"})


def _courtesy(unit: Unit) -> Any:
    """What `checks.unit` is while a hand-in is graded: the grader's own checks do the judging."""
    check = SimpleNamespace(**dict.fromkeys(unit.exercises, lambda answer: answer))
    vars(check).update(dict.fromkeys(RESERVED, lambda *_, **__: None))
    return lambda name: check


# --- the student's code -------------------------------------------------------------------------------------------


def _cells(ipython: Any, seconds: float, send: Send) -> Callable[[int, str], str]:
    """What runs a step's code and tells of it; it returns why the code stopped, or ""."""
    from matplotlib import pyplot

    from utils.checks.judge import time_limit  # here, where no hand-in can replace it

    def run_cell(number: int, source: str) -> str:
        error: BaseException | None
        try:
            with time_limit(seconds):
                result = ipython.run_cell(source, store_history=False, silent=True)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as stopped:  # the alarm, between two lines of IPython's
            error = stopped
        with contextlib.suppress(Exception):
            pyplot.close("all")  # as a notebook does after each cell
        if error is None:
            return ""
        why = _in_a_line(error, seconds)
        send({"t": "cell", "step": number, "error": why})
        return why

    return run_cell


def _in_a_line(error: BaseException, seconds: float) -> str:
    if type(error).__name__ == "_TookTooLong":
        return f"it still ran after {seconds:g} seconds of computing"
    if isinstance(error, SyntaxError):  # its text names IPython's file
        where = f" (line {error.lineno} of the cell)" if error.lineno else ""
        return f"{type(error).__name__}: {str(error.msg)[:200]}{where}"
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first[:200]}".removesuffix(": ")


# --- the checks ---------------------------------------------------------------------------------------------------


def _judging(
    seconds: float, send: Send, reference: ModuleType, undo: Callable[[str, bool], None]
) -> Callable[[int, Exercise, Any], Verdict]:
    """What judges an answer, by the check in the notebook and then by the hidden one."""
    from utils.checks.judge import judge  # here, where no hand-in can replace it

    def by_one(number: int, exercise: Exercise, check: Check, answer: Any) -> Verdict:
        limited = replace(exercise, check=check, seconds=min(exercise.seconds, seconds))
        send({"t": "begin", "step": number, "seconds": 2 * limited.seconds})
        verdict = judge(limited, answer, getattr(reference, exercise.name))
        undo("while it was checked", True)
        return verdict

    def judged(number: int, exercise: Exercise, answer: Any) -> Verdict:
        undo("before a check", False)
        verdict = by_one(number, exercise, exercise.check, answer)
        hidden = answers.hidden_check(reference, exercise.name)
        if hidden is None or verdict.kind is not Kind.RIGHT:
            return verdict
        verdict = by_one(number, exercise, hidden, answer)
        if verdict.kind is Kind.RIGHT:
            return verdict
        only = "It passes the check in the notebook, but not one that only the grader runs."
        return replace(verdict, message=f"{only} {verdict.message}")

    return judged


def _checks(
    seconds: float, send: Send, names: dict[str, Any], reference: ModuleType, lent: ModuleType
) -> tuple[Callable[[int, Exercise, str, str], None], watch.Tell, Counter[str]]:
    """What checks the exercise that a notebook's variable holds; what hears of tricks; where calls are counted."""
    calls: Counter[str] = Counter()
    tell, severe = _teller(send)
    undo_all = watch.Guard([lent]).undo

    def undo(when: str, could_earn: bool) -> None:
        for name in undo_all()[:10]:
            tell(f"It replaced `{name}` {when}; that was undone.", could_earn)

    judged = _judging(seconds, send, reference, undo)

    def is_right(number: int, exercise: Exercise, answer: Any) -> bool:
        name = exercise.name
        sys.settrace(None)
        sys.setprofile(None)
        before = calls[name]
        verdict = judged(number, exercise, answer)
        right = verdict.kind is Kind.RIGHT
        borrowed = right and (calls[name] > before or _stems_from(answer, getattr(lent, name)))
        message = "This is the course's version, or calls it: it scores nothing." if borrowed else verdict.message
        if right and before:
            tell(f"The course's `{name}` was called before this `{name}` was checked.", False)
        found = {"kind": verdict.kind.name, "message": message, "printed": verdict.printed}
        withheld = right and bool(severe or before)
        send({"t": "verdict", "exercise": name, **found, "borrowed": borrowed, "withheld": withheld})
        return right

    def check(number: int, exercise: Exercise, argument: str, failed: str) -> None:
        name, own = exercise.name, getattr(lent, exercise.name)
        answer = names.get(argument, MISSING)
        goes_on = False
        if answer is not MISSING and answer is not own:
            goes_on = is_right(number, exercise, answer)
        elif failed:
            text = f"The cell that defines it stopped: {failed}"
            send({"t": "verdict", "exercise": name, "kind": Kind.WRONG.name, "message": text})
        names[name] = answer if goes_on else own

    return check, tell, calls


def _teller(send: Send) -> tuple[watch.Tell, list[str]]:
    """What tells of a trick, each once; and the list of those that could have earned points."""
    severe_ones: list[str] = []
    told: set[str] = set()

    def tell(text: str, severe: bool) -> None:
        if severe:
            severe_ones.append(text)
        if text not in told and len(told) < MOST_FLAGS:
            told.add(text)
            send({"t": "flag", "text": text})

    return tell, severe_ones


def _stems_from(answer: Any, own: Any) -> bool:
    """Whether the answer is the course's version under a wrapper of functools, or a class made from it."""
    for _ in range(20):
        if answer is own:
            return True
        if isinstance(answer, type) and isinstance(own, type):
            return issubclass(answer, own)
        answer = getattr(answer, "func", None) or getattr(answer, "__wrapped__", None)
    return False
