"""The openings of the test set and the scoreboard: kept for the student, honest, and no matter to a machine's run."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import NamedTuple

import pytest

from utils import data, records, scoreboard, testset
from utils.base import notebook
from utils.base.errors import CourseError


class Pictures(NamedTuple):
    """What the records need of batches."""

    source: str
    examples: int = 100


SAMPLE = Pictures("cifar10 train[80%:]: the course's sample, 100 examples, 10 classes")
REAL = Pictures("cifar10 train[80%:]: the real set, 10,000 examples, 10 classes", 10_000)
RUN = {"accuracy": 0.5, "parameters": 1000, "epochs": 3, "seconds": 2.0}


@pytest.fixture(params=["a student's", "a machine's"])
def run(request, tmp_path: Path, monkeypatch) -> str:
    """Records on disk and in memory are the same to what is above them."""
    for name in notebook.BY_A_MACHINE:
        monkeypatch.delenv(name, raising=False)
    if request.param == "a machine's":
        monkeypatch.setenv("COURSE_RESULTS", "somewhere")
    monkeypatch.setattr(records, "MODELS", tmp_path)
    records._scratch.cache_clear()
    monkeypatch.setattr(data, "load", lambda name, split, **options: {"sample": SAMPLE, "real": REAL}[name])
    return request.param


def opened(name: str = "sample", score=lambda test: 0.75, model: str = "VGG8") -> float:
    return testset.open(name, score, model=model, batch_size=8)


# --- the test set ---------------------------------------------------------------------------------------------


def test_the_first_opening_is_quiet_and_the_next_say_which_they_are_and_what_came_before(run, monkeypatch, capsys):
    assert opened("real", score=lambda test: 0.5 if test is REAL else 1.0) == 0.5
    assert opened(model="one") == 0.75
    assert capsys.readouterr().out == ""  # sample and real set are counted apart
    (entry,) = testset.openings(REAL.source)
    assert (entry["model"], entry["accuracy"], entry["data"]) == ("VGG8", 0.5, REAL.source)
    for model in ("two", "three", "four", "five"):
        opened(model=model)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(". ")[0] for line in lines] == [
        f"The test set has now been opened {times} times" for times in (2, 3, 4, 5)
    ]
    assert "Before: one, a moment ago: 75.0 %." in lines[0]
    assert "Before: 1 earlier; two, a moment ago" in lines[3] and "one," not in lines[3]
    monkeypatch.setattr(testset, "PROCESS", "another")
    opened("real")
    assert f"VGG8, {entry['date']}: 50.0 %" in capsys.readouterr().out


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_opening_that_breaks_off_counts(run, stop, capsys):
    def breaks_off(test: object) -> float:
        raise stop

    with pytest.raises(stop):
        opened(score=breaks_off)
    opened()
    assert "opened 2 times. Before: VGG8, a moment ago: not finished" in capsys.readouterr().out


# --- the scoreboard -------------------------------------------------------------------------------------------


def test_entries_are_ranked_by_their_latest_accuracy_within_their_own_pictures(run, capsys):
    scoreboard.show(SAMPLE)
    assert capsys.readouterr().out == f"{SAMPLE.source}\nno entries yet\n"
    for name, accuracy in (("plain", 0.5), ("dropout", 0.9), ("dropout", 0.75), ("decay", 0.25)):
        scoreboard.add(name, SAMPLE, **{**RUN, "accuracy": accuracy})
    scoreboard.add("dropout", REAL, **RUN)
    told = [(entry["name"], entry["accuracy"], entry["tries"]) for entry in scoreboard.ranked(SAMPLE)]
    assert told == [("dropout", 0.75, 2), ("plain", 0.5, 1), ("decay", 0.25, 1)]  # the latest figure, not the best
    scoreboard.show(SAMPLE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == SAMPLE.source
    assert [line.split()[0] for line in lines[3:6]] == ["dropout", "plain", "decay"]
    assert "75.0 %  ± 4.3 %" in lines[3]
    assert lines[6] == "Not ranked here, since they were measured on other pictures: 1 more."


def test_figures_that_cannot_be_are_refused_and_an_opening_counts_all_the_same(run):
    for key, value, message in (
        ("accuracy", 75.0, r"accuracy must be one number in 0\.\.1 \(divide per cent by 100\), not 75\.0"),
        ("accuracy", None, "accuracy must be one number"),
        ("seconds", float("nan"), "seconds must be one number"),
        ("parameters", -1, "parameters must be one number"),
    ):
        with pytest.raises(CourseError, match=message):
            scoreboard.add("mine", SAMPLE, **{**RUN, key: value})
    with pytest.raises(CourseError, match="wants a name"):
        scoreboard.add(" ", SAMPLE, **RUN)
    assert scoreboard.ranked(SAMPLE) == []
    with pytest.raises(CourseError, match=r"what score returns must be one number in 0\.\.1"):
        opened(score=lambda test: (0.1, 0.9))
    with pytest.raises(CourseError, match="which model is tested"):
        opened(model=" ")
    assert len(testset.openings(SAMPLE.source)) == 1


# --- the records ----------------------------------------------------------------------------------------------


def test_a_students_record_is_on_disk_and_a_machines_run_leaves_none(run, tmp_path):
    opened()
    scoreboard.add("mine", SAMPLE, **RUN)
    written = {file.name: json.loads(file.read_text()) for file in tmp_path.iterdir()}
    if run == "a student's":
        assert set(written) == {"test_openings.json", "scoreboard.json"}
        assert all(len(entries) == 1 for entries in written.values())
    else:
        assert written == {}


def test_each_who_runs_notebooks_by_itself_is_known(run, monkeypatch):
    for name, other in itertools.permutations(notebook.BY_A_MACHINE, 2):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(name, "1")
        assert not records.lasting()


@pytest.mark.parametrize("run", ["a student's"], indirect=True)  # a machine's has no file
def test_a_spoilt_record_is_named_and_left(run, tmp_path):
    for spoilt in ("{", '{"a": 1}', "[1]"):
        (tmp_path / "test_openings.json").write_text(spoilt)
        with pytest.raises(CourseError, match=r"test_openings\.json cannot be read .*Mend it, or delete it"):
            opened()
        assert (tmp_path / "test_openings.json").read_text() == spoilt


def test_what_a_run_leaves_goes_with_the_process_of_a_machine(run, tmp_path):
    folder = records.folder("My_vgg8")
    assert folder.name == "My_vgg8" and folder == records.folder("My_vgg8")
    assert folder.is_relative_to(tmp_path) == (run == "a student's")
