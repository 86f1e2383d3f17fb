"""For a notebook outside a JupyterLab that `make lab` started: VS Code with another Python, Colab, Kaggle.

The first code cell of every notebook finds the course's folder, or fetches its zip, and calls `prepare`, which needs
nothing but the standard library and runs from within a zip as well.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from utils.base.errors import CourseError
from utils.base.paths import ROOT

FETCHED = Path("~/.cache/jax-course").expanduser().resolve()  # where the notebooks' lines look for it
OLDEST = (3, 12)  # as requires-python in pyproject.toml; newer ones may do
# what the notebooks and the modules that they use import → what pip calls it
NEEDED = {
    "flax": "flax",
    "haiku": "dm-haiku",
    "importlib_resources": "importlib-resources",
    "IPython": "ipython",
    "jax": "jax",
    "jinja2": "jinja2",
    "keras": "keras",
    "matplotlib": "matplotlib",
    "msgpack": "msgpack",
    "numpy": "numpy",
    "optax": "optax",
    "orbax": "orbax-checkpoint",
    "PIL": "pillow",
    "psutil": "psutil",
    "requests": "requests",
    "rich": "rich",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
    "tensorflow_datasets": "tensorflow-datasets",
    "tqdm": "tqdm",
}


def prepare() -> None:
    """Unpack the course where it was fetched as a zip, and see that this Python has what it needs.

    For a course that was fetched, pip installs what is missing, where it changes no version of what is there. Says what
    it does; nothing where there is nothing to do.

    Raises:
      CourseError: the Python is too old; something is missing, and the course was not fetched or pip cannot install it.
    """
    if sys.version_info < OLDEST:
        raise CourseError(
            f"The course needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}."
        )
    if zipped := ROOT.parent.is_file():
        unpack(ROOT.parent)
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing and not zipped and ROOT != FETCHED:
        kernel = f"This Python ({sys.executable}) lacks {', '.join(missing)}."
        raise CourseError(f"{kernel} Choose the kernel in .venv, which `make lab` makes, or %pip install them.")
    if missing:
        print(f"Installing {', '.join(missing)} (many take some minutes) ...", flush=True)
        install_beside(missing)


def unpack(archive: Path) -> None:
    """Unpack the zip that this module was imported from; what is imported from now on comes from the folder."""
    shutil.unpack_archive(archive, FETCHED.parent, "zip")
    sys.path[0] = str(FETCHED)
    for name in [name for name in sys.modules if name.partition(".")[0] == "utils"]:
        del sys.modules[name]
    print(f"The course is now in {FETCHED}.")


def install_beside(missing: list[str]) -> None:
    """Have pip install packages in versions that suit all that is there. Raises CourseError where there are none."""
    there = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version in there.items()), encoding="utf-8")
        source = "--no-binary=promise"  # which tensorflow-datasets wants and which has no wheel
        options = ["--quiet", "--no-color", "--only-binary=:all:", source, f"--constraint={pins}"]
        command = [sys.executable, "-m", "pip", "install", *options, *missing]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it gave no reason"]
        why = next((line for line in said if line.startswith("ERROR")), said[-1])
        raise CourseError(f"pip could not install {', '.join(missing)} beside what is here: {why}")
    importlib.invalidate_caches()
