"""Start a place where a hand-in can do no harm: bubblewrap, else limits alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from utils.base.errors import CourseError
from utils.base.paths import ROOT, cache_dir
from utils.checks import limits
from utils.checks.registry import Unit
from utils.checks.verdict import Verdict
from utils.checks.worker import Judge
from utils.grading.groups import Group

HOME = "/home/student"
_TMPFS = str(64 * 2**20)
_WARM_MB = 1024  # what a process of the grader's own needs, besides what an answer may take
_TASKS = 4096  # threads are counted, of which XLA starts some for each core
_STOPPED = "Grading was stopped."


class Kind(NamedTuple):
    """How well hand-ins are shut in."""

    name: str
    warning: str  # for the reports; "" for the full sandbox


BUBBLEWRAP = Kind("bubblewrap", "")
LIMITS = Kind(
    "limits",
    "Graded without a sandbox: hand-ins ran with the grader's own rights, and could read and write its files and use "
    "the network. Install bubblewrap before you grade work of people you do not know.",
)
KINDS = (BUBBLEWRAP, LIMITS)


def best() -> Kind:
    """The strongest kind that works on this machine."""
    return next(kind for kind in KINDS if works(kind))


def works(kind: Kind) -> bool:
    """Whether this kind of sandbox can be set up here."""
    if not hasattr(os, "fork"):
        raise CourseError("Grading needs Linux or macOS (on Windows: WSL), for a process of its own for each hand-in.")
    if kind is LIMITS:
        return True
    command = [*_prefix(kind, ()), "true"]
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _prefix(kind: Kind, more: Iterable[Path]) -> list[str]:
    """The command in front of the worker's own; `more` is what it may read besides the course's package."""
    if kind is LIMITS:
        return []
    command = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "course"]
    for folder in ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin"):
        if Path(folder).is_symlink():
            command += ["--symlink", str(Path(folder).readlink()), folder]
        else:
            command += ["--ro-bind-try", folder, folder]
    for file in ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts"):
        command += ["--ro-bind-try", file, file]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", HOME):
        command += ["--size", _TMPFS, "--tmpfs", folder]
    python = {sys.prefix, sys.base_prefix, str(Path(os.path.realpath(sys.executable)).parent.parent)}
    shown = sorted(path for path in python if not path.startswith(("/usr/", "/bin/")) and path != "/usr")
    shown += map(str, [ROOT / "utils", ROOT / "ressources", *_samples(), *more])
    if not any(path.startswith("/tmp/") for path in shown):
        command += ["--symlink", f"{HOME}/tmp", "/tmp"]  # of each hand-in's own
    for folder in shown:
        command += ["--ro-bind", folder, folder]
    if not more:
        for quotes_answers in (ROOT / "utils" / "checks").glob("unit_*/*/mistakes.toml"):
            command += ["--ro-bind", os.devnull, str(quotes_answers)]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]
    for name, value in _environment(HOME).items():
        command += ["--setenv", name, value]
    return [*command, "--"]


def _samples() -> list[Path]:
    samples = cache_dir() / "samples"
    return [samples] if samples.is_dir() else []


def _environment(home: str) -> dict[str, str]:
    env = {
        "HOME": home,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TMPDIR": f"{home}/tmp",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "Agg",
        "JAX_PLATFORMS": "cpu",
        "JAX_TRACEBACK_IN_LOCATIONS_LIMIT": "0",  # like answers are like programs, wherever they stand
        "COURSE_DATA": "sample",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OPENBLAS_NUM_THREADS": "1",  # no threads that a fork would lose
    }
    if _samples():
        env["COURSE_CACHE"] = str(cache_dir())
    return env


Conversation = Generator[dict[str, Any], str | None, None]  # yields messages; is sent the reply to one that wants it


class Bench:
    """The judge of a unit, for several places: it has the solutions, and nothing of a hand-in but results.

    What was handed over before is not judged again: with the run's seed a verdict follows from these bytes, and that on
    a program from what ran it too.
    """

    def __init__(self, kind: Kind, unit: Unit):
        self._unit, self._judge = unit, _judge(unit, kind, [ROOT / "solutions"])
        self._found: dict[tuple[Judge | None, str, int, bytes], Verdict] = {}
        self._ended = False

    def verdict(self, runner: Judge, name: str, handed: bytes, seed: int) -> Verdict:
        """The verdict on an exercise; the runner runs the programs that were handed over."""
        ran_by = runner if self._unit.exercises[name].crosses == "program" else None
        known = ran_by, name, seed, hashlib.sha256(handed).digest()
        if known in self._found:
            return self._found[known]
        verdict = self._judge.verdict(name, handed, seed, runner)
        if self._ended:
            raise CourseError(_STOPPED)
        # else it may have been the machine's fault
        if not (verdict.endless or verdict.kind.name == "NOT_CHECKED" or "cannot be run" in verdict.message):
            self._found[known] = verdict
        return verdict

    def close(self) -> None:
        """End the judge, also from another thread; none is started again."""
        self._ended = True
        self._judge.stop()


def _judge(unit: Unit, kind: Kind, more: Iterable[Path] = (), within: Iterable[str] = ()) -> Judge:
    environment = dict(os.environ) if kind is not BUBBLEWRAP else _environment(HOME)
    return Judge(unit, [*within, *_prefix(kind, more)], environment)


class Place:
    """A sandbox with a warm worker in it, and another that runs programs: `run` takes a unit's hand-ins, one by one."""

    def __init__(self, kind: Kind, unit: Unit, bench: Bench | None = None):
        """`bench` judges for several places, and is closed by who made it; by default this one has its own."""
        self._kind, self._owns_bench = kind, bench is None
        self._bench = bench or Bench(kind, unit)
        self._groups: dict[str, Group] = {}
        self._runner = _judge(unit, kind, within=self._group("programs", limits.MEMORY // 2**20))
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._reusable = True
        self._ended = False

    def _group(self, whose: str, megabytes: int) -> list[str]:
        if whose not in self._groups:
            self._groups[whose] = Group(megabytes + _WARM_MB, _TASKS)
        return self._groups[whose].prefix

    def verdict(self, name: str, handed: bytes, seed: int) -> Verdict:
        """The verdict on what was handed over for an exercise; programs run in a sandbox without any right answer."""
        return self._bench.verdict(self._runner, name, handed, seed)

    def run(self, job: dict[str, Any]) -> Conversation:
        """The messages of one job, the last of them `over`; whatever happens to the worker, there is a last one.

        What is sent to this generator goes to the hand-in, which waits for it.
        """
        if self._process is None or not self._reusable:
            self._end_worker()
            self._start(job["memory_mb"])
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        over = False
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                message = json.loads(line)
                over = message["t"] == "over"
                reply = yield message
                if over:
                    return
                if reply is not None:
                    process.stdin.write(json.dumps(reply).encode() + b"\n")
                    process.stdin.flush()
        except (OSError, ValueError):
            pass
        finally:
            if not over:  # also when the reader gave up
                self._end_worker()
        yield {"t": "over", "why": "it ended the sandbox"}

    def _start(self, megabytes: int) -> None:
        python = [sys.executable, "-c", "from utils.grading.inside.server import main; main()"]
        env = cwd = None
        if self._kind is not BUBBLEWRAP:
            self._folder = tempfile.TemporaryDirectory(prefix="course-grading-", ignore_cleanup_errors=True)
            cwd = self._folder.name
            env = _environment(cwd)
        with self._starting:
            if self._ended:
                raise CourseError(_STOPPED)
            self._process = subprocess.Popen(
                [*self._group("hand-in", megabytes), *_prefix(self._kind, ()), *python],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                cwd=cwd,
                start_new_session=True,  # else Ctrl-C would reach it before the grader, and look like a hand-in's doing
            )
        assert self._process.stdout is not None and self._process.stderr is not None
        first = self._process.stdout.readline()
        if not first:
            problem = self._process.stderr.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
            self._end_worker()
            raise CourseError(f"The sandbox ({self._kind.name}) does not start: {problem[-1]}")
        # without namespaces of its own a hand-in could reach the worker: then it serves one only
        self._reusable = bool(json.loads(first)["nested"]) and self._kind is BUBBLEWRAP

    def close(self) -> None:
        """End the sandboxes and all in them, also from another thread; none is started again."""
        with self._starting:
            self._ended = True
        if self._owns_bench:
            self._bench.close()
        self._runner.stop()
        self._end_worker()
        for group in self._groups.values():
            group.close()

    def _end_worker(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError), process:  # closes the pipes: what was still to be written has no reader
                process.kill()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
