"""Grading without running anything: reading hand-ins, finding exercises, making points, writing reports."""

import base64
import contextlib
import json
import re
import time
from dataclasses import replace

import nbformat
import pytest

from utils import checks
from utils.author import exercises, pairs
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import running
from utils.checks.crossing import Handed, Program
from utils.checks.judge import judge
from utils.checks.known import known_of
from utils.checks.mistakes import mistakes
from utils.checks.verdict import Kind, Verdict
from utils.grading import bench, grades, handin, marking, own_answers, pages, plan, sandbox, whole_class

UNIT = checks.units()["01_jnp_and_jit"]
SOLUTION = (ROOT / UNIT.solution).read_text(encoding="utf-8")
HANDED_OUT = plan.handed_out(UNIT)
FULL = sum(exercise.points for exercise in UNIT.exercises.values())


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def read(*sources):
    return handin.read(json.dumps(notebook(*sources)).encode(), "01_jnp_and_jit.ipynb")


def lay_out(*sources):
    return plan.lay_out(read(*sources), UNIT)


def put(folder, name, content):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)


def order(laid_out):
    """Checks by their names, code by what it defines."""
    return [step.exercise or step.defines[0] + "()" for step in laid_out.steps if step.exercise or step.defines]


class Bench:
    """A process that hands over what it is told to, and a judge that finds what that says."""

    def __init__(self, **handed):
        self.handed = {name: list(what) if isinstance(what, list) else [what] for name, what in handed.items()}
        self.asked = []

    @contextlib.contextmanager
    def started(self, memory_mb, clock):
        yield self

    def ask(self, what, *arguments, seconds):
        self.asked.append((what, *arguments))
        if what != "hand_over" or not self.handed.get(arguments[0]):
            return ""
        handed = self.handed[arguments[0]].pop(0)
        if isinstance(handed, Exception):
            raise handed
        return handed if isinstance(handed, str) else base64.b64encode("|".join(handed).encode()).decode()

    def verdict(self, name, handed, seed):
        kind, message = handed.decode().split("|") if b"|" in handed else ("WRONG", "unreadable")
        return Verdict(name, Kind[kind], message)


RIGHT, WRONG = ("RIGHT", ""), ("WRONG", "why")


def mark(laid_out, **handed):
    """The result where this is handed over, and what was asked for."""
    result, fake = marking.Result("ann", UNIT.name, "file", out_of=FULL), Bench(**handed)
    marking.mark(fake, UNIT, laid_out, marking.Options(seed=7), result)
    return result, fake.asked


# --- reading ----------------------------------------------------------------------------------------------------------


def test_odd_cells_and_damaged_headers_are_read_too():
    """Other kinds of files are among the habits."""
    cells = [None, {"cell_type": "code", "source": "x = 'Zoë'"}, {"cell_type": "markdown", "source": "c"}, {}]
    notebook = json.dumps({"cells": cells}, ensure_ascii=False).encode("latin-1")
    assert handin.read(notebook, "a.ipynb").cells == ["x = 'Zoë'"]
    script = "# ---\n# jupyter: [\n# ---\n\n# %%\na = 1\n\n# %% [markdown]\n# words\n\n# %%\nb = 2\n"
    assert [cell.strip() for cell in handin.read(script.encode(), "a.py").cells] == ["a = 1", "b = 2"]


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b'{"cells": [', b'{"a": 1}', b"[]", b"[" * 100_000, b"not json", b'{"cells": []}'], ids=range(8)
)
def test_a_broken_notebook_is_said_to_be_so(raw):
    with pytest.raises(handin.Unreadable):
        handin.read(raw, "01_jnp_and_jit.ipynb")


def test_checkpoints_of_editors_are_no_hand_ins(tmp_path):
    for name in ("a/.ipynb_checkpoints/01.ipynb", "a/01.ipynb", "__MACOSX/01.ipynb", "a/._01.ipynb"):
        put(tmp_path, name, "x")
    assert handin.files_of(tmp_path) == [tmp_path / "a" / "01.ipynb"]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ('check = checks.unit("01_jnp_and_jit")', "homework.ipynb"),
        ("x = 1", "Ann - 01_jnp_and_jit (2).ipynb"),
        ("x = 1", "01.ipynb"),
        ("def standardise(x):\n    return x", "final.ipynb"),
    ],
)
def test_the_unit_is_known_by_content_name_or_definitions(cell, name):
    assert plan.unit_of(read(cell), name, checks.units()) is UNIT


# --- finding the exercises --------------------------------------------------------------------------------------------

ANSWER, CHECK = "def compress(x):\n    return x", "compress = check.compress(compress)"


@pytest.mark.parametrize(
    "cells",
    [
        (ANSWER, CHECK),
        (ANSWER + "\n" + CHECK,),  # joined
        (ANSWER,),  # deleted
        (CHECK, ANSWER),  # moved
        (ANSWER, "compress=check.compress( compress )  # mine"),
        (ANSWER, CHECK, CHECK),
    ],
)
def test_an_exercise_is_checked_after_its_definition_wherever_its_check_stands(cells):
    found = [name for name in order(lay_out(*cells)) if name.startswith("compress")]
    assert found[-1] == "compress" and "compress()" in found


def test_many_checks_of_an_exercise_are_run_a_few_times_only_and_a_method_of_its_name_is_none():
    assert order(lay_out(ANSWER, *[CHECK] * 500)).count("compress") == plan.MOST_CHECKS
    (histogram,) = (i for i, step in enumerate(lay_out("np.histogram(x)").steps) if step.exercise == "histogram")
    assert not lay_out("np.histogram(x)").steps[histogram].source


def test_the_untouched_exercise_keeps_its_checks_and_leaves_out_what_shows_off():
    cells = handin.read(exercises.exercise_from(SOLUTION, "s").encode(), "01_jnp_and_jit.py")
    laid_out = plan.lay_out(cells, UNIT)
    assert [step.exercise for step in laid_out.steps if step.exercise] == list(UNIT.exercises)
    assert not any("plt.show" in step.source for step in laid_out.steps)


def test_a_course_cell_stays_where_the_students_code_needs_it():
    keys = next(cell for cell in HANDED_OUT if cell.startswith("keys = "))
    assert any(step.source == keys for step in lay_out(keys, "def compress(x):\n    return people").steps)


@pytest.mark.parametrize("source", ["def f(:\n  pass", "%%bash\nls", "!ls", "x = %pwd", "\tx", "\x0c", "é", "\ud800"])
def test_code_that_is_no_python_is_laid_out_too(source):
    assert lay_out(source, ANSWER, CHECK).steps


def test_a_revealed_answer_is_seen_in_code_and_in_outputs():
    data = notebook('check.reveal("compress")', "# check.reveal('augment')", "1")
    shown = "The course's `predict`, one way among others. It is noted as revealed and scores nothing.\n\ndef …"
    data["cells"][2]["outputs"] = [{"output_type": "display_data", "data": {"text/plain": [shown]}, "metadata": {}}]
    laid_out = plan.lay_out(handin.read(json.dumps(data).encode(), "x"), UNIT)
    assert laid_out.revealed == {"compress", "predict"}


# --- points -----------------------------------------------------------------------------------------------------------

HANDED_IN = lay_out(ANSWER, CHECK, "def predict(model, x, size):\n    return x")


def test_right_answers_of_ones_own_score_and_nothing_else_does():
    result, _ = mark(HANDED_IN, compress=RIGHT, predict=WRONG, histogram="neither base64 nor JSON")
    assert result.points == UNIT.exercises["compress"].points
    assert [one.exercise for one in result.marks] == list(UNIT.exercises)
    assert {one.verdict for one in result.marks} == {"RIGHT", "WRONG", "NOT_ATTEMPTED"}
    assert result.seconds.keys() >= {"start", "cells", "compress: hand over", "compress: judge"}


def test_what_was_revealed_scores_nothing_and_is_said():
    result, _ = mark(lay_out("check.reveal('compress')", ANSWER, CHECK), compress=RIGHT)
    (compress,) = (one for one in result.marks if one.exercise == "compress")
    assert result.points == 0 and "revealed" in compress.message


def test_the_best_of_several_verdicts_counts():
    twice = lay_out(ANSWER, CHECK, ANSWER, CHECK)
    for handed in ([WRONG, RIGHT], [RIGHT, WRONG]):
        result, asked = mark(twice, compress=handed)
        assert result.points == UNIT.exercises["compress"].points
        assert ("lend", "compress") not in [one[:2] for one in asked]


def test_the_course_s_answer_is_lent_after_the_last_check_of_what_is_not_right():
    _, asked = mark(lay_out(ANSWER, CHECK, ANSWER, CHECK), compress=[WRONG, WRONG])
    about = [one for one in asked if one[0] != "cell" and one[1] == "compress"]
    assert [one[0] for one in about] == ["hand_over", "hand_over", "lend"]
    assert "def compress(x):" in about[-1][2] and "BEGIN" not in about[-1][2]


def test_the_seed_of_programs_is_not_told_to_the_hand_in():
    seeds = {one.crosses: marking.Options(seed=7).seed_of(one) for one in UNIT.exercises.values()}
    assert len({*seeds.values()}) == 2 and marking.Options(seed=8).seed_of(UNIT.exercises["predict"]) != seeds["values"]
    _, asked = mark(HANDED_IN)
    told = {name: seed for what, name, seed in (one for one in asked if one[0] == "hand_over")}
    assert told == {name: seeds["values"] * (one.crosses == "values") for name, one in UNIT.exercises.items()}


def test_a_step_that_ends_the_process_costs_its_own_points_only():
    result, asked = mark(HANDED_IN, standardise=RIGHT, compress=bench.Ended("it took too much memory"), predict=RIGHT)
    marks = {one.exercise: one for one in result.marks}
    assert {name for name, one in marks.items() if one.points} == {"standardise", "predict"}
    assert marks["compress"].message == "While it was checked, it took too much memory."
    assert result.flags == ["In the check of `compress`: it took too much memory."]
    assert asked.count(("hand_over", "standardise", 0)) == 1, "what was judged is not judged again"
    assert asked.count(("cell", HANDED_IN.steps[0].source, 60)) == 2


def test_why_a_cell_stopped_is_told_on_the_class_page_alone():
    class Stops(Bench):
        def ask(self, what, *arguments, seconds):
            return "ValueError: <i>mine</i>" if (what, *arguments) == ("cell", ANSWER, 60) else ""

    result = marking.Result("ann", UNIT.name, "file", out_of=FULL)
    marking.mark(Stops(), UNIT, lay_out(ANSWER), marking.Options(), result)
    (stopped,) = (one for one in result.marks if one.verdict == "WRONG")
    assert (stopped.exercise, stopped.message) == ("compress", "The cell that defines it stopped.")
    assert stopped.message in pages.of_student("ann", [result])
    assert "mine" not in pages.of_student("ann", [result]) + grades.feedback(result)
    assert page_of_class(result).count("ValueError: &lt;i&gt;mine&lt;/i&gt;") == 2  # of the exercise, and of the cell


def test_the_known_mistakes_are_named():
    first, second = mistakes(UNIT.exercises["compress"])[:2]
    for says, name in ((first.says, first.name), (f"{first.says} {second.says}", f"{first.name}, {second.name}")):
        result, _ = mark(HANDED_IN, compress=("WRONG", says))
        assert [one.mistake for one in result.marks if one.mistake] == [name]


def unrunnable(name):
    """The verdict on a program that cannot be run."""
    exercise = UNIT.exercises[name]
    handed = running.ran(exercise, Handed((Program(b"", (), ""),) * len(exercise.sizes)), 0)
    return judge(known_of(UNIT, name), handed, 0)


@pytest.mark.parametrize(
    ("verdict", "times"),
    [
        (lambda name: Verdict(name, Kind.RIGHT), 1),
        (lambda name: Verdict(name, Kind.WRONG), 1),
        (unrunnable, 2),
        (lambda name: Verdict(name, Kind.WRONG, endless=True), 2),
        (lambda name: Verdict(name, Kind.NOT_CHECKED), 2),
    ],
    ids=range(5),
)
def test_the_same_is_judged_once_but_where_the_machine_may_be_to_blame(verdict, times, monkeypatch):
    asked = []

    class Judge:
        def verdict(self, name, handed, seed, runner):
            asked.append((name, handed, seed, runner))
            return verdict(name)

    monkeypatch.setattr(bench, "Judge", lambda *_: Judge())
    made = bench.Bench(UNIT, jobs=2)
    others = [("compress", b"b", 0), ("compress", b"a", 1), ("predict", b"a", 0)]
    for one in [("compress", b"a", 0), *others, ("compress", b"a", 0)]:
        made.verdict(*one)
    assert [one[:3] for one in asked].count(("compress", b"a", 0)) == times and len(asked) == times + 3
    kept = made._free.pop()  # another runs the programs now, and what the first gave is its own
    for name in ("compress", "predict"):
        made.verdict(name, b"a", 0)
    assert [one[3] is kept for one in asked[times + 3 :]] == [False] * (2 if times == 2 else 1)


LONG = "def f(x):\n    def inner(y):\n        return min(y)\n    low = inner(x)\n    x += low\n    return low - x"
SHORT = "def f(x):\n    low = min(x)\n    return low"


@pytest.mark.parametrize(
    ("was", "now", "alike"),
    [
        ("low", "least", True),
        ("inner", "smallest", True),
        ("    def", '    """What it is."""\n    def', True),
        ("low - x", "x + low", False),
    ],
)
def test_answers_are_alike_but_for_docstrings_and_names(was, now, alike):
    digest = plan.likeness("f", LONG)
    assert was in LONG and digest
    assert (plan.likeness("f", LONG.replace(was, now)) == digest) == alike


def test_a_docstring_makes_no_short_answer_long():
    with_one = SHORT.replace("    low =", '    """What it is."""\n    low =')
    assert with_one != SHORT and plan.likeness("f", SHORT) == plan.likeness("f", with_one) == ""


# --- results and pages ------------------------------------------------------------------------------------------------


def result_of(student, **more):
    result, _ = mark(HANDED_IN, compress=RIGHT, predict=("WRONG", "<b>x</b>"))
    return replace(result, student=student, **more)


def page_of_class(*results):
    return pages.of_class(list(results))


def test_a_record_is_read_back_only_for_the_same_input(tmp_path):
    result = result_of("ann")
    grades.keep(tmp_path, result, "digest")
    assert grades.kept(tmp_path, "digest") == result and grades.kept(tmp_path, "other") is None
    (tmp_path / "records" / "digest.json").write_text('{"student": "ann"')
    assert grades.kept(tmp_path, "digest") is None


def test_every_name_gives_a_file_name_of_its_own():
    names = ["ann", "Ann B", "Ann_B", "../..", "Zoë", "Zoe", "", "con", "a/b"]
    found = [grades.page_of(name) for name in names]
    assert len(set(found)) == len(names) and all(re.fullmatch(r"students/[\w-]+\.html", name) for name in found)


def test_pages_hold_the_verdicts_and_no_foreign_markup(monkeypatch):
    monkeypatch.setattr(sandbox, "warning", lambda: "weak")
    one = result_of("<script>alert(1)</script>", flags=["<a href='http://evil'>"], errors=["<img src=x>"])
    for page in (pages.of_student(one.student, [one]), page_of_class(one)):
        assert "compress" in page and f"of {FULL}" in page and "weak" in page
        assert not re.search("<script|<img|<b>|<a href='http", page)


def test_the_class_page_says_where_it_fails_and_who_is_alike():
    alike = [marking.Mark(name, name, 1, 1, "RIGHT", likeness=name) for name in "abcd"]
    of_all = [result_of("ann", marks=alike), result_of("bob", marks=alike), result_of("cy", flags=["odd"])]
    page = re.sub(r"\s+", " ", page_of_class(*of_all, *[result_of(f"s{i}") for i in range(7)]))
    assert page.count("<p>ann and bob are the same but for names in <code>a, b, c, d</code>.</p>") == 1
    assert page.count("are the same but for") == 1, "alike are longer answers that few give"
    assert '<td><code>predict</code></td> <td class="number">0</td><td class="number">8</td>' in page
    assert page.index(">cy<") < page.index(">ann<"), "first comes what a person has to look at"


def test_who_hands_in_the_course_s_own_answers_is_alike_too():
    course = plan.lay_out(handin.Handin(plan.cells_of(UNIT)), UNIT).likeness
    marks = [marking.Mark(name, name, 1, 1, "RIGHT", likeness=digest) for name, digest in course.items()]
    assert "ann and the course are" in page_of_class(result_of("ann", marks=marks))


# --- the command ------------------------------------------------------------------------------------------------------


def tasks(folder):
    return list(whole_class.tasks_of(folder, marking.Options()))


def test_of_several_files_the_one_with_the_most_done_counts(tmp_path):
    untouched = exercises.exercise_from(SOLUTION, "s")
    put(tmp_path, "01_jnp_and_jit.py", SOLUTION)
    put(tmp_path, "01_jnp_and_jit.ipynb", nbformat.writes(pairs.notebook_from(untouched)))
    put(tmp_path, "copies/01_jnp_and_jit (1).ipynb", "{")
    (task,) = tasks(tmp_path)
    assert task.result.file == "01_jnp_and_jit.py" and "3 files" in task.result.flags[0]


def test_what_a_hand_in_imports_from_beside_it_is_written_first_and_no_hand_in(tmp_path):
    put(
        tmp_path,
        "01_jnp_and_jit.ipynb",
        nbformat.writes(notebook("exec(open('mine.py').read())\nimport large, utils", CHECK)),
    )
    put(tmp_path, "mine.py", f"import part, linked\n{ANSWER}")
    put(tmp_path, "part.py", "def patience_is_over():\n    pass")  # an exercise of another unit
    put(tmp_path, "alone.py", "x = 1")
    put(tmp_path, "utils.py", "x = 1")
    put(tmp_path, "large.py", "#" * (handin.LARGEST_MODULE + 1))
    (tmp_path / "linked.py").symlink_to(tmp_path / "alone.py")
    (task,) = tasks(tmp_path)
    assert not task.result.flags and task.result.file == "01_jnp_and_jit.ipynb"
    written = [step.source.splitlines()[0] for step in task.plan.steps if "%%writefile" in step.source]
    assert written == ["%%writefile mine.py", "%%writefile part.py"]
    put(tmp_path, "part.py", "x = 2")
    assert tasks(tmp_path)[0].digest != task.digest


def test_what_names_a_unit_or_is_not_imported_stays_a_hand_in(tmp_path):
    put(tmp_path, "01_jnp_and_jit.ipynb", nbformat.writes(notebook("x = 1")))
    put(tmp_path, "compress.py", f"from mine import *\n{ANSWER}\n{CHECK}")
    put(tmp_path, "mine.py", f"import compress\ncheck = checks.unit('{UNIT.name}')\n{ANSWER}")
    (task,) = tasks(tmp_path)
    assert task.result.flags == ["2 files for this unit; graded: 01_jnp_and_jit.ipynb."]
    put(tmp_path, "mine.py", "import compress")
    (tmp_path / "01_jnp_and_jit.ipynb").unlink()
    assert [task.result.unit for task in tasks(tmp_path)] == [UNIT.name], "of two that import each other one is graded"


@pytest.mark.parametrize(
    ("files", "unit", "reason"),
    [
        ({}, "", "Nothing was handed in."),
        ({"homework.docx": "x"}, "", "There is no notebook and no script, only homework.docx."),
        ({"01.ipynb": "{"}, UNIT.name, "not a whole notebook"),
        ({"holiday.py": "x = 1"}, "", "belongs to no unit"),
    ],
)
def test_who_cannot_be_graded_is_on_the_list_with_a_reason(tmp_path, files, unit, reason):
    for name, content in files.items():
        put(tmp_path, name, content)
    ((result, *_),) = tasks(tmp_path)
    assert (result.unit, result.points, result.out_of) == (unit, 0, FULL if unit else 0) and reason in result.reason


def test_a_change_is_graded_anew_in_the_units_that_it_touches(tmp_path, monkeypatch):
    monkeypatch.setattr(own_answers, "ROOT", tmp_path)
    counts = {
        UNIT.solution: True,
        "utils/checks/causes.toml": True,
        "utils/checks/judge.py": True,
        "utils/checks/unit_01/predict/exercise.py": True,
        "utils/checks/unit_05/shift_mask/exercise.py": False,
    }
    for name in counts:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name, changes in counts.items():
        before = own_answers.fingerprint.__wrapped__(UNIT)
        (tmp_path / name).write_text(name)
        assert (own_answers.fingerprint.__wrapped__(UNIT) != before) == changes, name


# --- grants -----------------------------------------------------------------------------------------------------------

HEAD = "student,unit,exercise,points,reason\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nobody,01_jnp_and_jit,compress,1,why", "no student 'nobody'"),
        ("ann,01,compress,1,why", "no unit '01'. Did you mean '01_jnp_and_jit'?"),
        ("ann,01_jnp_and_jit,compres,1,why", "no exercise 'compres'. Did you mean 'compress'?"),
        ("ann,01_jnp_and_jit,compress,99,why", "'99' is no number of points from 0 to"),
        ("ann,01_jnp_and_jit,compress,-1,why", "'-1' is no number"),
        ("ann,01_jnp_and_jit,compress,1,", "the reason is missing"),
        ("ann,01_jnp_and_jit,compress,1,why,more", "the columns are"),
    ],
)
def test_a_grant_that_names_nothing_is_refused_by_its_line(tmp_path, line, says):
    (tmp_path / "grants.csv").write_text(HEAD + line)
    with pytest.raises(CourseError, match="line 2") as told:
        grades.grants(tmp_path, ["ann"], checks.units())
    assert says in str(told.value)


def test_what_a_person_grants_counts_also_where_nothing_could_be_graded_and_is_said(tmp_path):
    (tmp_path / "grants.csv").write_text(HEAD + "ann,01_jnp_and_jit,predict,1,told me why\n")
    granted = grades.grants(tmp_path, ["ann"], checks.units())
    for result in (result_of("ann"), marking.Result("ann", UNIT.name, "f", reason="not a notebook")):
        after = grades.granted(result, granted, checks.units())
        assert after.points == result.points + 1
        (predict,) = (mark for mark in after.marks if mark.exercise == "predict")
        assert "told me why" in predict.message
        for page in (pages.of_student("ann", [after]), page_of_class(after)):
            assert "told me why" in page
    assert grades.granted(result_of("bob"), granted, checks.units()).points == result_of("bob").points


def test_grades_that_someone_changed_are_not_written_over(tmp_path):
    grades.write(tmp_path, [result_of("ann")])
    grades.see_unchanged(tmp_path)
    (tmp_path / "grades.csv").write_text("student,points\nann,20\n")
    with pytest.raises(CourseError, match=r"grants\.csv"):
        grades.see_unchanged(tmp_path)


def test_a_run_that_is_ended_while_it_writes_leaves_nothing_that_looks_changed(tmp_path, monkeypatch):
    write, kept = files.write, []
    for after in (9, 3, 2, 1, 0, 3, 2, 1, 9):  # files that are written before the end
        left = iter(range(after))

        def ended(path, content, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            write(path, content)

        monkeypatch.setattr(files, "write", ended)
        with contextlib.suppress(KeyboardInterrupt):
            grades.write(tmp_path, [result_of(f"student {after} of {len(kept)}")])
        grades.see_unchanged(tmp_path)
        kept.append((tmp_path / "grades.csv").read_text())
    assert len(set(kept)) == 4


# --- odd input --------------------------------------------------------------------------------------------------------


def test_what_steers_a_terminal_or_turns_a_line_round_is_shown_as_an_escape():
    assert handin.visible("a\x1b[31mb\u202ec\ud800d\te\n") == "a\\x1b[31mb\\u202ec?d\te\n"


def test_two_folders_of_one_student_are_refused_by_name_both(tmp_path):
    for name in ("Ann_17_assignsubmission_file_", "Bob_17_assignsubmission_file_", "cy", "CY", "di"):
        put(tmp_path, f"{name}/01.py", SOLUTION)
    (tmp_path / "link").symlink_to(tmp_path / "di")
    refused = {path.name: why for path, why in whole_class.claimed_twice(sorted(tmp_path.iterdir())).items()}
    assert refused.keys() == {"Ann_17_assignsubmission_file_", "Bob_17_assignsubmission_file_", "cy", "CY", "link"}
    assert (
        "'Ann_17" in refused["Bob_17_assignsubmission_file_"]
        and "moodle number 17" in refused["Ann_17_assignsubmission_file_"]
    )


@pytest.mark.parametrize(
    "source", ["\n" * 80_000, " \n" * 80_000 + "#", "(" * 5_000, "# " + "9" * 100_000, " " * 200_000 + "x y"]
)
def test_long_odd_code_is_laid_out_in_no_time(source):
    began = time.process_time()
    lay_out(source, ANSWER, CHECK)
    assert time.process_time() - began < 5
