"""`python -m utils test [STEP …]`: what must hold before a change is kept, step by step.

All steps run, also after one that fails; a summary follows, with the tests that were skipped and what would run them.
The exit status is 1 when any step failed. Tests and notebooks run on the samples, so no network is used.
The steps `exercises` and `proof` (tests marked so) run only when they are named: they need not run at every change.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from utils.base import files
from utils.base.command import one_of, parser_of
from utils.base.machine import cores
from utils.base.paths import BUILD, ROOT, SOLUTIONS

WORKER_GB = 3  # what a notebook with TensorFlow may take
PROOF = ("exercises", "proof")  # what need not run at every change
LASTED = BUILD / "test-seconds.json"
# the course's own kernel, and no colour codes in a log; JAX would warn where one process writes what another reads, and
# where a program that calls oneDNN cannot be written (std::bad_alloc, jaxlib 0.12.0.1)
SET = {
    "COURSE_DATA": "sample",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
    "PYTHONWARNINGS": ",".join(
        f"ignore:Error {doing} persistent compilation cache:UserWarning" for doing in ("reading", "writing")
    ),
}
UNSET = ("COURSE_RESULTS", "COURSE_GRADING", "TFDS_DATA_DIR", "MPLBACKEND")


class Outcome(NamedTuple):
    """What became of a step."""

    name: str
    passed: bool
    seconds: float

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'}  {self.name:<10} {self.seconds:6.0f} s"


def main(arguments: list[str]) -> int:
    """Run the steps that are named, by default all but the proof. Returns 0 when all passed, else 1."""
    every = steps(workers())
    told = f"some of {', '.join(every)} (default: all but {' and '.join(PROOF)})"
    parser = parser_of("test", __doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", type=one_of("step", every), help=told)
    chosen = parser.parse_args(arguments).steps or every.keys() - set(PROOF)
    outcomes: list[Outcome] = []
    lasted = _lasted()
    if not lasted and "notebooks" in chosen:
        print(f"About {'eleven' if 'units' in chosen else 'seven'} minutes the first time, on two cores.", flush=True)
    with tempfile.TemporaryDirectory(prefix="course-test-") as folder:
        # what one process has compiled lies there for the others, and is of this run only
        skips, compiled = Path(folder) / "skips", Path(folder) / "compiled"
        env = {"TF_CPP_MIN_LOG_LEVEL": "3"} | {name: os.environ[name] for name in os.environ if name not in UNSET}
        env |= {**SET, "COURSE_SKIPS": str(skips), "JAX_COMPILATION_CACHE_DIR": str(compiled)}
        try:
            for name, (heading, command) in every.items():
                if name in chosen:
                    before = f", {lasted[name]:.0f} s the last time" if name in lasted else ""
                    print(f"\n── {heading} ({name}{before}) ".ljust(80, "─"), flush=True)
                    began = time.perf_counter()
                    passed = subprocess.run(command, cwd=ROOT, env=env).returncode == 0
                    outcomes.append(Outcome(name, passed, time.perf_counter() - began))
                    print(outcomes[-1], flush=True)
        finally:
            files.write(LASTED, json.dumps(lasted | {one.name: one.seconds for one in outcomes if one.passed}))
            print(summary(outcomes, skips.read_text(encoding="utf-8").splitlines() if skips.exists() else []))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _lasted() -> dict[str, float]:
    """How long each step took when it last passed here; nothing where that is not known."""
    try:
        return {str(name): float(seconds) for name, seconds in json.loads(LASTED.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def steps(processes: int) -> dict[str, tuple[str, list[str]]]:
    """The steps' headings and commands, the quick ones first. `processes` notebooks or test files run at once."""
    python = [sys.executable, "-m"]
    pytest = [*python, "pytest", "-q", "-n", str(processes)]
    # a notebook's cells belong to one kernel; what takes long begins first (tests/conftest.py): no core idles long
    by_file = [*pytest, "--dist", "loadfile", "--no-loadscope-reorder"]
    lessons = {"notebooks": ("Lessons give the outputs that they come with", [*by_file, "--nbval", "notebooks"])}
    if not SOLUTIONS.exists():  # what students get: without the package's tests, and the exercises are theirs to finish
        return lessons
    lint_imports = str(Path(sys.executable).with_name("lint-imports"))
    return {
        "lint": ("Rules for the code", [*python, "ruff", "check"]),
        "format": ("Layout of the code", [*python, "ruff", "format", "--check"]),
        "layers": ("Which folder may import which", [lint_imports, "--no-cache", "--no-logo"]),
        "types": ("Types", [*python, "mypy"]),
        "units": ("Tests of the package and of the course's files", [*by_file, "tests"]),
        **lessons,
        "exercises": (
            "Solutions give the outputs that they come with, and untouched exercises run to their end",
            [*by_file, "--nbval", "solutions", "exercises"],
        ),
        "proof": (
            "Every size, every wrong answer, all of grading",
            [*pytest, "--dist=worksteal", "-m", "proof", "tests"],
        ),
    }


def workers() -> int:
    """How many notebooks run at once: one a core, as far as the memory goes."""
    import psutil

    return max(1, min(cores(), int(psutil.virtual_memory().available / 1e9 / WORKER_GB)))


def summary(outcomes: list[Outcome], skips: list[str]) -> str:
    """What passed and what failed, one step a line, and what was skipped."""
    failed = " ".join(outcome.name for outcome in outcomes if not outcome.passed)
    end = f'Again, only what failed: make test TEST_ARGS="{failed}"' if failed else "All passed."
    return "\n".join([f"\n── Summary {'─' * 64}", *map(str, outcomes), *skips, end])
