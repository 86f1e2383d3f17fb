"""Sets the course up from nothing, then runs a command: `python utils/commands/bootstrap.py COMMAND [ARGUMENTS]`.

What it does, in this order, and only as far as needed:

1. finds a Python that the locked versions have wheels for and that starts. The one it runs under goes first, so that
   `make lab PYTHON=...` gets what it names; else the newest on PATH, of pyenv, conda, Homebrew or uv;
2. finds uv on PATH, or has pip bring it into `.venv`. Any Python with venv will do;
3. has uv make `.venv`, also when it was moved or its Python is gone. Where step 1 found no Python, uv fetches one into
   `.venv`. A `.venv` that could not be made is removed whole: nothing is written anywhere else;
4. installs exactly what `requirements.txt` locks (with `GPU=1` also `requirements-gpu.txt`), hashes checked,
   and the course itself;
5. last of all writes a stamp. While the stamp matches, a later call goes straight to the command.

Only the standard library is used, and no syntax newer than Python 3.6, so that an old Python gets a clear message.
"""

import contextlib
import difflib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
# each is a module beside this one, or in `instructors`, which a release lacks
FILES = sorted(HERE.parent.glob("[a-z]*.py")) + sorted(HERE.parent.glob("instructors/[a-z]*.py"))
COMMANDS = {file.stem: file for file in FILES if file != HERE}
VENV = ROOT / ".venv"
STAMP = VENV / "course-stamp"
WINDOWS = os.name == "nt"
OLDEST, NEWEST = (3, 12), (3, 13)  # as requires-python in pyproject.toml
OLDEST_UV = (0, 8)
UV_RANGE = "uv>=0.8,<1"
DISK_NEEDED_GB = 4
# Asked of every Python: some stand on PATH and refuse to start, and some were built without what the course imports.
STARTS = """
import bz2, ctypes, lzma, sqlite3, ssl, sys, sysconfig
assert sys.implementation.name == "cpython" and sys.maxsize > 2**32 and not sysconfig.get_config_var("Py_GIL_DISABLED")
print(*sys.version_info[:2], sys._base_executable)
"""
LIBRARY = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_path('purelib'))"


class SetupError(SystemExit):
    """Something that the reader can mend: Python prints how, without a traceback, and ends with status 1."""


def main(arguments: "list[str]") -> int:
    """Set up, then hand over to `python -m utils` with the same arguments. Returns an exit status."""
    name = arguments[0] if arguments else "help"
    if name not in COMMANDS:
        return tell(name)
    try:
        with one_at_a_time():
            set_up(os.environ.get("GPU", "").strip().lower() not in ("", "0", "no", "false"))
    except OSError as problem:
        raise SetupError(f"Setting up stopped: {problem}. Is the disk full, or the folder read-only?") from None
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on where this one was.", file=sys.stderr)
        return 130
    # each process would compile JAX and TensorFlow anew, which takes 4 and 20 seconds
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [str(venv_python()), "-m", "utils", *arguments]
    if WINDOWS:
        return subprocess.call(command, cwd=str(ROOT))
    os.chdir(str(ROOT))
    os.execv(command[0], command)  # in place of this process, so that Ctrl-C and the exit status are its own


def tell(name: str) -> int:
    """List the commands, for help; else say that there is none of that name. Returns an exit status."""
    if name in ("help", "--help", "-h"):
        print("python -m utils COMMAND [ARGUMENTS]; `python -m utils COMMAND --help` says more.\n")
        print(*map(summary, COMMANDS.values()), sep="\n")
        return 0
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    guess = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(COMMANDS)}."
    print(f"There is no command {name!r}. {guess}", file=sys.stderr)
    return 2


def summary(file: Path) -> str:
    """What a command does: the first line of its module's docstring."""
    return file.read_text(encoding="utf-8").split("\n", 1)[0].strip('"')


def set_up(gpu: bool) -> None:
    """Bring `.venv` up to what the lock says; at once when the stamp says that it is."""
    stamp = read_stamp()
    gpu = gpu or "gpu" in stamp  # what was asked for once stays
    version = venv_version()
    if version and stamp == wanted_stamp(gpu, version):
        return
    if gpu and sys.platform != "linux":
        raise SetupError("GPU=1 is for Linux and WSL: JAX has no CUDA wheels for this system. Leave GPU=1 out.")
    if not supported(version) or stamp[:1] not in ([], [str(VENV)]):
        make_venv()
    with contextlib.suppress(OSError):  # only now: before, a link could lead to another course's
        STAMP.unlink()
    install(find_uv() or bring_uv(), gpu)
    STAMP.write_text("\n".join(wanted_stamp(gpu, venv_version())), encoding="utf-8")
    print("Ready.\n", flush=True)


def make_venv() -> None:
    """Make `.venv` with a Python that suits, in place of what may be there."""
    check_machine()
    python = find_python()
    if os.path.lexists(str(VENV)):
        print("The .venv here was moved, its Python is gone or does not suit: making it again.", flush=True)
        VENV.unlink() if VENV.is_symlink() else shutil.rmtree(str(VENV))
    newest = f"3.{NEWEST[1]}"
    how = ["--python", python] if python else ["--managed-python", "--python", newest]
    try:
        VENV.mkdir()
        uv = find_uv() or bring_uv(python or sys.executable)
        print(f"Making .venv with {python or f'Python {newest}, which uv fetches'} ...", flush=True)
        complaint = quietly([uv, "venv", "--no-cache", "--allow-existing", "--seed", *how, str(VENV)])
        if complaint or not venv_version():
            raise SetupError(f"uv could not make .venv: {complaint}")
    except BaseException as problem:
        shutil.rmtree(str(VENV), ignore_errors=True)
        if python or not isinstance(problem, SetupError):
            raise
        raise SetupError(
            f"No Python 3.{OLDEST[1]} or {newest} starts here (this is {platform.python_version()}), and none could be "
            f"fetched: {str(problem).splitlines()[-1].split('cause: ')[-1]}\n"
            f"Install Python {newest} (from python.org, Homebrew, conda or your system), then give the same command "
            f"again; or name it: make lab PYTHON=/path/to/python{newest}"
        ) from None


def install(uv: str, gpu: bool) -> None:
    """Install what the locks list, then the course itself, into `.venv`."""
    names = [lock.name for lock in locks(gpu)]
    print(
        f"Installing what {' and '.join(names)} lists (the first time about 1 GB to fetch: some minutes) ...",
        flush=True,
    )
    # compiled once, here, or each process of a first lesson or test compiles TensorFlow for itself; the few packages
    # that come without a wheel are built with tools from the lock too
    locked = ["--compile-bytecode", "--require-hashes", "--build-constraints", names[0]]
    locked += [f"--requirements={name}" for name in names]
    course = ["--quiet", "--no-deps", "--no-build-isolation", "--offline", "-e", "."]
    for what in (locked, course):
        if subprocess.call([uv, "pip", "install", "--python", str(venv_python()), *what], cwd=str(ROOT)) != 0:
            raise SetupError(
                "uv could not install everything; what went wrong stands above. Without a network: connect, then "
                "give the same command again, which goes on where it was. Behind a proxy: set HTTPS_PROXY first."
            )


def find_uv() -> str:
    """The uv on PATH or in `.venv`; empty when there is none that runs and is new enough."""
    for candidate in (shutil.which("uv"), str(VENV / "uv" / "bin" / ("uv.exe" if WINDOWS else "uv"))):
        if candidate and ask(candidate, "--version")[0] >= OLDEST_UV:
            return candidate
    return ""


def bring_uv(python: str = "") -> str:
    """Have the pip of a passing environment of a Python, else of the one in `.venv`, put uv into `.venv/uv`."""
    print(f"Fetching the installer, {UV_RANGE}, with pip (some seconds) ...", flush=True)
    python, passing = python or str(venv_python()), VENV / "pip"
    if quietly([python, "-m", "venv", str(passing)]):
        raise SetupError(
            f"{python} cannot make an environment to fetch uv with. On Debian and Ubuntu, "
            "`sudo apt install python3-venv` adds what it lacks; or install uv yourself."
        )
    pip = [str(passing / venv_python().relative_to(VENV)), "-m", "pip", "install", f"--target={VENV / 'uv'}"]
    options = ["--quiet", "--no-cache-dir", "--only-binary=:all:", "--timeout=5", "--retries=1", "--upgrade"]
    complaint = quietly([*pip, *options, UV_RANGE])
    shutil.rmtree(str(passing), ignore_errors=True)
    if complaint or not find_uv():
        raise SetupError(
            f"{complaint}\npip could not fetch uv. Connect, or behind a proxy set HTTPS_PROXY, then give the same "
            "command again; or install uv yourself."
        )
    return find_uv()


def find_python() -> str:
    """A Python with wheels for every locked package: the running one, else the newest; empty when none starts."""
    own, home = os.environ.get, os.environ.get("HOME", "/")
    folders = [Path(folder) for folder in os.get_exec_path()]
    for root, bins in (
        (own("PYENV_ROOT", f"{home}/.pyenv"), "versions/*/bin"),
        (own("CONDA_PREFIX", "/conda"), "bin"),
        (own("HOMEBREW_PREFIX", "/opt/homebrew"), "opt/python@3.*/bin"),
        ("/usr/local", "opt/python@3.*/bin"),  # Homebrew's place of old
        (own("UV_PYTHON_INSTALL_DIR", f"{home}/.local/share/uv/python"), "*/bin"),
    ):
        folders += sorted(Path(root).glob(bins), reverse=True)
    candidates = [sys.executable]
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        candidates += [str(folder / f"python3.{minor}") for folder in folders]
    return next((place for place in map(started, candidates) if place), "")


def started(python: str) -> str:
    """Where a Python really lies (not its shim, not an environment's link); empty when it does not start or suit."""
    version, place = ask(python, "-I", "-c", STARTS)
    return place if supported(version) else ""


def ask(*command: str) -> "tuple[tuple[int, ...], str]":
    """The major and minor version that a program prints, and what follows; both empty when it does not start."""
    try:
        reply = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (), ""
    found = re.match(r"(?:uv )?(\d+)[. ](\d+)\S* ?(.*)", os.fsdecode(reply))
    return ((int(found[1]), int(found[2])), found[3].strip()) if found else ((), "")


def check_machine() -> None:
    """Stop before a gigabyte is fetched where it could not be used."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise SetupError("JAX has no wheels for Intel Macs. The course runs on Apple silicon, Linux and Windows.")
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < DISK_NEEDED_GB:
        raise SetupError(f"The course takes {DISK_NEEDED_GB} GB of disk, and {free:.1f} GB are free here.")


def supported(version: "tuple[int, ...]") -> bool:
    """Whether the locked versions have wheels for a Python."""
    return OLDEST <= version <= NEWEST


def venv_python() -> Path:
    """Where the Python in `.venv` is, or would be."""
    return VENV / "Scripts" / "python.exe" if WINDOWS else VENV / "bin" / "python"


def venv_version() -> "tuple[int, ...]":
    """(major, minor) of the Python in `.venv`; empty when there is none that runs on what is installed there."""
    version, library = ask(str(venv_python()), "-I", "-c", LIBRARY)
    return version if Path(library).is_dir() else ()


def read_stamp() -> "list[str]":
    """What the stamp says; nothing when there is none."""
    try:
        return STAMP.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def locks(gpu: bool) -> "list[Path]":
    """The files that list what is installed."""
    return [ROOT / "requirements.txt"] + [ROOT / "requirements-gpu.txt"] * gpu


def wanted_stamp(gpu: bool, version: "tuple[int, ...]") -> "list[str]":
    """What the stamp says when all is installed: the place (scripts hold it), the Python, the locks' digest."""
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks(gpu))).hexdigest()
    return [str(VENV), "python " + ".".join(map(str, version)), digest, "gpu" if gpu else "cpu"]


@contextlib.contextmanager
def one_at_a_time() -> "Iterator[None]":
    """Let two commands at once (`make lab` beside `make test`) set up one after the other."""
    with HERE.open() as handle:
        with contextlib.suppress(ImportError, OSError):  # Windows, and some network drives, know no such locks
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another command is setting the course up: waiting for it ...", flush=True)
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def quietly(command: "list[str]") -> str:
    """Run a command that may fetch; it soon gives up, and leaves nothing outside `.venv`. Returns why it failed."""
    with tempfile.TemporaryDirectory(dir=str(VENV)) as folder:
        own = dict.fromkeys(["TMPDIR", "TEMP", "TMP"], folder)
        own.update(UV_PYTHON_INSTALL_DIR=str(VENV / "python"), PIP_REQUIRE_VIRTUALENV="0", PIP_USER="0")
        own.update(UV_HTTP_CONNECT_TIMEOUT="5", UV_HTTP_TIMEOUT="10", UV_HTTP_RETRIES="1")
        env = dict(os.environ, **own)
        try:
            done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except OSError as problem:
            return str(problem)
    return (done.stdout.decode(errors="replace").strip() or "no reason given") if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
