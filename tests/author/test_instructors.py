"""INSTRUCTORS.md can be followed literally: what it names is there, and its example is an exercise that works."""

import importlib
import re
import sys

import pytest

from utils.__main__ import COMMANDS
from utils.author import exercises, hidden, pairs
from utils.base import definitions
from utils.base.paths import ROOT
from utils.checks import known, unit_02
from utils.checks.judge import judge
from utils.checks.verdict import Kind

GUIDE = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
ADDED, CHECK, MISTAKES, RULE, HIDDEN = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
TEXT = ADDED + "\n\n" + HIDDEN


def test_every_command_it_names_is_one():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z]+)|^make ([a-z]+)", GUIDE, re.MULTILINE):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target
    for command in re.findall(r"python -m utils ([a-z]+)", GUIDE):
        assert command in COMMANDS
    for variable in set(re.findall(r"\b([A-Z]+(?:_ARGS)?)=", GUIDE)):
        assert f"$({variable})" in makefile, variable


def test_every_option_it_names_is_one(capsys):
    from utils.commands.instructors import grade, release

    for main, named in ((grade.main, ("--jobs", "--cell-seconds", "--rehearse")), (release.main, ("--replace",))):
        with pytest.raises(SystemExit):
            main(["--help"])
        told = capsys.readouterr().out
        for option in named:
            assert option in told and option in GUIDE


def test_every_path_it_names_is_there_or_what_its_example_adds():
    added = {f"utils/checks/unit_02/hit_rate/{name}.py" for name in ("exercise", "mistakes")}
    added.add("utils/checks/unit_06/__init__.py")
    named = (
        set(re.findall(r"\b(?:notebooks|exercises|solutions|ressources|tests|utils)/[\w./-]*\w+\.\w+", GUIDE)) - added
    )
    named = {path for path in named if "06_NAME" not in path and "NN_" not in path}
    assert {"tests/checks/test_units.py", "utils/checks/known.py", "solutions/02_flax_mnist_cnn.py"} <= named
    for path in named:
        assert (ROOT / path).is_file(), path


def test_its_rule_for_reference_values_is_the_one_in_force():
    def words(text):
        return " ".join(text.split())

    assert words(RULE) in words(known.__doc__)


def test_its_calendar_gives_the_readmes_minutes():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    minutes = re.search(r"^\| `01_.*?\+ (\d+) min", readme, re.MULTILINE)[1]
    assert f"{minutes} minutes" in GUIDE


@pytest.fixture
def example(monkeypatch, tmp_path):
    """The example's exercise, and its right answer and stub."""
    folder = tmp_path / "hit_rate"
    folder.mkdir()
    for name, text in (("__init__", ""), ("exercise", CHECK), ("mistakes", MISTAKES)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(unit_02, "__path__", [*unit_02.__path__, str(tmp_path)])
    exercise = importlib.import_module("utils.checks.unit_02.hit_rate.exercise").hit_rate
    file = "<INSTRUCTORS.md>"

    def define(code):
        names = dict(vars(definitions.load("solutions/02_flax_mnist_cnn.py")))
        exec(compile(code, file, "exec"), names)
        return names["hit_rate"]

    def cell(text):
        return next(c.source for c in pairs.notebook_from(text).cells if c.source.startswith("def hit_rate"))

    yield exercise, define, define(cell(ADDED)), define(cell(exercises.exercise_from(ADDED, "x.py")))
    for name in [name for name in sys.modules if name.startswith("utils.checks.unit_02.hit_rate")]:
        del sys.modules[name]


def test_its_example_is_right_not_attempted_or_wrong_with_the_words_it_promises(example):
    exercise, define, right, stub = example
    assert judge(exercise, right, right).kind is Kind.RIGHT
    assert judge(exercise, stub, right).kind is Kind.NOT_ATTEMPTED
    assert len(exercise.wrong) >= 5 and 2 <= len(exercise.hints) <= 3
    for wrong in exercise.wrong:
        message = judge(exercise, define(wrong.code), right).message
        said = [other.mistake for other in exercise.wrong if other.says in message]
        assert said == [wrong.mistake], message


def test_its_example_says_the_same_in_the_heading_and_in_the_check(example):
    exercise = example[0]
    stars = "★" * exercise.stars + "☆" * (3 - exercise.stars)
    assert f"{stars} ({exercise.minutes} minutes, {exercise.points} point" in ADDED


def test_its_hidden_check_is_one_and_passes_on_the_answer(example):
    code = hidden.checks(TEXT, "solutions/02_flax_mnist_cnn.py")["hit_rate"].code
    names = dict(vars(definitions.load("solutions/02_flax_mnist_cnn.py"))) | {"hit_rate": example[2]}
    exec(compile(code, "<hidden>", "exec"), names)
    assert "hit_rate" in exercises.exercise_from(TEXT, "x.py") and "hidden_" not in exercises.exercise_from(
        TEXT, "x.py"
    )


def test_it_grades_what_it_lays_out():
    """The layout of hand-ins that it shows is the one that the grader reads."""
    for path in re.findall(r"^in/01/(.+)$", GUIDE, re.MULTILINE):
        student, file = path.split("/")
        assert student and (ROOT / "exercises" / file).is_file()
