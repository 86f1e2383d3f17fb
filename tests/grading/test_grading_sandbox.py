"""Hostile hand-ins through the real sandbox: no undeserved point, no harm, no stop."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import attacks
import psutil
import pytest

from utils import checks
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import limits, worker
from utils.commands.instructors import grade
from utils.grading import bench, handin, marking, own_answers, plan, sandbox

UNIT = checks.units()["01_jnp_and_jit"]
RIGHT = (
    "constant = jnp.all(x == x[0], axis=0)\n"
    "return jnp.where(constant, 0, (x - x.mean(0)) / jnp.where(constant, 1, x.std(0)))"
)
HONEST = ["def compress(x):\n    return jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 0)), x)"]
HONEST += ["compress = check.compress(compress)"]
OPTIONS = marking.Options(cell_seconds=5, seconds=60, memory_mb=1500, seed=3)

needs_bubblewrap = pytest.mark.skipif(
    not sandbox.is_closed(),
    reason="bubblewrap is missing or may not make namespaces here (sudo apt install bubblewrap)",
)


@pytest.fixture(scope="module")
def place():
    with closing(bench.Bench(UNIT)) as one:
        yield one


def run(place, cells):
    result = marking.Result("student", UNIT.name, "file")
    laid_out = plan.lay_out(handin.Handin([plan.handed_out(UNIT)[0], *cells]), UNIT)
    marking.mark(place, UNIT, laid_out, OPTIONS, result)
    return result, {mark.exercise: mark for mark in result.marks}


def graded(place, body, *before):
    """`standardise` with this body, cells of the student's before it; then an honest `compress`."""
    return run(place, [*before, attacks.ANSWER(body), *HONEST])


def processes_with(argument):
    found = (p.info["cmdline"] or () for p in psutil.process_iter(["cmdline"]))
    return [line for line in found if any(argument in word for word in line)]


@needs_bubblewrap
def test_a_hostile_hand_in_earns_nothing_and_costs_nobody_else(place):
    """No exercise but `compress` is answered in it, and that scores what it is worth, before or after."""
    result, marks = run(place, [*attacks.SINGLE["an exit"], *HONEST])
    assert {name for name, mark in marks.items() if mark.points} == {"compress"}, result
    after, marks = run(place, HONEST)
    assert marks["compress"].points and not after.flags, "the next hand-in is none the worse"


MINE = f"{90_000 + os.getpid()}.5"  # seconds that nobody else's test sleeps
LARGE_FILE = "f = open('big', 'wb')\nwhile True: f.write(bytes(2**20))"
NAMELESS = (
    "import os\nkept = []\nwhile True:\n    kept.append(os.memfd_create('x'))\n    os.write(kept[-1], bytes(2**24))"
)
NETWORK = "import socket\nsocket.create_connection(('192.0.2.1', 80), 3)"


@pytest.mark.proof
@needs_bubblewrap
def test_harm_is_stopped_and_the_answers_still_count(place):
    bomb = "import os\nwhile True: os.fork()"
    end = "import os\ndef predict(model, x, size):\n    return x\nos._exit(0)\npredict = check.predict(predict)"
    left_over = f"import subprocess\nsubprocess.Popen(['sleep', '{MINE}'], start_new_session=True)"
    flood = "while True: print('x' * 10_000)"
    result, marks = graded(place, RIGHT, bomb, end, LARGE_FILE, NETWORK, left_over, flood, NAMELESS)
    assert marks["standardise"].points and marks["compress"].points, result
    flags = " ".join(result.flags)
    for text in ("too m", "ended its own", "File too large", "stopped after"):
        assert text in flags
    assert "Network is unreachable" in " ".join(result.errors)
    assert "was stopped: it ended its own process" in marks["predict"].message
    assert not processes_with(MINE)


@needs_bubblewrap
@pytest.mark.parametrize("in_groups", [True, False])  # where the system gives some
def test_memory_in_files_without_a_name_counts(in_groups, monkeypatch):
    if not in_groups:
        monkeypatch.setattr(sandbox, "MEMBERSHIP", ROOT / "no such file")
        assert sandbox.how() == sandbox.WATCHED
    with closing(bench.Bench(UNIT)) as one:
        result, _ = run(one, [NAMELESS])
    assert re.search("too much memory|ended its own process", " ".join(result.flags))


IGNORING = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    while time.process_time() < 1: pass
    os._exit(0)
try: os.wait()
except ChildProcessError: print('""', flush=True)
time.sleep(60)
"""


def test_what_a_child_computed_that_nobody_waited_for_counts(monkeypatch):
    monkeypatch.setattr(bench, "RUNNER", [sys.executable, "-c", IGNORING])
    with closing(bench.Watched(1000, 60)) as process:
        process.ask(seconds=60)
        alive = process._alive()
        assert limits.taken(alive)[0] < 0.5 < process._taken()[0], "of what lives alone it cannot be seen"


def test_of_version_2_a_group_is_made_beside_the_grader_s_own(tmp_path, monkeypatch):
    """In a folder that looks like the system's: no test may count on a system with version 2."""
    beside = tmp_path / "user.slice"
    (beside / "own.scope").mkdir(parents=True)
    (tmp_path / "cgroup").write_text("0::/user.slice/own.scope\n")
    monkeypatch.setattr(sandbox, "MEMBERSHIP", tmp_path / "cgroup")
    monkeypatch.setattr(sandbox, "SYSTEM", tmp_path)
    assert not sandbox.Group(64), "there are no control groups"
    (beside / "cgroup.procs").write_text("")
    limits = {"memory.max": str((64 + sandbox.OWN_MB) * 2**20), "memory.swap.max": "0", "pids.max": "4096"}
    group = sandbox.Group(64)
    (folder,) = (path for path in beside.iterdir() if path.name.startswith("course-grading"))
    assert {name: (folder / name).read_text() for name in limits} == limits
    subprocess.run([*group.prefix, "true"], check=True)
    assert (folder / "cgroup.procs").read_text().strip().isdigit()


@pytest.mark.proof
@needs_bubblewrap
def test_one_hand_in_leaves_nothing_to_the_next(place):
    graded(place, RIGHT, "open('note', 'w').write('x'); open('/tmp/note', 'w').write('x')")
    result, _ = graded(place, RIGHT, "import os\nassert not os.path.exists('note') and not os.path.exists('/tmp/note')")
    assert not result.errors


@pytest.mark.proof
@needs_bubblewrap
def test_nothing_of_the_machine_can_be_written_and_only_the_course_be_read(place, monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    absent = f"import os\nassert not os.path.exists({str(ROOT / 'solutions')!r}) and not os.path.exists('/etc/passwd')"
    absent += "\nassert not any('secret' in open(f'/proc/{pid}/environ').read() for pid in (1, os.getpid()))"
    tries = [
        "open('/usr/new', 'w')",
        "os.mkdir('/new')",
        "os.setuid(0)",
        "os.mount",
        f"open({str(ROOT)!r} + '/x', 'w')",
    ]
    if "--disable-userns" in sandbox.prefix():
        unshared = "import os; os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)"  # in a process with one thread
        refused = f"subprocess.run([sys.executable, '-c', {unshared!r}]).returncode"
        tries.append(f"import subprocess, sys\nif {refused}:\n    raise PermissionError")
    result, _ = graded(place, RIGHT, absent, f"open({str(ROOT / 'utils' / 'new.py')!r}, 'w')", *tries)
    assert len(result.errors) == 1 + len(tries)
    assert all(re.search(r"OSError|PermissionError|AttributeError", error) for error in result.errors)


# --- without bubblewrap ---------------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch):
    """A machine on which bubblewrap does not work."""
    monkeypatch.setattr(sandbox, "is_closed", lambda: False)


@pytest.mark.proof
def test_without_bubblewrap_its_limits_are_kept(opened):
    left = f"import os, subprocess\nif os.fork() == 0:\n    subprocess.Popen(['sleep', '{MINE}'])\n    os._exit(0)"
    with closing(bench.Bench(UNIT)) as one:
        result, marks = graded(one, RIGHT, LARGE_FILE, left, "b = []\nwhile True: b.append(bytearray(10**8))")
    assert marks["standardise"].points and marks["compress"].points, result
    assert re.search(r"too much memory|MemoryError", " ".join(result.flags))
    assert "File too large" in " ".join(result.flags)
    assert not processes_with(MINE)


def test_whether_bubblewrap_works_is_tried(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not sandbox._works.__wrapped__("bwrap")


def test_a_judge_whose_sandbox_is_half_made_can_be_stopped():
    """Its maker is gone and does not end it, as where bubblewrap is killed before it has told its child to go on."""
    judge = worker.Judge(UNIT, ("sh", "-c", "sleep 60 & wait", "sh"))
    judge.start()
    time.sleep(0.2)
    began = time.monotonic()
    judge.stop()
    assert time.monotonic() - began < 30


def test_threads_that_ask_one_bench_each_get_their_own_verdict():
    """Of what cannot be read, which takes no time."""
    with closing(bench.Bench(UNIT, jobs=4)) as one, ThreadPoolExecutor(4) as pool:
        names = 3 * list(UNIT.exercises)
        found = list(pool.map(lambda name: one.verdict(name, b"?", 0), names))
    assert [one.exercise for one in found] == names
    assert all("cannot be read" in one.message for one in found)


def test_a_bench_that_is_stopped_while_threads_ask_starts_nothing_again(monkeypatch):
    started = []

    class Noted(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            if "utils.checks.worker" in self.args:  # no trial of the sandbox
                started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    values = next(name for name, one in UNIT.exercises.items() if one.crosses == "values")
    with closing(bench.Bench(UNIT, jobs=4)) as one, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(one.verdict, values, bytes([number]), 0) for number in range(4)]
        while not started:
            time.sleep(0.01)
        one.close()
        assert all(isinstance(each.exception(timeout=60), CourseError) for each in asked)
        with pytest.raises(CourseError, match="stopped"):
            one.verdict(values, b"later", 0)
        with pytest.raises(CourseError, match="stopped"), one.started(1000, 10):
            pass
    assert len(started) == 1 and started[0].poll() is not None


def test_that_there_is_no_sandbox_is_said_on_every_page_and_on_stderr(opened, tmp_path, monkeypatch, capsys):
    (tmp_path / "in" / "ann").mkdir(parents=True)
    (tmp_path / "in" / "ann" / "01_jnp_and_jit.py").write_text("# %%\n" + "\n\n# %%\n".join(HONEST))
    monkeypatch.setattr(own_answers, "see_full_marks", lambda *_: None)
    assert grade.main([str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    assert sandbox.warning() in capsys.readouterr().err
    for page in ("class.html", "students/ann.html"):
        assert "Graded without a sandbox" in (tmp_path / "out" / page).read_text()
    (row,) = json.loads((tmp_path / "out" / "grades.json").read_text())
    assert row["points"] == UNIT.exercises["compress"].points
