"""The course's answers in the sandbox: one set to judge by, one to hand out that notices when it is called."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import ModuleType

from utils import definitions

NOTICE = "_notice_of_the_course"


def answers(solution: str, name: str) -> ModuleType:
    """The definitions of a solution's text; its file is not in the sandbox."""
    return _module(definitions.parsed(solution, name), f"course_{name}")


def handed_out(solution: str, name: str, notice: Callable[[str], None]) -> ModuleType:
    """The same again: each function, and each method of a class, first tells `notice` the top-level name."""
    tree = definitions.parsed(solution, name)
    for node in tree.body:
        for inner in ast.walk(node) if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef) and isinstance(node, ast.FunctionDef | ast.ClassDef):
                call = ast.Call(ast.Name(NOTICE, ast.Load()), [ast.Constant(node.name)], [])
                has_text = ast.get_docstring(inner, clean=False) is not None
                inner.body.insert(1 if has_text else 0, ast.Expr(call))
    return _module(ast.fix_missing_locations(tree), f"handed_out_{name}", {NOTICE: notice})


def _module(tree: ast.Module, name: str, given: dict[str, object] | None = None) -> ModuleType:
    import sys

    module = ModuleType(name)
    module.__dict__.update(given or {})
    sys.modules[name] = module  # dataclasses look it up while a class is made
    try:
        exec(compile(tree, f"<{name}>", "exec"), module.__dict__)
    finally:
        del sys.modules[name]  # where a hand-in would find it
    return module
