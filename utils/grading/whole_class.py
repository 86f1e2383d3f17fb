"""Grade a whole class: from a folder of hand-ins to grades, written as they come."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from utils import checks
from utils.base import files
from utils.base.errors import CourseError, few
from utils.base.markers import STUB_MESSAGE
from utils.checks.registry import Unit
from utils.grading import grades, handin, marking, own_answers, pages
from utils.grading.bench import Bench
from utils.grading.marking import Options, Result
from utils.grading.plan import Plan, lay_out, unit_of
from utils.progress import track


class Task(NamedTuple):
    """One file to grade, or the reason why it can't be."""

    result: Result
    unit: Unit | None = None
    plan: Plan | None = None
    rank: tuple[object, ...] = ()  # of several files for a unit the lowest counts
    digest: str = ""  # of all that the result depends on
    modules: Mapping[Path, str] = {}  # what it imports that lies beside it


def grade(submissions: Path, out: Path, options: Options, jobs: int, *, replace: bool = False) -> list[Result]:
    """Grade a folder of students' folders, so many hand-ins at once, and write the results as they come.

    With `replace` the grades are written also where someone has changed them.

    Raises:
      CourseError: there is no such folder or nobody in it, a grant or the output folder is not as it should be, or the
        course's own answers do not pass here.
    """
    if not submissions.is_dir():
        raise CourseError(f"{submissions} is no folder. It should hold a folder for each student.")
    if out.resolve().is_relative_to(submissions.resolve()):
        raise CourseError("The results would lie among the hand-ins. Choose an OUT outside of SUBMISSIONS.")
    tasks = list(tasks_of_all(submissions, options))
    if not tasks:
        raise CourseError(f"Nobody is in {submissions}. It should hold a folder for each student.")
    units = checks.units()
    grants = grades.grants(out, {task.result.student for task in tasks}, units)
    if not replace:
        grades.see_unchanged(out)
    files.write(out / "records" / "seed", f"{options.seed}\n")  # so that the run can go on, and be repeated
    known = [grades.kept(out, task.digest) if task.plan else task.result for task in tasks]
    left = [task for task, result in zip(tasks, known, strict=True) if result is None]
    by_unit = {unit: same for unit in units.values() if (same := [task for task in left if task.unit is unit])}
    for unit in by_unit:
        own_answers.see_full_marks(unit, options)
    graded = (result for unit, same in by_unit.items() for result in _run(unit, same, out, options, jobs))
    finished: list[Result] = []
    with closing(graded):
        for result in track(chain(filter(None, known), graded), "grading", total=len(tasks), unit="hand-in"):
            finished.append(grades.granted(result, grants, units))
            finished.sort(key=attrgetter("student", "unit"))
            grades.write(out, finished)
    for student in {one.student for one in finished}:
        page = pages.of_student(student, [one for one in finished if one.student == student])
        files.write(out / grades.page_of(student), page)
    files.write(out / "class.html", pages.of_class(finished))
    return finished


def tasks_of_all(submissions: Path, options: Options) -> Iterator[Task]:
    """The hand-ins of everyone, who has a folder or a link to one; of those who cannot be graded what says why."""
    skipped = (*handin.SKIPPED_FOLDERS, ".")
    folders = sorted(path for path in submissions.iterdir() if path.is_dir() and not path.name.startswith(skipped))
    refused = claimed_twice(folders)
    for folder in folders:
        yield from [_nothing(folder, refused[folder])] if folder in refused else tasks_of(folder, options)


def claimed_twice(folders: list[Path]) -> dict[Path, str]:
    """Why a folder's hand-ins are not graded: another one says that it is the same student's, or it is a link."""
    found = {path: "It is a link, not a folder. Put the folder itself there." for path in folders if path.is_symlink()}
    claims: dict[str, list[Path]] = defaultdict(list)
    for path in folders:
        student = grades.student_of(handin.visible(path.name))
        claims[f"one name: {handin.visible(path.name).casefold()}"].append(path)
        if student.number:
            claims[f"the {student.system} number {student.number}"].append(path)
    for claim, same in claims.items():
        if len(same) > 1:
            names = ", ".join(repr(handin.visible(path.name)) for path in same)
            found |= dict.fromkeys(same, f"{names} claim {claim}. Rename all but one of these folders.")
    return found


def tasks_of(folder: Path, options: Options) -> Iterator[Task]:
    """The hand-ins of a student: a file for each unit, else what says why there is none."""
    found: dict[str, list[Task]] = defaultdict(list)
    try:
        others = sorted(handin.visible(path.name) for path in folder.rglob("*") if path.is_file())
        tasks = {path: _task(folder, path, options) for path in handin.files_of(folder)}
        parts = {path for task in tasks.values() for path, cell in task.modules.items() if "checks.unit(" not in cell}
        for path in sorted(tasks.keys() - parts or tasks):
            found[tasks[path].result.unit].append(tasks[path])
    except OSError as problem:
        yield _nothing(folder, f"The folder cannot be read: {problem.strerror}.")
        return
    strays = found.pop("", [])
    for _, same in sorted(found.items()):
        task = min(same, key=attrgetter("rank"))
        if len(same) > 1:
            task.result.flags.append(f"{len(same)} files for this unit; graded: {task.result.file}.")
        yield task
    if not found:
        reason = f"There is no notebook and no script, only {few(others)}." if others else "Nothing was handed in."
        yield strays[0] if strays else _nothing(folder, reason)


def _nothing(folder: Path, reason: str) -> Task:
    return Task(Result(handin.visible(folder.name), "", "", reason=reason))


def _task(folder: Path, path: Path, options: Options) -> Task:
    name, units = handin.visible(str(path.relative_to(folder))), checks.units()
    result = Result(handin.visible(folder.name), "", name)
    read, unit, plan, modules = handin.Handin([]), None, None, dict[Path, str]()
    try:
        read = handin.read(handin.content(path), path.name)
        unit, modules = unit_of(read, name, units), handin.modules_of(path, read.cells)
        read = read._replace(cells=[*modules.values(), *read.cells])
        plan = lay_out(read, unit) if unit else None
    except handin.Unreadable as problem:
        result.reason = str(problem)
    except Exception as problem:  # whatever a file holds, it stops nobody else's grading
        result.reason = f"It cannot be read ({type(problem).__name__})."
    unit = unit or unit_of(handin.Handin([]), name, units)
    if unit is None:
        unknown = "It belongs to no unit: it names none, and its file name does not begin with a unit's number."
        result.reason = result.reason or unknown
        return Task(result)
    result.unit = unit.name
    result.out_of = sum(exercise.points for exercise in unit.exercises.values())
    state = repr([result.student, name, asdict(options), own_answers.fingerprint(unit), read])
    digest = hashlib.sha256(state.encode()).hexdigest()
    stubs = sum(cell.count(STUB_MESSAGE) for cell in read.cells)
    rank = bool(result.reason), stubs, path.suffix != ".ipynb", name  # readable, most done, a notebook before a script
    return Task(result, unit, plan, rank, digest, modules)


def _run(unit: Unit, tasks: list[Task], out: Path, options: Options, jobs: int) -> Iterator[Result]:
    """Grade a unit's tasks, several at a time; results as they come."""

    def one(task: Task) -> Result:
        assert task.plan is not None
        try:
            marking.mark(bench, unit, task.plan, options, task.result)
        except CourseError:  # no sandbox, or it was stopped: nobody can be graded
            raise
        except Exception as problem:
            task.result.reason = f"It could not be graded ({type(problem).__name__}); a person has to look."
        bench.see_open()  # else it was cut off
        grades.keep(out, task.result, task.digest)
        return task.result

    jobs = max(1, min(jobs, len(tasks)))
    bench = Bench(unit, jobs)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            yield from (future.result() for future in as_completed([pool.submit(one, task) for task in tasks]))
        finally:
            bench.close()
            pool.shutdown(cancel_futures=True)
