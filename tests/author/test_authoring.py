"""The generator does what its docstring says, and what is committed is what it writes."""

import itertools
import json
import re

import nbformat
import pytest

from utils.author import exercises, pairs
from utils.base import markers
from utils.base.errors import CourseError
from utils.base.paths import EXERCISES, NOTEBOOKS, ROOT, SOLUTIONS, sources

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
EVERY_SOURCE = [*LESSONS_AND_SOLUTIONS, *sources(EXERCISES)]


def relative(path):
    return path.relative_to(ROOT).as_posix()


# --- the generator ---------------------------------------------------------------------------------------


def test_a_region_becomes_one_stub_line_and_nothing_else_changes():
    exercise = exercises.exercise_from(SOLUTION, "x.py")
    region = re.search(r"    # BEGIN SOLUTION.*?# END SOLUTION", SOLUTION, re.S)[0]
    assert exercise == SOLUTION.replace(region, '    raise NotImplementedError("your code here")')


def test_a_stub_defines_and_raises_only_when_called():
    namespace = {}
    exec(exercises.exercise_from(SOLUTION, "x.py").replace("double(3)", ""), namespace)
    with pytest.raises(NotImplementedError, match="your code here"):
        namespace["double"](3)


@pytest.mark.parametrize(
    ("cell", "line", "says"),
    [
        ("# BEGIN SOLUTION\nx = 1", 2, "has no"),
        ("x = 1\n# END SOLUTION", 3, "without a"),
        ("# BEGIN SOLUTION\nx = 1\n# BEGIN SOLUTION\n# END SOLUTION", 4, "inside the region begun in line 2"),
        ("# BEGIN SOLUTION\nx = 1\n# %%\n# END SOLUTION", 2, "before the cell's end"),
        ("# BEGIN SOLUTION\n# only a comment\n# END SOLUTION", 2, "nothing stands between"),
        ("# BEGIN SOLUTION\nx = 1\n    # END SOLUTION", 4, "not indented"),
        ("# BEGIN ANSWER\nx = 1", 2, "unknown marker"),
        ("x = 1\n# END HIDDEN TESTS", 3, "unknown marker"),
        ("# begin solution\nx = 1", 2, "unknown marker"),
        ("#BEGIN SOLUTION\nx = 1", 2, "unknown marker"),
    ],
)
def test_a_bad_marker_is_an_error_that_names_file_and_line(cell, line, says):
    with pytest.raises(CourseError) as caught:
        exercises.exercise_from(f"# %%\n{cell}\n", "solutions/99_x.py")
    assert f"solutions/99_x.py, line {line}:" in str(caught.value)
    assert says in str(caught.value)


def test_a_marker_in_prose_is_an_error():
    with pytest.raises(CourseError, match="line 2: '# BEGIN SOLUTION' stands outside a code cell"):
        exercises.exercise_from("# %% [markdown]\n# BEGIN SOLUTION\n", "x.py")


def test_a_comment_that_begins_a_sentence_is_no_marker():
    text = "# %%\n# Beginning here, and ending there\nx = 1\n"
    assert exercises.exercise_from(text, "x.py") == text


# --- notebooks ---------------------------------------------------------------------------------------------


def test_a_notebook_depends_on_its_text_alone():
    first, second = (nbformat.writes(pairs.notebook_from(SOLUTION)) for _ in range(2))
    assert first == second
    assert set(pairs.notebook_from(SOLUTION).metadata) == {"kernelspec"}


def test_a_cell_keeps_its_id_when_another_is_put_before_it():
    before = [cell.id for cell in pairs.notebook_from(SOLUTION).cells]
    grown = SOLUTION.replace("# %%\ndef", "# %%\nimport math\n\n# %%\ndef")
    after = [cell.id for cell in pairs.notebook_from(grown).cells]
    assert [id for id in after if id in before] == before
    assert len(after) == len(before) + 1


def test_equal_cells_have_ids_of_their_own():
    ids = [cell.id for cell in pairs.notebook_from(HEADER + "# %%\nx = 1\n\n# %%\nx = 1\n").cells]
    assert len(ids) == len(set(ids)) == 2


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one unit in a folder of its own."""
    for name in ("notebooks", "solutions", "exercises"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(pairs, name.upper(), tmp_path / name)
    monkeypatch.setattr(pairs, "BUILD", tmp_path / "build")
    (tmp_path / "solutions" / "99_x.py").write_text(SOLUTION)
    return tmp_path


def test_generating_twice_writes_nothing_the_second_time(course):
    assert len(pairs.generate()) == 3
    assert pairs.generate() == []
    assert pairs.generate(check=True) == []


def test_check_tells_what_is_out_of_step_and_writes_nothing(course):
    assert len(pairs.generate(check=True)) == 3
    assert not list((course / "exercises").iterdir())


def test_outputs_stay_with_the_cells_whose_code_is_unchanged(course):
    pairs.generate()
    path = course / "solutions" / "99_x.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{count}\n")]
    nbformat.write(notebook, path)
    (course / "solutions" / "99_x.py").write_text(SOLUTION.replace("double(3)", "double(4)"))
    pairs.generate()
    code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
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


def test_every_unit_stands_three_times():
    names = {folder.name: [path.stem for path in sources(folder)] for folder in (NOTEBOOKS, SOLUTIONS, EXERCISES)}
    assert names["notebooks"] == names["solutions"] == names["exercises"] != []


@pytest.mark.parametrize("path", sources(SOLUTIONS), ids=relative)
def test_the_exercise_is_what_its_solution_generates(path):
    generated = exercises.exercise_from(path.read_text(encoding="utf-8"), relative(path))
    exercise = EXERCISES / path.name
    assert exercise.read_text(encoding="utf-8") == generated, (
        f"{relative(exercise)} is not what its solution generates. An author runs `make exercises`; "
        "a student who filled it in need not mind."
    )


@pytest.mark.parametrize("path", EVERY_SOURCE, ids=relative)
def test_a_pair_holds_the_same_cells_in_both_directions(path):
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    fresh = pairs.notebook_from(text)
    assert [(c.cell_type, c.source, c.id) for c in notebook.cells] == [
        (c.cell_type, c.source, c.id) for c in fresh.cells
    ]
    assert pairs.text_from(notebook) == text
    assert dict(notebook.metadata) == dict(fresh.metadata)


@pytest.mark.parametrize("path", sources(SOLUTIONS), ids=relative)
def test_no_marker_and_no_line_of_an_answer_stands_in_the_exercise(path):
    solution = path.read_text(encoding="utf-8")
    answers = {line for line in exercises.answers(solution) if len(line) >= 24}  # shorter ones say nothing
    assert answers
    exercise = (EXERCISES / path.name).read_text(encoding="utf-8")
    cells = json.loads((EXERCISES / path.with_suffix(".ipynb").name).read_text(encoding="utf-8"))["cells"]
    for text in (exercise, "\n".join("".join(cell["source"]) for cell in cells)):
        assert markers.BEGIN not in text and markers.END not in text
        assert not [line for line in answers if line in text]


@pytest.mark.parametrize("path", LESSONS_AND_SOLUTIONS, ids=relative)
def test_a_committed_lesson_or_solution_is_executed_from_top_to_bottom(path):
    code = [c for c in nbformat.read(path.with_suffix(".ipynb"), as_version=4).cells if c.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]


@pytest.mark.parametrize("path", sources(EXERCISES), ids=relative)
def test_a_committed_exercise_holds_no_outputs(path):
    cells = nbformat.read(path.with_suffix(".ipynb"), as_version=4).cells
    assert not [c for c in cells if c.cell_type == "code" and (c.outputs or c.execution_count)]


@pytest.mark.parametrize("path", LESSONS_AND_SOLUTIONS, ids=relative)
def test_no_line_of_prose_begins_a_list_by_accident(path):
    """A wrapped sentence whose next line begins with "1. " is shown as a list."""
    for cell in pairs.notebook_from(path.read_text(encoding="utf-8")).cells:
        lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
        for before, line in itertools.pairwise(lines):
            if re.match(r"(\d+[.)]|[-+*]) ", line):
                assert not before.strip() or re.match(r"(\d+[.)]|[-+*]) | {2,}", before), f"{before}\n{line}"
