"""Grades go into Moodle and Canvas, by the names that these give to folders."""

import csv
import re

import pytest

from utils.grading import grades
from utils.grading.marking import Mark, Result

UNIT, OTHER = "01_jnp_and_jit", "02_flax_mnist_cnn"


def graded(student, unit=UNIT, points=1, message="Look & see: a<b", **more):
    marks = [
        Mark("standardise", "", points, 2, "RIGHT" if points == 2 else "WRONG", message),
        Mark("x", "", 1, 1, "RIGHT"),
    ]
    return Result(student, unit, "x.ipynb", marks=marks, out_of=3, **more)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Jane van der Doe_12345_assignsubmission_file_", ("Jane van der Doe", "moodle", "12345", "")),
        ("Zoë_7_assignsubmission_file_02_flax.ipynb", ("Zoë", "moodle", "7", "02_flax.ipynb")),
        ("Ann Lee_3_assignsubmission_file", ("Ann Lee", "moodle", "3", "")),
        (
            "Eve_4_assignsubmission_file_x_9_assignsubmission_file_y.py",
            ("Eve", "moodle", "4", "x_9_assignsubmission_file_y.py"),
        ),
        ("doejane_1234_98765_02_flax-1.ipynb", ("doejane", "canvas", "1234", "02_flax-1.ipynb")),
        ("doejane_LATE_1234_98765_x.ipynb", ("doejane", "canvas", "1234", "x.ipynb")),
        ("doejane_1234", ("doejane", "canvas", "1234", "")),
        ("jdoe", ("jdoe", "", "", "")),
        ("02_flax_mnist_cnn.ipynb", ("02_flax_mnist_cnn.ipynb", "", "", "")),
    ],
)
def test_whose_a_folder_or_file_is(name, student):
    assert grades.student_of(name) == student


def test_moodles_worksheet_has_the_columns_that_its_importer_looks_for(tmp_path):
    broken = Result("A_1_assignsubmission_file_", UNIT, "x.ipynb", reason="The file is empty.", out_of=3)
    grades.write(tmp_path, [graded("Jane Doe_12345_assignsubmission_file_"), graded("nobody in Moodle"), broken])
    header, *lines = rows(tmp_path / f"moodle_{UNIT}.csv")
    jane, a = (dict(zip(header, line, strict=True)) for line in lines)
    assert jane == {
        "Identifier": "Participant 12345",
        "Full name": "Jane Doe",
        "Grade": "2",
        "Maximum Grade": "3",
        "Last modified (grade)": "-",
        "Feedback comments": "2 of 3 points. standardise: 1 of 2. Look &amp; see: a&lt;b x: 1 of 1.",
    }
    assert (a["Grade"], a["Feedback comments"]) == ("0", "0 of 3 points. The file is empty.")


def test_each_unit_has_a_worksheet_of_its_own_and_none_that_is_empty(tmp_path):
    nothing = Result("c", "", "", reason="Nothing was handed in.")
    grades.write(tmp_path / "none", [nothing])
    grades.write(tmp_path / "some", [graded("A_1_assignsubmission_file_"), graded("b", OTHER), nothing])
    none, some = ({path.name for path in (tmp_path / name).glob("*.*")} for name in ("none", "some"))
    assert none == {"grades.csv", "grades.json"} and some == {*none, "canvas.csv", f"moodle_{UNIT}.csv"}


def test_canvas_finds_students_by_id_or_login_and_units_in_columns(tmp_path):
    grades.write(tmp_path, [graded("doejane_1234"), graded("doejane_1234", OTHER, 2), graded("lee7", OTHER)])
    header, possible, jane, lee = rows(tmp_path / "canvas.csv")
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", UNIT, OTHER]
    assert "Points Possible" in possible[0] and possible[5:] == ["3", "3"]
    assert jane == ["doejane", "1234", "", "", "", "2", "3"]
    assert lee == ["lee7", "", "", "lee7", "", "", "2"], "no hand-in leaves the grade as it is"


def test_no_name_or_flag_becomes_a_formula_whatever_parts_the_cells(tmp_path):
    flags = ["+1", "a\nb", "a;=1+1", "a, @x", "x|+1", '"-1']
    grades.write(tmp_path, [graded("=1+1", flags=flags), graded("@x_1_assignsubmission_file_")])
    cells = [cell for path in tmp_path.glob("*.csv") for line in rows(path) for cell in line if cell != "-"]
    assert not [cell for cell in cells if re.search(r"(^|[;,|\"'])\s*[=+@-]", cell.replace("'", "§"))]
    assert rows(tmp_path / "grades.csv")[1][:4] == ["'=1+1", UNIT, "2", "3"]
