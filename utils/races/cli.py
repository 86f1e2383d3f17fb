"""`python -m utils race [RACE …] [--rounds N] [--breakdown]`: race the lessons' models, store and tell the result.

Each entrant runs in a process of its own, one after the other, and compiles everything itself: none finds on disk what
an earlier run has compiled. Rounds alternate in direction, so that a machine that slows down hits everybody. What was
timed is written after every run: Ctrl-C loses the run in progress only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from utils import machine
from utils.errors import CourseError
from utils.paths import ROOT, shown
from utils.progress import track
from utils.races import breakdown, plan, report, stored
from utils.races.plan import Race
from utils.races.stored import Result


def main(arguments: list[str]) -> int:
    """Returns 0 when every race had JAX and somebody to race against, else 1; 0 after a breakdown."""
    parser = argparse.ArgumentParser(prog="python -m utils race", description="Race the lessons' models.")
    parser.add_argument("names", nargs="*", metavar="RACE", help=f"{', '.join(plan.RACES)} (default: all that fit)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each entrant runs (default 3)")
    parser.add_argument("--short", action="store_true", help="a few steps, nothing stored: to see that all goes")
    parser.add_argument(
        "--breakdown",
        action="store_true",
        help="time and store the parts of one of JAX's training steps instead (--rounds and --short do not apply)",
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        raise CourseError(f"--rounds must be 1 or more, not {options.rounds}.")
    gpu = has_gpu()
    races = [plan.find(name) for name in options.names] or [
        race for race in plan.RACES.values() if gpu or race.machine != "gpu"
    ]
    if (load := machine.load_average()) is not None and load > 0.5:
        print(f"Something else is running here (load {load:.1f}): these times will be worse, and less certain.")
    if options.breakdown:
        for race in races:
            _tell_breakdown(race)
        return 0
    good = True
    for planned in races:
        race = plan.shorter(planned) if options.short else plan.fitted(planned, gpu=gpu)
        if race != planned and not options.short:
            cut = race.steps * race.batch
            print(f"{race.name} is made for a GPU, and there is none: an epoch is cut to {cut} pictures.", flush=True)
        result = run(race, options.rounds, store=not options.short)
        if not result.runs:
            print(f"{race.name}: nobody could run: {result.missing}")
        else:
            print(f"\n{report.as_table(result)}\n", flush=True)
        ran = report.entrants(result)
        good &= "jax" in ran and len(ran) > 1
    return 0 if good else 1


def run(race: Race, rounds: int, *, store: bool = True) -> Result:
    """Let all entrants run so many rounds; the result is stored after each run, unless `store` is False."""
    result = stored.begin(race)
    turns = [(k, name) for k in range(rounds) for name in (race.entrants if k % 2 == 0 else race.entrants[::-1])]
    for turn, name in track(turns, race.name, unit="run"):
        if name in result.missing:
            continue
        told = time_one(race, name)
        if "missing" in told or "problem" in told:
            why = f"{told['missing']} is not installed" if "missing" in told else told["problem"]
            result.missing[name] = why
            continue
        counts = {run["parameters"] for run in result.runs} | {told["parameters"]}
        if len(counts) > 1:
            raise CourseError(
                f"{race.name}: not the same model: {name} has {told['parameters']:,} parameters of {counts}."
            )
        result.runs.append({"round": turn, "entrant": name, **told})
        if name != "keras":  # always on the CPU
            result.machine["device"] = told["device"] if told["device"].lower() != "cpu" else "cpu"
        if store:
            path = stored.write(result)
    if result.runs and store:
        print(f"Written: {shown(path)}")
    return result


def time_one(race: Race, entrant: str) -> dict[str, Any]:
    """What `utils.races.run` says of one entrant; {"missing": …} or {"problem": …} where it could not run."""
    lengths = [f"--steps={race.steps}", f"--eval-steps={race.eval_steps}", f"--epochs={race.epochs}"]
    command = [sys.executable, "-m", "utils.races.run", race.name, entrant, *lengths]
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    with tempfile.TemporaryDirectory(prefix="race-", ignore_cleanup_errors=True) as empty:
        cold = {"JAX_ENABLE_COMPILATION_CACHE": "false", "TORCHINDUCTOR_CACHE_DIR": empty}
        done = subprocess.run(command, cwd=ROOT, env=os.environ | settings | cold, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    try:
        told: dict[str, Any] = json.loads(lines[-1])
        return told
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"problem": f"it ended with status {done.returncode}: {last[:300]}"}


def _tell_breakdown(race: Race) -> None:
    result = breakdown.measure(race)
    print(f"{race.title}: one training step")
    for name, value in result.milliseconds.items():
        print(f"  {name:<9}" + ("not measured: no TensorFlow here" if value is None else f"{value:9.1f} ms"))
    print(f"Written: {shown(breakdown.write(result))}", flush=True)


def has_gpu() -> bool:
    """Whether JAX would run on a GPU, asked in another process so that this one leaves it alone."""
    code = "import jax; print(jax.default_backend())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.stdout.strip().endswith("gpu")
