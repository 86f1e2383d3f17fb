"""`python -m utils samples [NAME …] [--sheets]`: make the samples, and pictures of them.

Several are made by two processes, each a half of them: making is one core's work, and so is importing TensorFlow.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time

from utils import samples
from utils.machine import cores
from utils.paths import ROOT


def main(arguments: list[str]) -> int:
    """Make the samples that are named, or all of them, unless they are there; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m utils samples", description="Make the small data sets that come with the course."
    )
    parser.add_argument("names", nargs="*", metavar="name", help="; ".join(samples.NAMES))
    parser.add_argument("--sheets", action="store_true", help="also write ressources/samples_NAME.png")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # one of the two processes
    chosen = parser.parse_args(arguments)
    names = chosen.names or samples.NAMES
    if len(names) > 1 and cores() > 1 and not chosen.alone:
        half = len(names) // 2
        options = ["--sheets"] if chosen.sheets else []
        return _side_by_side([[*names[:half], *options], [*names[half:], *options]])
    for name in names:
        start = time.perf_counter()
        samples.ensure(name)
        print(f"{name:<20} ready after {time.perf_counter() - start:.1f} s", flush=True)
        if chosen.sheets:
            from utils.samples import sheets

            print(f"{'':<20} {sheets.write(name).name}")
    return 0


def _side_by_side(calls: list[list[str]]) -> int:
    """Run this command once with each list of arguments, all at once; returns the worst exit status."""
    command = [sys.executable, "-m", "utils", "samples", "--alone"]
    running = [subprocess.Popen([*command, *call], cwd=ROOT) for call in calls]
    try:
        return max(process.wait() for process in running)
    except KeyboardInterrupt:  # a terminal has told them too; whoever else stopped this process has not
        for process in running:
            process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
        for process in running:
            process.wait()
        raise
