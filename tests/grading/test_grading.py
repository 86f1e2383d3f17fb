"""Grading without running anything: reading hand-ins, finding exercises, making points, writing reports."""

import base64
import json
import re
import time

import nbformat
import pytest

from utils import checks
from utils.author import exercises, pairs
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.checks import running
from utils.checks.crossing import Program
from utils.checks.exercise import Case
from utils.checks.mistakes import mistakes
from utils.checks.verdict import Kind, Verdict
from utils.grading import grades, grants, handin, marking, own_answers, pages, plan, sandbox, whole_class

UNIT = checks.units()["01_jnp_and_jit"]
SOLUTION = (ROOT / UNIT.solution).read_text(encoding="utf-8")
HANDED_OUT = plan.handed_out(UNIT)
FULL = sum(exercise.points for exercise in UNIT.exercises.values())


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


def read(*sources):
    return handin.read(json.dumps(notebook(*sources)).encode(), "01_jnp_and_jit.ipynb")


def put(folder, name, content):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)


def order(laid_out):
    """Checks by their names, code by what it defines."""
    return [step.exercise or step.defines[0] + "()" for step in laid_out.steps if step.exercise or step.defines]


class Place:
    """A sandbox that says these messages, run by run, and a judge that takes what is handed over for a verdict."""

    def __init__(self, runs):
        self.runs, self.jobs, self.replies = list(runs), [], []

    def run(self, job):
        self.jobs.append(json.loads(json.dumps(job)))
        for message in self.runs[len(self.jobs) - 1]:
            self.replies.append((yield message))

    def verdict(self, name, handed, seed):
        kind, message = handed.decode().split("|", 1) if b"|" in handed else ("WRONG", "unreadable")
        points = UNIT.exercises[name].points if kind == "RIGHT" else 0
        return Verdict(name, Kind[kind], message, points, UNIT.exercises[name].points)


def mark(handed_in, *runs):
    """The result where a sandbox says these messages, run by run; and the sandbox."""
    place, result = Place(runs), marking.Result("ann", UNIT.name, "file")
    marking.mark(place, UNIT, handed_in, marking.Options(), result)
    return result, place


def verdict(name, kind=Kind.RIGHT, message="", step=0):
    data = base64.b64encode(f"{kind.name}|{message}".encode()).decode()
    return {"t": "handed", "exercise": name, "data": data, "step": step}


OVER = {"t": "over", "why": "ended"}


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_code_is_read_in_any_usual_encoding(encoding):
    raw = json.dumps(notebook("x = 'Zoë'"), ensure_ascii=False).encode(encoding)
    assert handin.read(raw, "a.ipynb").cells == ["x = 'Zoë'"]


OLD = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["a = 1\n", "b = 2"]}]}]}
ODD = {"cells": [None, {"cell_type": "code", "source": "a = 1\nb = 2"}, {"cell_type": "markdown", "source": "c"}, {}]}


@pytest.mark.parametrize("data", [OLD, ODD], ids=["old", "odd"])
def test_old_notebooks_lost_metadata_and_odd_cells_are_read(data):
    assert handin.read(json.dumps(data).encode(), "a.ipynb").cells == ["a = 1\nb = 2"]


@pytest.mark.parametrize(
    "text",
    [
        "# %%\na = 1\n\n# %% [markdown]\n# words\n\n# %%\nb = 2\n",
        "# In[1]:\n\na = 1\n\n# In[ ]:\n\nb = 2\n",
        "# ---\n# jupyter: [\n# ---\n\n# %%\na = 1\n\n# %%\nb = 2\n",
    ],
    ids=["percent", "nbconvert", "a damaged header"],
)
def test_a_script_is_read_cell_by_cell(text):
    assert [cell.strip() for cell in handin.read(text.encode(), "a.py").cells] == ["a = 1", "b = 2"]


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
    found = order(plan.lay_out(read(*cells), UNIT))
    found = [name for name in found if name.startswith("compress")]
    assert found[-2:] == ["compress()", "compress"] or found[-3:] == ["compress()", "compress", "compress"]


def test_a_check_in_a_string_or_a_comment_is_none():
    cell = f'text = """\n{CHECK}\n"""\n# {CHECK}'
    laid_out = plan.lay_out(read(cell), UNIT)
    assert any(cell == step.source for step in laid_out.steps)
    assert "The check of `compress` was missing and is put back." in laid_out.changes


def test_each_change_is_noted_and_many_checks_of_an_exercise_are_run_a_few_times_only():
    laid_out = plan.lay_out(read(ANSWER, "mine = check.compress(mine)", *[CHECK] * 499), UNIT)
    changes = " ".join(laid_out.changes)
    for told in ("`compress` was not as it was handed out", "`compress` stood there 500 times", "imports, is not as"):
        assert told in changes
    assert order(laid_out).count("compress") == plan.MOST_CHECKS


def test_the_untouched_exercise_keeps_its_checks_and_leaves_out_what_shows_off():
    cells = handin.read(exercises.exercise_from(SOLUTION, "s").encode(), "01_jnp_and_jit.py")
    laid_out = plan.lay_out(cells, UNIT)
    assert [name for name in order(laid_out) if name in UNIT.exercises] == list(UNIT.exercises)
    assert not laid_out.changes
    assert not any("plt.show" in step.source for step in laid_out.steps)


def test_a_course_cell_stays_where_the_students_code_needs_it():
    keys = next(cell for cell in HANDED_OUT if cell.startswith("keys = "))
    laid_out = plan.lay_out(read(keys, "def compress(x):\n    return people"), UNIT)
    assert any(step.source == keys for step in laid_out.steps)


@pytest.mark.parametrize("source", ["def f(:\n  pass", "%%bash\nls", "!ls", "x = %pwd", "\tx", "\x0c", "é", "\ud800"])
def test_code_that_is_no_python_is_laid_out_too(source):
    assert plan.lay_out(read(source, ANSWER, CHECK), UNIT).steps


def test_a_revealed_answer_is_seen_in_code_and_in_outputs():
    data = notebook('check.reveal("compress")', "# check.reveal('augment')", "1")
    shown = "The course's `predict`, one way among others. It is noted as revealed and scores nothing.\n\ndef …"
    data["cells"][2]["outputs"] = [{"output_type": "display_data", "data": {"text/plain": [shown]}, "metadata": {}}]
    laid_out = plan.lay_out(handin.read(json.dumps(data).encode(), "x"), UNIT)
    assert laid_out.revealed == {"compress", "predict"}


# --- points -----------------------------------------------------------------------------------------------------------

HANDED_IN = read(ANSWER, CHECK, "def predict(model, x, size):\n    return x")


def test_right_answers_of_ones_own_score_and_nothing_else_does():
    result, _ = mark(HANDED_IN, [verdict("compress"), verdict("predict", Kind.WRONG), OVER])
    assert result.points == UNIT.exercises["compress"].points and result.out_of == FULL
    assert [m.exercise for m in result.marks] == list(UNIT.exercises)
    assert {m.verdict for m in result.marks} == {"RIGHT", "WRONG", "NOT_ATTEMPTED"}


def test_what_was_revealed_scores_nothing_and_is_said():
    result, _ = mark(read("check.reveal('compress')", ANSWER, CHECK), [verdict("compress"), OVER])
    (compress,) = (mark for mark in result.marks if mark.exercise == "compress")
    assert result.points == 0 and "revealed" in compress.message


def last_check(name):
    return max(i for i, step in enumerate(plan.lay_out(HANDED_IN, UNIT).steps) if step.exercise == name)


def test_once_the_course_s_answer_was_lent_nothing_counts_any_more():
    last = last_check("compress")
    forged = [verdict("compress", Kind.WRONG, "why", last), verdict("compress", step=last), OVER]
    result, place = mark(HANDED_IN, forged)
    assert result.points == 0
    assert "def compress(x):" in place.replies[0] and "BEGIN" not in place.replies[0]
    result, place = mark(HANDED_IN, [verdict("compress", step=last), OVER])
    assert result.points and place.replies[0] == ""


def test_an_exercise_that_is_handed_over_without_end_is_judged_a_few_times_only():
    result, _ = mark(
        HANDED_IN, [verdict("compress", Kind.WRONG, str(n)) for n in range(99)] + [verdict("compress"), OVER]
    )
    assert result.points == 0


def test_the_seed_of_programs_is_not_told_to_the_hand_in():
    options = marking.Options(seed=7)
    seeds = {options.seed_of(exercise) for exercise in UNIT.exercises.values()}
    assert len(seeds) == 2 and seeds != {marking.Options(seed=8).seed_of(one) for one in UNIT.exercises.values()}
    _, place = mark(HANDED_IN, [OVER])
    by_values = [one for one in UNIT.exercises.values() if one.crosses == "values"]
    assert place.jobs[0]["seed"] == marking.Options().seed_of(by_values[0])


@pytest.mark.parametrize(
    ("kind", "message", "endless", "times"),
    [
        ("RIGHT", "", False, 1),
        ("WRONG", "", False, 1),
        ("WRONG", running._run(Program(b"", (), ""), Case(0, 0, 0, "", {})).message, False, 2),
        ("WRONG", "", True, 2),
        ("NOT_CHECKED", "", False, 2),
    ],
)
def test_the_same_is_judged_once_but_where_the_machine_may_be_to_blame(kind, message, endless, times, monkeypatch):
    asked = judged_by(monkeypatch, lambda name: Verdict(name, Kind[kind], message, endless=endless))
    place = sandbox.Place(sandbox.LIMITS, UNIT)
    for one in 2 * [("compress", b"a", 0)] + [("compress", b"b", 0), ("compress", b"a", 1), ("predict", b"a", 0)]:
        assert place.verdict(*one).kind.name == kind
    asked = [one for one, _ in asked]
    assert asked.count(("compress", b"a", 0)) == times and len(asked) == times + 3


def judged_by(monkeypatch, verdict):
    """What all judges are asked, and the runner that each is given, once one that says `verdict` stands in for them."""
    asked = []

    class Judge:
        def verdict(self, name, handed, seed, runner):
            asked.append(((name, handed, seed), runner))
            return verdict(name)

    monkeypatch.setattr(sandbox, "_judge", lambda *_, **__: Judge())
    return asked


def test_what_a_program_gave_in_one_place_is_not_another_s_and_what_values_are_is(monkeypatch):
    crosses = {one.crosses: name for name, one in UNIT.exercises.items()}
    asked = judged_by(monkeypatch, lambda name: Verdict(name, Kind.RIGHT))
    bench = sandbox.Bench(sandbox.LIMITS, UNIT)
    places = [sandbox.Place(sandbox.LIMITS, UNIT, bench) for _ in range(2)]
    for place in [*places, *places]:
        for name in crosses.values():
            place.verdict(name, b"a", 0)
    runners = {kind: [by for (asked_for, *_), by in asked if asked_for == name] for kind, name in crosses.items()}
    first, second = places
    assert runners == {"program": [first._runner, second._runner], "values": [first._runner]}


def test_what_it_took_is_told_by_part():
    steps = plan.lay_out(HANDED_IN, UNIT).steps
    check = last_check("compress")
    cell = next(number for number, step in enumerate(steps) if not step.exercise)
    begun = [{"t": "begin", "step": number} for number in (-1, 10**9, cell, check)]
    result, _ = mark(HANDED_IN, [*begun, verdict("compress", step=check), OVER])
    assert result.seconds.keys() == {"start", "cells", "compress: hand over", "compress: judge"}


def test_a_right_answer_stays_right_when_it_is_checked_again_later():
    result, _ = mark(HANDED_IN, [verdict("compress"), verdict("compress", Kind.WRONG), OVER])
    assert result.points == UNIT.exercises["compress"].points


def test_a_step_that_ends_the_process_costs_its_own_points_only():
    steps = plan.lay_out(HANDED_IN, UNIT).steps
    culprit = next(i for i, step in enumerate(steps) if step.exercise == "compress")
    begin = {"t": "begin", "step": culprit}
    dead = {"t": "over", "why": "it ended its own process"}
    result, place = mark(HANDED_IN, [verdict("standardise"), begin, dead], [verdict("predict"), OVER])
    right = {m.exercise for m in result.marks if m.points}
    assert right == {"standardise", "predict"}
    assert place.jobs[1]["skipped"] == [culprit]
    assert any("ended its own process" in flag for flag in result.flags)


def test_nonsense_from_the_worker_makes_no_points():
    nonsense = [
        verdict("no such exercise"),
        {"t": "handed", "exercise": "compress", "step": 1},
        {"t": "handed", "exercise": ["compress"], "data": {}, "step": 1},
        {"t": "cell", "error": 7, "step": -1},
        {"t": "unheard of"},
        OVER,
    ]
    result, _ = mark(HANDED_IN, nonsense)
    assert result.points == 0 and pages.of_student("ann", [result], "").encode()


def test_the_known_mistake_is_named():
    known = mistakes(UNIT.exercises["compress"])[0]
    result, _ = mark(HANDED_IN, [verdict("compress", Kind.WRONG, known.says), OVER])
    assert [m.mistake for m in result.marks if m.mistake] == [known.name]


def test_of_mistakes_that_are_told_together_all_are_named():
    first, second = mistakes(UNIT.exercises["compress"])[:2]
    result, _ = mark(HANDED_IN, [verdict("compress", Kind.WRONG, f"{first.says} {second.says}"), OVER])
    assert [m.mistake for m in result.marks if m.mistake] == [f"{first.name}, {second.name}"]


LONG = "def f(x):\n    def inner(y):\n        return min(y)\n    low = inner(x)\n    return low - x"
SHORT = "def f(x):\n    low = min(x)\n    return low"


@pytest.mark.parametrize(
    ("code", "was", "now", "alike"),
    [
        (LONG, "low", "least", True),
        (LONG, "inner", "smallest", True),
        (LONG, "    def", '    """What it is."""\n    def', True),
        (LONG, "min", "max", False),
        (LONG, "low - x", "x - low", False),
    ],
)
def test_answers_are_alike_but_for_docstrings_and_names_of_their_own(code, was, now, alike):
    digest = marking._likeness("f", code)
    assert was in code and digest
    assert (marking._likeness("f", code.replace(was, now)) == digest) == alike


def test_a_docstring_makes_no_short_answer_long():
    with_one = SHORT.replace("    low =", '    """What it is."""\n    low =')
    assert with_one != SHORT and marking._likeness("f", SHORT) == marking._likeness("f", with_one) == ""


def test_a_copy_of_the_courses_answer_is_flagged_and_a_stub_is_not():
    cells = handin.read(SOLUTION.encode(), "01.py")
    result, _ = mark(cells, [verdict("gauss_newton"), OVER])
    assert "As the course's but for names: `gauss_newton`." in result.flags
    assert not any("`augment`" in flag for flag in result.flags)


# --- results and pages ------------------------------------------------------------------------------------------------


def result_of(student, **more):
    result, _ = mark(HANDED_IN, [verdict("compress"), verdict("predict", Kind.WRONG, message="<b>|x|</b>"), OVER])
    result.student = student
    for name, value in more.items():
        setattr(result, name, value)
    return result


def test_a_record_is_read_back_only_for_the_same_input(tmp_path):
    result = result_of("ann")
    grades.keep(tmp_path, "ann", result, "digest")
    assert grades.kept(tmp_path, "ann", UNIT.name, "digest") == result
    assert grades.kept(tmp_path, "ann", UNIT.name, "other") is None
    grades.record_path(tmp_path, "ann", UNIT.name).write_text('{"digest": "digest"')
    assert grades.kept(tmp_path, "ann", UNIT.name, "digest") is None


def test_every_name_gives_a_file_name_of_its_own():
    names = ["ann", "Ann B", "Ann_B", "../..", "Zoë", "Zoe", "", "con", "a/b", "\udcff"]
    safe = [grades.safe_name(name) for name in names]
    assert len(set(safe)) == len(names) and all("/" not in name and name.strip(".") == name for name in safe)


def test_pages_hold_the_verdicts_and_no_foreign_markup():
    one = result_of("<script>alert(1)</script>", flags=["<a href='http://evil'>"], errors=["<img src=x>"])
    for page in (
        pages.of_student(one.student, [one], "weak"),
        pages.of_class([one], "weak", {one.student: "students/ann.html"}),
    ):
        assert "compress" in page and f"of {FULL}" in page and "weak" in page
        assert not re.search("<script|<img|<b>|<a href='http", page)


def test_the_class_page_says_where_it_fails_and_who_is_alike():
    alike = [marking.Mark(name, name, 1, 1, "RIGHT", likeness=name) for name in "abcd"]
    of_all = [result_of("ann", marks=alike), result_of("bob", marks=alike), result_of("cy"), result_of("di")]
    of_all += [result_of(f"s{i}") for i in range(6)]
    page = re.sub(r"\s+", " ", pages.of_class(of_all, "", {"ann": "students/ann.html"}))
    ann = '<td class="student"><a href="students/ann.html">ann</a></td>'
    assert f'{ann} <td class="student">bob</td> <td><code>a, b, c, d</code></td>' in page
    assert page.count('<td class="student">cy</td>') == 1, "alike are longer answers that few give"
    assert '<td><code>predict</code></td> <td class="number">0</td> <td class="number">8</td>' in page


# --- the command ------------------------------------------------------------------------------------------------------


def tasks(folder):
    return list(whole_class.tasks_of(folder, marking.Options(), sandbox.LIMITS))


def test_of_several_files_the_one_with_the_most_done_counts(tmp_path):
    untouched = exercises.exercise_from(SOLUTION, "s")
    put(tmp_path, "01_jnp_and_jit.py", SOLUTION)
    put(tmp_path, "01_jnp_and_jit.ipynb", nbformat.writes(pairs.notebook_from(untouched)))
    put(tmp_path, "copies/01_jnp_and_jit (1).ipynb", "{")
    (task,) = tasks(tmp_path)
    assert task.result.file == "01_jnp_and_jit.py" and "3 files" in task.result.flags[0]


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
    ((_, result, *_),) = tasks(tmp_path)
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
        grants.read(tmp_path, ["ann"], checks.units())
    assert says in str(told.value)


def test_what_a_person_grants_counts_also_where_nothing_could_be_graded_and_is_said(tmp_path):
    (tmp_path / "grants.csv").write_text(HEAD + "ann,01_jnp_and_jit,predict,1,told me why\n")
    granted = grants.read(tmp_path, ["ann"], checks.units())
    for result in (result_of("ann"), marking.Result("ann", UNIT.name, "f", reason="not a notebook")):
        after = grants.applied(result, granted, checks.units())
        assert after.points == result.points + 1
        (predict,) = (mark for mark in after.marks if mark.exercise == "predict")
        assert "told me why" in predict.message
        for page in (pages.of_student("ann", [after], ""), pages.of_class([after], "", {})):
            assert "told me why" in page
    assert grants.applied(result_of("bob"), granted, checks.units()).points == result_of("bob").points


def test_grades_that_someone_changed_are_not_written_over(tmp_path):
    grades.write(tmp_path, [result_of("ann")])
    grades.see_unchanged(tmp_path)
    (tmp_path / "grades.csv").write_text("student,points\nann,20\n")
    with pytest.raises(CourseError, match=r"grants\.csv"):
        grades.see_unchanged(tmp_path)


# --- odd input --------------------------------------------------------------------------------------------------------


def test_what_steers_a_terminal_or_turns_a_line_round_is_shown_as_an_escape():
    assert handin.visible("a\x1b[31mb\u202ec\ud800d\te\n") == "a\\x1b[31mb\\u202ec?d\te\n"


@pytest.mark.parametrize("text", ["=1+1", "a;=1+1", "a, @x", "x|+1", '"-1'])
def test_no_cell_is_a_formula_whatever_parts_the_cells(text):
    assert re.search(r"(^|[;,|\"'])\s*[=+@-]", grades.cell(text).replace("'", "§")) is None


def test_two_folders_of_one_student_are_refused_by_name_both(tmp_path):
    for name in ("Ann_17_assignsubmission_file_", "Bob_17_assignsubmission_file_", "cy", "CY", "di"):
        put(tmp_path, f"{name}/01.py", SOLUTION)
    (tmp_path / "link").symlink_to(tmp_path / "di")
    refused = {path.name: why for path, why in whole_class.claimed_twice(whole_class.students(tmp_path)).items()}
    assert refused.keys() == {"Ann_17_assignsubmission_file_", "Bob_17_assignsubmission_file_", "cy", "CY", "link"}
    assert (
        "'Ann_17" in refused["Bob_17_assignsubmission_file_"]
        and "moodle number 17" in refused["Ann_17_assignsubmission_file_"]
    )


@pytest.mark.parametrize("source", ["\n" * 80_000, " \n" * 80_000 + "#", "(" * 5_000, "# " + "9" * 100_000])
def test_long_odd_code_is_laid_out_in_no_time(source):
    began = time.process_time()
    plan.lay_out(read(source, ANSWER, CHECK), UNIT)
    assert time.process_time() - began < 5
