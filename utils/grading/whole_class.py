"""Grade a whole class: from a folder of hand-ins to grades, written as they come."""

from __future__ import annotations

import hashlib
import queue
import threading
from bisect import insort
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from utils import checks
from utils.base import files
from utils.base.errors import CourseError, few
from utils.checks.registry import Unit
from utils.grading import grades, grants, groups, handin, marking, own_answers, pages, plan, sandbox
from utils.grading.marking import Options, Result
from utils.progress import track


class Task(NamedTuple):
    """One file to grade, or the reason why it can't be."""

    folder: str
    result: Result
    unit: Unit | None = None
    read: handin.Handin | None = None
    digest: str = ""  # of all that the result depends on

    def rank(self) -> tuple[bool, int, bool, str]:
        """Of several files for a unit the lowest counts: readable, few untouched stubs, a notebook before a script."""
        stubs = plan.untouched(self.read) if self.read else 0
        return bool(self.result.reason), stubs, not self.result.file.endswith(".ipynb"), self.result.file


def grade(
    submissions: Path, out: Path, options: Options, kind: sandbox.Kind, jobs: int, *, replace: bool = False
) -> list[Result]:
    """Grade all that is handed in and write the results as they come.

    Args:
      submissions: a folder with a folder for each student.
      out: where the results go.
      options: the limits of a hand-in.
      kind: of sandbox.
      jobs: how many hand-ins are graded at once.
      replace: write the grades also where someone has changed them.

    Raises:
      CourseError: there is no such folder or nobody in it, a grant or the output folder is not as it should be, or the
        course's own answers do not pass here.
    """
    if not submissions.is_dir():
        raise CourseError(f"{submissions} is no folder. It should hold a folder for each student.")
    if out.resolve().is_relative_to(submissions.resolve()):
        raise CourseError("The results would lie among the hand-ins. Choose an OUT outside of SUBMISSIONS.")
    tasks = list(tasks_of_all(submissions, options, kind))
    if not tasks:
        raise CourseError(f"Nobody is in {submissions}. It should hold a folder for each student.")
    units = checks.units()
    granted = grants.read(out, {task.result.student for task in tasks}, units)
    if not replace:
        grades.see_unchanged(out)
    grades.keep_seed(out, options.seed)
    finished: list[Result] = []
    left: list[Task] = []
    for task in tasks:
        if task.unit is None or task.read is None:
            finished.append(task.result)
        elif earlier := grades.kept(out, task.folder, task.unit.name, task.digest):
            finished.append(earlier)
        else:
            left.append(task)
    by_unit = {unit: same for unit in units.values() if (same := [task for task in left if task.unit is unit])}
    for unit in by_unit:
        own_answers.see_full_marks(unit, kind, options)
    order = attrgetter("student", "unit")
    finished = sorted((grants.applied(one, granted, units) for one in finished), key=order)
    grades.write(out, finished)
    with track(description="grading", total=len(tasks), unit="hand-in") as bar:
        bar.update(len(finished))
        for unit, same in by_unit.items():
            for result in _run(unit, same, out, options, kind, min(jobs, len(same))):
                insort(finished, grants.applied(result, granted, units), key=order)
                grades.write(out, finished)
                bar.update(1)
    links = {task.result.student: f"students/{grades.safe_name(task.folder)}.html" for task in tasks}
    for student, link in links.items():
        own = [one for one in finished if one.student == student]
        files.write(out / link, pages.of_student(student, own, kind.warning))
    files.write(out / "class.html", pages.of_class(finished, kind.warning, links, groups.how()))
    return finished


def tasks_of_all(submissions: Path, options: Options, kind: sandbox.Kind) -> Iterable[Task]:
    """The hand-ins of everyone; of those who cannot be graded what says why."""
    folders = students(submissions)
    refused = claimed_twice(folders)
    for folder in folders:
        yield from [_nothing(folder, refused[folder], kind)] if folder in refused else tasks_of(folder, options, kind)


def students(submissions: Path) -> list[Path]:
    """A folder for each student, in order; links to folders are listed too."""
    folders = (path for path in submissions.iterdir() if path.is_dir() and path.name not in handin.SKIPPED_FOLDERS)
    return sorted(path for path in folders if not path.name.startswith("."))


def claimed_twice(folders: list[Path]) -> dict[Path, str]:
    """Why a folder's hand-ins are not graded: another one says that it is the same student's, or it is a link."""
    found = {path: "It is a link, not a folder. Put the folder itself there." for path in folders if path.is_symlink()}
    claims: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in folders:
        student = grades.student_of(handin.visible(path.name))
        claims["name", handin.visible(path.name).casefold()].append(path)
        if student.number:
            claims[student.system, student.number].append(path)
    for (what, which), same in claims.items():
        if len(same) > 1:
            names = ", ".join(repr(handin.visible(path.name)) for path in same)
            claim = f"the {what} number {which}" if what != "name" else "one name"
            found |= dict.fromkeys(same, f"{names} claim {claim}. Rename all but one of these folders.")
    return found


def in_no_folder(submissions: Path) -> list[str]:
    """The files that lie beside the students' folders: they are nobody's, and are not graded."""
    return sorted(handin.visible(path.name) for path in submissions.iterdir() if not path.is_dir())


def tasks_of(folder: Path, options: Options, kind: sandbox.Kind) -> Iterable[Task]:
    """The hand-ins of a student: a file for each unit, else what says why there is none."""
    found: dict[str, list[Task]] = defaultdict(list)
    try:
        every = sorted(path for path in folder.rglob("*") if path.is_file())
        paths = handin.files_of(folder)
    except OSError as problem:
        yield _nothing(folder, f"The folder cannot be read: {problem.strerror}.", kind)
        return
    for path in paths:
        task = _task(folder, path, options, kind)
        found[task.result.unit].append(task)
    strays = found.pop("", [])
    for _, same in sorted(found.items()):
        task = min(same, key=Task.rank)
        if len(same) > 1:
            task.result.flags.append(f"{len(same)} files for this unit; graded: {task.result.file}.")
        yield task
    if not found:
        others = [handin.visible(path.name) for path in every]
        reason = f"There is no notebook and no script, only {few(others)}." if others else "Nothing was handed in."
        yield min(strays, key=Task.rank, default=_nothing(folder, reason, kind))


def _nothing(folder: Path, reason: str, kind: sandbox.Kind) -> Task:
    return Task(folder.name, Result(handin.visible(folder.name), "", "", reason=reason, sandbox=kind.name))


def _task(folder: Path, path: Path, options: Options, kind: sandbox.Kind) -> Task:
    name = handin.visible(str(path.relative_to(folder)))
    result = Result(handin.visible(folder.name), "", name, sandbox=kind.name)
    read, raw = None, b""
    try:
        raw = handin.content(path)
        read = handin.read(raw, path.name)
    except handin.Unreadable as problem:
        result.reason = str(problem)
    except Exception as problem:  # whatever a file holds, it stops nobody else's grading
        result.reason = f"It cannot be read ({type(problem).__name__})."
    unit = plan.unit_of(read or handin.Handin([]), handin.visible(path.name), checks.units())
    if unit is not None:
        result.unit = unit.name
        result.out_of = sum(exercise.points for exercise in unit.exercises.values())
    elif not result.reason:
        result.reason = "It belongs to no unit: it names none, and its file name does not begin with a unit's number."
    state = [asdict(options), kind.name, own_answers.fingerprint(unit) if unit else "", name]
    digest = hashlib.sha256(repr(state).encode() + raw).hexdigest()
    return Task(folder.name, result, unit, read, digest)


def _run(unit: Unit, tasks: list[Task], out: Path, options: Options, kind: sandbox.Kind, jobs: int) -> Iterable[Result]:
    """Grade a unit's tasks, several at a time, each in a sandbox that is free; results as they come."""
    bench = sandbox.Bench(kind, unit)
    every = [sandbox.Place(kind, unit, bench) for _ in range(jobs)]
    places: queue.SimpleQueue[sandbox.Place] = queue.SimpleQueue()
    for place in every:
        places.put(place)
    stop = threading.Event()

    def one(task: Task) -> Result:
        assert task.read is not None
        place = places.get()
        try:
            marking.mark(place, unit, task.read, options, task.result)
        except CourseError:  # no sandbox: nobody can be graded
            raise
        except Exception as problem:
            task.result.reason = f"It could not be graded ({type(problem).__name__}); a person has to look."
        finally:
            places.put(place)
        if not stop.is_set():  # else it was cut off
            grades.keep(out, task.folder, task.result, task.digest)
        return task.result

    pool = ThreadPoolExecutor(jobs)
    try:
        for future in as_completed([pool.submit(one, task) for task in tasks]):
            yield future.result()
    finally:
        stop.set()
        bench.close()
        for place in every:
            place.close()
        pool.shutdown(cancel_futures=True)
