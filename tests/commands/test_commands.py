"""`python -m utils`, make and CI: what the commands start with, and that all of them read their options in one way."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from utils.__main__ import COMMANDS, main
from utils.base.paths import ROOT
from utils.commands import lab
from utils.commands.bootstrap import summary

no_make = pytest.mark.skipif(not shutil.which("make"), reason="no make")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_refuses_an_option_that_it_does_not_have(monkeypatch, capsys, name):
    for runs in ("os.execve", "subprocess.run"):
        monkeypatch.setattr(runs, Mock(side_effect=AssertionError("something was run")))
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert summary(COMMANDS[name]) in capsys.readouterr().out
    assert summary(COMMANDS[name]).startswith(f"`python -m utils {name}")
    refused = {"--no-such-option": "There are: -h, --help", "--hepl": "Did you mean '--help'?"}
    refused["--hel"] = refused["--hepl"]
    for option, answer in refused.items() if name != "lab" else ():  # whose options are JupyterLab's
        with pytest.raises(SystemExit, match="2"):
            main([name, option])
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"There is no option {option!r}. {answer}")


def test_no_command_is_imported_but_the_chosen_one(capsys):
    code = "import sys; from utils.__main__ import main; print(main([]), main(['docter']), [*sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    *told, last = ran.stdout.splitlines()
    assert [line for line in told if "python -m utils doctor" in line and "look for common problems" in line]
    assert last.startswith("0 2 [")
    ours = {name for name in ast.literal_eval(last[4:]) if name.startswith("utils.")}
    assert ours - {"utils.__main__"} == {"utils.commands", "utils.commands.bootstrap", "utils.base"} | {
        f"utils.base.{name}" for name in ("errors", "paths")
    }


def test_make_knows_the_commands():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"^\t\$\(COURSE\) (\w+)", makefile, flags=re.MULTILINE))
    assert {"lab", "test", "course", "exercises", "doctor"} <= called <= set(COMMANDS)
    assert called <= set(re.findall(r"^(\w+): .*##", makefile, flags=re.MULTILINE))


@no_make
def test_make_passes_options_on():
    command = ["make", "-n", "lab", "LAB_ARGS=--no-browser --port 8899", "PYTHON=other"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    shown = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "other utils/commands/bootstrap.py lab --no-browser --port 8899"


@no_make
def test_cleaning_keeps_what_somebody_wrote_and_what_cannot_be_measured_again(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    written = {"build/replaced/01_a.py", "build/course-history.json", "models/My_vgg8", "exercises/01_a.py"}
    for name in {".venv/bin/python", "build/cache/set", "build/course.html"} | written:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for _ in ("the first time", "where all is clean"):
        subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, check=True)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile"} | written


def test_ci_runs_tests_and_proofs_and_allows_no_unlisted_skip():
    script = ROOT / ".ci" / "run"
    lines = script.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make test", "make site", "make proof"]
    assert any(line.startswith("export CI=") for line in lines)
    assert os.name == "nt" or os.access(script, os.X_OK)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal, limit or link")
@pytest.mark.parametrize(
    ("bwrap", "told"),
    [
        ("", "CI needs bwrap: install the package bubblewrap"),
        ("echo no namespaces\nexit 1\n", "make namespaces, and this system does not let it: no namespaces"),
    ],
)
def test_ci_without_a_sandbox_fails_with_its_name(tmp_path, bwrap, told):
    for command in ("bash", "dirname", "id"):
        (tmp_path / command).symlink_to(shutil.which(command) or "")
    if bwrap:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{bwrap}")
        (tmp_path / "bwrap").chmod(0o755)
    command = [tmp_path / "bash", ROOT / ".ci" / "run"]
    ran = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, told in ran.stderr) == (1, "", True)


def test_jupyterlab_asks_nothing_and_fetches_no_news():
    settings = json.loads((ROOT / "ressources/jupyter/labconfig/default_setting_overrides.json").read_text())
    schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    for plugin, values in settings.items():
        package, name = plugin.split(":")
        schema = json.loads((schemas / package / f"{name}.json").read_text(encoding="utf-8"))
        assert set(values) <= set(schema["properties"])
    assert settings["@jupyterlab/apputils-extension:notification"] == {"fetchNews": "false", "checkForUpdates": False}


def test_jupyterlab_reads_the_settings_of_the_checkout():
    command = [sys.executable, "-c", "from jupyter_core.paths import jupyter_config_path as path; print(path()[0])"]
    reply = subprocess.run(command, env=lab.environment(), capture_output=True, text=True, check=True)
    assert Path(reply.stdout.strip()) == ROOT / "ressources" / "jupyter"
