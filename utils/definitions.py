"""Read what a lesson or a solution *defines*, without running it.

A lesson writes each model once, in its cells; tests, checks and races take it from there.
`load` executes a file's imports, functions and classes and nothing besides: no assignment, no training.
So a definition that leans on a notebook's variable does not work here, which is as it should be.
"""

from __future__ import annotations

import ast
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from utils.errors import CourseError
from utils.paths import ROOT

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def load(path: str | Path) -> ModuleType:
    """The imports, functions and classes of a `.py` file, as a module.

    Args:
      path: the file, absolute or relative to the course's root, e.g. "notebooks/02_flax_mnist_cnn.py".

    Returns:
      A module that holds them; the same object for the same unchanged file.

    Raises:
      CourseError: the file is missing or is not valid Python.
    """
    file = ROOT / path
    try:
        return _load(file, file.stat().st_mtime_ns)
    except FileNotFoundError:
        raise CourseError(f"{path} is not there. Is this a whole checkout of the course?") from None
    except SyntaxError as error:
        raise CourseError(f"{path}, line {error.lineno}: {error.msg}.") from None


@lru_cache(maxsize=64)
def _load(file: Path, changed: int) -> ModuleType:
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    tree.body = [node for node in tree.body if isinstance(node, DEFINITIONS)]
    module = ModuleType(f"course_{file.parent.name}_{file.stem}")
    module.__file__ = str(file)
    # dataclasses and pickle look a class's module up by its name
    sys.modules[module.__name__] = module
    exec(compile(tree, str(file), "exec"), module.__dict__)
    return module
