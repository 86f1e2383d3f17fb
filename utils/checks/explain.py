"""From an exception that an answer raised to the sentence that its author needs."""

from __future__ import annotations

import linecache
import sysconfig
import traceback
from pathlib import Path
from types import FrameType

import jax

from utils.base.paths import NOTEBOOKS, RESSOURCES, ROOT, SOLUTIONS

# the first entry that fits is told: (exception, text in its message, likely cause)
CAUSES: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        jax.errors.TracerBoolConversionError,
        "",
        "A Python `if`, `while`, `and` or `assert` asked a traced array whether it is true. Under `jit` it has no "
        "value yet: use `jnp.where`, `jax.lax.cond`, or make the argument static.",
    ),
    (
        jax.errors.TracerArrayConversionError,
        "",
        "A NumPy function was given a traced array. Use the same function from `jnp`.",
    ),
    (
        jax.errors.TracerIntegerConversionError,
        "",
        "A Python integer is needed (a shape, a range, an index of a list), and a traced value was given. "
        "Take it from `.shape`, or make the argument static.",
    ),
    (
        jax.errors.NonConcreteBooleanIndexError,
        "",
        "`x[mask]` has a shape that depends on values, which `jit` can't compile. Keep the shape: "
        "`jnp.where(mask, x, 0)`.",
    ),
    (
        jax.errors.UnexpectedTracerError,
        "",
        "A value from inside a `jit`, `grad` or `vmap` was kept in a variable outside and used later. "
        "Return it instead.",
    ),
    (
        jax.errors.ConcretizationTypeError,
        "",
        "The value of a traced array is needed while tracing: `float()`, `int()`, `.item()`, a shape, or a Python "
        "`if`. Stay with `jnp`, or make the argument static.",
    ),
    (jax.errors.KeyReuseError, "", "One key is used for two draws. Split it first: `jax.random.split`."),
    (
        TypeError,
        "JAX arrays are immutable",
        "JAX arrays cannot be changed in place: write `x = x.at[index].set(value)`.",
    ),
    (
        TypeError,
        "Gradient only defined for scalar-output",
        "`jax.grad` wants a function that returns one number; this one returns an array. Take the mean, "
        "or `jax.vmap` the gradient.",
    ),
    (
        TypeError,
        "has_aux",
        "With `has_aux=True` the function returns a pair: `(loss, anything else)`.",
    ),
    (
        TypeError,
        "unhashable",
        "Something that cannot be hashed is used as a static argument or a dictionary key: arrays are not static.",
    ),
    (
        TypeError,
        "dot_general requires",
        "The two sides of a matrix product do not fit. Compare their shapes.",
    ),
    (
        TypeError,
        "incompatible shapes for broadcasting",
        "The shapes do not broadcast: compare them from the right.",
    ),
    (
        ValueError,
        "Incompatible shapes for broadcasting",
        "The shapes do not broadcast: compare them from the right.",
    ),
    (
        ValueError,
        "truth value of an array",
        "A Python `if` or `and` asked a whole array whether it is true. `jnp.where` decides for each element, `&` and "
        "`|` combine.",
    ),
    (
        ValueError,
        "vmap got inconsistent sizes",
        "`vmap` takes axis 0 of every argument as the batch. What is the same for all examples needs `None` "
        "in `in_axes`.",
    ),
    (
        ValueError,
        "vmap was requested to map its argument along axis",
        "`vmap` takes axis 0 of every argument as the batch. What is the same for all examples needs `None` "
        "in `in_axes`.",
    ),
    (
        ValueError,
        "pytree structure error",
        "Two pytrees that are walked together have different structures. Are both what you take them for? "
        "(`jax.value_and_grad` returns a pair; the value comes first.)",
    ),
    (
        TypeError,
        "must be tuples or lists; found",
        "`jax.jvp` takes the point and the direction as tuples, an entry for each argument: `(x,), (v,)`.",
    ),
    (
        ValueError,
        "for argument to VJP function",
        "The function that `jax.vjp` returns takes something of the shape of the result, not of the argument.",
    ),
    (
        NameError,
        "",
        "The name is not defined there. Are the cells above run, and is it an argument of the function?",
    ),
    (
        TypeError,
        "grad requires real- or complex-valued inputs",
        "`jax.grad` differentiates by the first argument, and there are integers in it. Make the weights alone that "
        "argument.",
    ),
    (
        AttributeError,
        "cannot assign to field",
        "A state is not changed in place: `state.replace(field=…)` makes a new one.",
    ),
    (
        AttributeError,
        "can't set attribute",
        "A NamedTuple cannot be changed in place: `t._replace(field=…)` makes a new one.",
    ),
    (
        IndexError,
        "Slice entries must be static integers",
        "Inside a compiled loop the length of a slice must be known: `jax.lax.dynamic_slice_in_dim(x, start, length)`.",
    ),
    (RecursionError, "", "The function calls itself without end."),
)


def cause(error: BaseException) -> str:
    """The likely cause of an exception, or "" when none is known."""
    text = str(error)
    for kind, part, likely in CAUSES:
        if isinstance(error, kind) and part in text:
            return likely
    return ""


def explained(error: BaseException) -> str:
    """What was raised, where in the answer, and the likely cause."""
    where = ""
    frames = answer_frames(error)
    if frames:
        frame, line = frames[-1]
        source = linecache.getline(frame.f_code.co_filename, line).strip()
        where = f" in line {line}" + (f", `{source}`" if source else "")
    doing = getattr(error, "course_doing", "")
    first = str(error).strip().splitlines()[0] if str(error).strip() else ""
    if len(first) > 200:
        first = first[:197] + "…"
    head = f"It raised {type(error).__name__}{where}" + (f", {doing}" if doing else "")
    likely = cause(error)
    if likely:
        return f"{head}. {likely}"
    return f"{head}: {first}" if first else f"{head}."


_LIBRARIES = tuple(
    Path(sysconfig.get_paths()[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
# the solutions too: when the course's answer trips over what the student's returned, none of its lines may show
_OF_THE_COURSE = (ROOT / "utils", ROOT / ".venv", SOLUTIONS, NOTEBOOKS, RESSOURCES)


def answer_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """The frames (with line numbers) of an exception that are neither the course's nor a library's."""
    return [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _is_answer(frame)]


def _is_answer(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    if file.startswith("<"):  # generated code, unless it is a cell's
        return file.startswith(("<ipython-input", "<answer"))
    return not any(Path(file).resolve().is_relative_to(place) for place in (*_LIBRARIES, *_OF_THE_COURSE))
