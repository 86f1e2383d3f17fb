"""`python -m utils test [STEPS…]`: what must hold before a change is kept, step by step.

All steps run, also after one that fails; a summary follows, with the tests that were skipped and what would run them.
The exit status is 1 when any step failed. Tests and notebooks run on the samples, so no network is used.
The step `proof` runs only when it is named: tests marked `proof`, which need not run at every change.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from utils.base.command import parser_of
from utils.base.machine import cores
from utils.base.paths import ROOT, SOLUTIONS

WORKER_GB = 3  # what a notebook with TensorFlow may take
PROOF = "proof"


class Step(NamedTuple):
    """One command of the test run."""

    name: str
    heading: str
    command: list[str]


def main(arguments: list[str]) -> int:
    """Run the steps that are named, by default all but the proof. Returns 0 when all passed, else 1."""
    every = steps(workers())
    parser = parser_of("test", __doc__)
    names = [step.name for step in every]
    parser.add_argument(
        "steps", nargs="*", metavar="STEP", help=f"some of: {', '.join(names)} (default: all but proof)"
    )
    chosen = parser.parse_args(arguments).steps or [name for name in names if name != PROOF]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"there is no step {unknown[0]!r}; there are {', '.join(names)}")
    outcomes: list[tuple[Step, bool, float]] = []
    with tempfile.TemporaryDirectory(prefix="course-test-") as folder:
        skips = Path(folder) / "skips"
        env = environment(Path(folder)) | {"COURSE_SKIPS": str(skips)}
        try:
            for step in (step for step in every if step.name in chosen):
                print(f"\n── {step.heading} ({step.name}) ".ljust(80, "─"), flush=True)
                began = time.perf_counter()
                passed = subprocess.run(step.command, cwd=ROOT, env=env).returncode == 0
                outcomes.append((step, passed, time.perf_counter() - began))
                print(f"{'passed' if passed else 'FAILED'}: {step.name}, {outcomes[-1][2]:.0f} s", flush=True)
        finally:
            print(summary(outcomes, skips.read_text(encoding="utf-8").splitlines() if skips.exists() else []))
    return 0 if all(passed for _, passed, _ in outcomes) else 1


def steps(processes: int) -> list[Step]:
    """All steps in the order in which they run: the quick ones first. `processes` notebooks or test files at once."""
    python = [sys.executable, "-m"]
    # a notebook's cells belong to one kernel; what takes long begins first (tests/conftest.py): no core idles long
    spread = ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]
    nbval = [*python, "pytest", "-q", "--nbval", *spread]
    if not SOLUTIONS.exists():  # what students get: without the package's tests, and the exercises are theirs to finish
        return [Step("notebooks", "Lessons give the outputs that they come with", [*nbval, "notebooks"])]
    return [
        Step("lint", "Rules for the code", [*python, "ruff", "check"]),
        Step("format", "Layout of the code", [*python, "ruff", "format", "--check"]),
        Step("layers", "Which folder may import which", [str(tool("lint-imports")), "--no-cache", "--no-logo"]),
        Step("types", "Types", [*python, "mypy"]),
        Step("units", "Tests of the package and of the course's files", [*python, "pytest", "-q", *spread, "tests"]),
        Step(
            "notebooks",
            "Lessons and solutions give the outputs they are committed with; untouched exercises run to their end",
            [*nbval, "notebooks", "solutions", "exercises"],
        ),
        Step(
            PROOF,
            "Every size, every wrong answer, all of grading",
            [*python, "pytest", "-q", "-n", str(processes), "--dist", "worksteal", "-m", "proof", "tests"],
        ),
    ]


def environment(folder: Path) -> dict[str, str]:
    """What the steps run with: the samples, the course's own kernel, and no colour codes in a log.

    folder: of this run only. What one process has compiled lies there for the others.
    """
    env = {**os.environ, "COURSE_DATA": "sample", "JUPYTER_PREFER_ENV_PATH": "1"}
    # where one process still writes what another reads, JAX warns and compiles
    env["PYTHONWARNINGS"] = "ignore:Error reading persistent compilation cache:UserWarning"
    env |= {"JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3"}
    for name in ("COURSE_RESULTS", "COURSE_GRADING", "TFDS_DATA_DIR", "MPLBACKEND"):
        env.pop(name, None)
    env.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return env


def tool(name: str) -> Path:
    """A command that is installed beside this Python, and is no module to run."""
    return Path(sys.executable).with_name(name)


def workers() -> int:
    """How many notebooks run at once: one a core, as far as the memory goes."""
    import psutil

    return max(1, min(cores(), int(psutil.virtual_memory().available / 1e9 / WORKER_GB)))


def summary(outcomes: list[tuple[Step, bool, float]], skips: list[str]) -> str:
    """What passed and what failed, one step a line, and what was skipped."""
    lines = [f"\n── Summary {'─' * 64}"]
    lines += [
        f"{'passed' if passed else 'FAILED'}  {step.name:<10} {seconds:6.0f} s" for step, passed, seconds in outcomes
    ]
    lines += skips
    failed = [step.name for step, passed, _ in outcomes if not passed]
    if failed:
        lines.append(f'Again, only what failed: make test TEST_ARGS="{" ".join(failed)}"')
    else:
        lines.append("All passed.")
    return "\n".join(lines)
