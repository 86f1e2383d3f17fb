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
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

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
    jobs, out = os.fdopen(os.dup(0), "rb"), os.dup(1)
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
    while job := _next(jobs):
        _serve(job, out, jobs.fileno(), nested)


def _next(jobs: BinaryIO) -> Any:
    line = jobs.readline()
    return json.loads(line) if line else None


def _warm() -> None:
    import IPython.core.interactiveshell  # noqa: F401
    import matplotlib

    matplotlib.use("Agg")
    import jax
    import matplotlib.pyplot

    from utils import checks, plots  # noqa: F401
    from utils.checks import judge  # noqa: F401
    from utils.grading.inside import answers, runner, watch  # noqa: F401

    checks.units()
    jax.config.update("jax_platforms", "cpu")
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


def _say(out: int, message: dict[str, Any]) -> None:
    _write(out, json.dumps(message).encode() + b"\n")


def _write(out: int, data: bytes) -> None:
    while data:
        data = data[os.write(out, data) :]


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


def _serve(job: dict[str, Any], out: int, jobs: int, nested: bool) -> None:
    token = secrets.token_hex(16).encode()
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for descriptor in (inlet, out, jobs):
                os.close(descriptor)
            _child(job, outlet, token, nested)
            status = 0
        finally:
            os._exit(status)
    os.close(outlet)
    os.set_blocking(inlet, False)
    why = _look_after(job, child, inlet, out, token)
    _kill_all(child)
    os.close(inlet)
    _say(out, {"t": "over", "why": why})


def _look_after(job: dict[str, Any], child: int, inlet: int, out: int, token: bytes) -> str:
    """Hand on what the process says until it ends or must be ended; why it ended."""
    began = since = time.monotonic()
    computed = 0.0  # CPU seconds when the step began
    allowed, said, rest, forged, looked = 60.0, 0, b"", False, 0.0
    ended = False
    while True:
        readable = select.select([inlet], [], [], 0 if ended else PAUSE)[0]
        data = b""
        if readable:
            try:
                data = os.read(inlet, 65536)
            except BlockingIOError:
                data = b""
        said += len(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            mark, _, body = line.partition(b" ")
            message = _message(body) if secrets.compare_digest(mark, token) else None
            if message is None:
                forged = forged or _forgery(out)
                continue
            since = time.monotonic()
            if message["t"] == "begin":
                allowed, computed = float(message["seconds"]) + SPARE, _total(_descendants(), _computed)
            _write(out, body + b"\n")
            if message["t"] == "end":
                return "ended"
        if said > MOST_BYTES or len(rest) > MOST_BYTES:
            return "it flooded the grader's channel"
        if ended and not data:
            if rest:
                _ = forged or _forgery(out)
            return "it ended its own process"
        if not ended:
            ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        now = time.monotonic()
        if now - since > WALL * allowed:
            return TIME_WAS_UP
        if now - began > job["clock"]:
            return "the time for the whole hand-in was up"
        if now - looked > PAUSE:
            looked = now
            processes = _descendants()
            if _total(processes, _computed) - computed > allowed:
                return TIME_WAS_UP
            if len(processes) > MOST_PROCESSES:
                return "it started too many processes"
            if _total(processes, _resident) > job["memory_mb"]:
                return "it took too much memory"


def _message(body: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
        return message if isinstance(message["t"], str) and float(message.get("seconds", 0)) < 1e6 else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _forgery(out: int) -> bool:
    _say(out, {"t": "flag", "text": "It wrote to the grader's own channel.", "severe": True})
    return True


def _descendants() -> list[Any]:
    import psutil

    return list(psutil.Process().children(recursive=True))


def _total(processes: list[Any], measured: Callable[[Any], float]) -> float:
    """The sum over all processes but those that are gone."""
    import psutil

    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += measured(process)
    return total


def _resident(process: Any) -> float:
    """Megabytes."""
    return float(process.memory_info().rss) / 2**20


def _computed(process: Any) -> float:
    """CPU seconds, with those of the children that it has seen end."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _kill_all(child: int) -> None:
    """Until nothing is left: what ends is taken off the list, what was orphaned has become a child of this process."""
    for _ in range(200):
        left = _descendants()
        if not left:
            return
        for process in left:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)
    sys.exit(f"process {child} cannot be ended")
