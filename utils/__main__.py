"""The course's commands: `python -m utils COMMAND [ARGUMENTS]`; `make COMMAND` sets up first, then runs this."""

from __future__ import annotations

import importlib
import sys

from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.commands.bootstrap import COMMANDS, tell


def main(arguments: list[str]) -> int:
    """Run one command. Returns its exit status; 2 for a call that cannot be understood."""
    name, *rest = arguments or ["help"]
    if name not in COMMANDS:
        return tell(name)
    module = ".".join(COMMANDS[name].relative_to(ROOT).with_suffix("").parts)
    try:
        return int(importlib.import_module(module).main(rest))
    except CourseError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
