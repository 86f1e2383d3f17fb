"""The one exception that the course raises on purpose."""

from __future__ import annotations


class CourseError(Exception):
    """Something the reader can mend: the message says what is wrong and what to do, in a line or two.

    IPython shows it without a traceback, since the cause is never in the course's own code.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"CourseError: {self}"]
