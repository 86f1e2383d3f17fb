"""A lesson's definitions can be had without running the lesson."""

import pytest

from utils.base import definitions
from utils.base.errors import CourseError


def test_imports_functions_and_classes_are_there_and_nothing_was_run(tmp_path):
    file = tmp_path / "lesson.py"
    file.write_text(
        "import math\nran = print('ran') or True\ndef area(r):\n    return math.pi * r * r\nclass A: pass\n"
    )
    lesson = definitions.load(file)
    assert lesson.area(1.0) == pytest.approx(3.14159, abs=1e-4)
    assert isinstance(lesson.A, type)
    assert definitions.load(file).A is lesson.A  # while the file is unchanged
    assert not hasattr(lesson, "ran")


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(CourseError, match="is not there"):
        definitions.load(tmp_path / "none.py")
    broken = tmp_path / "broken.py"
    broken.write_text("x = 1\ndef (:\n")
    with pytest.raises(CourseError, match=r"broken\.py, line 2"):
        definitions.load(broken)


def test_named_definitions_come_with_what_they_use_and_with_nothing_else(tmp_path):
    file = tmp_path / "lesson.py"
    file.write_text(
        "import math\nimport not_on_this_machine\nfrom utils.base import paths, not_there\n"
        "def area(r):\n    return math.pi * square(r)\n"
        "def square(x: paths) -> float:\n    return x * x\n"
        "class Other(not_on_this_machine.Base): pass\n"
    )
    lesson = definitions.load(file, ("area",))
    assert lesson.area(1.0) == pytest.approx(3.14159, abs=1e-4)
    assert not hasattr(lesson, "Other")
    with pytest.raises(CourseError, match=r"lesson\.py does not define volume"):
        definitions.load(file, ("volume",))
