"""Grades go into Moodle and Canvas, and hand-ins come out of them, by the names that these give to folders."""

import csv
import zipfile

import pytest

from utils.base.errors import CourseError
from utils.grading import gather, grades, handin
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


def test_no_name_or_flag_becomes_a_formula(tmp_path):
    grades.write(tmp_path, [graded("=1+1", flags=["+1", "a\nb"]), graded("@x_1_assignsubmission_file_")])
    cells = [cell for path in tmp_path.glob("*.csv") for line in rows(path) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert rows(tmp_path / "grades.csv")[1] == ["'=1+1", UNIT, "2", "3", "'+1 | a b"]


# --- out of Moodle and Canvas -----------------------------------------------------------------------------------

DOWNLOADED = {
    "Jane Doe_12_assignsubmission_file_/02_flax.ipynb": ("Jane Doe_12_assignsubmission_file_", "02_flax.ipynb"),
    "Jane Doe_12_assignsubmission_file_/deep/er/03.py": ("Jane Doe_12_assignsubmission_file_", "03.py"),
    "Ann Lee_3_assignsubmission_file_02.ipynb": ("Ann Lee_3_assignsubmission_file_", "02.ipynb"),
    "doejane_1234_98765_02.ipynb": ("doejane_1234", "02.ipynb"),
    "doejane_LATE_1234_98766_02.ipynb": ("doejane_1234", "02-2.ipynb"),
}
LEFT_OUT = ["notes.ipynb", "Jane Doe_12_assignsubmission_file_/photo.jpg", "../../Ann_3_assignsubmission_file_"]


def unpacked(folder):
    for name in DOWNLOADED:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name in LEFT_OUT[:2]:
        (folder / name).write_text(name)
    return folder


def packed(folder):
    with zipfile.ZipFile(folder / "download.zip", "w") as archive:
        for name in [*DOWNLOADED, *LEFT_OUT]:
            archive.writestr(name, name)
    return folder / "download.zip"


@pytest.mark.parametrize("download", [unpacked, packed])
def test_every_student_gets_a_folder(tmp_path, download):
    (tmp_path / "from").mkdir()
    out = tmp_path / "to"
    left_out = gather.gather(download(tmp_path / "from"), out)
    found = {path.relative_to(out).parts: path.read_text() for path in out.rglob("*") if path.is_file()}
    assert found == {where: name for name, where in DOWNLOADED.items()}
    for name in LEFT_OUT[:2]:
        assert any(line.startswith(name) for line in left_out)


def test_no_name_in_a_zip_leads_out_of_the_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in (
            "../a_1_2_x.ipynb",
            "/tmp/a_1_2_x.ipynb",
            "a_1/../../x.ipynb",
            "A_1_assignsubmission_file_/../../x.py",
        ):
            archive.writestr(name, "")
    gather.gather(tmp_path / "x.zip", tmp_path / "to")
    assert {path.parent.parent for path in tmp_path.rglob("*.ipynb")} <= {tmp_path / "to"}
    assert {path.parent.parent for path in tmp_path.rglob("*.py")} <= {tmp_path / "to"}


def test_links_and_damaged_zips_are_told(tmp_path):
    folder = tmp_path / "from"
    folder.mkdir()
    (folder / "a_1_2_x.ipynb").symlink_to("/etc/passwd")
    (line,) = gather.gather(folder, tmp_path / "to")
    assert "link" in line
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(CourseError, match="neither a folder nor a whole zip"):
        gather.gather(tmp_path / "x.zip", tmp_path / "other")


def test_one_damaged_file_in_a_zip_costs_nobody_else_anything_and_none_replaces_another(tmp_path, monkeypatch):
    monkeypatch.setattr(handin, "LARGEST", 100)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("ann_1_2_x.py", "first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("ann_1_2_x.py", "second")
        archive.writestr("bob_3_4_x.py", "damaged")
        archive.writestr("cy_5_6_x.py", 1000 * "long")
    raw = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(raw.replace(b"damaged", b"DAMAGED", 1))
    damaged, long = gather.gather(tmp_path / "x.zip", tmp_path / "to")
    assert damaged.startswith("bob") and "it cannot be unpacked" in damaged
    assert long.startswith("cy") and "larger than" in long
    assert {path.read_text() for path in (tmp_path / "to").rglob("*.py")} == {"first", "second"}


def test_nothing_is_put_among_what_is_there(tmp_path):
    with pytest.raises(CourseError, match="has something in it already"):
        gather.gather(unpacked(tmp_path), tmp_path)
