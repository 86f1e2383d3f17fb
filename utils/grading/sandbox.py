"""Shut strangers' programs in: by bubblewrap, else by limits alone; and by control groups, where there are some."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
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


def is_closed() -> bool:
    """Whether bubblewrap works here, so that hand-ins are shut in."""
    if not hasattr(os, "fork"):
        raise CourseError("Grading needs Linux or macOS (on Windows: WSL), for a process of its own for each hand-in.")
    return _works(*_bubblewrap(()))


@cache
def _works(*command: str) -> bool:
    """Whether a command that starts another one can do so here."""
    return bool(shutil.which(command[0])) and not subprocess.run([*command, "true"], capture_output=True).returncode


def warning() -> str:
    """What weakens all that is graded here, or ""."""
    return "" if is_closed() else _OPEN


def prefix(more: Iterable[Path] = (), writable: Iterable[Path] = ()) -> list[str]:
    """The command in front of one that is to be shut in.

    `more` is what it may read besides the course's package, `writable` folders (there are) that it may also write.
    """
    _compile()
    return _bubblewrap(more, writable) if is_closed() else []


@cache
def _compile() -> None:
    """Compile what each hand-in's process imports, since that can't write: it starts in a third of the time."""
    env = environment(str(Path.home())) | {"PYTHONDONTWRITEBYTECODE": ""}
    imports = "from utils import checks; from utils.grading.inside import runner; checks.units()"
    subprocess.run([sys.executable, "-c", imports], env=env, check=False)


def _bubblewrap(more: Iterable[Path], writable: Iterable[Path] = ()) -> list[str]:
    command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    command += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--hostname", "course"]
    option = "--disable-userns"  # bubblewrap 0.8's: in a user namespace of its own a hand-in could mount memory
    command += [option] * _works("bwrap", "--unshare-user", option, "--ro-bind", "/", "/")
    system = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts")
    for path in map(Path, system):
        command += ["--symlink", str(path.readlink())] if path.is_symlink() else ["--ro-bind-try", str(path)]
        command.append(str(path))
    command += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", HOME):
        command += ["--size", _TMPFS, "--tmpfs", folder]
    python = {sys.prefix, sys.base_prefix, str(Path(os.path.realpath(sys.executable)).parent.parent)}
    shown = sorted(path for path in python if not path.startswith(("/usr/", "/bin/")) and path != "/usr")
    shown += map(str, [ROOT / "utils", ROOT / "ressources", *filter(Path.is_dir, CACHED), *more])
    written = [*map(str, writable)]
    if not any(path.startswith("/tmp/") for path in shown + written):
        command += ["--symlink", f"{HOME}/tmp", "/tmp"]  # of each hand-in's own
    for folder in shown:
        command += ["--ro-bind", folder, folder]
    for folder in written:
        command += ["--bind", folder, folder]
    if not more:
        for quotes_answers in (ROOT / "utils" / "checks").glob("unit_*/*/mistakes.toml"):
            command += ["--ro-bind", os.devnull, str(quotes_answers)]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]
    return [*command, "--setenv", "HOME", HOME, "--setenv", "TMPDIR", f"{HOME}/tmp", "--"]


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


# --- control groups: what a sandbox's processes take together, kept by the kernel ------------------------------------

KEPT = "The kernel keeps a hand-in's processes together within their memory, shared memory counted (control groups)."
WATCHED = (
    "This system gives the grader no control groups: it looks five times a second at what a hand-in's processes hold "
    "together, and ends them when that is too much."
)
MEMBERSHIP, SYSTEM = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
OWN_MB, TASKS = 1024, 4096  # for Python and its libraries; of threads, of which XLA starts some for each core
_NUMBERS = itertools.count()
_ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'


class Group:
    """A share of memory, besides what Python itself needs, and of processes; false where the system gives none."""

    def __init__(self, megabytes: int):
        self._folders: list[Path] = []
        memory = str((megabytes + OWN_MB) * 2**20)
        limits = {"memory.max": memory, "memory.swap.max": "0", "pids.max": str(TASKS)}
        limits |= {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory}  # version 1's names
        kept = set()
        for place in _places():
            folder = place / f"course-grading-{os.getpid()}-{next(_NUMBERS)}"
            with contextlib.suppress(OSError):
                folder.mkdir()
                self._folders.append(folder)
            for name, limit in limits.items():
                with contextlib.suppress(OSError):  # this version has no such limit
                    (folder / name).write_text(limit)
                    kept.add(name)
        if not {"memory.max", "memory.limit_in_bytes"} & kept:
            self.close()

    def __bool__(self) -> bool:
        return bool(self._folders)

    @property
    def prefix(self) -> list[str]:
        """A command that starts another one in this group."""
        return ["sh", "-c", _ENTER, "sh", *map(str, self._folders), "--"] if self else []

    def close(self) -> None:
        """Give it back; its processes have been ended, and may take a moment to be gone."""
        for folder in self._folders:
            for _ in range(50):
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.02)
        self._folders = []


def how() -> str:
    """Which way is open here, in a sentence."""
    with contextlib.closing(Group(64)) as tried:
        return KEPT if tried else WATCHED


def _places() -> list[Path]:
    """Where a new group would lie: beside this process's own in version 2, in which it can't have both; else in it."""
    places = []
    for line in MEMBERSHIP.read_text().splitlines() if MEMBERSHIP.exists() else ():
        _, controllers, path = line.split(":", 2)
        own = SYSTEM / controllers / path.lstrip("/")
        if not controllers:
            places.append(own.parent if path != "/" else own)
        elif controllers in ("memory", "pids"):
            places.append(own)
    return [place for place in places if (place / "cgroup.procs").exists()]
