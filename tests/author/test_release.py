"""What students get: all that they need, nothing that gives an answer away, the same bytes each time."""

import ast
import io
import json
import re
import subprocess
import sys
import zipfile

import pytest

from utils import checks
from utils.author import hidden, leaks, release
from utils.base.errors import CourseError
from utils.base.paths import ROOT, SOLUTIONS, sources
from utils.commands.instructors import release as command


@pytest.fixture(scope="module")
def content():
    return release.files_of_release()


@pytest.fixture(scope="module")
def wanted():
    return [
        answer for path in sources(SOLUTIONS) for answer in leaks.answers(path.read_text(encoding="utf-8"), path.name)
    ]


# --- no answer in it -------------------------------------------------------------------------------------------


def test_no_file_holds_an_answer_or_a_hidden_check(content):
    assert release.leaked(content) == []


def test_every_answer_and_hidden_check_is_looked_for(wanted):
    names = " ".join(answer.name for answer in wanted)
    for unit in checks.units().values():
        text = (SOLUTIONS / f"{unit.name}.py").read_text(encoding="utf-8")
        for name in [*unit.exercises, *(f"the hidden check of `{name}`" for name in hidden.checks(text, unit.name))]:
            assert name in names, f"nothing of {name} is long enough to be looked for"


@pytest.mark.parametrize(
    "change", ["as it is", "in a notebook", "indented", "commented", "first line lost", "in bytes"]
)
def test_an_answer_that_slipped_in_is_found(wanted, change):
    """The search fails where it should: each answer is put into a file in ways that hide it a little."""
    for path in sources(SOLUTIONS):
        for region in re.findall(r"# BEGIN SOLUTION\n(.*?)\n *# END SOLUTION", path.read_text(encoding="utf-8"), re.S):
            lines = region.splitlines()
            code = leaks.code_lines(region)
            if sum(map(len, code)) < leaks.SHORTEST:
                continue
            name = "utils/x.py"
            text = "import jax\n\n\ndef f(x):\n" + region + "\n\n\nprint(f(1))\n"
            if change == "in a notebook":
                cell = {"cell_type": "code", "source": text.splitlines(keepends=True)}
                name, text = "notebooks/x.ipynb", json.dumps({"cells": [cell]})
            elif change == "indented":
                text = text.replace("\n", "\n        ")
            elif change == "commented":
                text = text.replace("\n", "  # so it goes\n\n")
            elif change == "first line lost":
                if 2 * len(code[0]) >= sum(map(len, code)) or any('"""' in line for line in lines):
                    continue
                text = text.replace(lines[0], "")
            raw = text.encode()
            if change == "in bytes":
                if max(map(len, code)) < leaks.TELLING:
                    continue
                name, raw = "ressources/x.safetensors", b"\xff\xfe\x00" + raw + b"\xff"
            assert list(leaks.found_in(name, raw, wanted)), f"{path.name}: {code[0]}"


def test_a_line_that_any_program_has_is_no_answer():
    answer = leaks.Answer("it", ("x = x.reshape((x.shape[0], -1))", "return jnp.mean(jnp.square(x - y), axis=-1)"))
    assert list(leaks.found_in("a.py", b"x = x.reshape((x.shape[0], -1))\n", [answer])) == []


def test_it_holds_all_of_the_checks_but_the_known_mistakes(content):
    files = (path for path in (ROOT / "utils" / "checks").rglob("*") if path.is_file() and path.suffix != ".pyc")
    ours = {path.relative_to(ROOT).as_posix() for path in files}
    mistakes = {name for name in ours if name.endswith("/mistakes.py")}
    assert len(mistakes) == sum(len(unit.exercises) for unit in checks.units().values())
    assert {name for name in content if name.startswith("utils/checks/")} == ours - mistakes


# --- all that is needed -------------------------------------------------------------------------------------------


def test_it_holds_each_unit_twice_and_no_third_time(content):
    for folder in ("notebooks", "exercises"):
        names = {name for name in content if name.startswith(folder)}
        assert names == {f"{folder}/{path.stem}.{ending}" for path in sources(SOLUTIONS) for ending in ("py", "ipynb")}
    assert not [name for name in content if name.startswith(("solutions", "utils/grading", "models", "build"))]
    assert not [name for name in content if name.startswith("tests/test_")]


def test_every_file_that_a_lesson_reads_is_in_it(content):
    """A lesson that runs in the whole course runs in a release."""
    named = {
        (name, node.value)
        for name, raw in content.items()
        if name.endswith(".py") and name.startswith(("notebooks/", "exercises/"))
        for node in ast.walk(ast.parse(raw))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "/" in node.value
        if "\n" not in node.value and (ROOT / node.value).is_file()
    }
    assert {path for _, path in named} >= {"tests/golden/resnet18.json", "tests/golden/rule.py"}  # lesson 04's
    assert {path for _, path in named} <= set(content), named


def test_no_exercise_promises_the_courses_answer(content):
    """A check without solutions hands the student's own answer on."""
    exercises = {name: raw.decode() for name, raw in content.items() if name.startswith("exercises/")}
    promised = [name for name, text in exercises.items() if "course's version" in text]
    assert promised == []


def test_nothing_in_it_needs_what_was_left_out(content):
    """No module imports the grader, the release or the search for answers."""
    for name, raw in content.items():
        if name.endswith(".py"):
            for node in ast.parse(raw).body:
                if isinstance(node, ast.ImportFrom):
                    modules = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
                elif isinstance(node, ast.Import):
                    modules = [alias.name for alias in node.names]
                else:
                    continue
                for module in modules:
                    assert (
                        not (module + "/")
                        .replace(".", "/")
                        .startswith(tuple(part.removesuffix(".py") for part in release.FOR_INSTRUCTORS))
                    ), name


def test_every_unit_has_reference_values(content):
    for unit in checks.units():
        assert f"ressources/known/{unit}.safetensors" in content


def test_its_readme_and_makefile_offer_what_is_there(content):
    readme, makefile = content["README.md"].decode(), content["Makefile"].decode()
    for said in ("instructors", "solutions/", "check.reveal", "make grade", "make release", "make exercises"):
        assert said not in readme, said
    assert release.WHAT_IT_IS in readme
    for ours in release.REWORDED:
        assert ours in (ROOT / "README.md").read_text(encoding="utf-8"), "the README's wording changed: follow it"
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"lab", "test", "doctor", "data", "help"} <= targets
    assert not targets & set(release.COMMANDS_FOR_INSTRUCTORS)
    assert set(re.search(r"\.PHONY: (.*)", makefile)[1].split()) == targets


# --- the same bytes, whole or not at all --------------------------------------------------------------------------


def test_the_same_files_give_the_same_zip(content):
    some = {name: content[name] for name in list(content)[:20]}
    assert release.zipped(some) == release.zipped(dict(reversed(some.items())))
    with zipfile.ZipFile(io.BytesIO(release.zipped(some))) as archive:
        assert {name.partition("/")[2] for name in archive.namelist()} == set(some)
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


SMALL = {"README.md": b"read me", "utils/commands/bootstrap.py": b"", "utils/é.txt": b"\x00"}


def test_folder_and_zip_hold_the_same(tmp_path):
    release.write(SMALL, tmp_path / "x", tmp_path / "x.zip")
    folder = {
        p.relative_to(tmp_path / "x").as_posix(): p.read_bytes() for p in (tmp_path / "x").rglob("*") if p.is_file()
    }
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        packed = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert folder == packed == SMALL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "x.zip"]


def test_a_release_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        release, "zipped", lambda content: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(CourseError, match="No space left"):
        release.write(SMALL, tmp_path / "x", tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(command, "files_of_release", lambda: SMALL)


def test_nothing_is_overwritten_unless_asked(tmp_path, quick, capsys):
    assert command.main([str(tmp_path)]) == 0
    mine = tmp_path / release.NAME / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(CourseError, match="is there already"):
        command.main([str(tmp_path)])
    assert mine.exists()
    assert command.main([str(tmp_path), "--replace"]) == 0
    assert not mine.exists()


@pytest.mark.parametrize("file", ["thesis.txt", "solutions/x.py"])
def test_only_a_release_is_replaced(tmp_path, quick, file):
    path = tmp_path / release.NAME / file
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(CourseError, match="is no release"):
        command.main([str(tmp_path), "--replace"])
    assert path.read_text() == "mine"


def test_a_release_does_not_go_where_the_next_one_would_hold_it(quick):
    with pytest.raises(CourseError, match="would be part of the next release"):
        command.main([str(ROOT / "ressources" / "out")])


def test_an_answer_in_it_stops_the_release(tmp_path, monkeypatch):
    solution = (SOLUTIONS / "01_jnp_and_jit.py").read_bytes()
    monkeypatch.setattr(command, "files_of_release", lambda: {**SMALL, "utils/oh.py": solution})
    with pytest.raises(CourseError, match=r"utils/oh\.py: 100% of `standardise`"):
        command.main([str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


# --- it works by itself --------------------------------------------------------------------------------------------

JUDGE = """
import sys
from utils import checks
from utils.checks.verdict import Kind
from utils.base.definitions import load

check = checks.unit("01_jnp_and_jit")
right, wrong, stub = (load(path).standardise for path in sys.argv[1:])
for answer in (right, wrong, stub):
    check.standardise(answer)
    print("VERDICT", check._verdicts["standardise"].kind.name, check._verdicts["standardise"].message)
assert not check._unit.exercises["standardise"].wrong
"""


def test_its_checks_judge_without_the_solutions(content, tmp_path):
    release.write(content, tmp_path / "x", tmp_path / "x.zip")
    (wrong, *_) = checks.units()["01_jnp_and_jit"].exercises["standardise"].wrong
    (tmp_path / "wrong.py").write_text("import jax\nimport jax.numpy as jnp\n" + wrong.code)
    answers = [str(SOLUTIONS / "01_jnp_and_jit.py"), str(tmp_path / "wrong.py"), "exercises/01_jnp_and_jit.py"]
    told = subprocess.run(
        [sys.executable, "-c", JUDGE, *answers], cwd=tmp_path / "x", capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stderr
    verdicts = re.findall(r"^VERDICT (\w+) ?(.*)", told.stdout, re.MULTILINE)
    assert [kind for kind, _ in verdicts] == ["RIGHT", "WRONG", "NOT_ATTEMPTED"]
    assert wrong.says in verdicts[1][1]


def test_its_commands_say_what_a_release_lacks(content, tmp_path):
    release.write(content, tmp_path / "x", tmp_path / "x.zip")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "utils", *arguments], cwd=tmp_path / "x", capture_output=True, text=True, timeout=120
        )

    assert not re.search(r"^  (release|grade|gather|exercises) ", run("help").stdout, re.MULTILINE)
    assert "There is no command 'exercises'" in run("exercises").stderr
    from_inside = run("test", "lint")
    assert "There is no step 'lint'; there are notebooks" in from_inside.stderr
