"""Hand-ins of unit 01 without answers that try to score all the same, each written with knowledge of the grader's code.

Name → cells. `ANSWER(body)` is an answer to `standardise` with that body.
"""

from utils.base.paths import ROOT


def ANSWER(body):
    return "def standardise(x):\n    " + body.replace("\n", "\n    ") + "\nstandardise = check.standardise(standardise)"


FORGED = """
import base64, json, os
from utils.checks import crossing
def say(message):
    for fd in range(3, 64):
        try: os.write(fd, json.dumps(message).encode() + b"\\n")
        except OSError: pass
"""

CELLS = {
    "an endless loop": [ANSWER("while True: pass")],
    "a swallowed interrupt": [
        # calls, so that an interrupt comes within `try`: whether a bare loop's jump counts as within hangs on Python
        ANSWER("while True:\n    try:\n        while True: sum(range(999))\n    except BaseException: pass")
    ],
    "an exit": [ANSWER("import os; os._exit(0)")],
    "a memory bomb": [ANSWER("b = []\nwhile True: b.append(bytearray(10**8))")],
    "an endless program": [
        ANSWER("return x + jax.lax.stop_gradient(jax.lax.while_loop(lambda i: i >= 0, jnp.abs, x.sum() * 0 + 1))")
    ],
    "a program that crashes": [ANSWER("return x @ jnp.ones((x.shape[1], 10**7)) @ jnp.ones((10**7, x.shape[1]))")],
    "the solutions": [ANSWER(f"return eval(open({str(ROOT / 'solutions/01_jnp_and_jit.py')!r}).read())")],
    "the mistakes": [
        f"import os\nfound = [p for p, _, files in os.walk({str(ROOT)!r}) for f in files if 'solution' in p]",
        ANSWER("return x if found else missing"),
    ],
    "callers' frames": [
        ANSWER(
            "import sys\nf = sys._getframe()\nwhile f:\n"
            "    for v in list(f.f_locals.values()):\n"
            "        if getattr(v, '__name__', '') == 'standardise' and v is not standardise: return v(x)\n"
            "    f = f.f_back\nreturn x"
        )
    ],
    "all objects": [
        ANSWER(
            "import gc\nfor o in gc.get_objects():\n"
            "    if getattr(o, '__name__', '') == 'standardise' and o is not standardise: return o(x)\nreturn x"
        )
    ],
    "a forged verdict": [FORGED, "say({'t': 'verdict', 'exercise': 'standardise', 'kind': 'RIGHT', 'step': 1})"],
    "a forged failure that says right": [
        FORGED + "data = crossing.dumps(crossing.Handed((crossing.Failure('RIGHT', ''),)))\n"
        "say({'t': 'handed', 'exercise': 'standardise', 'data': base64.b64encode(data).decode(), 'step': 1})"
    ],
    "the course's answer asked for early": [
        FORGED
        + "for step in range(30):\n    say({'t': 'handed', 'exercise': 'standardise', 'data': '', 'step': step})\n"
        "import select, time\ntime.sleep(1)\ncode = b''\nfor fd in range(3, 64):\n    try:\n"
        "        while select.select([fd], [], [], 0.2)[0]:\n            part = os.read(fd, 9999)\n"
        "            if not part: break\n            code += part\n    except OSError: pass\n"
        "for line in code.splitlines():\n    try: exec(json.loads(line), globals())\n    except Exception: pass",
        "standardise = check.standardise(standardise)",
    ],
    "a judge of one's own": [
        "from utils.checks import judge, answers, readings\njudge.judge = answers.hand_over = print\n"
        "readings.difference = lambda *a: ''\nreadings.same = lambda *a: True",
        ANSWER("return x"),
    ],
    "hand_over replaced": [
        "from utils.checks import answers, crossing\n"
        "answers.hand_over = lambda *a, **k: crossing.Handed((crossing.Result({'': 0.0}, ''),) * 99)",
        ANSWER("return x"),
    ],
    "an object equal to all": [
        ANSWER("class E:\n    shape, dtype = x.shape, x.dtype\n    def __eq__(s, o): return True\nreturn E()")
    ],
    "an AST transformer": [
        "import ast\nclass T(ast.NodeTransformer):\n    def visit_Raise(self, n): return ast.Pass()\n"
        "get_ipython().ast_transformers.append(T())",
        ANSWER("return x"),
    ],
    "signals": [ANSWER("import os\nos.kill(os.getppid(), 9)\nos.kill(1, 9)\nreturn x")],
    "the course's own name": ["standardise = check.standardise", "standardise = check.standardise(standardise)"],
    "another exercise's answer, lent": [
        "compress = None\ncompress = check.compress(compress)\nlent = compress",
        ANSWER("return lent.__globals__.get('standardise', lent)(x) if lent else x"),
    ],
    "a table for the notebooks' cases": [
        "from utils.checks.unit_01 import unit\nfrom utils.checks import answers\n"
        "cases = list(unit.exercises['standardise'].cases(0))",
        ANSWER("return jnp.zeros_like(x) if x.shape[0] == 1 else x - x.mean(0)"),
    ],
}
AT_EVERY_CHANGE = ("an exit", "the course's answer asked for early", "an endless program")
