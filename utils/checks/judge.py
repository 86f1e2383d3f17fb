"""Run one check on one answer, and turn whatever happens into a verdict."""

from __future__ import annotations

import _thread
import contextlib
import inspect
import io
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from utils.base.markers import STUB_MESSAGE
from utils.checks import known
from utils.checks.explain import answer_frames, explained
from utils.checks.probes import Mistake, expect, fail, kind
from utils.checks.registry import WALL, Exercise
from utils.checks.verdict import Kind, Verdict

_PRINTED_LINES = 6
LOOK = 0.25  # seconds between two looks at the clocks


class _TookTooLong(BaseException):
    """Not an Exception: an answer's own `except Exception` must not swallow it."""


def judge(exercise: Exercise, answer: Any, reference: Any, values: known.Source = known.computed) -> Verdict:
    """The verdict on an answer; raises nothing.

    Args:
      exercise: what was asked.
      answer: what the student handed over, of any kind.
      reference: the course's own answer; where it isn't there, its stub.
      values: where what the check must know of the course's answer comes from.
    """
    out = _Tail()
    try:
        with (
            time_limit(exercise.seconds),
            contextlib.redirect_stdout(out),
            warnings.catch_warnings(action="ignore"),
            known.values_from(values),
        ):
            _is_what_was_asked(exercise.name, answer, reference)
            exercise.check(answer, reference)
    except BaseException as error:
        found, message = _judged(exercise, reference, error, values is known.computed)
        printed = out.last(_PRINTED_LINES) if found is Kind.WRONG else ""
        endless = isinstance(error, _TookTooLong)
        return Verdict(exercise.name, found, message, 0, exercise.points, printed, endless=endless)
    return Verdict(exercise.name, Kind.RIGHT, "", exercise.points, exercise.points)


def _judged(exercise: Exercise, reference: Any, error: BaseException, has_answers: bool) -> tuple[Kind, str]:
    match error:
        case Mistake():
            return Kind.WRONG, str(error)
        case known.NotKnown():
            return Kind.NOT_CHECKED, str(error)
        case _TookTooLong():
            return Kind.WRONG, (
                f"It still ran after {exercise.seconds:g} seconds of computing and was stopped. Is there a loop that "
                "never ends, for example over batches that repeat for ever?"
            )
        case KeyboardInterrupt():
            return Kind.NOT_CHECKED, "The check was interrupted. Run the cell again."
        case SystemExit():
            return Kind.WRONG, "It called `exit()`. Return the result instead."
        case NotImplementedError() if STUB_MESSAGE in str(error):
            return _stopped_at_a_stub(exercise, reference, error, has_answers)
    if answer_frames(error):
        return Kind.WRONG, explained(error)
    return _nothing_of_theirs(exercise, reference, error, has_answers)


def _stopped_at_a_stub(exercise: Exercise, reference: Any, error: BaseException, has_answers: bool) -> tuple[Kind, str]:
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if not has_answers and frame.f_code.co_filename == inspect.getfile(reference):
        return Kind.NOT_CHECKED, "The check needs the course's answer, which this copy of the course doesn't hold."
    theirs = answer_frames(error)
    stub = theirs[-1][0].f_code.co_qualname.split(".")[0] if theirs else ""  # "CNN" for `CNN.__call__`
    if stub in ("", exercise.name):
        return Kind.NOT_ATTEMPTED, f"Stuck? `check.hint({exercise.name!r})`"
    first = f"Run the check cell of `{stub}` first." if has_answers else f"Write `{stub}` first."
    return Kind.NOT_CHECKED, f"It calls `{stub}`, which is not written yet. {first}"


def _nothing_of_theirs(exercise: Exercise, reference: Any, error: BaseException, has_answers: bool) -> tuple[Kind, str]:
    """An exception with no line of the answer in it: what it returned was unusable, or the check is broken.

    Without the solutions the first is taken for granted: values are recorded only if the check works.
    """
    if has_answers:
        try:
            with time_limit(exercise.seconds), contextlib.redirect_stdout(io.StringIO()):
                exercise.check(reference, reference)
        except BaseException as own:
            return Kind.NOT_CHECKED, (
                f"The check itself failed ({type(own).__name__}), on the course's own answer too: this is not your "
                "doing. `make doctor` tells whether the installation is sound."
            )
    return Kind.WRONG, f"What it returns cannot be used: {explained(error).removeprefix('It raised ')}"


def _is_what_was_asked(name: str, answer: Any, reference: Any) -> None:
    is_class = inspect.isclass(answer)
    if inspect.isclass(reference):
        hand_over = "Hand over the class, not what it makes."
        return expect(is_class, f"`{name}` should be a class; it is {kind(answer)}. {hand_over}")
    hand_over = "Hand over the function, not what it returns."
    expect(callable(answer) and not is_class, f"`{name}` should be a function; it is {kind(answer)}. {hand_over}")
    try:
        want, got = inspect.signature(reference), inspect.signature(answer)
    except (TypeError, ValueError):
        return
    required = [p for p in want.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    keywords = {p.name: None for p in want.parameters.values() if p.kind is p.KEYWORD_ONLY}
    try:
        got.bind(*required, **keywords)
    except TypeError:
        fail(f"`{name}` takes {got}; it is called with {want}. Leave its first line as it was.")


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop Python code that has used that many CPU seconds, all threads of the process counted.

    So a busy machine stops nobody. Code that only waits is stopped after WALL times as long by the clock. A single call
    into compiled code is not stopped before it returns.
    """
    computed, waited = time.process_time() + seconds, time.monotonic() + WALL * seconds

    def is_over() -> bool:
        return time.process_time() > computed or time.monotonic() > waited

    if threading.current_thread() is not threading.main_thread():
        yield
    elif hasattr(signal, "setitimer"):
        yield from _by_alarm(is_over)
    else:
        yield from _by_interrupt(is_over)


def _by_alarm(is_over: Callable[[], bool]) -> Iterator[None]:
    def look(*_: Any) -> None:
        if is_over():  # and again at the next look: a bare `except:` in a loop would swallow the first
            raise _TookTooLong

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK, LOOK)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # also when the alarm went off in the line before
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _by_interrupt(is_over: Callable[[], bool]) -> Iterator[None]:
    """For systems without interval timers: Windows."""
    done, fired = threading.Event(), threading.Event()

    def look() -> None:
        while not done.wait(LOOK):
            if is_over():
                fired.set()
                return _thread.interrupt_main()

    threading.Thread(target=look, daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        if fired.is_set():
            raise _TookTooLong from None
        raise
    finally:
        done.set()


class _Tail(io.TextIOBase):
    """What was printed, of which only the end is kept: an answer may print without end."""

    def __init__(self, keep: int = 4000):
        self._keep, self._text = keep, ""

    def write(self, text: str) -> int:
        self._text = (self._text + text)[-self._keep :]
        return len(text)

    def last(self, lines: int) -> str:
        return "\n".join(line[:200] for line in self._text.rstrip().splitlines()[-lines:])
