"""`python -m utils lab [JUPYTERLAB'S OPTIONS]`: JupyterLab on the course's folder, opened on a start page.

That page, `START.md`, tells what there is and how far one has come. JupyterLab's settings come from
`ressources/jupyter`, not from the reader's home folder: no news prompt, no look for updates over the network, Markdown
shown as pages, the texts of notebooks hidden, long lines of code wrapped, kernels spoken to in cipher (without, each
prints a warning), and an extension of its own in `labextensions`. XLA's persistent compilation cache stays off, since
the lessons measure compilation; it would hide what they show.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from utils.base import memory, paths
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.checks import start


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C. `arguments` go to JupyterLab as they are, but for `--help`."""
    if {"-h", "--help"} & set(arguments):
        parser_of("lab", __doc__).parse_args(["--help"])
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={paths.ROOT}"]
    command.append(f"--LabApp.extra_labextensions_path={paths.RESSOURCES / 'jupyter' / 'labextensions'}")
    try:
        start.write()
    except CourseError as error:
        print(f"{error}\nSo JupyterLab opens on the README.")
        command.append("--LabApp.default_url=/lab/tree/README.md")
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in arguments:
        print("You are root, as in many containers: JupyterLab is told to accept that (--allow-root).")
        command.append("--allow-root")
    print("Starting JupyterLab; Ctrl-C twice stops it. The exercises are in exercises/.", flush=True)
    os.chdir(paths.ROOT)
    if os.name == "nt":
        return subprocess.call(command + arguments, env=environment())
    os.execve(sys.executable, command + arguments, environment())  # so that signals reach the server itself


def environment() -> dict[str, str]:
    """The variables that JupyterLab, and so every kernel and terminal in it, starts with."""
    env = memory.environment()
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    config = str(paths.RESSOURCES / "jupyter")
    env["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [config, env.get("JUPYTER_CONFIG_PATH")]))
    env["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel `python3` is this environment's, whatever the home folder has
    env.setdefault("JUPYTERLAB_WORKSPACES_DIR", str(paths.BUILD / "jupyter" / "workspaces"))
    env.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no notices of TensorFlow's between a lesson's lines
    return env
