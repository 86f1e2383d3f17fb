"""`make test` tells what was skipped and what would run it; in CI a skip that is not listed is a failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from utils.base.paths import ROOT
from utils.commands import test

TEST = """
def test_{}():
    import pytest
    pytest.skip("{}")
"""


def ran(folder, **env):
    """Run the tests that a folder holds, by the course's own `conftest.py`."""
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:nbval", "-p", "no:cacheprovider"]
    env = {**os.environ, "COURSE_SKIPS": "", **env}  # what is skipped here is not this run's to tell
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(("ci", "unlisted", "status"), [("", 2, 0), ("true", 2, 1), ("true", 0, 0)])
def test_a_skip_is_told_and_in_ci_allowed_only_if_listed(tmp_path, ci, unlisted, status):
    tests = [("listed", "CUDA wheels are for Linux"), ("a", "the moon is full"), ("b", "the moon is full")]
    (tmp_path / "test_skips.py").write_text("".join(TEST.format(*test) for test in tests[: 1 + unlisted]))
    (tmp_path / "pytest.ini").touch()
    done = ran(tmp_path, CI=ci, COURSE_SKIPS=str(tmp_path / "skips"))
    assert done.returncode == status, done.stdout
    told = (tmp_path / "skips").read_text().splitlines()
    assert told[0] == "1 skipped, 1 of test_skips.py::test_listed: CUDA wheels are for Linux; runs with Linux"
    named = "2 skipped, 1 of test_skips.py::test_a, 1 of test_skips.py::test_b: the moon is full; "
    assert [line.partition("which")[0] for line in told[1:]] == [named] * (unlisted > 0)
    assert all(line in done.stdout for line in told)


def test_a_proof_that_begins_too_late_is_skipped_and_other_tests_are_not(tmp_path):
    (tmp_path / "test_both.py").write_text(
        "import pytest\n\n@pytest.mark.proof\n@pytest.mark.parametrize('case', 'xy')\ndef test_a(case):\n    pass\n"
        "\ndef test_b():\n    pass\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = proof\n")
    done = ran(tmp_path, CI="true", COURSE_PROOF_UNTIL="1")
    assert done.returncode == 0 and "1 passed, 2 skipped" in done.stdout, done.stdout
    assert "2 skipped, 2 of test_both.py::test_a: no time left; runs with" in done.stdout


def test_the_steps_that_are_named_run_and_a_summary_ends_with_what_to_run_again(tmp_path, monkeypatch, capsys):
    def run(command, cwd, env):
        if "proof" in command:
            Path(env["COURSE_SKIPS"]).write_text("1 skipped, for want\n")
        return subprocess.CompletedProcess(command, int("tests" in command))

    monkeypatch.setattr(test, "LASTED", tmp_path / "seconds.json")
    monkeypatch.setattr(subprocess, "run", run)
    assert test.main(["notebooks", "lint"]) == 0 and "About seven minutes the first time" in capsys.readouterr().out
    test.LASTED.unlink()
    assert test.main(["proof", "units", "lint"]) == 1
    *_, lint, units, proof, skipped, again = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in (lint, units, proof)] == ["passed", "FAILED", "FAILED"]
    assert skipped == "1 skipped, for want"
    assert again == 'Again, only what failed: make test TEST_ARGS="units proof"'
    assert test.main(["lint"]) == 0
    out = capsys.readouterr().out
    assert "(lint, 0 s the last time)" in out and out.endswith("All passed.\n")
