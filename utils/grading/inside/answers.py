"""The course's answers in the sandbox: one set to judge by, one to hand out that is noticed when it is called.

No file in the sandbox holds an answer or a hidden check. Their text comes in with the job and is compiled before the
first line of a hand-in runs; then it is dropped, and so are the modules' names. What is left in the hand-in's process
are functions without source. Code that looks for them has to go through callers' frames, through all objects, or
through raw memory; each of these is noticed (see `watch`), and the points are withheld until a person has looked.
A hidden check shows as much of itself as the arguments that it calls an answer with: an answer can look at those, but
has nowhere to take them. The message of a hidden check that fails stands on the student's page.
"""

from __future__ import annotations

import ast
import sys
import warnings
from types import CodeType, ModuleType
from typing import Any

from utils.author import entered, hidden
from utils.base import definitions
from utils.checks.registry import Check

CALLED = "course.called"  # an audit event, with the answer's name: there is no way to stop or to forge its absence
_NOTICE = "notice of the course"


def answers(solution: str, name: str) -> ModuleType:
    """The definitions of a solution's text, hidden checks among them."""
    return _module(compile(definitions.parsed(solution, name), f"<course_{name}>", "exec"), f"course_{name}")


def hidden_check(answers: ModuleType, exercise: str) -> Check | None:
    """The hidden check of an exercise, if it has one."""
    return getattr(answers, hidden.FUNCTION + exercise, None)


def handed_out(solution: str, name: str) -> ModuleType:
    """The definitions without hidden checks: each function, and each method, first raises `CALLED` for its name."""
    tree = definitions.parsed(hidden.without(solution, name), name)
    for node in tree.body:
        for inner in ast.walk(node) if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef) and isinstance(node, ast.FunctionDef | ast.ClassDef):
                # a constant, which a hand-in cannot set to another function as it could a name
                entered.call_first(inner, ast.Constant(_NOTICE), ast.Constant(CALLED), ast.Constant(node.name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a text that is called
        code = compile(ast.fix_missing_locations(tree), f"<handed_out_{name}>", "exec")
    return _module(_with_notice(code), f"handed_out_{name}")


def _with_notice(code: CodeType) -> CodeType:
    def changed(constant: Any) -> Any:
        if isinstance(constant, CodeType):
            return _with_notice(constant)
        return sys.audit if constant == _NOTICE else constant

    return code.replace(co_consts=tuple(changed(constant) for constant in code.co_consts))


def _module(code: CodeType, name: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module  # dataclasses look it up while a class is made
    try:
        exec(code, module.__dict__)
    finally:
        del sys.modules[name]  # where a hand-in would find it
    return module
