"""The course's commands: `python -m utils COMMAND [ARGUMENTS]`; `make COMMAND` sets up first, then runs this."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

from utils.base.errors import CourseError, unknown
from utils.base.paths import ROOT
from utils.commands.bootstrap import COMMANDS


def main(arguments: list[str]) -> int:
    """Run one command. Returns its exit status; 2 for a call that cannot be understood."""
    name, *rest = arguments or ["help"]
    if name in ("help", "--help", "-h"):
        print("python -m utils COMMAND [ARGUMENTS]; `python -m utils COMMAND --help` says more.\n")
        print(*map(summary, COMMANDS.values()), sep="\n")
        return 0
    if name not in COMMANDS:
        print(unknown("There is no command", name, COMMANDS), file=sys.stderr)
        return 2
    module = ".".join(COMMANDS[name].relative_to(ROOT).with_suffix("").parts)
    try:
        return int(importlib.import_module(module).main(rest))
    except CourseError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def summary(file: Path) -> str:
    """What a command does: the first line of its module's docstring."""
    told = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
