"""What students get: all that they need, nothing that gives an answer away, the same bytes each time."""

import ast
import json
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from pathlib import Path

import pytest

from utils import checks
from utils.author import exercises, leaks
from utils.base.errors import CourseError
from utils.base.paths import ROOT, SOLUTIONS, sources
from utils.checks.mistakes import code, mistakes
from utils.commands.instructors import release


@pytest.fixture(scope="module")
def content():
    return release.files_of_release()


@pytest.fixture(scope="module")
def wanted():
    return [
        answer for path in sources(SOLUTIONS) for answer in leaks.answers(path.read_text(encoding="utf-8"), path.name)
    ]


# --- no answer in it -------------------------------------------------------------------------------------------


def test_no_file_holds_an_answer(content):
    release.see_that_nothing_leaks(content)


def _in_a_notebook(text):
    return json.dumps({"cells": [{"cell_type": "code", "source": text.splitlines(keepends=True)}]})


class _Renamed(ast.NodeTransformer):
    """Every variable by another name; what is imported keeps its own."""

    def visit_Name(self, node):
        return ast.Name(node.id if node.id in ("jax", "jnp", "np", "nn", "optax") else f"my_{node.id}", node.ctx)

    def visit_arg(self, node):
        return ast.arg(f"my_{node.arg}")


def _renamed(text):
    return ast.unparse(_Renamed().visit(ast.parse(text)))


def _split(text):
    """Its statements the last first, each in a function of its own."""
    (function,) = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))
    parts = [ast.unparse(node).replace("\n", "\n    ") for node in reversed(function.body)]
    return "\n".join(f"def part_{i}():\n    {part}\n\nprint({i})\n" for i, part in enumerate(parts))


HIDINGS = {  # the file it is put into, and how its text is changed
    "in a notebook": ("exercises/x.ipynb", _in_a_notebook),
    "split and renamed": ("utils/x.py", lambda text: _split(_renamed(text))),
    "in a string": ("utils/x.py", lambda text: f"CODE = {text!r}"),
    "in bytes": ("ressources/x.safetensors", str),
}


@pytest.mark.parametrize("hiding", HIDINGS)
def test_an_answer_that_slipped_in_is_found(wanted, hiding):
    """The search fails where it should: each answer is put into a file in ways that hide it a little."""
    name, changed = HIDINGS[hiding]
    for path in sources(SOLUTIONS):
        for region in exercises.regions(path.read_text(encoding="utf-8"), path.name):
            body = textwrap.indent(textwrap.dedent("\n".join(region.answer)), "    ")
            text = f"import jax\n\n\ndef f(x):\n{body}\n\n\nprint(f(1))\n"
            if hiding == "in bytes" and max(len(line.strip()) for line in region.answer) < leaks.TELLING:
                continue
            raw = changed(text).encode()
            raw = b"\xff\xfe\x00" + raw + b"\xff" if hiding == "in bytes" else raw
            whole = sum(nodes for _, nodes in leaks.statements(text)) >= 2 * leaks.SMALLEST
            assert not whole or list(leaks.found_in(name, raw, wanted)), f"{path.name}: {region.answer[0]}"


@pytest.mark.parametrize(
    ("hint", "gives_away"),
    [
        ("Start with `jax.jit(f, donate_argnums=0).lower(a, b)`.", "an expression that is 70% of `compile_step`"),
        ("Then `{key: np.asarray(it) for key, it in those.items()}`.", "an expression that is 51% of `pack`"),
        ("`jax.jit(f, donate_argnums=0)` has a method `lower`: `jax.jit(f, donate_argnums=…).lower(…).compile()`.", ""),
    ],
)
def test_a_hint_may_not_quote_most_of_an_answer(wanted, hint, gives_away):
    found = list(leaks.found_in("utils/x.py", f"x = Exercise(hints=('Look.', {hint!r}))".encode(), wanted))
    assert len(found) == bool(gives_away) and all(gives_away in line for line in found)


def test_a_statement_that_any_program_has_is_no_answer():
    lines = (
        "x = x.reshape((x.shape[0], -1))\ny = jnp.square(x - jnp.mean(x))\nreturn jnp.mean(jnp.square(x - y), axis=-1)"
    )
    (answer,) = leaks.answers(
        f"# %%\ndef it(x):\n    # BEGIN SOLUTION\n{textwrap.indent(lines, '    ')}\n    # END SOLUTION\n", "a"
    )
    assert list(leaks.found_in("a.py", b"z = z.reshape((z.shape[0], -1))\n", [answer])) == []


# --- all that is needed, and nothing of the instructors' -------------------------------------------------------------

INSTRUCTORS = re.compile(  # every file of the course is in a release or among these
    r"(solutions|tests|site|utils/author|utils/grading|utils/commands/instructors|\.ci|\.github)/"
    r"|\.gitlab-ci\.yml$|\.pre-commit-config\.yaml$|(INSTRUCTORS|CONTRIBUTING)\.md$|.*/(jupytext\.toml|mistakes\.toml)$"
)
OF_THE_TESTS = {"tests/golden/resnet18.json", "tests/golden/rule.py", "tests/nbval_sanitize.cfg"}


def test_it_is_the_course_without_what_is_the_instructors(content):
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    tracked = {name for name in names.split("\0") if (ROOT / name).is_file()}
    theirs = {name for name in tracked | set(content) if INSTRUCTORS.match(name)} - OF_THE_TESTS
    units = checks.units()
    recorded = {f"ressources/known/{unit}/{name}.known" for unit in units for name in units[unit].exercises}
    assert len(theirs) > 50 and not theirs & set(content)
    assert tracked - theirs | recorded <= set(content)
    assert set(content) - recorded <= tracked, "what lies about in the folders is no part of the course"


def test_every_file_that_a_lesson_reads_is_in_it(content):
    """A lesson that runs in the whole course runs in a release."""
    named = {
        node.value
        for name, raw in content.items()
        if name.endswith(".py") and name.startswith(("notebooks/", "exercises/"))
        for node in ast.walk(ast.parse(raw))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "/" in node.value
        if "\n" not in node.value and (ROOT / node.value).is_file()
    }
    assert OF_THE_TESTS & named == {"tests/golden/resnet18.json", "tests/golden/rule.py"}  # lesson 04's
    assert named <= set(content)


def test_no_exercise_promises_the_courses_answer(content):
    """A check without solutions hands the student's own answer on."""
    texts = {name: raw.decode() for name, raw in content.items() if name.startswith("exercises/")}
    assert [name for name, text in texts.items() if "course's version" in text] == []


def test_nothing_in_it_needs_what_was_left_out(content):
    def modules(names):
        return {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names}

    left_out = modules(path.relative_to(ROOT).as_posix() for path in ROOT.glob("utils/**/*.py")) - modules(content)
    assert {"utils.author.pairs", "utils.grading"} <= left_out
    for name, raw in content.items():
        for node in ast.parse(raw).body if name.endswith(".py") else []:
            aliases = [alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)]
            module = [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not left_out & {*module, *aliases, *(f"{m}.{alias}" for m in module for alias in aliases)}, name


def test_its_readme_and_makefile_offer_what_is_there(content):
    readme, makefile = content["README.md"].decode(), content["Makefile"].decode()
    for said in ("instructors", "solution", "check.reveal"):
        assert said not in readme, said
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"lab", "test", "doctor", "data", "help"} <= targets
    assert set(re.findall(r"\bmake ([a-z]+)\b", readme)) <= targets
    assert not targets & {"course", "exercises", "release", "grade", "proof", "lock"}
    assert set(re.search(r"\.PHONY: (.*)", makefile)[1].split()) == targets
    for path in re.findall(r"(?:notebooks|exercises|ressources|tests|utils)/[\w./-]+\.\w+", readme):
        assert path in content
    project = tomllib.loads(content["pyproject.toml"].decode())
    assert "importlinter" not in project["tool"] and "pytest" in project["tool"]


@pytest.mark.parametrize(("name", "marker"), [("README.md", "<!-- {} -->"), ("Makefile", "# {}"), ("x.toml", "\t# {}")])
def test_marked_lines_are_dropped_and_nothing_else(name, marker):
    begin, end = marker.format("instructors"), marker.format("end instructors")
    other = "# {}" if name == "README.md" else "<!-- {} -->"
    kept = f"a\n{other.format('instructors')}\nb # instructors\n"
    assert release.without_marked(f"{begin}\nx\n{end}\n{kept}  {begin}\ny\n{end}", name) == kept


@pytest.mark.parametrize(
    ("lines", "line", "says"),
    [
        ("a / # instructors / b", 2, "'# instructors' has no '# end instructors'"),
        ("a / b / # end instructors", 3, "'# end instructors', where '# instructors' is due"),
        ("# instructors / b / # instructors / # end instructors", 3, "where '# end instructors' is due"),
    ],
)
def test_a_marker_without_the_other_is_an_error_that_names_file_and_line(lines, line, says):
    with pytest.raises(CourseError, match=rf"^Makefile, line {line}: .*{says}"):
        release.without_marked(lines.replace(" / ", "\n"), "Makefile")


# --- the same bytes, whole or not at all --------------------------------------------------------------------------


SMALL = {"README.md": b"read me", "utils/commands/bootstrap.py": b"", "utils/é.txt": b"\x00"}


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folder_and_zip_hold_the_same_and_the_same_files_give_the_same_zip(tmp_path):
    release.write(SMALL, tmp_path / "x", tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        packed = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert files_in(tmp_path / "x") == packed == SMALL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "x.zip"]
    assert release.zipped(dict(reversed(SMALL.items()))) == (tmp_path / "x.zip").read_bytes()


def test_a_release_that_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    release.write(SMALL, tmp_path / "x", tmp_path / "x.zip")
    before, write = files_in(tmp_path), Path.write_bytes

    def full(self, content):
        if ".zip" in self.name:
            raise OSError(28, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CourseError, match="No space left"):
        release.write({**SMALL, "README.md": b"new"}, tmp_path / "x", tmp_path / "x.zip")
    assert files_in(tmp_path) == before and len([*tmp_path.iterdir()]) == 2


def test_only_a_release_is_replaced_and_only_if_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "files_of_release", lambda: SMALL)
    folder = tmp_path / release.NAME
    assert release.main([str(tmp_path)]) == 0
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(CourseError, match="is there already"):
        release.main([str(tmp_path)])
    assert (folder / "mine.txt").exists()
    assert release.main([str(tmp_path), "--replace"]) == 0
    assert files_in(folder) == SMALL
    (folder / "solutions").mkdir()  # a whole course
    with pytest.raises(CourseError, match="is no release"):
        release.main([str(tmp_path), "--replace"])
    shutil.rmtree(folder / "utils")  # neither
    (folder / "solutions").rmdir()
    with pytest.raises(CourseError, match="is no release"):
        release.main([str(tmp_path), "--replace"])
    assert files_in(folder) == {"README.md": SMALL["README.md"]}


def test_an_answer_in_it_stops_the_release(tmp_path, monkeypatch):
    solution = (SOLUTIONS / "01_jnp_and_jit.py").read_bytes()
    monkeypatch.setattr(release, "files_of_release", lambda: {**SMALL, "utils/oh.py": solution})
    with pytest.raises(CourseError, match=r"utils/oh\.py: 100% of `standardise`"):
        release.main([str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


# --- it works by itself --------------------------------------------------------------------------------------------

JUDGE = """
import sys
from utils import checks
from utils.checks import mistakes
from utils.base.definitions import load

check = checks.unit("01_jnp_and_jit")
right, wrong, stub = (load(path).standardise for path in sys.argv[1:])
for answer in (right, wrong, stub):
    check.standardise(answer)
assert not mistakes.mistakes(check._unit.exercises["standardise"])
"""


@pytest.fixture(scope="module")
def run(content, tmp_path_factory):
    """Run Python in a release."""
    folder = tmp_path_factory.mktemp("release") / "x"
    release.write(content, folder, folder.with_suffix(".zip"))
    return lambda *command: subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_its_checks_judge_without_the_solutions(run, tmp_path):
    exercise = checks.units()["01_jnp_and_jit"].exercises["standardise"]
    wrong = mistakes(exercise)[0]
    made = code(exercise, wrong, (SOLUTIONS / "01_jnp_and_jit.py").read_text(encoding="utf-8"))
    (tmp_path / "wrong.py").write_text("import jax\nimport jax.numpy as jnp\n" + made)
    answers = (SOLUTIONS / "01_jnp_and_jit.py", tmp_path / "wrong.py", "exercises/01_jnp_and_jit.py")
    told = run("-c", JUDGE, *answers)
    assert told.returncode == 0, told.stderr
    assert re.findall(r"^(.) standardise: ", told.stdout, re.MULTILINE) == ["✓", "✗", "○"]
    assert f"\n  {wrong.says}\n" in told.stdout


def test_its_commands_say_what_a_release_lacks(run):
    told = re.findall(r"^`python -m utils (\w+)", run("-m", "utils", "help").stdout, re.MULTILINE)
    assert "doctor" in told and not {"course", "exercises", "gather", "grade", "lock", "release"} & set(told)
    assert "There is no command 'exercises'" in run("-m", "utils", "exercises").stderr
    assert "There is no step 'lint'. There are: notebooks" in run("-m", "utils", "test", "lint").stderr
