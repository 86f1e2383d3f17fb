"""From the cells of a hand-in to what is run: the student's code, and where an answer is handed over."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import re
import symtable
import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from utils.author import exercises, leaks
from utils.base.paths import ROOT
from utils.checks.registry import Unit
from utils.grading.handin import Handin, read

MOST_CHECKS = 3  # of one exercise, however often its check stands in the notebook
TELLING = 4  # statements of an answer that others would not write alike

_DOUBTFUL = (
    (r"\butils\.(?:checks|grading)\b|\bchecks\.(?!unit\b)\w", "It names what is inside the course's checks."),
    (r"\b_solution\b|\bdefinitions\.load\b|\bsolutions/", "It looks for the course's solutions."),
)

_MAGIC = re.compile(r"^([ \t]*+)(?:[%!?].*|[^#\n]*\?[ \t]*$)|(?<==)[ \t]*+[%!].*", re.MULTILINE)


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
    named += [unit for unit in units if unit in name or re.match(rf"\D*{unit[:2]}(?!\d)", name)]
    if known := [units[unit] for unit in named if unit in units]:
        return known[0]
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
        (bound, _), named = _names(cell), {name for match in checks.finditer(cell) for name in match.groups()}
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
        [Step(handed_out(unit)[0]), *_without_idle(steps, [cell.split() for cell in handed_out(unit)])],
        [told for pattern, told in _DOUBTFUL if any(re.search(pattern, cell) for cell in handin.cells)],
        _revealed(handin) & unit.exercises.keys(),
        {name: digest for step in steps for name in step.defines if (digest := likeness(name, step.source))},
    )


def _revealed(handin: Handin) -> set[str]:
    names = set(re.findall(r"The course's `(\w+)`, one way among others\. It is noted as revealed", handin.shown))
    for node in (node for cell in map(_parsed, handin.cells) if cell for node in ast.walk(cell[0])):
        match node:
            case ast.Call(func=ast.Attribute(attr="reveal"), args=[ast.Constant(value=str(name))]):
                names.add(name)
    return names


def _without_idle(steps: list[Step], handed_out: list[list[str]]) -> list[Step]:
    """Leave out what the course itself put there to show off an answer, by its words: it takes most of the time."""
    kept: list[Step] = []
    needed: set[str] = set()
    for step in reversed(steps):
        bound, used = _names(step.source)
        if step.defines or step.source.split() not in handed_out or bound & needed:
            needed |= used
            kept.append(step)
    return kept[::-1]


# --- code ------------------------------------------------------------------------------------------------------------


def _parsed(source: str) -> tuple[ast.Module, symtable.SymbolTable] | None:
    """A cell's syntax tree and table of names, its magics left out; None for what is not Python."""
    with warnings.catch_warnings(action="ignore"):
        for text in (source, _MAGIC.sub(r"\g<1>0", source)):
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                return ast.parse(text), symtable.symtable(text, "cell", "exec")
    return None


def _names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell gives a meaning to, and those that it takes from the notebook: no function's own."""
    bound, used = re.findall(r"^(?:def|class)\s+(\w+)", source, re.MULTILINE), re.findall(r"[A-Za-z_]\w*", source)
    if parsed := _parsed(source):
        tables, used = [parsed[1]], []
        bound = [one.get_name() for one in tables[0].get_symbols() if one.is_assigned() or one.is_imported()]
        for table in tables:  # and those inside of it, which come to the end of the list
            tables += table.get_children()
            symbols = [one for one in table.get_symbols() if one.is_referenced()]
            used += [one.get_name() for one in symbols if one.is_global() or table is tables[0]]
    return set(bound), set(used)


def likeness(name: str, source: str) -> str:
    """A digest of a name's definition in code, the same for what differs in names, docstrings and layout alone.

    "" where there is none, or it is too short to tell anything.
    """
    parsed = _parsed(source)
    for node in reversed(parsed[0].body if parsed else ()):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            statements = [one for one, _ in leaks.statements(ast.unparse(node))]
            telling = [one for one in statements if not one.startswith("Expr(value=Constant(")]
            return hashlib.sha256(repr(telling).encode()).hexdigest()[:16] if len(telling) >= TELLING else ""
    return ""
