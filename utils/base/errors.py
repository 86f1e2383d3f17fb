"""The one exception that the course raises on purpose, and what messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 3  # names in a message before "and 5 more"


class CourseError(Exception):
    """Something the reader can mend: the message says what is wrong and what to do, in a line or two.

    IPython shows it without a traceback, since the cause is never in the course's own code.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"CourseError: {self}"]


def few(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    all_names = list(names)
    more = len(all_names) - SHOWN
    return ", ".join(all_names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Say that a name is not among the known ones: the nearest follows, else all of them.

    Args:
        what: how the sentence begins, e.g. "There is no race".
        name: what was given.
        known: what could have been given.
    """
    names = list(known)
    begun = [one for one in names if name and one.startswith(str(name))]
    near = begun or difflib.get_close_matches(str(name), names, n=1)
    guess = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names)}."
    return f"{what} {name!r}. {guess}"
