"""The course's commands: `python -m utils COMMAND [ARGUMENTS]`; `make COMMAND` sets up first, then runs this."""

from __future__ import annotations

import difflib
import importlib
import sys

from utils.base.errors import CourseError
from utils.base.paths import COMPLETE

STUDENTS = {
    "lab": "open JupyterLab on the course",
    "test": "lint, types, tests, all notebooks; `test proof`: what need not run at every change",
    "race": "race the lessons' models against PyTorch and Keras",
    "samples": "make the small data sets that come with the course",
    "data": "list, download and time the data sets",
    "doctor": "look for what commonly goes wrong, and say what to do",
    "canaries": "see whether the installed jaxlib computes as it should",
}
INSTRUCTORS = {
    "course": "run all lessons and solutions; table and build/course.json",
    "exercises": "make exercises/ and the notebooks from the text sources",
    "release": "write what students get: no solutions, checks that still judge",
    "gather": "sort what Moodle or Canvas lets you download into a folder for each student",
    "grade": "grade a folder of hand-ins: points, reasons, a page for each student",
    "lock": "make requirements*.txt from pyproject.toml; --upgrade raises versions and tests them",
}
# command: (module whose `main(arguments)` runs it, what it does)
COMMANDS = {name: (f"utils.commands.{name}", told) for name, told in STUDENTS.items()}
if COMPLETE:
    COMMANDS |= {name: (f"utils.commands.instructors.{name}", told) for name, told in INSTRUCTORS.items()}


def main(arguments: list[str]) -> int:
    """Run one command. Returns its exit status; 2 for a call that cannot be understood."""
    if not arguments or arguments[0] in ("help", "--help", "-h"):
        print("python -m utils COMMAND [ARGUMENTS]; `python -m utils COMMAND --help` says more.\n")
        for name, (_, summary) in COMMANDS.items():
            print(f"  {name:<10} {summary}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        guess = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(COMMANDS)}."
        print(f"There is no command {name!r}.{guess}", file=sys.stderr)
        return 2
    try:
        return int(importlib.import_module(COMMANDS[name][0]).main(arguments[1:]) or 0)
    except CourseError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
