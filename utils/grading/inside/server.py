"""In the sandbox: pay for Python's and JAX's start once, then give each hand-in a forked process of its own.

Jobs come in on standard input, a JSON line each; what a hand-in's process says is handed on to standard output, and a
reply to it back. JAX is imported here and never used: its threads would not survive a fork. A keeper is
forked for each job, reads it and forks in turn: a hand-in finds nothing of an earlier one in the memory it starts with.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from utils.checks.limits import WALL, taken
from utils.grading.inside import isolation

FRESH = ("/home/student", "/dev/shm")
TMP_MB = 64
MOST_BYTES = 64 * 2**20  # that a hand-in's process may say
MOST_PROCESSES = 40
PAUSE = 0.2  # seconds between two looks at the processes
SPARE = 10  # CPU seconds beyond a step's limit, which the process itself keeps
TIME_WAS_UP = "it did not stop when its time was up"


def main() -> None:
    """Serve until the input ends."""
    jobs, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    isolation.end_with_parent()
    isolation.adopt_orphans()  # also of a keeper that ended
    _warm()
    nested = _can_nest()
    os.dup2(nothing, 2)  # until here it may say why it does not start
    _write(out, json.dumps({"t": "ready", "nested": nested}).encode())
    while _kept(jobs, out, nested):
        _kill_all()


def _kept(jobs: BinaryIO, out: BinaryIO, nested: bool) -> bool:
    """Let a keeper serve the next job; False when there is none."""
    keeper = os.fork()
    if keeper:
        return os.waitpid(keeper, 0)[1] == 0
    status = 1
    try:
        isolation.end_with_parent()
        isolation.adopt_orphans()
        if line := jobs.readline():
            _serve(json.loads(line), jobs, out, nested)
            status = 0
    finally:
        os._exit(status)


def _warm() -> None:
    import IPython.core.interactiveshell  # noqa: F401
    import jax  # noqa: F401
    import matplotlib.pyplot

    from utils import checks, plots  # noqa: F401
    from utils.grading.inside import runner  # noqa: F401

    matplotlib.use("Agg")
    checks.units()
    gc.collect()
    gc.freeze()  # so that a child's collector leaves the shared pages shared


def _can_nest() -> bool:
    """Whether a child gets namespaces of its own; tried out in one."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if isolation.own_namespaces(_fresh(), TMP_MB) else 1)
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _fresh() -> tuple[str, ...]:
    return tuple(folder for folder in FRESH if os.environ.get("HOME") == "/home/student" and Path(folder).is_dir())


def _write(out: BinaryIO, line: bytes) -> None:
    out.write(line + b"\n")
    out.flush()


# --- the hand-in's process ----------------------------------------------------------------------------------------


def _child(job: dict[str, Any], out: int, replies: int, nested: bool) -> None:
    """Never returns. With namespaces: this process waits, its child is the first process of the new ones."""
    if nested:
        isolation.own_namespaces(_fresh(), TMP_MB)
        inner = os.fork()
        if inner:
            for descriptor in (0, 1, 2, out, replies):
                os.close(descriptor)
            _, status = os.waitpid(inner, 0)
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
    isolation.end_with_parent()
    os.setsid()
    isolation.limits(job["seconds"], job["memory_mb"], TMP_MB // 2)
    isolation.drop_powers()

    def send(message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(out, data) :]

    def hear() -> str:
        return str(json.loads(incoming.readline()))

    incoming = os.fdopen(replies, "rb")
    from utils.grading.inside import runner

    Path(os.environ["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    os.chdir(os.environ["HOME"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runner.run(job, send, hear)


# --- looking after it ---------------------------------------------------------------------------------------------


def _serve(job: dict[str, Any], jobs: BinaryIO, out: BinaryIO, nested: bool) -> None:
    inlet, outlet = os.pipe()
    replies, replying = os.pipe()
    os.set_blocking(replying, False)  # a hand-in that asks and never reads must not stop the server
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for descriptor in (inlet, replying, out.fileno(), jobs.fileno()):
                os.close(descriptor)
            _child(job, outlet, replies, nested)
            status = 0
        finally:
            os._exit(status)
    os.close(outlet)
    os.close(replies)
    last = {step["exercise"]: number for number, step in enumerate(job["steps"]) if step["exercise"]}
    why = ""
    for message in _said(child, inlet, limits := _Limits(job)):
        match message:
            case {"t": "end"}:
                why = "ended"
            case {"t": "over", "why": str(why)}:
                pass
            case {"t": "begin" | "cell" | "handed" as kind, "step": int(step)}:
                _write(out, json.dumps(message).encode())
                if kind == "handed" and (message.get("exercise"), step) in last.items():
                    reply, why = _reply(jobs, limits)
                    with contextlib.suppress(OSError):  # nobody reads it
                        os.write(replying, reply)
                limits.begins(step, kind)
        if why:
            break
    _kill_all()
    os.close(inlet)
    os.close(replying)
    _write(out, json.dumps({"t": "over", "why": why}).encode())


def _reply(jobs: BinaryIO, limits: _Limits) -> tuple[bytes, str]:
    """What is to be replied, for which the hand-in waits; and which limit it broke the while, or ""."""
    why = ""
    while not select.select([jobs], [], [], PAUSE)[0]:
        why = why or limits.broken()
        if why:
            _kill_all()
    return jobs.readline(), why


def _said(child: int, inlet: int, limits: _Limits) -> Iterable[dict[str, Any]]:
    """What the process says, until it ends or must be ended; then `over`, and why."""
    said, rest = 0, b""
    while True:
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        readable = select.select([inlet], [], [], 0 if ended else PAUSE)[0]
        data = os.read(inlet, 65536) if readable else b""
        said += len(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):  # not the runner's
                if isinstance(message := json.loads(line), dict):
                    yield message
        why = limits.broken()
        if said > MOST_BYTES:
            why = "it flooded the grader's channel"
        elif ended and not data:
            why = "it ended its own process"
        if why:
            yield {"t": "over", "why": why}
            return


class _Limits:
    """What a hand-in's processes may take of time and memory."""

    def __init__(self, job: dict[str, Any]):
        self._clock, self._megabytes = job["clock"], job["memory_mb"]
        self._began = self._since = time.monotonic()
        self._looked = 0.0
        self._computed = 0.0  # CPU seconds when the step began
        self._allowed = job["cell_seconds"] + SPARE  # CPU seconds of a step
        self._step = (-1, False)

    def begins(self, step: int, kind: str) -> None:
        """A step begins, or its answer has been judged: what comes has its own time, but once only."""
        if (step, kind == "handed") > self._step:
            self._step = (step, kind == "handed")
            self._since = time.monotonic()
            self._computed, _ = taken(_descendants())

    def broken(self) -> str:
        """Which limit is broken, or ""."""
        now = time.monotonic()
        if now - self._since > WALL * self._allowed:
            return TIME_WAS_UP
        if now - self._began > self._clock:
            return "the time for the whole hand-in was up"
        if now - self._looked < PAUSE:
            return ""
        self._looked = now
        processes = _descendants()
        computed, held = taken(processes)
        if computed - self._computed > self._allowed:
            return TIME_WAS_UP
        if len(processes) > MOST_PROCESSES:
            return "it started too many processes"
        if held > self._megabytes * 2**20:
            return "it took too much memory"
        return ""


def _descendants() -> list[psutil.Process]:
    return list(psutil.Process().children(recursive=True))


def _kill_all() -> None:
    """Until nothing is left: what was orphaned has become a child of this process."""
    for _ in range(200):
        left = _descendants()
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=0.05)
    sys.exit(f"{_descendants()} cannot be ended")
