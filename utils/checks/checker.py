"""What `check` is in an exercise notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from utils.base import definitions, notebook
from utils.base.errors import CourseError, unknown
from utils.base.paths import ROOT
from utils.checks import standing, start
from utils.checks.answers import hand_over
from utils.checks.crossing import dumps
from utils.checks.exercise import Exercise
from utils.checks.mistakes import source
from utils.checks.registry import RESERVED, Unit
from utils.checks.standing import Noted
from utils.checks.verdict import REVEALED, Kind, Look, Verdict, show, show_code
from utils.checks.worker import Judge

OWN = "Continuing with your version, so the cells below may fail: this copy of the course does not include the answers."
THEIRS = "Continuing with the course's version, so the cells below work."


class UnknownExercise(CourseError, AttributeError):
    """There is no exercise of that name in this unit."""


class Checker:
    """`NAME = check.NAME(NAME)` judges an answer, shows the verdict and returns what to go on with.

    That is the student's own answer when it is right, else the course's, with a line that says so. In a copy of the
    course without its solutions it is always the student's own; recorded results of the course's answers judge it.
    """

    def __init__(self, unit: Unit):
        """A notebook's process for judging starts here, so that the first verdict need not wait for it."""
        self._unit = unit
        self._solution = definitions.load(unit.solution) if (ROOT / unit.solution).exists() else None
        self._judge = Judge(unit)
        if notebook.shell():
            self._judge.start()
        self._noted = standing.read(unit.name)

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        exercise = self._exercise(name)

        def check_it(*answers: Any) -> Any:
            if len(answers) != 1:
                raise CourseError(f"Pass one answer to the check: {name} = check.{name}({name}).")
            return self._check(exercise, answers[0])

        check_it.__name__ = name
        check_it.__doc__ = f"Judge your `{name}` and return what to go on with."
        return check_it

    def __dir__(self) -> list[str]:
        return [*self._unit.exercises, *RESERVED]

    def __repr__(self) -> str:
        return f"checks of {self._unit.name}: {', '.join(self._unit.exercises)}"

    def hint(self, name: str = "") -> None:
        """Show the next hint for an exercise; call again for one more."""
        exercise = self._exercise(name)
        shown = min(self._standing(name)[0].hints + 1, len(exercise.hints))
        self._note(name, hints=shown)
        lines = [f"Hint {i} of {len(exercise.hints)}: {hint}" for i, hint in enumerate(exercise.hints[:shown], 1)]
        revealing = f" `check.reveal({name!r})` shows the course's answer; the exercise then scores nothing."
        last = "This is the last hint." + revealing * (self._solution is not None)
        lines.append("Run this again for the next hint." if shown < len(exercise.hints) else last)
        show("\n".join(lines), "note", text="\n".join(lines))

    def reveal(self, name: str = "") -> None:
        """Show the course's answer. The exercise scores nothing from then on."""
        exercise = self._exercise(name)
        if self._solution is None:
            note = f"This copy of the course does not include the answers. Try `check.hint({name!r})`."
            return show(note, "note", text=note)
        self._note(name, revealed=True, points=0)
        code = source(exercise.name, (ROOT / self._unit.solution).read_text(encoding="utf-8")).strip()
        note = f"The course's `{name}`, one way among others. It is noted as revealed and scores nothing."
        show(note, "note", text=note)
        show_code(code)

    def progress(self) -> None:
        """Show what is done, what is left, and the points."""
        rows = [(one, *self._standing(one.name)) for one in self._unit.exercises.values()]
        points = sum(noted.points for _, noted, _ in rows)
        total = sum(exercise.points for exercise, _, _ in rows)
        done = sum(noted.kind is Kind.RIGHT for _, noted, _ in rows)
        head = f"{self._unit.name}: {done} of {len(rows)} exercises right, {points} of {total} points"
        width = max(len(name) for name in self._unit.exercises)
        text = [
            f"{look.mark} {e.name:<{width}}  {e.difficulty}  {noted.points}/{e.points}  {look.words}"
            for e, noted, look in rows
        ]
        show("\n".join([head, *text]), "progress", head=head, points=points, total=total, rows=rows)

    def _check(self, exercise: Exercise, answer: Any) -> Any:
        theirs = getattr(self._solution, exercise.name, None)
        if theirs is not None and answer is theirs:
            verdict = self._handed_back(exercise)
        else:
            verdict = self._as_it_counts(self._judged(exercise, answer))
            self._note(exercise.name, kind=verdict.kind, points=verdict.points)
        right = verdict.kind is Kind.RIGHT
        if not right and os.environ.get("COURSE_GRADING") == "1":
            raise CourseError(str(verdict))
        show(str(verdict), "verdict", colour=verdict.kind.colour, verdict=verdict)
        if right:
            return answer
        if theirs is None:
            return _stopped(exercise.name) if verdict.endless else answer
        return theirs

    def _judged(self, exercise: Exercise, answer: Any) -> Verdict:
        try:
            handed = hand_over(exercise, answer, names=vars(sys.modules["__main__"]))
            return self._judge.verdict(exercise.name, dumps(handed))
        except KeyboardInterrupt:
            message = "The check was interrupted. Run the cell again."
            return Verdict(exercise.name, Kind.NOT_CHECKED, message, 0, exercise.points)

    def _handed_back(self, exercise: Exercise) -> Verdict:
        """The check cell ran twice: the name stands for the course's version by now."""
        before = self._standing(exercise.name)[0].kind
        kind = before if before is not Kind.RIGHT else Kind.NOT_ATTEMPTED
        message = "This is the course's version. Run the cell with your own answer again, then this cell."
        return Verdict(exercise.name, kind, message, 0, exercise.points)

    def _as_it_counts(self, verdict: Verdict) -> Verdict:
        """Without points if the answer was revealed, and with what the notebook goes on with."""
        if verdict.kind is not Kind.RIGHT:
            helps = f" Stuck? Run `check.hint({verdict.exercise!r})` in a new cell." * (verdict.kind is Kind.WRONG)
            return replace(verdict, goes_on=(OWN if self._solution is None else THEIRS) + helps)
        if not self._standing(verdict.exercise)[0].revealed:
            return verdict
        return replace(verdict, message="The answer was revealed, so it scores nothing.", points=0)

    def _exercise(self, name: str) -> Exercise:
        if not (isinstance(name, str) and name):
            known = [*self._unit.exercises]
            raise UnknownExercise(f"Give a name in quotes, such as {known[0]!r}. There are: {', '.join(known)}.")
        if exercise := self._unit.exercises.get(name):
            return exercise
        raise UnknownExercise(unknown(f"{self._unit.name} has no exercise", name, self._unit.exercises))

    def _standing(self, name: str) -> tuple[Noted, Kind | Look]:
        """What is noted of an exercise, and how that looks."""
        noted = self._noted.get(name, Noted())
        return noted, REVEALED if noted.revealed else noted.kind

    def _note(self, name: str, **changes: Any) -> None:
        """Remember something of an exercise, beyond this session where that is possible."""
        self._noted[name] = replace(self._noted.get(name, Noted()), **changes)
        with suppress(CourseError):  # a full disk, or a folder that is read only: the verdict comes first
            standing.write(self._unit.name, self._noted)
            start.refresh()


def _stopped(name: str) -> Callable[..., Any]:
    """What a notebook goes on with, in place of an answer that never ends."""

    def stopped(*_: Any, **__: Any) -> Any:
        raise CourseError(f"{name} did not end when it was checked, so it is not called. Correct it, run its cells.")

    return stopped
