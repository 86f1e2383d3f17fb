"""How long a class takes: `python tests/grading/speed.py [NN [MANY [JOBS]]]`, on a machine that does nothing else.

The hand-ins are mixed, the same ones each time: answers of `tests/answers`, of which six in ten are right, three are
wrong and one is left as it was handed out; every twelfth hand-in is untouched, and every twentieth hostile, by an
attack of `attacks.SINGLE`. At the end it prints where the time went, by part.
"""

import json
import random
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import attacks  # noqa: E402  what lies beside this file, and the course's package

from utils import checks  # noqa: E402
from utils.base.paths import ROOT  # noqa: E402
from utils.grading import marking, own_answers, plan, whole_class  # noqa: E402

OPTIONS = marking.Options(seed=1)


def answers(unit, name):
    """The codes of the right and of the wrong answers to an exercise."""
    text = (ROOT / f"tests/answers/{unit.name}/{name}.py").read_text(encoding="utf-8")
    cells = [cell.partition("\n") for cell in f"\n{text}".split("\n# %% ")[1:]]
    return {kind: [code for title, _, code in cells if title.startswith(kind)] for kind in ("right", "wrong")}


def mixed(unit, many):
    """The code cells of each hand-in, by its student."""
    dice, hostile = random.Random(0), cycle(attacks.SINGLE.values())
    known = {name: answers(unit, name) for name in unit.exercises}
    handed_out = plan.handed_out(unit)
    stubs = {
        name: next(c for c in handed_out if f"\ndef {name}(" in f"\n{c}" or f"class {name}(" in c) for name in known
    }
    for number in range(many):
        cells = list(handed_out)
        if number % 20 == 7:
            cells[1:] = next(hostile)
        elif number % 12:
            for name, stub in stubs.items():
                kind = dice.choices(["right", "wrong", "untouched"], [6, 3, 1])[0]
                if kind != "untouched":
                    cells[cells.index(stub)] = dice.choice(known[name][kind])
        yield f"student {number:03}", cells


def main(number="01", many="100", jobs="2"):
    """Grade them and print the time and its parts."""
    unit = next(unit for unit in checks.units().values() if unit.name.startswith(number))
    with tempfile.TemporaryDirectory() as place:
        for student, cells in mixed(unit, int(many)):
            code = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
            file = Path(place, "in", student, f"{unit.name}.ipynb")
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": code}))
        own_answers.see_full_marks(unit, OPTIONS)  # which is once for each change of the course
        began = time.monotonic()
        results = whole_class.grade(Path(place, "in"), Path(place, "out"), OPTIONS, int(jobs))
        took = time.monotonic() - began
    parts = sum((Counter(result.seconds) for result in results), Counter())
    points = sum(result.points for result in results)
    print(f"{unit.name}: {many} hand-ins, {jobs} at once, {took:.0f} s; {points} points")
    for part, seconds in parts.most_common():
        print(f"{seconds / len(results):7.2f} s a hand-in  {part}")


if __name__ == "__main__":
    main(*sys.argv[1:])
