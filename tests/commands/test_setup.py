"""Setting up: the locks, the bootstrap's decisions, what the commands start with."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from utils.__main__ import COMMANDS
from utils.base.paths import ROOT
from utils.commands import bootstrap, lab
from utils.commands.instructors import lock

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [f"3.{minor}" for minor in range(bootstrap.OLDEST[1], bootstrap.NEWEST[1] + 1)]
SYSTEMS = {
    "Linux x86-64": ("linux", "posix", "x86_64", "Linux"),
    "Linux Arm": ("linux", "posix", "aarch64", "Linux"),
    "macOS Arm": ("darwin", "posix", "arm64", "Darwin"),
    "Windows": ("win32", "nt", "AMD64", "Windows"),
}
CASES = [(system, python) for system in SYSTEMS for python in PYTHONS]


def marker_values(system: str, python: str) -> dict[str, str]:
    sys_platform, os_name, machine, platform_system = SYSTEMS[system]
    return {
        "sys_platform": sys_platform,
        "os_name": os_name,
        "platform_machine": machine,
        "platform_system": platform_system,
        "python_version": python,
        "python_full_version": f"{python}.5",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def entries(name: str) -> list[tuple[Requirement, list[str]]]:
    """Each entry of a lock with its hashes."""
    found: list[tuple[Requirement, list[str]]] = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.strip().startswith("--hash="):
            found[-1][1].append(line.strip(" \\").removeprefix("--hash="))
        elif line and line[0] not in " #":
            found.append((Requirement(line.rstrip(" \\")), []))
    return found


# --- the locks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "python"), CASES)
def test_the_lock_holds_one_fitting_version_of_every_dependency(system: str, python: str) -> None:
    values = marker_values(system, python)
    locked: dict[str, list[str]] = {}
    for entry, _ in entries("requirements.txt"):
        if not entry.marker or entry.marker.evaluate(values):
            locked.setdefault(entry.name, []).append(str(entry.specifier).removeprefix("=="))
    assert all(len(versions) == 1 for versions in locked.values())
    wanted = [Requirement(text) for text in PROJECT["dependencies"]]
    wanted = [entry for entry in wanted if not entry.marker or entry.marker.evaluate(values)]
    assert {entry.name for entry in wanted} <= set(locked)
    for entry in wanted:
        assert Version(locked[entry.name][0]) in entry.specifier
    assert ("tensorflow" in locked) != ("tensorflow-cpu" in locked)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-gpu.txt"])
def test_every_locked_package_has_one_version_and_hashes(name: str) -> None:
    found = entries(name)
    assert len(found) > 10
    for entry, hashes in found:
        assert re.fullmatch(r"==[^,*]+", str(entry.specifier))
        assert not entry.url
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


def test_whatever_is_imported_is_declared() -> None:
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    # what only races import, and only where it is installed; timm brings torchvision
    extra = {Requirement(text).name for text in PROJECT["optional-dependencies"]["reference"]} | {"torchvision"}
    undeclared = set()
    for file in [*ROOT.glob("utils/**/*.py"), *ROOT.glob("*/[0-9][0-9]_*.py"), *ROOT.glob("tests/**/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            races = "utils/races" in file.as_posix() or "tests/golden" in file.as_posix()
            allowed = (
                {"utils"}
                | {path.stem for path in ROOT.glob("tests/**/*.py")}
                | {"golden"}
                | (extra if races else set())
            )
            for top in {name.split(".")[0] for name in names} - sys.stdlib_module_names - allowed:
                if not declared & {canonicalize_name(name) for name in providers.get(top, [])}:
                    undeclared.add(f"{top} in {file.relative_to(ROOT).as_posix()}")
    assert not undeclared


def test_the_gpu_lock_adds_the_plugin_of_the_locked_jax_and_repeats_nothing() -> None:
    base = {entry.name: str(entry.specifier) for entry, _ in entries("requirements.txt")}
    extra = {entry.name: str(entry.specifier) for entry, _ in entries("requirements-gpu.txt")}
    assert not set(base) & set(extra)
    assert extra["jax-cuda12-plugin"] == base["jax"]
    assert all("linux" in str(entry.marker) for entry, _ in entries("requirements-gpu.txt"))
    assert lock.packages(lock.GPU_LOCK) == sorted(extra)


def test_what_an_upgrade_changes_is_told() -> None:
    before, after = (
        'jax==0.10.2 \\\n    --hash=sha256:00\nold==1 ; os_name == "nt"\nsame==3\n',
        "jax==0.12.0.1 \\\n    --hash=sha256:01\nnew==2\nsame==3\n",
    )
    assert lock.changes(before, after) == ["  jax: 0.10.2 → 0.12.0.1", "  new: not there → 2", "  old: 1 → gone"]
    assert lock.changes(after, after) == ["No version changed."]


@pytest.mark.parametrize(
    ("fails", "kept", "status", "asked"),
    [
        ("", "new", 0, ["canaries", "test", "test proof"]),
        ("test", "new", 1, ["canaries", "test"]),
        ("test proof", "new", 1, ["canaries", "test", "test proof"]),
        ("canaries", "old", 1, ["canaries"]),
    ],
)
def test_an_upgrade_runs_canaries_tests_and_proofs_and_a_failed_canary_undoes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, kept: str, status: int, asked: list[str]
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(lock, "run", lambda *command: ran.append(" ".join(command)) or int(ran[-1] == fails))
    (tmp_path / "lock").write_text("new")
    assert lock.prove({tmp_path / "lock": "old"}) == status
    assert ((tmp_path / "lock").read_text(), ran) == (kept, asked)


def test_conda_users_get_the_same_versions() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"]
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (by_pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert by_pip == ["-r requirements.txt"]
    assert plain == [f"python {PROJECT['requires-python']}", "pip"]


def test_every_place_that_names_pythons_names_the_same() -> None:
    supported = SpecifierSet(PROJECT["requires-python"])
    oldest, newest = (bootstrap.OLDEST, bootstrap.NEWEST)
    assert f"3.{oldest[1]}.0" in supported
    assert f"3.{newest[1]}.99" in supported
    assert f"3.{oldest[1] - 1}.99" not in supported
    assert f"3.{newest[1] + 1}.0" not in supported


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in names.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_index_or_a_place_on_one_machine() -> None:
    forbidden = re.compile(
        "|".join([r"py" + r"pi\.", "python" + "hosted", "/wo" + "rk/", "/tmp/" + "spec", r"\.\./sha" + "red"])
    )
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in forbidden.finditer(text)]
        if path.name.startswith("requirements"):
            assert "://" not in text
            assert "--index" not in text
    assert not found


@pytest.mark.parametrize("module", ["utils.weights", "course_notebooks_02_flax_mnist_cnn"])
def test_a_deprecated_call_of_the_courses_own_is_an_error(module: str) -> None:
    call = "import warnings\nwarnings.warn('it goes', DeprecationWarning)"
    with pytest.raises(DeprecationWarning, match="it goes"):
        exec(call, {"__name__": module})
    with pytest.warns(DeprecationWarning):
        exec(call, {"__name__": "a_library"})


# --- the bootstrap ----------------------------------------------------------------------------------------


def test_the_bootstrap_is_read_by_old_pythons() -> None:
    tree = ast.parse((ROOT / "utils" / "commands" / "bootstrap.py").read_text(encoding="ascii"), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A course of its own to set up, where making and installing are only noted: yields the notes."""
    notes: list[str] = []
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / "course-stamp")
    for name in ("requirements.txt", "requirements-gpu.txt"):
        (tmp_path / name).write_text(name)

    def make() -> None:
        notes.append("venv")
        if (tmp_path / ".venv").exists():
            shutil.rmtree(tmp_path / ".venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)

    monkeypatch.setattr(bootstrap, "make_venv", make)
    monkeypatch.setattr(bootstrap, "find_uv", lambda: "uv")
    monkeypatch.setattr(bootstrap, "install", lambda uv, gpu: notes.append("gpu" if gpu else "cpu"))
    yield notes


def test_a_second_run_does_nothing(course: list[str]) -> None:
    bootstrap.set_up(False)
    assert course == ["venv", "cpu"]
    bootstrap.set_up(False)
    assert course == ["venv", "cpu"]


def test_a_changed_lock_is_installed_into_the_same_venv(course: list[str]) -> None:
    bootstrap.set_up(False)
    (bootstrap.ROOT / "requirements.txt").write_text("changed")
    bootstrap.set_up(False)
    assert course == ["venv", "cpu", "cpu"]


def test_a_stopped_set_up_is_not_believed(course: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(uv: str, gpu: bool) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bootstrap, "install", stopped)
        bootstrap.set_up(False)
    bootstrap.set_up(False)
    assert course == ["venv", "cpu"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal, limit or link")
def test_a_venv_whose_python_is_gone_is_made_again(course: list[str]) -> None:
    bootstrap.set_up(False)
    python = bootstrap.venv_python()
    for name in ("python", "python3"):
        python.with_name(name).unlink()
    python.symlink_to("/nowhere/python")
    bootstrap.set_up(False)
    assert course == ["venv", "cpu", "venv", "cpu"]


def test_a_venv_that_was_moved_is_made_again(course: list[str]) -> None:
    bootstrap.set_up(False)
    elsewhere = ["/elsewhere/.venv", *bootstrap.read_stamp()[1:]]
    bootstrap.STAMP.write_text("\n".join(elsewhere))
    bootstrap.set_up(False)
    assert course == ["venv", "cpu", "venv", "cpu"]


@pytest.mark.skipif(sys.platform != "linux", reason="CUDA wheels are for Linux")
def test_a_gpu_once_asked_for_stays(course: list[str]) -> None:
    bootstrap.set_up(False)
    bootstrap.set_up(True)
    bootstrap.set_up(False)
    assert course == ["venv", "cpu", "gpu"]
    (bootstrap.ROOT / "requirements.txt").write_text("changed")
    bootstrap.set_up(False)
    assert course == ["venv", "cpu", "gpu", "gpu"]


def test_a_gpu_where_there_are_no_wheels_is_refused(course: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(bootstrap.SetupError, match="Leave GPU=1 out"):
        bootstrap.set_up(True)
    assert course == []


def script(file: Path, lines: str) -> str:
    """A program that stands in for a Python or for uv; returns its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{lines}\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without uv whose `python3` is 3.11, and a course on it with nothing set up: yields its folder."""
    if os.name == "nt":
        pytest.skip("Windows has no such signal, limit or link")
    places = {"PATH": "path", "HOME": "home", "CONDA_PREFIX": "conda", "HOMEBREW_PREFIX": "brew"}
    for name, folder in places.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "executable", script(tmp_path / "path" / "python3", "echo 3 11 $0"))
    (tmp_path / "course").mkdir()
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path / "course")
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "course" / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "course" / ".venv" / "course-stamp")
    monkeypatch.setattr(bootstrap, "check_machine", lambda: None)
    return tmp_path


def test_the_running_python_goes_before_a_newer_one(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_else_the_newest_python_that_starts_is_found(
    machine: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(machine / "shims"), str(machine / "path")]))
    script(machine / "shims" / "python3.13", "exit 127")  # as pyenv's for a version that is not chosen
    script(machine / "path" / "python3.12", "echo 3 12 $0")
    newest = script(machine / place / "python3.13", "echo 3 13 $0")
    assert bootstrap.find_python() == newest


def test_a_python_that_lacks_a_module_does_not_suit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bootstrap.started(sys.executable)
    monkeypatch.setattr(bootstrap, "STARTS", "import a_module_that_is_not_there\n" + bootstrap.STARTS)
    assert not bootstrap.started(sys.executable)


def test_an_environments_python_stands_for_the_one_it_was_made_with(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "old")], check=True)
    (link,) = (tmp_path / "old").glob("*/python" + (".exe" if os.name == "nt" else ""))
    place = Path(bootstrap.started(str(link)))
    assert place.is_file()
    assert tmp_path not in place.parents  # the environment may be the one to make again


def python_with_pip(machine: Path, uv: str) -> str:
    """A Python whose pip brings a uv."""
    bring = f"""
for each in "$@"; do case $each in --target=*) mkdir -p ${{each#*=}}/bin; cp {uv} ${{each#*=}}/bin/uv;; esac; done
"""
    return script(machine / "with-pip", bring)


@pytest.mark.parametrize("pip", [True, False])
def test_where_no_python_suits_uv_is_brought_and_fetches_one(
    machine: Path, monkeypatch: pytest.MonkeyPatch, pip: bool
) -> None:
    make = f"""
case "$*" in
--version) echo uv 0.9.1;;
"venv "*" --managed-python --python 3.13 "*) {sys.prefix}/bin/python -m venv --without-pip {bootstrap.VENV};;
*) exit 2;;
esac
"""
    capable = python_with_pip(machine, script(machine / "uv", make))
    bare = f"""
case "$*" in
"-m venv "*) mkdir -p $3/bin; cp {capable} $3/bin/python;;
*) exit 1;;
esac
"""
    monkeypatch.setattr(sys, "executable", capable if pip else script(machine / "path" / "python3", bare))
    monkeypatch.setattr(bootstrap, "install", lambda uv, gpu: None)
    monkeypatch.setattr(bootstrap, "wanted_stamp", lambda gpu, version: [])
    bootstrap.set_up(False)
    assert bootstrap.supported(bootstrap.venv_version())
    assert bootstrap.find_uv() == str(bootstrap.VENV / "uv" / "bin" / "uv")


@pytest.mark.parametrize("refused", ["pip", "uv"])
def test_where_nothing_can_be_fetched_two_lines_say_what_to_install_and_nothing_is_left(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refused: str
) -> None:
    fetch = """
test "$1" = --version && echo uv 0.9.1 && exit
touch $TMPDIR/half; mkdir -p $UV_PYTHON_INSTALL_DIR/half; echo error; echo '  cause: refused'; exit 2
"""
    uv = script(machine / "uv", fetch)
    if refused == "uv":
        monkeypatch.setattr(sys, "executable", python_with_pip(machine, uv))
    before = sorted(machine.rglob("*"))
    assert bootstrap.main(["lab"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "no Python 3.12 or 3.13 starts here" in first
    assert first.endswith(": refused") == (refused == "uv")
    assert second.startswith("Install Python 3.13")
    assert sorted(machine.rglob("*")) == before


def test_a_venv_whose_making_is_stopped_does_not_stay(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(command: list[str]) -> str:
        (bootstrap.VENV / "half").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "quietly", stopped)
    assert bootstrap.main(["lab"]) == 130
    assert list(bootstrap.ROOT.iterdir()) == []


def test_a_failing_installer_gives_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "set_up", lambda gpu: bootstrap.install("/nowhere/uv", gpu))
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 2)
    assert bootstrap.main(["lab"]) == 1
    error = capsys.readouterr().err
    assert "connect, then give the same command again" in error.replace("\n", " ")
    assert "Traceback" not in error


# --- the commands -----------------------------------------------------------------------------------------


def test_make_knows_the_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"^\t\$\(COURSE\) (\w+)", makefile, flags=re.MULTILINE))
    assert called <= set(COMMANDS)
    assert {"lab", "test", "course", "exercises", "doctor"} <= called
    assert called <= set(re.findall(r"^(\w+): .*##", makefile, flags=re.MULTILINE))


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_passes_options_on() -> None:
    command = ["make", "-n", "lab", "LAB_ARGS=--no-browser --port 8899", "PYTHON=other"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    shown = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "other utils/commands/bootstrap.py lab --no-browser --port 8899"


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_cleaning_keeps_what_somebody_wrote(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (
        ".venv/bin/python",
        "build/cache/set",
        "build/replaced/01_a.py",
        "models/My_vgg8",
        "exercises/01_a.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, check=True)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", "build/replaced/01_a.py", "models/My_vgg8", "exercises/01_a.py"}
    subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, check=True)


def test_ci_runs_tests_and_proofs_and_allows_no_unlisted_skip() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[-2:] == ["make test", "make proof"]
    assert any(line.startswith("export CI=") for line in lines)
    assert os.name == "nt" or os.access(script, os.X_OK)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal, limit or link")
def test_ci_without_a_sandbox_fails_with_its_name(tmp_path: Path) -> None:
    for command in ("bash", "dirname", "id"):
        (tmp_path / command).symlink_to(shutil.which(command) or "")
    command = [tmp_path / "bash", ROOT / ".ci" / "run"]
    ran = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("CI needs bwrap: install the package bubblewrap")
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho no namespaces\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    ran = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "namespaces, and this system does not let it: no namespaces" in ran.stderr


def test_jupyterlab_asks_nothing_and_fetches_no_news() -> None:
    settings = json.loads((ROOT / "ressources/jupyter/labconfig/default_setting_overrides.json").read_text())
    schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    for plugin, values in settings.items():
        package, name = plugin.split(":")
        schema = json.loads((schemas / package / f"{name}.json").read_text(encoding="utf-8"))
        assert set(values) <= set(schema["properties"])
    assert settings["@jupyterlab/apputils-extension:notification"] == {"fetchNews": "false", "checkForUpdates": False}


def test_jupyterlab_reads_the_settings_of_the_checkout() -> None:
    code = "from jupyter_core.paths import jupyter_config_path; print(jupyter_config_path()[0])"
    reply = subprocess.run(
        [sys.executable, "-c", code], env=lab.environment(), capture_output=True, text=True, check=True
    )
    assert Path(reply.stdout.strip()) == ROOT / "ressources" / "jupyter"
