"""`python -m utils lock [--upgrade]`: make the files that lock versions from pyproject.toml.

pyproject.toml states ranges; the locks state one version of everything, with hashes, for every system and Python
that the course supports. Versions that are locked already and still fit stay. requirements.txt lists what everybody
needs, requirements-gpu.txt and site/requirements.txt only what the extras `gpu` and `site` add.

`--upgrade` is the one way to raise versions: it takes the newest that the ranges allow, says what changed, installs
it, runs the canaries, then tests and proofs. Versions that compute wrongly are not kept. A test that fails leaves the
new locks in place, since its cure is a change of the course: of code, or of outputs that are committed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from utils.base import files
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.base.paths import ROOT, shown
from utils.commands import bootstrap, doctor
from utils.commands.test import PROOF

LOCK, GPU_LOCK = bootstrap.locks(gpu=True)
SITE_LOCK = ROOT / "site" / "requirements.txt"
EXTRAS = {"gpu": GPU_LOCK, "site": SITE_LOCK}
OPTIONS = (
    "--universal",
    "--python-version=3.12",
    "--fork-strategy=fewest",
    "--generate-hashes",
    "--no-emit-index-url",
    "--custom-compile-command=make lock",
    "--quiet",
)


def main(arguments: list[str]) -> int:
    """Write all locks, each whole or not at all. Returns 1 when newer versions failed a canary or a test."""
    parser = parser_of("lock", __doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions; run canaries, tests, proofs")
    upgrade = ["--upgrade"] * parser.parse_args(arguments).upgrade
    before = {lock: lock.read_text(encoding="utf-8") for lock in (LOCK, *EXTRAS.values()) if lock.exists()}
    uv = bootstrap.find_uv() or bootstrap.bring_uv()
    print("Choosing versions (about 20 s) ...", flush=True)
    locked = versions(compiled(uv, LOCK, upgrade))
    print(f"Written: {shown(LOCK)} ({len(locked)} packages).")
    besides = [f"--constraints={LOCK.name}", *(f"--no-emit-package={name}" for name in locked)]
    for extra, lock in EXTRAS.items():
        more = versions(compiled(uv, lock, [*upgrade, f"--extra={extra}", *besides]))
        print(f"Written: {shown(lock)} ({len(more)} more).")
        locked |= more
    print("\n".join(changes(versions("".join(before.values())), locked)), flush=True)
    return prove(before) if upgrade else 0


def compiled(uv: str, lock: Path, options: list[str]) -> str:
    """Write a lock whole or not at all; returns its text."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / lock.name
        if lock.exists():
            shutil.copy(lock, draft)  # its versions are preferred
        command = [uv, "pip", "compile", "pyproject.toml", f"--output-file={draft}", *OPTIONS, *options]
        if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode != 0:
            raise CourseError(f"uv could not make {shown(lock)} (see above); it is as it was. This needs a network.")
        text, _, _ = draft.read_text(encoding="utf-8").partition("\n# The following packages were excluded")
    files.write(lock, text)
    return text


def versions(text: str) -> dict[str, str]:
    """Package → version in a lock's text, in order."""
    return {entry.name: str(entry.specifier).removeprefix("==") for entry in doctor.locked(text)}


def changes(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """A line for each package whose version differs between two locks, or that only one of them has."""
    changed = [name for name in sorted(old | new) if old.get(name) != new.get(name)]
    lines = [f"  {name}: {old.get(name, 'not there')} → {new.get(name, 'gone')}" for name in changed]
    return lines or ["No version changed."]


def prove(before: dict[Path, str]) -> int:
    """Install what is locked now, run canaries, tests and proofs; the locks of before return if a canary fails."""
    if run("canaries") != 0:
        for lock, text in before.items():
            files.write(lock, text)
        print("A canary failed on the new versions, so the locks are as they were.", file=sys.stderr)
        return 1
    if run("test") != 0 or run("test", *PROOF) != 0:
        print("The new versions are locked, and tests fail on them (see above).", file=sys.stderr)
        return 1
    return 0


def run(*command: str) -> int:
    """The exit status of one of the course's commands, after what is locked now was installed."""
    return subprocess.run([sys.executable, str(bootstrap.HERE), *command], cwd=ROOT).returncode
