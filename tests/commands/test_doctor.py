"""The doctor is short when all is well, names what is not, and says what to do about it."""

import importlib.metadata
import json

import pytest

from utils.author import pairs
from utils.base import paths
from utils.commands import canaries, doctor
from utils.grading import sandbox


@pytest.fixture(autouse=True)
def nothing_changed(monkeypatch):
    """The lessons are as they should be, which takes some seconds to find out."""
    monkeypatch.setattr(pairs, "generate", lambda check: [])


def found(probe, mark="✗"):
    """The findings of a probe that have a mark."""
    return [finding for finding in doctor.examine(probe) if finding.mark == mark]


def forget(name):
    raise importlib.metadata.PackageNotFoundError(name)


def test_when_all_is_well_the_report_is_short(monkeypatch, capsys):
    for name in ("COURSE_DATA", "TFDS_DATA_DIR", "COURSE_CACHE", *doctor.CHANGES_RESULTS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(canaries, "run", lambda short: dict.fromkeys(canaries.CANARIES, ""))
    monkeypatch.setenv("COLUMNS", "80")
    assert doctor.main([]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 25


def test_a_python_that_the_course_is_not_in_is_told_and_nothing_else(monkeypatch, capsys):
    monkeypatch.setattr(importlib.metadata, "version", forget)
    assert doctor.main([]) == 1
    first, *rest = doctor_lines = capsys.readouterr().out.split("\n  ")
    assert "is not the course's" in " ".join(doctor_lines) and rest[-1].startswith("→ Run make doctor")
    assert "✓" not in first and "!" not in " ".join(rest)


def test_a_probe_that_fails_is_a_finding(monkeypatch, capsys):
    def ill():
        yield doctor.Finding("✓", "good so far")
        raise OSError("no such drive")

    monkeypatch.setattr(doctor, "PROBES", (ill,))
    assert doctor.main([]) == 0
    assert "! could not be looked at: OSError: no such drive" in capsys.readouterr().out


def test_a_wrong_or_missing_version_is_named(monkeypatch):
    version = importlib.metadata.version
    others = {"optax": lambda name: "0.0.1", "einops": forget}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: others.get(name, version)(name))
    missing, wrong = found(doctor.versions)
    assert "einops is missing" in missing.text
    assert "optax 0.0.1" in wrong.text
    assert missing.cure and wrong.cure


def test_a_canary_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(canaries, "run", lambda short: {"sort": "", "products": "Segmentation fault"})
    (fell,) = found(doctor.arithmetic)
    assert "fails the canary products: Segmentation fault" in fell.text
    assert fell.cure


def test_no_device_is_a_finding_with_a_cure(monkeypatch):
    monkeypatch.setattr(doctor, "ASK_JAX", "raise RuntimeError('no device')")
    (finding,) = found(doctor.devices)
    assert "no device" in finding.text
    assert "JAX_PLATFORMS" in finding.cure


def test_a_file_in_place_of_the_cache_is_found(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    (finding,) = found(doctor.memory)
    assert "is a file" in finding.text
    assert "COURSE_CACHE" in finding.cure


@pytest.mark.parametrize(("value", "mark"), [("sample", "✓"), ("bogus", "✗")])
def test_a_variable_is_either_right_or_wrong(monkeypatch, value, mark):
    monkeypatch.setenv("COURSE_DATA", value)
    (finding,) = [finding for finding in doctor.examine(doctor.data_sets) if finding.text.startswith("COURSE_DATA")]
    assert finding.mark == mark


def test_a_kernel_of_another_python_is_found(tmp_path, monkeypatch):
    assert not found(doctor.kernel)
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/usr/bin/python9", "-m", "ipykernel_launcher"], "display_name": "x", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (finding,) = found(doctor.kernel)
    assert "/usr/bin/python9" in finding.text


def test_a_file_that_hides_a_module_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "EXERCISES", tmp_path)
    (tmp_path / "random.py").touch()
    (tmp_path / "01_a.py").touch()
    (finding,) = found(doctor.notebooks)
    assert finding.text == "random.py hides the module `random` from every notebook beside it."


def test_a_changed_lesson_is_told_with_its_cure_and_a_filled_in_exercise_is_not(monkeypatch):
    monkeypatch.setattr(pairs, "generate", lambda check: ["exercises/01_a.py", "notebooks/02_b.ipynb"])
    (finding,) = found(doctor.notebooks, "!")
    assert finding.text == "changed: notebooks/02_b.ipynb"
    assert "make exercises" in finding.cure


def test_whether_the_sandbox_is_there_is_told(monkeypatch):
    for kind in sandbox.KINDS:
        monkeypatch.setattr(sandbox, "best", lambda kind=kind: kind)
        (finding,) = doctor.examine(doctor.grading)
        assert finding.mark == ("✓" if kind is sandbox.BUBBLEWRAP else "!")
        assert "bubblewrap" in finding.text + finding.cure


def test_a_jaxlib_that_is_known_to_be_bad_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda name: "0.10.2")
    monkeypatch.setattr(canaries, "run", lambda short: {"sort": ""})
    (finding,) = found(doctor.arithmetic)
    assert finding.text == "jaxlib 0.10.2 is known to be bad: it crashes on sums of products."
