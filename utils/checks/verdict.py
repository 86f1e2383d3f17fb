"""The four verdicts and how they look in a notebook and in a terminal."""

from __future__ import annotations

import enum
import html
import re
from dataclasses import dataclass


class Kind(enum.Enum):
    """Right, wrong, not attempted, could not be checked: (mark, words, colour)."""

    RIGHT = ("✓", "right", "#1a7f37")
    WRONG = ("✗", "not right yet", "#c4320a")
    NOT_ATTEMPTED = ("○", "not attempted", "#6e7781")
    NOT_CHECKED = ("?", "could not be checked", "#9a6700")

    @property
    def mark(self) -> str:
        return self.value[0]

    @property
    def words(self) -> str:
        return self.value[1]

    @property
    def colour(self) -> str:
        return self.value[2]


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
      exercise: its name.
      kind: one of the four.
      message: the likely cause, or what to do; `code` in backticks.
      points: what it scores now.
      of: what it can score.
      printed: the end of what the answer printed while it was checked.
      goes_on: what the notebook goes on with, where that isn't the student's own.
    """

    exercise: str
    kind: Kind
    message: str = ""
    points: int = 0
    of: int = 0
    printed: str = ""
    goes_on: str = ""

    def __str__(self) -> str:
        head = f"{self.kind.mark} {self.exercise}: {self.kind.words}"
        if self.kind is Kind.RIGHT:
            head += f" ({self.points} of {self.of} points)"
        lines = [head]
        if self.message:
            lines += ["  " + line for line in self.message.splitlines()]
        if self.printed:
            lines += ["  Your code printed:", *("    " + line for line in self.printed.splitlines())]
        if self.goes_on:
            lines.append("  " + self.goes_on)
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}

    def html(self) -> str:
        """A box with the verdict's colour on its left edge; readable on light and on dark themes."""
        points = f" · {self.points} of {self.of} points" if self.kind is Kind.RIGHT else ""
        parts = [
            f'<div style="color:{self.kind.colour};font-weight:600">{self.kind.mark} '
            f"<code>{html.escape(self.exercise)}</code> {self.kind.words}{points}</div>"
        ]
        if self.message:
            parts.append(f'<div style="margin-top:4px">{marked_up(self.message)}</div>')
        if self.printed:
            parts.append(
                '<div style="margin-top:4px;opacity:.75">Your code printed:</div>'
                f'<pre style="margin:2px 0 0 12px">{html.escape(self.printed)}</pre>'
            )
        if self.goes_on:
            parts.append(f'<div style="margin-top:4px;opacity:.75">{marked_up(self.goes_on)}</div>')
        return box("".join(parts), self.kind.colour)


def box(inner: str, colour: str) -> str:
    """HTML in a box that all of the course's messages share."""
    return (
        f'<div style="border-left:4px solid {colour};background:{colour}14;padding:8px 12px;'
        f'margin:2px 0;border-radius:3px;line-height:1.45;max-width:52em">{inner}</div>'
    )


def marked_up(text: str) -> str:
    """Escaped HTML in which `code` is code, *stress* is stressed and a line break is one."""
    escaped = html.escape(text).replace("\n", "<br>")
    pieces = re.split(r"`([^`]+)`", escaped)  # words and code in turn
    pieces[::2] = [re.sub(r"\*(\w[\w ]*)\*", r"<em>\1</em>", words) for words in pieces[::2]]
    pieces[1::2] = [f"<code>{code}</code>" for code in pieces[1::2]]
    return "".join(pieces)
