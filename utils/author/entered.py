"""Functions that make a call of the course's first, whenever they are entered; put in on the syntax tree."""

from __future__ import annotations

import ast


def call_first(function: ast.FunctionDef, called: ast.expr, *arguments: ast.expr) -> None:
    """Let a function begin with a call.

    Args:
      function: its syntax tree, which is changed; a docstring stays the first statement.
      called: what is called.
      arguments: what it is called with.
    """
    first = 1 if ast.get_docstring(function, clean=False) is not None else 0
    function.body.insert(first, ast.Expr(ast.Call(called, list(arguments), [])))
