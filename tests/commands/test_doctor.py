"""The doctor is short when all is well, names what is not, and says what to do about it."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from utils.author import pairs
from utils.base import paths
from utils.commands import canaries, doctor
from utils.grading import sandbox


def findings(probe: object) -> list[doctor.Finding]:
    return list(doctor.examine(probe))  # type: ignore[arg-type]


def test_a_wrong_or_missing_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def other(name: str) -> str:
        if name == "optax":
            return "0.0.1"
        if name == "einops":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", other)
    broken = [finding for finding in findings(doctor.look_at_versions) if finding.mark == "✗"]
    assert ["optax 0.0.1" in broken[1].text, "einops is missing" in broken[0].text] == [True, True]
    assert all(finding.cure for finding in broken)


def test_a_kernel_of_another_python_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/usr/bin/python9", "-m", "ipykernel_launcher"], "display_name": "x", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setattr(pairs, "generate", lambda check: [])
    assert any(f.mark == "✗" and "/usr/bin/python9" in f.text for f in findings(doctor.look_at_notebooks))
    monkeypatch.delenv("JUPYTER_PATH")
    assert not any(f.mark == "✗" for f in findings(doctor.look_at_notebooks))


def test_a_file_that_hides_a_module_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "generate", lambda check: [])
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "EXERCISES", tmp_path)
    (tmp_path / "random.py").touch()
    (tmp_path / "01_a.py").touch()
    texts = [finding.text for finding in findings(doctor.look_at_notebooks)]
    assert [text for text in texts if "hides the module" in text] == [
        "random.py hides the module `random` from every notebook beside it."
    ]


def test_a_changed_lesson_is_told_with_its_cure_and_a_filled_in_exercise_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pairs, "generate", lambda check: ["exercises/01_a.py", "notebooks/02_b.ipynb"])
    (found,) = [finding for finding in findings(doctor.look_at_notebooks) if "changed" in finding.text]
    assert found.mark == "!"
    assert "notebooks/02_b.ipynb" in found.text
    assert "exercises" not in found.text
    assert "make exercises" in found.cure


def test_no_device_is_a_finding_with_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ASK_JAX", "raise RuntimeError('no device')")
    (finding,) = findings(doctor.look_at_devices)
    assert finding.mark == "✗"
    assert "no device" in finding.text
    assert "JAX_PLATFORMS" in finding.cure


def test_a_file_in_place_of_the_cache_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    broken = [finding for finding in findings(doctor.look_at_memory) if "is a file" in finding.text]
    assert [finding.mark for finding in broken] == ["✗"]
    assert "COURSE_CACHE" in broken[0].cure


def test_a_probe_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def ill() -> Iterator[doctor.Finding]:
        yield doctor.Finding("✓", "good so far")
        raise OSError("no such drive")

    monkeypatch.setattr(doctor, "PROBES", (ill,))
    assert doctor.main([]) == 0
    assert "! could not be looked at: OSError: no such drive" in capsys.readouterr().out


def test_a_python_that_the_course_is_not_in_is_told_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert doctor.main([]) == 1
    told = capsys.readouterr().out
    assert "is not the course's" in told and "Run make doctor" in told
    assert len(told.splitlines()) <= 4


def test_when_all_is_well_the_report_is_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("COURSE_DATA", "TFDS_DATA_DIR", "COURSE_CACHE", *doctor.CHANGES_RESULTS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(canaries, "run", lambda short: [canaries.Outcome(name, True) for name in canaries.CANARIES])
    monkeypatch.setattr(pairs, "generate", lambda check: [])
    monkeypatch.setenv("COLUMNS", "80")
    assert doctor.main([]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 25


def test_a_bad_jaxlib_is_named_and_so_is_a_canary_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canaries, "KNOWN_BAD", {importlib.metadata.version("jaxlib"): "it adds wrongly"})
    failed = canaries.Outcome("products", False, "Segmentation fault")
    monkeypatch.setattr(canaries, "run", lambda short: [canaries.Outcome("sort", True), failed])
    known, fell = findings(doctor.look_at_arithmetic)
    assert (known.mark, fell.mark) == ("✗", "✗")
    assert "known to be bad: it adds wrongly" in known.text
    assert "products: Segmentation fault" in fell.text
    assert known.cure and fell.cure


@pytest.mark.parametrize("value", ["sample", "bogus"])
def test_a_variable_is_either_right_or_wrong(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("COURSE_DATA", value)
    (found,) = [finding for finding in findings(doctor.look_at_data) if finding.text.startswith("COURSE_DATA")]
    assert found.mark == ("✓" if value == "sample" else "✗")


def test_whether_the_sandbox_is_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for kind in sandbox.KINDS:
        monkeypatch.setattr(sandbox, "best", lambda kind=kind: kind)
        found += findings(doctor.look_at_sandbox)
    assert [finding.mark for finding in found] == ["✓", "!", "!"]
    assert all("bubblewrap" in finding.cure for finding in found[1:])
