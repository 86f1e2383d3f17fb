"""In the sandbox, in a process of its own: run a hand-in's plan and judge its exercises, one message after the other.

What is sent: `begin` before each step, `cell` after code that failed, `verdict`, `flag`, `picture`, and `end`.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from types import ModuleType
from typing import Any

Send = Callable[[dict[str, Any]], None]

MOST_PICTURES = 6
MOST_FLAGS = 50
MISSING = object()


class Output(io.TextIOBase):
    """Where a hand-in's cells print: nothing is kept, and what goes beyond the limit is not even looked at."""

    encoding = "utf-8"

    def __init__(self, characters: int, when_over: Callable[[], None]):
        self._left, self._when_over = characters, when_over

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._left >= 0:
            self._left -= len(text)
            if self._left < 0:
                self._when_over()
        return len(text)


class _KeepsNothing(defaultdict[int, list[Any]]):
    """IPython's record of all that cells show: left alone, a cell that prints without end fills the memory with it."""

    def __missing__(self, key: int) -> list[Any]:
        return []


class Courtesy:
    """What `check` is while a hand-in is graded: the grader's own checks do the judging."""

    def __init__(self, names: tuple[str, ...]):
        self._names = names

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if name.startswith("_") or name not in self._names:
            raise AttributeError(name)
        return lambda answer: answer

    def hint(self, name: str = "") -> None: ...
    def reveal(self, name: str = "") -> None: ...
    def progress(self) -> None: ...


def shell() -> Any:
    """IPython, as far as a notebook's cells need it: magics, `display`, no history, no colours."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    settings.InteractiveShell.cache_size = 0
    made = InteractiveShell.instance(config=settings)
    if made.history_manager is not None:
        made.history_manager.outputs = _KeepsNothing(list)
    return made


def run(job: dict[str, Any], send: Send) -> None:
    """Run the steps of a job; see `marking.job` for what it holds."""
    import jax

    from utils import checks
    from utils.checks.judge import judge, time_limit
    from utils.checks.registry import Check, Exercise, Unit
    from utils.checks.verdict import Kind, Verdict
    from utils.grading.inside import answers
    from utils.grading.inside.watch import Guard, look_out

    jax.numpy.zeros(1).block_until_ready()
    unit: Unit = checks.units()[job["unit"]]
    exercises = dict(unit.exercises)
    calls: Counter[str] = Counter()  # of the course's answers that were handed out
    solution = job.pop("solution")
    reference = answers.answers(solution, unit.name)
    lent = answers.handed_out(solution, unit.name)
    del solution
    sys.stdout = sys.stderr = Output(job["output_mb"] * 2**20, lambda: send({"t": "cut"}))
    ipython = shell()
    names = ipython.user_ns
    courtesy = Courtesy(tuple(exercises))
    checks.unit = lambda name: courtesy  # type: ignore[assignment,return-value]
    undo_all = Guard([lent]).undo
    prying: list[str] = []
    told: set[str] = set()

    def tell(text: str, severe: bool) -> None:
        if severe:
            prying.append(text)
        if text not in told and len(told) < MOST_FLAGS:
            told.add(text)
            send({"t": "flag", "text": text, "severe": severe})

    def undo(when: str, severe: bool) -> None:
        for name in undo_all()[:10]:
            tell(f"It replaced `{name}` {when}; that was undone.", severe)

    def judged(step: int, exercise: Exercise, check: Check, answer: Any) -> Verdict:
        limited = dataclasses.replace(exercise, check=check, seconds=min(exercise.seconds, job["cell_seconds"]))
        send({"t": "begin", "step": step, "seconds": 2 * limited.seconds})
        verdict = judge(limited, answer, getattr(reference, exercise.name))
        undo("while it was checked", True)
        return verdict

    failed: dict[str, str] = {}  # exercise: why the cell that defines it stopped
    known: dict[str, bool] = job["known"]
    pictures = 0
    look_out(tell, calls)
    for number, step in enumerate(job["steps"]):
        if number in job["skipped"]:
            for name in step["defines"]:
                failed[name] = "it ended the process"
            if step["exercise"]:
                names[step["exercise"]] = getattr(lent, step["exercise"])
            continue
        send({"t": "begin", "step": number, "seconds": job["cell_seconds"]})
        if step["source"]:
            error = _run_cell(ipython, step["source"], job["cell_seconds"], time_limit)
            for name in step["defines"]:
                failed.pop(name, None)
                if error:
                    failed[name] = error
            if error:
                send({"t": "cell", "step": number, "error": error})
            if pictures < MOST_PICTURES:
                pictures += _send_pictures(send, number, MOST_PICTURES - pictures)
            continue
        name = step["exercise"]
        exercise, own = exercises[name], getattr(lent, name)
        answer = names.get(step["argument"], MISSING)
        if name in known:  # judged before something later ended the process
            names[name] = answer if known[name] and answer is not MISSING else own
            continue
        if answer is MISSING or answer is own:
            if name in failed:
                text = f"The cell that defines it stopped: {failed[name]}"
                send({"t": "verdict", "exercise": name, "kind": Kind.WRONG.name, "message": text, "printed": ""})
            names[name] = own
            continue
        sys.settrace(None)
        sys.setprofile(None)
        undo("before a check", False)
        before = calls[name]
        verdict = judged(number, exercise, exercise.check, answer)
        further = answers.hidden_check(reference, name) if verdict.kind is Kind.RIGHT else None
        if further:
            verdict = judged(number, exercise, further, answer)
        kind, message = verdict.kind.name, verdict.message
        right = verdict.kind is Kind.RIGHT
        if further and not right:
            message = f"It passes the check in the notebook, but not one that only the grader runs. {message}"
        borrowed = calls[name] > before or _stems_from(answer, own)
        if right and before:
            tell(f"The course's `{name}` was called before this `{name}` was checked.", False)
        if right and borrowed:
            message = "This is the course's version, or calls it: it scores nothing."
        send(
            {
                "t": "verdict",
                "exercise": name,
                "kind": kind,
                "message": message,
                "printed": verdict.printed,
                "borrowed": right and borrowed,
                "withheld": right and bool(prying or before),
            }
        )
        names[name] = answer if right else own
    send({"t": "end", "cpu": round(time.process_time(), 1)})


def _run_cell(ipython: Any, source: str, seconds: float, time_limit: Any) -> str:
    """Run a cell; what stopped it, in a line, or ""."""
    try:
        with time_limit(seconds):
            result = ipython.run_cell(source, store_history=False, silent=True)
        error = result.error_before_exec or result.error_in_exec
    except BaseException as stopped:  # the alarm, between two lines of IPython's
        error = stopped
    if error is None:
        return ""
    if type(error).__name__ == "_TookTooLong":
        return f"it still ran after {seconds:g} seconds of computing"
    if isinstance(error, SyntaxError):  # its text names IPython's file
        where = f" (line {error.lineno} of the cell)" if error.lineno else ""
        return f"{type(error).__name__}: {str(error.msg)[:200]}{where}"
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first[:200]}".removesuffix(": ")


def _stems_from(answer: Any, own: Any) -> bool:
    """Whether the answer is the course's version under a wrapper of functools, or a class made from it."""
    seen = 0
    while answer is not None and seen < 20:
        if answer is own:
            return True
        if isinstance(answer, type) and isinstance(own, type):
            return issubclass(answer, own)
        answer = getattr(answer, "func", None) or getattr(answer, "__wrapped__", None)
        seen += 1
    return False


def _send_pictures(send: Send, step: int, most: int) -> int:
    """The figures that a cell left open, small."""
    pyplot: ModuleType | None = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return 0
    sent = 0
    try:
        for number in pyplot.get_fignums()[:most]:
            file = io.BytesIO()
            pyplot.figure(number).savefig(file, format="png", dpi=50, metadata={"Software": None})
            if file.tell() < 200_000:
                send({"t": "picture", "step": step, "png": base64.b64encode(file.getvalue()).decode()})
                sent += 1
        pyplot.close("all")
    except Exception:  # a figure that cannot be drawn is no picture
        pass
    return sent
