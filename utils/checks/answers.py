"""The side of the answer: call it or export it, and hand over what the judge needs."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from unittest import mock

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from utils.base.markers import STUB_MESSAGE
from utils.checks.crossing import Failure, Handed, Leaves, Outcome, Program, Result, is_array, kind, leaves
from utils.checks.exercise import NOTEBOOK_SEED, Exercise
from utils.checks.explain import answer_frames, explained
from utils.checks.limits import TookTooMuch, time_limit

_PRINTED_LINES = 6
# where it differs, `jax.jit` uses nothing that it traced before
_TRACED_ANEW = jax.make_user_context(False)  # type: ignore[no-untyped-call, unused-ignore]
CHANGED = "It changed one of its arguments. A pure function does not change them; it returns new values."
REUSED = (
    "One key is used twice: for two draws, or for a draw after it was split. Split it first with `jax.random.split`, "
    "and use only the new keys."
)
TRACER = (
    "It returned a tracer: a value from inside a `jit`, `grad` or `vmap` was stored in a variable outside. Return "
    "the value instead of storing it."
)


class Told(Exception):
    """`ask` has found what is wrong; the message says it."""


def hand_over(
    exercise: Exercise, answer: Any, seed: int = NOTEBOOK_SEED, names: Mapping[str, Any] | None = None
) -> Handed:
    """What crosses of an answer to an exercise; raises nothing.

    Args:
        exercise: What was asked.
        answer: What the student handed over, of any kind.
        seed: Of the cases that an answer which crosses as values is called on.
        names: What the notebook's names stand for; by default those that the answer sees.
    """
    out = _Tail()
    outcomes: list[Outcome] = []
    try:
        with (
            time_limit(exercise.seconds),
            contextlib.redirect_stdout(out),
            warnings.catch_warnings(action="ignore"),
            np.errstate(all="ignore"),  # here and below: whatever the notebook has set
            jax.disable_jit(False),
            jax.default_prng_impl("threefry2x32"),
            _without_prints(),
        ):
            _is_what_was_asked(exercise.name, answer)
            each = programs if exercise.crosses == "program" else results
            for outcome in each(exercise, _watched(answer), own(exercise, answer, names), seed):
                outcomes.append(outcome)
    except BaseException as error:
        outcomes.append(_failure(exercise, error))
    return Handed(tuple(outcomes), out.last(_PRINTED_LINES))


def programs(exercise: Exercise, answer: Any, own: Any, seed: int) -> Iterator[Program]:
    """The program of `ask` with this answer, for each size. It depends on shapes alone: nothing of `seed` is in it."""
    for place in range(len(exercise.sizes)):
        call = flat(exercise, answer, own, exercise.case(NOTEBOOK_SEED, place).inputs)
        specs = jax.eval_shape(lambda *arrays: arrays, *call.arrays)
        with _TRACED_ANEW(True):
            exported = jax.export.export(jax.jit(call), platforms=["cpu"])(*specs)
        yield Program(bytes(exported.serialize()), tuple(call.paths), call.whole)


def results(exercise: Exercise, answer: Any, own: Any, seed: int) -> Iterator[Result]:
    """What `ask` gives for each case.

    Nothing is compiled that `ask` does not want so, and an endless `lax.while_loop` can be stopped.
    """
    for case in exercise.cases(seed):
        with jax.disable_jit():
            yield result(exercise, answer, own, case.inputs)


def result(exercise: Exercise, answer: Any, own: Any, inputs: dict[str, Any]) -> Result:
    """What `ask` gives for a case's inputs."""
    given = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, inputs)
    found, whole = _asked(exercise, answer, own, inputs, given)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in found.values()):
        raise Told(TRACER)
    return Result({name: np.asarray(leaf) if is_array(leaf) else leaf for name, leaf in found.items()}, whole)


class flat:
    """`ask` with this answer as a function of the case's arrays, one after the other, that returns a list of leaves.

    `arrays` are those of the case. After a call, `paths` and `whole` say what the leaves are.
    """

    def __init__(self, exercise: Exercise, answer: Any, own: Any, inputs: dict[str, Any]):
        self._asked = functools.partial(_asked, exercise, answer, own, inputs)
        self._leaves, self._tree = jax.tree.flatten(inputs)
        self._places = [place for place, leaf in enumerate(self._leaves) if is_array(leaf)]
        self.arrays = [self._leaves[place] for place in self._places]
        self.paths: list[str] = []
        self.whole = ""

    def __call__(self, *arrays: Any) -> list[Any]:
        """The leaves of what `ask` gives for these arrays."""
        filled = list(self._leaves)
        for place, leaf in zip(self._places, arrays, strict=True):
            filled[place] = leaf
        found, self.whole = self._asked(jax.tree.unflatten(self._tree, filled))
        self.paths = list(found)
        return [jnp.asarray(leaf) for leaf in found.values()]


def _asked(
    exercise: Exercise, answer: Any, own: Any, inputs: dict[str, Any], given: dict[str, Any]
) -> tuple[Leaves, str]:
    """The leaves of what `ask` gives for inputs in the form `given`, and what it is as a whole."""
    before = [(path, id(leaf)) for path, leaf in jax.tree.leaves_with_path(given)]
    whole = exercise.ask(answer, own, **{name: given[name] for name in inputs})  # in their order: JAX sorts names
    if before != [(path, id(leaf)) for path, leaf in jax.tree.leaves_with_path(given)]:
        raise Told(CHANGED)
    found = leaves(whole)
    may_be = (bool, int, float) if exercise.crosses == "program" else (bool, int, float, str, type(None))
    for name, leaf in found.items():
        if not (is_array(leaf) or isinstance(leaf, may_be)):
            where = f" at {name}" if name else ""
            raise Told(f"The result{where} is {kind(leaf)}; expected an array.")
    return found, kind(whole)


def own(exercise: Exercise, answer: Any, names: Mapping[str, Any] | None = None) -> SimpleNamespace:
    """The classes that `exercise.classes` names: the notebook's where it has them with these fields, else those."""
    inner = inspect.unwrap(answer.func if isinstance(answer, functools.partial) else answer)
    seen = dict(getattr(sys.modules.get(getattr(inner, "__module__", "")), "__dict__", {}))
    seen |= getattr(inner, "__globals__", {})
    seen |= names or {}
    found = {}
    for name, stand_in in exercise.classes.items():
        theirs = seen.get(name)
        found[name] = theirs if isinstance(theirs, type) and set(fields(stand_in)) <= set(fields(theirs)) else stand_in
    return SimpleNamespace(**found)


def uses_keys_once(function: Callable[..., Any], key: jax.Array, *arrays: Any) -> None:
    """Trace a function of a key and trees of arrays.

    Raises:
        jax.errors.KeyReuseError: A key is used twice.
    """
    try:
        from jax.experimental.key_reuse._core import check_key_reuse  # not public: a release of JAX may move it
    except ImportError:
        given = jax.tree.map(lambda array: jnp.ones(array.shape, array.dtype), arrays)
        with jax.ensure_compile_time_eval(), jax.debug_key_reuse(True):
            function(jax.random.key(0, impl=jax.random.key_impl(key)), *given)
    else:
        check_key_reuse(function, key, *arrays)


def fields(cls: type) -> tuple[str, ...]:
    """The fields of a named tuple or dataclass; none for any other class."""
    return tuple(getattr(cls, "_fields", ()) or getattr(cls, "__dataclass_fields__", ()))


def _is_what_was_asked(name: str, answer: Any) -> None:
    if name[0].isupper():
        if not inspect.isclass(answer):
            raise Told(f"`{name}` should be a class; it is {kind(answer)}. Pass the class, not an instance of it.")
    elif not callable(answer) or inspect.isclass(answer):
        raise Told(f"`{name}` should be a function; it is {kind(answer)}. Pass the function, not what it returns.")


def _failure(exercise: Exercise, error: BaseException) -> Failure:
    match error:
        case Told():
            return Failure("WRONG", str(error))
        case jax.errors.KeyReuseError():
            return Failure("WRONG", REUSED)
        case TookTooMuch():
            message = f"It was stopped after {error}. Is there a loop that never ends, or an array that only grows?"
            return Failure("WRONG", message, endless=True)
        case KeyboardInterrupt():
            return Failure("NOT_CHECKED", "The check was interrupted. Run the cell again.")
        case SystemExit():
            return Failure("WRONG", "It called `exit()`. Return the result instead.")
        case NotImplementedError() if STUB_MESSAGE in str(error):
            theirs = answer_frames(error)
            stub = theirs[-1][0].f_code.co_qualname.split(".")[0] if theirs else ""  # "CNN" for `CNN.__call__`
            if stub in ("", exercise.name):
                return Failure("NOT_ATTEMPTED", f"Stuck? `check.hint({exercise.name!r})`")
            return Failure("NOT_CHECKED", f"It calls `{stub}`, which is not written yet. Run its check cell first.")
    message, text = explained(error)
    if answer_frames(error):
        return Failure("WRONG", message, text)
    if isinstance(error, TypeError) and (call := _refused(error)):
        return Failure("WRONG", call)
    return Failure("WRONG", f"What it returns cannot be used: {message.removeprefix('It raised ')}", text)


def _watched(answer: Any) -> Any:
    """A function that does as the answer, and says so if that gives nothing. A class stays as it is."""
    if inspect.isclass(answer):
        return answer

    @functools.wraps(answer, updated=())
    def watched(*args: Any, **kwargs: Any) -> Any:
        result = answer(*args, **kwargs)
        if result is None:
            raise Told("It returned `None`. Is the `return` missing?")
        return result

    return watched


def _refused(error: TypeError) -> str:
    """What to say when the answer does not take the arguments that it was called with: nothing of it has run."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if frame.f_code.co_qualname != f"{_watched.__name__}.<locals>.watched" or "argument" not in str(error):
        return ""
    return f"It cannot be called as the task says: {error}. Leave its first line as it was."


@contextlib.contextmanager
def _without_prints() -> Iterator[None]:
    """Take `jax.debug`'s prints out of what is traced, by whatever name: a program that crosses may not call back."""
    with contextlib.ExitStack() as quiet:
        for primitive in _calls_back():
            quiet.enter_context(mock.patch.object(primitive, "bind", lambda *_, **__: []))
        yield


@functools.cache
def _calls_back() -> list[Any]:
    """What `jax.debug` does, as JAX's primitives."""
    told = jax.make_jaxpr(lambda x: [jax.debug.print("{}", x), jax.debug.callback(print, x)])(0.0)
    return [equation.primitive for equation in told.eqns]


class _Tail(io.TextIOBase):
    """What was printed, of which only the end is kept: an answer may print without end."""

    def __init__(self, keep: int = 4000):
        self._keep, self._text = keep, ""

    def write(self, text: str) -> int:
        self._text = (self._text + text)[-self._keep :]
        return len(text)

    def last(self, lines: int) -> str:
        """The last lines, none of them long."""
        return "\n".join(line[:200] for line in self._text.rstrip().splitlines()[-lines:])
