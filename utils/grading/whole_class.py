"""Grade a whole class: from a folder of hand-ins to grades, written as they come."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from utils import checks
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks.registry import Unit
from utils.grading import classpage, compiled, grades, handin, marking, pages, plan, sandbox
from utils.grading.marking import Options, Result
from utils.progress import track


class Task(NamedTuple):
    """One file to grade, or the reason why it can't be."""

    folder: str
    result: Result
    unit: Unit | None
    read: handin.Handin | None
    digest: str
    plan: plan.Plan | None = None


def grade(submissions: Path, out: Path, options: Options, kind: sandbox.Kind, jobs: int) -> list[Result]:
    """Grade all that is handed in and write the results as they come.

    Raises:
      CourseError: there is no such folder or nobody in it, or the course's own answers do not pass here.
    """
    if not submissions.is_dir():
        raise CourseError(f"{submissions} is no folder. It should hold a folder for each student.")
    if out.resolve().is_relative_to(submissions.resolve()):
        raise CourseError("The results would lie among the hand-ins. Choose an OUT outside of SUBMISSIONS.")
    units = checks.units()
    tasks = [task for folder in students(submissions) for task in tasks_of(folder, units, options, kind)]
    if not tasks:
        raise CourseError(f"Nobody is in {submissions}. It should hold a folder for each student.")
    done = [_earlier(out, task) for task in tasks]
    finished = [result for result in done if result is not None]
    left = [task for task, result in zip(tasks, done, strict=True) if result is None]
    for unit in {task.unit.name: task.unit for task in left if task.unit}.values():
        compiled.fill(unit, kind, options)
    for result in run(_laid_out(left, options), out, options, kind, min(jobs, max(1, len(left))), len(finished)):
        finished.append(result)
        grades.write_grades(out, finished)
    finished.sort(key=lambda one: (one.student, one.unit))
    write_pages(out, tasks, finished, kind.warning)
    return finished


def students(submissions: Path) -> list[Path]:
    """A folder for each student, in order."""
    return sorted(p for p in submissions.iterdir() if p.is_dir() and not p.is_symlink() and not p.name.startswith("."))


def tasks_of(folder: Path, units: dict[str, Unit], options: Options, kind: sandbox.Kind) -> Iterable[Task]:
    """The hand-ins of a student, one for each unit.

    Of several files for a unit the one counts that can be read and has the fewest untouched stubs; then a notebook
    comes before a script.
    """
    found: dict[str, list[tuple[tuple[bool, int, bool, str], Task]]] = {}
    for path in handin.files_of(folder):
        task = _task(folder, path, units, options, kind)
        stubs = plan.untouched(task.read) if task.read else 0
        rank = (bool(task.result.reason), stubs, path.suffix != ".ipynb", task.result.file)
        found.setdefault(task.result.unit, []).append((rank, task))
    strays = found.pop("", [])
    for _, same in sorted(found.items()):
        task = min(same)[1]
        if len(same) > 1:
            task.result.flags.append(f"{len(same)} files for this unit; graded: {task.result.file}.")
        yield task
    if not found:
        nothing = Result(grades.shown_name(folder.name), "", "", reason="Nothing was handed in.", sandbox=kind.name)
        yield min(strays)[1] if strays else Task(folder.name, nothing, None, None, "")


def _task(folder: Path, path: Path, units: dict[str, Unit], options: Options, kind: sandbox.Kind) -> Task:
    name = grades.shown_name(str(path.relative_to(folder)))
    result = Result(grades.shown_name(folder.name), "", name, sandbox=kind.name)
    read, raw = None, b""
    try:
        raw = handin.content(path)
        read = handin.read(raw, path.name)
    except handin.Unreadable as problem:
        result.reason = str(problem)
    except Exception as problem:  # whatever a file holds, it stops nobody else's grading
        result.reason = f"It cannot be read ({type(problem).__name__})."
    unit = plan.unit_of(read or handin.Handin([], "", []), grades.shown_name(path.name), units)
    if unit is not None:
        result.unit = unit.name
        result.out_of = sum(exercise.points for exercise in unit.exercises.values())
    elif not result.reason:
        result.reason = "It belongs to no unit: it names none, and its file name does not begin with a unit's number."
    state = [asdict(options), kind.name, compiled.fingerprint(unit) if unit else "", name]
    digest = hashlib.sha256(repr(state).encode(errors="replace") + raw).hexdigest()
    return Task(folder.name, result, unit, read, digest)


def _earlier(out: Path, task: Task) -> Result | None:
    if task.unit is None or task.read is None:
        return task.result
    return grades.kept(out, task.folder, task.unit.name, task.digest)


def run(tasks: list[Task], out: Path, options: Options, kind: sandbox.Kind, jobs: int, before: int) -> Iterable[Result]:
    """Grade the tasks, several at a time, each in a sandbox that is free; results as they come."""
    places: queue.SimpleQueue[sandbox.Place] = queue.SimpleQueue()
    every = [sandbox.Place(kind, compiled.folder()) for _ in range(jobs)]
    for place in every:
        places.put(place)
    stop = threading.Event()

    def one(task: Task) -> Result:
        place = places.get()
        try:
            grade_one(place, task, options)
            if not stop.is_set():  # else it was cut off
                grades.keep(out, task.folder, task.result, task.digest)
            return task.result
        finally:
            places.put(place)

    pool = ThreadPoolExecutor(jobs)
    try:
        with track(description="grading", total=before + len(tasks), unit="hand-in") as bar:
            bar.update(before)
            for future in as_completed([pool.submit(one, task) for task in tasks]):
                yield future.result()
                bar.update(1)
    finally:
        stop.set()
        for place in every:
            place.close(for_good=True)
        pool.shutdown(cancel_futures=True)


def grade_one(place: marking.Runs, task: Task, options: Options) -> None:
    """Fill in the task's result."""
    unit = task.unit
    if unit is None or task.plan is None:
        return
    solution = (ROOT / unit.solution).read_text(encoding="utf-8")
    try:
        marking.mark(place, unit, solution, task.plan, options, task.result)
    except CourseError:  # no sandbox: nobody can be graded
        raise
    except Exception as problem:
        _not_graded(task.result, problem)


def _not_graded(result: Result, problem: Exception) -> None:
    result.reason = f"It could not be graded ({type(problem).__name__}); a person has to look."


def _laid_out(tasks: list[Task], options: Options) -> list[Task]:
    """The tasks with their plans."""
    ready = []
    units = {task.unit.name: task.unit for task in tasks if task.unit}
    cells = {name: compiled.exercise_cells(unit) for name, unit in units.items()}
    for task in tasks:
        if task.unit is not None and task.read is not None:
            try:
                laid_out = plan.lay_out(task.read, task.unit, cells[task.unit.name], whole=options.whole)
                task = task._replace(plan=laid_out)
            except Exception as problem:
                _not_graded(task.result, problem)
        ready.append(task)
    return ready


def write_pages(out: Path, tasks: list[Task], finished: list[Result], warning: str) -> None:
    """All that is written when every hand-in is graded."""
    grades.write_grades(out, finished)
    pages_of = {task.result.student: f"students/{grades.safe_name(task.folder)}" for task in tasks}
    for student in pages_of:
        own = [one for one in finished if one.student == student]
        target = out / pages_of[student]
        files.write(target.with_name(target.name + ".html"), pages.page_html(student, own, warning))
        files.write(target.with_name(target.name + ".md"), pages.page_markdown(student, own, warning))
    markdown, markup = classpage.page(finished, warning, pages_of)
    files.write(out / "class.md", markdown)
    files.write(out / "class.html", markup)
