"""`python -m utils release OUT`: what students get, as the folder `OUT/jax-course` and as `OUT/jax-course.zip`.

That is the course without what only instructors have: folders and files (`LEFT_OUT`), and in texts the lines between
`# instructors` and `# end instructors`, in Markdown `<!-- instructors -->` and `<!-- end instructors -->`. Exercises
are fresh from the solutions, whatever stands in `exercises`. Answers are judged there by recorded results
(`utils.checks.known`). Nothing is written when an answer is found in any file (`utils.author.leaks`).

The same course gives the same bytes: files in order, no times, no names of machines.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

from utils.author import exercises, leaks, pairs, recorded
from utils.base import files
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.base.paths import EXERCISES, NOTEBOOKS, RESSOURCES, ROOT, SOLUTIONS, in_full, shown, sources
from utils.progress import track

NAME = "jax-course"
# No "*" at the root: hand-ins, grades and downloads may lie there. A test sees that no file of the course is forgotten.
COURSE = (
    ".devcontainer/*",
    ".dockerignore",
    ".gitignore",
    "CHANGELOG.md",
    "CITATION.cff",
    "Dockerfile",
    "LICENSE*",
    "Makefile",
    "README.md",
    "environment.yml",
    "notebooks/[0-9][0-9]_*.py",  # each with its notebook
    "pyproject.toml",
    "requirements*.txt",
    "ressources/**/*",
    "tests/golden/resnet18.json",  # lesson 04 compares its network with these
    "tests/golden/rule.py",
    "tests/nbval_sanitize.cfg",  # pyproject.toml points pytest to it
    "utils/**/*.html",
    "utils/**/*.md",
    "utils/**/*.py",
    "utils/**/*.toml",
)
LEFT_OUT = (  # "*" is any part of a path
    "utils/author/*",
    "utils/checks/*/mistakes.toml",
    "utils/commands/instructors/*",
    "utils/grading/*",
    "*/.*",
    "*/__pycache__/*",
)
MARKED = ("Makefile", ".gitignore", ".cfg", ".cff", ".md", ".toml", ".txt", ".yml")  # how names of marked texts end
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can name


def main(arguments: list[str]) -> int:
    """Write a release; nothing where an answer is found in it."""
    parser = parser_of("release", __doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help=f"where the folder {NAME} and {NAME}.zip go")
    parser.add_argument("--replace", action="store_true", help="replace an earlier release there")
    asked = parser.parse_args(arguments)
    out = in_full(asked.out).resolve()
    folder, archive = out / NAME, out / f"{NAME}.zip"
    see_that_there_is_room(folder, archive, replace=asked.replace)
    print("Making the exercises, and searching every file for answers (about a minute) ...", flush=True)
    content = files_of_release()
    see_that_nothing_leaks(content)
    write(content, folder, archive)
    told = f"{len(content)} files, no answer in them but what a lesson shows"
    print(f"{told}: {shown(folder)} and {shown(archive)} ({archive.stat().st_size / 1e6:.1f} MB)")
    return 0


def files_of_release() -> dict[str, bytes]:
    """Each file of a release, by its path in it, in order.

    Raises:
      CourseError: a lesson's notebook is out of step, a check does not pass on the course's own answer, or a marker has
        no other.
    """
    stale = [line for line in pairs.generate(check=True) if line.startswith("notebooks/")]
    if stale:
        raise CourseError(f"Out of step with its text: {', '.join(stale)}. {pairs.AS_THEY_WERE}")
    if old := [f"`{name}`" for _, name in recorded.stale()]:
        raise CourseError(f"The recorded results of {', '.join(old)} are not of today's answers. Run make exercises.")
    found: dict[str, bytes] = {}
    for path in (path for pattern in COURSE for path in ROOT.glob(pattern) if path.is_file()):
        name, raw = shown(path), path.read_bytes()
        if any(fnmatchcase(name, pattern) for pattern in LEFT_OUT):
            continue
        if name.endswith(MARKED):
            raw = without_marked(raw.decode(), name).encode()
        elif re.search(rb"^\W*(# instructors|<!-- instructors -->)(\\n)?\W*$", raw, re.MULTILINE):
            raise CourseError(f"{name} has a marker for instructors, which counts in {', '.join(MARKED)} only.")
        found[name] = raw
        if path.parent == NOTEBOOKS:
            found[shown(path.with_suffix(".ipynb"))] = path.with_suffix(".ipynb").read_bytes()
    for path in sources(SOLUTIONS):
        text = exercises.exercise_from(path.read_text(encoding="utf-8"), shown(path))
        found[f"exercises/{path.name}"] = text.encode()
        found[f"exercises/{path.stem}.ipynb"] = pairs.file_text(pairs.notebook_from(text)).encode()
    return dict(sorted(found.items()))


def without_marked(text: str, name: str) -> str:
    """A text without the lines that are marked as the instructors', markers included.

    `name` is its file's: in Markdown (`.md`) markers are comments of HTML, elsewhere lines that begin with `#`.

    Raises:
      CourseError: a marker without the other; names file and line.
    """
    style = "<!-- {} -->" if name.endswith(".md") else "# {}"
    turns = style.format("instructors"), style.format("end instructors")
    lines = text.splitlines(keepends=True)
    marks = [number for number, line in enumerate(lines) if line.strip() in turns]
    for turn, number in enumerate(marks):
        found, due = lines[number].strip(), turns[turn % 2]
        if found != due:
            raise CourseError(f"{name}, line {number + 1}: {found!r}, where {due!r} is due.")
    if len(marks) % 2:
        raise CourseError(f"{name}, line {marks[-1] + 1}: {turns[0]!r} has no {turns[1]!r}.")
    for first, last in zip(reversed(marks[::2]), reversed(marks[1::2]), strict=True):
        del lines[first : last + 1]
    return "".join(lines)


def see_that_nothing_leaks(content: dict[str, bytes]) -> None:
    """Raises CourseError, with a line for each answer that a file other than a lesson holds."""
    wanted = [
        answer for path in sources(SOLUTIONS) for answer in leaks.answers(path.read_text(encoding="utf-8"), shown(path))
    ]
    searched = [(name, raw) for name, raw in content.items() if not name.startswith("notebooks/")]
    files_left = track(searched, "searching for answers", unit="file", leave=False)
    if found := [line for name, raw in files_left for line in leaks.found_in(name, raw, wanted)]:
        raise CourseError("\n".join(["Nothing was written: these files give answers away.", *found]))


def write(content: dict[str, bytes], folder: Path, archive: Path) -> None:
    """Write folder and zip, whole or not at all; an earlier release there is replaced.

    Raises:
      CourseError: the disk is full or cannot be written to.
    """
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    packed = zipped(content)
    try:
        for name, raw in content.items():
            files.write(part / name, raw)
        files.write(archive, packed)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    except OSError as error:
        raise CourseError(f"{shown(folder)} cannot be replaced ({error.strerror}). Choose another OUT.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


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


def see_that_there_is_room(folder: Path, archive: Path, *, replace: bool) -> None:
    """See that a release and its zip can take their places; with `replace` an earlier one may be there.

    Raises:
      CourseError: something else is there, or it would be part of the next release.
    """
    for copied in (NOTEBOOKS, RESSOURCES, EXERCISES, ROOT / "utils", SOLUTIONS):
        if folder.is_relative_to(copied):
            raise CourseError(f"{shown(folder)} would be part of the next release. Choose an OUT elsewhere.")
    for path in (folder, archive):
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            continue
        if not replace:
            raise CourseError(f"{shown(path)} is there already. Choose another OUT, or add RELEASE_ARGS=--replace.")
        whole = (path / "solutions").exists()
        if path.is_dir() and (whole or not (path / "utils" / "commands" / "bootstrap.py").exists()):
            raise CourseError(f"{shown(path)} is no release, so it is not replaced. Choose another OUT.")
