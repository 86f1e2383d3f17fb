"""Record what the checks know of the course's answers, for a release, which has none."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from utils import weights
from utils.author import entered, exercises
from utils.base import definitions, files
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import known
from utils.checks.packing import packed, unpacked
from utils.checks.registry import Unit


class Recorder:
    """Computes the values and keeps them; only inside `known` may the course's answer be called.

    The check goes on with what a release would give it.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Any] = {}
        self.arrays: list[np.ndarray] = []
        self.computing = False

    def __call__(self, name: str, compute: Callable[[], Any]) -> Any:
        """The value as a release has it; raises CourseError for one that is kept already or cannot be kept."""
        if name in self.nodes:
            raise CourseError(f"it asks for {name!r} twice: give each value a name of its own")
        self.computing = True
        try:
            value = compute()
        finally:
            self.computing = False
        try:
            self.nodes[name] = packed(value, self.arrays)
        except TypeError as error:
            raise CourseError(
                f"{name!r} holds {error}, which cannot be kept. Numbers, texts, arrays and shapes can: "
                "let `known` return what is computed with it"
            ) from error
        return unpacked(self.nodes[name], self.arrays)


def record(unit: Unit, into: Path | str = known.KNOWN) -> Path:
    """Write what the checks of a unit know of its solutions, for a copy of the course without them.

    Args:
      unit: e.g. `checks.units()["01_jnp_and_jit"]`.
      into: the folder to write to.

    Returns:
      The file of values, `UNIT.safetensors`; `UNIT.py` beside it is the untouched exercise.

    Raises:
      CourseError: a check fails on the course's own answer, calls it outside `known`, or asks for a value that cannot
        be kept; names the exercise.
    """
    kept = {name: recorded(unit, name) for name in unit.exercises}
    tensors = {f"{name}/{i}": array for name, one in kept.items() for i, array in enumerate(one.arrays)}
    nodes = {name: one.nodes for name, one in kept.items()}
    folder = Path(into)
    text = (ROOT / unit.solution).read_text(encoding="utf-8")
    files.write(folder / f"{unit.name}.py", exercises.exercise_from(text, unit.solution))
    return weights.save(folder / f"{unit.name}.safetensors", tensors, note={"known": json.dumps(nodes)})


def recorded(unit: Unit, name: str) -> Recorder:
    """The values that the check of an exercise asks for when it judges the course's own answer."""
    recorder = Recorder()
    answer, reference = (getattr(module, name) for module in (definitions.load(unit.solution), guarded(unit)))
    try:
        with known.values_from(recorder):
            unit.exercises[name].check(answer, reference)
    except Exception as error:
        raise CourseError(f"{unit.name}, the check of `{name}`, on the course's own answer: {error}.") from error
    return recorder


def guarded(unit: Unit) -> ModuleType:
    """The solution's definitions; while values are recorded, an answer that is entered outside `known` raises."""
    return _guarded(unit.solution, (ROOT / unit.solution).read_text(encoding="utf-8"))


@lru_cache(maxsize=8)
def _guarded(name: str, solution: str) -> ModuleType:
    tree = definitions.parsed(solution, name)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]  # an inner one after its outer
    for begin, _, _ in exercises.regions(solution, name):
        around = [node for node in functions if node.lineno < begin <= (node.end_lineno or 0)]
        for node in around[-1:]:
            entered.call_first(node, ast.Name(see_that_it_is_known.__name__, ast.Load()))
    module = ModuleType(f"course_guarded_{Path(name).stem}")
    module.__file__ = str(ROOT / name)
    sys.modules[module.__name__] = module  # dataclasses look it up
    setattr(module, see_that_it_is_known.__name__, see_that_it_is_known)
    exec(compile(ast.fix_missing_locations(tree), module.__file__, "exec"), module.__dict__)
    return module


def see_that_it_is_known() -> None:
    """Raise CourseError if the course's answer is called by a check while values are recorded, but not for a value."""
    if not getattr(known._source, "computing", True):
        raise CourseError("it calls `reference` outside `known`: write `known(NAME, lambda: reference(…))`")
