"""The locks hold what pyproject.toml asks for, for every system and Python, and are raised in one way only."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from utils.base.paths import ROOT
from utils.commands import bootstrap, doctor
from utils.commands.instructors import lock

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [f"3.{minor}" for minor in range(bootstrap.OLDEST[1], bootstrap.NEWEST[1] + 1)]
SYSTEMS = {
    "Linux x86-64": ("linux", "posix", "x86_64", "Linux"),
    "Linux Arm": ("linux", "posix", "aarch64", "Linux"),
    "macOS Arm": ("darwin", "posix", "arm64", "Darwin"),
    "Windows": ("win32", "nt", "AMD64", "Windows"),
}
CPU, GPU = (lock.LOCK.read_text(encoding="utf-8"), lock.GPU_LOCK.read_text(encoding="utf-8"))


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lock_holds_one_fitting_version_of_every_dependency(system, python):
    names = ("sys_platform", "os_name", "platform_machine", "platform_system")
    values = dict(zip(names, SYSTEMS[system], strict=True))
    values |= {"python_version": python, "python_full_version": f"{python}.5", "extra": ""}

    def applies(entry):
        return entry.marker is None or entry.marker.evaluate(values)

    entries = [entry for entry in doctor.locked(CPU) if applies(entry)]
    locked = {entry.name: str(entry.specifier).removeprefix("==") for entry in entries}
    assert len(locked) == len(entries)
    for entry in filter(applies, map(Requirement, PROJECT["dependencies"])):
        assert Version(locked[entry.name]) in entry.specifier
    assert ("tensorflow" in locked) != ("tensorflow-cpu" in locked)


def test_the_gpu_lock_adds_the_plugin_of_the_locked_jax_and_repeats_nothing():
    base, extra = lock.versions(CPU), lock.versions(GPU)
    assert not set(base) & set(extra)
    assert extra["jax-cuda12-plugin"] == base["jax"]
    assert all("linux" in str(entry.marker) for entry in doctor.locked(GPU))


def test_whatever_is_imported_is_declared():
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    # what races and tests import only where it is installed; timm brings torchvision
    extras = PROJECT["optional-dependencies"]
    optional = {Requirement(text).name.replace("-", "_") for text in extras["reference"] + extras["browser"]}
    optional.add("torchvision")
    ours = {"utils", "golden", "demo"} | {path.stem for path in ROOT.glob("tests/**/*.py")}
    providers = importlib.metadata.packages_distributions()
    undeclared = set()
    for file in [*ROOT.glob("utils/**/*.py"), *ROOT.glob("*/[0-9][0-9]_*.py"), *ROOT.glob("tests/**/*.py")]:
        nodes = [*ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
        tops = {name.split(".")[0] for name in names} - sys.stdlib_module_names - ours
        for top in tops - (optional if re.search("utils/races|/tests/", file.as_posix()) else set()):
            if not declared & {canonicalize_name(name) for name in providers.get(top, [])}:
                undeclared.add(f"{top} in {file.relative_to(ROOT).as_posix()}")
    assert not undeclared


def test_what_an_upgrade_changes_is_told():
    before = 'jax==0.10.2 \\\n    --hash=sha256:00\nold==1 ; os_name == "nt"\n    # via jax\nsame==3\n'
    after = "# made by make lock\njax==0.12.0.1 \\\n    --hash=sha256:01\nnew==2\nsame==3\n"
    old, new = lock.versions(before), lock.versions(after)
    assert lock.changes(old, new) == ["  jax: 0.10.2 → 0.12.0.1", "  new: not there → 2", "  old: 1 → gone"]
    assert lock.changes(new, new) == ["No version changed."]


@pytest.mark.parametrize(
    ("fails", "kept", "status", "asked"),
    [
        ("", "new", 0, ["canaries", "test", "test exercises proof"]),
        ("test", "new", 1, ["canaries", "test"]),
        ("test exercises proof", "new", 1, ["canaries", "test", "test exercises proof"]),
        ("canaries", "old", 1, ["canaries"]),
    ],
)
def test_an_upgrade_runs_canaries_tests_and_proofs_and_a_failed_canary_undoes_it(
    tmp_path, monkeypatch, fails, kept, status, asked
):
    ran: list[str] = []

    def run(command, cwd):
        assert Path(command[1]).is_file()  # the bootstrap, so that what is locked now is installed first
        ran.append(" ".join(command[2:]))
        return subprocess.CompletedProcess(command, int(ran[-1] == fails))

    monkeypatch.setattr(subprocess, "run", run)
    (tmp_path / "lock").write_text("new")
    assert lock.prove({tmp_path / "lock": "old"}) == status
    assert ((tmp_path / "lock").read_text(), ran) == (kept, asked)


def test_conda_users_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"]
    wanted = [f"python {PROJECT['requires-python']}", "pip", {"pip": ["-r requirements.txt"]}]
    assert environment["dependencies"] == wanted


def test_the_bootstrap_takes_the_pythons_that_the_project_is_for():
    supported = SpecifierSet(PROJECT["requires-python"])
    (oldest, newest) = bootstrap.OLDEST[1], bootstrap.NEWEST[1]
    fits = [minor for minor in range(30) if f"3.{minor}.0" in supported and f"3.{minor}.99" in supported]
    assert fits == list(range(oldest, newest + 1))


def test_no_file_names_a_package_index_or_a_place_on_one_machine():
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    places = (r"py" + r"pi\.", "python" + "hosted", "/wo" + "rk/", "/tmp/" + "spec", r"\.\./sha" + "red")
    forbidden = re.compile("|".join(places))
    found = []
    for path in (ROOT / name for name in os.fsdecode(names).split("\0")):
        if path.is_file():
            text = path.read_bytes().decode(errors="replace")
            found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in forbidden.finditer(text)]
            assert not (path.name.startswith("requirements") and re.search("://|--index", text))
    assert not found


@pytest.mark.parametrize("module", ["utils.weights", "course_notebooks_02_flax_mnist_cnn"])
def test_a_deprecated_call_of_the_courses_own_is_an_error(module):
    call = "import warnings\nwarnings.warn('it goes', DeprecationWarning)"
    with pytest.raises(DeprecationWarning, match="it goes"):
        exec(call, {"__name__": module})
    with pytest.warns(DeprecationWarning):
        exec(call, {"__name__": "a_library"})
