"""The generator does what its docstring says, and what is committed is what it writes."""

import itertools
import re

import nbformat
import pytest

from utils.author import exercises, minutes, pairs, set_up
from utils.base.errors import CourseError
from utils.base.paths import NOTEBOOKS, ROOT, SOLUTIONS, sources

HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

"""
SOLUTION = (
    HEADER
    + '''# %% [markdown]
# # Doubling

# %%
def double(x):
    """Twice x."""
    # BEGIN SOLUTION
    y = 2 * x

    return y
    # END SOLUTION


# %%
double(3)
'''
)

LESSONS_AND_SOLUTIONS = [*sources(NOTEBOOKS), *sources(SOLUTIONS)]


def relative(path):
    return path.relative_to(ROOT).as_posix()


# --- the generator ---------------------------------------------------------------------------------------


def test_a_region_becomes_one_stub_line_and_nothing_else_changes():
    exercise = exercises.exercise_from(SOLUTION, "x.py")
    region = re.search(r"    # BEGIN SOLUTION.*?# END SOLUTION", SOLUTION, re.S)[0]
    assert exercise == SOLUTION.replace(region, '    raise NotImplementedError("your code here")')
    comment = "# %%\n# Beginning here, and ending there\nx = 1\n"  # a sentence, no marker
    assert exercises.exercise_from(comment, "x.py") == comment


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("# BEGIN SOLUTION\nx = 1", 2),
        ("x = 1\n# END SOLUTION", 3),
        ("# BEGIN SOLUTION\nx = 1\n# BEGIN SOLUTION\n# END SOLUTION", 2),
        ("# BEGIN SOLUTION\nx = 1\n# %%\n# END SOLUTION", 2),
        ("# BEGIN SOLUTION\n# only a comment\n# END SOLUTION", 2),
        ("# BEGIN SOLUTION\nx = 1\n    # END SOLUTION", 2),
        ("# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n# BEGIN ANSWER\nx = 1", 5),
        ("#BEGIN SOLUTION\nx = 1\n# END SOLUTION", 2),
        ("x = 1\n# %% [markdown]\n# BEGIN SOLUTION", 4),
    ],
)
def test_a_bad_marker_is_an_error_that_names_file_and_line(cell, line):
    with pytest.raises(CourseError) as caught:
        exercises.exercise_from(f"# %%\n{cell}\n", "solutions/99_x.py")
    assert f"solutions/99_x.py, line {line}:" in str(caught.value)


# --- a lesson's minutes ------------------------------------------------------------------------------------


def test_minutes_are_those_of_the_rule_and_stand_between_the_marks():
    head = f"{HEADER}# %% [markdown]\n# # A lesson\n#\n# {minutes.BEGIN}\n# {minutes.END}\n"
    prose = "# [one](https://x.y/not/counted) <b>two</b>\n" * 199  # with the heading about 400: two minutes
    code = "\n# %%\n# a comment\n\n" + "x = 1\n" * 30  # a minute and a half, and half a one to run it
    lesson = f"{head}\n# %% [markdown]\n# ## 1 · Prose here\n{prose}{code}\n# %% [markdown]\n# ## Sources\n"
    assert minutes.sections(lesson) == [("1", "Prose here", 4), ("", "Sources", 1)]
    written = minutes.with_table(lesson, "x.py")
    assert "\n# | 1 | Prose here | 4 |\n# |  | Sources | 1 |\n# |  | **together** | 5 |\n" in written
    assert minutes.with_table(written, "x.py") == written
    with pytest.raises(CourseError, match=r"x\.py: its first cell needs"):
        minutes.with_table(lesson.replace(minutes.END, ""), "x.py")


# --- notebooks ---------------------------------------------------------------------------------------------


def test_every_cell_has_an_id_of_its_own_and_keeps_it_when_others_are_put_before_it():
    def ids(text):
        return [cell.id for cell in pairs.notebook_from(text).cells]

    assert ids(SOLUTION.replace("# %%\ndef", "# %%\nimport math\n\n# %%\ndef"))[-2:] == ids(SOLUTION)[-2:]
    assert len(set(ids(HEADER + "# %%\nx = 1\n\n# %%\nx = 1\n"))) == 2


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one unit in a folder of its own."""
    for name in ("notebooks", "solutions", "exercises"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(pairs, name.upper(), tmp_path / name)
    monkeypatch.setattr(pairs, "BUILD", tmp_path / "build")
    (tmp_path / "solutions" / "99_x.py").write_text(set_up.with_code(SOLUTION, "99_x.py"))
    return tmp_path


def test_generating_twice_writes_nothing_the_second_time(course):
    assert len(pairs.generate()) == 3
    assert pairs.generate() == pairs.generate(check=True) == []


def test_a_first_code_cell_gets_todays_lines_once():
    text = set_up.with_code(SOLUTION, "99_x.py")
    assert text == set_up.with_code(text, "99_x.py")
    assert text.replace(set_up.code(), "") == SOLUTION
    older = text.replace("urlretrieve", "urlopen").replace("places", "folders")
    assert older != text and set_up.with_code(older, "99_x.py") == text
    with pytest.raises(CourseError, match=r"99_x\.py has no code cell"):
        set_up.with_code("# %% [markdown]\n# # Nothing\n", "99_x.py")


@pytest.mark.parametrize("known", [True, False])
def test_the_first_lines_have_the_address_that_the_project_states(known, tmp_path, monkeypatch):
    urls = '[project.urls]\nDownload = "https://example.org/course.zip"\n' if known else ""
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\n{urls}', encoding="utf-8")
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    code = set_up.code.__wrapped__()
    assert ('url = "https://example.org/course.zip"\n' in code) == known
    assert (set_up.UNKNOWN in code) != known


CHANGES = {
    "a cell": lambda notebook: notebook.cells[0].update(source="mine"),
    "an id": lambda notebook: notebook.cells[0].update(id="mine"),
    "metadata": lambda notebook: notebook.metadata.update(mine={}),
    "an output": lambda notebook: notebook.cells[1].update(outputs=[nbformat.v4.new_output("stream", text="mine\n")]),
}


@pytest.mark.parametrize("folder", ["solutions", "exercises"])
@pytest.mark.parametrize("change", CHANGES)
def test_check_tells_what_is_out_of_step_and_writes_nothing(course, folder, change):
    pairs.generate()
    path = course / folder / "99_x.ipynb"
    notebook = pairs.read(path)
    CHANGES[change](notebook)
    nbformat.write(notebook, path)
    before = path.read_bytes()
    told = [] if (folder, change) == ("solutions", "an output") else [str(path)]  # a solution shows what it gives
    assert pairs.generate(check=True) == told
    assert path.read_bytes() == before


def test_outputs_stay_with_the_cells_whose_code_is_unchanged(course):
    pairs.generate()
    path = course / "solutions" / "99_x.ipynb"
    notebook = pairs.read(path)
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{count}\n")]
    nbformat.write(notebook, path)
    (course / "solutions" / "99_x.py").write_text(SOLUTION.replace("double(3)", "double(4)"))
    pairs.generate()
    code = [c for c in pairs.read(path).cells if c.cell_type == "code"]
    assert [bool(cell.outputs) for cell in code] == [True, False]


def test_what_a_student_wrote_is_never_lost(course):
    pairs.generate()
    for ending in (".py", ".ipynb"):
        path = course / "exercises" / f"99_x{ending}"
        path.write_text(path.read_text().replace("your code here", "my own words"))
    pairs.generate()
    kept = {path.suffix: path.read_text() for path in (course / "build" / "replaced").rglob("99_x.*")}
    assert "my own words" in kept[".py"] and "my own words" in kept[".ipynb"]
    assert "my own words" not in (course / "exercises" / "99_x.ipynb").read_text()


def test_an_exercise_whose_solution_is_gone_is_told(course):
    pairs.generate()
    (course / "solutions" / "99_x.py").rename(course / "solutions" / "98_y.py")
    assert any("99_x.py (has no solution" in line for line in pairs.generate(check=True))


def test_a_broken_notebook_is_named(course):
    pairs.generate()
    (course / "solutions" / "99_x.ipynb").write_text("{")
    with pytest.raises(CourseError, match=r"99_x\.ipynb cannot be read as a notebook"):
        pairs.generate()


# --- what is committed ---------------------------------------------------------------------------------------


def test_exercises_and_notebooks_are_what_their_texts_give():
    """A student who filled an exercise in need not mind."""
    assert pairs.generate(check=True) == []


@pytest.mark.parametrize("path", LESSONS_AND_SOLUTIONS, ids=relative)
def test_a_committed_lesson_or_solution_is_executed_from_top_to_bottom(path):
    notebook = pairs.read(path.with_suffix(".ipynb"))
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    shown = "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
    columns = [line for line in shown.splitlines() if "   " in line.strip()]
    assert not [line for line in columns if len(line) > 90], "JupyterLab would break it at 900 pixels"


@pytest.mark.parametrize("path", LESSONS_AND_SOLUTIONS, ids=relative)
def test_no_line_of_prose_begins_a_list_by_accident(path):
    """A wrapped sentence whose next line begins with "1. " is shown as a list."""
    for cell in pairs.notebook_from(path.read_text(encoding="utf-8")).cells:
        lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
        for before, line in itertools.pairwise(lines):
            if re.match(r"(\d+[.)]|[-+*]) ", line):
                assert not before.strip() or re.match(r"(\d+[.)]|[-+*]) | {2,}", before), f"{before}\n{line}"
