"""Look for a solution's answers in files that may hold none.

Code is compared as syntax trees in which every name of a variable is the same, statement by statement, in whatever
order and at whatever places of a file they stand. An answer is in a file when statements that make up more than half of
it are there. So an answer is found that was renamed, cut up or laid out anew, also within a string. A text gives one
away, too, when it has between backticks an expression that is more than half of it: a hint should not. In files that
are neither Python nor notebooks single long lines of an answer are looked for. Lessons may hold what they teach.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from utils.author import exercises

SHARE = 0.5  # of an answer's nodes; more of them in one file give it away
SMALLEST = 20  # nodes of what says anything
TELLING = 60  # characters of a line that no other program has


class Answer(NamedTuple):
    """Code that a release must not hold: what it is, its parts with their numbers of nodes, its long lines."""

    name: str
    statements: dict[str, int]
    expressions: dict[str, int]
    nodes: int  # in all
    lines: tuple[str, ...]


def answers(solution: str, name: str) -> list[Answer]:
    """What stands between a solution's markers, an answer for each function or class."""
    lines = solution.splitlines()
    found: dict[str, list[str]] = {}
    for region in exercises.regions(solution, name):
        starts = (re.match(r"(?:def|class) (\w+)", line) for line in reversed(lines[: region.begin]))
        defined = next((start[1] for start in starts if start), "the start")
        code = textwrap.indent(textwrap.dedent("\n".join(region.answer)), " ")
        found.setdefault(defined, []).append(f"def f():\n{code}")
    return [
        Answer(
            f"`{defined}` of {name}",
            dict(one for code in codes for one in statements(code)),
            dict(one for code in codes for one in _expressions(code)),
            sum(_nodes(_alike(code)) for code in codes),
            tuple(line for code in codes for line in map(_flat, code.splitlines()) if len(line) >= TELLING),
        )
        for defined, codes in found.items()
    ]


def statements(code: str) -> Iterator[tuple[str, int]]:
    """Each statement of some code without what stands inside of it, names aside, and its number of nodes.

    Code within strings counts too. Nothing for what is not Python.
    """
    tree = _alike(code)
    for text in _strings(tree):
        if "\n" in text:
            yield from statements(textwrap.dedent(text))
    for node in list(ast.walk(tree)):
        idle = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.Pass
        if isinstance(node, ast.stmt) and not isinstance(node, idle):
            for block in ("body", "orelse", "finalbody", "handlers"):
                if hasattr(node, block):
                    setattr(node, block, [])
            yield ast.dump(node), _nodes(node)


def _expressions(code: str) -> Iterator[tuple[str, int]]:
    return ((ast.dump(node), _nodes(node)) for node in ast.walk(_alike(code)) if isinstance(node, ast.expr))


def _alike(code: str) -> ast.Module:
    """The tree of some code, in which all names are the same; an empty one of what is not Python."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                node.id = "_"
            case ast.arg():
                node.arg = "_"
            case ast.FunctionDef() | ast.ClassDef():
                node.name, node.decorator_list = "_", []
    return tree


def _strings(tree: ast.AST) -> list[str]:
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _nodes(tree: ast.AST) -> int:
    return sum(1 for _ in ast.walk(tree))


def found_in(name: str, raw: bytes, wanted: list[Answer]) -> Iterator[str]:
    """A line for each answer that a file of that name and content holds."""
    suffix = PurePosixPath(name).suffix
    text = raw.decode("utf-8", errors="replace")
    if suffix in (".py", ".ipynb"):
        cells = [text] if suffix == ".py" else _cells(text)
        here = {statement for cell in cells for statement, _ in statements(cell)}
        quoted = [code for cell in cells for text in _strings(_alike(cell)) for code in re.findall("`([^`]+)`", text)]
        said = {expression for code in quoted for expression, _ in _expressions(code.replace("…", "..."))}
        for answer in wanted:
            largest = max((nodes for one, nodes in answer.expressions.items() if one in said), default=0) / answer.nodes
            if largest > SHARE:
                yield f"{name}: an expression that is {largest:.0%} of {answer.name}"
            same = sum(nodes for statement, nodes in answer.statements.items() if statement in here)
            share = same / sum(answer.statements.values())
            if share > SHARE and same >= SMALLEST:
                yield f"{name}: {share:.0%} of {answer.name}"
        return
    flat = _flat(text)
    for answer in wanted:
        for line in answer.lines:
            if line in flat:
                yield f"{name}: a line of {answer.name}: {line}"


def _cells(notebook: str) -> Iterable[str]:
    return ["".join(cell["source"]) for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]


def _flat(text: str) -> str:
    """All space single, all quotes double."""
    return re.sub(r"\s+", " ", text).strip().replace("'", '"')
