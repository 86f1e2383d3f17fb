"""Where a unit's hand-ins are run and judged: a sandbox for each of them, and one judge for all."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
from collections.abc import Iterator

from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import limits
from utils.checks.registry import Unit
from utils.checks.verdict import Kind, Verdict
from utils.checks.worker import Judge
from utils.grading import sandbox
from utils.grading.groups import Group
from utils.grading.watched import Watched


class Bench:
    """Runs and judges a unit's hand-ins, for several threads.

    The judge has the solutions, and nothing of a hand-in but results; the programs that are handed over run where no
    right answer is. What was handed over before is not judged again: with the run's seed a verdict follows from these
    bytes, and that on a program from what ran it too.
    """

    def __init__(self, unit: Unit, jobs: int = 1):
        """For so many hand-ins at once."""
        self._unit, self._ended, self._starting = unit, False, threading.Lock()
        self._groups = [Group(limits.MEMORY // 2**20) for _ in range(jobs)]
        self._judge = _judge(unit, sandbox.prefix([ROOT / "solutions"]))
        self._runners = [_judge(unit, [*group.prefix, *sandbox.prefix()]) for group in self._groups]
        self._free: queue.LifoQueue[Judge] = queue.LifoQueue()
        for runner in self._runners:
            self._free.put(runner)
        self._found: dict[tuple[Judge | None, str, int, bytes], Verdict] = {}
        self._running: set[Watched] = set()

    @contextlib.contextmanager
    def started(self, memory_mb: int, clock: float) -> Iterator[Watched]:
        """A process for a hand-in."""
        with self._starting:
            self.see_open()
            process = Watched(memory_mb, clock)
            self._running.add(process)
        try:
            yield process
        finally:
            self._running.discard(process)
            process.close()

    def verdict(self, name: str, handed: bytes, seed: int) -> Verdict:
        """The verdict on what was handed over for an exercise."""
        runner = self._free.get()
        try:
            ran_by = runner if self._unit.exercises[name].crosses == "program" else None
            known = ran_by, name, seed, hashlib.sha256(handed).digest()
            if known in self._found:
                return self._found[known]
            verdict = self._judge.verdict(name, handed, seed, runner)
        finally:
            self._free.put(runner)
        self.see_open()
        # a failure may be the machine's fault
        if not (verdict.of_answer or verdict.endless or verdict.kind is Kind.NOT_CHECKED):
            self._found[known] = verdict
        return verdict

    def see_open(self) -> None:
        """Raise CourseError if it was stopped."""
        if self._ended:
            raise CourseError("Grading was stopped.")

    def stop(self) -> None:
        """End all that runs, also from another thread; none of it is started again."""
        with self._starting:
            self._ended = True
        for judge in (self._judge, *self._runners):
            judge.stop()
        for process in list(self._running):
            process.end("grading was stopped")

    def close(self) -> None:
        """End all that runs, and give back what it was limited by."""
        self.stop()
        for group in self._groups:
            group.close()


def _judge(unit: Unit, prefix: list[str]) -> Judge:
    return Judge(unit, prefix, sandbox.environment() if sandbox.is_closed() else None)
