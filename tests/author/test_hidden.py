"""Hidden checks: written in the solution, absent from the exercise, strict enough to be worth hiding."""

import pytest

from utils import checks
from utils.author import exercises, hidden
from utils.base import definitions
from utils.base.errors import CourseError
from utils.base.paths import SOLUTIONS, sources
from utils.checks.judge import judge
from utils.checks.verdict import Kind

CELL = '''# HIDDEN CHECK double
def hidden_double(answer, reference):
    """Numbers that no visible check tries."""
    assert answer(1e6) == reference(1e6)


hidden_double(double, double)
'''
BEFORE = """# %%
double = check.double(double)
"""
AFTER = """
# %% [markdown]
# What follows.
"""
SOLUTION = f"{BEFORE}\n\n# %%\n{CELL}{AFTER}"

ALL = [
    (path.stem, name)
    for path in sources(SOLUTIONS)
    for name in hidden.checks(path.read_text(encoding="utf-8"), path.name)
]


def test_the_exercise_lacks_the_cell_and_nothing_else():
    assert exercises.exercise_from(SOLUTION, "x.py") == hidden.without(SOLUTION, "x.py") == BEFORE + AFTER


def test_the_last_cell_may_be_one():
    assert exercises.exercise_from(f"{BEFORE}\n\n# %%\n{CELL}", "x.py") == BEFORE


def test_the_lines_are_those_of_the_cell_and_of_the_blank_ones_before():
    (one,) = hidden.checks(SOLUTION, "x.py").values()
    lines = SOLUTION.splitlines()
    assert one.code == CELL.strip()
    assert lines[one.lines[0] - 2 :][0] == "double = check.double(double)"
    assert lines[one.lines[-1] - 1] == "hidden_double(double, double)"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (SOLUTION.replace("CHECK double", "CHECK duoble"), 6, "there is no exercise 'duoble' checked above"),
        (f"# %%\n{CELL}\n{BEFORE}", 2, "there is no exercise 'double' checked above"),
        (SOLUTION.replace("# HIDDEN CHECK double", "# hidden check double"), 6, "unknown marker"),
        (SOLUTION.replace("# HIDDEN CHECK double", "# HIDDEN CHECKS double"), 6, "unknown marker"),
        (SOLUTION.replace("# HIDDEN CHECK double", "#HIDDEN_CHECK double"), 6, "unknown marker"),
        (SOLUTION.replace("# HIDDEN CHECK double", "# HIDDEN CHECK"), 6, "unknown marker"),
        (SOLUTION.replace("# HIDDEN", "x = 1\n# HIDDEN"), 7, "must be the first line"),
        (SOLUTION.replace("# HIDDEN", "\n# HIDDEN"), 7, "must be the first line"),
        (SOLUTION.replace("# %%\n# HIDDEN", "# %% [markdown]\n# HIDDEN"), 6, "must be the first line"),
        (f"# HIDDEN CHECK double\n{SOLUTION}", 1, "must be the first line"),
        (SOLUTION + f"\n# %%\n{CELL}", 18, "has a hidden check already"),
        (SOLUTION.replace("(double, double)", "(double, other)"), 6, "must hold"),
        (SOLUTION.replace("(answer, reference):", "(answer):"), 6, "must hold"),
        (SOLUTION.replace("def hidden_double", "def hidden_other"), 6, "must hold"),
        (SOLUTION.replace("def hidden_double", "x = 1\ndef hidden_double"), 6, "must hold"),
        (SOLUTION.replace("    assert", "    # BEGIN SOLUTION\n    assert"), 6, "must hold"),
        (SOLUTION.replace("    assert answer(", "    assert answer(("), 6, "is not valid Python"),
    ],
)
def test_a_bad_mark_is_an_error_that_names_file_and_line(text, line, says):
    with pytest.raises(CourseError) as caught:
        exercises.exercise_from(text, "solutions/99_x.py")
    assert f"solutions/99_x.py, line {line}:" in str(caught.value)
    assert says in str(caught.value)


def test_prose_may_speak_of_hidden_checks():
    text = "# %% [markdown]\n# Hidden checks are for the grader.\n"
    assert exercises.exercise_from(text, "x.py") == text


# --- what is committed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "name"), ALL)
def test_it_is_in_the_solutions_definitions_and_the_courses_answer_passes(unit, name):
    solution = definitions.load(f"solutions/{unit}.py")
    getattr(solution, hidden.FUNCTION + name)(getattr(solution, name), getattr(solution, name))


def test_the_one_on_cross_entropy_catches_what_its_check_lets_through():
    """An answer that clips the scores is right as far as the visible check goes."""
    solution = definitions.load("solutions/02_flax_mnist_cnn.py")
    jax, jnp = solution.jax, solution.jnp

    def cross_entropy(logits, labels):
        log_p = jax.nn.log_softmax(jnp.clip(logits, -1000, 1000))
        return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=1))

    exercise = checks.units()["02_flax_mnist_cnn"].exercises["cross_entropy"]
    assert judge(exercise, cross_entropy, solution.cross_entropy).kind is Kind.RIGHT
    with pytest.raises(Exception, match="33 x 10 scores"):
        solution.hidden_cross_entropy(cross_entropy, solution.cross_entropy)
