"""What `check` is in an exercise notebook."""

from __future__ import annotations

import difflib
import html
import inspect
import os
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

from utils.base import definitions
from utils.base.errors import CourseError
from utils.base.markers import BEGIN, END
from utils.base.paths import ROOT
from utils.checks import known
from utils.checks.judge import judge
from utils.checks.registry import RESERVED, Exercise, Unit
from utils.checks.verdict import Kind, Verdict, box, marked_up

_NEUTRAL = "#57606a"


class UnknownExercise(CourseError, AttributeError):
    """There is no exercise of that name in this unit."""


class CheckFailed(CourseError):
    """Under COURSE_GRADING=1: the answer is not right. Holds the verdict."""

    def __init__(self, verdict: Verdict):
        super().__init__(str(verdict))
        self.verdict = verdict


class Checker:
    """`NAME = check.NAME(NAME)` judges an answer, shows the verdict and returns what to go on with.

    That is the student's own answer when it is right, else the course's, with a line that says so. In a copy of the
    course without its solutions it is always the student's own; recorded values of the course's answers judge it.
    """

    def __init__(self, unit: Unit, solution: ModuleType | None = None):
        """`solution` holds the course's answers; by default they are read from the unit's solution file."""
        self._unit = unit
        self._answers_are_here = solution is not None or (ROOT / unit.solution).exists()
        self._solution = solution or definitions.load(unit.solution if self._answers_are_here else known.stubs(unit))
        self._verdicts: dict[str, Verdict] = {}
        self._hints_shown: dict[str, int] = {}
        self._revealed: set[str] = set()

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        exercise = self._exercise(name)

        def check_it(answer: Any) -> Any:
            return self._check(exercise, answer)

        check_it.__name__ = name
        check_it.__doc__ = f"Judge your `{name}` and return what to go on with."
        return check_it

    def __dir__(self) -> list[str]:
        return [*self._unit.exercises, *RESERVED]

    def __repr__(self) -> str:
        return f"checks of {self._unit.name}: {', '.join(self._unit.exercises)}"

    def hint(self, name: str) -> None:
        """Show the next hint for an exercise; call again for one more."""
        exercise = self._exercise(name)
        shown = min(self._hints_shown.get(name, 0) + 1, len(exercise.hints))
        self._hints_shown[name] = shown
        lines = [f"Hint {i} of {len(exercise.hints)}: {hint}" for i, hint in enumerate(exercise.hints[:shown], 1)]
        lines.append(
            "Run this again for the next one."
            if shown < len(exercise.hints)
            else "That was the last one."
            + f" `check.reveal({name!r})` shows the course's answer; it then scores nothing." * self._answers_are_here
        )
        _show("\n".join(lines), box("<br>".join(marked_up(line) for line in lines), _NEUTRAL))

    def reveal(self, name: str) -> None:
        """Show the course's answer. The exercise scores nothing from then on."""
        exercise = self._exercise(name)
        if not self._answers_are_here:
            note = f"This copy of the course doesn't hold its answers. `check.hint({name!r})` helps."
            return _show(note, box(marked_up(note), _NEUTRAL))
        self._revealed.add(name)
        lines = inspect.getsource(self._reference(exercise)).splitlines()
        code = textwrap.dedent("\n".join(line for line in lines if line.strip() not in (BEGIN, END)))
        note = f"The course's `{name}`, one way among others. It is noted as revealed and scores nothing."
        _show(
            f"{note}\n\n{code}",
            box(f"{marked_up(note)}<pre style='margin:6px 0 0'>{html.escape(code)}</pre>", _NEUTRAL),
        )

    def progress(self) -> None:
        """Show what is done, what is left, and the points."""
        rows = [(exercise, self._status(exercise)) for exercise in self._unit.exercises.values()]
        points = sum(verdict.points for _, verdict in rows)
        total = sum(exercise.points for exercise, _ in rows)
        done = sum(verdict.kind is Kind.RIGHT for _, verdict in rows)
        head = f"{self._unit.name}: {done} of {len(rows)} exercises right, {points} of {total} points"
        width = max(len(exercise.name) for exercise, _ in rows)
        text = [head] + [
            f"{v.kind.mark} {e.name:<{width}}  {_stars(e)}  {v.points}/{e.points}  {self._remark(e, v)}"
            for e, v in rows
        ]
        _show("\n".join(text), self._progress_html(head, rows, points / total if total else 0.0))

    # --- inside -----------------------------------------------------------------------------------

    def _check(self, exercise: Exercise, answer: Any) -> Any:
        reference = self._reference(exercise)
        if answer is reference:
            verdict = self._handed_back(exercise)
        else:
            values = known.COMPUTED if self._answers_are_here else known.Recorded(self._unit.name, exercise.name)
            verdict = judge(exercise, answer, reference, values)
            verdict = self._without_points_if_revealed(verdict)
            self._verdicts[exercise.name] = verdict
        if verdict.kind is Kind.RIGHT:
            _show_verdict(verdict)
            return answer
        if os.environ.get("COURSE_GRADING") == "1":
            raise CheckFailed(verdict)
        _show_verdict(verdict)
        return reference if self._answers_are_here else answer

    def _handed_back(self, exercise: Exercise) -> Verdict:
        """The check cell ran twice: the name stands for the course's version by now."""
        before = self._verdicts.get(exercise.name)
        kind = before.kind if before and before.kind is not Kind.RIGHT else Kind.NOT_ATTEMPTED
        message = "This is the course's version. Run the cell with your own answer again, then this one."
        return Verdict(exercise.name, kind, message, 0, exercise.points)

    def _without_points_if_revealed(self, verdict: Verdict) -> Verdict:
        own = "Going on with your own: this copy of the course doesn't hold its answers, so what follows may not work."
        theirs = "Going on with the course's version, so what follows works."
        goes_on = "" if verdict.kind is Kind.RIGHT else theirs if self._answers_are_here else own
        revealed = verdict.kind is Kind.RIGHT and verdict.exercise in self._revealed
        return Verdict(
            verdict.exercise,
            verdict.kind,
            "The answer was revealed, so it scores nothing." if revealed else verdict.message,
            0 if revealed else verdict.points,
            verdict.of,
            verdict.printed,
            goes_on,
        )

    def _exercise(self, name: str) -> Exercise:
        if exercise := self._unit.exercises.get(name):
            return exercise
        names = ", ".join(self._unit.exercises)
        close = difflib.get_close_matches(str(name), self._unit.exercises, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise UnknownExercise(f"{self._unit.name} has no exercise {name!r}.{meant} There are: {names}.")

    def _reference(self, exercise: Exercise) -> Any:
        try:
            return getattr(self._solution, exercise.name)
        except AttributeError:
            raise CourseError(f"{self._unit.solution} does not define {exercise.name!r}.") from None

    def _status(self, exercise: Exercise) -> Verdict:
        return self._verdicts.get(exercise.name) or Verdict(exercise.name, Kind.NOT_ATTEMPTED, "", 0, exercise.points)

    def _remark(self, exercise: Exercise, verdict: Verdict) -> str:
        return "revealed" if exercise.name in self._revealed else verdict.kind.words

    def _progress_html(self, head: str, rows: list[tuple[Exercise, Verdict]], share: float) -> str:
        cells = "".join(
            f"<tr><td style='color:{v.kind.colour};text-align:center'>{v.kind.mark}</td>"
            f"<td style='text-align:left'><code>{html.escape(e.name)}</code></td>"
            f"<td style='text-align:left'>{marked_up(e.title)}</td><td>{_stars(e)}</td>"
            f"<td style='white-space:nowrap'>{e.minutes} min</td>"
            f"<td>{v.points}/{e.points}</td>"
            f"<td style='text-align:left;white-space:nowrap'>{self._remark(e, v)}</td></tr>"
            for e, v in rows
        )
        bar = (
            f"<div style='background:{_NEUTRAL}33;height:8px;border-radius:4px;margin:6px 0'><div style='width:"
            f"{share:.0%};background:{Kind.RIGHT.colour};height:8px;border-radius:4px'></div></div>"
        )
        return box(f"<b>{html.escape(head)}</b>{bar}<table>{cells}</table>", _NEUTRAL)


def _stars(exercise: Exercise) -> str:
    return "★" * exercise.stars + "☆" * (3 - exercise.stars)


def _show_verdict(verdict: Verdict) -> None:
    _show(str(verdict), verdict.html())


def _show(text: str, markup: str) -> None:
    """In a notebook the markup, with the text for viewers that have none; elsewhere the text."""
    if _in_notebook():
        from IPython.display import display

        display({"text/plain": text, "text/html": markup}, raw=True)
    else:
        print(text)


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"
