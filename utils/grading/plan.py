"""From the cells of a hand-in to what is run: the student's code, and where an answer is handed over."""

from __future__ import annotations

import ast
import hashlib
import re
import symtable
import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from utils.author import exercises, leaks
from utils.base.markers import STUB_MESSAGE
from utils.base.paths import ROOT
from utils.checks.registry import Unit
from utils.grading.handin import Handin, read

MOST_CHECKS = 3  # of one exercise, however often its check stands in the notebook
TELLING = 4  # statements of an answer that others would not write alike

_DOUBTFUL = (
    (r"\butils\.(?:checks|grading)\b|\bchecks\.(?!unit\b)\w", "It names what is inside the course's checks."),
    (r"\b_solution\b|\bdefinitions\.load\b|\bsolutions/", "It looks for the course's solutions."),
)


@dataclass
class Step:
    """A piece of code to run (`source`), or an exercise to hand over, as what its name then stands for."""

    source: str = ""
    exercise: str = ""
    defines: list[str] = field(default_factory=list)  # exercises that the code gives a meaning to


class Plan(NamedTuple):
    """What is run, and what is told of it."""

    steps: list[Step]
    doubts: list[str]  # what in the code a person should look at
    revealed: set[str]  # exercises of which the student had the answer shown
    likeness: dict[str, str]  # by exercise, see `likeness`


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


def cells_of(unit: Unit) -> list[str]:
    """The code cells of the solution."""
    return read((ROOT / unit.solution).read_bytes(), f"{unit.name}.py").cells


def untouched(handin: Handin) -> int:
    """How many stubs are still there."""
    return sum(cell.count(STUB_MESSAGE) for cell in handin.cells)


def lay_out(handin: Handin, unit: Unit) -> Plan:
    """The steps of a hand-in, and what is said of it.

    The first code cell that was handed out, the imports, is run before anything else. An answer is handed over after a
    cell that names its check, and after its last definition. Cells of the course's own that were not changed and that
    nothing after them needs are left out.
    """
    names = "|".join(map(re.escape, unit.exercises))
    checks = re.compile(rf"\b(?:check\s*\.\s*({names})|\w+\s*\.\s*({names})\s*\(\s*\2)\b")
    steps = []
    for cell in handin.cells:
        bound, named = _bound(cell), {name for match in checks.finditer(cell) for name in match.groups()}
        steps.append(Step(cell, defines=[name for name in unit.exercises if name in bound]))
        steps += [Step(exercise=name) for name in unit.exercises if name in named]
    for name in unit.exercises:
        checked = [i for i, step in enumerate(steps) if step.exercise == name]
        defined = max((i for i, step in enumerate(steps) if name in step.defines), default=-1)
        if not checked or checked[-1] < defined:  # with no definition first of all: what follows has the course's
            steps.insert(defined + 1, Step(exercise=name))
            checked.append(defined + 1)
        surplus = checked[MOST_CHECKS - 1 : -1]
        steps = [step for i, step in enumerate(steps) if i not in surplus]
    return Plan(
        [Step(handed_out(unit)[0]), *_without_idle(steps, {_plain(cell) for cell in handed_out(unit)})],
        [told for pattern, told in _DOUBTFUL if any(re.search(pattern, cell) for cell in handin.cells)],
        _revealed(handin) & unit.exercises.keys(),
        {name: digest for step in steps for name in step.defines if (digest := likeness(name, step.source))},
    )


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _revealed(handin: Handin) -> set[str]:
    names = set(re.findall(r"The course's `(\w+)`, one way among others\. It is noted as revealed", handin.shown))
    for node in (node for cell in handin.cells for node in ast.walk(parsed(cell) or ast.Module([], []))):
        match node:
            case ast.Call(func=ast.Attribute(attr="reveal"), args=[ast.Constant(value=str(name))]):
                names.add(name)
    return names


def _without_idle(steps: list[Step], handed_out: set[str]) -> list[Step]:
    """Leave out what the course itself put there to show off an answer: it takes most of the time."""
    kept: list[Step] = []
    needed: set[str] = set()
    for step in reversed(steps):
        idle = _plain(step.source) in handed_out and not step.defines
        if not idle or _bound(step.source) & needed:
            needed |= _used(step.source)
            kept.append(step)
    return kept[::-1]


# --- code ------------------------------------------------------------------------------------------------------------


def parsed(source: str) -> ast.Module | None:
    """The syntax tree; None for what is not Python."""
    try:
        with warnings.catch_warnings(action="ignore"):
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
            case ast.alias(name=name, asname=given):
                names.add((given or name).split(".")[0])
            case (
                ast.Name(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store())
            ):
                names |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
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


def likeness(name: str, source: str) -> str:
    """A digest of a name's definition in code, the same for what differs in names, docstrings and layout alone.

    "" where there is none, or it is too short to tell anything.
    """
    tree = parsed(source)
    for node in reversed(tree.body if tree else ()):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            statements = [one for one, _ in leaks.statements(ast.unparse(node))]
            telling = [one for one in statements if not one.startswith("Expr(value=Constant(")]
            return hashlib.sha256(repr(telling).encode()).hexdigest()[:16] if len(telling) >= TELLING else ""
    return ""
