"""Where a unit's hand-ins are run and judged: for each a process, shut in and watched, and one judge for all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator

import psutil

from utils.base.errors import CourseError
from utils.base.paths import ROOT, cache_dir
from utils.checks import limits
from utils.checks.registry import Unit
from utils.checks.verdict import Kind, Verdict
from utils.checks.worker import Judge
from utils.grading import sandbox
from utils.grading.sandbox import Group

RUNNER = [sys.executable, "-c", "from utils.grading.inside.runner import main; main()"]
LOOK = 0.2  # seconds between two looks at the processes
MOST_PROCESSES = 40
MOST_BYTES = 64 * 2**20  # of a reply
SPARE = 10  # CPU seconds beyond the limit that the process itself keeps


class Bench:
    """Runs and judges a unit's hand-ins, as many at once as it has jobs, each asked for by a thread.

    The judge has the solutions, and nothing of a hand-in but results; the programs that are handed over run where no
    right answer is. What was handed over before is not judged again: with the run's seed a verdict follows from these
    bytes, and that on a program from what ran it too.
    """

    def __init__(self, unit: Unit, jobs: int = 1):
        self._unit, self._ended, self._starting = unit, False, threading.Lock()
        self._groups = [Group(limits.MEMORY // 2**20) for _ in range(jobs)]
        env = sandbox.environment()
        # each run compiles the same small programs to compare with. No hand-in runs where they lie
        compiled = cache_dir() / "grading" / "compiled"
        compiled.mkdir(parents=True, exist_ok=True)
        kept = {"JAX_COMPILATION_CACHE_DIR": str(compiled), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        self._judge = Judge(unit, sandbox.prefix([ROOT / "solutions"], [compiled]), env | kept)
        self._runners = [Judge(unit, [*group.prefix, *sandbox.prefix()], env) for group in self._groups]
        self._free = deque(self._runners)
        self._found: dict[tuple[Judge | None, str, int, bytes], Verdict] = {}
        self._running: weakref.WeakSet[Watched] = weakref.WeakSet()

    @contextlib.contextmanager
    def started(self, memory_mb: int, clock: float) -> Iterator[Watched]:
        """A process for a hand-in."""
        with self._starting:
            self.see_open()
            process = Watched(memory_mb, clock)
            self._running.add(process)
        with contextlib.closing(process):
            yield process

    def verdict(self, name: str, handed: bytes, seed: int) -> Verdict:
        """The verdict on what was handed over for an exercise."""
        runner = self._free.pop()
        try:
            ran_by = runner if self._unit.exercises[name].crosses == "program" else None
            known = ran_by, name, seed, hashlib.sha256(handed).digest()
            if known in self._found:
                return self._found[known]
            verdict = self._judge.verdict(name, handed, seed, runner)
        finally:
            self._free.append(runner)
        self.see_open()
        # a failure may be the machine's fault
        if not (verdict.of_answer or verdict.endless or verdict.kind is Kind.NOT_CHECKED):
            self._found[known] = verdict
        return verdict

    def see_open(self) -> None:
        """Raise CourseError if it was stopped."""
        if self._ended:
            raise CourseError("Grading was stopped.")

    def close(self) -> None:
        """End all that runs, also from another thread; none of it is started again."""
        with self._starting:
            self._ended = True
        for judge in (self._judge, *self._runners):
            judge.stop()
        for process in list(self._running):
            process.end("grading was stopped")
        for group in self._groups:
            group.close()


class Ended(Exception):
    """The process has ended, or was ended; the message says why."""


class Watched:
    """A process in a sandbox of its own that does what it is asked (`inside.runner`)."""

    def __init__(self, memory_mb: int, clock: float):
        """Start it; all that comes of it may hold `memory_mb`, for `clock` seconds."""
        self._memory_mb, self._until = memory_mb, time.monotonic() + clock
        self._most = self._by = float("inf")  # CPU seconds, and when: of what it was asked last
        self._why = ""  # it was ended
        self._started = False
        self._group = Group(memory_mb)
        self._home = tempfile.TemporaryDirectory(prefix="course-grading-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [*self._group.prefix, *sandbox.prefix(), *RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=sandbox.environment(self._home.name),  # bubblewrap's too: a hand-in can read its first process's
            cwd=self._home.name,
            start_new_session=True,  # else Ctrl-C would reach it before the grader, and look like a hand-in's doing
        )
        self._seen = {psutil.Process(self._process.pid)}
        self._computed: dict[psutil.Process, float] = {}  # CPU seconds of each that was seen, without its children's
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
        seconds += SPARE
        self._most, self._by = self._taken()[0] + seconds, time.monotonic() + limits.WALL * seconds
        with contextlib.suppress(OSError):  # it is gone
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
        line = replies.readline(MOST_BYTES)
        if not line.endswith(b"\n"):
            if not self._started and not self._why:
                why = complaints.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
                raise CourseError(f"The sandbox does not start: {why[-1]}")
            raise Ended(self._why or ("it flooded the grader" if line else "it ended its own process"))
        self._started, self._by = True, float("inf")  # until it is asked again: others' judging takes none of its time
        if line.startswith(b'"'):  # the runner says texts; anything else could unpack to gigabytes
            with contextlib.suppress(ValueError):
                return str(json.loads(line))
        return ""

    def end(self, why: str) -> None:
        """End all that came of it, for a reason; also from another thread."""
        self._why = self._why or why
        for _ in range(200):
            if not (left := self._alive()):
                return
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
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
        now, (computed, held, many) = time.monotonic(), self._taken()
        broken = {
            "it did not stop when its time was up": computed > self._most or now > self._by,
            "the time for the whole hand-in was up": now > self._until,
            "it started too many processes": many > MOST_PROCESSES,
            "it took too much memory": held > self._memory_mb * 2**20,
        }
        return next((why for why, is_so in broken.items() if is_so), "")

    def _taken(self) -> tuple[float, int, int]:
        """What it has computed, also in what ended and nobody waited for; what it holds, in how many processes."""
        alive = self._alive()
        computed, held = limits.taken(alive)
        return max(computed, sum([*self._computed.values()])), held, len(alive)  # a copy: two threads come here

    def _alive(self) -> set[psutil.Process]:
        """What lives of all that came of it, also what lost its parent after it was seen."""
        found: set[psutil.Process] = set()
        for process in sorted(self._seen, key=psutil.Process.create_time):
            if process not in found:
                with contextlib.suppress(psutil.Error):
                    found |= {process, *process.children(recursive=True)}
        alive: set[psutil.Process] = set()
        for process in found:
            with contextlib.suppress(psutil.Error):
                self._computed[process] = sum(process.cpu_times()[:2])
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    alive.add(process)
        self._seen = alive
        return alive
