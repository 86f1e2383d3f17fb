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
      path: the file, absolute or relative to the course's root, e.g. "notebooks/02_flax_mnist_cnn.py".
      names: only these definitions, and what they use; all for none.

    Returns:
      A module that holds them; the same object for the same unchanged file and names.

    Raises:
      CourseError: the file is missing, is not valid Python or does not define one of the names.
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
        missing = set(names) - {name for node in tree.body for name in _binds(node)}
        if missing:
            raise CourseError(f"{file.name} does not define {', '.join(sorted(missing))}.")
        tree.body = _needed(tree.body, set(names))
    module = ModuleType(f"course_{file.parent.name}_{file.stem}" + "".join(f"_{name}" for name in names))
    module.__file__ = str(file)
    # dataclasses and pickle look a class's module up by its name
    sys.modules[module.__name__] = module
    exec(compile(tree, str(file), "exec"), module.__dict__)
    return module


def _binds(node: ast.stmt) -> set[str]:
    """The names that a definition or an import gives a meaning to."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return {node.name} if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else set()


def _needed(body: list[ast.stmt], names: set[str]) -> list[ast.stmt]:
    """The statements that give the names a meaning, with those that these use in turn, in their order."""
    kept: set[int] = set()
    while True:
        more = [i for i, node in enumerate(body) if i not in kept and _binds(node) & names]
        if not more:
            return [_narrowed(body[i], names) for i in sorted(kept)]
        kept.update(more)
        used = (inner for i in more for inner in ast.walk(body[i]))
        names = names | {inner.id for inner in used if isinstance(inner, ast.Name)}


def _narrowed(node: ast.stmt, names: set[str]) -> ast.stmt:
    """Of `from utils import data, plots` only what is used."""
    if isinstance(node, ast.ImportFrom):
        node.names = [alias for alias in node.names if (alias.asname or alias.name) in names]
    return node
