"""Hand-ins come out of Moodle and Canvas by the names that these give to folders and files."""

import zipfile

import pytest

from utils.base.errors import CourseError
from utils.commands.instructors import gather
from utils.grading import handin

DOWNLOADED = {
    "Jane Doe_12_assignsubmission_file_/02_flax.ipynb": ("Jane Doe_12_assignsubmission_file_", "02_flax.ipynb"),
    "Jane Doe_12_assignsubmission_file_/deep/er/03.py": ("Jane Doe_12_assignsubmission_file_", "03.py"),
    "Ann Lee_3_assignsubmission_file_02.ipynb": ("Ann Lee_3_assignsubmission_file_", "02.ipynb"),
    "doejane_1234_98765_02.ipynb": ("doejane_1234", "02.ipynb"),
    "doejane_LATE_1234_98766_02.ipynb": ("doejane_1234", "02-2.ipynb"),
}
LEFT_OUT = [
    f"Ann_3_assignsubmission_file_{'x' * 220}.py",
    "notes.ipynb",
    "Jane Doe_12_assignsubmission_file_/photo.jpg",
    "../../Ann_3_assignsubmission_file_",
]


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
def test_every_student_gets_a_folder(tmp_path, download, capsys):
    (tmp_path / "from").mkdir()
    out = tmp_path / "to"
    gather.main([str(download(tmp_path / "from")), str(out)])
    found = {path.relative_to(out).parts: path.read_text() for path in out.rglob("*") if path.is_file()}
    assert found == {where: name for name, where in DOWNLOADED.items()}
    told = capsys.readouterr().out
    for name in LEFT_OUT[:2]:
        assert f"left out: {name} (" in told


def test_no_name_in_a_zip_leads_out_of_the_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in (
            "../a_1_2_x.ipynb",
            "/tmp/a_1_2_x.ipynb",
            "a_1/../../x.ipynb",
            "A_1_assignsubmission_file_/../../x.py",
        ):
            archive.writestr(name, "")
    gather.main([str(tmp_path / "x.zip"), str(tmp_path / "to")])
    assert {path.parent.parent for path in tmp_path.rglob("*.ipynb")} <= {tmp_path / "to"}
    assert {path.parent.parent for path in tmp_path.rglob("*.py")} <= {tmp_path / "to"}


def test_links_and_damaged_zips_are_told(tmp_path, capsys):
    folder = tmp_path / "from"
    folder.mkdir()
    (folder / "a_1_2_x.ipynb").symlink_to("/etc/passwd")
    gather.main([str(folder), str(tmp_path / "to")])
    assert "It is a link" in capsys.readouterr().out
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(CourseError, match="neither a folder nor a whole zip"):
        gather.main([str(tmp_path / "x.zip"), str(tmp_path / "other")])


def test_one_damaged_file_in_a_zip_costs_nobody_else_anything_and_none_replaces_another(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(handin, "LARGEST", 100)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("ann_1_2_x.py", "first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("ann_1_2_x.py", "second")
        archive.writestr("bob_3_4_x.py", "damaged")
        archive.writestr("cy_5_6_x.py", 1000 * "long")
        archive.writestr("di_7_8_x.py", "packed" * 9, zipfile.ZIP_DEFLATED)
        packed = archive.getinfo("di_7_8_x.py").header_offset + 30 + len("di_7_8_x.py")
    raw = (tmp_path / "x.zip").read_bytes()
    raw = raw[:packed] + b"\xff\xff" + raw[packed + 2 :]
    (tmp_path / "x.zip").write_bytes(raw.replace(b"damaged", b"DAMAGED", 1))
    gather.main([str(tmp_path / "x.zip"), str(tmp_path / "to")])
    bob, cy, di = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left out: ")]
    assert "bob" in bob and "it cannot be unpacked" in bob and "cy" in cy and "larger than" in cy
    assert "di" in di and "it cannot be unpacked" in di
    assert {path.read_text() for path in (tmp_path / "to").rglob("*.py")} == {"first", "second"}


def test_nothing_is_put_among_what_is_there(tmp_path):
    with pytest.raises(CourseError, match="has something in it already"):
        gather.main([str(unpacked(tmp_path)), str(tmp_path)])
