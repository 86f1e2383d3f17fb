"""The project's papers: one version, licences that are there, a guide that names what exists, hooks and CI."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from utils.__main__ import COMMANDS
from utils.base.paths import ROOT
from utils.commands import bootstrap
from utils.commands import test as testing
from utils.commands.instructors import site

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# what stands for many: a unit's number and name, an exercise's, a mistake's, a model's or a class's
MANY = {"NN": "[0-9][0-9]", "NAME": "*"}


def parsed(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


# --- one version ------------------------------------------------------------------------------------------------


def test_the_version_is_the_same_in_all_places():
    heading, newest = re.findall(r"^## \[([^\]]+)\]", CHANGELOG, re.MULTILINE)[:2]
    assert heading == "Unreleased"
    assert newest == PROJECT["version"] == str(parsed("CITATION.cff")["version"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", newest)


def test_the_date_of_the_newest_version_is_the_same_in_both_places():
    date = re.search(r"^## \[\d[^\]]+\] - (\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)[1]
    assert date == str(parsed("CITATION.cff")["date-released"])


def test_the_changelog_has_the_form_that_it_names():
    dates = re.findall(r"^## \[\d+\.\d+\.\d+\] - (\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)
    assert len(dates) + 1 == CHANGELOG.count("\n## ") and dates == sorted(dates, reverse=True)
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_citation_has_what_its_format_requires():
    citation = parsed("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["authors"] and all("name" in author for author in citation["authors"])


# --- licences ---------------------------------------------------------------------------------------------------


def test_the_licences_that_the_project_names_are_there():
    assert PROJECT["license"] == "Apache-2.0 AND CC-BY-4.0"
    first = {name: (ROOT / name).read_text(encoding="utf-8").split("\n\n")[0] for name in PROJECT["license-files"]}
    assert "Apache License" in first["LICENSE"] and "Attribution 4.0 International" in first["LICENSE-text"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in readme for name in first)


# --- CONTRIBUTING.md --------------------------------------------------------------------------------------------


def named_paths(text):
    """The paths in backquotes: those with a folder, and files at the root."""
    for quoted in re.findall(r"`([^`\n]+)`", text):
        path = quoted.split("::")[0]
        if re.fullmatch(r"[\w.*-]+(?:/[\w.*-]+)*/?", path) and ("/" in path or re.search(r"\w\.[a-z]{2,4}$", path)):
            yield path
    yield from re.findall(r"\]\(([^):#]+)\)", text)


def found(path):
    for word, pattern in MANY.items():
        path = re.sub(rf"(?<![A-Za-z]){word}(?![A-Za-z])", lambda _, p=pattern: p, path)
    return any(ROOT.glob(path.rstrip("/")))


def test_a_path_that_is_not_there_is_noticed():
    text = "`utils/no_such.py`, `solutions/NN_NAME.py`, `NN_NAME`, `make test`, [x](README.md)"
    assert list(named_paths(text)) == ["utils/no_such.py", "solutions/NN_NAME.py", "README.md"]
    assert [found(path) for path in named_paths(text)] == [False, True, True]


def test_every_path_that_the_guide_names_is_there():
    paths = set(named_paths(GUIDE)) - written_by_commands()
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not found(path)] == []


def written_by_commands():
    """What git ignores at the root: it comes with a command, and a fresh clone lacks it."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    folders = tuple(line.strip("/") for line in ignored if line.startswith("/"))
    return {path for path in named_paths(GUIDE) if path.split("/")[0] in folders}


@pytest.mark.parametrize("name", ["README.md", "INSTRUCTORS.md", "CONTRIBUTING.md"])
def test_every_command_variable_and_file_that_a_guide_names_is_there(name):
    makefile, guide = ((ROOT / file).read_text(encoding="utf-8") for file in ("Makefile", name))
    targets = {"".join(target) for target in re.findall(r"`make ([a-z]+)|^make ([a-z]+)", guide, re.MULTILINE)}
    assert targets <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"python -m utils ([a-z]+)", guide)) <= set(COMMANDS)
    assert all(f"$({variable})" in makefile for variable in set(re.findall(r"\b([A-Z]+_ARGS|OUT|SUBMISSIONS)=", guide)))
    files = set(re.findall(r"\b(?:notebooks|exercises|solutions|ressources|tests|utils)/[\w./-]*\w+\.\w+", guide))
    made_up = {file for file in files if re.search(r"NN|NAME|hit_rate|unit_07", file)}
    assert targets and [file for file in sorted(files - made_up) if not (ROOT / file).is_file()] == []


def test_the_picture_of_the_house_has_every_layer():
    """The layers of pyproject.toml, from top to bottom."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [name for layer in settings["contracts"][0]["layers"] for name in layer.split(" | ")]
    picture = re.search(r"^```\n.*?^utils/\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[1]
    drawn = [re.split(r"\s{2,}", line.strip())[0].split(", ") for line in picture.splitlines()]
    assert [name for line in drawn for name in line] == [name for name in layers if name != "__main__"]


# --- hooks and CI -----------------------------------------------------------------------------------------------


def test_the_hooks_are_the_quick_steps_of_make_test():
    (repository,) = parsed(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"  # nothing is fetched
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in hooks.values())
    steps = testing.steps(1)
    quick = list(steps)[: list(steps).index("units")]
    assert list(hooks) == [*quick, "exercises"]
    for name in quick:
        _, (python, *command) = steps[name]
        command = [Path(python).stem, *command] if command[0] != "-m" else command[1:]
        assert hooks[name]["entry"] == f".venv/bin/{' '.join(command)}"


@pytest.mark.parametrize("name", [".github/workflows/test.yml", ".gitlab-ci.yml"])
def test_ci_gives_the_readmes_two_commands_on_every_python(name):
    job = (parsed(name).get("jobs") or parsed(name))["test"]
    matrix = job["strategy"]["matrix"]["python"] if "strategy" in job else job["parallel"]["matrix"][0]["PYTHON"]
    oldest, newest = bootstrap.OLDEST[1], bootstrap.NEWEST[1]
    assert matrix == [f"3.{minor}" for minor in range(oldest, newest + 1)]
    commands = job.get("script") or [step["run"] for step in job["steps"] if "run" in step]
    assert commands[-2:] == ["bash .ci/lab", "make test"]
    assert "requirements.txt" in str(job)  # what the cache goes by


def test_a_container_gives_the_readmes_two_commands():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert 'CMD ["make", "lab", "LAB_ARGS=--no-browser --ip=0.0.0.0"]' in lines
    assert any(line.startswith("#   docker run") and line.endswith(" make test") for line in lines)
    image = next(line for line in lines if line.startswith("FROM "))
    assert image == f"FROM python:3.{bootstrap.NEWEST[1]}-slim"
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    setting_up = {*container["postCreateCommand"].split()[1:], *re.findall(r"^RUN make (\w+)$", "\n".join(lines), re.M)}
    assert setting_up <= COMMANDS.keys()


def test_the_website_that_is_published_is_what_make_site_makes():
    steps = parsed(".github/workflows/site.yml")["jobs"]["site"]["steps"]
    published = next(
        step["with"]["path"] for step in steps if "path" in step.get("with", {}) and "key" not in step["with"]
    )
    assert {"run": "make site"} in steps and ROOT / published == site.OUT


def test_what_ci_starts_is_make_lab():
    script = (ROOT / ".ci" / "lab").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("make lab", "make test"):
        assert re.search(rf"^{command} +#", readme, re.MULTILINE)
    assert 'make lab LAB_ARGS="--no-browser' in script
