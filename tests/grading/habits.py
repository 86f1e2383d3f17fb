"""Honest habits of people who write notebooks, each in a hand-in of unit 01 whose answers are right: it costs nothing.

`HABITS`: name → the code cells after the imports, `FILES`: name → the file's ending and its bytes, `BESIDE`: name →
what lies beside the notebook. A hand-in answers `BASE`, or all exercises where its habit is in `ALL`. Nothing but
`MAY_BE_FLAGGED` is flagged.
"""

import json
import textwrap

import nbformat

from utils import checks
from utils.base.paths import ROOT
from utils.grading import plan

UNIT = checks.units()["01_jnp_and_jit"]
IMPORTS = plan.handed_out(UNIT)[0]
BASE = ("compress", "predict", "moving_average")  # a program, values, a program with a loop: all nine take long


def right(name):
    """The first right answer to an exercise in `tests/answers`, which is not the course's."""
    answers = (ROOT / f"tests/answers/{UNIT.name}/{name}.py").read_text(encoding="utf-8")
    return answers.split("# %% ")[1].partition("\n")[2].strip()


ANSWERS = {name: right(name) for name in UNIT.exercises}
COMPRESS, PREDICT, MOVING_AVERAGE = (ANSWERS[name] for name in BASE)
W = "jnp.where(x > 0, jnp.log1p(jnp.where(x > 0, x, 0.0)), x)"


def cells(*before, first="", check="{0} = check.{0}({0})", names=BASE, **answers):
    """Cells that answer `names`: `first` stands first in each answer, `answers` take the place of those by name."""
    made = [*before]
    for name in names:
        head, _, body = ANSWERS[name].partition("\n")
        answer = "\n".join([head, *[textwrap.indent(first, "    ")] * bool(first), body])
        made += [answers.get(name, answer), *[check.format(name)] * bool(check)]
    return made


def mine(code, *more):
    """A cell of which the answers need the last line: it must not stop before."""
    return cells(f"{code}\nMINE = 1", *more, first="MINE")


def each_of_base(change):
    """Every answer changed by this function."""
    return cells(**{name: change(ANSWERS[name]) for name in BASE})


LOOKING = {
    "traceback.print_exc": cells("import traceback\ntry:\n    1 / 0\nexcept Exception:\n    traceback.print_exc()"),
    "print, a name of a file that is no UTF-8": cells("import os", first="print(os.fsdecode(b'caf\\xe9'))"),
    "print": cells("log = open('log.txt', 'w')", first="print('here', locals(), flush=True)\nprint('here', file=log)"),
    "jax.debug.print": cells(first="jax.debug.print('{}', jnp.zeros(2), ordered=True)"),
    "jax.debug.print by its own name": cells("from jax.debug import print as show", first="show('{}', jnp.zeros(2))"),
    "jax.debug.callback": cells("seen = []", first="jax.debug.callback(seen.append, jnp.zeros(2))"),
    "jax.debug.callback in two calls": cells("seen = []", first="jax.debug.callback(ordered=True)(seen.append, 1)"),
    "jax.debug.print, compiled before": cells(
        compress=f"@jax.jit\ndef compress(x):\n    jax.debug.print('{{}}', x)\n    return {W}\n"
        "compress(jnp.ones((2, 3)))",
    ),
    "inspect.stack": cells("import inspect", first="inspect.stack(), inspect.signature(jnp.sum)"),
    "inspect.getsource": [*cells(), "import inspect\nprint(inspect.getsource(compress))\nassert 'x' in repr(compress)"],
    "logging": cells(
        "import logging, sys\nlogging.basicConfig(level=logging.DEBUG)",
        first="logging.warning('here')\nlogging.basicConfig(stream=sys.stdout, force=True)",
    ),
    "breakpoints that are not reached": cells(
        "DEBUG = False", first="if DEBUG:\n    breakpoint()\n    import pdb; pdb.set_trace()\n    input('?')"
    ),
    "a breakpoint that is reached": mine("", "breakpoint()"),
    "%pdb and %debug": mine("%pdb on", "1 / 0", "%debug"),
    "%prun, %timeit and %%timeit": [*cells(), "%prun -q compress(1.0)\n%timeit -n 2 compress(1.0)", "%%timeit\nW = 1"],
    "%%time": cells(compress=f"%%time\n{COMPRESS}"),
    "%%time, the check deleted": cells(compress=f"%%time\n{COMPRESS}", check=""),
    "%%time around checks": cells(check="%%time\n{0} = check.{0}({0})"),
    "%time before checks": cells(check="%time {0} = check.{0}({0})"),
    "%%capture": cells(predict=f"%%capture out\n{PREDICT}\npredict = check.predict(predict)\nprint(1)"),
    "cProfile": cells("import cProfile\nprofile = cProfile.Profile()\nprofile.enable()"),
    "jax.profiler": [
        *cells(first="jax.profiler.TraceAnnotation('x')"),
        "with jax.profiler.trace('t'):\n    compress(1.0)",
    ],
    "tracemalloc, faulthandler and settrace": mine(
        "import faulthandler, sys, tracemalloc\ntracemalloc.start()\n"
        "faulthandler.enable()\nsys.settrace(lambda *_: None)"
    ),
    "assertions": cells(first="assert jnp.zeros(3).shape == (3,), 'never'"),
    "checks of shapes": cells(
        "def assert_rank(x, rank):\n    if jnp.ndim(x) != rank:\n"
        "        raise AssertionError(f'{x.shape}: not {rank} axes')",
        moving_average=MOVING_AVERAGE.replace("\n", "\n    assert_rank(x, 2)\n    assert x.dtype == jnp.float32\n", 1),
    ),
}

MAGICS = {
    "%load_ext autoreload": mine("%load_ext autoreload\n%autoreload 2"),
    "%matplotlib inline": [*mine("%matplotlib inline"), "plt.plot([1, 2])\nplt.savefig('mine.png')\nplt.show()"],
    "%config": mine(
        "%config InlineBackend.figure_format = 'retina'\n%config InteractiveShell.ast_node_interactivity = 'all'\n"
        "%precision 3\n%xmode Verbose"
    ),
    "styles": mine(
        "plt.style.use('ggplot')\nplt.rcParams.update({'figure.dpi': 150})\nplt.ion()\nplt.plot([1])\nplt.pause(0.01)"
    ),
    "%reset -f before the imports": ["%reset -f", IMPORTS, *cells()],
    "%reset -f and other imports": [f"%reset -f\n{IMPORTS}\nimport os", *cells()],
    "%env and %cd": mine("%env A=1\n%cd ..\n%pwd"),
    "%who, %lsmagic and %history": [*cells(), "%who\n%whos\n%lsmagic", "%history"],
    "help": mine("?jnp.where\njnp.where?\nlax.scan??\nhelp(jnp.sum)"),
    "pip": mine("!pip install -q einops\n%pip install -q einops"),
    "shell commands": mine("!nvidia-smi\nfiles = !ls", "%%bash\necho hello"),
    "%%writefile and import": cells(
        f"%%writefile answers.py\nimport jax.numpy as jnp\n{COMPRESS}",
        compress="from answers import compress",
        check="",
    ),
    "%%writefile and %run": cells(
        f"%%writefile answers.py\nimport jax.numpy as jnp\n{COMPRESS}", compress="%run answers.py"
    ),
    "display and HTML": cells(
        "from IPython.display import HTML, clear_output, display\ndisplay('x', display_id=True).update('y')",
        first="display(HTML('<b>x</b>'))\nclear_output(wait=True)",
    ),
    "widgets": mine("import ipywidgets\ndisplay(ipywidgets.IntSlider(3))\nipywidgets.interact(lambda n: n, n=(0, 3))"),
    "tqdm": cells(
        "from tqdm import trange\nfrom tqdm.notebook import tqdm", first="for _ in tqdm(trange(2)):\n    pass"
    ),
    "rich": cells(
        "from rich import pretty, print, traceback\npretty.install()\ntraceback.install()", first="print('x')"
    ),
    "await": mine("import asyncio\nawait asyncio.sleep(0)"),
}

# all that can change a result
ALL = {
    "jax_enable_x64": "jax.config.update('jax_enable_x64', True)",
    "jax_disable_jit": "jax.config.update('jax_disable_jit', True)",
    "jax_debug_nans, infs and leaks": "for name in ('debug_nans', 'debug_infs', 'check_tracer_leaks'):\n"
    "    jax.config.update(f'jax_{name}', True)",
    "jax_default_prng_impl": "jax.config.update('jax_default_prng_impl', 'rbg')",
    "jax_platforms, with a GPU": "jax.config.update('jax_platforms', 'cuda,cpu')\nimport os\n"
    "os.environ['JAX_PLATFORMS'] = 'cuda'\nos.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=8'",
    "jax_log_compiles and a cache": "jax.config.update('jax_log_compiles', True)\n"
    "jax.config.update('jax_compilation_cache_dir', 'cache')\n"
    "jax.config.update('jax_default_device', jax.devices()[0])",
    "np.float = float": "np.float, np.int, np.bool, np.object, np.str = float, int, bool, object, str",
    "numpy's errors, and warnings as errors": "import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')",
}

SETTINGS = {
    **{name: cells(code, names=UNIT.exercises) for name, code in ALL.items()},
    "warnings silenced": mine(
        "import warnings\nwarnings.filterwarnings('ignore')\nwarnings.warn = lambda *_, **__: None"
    ),
    "seeds": mine("import random\nrandom.seed(0)\nnp.random.seed(0)\nrng = np.random.default_rng(0)"),
    "jax.clear_caches and gc": cells("import gc", first="jax.clear_caches()\ngc.collect()"),
    "a device by name": cells(
        compress=f"def compress(x):\n    x = jax.device_put(x, jax.devices('cpu')[0])\n    return {W}"
    ),
    "from jax import *": cells("from jax import *\nfrom jax.numpy import *\nfrom numpy import *"),
    "from __future__ import annotations": cells("from __future__ import annotations\nfrom typing import *"),
    "other names for the imports": cells(
        "import jax.numpy as np\nimport numpy as onp", predict=PREDICT.replace("np.", "onp.")
    ),
    "standard output in a file": cells("import sys\nsys.stdout = open('out.txt', 'w')", first="print('x')"),
    "an alarm": mine("import signal\nsignal.signal(signal.SIGALRM, lambda *_: print('late'))\nsignal.alarm(60)"),
    "the course reloaded": mine("import importlib\nimportlib.reload(checks)\ncheck = checks.unit('01_jnp_and_jit')"),
    "files of one's own": mine("import os, tempfile\nos.makedirs('a')\nnp.save('a/x', np.ones(3))\ntempfile.mkdtemp()"),
}

SAFE = "def _safe(x):\n    return jnp.where(x > 0, x, 0.0)"
WITH_SAFE = "def compress(x):\n    return jnp.where(x > 0, jnp.log1p(_safe(x)), x)"
TIMED = """
import functools
def timed(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        start = time.time()
        try:
            return f(*args, **kwargs)
        finally:
            print(f.__name__, time.time() - start)
    return inner
"""
POOL = """
from concurrent.futures import ThreadPoolExecutor
def predict(model, x, size):
    fast = jax.jit(model)
    def one(start):
        rows = x[start : start + size]
        return np.asarray(fast(np.pad(rows, ((0, size - len(rows)), (0, 0)))))
    first = one(0)
    with ThreadPoolExecutor(2) as pool:
        return np.concatenate([first, *pool.map(one, range(size, len(x), size))])[: len(x)]
"""
DRAFT = "def compress(x):\n    return x + {}\ncompress = check.compress(compress)\n"

WRITTEN = {
    "type hints": cells(
        compress=f"def compress(x: jax.Array, /) -> 'jax.Array':\n    y: jax.Array = {W}\n    return y"
    ),
    "a lambda": cells(compress=f"compress = lambda x: {W}"),
    "a partial": cells(
        compress=f"from functools import partial\ndef both(y, x):\n    return {W}\ncompress = partial(both, 1)"
    ),
    "an object that is called": cells(
        compress=f"class Compress:\n    def __call__(self, x):\n        return {W}\ncompress = Compress()"
    ),
    "a dataclass's method": cells(
        "from dataclasses import dataclass",
        compress=f"@dataclass(frozen=True)\nclass C:\n    low: float = 0.0\n    def run(self, x):\n        return {W}\n"
        "compress = C().run",
    ),
    "a decorator": cells(TIMED, **{name: f"@timed\n{ANSWERS[name]}" for name in BASE}),
    "a decorator without wraps": each_of_base(
        lambda answer: f"def twice(f):\n    return lambda *args, **kwargs: f(*args, **kwargs)\n@twice\n{answer}"
    ),
    "jit that donates": cells(compress=f"@jax.jit(donate_argnums=0)\n{COMPRESS}"),
    "jit with static arguments": cells(
        compress=f"@jax.jit(static_argnames='low')\ndef compress(x, low=0.0):\n    return {W}"
    ),
    "lru_cache": cells("import functools\n@functools.lru_cache\ndef tiny(n):\n    return 10.0**-n", first="tiny(12)"),
    "a helper": cells(SAFE, compress=WITH_SAFE),
    "a helper deleted later": [*cells(SAFE, compress=WITH_SAFE), "del _safe, compress"],
    "answered twice": cells(compress=f"{DRAFT.format(1)}{COMPRESS}"),
    "answered many times": cells(compress=f"{''.join(map(DRAFT.format, range(5)))}{COMPRESS}"),
    "another name": cells(compress=f"def my_compress(x):\n    return {W}\ncompress = my_compress"),
    "the check's value by another name": [
        *cells(names=BASE[:2]),
        "done = check.compress(compress)",
        MOVING_AVERAGE.replace("\n", "\n    done(x)\n", 1),
    ],
    "if __name__": cells(check="if __name__ == '__main__':\n    {0} = check.{0}({0})"),
    "try around checks": cells(check="try:\n    {0} = check.{0}({0})\nexcept Exception as error:\n    print(error)"),
    "checks in a loop": cells(check="for _ in range(3):\n    {0} = check.{0}({0})"),
    "checks by keyword": cells(check="{0} = check.{0}(answer={0})"),
    "checks called three times": cells(check="check.{0}({0})\ncheck.{0}({0});\n{0} = check.{0}({0})"),
    "checks shown": cells(check="display(check.{0}({0}))\nprint({0} := check.{0}({0}))"),
    "checks over several lines": cells(check="{0} = check.{0}(\n    {0}\n)"),
    "checks by another name": cells("c = checks.unit('01_jnp_and_jit')", check="{0} = c.{0}({0})"),
    "checks all at the end": [*cells(check=""), "for f in (compress, predict):\n    getattr(check, f.__name__)(f)"],
    "checks deleted": cells(check=""),
    "checks above the answers": ["\n".join(f"{name} = check.{name}({name})" for name in BASE), *cells(check="")],
    "all in one cell": ["\n".join([IMPORTS, *cells()])],
    "cells in another order": cells(check="")[::-1],
    "cells twice": [*cells(), *cells()],
    "hints": cells("check.hint('compress')\ncheck.progress()\nprint(check)"),
    "comments that name check.reveal": cells(
        "# never used check.reveal('compress')\nx = 1  # nor check.reveal('predict')\n'''check.reveal('compress')'''"
    ),
    "a pool of threads": cells(predict=POOL),
    "a thread that goes on": mine("import threading\nthreading.Timer(50, print).start()"),
    "other processes": mine(
        "import multiprocessing, subprocess\nsubprocess.run('ls')\nmultiprocessing.Pool(1).map(abs, [1])"
    ),
    "very long lines": cells(f"LONG = [{'1, ' * 50_000}]", first=f"LONG  # {'x' * 20_000}"),
    "tabs": each_of_base(lambda answer: answer.replace("    ", "\t")),
    "CRLF": [cell.replace("\n", "\r\n") for cell in cells()],
    "odd ends of lines": cells("TEXT = 'a\u2028b\x0cc\x85d'", first="# a\u2028b\x0cc\x85d"),
    "other languages": cells("größe = 1  # Größe, 大きさ, размер, حجم", first="größe  # 大きさ"),
    "empty cells": ["", "   \n", "# nothing", *cells(), ""],
    "cells that fail": mine("", "1 / 0", "def (:", "raise NotImplementedError('your code here')", "%nomagic", "exit()"),
    "a stub's line left in": each_of_base(lambda answer: f"{answer}\n    raise NotImplementedError('your code here')"),
    "globals that count": cells("calls, seen = 0, []", first="global calls\ncalls += 1\nseen.append(locals())"),
    "a variable named like an exercise": [*cells(), "predict, compress = np.histogram(np.ones(3))"],
    "pickle and copy": [
        *cells(),
        "import copy, pickle\nclass P:\n    pass\npickle.dumps(P()), copy.deepcopy(compress)",
    ],
}

ALONE = "import jax\nfrom jax import lax\nimport jax.numpy as jnp\nimport numpy as np\n"
BESIDE = {
    "a module beside the notebook": {
        "mine.py": f"{ALONE}from parts import *\n{COMPRESS}",
        "parts.py": ALONE + MOVING_AVERAGE,
        "utils.py": "1 / 0",
    },
    "a script beside it that is run": {"mine.py": ALONE + COMPRESS},
}
MODULES = {
    "a module beside the notebook": cells(
        "import mine", compress="from mine import compress", moving_average="moving_average = mine.moving_average"
    ),
    "a script beside it that is run": cells(compress="%run mine.py"),
}

HABITS = LOOKING | MAGICS | SETTINGS | WRITTEN | MODULES
MAY_BE_FLAGGED: set[str] = set()


# --- files ------------------------------------------------------------------------------------------------------------


def ipynb(sources, change=lambda data: None, of_each=lambda cell: None):
    """A notebook's ending and bytes, its JSON changed by `change`, which may return another, and each cell's."""
    data = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in [IMPORTS, *sources]])
    for cell in data["cells"]:
        of_each(cell)
    return ".ipynb", json.dumps(change(data) or data, ensure_ascii=False).encode()


def version_3(data):
    of_each = [
        {"cell_type": "code", "language": "python", "input": cell["source"], "outputs": []} for cell in data["cells"]
    ]
    return {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": of_each}]}


def script(mark, head="", tail=""):
    return ".py", "".join([head, *(f"{mark}\n{cell}\n\n" for cell in [IMPORTS, *cells()]), tail]).encode()


def with_cells(*more):
    return ipynb(cells(), lambda data: data["cells"].extend(more))


MANY = [{"output_type": "stream", "name": "stdout", "text": "x" * 100}] * 90_000
ODD = [None, 3, {"output_type": "error", "traceback": None}, {"output_type": "stream", "text": None}, {"data": 3}]
COLAB = {"id": "x", "colab": {"base_uri": "https://localhost:8080/"}, "cellView": "form"}

FILES = {
    "nbformat 3": ipynb(cells(), version_3),
    "nbformat 4.0": ipynb(cells(), lambda data: data.update(nbformat_minor=0), lambda cell: cell.pop("id") and None),
    "nbformat 4.4": ipynb(cells(), lambda data: data.update(nbformat_minor=4), lambda cell: cell.pop("id") and None),
    "no metadata": ipynb(
        cells(), lambda data: {"cells": [{"cell_type": "code", "source": c["source"]} for c in data["cells"]]}
    ),
    "one id for all cells": ipynb(cells(), of_each=lambda cell: cell.update(id="a")),
    "Colab": ipynb(
        cells(),
        lambda data: data["metadata"].update(colab={"gpuType": "T4"}, accelerator="GPU"),
        lambda cell: cell.update(metadata=COLAB),
    ),
    "VS Code": ipynb(cells(), of_each=lambda cell: cell.update(metadata={"vscode": {"languageId": "python"}})),
    "outputs of 10 MB": ipynb(cells(), lambda data: data["cells"][2].update(outputs=MANY)),
    "odd outputs": ipynb(cells(), of_each=lambda cell: cell.update(outputs=ODD, execution_count="x")),
    "sources as lists of lines": ipynb(
        cells(), of_each=lambda cell: cell.update(source=cell["source"].splitlines(True))
    ),
    "cells without a source": with_cells({"cell_type": "code", "source": []}, {"cell_type": "code", "source": None}),
    "broken attachments": with_cells(
        {"cell_type": "markdown", "source": "![](attachment:x)", "attachments": {"x": None}}
    ),
    "raw cells": with_cells({"cell_type": "raw", "source": "def compress(:"}),
    "a byte order mark": (".ipynb", b"\xef\xbb\xbf" + ipynb(cells())[1]),
    "UTF-16": (".ipynb", ipynb(cells())[1].decode().encode("utf-16")),
    "Latin-1": (".ipynb", ipynb(cells("größe = 1"))[1].decode().encode("latin-1")),
    "a script": script("# %%"),
    "a script with CRLF": (".py", b"\xef\xbb\xbf" + script("# %%")[1].replace(b"\n", b"\r\n")),
    "a script of Spyder's": script("#%%"),
    "a script of nbconvert's": script("# In[1]:\n\n", head="#!/usr/bin/env python\n# coding: utf-8\n\n"),
    "a script of Colab's": script('"""words"""', tail="# %matplotlib inline\n!ls\n"),
    "a script without marks": script(""),
    "a script with magics": script("# %% title", tail="# %% last\n# !ls\n%matplotlib inline\n"),
}


# the others are read as the plain notebook is; these leave something in the cells, or say something
READ_OTHERWISE = {
    "Latin-1",
    "a script of Colab's",
    "a script of Spyder's",
    "a script without marks",
    "a script with magics",
}


def handed_in():
    """Every hand-in that has to be run, by its habit: the file's ending and its bytes."""
    return {name: ipynb(sources) for name, sources in HABITS.items()} | {name: FILES[name] for name in READ_OTHERWISE}
