"""In the sandbox, in a process of its own: run a hand-in's cells, and hand over what it answers to each exercise.

Nothing here knows or finds what is right, so nothing here needs to be kept from the hand-in: whatever it writes in
another's name is judged as its own answer is. When an exercise is done, the code of the course's answer may come, for
the notebook to go on with. It can't earn anything any more.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import importlib
import json
import os
import resource
from collections import defaultdict
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot
from traitlets.config import Config

from utils import checks
from utils.checks.answers import hand_over
from utils.checks.crossing import dumps
from utils.checks.limits import TookTooMuch, time_limit
from utils.checks.registry import RESERVED, Unit

MAPPED_MB = 3072  # a JAX process maps some 2.3 GB that it never touches
FILE_MB = 32
SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER


def main() -> None:
    """Reply to requests until there are no more, in JSON, a line each.

    The first makes a `Runner`, and what follows calls its methods.
    """
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    asked = (json.loads(line) for line in requests)
    runner, reply = Runner(*next(asked)), ""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # until here it may say why it does not start
        os.dup2(nothing, descriptor)
    while True:
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()
        what, *arguments = next(asked)
        reply = getattr(runner, what)(*arguments)


class Runner:
    """Runs the cells of one hand-in."""

    def __init__(self, unit: str, cpu_seconds: int, memory_mb: int):
        """With ceilings for each process."""
        _limit(cpu_seconds, memory_mb)
        Path(os.environ["TMPDIR"]).mkdir(parents=True, exist_ok=True)
        os.chdir(os.environ["HOME"])
        jax.numpy.zeros(1).block_until_ready()
        self._unit: Unit = importlib.import_module(f"utils.checks.unit_{unit[:2]}").unit  # not all: half a second
        self._shell = shell()
        self._names = self._shell.user_ns
        checks.unit = _courtesy(self._unit, self._names)

    def cell(self, source: str, seconds: float) -> str:
        """Run code; why it stopped, or ""."""
        error: BaseException | None
        try:
            with time_limit(seconds):
                result = self._shell.run_cell(source, store_history=False, silent=True)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as stopped:  # the alarm, between two lines of IPython's
            error = stopped
        with contextlib.suppress(Exception):
            pyplot.close("all")  # as a notebook does after each cell
        if error is None:
            return ""
        if isinstance(error, TookTooMuch):
            return f"it was stopped after {error}"
        said = str(getattr(error, "msg", error)).strip()  # of a SyntaxError without IPython's file
        return f"{type(error).__name__}: {said[:200].partition('\n')[0]}".removesuffix(": ")

    def hand_over(self, name: str, seed: int) -> str:
        """What an exercise's name stands for, as `crossing.dumps` writes it, in base64; "" where it is not defined."""
        if name not in self._names:
            return ""
        handed = hand_over(self._unit.exercises[name], self._names[name], seed, self._names)
        return base64.b64encode(dumps(handed)).decode()

    def lend(self, name: str, code: str) -> str:
        """Go on with the course's answer."""
        with contextlib.suppress(Exception):
            exec(compile(code, f"<course {name}>", "exec"), self._names)
        return ""


def _limit(cpu_seconds: int, memory_mb: int) -> None:
    """Ceilings that the kernel keeps for each process; where memory is short, these processes are the first to go."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("1000")
        ctypes.CDLL(None).prctl(SUBREAPER, 1)  # what loses its parent is this process's child, and ended with it
    for what, most in (
        (resource.RLIMIT_AS, (memory_mb + MAPPED_MB) * 2**20),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, FILE_MB * 2**20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
        (resource.RLIMIT_NPROC, 4096),
    ):
        with contextlib.suppress(ValueError, OSError):  # it is lower already, or macOS has none on address space
            resource.setrlimit(what, (most, most))


class _KeepsNothing(defaultdict[int, list[Any]]):
    """IPython's record of all that cells show: left alone, a cell that prints without end fills the memory with it."""

    def __missing__(self, key: int) -> list[Any]:
        return []


def shell() -> Any:
    """IPython, as far as a notebook's cells need it: magics, `display`, no history, no colours."""
    settings = {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor", "cache_size": 0}}
    made: Any = InteractiveShell.instance(config=Config(settings))
    made.enable_gui = lambda *_: None  # for `%matplotlib inline`
    if made.history_manager is not None:
        made.history_manager.outputs = _KeepsNothing(list)
    return made


def _courtesy(unit: Unit, names: dict[str, Any]) -> Any:
    """What `checks.unit` is while a hand-in is graded: the plan's own steps hand over what an exercise's name means."""

    def check(name: str, answer: Any) -> Any:
        names[name] = answer
        return answer

    offered: dict[str, Any] = {name: partial(check, name) for name in unit.exercises}
    offered |= dict.fromkeys(RESERVED, lambda *_, **__: None)
    return lambda _: SimpleNamespace(**offered)
