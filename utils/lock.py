"""`python -m utils lock [--upgrade]`: make requirements.txt and requirements-gpu.txt from pyproject.toml.

pyproject.toml states ranges; the locks state one version of everything, with hashes, for every system and Python
that the course supports. Versions that are locked already and still fit stay, unless `--upgrade` asks for newer
ones. requirements-gpu.txt lists only what the extra `gpu` adds.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from utils import bootstrap, files
from utils.errors import CourseError
from utils.paths import ROOT

LOCK = ROOT / "requirements.txt"
GPU_LOCK = ROOT / "requirements-gpu.txt"
OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--fork-strategy=fewest",
    "--generate-hashes",
    "--no-emit-index-url",
    "--custom-compile-command=make lock",
    "--quiet",
)


def main(arguments: list[str]) -> int:
    """Write both locks, each whole or not at all."""
    parser = argparse.ArgumentParser(prog="python -m utils lock", description="Make the locks from pyproject.toml.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the ranges allow")
    upgrade = ["--upgrade"] if parser.parse_args(arguments).upgrade else []
    uv = bootstrap.find_uv() or bootstrap.bring_uv()
    compile_lock(uv, LOCK, upgrade)
    already = [f"--no-emit-package={name}" for name in packages(LOCK)]
    compile_lock(uv, GPU_LOCK, [*upgrade, "--extra=gpu", f"--constraints={LOCK.name}", *already])
    print(f"Written: {LOCK.name} ({len(packages(LOCK))} packages), {GPU_LOCK.name} ({len(packages(GPU_LOCK))} more).")
    return 0


def packages(lock: Path) -> list[str]:
    """The names of the packages in a lock, in order."""
    return re.findall(r"^([a-z0-9][a-z0-9._-]*)==", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)


def compile_lock(uv: str, lock: Path, options: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / lock.name
        if lock.exists():
            shutil.copy(lock, draft)  # its versions are preferred
        command = [uv, "pip", "compile", "pyproject.toml", f"--output-file={draft}", *OPTIONS, *options]
        if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode != 0:
            raise CourseError(f"uv could not make {lock.name} (see above); it is as it was. This needs a network.")
        text, _, _ = draft.read_text(encoding="utf-8").partition("\n# The following packages were excluded")
        files.write(lock, text)
