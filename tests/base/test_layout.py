"""The house's rules for files and functions that no linter knows. Which folder may import which: `make test layers`."""

import ast
from collections import defaultdict

from utils.base.paths import ROOT

FILES = sorted((ROOT / "utils").rglob("*.py"))
LONGEST = 60
EACH_FOLDER_HAS_ONE = {"__init__.py", "exercise.py", "mistakes.py", "shared.py"}


def test_no_function_is_longer_than_a_page():
    long = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST:
                    long.append(f"{file.relative_to(ROOT).as_posix()}: {node.name} has {lines} lines")
    assert not long, "\n".join(long)


def test_two_files_of_one_name_stand_for_one_thing():
    """Namely a command and what it calls."""
    places = defaultdict(list)
    for file in FILES:
        if file.name not in EACH_FOLDER_HAS_ONE:
            places[file.name].append(file.relative_to(ROOT).as_posix())
    twice = [" ".join(same) for same in places.values() if len(same) > 1]
    wrong = [same for same in twice if same.count(" ") > 1 or "utils/commands/" not in same]
    assert not wrong, "\n".join(wrong)
