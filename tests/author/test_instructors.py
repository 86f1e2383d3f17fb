"""INSTRUCTORS.md can be followed literally: what it names is there, and its example is an exercise that works."""

import importlib
import re
import sys
from types import ModuleType

import pytest

from utils.author import exercises, minutes, pairs
from utils.base import definitions
from utils.base.paths import ROOT
from utils.checks import answers, unit_01, unit_02
from utils.checks.judge import judge
from utils.checks.known import from_solution
from utils.checks.mistakes import mistakes, wrong
from utils.checks.verdict import Kind

GUIDE = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
ADDED, CHECK = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
(MISTAKES,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


def test_every_option_it_names_is_one(capsys):
    from utils.commands.instructors import grade, release

    for main, named in ((grade.main, ("--jobs", "--cell-seconds", "--rehearse")), (release.main, ("--replace",))):
        with pytest.raises(SystemExit):
            main(["--help"])
        told = capsys.readouterr().out
        for option in named:
            assert option in told and option in GUIDE


def test_its_calendar_gives_the_exercises_of_unit_01_and_the_readmes_minutes():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| \[`(\d\d)_.*?\| (\d+ \+ \d+) min", readme, re.MULTILINE)
    assert re.findall(r"^\| [\d–]+ \| unit (\d\d).* (\d+ \+ \d+) min \|$", GUIDE, re.MULTILINE) == told
    assert f"| {len(unit_01.unit.exercises)} exercises; " in GUIDE
    assert f"one for {minutes.WORDS} words or {60 // minutes.LINE} lines of code" in GUIDE


def test_the_tests_that_it_chooses_are_there():
    tests = (ROOT / "tests/checks/test_units.py").read_text(encoding="utf-8")
    (word,) = re.findall(r'-k "NAME or (\w+)"', GUIDE)
    assert re.search(rf"^def test_\w*{word}", tests, re.MULTILINE)


@pytest.fixture
def example(monkeypatch, tmp_path):
    """The example's exercise, and its right answer and stub."""
    folder = tmp_path / "hit_rate"
    folder.mkdir()
    for name, text in (("__init__.py", ""), ("exercise.py", CHECK), ("mistakes.toml", MISTAKES)):
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(unit_02, "__path__", [*unit_02.__path__, str(tmp_path)])
    exercise = importlib.import_module("utils.checks.unit_02.hit_rate.exercise").hit_rate
    solution = ModuleType("solution_with_hit_rate")
    vars(solution).update(vars(definitions.load("solutions/02_flax_mnist_cnn.py")))
    solution.__file__ = str(tmp_path / "solution.py")
    (tmp_path / "solution.py").write_text(ADDED, encoding="utf-8")

    def defined(text):
        cell = next(c.source for c in pairs.notebook_from(text).cells if c.source.startswith("def hit_rate"))
        exec(compile(cell, "<answer INSTRUCTORS.md>", "exec"), names := dict(vars(solution)))
        return names["hit_rate"]

    solution.hit_rate = defined(ADDED)
    yield exercise, solution, defined(exercises.exercise_from(ADDED, "x.py"))
    for name in [name for name in sys.modules if name.startswith("utils.checks.unit_02.hit_rate")]:
        del sys.modules[name]


def test_its_example_is_right_not_attempted_or_wrong_with_the_words_it_promises(example):
    exercise, solution, stub = example
    stars = "★" * exercise.stars + "☆" * (3 - exercise.stars)
    assert f"{stars} ({exercise.minutes} minutes, {exercise.points} point" in ADDED
    known = from_solution(exercise, solution)
    assert judge(known, answers.hand_over(exercise, solution.hit_rate)).kind is Kind.RIGHT
    assert judge(known, answers.hand_over(exercise, stub)).kind is Kind.NOT_ATTEMPTED
    assert len(mistakes(exercise)) >= 4 and 2 <= len(exercise.hints) <= 3
    for one in mistakes(exercise):
        verdict = judge(known, answers.hand_over(exercise, wrong(exercise, one, solution)))
        assert verdict.message == one.says
