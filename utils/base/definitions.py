"""Read what a lesson or a solution *defines*, without running it.

A lesson writes each model once, in its cells; tests, checks and races take it from there.
`load` executes a file's imports, functions and classes and nothing besides: no assignment, no training.
So a definition that leans on a notebook's variable does not work here, which is as it should be.
Where only a few definitions are named, only they and what they use are executed: a model can be had on a machine
that lacks what the rest of its lesson imports.
"""

from __future__ import annotations

import ast
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from utils.base.errors import CourseError
from utils.base.paths import ROOT

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def load(path: str | Path, names: tuple[str, ...] = ()) -> ModuleType:
    """The imports, functions and classes of a `.py` file, as a module.

    Args:
        path: The file, absolute or relative to the course's root, e.g. "notebooks/02_flax_mnist_cnn.py".
        names: Only these definitions, and what they use; all for none.

    Returns:
        A module that holds them; the same object for the same unchanged file and names.

    Raises:
        CourseError: The file is missing, is not valid Python or does not define one of the names.
    """
    file = ROOT / path
    try:
        return _load(file, file.stat().st_mtime_ns, names)
    except FileNotFoundError:
        raise CourseError(f"{path} is not there. Is this a whole checkout of the course?") from None
    except SyntaxError as error:
        raise CourseError(f"{path}, line {error.lineno}: {error.msg}.") from None


def parsed(text: str, filename: str) -> ast.Module:
    """The imports, functions and classes of a file's text, as a syntax tree. Raises SyntaxError."""
    tree = ast.parse(text, filename=filename)
    tree.body = [node for node in tree.body if isinstance(node, _DEFINITIONS)]
    return tree


@lru_cache(maxsize=64)
def _load(file: Path, changed: int, names: tuple[str, ...]) -> ModuleType:
    tree = parsed(file.read_text(encoding="utf-8"), str(file))
    if names:
        bound = [pair for node in tree.body for pair in _bound(node)]
        if missing := set(names) - {name for name, _ in bound}:
            raise CourseError(f"{file.name} does not define {', '.join(sorted(missing))}.")
        tree.body = _needed(bound, set(names))
    module = ModuleType(f"course_{file.parent.name}_{file.stem}" + "".join(f"_{name}" for name in names))
    module.__file__ = str(file)
    # dataclasses and pickle look a class's module up by its name
    sys.modules[module.__name__] = module
    exec(compile(ast.fix_missing_locations(tree), str(file), "exec"), module.__dict__)
    return module


def _bound(node: ast.stmt) -> list[tuple[str, ast.stmt]]:
    """Each name that a definition or an import gives a meaning to, and a statement that does just that."""
    if isinstance(node, ast.Import):
        return [((alias.asname or alias.name).split(".")[0], ast.Import([alias])) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(one.asname or one.name, ast.ImportFrom(node.module, [one], node.level)) for one in node.names]
    return [(node.name, node)] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else []


def _needed(bound: list[tuple[str, ast.stmt]], names: set[str]) -> list[ast.stmt]:
    """The statements that give the names a meaning, with those that these use in turn, in their order."""
    while True:
        kept = [node for name, node in bound if name in names]
        used = {inner.id for node in kept for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        if used <= names:
            return kept
        names = names | used
