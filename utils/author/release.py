"""`python -m utils release OUT`: what students get, as the folder `OUT/jax-course` and as `OUT/jax-course.zip`.

In it: lessons, exercises (fresh from the solutions, whatever stands in `exercises`), the package, `ressources` and what
sets the course up. Not in it: solutions, hidden checks, the known wrong answers of the checks (each differs from a
right one by a line), the grader, the tests, and what the README says to instructors. Checks there judge by reference
values (`utils.checks.known`), recorded here. Nothing is written when an answer is found in any file
(`utils.author.leaks`).

The same course gives the same bytes: files in order, no times, no names of machines.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from utils import checks
from utils.author import exercises, leaks, pairs, recorded
from utils.base.errors import CourseError
from utils.base.paths import NOTEBOOKS, RESSOURCES, ROOT, SOLUTIONS, shown, sources

NAME = "jax-course"
AT_THE_ROOT = (
    ".gitignore",
    "Makefile",
    "README.md",
    "environment.yml",
    "pyproject.toml",
    "requirements-gpu.txt",
    "requirements.txt",
    "tests/golden/resnet18.json",  # lesson 04 compares its network with these
    "tests/golden/rule.py",
    "tests/nbval_sanitize.cfg",  # pyproject.toml points pytest to it
)
PACKAGE = (".py", ".html", ".toml")  # what the package's files end in
FOR_INSTRUCTORS = ("utils/grading/", "utils/author/", "utils/commands/instructors/")
FILES_FOR_INSTRUCTORS = ("mistakes.py",)  # in every exercise's folder
COMMANDS_FOR_INSTRUCTORS = ("course", "exercises", "grade", "lock", "proof", "release")
SECTIONS_FOR_INSTRUCTORS = ("For instructors", "For CI")
WHAT_IT_IS = (
    "> This is the students' copy: lessons and exercises. Its checks judge your answers; the solutions are not in it."
)
REWORDED = {  # in the README
    "three times: `notebooks/` (lesson), `exercises/` (yours to fill in), `solutions/`.": (
        "twice: `notebooks/` (lesson), `exercises/` (yours to fill in)."
    ),
    """ `check.reveal("NAME")` shows the course's answer; it then scores
  nothing. Either way the check hands you a working version, so you can always go on.""": (
        " If that is not\n  enough, go on to the next: only a few of unit 03 call what an earlier one has you write."
    ),
}
REWORDED_IN_EXERCISES = {  # whose checks hand the student's own answer on, since the course's is not there
    "is likely wrong, and hands back the course's version so that you can go on.": "is likely wrong.",
    """If your answer is not right, the notebook goes on
#   with the course's version, so the pictures below each check always work.""": (
        "The pictures below a\n#   check work once your answer is right."
    ),
}
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can name


def files_of_release() -> dict[str, bytes]:
    """Each file of a release, by its path in it, in order.

    Raises:
      CourseError: a lesson's pair is out of step, a check does not pass on the course's own answer, or this copy of the
        course is a release itself.
    """
    if not sources(SOLUTIONS):
        raise CourseError("There are no solutions here: this is a release already. One is made from the whole course.")
    stale = [line for line in pairs.generate(check=True) if line.startswith("notebooks/")]
    if stale:
        raise CourseError(f"Out of step with its text: {', '.join(stale)}. Run make exercises.")
    found = {name: (ROOT / name).read_bytes() for name in AT_THE_ROOT}
    for name, change in (("README.md", students_readme), ("Makefile", students_makefile)):
        found[name] = change(found[name].decode()).encode()
    for path in sources(NOTEBOOKS):
        for file in (path, path.with_suffix(".ipynb")):
            found[shown(file)] = file.read_bytes()
    for path in sources(SOLUTIONS):
        text = exercises.exercise_from(path.read_text(encoding="utf-8"), shown(path))
        text = reworded(text, REWORDED_IN_EXERCISES)
        found[f"exercises/{path.name}"] = text.encode()
        found[f"exercises/{path.stem}.ipynb"] = pairs.file_text(pairs.notebook_from(text)).encode()
    for name, path in (file for ending in PACKAGE for file in _under(ROOT / "utils", ending)):
        if not name.startswith(FOR_INSTRUCTORS) and path.name not in FILES_FOR_INSTRUCTORS:
            found[name] = path.read_bytes()
    found |= {name: path.read_bytes() for name, path in _under(RESSOURCES) if not name.startswith("ressources/known/")}
    found |= reference_values()
    return dict(sorted(found.items()))


def reference_values() -> dict[str, bytes]:
    """What the checks know of the course's answers, as files of `ressources/known`."""

    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        for unit in checks.units().values():
            recorded.record(unit, into=Path(folder))
        return {f"ressources/known/{path.name}": path.read_bytes() for path in sorted(Path(folder).iterdir())}


def leaked(content: dict[str, bytes]) -> list[str]:
    """A line for each answer or hidden check that stands in one of the files."""
    wanted = [
        answer for path in sources(SOLUTIONS) for answer in leaks.answers(path.read_text(encoding="utf-8"), shown(path))
    ]
    return [line for name, raw in content.items() for line in leaks.found_in(name, raw, wanted)]


def write(content: dict[str, bytes], folder: Path, archive: Path) -> None:
    """Write folder and zip, whole or not at all; an earlier release there is replaced."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    packed = archive.with_name(f".{archive.name}.{os.getpid()}.part")
    try:
        for name, raw in content.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        packed.write_bytes(zipped(content))
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
        packed.replace(archive)
    except OSError as error:
        raise CourseError(f"The release cannot be written to {folder.parent} ({error.strerror}).") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        packed.unlink(missing_ok=True)


def zipped(content: dict[str, bytes]) -> bytes:
    """The files in a folder `jax-course`, as a zip that depends on them alone."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, raw in sorted(content.items()):
            entry = zipfile.ZipInfo(f"{NAME}/{name}", _TIME)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3  # Unix, wherever it is made
            archive.writestr(entry, raw, zipfile.ZIP_DEFLATED, 9)
    return target.getvalue()


# --- what is changed on the way ------------------------------------------------------------------------------


def students_readme(text: str) -> str:
    """The README, with a line on what this copy is, without the sections for instructors."""
    for section in SECTIONS_FOR_INSTRUCTORS:
        text = re.sub(rf"^## {section}\n.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\|[^\n]*`make exercises`[^\n]*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\A(# .*\n)", rf"\1\n{WHAT_IT_IS}\n", reworded(text, REWORDED))


def reworded(text: str, phrases: dict[str, str]) -> str:
    """The text with each of the phrases that it has put as a students' copy must put it."""
    for ours, theirs in phrases.items():
        text = text.replace(ours, theirs)
    return text


def students_makefile(text: str) -> str:
    """The Makefile without the commands for instructors."""
    for command in COMMANDS_FOR_INSTRUCTORS:
        text = re.sub(rf"^{command}:.*\n(?:\t.*\n)*\n?", "", text, flags=re.MULTILINE)
        text = re.sub(rf"^(\.PHONY:.*) {command}\b", r"\1", text, flags=re.MULTILINE)
    return text


# --- inside ---------------------------------------------------------------------------------------------------


def _under(folder: Path, ending: str = "") -> Iterable[tuple[str, Path]]:
    """The files under a folder, by their paths from the root; none that is hidden or a leftover of Python's."""
    for path in sorted(folder.rglob(f"*{ending}")):
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and not any(p.startswith((".", "__pycache__")) for p in PurePosixPath(name).parts):
            yield name, path


def see_that_there_is_room(folder: Path, archive: Path, *, replace: bool) -> None:
    for copied in (NOTEBOOKS, RESSOURCES, ROOT / "exercises", ROOT / "utils", SOLUTIONS):
        if folder.is_relative_to(copied):
            raise CourseError(f"{shown(folder)} would be part of the next release. Choose an OUT elsewhere.")
    for path in (folder, archive):
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            continue
        if not replace:
            raise CourseError(f"{shown(path)} is there already. Choose another OUT, or add --replace to replace it.")
        if path.is_dir() and (
            (path / "solutions").exists() or not (path / "utils" / "commands" / "bootstrap.py").exists()
        ):
            raise CourseError(f"{shown(path)} is no release, so it is not replaced. Choose another OUT.")
