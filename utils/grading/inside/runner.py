"""In the sandbox, in a process of its own: run a hand-in's plan, and hand over what it answers to each exercise.

What is sent: `begin` before each step, `cell` after code that failed, `handed` with an answer, and `end`. Nothing here
knows or finds what is right, so nothing here needs to be kept from the hand-in: whatever it sends in another's name is
judged as its own answer is. After the last check of an exercise comes a reply: the code of the course's answer, if the
notebook needs that to go on. It can't earn anything any more.
"""

from __future__ import annotations

import base64
import contextlib
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from utils.checks.crossing import Failure, Handed, dumps
from utils.checks.registry import RESERVED, Unit

Send = Callable[[dict[str, Any]], None]
Hear = Callable[[], str]

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
    made: Any = InteractiveShell.instance(config=Config(settings))
    made.enable_gui = lambda *_: None  # for `%matplotlib inline`
    if made.history_manager is not None:
        made.history_manager.outputs = _KeepsNothing(list)
    return made


def run(job: dict[str, Any], send: Send, hear: Hear) -> None:
    """Run the steps of a job; `marking` says what it holds."""
    import jax

    from utils import checks
    from utils.checks.answers import hand_over

    jax.numpy.zeros(1).block_until_ready()
    unit = checks.units()[job["unit"]]
    checks.unit = _courtesy(unit)
    ipython = shell()
    names = ipython.user_ns
    last = {step["exercise"]: number for number, step in enumerate(job["steps"])}
    failed: dict[str, str] = {}  # exercise: why the cell that defines it stopped, or ""
    for number, step in enumerate(job["steps"]):
        name = step["exercise"]
        skipped = number in job["skipped"]
        if not skipped:
            send({"t": "begin", "step": number})
        if name:
            exercise, answer = unit.exercises[name], names.get(step["argument"], MISSING)
            if answer is not MISSING and not skipped:
                handed = dumps(hand_over(exercise, answer, job["seed"], names))
            elif failed.get(name):
                handed = dumps(Handed((Failure("WRONG", f"The cell that defines it stopped: {failed[name]}"),)))
            else:
                handed = b""
            send({"t": "handed", "step": number, "exercise": name, "data": base64.b64encode(handed).decode()})
            if number == last[name] and (code := hear()):
                with contextlib.suppress(Exception):
                    exec(compile(code, f"<course {name}>", "exec"), names)
            elif answer is not MISSING:
                names[name] = answer
        elif not skipped:
            failed |= dict.fromkeys(step["defines"], _cell(ipython, number, step["source"], job["cell_seconds"], send))
    send({"t": "end"})


def _courtesy(unit: Unit) -> Any:
    """What `checks.unit` is while a hand-in is graded: the plan's own steps hand over."""
    check = SimpleNamespace(**dict.fromkeys(unit.exercises, lambda answer: answer))
    vars(check).update(dict.fromkeys(RESERVED, lambda *_, **__: None))
    return lambda name: check


def _cell(ipython: Any, number: int, source: str, seconds: float, send: Send) -> str:
    """Run a step's code and tell of it; why it stopped, or ""."""
    from matplotlib import pyplot

    from utils.checks.limits import TookTooMuch, time_limit

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
    why = f"it was stopped after {error}" if isinstance(error, TookTooMuch) else _in_a_line(error)
    send({"t": "cell", "step": number, "error": why})
    return why


def _in_a_line(error: BaseException) -> str:
    if isinstance(error, SyntaxError):  # its text names IPython's file
        where = f" (line {error.lineno} of the cell)" if error.lineno else ""
        return f"{type(error).__name__}: {str(error.msg)[:200]}{where}"
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first[:200]}".removesuffix(": ")
