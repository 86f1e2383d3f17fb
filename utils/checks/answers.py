"""The side of the answer: call it or export it, and hand over what the judge needs."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import itertools
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
from utils.checks.crossing import Failure, Handed, Outcome, Program, Result, is_array, kind, leaves
from utils.checks.exercise import NOTEBOOK_SEED, Exercise
from utils.checks.explain import answer_frames, explained
from utils.checks.limits import TookTooMuch, time_limit

# where it differs, `jax.jit` uses nothing that it traced before
_TRACED_ANEW = jax.make_user_context(False)  # type: ignore[no-untyped-call, unused-ignore]
CHANGED = "It changed one of its arguments. A pure function does not change them; it returns new values."
REUSED = (
    "One key is used twice: for two draws, or for a draw after it was split. Split it first with `jax.random.split`, "
    "and use only the new keys."
)


class Told(Exception):
    """`ask` has found what is wrong; the message says it."""


def hand_over(
    exercise: Exercise, answer: Any, seed: int = NOTEBOOK_SEED, names: Mapping[str, Any] | None = None
) -> Handed:
    """What crosses of an answer to an exercise, whatever it is; raises nothing.

    An answer that crosses as values is called on the cases of `seed`. `names` is what the notebook's names stand for;
    by default those that the answer sees.
    """
    out = _Tail()
    outcomes: list[Outcome] = []
    try:
        with (
            time_limit(exercise.seconds),
            contextlib.redirect_stdout(out),
            warnings.catch_warnings(action="ignore"),
            np.errstate(all="ignore"),  # here and below: whatever the notebook has set
            jax.default_prng_impl("threefry2x32"),
            _undisturbed(),
        ):
            _is_what_was_asked(exercise.name, answer)
            cross: Callable[..., Outcome] = result
            cases = exercise.cases(seed)
            if exercise.crosses == "program":  # which depends on shapes alone: nothing of `seed` is in it
                cross, cases = program, itertools.islice(exercise.cases(NOTEBOOK_SEED), len(exercise.sizes))
            watched, seen = _watched(answer), own(exercise, answer, names)
            for case in cases:
                outcomes.append(cross(exercise, watched, seen, case.inputs))
    except BaseException as error:
        outcomes.append(_failure(exercise, error))
    printed = out.text.rstrip().splitlines()[-6:]
    return Handed(tuple(outcomes), "\n".join(line[:200] for line in printed))


def program(exercise: Exercise, answer: Any, own: Any, inputs: dict[str, Any]) -> Program:
    """`ask` with this answer as a function of the case's arrays, one after the other, that gives a list of leaves."""
    within, tree = jax.tree.flatten(inputs)
    found = Result({}, "")

    def call(*arrays: Any) -> list[Any]:
        nonlocal found
        left = iter(arrays)
        given = jax.tree.unflatten(tree, [next(left) if is_array(leaf) else leaf for leaf in within])
        found = _asked(exercise, answer, own, inputs, given)
        return [jnp.asarray(leaf) for leaf in found.leaves.values()]

    with _TRACED_ANEW(True):
        exported = jax.export.export(jax.jit(call), platforms=["cpu"])(*filter(is_array, within))
    return Program(bytes(exported.serialize()), tuple(found.leaves), found.whole)


def result(exercise: Exercise, answer: Any, own: Any, inputs: dict[str, Any]) -> Result:
    """What `ask` gives for a case's inputs.

    Where values cross nothing is compiled that `ask` does not want so, and an endless `lax.while_loop` can be stopped.
    """
    with jax.disable_jit(exercise.crosses == "values"):
        given = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, inputs)
        found = _asked(exercise, answer, own, inputs, given)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in found.leaves.values()):
        raise Told(
            "It returned a tracer: a value from inside a `jit`, `grad` or `vmap` was stored in a variable outside. "
            "Return the value instead of storing it."
        )
    kept = {name: np.asarray(leaf) if is_array(leaf) else leaf for name, leaf in found.leaves.items()}
    return Result(kept, found.whole)


def _asked(exercise: Exercise, answer: Any, own: Any, inputs: dict[str, Any], given: dict[str, Any]) -> Result:
    """What `ask` gives for inputs in the form `given`."""
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
    return Result(found, kind(whole))


def own(exercise: Exercise, answer: Any, names: Mapping[str, Any] | None = None) -> SimpleNamespace:
    """The classes that `exercise.classes` names: the notebook's where it has them with these fields, else those."""
    inner = inspect.unwrap(answer.func if isinstance(answer, functools.partial) else answer)
    seen = {**getattr(inner, "__globals__", {}), **(names or {})}
    found = {}
    for name, stand_in in exercise.classes.items():
        theirs = seen.get(name)
        has, needs = (set(getattr(c, "_fields", getattr(c, "__dataclass_fields__", ()))) for c in (theirs, stand_in))
        found[name] = theirs if isinstance(theirs, type) and needs <= has else stand_in
    return SimpleNamespace(**found)


def _is_what_was_asked(name: str, answer: Any) -> None:
    asked, rather = "function", "the function, not what it returns"
    if name[0].isupper():
        asked, rather = "class", "the class, not an instance of it"
    if not callable(answer) or inspect.isclass(answer) != (asked == "class"):
        raise Told(f"`{name}` should be a {asked}; it is {kind(answer)}. Pass {rather}.")


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
    return Failure("WRONG", f"What it returns cannot be used: {message.removeprefix('It raised ')}", text)


def _watched(answer: Any) -> Any:
    """A function that does as the answer, and tells if it can't be called or gives nothing. A class stays as it is."""
    if inspect.isclass(answer):
        return answer

    @functools.wraps(answer, updated=())
    def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            result = answer(*args, **kwargs)
        except TypeError as error:
            began = error.__traceback__ and error.__traceback__.tb_next
            if not began and "argument" in str(error):
                raise Told(f"It cannot be called as the task says: {error}. Leave its first line as it was.") from None
            raise
        if result is None:
            raise Told("It returned `None`. Is the `return` missing?")
        return result

    return watched


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave out JAX's tools to find faults, and `jax.debug`'s prints: a program that crosses may not call back."""
    with contextlib.ExitStack() as quiet:
        for setting in (jax.disable_jit, jax.debug_nans, jax.debug_infs, jax.check_tracer_leaks):
            quiet.enter_context(setting(False))
        calls_back = jax.make_jaxpr(lambda x: [jax.debug.print("{}", x), jax.debug.callback(print, x)])(0.0)
        for equation in calls_back.eqns:
            quiet.enter_context(mock.patch.object(equation.primitive, "bind", lambda *_, **__: []))
        yield


class _Tail(io.TextIOBase):
    """What was printed, of which only the end is kept: an answer may print without end."""

    text = ""

    def write(self, text: str) -> int:
        self.text = (self.text + text)[-4000:]
        return len(text)
