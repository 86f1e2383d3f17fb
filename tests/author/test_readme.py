"""The README can be followed literally: what it names is there."""

import re
import tomllib

from utils import checks
from utils.author import minutes
from utils.base.paths import NOTEBOOKS, ROOT, sources

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_line_below_the_title_is_true():
    """Of Python and JAX as `pyproject.toml` has them; its licences are in `test_project.py`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, below = map(int, re.findall(r"3\.(\d+)", project["requires-python"]))
    (jax,) = (line for line in project["dependencies"] if line.startswith("jax>="))
    pythons = " and ".join(f"3.{minor}" for minor in range(oldest, below))
    line = README.split("\n\n")[1]
    assert line.startswith(f"Python {pythons} · JAX {re.search(r'>=(\d+\.\d+)', jax)[1]} · ")
    assert project["license"].replace("-", " ") == " AND ".join(
        name.replace("-", " ") for name in re.findall(r"\[([^]]+)\]\(LICENSE", line)
    )


def test_it_starts_with_two_commands():
    (commands,) = re.findall(r"^## Start\n.*?```sh\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    assert re.findall(r"^make (\w+) ", commands, re.MULTILINE) == ["lab", "test"]


def test_the_syllabus_lists_every_unit_in_order():
    assert re.findall(r"^\| \[`(\d\d_\w+)`\]", README, re.MULTILINE) == [p.stem for p in sources(NOTEBOOKS)]


def test_the_syllabus_gives_the_minutes_of_lessons_and_exercises():
    """Rounded to five; and no section of a lesson takes more than 45."""
    lessons = {path.stem: minutes.sections(path.read_text(encoding="utf-8")) for path in sources(NOTEBOOKS)}
    assert all(section.minutes <= 45 for sections in lessons.values() for section in sections)
    rounded = [
        (unit.name, *(str(5 * round(sum(part.minutes for part in parts) / 5)) for parts in (lesson, exercises)))
        for unit in checks.units().values()
        for lesson, exercises in [(lessons[unit.name], unit.exercises.values())]
    ]
    assert re.findall(r"^\| \[`(\d\d_\w+)`.*?\| (\d+) \+ (\d+) min", README, re.MULTILINE) == rounded
