"""The first lines of every notebook, run where `make lab` is not: VS Code, Colab, Kaggle."""

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

from utils import elsewhere
from utils.author import set_up
from utils.base.errors import CourseError
from utils.base.paths import EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS
from utils.commands.instructors import release

SAYS = "print('utils from', elsewhere.__file__)"
# what lies on PYTHONPATH is found, but not what .pth files there name, such as the course
PACKAGES = [place for place in sys.path if place.endswith("site-packages")]


def run(folder, home, *, packages=True, code=SAYS, prefix=(), url=set_up.UNKNOWN, **environment):
    """The lines, in a Python on whose path the course is not, with a folder as where the notebook is."""
    path = os.pathsep.join(PACKAGES) if packages else ""
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": path, **environment}
    command = [*prefix, sys.executable, "-S", "-c", set_up.CODE.replace("ADDRESS", url) + code]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


@pytest.fixture
def archive(tmp_path):
    """A zip like a release's, with the course's modules in its folder."""
    content = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in (ROOT / "utils").rglob("*.py")}
    file = tmp_path / "course.zip"
    file.write_bytes(release.zipped(content))
    return file


@pytest.mark.parametrize(
    ("folder", "path"),
    [(EXERCISES, PACKAGES), (NOTEBOOKS, PACKAGES), (None, [str(ROOT), *PACKAGES])],
    ids=["exercises", "notebooks", "installed"],
)
def test_it_finds_the_course_in_a_folder_above_or_where_it_is_installed(folder, path, tmp_path):
    done = run(folder or tmp_path, tmp_path, PYTHONPATH=os.pathsep.join(path))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"utils from {ROOT}/utils/elsewhere.py\n"


def test_the_course_above_a_notebook_goes_before_another_that_the_kernel_has_installed(tmp_path):
    shutil.copytree(ROOT / "utils", tmp_path / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    done = run(EXERCISES, tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), *PACKAGES]))
    assert done.stdout == f"utils from {ROOT}/utils/elsewhere.py\n", done.stderr


def test_beside_the_course_it_names_what_this_python_lacks_and_installs_nothing(tmp_path):
    done = run(EXERCISES, tmp_path, packages=False)
    assert done.returncode == 1 and "lacks flax, dm-haiku" in done.stderr and ".venv" in done.stderr


@pytest.mark.skipif(not shutil.which("bwrap"), reason="this system has no bubblewrap")
def test_where_the_course_cannot_be_written_its_files_go_to_the_home_folder(tmp_path):
    show = "\nfrom utils.base import paths\nprint(paths.cache_dir(), paths.MODELS)"
    read_only = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--bind", tmp_path, tmp_path]
    done = run(EXERCISES, tmp_path, code=show, prefix=read_only)
    own = tmp_path / ".cache" / "jax-course"
    assert done.stdout == f"{own / 'build' / 'cache'} {own / 'models'}\n", done.stderr


def test_it_fetches_the_course_once_and_finds_it_again(archive, tmp_path):
    home, folder = tmp_path / "home", tmp_path / "notebooks"
    folder.mkdir()
    (folder / "utils.py").write_text("somebody_elses = True", encoding="utf-8")
    show = "from utils import data; print('data from', data.__file__)"
    done = run(folder, home, url=archive.as_uri(), code=show)
    course = home / ".cache" / "jax-course"
    assert done.returncode == 0, done.stderr
    found = f"data from {course}/utils/data/__init__.py"
    assert done.stdout.splitlines() == [f"The course is now in {course}.", found]
    assert [path.name for path in folder.iterdir() if path.name != "__pycache__"] == ["utils.py"]
    archive.unlink()
    assert run(folder, home, code=show).stdout.splitlines() == [found]


def test_what_was_fetched_gets_what_this_python_lacks(archive, tmp_path):
    """Here pip finds nothing to install, so it says what it was asked for; a kernel asks all programs for colours."""
    done = run(tmp_path, tmp_path, packages=False, url=archive.as_uri(), PIP_NO_INDEX="1", FORCE_COLOR="1")
    assert done.returncode == 1 and "Installing flax, dm-haiku" in done.stdout
    assert re.search("pip could not install flax, .* beside what is here: ERROR: ", done.stderr)


def test_without_an_address_it_says_what_to_write(tmp_path):
    done = run(tmp_path, tmp_path)
    assert done.returncode == 1 and f"unknown url type: {set_up.UNKNOWN!r}" in done.stderr.splitlines()[-1]


def test_they_are_few_lines():
    assert len([line for line in set_up.CODE.splitlines() if line]) <= 8


def test_a_zip_that_was_not_unpacked_whole_is_not_taken_for_the_course():
    """The lines look for the file that a zip ends with."""
    names = [path.relative_to(ROOT).as_posix() for path in (ROOT / "utils").rglob("*") if path.is_file()]
    assert max(names) == "utils/weights.py" and '"utils/weights.py"' in set_up.CODE


def test_what_is_installed_changes_no_version_that_is_there(monkeypatch):
    commands = []

    def pip(command, **_):
        (pins,) = (Path(word.partition("=")[2]) for word in command if word.startswith("--constraint="))
        commands.append((command, pins.read_text(encoding="utf-8").split()))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    elsewhere.install_beside(["dm-haiku"])
    ((command, pins),) = commands
    assert command[-1] == "dm-haiku" and "--upgrade" not in command
    assert {f"{name}=={importlib.metadata.version(name)}" for name in ("jax", "jaxlib", "numpy")} <= set(pins)


def test_a_python_that_is_too_old_is_told(monkeypatch):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"].startswith(">={}.{},".format(*elsewhere.OLDEST))
    monkeypatch.setattr(sys, "version_info", (3, 11))
    with pytest.raises(CourseError, match=r"needs Python 3\.12"):
        elsewhere.prepare()


def test_it_knows_every_package_that_notebooks_use():
    """Those that notebooks import, and the modules that they use; PyTorch's are for who has them."""
    folders = (
        NOTEBOOKS,
        SOLUTIONS,
        *(ROOT / "utils" / name for name in ("base", "checks", "convert", "data", "races", "samples")),
    )
    files = [*(ROOT / "utils").glob("[a-z]*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    used = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    names = {name.split(".")[0] for name in used} - set(sys.stdlib_module_names)
    assert names - {"utils", "torch", "torchvision", "timm"} <= set(elsewhere.NEEDED)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {line.partition(">")[0].lower() for line in project["dependencies"]}
    assert {name.lower() for name in elsewhere.NEEDED.values()} <= asked
