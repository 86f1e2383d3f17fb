"""Sets the course up from nothing, then runs a command: `python utils/commands/bootstrap.py COMMAND [ARGUMENTS]`.

Only the standard library is used, and no syntax newer than Python 3.6, so that an old Python gets a clear message.
What it does, in this order, and only as far as needed:

1. finds a Python that the locked versions have wheels for and that starts. The one it runs under goes first, so that
   `make lab PYTHON=...` gets what it names; else the newest on PATH, of pyenv, conda, Homebrew or uv;
2. finds uv on PATH, or has pip bring it into `.venv`. Any Python's pip will do;
3. has uv make `.venv`, also when it was moved or its Python is gone. Where step 1 found no Python, uv fetches one into
   `.venv`. A `.venv` that could not be made is removed whole: nothing is written anywhere else;
4. installs exactly what `requirements.txt` locks (with `GPU=1` also `requirements-gpu.txt`), hashes checked,
   and the course itself;
5. last of all writes a stamp. While the stamp matches, a later call goes straight to the command.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:] = [
    place for place in sys.path if place != str(ROOT / "utils" / "commands")
]  # the course's names hide no module
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


class SetupError(Exception):
    """Something that the reader can mend; the message says how."""


def main(arguments: "list[str]") -> int:
    """Set up, then hand over to `python -m utils` with the same arguments. Returns an exit status."""
    if not arguments:
        print("Say which command: python utils/commands/bootstrap.py lab (or test, doctor ...)", file=sys.stderr)
        return 2
    try:
        with one_at_a_time():
            set_up(os.environ.get("GPU", "").strip().lower() not in ("", "0", "no", "false"))
    except SetupError as problem:
        print(f"Setting up stopped: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"\nSetting up stopped: {problem}. Is the disk full, or the folder read-only?", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on where this one was.", file=sys.stderr)
        return 130
    return hand_over([str(venv_python()), "-m", "utils", *arguments])


def set_up(gpu: bool) -> None:
    """Bring `.venv` up to what the lock says; at once when the stamp says that it is."""
    stamp = read_stamp()
    gpu = gpu or "gpu" in stamp  # what was asked for once stays
    version = venv_version()
    if version and stamp == wanted_stamp(gpu, version):
        return
    if gpu and sys.platform != "linux":
        raise SetupError("GPU=1 is for Linux and WSL: JAX has no CUDA wheels for this system. Leave GPU=1 out.")
    with contextlib.suppress(OSError):
        STAMP.unlink()
    if not supported(version) or stamp[:1] not in ([], [str(VENV)]):
        make_venv()
    install(find_uv() or bring_uv(), gpu)
    STAMP.write_text("\n".join(wanted_stamp(gpu, venv_version())), encoding="utf-8")
    say("Ready.\n")


def make_venv() -> None:
    """Make `.venv` with a Python that suits, in place of what may be there."""
    check_machine()
    python = find_python()
    if os.path.lexists(str(VENV)):
        say("The .venv here was moved, its Python is gone or does not suit: making it again.")
        VENV.unlink() if VENV.is_symlink() else shutil.rmtree(str(VENV))
    newest = f"3.{NEWEST[1]}"
    how = ["--python", python] if python else ["--managed-python", "--python", newest]
    try:
        VENV.mkdir()
        uv = find_uv() or bring_uv(python or sys.executable)
        say(f"Making .venv with {python or f'Python {newest}, which uv fetches'} ...")
        complaint = quietly([uv, "venv", "--no-cache", "--allow-existing", "--seed", *how, str(VENV)])
        if complaint or not venv_version():
            raise SetupError(f"uv could not make .venv: {complaint}")
    except BaseException as problem:
        shutil.rmtree(str(VENV), ignore_errors=True)
        if python or not isinstance(problem, SetupError):
            raise
        raise SetupError(
            f"no Python 3.{OLDEST[1]} or {newest} starts here (this is {platform.python_version()}), and none could be "
            f"fetched: {str(problem).splitlines()[-1].split('cause: ')[-1]}\n"
            f"Install Python {newest} (from python.org, Homebrew, conda or your system), then give the same command "
            f"again; or name it: make lab PYTHON=/path/to/python{newest}"
        ) from None


def install(uv: str, gpu: bool) -> None:
    """Install what the locks list, then the course itself, into `.venv`."""
    locks = ["requirements.txt", "requirements-gpu.txt"] if gpu else ["requirements.txt"]
    say(f"Installing what {' and '.join(locks)} lists (the first time about 1 GB to fetch: some minutes) ...")
    # the few packages that come without a wheel are built with tools from the lock too
    locked = ["--require-hashes", "--build-constraints", "requirements.txt"]
    for lock in locks:
        locked += ["-r", lock]
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
        if candidate and uv_version(candidate) >= OLDEST_UV:
            return candidate
    return ""


def uv_version(uv: str) -> "tuple[int, ...]":
    """(major, minor) of a uv; empty when it does not run."""
    try:
        reply = subprocess.run([uv, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        return tuple(int(part) for part in reply.split()[1].split(".")[:2])
    except (OSError, ValueError, IndexError):
        return ()


def bring_uv(python: str = "") -> str:
    """Have the pip of a Python, else of the one in `.venv`, put uv into `.venv/uv`."""
    say(f"Fetching the installer, {UV_RANGE}, with pip ...")
    python = python or str(venv_python())
    passing = VENV / "pip"
    if quietly([python, "-m", "pip", "--version"]):  # it has no pip, and an environment made with it has one
        if quietly([python, "-m", "venv", str(passing)]):
            raise SetupError(
                f"{python} has neither pip nor venv to fetch uv with. On Debian and Ubuntu, "
                "`sudo apt install python3-pip` adds it; or install uv yourself."
            )
        python = str(passing / venv_python().relative_to(VENV))
    options = ["--quiet", "--no-cache-dir", "--only-binary=:all:", "--timeout=5", "--retries=1", "--upgrade"]
    complaint = quietly([python, "-m", "pip", "install", *options, f"--target={VENV / 'uv'}", UV_RANGE])
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
    folders = [Path(folder) for folder in own("PATH", os.defpath).split(os.pathsep)]
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
    answer = ask(python, STARTS)
    return answer[2] if answer and supported(answer[:2]) else ""


def ask(python: str, code: str) -> tuple:
    """The major and minor version and the text that a Python prints for the code; empty when it does not start."""
    try:
        reply = subprocess.run(
            [python, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
        major, minor, text = os.fsdecode(reply.stdout).strip().split(" ", 2)
        return int(major), int(minor), text
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()


def check_machine() -> None:
    """Stop before a gigabyte is fetched where it could not be used."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise SetupError("JAX has no wheels for Intel Macs. The course runs on Apple silicon, Linux and Windows.")
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < DISK_NEEDED_GB:
        raise SetupError(f"the course takes {DISK_NEEDED_GB} GB of disk, and {free:.1f} GB are free here.")


def supported(version: "tuple[int, ...]") -> bool:
    return OLDEST <= tuple(version) <= NEWEST


def venv_python() -> Path:
    return VENV / "Scripts" / "python.exe" if WINDOWS else VENV / "bin" / "python"


def venv_version() -> "tuple[int, ...]":
    """(major, minor) of the Python in `.venv`; empty when there is none that runs on what is installed there."""
    answer = ask(str(venv_python()), LIBRARY)
    return answer[:2] if answer and Path(answer[2]).is_dir() else ()


def read_stamp() -> "list[str]":
    try:
        return STAMP.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []


def wanted_stamp(gpu: bool, version: "tuple[int, ...]") -> "list[str]":
    """What the stamp says when all is installed: the place (scripts hold it), the Python, the locks' digest."""
    digest = hashlib.sha256()
    for name in ["requirements.txt", "requirements-gpu.txt"][: 2 if gpu else 1]:
        digest.update((ROOT / name).read_bytes())
    return [str(VENV), "python " + ".".join(map(str, version)), digest.hexdigest(), "gpu" if gpu else "cpu"]


@contextlib.contextmanager
def one_at_a_time():  # type: ignore[no-untyped-def]
    """Let two commands at once (`make lab` beside `make test`) set up one after the other."""
    if WINDOWS:
        yield
        return
    import fcntl

    handle = os.open(str(ROOT), os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network drives know no locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another command is setting the course up: waiting for it ...")
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def quietly(command: "list[str]") -> str:
    """Run a command that may fetch; it soon gives up, and leaves nothing outside `.venv`. Returns why it failed."""
    with tempfile.TemporaryDirectory(dir=str(VENV)) as folder:
        own = dict.fromkeys(["TMPDIR", "TEMP", "TMP"], folder)
        own.update(UV_PYTHON_INSTALL_DIR=str(VENV / "python"), PIP_REQUIRE_VIRTUALENV="0", PIP_USER="0")
        own.update(UV_HTTP_CONNECT_TIMEOUT="5", UV_HTTP_TIMEOUT="10", UV_HTTP_RETRIES="1")
        try:
            done = subprocess.run(
                command, env=dict(os.environ, **own), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except OSError as problem:
            return str(problem)
    return (done.stdout.decode(errors="replace").strip() or "no reason given") if done.returncode else ""


def hand_over(command: "list[str]") -> int:
    """Run the command in place of this process, so that Ctrl-C and the exit status are its own."""
    if WINDOWS:
        return subprocess.call(command, cwd=str(ROOT))
    os.chdir(str(ROOT))
    os.execv(command[0], command)
    return 1


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
