"""The four verdicts and how they look in a notebook and in a terminal."""

from __future__ import annotations

import enum
import html
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from utils.base import notebook

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
NEUTRAL = "#57606a"  # of what is no verdict


class Kind(enum.Enum):
    """Right, wrong, not attempted, could not be checked: (mark, words, colour)."""

    RIGHT = ("✓", "right", "#1a7f37")
    WRONG = ("✗", "not right yet", "#c4320a")
    NOT_ATTEMPTED = ("○", "not attempted", "#57606a")
    NOT_CHECKED = ("?", "could not be checked", "#9a6700")

    def __init__(self, mark: str, words: str, colour: str):
        self.mark, self.words, self.colour = mark, words, colour


class Look(NamedTuple):
    """How what is no verdict stands in the place of one."""

    mark: str
    words: str
    colour: str


REVEALED = Look("◆", "revealed", "#8250df")


@dataclass(frozen=True)
class Verdict:
    """What a check found."""

    exercise: str  # its name
    kind: Kind
    message: str = ""  # the likely cause, or what to do; `code` in backticks
    points: int = 0  # what it scores now
    of: int = 0  # what it can score
    printed: str = ""  # the end of what the answer printed while it was checked
    goes_on: str = ""  # what the notebook goes on with, where that isn't the student's own
    detail: str = ""  # the smallest case that shows it: input, result, what is wanted
    of_answer: bool = False  # whether the message has words of the answer's process, which can say anything
    endless: bool = False  # whether the answer was stopped: nobody should call it again

    def __str__(self) -> str:
        scored = f" ({self.points} of {self.of} points)" if self.kind is Kind.RIGHT else ""
        lines = [f"{self.kind.mark} {self.exercise}: {self.kind.words}{scored}"]
        lines += ["  " + line for line in self.message.splitlines()]
        lines += ["    " + line for line in self.detail.splitlines()]
        if self.printed:
            lines += ["  Your code printed:", *("    " + line for line in self.printed.splitlines())]
        return "\n".join([*lines, *(["  " + self.goes_on] if self.goes_on else [])])


def show(plain: str, template: str, /, **values: Any) -> None:
    """In a notebook the template with these values, and the plain text for viewers without HTML; elsewhere that."""
    shell = notebook.shell()
    if shell is None:
        print(plain)
    else:
        shell.display_pub.publish({"text/plain": plain, "text/html": rendered(template, **values)})


def show_code(code: str) -> None:
    """Python, in colours where the viewer has some."""
    shell = notebook.shell()
    if shell is None:
        print(code)
    else:
        shell.display_pub.publish({"text/plain": code, "text/markdown": f"```python\n{code}\n```"})


def rendered(template: str, **values: Any) -> str:
    """HTML in the box that all of the course's messages share, from `templates/`."""
    return templates(TEMPLATES).get_template(f"{template}.html").render({"colour": NEUTRAL, **values})


def marked_up(text: str) -> str:
    """Escaped HTML in which `code` is code, *stress* is stressed and a line break is one."""
    escaped = html.escape(text).replace("\n", "<br>")
    pieces = re.split(r"`([^`]+)`", escaped)  # words and code in turn
    pieces[::2] = [re.sub(r"\*(\w[\w ]*)\*", r"<em>\1</em>", words) for words in pieces[::2]]
    pieces[1::2] = [f"<code>{code}</code>" for code in pieces[1::2]]
    return "".join(pieces)


@cache
def templates(folder: Path) -> Environment:
    """The templates in a folder: what they are given is escaped, `marked_up` is a filter, a name must be given."""
    # late: up to a tenth of a second, which neither a terminal nor a hand-in's process needs
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, undefined=StrictUndefined)
    made.filters["marked_up"] = marked_up
    return made
