"""One way for every command to read its options."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from utils.base.errors import unknown


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations; a mistyped option is refused, and the nearest one named."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse, but an option that is not known is refused first, before an argument is missed."""
        words = sys.argv[1:] if args is None else args
        if self._subparsers:  # what follows the name of one is for its own parser
            words = list(itertools.takewhile(lambda word: word.startswith("-"), words))
        for word in itertools.takewhile(lambda word: word != "--", words):
            option = word.partition("=")[0]
            if option.startswith("--") and option not in self._option_string_actions:
                self.error(unknown("There is no option", option, self._option_string_actions))
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Say in a line what is wrong, and end with status 2."""
        told = f"{message[:1].upper()}{message[1:]}".rstrip(".")
        self.exit(2, f"{told}{'' if told.endswith('?') else '.'} `{self.prog} --help` says more.\n")


def parser_of(command: str, told: str | None) -> Parser:
    """The parser of `python -m utils COMMAND`, which tells what it does: its module's docstring."""
    layout = argparse.RawDescriptionHelpFormatter
    return Parser(prog=f"python -m utils {command}", description=told, formatter_class=layout)


def one_of(kind: str, known: Collection[str]) -> Callable[[str], str]:
    """For an argument's `type`: a word that is none of the known is refused, and the nearest named."""

    def read(word: str) -> str:
        if word not in known:
            raise argparse.ArgumentTypeError(unknown(f"There is no {kind}", word, known))
        return word

    return read
