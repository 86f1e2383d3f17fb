"""`python -m utils grade SUBMISSIONS OUT`: grade a folder of hand-ins.

With `--rehearse`, and without folders, it grades what the course itself knows: see `rehearsal`.

SUBMISSIONS holds a folder for each student, with notebooks or scripts anywhere in it. OUT gets `grades.csv`,
`grades.json`, the same for Moodle and Canvas, `class.html`, a page for each student under `students/`, and under
`records/` what lets a run that was stopped go on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from utils import checks
from utils.base.command import parser_of, unknown
from utils.base.errors import CourseError
from utils.base.machine import cores
from utils.base.paths import in_full, shown
from utils.grading import grades, rehearsal, sandbox, whole_class
from utils.grading.marking import Options


def main(arguments: list[str]) -> int:
    """Grade; returns 0 also when some hand-ins could not be read: that is in the grades."""
    parser = parser_of("grade", __doc__)
    parser.add_argument("submissions", type=Path, nargs="?", help="a folder with a folder for each student")
    parser.add_argument("out", type=Path, nargs="?", help="where the grades go")
    parser.add_argument(
        "--rehearse",
        nargs="*",
        metavar="NN",
        help="grade the solutions, the untouched exercises and all known wrong answers of these units (default: all)",
    )
    parser.add_argument("--jobs", type=int, default=cores(), help="how many at once (default: one a core)")
    parser.add_argument(
        "--cell-seconds", type=int, default=Options.cell_seconds, help="CPU seconds for a cell (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds",
        type=int,
        default=Options.seconds,
        help="CPU seconds for each of its processes (default: %(default)s)",
    )
    parser.add_argument("--memory-mb", type=int, default=Options.memory_mb, help="for a hand-in (default: %(default)s)")
    parser.add_argument(
        "--sandbox",
        choices=[kind.name for kind in sandbox.KINDS],
        help="which one to use (default: the strongest there is)",
    )
    parser.add_argument("--replace", action="store_true", help="write over a grades.csv that someone changed")
    parser.add_argument(
        "--seed", type=int, help="of the cases (default: the one that OUT was graded with, else one is drawn)"
    )
    asked = parser.parse_args(arguments)
    seed = asked.seed if asked.seed is not None else grades.seed(asked.out) if asked.out else 0
    options = Options(asked.cell_seconds, asked.seconds, asked.memory_mb, seed)
    kind = next((kind for kind in sandbox.KINDS if kind.name == asked.sandbox), None) or sandbox.best()
    if not sandbox.works(kind):
        raise CourseError(f"The sandbox {kind.name!r} does not work on this machine. Leave --sandbox out.")
    if kind.warning:
        print(kind.warning, file=sys.stderr)
    if asked.rehearse is not None:
        return _rehearse(asked.rehearse, kind, options)
    if asked.out is None:
        parser.error("name the folder of the hand-ins and the one for the grades: SUBMISSIONS=DIR OUT=DIR")
    submissions, out = in_full(asked.submissions), in_full(asked.out)
    graded = whole_class.grade(submissions, out, options, kind, max(1, asked.jobs), replace=asked.replace)
    for name in whole_class.in_no_folder(submissions):
        print(f"{name} is in no student's folder, so it was not graded.", file=sys.stderr)
    flagged = sum(bool(one.looks) for one in graded)
    students = len({one.student for one in graded})
    print(f"{len(graded)} hand-ins of {students} students graded, {flagged} to look at: {shown(out / 'class.html')}")
    return 0


def _rehearse(numbers: list[str], kind: sandbox.Kind, options: Options) -> int:
    units = {unit.name[:2]: unit for unit in checks.units().values()}
    for number in numbers:
        if number[:2] not in units:
            raise CourseError(unknown("unit", number, units))
    faults = 0
    for number in sorted({number[:2] for number in numbers} or units):
        for fault in rehearsal.rehearse(units[number], kind, options):
            print(fault)
            faults += 1
    print(f"{faults} faults." if faults else "Every point is as it should be.")
    return 1 if faults else 0
