"""Look for a solution's answers in files that may hold none.

An answer is in a file when a run of the file's code lines is a run of the answer's that makes up more than half of it,
comments, blank lines, indentation and quote signs aside. So a line that any program has says nothing, and an answer
with its first line changed is still found. In files that are neither Python nor notebooks, single long lines of an
answer are looked for too, at any place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from utils.author import exercises

SHARE = 0.5  # of an answer's characters; more of them in one piece give it away
SHORTEST = 25  # characters of an answer that is worth looking for
TELLING = 60  # characters of a line that no other program has


class Answer(NamedTuple):
    """Code that a release must not hold: what it is, and its lines, normalised."""

    name: str
    lines: tuple[str, ...]


def answers(solution: str, name: str) -> list[Answer]:
    """What stands between a solution's markers."""
    lines = solution.splitlines()
    found: list[Answer] = []
    for region in exercises.regions(solution, name):
        starts = (re.match(r"(?:def|class) (\w+)", line) for line in reversed(lines[: region.begin]))
        defined = next((start[1] for start in starts if start), "the start")
        found.append(Answer(f"`{defined}` of {name}", tuple(code_lines("\n".join(region.answer)))))
    return [one for one in found if sum(map(len, one.lines)) >= SHORTEST]


def code_lines(text: str) -> list[str]:
    """A text's lines without indentation, comments and blank ones; all space single, all quotes double."""
    lines = (
        re.sub(r"\s+", " ", re.sub(r"(^|\s)#\s.*$", "", line)).strip().replace("'", '"') for line in text.splitlines()
    )
    return [line for line in lines if line]


def share(answer: Answer, lines: list[str]) -> float:
    """The largest part of the answer, in 0..1 of its characters, that stands in one piece among the lines."""
    starts = [(i, j) for i, first in enumerate(answer.lines) for j, line in enumerate(lines) if line == first]
    beside = (zip(answer.lines[i:], lines[j:], strict=False) for i, j in starts)
    runs = (takewhile(lambda pair: pair[0] == pair[1], pairs) for pairs in beside)
    return max((sum(len(line) for line, _ in run) for run in runs), default=0) / sum(map(len, answer.lines))


def found_in(name: str, raw: bytes, wanted: list[Answer]) -> Iterable[str]:
    """A line for each answer that a file of that name and content holds."""
    suffix = PurePosixPath(name).suffix
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        known: set[str] = set()
    else:
        if suffix in (".ipynb", ".json"):
            text = "\n".join(_strings(json.loads(text)))
        known = set(lines := code_lines(text))
        for answer in wanted:
            if known.intersection(answer.lines) and (part := share(answer, lines)) > SHARE:
                yield f"{name}: {part:.0%} of {answer.name}"
    if suffix in (".py", ".ipynb"):
        return
    flat = re.sub(r"\s+", " ", text).replace("'", '"')
    for answer in wanted:
        for line in answer.lines:
            if len(line) >= TELLING and line in flat and line not in known:
                yield f"{name}: a line of {answer.name}: {line}"


def _strings(value: Any) -> Iterable[str]:
    """All texts in a JSON value; those of a list are one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and all(isinstance(inner, str) for inner in value):
        yield "".join(value)
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
