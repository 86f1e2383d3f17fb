"""One way for every command to read its options."""

from __future__ import annotations

import argparse
import difflib
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations; a mistyped option is refused, and the nearest one named."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As argparse, but what is not known is refused here, where the known options are."""
        found, left = super().parse_known_args(args, namespace)
        options = [word for word in left if word.startswith("-")]
        if options:
            near = difflib.get_close_matches(options[0].partition("=")[0], self._option_string_actions, n=1)
            self.error(f"there is no option {options[0]}" + (f"; did you mean {near[0]}?" if near else ""))
        return found, left

    def error(self, message: str) -> NoReturn:
        """Say in a line what is wrong, and end with status 2."""
        self.exit(2, f"{message[:1].upper()}{message[1:]}. `{self.prog} --help` says more.\n")


def parser_of(command: str, told: str | None) -> Parser:
    """The parser of `python -m utils COMMAND`. told: what the command does, its module's docstring."""
    return Parser(
        prog=f"python -m utils {command}",
        description=told,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
