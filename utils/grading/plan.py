"""From the cells of a hand-in to what is run: the student's code, with fresh checks at the right places."""

from __future__ import annotations

import ast
import re
import symtable
import threading
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from utils.base.markers import STUB_MESSAGE
from utils.checks.registry import Unit
from utils.grading.handin import Handin

_ONE_AT_A_TIME = threading.Lock()  # Python 3.11 counts the depth of a tree for all threads together
MOST_CHECKS = 3  # of one exercise, however often its check stands in the notebook

_DOUBTFUL = (
    (r"\bdef __eq__\b|\b__eq__\s*=", "It defines its own `__eq__`: what equals what?"),
    (r"\b(?:ast|input)_transformers", "It has IPython rewrite code."),
    (r"\butils\.(?:checks|grading)\b|\bchecks\.(?!unit\b)\w", "It names what is inside the course's checks."),
    (
        r"\b__(?:globals|closure|code|builtins|subclasses|setattr|dict)__|\bf_(?:locals|globals|back)\b|\bsys\.modules\b|\bvars\(",
        "It reaches behind Python's names.",
    ),
    (r"\b_solution\b|\bdefinitions\.load\b|\bsolutions/", "It looks for the course's solutions."),
)


@dataclass
class Step:
    """A piece of code to run (`source`), or an exercise to judge (`exercise`, by what `argument` stands for)."""

    source: str = ""
    exercise: str = ""
    argument: str = ""
    defines: list[str] = field(default_factory=list)  # exercises that the code gives a meaning to

    def as_json(self) -> dict[str, Any]:
        return {"source": self.source, "exercise": self.exercise, "argument": self.argument, "defines": self.defines}


@dataclass
class Plan:
    """What is run, what was changed for it, and which exercises the student had shown."""

    steps: list[Step]
    changes: list[str]
    revealed: set[str]
    doubts: list[str] = field(default_factory=list)  # what in the code a person should look at


def unit_of(handin: Handin, name: str, units: dict[str, Unit]) -> Unit | None:
    """Which unit a hand-in belongs to: by what it says of itself, by its file name, by what it defines."""
    text = "\n".join(handin.cells)
    for called in re.findall(r"checks\s*\.\s*unit\(\s*[\"']([^\"']+)[\"']", text):
        if called in units:
            return units[called]
    for unit in units.values():
        if unit.name in name:
            return unit
    if number := re.match(r"\D*(\d\d)(?!\d)", name):
        for unit in units.values():
            if unit.name.startswith(number[1] + "_"):
                return unit
    defined = Counter(
        {
            u.name: sum(bool(re.search(rf"^(?:def|class) {n}\b", text, re.MULTILINE)) for n in u.exercises)
            for u in units.values()
        }
    )
    best = defined.most_common(1)
    return units[best[0][0]] if best and best[0][1] else None


def untouched(handin: Handin) -> int:
    """How many stubs are still there."""
    return sum(cell.count(STUB_MESSAGE) for cell in handin.cells)


def lay_out(handin: Handin, unit: Unit, exercise_cells: list[str], *, whole: bool = False) -> Plan:
    """The steps of a hand-in.

    exercise_cells: the code cells of the exercise as it was handed out; the first one, its imports, is run before
      anything else. Others that were not changed and that nothing after them needs are left out, unless `whole`.
    """
    changes = list(handin.notes)
    steps = [step for cell in handin.cells for step in _cut(cell, unit, changes)]
    revealed = _revealed(handin, unit)
    steps = _with_checks(steps, unit, changes)
    if not whole:
        steps = _without_idle(steps, {_plain(cell) for cell in exercise_cells})
    if exercise_cells:
        set_up = exercise_cells[0]
        if not any(_plain(set_up) == _plain(cell) for cell in handin.cells):
            changes.append("The first code cell, with the imports, is not as it was handed out; that one is run first.")
        steps = [Step(source=set_up), *steps]
    doubts = [text for pattern, text in _DOUBTFUL if re.search(pattern, "\n".join(handin.cells))]
    return Plan(steps, changes, revealed, doubts)


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


# --- finding the checks ------------------------------------------------------------------------------------------


def _check_line(unit: Unit) -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, unit.exercises), key=len, reverse=True))
    return re.compile(
        rf"^(?:\w+[ \t]*=[ \t]*)?\w+[ \t]*\.[ \t]*(?P<name>{names})[ \t]*\([ \t]*(?P<argument>[^()\n]*?)[ \t]*\)"
        r"[ \t]*;?[ \t]*(?:#.*)?$"
    )


def _cut(cell: str, unit: Unit, changes: list[str]) -> Iterable[Step]:
    """A cell's code, cut at its check lines (that stand at the margin and outside of strings)."""
    pattern = _check_line(unit)
    inside_text = _lines_inside_strings(cell)
    code: list[str] = []
    for number, line in enumerate(cell.splitlines()):
        match = None if number in inside_text else pattern.match(line)
        if match is None:
            code.append(line)
            continue
        if re.sub(r"\s", "", line.split("#")[0]).count(match["name"]) < 3:
            changes.append(f"The check line of `{match['name']}` was not as it was handed out: `{line.strip()[:80]}`.")
        if "".join(code).strip():
            yield _code(code, unit)
        code = []
        argument = match["argument"] if match["argument"].isidentifier() else match["name"]
        yield Step(exercise=match["name"], argument=argument)
    if "".join(code).strip():
        yield _code(code, unit)


def _lines_inside_strings(cell: str) -> set[int]:
    tree = parsed(cell)
    if tree is None:
        return set()
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr))
    return {line for node in texts for line in range(node.lineno, (node.end_lineno or node.lineno))}


def _code(lines: list[str], unit: Unit) -> Step:
    source = "\n".join(lines).strip("\n")
    return Step(source=source, defines=[name for name in _bound(source) if name in unit.exercises])


def _with_checks(steps: list[Step], unit: Unit, changes: list[str]) -> list[Step]:
    """A check after the last definition of each exercise, wherever the student's stood, or did not."""
    for name in unit.exercises:
        places = [i for i, step in enumerate(steps) if step.exercise == name]
        defined = [i for i, step in enumerate(steps) if name in step.defines]
        if not places:
            changes.append(f"The check of `{name}` was missing and is put back.")
        elif len(places) > 1:
            changes.append(f"The check of `{name}` stood there {len(places)} times.")
        extra = Step(exercise=name, argument=name)
        if defined and (not places or places[-1] < defined[-1]):
            if places:
                changes.append(f"The check of `{name}` stood before its definition; one is put after it.")
            steps.insert(defined[-1] + 1, extra)
        elif not places:
            steps.insert(0, extra)  # so that what follows has the course's version to go on with
        for surplus in reversed([i for i, step in enumerate(steps) if step.exercise == name][MOST_CHECKS - 1 : -1]):
            del steps[surplus]
    return steps


def _revealed(handin: Handin, unit: Unit) -> set[str]:
    code = "\n".join(handin.cells)
    calls = re.findall(r"^(?!\s*#).*?\.\s*reveal\(\s*[\"'](\w+)[\"']", code, re.MULTILINE)
    shown = re.findall(r"The course's `(\w+)`, one way among others\. It is noted as revealed", handin.shown)
    return {name for name in [*calls, *shown] if name in unit.exercises}


# --- what the code needs -------------------------------------------------------------------------------------------


def parsed(source: str) -> ast.Module | None:
    """The syntax tree; None for what is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            translated = _translated(source)
            with _ONE_AT_A_TIME:
                return ast.parse(translated)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _translated(source: str) -> str:
    """Magics as the Python that IPython makes of them."""
    if not re.search(r"^\s*[%!?]|[?]\s*$|=\s*[%!]", source, re.MULTILINE):
        return source
    from IPython.core.inputtransformer2 import TransformerManager

    return str(TransformerManager().transform_cell(source))


def _bound(source: str) -> set[str]:
    """The names that code gives a meaning to, also by changing what they stand for."""
    tree = parsed(source)
    if tree is None:
        return set(re.findall(r"^(?:def|class)\s+(\w+)", source, re.MULTILINE))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            inner: ast.expr = node
            while isinstance(inner, ast.Attribute | ast.Subscript):
                inner = inner.value
            if isinstance(inner, ast.Name):
                names.add(inner.id)
    return names


def _used(source: str) -> set[str]:
    """The names that code takes from the notebook: not a function's own variables."""
    if parsed(source) is None:
        return set(re.findall(r"[A-Za-z_]\w*", source))
    try:
        outermost = symtable.symtable(_translated(source), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return set(re.findall(r"[A-Za-z_]\w*", source))
    names, tables = set(), [outermost]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        free = [
            s.get_name() for s in table.get_symbols() if s.is_referenced() and (s.is_global() or table is outermost)
        ]
        names |= set(free)
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
