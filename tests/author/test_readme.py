"""The README can be followed literally: what it names is there."""

import re

from utils import checks
from utils.__main__ import COMMANDS
from utils.base.paths import NOTEBOOKS, ROOT, sources

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_make_command_it_names_is_a_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z]+)\b", README))
    assert {"lab", "test", "course", "doctor", "exercises"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_command_of_the_package_it_names_is_one():
    for command in re.findall(r"python -m utils ([a-z]+)", README):
        assert command in COMMANDS


def test_every_file_it_names_is_there():
    for path in re.findall(r"(?:notebooks|exercises|solutions|ressources|tests)/[\w./-]+\.\w+", README):
        assert (ROOT / path).is_file(), path


def test_the_syllabus_lists_every_unit_in_order():
    assert re.findall(r"^\| \[`(\d\d_\w+)`\]", README, re.MULTILINE) == [p.stem for p in sources(NOTEBOOKS)]


def test_the_syllabus_gives_the_minutes_of_the_exercises():
    """Rounded to five."""
    minutes = {unit.name: sum(one.minutes for one in unit.exercises.values()) for unit in checks.units().values()}
    told = re.findall(r"^\| \[`(\d\d_\w+)`.*?\+ (\d+) min", README, re.MULTILINE)
    assert told == [(name, str(5 * round(all_of_it / 5))) for name, all_of_it in minutes.items()]
