"""`python -m utils doctor`: look for what commonly goes wrong, and say what to do about each thing found.

✓ is fine, ! may get in the way, ✗ is broken. The exit status is 1 only when something is broken. A probe that fails
itself is a finding too: the doctor never crashes.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import itertools
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

from utils.base import paths
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.base.machine import cores
from utils.commands import bootstrap

if TYPE_CHECKING:
    from utils import data

GB = 1e9
# Asked in a process of its own: it may crash, hang or take the GPU's memory, and the doctor goes on.
ASK_JAX = """
import json, jax
print(json.dumps([
    [d.platform, d.device_kind, (d.memory_stats() or {}).get("bytes_limit")] for d in jax.devices()
]))
"""
CHANGES_RESULTS = ("JAX_DISABLE_JIT", "JAX_ENABLE_X64", "JAX_DEBUG_NANS", "JAX_PLATFORMS", "XLA_FLAGS", "PYTHONPATH")


class Finding(NamedTuple):
    """One line of the report. mark: "✓", "!" or "✗"; cure: what to do, empty where nothing is."""

    mark: str
    text: str
    cure: str = ""


def main(arguments: list[str]) -> int:
    """Print the report. Returns 1 when something is broken, else 0."""
    parser_of("doctor", __doc__).parse_args(arguments)
    if stranger := look_at_python():
        print(as_text(stranger))
        return 1
    marks = ""
    for probe in PROBES:
        for finding in examine(probe):
            marks += finding.mark
            print(as_text(finding), flush=True)
    broken, doubtful = marks.count("✗"), marks.count("!")
    print(f"{f'{broken} broken' if broken else 'Nothing is broken'}, {doubtful} to look at.")
    return 1 if broken else 0


def look_at_python() -> Finding | None:
    """What is said, and nothing else, when this Python is not one that the course is installed in; else None."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("jax-course")
        return None
    return Finding(
        "✗",
        f"Python {platform.python_version()} ({sys.executable}) is not the course's: it isn't installed there.",
        "Run make doctor.",
    )


def examine(probe: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The probe's findings; whatever goes wrong in it becomes one."""
    try:
        yield from probe()
    except CourseError as problem:
        yield Finding("✗", str(problem))
    except Exception as problem:  # a doctor must not fall ill
        yield Finding("!", f"could not be looked at: {type(problem).__name__}: {problem}")


def as_text(finding: Finding) -> str:
    """The finding, wrapped, its cure below it."""
    width = max(60, min(110, shutil.get_terminal_size().columns))
    lines = []
    for start, text in ((f"{finding.mark} ", finding.text), ("  → ", finding.cure)):
        lines += textwrap.wrap(
            text, width, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
        )
    return "\n".join(lines)


# --- probes -------------------------------------------------------------------------------------------------


def look_at_installation() -> Iterator[Finding]:
    version = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if not bootstrap.supported(sys.version_info[:2]):
        yield Finding("✗", f"{version}: the locked versions have no wheels for it.", REINSTALL)
    else:
        yield Finding("✓", f"{version}, {'in .venv' if Path(sys.prefix) == bootstrap.VENV else sys.prefix}")
    origin = getattr(importlib.util.find_spec("utils"), "origin", None) or ""
    if not Path(origin).is_relative_to(paths.ROOT):
        yield Finding("✗", f"`import utils` finds another package: {origin}.", "Unset PYTHONPATH, or rename the other.")


def look_at_versions() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    locks = ["requirements.txt"] + (["requirements-gpu.txt"] if "gpu" in bootstrap.read_stamp() else [])
    good: dict[str, str] = {}
    for lock in locks:
        for line in (paths.ROOT / lock).read_text(encoding="utf-8").splitlines():
            if not line or line[0] in " #":
                continue
            wanted = Requirement(line.rstrip(" \\"))
            if wanted.marker and not wanted.marker.evaluate():
                continue
            try:
                installed = importlib.metadata.version(wanted.name)
            except importlib.metadata.PackageNotFoundError:
                yield Finding("✗", f"{wanted.name} is missing; {lock} wants {wanted.specifier}.", REINSTALL)
                continue
            if wanted.specifier.contains(installed, prereleases=True):
                good[wanted.name] = installed
            else:
                text = f"{wanted.name} {installed} is not as locked: {lock} wants {wanted.specifier}."
                yield Finding("✗", text, REINSTALL)
    shown = ", ".join(f"{name} {good[name]}" for name in SHOWN if name in good)
    yield Finding("✓", f"{len(good)} packages are as locked" + (f": {shown} …" if shown else ""))


def look_at_arithmetic() -> Iterator[Finding]:
    from utils.commands import canaries

    version = importlib.metadata.version("jaxlib")
    if reason := canaries.known_bad(version):
        yield Finding("✗", f"jaxlib {version} is known to be bad: {reason}.", REINSTALL)
    outcomes = canaries.run(short=True)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    for outcome in failed:
        text = f"jaxlib {version} fails the canary {outcome.name}: {outcome.message}"
        yield Finding("✗", text, "Results may be wrong. " + REINSTALL)
    if not failed:
        yield Finding("✓", f"jaxlib {version} computes as it should: {len(outcomes)} canaries")


def look_at_devices() -> Iterator[Finding]:
    reply = subprocess.run(
        [sys.executable, "-c", ASK_JAX],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
    )
    if reply.returncode != 0:
        last = (reply.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding("✗", f"JAX finds no device: {last}", "Unset JAX_PLATFORMS. If that changes nothing: " + REINSTALL)
        return
    devices = json.loads(reply.stdout.strip().splitlines()[-1])
    for kind, name, limit in devices:
        memory = f", {limit / GB:.1f} GB for JAX" if limit else ""
        yield Finding("✓", f"JAX computes on {kind}: {name}{memory}")
    on_gpu = any(kind in ("gpu", "cuda", "rocm") for kind, _, _ in devices)
    if on_gpu and os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "true").lower() != "false":
        share = os.environ.get("XLA_CLIENT_MEM_FRACTION", "0.75")
        yield Finding(
            "!",
            f"each notebook takes {float(share):.0%} of the GPU's memory as it starts; a second one finds none left.",
            "Shut kernels down between notebooks, or set XLA_PYTHON_CLIENT_PREALLOCATE=false.",
        )
    if not on_gpu and shutil.which("nvidia-smi") and sys.platform == "linux":
        yield Finding(
            "!", "an NVIDIA GPU seems to be there, and JAX does not use it.", "make lab GPU=1 installs what it needs."
        )


def look_at_memory() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    text = f"{cores()} cores; {memory.available / GB:.1f} of {memory.total / GB:.1f} GB of memory are free"
    low = memory.available < 3 * GB
    yield Finding(
        "!" if low else "✓", text, "A notebook takes up to 3 GB: close other programs and kernels." if low else ""
    )
    for what, folder in (("the course", paths.ROOT), ("the cache", paths.cache_dir())):
        place = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not place.is_dir():
            yield Finding("✗", f"{place} should be {what}'s folder, and is a file.", "Set COURSE_CACHE to a folder.")
        elif not os.access(place, os.W_OK):
            cure = "Set COURSE_CACHE to a folder that can." if what == "the cache" else "Change who owns it (chown)."
            yield Finding("✗", f"{what}'s folder, {place}, cannot be written to.", cure)
        else:
            free = shutil.disk_usage(place).free / GB
            cure = "Real sets take up to 3 GB: make room (make clean), or set COURSE_CACHE elsewhere." * (free < 5)
            mark = "✗" if free < 0.5 else "!" if free < 5 else "✓"
            yield Finding(mark, f"{free:.1f} GB of disk are free for {what}", cure)


def look_at_data() -> Iterator[Finding]:
    from utils import data
    from utils.data import source

    for name, ask in (("COURSE_DATA", source.mode), ("TFDS_DATA_DIR", source.data_dir)):
        try:
            yield Finding("✓", f"{name}{'' if os.environ.get(name) else ' is not set'}: {ask()}")
        except CourseError as problem:
            yield Finding("✗", str(problem))
            return
    for _, items in itertools.groupby(data.inventory(), key=lambda item: item.name):
        yield from look_at_set(list(items))


def look_at_set(items: list[data.Item]) -> Iterator[Finding]:
    """One line for a set and its sample, unless something is wrong with one of them."""
    states = []
    for item in items:
        if item.problem:
            yield Finding("✗", f"{item.name}, {item.kind}: {item.problem}")
        elif item.prepared:
            states.append(f"{item.kind} here, {sum(item.examples.values()):,} pictures, {item.bytes / 1e6:,.1f} MB")
        elif item.kind == "sample":
            states.append("sample made in seconds when it is first used")
        elif os.environ.get("COURSE_DATA", "").strip().lower() == "tfds":
            cure = f'make data DATA_ARGS="download {item.name}", or COURSE_DATA=auto.'
            yield Finding("!", f"{item.name}, real: not here, and COURSE_DATA=tfds asks for it", cure)
        else:
            states.append("real not here")
    if states:
        yield Finding("✓", f"{items[0].name}: {'; '.join(states)}")


def look_at_notebooks() -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    program = spec.argv[0] if os.path.sep in spec.argv[0] else sys.executable
    inside = Path(program).parent == Path(sys.executable).parent
    if inside:
        yield Finding("✓", "the kernel `python3` is the course's own")
    else:
        yield Finding(
            "✗",
            f"the kernel `python3` is another Python: {program}.",
            f"Remove it: jupyter kernelspec remove python3 ({spec.resource_dir})",
        )
    if paths.COMPLETE:
        yield look_at_pairs()
    for folder in (paths.NOTEBOOKS, paths.EXERCISES, paths.SOLUTIONS):
        for file in sorted(folder.glob("*.py")):
            if file.stem in sys.stdlib_module_names or importlib.util.find_spec(file.stem):
                where = file.relative_to(paths.ROOT)
                yield Finding(
                    "✗", f"{where} hides the module `{file.stem}` from every notebook beside it.", "Rename it."
                )


def look_at_pairs() -> Finding:
    from utils.author import pairs  # which a release lacks

    changed = [name for name in pairs.generate(check=True) if not name.startswith("exercises/")]
    if changed:
        return Finding("!", f"changed: {', '.join(changed)}", f"If that was not you: {pairs.AS_THEY_WERE}")
    return Finding("✓", "the lessons are as the course has them")


def look_at_sandbox() -> Iterator[Finding]:
    if importlib.util.find_spec("utils.grading") is None:  # a release has no grader
        return
    sandbox = importlib.import_module("utils.grading.sandbox")
    try:
        kind = sandbox.best()
    except CourseError as problem:  # on Windows nobody can grade, and all else works
        yield Finding("!", str(problem))
        return
    if kind is sandbox.BUBBLEWRAP:
        yield Finding("✓", "hand-ins are graded in a sandbox: bubblewrap")
    else:
        yield Finding("!", kind.warning, "Only for grading: install bubblewrap (sudo apt install bubblewrap).")


def look_at_settings() -> Iterator[Finding]:
    found = [name for name in CHANGES_RESULTS if os.environ.get(name)]
    for name in found:
        yield Finding("!", f"{name}={os.environ[name]} changes what runs.", f"unset {name}, unless you mean it.")
    if not found:
        yield Finding("✓", "no variable that changes what JAX does")


SHOWN = ("jax", "jaxlib", "flax", "dm-haiku", "optax", "tensorflow-cpu")
REINSTALL = "Install what is locked: rm .venv/course-stamp, then make doctor."
PROBES = (
    look_at_installation,
    look_at_versions,
    look_at_arithmetic,
    look_at_devices,
    look_at_memory,
    look_at_data,
    look_at_notebooks,
    look_at_sandbox,
    look_at_settings,
)
