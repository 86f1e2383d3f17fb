"""Hostile hand-ins through the real sandbox: no undeserved point, no harm, no stop, and a flag."""

import json
import re
import shutil
from contextlib import closing

import psutil
import pytest

from utils import checks
from utils.base.paths import ROOT
from utils.commands.instructors import grade
from utils.grading import compiled, handin, marking, plan, sandbox

UNITS = checks.units()
RIGHT = "std = x.std(0)\nreturn jnp.where(std > 0, (x - x.mean(0)) / jnp.where(std > 0, std, 1), 0)"
HONEST = ["def compress(x):\n    return jnp.where(x > 0, jnp.log1p(jnp.maximum(x, 0)), x)"]
HONEST += ["compress = check.compress(compress)"]
COMPILED = compiled.folder() if compiled.folder().is_dir() else None
OPTIONS = marking.Options(cell_seconds=5, seconds=60, memory_mb=1500)

needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None or not sandbox.works(sandbox.BUBBLEWRAP),
    reason="bubblewrap is missing or may not make namespaces here (sudo apt install bubblewrap)",
)


@pytest.fixture(scope="module")
def place():
    with closing(sandbox.Place(sandbox.BUBBLEWRAP, COMPILED)) as one:
        yield one


def run(place, cells, unit="01_jnp_and_jit"):
    result = marking.Result("student", unit, "file")
    cells = [plan.handed_out(UNITS[unit])[0], *cells]
    marking.mark(place.run, UNITS[unit], handin.Handin(cells), OPTIONS, result)
    return result, {mark.exercise: mark for mark in result.marks}


def graded(place, body, *before):
    """`standardise` with this body, cells of the student's before it; then an honest `compress`."""
    body = body.replace("\n", "\n    ")
    answer = [f"def standardise(x):\n    {body}", "standardise = check.standardise(standardise)"]
    return run(place, [*before, *answer, *HONEST])


def processes_with(argument):
    found = (p.info["cmdline"] or () for p in psutil.process_iter(["cmdline"]))
    return [line for line in found if any(argument in word for word in line)]


THEIRS = "standardise = None\nstandardise = check.standardise(standardise)\ntheirs = standardise"
SEARCH = (
    "import sys\ndef reference(x):\n    f = sys._getframe()\n    while 'reference' not in f.f_locals: f = f.f_back\n"
    "    return f.f_locals['reference'](x)"
)

# name: (body of the answer, what the flags or the message say, cell before it)
NO_POINT = {
    "an endless loop": ("while True: pass", "still ran"),
    "a swallowed interrupt": (
        # calls, so that an interrupt comes within `try`: whether a bare loop's jump counts as within hangs on Python
        "while True:\n    try:\n        while True: sum(range(999))\n    except BaseException: pass",
        "it did not stop when its time was up",
    ),
    "an exit": ("import os; os._exit(0)", "ended its own process"),
    "a memory bomb": ("b = []\nwhile True: b.append(bytearray(10**8))", "emory"),
    "the solutions": (f"open({str(ROOT / UNITS['01_jnp_and_jit'].solution)!r}).read()\nreturn x", "FileNotFoundError"),
    "callers' frames": (
        "import sys\nf = sys._getframe()\nwhile 'reference' not in f.f_locals: f = f.f_back\n"
        "return f.f_locals['reference'](x)",
        "frames",
    ),
    "a traceback's frames": (
        "try: 1 / 0\nexcept Exception as e: f = e.__traceback__.tb_frame\n"
        "while 'reference' not in f.f_locals: f = f.f_back\nreturn f.f_locals['reference'](x)",
        "frames",
    ),
    "all objects": (
        "import gc\nfor o in gc.get_objects():\n"
        "    if getattr(o, '__name__', '') == 'standardise' and 'course' in o.__code__.co_filename: return o(x)",
        "searched all objects",
    ),
    "the grader's channel": (
        'import os\nfor fd in range(3, 99):\n    try: os.write(fd, b\'{"t": "verdict"}\\n\')\n'
        "    except OSError: pass\nreturn x",
        "grader's own channel",
    ),
    "an AST transformer": (
        "return x",
        "rewrite code",
        "import ast\nclass T(ast.NodeTransformer):\n    def visit_Raise(self, n): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(T())",
    ),
    "an object equal to all": (
        "class E:\n    shape, dtype = x.shape, x.dtype\n    def __eq__(s, o): return True\n"
        "    def __array__(s, *a, **k): raise TypeError\nreturn E()",
        "__eq__",
    ),
    "replaced checks": (
        "return x",
        "It replaced `utils.checks` before a check; that was undone.",
        "import sys, types\nfrom utils.checks import judge, probes\nprobes.close = probes.like = lambda *a, **k: None\n"
        "judge.judge = print\nsys.modules['utils.checks'] = types.ModuleType('x')",
    ),
    "checks replaced while they run": (
        "from utils.checks import probes\nfor n in ('close', 'like', 'same_shapes', 'jits', 'expect', 'fail'):\n"
        "    setattr(probes, n, lambda *a, **k: None)\nreturn x",
        "It replaced `utils.checks.probes.close` while it was checked; that was undone.",
    ),
    "a check replaced until it is called": (
        "from utils.checks import judge\nreal = judge._judged\n"
        "def fake(*a):\n    judge._judged = real\n    return judge.Kind.RIGHT, ''\n"
        "judge._judged = fake\nraise ValueError",
        "It set `utils.checks.judge._judged`.",
    ),
    "the wanted values replaced": (
        "from utils.checks import known\nif not isinstance(x, jax.core.Tracer):\n"
        "    known._source = lambda name, compute: x\nreturn x",
        "It set `utils.checks.known._source`.",
    ),
    "a library's function replaced": (
        "import numpy\nreal = numpy.allclose\n"
        "def fake(*a, **k):\n    numpy.allclose = real\n    return True\nnumpy.allclose = fake\nreturn x",
        "It set `numpy.allclose`.",
    ),
    "another function's code": (
        "return x",
        "changed the code",
        "from utils.checks import probes\nprobes.close.__code__ = (lambda *a, **k: None).__code__",
    ),
    "signals": ("import os\nos.kill(os.getppid(), 9)\nos.kill(1, 9)\nreturn x", "signal"),
    "the course's version": ("return theirs(x)", "course's version", THEIRS),
    "the course's version, its notice taken away": (
        "here = theirs.__globals__\n"
        "before = dict(here)\nfor n in before:\n    if 'notice' in n: here[n] = print\n"
        "try: return theirs(x)\nfinally: here.update(before)",
        "course's version",
        THEIRS,
    ),
    "the course's version, compiled beforehand": (
        "return fast(x)",
        "was called before this `standardise` was checked",
        THEIRS + "\nfast = jax.jit(theirs)\nfor n in range(1, 8):\n    for m in range(1, 6): fast(jnp.zeros((n, m)))",
    ),
    "the course's version, made into a function of one's own": (
        "return mine(x)",
        "made functions of code objects",
        THEIRS + "\nimport types\nmine = types.FunctionType(theirs.__code__, {**theirs.__globals__})",
    ),
    "the course's other answers": (
        "return x",
        "behind Python's names",
        "def compress(x):\n    return standardise.__globals__['compress'](x)",
    ),
    "code under a library's name": (
        "return reference(x)",
        "It compiled code under the name `<frozen",
        f"exec(compile({SEARCH!r}, '<frozen importlib._bootstrap>', 'exec'))",
    ),
    "an event that hides another": (
        "class Name(str):\n    def __str__(self):\n        f = sys._getframe()\n"
        "        while 'reference' not in f.f_locals: f = f.f_back\n        found.append(f.f_locals['reference'])\n"
        "        return 'x'\n    __fspath__ = __str__\n"
        "try: open(Name('x'))\nexcept OSError: pass\nreturn found[0](x)",
        "behind Python's names",
        "import sys\nfound = []",
    ),
}
AT_EVERY_CHANGE = ("an exit", "the solutions", "checks replaced while they run")


@needs_bubblewrap
@pytest.mark.parametrize(
    "trick",
    [
        pytest.param(trick, id=name, marks=() if name in AT_EVERY_CHANGE else pytest.mark.proof)
        for name, trick in NO_POINT.items()
    ],
)
def test_a_trick_earns_nothing_and_costs_nobody_else(place, trick):
    body, says, *before = trick
    result, marks = graded(place, body, *before)
    assert marks["standardise"].points == 0, marks["standardise"]
    told = " ".join([*result.flags, *result.errors, marks["standardise"].message])
    assert says in told
    assert result.flags
    compress = marks["compress"]
    assert compress.verdict == "RIGHT", compress  # its points may be withheld
    assert compress.points or any("withheld" in flag for flag in result.flags)


LARGE_FILE = "f = open('big', 'wb')\nwhile True: f.write(bytes(2**20))"
NETWORK = "import socket\nsocket.create_connection(('192.0.2.1', 80), 3)"


@pytest.mark.proof
@needs_bubblewrap
def test_harm_is_stopped_and_the_answers_still_count(place):
    bomb = "import os\nwhile True: os.fork()"
    end = "import os\ndef predict(model, x, size):\n    return x\nos._exit(0)\npredict = check.predict(predict)"
    left_over = "import subprocess\nsubprocess.Popen(['sleep', '98765'], start_new_session=True)"
    flood = "while True: print('x' * 10_000)"
    result, marks = graded(place, RIGHT, bomb, end, LARGE_FILE, NETWORK, left_over, flood)
    assert marks["standardise"].points and marks["compress"].points, result
    flags = " ".join(result.flags)
    for text in ("too m", "ended its own", "File too large", "network connection", "started a program", "still ran"):
        assert text in flags
    assert "Network is unreachable" in " ".join(result.errors)
    assert "was stopped: it ended its own process" in marks["predict"].message
    assert not processes_with("98765")


@pytest.mark.proof
@needs_bubblewrap
def test_one_hand_in_leaves_nothing_to_the_next(place):
    graded(place, RIGHT, "open('note', 'w').write('x'); open('/tmp/note', 'w').write('x')")
    result, _ = graded(place, RIGHT, "import os\nassert not os.path.exists('note') and not os.path.exists('/tmp/note')")
    assert not result.errors


@pytest.mark.proof
@needs_bubblewrap
def test_nothing_of_the_machine_can_be_written_and_only_the_course_be_read(place):
    absent = f"import os\nassert not os.path.exists({str(ROOT / 'solutions')!r}) and not os.path.exists('/etc/passwd')"
    tries = [
        "open('/usr/new', 'w')",
        "os.mkdir('/new')",
        "os.setuid(0)",
        "os.mount",
        f"open({str(ROOT)!r} + '/x', 'w')",
    ]
    result, _ = graded(place, RIGHT, absent, f"open({str(ROOT / 'utils' / 'new.py')!r}, 'w')", *tries)
    assert len(result.errors) == 1 + len(tries)
    assert all(re.search(r"OSError|PermissionError|AttributeError", error) for error in result.errors)


# --- hidden checks ------------------------------------------------------------------------------------------------

CROSS_ENTROPY = """
def cross_entropy(logits, labels):
    right = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1))
    return {}

cross_entropy = check.cross_entropy(cross_entropy)
"""


@pytest.mark.proof
@needs_bubblewrap
def test_what_only_the_hidden_check_finds_costs_the_points_and_is_said(place):
    _, marks = run(place, [CROSS_ENTROPY.format("right if len(logits) != 33 else 2 * right")], "02_flax_mnist_cnn")
    mark = marks["cross_entropy"]
    assert (mark.points, mark.verdict) == (0, "WRONG")
    assert "only the grader runs" in mark.message and "33 x 10" in mark.message
    _, marks = run(place, [CROSS_ENTROPY.format("right")], "02_flax_mnist_cnn")
    assert marks["cross_entropy"].points == marks["cross_entropy"].of


@pytest.mark.proof
@needs_bubblewrap
def test_hidden_checks_and_answers_lie_nowhere(place):
    cells = [
        f"import os\nassert set(os.listdir({str(ROOT)!r})) <= {{'utils', 'ressources', '.venv', 'build'}}",
        f"from pathlib import Path\nfor file in Path({str(ROOT / 'utils')!r}).rglob('*.py'):\n"
        "    assert 'def hidden_cross_entropy(' not in file.read_text(), file",
        "cross_entropy = None\ncross_entropy = check.cross_entropy(cross_entropy)",
        "assert not [n for n in cross_entropy.__globals__ if 'hidden' in n]",
    ]
    result, _ = run(place, cells, "02_flax_mnist_cnn")
    assert not result.errors
    search = (
        "import gc\nlogits, labels = jnp.zeros((2, 3)), jnp.zeros(2, int)\n"
        "found = [o for o in gc.get_objects() if getattr(o, '__name__', '').startswith('hidden_')]"
    )
    result, marks = run(place, [search, CROSS_ENTROPY.format("right")], "02_flax_mnist_cnn")
    assert "searched all objects" in " ".join(result.flags) and marks["cross_entropy"].points == 0


# --- without bubblewrap ---------------------------------------------------------------------------------------------


@pytest.mark.proof
@pytest.mark.parametrize("kind", [sandbox.UNSHARE, sandbox.LIMITS], ids=lambda kind: kind.name)
def test_without_bubblewrap_it_is_shut_in_as_well_as_can_be(kind):
    if not sandbox.works(kind):
        pytest.skip("unshare may not make namespaces here (root, or a kernel that lets users make them)")
    cells = [LARGE_FILE, "import os\nif os.fork() == 0:\n    import time\n    time.sleep(600)"]
    if kind is sandbox.UNSHARE:
        cells += [NETWORK, "import os\nassert sum(name.isdigit() for name in os.listdir('/proc')) < 20"]
        cells += ["s = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname(), 3)"]
    with closing(sandbox.Place(kind, COMPILED)) as one:
        result, marks = graded(one, RIGHT, *cells, "b = []\nwhile True: b.append(bytearray(10**8))")
    assert marks["standardise"].points and marks["compress"].points, result
    assert re.search(r"too much memory|MemoryError", " ".join(result.flags))
    assert "File too large" in " ".join(result.flags)
    unreachable = ["Network is unreachable" in error for error in result.errors]
    assert sum(unreachable) == (kind is sandbox.UNSHARE)
    assert len(result.errors) <= 2 + sum(unreachable), "loopback is up, and other processes are out of sight"


def test_the_strongest_sandbox_is_taken(monkeypatch):
    found = shutil.which
    names = [kind.name for kind in sandbox.KINDS if sandbox.works(kind)]
    for missing in (["bwrap"], ["bwrap", "unshare"]):
        monkeypatch.setattr(shutil, "which", lambda name, missing=missing: None if name in missing else found(name))
        left = [name for name in names if name not in (*missing, "bubblewrap")]
        assert sandbox.best().name == left[0]


def test_a_weaker_sandbox_is_said_on_every_report_and_on_stderr(tmp_path, monkeypatch, capsys):
    (tmp_path / "in" / "ann").mkdir(parents=True)
    (tmp_path / "in" / "ann" / "01_jnp_and_jit.py").write_text("# %%\n" + "\n\n# %%\n".join(HONEST))
    monkeypatch.setattr(compiled, "fill", lambda *_: None)
    assert grade.main([str(tmp_path / "in"), str(tmp_path / "out"), "--sandbox", "limits"]) == 0
    assert sandbox.LIMITS.warning in capsys.readouterr().err
    for page in ("class.html", "students/ann.html"):
        assert "Graded without a sandbox" in (tmp_path / "out" / page).read_text()
    (row,) = json.loads((tmp_path / "out" / "grades.json").read_text())
    assert row["sandbox"] == "limits" and row["points"] == UNITS["01_jnp_and_jit"].exercises["compress"].points
