"""`python -m utils doctor`: look for common problems, and say how to solve each one that is found.

✓ is fine, ! may cause trouble, ✗ is broken. The exit status is 1 only if something is broken. A probe that fails
itself is reported too: the doctor never crashes. So packages are imported inside the probes, and Python 3.8 can read
this module: it is told that it is not the course's.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from utils.base import memory as kept
from utils.base import paths
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.base.machine import cores
from utils.commands import bootstrap

if TYPE_CHECKING:
    from packaging.requirements import Requirement

GB = 1e9
# Asked in a process of its own: it may crash, hang or take the GPU's memory, and the doctor goes on.
ASK_JAX = """
import json, jax
print(json.dumps([
    [d.platform, d.device_kind, (d.memory_stats() or {}).get("bytes_limit")] for d in jax.devices()
]))
"""
CHANGES_RESULTS = ("JAX_DISABLE_JIT", "JAX_ENABLE_X64", "JAX_DEBUG_NANS", "JAX_PLATFORMS", "XLA_FLAGS", "PYTHONPATH")
SHOWN = ("jax", "jaxlib", "flax", "dm-haiku", "optax", "tensorflow-cpu")
REINSTALL = "Install the locked versions: rm .venv/course-stamp, then make doctor."


class Finding(NamedTuple):
    """One line of the report."""

    mark: str  # ✓, ! or ✗
    text: str
    cure: str = ""  # what to do

    def __str__(self) -> str:
        """The finding, wrapped, its cure below it."""
        width = max(60, min(110, shutil.get_terminal_size().columns))
        parts = ((f"{self.mark} ", self.text), ("  → ", self.cure))
        return "\n".join(
            textwrap.fill(text, width, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False)
            for start, text in parts
            if text
        )


def main(arguments: list[str]) -> int:
    """Print the report. Returns 1 when something is broken, else 0."""
    parser_of("doctor", __doc__).parse_args(arguments)
    marks = ""
    for probe in PROBES:
        for finding in examine(probe):
            marks += finding.mark
            print(finding, flush=True)
        if marks == "✗":  # of the first, without which the others have nothing to look at
            return 1
    broken, doubtful = marks.count("✗"), marks.count("!")
    print(f"{f'{broken} broken' if broken else 'Nothing is broken'}, {doubtful} to look at.")
    return 1 if broken else 0


def examine(probe: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The probe's findings; whatever goes wrong in it becomes one."""
    try:
        yield from probe()
    except CourseError as problem:
        yield Finding("✗", str(problem))
    except Exception as problem:  # a doctor must not fall ill
        yield Finding("!", f"this check failed: {type(problem).__name__}: {problem}")


# --- probes -------------------------------------------------------------------------------------------------


def python() -> Iterator[Finding]:
    """Whether the course is installed in this Python; pip refuses one that does not suit."""
    version = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if installed("jax-course"):
        yield Finding("✓", f"{version}, {'in .venv' if Path(sys.prefix) == bootstrap.VENV else sys.prefix}")
    else:
        text = f"{version} ({sys.executable}) is not the course's Python: the course is not installed in it."
        yield Finding("✗", text, "Run make doctor.")


def versions() -> Iterator[Finding]:
    """Whether what is installed is what is locked."""
    good: dict[str, str] = {}
    for lock in bootstrap.locks("gpu" in bootstrap.read_stamp()):
        for wanted in locked(lock.read_text(encoding="utf-8")):
            version = installed(wanted.name)
            if version and wanted.specifier.contains(version, prereleases=True):
                good[wanted.name] = version
            elif not wanted.marker or wanted.marker.evaluate():
                text = f"{wanted.name} {version or 'is missing'}; {lock.name} requires {wanted.specifier}."
                yield Finding("✗", text, REINSTALL)
    shown = ", ".join(f"{name} {good[name]}" for name in SHOWN if name in good)
    yield Finding("✓", f"{len(good)} packages have their locked versions: {shown} …")


def locked(text: str) -> list[Requirement]:
    """What a lock's text asks for, in order."""
    from packaging.requirements import Requirement

    return [Requirement(line.rstrip(" \\")) for line in text.splitlines() if line and line[0] not in " #"]


def installed(name: str) -> str | None:
    """The version of a package that is installed; None where it is not."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def arithmetic() -> Iterator[Finding]:
    """Whether jaxlib passes the canaries."""
    from utils.commands import canaries

    version = installed("jaxlib")
    jaxlib = f"jaxlib {version}"
    if why := canaries.KNOWN_BAD.get(str(version)):
        yield Finding("✗", f"{jaxlib} is known to be faulty: {why}.", REINSTALL)
    faults = canaries.run(short=True)
    for name, message in faults.items():
        if message:
            yield Finding("✗", f"{jaxlib} fails the canary {name}: {message}", f"Results may be wrong. {REINSTALL}")
    if not any(faults.values()):
        yield Finding("✓", f"{jaxlib} computes correctly: {len(faults)} canaries passed")


def devices() -> Iterator[Finding]:
    """What JAX computes on, and whether a GPU goes unused."""
    env = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    reply = subprocess.run([sys.executable, "-c", ASK_JAX], capture_output=True, text=True, timeout=120, env=env)
    if reply.returncode != 0:
        last = (reply.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding("✗", f"JAX finds no device: {last}", f"Unset JAX_PLATFORMS. If that does not help: {REINSTALL}")
        return
    found = json.loads(reply.stdout.strip().splitlines()[-1])
    for kind, name, limit in found:
        yield Finding("✓", f"JAX runs on {kind}: {name}" + (f", {limit / GB:.1f} GB for JAX" if limit else ""))
    on_gpu = any(kind in ("gpu", "cuda", "rocm") for kind, _, _ in found)
    if on_gpu and os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "true").lower() != "false":
        share = float(os.environ.get("XLA_CLIENT_MEM_FRACTION", "0.75"))
        text = f"each notebook reserves {share:.0%} of the GPU's memory when it starts, so two do not fit."
        yield Finding("!", text, "Shut down kernels between notebooks, or set XLA_PYTHON_CLIENT_PREALLOCATE=false.")
    if not on_gpu and shutil.which("nvidia-smi") and sys.platform == "linux":
        text = "there seems to be an NVIDIA GPU, but JAX does not use it."
        yield Finding("!", text, "make lab GPU=1 installs what JAX needs.")


def memory() -> Iterator[Finding]:
    """Whether memory and disk suffice, whose is what a step frees, and whether the folders can be written to."""
    import psutil

    ram = psutil.virtual_memory()
    text = f"{cores()} cores; {ram.available / GB:.1f} of {ram.total / GB:.1f} GB of memory are free"
    low = ram.available < 3 * GB
    yield Finding("!" if low else "✓", text, "A notebook needs up to 3 GB: close other programs and kernels." * low)
    tunables = kept.environment().get(kept.NAME)
    if tunables == kept.TUNABLES:
        yield Finding("✓", "notebooks keep freed memory, which is faster; COURSE_MEMORY=system returns it at once")
    else:
        yield Finding("✓", f"notebooks handle freed memory as you chose: {tunables or 'COURSE_MEMORY=system'}")
    for what, folder, owner in (
        ("the course", paths.ROOT, "Change its owner (chown)."),
        ("the cache", paths.cache_dir(), "Set COURSE_CACHE to a writable folder."),
    ):
        place = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(place).free / GB
        if not place.is_dir():
            yield Finding("✗", f"{place} should be {what}'s folder, but is a file.", "Set COURSE_CACHE to a folder.")
        elif not os.access(place, os.W_OK):
            yield Finding("✗", f"{what}'s folder, {place}, is not writable.", owner)
        else:
            mark = "✗" if free < 0.5 else "!" if free < 5 else "✓"
            cure = "Real data sets take up to 3 GB: free space (make clean), or move COURSE_CACHE." * (mark != "✓")
            yield Finding(mark, f"{free:.1f} GB of disk space are free for {what}", cure)


def data_sets() -> Iterator[Finding]:
    """Which sets are here, and whether the variables that choose among them make sense."""
    from utils import data
    from utils.data import source

    for name, ask in (("COURSE_DATA", source.mode), ("TFDS_DATA_DIR", source.data_dir)):
        yield Finding("✓", f"{name}{'' if os.environ.get(name) else ' is not set'}: {ask()}")
    here = [f"{item.name} ({item.kind})" for item in data.inventory() if item.path]
    yield Finding("✓", f"data sets on this machine: {', '.join(here) or 'none; a sample is made at its first use'}")


def kernel() -> Iterator[Finding]:
    """Whether notebooks run on the course's own Python."""
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    program = spec.argv[0] if os.path.sep in spec.argv[0] else sys.executable
    if Path(program).parent == Path(sys.executable).parent:
        yield Finding("✓", "the kernel `python3` is the course's own")
    else:
        cure = f"Remove it: jupyter kernelspec remove python3 ({spec.resource_dir})"
        yield Finding("✗", f"the kernel `python3` runs another Python: {program}.", cure)


def notebooks() -> Iterator[Finding]:
    """Whether lessons were changed, and whether a file beside notebooks hides a module from them."""
    if paths.COMPLETE:  # a release has no pairs
        from utils.author import pairs

        changed = [name for name in pairs.generate(check=True) if not name.startswith("exercises/")]
        if changed:
            yield Finding("!", f"changed: {', '.join(changed)}", f"If this was not you: {pairs.AS_THEY_WERE}")
        else:
            yield Finding("✓", "the lessons are unchanged")
    for folder in (paths.NOTEBOOKS, paths.EXERCISES, paths.SOLUTIONS):
        for file in sorted(folder.glob("*.py")):
            if file.stem in sys.stdlib_module_names or importlib.util.find_spec(file.stem):
                text = f"{paths.shown(file)} hides the module `{file.stem}` from every notebook in the same folder."
                yield Finding("✗", text, "Rename it.")


def grading() -> Iterator[Finding]:
    """How well hand-ins can be kept from harming this machine."""
    if not paths.COMPLETE:  # a release has no grader
        return
    from utils.grading import sandbox

    try:
        warning = sandbox.warning()
    except CourseError as problem:  # on Windows nobody can grade, and all else works
        yield Finding("!", str(problem))
        return
    if warning:
        yield Finding("!", warning, "Only for grading: install bubblewrap (sudo apt install bubblewrap).")
    else:
        yield Finding("✓", "hand-ins are graded in a sandbox: bubblewrap")


def settings() -> Iterator[Finding]:
    """Variables that change results."""
    found = [name for name in CHANGES_RESULTS if os.environ.get(name)]
    for name in found:
        yield Finding("!", f"{name}={os.environ[name]} changes what runs.", f"unset {name}, unless you need it.")
    if not found:
        yield Finding("✓", "no environment variable changes what JAX does")


PROBES = (python, versions, arithmetic, devices, memory, data_sets, kernel, notebooks, grading, settings)
