"""What is remembered of exercises, and the page that JupyterLab opens with."""

from __future__ import annotations

import re

import pytest
from demo.exercise import Demo, average
from written import written

from utils import records
from utils.base import notebook
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import standing, start, worker
from utils.checks.checker import Checker
from utils.checks.standing import Noted
from utils.checks.verdict import REVEALED, Kind


@pytest.fixture(autouse=True)
def on_this_machine(tmp_path, monkeypatch):
    """A student's own folder, where what is noted lasts."""
    for name in notebook.BY_A_MACHINE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(records, "MODELS", tmp_path)
    monkeypatch.setattr(start, "PAGE", tmp_path / "START.md")


def checker(monkeypatch):
    monkeypatch.setattr(worker.Judge, "start", lambda self: False)
    return Checker(Demo("99_demo", [average]))


def test_a_restart_remembers_verdicts_hints_and_what_was_revealed(monkeypatch, capsys):
    check = checker(monkeypatch)
    check.average(written("average", "def average(x):\n    return x.mean()"))
    check.hint("average")
    assert standing.read("99_demo") == {"average": Noted(Kind.RIGHT, 2, 1, False)}
    again = checker(monkeypatch)
    capsys.readouterr()
    again.progress()
    again.hint("average")
    out = capsys.readouterr().out
    assert "1 of 1 exercises right, 2 of 2 points" in out and "Hint 2 of 2" in out
    again.reveal("average")
    capsys.readouterr()
    checker(monkeypatch).progress()
    assert "◆ average" in (out := capsys.readouterr().out) and "0 of 2 points" in out


def test_a_verdict_needs_no_disk_and_a_strange_record_is_named(tmp_path, monkeypatch, capsys):
    check = checker(monkeypatch)
    (tmp_path / "exercises").touch()  # where a folder would be written
    check.average(written("average", "def average(x):\n    return x.mean()"))
    assert "✓ average: right" in capsys.readouterr().out
    (tmp_path / "exercises").unlink()
    records.write("exercises/99_demo", [{"exercise": "average", "kind": "SPLENDID"}])
    with pytest.raises(CourseError, match=r"models/exercises/99_demo\.json"):
        checker(monkeypatch)


def test_the_start_page_links_what_is_there_and_says_where_to_go_on():
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


def test_a_check_brings_the_start_page_up_to_date_where_there_is_one(monkeypatch):
    check = checker(monkeypatch)
    check.hint("average")
    assert not start.PAGE.exists()
    start.write()
    start.PAGE.write_text("old")
    check.hint("average")
    assert "Continue here" in start.PAGE.read_text()
    start.PAGE.write_text("mine")
    monkeypatch.setenv("COURSE_RESULTS", "there")  # as in `make course`, which knows nothing of what the student did
    check.hint("average")
    assert start.PAGE.read_text() == "mine"


@pytest.mark.parametrize("look", [*Kind, REVEALED])
def test_white_reads_on_the_colour_of_a_verdict(look):
    parts = [int(look.colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    assert 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) >= 4.5  # WCAG 2.2, AA
    assert look.mark not in {other.mark for other in [*Kind, REVEALED] if other is not look}
