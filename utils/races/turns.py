"""Let a race's entrants take turns, each in a process of its own.

`utils.commands.race` says how.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

from utils.base import memory
from utils.base.errors import CourseError
from utils.base.paths import ROOT, shown
from utils.progress import track
from utils.races import stored
from utils.races.catalogue import Race
from utils.races.stored import Result


def run(race: Race, rounds: int, *, keep: bool = True) -> Result:
    """Let all entrants run so many times, and store the result after each run if it is to be kept.

    The result is without runs where nobody could run. Raises CourseError where two entrants have another number of
    parameters, so that they are not one model.
    """
    result = Result(
        **stored.about(race),
        steps=race.steps,
        eval_steps=race.eval_steps,
        precision=race.precision,
        runs=[],
        missing={},
    )
    turns = [(k, name) for k in range(rounds) for name in (race.entrants if k % 2 == 0 else race.entrants[::-1])]
    for turn, name in track(turns, race.name, unit="run"):
        if name in result.missing:
            continue
        told = time_one(race, name)
        if "problem" in told:
            result.missing[name] = told["problem"]
            continue
        counts = {run["parameters"] for run in result.runs} | {told["parameters"]}
        if len(counts) > 1:
            raise CourseError(
                f"{race.name}: not the same model: {name} has {told['parameters']:,} parameters of {counts}."
            )
        result.runs.append({"round": turn, "entrant": name, **told})
        if name != "keras":  # always on the CPU
            result.machine["device"] = told["device"]
        if keep:
            path = stored.write(result)
    if result.runs and keep:
        print(f"Written: {shown(path)}")
    return result


def time_one(race: Race, entrant: str) -> dict[str, Any]:
    """What `utils.races.run` says of one entrant; {"problem": …} where it could not run."""
    lengths = [str(length) for length in (race.steps, race.eval_steps, race.epochs)]
    command = [sys.executable, "-m", "utils.races.run", race.name, entrant, *lengths]
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    with tempfile.TemporaryDirectory(prefix="race-", ignore_cleanup_errors=True) as empty:
        cold = {"JAX_ENABLE_COMPILATION_CACHE": "false", "TORCHINDUCTOR_CACHE_DIR": empty}
        env = memory.environment() | settings | cold
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    try:
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return told
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"problem": f"it ended with status {done.returncode}: {last[:300]}"}


def has_gpu() -> bool:
    """Whether JAX would run on a GPU, asked in another process so that this one leaves it alone."""
    code = "import jax; print(jax.default_backend())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.stdout.strip().endswith("gpu")
