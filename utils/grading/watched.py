"""A process that runs a hand-in, shut in and watched: what all that comes of it takes of time and memory."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time

import psutil

from utils.base.errors import CourseError
from utils.checks.limits import WALL, taken
from utils.grading import sandbox
from utils.grading.groups import Group

RUNNER = [sys.executable, "-c", "from utils.grading.inside.runner import main; main()"]
LOOK = 0.2  # seconds between two looks at the processes
MOST_PROCESSES = 40
MOST_BYTES = 64 * 2**20  # of a reply
SPARE = 10  # CPU seconds beyond the limit that the process itself keeps


class Ended(Exception):
    """The process has ended, or was ended; the message says why."""


class Watched:
    """A process in a sandbox of its own that does what it is asked (`inside.runner`)."""

    def __init__(self, memory_mb: int, clock: float):
        """Start it; all that comes of it may hold `memory_mb`, for `clock` seconds."""
        self._memory_mb, self._until = memory_mb, time.monotonic() + clock
        self._since, self._computed, self._seconds = time.monotonic(), 0.0, 0.0  # of what it was asked last
        self._why = ""  # it was ended
        self._started = False
        self._group = Group(memory_mb)
        self._home = tempfile.TemporaryDirectory(prefix="course-grading-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [*self._group.prefix, *sandbox.prefix(), *RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if sandbox.is_closed() else sandbox.environment(self._home.name),
            cwd=self._home.name,
            start_new_session=True,  # else Ctrl-C would reach it before the grader, and look like a hand-in's doing
        )
        self._seen = {psutil.Process(self._process.pid)}
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def ask(self, *request: object, seconds: float) -> str:
        """Its reply to a request, for which it may compute for so long.

        Raises:
          Ended: there is none.
          CourseError: it did not even start.
        """
        requests, replies, complaints = self._process.stdin, self._process.stdout, self._process.stderr
        assert requests is not None and replies is not None and complaints is not None
        self._since, self._computed, self._seconds = time.monotonic(), taken(self._alive())[0], seconds
        with contextlib.suppress(OSError):  # it is gone
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
        line = replies.readline(MOST_BYTES)
        if not line.endswith(b"\n"):
            if not self._started and not self._why:
                why = complaints.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
                raise CourseError(f"The sandbox does not start: {why[-1]}")
            raise Ended(self._why or ("it flooded the grader" if line else "it ended its own process"))
        self._started = True
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):  # not the runner's
            reply = None
        return reply if isinstance(reply, str) else ""

    def end(self, why: str) -> None:
        """End all that came of it, for a reason; also from another thread."""
        self._why = self._why or why
        for _ in range(200):
            left = self._alive()
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            if not left:
                return
            psutil.wait_procs(left, timeout=0.05)

    def close(self) -> None:
        """End all that came of it, and clear up."""
        self._closed.set()
        self.end("it was closed")
        with contextlib.suppress(OSError), self._process:  # closes the pipes: what was to be written has no reader
            self._group.close()
        self._home.cleanup()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK):
            if (why := self._broken()) or self._process.poll() is not None:
                return self.end(why)

    def _broken(self) -> str:
        """Which limit is broken, or ""."""
        now, processes = time.monotonic(), self._alive()
        computed, held = taken(processes)
        if computed - self._computed > self._seconds + SPARE or now - self._since > WALL * (self._seconds + SPARE):
            return "it did not stop when its time was up"
        if now > self._until:
            return "the time for the whole hand-in was up"
        if len(processes) > MOST_PROCESSES:
            return "it started too many processes"
        if held > self._memory_mb * 2**20:
            return "it took too much memory"
        return ""

    def _alive(self) -> set[psutil.Process]:
        """What lives of all that came of it, also what lost its parent after it was seen."""
        found: set[psutil.Process] = set()
        for process in sorted(self._seen, key=psutil.Process.create_time):
            if process not in found:
                found.add(process)
                with contextlib.suppress(psutil.Error):
                    found.update(process.children(recursive=True))
        self._seen = set(filter(_lives, found))
        return self._seen


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
