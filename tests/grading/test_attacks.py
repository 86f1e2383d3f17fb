"""A class of hostile hand-ins, graded as a class is: none scores, and honest ones among them score what they should."""

import json
import re

import attacks
import pytest
from test_grading_sandbox import needs_bubblewrap

from utils import checks
from utils.base.paths import ROOT
from utils.commands.instructors import grade
from utils.grading import own_answers

UNIT = checks.units()["01_jnp_and_jit"]
HONEST = [f"{5 * number:02} honest" for number in range(20)]  # the others' numbers are from 10 to 89
# Both give the right results, and lie about how often the model was compiled: of an answer that crosses as values the
# judge sees values only, and how they came about is the answer's own word.
RIGHT_BUT_LIE = (
    "frames and gc: the check's lists, through the model's closure",
    "crossings: predict's results, computed without it",
)
OPTIONS = ["--jobs", "2", "--cell-seconds", "4", "--seconds", "20", "--memory-mb", "1500", "--seed", "3"]


def notebook(cells):
    made = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made})


@pytest.mark.proof
@needs_bubblewrap
def test_no_attack_scores_and_no_neighbour_is_hurt(tmp_path, monkeypatch):
    monkeypatch.setattr(own_answers, "see_full_marks", lambda *_: None)  # the honest ones show it
    everyone = {name: (ROOT / UNIT.solution).read_text(encoding="utf-8") for name in HONEST}
    everyone |= {name: notebook(cells) for name, cells in attacks.CELLS.items()} | attacks.FILES
    names = {}
    for number, (name, content) in enumerate(everyone.items()):
        folder = name if name in HONEST else f"{10 + number % 80} {re.sub(r'[^\w ,]', '', name)}"
        names[folder] = name
        (tmp_path / "in" / folder).mkdir(parents=True)
        if callable(content):
            content(tmp_path / "in" / folder)
        else:
            ending = "ipynb" if content.startswith("{") else "py"
            (tmp_path / "in" / folder / f"{UNIT.name}.{ending}").write_text(content, encoding="utf-8")
    assert grade.main([str(tmp_path / "in"), str(tmp_path / "out"), *OPTIONS]) == 0
    grades = json.loads((tmp_path / "out" / "grades.json").read_text(encoding="utf-8"))
    results = {one["student"]: one for one in grades}
    assert results.keys() == names.keys()
    full = sum(exercise.points for exercise in UNIT.exercises.values())
    assert {name: results[name]["points"] for name in HONEST} == dict.fromkeys(HONEST, full)
    scored = {names[name]: one["points"] for name, one in results.items() if one["points"] and name not in HONEST}
    assert scored == dict.fromkeys(RIGHT_BUT_LIE, UNIT.exercises["predict"].points)
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "out" / "students").glob("*.html")]
    assert not any("CARRIED" in page and "log1p" in page for page in pages), "a lent answer is on a student's page"
    assert not any("<script" in page for page in pages)
    of_class = (tmp_path / "out" / "class.html").read_text(encoding="utf-8")
    assert not re.search("[\u202e\x1b]", "".join([of_class, *pages])), "a page can be turned round"
