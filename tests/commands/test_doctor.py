"""The doctor is short when all is well, names what is not, and says what to do about it."""

import importlib.metadata
import json
from pathlib import Path

import pytest

from utils.author import pairs
from utils.commands import canaries, doctor
from utils.grading import sandbox

VERSION = importlib.metadata.version
KERNEL = {"argv": ["/usr/bin/python9", "-m", "ipykernel_launcher"], "display_name": "x", "language": "python"}
LOCKED, CANARIES, LESSONS = "importlib.metadata.version", "utils.commands.canaries.run", "utils.author.pairs.generate"
CHANGED = ["exercises/01_a.py", "notebooks/02_b.ipynb"]  # students fill exercises in


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The lessons are as they should be and JAX computes as it should, which takes some seconds to find out."""
    monkeypatch.setattr(pairs, "generate", lambda check: [])
    monkeypatch.setattr(canaries, "run", lambda short: {"sort": ""})


@pytest.fixture
def place(tmp_path):
    """A folder with a notebook's text, a kernel of another Python, and a file that hides a module."""
    for name, text in (("random.py", ""), ("01_a.py", ""), ("kernels/python3/kernel.json", json.dumps(KERNEL))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def version(name):
    if name in ("einops", "jax-course"):
        raise importlib.metadata.PackageNotFoundError(name)
    return "0.0.1" if name == "optax" else VERSION(name)


@pytest.mark.parametrize(
    ("probe", "changed", "to", "told", "cure"),
    [
        (doctor.versions, LOCKED, version, "✗ optax 0.0.1; requirements.txt requires ==", "the locked versions"),
        (doctor.versions, LOCKED, version, "✗ einops is missing; requirements.txt requires", "the locked versions"),
        (doctor.arithmetic, CANARIES, lambda short: {"scan": "Aborted"}, "fails the canary scan: Aborted", "be wrong"),
        (doctor.arithmetic, LOCKED, lambda name: "0.10.2", "✗ jaxlib 0.10.2 is known to be faulty: it crashes", "lock"),
        (doctor.devices, "utils.commands.doctor.ASK_JAX", "raise OSError('none')", "✗ JAX finds no device", "JAX_PLAT"),
        (doctor.memory, "COURSE_CACHE", "random.py", "should be the cache's folder, but is a file.", "COURSE_CACHE"),
        (doctor.data_sets, "COURSE_DATA", "bogus", "✗ COURSE_DATA='bogus' is unknown", ""),
        (doctor.data_sets, "COURSE_DATA", "sample", "✓ COURSE_DATA: sample", ""),
        (doctor.kernel, "JUPYTER_PATH", ".", "✗ the kernel `python3` runs another Python: /usr/bin/python9.", "remove"),
        (doctor.notebooks, "utils.base.paths.EXERCISES", Path(), "random.py hides the module `random` from", "Rename"),
        (doctor.notebooks, LESSONS, lambda check: CHANGED, "! changed: notebooks/02_b.ipynb", "make exercises"),
    ],
)
def test_what_is_not_well_is_named_with_its_cure(place, monkeypatch, probe, changed, to, told, cure):
    if changed.isupper():
        monkeypatch.setenv(changed, str(place / to) if (place / to).exists() else to)
    else:
        monkeypatch.setattr(changed, place if to == Path() else to)
    (finding,) = [one for one in doctor.examine(probe) if told in f"{one.mark} {one.text}"]
    assert cure in finding.cure


def test_whether_the_sandbox_is_there_is_told(monkeypatch):
    for closed in (True, False):
        monkeypatch.setattr(sandbox, "is_closed", lambda closed=closed: closed)
        (finding,) = doctor.examine(doctor.grading)
        assert finding.mark == ("✓" if closed else "!")
        assert "bubblewrap" in finding.text + finding.cure


def test_when_all_is_well_the_report_is_short(monkeypatch, capsys):
    for name in ("COURSE_DATA", "TFDS_DATA_DIR", "COURSE_CACHE", *doctor.CHANGES_RESULTS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    assert doctor.main([]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= 25


def test_a_python_that_the_course_is_not_in_is_told_and_nothing_else(monkeypatch, capsys):
    monkeypatch.setattr(importlib.metadata, "version", version)
    assert doctor.main([]) == 1
    told, cure = " ".join(capsys.readouterr().out.split()).split(" → ")
    assert told.startswith("✗ ") and "is not the course's" in told and cure == "Run make doctor."


def test_a_probe_that_fails_is_a_finding(monkeypatch, capsys):
    def ill():
        yield doctor.Finding("✓", "good so far")
        raise OSError("no such drive")

    monkeypatch.setattr(doctor, "PROBES", (ill,))
    assert doctor.main([]) == 0
    assert "! this check failed: OSError: no such drive" in capsys.readouterr().out
