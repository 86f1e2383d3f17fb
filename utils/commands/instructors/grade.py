"""`python -m utils grade SUBMISSIONS OUT`: grade a folder of hand-ins.

With `--rehearse`, and without folders, it grades what the course itself knows: see `own_answers`.

SUBMISSIONS holds a folder for each student, with notebooks or scripts anywhere in it. OUT gets `grades.csv`,
`grades.json`, the same for Moodle and Canvas, `class.html`, a page for each student under `students/`, and under
`records/` what lets a run that was stopped go on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from utils import checks
from utils.base.command import one_of, parser_of
from utils.base.machine import cores
from utils.base.paths import in_full, shown
from utils.checks.registry import Unit
from utils.grading import grades, own_answers, sandbox, whole_class
from utils.grading.handin import visible
from utils.grading.marking import Options


def main(arguments: list[str]) -> int:
    """Grade; returns 0 also when some hand-ins could not be read: that is in the grades."""
    units = {unit.name[:2]: unit for unit in checks.units().values()}
    parser = parser_of("grade", __doc__)
    parser.add_argument("submissions", type=Path, nargs="?", help="a folder with a folder for each student")
    parser.add_argument("out", type=Path, nargs="?", help="where the grades go")
    told = "grade the solutions, the untouched exercises and all known wrong answers of these units (default: all)"
    parser.add_argument("--rehearse", nargs="*", metavar="NN", type=one_of("unit", units), help=told)
    parser.add_argument("--jobs", type=int, default=cores(), help="how many at once (default: one a core)")
    for name, told in (
        ("cell_seconds", "CPU seconds for a cell"),
        ("seconds", "CPU seconds for each of a hand-in's processes"),
        ("memory_mb", "memory of a hand-in, in MB"),
    ):
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=getattr(Options, name), help=f"{told} (default: %(default)s)")
    parser.add_argument("--replace", action="store_true", help="write over a grades.csv that someone changed")
    told = "of the cases (default: the one that OUT was graded with, else one is drawn)"
    parser.add_argument("--seed", type=int, help=told)
    asked = parser.parse_args(arguments)
    seed = asked.seed if asked.seed is not None else grades.seed(in_full(asked.out)) if asked.out else 0
    options = Options(asked.cell_seconds, asked.seconds, asked.memory_mb, seed)
    if warning := sandbox.warning():
        print(warning, file=sys.stderr)
    if asked.rehearse is not None:
        return _rehearse([units[number] for number in sorted(set(asked.rehearse or units))], options)
    if asked.out is None:
        parser.error("name the folder of the hand-ins and the one for the grades: SUBMISSIONS=DIR OUT=DIR")
    submissions, out = in_full(asked.submissions), in_full(asked.out)
    graded = whole_class.grade(submissions, out, options, max(1, asked.jobs), replace=asked.replace)
    for path in sorted(submissions.iterdir()):
        if not path.is_dir():
            print(f"{visible(path.name)} is in no student's folder, so it was not graded.", file=sys.stderr)
    flagged = sum(bool(one.looks) for one in graded)
    students = len({one.student for one in graded})
    print(f"{len(graded)} hand-ins of {students} students graded, {flagged} to look at: {shown(out / 'class.html')}")
    return 0


def _rehearse(units: list[Unit], options: Options) -> int:
    faults = 0
    for unit in units:
        for fault in own_answers.rehearse(unit, options):
            print(fault)
            faults += 1
    print(f"{faults} faults." if faults else "Every point is as it should be.")
    return 1 if faults else 0
