"""What students hold: `check`, with the solutions there and without them, what is remembered, the page that they see.

And a judge that can be stopped.
"""

import dataclasses
import json
import re
import subprocess
import sys
import types

import pytest
from demo.exercise import Demo, average
from written import written

from utils import checks, records
from utils.author import recorded
from utils.base import notebook
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import known, standing, start, worker
from utils.checks.checker import Checker
from utils.checks.standing import Noted
from utils.checks.verdict import Kind


def answered(body):
    import jax
    import jax.numpy as jnp

    return written("average", f"def average(x):\n    {body}", jnp=jnp, jax=jax)


RIGHT = answered("return x.mean()")
STUB = answered("raise NotImplementedError('your code here')")


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """Begins the demo unit's notebook, judged in this process, in a student's own folder, where what is noted lasts."""
    for name in notebook.BY_A_MACHINE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(records, "MODELS", tmp_path)
    monkeypatch.setattr(start, "PAGE", tmp_path / "START.md")
    monkeypatch.setattr(worker.Judge, "_asked", lambda self, *request: worker._reply(self.unit, *request))
    known.known_of.cache_clear()
    return lambda: Checker(Demo("99_demo", [average]))


@pytest.fixture
def check(begun):
    return begun()


@pytest.fixture
def check_in_a_release(check, tmp_path, monkeypatch):
    """The same without the solution."""
    unit = Demo("99_demo", [average])
    monkeypatch.setattr(known, "KNOWN", tmp_path)
    recorded.record(unit, "average")
    unit.solution = "solutions/99_nowhere.py"
    return Checker(unit)


def test_points_hints_and_what_was_revealed_are_counted_and_remembered(check, begun, capsys):
    check.progress()
    assert check.average(RIGHT) is RIGHT
    check.hint("average")
    assert standing.read("99_demo") == {"average": Noted(Kind.RIGHT, 2, 1, False)}
    again = begun()
    again.progress()
    out = capsys.readouterr().out
    assert "✓ average: right (2 of 2 points)" in out.splitlines()
    assert re.findall(r"(\d) of 1 exercises right, (\d) of 2 points", out) == [("0", "0"), ("1", "2")]
    for _ in range(2):  # the last one stays
        again.hint("average")
        assert "Hint 2 of 2: second" in capsys.readouterr().out
    again.reveal("average")
    assert "jnp.mean(x)" in capsys.readouterr().out
    assert again.average(RIGHT) is RIGHT
    begun().progress()
    assert "◆ average" in (out := capsys.readouterr().out) and "0 of 2 points" in out


def test_a_stub_is_not_attempted_and_the_course_goes_on_with_its_own(check, capsys):
    theirs = check.average(STUB)
    assert theirs.__name__ == "average"
    out = capsys.readouterr().out
    assert "○ average: not attempted" in out and "course's version" in out
    assert check.average(theirs) is theirs  # the check cell ran twice
    assert "This is the course's version" in capsys.readouterr().out


def test_only_grading_raises(check, monkeypatch):
    monkeypatch.setenv("COURSE_GRADING", "1")
    with pytest.raises(CourseError, match="✗ average: not right yet"):
        check.average(answered("return x.sum()"))
    check.average(RIGHT)


def test_in_a_notebook_all_is_html_in_which_what_an_answer_says_is_escaped(check, monkeypatch):
    shown = []
    shell = types.SimpleNamespace(display_pub=types.SimpleNamespace(publish=shown.append))
    monkeypatch.setattr(notebook, "shell", lambda: shell)
    check.average(answered("print('<b>')\n    raise ValueError('<script>')"))
    check.hint("average")
    check.reveal("average")
    check.progress()
    code = shown.pop(3)
    told, hint, answer, progress = (one["text/html"] for one in shown)
    assert "<script>" not in told and "&lt;script&gt;" in told and ">&lt;b&gt;</pre>" in told
    assert "Hint 1 of 2: first<br>Run this again" in hint
    assert "<code>average</code>, one way" in answer and code["text/markdown"].startswith("```python\ndef average")
    assert "0 of 1 exercises right" in progress and "★☆☆" in progress
    assert all(one["text/plain"] and one["text/html"].startswith("<div style=") for one in shown)


# --- what is remembered, and the page that JupyterLab opens with ------------------------------------------------------


def test_a_verdict_needs_no_disk_and_a_strange_record_is_named(check, begun, tmp_path, capsys):
    (tmp_path / "exercises").touch()  # where a folder would be written
    check.average(RIGHT)
    assert "✓ average: right" in capsys.readouterr().out
    (tmp_path / "exercises").unlink()
    records.write("exercises/99_demo", [{"exercise": "average", "kind": "SPLENDID"}])
    with pytest.raises(CourseError, match=r"models/exercises/99_demo\.json"):
        begun()


def test_the_start_page_links_what_is_there_and_says_where_to_go_on(begun):
    page = start.text()
    links = set(re.findall(r"\]\(([^)#]+\.(?:ipynb|md))", page))
    lessons = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {f"{folder}/{name}" for folder in ("notebooks", "exercises", "solutions") for name in lessons} <= links
    assert all((ROOT / link).exists() for link in links)
    assert page.count("| ○&nbsp;not&nbsp;attempted |") == page.count("#cell-id=") >= 43
    assert "Continue here: [01 · `jnp` and `jit`](notebooks/01" in page
    standing.write("02_flax_mnist_cnn", {"cross_entropy": Noted(Kind.RIGHT, 1), "SmallCNN": Noted(revealed=True)})
    page = start.text()
    assert "Continue here: [exercise 3, the training step](exercises/02_flax_mnist_cnn.ipynb#cell-id=" in page
    assert "| ✓&nbsp;right | [1 · what a wrong answer costs]" in page and "| ◆&nbsp;revealed | [2 · a network]" in page
    assert "2 of 8 exercises, 1 of 18 points" in page


def test_a_check_brings_the_start_page_up_to_date_where_there_is_one(check, monkeypatch):
    check.hint("average")
    assert not start.PAGE.exists()
    start.PAGE.write_text("old")
    check.hint("average")
    assert "Continue here" in start.PAGE.read_text()
    start.PAGE.write_text("mine")
    monkeypatch.setenv("COURSE_RESULTS", "there")  # as in `make course`, which knows nothing of what the student did
    check.hint("average")
    assert start.PAGE.read_text() == "mine"


# --- without the solutions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "says"),
    [
        (RIGHT, "right (2 of 2 points)"),
        (answered("return x.sum()"), "It is the sum."),
        (STUB, "not attempted"),
        (answered("return x.mean() + x[0] / 7"), "The values differ"),
    ],
)
def test_in_a_release_the_student_keeps_the_own_answer_and_there_is_nothing_to_reveal(
    check_in_a_release, capsys, mine, says
):
    assert check_in_a_release.average(mine) is mine
    out = capsys.readouterr().out
    assert says in out and ("Continuing with your version" in out) == (mine is not RIGHT)
    assert ("Stuck? Run `check.hint('average')`" in out) == (out[0] == "✗")
    check_in_a_release.reveal("average")
    assert "does not include the answers" in capsys.readouterr().out
    for _ in range(2):
        check_in_a_release.hint("average")
    out = capsys.readouterr().out
    assert "This is the last hint." in out and "reveal" not in out


def test_in_a_release_an_endless_answer_is_not_handed_on_to_the_next_cell(check_in_a_release):
    exercises = check_in_a_release._unit.exercises
    exercises["average"] = dataclasses.replace(exercises["average"], seconds=0.5)
    handed_on = check_in_a_release.average(answered("while True: pass"))
    with pytest.raises(CourseError, match="average did not end when it was checked"):
        handed_on(1)


DAMAGE = {
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-3]),
    "garbage": lambda file: file.write_bytes(b"\x00garbage" * 9),
    "missing": lambda file: file.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_missing_file_is_told_and_not_held_against_the_answer(
    check_in_a_release, capsys, damage, tmp_path
):
    DAMAGE[damage](tmp_path / "99_demo" / "average.known")
    check_in_a_release.average(RIGHT)
    out = capsys.readouterr().out
    assert "? average: could not be checked" in out and "average.known" in out and "not your fault" in out


def test_what_cannot_be_recorded_is_told_to_the_author(tmp_path, monkeypatch):
    for ask, says in (
        (lambda answer, own, *, x: {"mean": answer(x), "f": answer}, "average"),
        (lambda *a, **k: 1 / 0, "not right"),
    ):
        unit = Demo("99_demo", [dataclasses.replace(average, ask=ask)])
        with pytest.raises(CourseError, match="99_demo") as told:
            recorded.record(unit, "average")
        assert says in str(told.value)


# --- a judge in a process of its own ----------------------------------------------------------------------------------

# what goes on in a notebook's kernel; unit 01 has `compress`, a function of arrays
KERNEL = """
import json, sys, time
import jax, jax.numpy as jnp
from utils.checks import answers, crossing, limits
from utils.checks.unit_01 import unit
from utils.checks.worker import Judge
kept = "mine"
judge, told = Judge(unit), []
for answer in {answers}:
    handed = crossing.dumps(answers.hand_over(unit.exercises["compress"], answer))
    verdict = judge.verdict("compress", handed)
    told.append([verdict.kind.name, verdict.message, kept])
print(json.dumps(told))
"""
COMPRESS = "lambda x: jnp.where(x > 0, jnp.log1p(jnp.where(x > 0, x, 0.0)), x)"
ENDLESS = "lambda x: x + jax.lax.stop_gradient(jax.lax.while_loop(lambda i: i >= 0, jnp.abs, x.sum() * 0 + 1.0))"
LONG = """lambda x: x + jax.lax.stop_gradient(
    jax.lax.fori_loop(0, 10**6, lambda i, y: jax.lax.fori_loop(0, 10**6, lambda j, z: jnp.sin(z), y), x.sum()))"""
HUGE = "lambda x: x + jnp.sort(jnp.ones((400_000, 400_000)) * x.sum()).sum()"  # XLA cannot do without the array


def told_in_a_kernel(*answers):
    code = KERNEL.format(answers=f"[{', '.join(answers)}]")
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_a_program_without_end_costs_the_judge_and_not_the_kernel():
    first, endless, again = told_in_a_kernel(COMPRESS, ENDLESS, COMPRESS)
    assert first[0] == again[0] == "RIGHT" and again[2] == "mine"
    assert endless[0] == "WRONG" and "loop that never ends" in endless[1]


@pytest.mark.proof
def test_programs_too_long_or_too_large_get_a_verdict():
    for kind, message, _ in told_in_a_kernel(LONG, HUGE):
        assert kind == "WRONG" and ("was stopped" in message or "cannot be run" in message), message


def test_a_judge_that_dies_or_does_not_start_is_told(monkeypatch):
    unit = checks.units()["01_jnp_and_jit"]
    judge = worker.Judge(unit)
    judge.start()
    judge._process.kill()
    judge._process.wait()
    judge._ready = True
    monkeypatch.setattr(judge, "start", lambda: None)
    assert "crashed the process" in judge.verdict("compress", b"").message
    for command in ("/bin/false", "/nowhere"):
        monkeypatch.setattr(sys, "executable", command)
        found = worker.Judge(unit).verdict("compress", b"")
        assert found.kind is Kind.NOT_CHECKED and "make doctor" in found.message


def test_bytes_that_cannot_be_read_are_told(begun):
    found = worker.Judge(Demo("99_demo", [average])).verdict("average", b"what is this")
    assert found.kind is Kind.WRONG and "cannot be read" in found.message
