"""Setting up from nothing: what is decided, what is done again, and what is said where it cannot be done."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from utils.commands import bootstrap

on_windows = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal, limit or link")


def test_the_bootstrap_is_read_by_old_pythons():
    tree = ast.parse(bootstrap.HERE.read_text(encoding="ascii"), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("call", [[], ["--help"]])
def test_nothing_is_set_up_for_help(monkeypatch, capsys, call):
    monkeypatch.setattr(bootstrap, "set_up", lambda gpu: pytest.fail("it was set up"))
    assert bootstrap.main(call) == 0
    assert "`python -m utils doctor`: look for common problems" in capsys.readouterr().out


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A course of its own with nothing set up: its folder."""
    folder = tmp_path / "course"
    folder.mkdir()
    for name in ("requirements.txt", "requirements-gpu.txt"):
        (folder / name).write_text(name)
    monkeypatch.setattr(bootstrap, "ROOT", folder)
    monkeypatch.setattr(bootstrap, "VENV", folder / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", folder / ".venv" / "course-stamp")
    return folder


@pytest.fixture
def notes(home, monkeypatch):
    """What is made and installed in the course."""
    notes: list[str] = []

    def make():
        notes.append("venv again, the stamp still there" if bootstrap.STAMP.exists() else "venv")
        shutil.rmtree(bootstrap.VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bootstrap.VENV)], check=True)

    monkeypatch.setattr(bootstrap, "make_venv", make)
    monkeypatch.setattr(bootstrap, "find_uv", lambda: "uv")
    monkeypatch.setattr(bootstrap, "install", lambda uv, gpu: notes.append("gpu" if gpu else "cpu"))
    return notes


def change_the_lock():
    (bootstrap.ROOT / "requirements.txt").write_text("changed")


def move_the_venv():
    """Its stamp is left to it: what lies here may be a link to that place."""
    bootstrap.STAMP.write_text("\n".join(["/elsewhere/.venv", *bootstrap.read_stamp()[1:]]))


def remove_its_python():
    python = bootstrap.venv_python()
    for name in ("python", "python3"):
        python.with_name(name).unlink()
    python.symlink_to("/nowhere/python")


@pytest.mark.parametrize(
    ("happens", "again"),
    [
        (lambda: None, []),
        (change_the_lock, ["cpu"]),
        (move_the_venv, ["venv again, the stamp still there", "cpu"]),
        pytest.param(remove_its_python, ["venv again, the stamp still there", "cpu"], marks=on_windows),
    ],
)
def test_a_second_run_does_what_is_needed(notes, happens, again):
    bootstrap.set_up(False)
    happens()
    bootstrap.set_up(False)
    assert notes == ["venv", "cpu", *again]


def test_a_stopped_set_up_is_not_believed(notes, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "install", Mock(side_effect=KeyboardInterrupt))
        assert bootstrap.main(["lab"]) == 130
    bootstrap.set_up(False)
    assert notes == ["venv", "cpu"]


@pytest.mark.skipif(sys.platform != "linux", reason="CUDA wheels are for Linux")
def test_a_gpu_once_asked_for_stays(notes):
    for gpu in (False, True, False):
        bootstrap.set_up(gpu)
    assert notes == ["venv", "cpu", "gpu"]
    change_the_lock()
    bootstrap.set_up(False)
    assert notes == ["venv", "cpu", "gpu", "gpu"]


def test_a_gpu_where_there_are_no_wheels_is_refused(notes, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(bootstrap.SetupError, match="Leave GPU=1 out"):
        bootstrap.set_up(True)
    assert notes == []


def script(file, lines):
    """A program that stands in for a Python or for uv; returns its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{lines}\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def machine(home, monkeypatch):
    """A machine without uv whose `python3` is 3.11, and the course on it: its folder."""
    if os.name == "nt":
        pytest.skip("Windows has no such signal, limit or link")
    places = {"PATH": "path", "HOME": "home", "CONDA_PREFIX": "conda", "HOMEBREW_PREFIX": "brew"}
    for name, folder in places.items():
        monkeypatch.setenv(name, str(home.parent / folder))
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "executable", script(home.parent / "path" / "python3", "echo 3 11 $0"))
    monkeypatch.setattr(bootstrap, "check_machine", lambda: None)
    return home.parent


def test_the_running_python_goes_before_a_newer_one(machine, monkeypatch):
    script(machine / "path" / "python3.13", "echo 3 13 $0")
    named = script(machine / "named" / "python", "echo 3 12 $0")
    monkeypatch.setattr(sys, "executable", named)
    assert bootstrap.find_python() == named


@pytest.mark.parametrize(
    "place",
    [
        "path",
        "home/.pyenv/versions/3.13.7/bin",
        "conda/bin",
        "brew/opt/python@3.13/bin",
        "home/.local/share/uv/python/cpython-3.13.7/bin",
    ],
)
def test_else_the_newest_python_that_starts_is_found(machine, monkeypatch, place):
    monkeypatch.setenv("PATH", os.pathsep.join([str(machine / "shims"), str(machine / "path")]))
    script(machine / "shims" / "python3.13", "exit 127")  # as pyenv's for a version that is not chosen
    script(machine / "path" / "python3.12", "echo 3 12 $0")
    newest = script(machine / place / "python3.13", "echo 3 13 $0")
    assert bootstrap.find_python() == newest


def test_a_python_that_lacks_a_module_does_not_suit(monkeypatch):
    assert bootstrap.started(sys.executable)
    monkeypatch.setattr(bootstrap, "STARTS", "import a_module_that_is_not_there\n" + bootstrap.STARTS)
    assert not bootstrap.started(sys.executable)


def test_an_environments_python_stands_for_the_one_it_was_made_with(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "old")], check=True)
    (link,) = (tmp_path / "old").glob("*/python" + (".exe" if os.name == "nt" else ""))
    place = Path(bootstrap.started(str(link)))
    assert place.is_file()
    assert tmp_path not in place.parents  # the environment may be the one to make again


def python_with_venv(machine, uv):
    """A Python whose environments have a pip that brings a uv."""
    pip = script(machine / "pip", f"mkdir -p ${{4#*=}}/bin; cp {uv} ${{4#*=}}/bin/uv")  # the fourth word is --target=
    return script(machine / "with-venv", f'test "$2" = venv && mkdir -p $3/bin && cp {pip} $3/bin/python')


def test_where_no_python_suits_uv_is_brought_and_fetches_one(machine, monkeypatch):
    make = f"""
case "$*" in
--version) echo uv 0.9.1;;
"venv "*" --managed-python --python 3.13 "*) {sys.prefix}/bin/python -m venv --without-pip {bootstrap.VENV};;
*) exit 2;;
esac
"""
    monkeypatch.setattr(sys, "executable", python_with_venv(machine, script(machine / "uv", make)))
    monkeypatch.setattr(bootstrap, "install", lambda uv, gpu: None)
    bootstrap.set_up(False)
    assert bootstrap.supported(bootstrap.venv_version())
    assert bootstrap.find_uv() == str(bootstrap.VENV / "uv" / "bin" / "uv")


@pytest.mark.parametrize("refused", ["pip", "uv"])
def test_where_nothing_can_be_fetched_two_lines_say_what_to_install_and_nothing_is_left(machine, monkeypatch, refused):
    fetch = """
test "$1" = --version && echo uv 0.9.1 && exit
touch $TMPDIR/half; mkdir -p $UV_PYTHON_INSTALL_DIR/half; echo error; echo '  cause: refused'; exit 2
"""
    uv = script(machine / "uv", fetch)
    if refused == "uv":
        monkeypatch.setattr(sys, "executable", python_with_venv(machine, uv))
    before = sorted(machine.rglob("*"))
    with pytest.raises(bootstrap.SetupError) as told:
        bootstrap.main(["lab"])
    first, second = str(told.value).splitlines()
    assert first.startswith("No Python 3.12 or 3.13 starts here")
    assert first.endswith(": refused") == (refused == "uv")
    assert second.startswith("Install Python 3.13")
    assert sorted(machine.rglob("*")) == before


def test_a_venv_whose_making_is_stopped_does_not_stay(machine, monkeypatch):
    def stopped(command):
        (bootstrap.VENV / "half").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "quietly", stopped)
    assert bootstrap.main(["lab"]) == 130
    assert not bootstrap.VENV.exists()


@on_windows
def test_no_process_of_a_command_compiles_what_another_has_compiled(notes, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setattr(os, "execv", lambda *_: notes.append(os.environ.get("PYTHONDONTWRITEBYTECODE", "unset")))
    bootstrap.main(["doctor"])
    assert notes[-1] == "unset"


def test_a_failing_installer_gives_its_cure(home, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 2)
    with pytest.raises(bootstrap.SetupError, match="connect, then give the same command again"):
        bootstrap.install("/nowhere/uv", False)


@on_windows
def test_what_stops_a_set_up_is_told_without_a_traceback(home):
    home.joinpath("utils", "commands").mkdir(parents=True)
    copy = shutil.copy(bootstrap.HERE, home / "utils" / "commands")
    (home / "utils" / "commands" / "lab.py").touch()
    (home / ".venv").touch()  # which is no folder
    ran = subprocess.run([sys.executable, copy, "lab"], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert ran.stderr.startswith("Setting up stopped: ")
