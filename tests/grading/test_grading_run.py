"""`python -m utils grade` on a class, for real: after Ctrl-C the same command goes on, and gives what one run gives."""

import csv
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from utils import checks
from utils.author import exercises
from utils.base.paths import ROOT

UNIT = checks.units()["01_jnp_and_jit"]
SOLUTION = (ROOT / UNIT.solution).read_text(encoding="utf-8")
# a background job of a shell starts with the signal ignored, and Python leaves it so
GRADE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from utils.__main__ import main
from utils.grading import own_answers
own_answers.see_full_marks = lambda *_: None  # a proof of its own: half a minute
sys.exit(main(["grade", *sys.argv[1:], "--cell-seconds", "10", "--seed", "7"]))
"""
ONE = "# %%\ndef compress(x):\n    {}\n\n# %%\ncompress = check.compress(compress)\n"
STUDENTS = {
    "bob": exercises.exercise_from(SOLUTION, "solution"),
    "cy": ONE.format("import os; os._exit(0)") + "# %%\ndef histogram(values, low, high, bins):\n    return values\n",
    "dora": '{"cells": [',
    "Zoë, =1+1": ONE.format("return jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 0)), x)"),
    **{f"s{i}": ONE.format(f"return x + {i}") for i in range(3)},
}
POINTS = {"Zoë, =1+1": UNIT.exercises["compress"].points}


@pytest.fixture
def submissions(tmp_path):
    for student, text in STUDENTS.items():
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / f"{UNIT.name}.py").write_text(text, encoding="utf-8")
    return tmp_path / "in"


def started(submissions, out, jobs):
    command = [sys.executable, "-c", GRADE, str(submissions), str(out), "--jobs", str(jobs)]
    # with a session of its own, so that the whole group can be sent the signal, as a terminal does
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finished(process, seconds=300):
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    return out


def files(out):
    """All that was written but how long it took, and in which order."""
    took = re.compile(rb'"seconds": {.*?}', re.DOTALL)
    written = (path for path in out.rglob("*") if path.is_file() and path.name != "before.csv")
    return {path.relative_to(out): took.sub(b"", path.read_bytes()) for path in written}


@pytest.mark.proof
def test_stopped_with_ctrl_c_and_started_again_it_gives_the_same(submissions, tmp_path):
    """So it does with two at once, of which the first run knows nothing."""
    finished(started(submissions, tmp_path / "whole", jobs=1))
    process = started(submissions, tmp_path / "stopped", jobs=2)
    deadline = time.monotonic() + 120
    while not (first := files_of_records(tmp_path / "stopped")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    inside = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Stopped." in err and "Traceback" not in err
    gone, alive = psutil.wait_procs(inside, timeout=10)
    assert gone and not alive, "nothing of the sandboxes is left"
    assert len(files_of_records(tmp_path / "stopped")) < len(STUDENTS) - 1
    written = {path: path.stat().st_mtime_ns for path in first}
    finished(started(submissions, tmp_path / "stopped", jobs=1))
    assert written == {path: path.stat().st_mtime_ns for path in first}, "what was graded is not graded again"
    whole, resumed = files(tmp_path / "whole"), files(tmp_path / "stopped")
    assert whole.keys() == resumed.keys()
    assert not [path for path in whole if whole[path] != resumed[path]]
    with (tmp_path / "whole" / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student"].replace("'", ""): row for row in csv.DictReader(file)}
    assert rows.keys() == STUDENTS.keys()
    for student, row in rows.items():
        assert int(row["points"]) == POINTS.get(student, 0), row
        assert int(row["out of"]) == sum(exercise.points for exercise in UNIT.exercises.values())
    assert "ended its own process" in rows["cy"]["flags"] and "not a whole notebook" in rows["dora"]["flags"]


def files_of_records(out):
    return sorted((out / "records").rglob("*.json"))
