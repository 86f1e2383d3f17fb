"""In the sandbox: pay for Python's and JAX's start once, then give each hand-in a forked process of its own.

Jobs come in on standard input, a JSON line each; what a hand-in's process says is handed on to standard output, after
this process has seen that it is it who says so. JAX is imported here and never used: its threads would not survive
a fork.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import secrets
import select
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from utils.checks.registry import WALL
from utils.grading.inside import isolation

FRESH = ("/home/student", "/dev/shm")
TMP_MB = 64
MOST_BYTES = 4 * 2**20  # that a hand-in's process may say
MOST_PROCESSES = 40
PAUSE = 0.2  # seconds between two looks at the processes
SPARE = 10  # CPU seconds beyond a step's limit, which the process itself keeps
TIME_WAS_UP = "it did not stop when its time was up"


def main(kind: str) -> None:
    """Serve until the input ends; `kind` is the sandbox's name."""
    jobs, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    isolation.end_with_parent()
    isolation.adopt_orphans()
    if kind == "unshare":  # bubblewrap does so itself
        isolation.loopback_up()
    _warm()
    nested = _can_nest()
    os.dup2(nothing, 2)  # until here it may say why it does not start
    _say(out, {"t": "ready", "nested": nested})
    while line := jobs.readline():
        _serve(json.loads(line), jobs, out, nested)


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


def _say(out: BinaryIO, message: dict[str, Any]) -> None:
    _write(out, json.dumps(message).encode())


def _write(out: BinaryIO, line: bytes) -> None:
    out.write(line + b"\n")
    out.flush()


# --- the hand-in's process ----------------------------------------------------------------------------------------


def _child(job: dict[str, Any], out: int, token: bytes, nested: bool) -> None:
    """Never returns. With namespaces: this process waits, its child is the first process of the new ones."""
    if nested:
        isolation.own_namespaces(_fresh(), TMP_MB)
        inner = os.fork()
        if inner:
            for descriptor in (0, 1, 2, out):
                os.close(descriptor)
            _, status = os.waitpid(inner, 0)
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
    isolation.end_with_parent()
    os.setsid()
    isolation.limits(job["seconds"], job["memory_mb"], TMP_MB // 2)
    isolation.drop_powers()
    write, dumps = os.write, json.dumps  # whatever becomes of the modules

    def send(message: dict[str, Any]) -> None:
        data = token + b" " + dumps(message).encode() + b"\n"
        while data:
            data = data[write(out, data) :]

    from utils.grading.inside import runner

    Path(os.environ["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    os.chdir(os.environ["HOME"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runner.run(job, send)


# --- looking after it ---------------------------------------------------------------------------------------------


def _serve(job: dict[str, Any], jobs: BinaryIO, out: BinaryIO, nested: bool) -> None:
    token = secrets.token_hex(16).encode()
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for descriptor in (inlet, out.fileno(), jobs.fileno()):
                os.close(descriptor)
            _child(job, outlet, token, nested)
            status = 0
        finally:
            os._exit(status)
    os.close(outlet)
    why = _look_after(child, _Channel(inlet, out, token), _Limits(job))
    _kill_all()
    os.close(inlet)
    _say(out, {"t": "over", "why": why})


def _look_after(child: int, channel: _Channel, limits: _Limits) -> str:
    """Hand on what the process says until it ends or must be ended; why it ended."""
    while True:
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        data = channel.read(0 if ended else PAUSE)
        for message in channel.messages(data):
            limits.heard(message)
            if message["t"] == "end":
                return "ended"
        if channel.said > MOST_BYTES:
            return "it flooded the grader's channel"
        if ended and not data:
            list(channel.messages(b"\n"))  # an unfinished line is not the grader's
            return "it ended its own process"
        if why := limits.broken():
            return why


class _Channel:
    """What a hand-in's process says, by lines that begin with a token that only the grader's code in it knows."""

    def __init__(self, inlet: int, out: BinaryIO, token: bytes):
        self._inlet, self._out, self._token = inlet, out, token
        self.said, self._rest, self._forged = 0, b"", False

    def read(self, seconds: float) -> bytes:
        """What is said within so many seconds."""
        readable = select.select([self._inlet], [], [], seconds)[0]
        data = os.read(self._inlet, 65536) if readable else b""
        self.said += len(data)
        return data

    def messages(self, data: bytes) -> Iterable[dict[str, Any]]:
        """Hand on the messages that are whole now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in filter(None, lines):
            token, _, body = line.partition(b" ")
            message = _message(body) if secrets.compare_digest(token, self._token) else None
            if message:
                _write(self._out, body)
                yield message
            elif not self._forged:
                _say(self._out, {"t": "flag", "text": "It wrote to the grader's own channel."})
                self._forged = True


def _message(body: bytes) -> dict[str, Any] | None:
    try:
        message: dict[str, Any] = json.loads(body)
        return message if isinstance(message["t"], str) and float(message.get("seconds", 0)) < 1e6 else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


class _Limits:
    """What a hand-in's processes may take of time and memory."""

    def __init__(self, job: dict[str, Any]):
        self._clock, self._megabytes = job["clock"], job["memory_mb"]
        self._began = self._since = time.monotonic()
        self._looked = 0.0
        self._computed = 0.0  # CPU seconds when the step began
        self._allowed = 60.0  # CPU seconds of the step

    def heard(self, message: dict[str, Any]) -> None:
        """Something was said: a step that begins has its own time."""
        self._since = time.monotonic()
        if message["t"] == "begin":
            self._allowed = float(message["seconds"]) + SPARE
            _, self._computed, _ = _taken()

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
        processes, computed, megabytes = _taken()
        if computed - self._computed > self._allowed:
            return TIME_WAS_UP
        if processes > MOST_PROCESSES:
            return "it started too many processes"
        if megabytes > self._megabytes:
            return "it took too much memory"
        return ""


def _descendants() -> list[psutil.Process]:
    return list(psutil.Process().children(recursive=True))


def _taken() -> tuple[int, float, float]:
    """How many processes descend from this one, what CPU seconds they took, and how many megabytes they hold."""
    processes, computed, megabytes = _descendants(), 0.0, 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it is gone
            computed += sum(process.cpu_times()[:4])  # with those of the children that it has seen end
            megabytes += process.memory_info().rss / 2**20
    return len(processes), computed, megabytes


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
