"""The one exception that the course raises on purpose, and what messages share."""

from __future__ import annotations

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
