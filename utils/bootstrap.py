"""Sets the course up from nothing, then runs one of its commands: `python utils/bootstrap.py COMMAND [ARGUMENTS]`.

Only the standard library is used, and no syntax newer than Python 3.6, so that an old Python gets a clear message.
What it does, in this order, and only as far as needed:

1. finds a Python that the locked versions have wheels for (the one it runs under, else one on PATH);
2. makes `.venv` with it, or makes it again when it was moved or its Python is gone;
3. finds uv on PATH or in `.venv`, or has pip bring it into `.venv`;
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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [place for place in sys.path if place != str(ROOT / "utils")]  # the course's names hide no module
VENV = ROOT / ".venv"
STAMP = VENV / "course-stamp"
WINDOWS = os.name == "nt"
OLDEST, NEWEST = (3, 11), (3, 13)  # as requires-python in pyproject.toml
OLDEST_UV = (0, 8)
UV_RANGE = "uv>=0.8,<1"
DISK_NEEDED_GB = 4


class SetupError(Exception):
    """Something that the reader can mend; the message says how."""


def main(arguments: "list[str]") -> int:
    """Set up, then hand over to `python -m utils` with the same arguments. Returns an exit status."""
    if not arguments:
        print("Say which command: python utils/bootstrap.py lab (or test, course, doctor ...)", file=sys.stderr)
        return 2
    try:
        with one_at_a_time():
            set_up(os.environ.get("GPU", "").strip().lower() not in ("", "0", "no", "false"))
    except SetupError as problem:
        print(f"\nSetting up stopped: {problem}", file=sys.stderr)
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
    say(f"Making .venv with {python} ...")
    if subprocess.call([python, "-m", "venv", str(VENV)]) != 0 or not venv_version():
        shutil.rmtree(str(VENV), ignore_errors=True)
        raise SetupError(
            "this Python could not make a virtual environment. On Debian and Ubuntu, "
            "`sudo apt install python3-venv python3-pip` adds what is missing; elsewhere name a whole Python: "
            "make lab PYTHON=/path/to/python3"
        )


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
    inside = venv_python().with_name("uv.exe" if WINDOWS else "uv")
    for candidate in (shutil.which("uv"), str(inside)):
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


def bring_uv() -> str:
    """Have pip put uv into `.venv`."""
    say(f"Fetching the installer, {UV_RANGE}, with pip ...")
    pip = [str(venv_python()), "-m", "pip"]
    if not works([*pip, "--version"]):
        subprocess.call([str(venv_python()), "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
    if subprocess.call([*pip, "install", "--quiet", "--disable-pip-version-check", UV_RANGE]) != 0 or not find_uv():
        raise SetupError(
            "pip could not fetch uv. Without a network: connect, then give the same command again. "
            "Behind a proxy: set HTTPS_PROXY first. Or install uv yourself, so that `uv` is on PATH."
        )
    return find_uv()


def find_python() -> str:
    """A Python with wheels for every locked package: the running one, else the newest such on PATH."""
    name, version = platform.python_implementation(), platform.python_version()
    if name == "CPython" and supported(sys.version_info[:2]):
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        candidate = shutil.which(f"python3.{minor}")
        if candidate and works([candidate, "-c", "import venv, ensurepip"]):
            return candidate
    raise SetupError(
        f"the course needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]} (TensorFlow has no wheels for others), and this is "
        f"{name} {version}. Install one of them, or name it: make lab PYTHON=/path/to/python3.{NEWEST[1]}"
    )


def check_machine() -> None:
    """Stop before a gigabyte is fetched where it could not be used."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise SetupError("JAX has no wheels for Intel Macs. The course runs on Apple silicon, Linux and Windows.")
    if sys.maxsize < 2**32:
        raise SetupError("this is a 32-bit Python, and JAX needs a 64-bit one.")
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < DISK_NEEDED_GB:
        raise SetupError(f"the course takes {DISK_NEEDED_GB} GB of disk, and {free:.1f} GB are free here.")


def supported(version: "tuple[int, ...]") -> bool:
    return OLDEST <= tuple(version) <= NEWEST


def venv_python() -> Path:
    return VENV / "Scripts" / "python.exe" if WINDOWS else VENV / "bin" / "python"


def venv_version() -> "tuple[int, ...]":
    """(major, minor) of the Python in `.venv`; empty when there is none that runs on what is installed there."""
    code = "import sys, sysconfig; print(sys.version_info[0], sys.version_info[1], sysconfig.get_path('purelib'))"
    try:
        reply = subprocess.run(
            [str(venv_python()), "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60
        )
        major, minor, library = reply.stdout.decode().strip().split(" ", 2)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()
    return (int(major), int(minor)) if Path(library).is_dir() else ()


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


def works(command: "list[str]") -> bool:
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


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
