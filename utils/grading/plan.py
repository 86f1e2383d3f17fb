"""From the cells of a hand-in to what is run: the student's code, with fresh checks at the right places."""

from __future__ import annotations

import ast
import re
import symtable
import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from utils.author import exercises
from utils.base.markers import STUB_MESSAGE
from utils.base.paths import ROOT
from utils.checks.registry import Unit
from utils.grading.handin import Handin, read

_ONE_AT_A_TIME = threading.Lock()  # Python 3.12 counts the depth of a tree for all threads together
MOST_CHECKS = 3  # of one exercise, however often its check stands in the notebook

_DOUBTFUL = (
    (r"\butils\.(?:checks|grading)\b|\bchecks\.(?!unit\b)\w", "It names what is inside the course's checks."),
    (r"\b_solution\b|\bdefinitions\.load\b|\bsolutions/", "It looks for the course's solutions."),
)


@dataclass
class Step:
    """A piece of code to run (`source`), or an exercise to judge (`exercise`, by what `argument` stands for)."""

    source: str = ""
    exercise: str = ""
    argument: str = ""
    defines: list[str] = field(default_factory=list)  # exercises that the code gives a meaning to


@dataclass
class Plan:
    """What is run, what was changed for it, and which exercises the student had shown."""

    steps: list[Step]
    changes: list[str]
    revealed: set[str]
    doubts: list[str]  # what in the code a person should look at


def unit_of(handin: Handin, name: str, units: dict[str, Unit]) -> Unit | None:
    """Which unit a hand-in belongs to: by what it says of itself, by its file name, by what it defines."""
    text = "\n".join(handin.cells)
    named = re.findall(r"checks\s*\.\s*unit\(\s*[\"']([^\"']+)[\"']", text)
    named += [unit for unit in units if unit in name]
    if number := re.match(r"\D*(\d\d)(?!\d)", name):
        named += [unit for unit in units if unit.startswith(f"{number[1]}_")]
    for unit in named:
        if unit in units:
            return units[unit]
    defined = set(re.findall(r"^(?:def|class) (\w+)", text, re.MULTILINE))
    best = max(units.values(), key=lambda unit: len(defined & unit.exercises.keys()))
    return best if defined & best.exercises.keys() else None


@cache
def handed_out(unit: Unit) -> list[str]:
    """The code cells of the exercise as it is handed out."""
    text = (ROOT / unit.solution).read_text(encoding="utf-8")
    return read(exercises.exercise_from(text, unit.solution).encode(), f"{unit.name}.py").cells


def untouched(handin: Handin) -> int:
    """How many stubs are still there."""
    return sum(cell.count(STUB_MESSAGE) for cell in handin.cells)


def lay_out(handin: Handin, unit: Unit) -> Plan:
    """The steps of a hand-in.

    The first code cell that was handed out, the imports, is run before anything else. Other cells of the course's own
    that were not changed and that nothing after them needs are left out.
    """
    changes = list(handin.notes)
    steps = [step for cell in handin.cells for step in _cut(cell, unit, changes)]
    steps = _with_checks(steps, unit, changes)
    steps = _without_idle(steps, {_plain(cell) for cell in handed_out(unit)})
    set_up = handed_out(unit)[0]
    if _plain(set_up) not in map(_plain, handin.cells):
        changes.append("The first code cell, with the imports, is not as it was handed out; that one is run first.")
    doubts = [text for pattern, text in _DOUBTFUL if re.search(pattern, "\n".join(handin.cells))]
    return Plan([Step(set_up), *steps], changes, _revealed(handin, unit), doubts)


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


# --- finding the checks ------------------------------------------------------------------------------------------


def _check_line(unit: Unit) -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, unit.exercises), key=len, reverse=True))
    return re.compile(
        rf"^(?:(?P<target>\w+)[ \t]*=[ \t]*)?\w+[ \t]*\.[ \t]*(?P<name>{names})[ \t]*"
        r"\((?P<argument>[^()\n]*)\)[ \t]*;?[ \t]*(?:#.*)?$"
    )


def _cut(cell: str, unit: Unit, changes: list[str]) -> Iterable[Step]:
    """A cell's code, cut at its check lines (that stand at the margin and outside of strings)."""
    pattern = _check_line(unit)
    inside_text = _lines_inside_strings(cell)
    code: list[str] = []
    for number, line in enumerate(re.split(r"\r\n?|\n", cell)):  # text may hold other ends of lines
        match = None if number in inside_text else pattern.match(line)
        if match is None:
            code.append(line)
            continue
        if re.sub(r"\s", "", line.split("#")[0]).count(match["name"]) < 3:
            changes.append(f"The check line of `{match['name']}` was not as it was handed out: `{line.strip()[:80]}`.")
        yield from _code(code, unit)
        code = [line] if match["target"] not in (None, match["name"]) else []  # what follows may need that name
        argument = match["argument"].strip(" \t")
        argument = argument if argument.isidentifier() else match["name"]
        yield Step(exercise=match["name"], argument=argument)
    yield from _code(code, unit)


def _lines_inside_strings(cell: str) -> set[int]:
    tree = parsed(cell)
    if tree is None:
        return set()
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr))
    return {line for node in texts for line in range(node.lineno, (node.end_lineno or node.lineno))}


def _code(lines: list[str], unit: Unit) -> Iterable[Step]:
    source = "\n".join(lines).strip("\n")
    if source.strip():
        bound = _bound(source)
        yield Step(source, defines=[name for name in unit.exercises if name in bound])


def _with_checks(steps: list[Step], unit: Unit, changes: list[str]) -> list[Step]:
    """A check after the last definition of each exercise, wherever the student's stood, or did not."""
    for name in unit.exercises:
        places = [i for i, step in enumerate(steps) if step.exercise == name]
        defined = max((i for i, step in enumerate(steps) if name in step.defines), default=-1)
        if not places:
            changes.append(f"The check of `{name}` was missing and is put back.")
        elif len(places) > 1:
            changes.append(f"The check of `{name}` stood there {len(places)} times.")
        if places and places[-1] < defined:
            changes.append(f"The check of `{name}` stood before its definition; one is put after it.")
        if not places or places[-1] < defined:  # with no definition first of all: what follows has the course's version
            steps.insert(defined + 1, Step(exercise=name, argument=name))
        surplus = {*[i for i, step in enumerate(steps) if step.exercise == name][MOST_CHECKS - 1 : -1]}
        steps = [step for i, step in enumerate(steps) if i not in surplus]
    return steps


def _revealed(handin: Handin, unit: Unit) -> set[str]:
    names = set(re.findall(r"The course's `(\w+)`, one way among others\. It is noted as revealed", handin.shown))
    for node in (node for cell in handin.cells for node in ast.walk(parsed(cell) or ast.Module([], []))):
        match node:
            case ast.Call(func=ast.Attribute(attr="reveal"), args=[ast.Constant(value=str(name))]):
                names.add(name)
    return names & unit.exercises.keys()


# --- what the code needs -------------------------------------------------------------------------------------------


def parsed(source: str) -> ast.Module | None:
    """The syntax tree; None for what is not Python."""
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(_translated(source))
    except (SyntaxError, ValueError, RuntimeError, MemoryError):  # too many magics are a RuntimeError of IPython's
        return None


def _translated(source: str) -> str:
    """Magics as the Python that IPython makes of them, of a whole cell's (`%%time`) what it is of."""
    source = re.sub(r"\A(\s*)%%.*", r"\1", source)
    if not re.search(r"^[ \t]*[%!?]|[?][ \t]*$|=[ \t]*[%!]", source, re.MULTILINE):
        return source
    from IPython.core.inputtransformer2 import TransformerManager

    made: Any = TransformerManager  # which has no types
    return str(made().transform_cell(source))


def _bound(source: str) -> set[str]:
    """The names that code gives a meaning to, also by changing what they stand for."""
    tree = parsed(source)
    if tree is None:
        return set(re.findall(r"^(?:def|class)\s+(\w+)", source, re.MULTILINE))
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.alias(name=name, asname=given):
                names.add((given or name).split(".")[0])
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                while isinstance(node, ast.Attribute | ast.Subscript):
                    node = node.value
                names |= {node.id} if isinstance(node, ast.Name) else set()
    return names


def _used(source: str) -> set[str]:
    """The names that code takes from the notebook: not a function's own variables."""
    try:
        tables = [symtable.symtable(_translated(source), "cell", "exec")]
    except (SyntaxError, ValueError, RuntimeError, MemoryError):
        return set(re.findall(r"[A-Za-z_]\w*", source))
    names: set[str] = set()
    for table in tables:  # and those inside of it, which come to the end of the list
        tables += table.get_children()
        symbols = [symbol for symbol in table.get_symbols() if symbol.is_referenced()]
        names |= {symbol.get_name() for symbol in symbols if symbol.is_global() or table is tables[0]}
    return names


def _without_idle(steps: list[Step], handed_out: set[str]) -> list[Step]:
    """Leave out what the course itself put there to show off an answer: it takes most of the time."""
    kept: list[Step] = []
    needed: set[str] = set()
    for step in reversed(steps):
        idle = step.source and _plain(step.source) in handed_out and not step.defines
        if idle and not _bound(step.source) & needed:
            continue
        needed |= _used(step.source)
        kept.append(step)
    return kept[::-1]
