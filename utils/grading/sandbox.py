"""Shut strangers' programs in: by bubblewrap, else by limits alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from utils.base.errors import CourseError
from utils.base.paths import ROOT, cache_dir

HOME = "/home/student"
CACHED = (cache_dir() / "compiled", cache_dir() / "samples")
_TMPFS = str(64 * 2**20)
_OPEN = (
    "Graded without a sandbox: hand-ins ran with the grader's own rights, and could read and write its files and use "
    "the network. Install bubblewrap before you grade work of people you do not know."
)


@cache
def is_closed() -> bool:
    """Whether bubblewrap works here, so that hand-ins are shut in."""
    if not hasattr(os, "fork"):
        raise CourseError("Grading needs Linux or macOS (on Windows: WSL), for a process of its own for each hand-in.")
    command = [*_bubblewrap(()), "true"]
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def warning() -> str:
    """What weakens all that is graded here, or ""."""
    return "" if is_closed() else _OPEN


def prefix(more: Iterable[Path] = ()) -> list[str]:
    """The command in front of one that is to be shut in; `more` is what it may read besides the course's package."""
    _compile()
    return _bubblewrap(more) if is_closed() else []


@cache
def _compile() -> None:
    """Compile what each hand-in's process imports, since that can't write: it starts in a third of the time."""
    env = environment(str(Path.home())) | {"PYTHONDONTWRITEBYTECODE": ""}
    imports = "from utils import checks; from utils.grading.inside import runner; checks.units()"
    subprocess.run([sys.executable, "-c", imports], env=env, check=False)


def _bubblewrap(more: Iterable[Path]) -> list[str]:
    command = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "course"]
    for folder in ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin"):
        if Path(folder).is_symlink():
            command += ["--symlink", str(Path(folder).readlink()), folder]
        else:
            command += ["--ro-bind-try", folder, folder]
    for file in ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts"):
        command += ["--ro-bind-try", file, file]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", HOME):
        command += ["--size", _TMPFS, "--tmpfs", folder]
    python = {sys.prefix, sys.base_prefix, str(Path(os.path.realpath(sys.executable)).parent.parent)}
    shown = sorted(path for path in python if not path.startswith(("/usr/", "/bin/")) and path != "/usr")
    shown += map(str, [ROOT / "utils", ROOT / "ressources", *filter(Path.is_dir, CACHED), *more])
    if not any(path.startswith("/tmp/") for path in shown):
        command += ["--symlink", f"{HOME}/tmp", "/tmp"]  # of each hand-in's own
    for folder in shown:
        command += ["--ro-bind", folder, folder]
    if not more:
        for quotes_answers in (ROOT / "utils" / "checks").glob("unit_*/*/mistakes.toml"):
            command += ["--ro-bind", os.devnull, str(quotes_answers)]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]
    for name, value in environment().items():
        command += ["--setenv", name, value]
    return [*command, "--"]


def environment(home: str = HOME) -> dict[str, str]:
    """The variables of what runs in a sandbox, with this home."""
    samples = {"COURSE_CACHE": str(cache_dir())} if CACHED[1].is_dir() else {}
    return samples | {
        "HOME": home,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TMPDIR": f"{home}/tmp",
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(CACHED[0]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "Agg",
        "JAX_PLATFORMS": "cpu",
        "JAX_TRACEBACK_IN_LOCATIONS_LIMIT": "0",  # like answers are like programs, wherever they stand
        "COURSE_DATA": "sample",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
