"""The project's papers: one version, licences that are there, a guide that names what exists, hooks and CI."""

import json
import re
import tomllib

import pytest
import yaml

from utils import checks
from utils.__main__ import COMMANDS
from utils.author import minutes
from utils.base.paths import NOTEBOOKS, ROOT, sources
from utils.commands import bootstrap
from utils.commands import test as testing
from utils.commands.instructors import site

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = r"notebooks|exercises|solutions|ressources|tests|utils|site|\.ci|\.github|\.devcontainer"


def parsed(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


# --- one version ------------------------------------------------------------------------------------------------


def test_version_and_date_are_the_same_in_all_places_and_the_changelog_has_the_form_that_it_names():
    unreleased, *versions = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    found = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", version) for version in versions]
    assert unreleased == "[Unreleased]" and all(found)
    dates = [match[2] for match in found]
    assert dates == sorted(dates, reverse=True)
    citation = parsed("CITATION.cff")
    assert found[0].groups() == (str(citation["version"]), str(citation["date-released"]))
    assert citation["version"] == PROJECT["version"]
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_citation_has_what_its_format_requires():
    citation = parsed("CITATION.cff")
    assert citation["cff-version"] == "1.2.0" and citation["message"] and citation["title"]
    assert citation["authors"] and all("name" in author for author in citation["authors"])


# --- licences ---------------------------------------------------------------------------------------------------


def test_the_licences_that_the_project_names_are_there():
    assert PROJECT["license"] == "Apache-2.0 AND CC-BY-4.0"
    first = {name: (ROOT / name).read_text(encoding="utf-8").split("\n\n")[0] for name in PROJECT["license-files"]}
    assert "Apache License" in first["LICENSE"] and "Attribution 4.0 International" in first["LICENSE-text"]
    assert all(f"]({name})" in README for name in first)


# --- README.md --------------------------------------------------------------------------------------------------


def test_the_line_below_the_title_is_true():
    """Of Python, JAX and the licences."""
    oldest, below = map(int, re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    (jax,) = re.findall(r"jax>=(\d+\.\d+)", "\n".join(PROJECT["dependencies"]))
    pythons = " and ".join(f"3.{minor}" for minor in range(oldest, below))
    licences = PROJECT["license"].replace("-", " ").split(" AND ")
    line = README.split("\n\n")[1]
    assert line.startswith(f"Python {pythons} · JAX {jax} · ")
    assert [name.replace("-", " ") for name in re.findall(r"\[([^]]+)\]\(LICENSE", line)] == licences


def test_it_starts_with_two_commands():
    (commands,) = re.findall(r"^## Start\n.*?```sh\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    assert re.findall(r"^make (\w+) ", commands, re.MULTILINE) == ["lab", "test"]


def test_the_syllabus_lists_every_unit_with_the_minutes_of_its_lesson_and_exercises():
    """Rounded to five; and no section of a lesson takes more than 45."""
    lessons = {path.stem: minutes.sections(path.read_text(encoding="utf-8")) for path in sources(NOTEBOOKS)}
    assert all(section.minutes <= 45 for sections in lessons.values() for section in sections)
    rounded = [
        (unit.name, *(str(5 * round(sum(part.minutes for part in parts) / 5)) for parts in (lesson, exercises)))
        for unit in checks.units().values()
        for lesson, exercises in [(lessons[unit.name], unit.exercises.values())]
    ]
    assert re.findall(r"^\| \[`(\d\d_\w+)`.*?\| (\d+) \+ (\d+) min", README, re.MULTILINE) == rounded


def unlinked(urls, readme):
    """What a README lacks once the repository has an address: each lesson in Colab, and the website."""
    if "Repository" not in urls:
        return []
    owner, name = urls["Repository"].removesuffix("/").split("/")[-2:]
    colab = f"https://colab.research.google.com/github/{owner}/{name}/blob/main/notebooks"
    lessons = [f"{colab}/{path.stem}.ipynb" for path in sources(NOTEBOOKS)]
    website = urls.get("Homepage", f"https://{owner}.github.io/{name}/")
    return [link for link in [*lessons, website] if f"]({link})" not in readme]


def test_once_the_repository_has_an_address_it_links_lessons_in_colab_and_the_website():
    assert unlinked(PROJECT.get("urls", {}), README) == []
    made_up = {"Repository": "https://github.com/someone/course"}
    first, *_, website = links = unlinked(made_up, "")
    assert first == "https://colab.research.google.com/github/someone/course/blob/main/notebooks/01_jnp_and_jit.ipynb"
    assert website == "https://someone.github.io/course/"
    assert unlinked(made_up, "".join(f"[here]({link})" for link in links[1:])) == [first]
    assert unlinked(made_up | {"Homepage": "https://a.org"}, "") == [*links[:-1], "https://a.org"]


# --- CONTRIBUTING.md --------------------------------------------------------------------------------------------


def missing(text):
    """The paths below one of the course's folders, and those that links lead to, which are not there."""
    named = re.findall(rf"(?<![\w/.])(?:{FOLDERS})/[\w./*-]*[\w*]", text) + re.findall(r"\]\(([^):#]+)\)", text)
    return [
        path
        for path in dict.fromkeys(named)
        if not any(ROOT.glob(re.sub("(?<![A-Za-z])NAME(?![A-Za-z])", "*", path.replace("NN", "[0-9][0-9]*"))))
    ]


@pytest.mark.parametrize("name", ["README.md", "INSTRUCTORS.md", "CONTRIBUTING.md"])
def test_every_command_variable_and_path_that_a_guide_names_is_there(name):
    makefile, guide = ((ROOT / file).read_text(encoding="utf-8") for file in ("Makefile", name))
    targets = {"".join(target) for target in re.findall(r"`make ([a-z]+)|^make ([a-z]+)", guide, re.MULTILINE)}
    assert targets and targets <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"python -m utils ([a-z]+)", guide)) <= set(COMMANDS)
    assert all(f"$({variable})" in makefile for variable in set(re.findall(r"\b([A-Z]+_ARGS|OUT|SUBMISSIONS)=", guide)))
    assert [path for path in missing(guide) if not re.search("hit_rate|(unit_|/)07", path)] == []  # made up there


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
    quick, exercises = repository["hooks"]
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in (quick, exercises))
    assert exercises["entry"] == ".venv/bin/python -m utils exercises --check"
    _, _, named = quick["entry"].partition(".venv/bin/python -m utils test ")
    steps = list(testing.steps(1))
    assert named.split() == steps[: steps.index("units")]


@pytest.mark.parametrize("name", [".github/workflows/test.yml", ".gitlab-ci.yml"])
def test_ci_gives_the_readmes_two_commands_on_every_python(name):
    job = (parsed(name).get("jobs") or parsed(name))["test"]
    matrix = job["strategy"]["matrix"]["python"] if "strategy" in job else job["parallel"]["matrix"][0]["PYTHON"]
    oldest, newest = bootstrap.OLDEST[1], bootstrap.NEWEST[1]
    assert matrix == [f"3.{minor}" for minor in range(oldest, newest + 1)]
    commands = job.get("script") or [step["run"] for step in job["steps"] if "run" in step]
    assert commands[-2:] == ["bash .ci/lab", "make test"]
    assert 'make lab LAB_ARGS="--no-browser' in (ROOT / ".ci" / "lab").read_text(encoding="utf-8")
    assert "requirements.txt" in str(job)  # what the cache goes by


def test_a_container_gives_the_readmes_two_commands():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert 'CMD ["make", "lab", "LAB_ARGS=--no-browser --ip=0.0.0.0"]' in lines
    assert any(line.startswith("#   docker run") and line.endswith(" make test") for line in lines)
    image = next(line for line in lines if line.startswith("FROM "))
    assert image == f"FROM python:3.{bootstrap.NEWEST[1]}-slim"
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert container["postAttachCommand"] == "make lab LAB_ARGS=--no-browser"
    setting_up = {*container["postCreateCommand"].split()[1:], *re.findall(r"^RUN make (\w+)$", "\n".join(lines), re.M)}
    assert setting_up <= COMMANDS.keys()


def test_the_website_that_is_published_is_what_make_site_makes():
    steps = parsed(".github/workflows/site.yml")["jobs"]["site"]["steps"]
    published = next(
        step["with"]["path"] for step in steps if "path" in step.get("with", {}) and "key" not in step["with"]
    )
    assert {"run": "make site"} in steps and ROOT / published == site.OUT
