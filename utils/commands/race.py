"""`python -m utils race [RACE …] [--rounds N] [--breakdown]`: race the lessons' models, store and tell the result.

Each entrant runs in a process of its own, one after the other, and compiles everything itself: none finds on disk what
an earlier run has compiled. Rounds alternate in direction, so that a machine that slows down hits everybody. What was
timed is written after every run: Ctrl-C loses the run in progress only.
"""

from __future__ import annotations

import os
import subprocess
import sys

from utils.base import machine, memory
from utils.base.command import one_of, parser_of
from utils.base.paths import shown
from utils.races import breakdown, catalogue, report, stored, turns
from utils.races.catalogue import Race


def main(arguments: list[str]) -> int:
    """Race; returns 0 when every race had JAX and somebody to race against, and after a breakdown; else 1."""
    parser = parser_of("race", __doc__)
    told = f"{', '.join(catalogue.RACES)} (default: all that fit)"
    parser.add_argument("names", nargs="*", metavar="RACE", type=one_of("race", catalogue.RACES), help=told)
    parser.add_argument("--rounds", type=int, default=3, help="how often each entrant runs (default 3)")
    parser.add_argument("--short", action="store_true", help="a few steps, nothing stored: to see that all goes")
    told = "time and store the parts of one of JAX's training steps instead (--rounds and --short do not apply)"
    parser.add_argument("--breakdown", action="store_true", help=told)
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be 1 or more, not {options.rounds}")
    named = [catalogue.RACES[name] for name in options.names]
    gpu = turns.has_gpu()
    races = named or [race for race in catalogue.RACES.values() if gpu or race.machine != "gpu"]
    if (load := machine.load_average()) is not None and load > 0.5:
        print(f"Something else is running here (load {load:.1f}): these times will be worse, and less certain.")
    if options.breakdown:
        if (kept := memory.environment()) != os.environ:  # as for entrants: a process reads it when it starts
            return subprocess.call([sys.executable, "-m", "utils", "race", *arguments], env=kept)
        for race in races:
            _tell_breakdown(race)
        return 0
    good = True
    for planned in races:
        race = catalogue.shorter(planned) if options.short else catalogue.fitted(planned, gpu=gpu)
        if race != planned and not options.short:
            cut = race.steps * race.batch
            print(f"{race.name} is made for a GPU, and there is none: an epoch is cut to {cut} pictures.", flush=True)
        result = turns.run(race, options.rounds, keep=not options.short)
        if not result.runs:
            print(f"{race.name}: nobody could run: {result.missing}")
        else:
            print(f"\n{report.as_table(result)}\n", flush=True)
        ran = report.entrants(result)
        good &= "jax" in ran and len(ran) > 1
    return 0 if good else 1


def _tell_breakdown(race: Race) -> None:
    print(f"{race.title}: one training step, timed for about a minute", flush=True)
    result = breakdown.measure(race)
    for name, value in result.milliseconds.items():
        print(f"  {name:<9}{value:9.1f} ms")
    print(f"Written: {shown(stored.write(result))}", flush=True)
