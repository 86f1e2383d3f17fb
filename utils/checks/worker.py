"""The judge in a process of its own: what an answer's program does to it costs one process, not the notebook.

`python -m utils.checks.worker UNIT` reads requests from its standard input and writes replies to its standard output:
the results of an answer's programs, or the verdict on results. It ends with the process that started it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import IO, Any

import msgpack
import numpy as np
import psutil

from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import limits
from utils.checks.crossing import Damaged, Failure, Handed, Program, dumps, loads
from utils.checks.exercise import NOTEBOOK_SEED
from utils.checks.judge import judge
from utils.checks.known import known_of
from utils.checks.registry import Unit
from utils.checks.running import ran
from utils.checks.verdict import Kind, Verdict

OWN = 300.0  # seconds of the CPU that a judge may take to start, or to compare: for new cases it runs all mistakes
_MOST = 2**30  # bytes of a message
LOOK = 0.05  # seconds between two looks at what the judge uses

ENDLESS = (
    "The compiled program took more than {} and was stopped. Is there a loop that never ends (a `lax.while_loop` whose "
    "condition stays true, a `fori_loop` that counts too far), or an array far larger than the inputs?"
)
CRASHED = (
    "The compiled program crashed the process that ran it. Either XLA has a bug, or memory ran out. Try to write your "
    "answer in another way, and see whether `make doctor` finds anything."
)
FAILED = "The check itself failed ({}). This is not your fault. Run `make doctor` to check your installation."


class _Stopped(Exception):
    """The judge has ended, or was ended: why, and whether it had started."""


class Judge:
    """Judges the answers of a unit, in a process of its own. Several threads may ask, one after the other."""

    def __init__(self, unit: Unit, prefix: Sequence[str] = (), environment: Mapping[str, str] | None = None):
        """`prefix` is a command that starts another one, in a sandbox."""
        self.unit, self._asking = unit, threading.Lock()
        self._prefix, self._environment = prefix, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._heard: queue.Queue[Any] = queue.Queue()
        self._ready = self._ended = False
        self._changing = threading.Lock()

    def start(self) -> None:
        """Let the process start, if it doesn't run and can; it is ready seconds later."""
        with self._changing:
            if self._ended or (self._process is not None and self._process.poll() is None):
                return
            self._process = None
            with contextlib.suppress(OSError):  # what needs it will tell
                self._process = subprocess.Popen(
                    [*self._prefix, sys.executable, "-m", "utils.checks.worker", self.unit.name],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is not for it
                    env=dict(self._environment or os.environ) | {"JAX_PLATFORMS": "cpu"},
                )
                self._heard, self._ready = queue.Queue(), False
                threading.Thread(target=_listen, args=(self._process.stdout, self._heard), daemon=True).start()

    def stop(self) -> None:
        """End the process for good, whatever it does, also from another thread."""
        self._ended = True
        self._kill()

    def _kill(self) -> None:
        with self._changing:
            process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)  # also a sandbox that is half made, and waits for its maker
            with contextlib.suppress(OSError, ValueError):
                process.communicate()

    def verdict(self, exercise: str, handed: bytes, seed: int = NOTEBOOK_SEED, runner: Judge | None = None) -> Verdict:
        """The verdict on what was handed over for an exercise, as `crossing.dumps` writes it.

        `runner` runs the programs in place of this one: what runs a forged one may fall to it, and should then know no
        right answers. Ctrl-C ends the judge and is raised.
        """
        declared = self.unit.exercises[exercise]
        try:
            if declared.crosses == "program":
                handed = (runner or self)._asked("results", exercise, handed, seed)
            found = loads(self._asked("verdict", exercise, handed, seed), dict)
        except _Stopped as stopped:
            why, started = stopped.args
            if not started:
                why = "The process that checks answers did not start. Run `make doctor` to check your installation."
            kind = Kind.WRONG if started else Kind.NOT_CHECKED
            return Verdict(exercise, kind, why, of=declared.points, endless=started)
        return Verdict(**found | {"kind": Kind[found["kind"]]})

    def _asked(self, task: str, exercise: str, *rest: Any) -> bytes:
        """The reply to a request as `_reply` takes it; whatever goes wrong ends the process."""
        with self._asking:
            self.start()
            process = self._process
            if process is None or process.stdin is None:
                raise _Stopped(CRASHED, False)
            try:
                if not self._ready:
                    self._hear(process.pid, OWN)
                    self._ready = True
                with contextlib.suppress(OSError, ValueError):  # it is gone, which is heard next
                    _say(process.stdin, (task, exercise, *rest))
                return self._hear(process.pid, self.unit.exercises[exercise].seconds if task == "results" else OWN)
            except BaseException:
                self._kill()
                raise

    def _hear(self, pid: int, seconds: float) -> bytes:
        """What the judge says next. Raises _Stopped when it took too much, or ended."""
        (computed, most), waited = _taken(pid), time.monotonic() + limits.WALL * seconds
        while True:
            with contextlib.suppress(queue.Empty):
                heard = self._heard.get(timeout=LOOK)
                if isinstance(heard, bytes):
                    return heard
                raise _Stopped(CRASHED, self._ready)
            now, memory = _taken(pid)
            if memory > most + limits.MEMORY:
                raise _Stopped(ENDLESS.format(f"{limits.MEMORY / 2**30:g} GB of memory"), self._ready)
            if now > computed + seconds or time.monotonic() > waited:
                raise _Stopped(ENDLESS.format(f"{seconds:g} seconds of computing"), self._ready)


def _reply(unit: Unit, task: str, name: str, handed: bytes, seed: int) -> bytes:
    """What was asked for, found in this process; raises nothing. What cannot be read has a verdict, but no results."""
    exercise = unit.exercises[name]
    verdict = partial(Verdict, name, of=exercise.points)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        try:
            received = loads(handed)
            if task == "results":
                return dumps(ran(exercise, received, seed))
            if any(isinstance(outcome, Program) for outcome in received.outcomes):
                raise Damaged("it is a program")
            found = judge(known_of(unit, name, seed), received, seed)
        except Damaged as reason:
            found = verdict(Kind.WRONG, f"What your answer returned cannot be read: {reason}.", of_answer=True)
        except Exception as error:  # the judge's own
            why = str(error) if isinstance(error, CourseError) else FAILED.format(f"{type(error).__name__}: {error}")
            found = verdict(Kind.NOT_CHECKED, why)
    if task == "results":
        return dumps(Handed((Failure(found.kind.name, found.message),)))
    return dumps(asdict(found) | {"kind": found.kind.name})


def _taken(pid: int) -> tuple[float, int]:
    """What a process and those that it started have taken."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return limits.taken([process, *process.children(recursive=True)])
    return 0.0, 0


def _say(pipe: IO[bytes], message: Any) -> None:
    pipe.write(msgpack.packb(message))
    pipe.flush()


def _listen(pipe: Any, heard: queue.Queue[Any]) -> None:
    """Put what a process says into a queue, and None when it has ended."""
    with contextlib.suppress(Exception):  # what runs a forged program may say anything
        for message in msgpack.Unpacker(pipe.raw, max_buffer_size=_MOST):
            heard.put(message)
    heard.put(None)


# --- the process ------------------------------------------------------------------------------------------------------


def main(unit_name: str) -> None:
    """Judge whatever is handed over, until the other side is gone."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what anything prints is no reply
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    unit = importlib.import_module(f"utils.checks.unit_{unit_name[:2]}").unit
    _say(replies, b"ready")
    for request in msgpack.Unpacker(os.fdopen(0, "rb", buffering=0), max_buffer_size=_MOST):
        _say(replies, _reply(unit, *request))


def _end_with(parent: int) -> None:
    """End this process when its parent has ended, also in the midst of a program."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
