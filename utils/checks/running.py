"""Run the programs that were handed over. No Python of the answer's is needed here, and no right answer is known."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import jax
import jax.export
import numpy as np

from utils.base.machine import cores
from utils.checks.crossing import Damaged, Failure, Handed, Program, Result, is_array
from utils.checks.exercise import Case, Exercise

OUTSIDE = (
    "The compiled program takes other arguments than the function: a value from an earlier call was stored outside the "
    "function and used again. A compiled function should depend only on its arguments."
)
STRANGE = "Its program calls {}, which is not part of it. Use `jnp` and `jax.lax`."
# what a program may call outside of its own operations; not LAPACK, which takes a forged call's sizes as they are
HARMLESS = ("mhlo.", "stablehlo.", "chlo.", "Sharding", "ApproxTopK", "annotate_device_placement")
_CALLS = re.compile(r'custom_call\s*@"?([^"(\s]+)|stablehlo\.(infeed|outfeed|send|recv|all_\w+|collective_\w+)')
_ANY_SIZE = re.compile(r"tensor<[^>]*\?")  # an array whose shape the program's text does not tell
_PRODUCT = re.compile(r"stablehlo\.(convolution|dot_general)")
# let XLA spend little on what it compiles: most programs are small, and run a few times
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def outcomes(exercise: Exercise, handed: Handed, seed: int) -> Iterator[tuple[Case, Result | Failure]]:
    """Each case with what the answer gives for it, up to the first failure; programs are run."""
    programs = [outcome for outcome in handed.outcomes if isinstance(outcome, Program)]
    message = ""
    if exercise.form and len(programs) == len(exercise.sizes):
        message = "Its program cannot be read."
        with contextlib.suppress(Exception):
            message = exercise.form([jax.export.deserialize(bytearray(one.code)).mlir_module() for one in programs])
    with ThreadPoolExecutor(cores()) as pool:  # XLA compiles a small program on one core
        pool.map(_compiled, [one.code for one in programs if not message])
    for number, case in enumerate(exercise.cases(seed)):
        outcome = next(iter(handed.outcomes[case.place if programs else number :]), None)
        if message:
            outcome = Failure("WRONG", message)
        elif isinstance(outcome, Program):
            outcome = _run(outcome, case)
        elif not isinstance(outcome, Result | Failure):
            outcome = Failure("NOT_CHECKED", "Nothing was handed over for it.")
        yield case, outcome
        if isinstance(outcome, Failure):
            return


def ran(exercise: Exercise, handed: Handed, seed: int) -> Handed:
    """The same with results in place of programs.

    Raises Damaged for what `answers.hand_over` does not give: it has a program for each size, or up to a failure.
    """
    *before, last = handed.outcomes or (None,)
    whole = isinstance(last, Program) and len(before) + 1 == len(exercise.sizes)
    stopped = isinstance(last, Failure) and len(before) < len(exercise.sizes)
    if not (whole or stopped) or not all(isinstance(one, Program) for one in before):
        raise Damaged("it is not a program for each size")
    return Handed(tuple(outcome for _, outcome in outcomes(exercise, handed, seed)), handed.printed)


def _run(program: Program, case: Case) -> Result | Failure:
    arrays = [leaf for leaf in jax.tree.leaves(case.inputs) if is_array(leaf)]
    try:
        takes, strange, call = _compiled(program.code)
        if takes != [(leaf.shape, leaf.dtype) for leaf in arrays]:
            return Failure("WRONG", OUTSIDE)
        if strange:
            return Failure("WRONG", STRANGE.format(", ".join(strange)))
        return Result(dict(zip(program.paths, map(np.asarray, call(*arrays)), strict=True)), program.whole)
    except Exception as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        return Failure("WRONG", f"Its program cannot be run: {first:.200}")


@lru_cache(maxsize=16)
def _compiled(code: bytes) -> tuple[list[Any], list[str], Any]:
    """What a program takes, what is in it that should not be, and the program."""
    exported = jax.export.deserialize(bytearray(code))
    text = exported.mlir_module()
    called = {"".join(names) for names in _CALLS.findall(text)}
    strange = sorted(name for name in called if not name.startswith(HARMLESS))
    strange += ["functions of any size"] * bool(_ANY_SIZE.search(text))
    trains = "stablehlo.while" in text and len(_PRODUCT.findall(text)) > 10  # a loop with more than a step's products
    call = None
    if not strange:
        call = jax.jit(exported.call).lower(*exported.in_avals).compile({} if trains else QUICKLY)
    return [(aval.shape, aval.dtype) for aval in exported.in_avals], strange, call
